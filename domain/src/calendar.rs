//! Calendar files (iCalendar, RFC 5545) and the invitations made of them (iTIP, RFC 5546).
//!
//! Written here line by line: the format is a dozen lines, and a general writer would bring a clock and
//! random ids into this crate while still leaving the folding to be checked. Mails, downloads and feeds are
//! all written by [`event`], so that a calendar which gets several of them keeps one entry.

/// The calendar that somebody subscribes to.
mod feed;

use serde::{Deserialize, Serialize};

use crate::Instant;
use crate::booking::{Mode, Status};
use crate::event::BookingFacts;
use crate::id::BookingId;
use crate::template::Templates;

pub use feed::{FEED_AHEAD, FEED_BACK, FEED_MOST, Feed};

/// What a calendar is asked to do with the event (RFC 5546 §1.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// An invitation or its update.
    Request,
    /// The event will not take place.
    Cancel,
}

impl Method {
    /// What a calendar that knows nothing yet, or an older state, is asked to do with a booking.
    pub fn of(status: Status) -> Self {
        match status {
            Status::Cancelled | Status::Rejected => Self::Cancel,
            _ => Self::Request,
        }
    }

    /// The value of `METHOD`, also the `method` parameter of the content type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
        }
    }

    /// The content type of a file with this method.
    pub fn content_type(self) -> String {
        format!("text/calendar; charset=utf-8; method={}", self.as_str())
    }
}

/// Somebody with an e-mail address, as a calendar names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CalendarUser<'a> {
    pub name: &'a str,
    pub email: &'a str,
}

/// What a person reads in the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wording<'a> {
    /// One line, in the language of the reader.
    pub summary: &'a str,
    /// Any number of lines.
    pub description: &'a str,
    /// Address of the booking's page.
    pub page: Option<&'a str>,
}

/// The calendar file of a booking. It carries the same `UID` through the booking's life and the
/// `SEQUENCE` of its facts, so that a calendar replaces what it knew; `stamp` is when the facts became
/// true.
pub fn invitation(
    facts: &BookingFacts,
    method: Method,
    organiser: CalendarUser<'_>,
    attendee: CalendarUser<'_>,
    wording: Wording<'_>,
    stamp: Instant,
) -> String {
    let mut file = Lines::calendar();
    // An invitation is to one event (RFC 5546 §3.2.2); several are published.
    let published = facts.others().next().is_some();
    let said = if published {
        "PUBLISH"
    } else {
        method.as_str()
    };
    file.line(&format!("METHOD:{said}"));
    event(
        &mut file,
        facts,
        status(facts.status, method),
        wording,
        stamp,
        |file| {
            file.line(&format!(
                "ORGANIZER;CN={}:mailto:{}",
                parameter(organiser.name),
                organiser.email
            ));
            // They booked it themselves: nobody has to answer.
            file.line(&format!(
            "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=FALSE;CN={}:mailto:{}",
            parameter(attendee.name),
            attendee.email
        ));
        },
    );
    for step in facts.others() {
        let of_it = BookingFacts {
            booking_id: step.booking_id,
            sequence: step.sequence,
            starts_at: step.starts_at,
            ends_at: step.ends_at,
            ..facts.clone()
        };
        event(
            &mut file,
            &of_it,
            status(facts.status, method),
            wording,
            stamp,
            |_| {},
        );
    }
    file.end()
}

/// What a reader's calendar says of a booking: whom they meet, and what was written with it. One line, and any
/// number of them.
pub fn described(
    templates: &Templates,
    locale: &str,
    other: &str,
    facts: &BookingFacts,
) -> (String, String) {
    let word = |key| templates.word(locale, key);
    let mut lines = vec![format!("{}: {}", word("code"), facts.code)];
    for (key, text) in [("note", &facts.note), ("reason", &facts.reason)] {
        lines.extend(text.as_ref().map(|text| format!("{}: {text}", word(key))));
    }
    let summary = match &facts.session {
        Some(session) => session.title.clone(),
        None => templates.phrase(locale, "summary", other),
    };
    (summary, lines.join("\n"))
}

/// The identity of a booking in every calendar.
const UID_END: &str = "@belfry";

