//! The slots of schedules around every clock change, and of every day of the years: none missing, doubled or
//! shifted.

use std::collections::BTreeSet;

use belfry_domain::booking_rules::BookingRules;
use belfry_domain::schedule::{Schedule, Weekday, Window};
use belfry_domain::slot::Availability;
use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use crate::oracle::{ORACLE, Plan, instant};

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

fn schedule(zone: Tz, plan: &Plan) -> Schedule {
    let mut schedule = Schedule::empty(zone);
    schedule.rules = BookingRules {
        minutes: vec![plan.length_minutes],
        interval_minutes: plan.interval_minutes,
        min_notice_minutes: 0,
        horizon_days: 1000,
        ..BookingRules::default()
    };
    for (day, weekday) in WEEK.into_iter().enumerate() {
        let hours = &plan.hours[day % plan.hours.len()];
        schedule.weekly.extend(hours.iter().map(|hours| Window {
            weekday,
            from: hours.from,
            until: hours.until,
            valid_from: None,
            valid_until: None,
        }));
    }
    schedule
}

/// The starts (UTC seconds) on `days` dates from `first` on, as the engine offers them, in order.
fn offered(zone: Tz, plan: &Plan, first: NaiveDate, days: u16) -> Vec<i64> {
    let schedule = schedule(zone, plan);
    let midnight = first.and_hms_opt(0, 0, 0).expect("a midnight").and_utc();
    let asked = Availability {
        schedule: &schedule,
        taken: &[],
        counted: &[],
        now: midnight - TimeDelta::days(5),
    };
    let days = asked.free_slots(plan.length_minutes, first, days, zone);
    let slots = days.iter().flat_map(|day| &day.slots);
    let mut starts: Vec<i64> = slots.map(|slot| slot.starts_at.timestamp()).collect();
    // A clock that is set back over midnight shows the end of a date again after the next one began.
    starts.sort_unstable();
    starts
}

#[test]
fn slots_around_every_change_are_those_of_the_oracle() {
    let (mut plans, mut compared) = (BTreeSet::new(), 0);
    for (zone, change) in ORACLE.changes() {
        let (date, _) = change.shown();
        for expected in &ORACLE.shapes[change.shape].slots {
            let first = date + TimeDelta::days(expected.first);
            let found = offered(zone, &expected.plan, first, expected.days);
            let starts = expected.starts.iter().map(|minute| change.at + minute * 60);
            let starts: Vec<i64> = starts.collect();
            assert!(
                found == starts,
                "{}",
                difference(zone, &expected.plan, &found, &starts)
            );
            compared += starts.len();
            plans.insert(expected.plan.name.as_str());
        }
    }
    println!("{compared} slots compared on the plans {plans:?}");
}

#[test]
fn all_slots_of_all_years_are_those_of_the_oracle() {
    let plan = &ORACLE.years;
    let mut compared = 0;
    for rules in &ORACLE.rules {
        let zone = rules.zones[0];
        assert_eq!(rules.years.len(), 26);
        for (year, &(count, mixed)) in (2015..).zip(&rules.years) {
            let first = NaiveDate::from_ymd_opt(year, 1, 1).expect("a new year's day");
            let days = if first.leap_year() { 366 } else { 365 };
            let found = offered(zone, plan, first, days);
            let ours = found.iter().fold(0_u64, |mixed, &at| {
                let mixed = (mixed ^ at.cast_unsigned()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                mixed ^ (mixed >> 29)
            });
            assert_eq!((found.len(), ours), (count, mixed), "{zone} in {year}");
            compared += count;
        }
    }
    println!(
        "{compared} slots of {} sets of rules compared",
        ORACLE.rules.len()
    );
}

/// Says what is missing and what is too much.
fn difference(zone: Tz, plan: &Plan, found: &[i64], expected: &[i64]) -> String {
    let without = |these: &[i64], those: &[i64]| {
        let these = these.iter().filter(|start| !those.contains(start));
        let shown = these.map(|&start| instant(start).with_timezone(&zone).to_rfc3339());
        shown.collect::<Vec<_>>().join(" ")
    };
    format!(
        "{zone}, plan {}: {} found, {} expected; missing: {}; too much: {}",
        plan.name,
        found.len(),
        expected.len(),
        without(expected, found),
        without(found, expected)
    )
}
