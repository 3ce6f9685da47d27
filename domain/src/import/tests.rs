//! Files as programs write them, and files as nobody should.

use std::cell::Cell;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;

use super::zone::Zone;
use super::{Contents, Reading, Unusable, busy_time, read};
use crate::wall::{self, Edge};

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Reads events on a clock in Berlin, in March of 2027.
fn busy(events: &str) -> String {
    shown(&contents(events).unwrap())
}

fn contents(events: &str) -> Result<Contents, Unusable> {
    let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}\r\nEND:VCALENDAR\r\n");
    read_file(&text)
}

fn read_file(text: &str) -> Result<Contents, Unusable> {
    let reading = Reading {
        zone: Tz::Europe__Berlin,
        window: (
            instant("2027-03-01T00:00:00Z"),
            instant("2027-04-01T00:00:00Z"),
        ),
        owner: &["me@example.com".to_owned()],
        in_time: &|| true,
    };
    read(text, &reading)
}

fn shown(contents: &Contents) -> String {
    let spans = busy_time(&contents.busy, |_| false);
    let written = spans
        .iter()
        .map(|(from, until)| format!("{}/{}", from.format("%d %H:%M"), until.format("%d %H:%M")));
    written.collect::<Vec<_>>().join(", ")
}

fn event(lines: &str) -> String {
    format!("BEGIN:VEVENT\nUID:a\n{lines}\nEND:VEVENT")
}

#[test]
fn times_are_on_the_clock_that_they_name() {
    for (lines, found) in [
        (
            "DTSTART:20270302T090000Z\nDTEND:20270302T100000Z",
            "02 09:00/02 10:00",
        ),
        (
            "DTSTART;TZID=America/New_York:20270302T090000\nDURATION:PT90M",
            "02 14:00/02 15:30",
        ),
        // Without a zone it is on the expert's clock.
        (
            "DTSTART:20270302T090000\nDTEND:20270302T100000",
            "02 08:00/02 09:00",
        ),
        // As Outlook names them.
        (
            "DTSTART;TZID=Pacific Standard Time:20270302T090000\nDURATION:PT1H",
            "02 17:00/02 18:00",
        ),
        (
            "DTSTART;TZID=\"(UTC+07:00) Bangkok, Hanoi, Jakarta\":20270302T090000\nDURATION:PT1H",
            "02 02:00/02 03:00",
        ),
        // A zone that nobody knows.
        (
            "DTSTART;TZID=Nowhere/At All:20270302T090000\nDURATION:PT1H",
            "02 08:00/02 09:00",
        ),
        // The clock leaves 02:30 of the 28th out.
        (
            "DTSTART:20270328T023000\nDURATION:PT1H",
            "28 01:30/28 02:30",
        ),
        // Ends in another zone.
        (
            "DTSTART;TZID=Asia/Tokyo:20270302T090000\nDTEND;TZID=Europe/Berlin:20270302T090000",
            "02 00:00/02 08:00",
        ),
    ] {
        assert_eq!(busy(&event(lines)), found, "{lines}");
    }
}

#[test]
fn whole_days_are_days_on_the_experts_calendar() {
    for (lines, found) in [
        (
            "DTSTART;VALUE=DATE:20270302\nDTEND;VALUE=DATE:20270304",
            "01 23:00/03 23:00",
        ),
        ("DTSTART;VALUE=DATE:20270302", "01 23:00/02 23:00"),
        // 23 hours, for the clock is set.
        (
            "DTSTART;VALUE=DATE:20270328\nDTEND;VALUE=DATE:20270329",
            "27 23:00/28 22:00",
        ),
        (
            "DTSTART;VALUE=DATE:20270302\nDURATION:P2D",
            "01 23:00/03 23:00",
        ),
        (
            "DTSTART;TZID=Asia/Tokyo;VALUE=DATE:20270302",
            "01 23:00/02 23:00",
        ),
        // Nothing ends before it begins.
        (
            "DTSTART;VALUE=DATE:20270302\nDTEND;VALUE=DATE:20270301",
            "01 23:00/02 23:00",
        ),
    ] {
        assert_eq!(busy(&event(lines)), found, "{lines}");
    }
}

