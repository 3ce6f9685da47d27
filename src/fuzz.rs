//! Every parser of what strangers send, as a fuzzer reaches it.
//!
//! Each entry point takes bytes, gives them to one parser and panics when a promise is broken. The targets
//! of `fuzz/` call them for as long as one likes; the tests below call them with whatever comes to
//! proptest's mind.

use std::borrow::Cow;

use belfry_actors::Frame;
use belfry_domain::booking::{Mode, Status};
use belfry_domain::calendar::{CalendarUser, Method, Wording, invitation};
use belfry_domain::cron::Cron;
use belfry_domain::event::{BookingFacts, Person};
use belfry_domain::id::{BookingId, UserId};
use belfry_domain::template::Templates;
use belfry_domain::topic::Topic;
use belfry_domain::wall::WallTime;
use belfry_domain::{Instant, account, text};
use chrono::{NaiveDate, TimeDelta};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::config::Settings;
use crate::http::etag::IfMatch;
use crate::http::live::command;
use crate::http::problem::preferred;
use crate::http::ticket::Tickets;
use crate::http::{page, ticket};
use crate::secret::Secret;
use crate::token::{Purpose, Tokens};

/// Calendars kept elsewhere.
mod busy_time;
/// Frames and what becomes of them.
mod frames;

pub use busy_time::{busy_time, multistatus};
pub(crate) use frames::{Frames, outcome};

/// One parser and what is said of it.
type Entry = fn(&[u8]);

/// Every entry point by the name of its target; `belfry_actors::fuzz` has one more.
pub const ENTRIES: [(&str, Entry); 15] = [
    ("socket_frames", socket_frames),
    ("socket_commands", socket_commands),
    ("tokens", tokens),
    ("claims", claims),
    ("cursors", cursors),
    ("if_match", if_match),
    ("accept_language", accept_language),
    ("times", times),
    ("cron", cron),
    ("settings", settings),
    ("topics", topics),
    ("texts", texts),
    ("calendar", calendar),
    ("busy_time", busy_time),
    ("multistatus", multistatus),
];

const SECRET: &str = "thirty-two letters of a fuzz key";

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn now() -> Instant {
    Instant::from_timestamp(1_800_000_000, 0).expect("a time")
}

/// The bytes of a connection come out as the same messages, or end it for the same reason, however they are
/// cut; the first eight say how.
pub fn socket_frames(bytes: &[u8]) {
    let (cuts, bytes) = bytes.split_at(bytes.len().min(8));
    let at_once = outcome(bytes, std::iter::repeat(usize::MAX));
    let pieces = cuts.iter().map(|cut| usize::from(*cut)).cycle();
    if !cuts.is_empty() {
        assert_eq!(outcome(bytes, pieces), at_once);
    }
    assert_eq!(outcome(bytes, std::iter::repeat(1)), at_once);
}

/// What is answered to a text is JSON again, with the reference as it came.
pub fn socket_commands(bytes: &[u8]) {
    let Some(asked) = command::parse(bytes) else {
        return;
    };
    let reference = asked.reference.as_deref();
    let answer = match asked.command {
        Ok(_) => Frame::pong(reference),
        Err(refusal) => Frame::error(refusal.code(), refusal.detail(), reference),
    };
    let answer: serde_json::Result<Value> = serde_json::from_slice(&answer.json());
    // A reference may nest deeper than this reader goes; whoever sent it may read it.
    if let (Ok(answer), Ok(sent)) = (answer, serde_json::from_slice::<Value>(bytes)) {
        let reference = |frame: &Value| frame.get("ref").cloned().unwrap_or_default();
        assert_eq!(reference(&answer), reference(&sent));
    }
}

