//! Days on which the clock or the calendar of a zone jumps, and viewers in other zones.

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{Expert, date, hours, instant};
use crate::slot::Slot;

#[test]
fn a_slot_in_the_hour_that_spring_leaves_out_is_never_offered() {
    let expert =
        Expert::in_zone(Tz::Europe__Berlin, "2026-03-01T00:00:00Z").daily("00:00", "05:00");
    let shown = expert.starts_with_offset("2026-03-29");
    assert_eq!(shown, "00:00+01:00 01:00+01:00 03:00+02:00 04:00+02:00");
    let days = expert.days("2026-03-29", 1, Tz::Europe__Berlin);
    let length = |slot: &Slot| slot.ends_at - slot.starts_at;
    assert!(
        days[0]
            .slots
            .iter()
            .all(|slot| length(slot) == TimeDelta::hours(1))
    );
}

#[test]
fn hours_that_begin_in_the_gap_move_forward_by_its_length() {
    let expert = Expert::in_zone(Tz::Europe__Berlin, "2026-03-01T00:00:00Z")
        .daily("02:30", "05:00")
        .lengths(30, 30);
    assert_eq!(expert.starts("2026-03-29"), "03:30 04:00 04:30");
    assert_eq!(expert.starts("2026-03-30"), "02:30 03:00 03:30 04:00 04:30");
}

#[test]
fn both_passes_of_the_repeated_hour_are_offered_once_each() {
    let expert =
        Expert::in_zone(Tz::Europe__Berlin, "2026-10-01T00:00:00Z").daily("01:00", "04:00");
    let shown = expert.starts_with_offset("2026-10-25");
    assert_eq!(shown, "01:00+02:00 02:00+02:00 02:00+01:00 03:00+01:00");
}

#[test]
fn hours_that_end_in_the_repeated_hour_end_in_its_second_pass() {
    let expert =
        Expert::in_zone(Tz::Europe__Berlin, "2026-10-01T00:00:00Z").daily("01:00", "02:30");
    assert_eq!(
        expert.starts_with_offset("2026-10-25"),
        "01:00+02:00 02:00+02:00"
    );
    let expert = expert.lengths(30, 30);
    let shown = expert.starts_with_offset("2026-10-25");
    assert_eq!(
        shown,
        "01:00+02:00 01:30+02:00 02:00+02:00 02:30+02:00 02:00+01:00"
    );
}

#[test]
fn a_whole_day_of_hours_that_lasts_25_reaches_its_last_slot() {
    let mut expert = Expert::in_zone(Tz::Europe__Berlin, "2026-10-01T00:00:00Z").lengths(30, 30);
    let saturday = date("2026-10-24");
    expert
        .schedule
        .overrides
        .insert(saturday, vec![hours("23:30", "23:30")]);
    let starts = expert.starts("2026-10-25");
    assert!(starts.ends_with("22:30 23:00"), "{starts}");
    assert_eq!(expert.check("2026-10-25T22:00:00Z"), Ok(()));
}

#[test]
fn lord_howe_shifts_by_half_an_hour() {
    let expert = Expert::in_zone(Tz::Australia__Lord_Howe, "2026-03-01T00:00:00Z")
        .daily("01:00", "03:00")
        .lengths(30, 30);
    // In spring 02:00 becomes 02:30; in autumn 02:00 becomes 01:30 again.
    assert_eq!(
        expert.starts_with_offset("2026-10-04"),
        "01:00+10:30 01:30+10:30 02:30+11:00"
    );
    let shown = expert.starts_with_offset("2026-04-05");
    assert_eq!(
        shown,
        "01:00+11:00 01:30+11:00 01:30+10:30 02:00+10:30 02:30+10:30"
    );
}

#[test]
fn a_day_without_a_midnight_begins_when_its_clock_does() {
    for (zone, on, now) in [
        (Tz::Asia__Beirut, "2024-03-31", "2024-03-01T00:00:00Z"),
        (Tz::Africa__Cairo, "2024-04-26", "2024-04-01T00:00:00Z"),
        (Tz::America__Sao_Paulo, "2018-11-04", "2018-10-20T00:00:00Z"),
    ] {
        let expert = Expert::in_zone(zone, now).daily("00:00", "03:00");
        assert_eq!(expert.starts(on), "01:00 02:00", "{zone}");
        let expert = Expert::in_zone(zone, now).daily("22:00", "24:00");
        let before = date(on).pred_opt().unwrap().to_string();
        assert_eq!(expert.starts(&before), "22:00 23:00", "{zone}");
    }
}

