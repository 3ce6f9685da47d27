//! What estimates are, and when one is worth telling.

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::id::UserId;
use crate::queue::Standing;
use crate::queue::line::{Purpose, Serving, Stretch, next_for};

const SEED: u64 = 7;

fn at(minutes: i64) -> Instant {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

fn expert(number: u128) -> UserId {
    UserId::from(Uuid::from_u128(1000 + number))
}

fn walk_in(number: u128) -> Entry {
    let (id, joined_at) = (Uuid::from_u128(number), at(-60 + number as i64));
    Entry {
        id,
        expert: None,
        skill: None,
        expected_minutes: 20,
        appointment: false,
        not_before: None,
        joined_at,
        standing: standing(Standing::WALKED_IN, joined_at, id),
    }
}

fn standing(rank: i64, at: Instant, tie: Uuid) -> Standing {
    Standing { rank, at, tie }
}

/// The same as an appointment.
fn booked(mut entry: Entry, start: i64) -> Entry {
    (entry.appointment, entry.not_before) = (true, Some(at(start)));
    entry.standing = standing(Standing::BOOKED, at(start), entry.id);
    entry
}

fn busy(number: u128, since: i64) -> Desk {
    Desk {
        expert: expert(number),
        skills: Vec::new(),
        free_at: at(-300),
        closes_at: None,
        serving: Some(Serving {
            skill: None,
            expected_minutes: 20,
            since: at(since),
        }),
        booked: Vec::new(),
    }
}

/// A branch at which nobody leaves and everybody comes, and visits take about twenty minutes.
fn learned(desks: u128) -> Learned {
    let mut learned = Learned::new();
    for visit in 0..600 {
        let minutes = 15.0 + f64::from(visit * 7 % 100) / 10.0;
        learned.served(expert(1 + visit as u128 % desks), None, 20, minutes);
        learned.waited(500.0, false);
        learned.called(true);
        learned.handed_over(0.0);
    }
    learned
}

fn estimates(entries: &[Entry], desks: &[Desk]) -> Vec<Estimate> {
    estimate(
        entries,
        desks,
        &learned(desks.len().max(1) as u128),
        5,
        SEED,
        at(0),
    )
}

#[test]
fn each_waits_for_those_before_them() {
    let entries: Vec<Entry> = (1..=5).map(walk_in).collect();
    let found = estimates(&entries, &[busy(1, 0)]);
    for (place, estimate) in found.iter().enumerate() {
        assert_eq!(estimate.ahead, place as u32);
        let (p50, p90) = (estimate.p50_minutes.unwrap(), estimate.p90_minutes.unwrap());
        let wait = 20.0 * (place as f64 + 1.0);
        assert!(
            (p50 - wait).abs() < 4.0 && p90 > p50,
            "{estimate:?}, not {wait}"
        );
        assert!(p90 < wait * 1.35 + 4.0, "{estimate:?}");
    }
    let two = estimates(&entries, &[busy(1, 0), busy(2, -10)]);
    assert!((two[0].p50_minutes.unwrap() - 10.0).abs() < 3.0, "{two:?}");
    assert!((two[4].p50_minutes.unwrap() - 50.0).abs() < 8.0, "{two:?}");
}

#[test]
fn the_time_gone_of_a_visit_counts() {
    let entries = [walk_in(1)];
    let after = |minutes: i64| {
        estimates(&entries, &[busy(1, -minutes)])[0]
            .p50_minutes
            .unwrap()
    };
    assert!((after(0) - 20.0).abs() < 2.0, "{}", after(0));
    assert!((after(12) - 8.0).abs() < 2.0, "{}", after(12));
    assert!(after(20) < 4.0, "{}", after(20));
}

#[test]
fn only_those_who_want_the_same_experts_are_ahead() {
    let mut entries: Vec<Entry> = (1..=4).map(walk_in).collect();
    entries[0].expert = Some(expert(1));
    entries[1].expert = Some(expert(2));
    entries[2].expert = Some(expert(1));
    let found = estimates(&entries, &[busy(1, 0), busy(2, -15)]);
    let ahead: Vec<u32> = found.iter().map(|estimate| estimate.ahead).collect();
    assert_eq!(
        ahead,
        [0, 0, 2, 2],
        "the last one has the second desk before the first desk has the third"
    );
}

#[test]
fn an_appointment_that_comes_due_before_is_ahead() {
    let appointment = booked(walk_in(9), 15);
    let found = estimates(&[walk_in(1), walk_in(2), appointment], &[busy(1, -10)]);
    let ahead: Vec<u32> = found.iter().map(|estimate| estimate.ahead).collect();
    assert_eq!(ahead, [0, 2, 1]);
    assert!(found[2].p50_minutes.unwrap() >= 15.0, "not before its time");
}

#[test]
fn a_break_is_waited_for_and_nobody_is_called_after_closing() {
    let mut desk = busy(1, 0);
    desk.booked = vec![Stretch {
        from: at(10),
        until: at(90),
        purpose: Purpose::Away,
    }];
    let found = estimates(&[walk_in(1)], &[desk.clone()]);
    assert!(
        (found[0].p50_minutes.unwrap() - 90.0).abs() < 0.5,
        "{found:?}"
    );
    desk.booked.clear();
    desk.closes_at = Some(at(50));
    let entries: Vec<Entry> = (1..=4).map(walk_in).collect();
    let found = estimates(&entries, &[desk]);
    assert!(found[0].p90_minutes.is_some() && found[1].p50_minutes.is_some());
    assert_eq!(
        (found[3].ahead, found[3].p50_minutes, found[3].p90_minutes),
        (3, None, None)
    );
    let nobody = estimates(&entries, &[]);
    assert_eq!((nobody[2].ahead, nobody[2].p50_minutes), (2, None));
}

#[test]
fn an_expected_appointment_takes_its_time() {
    let expected = Purpose::Expected { skill: None };
    let mut desk = busy(1, -15);
    desk.booked = vec![Stretch {
        from: at(10),
        until: at(30),
        purpose: expected,
    }];
    let found = estimates(&[walk_in(1)], &[desk])[0].p50_minutes.unwrap();
    assert!((found - 30.0).abs() < 3.0, "{found}");
}

#[test]
fn time_that_is_kept_for_somebody_is_not_kept_from_them() {
    let mut desk = busy(1, 0);
    desk.serving = None;
    let purpose = Purpose::Waiting(Uuid::from_u128(1));
    desk.booked = vec![Stretch {
        from: at(0),
        until: at(30),
        purpose,
    }];
    let found = estimates(&[walk_in(1), walk_in(2)], &[desk]);
    assert!(found[0].p50_minutes.unwrap() < 0.5, "{found:?}");
    assert!(found[1].p50_minutes.unwrap() > 14.0, "{found:?}");
}

#[test]
fn those_who_leave_make_the_line_shorter() {
    let entries: Vec<Entry> = (1..=12).map(walk_in).collect();
    let patient = estimates(&entries, &[busy(1, 0)])[11].p50_minutes.unwrap();
    let mut learned = learned(1);
    for _ in 0..500 {
        learned.waited(60.0, true);
    }
    let found = estimate(&entries, &[busy(1, 0)], &learned, 5, SEED, at(0));
    assert!(
        found[11].p50_minutes.unwrap() < patient * 0.7,
        "{patient}, {found:?}"
    );
    assert_eq!(found[11].ahead, 11, "they have not left yet");
}

#[test]
fn a_change_is_real_if_place_or_time_of_the_call_changed() {
    let told = Estimate {
        ahead: 2,
        p50_minutes: Some(30.0),
        p90_minutes: Some(50.0),
    };
    let real = |ahead, p50, passed| {
        let known = Estimate {
            ahead,
            p50_minutes: p50,
            ..told
        };
        is_real_change(&told, at(0), &known, at(passed))
    };
    assert!(!real(2, Some(32.9), 0));
    assert!(real(2, Some(33.1), 0), "a tenth");
    assert!(!real(2, Some(10.0), 20), "time passes");
    assert!(real(2, Some(12.1), 20), "two minutes");
    assert!(real(2, Some(30.0), 20), "nothing has moved");
    assert!(real(1, Some(30.0), 0));
    assert!(real(2, None, 0));
}

#[test]
fn estimates_are_scored() {
    let told = Estimate {
        ahead: 2,
        p50_minutes: Some(30.0),
        p90_minutes: Some(50.0),
    };
    let mut score = Score::default();
    assert_eq!((score.mean_error_minutes(), score.coverage()), (None, None));
    for waited in [20.0, 50.0, 51.0, 30.0] {
        score.add(&told, waited);
    }
    score.add(
        &Estimate {
            p90_minutes: None,
            ..told
        },
        500.0,
    );
    assert_eq!(score.number, 4);
    assert_eq!(score.coverage(), Some(0.75));
    assert_eq!(score.mean_error_minutes(), Some(51.0 / 4.0));
}

/// A line and its desks: skills, wishes, appointments, who was called back, who rests, breaks, closing.
fn line() -> impl Strategy<Value = (Vec<Entry>, Vec<Desk>)> {
    let entry = (
        proptest::option::of(0..3u128),
        any::<bool>(),
        5..40u32,
        proptest::option::of(-20..60i64),
        -60..0i64,
        (
            proptest::bool::weighted(0.1),
            proptest::option::weighted(0.1, 1..20i64),
        ),
    );
    let desk = (
        any::<bool>(),
        proptest::option::of(-40..0i64),
        proptest::option::of((-30..60i64, 1..60i64, 0..3u8)),
        proptest::option::of(-10..120i64),
    );
    let entries = proptest::collection::vec(entry, 0..8);
    (entries, proptest::collection::vec(desk, 0..4)).prop_map(|(entries, desks)| {
        let entries = entries.into_iter().zip(1u128..);
        let entries = entries.map(
            |((number_of_expert, skill, minutes, start, joined, (front, rest)), number)| {
                let entry = Entry {
                    expert: number_of_expert.map(expert),
                    skill: skill.then(|| "cut".to_owned()),
                    expected_minutes: minutes,
                    joined_at: at(joined),
                    standing: standing(Standing::WALKED_IN, at(joined), Uuid::from_u128(number)),
                    ..walk_in(number)
                };
                let mut entry = match start {
                    Some(start) => booked(entry, start),
                    None => Entry {
                        not_before: rest.map(at),
                        ..entry
                    },
                };
                if front {
                    entry.standing.rank = Standing::FRONT;
                }
                entry
            },
        );
        let desks = desks.into_iter().zip(0u128..);
        let desks = desks.map(|((skill, since, booked, closes), number)| Desk {
            skills: skill.then(|| "cut".to_owned()).into_iter().collect(),
            serving: since.and_then(|since| busy(number, since).serving),
            closes_at: closes.map(at),
            booked: booked
                .map(|(from, length, kind)| Stretch {
                    from: at(from),
                    until: at(from + length),
                    purpose: match kind {
                        0 => Purpose::Away,
                        1 => Purpose::Expected { skill: None },
                        _ => Purpose::Waiting(Uuid::from_u128(1)),
                    },
                })
                .into_iter()
                .collect(),
            ..busy(number, 0)
        });
        (entries.collect(), desks.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_is_next_for_a_free_desk_waits_for_nothing((entries, desks) in line()) {
        let mut learned = Learned::new();
        for _ in 0..3000 {
            learned.handed_over(0.0);
        }
        let found = estimate(&entries, &desks, &learned, 5, SEED, at(0));
        for desk in &desks {
            if let Some(next) = next_for(desk, &entries, at(0)) {
                let p50 = found[next].p50_minutes;
                prop_assert!(p50.is_some_and(|p50| p50 <= 0.1), "{next}: {found:?}");
            }
        }
        let calls_somebody = desks.iter().any(|desk| next_for(desk, &entries, at(0)).is_some());
        let waits_for_nothing = found.iter().any(|one| one.p50_minutes.is_some_and(|p50| p50 <= 0.0));
        prop_assert!(calls_somebody || !waits_for_nothing, "{found:?}");
    }

    #[test]
    fn the_order_they_come_in_makes_no_difference((entries, desks) in line()) {
        let learned = Learned::new();
        let found = estimate(&entries, &desks, &learned, 5, SEED, at(0));
        for one in &found {
            if let (Some(p50), Some(p90)) = (one.p50_minutes, one.p90_minutes) {
                prop_assert!(p50 <= p90);
            }
            prop_assert!(one.p50_minutes.is_some() || one.p90_minutes.is_none());
        }
        let turned: Vec<Entry> = entries.iter().rev().cloned().collect();
        let mut again = estimate(&turned, &desks, &learned, 5, SEED, at(0));
        again.reverse();
        prop_assert_eq!(found, again);
    }

    #[test]
    fn whoever_joins_behind_a_line_of_walk_ins_delays_nobody((entries, desks) in line(), seed in any::<u64>()) {
        let entries: Vec<Entry> = entries.into_iter().map(|entry| Entry {
            appointment: false,
            not_before: None,
            expert: None,
            skill: None,
            expected_minutes: 20,
            standing: standing(Standing::WALKED_IN, entry.joined_at, entry.id),
            ..entry
        }).collect();
        let desks: Vec<Desk> = desks.into_iter().map(|desk| Desk { booked: Vec::new(), ..desk }).collect();
        let learned = Learned::new();
        let before = estimate(&entries, &desks, &learned, 5, seed, at(0));
        let mut longer = entries;
        let last = standing(Standing::WALKED_IN, at(1), Uuid::from_u128(99));
        longer.push(Entry { standing: last, ..walk_in(99) });
        let after = estimate(&longer, &desks, &learned, 5, seed, at(0));
        prop_assert_eq!(&before[..], &after[..before.len()]);
    }
}
