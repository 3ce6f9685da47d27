//! Calendar files, read back line by line as RFC 5545 says.

use belfry_domain::Instant;
use belfry_domain::booking::{Mode, Status};
use belfry_domain::calendar::{CalendarUser, Method, Wording, invitation};
use belfry_domain::event::{BookingFacts, Person};
use belfry_domain::id::{BookingId, UserId};
use proptest::prelude::*;

fn now() -> Instant {
    "2026-12-01T01:00:00.123456Z".parse().unwrap()
}

fn facts() -> BookingFacts {
    let person = |name: &str| Person {
        id: UserId::at(now()),
        name: name.to_owned(),
    };
    BookingFacts {
        booking_id: BookingId::at(now()),
        code: "004217".to_owned(),
        status: Status::Pending,
        starts_at: "2026-12-01T02:00:00Z".parse().unwrap(),
        ends_at: "2026-12-01T03:00:00Z".parse().unwrap(),
        time_zone: "Asia/Ho_Chi_Minh".to_owned(),
        promised_start: None,
        expert: person("Nguyễn, \"Minh\"; Dr."),
        client: person("Ann"),
        mode: Mode::Offline,
        place: Some("12 Main St; room 3, back\\yard".to_owned()),
        link: None,
        note: None,
        reason: None,
        sequence: 2,
        offset_minutes: None,
        previous_starts_at: None,
        series: None,
        session: None,
        actor_id: None,
        actor_name: "Belfry".to_owned(),
        actor_role: "system".to_owned(),
    }
}

fn file(facts: &BookingFacts, method: Method, summary: &str, description: &str) -> String {
    let organiser = CalendarUser {
        name: &facts.expert.name,
        email: "minh@example.com",
    };
    let attendee = CalendarUser {
        name: &facts.client.name,
        email: "ann@example.com",
    };
    let wording = Wording {
        summary,
        description,
        page: Some("https://belfry.test/bookings/1"),
    };
    invitation(facts, method, organiser, attendee, wording, now())
}

/// One content line: name, parameters, raw value.
#[derive(Debug)]
struct Line {
    name: String,
    parameters: Vec<(String, String)>,
    value: String,
}

/// Reads a file strictly: line ends, line length, unfolding, names, quoting.
fn read(file: &str) -> Vec<Line> {
    assert!(file.ends_with("\r\n"));
    let physical: Vec<&str> = file[..file.len() - 2].split("\r\n").collect();
    let mut logical: Vec<String> = Vec::new();
    for line in physical {
        assert!(line.len() <= 75, "{} octets: {line}", line.len());
        assert!(!line.contains(['\r', '\n']), "a bare line end: {line:?}");
        match line.strip_prefix([' ', '\t']) {
            Some(more) => logical.last_mut().expect("starts folded").push_str(more),
            None => logical.push(line.to_owned()),
        }
    }
    logical.iter().map(|line| parse(line)).collect()
}

fn parse(line: &str) -> Line {
    let mut parts = vec![String::new()];
    let (mut quoted, mut value) = (false, None);
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ';' if !quoted => parts.push(String::new()),
            ':' if !quoted => {
                value = Some(line[at + 1..].to_owned());
                break;
            }
            c => {
                assert!(!c.is_control(), "control character in {line:?}");
                parts.last_mut().unwrap().push(c);
            }
        }
    }
    assert!(!quoted, "an open quote in {line:?}");
    let mut parts = parts.into_iter();
    let name = parts.next().unwrap();
    assert!(
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '-'),
        "name {name:?}"
    );
    let parameters = parts
        .map(|part| {
            let (key, value) = part.split_once('=').expect("a parameter has a value");
            (key.to_owned(), value.to_owned())
        })
        .collect();
    Line {
        name,
        parameters,
        value: value.expect("a line has a value"),
    }
}

