//! The engine against the slow oracle, on schedules made up at random around the dates at which clocks change.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;

use super::{
    Availability, Counted, Engaged, Missing, Reason, Refusal, Slot, Stretch, Taken, oracle,
};
use super::{open_minutes, open_stretches, opening_stretches};
use crate::booking_rules::BookingRules;
use crate::branch::Opening;
use crate::offsets::Offsets;
use crate::schedule::{Hours, Schedule, TimeOff, Weekday, Window};
use crate::wall::{self, WallTime};

/// Zones, each with a date on which its clock or calendar does something unusual.
const AWKWARD: [(Tz, (i32, u32, u32)); 26] = [
    (Tz::UTC, (2026, 1, 1)),
    (Tz::Europe__Berlin, (2026, 3, 29)),
    (Tz::Europe__Berlin, (2026, 10, 25)),
    (Tz::Europe__Lisbon, (2026, 10, 25)),
    (Tz::Australia__Lord_Howe, (2026, 4, 5)),
    (Tz::Australia__Lord_Howe, (2026, 10, 4)),
    (Tz::Asia__Beirut, (2024, 3, 31)),
    (Tz::Asia__Beirut, (2024, 10, 27)),
    (Tz::Africa__Cairo, (2024, 4, 26)),
    (Tz::Africa__Cairo, (2024, 11, 1)),
    (Tz::America__Sao_Paulo, (2018, 11, 4)),
    (Tz::America__Sao_Paulo, (2018, 2, 18)),
    (Tz::America__Havana, (2026, 3, 8)),
    (Tz::America__Havana, (2026, 11, 1)),
    (Tz::America__St_Johns, (2010, 3, 14)),
    (Tz::America__St_Johns, (2010, 11, 7)),
    (Tz::America__New_York, (2026, 11, 1)),
    (Tz::Pacific__Apia, (2011, 12, 30)),
    (Tz::Pacific__Kwajalein, (1993, 8, 21)),
    (Tz::Africa__Casablanca, (2026, 2, 15)),
    (Tz::Pacific__Chatham, (2026, 4, 5)),
    (Tz::Antarctica__Troll, (2026, 3, 29)),
    (Tz::Asia__Pyongyang, (2018, 5, 5)),
    (Tz::Asia__Kathmandu, (2026, 12, 31)),
    (Tz::Pacific__Kiritimati, (2026, 2, 28)),
    (Tz::Pacific__Pago_Pago, (2028, 2, 29)),
];

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// A question to the engine, made up at random.
#[derive(Debug, Clone)]
struct Case {
    schedule: Schedule,
    taken: Vec<Taken>,
    counted: Vec<Counted>,
    now: DateTime<Utc>,
    minutes: u16,
    from: NaiveDate,
    days: u16,
    viewer: Tz,
}

impl Case {
    fn availability(&self) -> Availability<'_> {
        Availability {
            schedule: &self.schedule,
            taken: &self.taken,
            counted: &self.counted,
            now: self.now,
        }
    }

    fn free(&self, from: NaiveDate, days: u16) -> Vec<Slot> {
        let days = self
            .availability()
            .free_slots(self.minutes, from, days, Tz::UTC);
        days.into_iter().flat_map(|day| day.slots).collect()
    }
}

fn wall_time() -> impl Strategy<Value = WallTime> {
    let time = |minutes: u16| WallTime::new(minutes / 60, minutes % 60).unwrap();
    prop_oneof![
        3 => (0..48u16).prop_map(move |halves| time(halves * 30)),
        1 => (0..1440u16).prop_map(time),
        1 => Just(WallTime::MIDNIGHT),
    ]
}

fn hours() -> impl Strategy<Value = Hours> {
    let until = prop_oneof![4 => wall_time(), 1 => Just(WallTime::END_OF_DAY)];
    (wall_time(), until).prop_map(|(from, until)| Hours { from, until })
}

fn window(anchor: NaiveDate) -> impl Strategy<Value = Window> {
    let limit = move || {
        proptest::option::weighted(
            0.2,
            (0..8u64).prop_map(move |days| anchor + Days::new(days) - Days::new(4)),
        )
    };
    (0..7usize, hours(), limit(), limit()).prop_map(|(day, hours, valid_from, valid_until)| {
        Window {
            weekday: WEEK[day],
            from: hours.from,
            until: hours.until,
            valid_from,
            valid_until,
        }
    })
}

/// Hours of a branch, in any zone.
fn opening(anchor: NaiveDate) -> impl Strategy<Value = Opening> {
    let overrides = proptest::collection::btree_map(
        (0..5u64).prop_map(move |days| anchor + Days::new(days) - Days::new(2)),
        proptest::collection::vec(hours(), 0..3),
        0..3,
    );
    let weekly = proptest::option::of(proptest::collection::vec(window(anchor), 3..16));
    let zone = (0..AWKWARD.len()).prop_map(|place| AWKWARD[place].0);
    (zone, proptest::bool::weighted(0.9), weekly, overrides).prop_map(
        |(time_zone, active, weekly, overrides)| Opening {
            time_zone,
            active,
            weekly,
            overrides,
        },
    )
}

