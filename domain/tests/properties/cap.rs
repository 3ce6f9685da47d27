//! Caps: however bookings come, no date and no ISO week of the expert's calendar gets more than its cap, and a
//! refusal for a cap names one that is full. The counting is done a second time by chrono's own calendar.

use std::collections::BTreeSet;

use belfry_domain::Instant;
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::schedule::{Schedule, Weekday, Window};
use belfry_domain::slot::{Availability, Counted, Reason, Refusal};
use belfry_domain::wall::{self, WallTime};
use chrono::{DateTime, Datelike, IsoWeek, NaiveDate, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;

/// Changes of clocks and calendars: in the night, at midnight, by half an hour, by a whole date, at a week's end.
const CHANGES: [(Tz, &str); 12] = [
    (Tz::Europe__Berlin, "2026-03-29T01:00:00Z"),
    (Tz::Europe__Berlin, "2026-10-25T01:00:00Z"),
    (Tz::Asia__Beirut, "2024-03-30T22:00:00Z"),
    (Tz::Asia__Beirut, "2024-10-26T21:00:00Z"),
    (Tz::America__Sao_Paulo, "2018-11-04T03:00:00Z"),
    (Tz::America__Sao_Paulo, "2018-02-18T02:00:00Z"),
    (Tz::America__Havana, "2026-11-01T05:00:00Z"),
    (Tz::Australia__Lord_Howe, "2026-04-04T15:00:00Z"),
    (Tz::Pacific__Apia, "2011-12-30T10:00:00Z"),
    (Tz::America__Santiago, "2026-04-05T03:00:00Z"),
    (Tz::Pacific__Kiritimati, "2026-02-28T10:00:00Z"),
    (Tz::UTC, "2027-01-01T00:00:00Z"),
];

/// Where wishes begin: so many quarters of an hour from the change.
fn wishes() -> impl Strategy<Value = Vec<i64>> {
    let quarter = prop_oneof![3 => -40..40i64, 2 => -800..800i64];
    proptest::collection::vec(quarter, 1..60)
}

fn schedule(time_zone: Tz, per_day: Option<u16>, per_week: Option<u16>) -> Schedule {
    let week = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    let always = week.map(|weekday| Window {
        weekday,
        from: WallTime::MIDNIGHT,
        until: WallTime::END_OF_DAY,
        valid_from: None,
        valid_until: None,
    });
    Schedule {
        weekly: always.to_vec(),
        rules: BookingRules {
            minutes: vec![15],
            interval_minutes: 15,
            min_notice_minutes: 0,
            horizon_days: 60,
            max_per_day: per_day,
            max_per_week: per_week,
            ..BookingRules::default()
        },
        ..Schedule::empty(time_zone)
    }
}

/// The date and the ISO week of a start, as chrono reads the expert's calendar.
fn place(zone: Tz, start: Instant) -> (NaiveDate, IsoWeek) {
    let date = start.with_timezone(&zone).date_naive();
    (date, date.iso_week())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_date_and_no_week_gets_more_than_its_cap(
        change in 0..CHANGES.len(),
        wishes in wishes(),
        per_day in proptest::option::weighted(0.8, 1..4u16),
        per_week in proptest::option::weighted(0.8, 1..9u16),
    ) {
        let (zone, changes_at) = CHANGES[change];
        let changes_at: Instant = changes_at.parse().unwrap();
        let schedule = schedule(zone, per_day, per_week);
        let mut booked: BTreeSet<Instant> = BTreeSet::new();
        for quarter in wishes {
            let start = changes_at + TimeDelta::minutes(15 * quarter);
            let counted: Vec<Counted> = booked.iter().map(|starts_at| Counted { starts_at: *starts_at }).collect();
            let asked = Availability {
                schedule: &schedule,
                taken: &[],
                counted: &counted,
                now: changes_at - TimeDelta::days(12),
            };
            let (date, week) = place(zone, start);
            let of_day = booked.iter().filter(|other| place(zone, **other).0 == date).count();
            let of_week = booked.iter().filter(|other| place(zone, **other).1 == week).count();
            let day_is_full = per_day.is_some_and(|cap| of_day >= usize::from(cap));
            let week_is_full = per_week.is_some_and(|cap| of_week >= usize::from(cap));
            let due = match (day_is_full, week_is_full) {
                (true, _) => Err(Refusal::NotOffered(Reason::DayCap)),
                (false, true) => Err(Refusal::NotOffered(Reason::WeekCap)),
                (false, false) => Ok(()),
            };
            let answer = asked.check(start, 15);
            prop_assert_eq!(answer, due, "{} on {} with {} and {} there", start, date, of_day, of_week);
            if answer.is_ok() {
                booked.insert(start);
            }
        }
    }

    /// The database counts what starts between two instants; the engine counts dates. Both must count the same.
    #[test]
    fn the_instants_of_a_day_and_a_week_are_those_of_its_dates(
        zone in 0..TZ_VARIANTS.len(),
        day in 16_436..25_900i64,
        minutes in proptest::collection::vec(-9 * 1440..9 * 1440i64, 1..40),
    ) {
        let zone = TZ_VARIANTS[zone];
        let around: DateTime<Utc> = DateTime::from_timestamp(day * 86_400, 0).unwrap();
        let (date, week) = place(zone, around);
        let (day_from, day_until) = wall::day_bounds(zone, date);
        let (week_from, week_until) = wall::week_bounds(zone, date);
        prop_assert!((day_from..day_until).contains(&around));
        prop_assert!((week_from..week_until).contains(&around));
        for start in minutes.into_iter().map(|minute| around + TimeDelta::minutes(minute)) {
            let (its_date, its_week) = place(zone, start);
            prop_assert_eq!((day_from..day_until).contains(&start), its_date == date, "{} {}", zone, start);
            prop_assert_eq!((week_from..week_until).contains(&start), its_week == week, "{} {}", zone, start);
        }
    }
}