#[test]
fn what_takes_no_time_is_left_out() {
    let at = "DTSTART:20270302T090000Z\nDTEND:20270302T100000Z";
    for free in [
        "STATUS:CANCELLED",
        "TRANSP:TRANSPARENT",
        "X-MICROSOFT-CDO-BUSYSTATUS:FREE",
        "ATTENDEE;PARTSTAT=DECLINED:mailto:Me@Example.com",
    ] {
        assert_eq!(busy(&event(&format!("{at}\n{free}"))), "", "{free}");
    }
    for taking in [
        "STATUS:TENTATIVE",
        "TRANSP:OPAQUE",
        "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
        "ATTENDEE;PARTSTAT=DECLINED:mailto:other@example.com",
        "ATTENDEE;PARTSTAT=TENTATIVE:mailto:me@example.com",
    ] {
        assert_eq!(
            busy(&event(&format!("{at}\n{taking}"))),
            "02 09:00/02 10:00",
            "{taking}"
        );
    }
    // Without a length it takes none.
    assert_eq!(busy(&event("DTSTART:20270302T090000Z")), "");
    assert_eq!(
        busy("BEGIN:VJOURNAL\nUID:b\nDTSTART:20270302T090000Z\nDURATION:PT1H\nEND:VJOURNAL"),
        ""
    );
}

#[test]
fn a_series_keeps_its_time_on_the_clock() {
    let weekly = "DTSTART;TZID=Europe/Berlin:20260101T090000\nDTEND;TZID=Europe/Berlin:20260101T100000\n\
                  RRULE:FREQ=WEEKLY;BYDAY=MO";
    assert_eq!(
        busy(&event(weekly)),
        "01 08:00/01 09:00, 08 08:00/08 09:00, 15 08:00/15 09:00, 22 08:00/22 09:00, 29 07:00/29 08:00"
    );
}

#[test]
fn a_series_ends_where_its_rule_says() {
    let start = "DTSTART;TZID=Asia/Ho_Chi_Minh:20270301T100000\nDURATION:PT1H\nRRULE:FREQ=DAILY;";
    let three = "01 03:00/01 04:00, 02 03:00/02 04:00, 03 03:00/03 04:00";
    for end in [
        "COUNT=3",
        "UNTIL=20270303T100000",
        // To the second, in UTC and on a clock seven hours ahead of it.
        "UNTIL=20270303T030000Z",
        "UNTIL=20270303",
        "UNTIL=20270303T235959",
    ] {
        assert_eq!(busy(&event(&format!("{start}{end}"))), three, "{end}");
    }
    let shorter = format!("{start}UNTIL=20270303T025959Z");
    assert_eq!(
        busy(&event(&shorter)),
        "01 03:00/01 04:00, 02 03:00/02 04:00"
    );
}

#[test]
fn dates_are_taken_out_of_a_series_and_added_to_it() {
    let series =
        "DTSTART;TZID=Europe/Berlin:20270301T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\n";
    for out in [
        "EXDATE;TZID=Europe/Berlin:20270302T090000,20270304T090000",
        "EXDATE:20270302T080000Z\nEXDATE:20270304T080000Z",
        "EXDATE;VALUE=DATE:20270302,20270304",
    ] {
        let found = busy(&event(&format!("{series}{out}")));
        assert_eq!(found, "01 08:00/01 09:00, 03 08:00/03 09:00", "{out}");
    }
    let more = "DTSTART:20270302T090000Z\nDURATION:PT1H\nRDATE:20270309T120000Z\n\
                RDATE;VALUE=PERIOD:20270310T090000Z/PT3H";
    assert_eq!(
        busy(&event(more)),
        "02 09:00/02 10:00, 09 12:00/09 13:00, 10 09:00/10 12:00"
    );
}

#[test]
fn one_date_of_a_series_may_differ_whatever_its_sequence() {
    let series = event(
        "SEQUENCE:1\nDTSTART;TZID=Europe/Berlin:20270301T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3",
    );
    let moved = event(
        "SEQUENCE:4\nRECURRENCE-ID;TZID=Europe/Berlin:20270302T090000\nDTSTART:20270302T150000Z\nDURATION:PT2H",
    );
    let found = "01 08:00/01 09:00, 02 15:00/02 17:00, 03 08:00/03 09:00";
    // In either order, and named in UTC as well.
    assert_eq!(busy(&format!("{series}\n{moved}")), found);
    assert_eq!(busy(&format!("{moved}\n{series}")), found);
    let in_utc = moved.replace(
        "RECURRENCE-ID;TZID=Europe/Berlin:20270302T090000",
        "RECURRENCE-ID:20270302T080000Z",
    );
    assert_eq!(busy(&format!("{series}\n{in_utc}")), found);
    let off = event(
        "SEQUENCE:4\nRECURRENCE-ID:20270302T080000Z\nDTSTART:20270302T080000Z\nDURATION:PT1H\nSTATUS:CANCELLED",
    );
    assert_eq!(
        busy(&format!("{series}\n{off}")),
        "01 08:00/01 09:00, 03 08:00/03 09:00"
    );
    // Somebody who is invited to one date knows no series.
    assert_eq!(busy(&moved), "02 15:00/02 17:00");
}