fn rules() -> impl Strategy<Value = BookingRules> {
    let length = prop_oneof![
        Just(5u16),
        Just(30),
        Just(60),
        Just(90),
        1..200u16,
        Just(1440)
    ];
    let interval = prop_oneof![
        Just(15u16),
        Just(20),
        Just(30),
        Just(60),
        5..200u16,
        Just(1440)
    ];
    let buffer = || prop_oneof![2 => Just(0u16), 1 => 0..120u16];
    let notice = prop_oneof![2 => Just(0u32), 1 => 0..3000u32];
    let cap = |most: u16| proptest::option::weighted(0.25, 1..most);
    (
        length,
        interval,
        buffer(),
        buffer(),
        notice,
        1..9u16,
        cap(4),
        cap(8),
    )
        .prop_map(
            |(length, interval_minutes, before, after, notice, horizon, per_day, per_week)| {
                BookingRules {
                    minutes: vec![length],
                    interval_minutes,
                    buffer_before_minutes: before,
                    buffer_after_minutes: after,
                    min_notice_minutes: notice,
                    horizon_days: horizon,
                    max_per_day: per_day,
                    max_per_week: per_week,
                    ..BookingRules::default()
                }
            },
        )
}

/// Stretches in order and apart; some begin or end within a minute.
fn taken(around: DateTime<Utc>) -> impl Strategy<Value = Vec<Taken>> {
    let stretch = (
        0..1200i64,
        0..240i64,
        prop_oneof![4 => Just(0i64), 1 => 0..60_000i64],
    );
    proptest::collection::vec(stretch, 0..12).prop_map(move |stretches| {
        let mut end = around - TimeDelta::days(4);
        let next = |(gap, length, odd)| {
            let starts_at = end + TimeDelta::minutes(gap);
            end = starts_at + TimeDelta::minutes(length) + TimeDelta::milliseconds(odd);
            Taken {
                starts_at,
                ends_at: end,
            }
        };
        stretches.into_iter().map(next).collect()
    })
}

