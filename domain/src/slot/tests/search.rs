//! The nearest and the next free slot, and the explained day.

use chrono_tz::Tz;

use super::{Expert, date, hours, instant};
use crate::schedule::TimeOff;
use crate::slot::{Engaged, Missing, Reason, Refusal};

#[test]
fn the_nearest_free_slots_come_nearest_first_and_from_both_sides() {
    let expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z")
        .daily("09:00", "17:00")
        .booked(&[("2026-06-10T12:00:00Z", "2026-06-10T13:00:00Z")]);
    let near = expert
        .availability()
        .nearest_free(instant("2026-06-10T12:00:00Z"), 60, 3);
    assert_eq!(expert.shown(&near, "%H:%M"), "11:00 13:00 10:00");
}

#[test]
fn the_nearest_free_slots_may_be_weeks_away_but_not_for_ever() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z");
    for on in ["2026-07-20", "2026-12-01"] {
        expert
            .schedule
            .overrides
            .insert(date(on), vec![hours("09:00", "10:00")]);
    }
    let near = expert
        .availability()
        .nearest_free(instant("2026-06-10T12:00:00Z"), 60, 3);
    assert_eq!(expert.shown(&near, "%m-%d %H:%M"), "07-20 09:00");
    let next = expert
        .availability()
        .next_free(instant("2026-07-20T09:00:00.1Z"), 60);
    assert_eq!(
        next.map(|slot| slot.starts_at),
        Some(instant("2026-12-01T09:00:00Z"))
    );
}

#[test]
fn a_day_is_explained_start_by_start() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-10T09:30:00Z").daily("09:00", "17:00");
    expert.schedule.rules.min_notice_minutes = 60;
    expert.schedule.rules.buffer_after_minutes = 30;
    expert.schedule.time_off = vec![TimeOff {
        starts_at: instant("2026-06-10T16:00:00Z"),
        ends_at: instant("2026-06-10T18:00:00Z"),
    }];
    let mut engaged = [Engaged {
        starts_at: instant("2026-06-10T13:00:00Z"),
        ends_at: instant("2026-06-10T14:00:00Z"),
        held: false,
    }];
    let expert = expert.booked(&[("2026-06-10T13:00:00Z", "2026-06-10T14:30:00Z")]);
    assert_eq!(
        expert.missing("2026-06-10", &engaged),
        "in_the_past×10 notice free buffer taken buffer free time_off outside_hours×7"
    );
    assert_eq!(expert.starts("2026-06-10"), "11:00 15:00");
    engaged[0].held = true;
    let held = expert.missing("2026-06-10", &engaged);
    assert!(held.contains(" buffer held buffer "), "{held}");
}

#[test]
fn caps_and_the_horizon_are_explained() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-08T00:00:00Z").daily("09:00", "11:00");
    expert.schedule.rules.max_per_day = Some(1);
    expert.schedule.rules.max_per_week = Some(2);
    expert.schedule.rules.horizon_days = 7;
    let expert = expert.counting(&["2026-06-09T09:00:00Z", "2026-06-10T09:00:00Z"]);
    assert_eq!(
        expert.missing("2026-06-10", &[]),
        "outside_hours×9 day_cap×2 outside_hours×13"
    );
    assert_eq!(
        expert.missing("2026-06-11", &[]),
        "outside_hours×9 week_cap×2 outside_hours×13"
    );
    assert_eq!(
        expert.missing("2026-06-15", &[]),
        "outside_hours×9 free×2 outside_hours×13"
    );
    assert_eq!(expert.missing("2026-06-16", &[]), "horizon×24");
    let explained = expert
        .availability()
        .explain_day(date("2026-06-15"), 30, &[]);
    let not_offered = Some(Missing::NotOffered(Reason::LengthNotOffered));
    assert!(!explained.is_empty() && explained.iter().all(|(_, missing)| *missing == not_offered));
}

#[test]
fn holidays_and_other_calendars_are_explained_and_told_to_nobody_else() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-08T00:00:00Z").daily("09:00", "12:00");
    expert.schedule.holidays = [date("2026-06-10"), date("2026-06-12")].into();
    let open = vec![hours("10:00", "11:00")];
    expert.schedule.overrides.insert(date("2026-06-12"), open);
    expert.schedule.imported = vec![TimeOff {
        starts_at: instant("2026-06-11T10:30:00Z"),
        ends_at: instant("2026-06-11T10:45:00Z"),
    }];
    assert_eq!(
        expert.missing("2026-06-10", &[]),
        "outside_hours×9 holiday×3 outside_hours×12"
    );
    assert_eq!(
        expert.missing("2026-06-11", &[]),
        "outside_hours×9 free imported free outside_hours×12"
    );
    // Worked by choice.
    assert_eq!(expert.starts("2026-06-12"), "10:00");
    let told = |at: &str| expert.check(at).unwrap_err();
    let holiday = Refusal::NotOffered(Reason::Holiday);
    assert_eq!(told("2026-06-10T09:00:00Z"), holiday);
    let away = Refusal::NotOffered(Reason::TimeOff);
    assert_eq!(told("2026-06-11T10:00:00Z"), away);
}