/// No text that was not signed here is a token or a ticket.
pub fn tokens(bytes: &[u8]) {
    let text = lossy(bytes);
    let tokens = Tokens::new(Secret::new(SECRET.to_owned()));
    assert!(tokens.read_access(&text, now()).is_none());
    for purpose in [Purpose::Verify, Purpose::Reset] {
        assert!(tokens.read_link(purpose, &text, now()).is_none());
    }
    let tickets = Tickets::new(SECRET.as_bytes(), TimeDelta::minutes(15));
    assert!(tickets.check(&text, now()).is_none());
}

/// Other services sign tickets with the shared secret; whatever they claim is granted within bounds or not
/// at all.
pub fn claims(bytes: &[u8]) {
    let Ok(mut claims) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let tickets = Tickets::new(SECRET.as_bytes(), TimeDelta::minutes(15));
    let tokens = Tokens::new(Secret::new(SECRET.to_owned()));
    for audience in ["live", "api", "verify", "reset"] {
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("aud".to_owned(), json!(audience));
        }
        let header = Header::new(Algorithm::HS256);
        let Ok(text) = jsonwebtoken::encode(&header, &claims, &key) else {
            return;
        };
        if tickets.check(&text, now()).is_some() {
            assert_eq!(audience, "live");
            let ends = claims["exp"].as_i64().expect("an end");
            assert!(ends <= now().timestamp() + ticket::TICKET_SECONDS || ends > now().timestamp());
        }
        if let Some(access) = tokens.read_access(&text, now()) {
            assert_eq!(audience, "api");
            assert!(access.exp > now().timestamp());
        }
        for purpose in [Purpose::Verify, Purpose::Reset] {
            let link = tokens.read_link(purpose, &text, now());
            assert!(link.is_none() || matches!(audience, "verify" | "reset"));
        }
    }
}

/// A cursor that is accepted is one that would be given out again.
pub fn cursors(bytes: &[u8]) {
    fn again<K: page::Key + serde::Serialize>(text: &str) {
        let Ok(Some(key)) = page::cursor::<K>(Some(text)) else {
            return;
        };
        let key = serde_json::to_value(key).expect("a key");
        let next = page::page(vec![(), ()], 1, |()| key.clone(), |()| ()).next;
        let read = page::cursor::<K>(next.as_deref()).ok().flatten();
        let read = read.expect("a cursor of this very list");
        assert_eq!(serde_json::to_value(read).expect("a key"), key);
    }
    let text = lossy(bytes);
    again::<i64>(&text);
    again::<(Instant, Uuid)>(&text);
    again::<(String, Uuid)>(&text);
}

/// An edit is let through for a version that is named, or for any when none is.
pub fn if_match(bytes: &[u8]) {
    let text = lossy(bytes);
    let read = IfMatch::read(Some(&text));
    for version in 0..12 {
        let named = text.trim() == "*" || text.contains(&version.to_string());
        assert!(named || read.check(version).is_err(), "{version}: {text:?}");
    }
}

/// Whatever is asked for, the answer is in a language of the house.
pub fn accept_language(bytes: &[u8]) {
    assert!(account::LANGUAGES.contains(&preferred(Some(&lossy(bytes)))));
}

/// Times, dates and zones are written as they were read.
pub fn times(bytes: &[u8]) {
    let text = lossy(bytes);
    if let Ok(time) = text.parse::<WallTime>() {
        assert_eq!(time.to_string(), text);
        assert!(time.minutes() <= 1440);
    }
    if let Ok(zone) = account::time_zone("/time_zone", &text) {
        assert_eq!(zone.name(), text);
    }
    if let Ok(date) = serde_json::from_value::<NaiveDate>(json!(text)) {
        assert_eq!(date.to_string().parse(), Ok(date));
    }
    if let Ok(at) = serde_json::from_value::<Instant>(json!(text)) {
        let again = serde_json::to_value(at).expect("an instant");
        assert_eq!(serde_json::from_value::<Instant>(again).ok(), Some(at));
    }
}

