//! Reminders of a booking that is made, moved and moved back at any time: each is due once, at its minute, and only
//! when that minute was still ahead.

use std::collections::{BTreeMap, BTreeSet};

use belfry_domain::Instant;
use belfry_domain::reminder::{Planned, plan};
use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;

fn epoch() -> Instant {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn offsets() -> impl Strategy<Value = Vec<i64>> {
    let one = prop_oneof![
        4 => prop_oneof![Just(60i64), Just(1440), Just(5), Just(1)],
        4 => 1..3000i64,
        1 => -5..1i64,
        1 => prop_oneof![Just(i64::MAX), Just(i64::MIN), Just(i64::MAX / 60_000)],
    ];
    proptest::collection::vec(one, 0..8)
}

/// Minutes of a week or, for the edges, seconds around an offset.
fn ahead() -> impl Strategy<Value = TimeDelta> {
    prop_oneof![
        (-10..4500i64).prop_map(TimeDelta::minutes),
        (0..8000i64).prop_map(TimeDelta::seconds),
        (1..1500i64, -1..2i64)
            .prop_map(|(minute, second)| TimeDelta::seconds(minute * 60 + second)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_offset_still_ahead_is_planned_exactly_once(offsets in offsets(), ahead in ahead()) {
        let (now, start) = (epoch(), epoch() + ahead);
        let planned = plan(start, &offsets, now);
        let found: Vec<i64> = planned.iter().map(|reminder| reminder.offset_minutes).collect();
        // By lengths alone: what is not longer than the time that is left, the longest first.
        let left_ms = ahead.num_milliseconds();
        let distinct: BTreeSet<i64> = offsets.iter().copied().collect();
        let due = distinct.into_iter().rev().filter(|offset| {
            *offset >= 1 && i128::from(*offset) * 60_000 <= i128::from(left_ms)
        });
        prop_assert_eq!(found, due.collect::<Vec<_>>());
        for Planned { offset_minutes, due_at } in planned {
            prop_assert_eq!((start - due_at).num_seconds(), offset_minutes * 60);
            prop_assert!(now <= due_at && due_at < start);
        }
    }

    /// Plays a booking's life minute by minute with the rule of the house: a move takes back what was not given yet
    /// and plans anew.
    #[test]
    fn a_booking_that_moves_is_reminded_of_once_per_promise(
        offsets in offsets(),
        first in 1..600i64,
        moves in proptest::collection::vec((0..300i64, 1..600i64), 0..5),
    ) {
        let at = |minute: i64| epoch() + TimeDelta::minutes(minute);
        let mut moves: BTreeMap<i64, i64> = moves.into_iter().collect();
        let mut start = first;
        let mut waiting = plan(at(start), &offsets, at(0));
        // Which start was in force since when, and what was said about it.
        let mut since = 0;
        let mut given: BTreeSet<(i64, i64, i64)> = BTreeSet::new();
        for minute in 0..1200 {
            if minute < start && let Some(ahead) = moves.remove(&minute) {
                (start, since) = (minute + ahead, minute);
                waiting = plan(at(start), &offsets, at(minute));
            }
            let (due, rest) = waiting.into_iter().partition(|reminder| reminder.due_at <= at(minute));
            waiting = rest;
            let due: Vec<Planned> = due;
            for reminder in due {
                prop_assert_eq!(reminder.due_at, at(minute), "given in its minute");
                prop_assert_eq!(minute + reminder.offset_minutes, start, "about the start that is promised");
                prop_assert!(given.insert((since, start, reminder.offset_minutes)), "given once");
            }
        }
        prop_assert!(waiting.is_empty());
        // The last promise was kept to the end: every offset that was ahead then was given.
        let last = given.iter().filter(|(from, ..)| *from == since).map(|(_, _, offset)| *offset);
        let due: BTreeSet<i64> = offsets.into_iter().filter(|offset| (1..=start - since).contains(offset)).collect();
        prop_assert_eq!(last.collect::<BTreeSet<_>>(), due);
    }
}
