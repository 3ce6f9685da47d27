//! How fast a line is estimated: `cargo bench --bench queue`.
//!
//! Ten experts, all busy, two skills of which most have one, some booked ahead; fifty people wait, a fifth of them with
//! an appointment. That is more than a branch has, and each change of the line asks for it once.

use std::hint::black_box;

use belfry_domain::Instant;
use belfry_domain::id::UserId;
use belfry_domain::queue::Standing;
use belfry_domain::queue::duration::Learned;
use belfry_domain::queue::estimate::estimate;
use belfry_domain::queue::line::{Desk, Entry, Purpose, Serving, Stretch, next_for};
use chrono::{DateTime, TimeDelta};
use criterion::{Criterion, criterion_group, criterion_main};
use uuid::Uuid;

const DESKS: u128 = 10;
const WAITING: u128 = 50;
const SKILLS: [&str; 2] = ["papers", "advice"];

fn at(minutes: i64) -> Instant {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default() + TimeDelta::minutes(minutes)
}

fn expert(number: u128) -> UserId {
    UserId::from(Uuid::from_u128(1 + number))
}

fn skill(number: u128) -> Option<String> {
    Some(SKILLS[number as usize % 2].to_owned())
}

fn desk(number: u128) -> Desk {
    let able = if number < 6 {
        vec![skill(number)]
    } else {
        vec![skill(0), skill(1)]
    };
    let from = 30 + 15 * number as i64;
    Desk {
        expert: expert(number),
        skills: able.into_iter().flatten().collect(),
        free_at: at(-60),
        closes_at: Some(at(480)),
        serving: Some(Serving {
            skill: skill(number),
            expected_minutes: 20,
            since: at(-(number as i64)),
        }),
        booked: vec![Stretch {
            from: at(from),
            until: at(from + 20),
            purpose: Purpose::Expected {
                skill: skill(number),
            },
        }],
    }
}

fn entry(number: u128) -> Entry {
    let start = (number % 5 == 4).then(|| at(number as i64));
    let joined = at(number as i64 - 60);
    let id = Uuid::from_u128(1000 + number);
    let (rank, turn) = match start {
        Some(start) => (Standing::BOOKED, start),
        None => (Standing::WALKED_IN, joined),
    };
    Entry {
        id,
        expert: start.map(|_| expert(number % DESKS)),
        skill: start.is_none().then(|| skill(number)).flatten(),
        expected_minutes: 20,
        appointment: start.is_some(),
        not_before: start,
        joined_at: joined,
        standing: Standing {
            rank,
            at: turn,
            tie: id,
        },
    }
}

fn queue(criterion: &mut Criterion) {
    let desks: Vec<Desk> = (0..DESKS).map(desk).collect();
    let entries: Vec<Entry> = (0..WAITING).map(entry).collect();
    let mut learned = Learned::new();
    for visit in 0..2000u128 {
        let minutes = 5.0 + (visit * 37 % 31) as f64;
        learned.served(
            expert(visit % DESKS),
            Some(SKILLS[visit as usize % 2]),
            20,
            minutes,
        );
        learned.waited((visit * 13 % 60) as f64, visit % 10 == 0);
    }
    criterion.bench_function("estimate a line of fifty at ten desks", |bench| {
        bench.iter(|| estimate(black_box(&entries), &desks, &learned, 5, 7, at(0)));
    });
    criterion.bench_function("estimate a line of five at ten desks", |bench| {
        bench.iter(|| estimate(black_box(&entries[..5]), &desks, &learned, 5, 7, at(0)));
    });
    let mut free = desks[0].clone();
    free.serving = None;
    criterion.bench_function("say who is next in a line of fifty", |bench| {
        bench.iter(|| next_for(black_box(&free), &entries, at(0)));
    });
    criterion.bench_function("learn a visit", |bench| {
        let mut learned = learned.clone();
        bench.iter(|| learned.served(expert(1), Some(SKILLS[0]), 20, black_box(17.0)));
    });
}

criterion_group!(benches, queue);
criterion_main!(benches);
