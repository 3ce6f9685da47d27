//! How fast free slots are found: `cargo bench --bench slots`.
//!
//! A busy practice: fifty experts in several zones, five working days a week with a lunch break, half of their time
//! taken. March holds the clock changes of Europe and America, so no month is harder.

use std::hint::black_box;

use belfry_domain::booking_rules::BookingRules;
use belfry_domain::schedule::{Schedule, Weekday, Window};
use belfry_domain::slot::{Availability, Counted, Taken};
use belfry_domain::wall::{self, Edge, WallTime};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use criterion::{Criterion, criterion_group, criterion_main};

const ZONES: [Tz; 5] = [
    Tz::Asia__Ho_Chi_Minh,
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kathmandu,
];
const WORKDAYS: [Weekday; 5] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
];
const MINUTES: u16 = 30;
const DAYS: u16 = 31;

/// An expert with a horizon of two months, and every second hour of it taken.
struct Expert {
    schedule: Schedule,
    taken: Vec<Taken>,
    counted: Vec<Counted>,
    now: DateTime<Utc>,
}

impl Expert {
    fn in_zone(time_zone: Tz, caps: bool) -> Expert {
        let window = |weekday, from, until| Window {
            weekday,
            from: hour(from),
            until: hour(until),
            valid_from: None,
            valid_until: None,
        };
        let day = |weekday| [window(weekday, 9, 12), window(weekday, 13, 18)];
        let schedule = Schedule {
            weekly: WORKDAYS.into_iter().flat_map(day).collect(),
            rules: BookingRules {
                minutes: vec![MINUTES, 60],
                interval_minutes: 15,
                buffer_after_minutes: 10,
                max_per_day: caps.then_some(12),
                max_per_week: caps.then_some(40),
                ..BookingRules::default()
            },
            ..Schedule::empty(time_zone)
        };
        let on = |day: u64, hour: u16| {
            let starts_at = wall::at(
                time_zone,
                first_day() + Days::new(day),
                hour * 60,
                Edge::Start,
            );
            Taken {
                starts_at,
                ends_at: starts_at + TimeDelta::minutes(40),
            }
        };
        let hours = [9, 11, 13, 15, 17];
        let taken: Vec<Taken> = (0..60)
            .flat_map(|day| hours.map(|hour| on(day, hour)))
            .collect();
        let counted = taken.iter().map(|taken| Counted {
            starts_at: taken.starts_at,
        });
        Expert {
            now: wall::at(time_zone, first_day(), 0, Edge::Start),
            schedule,
            counted: counted.collect(),
            taken,
        }
    }

    fn availability(&self) -> Availability<'_> {
        Availability {
            schedule: &self.schedule,
            taken: &self.taken,
            counted: &self.counted,
            now: self.now,
        }
    }

    fn month(&self) -> usize {
        let days = self
            .availability()
            .free_slots(MINUTES, first_day(), DAYS, Tz::Europe__London);
        days.iter().map(|day| day.slots.len()).sum()
    }
}

fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, 9).expect("a date of the calendar")
}

fn hour(hour: u16) -> WallTime {
    WallTime::new(hour, 0).expect("an hour of the day")
}

fn slots(criterion: &mut Criterion) {
    let practice: Vec<Expert> = (0..50)
        .map(|expert| Expert::in_zone(ZONES[expert % ZONES.len()], false))
        .collect();
    assert!(
        practice.iter().all(|expert| expert.month() > 200),
        "the month is full"
    );
    criterion.bench_function("a month of one expert", |bench| {
        bench.iter(|| black_box(&practice[1]).month());
    });
    criterion.bench_function("a month of 50 experts", |bench| {
        bench.iter(|| practice.iter().map(Expert::month).sum::<usize>());
    });
    let capped = Expert::in_zone(Tz::Europe__Berlin, true);
    criterion.bench_function("a month of one expert with caps", |bench| {
        bench.iter(|| black_box(&capped).month());
    });
}

fn booking(criterion: &mut Criterion) {
    let expert = Expert::in_zone(Tz::Europe__Berlin, true);
    let starts_at = |minutes| {
        let date = first_day() + Days::new(22);
        wall::at(Tz::Europe__Berlin, date, minutes, Edge::Start)
    };
    let (free, taken) = (starts_at(10 * 60), starts_at(11 * 60));
    assert!(expert.availability().check(free, MINUTES).is_ok());
    assert!(expert.availability().check(taken, MINUTES).is_err());
    criterion.bench_function("check a free slot", |bench| {
        bench.iter(|| expert.availability().check(black_box(free), MINUTES));
    });
    criterion.bench_function("refuse a taken slot", |bench| {
        bench.iter(|| expert.availability().check(black_box(taken), MINUTES));
    });
    criterion.bench_function("refuse a taken slot with three alternatives", |bench| {
        bench.iter(|| {
            let asked = expert.availability();
            let refused = asked.check(black_box(taken), MINUTES).is_err();
            refused.then(|| asked.nearest_free(taken, MINUTES, 3))
        });
    });
}

criterion_group!(benches, slots, booking);
criterion_main!(benches);