#[test]
fn what_is_changed_of_one_series_leaves_another_alone() {
    let series = |uid: &str| {
        format!(
            "BEGIN:VEVENT\nUID:{uid}\nDTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2\nEND:VEVENT"
        )
    };
    let off = "BEGIN:VEVENT\nUID:one\nRECURRENCE-ID:20270302T090000Z\nDTSTART:20270302T090000Z\nDURATION:PT1H\nSTATUS:CANCELLED\nEND:VEVENT";
    let both = format!("{}\n{}\n{off}", series("one"), series("two"));
    assert_eq!(busy(&both), "01 09:00/01 10:00, 02 09:00/02 10:00");
    assert_eq!(
        busy(&format!("{}\n{off}", series("one"))),
        "01 09:00/01 10:00"
    );
}

#[test]
fn all_following_dates_may_differ() {
    let series = event("DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4");
    let from = event(
        "RECURRENCE-ID;RANGE=THISANDFUTURE:20270303T090000Z\nDTSTART:20270303T110000Z\nDURATION:PT30M",
    );
    assert_eq!(
        busy(&format!("{series}\n{from}")),
        "01 09:00/01 10:00, 02 09:00/02 10:00, 03 11:00/03 11:30, 04 11:00/04 11:30"
    );
}

#[test]
fn a_file_may_bring_rules_of_its_own() {
    let zone = "BEGIN:VTIMEZONE\nTZID:Our own\nBEGIN:STANDARD\nDTSTART:19701101T020000\nTZOFFSETFROM:+0330\n\
                TZOFFSETTO:+0230\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU\nEND:STANDARD\nBEGIN:DAYLIGHT\n\
                DTSTART:19700315T020000\nTZOFFSETFROM:+0230\nTZOFFSETTO:+0330\n\
                RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=3SU\nEND:DAYLIGHT\nEND:VTIMEZONE\n";
    let series =
        event("DTSTART;TZID=Our own:20270320T120000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3");
    assert_eq!(
        busy(&format!("{zone}{series}")),
        "20 09:30/20 10:30, 21 08:30/21 09:30, 22 08:30/22 09:30"
    );
}

#[test]
fn busy_time_without_events_counts_too() {
    let part = "BEGIN:VFREEBUSY\nUID:f\nDTSTART:20270301T000000Z\nDTEND:20270401T000000Z\n\
                FREEBUSY:20270302T090000Z/PT1H,20270303T090000Z/20270303T120000Z\n\
                FREEBUSY;FBTYPE=FREE:20270304T090000Z/PT1H\nEND:VFREEBUSY";
    assert_eq!(busy(part), "02 09:00/02 10:00, 03 09:00/03 12:00");
}

#[test]
fn what_touches_is_one_and_what_lies_outside_the_window_is_cut() {
    let events = [
        ("20270227T090000Z", "20270301T010000Z"),
        ("20270302T090000Z", "20270302T100000Z"),
        ("20270302T093000Z", "20270302T110000Z"),
        ("20270302T110000Z", "20270302T113000Z"),
        ("20270331T230000Z", "20270402T000000Z"),
        ("20270501T090000Z", "20270501T100000Z"),
    ];
    let events: Vec<String> = events
        .iter()
        .enumerate()
        .map(|(n, (from, until))| {
            format!("BEGIN:VEVENT\nUID:{n}\nDTSTART:{from}\nDTEND:{until}\nEND:VEVENT")
        })
        .collect();
    assert_eq!(
        busy(&events.join("\n")),
        "01 00:00/01 01:00, 02 09:00/02 11:30, 31 23:00/01 00:00"
    );
}

