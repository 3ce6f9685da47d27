//! Wall-clock times and instants of every zone.

use std::collections::BTreeSet;

use belfry_domain::wall;
use chrono::{DateTime, Days, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{IANA_TZDB_VERSION, TZ_VARIANTS, Tz};

use crate::oracle::{ORACLE, instant};

const HOW: &str = "see docs/TESTING.md, \"Time\"";

#[test]
fn the_oracle_knows_the_release_and_the_zones_that_are_built_in() {
    assert_eq!(
        ORACLE.iana, IANA_TZDB_VERSION,
        "regenerate zones.txt; {HOW}"
    );
    let ours: BTreeSet<&str> = TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
    let theirs = ORACLE.rules.iter().flat_map(|rules| &rules.zones);
    let theirs: BTreeSet<&str> = theirs.map(|zone| zone.name()).collect();
    assert_eq!(ours, theirs);
    let changes: usize = ORACLE.rules.iter().map(|rules| rules.changes.len()).sum();
    println!(
        "{} zones, {} sets of rules, {changes} changes of {} shapes, {} more outside the years",
        theirs.len(),
        ORACLE.rules.len(),
        ORACLE.shapes.len(),
        ORACLE.outside.len()
    );
    // Guards against an oracle that lost what this is about.
    assert!(changes > 2000 && ORACLE.shapes.len() > 50, "{HOW}");
}

#[test]
fn every_zone_is_at_the_offset_that_the_oracle_knows() {
    let offset = |zone: Tz, at: i64| {
        let offset = zone.offset_from_utc_datetime(&instant(at).naive_utc());
        i64::from(offset.fix().local_minus_utc())
    };
    let second = |text: &str| text.parse::<DateTime<Utc>>().unwrap().timestamp();
    let (first, last) = (
        second("2015-01-01T00:00:00Z"),
        second("2041-01-01T00:00:00Z"),
    );
    for rules in &ORACLE.rules {
        for &zone in &rules.zones {
            let mut changes = rules.changes.iter().peekable();
            let mut known = rules.from;
            let mut at = first;
            while at < last {
                match changes.next_if(|change| change.at <= at) {
                    Some(change) => {
                        assert_eq!(
                            offset(zone, change.at - 1),
                            change.before,
                            "{zone} {change:?}"
                        );
                        assert_eq!(offset(zone, change.at), change.after, "{zone} {change:?}");
                        known = change.after;
                    }
                    None => {
                        assert_eq!(offset(zone, at), known, "{zone} {}", instant(at));
                        at += 43_200;
                    }
                }
            }
        }
    }
}

#[test]
fn wall_times_around_every_change_are_the_instants_of_the_oracle() {
    let mut compared = 0;
    for (zone, change) in ORACLE.changes() {
        let (date, minute) = change.shown();
        for &(edge, clock, after) in &ORACLE.shapes[change.shape].walls {
            let expected = instant(change.at) + TimeDelta::minutes(after);
            // The same clock time, counted from its own date and from the one before.
            let minutes = minute + clock;
            let day = date + TimeDelta::days(minutes.div_euclid(1440));
            let minutes = u16::try_from(minutes.rem_euclid(1440)).unwrap();
            assert_eq!(
                wall::at(zone, day, minutes, edge),
                expected,
                "{zone} {day} {minutes} {edge:?}"
            );
            let before = day - Days::new(1);
            assert_eq!(
                wall::at(zone, before, minutes + 1440, edge),
                expected,
                "{zone} {before} {minutes} {edge:?}"
            );
            compared += 2;
        }
    }
    println!("{compared} wall times compared");
}
