//! Offsets against chrono, second by second, in every zone.

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;

use super::{Offsets, SECONDS_PER_DAY, date_of, day_number, monday_of};
use crate::wall::Edge;

/// Somewhere in the zone database, more often right beside a change of that zone.
fn moments() -> impl Strategy<Value = (Tz, i64)> {
    let anywhere = (
        0..TZ_VARIANTS.len(),
        -20_000 * SECONDS_PER_DAY..25_000 * SECONDS_PER_DAY,
    )
        .prop_map(|(zone, instant)| (TZ_VARIANTS[zone], instant));
    let near = (0..TZ_VARIANTS.len(), -20_000..25_000i64, -90_000..90_000i64).prop_map(
        |(zone, day, beside)| {
            let zone = TZ_VARIANTS[zone];
            let from = day * SECONDS_PER_DAY;
            let offsets = Offsets::of(zone, from, from + 370 * SECONDS_PER_DAY);
            // The start of a stretch that is not the first one is a change.
            let change = offsets.pieces().get(1).map_or(from, |piece| piece.start);
            (zone, change + beside)
        },
    );
    prop_oneof![1 => anywhere, 3 => near]
}

fn local(zone: Tz, instant: i64) -> NaiveDateTime {
    DateTime::from_timestamp(instant, 0)
        .unwrap()
        .with_timezone(&zone)
        .naive_local()
}

/// By the rule in the words of `wall.rs`: the earlier instant of a start, the later one of an end, and what is left out
/// moves forward by as much as is left out.
fn shown_at(zone: Tz, clock: NaiveDateTime, edge: Edge) -> DateTime<Utc> {
    let mut left_out = TimeDelta::zero();
    loop {
        match (zone.from_local_datetime(&(clock - left_out)), edge) {
            (LocalResult::Single(found), _)
            | (LocalResult::Ambiguous(found, _), Edge::Start)
            | (LocalResult::Ambiguous(_, found), Edge::End) => return found.to_utc() + left_out,
            (LocalResult::None, _) => left_out += TimeDelta::seconds(1),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_pieces_follow_each_other_and_change_where_the_clock_does(
        (zone, around) in moments(),
        before in 1..40 * SECONDS_PER_DAY,
        after in 1..40 * SECONDS_PER_DAY,
    ) {
        let (from, until) = (around - before, around + after);
        let offsets = Offsets::of(zone, from, until);
        let pieces = offsets.pieces();
        prop_assert_eq!(pieces.first().map(|piece| piece.start), Some(from));
        prop_assert_eq!(pieces.last().map(|piece| piece.end), Some(until));
        for pair in pieces.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].start);
            prop_assert_ne!(pair[0].offset, pair[1].offset);
        }
        for piece in pieces {
            prop_assert!(piece.start < piece.end);
            for instant in [piece.start, (piece.start + piece.end) / 2, piece.end - 1] {
                let shown = local(zone, instant).and_utc().timestamp();
                prop_assert_eq!(shown - instant, piece.offset, "{} at {}", zone, instant);
                prop_assert_eq!(offsets.clock_at(instant), shown);
            }
        }
    }

    #[test]
    fn a_clock_is_read_as_chrono_reads_it((zone, around) in moments()) {
        let margin = 3 * SECONDS_PER_DAY;
        let offsets = Offsets::of(zone, around - margin, around + margin);
        // Times that are left out are asked for, too: nothing shows them, whatever the offset.
        for clock in [around, offsets.clock_at(around), offsets.clock_at(around - 3600) + 3600] {
            let shown = DateTime::from_timestamp(clock, 0).unwrap().naive_utc();
            for edge in [Edge::Start, Edge::End] {
                let found = offsets.instant_of(clock, edge);
                prop_assert_eq!(found, shown_at(zone, shown, edge).timestamp(), "{} {} {:?}", zone, shown, edge);
            }
            prop_assert!(offsets.instant_of(clock, Edge::Start) <= offsets.instant_of(clock, Edge::End));
        }
    }

    #[test]
    fn a_date_is_there_when_some_second_of_it_is((zone, around) in moments()) {
        let margin = 4 * SECONDS_PER_DAY;
        let offsets = Offsets::of(zone, around - margin, around + margin);
        let today = around.div_euclid(SECONDS_PER_DAY);
        for day in today - 2..=today + 2 {
            // Every ten minutes from before the date begins anywhere until after it has ended everywhere.
            let instants = (day * SECONDS_PER_DAY - 86_400..(day + 2) * SECONDS_PER_DAY).step_by(600);
            let date = date_of(day).unwrap();
            let seen = instants.into_iter().any(|instant| local(zone, instant).date() == date);
            prop_assert_eq!(offsets.has_day(day), seen, "{} {}", zone, date);
        }
    }

    #[test]
    fn days_and_dates_are_two_names_of_one_thing(day in -700_000..700_000i64) {
        use chrono::Datelike;
        let date = date_of(day).unwrap();
        prop_assert_eq!(day_number(date), day);
        prop_assert_eq!(date.succ_opt().map(day_number), Some(day + 1));
        let monday = date_of(monday_of(day)).unwrap();
        prop_assert_eq!(monday.weekday(), chrono::Weekday::Mon);
        prop_assert_eq!(monday.iso_week(), date.iso_week());
    }
}