#[test]
fn bookings_of_this_house_are_known_by_their_identity() {
    let id = "01939f3e-0000-7000-8000-000000000001";
    let ours = format!(
        "BEGIN:VEVENT\nUID:{id}@belfry\nDTSTART:20270302T090000Z\nDURATION:PT1H\nEND:VEVENT"
    );
    let found = contents(&ours).unwrap();
    let own = id.parse().unwrap();
    assert_eq!(busy_time(&found.busy, |booking| booking == own), []);
    // One of another house is busy time like any other.
    assert_eq!(busy_time(&found.busy, |_| false).len(), 1);
    let other = contents(&ours.replace("@belfry", "@elsewhere")).unwrap();
    assert_eq!(busy_time(&other.busy, |_| true).len(), 1);
}

#[test]
fn odd_events_do_not_spoil_the_others() {
    let sound = "BEGIN:VEVENT\nUID:s\nDTSTART:20270302T090000Z\nDURATION:PT1H\nEND:VEVENT";
    for odd in [
        "BEGIN:VEVENT\nUID:o\nEND:VEVENT",
        "BEGIN:VEVENT\nUID:o\nDTSTART:yesterday\nEND:VEVENT",
        "BEGIN:VEVENT\nUID:o\nDTSTART:99991231T235959Z\nDURATION:P9999W\nEND:VEVENT",
        "BEGIN:VEVENT\nUID:o\nDTSTART:20270230T090000Z\nDURATION:PT1H\nEND:VEVENT",
        "BEGIN:VEVENT\nDTSTART:20260302T090000Z\nDURATION:PT1H\nRRULE:FREQ=NEVER\nEND:VEVENT",
        "BEGIN:VEVENT\nUID:o\nDTSTART;VALUE=DATE:20270230\nEND:VEVENT",
        "GARBAGE\n;;;:::\n\n",
    ] {
        let found = contents(&format!("{odd}\n{sound}")).unwrap();
        assert_eq!(shown(&found), "02 09:00/02 10:00", "{odd}");
    }
    // Old Macs, a byte order mark, no end.
    let text = format!("\u{feff}BEGIN:VCALENDAR\n{sound}");
    assert_eq!(shown(&read_file(&text).unwrap()), "02 09:00/02 10:00");
}

#[test]
fn what_is_no_calendar_is_refused() {
    for text in [
        "",
        "<!doctype html><title>Sign in</title>",
        "BEGIN:VCARD\nFN:Ann\nEND:VCARD\n",
        "BEGIN",
    ] {
        assert_eq!(read_file(text), Err(Unusable::NotACalendar), "{text}");
    }
    assert_eq!(contents("").unwrap(), Contents::default());
}

#[test]
fn more_than_anybody_has_time_for_is_refused() {
    let every_second = event("DTSTART:20200101T000000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY");
    assert_eq!(contents(&every_second), Err(Unusable::TooMuch));
    let many = "BEGIN:VEVENT\nEND:VEVENT\n".repeat(20_001);
    assert_eq!(contents(&many), Err(Unusable::TooMuch));
    let rules: String = (0..60)
        .map(|n| format!("BEGIN:VEVENT\nUID:{n}\nDTSTART:20050101T0000{n:02}Z\nDURATION:PT1S\nRRULE:FREQ=DAILY\nEND:VEVENT\n"))
        .collect();
    assert_eq!(
        contents(&rules),
        Err(Unusable::TooMuch),
        "20 years each, 60 times"
    );
    // A rule that never comes true ends, and leaves its first date.
    let never = event(
        "DTSTART:20270302T090000Z\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
    );
    assert_eq!(busy(&never), "02 09:00/02 10:00");
    // And whoever has no time left is heard.
    let asked = Cell::new(0);
    let reading = Reading {
        zone: Tz::UTC,
        window: (
            instant("2027-03-01T00:00:00Z"),
            instant("2027-04-01T00:00:00Z"),
        ),
        owner: &[],
        in_time: &|| asked.replace(asked.get() + 1) < 3,
    };
    let text = format!(
        "BEGIN:VCALENDAR\n{}\nEND:VCALENDAR",
        rules.lines().take(40).collect::<Vec<_>>().join("\n")
    );
    assert_eq!(read(&text, &reading), Err(Unusable::TooMuch));
}

#[test]
fn failures_are_waited_out_longer_and_longer() {
    let now = instant("2027-03-01T00:00:00Z");
    let minutes = |failures: i64| {
        let at = super::next_at(failures, crate::id::ImportId::at(now), now);
        (at - now).num_minutes() / 15 * 15
    };
    let waits = [0, 1, 2, 3, 4, 7, 8, 100].map(minutes);
    assert_eq!(waits, [15, 15, 30, 60, 120, 960, 1440, 1440]);
}