/// A cron expression that is understood fires later than the instant it is asked for, or never.
pub fn cron(bytes: &[u8]) {
    let text = lossy(bytes);
    for zone in [
        chrono_tz::UTC,
        chrono_tz::Europe::Berlin,
        chrono_tz::Australia::Lord_Howe,
    ] {
        if let Ok(cron) = Cron::parse(&text, zone)
            && let Some(next) = cron.next_after(now())
        {
            assert!(next > now());
        }
    }
}

/// A setting from the environment fits or is refused.
pub fn settings(bytes: &[u8]) {
    let text = lossy(bytes).into_owned();
    for name in [
        "BELFRY_REMINDERS__OFFSETS_MINUTES",
        "BELFRY_AUTH__SECRET",
        "BELFRY_SCHEDULER__SWEEP",
    ] {
        let variable = std::iter::once((name.to_owned(), text.clone()));
        let _ = Settings::load(None, variable);
    }
    let variable = std::iter::once((format!("BELFRY_{text}"), "1".to_owned()));
    let _ = Settings::load(None, variable);
}

/// A topic is written as it was read, but for the letters of its id.
pub fn topics(bytes: &[u8]) {
    if let Ok(topic) = lossy(bytes).parse::<Topic>() {
        assert_eq!(topic.to_string().parse(), Ok(topic));
    }
}

/// What is accepted would be accepted again as it is kept, and harms nobody who is shown it.
pub fn texts(bytes: &[u8]) {
    let text = lossy(bytes);
    for multiline in [false, true] {
        if let Ok(kept) = text::checked("/x", &text, 0, 500, multiline) {
            assert_eq!(
                text::checked("/x", &kept, 0, 500, multiline).as_ref(),
                Ok(&kept)
            );
            let breaks = |c| multiline && matches!(c, '\n' | '\r' | '\t');
            assert!(!kept.chars().any(|c| c.is_control() && !breaks(c)));
        }
    }
    for read in [
        account::email,
        account::phone,
        account::name,
        account::locale,
    ] {
        if let Ok(kept) = read("/x", &text) {
            assert_eq!(read("/x", &kept).as_ref(), Ok(&kept), "{text:?}");
            assert!(!kept.contains(['\r', '\n', '\0']));
        }
    }
    let _ = account::password("/password", &text);
}

