//! Which starts the weekly windows and overrides give, and the grid in them.

use chrono_tz::Tz;

use super::{Expert, date, hours, instant, window};
use crate::schedule::Weekday;
use crate::slot::{Reason, Refusal};

#[test]
fn the_last_slot_of_the_hours_is_offered_and_none_that_overruns_them() {
    let expert =
        Expert::in_zone(Tz::Europe__Berlin, "2026-06-01T00:00:00Z").daily("20:00", "23:00");
    assert_eq!(expert.starts("2026-06-10"), "20:00 21:00 22:00");
    let expert = expert.lengths(45, 30);
    assert_eq!(expert.starts("2026-06-10"), "20:00 20:30 21:00 21:30 22:00");
}

#[test]
fn hours_may_end_with_the_day() {
    let expert =
        Expert::in_zone(Tz::Europe__Berlin, "2026-06-01T00:00:00Z").daily("22:00", "24:00");
    assert_eq!(expert.starts("2026-06-10"), "22:00 23:00");
}

#[test]
fn hours_over_midnight_belong_to_the_date_they_start_on_and_their_slots_to_the_date_they_fall_on() {
    let mut expert = Expert::in_zone(Tz::Europe__Berlin, "2026-06-01T00:00:00Z");
    expert.schedule.weekly = vec![window(Weekday::Friday, "22:00", "02:00")];
    assert_eq!(expert.starts("2026-06-05"), "22:00 23:00");
    assert_eq!(expert.starts("2026-06-06"), "00:00 01:00");
    assert_eq!(expert.starts("2026-06-07"), "");
}

#[test]
fn an_end_equal_to_the_start_makes_a_whole_day() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z").lengths(60, 360);
    expert.schedule.weekly = vec![window(Weekday::Friday, "09:00", "09:00")];
    assert_eq!(expert.starts("2026-06-05"), "12:00 18:00");
    assert_eq!(expert.starts("2026-06-06"), "00:00 06:00");
}

#[test]
fn windows_that_touch_are_one() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z").lengths(90, 30);
    let friday = Weekday::Friday;
    expert.schedule.weekly = vec![
        window(friday, "10:00", "12:00"),
        window(friday, "08:00", "10:00"),
    ];
    assert_eq!(
        expert.starts("2026-06-05"),
        "08:00 08:30 09:00 09:30 10:00 10:30"
    );
}

#[test]
fn windows_of_neighbouring_days_that_touch_at_midnight_are_one() {
    let mut expert = Expert::in_zone(Tz::America__New_York, "2026-06-01T00:00:00Z").lengths(60, 30);
    expert.schedule.weekly = vec![
        window(Weekday::Friday, "23:00", "24:00"),
        window(Weekday::Saturday, "00:00", "01:00"),
    ];
    assert_eq!(expert.starts("2026-06-05"), "23:00 23:30");
    assert_eq!(expert.starts("2026-06-06"), "00:00");
}

#[test]
fn a_window_counts_only_between_its_dates() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z").daily("09:00", "10:00");
    for window in &mut expert.schedule.weekly {
        window.valid_from = Some(date("2026-06-10"));
        window.valid_until = Some(date("2026-06-11"));
    }
    let open = |on| !expert.starts(on).is_empty();
    assert!(!open("2026-06-09") && open("2026-06-10") && open("2026-06-11") && !open("2026-06-12"));
}

#[test]
fn an_override_replaces_the_week_on_its_date() {
    let mut expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z").daily("09:00", "11:00");
    expert
        .schedule
        .overrides
        .insert(date("2026-06-10"), Vec::new());
    expert
        .schedule
        .overrides
        .insert(date("2026-06-11"), vec![hours("14:00", "15:00")]);
    assert_eq!(expert.starts("2026-06-10"), "");
    assert_eq!(expert.starts("2026-06-11"), "14:00");
    assert_eq!(expert.starts("2026-06-12"), "09:00 10:00");
    let closed = Err(Refusal::NotOffered(Reason::OutsideHours));
    assert_eq!(expert.check("2026-06-10T09:00:00Z"), closed);
}

#[test]
fn the_grid_hangs_on_midnight_even_when_the_hours_do_not() {
    let expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z")
        .daily("09:10", "11:10")
        .lengths(30, 30);
    assert_eq!(expert.starts("2026-06-10"), "09:30 10:00 10:30");
}

#[test]
fn the_grid_starts_anew_each_midnight() {
    let expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z")
        .daily("00:00", "24:00")
        .lengths(30, 500);
    assert_eq!(expert.starts("2026-06-10"), "00:00 08:20 16:40");
    assert_eq!(expert.starts("2026-06-11"), "00:00 08:20 16:40");
}

#[test]
fn the_interval_may_be_longer_or_shorter_than_the_length() {
    let expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z").daily("09:00", "12:00");
    assert_eq!(
        expert.lengths(30, 60).starts("2026-06-10"),
        "09:00 10:00 11:00"
    );
    let expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z").daily("09:00", "11:00");
    assert_eq!(
        expert.lengths(90, 15).starts("2026-06-10"),
        "09:00 09:15 09:30"
    );
}

#[test]
fn only_exact_starts_of_the_grid_are_accepted() {
    let expert = Expert::in_zone(Tz::UTC, "2026-06-01T00:00:00Z").daily("09:00", "12:00");
    assert_eq!(expert.check("2026-06-10T09:00:00Z"), Ok(()));
    let off_grid = Err(Refusal::NotOffered(Reason::OffGrid));
    assert_eq!(expert.check("2026-06-10T09:30:00Z"), off_grid);
    assert_eq!(expert.check("2026-06-10T09:00:01Z"), off_grid);
    assert_eq!(expert.check("2026-06-10T09:00:00.000001Z"), off_grid);
    let outside = Err(Refusal::NotOffered(Reason::OutsideHours));
    assert_eq!(expert.check("2026-06-10T11:30:00Z"), outside);
    assert_eq!(expert.check("2026-06-10T11:00:00.000001Z"), outside);
    let length = Err(Refusal::NotOffered(Reason::LengthNotOffered));
    assert_eq!(
        expert
            .availability()
            .check(instant("2026-06-10T09:00:00Z"), 45),
        length
    );
    assert!(
        expert
            .availability()
            .free_slots(45, date("2026-06-10"), 1, Tz::UTC)[0]
            .slots
            .is_empty()
    );
}