/// The booking that a calendar's `UID` may stand for: it has the form of those written here.
pub fn booking_of_uid(uid: &str) -> Option<BookingId> {
    uid.trim().strip_suffix(UID_END)?.parse().ok()
}

/// One booking; `people` adds those who take part, where a calendar is to be asked something.
fn event(
    file: &mut Lines,
    facts: &BookingFacts,
    status: &str,
    wording: Wording<'_>,
    stamp: Instant,
    people: impl FnOnce(&mut Lines),
) {
    file.line("BEGIN:VEVENT");
    file.line(&format!("UID:{}{UID_END}", facts.booking_id));
    file.line(&format!("SEQUENCE:{}", facts.sequence.max(0)));
    file.line(&format!("DTSTAMP:{}", utc(stamp)));
    file.line(&format!("DTSTART:{}", utc(facts.starts_at)));
    file.line(&format!("DTEND:{}", utc(facts.ends_at)));
    file.line(&format!("STATUS:{status}"));
    file.line(match status {
        "CANCELLED" => "TRANSP:TRANSPARENT",
        _ => "TRANSP:OPAQUE",
    });
    file.text("SUMMARY", wording.summary);
    if !wording.description.is_empty() {
        file.text("DESCRIPTION", wording.description);
    }
    if let Some(location) = location(facts) {
        file.text("LOCATION", location);
    }
    if let Some(page) = wording.page.filter(|page| is_web_address(page)) {
        file.line(&format!("URL:{page}"));
    }
    people(file);
    file.line("END:VEVENT");
}

/// Whether a text can stand as a link: an absolute web address without anything that could end it early.
pub fn is_web_address(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://"))
        && !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '<' | '>' | '\\'))
}

fn status(status: Status, method: Method) -> &'static str {
    match status {
        _ if method == Method::Cancel => "CANCELLED",
        Status::Pending => "TENTATIVE",
        Status::Confirmed | Status::InProgress | Status::Completed => "CONFIRMED",
        Status::Rejected | Status::Cancelled | Status::Missed => "CANCELLED",
    }
}

/// Where the two meet; online the link, which most calendars make clickable here.
fn location(facts: &BookingFacts) -> Option<&str> {
    match facts.mode {
        Mode::Online => facts.link.as_deref(),
        Mode::Offline => facts.place.as_deref(),
    }
}

fn utc(at: Instant) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// A parameter value: quoted, without the characters that no quoting allows (RFC 5545 §3.2).
fn parameter(value: &str) -> String {
    let inner: String = value
        .chars()
        .filter(|c| !c.is_control())
        .map(|c| if c == '"' { '\'' } else { c })
        .collect();
    format!("\"{inner}\"")
}

/// Content lines with their line ends.
#[derive(Default)]
struct Lines(String);

impl Lines {
    /// The head of every file.
    fn calendar() -> Self {
        let mut file = Self::default();
        file.line("BEGIN:VCALENDAR");
        file.line("VERSION:2.0");
        file.line("PRODID:-//Belfry//Belfry//EN");
        file.line("CALSCALE:GREGORIAN");
        file
    }

    /// The whole file.
    fn end(mut self) -> String {
        self.line("END:VCALENDAR");
        self.0
    }

    /// Longest line in octets, without the line end (RFC 5545 §3.1).
    const WIDTH: usize = 75;

    /// Adds one content line, folded between characters, never within one.
    fn line(&mut self, content: &str) {
        let mut width = 0;
        for c in content.chars() {
            if width + c.len_utf8() > Self::WIDTH {
                self.0.push_str("\r\n ");
                width = 1;
            }
            self.0.push(c);
            width += c.len_utf8();
        }
        self.0.push_str("\r\n");
    }

    /// Adds a property of type TEXT (RFC 5545 §3.3.11).
    fn text(&mut self, name: &str, value: &str) {
        let mut escaped = format!("{name}:");
        for c in value.replace("\r\n", "\n").chars() {
            match c {
                '\\' | ';' | ',' => escaped.extend(['\\', c]),
                '\n' | '\r' => escaped.push_str("\\n"),
                c if c.is_control() && c != '\t' => {}
                c => escaped.push(c),
            }
        }
        self.line(&escaped);
    }
}
