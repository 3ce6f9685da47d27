//! What holds for every ranking, and what each part of a score is for.

use chrono::DateTime;
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

use super::*;
use crate::branch::Strategy;

fn now() -> Instant {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn occasion(salt: u128) -> Occasion {
    Occasion {
        now: now(),
        max_load: Some(3),
        soon: true,
        salt: Uuid::from_u128(salt),
    }
}

fn candidate(number: u128) -> Candidate {
    Candidate {
        expert: UserId::from(Uuid::from_u128(number)),
        worked_minutes: 600.0,
        fair_minutes: 600.0,
        load: 0,
        adjoining: 0,
        previous: false,
        presence: Presence::Busy,
        assigned_at: None,
    }
}

fn first(strategy: Strategy, candidates: &[Candidate]) -> u128 {
    let ranked = rank(strategy, candidates.to_vec(), &occasion(7));
    ranked[0].candidate.expert.uuid().as_u128()
}

#[test]
fn whoever_is_below_their_share_is_asked_first_and_a_share_is_of_the_hours() {
    let mut part_time = candidate(1);
    (part_time.worked_minutes, part_time.fair_minutes) = (400.0, 300.0);
    let mut full_time = candidate(2);
    (full_time.worked_minutes, full_time.fair_minutes) = (600.0, 700.0);
    assert_eq!(first(Strategy::Smart, &[part_time, full_time]), 2);
}

#[test]
fn everything_else_decides_between_those_with_the_same_share() {
    let plain = candidate(1);
    let change = |change: &dyn Fn(&mut Candidate)| {
        let mut other = candidate(2);
        change(&mut other);
        first(Strategy::Smart, &[plain.clone(), other])
    };
    assert_eq!(change(&|c| c.previous = true), 2, "the client knows them");
    assert_eq!(change(&|c| c.presence = Presence::Online), 2);
    assert_eq!(change(&|c| c.presence = Presence::Offline), 1);
    assert_eq!(change(&|c| c.load = 2), 1, "a fuller day");
    assert_eq!(change(&|c| c.adjoining = 1), 1, "no pause between");
}

#[test]
fn nothing_outweighs_a_tenth_of_a_share() {
    let mut wanted = candidate(1);
    (wanted.previous, wanted.presence) = (true, Presence::Online);
    wanted.worked_minutes *= 1.1;
    let mut due = candidate(2);
    (due.load, due.adjoining, due.presence) = (3, 2, Presence::Offline);
    due.worked_minutes *= 0.9;
    assert_eq!(first(Strategy::Smart, &[wanted, due]), 2);
}

#[test]
fn somebody_new_is_neither_flooded_nor_passed_over() {
    let mut new = candidate(1);
    (new.worked_minutes, new.fair_minutes) = (0.0, 0.0);
    let ranked = rank(Strategy::Smart, vec![new, candidate(2)], &occasion(1));
    assert!(
        ranked.iter().all(|r| r.parts[0].value.abs() < 0.001),
        "{ranked:?}"
    );
}

#[test]
fn the_plain_strategies_do_what_they_are_called() {
    let mut one = candidate(1);
    (one.load, one.assigned_at) = (0, Some(now() - TimeDelta::minutes(5)));
    let mut two = candidate(2);
    (two.load, two.assigned_at) = (2, Some(now() - TimeDelta::minutes(50)));
    assert_eq!(first(Strategy::LeastLoaded, &[one.clone(), two.clone()]), 1);
    assert_eq!(first(Strategy::RoundRobin, &[one.clone(), two.clone()]), 2);
    one.assigned_at = None;
    assert_eq!(first(Strategy::RoundRobin, &[one, two]), 1, "never yet");
}

/// Nine to five, UTC, on all days.
fn daily() -> Schedule {
    let days = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let window = |day| format!(r#"{{"weekday":"{day}","from":"09:00","until":"17:00"}}"#);
    let weekly = days.map(window).join(",");
    Schedule {
        weekly: serde_json::from_str(&format!("[{weekly}]")).unwrap(),
        ..Schedule::empty(chrono_tz::UTC)
    }
}

fn shares(now: Instant) -> Shares {
    let from = Shares::reaches_back(14, now);
    Shares::new(14, 7, from, now + TimeDelta::days(8))
}

#[test]
fn work_is_forgotten_by_halves_and_what_lies_ahead_counts_half() {
    let expert = candidate(1).expert;
    for (days, left) in [(0, 60.0), (14, 30.0), (28, 15.0), (-3, 30.0), (70, 0.0)] {
        let mut shares = shares(now());
        shares.join(expert, &daily(), now() - TimeDelta::days(90));
        shares.add(expert, now() - TimeDelta::days(days), 60.0);
        assert_eq!(shares.of(expert, now()), (left, left), "{days} days ago");
        assert_eq!(shares.in_all(expert).0, if days > 56 { 0.0 } else { 60.0 });
    }
    assert_eq!(shares(now()).of(expert, now()), (0.0, 0.0), "nobody");
}

#[test]
fn a_day_asks_nothing_of_whoever_was_not_there() {
    let [old, new, half] = [1, 2, 3].map(|number| candidate(number).expert);
    let mut shares = shares(now());
    shares.join(old, &daily(), now() - TimeDelta::days(90));
    shares.join(new, &daily(), now());
    let mut mornings = daily();
    for window in &mut mornings.weekly {
        window.until = "13:00".parse().unwrap();
    }
    shares.join(half, &mornings, now() - TimeDelta::days(90));
    let week_ago = now() - TimeDelta::days(7);
    shares.add(old, week_ago, 200.0);
    shares.add(half, week_ago, 100.0);
    for expert in [old, new, half] {
        let (worked, fair) = shares.of(expert, now());
        assert!((worked - fair).abs() < 0.001, "{worked} of {fair}");
    }
    shares.add(old, now() + TimeDelta::days(2), 100.0);
    let (worked, fair) = shares.of(new, now());
    assert!(
        worked == 0.0 && (fair - 20.0).abs() < 0.001,
        "two fifths of a half: {fair}"
    );
}

fn candidates() -> impl proptest::strategy::Strategy<Value = Vec<Candidate>> {
    let one = (
        0.0..5000.0f64,
        0.0..5000.0f64,
        0..6u16,
        0..3u8,
        any::<bool>(),
        prop_oneof![
            Just(Presence::Online),
            Just(Presence::Busy),
            Just(Presence::Offline)
        ],
        proptest::option::of(0..100_000i64),
    );
    proptest::collection::vec(one, 0..12).prop_map(|all| {
        let all = all.into_iter().zip(1u128..);
        all.map(
            |((worked, fair, load, adjoining, previous, presence, ago), number)| Candidate {
                worked_minutes: worked,
                fair_minutes: fair,
                load,
                adjoining,
                previous,
                presence,
                assigned_at: ago.map(|minutes| now() - TimeDelta::minutes(minutes)),
                ..candidate(number)
            },
        )
        .collect()
    })
}

fn strategy() -> impl proptest::strategy::Strategy<Value = Strategy> {
    prop_oneof![
        Just(Strategy::Smart),
        Just(Strategy::RoundRobin),
        Just(Strategy::LeastLoaded)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_ranking_has_everybody_once_best_first_and_explains_itself(
        candidates in candidates(), strategy in strategy(), salt in any::<u128>(),
    ) {
        let ranked = rank(strategy, candidates.clone(), &occasion(salt));
        let mut ids: Vec<UserId> = ranked.iter().map(|r| r.candidate.expert).collect();
        ids.sort();
        let expected: Vec<UserId> = candidates.iter().map(|c| c.expert).collect();
        prop_assert_eq!(ids, expected);
        prop_assert!(ranked.windows(2).all(|pair| pair[0].score >= pair[1].score));
        for one in &ranked {
            let sum: f64 = one.parts.iter().map(|scored| scored.value).sum();
            prop_assert!(one.score.is_finite() && (sum - one.score).abs() < 0.0006);
        }
    }

    #[test]
    fn the_order_they_come_in_makes_no_difference(
        candidates in candidates(), strategy in strategy(), salt in any::<u128>(),
    ) {
        let mut turned = candidates.clone();
        turned.reverse();
        let order = |all| {
            let ranked = rank(strategy, all, &occasion(salt)).into_iter();
            ranked.map(|r| r.candidate.expert).collect::<Vec<_>>()
        };
        prop_assert_eq!(order(candidates), order(turned));
    }

    #[test]
    fn less_work_never_makes_anybody_later(
        candidates in candidates(), salt in any::<u128>(), which in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!candidates.is_empty());
        let which = which.index(candidates.len());
        let place = |all: Vec<Candidate>| {
            let wanted = all[which].expert;
            let ranked = rank(Strategy::Smart, all, &occasion(salt));
            ranked.iter().position(|r| r.candidate.expert == wanted)
        };
        let before = place(candidates.clone());
        let mut less = candidates;
        less[which].worked_minutes /= 2.0;
        prop_assert!(place(less) <= before);
    }
}

#[test]
fn equals_are_asked_in_turn_whoever_asks() {
    let all: Vec<Candidate> = (1..=10).map(candidate).collect();
    let mut counts = std::collections::BTreeMap::new();
    for salt in 0..1000 {
        let ranked = rank(Strategy::Smart, all.clone(), &occasion(salt));
        *counts.entry(ranked[0].candidate.expert).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 10);
    assert!(
        counts.values().all(|count| (60..=145).contains(count)),
        "{counts:?}"
    );
}