fn case() -> impl Strategy<Value = Case> {
    (0..AWKWARD.len(), 0..AWKWARD.len()).prop_flat_map(|(zone, viewer)| {
        let (time_zone, (year, month, day)) = AWKWARD[zone];
        let viewer = AWKWARD[viewer].0;
        let anchor = NaiveDate::from_ymd_opt(year, month, day).unwrap();
        let noon = Utc.from_utc_datetime(&anchor.and_hms_opt(12, 0, 0).unwrap());
        let near = move |minute: i64| noon + TimeDelta::minutes(minute);
        let overrides = proptest::collection::btree_map(
            (0..5u64).prop_map(move |days| anchor + Days::new(days) - Days::new(2)),
            proptest::collection::vec(hours(), 0..3),
            0..2,
        );
        let time_off = || {
            (-5000..5000i64, 1..2000i64).prop_map(move |(start, length)| TimeOff {
                starts_at: near(start),
                ends_at: near(start + length),
            })
        };
        let holidays = proptest::collection::btree_set(
            (0..5u64).prop_map(move |days| anchor + Days::new(days) - Days::new(2)),
            0..2,
        );
        let counted = (-12_000..12_000i64).prop_map(move |minute| Counted {
            starts_at: near(minute),
        });
        let schedule = (
            proptest::collection::vec(window(anchor), 3..16),
            overrides,
            holidays,
            proptest::collection::vec(time_off(), 0..3),
            proptest::collection::vec(time_off(), 0..3),
            (proptest::option::of(opening(anchor)), rules()),
        );
        let question = (
            taken(noon),
            proptest::collection::vec(counted, 0..12),
            (-8000..500i64, 0..60_000i64),
            (0..4u64, 1..4u16),
        );
        (schedule, question).prop_map(move |(schedule, question)| {
            let (weekly, overrides, holidays, time_off, imported, (opening, rules)) = schedule;
            let (taken, counted, (minute, odd), (back, days)) = question;
            Case {
                minutes: rules.minutes[0],
                schedule: Schedule {
                    time_zone,
                    weekly,
                    overrides,
                    holidays,
                    time_off,
                    imported,
                    opening,
                    rules,
                },
                taken,
                counted,
                now: near(minute) + TimeDelta::milliseconds(odd),
                from: anchor + Days::new(1) - Days::new(back),
                days,
                viewer,
            }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn free_slots_are_what_the_oracle_finds(case in case()) {
        let found = case.availability().free_slots(case.minutes, case.from, case.days, case.viewer);
        let expected =
            oracle::free_slots(&case.availability(), case.minutes, case.from, case.days, case.viewer);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn check_accepts_exactly_what_is_listed(case in case()) {
        let listed = case.free(case.from, case.days);
        let midnight = Utc.from_utc_datetime(&case.from.and_hms_opt(0, 0, 0).unwrap());
        for minute in 0..i64::from(case.days) * 1440 {
            let start = midnight + TimeDelta::minutes(minute);
            let listed = listed.binary_search_by_key(&start, |slot| slot.starts_at).is_ok();
            let checked = case.availability().check(start, case.minutes);
            prop_assert_eq!(checked.is_ok(), listed, "{} {:?}", start, checked);
        }
    }

    #[test]
    fn free_starts_are_those_of_the_free_slots(case in case()) {
        let yesterday = case.now.date_naive().pred_opt().unwrap();
        let slots = case.free(yesterday, case.schedule.rules.horizon_days + 3);
        let starts: Vec<i64> = slots.iter().map(|slot| slot.starts_at.timestamp()).collect();
        prop_assert_eq!(case.availability().free_starts(case.minutes), starts);
    }

    #[test]
    fn nearest_and_next_are_among_the_free(case in case(), minute in -6000..6000i64, most in 0..5usize) {
        let free = case.free(case.from - Days::new(20), 60);
        let around = case.now + TimeDelta::minutes(minute);
        let asked = case.availability();

        let mut nearest = free.clone();
        // The engine counts whole seconds; so does this, lest two starts half a second apart in distance differ.
        nearest.sort_by_key(|slot| (slot.starts_at.timestamp() - around.timestamp()).abs());
        nearest.truncate(most);
        prop_assert_eq!(asked.nearest_free(around, case.minutes, most), nearest);

        let next = free.into_iter().find(|slot| slot.starts_at >= around);
        prop_assert_eq!(asked.next_free(around, case.minutes), next);
    }

    #[test]
    fn explained_days_agree_with_the_free_slots(case in case()) {
        let asked = case.availability();
        let zone = case.schedule.time_zone;
        let free = asked.free_slots(case.minutes, case.from, 1, zone);
        let engaged: Vec<Engaged> = case.taken.iter().map(|taken| Engaged {
            starts_at: taken.starts_at,
            ends_at: taken.ends_at,
            held: false,
        }).collect();
        let explained = asked.explain_day(case.from, case.minutes, &engaged);
        let unexplained = explained.iter().filter(|(_, missing)| missing.is_none());
        let unexplained: Vec<Slot> = unexplained.map(|(slot, _)| *slot).collect();
        prop_assert_eq!(&unexplained, &free[0].slots);
        prop_assert!(explained.is_sorted_by_key(|(slot, _)| *slot));
        // Free or explained, and nothing else: the whole grid of the date, each start once.
        let first = Utc.from_utc_datetime(&case.from.and_hms_opt(0, 0, 0).unwrap()) - TimeDelta::days(2);
        let interval = u32::from(case.schedule.rules.interval_minutes);
        let grid = (0..5 * 1440).map(|minute| first + TimeDelta::minutes(minute)).filter(|start| {
            let shown = start.with_timezone(&zone);
            shown.date_naive() == case.from && (shown.hour() * 60 + shown.minute()).is_multiple_of(interval)
        });
        let starts: Vec<_> = explained.iter().map(|(slot, _)| slot.starts_at).collect();
        prop_assert_eq!(starts, grid.collect::<Vec<_>>());
        // Whoever tries to book hears the same.
        for (slot, missing) in explained {
            let told = asked.check(slot.starts_at, case.minutes);
            let same = match missing {
                None => told.is_ok(),
                // Nobody else is told of other calendars.
                Some(Missing::NotOffered(Reason::Imported)) => {
                    told == Err(Refusal::NotOffered(Reason::TimeOff))
                }
                Some(Missing::NotOffered(reason)) => told == Err(Refusal::NotOffered(reason)),
                Some(_) => told == Err(Refusal::Taken),
            };
            prop_assert!(same, "{:?}: {:?}, {:?}", slot, missing, told);
        }
    }

    #[test]
    fn the_stretches_of_a_date_are_its_open_minutes(case in case()) {
        let schedule = Schedule { time_off: Vec::new(), imported: Vec::new(), ..case.schedule };
        let (from, until) = wall::day_bounds(schedule.time_zone, case.from);
        let open = open_stretches(&schedule, from, until);
        let length: TimeDelta = open.iter().map(|(start, end)| *end - *start).sum();
        prop_assert_eq!(length.num_minutes(), open_minutes(&schedule, from, until));
        prop_assert!(open.iter().all(|(start, end)| from <= *start && start < end && *end <= until));
        prop_assert!(open.windows(2).all(|pair| pair[0].1 < pair[1].0), "{:?}", open);
        // Nobody is there while the branch is closed.
        if let Some(opening) = &schedule.opening {
            let branch = opening_stretches(opening, from, until);
            let inside = |(start, end): &Stretch| branch.iter().any(|(opens, closes)| opens <= start && end <= closes);
            prop_assert!(open.iter().all(inside), "{:?} in {:?}", open, branch);
        }
    }

    #[test]
    fn clocks_agree_with_the_zone_database(
        zone in 0..TZ_VARIANTS.len(),
        day in -20_000..45_000i64,
        second in 0..86_400i64,
    ) {
        let zone = TZ_VARIANTS[zone];
        let instant = day * 86_400 + second;
        let offsets = Offsets::of(zone, instant - 40 * 86_400, instant + 40 * 86_400);
        let local = wall::instant(instant).with_timezone(&zone).naive_local();
        prop_assert_eq!(offsets.clock_at(instant), local.and_utc().timestamp());
    }
}