/// Whatever people typed, a calendar file is whole lines of at most 75 octets that say no more than they
/// should, and a phrase of a mail is one line.
pub fn calendar(bytes: &[u8]) {
    let text = lossy(bytes);
    let (name, rest) = text.split_once('|').unwrap_or((&text, &text));
    let (summary, description) = rest.split_once('|').unwrap_or((rest, rest));
    let person = Person {
        id: UserId::at(now()),
        name: name.to_owned(),
    };
    let facts = BookingFacts {
        booking_id: BookingId::at(now()),
        code: "004217".to_owned(),
        status: Status::Pending,
        starts_at: now(),
        ends_at: now() + TimeDelta::hours(1),
        time_zone: "UTC".to_owned(),
        promised_start: None,
        expert: person.clone(),
        client: person,
        mode: if bytes.len().is_multiple_of(2) {
            Mode::Online
        } else {
            Mode::Offline
        },
        place: Some(description.to_owned()),
        link: Some(summary.to_owned()),
        note: None,
        reason: None,
        sequence: 2,
        offset_minutes: None,
        previous_starts_at: None,
        series: None,
        session: None,
        actor_id: None,
        actor_name: name.to_owned(),
        actor_role: "system".to_owned(),
    };
    let user = CalendarUser {
        name,
        email: "ann@example.com",
    };
    let wording = Wording {
        summary,
        description,
        page: Some(rest),
    };
    let file = invitation(&facts, Method::Request, user, user, wording, now());
    let lines: Vec<&str> = file.split("\r\n").collect();
    assert_eq!(lines.last(), Some(&""));
    for line in &lines {
        assert!(
            line.len() <= 75 && !line.contains(['\r', '\n', '\0']),
            "{line:?}"
        );
    }
    let unfolded = file.replace("\r\n ", "");
    let begins = |word: &str| {
        unfolded
            .split("\r\n")
            .filter(|line| line.starts_with(word))
            .count()
    };
    for word in [
        "BEGIN:VEVENT",
        "END:VEVENT",
        "UID:",
        "SUMMARY:",
        "ORGANIZER;",
        "ATTENDEE;",
    ] {
        assert_eq!(begins(word), 1, "{word}");
    }
    thread_local! {
        static TEMPLATES: Templates = Templates::builtin().expect("templates");
    }
    TEMPLATES.with(|templates| {
        assert!(
            !templates
                .phrase(name, summary, description)
                .contains(['\r', '\n'])
        );
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sound input of each parser, to begin from.
    const SEEDS: &[&str] = &[
        r#"{"type":"subscribe","topic":"expert:0198f0c2-7d1e-7000-8000-00000000002a:slots","ref":[1]}"#,
        r#"{"type":"notification","offset":7,"notification":{"id":"x"}}"#,
        r#"{"sub":"0198f0c2-7d1e-7000-8000-00000000002a","exp":1800000020,"epoch":1,"session_exp":9e9}"#,
        "booking:0198f0c2-7d1e-7000-8000-00000000002a",
        "WyIyMDI2LTEyLTAxVDAyOjAwOjAwWiIsIjAxOThmMGMyLTdkMWUtNzAwMC04MDAwLTAwMDAwMDAwMDAyYSJd",
        "\"7\"",
        "vi;q=0.8, en-GB;q=0.7, zh;q=x, *",
        "2026-12-01T02:00:00.5+07:00",
        "23:59",
        "Asia/Ho_Chi_Minh",
        "0 */10 8-18 * * Mon-Fri 2027",
        "[60, 1440]",
        "AUTH__ACCESS_MINUTES",
        "Ann.O'Neill+x@Example.co.uk",
        "+84 912 345 678",
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART;TZID=Asia/Tokyo:20270110T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY\nEND:VEVENT\nEND:VCALENDAR\n",
        "<multistatus xmlns=\"DAV:\"><response><href>/a&amp;b/</href></response></multistatus>",
        "Nguyễn, \"Minh\"; Dr.|first\\line,\nsecond|BEGIN:VEVENT",
    ];

    /// Bytes of any kind, text, and sound input with something wrong in it.
    fn anything() -> impl Strategy<Value = Vec<u8>> {
        let seed = prop::sample::select(SEEDS);
        let spoilt = (
            seed,
            any::<prop::sample::Index>(),
            prop::collection::vec(any::<u8>(), 0..4),
        );
        prop_oneof![
            2 => prop::collection::vec(any::<u8>(), 0..200),
            3 => "(?s).{0,80}".prop_map(String::into_bytes),
            2 => prop::sample::select(SEEDS).prop_map(|seed| seed.as_bytes().to_vec()),
            4 => spoilt.prop_map(|(seed, place, with)| {
                let mut bytes = seed.as_bytes().to_vec();
                let place = place.index(bytes.len());
                bytes.splice(place..(place + with.len() / 2).min(bytes.len()), with);
                bytes
            }),
        ]
    }

    proptest! {
        #[test]
        fn no_parser_breaks_its_promise(bytes in anything()) {
            for (name, entry) in ENTRIES {
                let kept = std::panic::catch_unwind(|| entry(&bytes)).is_ok();
                prop_assert!(kept, "{name}: {:?}", String::from_utf8_lossy(&bytes));
            }
        }
    }

    #[test]
    fn every_entry_has_its_target() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/fuzz_targets");
        let mut targets: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| {
                file.unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        targets.sort();
        let mut entries: Vec<String> = ENTRIES.iter().map(|(name, _)| (*name).to_owned()).collect();
        entries.push("bus_messages".to_owned());
        entries.sort();
        assert_eq!(targets, entries);
    }
}
