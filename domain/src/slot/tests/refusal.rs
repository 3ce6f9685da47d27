//! What takes a start away: notice, horizon, what is taken, caps.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::{Expert, date, instant};
use crate::schedule::TimeOff;
use crate::slot::{Reason, Refusal};
use crate::wall;

#[test]
fn a_start_at_the_very_end_of_the_notice_is_free_and_one_just_inside_is_not() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-10T08:00:00Z").daily("09:00", "12:00");
    expert.schedule.rules.min_notice_minutes = 120;
    assert_eq!(expert.starts("2026-06-10"), "10:00 11:00");
    let notice = Err(Refusal::NotOffered(Reason::Notice));
    assert_eq!(expert.check("2026-06-10T09:00:00Z"), notice);
    assert_eq!(expert.check("2026-06-10T10:00:00Z"), Ok(()));
    expert.now = instant("2026-06-10T08:00:00.000001Z");
    assert_eq!(expert.starts("2026-06-10"), "11:00");
    assert_eq!(expert.check("2026-06-10T10:00:00Z"), notice);
}

#[test]
fn what_has_begun_is_past() {
    let expert = Expert::in_zone(Tz::UTC, "2026-06-10T09:00:00.5Z").daily("09:00", "12:00");
    assert_eq!(expert.starts("2026-06-09"), "");
    assert_eq!(expert.starts("2026-06-10"), "10:00 11:00");
    let past = Err(Refusal::NotOffered(Reason::Past));
    assert_eq!(expert.check("2026-06-10T09:00:00Z"), past);
    assert_eq!(expert.check("0001-01-01T00:00:00Z"), past);
}

#[test]
fn notice_is_counted_in_real_hours_over_a_clock_change() {
    // 23 real hours from noon to noon when the clock goes forward.
    let mut expert =
        Expert::in_zone(Tz::Europe__Berlin, "2026-03-28T11:00:00Z").daily("12:00", "14:00");
    expert.schedule.rules.min_notice_minutes = 24 * 60;
    assert_eq!(expert.starts("2026-03-29"), "13:00");
}

#[test]
fn the_horizon_is_the_last_date_on_the_calendar_of_the_expert() {
    // It is already the 11th in Kiritimati.
    let mut expert =
        Expert::in_zone(Tz::Pacific__Kiritimati, "2026-06-10T12:00:00Z").daily("22:00", "02:00");
    expert.schedule.rules.horizon_days = 2;
    assert_eq!(expert.starts("2026-06-13"), "00:00 01:00 22:00 23:00");
    assert_eq!(expert.starts("2026-06-14"), "");
    let horizon = Err(Refusal::NotOffered(Reason::Horizon));
    assert_eq!(expert.check("2026-06-13T10:00:00Z"), horizon);
    assert_eq!(expert.check("9999-12-31T23:00:00Z"), horizon);
}

#[test]
fn dates_at_the_ends_of_the_calendar_are_harmless() {
    let expert =
        Expert::in_zone(Tz::Europe__Berlin, "2026-06-10T12:00:00Z").daily("22:00", "02:00");
    let asked = expert.availability();
    for on in [
        NaiveDate::MIN,
        NaiveDate::MAX,
        date("0001-01-01"),
        date("9999-12-31"),
    ] {
        let days = asked.free_slots(60, on, 62, Tz::Pacific__Apia);
        assert!(!days.is_empty() && days.iter().all(|day| day.slots.is_empty()));
        let explained = asked.explain_day(on, 60, &[]);
        assert!(explained.iter().all(|(_, missing)| missing.is_some()));
    }
    for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        assert!(asked.check(at, 60).is_err());
        assert_eq!(asked.nearest_free(at, 60, 3).len(), 3);
        assert!(wall::local_date(Tz::Pacific__Apia, at) <= NaiveDate::MAX);
    }
    assert_eq!(asked.next_free(DateTime::<Utc>::MAX_UTC, 60), None);
}

#[test]
fn taken_time_removes_the_slots_it_overlaps_and_no_neighbour() {
    let expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z")
        .daily("09:00", "14:00")
        .booked(&[("2026-06-10T10:00:00Z", "2026-06-10T11:00:00Z")]);
    assert_eq!(expert.starts("2026-06-10"), "09:00 11:00 12:00 13:00");
    assert_eq!(expert.check("2026-06-10T10:00:00Z"), Err(Refusal::Taken));
    assert_eq!(expert.check("2026-06-10T11:00:00Z"), Ok(()));
}

#[test]
fn taken_time_that_ends_within_a_second_still_takes_it() {
    let expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z")
        .daily("09:00", "12:00")
        .booked(&[("2026-06-10T09:59:59.9Z", "2026-06-10T10:00:00.000001Z")]);
    assert_eq!(expert.starts("2026-06-10"), "11:00");
    assert_eq!(expert.check("2026-06-10T09:00:00Z"), Err(Refusal::Taken));
    assert_eq!(expert.check("2026-06-10T10:00:00Z"), Err(Refusal::Taken));
}