#[test]
fn a_day_that_ends_twice_offers_its_last_hour_twice() {
    let expert =
        Expert::in_zone(Tz::America__Sao_Paulo, "2018-02-01T00:00:00Z").daily("22:00", "24:00");
    assert_eq!(
        expert.starts_with_offset("2018-02-17"),
        "22:00-02:00 23:00-02:00 23:00-03:00"
    );
    assert_eq!(
        expert.starts_with_offset("2018-02-18"),
        "22:00-03:00 23:00-03:00"
    );
}

#[test]
fn hours_at_a_midnight_that_the_clock_is_set_back_over_keep_both_passes() {
    // At 00:01 on 7 November 2010 St John's went back to 23:01 of the day before.
    let mut expert = Expert::in_zone(Tz::America__St_Johns, "2010-11-01T00:00:00Z").lengths(10, 30);
    expert
        .schedule
        .overrides
        .insert(date("2010-11-07"), vec![hours("00:00", "01:00")]);
    // The 7th opens at its first midnight, so the second pass through the end of the 6th lies inside.
    assert_eq!(expert.starts_with_offset("2010-11-06"), "23:30-03:30");
    assert_eq!(expert.check("2010-11-07T03:00:00Z"), Ok(()));
    let shown = expert.starts_with_offset("2010-11-07");
    assert_eq!(shown, "00:00-02:30 00:00-03:30 00:30-03:30");
}

#[test]
fn a_date_that_the_zone_skipped_is_listed_and_empty() {
    let expert = Expert::in_zone(Tz::Pacific__Apia, "2011-12-01T00:00:00Z").daily("09:00", "11:00");
    let days = expert.days("2011-12-29", 3, Tz::Pacific__Apia);
    let counts: Vec<usize> = days.iter().map(|day| day.slots.len()).collect();
    assert_eq!(counts, [2, 0, 2]);
    assert_eq!(days[1].date, date("2011-12-30"));
    assert_eq!(days[2].slots[0].starts_at, instant("2011-12-30T19:00:00Z"));
    assert!(expert.missing("2011-12-30", &[]).is_empty());
}

#[test]
fn hours_over_the_midnight_before_a_skipped_date_run_on_after_it() {
    let mut expert = Expert::in_zone(Tz::Pacific__Apia, "2011-12-01T00:00:00Z");
    expert
        .schedule
        .overrides
        .insert(date("2011-12-29"), vec![hours("22:00", "02:00")]);
    assert_eq!(expert.starts("2011-12-29"), "22:00 23:00");
    assert_eq!(expert.starts("2011-12-31"), "00:00 01:00");
    assert_eq!(expert.check("2011-12-30T11:00:00Z"), Ok(()));
}

#[test]
fn slots_are_grouped_by_the_dates_of_the_viewer() {
    let expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z").daily("17:00", "20:00");
    // 18:15 UTC is midnight in Kathmandu.
    let days = expert.days("2026-06-10", 2, Tz::Asia__Kathmandu);
    assert_eq!(
        expert.shown(&days[0].slots, "%d %H:%M"),
        "09 19:00 10 17:00 10 18:00"
    );
    assert_eq!(
        expert.shown(&days[1].slots, "%d %H:%M"),
        "10 19:00 11 17:00 11 18:00"
    );
}

#[test]
fn the_grid_follows_the_clock_of_the_expert_not_of_the_viewer() {
    let expert =
        Expert::in_zone(Tz::Asia__Kathmandu, "2026-06-01T00:00:00Z").daily("09:00", "11:00");
    let days = expert.days("2026-06-10", 1, Tz::UTC);
    let starts: Vec<_> = days[0].slots.iter().map(|slot| slot.starts_at).collect();
    assert_eq!(
        starts,
        [
            instant("2026-06-10T03:15:00Z"),
            instant("2026-06-10T04:15:00Z")
        ]
    );
}

#[test]
fn a_viewer_26_hours_away_sees_every_slot_once() {
    let expert =
        Expert::in_zone(Tz::Pacific__Kiritimati, "2026-06-01T00:00:00Z").daily("00:00", "24:00");
    let days = expert.days("2026-06-10", 3, Tz::Pacific__Midway);
    let counts: Vec<usize> = days.iter().map(|day| day.slots.len()).collect();
    assert_eq!(counts, [24, 24, 24]);
    assert_eq!(days[0].slots[0].starts_at, instant("2026-06-10T11:00:00Z"));
    assert_eq!(expert.shown(&days[0].slots[..1], "%d %H:%M"), "11 01:00");
}