/// Undoes the escapes of a TEXT value, refusing anything that should have been escaped.
fn unescape(value: &str) -> String {
    let mut text = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next().expect("nothing after a backslash") {
                'n' | 'N' => text.push('\n'),
                c @ ('\\' | ';' | ',') => text.push(c),
                other => panic!("unknown escape \\{other}"),
            },
            ';' | ',' => panic!("bare {c} in {value:?}"),
            c => text.push(c),
        }
    }
    text
}

fn one<'a>(lines: &'a [Line], name: &str) -> &'a Line {
    let mut found = lines.iter().filter(|line| line.name == name);
    let line = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(found.next().is_none(), "{name} twice");
    line
}

#[test]
fn an_invitation_names_both_and_asks_the_calendar_to_pencil_it_in() {
    let facts = facts();
    let lines = read(&file(&facts, Method::Request, "With Minh", "Code: 1"));
    let names: Vec<&str> = lines.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names[..2], ["BEGIN", "VERSION"]);
    assert_eq!(names[names.len() - 2..], ["END", "END"]);
    for (name, value) in [
        ("METHOD", "REQUEST"),
        ("STATUS", "TENTATIVE"),
        ("SEQUENCE", "2"),
        ("DTSTAMP", "20261201T010000Z"),
        ("DTSTART", "20261201T020000Z"),
        ("DTEND", "20261201T030000Z"),
        ("UID", format!("{}@belfry", facts.booking_id).as_str()),
        ("URL", "https://belfry.test/bookings/1"),
    ] {
        assert_eq!(one(&lines, name).value, value, "{name}");
    }
    assert_eq!(
        unescape(&one(&lines, "LOCATION").value),
        "12 Main St; room 3, back\\yard"
    );
    let organiser = one(&lines, "ORGANIZER");
    assert_eq!(organiser.value, "mailto:minh@example.com");
    let name = ("CN".to_owned(), "Nguyễn, 'Minh'; Dr.".to_owned());
    assert!(organiser.parameters.contains(&name), "{organiser:?}");
    let attendee = one(&lines, "ATTENDEE");
    assert_eq!(attendee.value, "mailto:ann@example.com");
}

#[test]
fn the_uid_stays_while_status_and_method_follow_the_booking() {
    let mut facts = facts();
    let status = |facts: &BookingFacts, method| {
        let lines = read(&file(facts, method, "s", ""));
        (
            one(&lines, "UID").value.clone(),
            one(&lines, "STATUS").value.clone(),
            one(&lines, "METHOD").value.clone(),
        )
    };
    let uid = status(&facts, Method::Request).0;
    facts.status = Status::Confirmed;
    let confirmed = status(&facts, Method::Request);
    assert_eq!(
        confirmed,
        (uid.clone(), "CONFIRMED".into(), "REQUEST".into())
    );
    facts.status = Status::Cancelled;
    let cancelled = status(&facts, Method::Cancel);
    assert_eq!(cancelled, (uid, "CANCELLED".into(), "CANCEL".into()));
}

#[test]
fn online_the_place_is_the_link() {
    let mut facts = facts();
    facts.mode = Mode::Online;
    facts.link = Some("https://meet.example/a,b".to_owned());
    let lines = read(&file(&facts, Method::Request, "s", "d"));
    assert_eq!(
        unescape(&one(&lines, "LOCATION").value),
        "https://meet.example/a,b"
    );
}

proptest! {
    #[test]
    fn whatever_people_type_comes_back_and_breaks_nothing(
        name in "\\PC{0,120}", summary in "\\PC{0,200}", description in "(\\PC|\n){0,400}",
    ) {
        let mut facts = facts();
        facts.expert.name = name.clone();
        let lines = read(&file(&facts, Method::Request, &summary, &description));
        prop_assert_eq!(unescape(&one(&lines, "SUMMARY").value), summary);
        if !description.is_empty() {
            prop_assert_eq!(unescape(&one(&lines, "DESCRIPTION").value), description);
        }
        let shown = name.replace('"', "'");
        let organiser = one(&lines, "ORGANIZER");
        prop_assert!(organiser.parameters.contains(&("CN".to_owned(), shown)));
    }
}
