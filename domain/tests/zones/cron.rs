//! Cron times on the clocks of all zones, around every change that the oracle knows.

use std::collections::BTreeSet;

use belfry_domain::cron::Cron;
use belfry_domain::wall::{self, Edge};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use crate::oracle::{Change, ORACLE, instant};

const DAY: i64 = 86_400;

/// Cron expressions know years from 1970 on.
fn changes() -> impl Iterator<Item = (Tz, Change)> {
    ORACLE.changes().filter(|(_, change)| change.at > 0)
}

/// All firings after `from` and up to `until`.
fn firings(expression: &str, zone: Tz, from: i64, until: i64) -> Vec<i64> {
    let cron = Cron::parse(expression, zone).expect(expression);
    let mut found = Vec::new();
    let mut at = instant(from);
    while let Some(next) = cron.next_after(at).filter(|next| next.timestamp() <= until) {
        assert!(next > at, "{expression} in {zone} stands still at {at}");
        found.push(next.timestamp());
        at = next;
    }
    found
}

/// The firings of every day from two days before the change to two days after, at the clock time `shown` (seconds
/// on the clock) of its day.
fn once_a_day(zone: Tz, change: Change, shown: i64) {
    let clock = instant(shown);
    let expression = clock.format("%-S %-M %-H * * *").to_string();
    // Left out or shown for the first time: both are where the clock would have come to without the change.
    let at = |days: i64| {
        shown + days * DAY
            - if days <= 0 {
                change.before
            } else {
                change.after
            }
    };
    let expected: BTreeSet<i64> = (-2..=2).map(at).collect();
    let found = firings(&expression, zone, at(-2) - 1, at(2));
    assert_eq!(
        found,
        Vec::from_iter(expected),
        "{zone} {change:?} {expression}"
    );
}

#[test]
fn a_time_inside_a_gap_or_a_fold_fires_once_a_day() {
    let (mut gaps, mut folds) = (0, 0);
    for (zone, change) in changes() {
        let jump = change.after - change.before;
        let shown = change.at + change.before;
        // The first, middle and last minute of what is left out, or repeated.
        let minutes = if jump > 0 {
            gaps += 1;
            [0, jump / 120 * 60, jump - 60]
        } else {
            folds += 1;
            [jump, jump / 120 * 60, -60]
        };
        for minute in minutes {
            once_a_day(zone, change, shown + minute);
        }
    }
    assert!(gaps > 900 && folds > 900, "{gaps} gaps and {folds} folds");
    println!("{gaps} gaps and {folds} folds");
}

#[test]
fn every_fifteen_minutes_goes_on_through_every_change() {
    let every = 15 * 60;
    // Outside the years there are changes of odd minutes, after which a quarter cannot stay a quarter.
    let changes = ORACLE.rules.iter().flat_map(|rules| {
        let changes = rules.changes.iter();
        changes.map(|change| (rules.zones[0], change.at))
    });
    for (zone, at) in changes {
        let found = firings("0 */15 * * * *", zone, at - 3 * every, at + 3 * every);
        let apart = found.windows(2).all(|pair| pair[1] - pair[0] == every);
        assert!(
            found.len() >= 6 && apart,
            "{zone} {} {found:?}",
            instant(at)
        );
    }
}

/// A list of a few numbers below `end`, as an expression has it.
fn some_of(end: i64) -> impl Strategy<Value = BTreeSet<i64>> {
    proptest::collection::btree_set(0..end, 1..4)
}

fn list(numbers: &BTreeSet<i64>) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    numbers.join(",")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// The definition, minute by minute: each clock time of each date is the start of something, once.
    #[test]
    fn times_of_day_fire_at_their_wall_times(
        nth in 0..usize::MAX,
        minutes in some_of(60),
        hours in some_of(24),
        begin in -3 * DAY..0,
    ) {
        let changes: Vec<(Tz, Change)> = changes().collect();
        let (zone, change) = changes[nth % changes.len()];
        let (from, until) = (change.at + begin, change.at + 3 * DAY);
        let expression = format!("0 {} {} * * *", list(&minutes), list(&hours));
        prop_assume!(hours.len() < 24);

        let dates = (-8..8).map(|days| change.shown().0 + TimeDelta::days(days));
        let times = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| hour * 60 + minute));
        let times: Vec<u16> = times.map(|minute| u16::try_from(minute).unwrap()).collect();
        let at = |date: NaiveDate, minute: u16| -> DateTime<Utc> { wall::at(zone, date, minute, Edge::Start) };
        let expected: BTreeSet<i64> = dates
            .flat_map(|date| times.iter().map(move |&minute| at(date, minute).timestamp()))
            .filter(|at| (from + 1..=until).contains(at))
            .collect();
        prop_assert_eq!(firings(&expression, zone, from, until), Vec::from_iter(expected), "{} {}", zone, expression);
    }
}