#[test]
fn depth_and_length_are_harmless() {
    let deep = "BEGIN:VALARM\n".repeat(50_000);
    let sound = "BEGIN:VEVENT\nUID:s\nDTSTART:20270302T090000Z\nDURATION:PT1H\nEND:VEVENT";
    assert_eq!(busy(&format!("{sound}\n{deep}")), "02 09:00/02 10:00");
    let folded = format!(
        "BEGIN:VEVENT\nUID:s\nSUMMARY:{}\nDTSTART:20270302T090000Z\nDURATION:PT1H\nEND:VEVENT",
        "a\n ".repeat(200_000)
    );
    assert_eq!(busy(&folded), "02 09:00/02 10:00");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same rules for clocks as everywhere else in the house.
    #[test]
    fn clocks_go_to_instants_as_in_the_schedule(
        zone in 0..TZ_VARIANTS.len(),
        day in 10_000..25_000i64,
        minutes in 0..1440u16,
        end in any::<bool>(),
    ) {
        let edge = if end { Edge::End } else { Edge::Start };
        let zone = TZ_VARIANTS[zone];
        let date = NaiveDate::default() + TimeDelta::days(day);
        let shown: NaiveDateTime = date.and_hms_opt(0, 0, 0).unwrap() + TimeDelta::minutes(minutes.into());
        let expected = wall::at(zone, date, minutes, edge);
        prop_assert_eq!(Zone::Named(zone).instant(shown, edge), expected);
    }

    #[test]
    fn a_shown_time_comes_back(zone in 0..TZ_VARIANTS.len(), seconds in 800_000_000..2_000_000_000i64) {
        let at = DateTime::from_timestamp(seconds, 0).unwrap();
        let zone = Zone::Named(TZ_VARIANTS[zone]);
        let shown = zone.shown(at);
        let back = [Edge::Start, Edge::End].map(|edge| zone.instant(shown, edge));
        prop_assert!(back.contains(&at), "{shown}: {back:?}, not {at}");
    }

    /// Whatever a file says: it is read or refused, and what comes out is in order, apart and in the window.
    #[test]
    fn busy_time_is_in_order_apart_and_in_the_window(lines in prop::collection::vec(line(), 0..40)) {
        if let Ok(found) = contents(&lines.join("\n")) {
            let spans = busy_time(&found.busy, |_| false);
            for (from, until) in &spans {
                prop_assert!(from < until);
                prop_assert!(*from >= instant("2027-03-01T00:00:00Z") && *until <= instant("2027-04-01T00:00:00Z"));
            }
            prop_assert!(spans.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}

/// Lines of events, sound and spoilt.
fn line() -> impl Strategy<Value = String> {
    let time = (0..60u32, 0..24u32).prop_map(|(day, hour)| {
        let date = NaiveDate::from_ymd_opt(2027, 2, 20).unwrap() + TimeDelta::days(day.into());
        format!("{}T{hour:02}0000", date.format("%Y%m%d"))
    });
    let zone = prop::sample::select(vec![
        "",
        ";TZID=Europe/Berlin",
        ";TZID=Nowhere",
        ";VALUE=DATE",
    ]);
    let name = prop::sample::select(vec!["DTSTART", "DTEND", "EXDATE", "RDATE", "RECURRENCE-ID"]);
    prop_oneof![
        4 => Just("BEGIN:VEVENT".to_owned()),
        3 => Just("END:VEVENT".to_owned()),
        8 => (name, zone, time, any::<bool>()).prop_map(|(name, zone, time, utc)| {
            format!("{name}{zone}:{time}{}", if utc { "Z" } else { "" })
        }),
        2 => (0..3u8).prop_map(|uid| format!("UID:{uid}")),
        2 => prop::sample::select(vec![
            "RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY;BYDAY=MO,FR;COUNT=9", "RRULE:FREQ=MONTHLY;BYDAY=-1SU",
            "RRULE:FREQ=YEARLY;INTERVAL=0", "RRULE:FREQ=HOURLY;UNTIL=20270303T000000Z", "RRULE:FREQ=DAILY;BYSETPOS=-400",
            "DURATION:PT45M", "DURATION:-PT1H", "DURATION:P1W", "STATUS:CANCELLED", "TRANSP:TRANSPARENT",
        ]).prop_map(str::to_owned),
        1 => "[A-Z:;=,\"]{0,20}",
    ]
}