#[test]
fn buffers_must_be_clear_of_bookings_but_may_lie_outside_the_hours() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z")
        .daily("09:00", "13:00")
        .lengths(30, 30);
    expert.schedule.rules.buffer_before_minutes = 15;
    expert.schedule.rules.buffer_after_minutes = 30;
    assert_eq!(
        expert.starts("2026-06-10"),
        "09:00 09:30 10:00 10:30 11:00 11:30 12:00 12:30"
    );
    // A booking from 10:30 to 11:00 with its own buffers inside.
    let expert = expert.booked(&[("2026-06-10T10:15:00Z", "2026-06-10T11:30:00Z")]);
    assert_eq!(expert.starts("2026-06-10"), "09:00 12:00 12:30");
}

#[test]
fn a_buffer_reaches_over_midnight_and_beyond_what_was_asked_for() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z").daily("00:00", "24:00");
    expert.schedule.rules.buffer_before_minutes = 180;
    expert.schedule.rules.buffer_after_minutes = 120;
    let expert = expert.booked(&[
        ("2026-06-09T21:00:00Z", "2026-06-09T22:30:00Z"),
        ("2026-06-11T00:30:00Z", "2026-06-11T01:00:00Z"),
    ]);
    let starts = expert.starts("2026-06-10");
    assert!(
        starts.starts_with("02:00 03:00") && starts.ends_with("20:00 21:00"),
        "{starts}"
    );
}

#[test]
fn time_off_removes_what_it_overlaps_in_any_order_it_is_given() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z").daily("09:00", "14:00");
    let off = |start, end| TimeOff {
        starts_at: instant(start),
        ends_at: instant(end),
    };
    expert.schedule.time_off = vec![
        off("2026-06-10T12:59:59Z", "2026-06-11T00:00:00Z"),
        off("2026-06-10T08:00:00Z", "2026-06-10T09:00:00Z"),
        off("2026-06-10T10:00:00Z", "2026-06-10T10:00:01Z"),
    ];
    assert_eq!(expert.starts("2026-06-10"), "09:00 11:00");
    let off = Err(Refusal::NotOffered(Reason::TimeOff));
    assert_eq!(expert.check("2026-06-10T12:00:00Z"), off);
}

#[test]
fn a_full_day_by_the_calendar_of_the_expert_has_no_slots() {
    let mut expert =
        Expert::in_zone(Tz::America__New_York, "2026-06-01T00:00:00Z").daily("20:00", "24:00");
    expert.schedule.rules.max_per_day = Some(2);
    // Both are on the evening of the 9th in New York, although UTC has them on the 10th.
    let expert = expert.counting(&["2026-06-10T00:00:00Z", "2026-06-10T03:00:00Z"]);
    assert_eq!(expert.starts("2026-06-09"), "");
    assert_eq!(expert.starts("2026-06-10"), "20:00 21:00 22:00 23:00");
    let full = Err(Refusal::NotOffered(Reason::DayCap));
    assert_eq!(expert.check("2026-06-10T01:00:00Z"), full);
}

#[test]
fn a_full_week_runs_from_monday_to_sunday_of_the_expert() {
    let mut expert =
        Expert::in_zone(Tz::Pacific__Auckland, "2026-06-01T00:00:00Z").daily("08:00", "09:00");
    expert.schedule.rules.max_per_week = Some(2);
    // Monday the 8th and Sunday the 14th in Auckland; UTC has the first on a Sunday.
    let expert = expert.counting(&["2026-06-07T20:00:00Z", "2026-06-13T20:00:00Z"]);
    let open: Vec<bool> = expert
        .days("2026-06-07", 9, Tz::Pacific__Auckland)
        .iter()
        .map(|day| !day.slots.is_empty())
        .collect();
    assert_eq!(
        open,
        [true, false, false, false, false, false, false, false, true]
    );
    let full = Err(Refusal::NotOffered(Reason::WeekCap));
    assert_eq!(expert.check("2026-06-10T20:00:00Z"), full);
}

#[test]
fn the_booking_that_fills_a_cap_has_first_of_all_taken_its_own_time() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z").daily("09:00", "12:00");
    expert.schedule.rules.max_per_day = Some(1);
    let expert = expert
        .booked(&[("2026-06-10T10:00:00Z", "2026-06-10T11:00:00Z")])
        .counting(&["2026-06-10T10:00:00Z"]);
    assert_eq!(expert.check("2026-06-10T10:00:00Z"), Err(Refusal::Taken));
    let full = Err(Refusal::NotOffered(Reason::DayCap));
    assert_eq!(expert.check("2026-06-10T11:00:00Z"), full);
}
