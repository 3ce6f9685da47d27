//! Webhooks: servers of others that hear of events, by Standard Webhooks 1.0.0 (C6.3).

use std::str::FromStr;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Instant;
use crate::channel::Channel;
use crate::delivery::{Content, DeliveryStatus};
use crate::event::{Event, EventType};
use crate::gate::Class;
use crate::id::WebhookId;
use crate::notification::{Category, Message};

/// Longest body that is sent, in bytes; what would be longer says so instead of its data.
const MOST_BYTES: usize = 20_000;
/// Pauses after each failed attempt.
const PAUSES: [TimeDelta; 9] = [
    TimeDelta::seconds(5),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(5),
    TimeDelta::hours(10),
    TimeDelta::hours(14),
    TimeDelta::hours(20),
    TimeDelta::hours(24),
];
/// An endpoint at which everything has failed for so long is switched off.
pub const FAILING: TimeDelta = TimeDelta::days(5);
/// How long an old secret signs along after a new one was made.
pub const OVERLAP: TimeDelta = TimeDelta::hours(24);
/// The type of the event that an administrator sends to try an endpoint.
pub const TEST: &str = "webhook.test";

/// Which events somebody wants to hear of: `*`, a beginning such as `booking.*`, or one type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

/// No type of event fits the pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FitsNothing;

impl Pattern {
    /// Whether an event of this type is meant.
    pub fn matches(&self, kind: EventType) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => kind.as_str().starts_with(beginning),
            None => kind.as_str() == self.0,
        }
    }
}

impl FromStr for Pattern {
    type Err = FitsNothing;

    fn from_str(text: &str) -> Result<Self, FitsNothing> {
        let pattern = Self(text.to_owned());
        let whole = text == "*" || text.ends_with(".*") || !text.contains('*');
        let fits = EventType::ALL.iter().any(|kind| pattern.matches(*kind));
        (whole && fits).then_some(pattern).ok_or(FitsNothing)
    }
}

/// An endpoint as planning knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    pub id: WebhookId,
    pub url: String,
    pub events: Vec<Pattern>,
}

impl Hook {
    /// Whether it wants to hear of events of this type.
    pub fn wants(&self, kind: EventType) -> bool {
        self.events.iter().any(|pattern| pattern.matches(kind))
    }
}

/// The rule under which deliveries to this endpoint are kept.
pub fn rule_id(id: WebhookId) -> String {
    format!("webhook/{id}")
}

/// One message for each endpoint that wants to hear of the event.
pub fn messages(event: &Event, hooks: &[Hook], now: Instant) -> Vec<Message> {
    let wanting = hooks.iter().filter(|hook| hook.wants(event.kind));
    let told = wanting.map(|hook| Message {
        rule_id: rule_id(hook.id),
        user_id: None,
        channel: Channel::Webhook,
        address: hook.url.clone(),
        kind: event.kind.as_str().to_owned(),
        category: Category::Account,
        class: Class::Service,
        critical: false,
        rank: 0,
        status: DeliveryStatus::Pending,
        send_at: now,
        subject: event.kind.as_str().to_owned(),
        content: content(hook.id, body(event)),
    });
    told.collect()
}

/// A body on its way to an endpoint; what it is signed with is looked up when it leaves.
pub fn content(id: WebhookId, body: String) -> Content {
    Content {
        text: body,
        details: json!({ "webhook_id": id }),
        ..Content::default()
    }
}

/// What an endpoint is told of an event.
pub fn body(event: &Event) -> String {
    let whole = text(event.kind.as_str(), event.time, event_data(event));
    if whole.len() <= MOST_BYTES {
        return whole;
    }
    let trimmed = json!({ "event_id": event.id, "subject": event.subject, "trimmed": true });
    text(event.kind.as_str(), event.time, trimmed)
}

/// What an endpoint is told when it is tried.
pub fn test_body(id: WebhookId, now: Instant) -> String {
    text(TEST, now, json!({ "webhook_id": id }))
}

fn event_data(event: &Event) -> Value {
    let mut data = match &event.data {
        Value::Object(facts) => facts.clone(),
        _ => serde_json::Map::new(),
    };
    data.insert("event_id".to_owned(), json!(event.id));
    data.insert("subject".to_owned(), json!(event.subject));
    // What would help to forge a link.
    data.remove("auth_epoch");
    Value::Object(data)
}

fn text(kind: &str, time: Instant, data: Value) -> String {
    json!({ "type": kind, "timestamp": time, "data": data }).to_string()
}

/// When to try again after attempt number `attempt` (from 1) failed at `now`: by the table of the specification, up
/// to 10 % later by `jitter` (0.0 to 1.0), and not before the endpoint's own wish. After the last one of the table
/// its longest pause goes on.
pub fn retry_at(attempt: i64, now: Instant, jitter: f64, wish: Option<Instant>) -> Instant {
    let place = usize::try_from(attempt - 1).unwrap_or(0);
    let pause = PAUSES[place.min(PAUSES.len() - 1)];
    let spread = pause.num_milliseconds() as f64 * 0.1 * jitter.clamp(0.0, 1.0);
    let at = now + pause + TimeDelta::milliseconds(spread as i64);
    wish.map_or(at, |wish| wish.max(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EventId;

    fn now() -> Instant {
        chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn event(data: Value) -> Event {
        Event {
            id: EventId::at(now()),
            kind: EventType::BookingCreated,
            subject: "booking/1".to_owned(),
            subject_version: 1,
            time: now(),
            data,
        }
    }

    #[test]
    fn patterns_are_all_a_beginning_or_one_type() {
        let matches = |pattern: &str, kind| pattern.parse::<Pattern>().unwrap().matches(kind);
        assert!(matches("*", EventType::BookingCreated));
        assert!(matches("booking.*", EventType::BookingCreated));
        assert!(matches("booking.created", EventType::BookingCreated));
        assert!(!matches("booking.created", EventType::BookingConfirmed));
        assert!(!matches("account.*", EventType::BookingCreated));
        for nothing in [
            "",
            "bookings.*",
            "booking.*.x",
            "book*",
            "booking.creatd",
            "**",
            "*.*",
        ] {
            assert_eq!(nothing.parse::<Pattern>(), Err(FitsNothing), "{nothing}");
        }
    }

    #[test]
    fn pauses_are_those_of_the_specification() {
        let seconds = |attempt| (retry_at(attempt, now(), 0.0, None) - now()).num_seconds();
        let table: Vec<i64> = (1..=9).map(seconds).collect();
        assert_eq!(
            table,
            [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
        );
        assert_eq!(seconds(40), 86400);
        let spread = retry_at(2, now(), 1.0, None) - now();
        assert_eq!(spread.num_seconds(), 330);
    }

    #[test]
    fn an_endpoint_that_wants_a_longer_pause_has_it_but_no_shorter_one() {
        let (minute, hour) = (now() + TimeDelta::minutes(1), now() + TimeDelta::hours(1));
        assert_eq!(retry_at(1, now(), 0.0, Some(minute)), minute);
        assert_eq!(retry_at(2, now(), 0.0, Some(hour)), hour);
        let own = retry_at(2, now(), 0.0, None);
        assert_eq!(retry_at(2, now(), 0.0, Some(minute)), own);
    }

    #[test]
    fn a_body_has_type_time_and_data_and_an_end() {
        let short = event(json!({ "code": "BLF-1", "auth_epoch": 3 }));
        let read: Value = serde_json::from_str(&body(&short)).unwrap();
        assert_eq!(read["type"], "booking.created");
        assert_eq!(read["timestamp"], "2027-01-15T08:00:00Z");
        let facts = json!({ "code": "BLF-1", "event_id": short.id, "subject": "booking/1" });
        assert_eq!(read["data"], facts);
        let long = event(json!({ "note": "x".repeat(MOST_BYTES) }));
        let text = body(&long);
        assert!(text.len() <= MOST_BYTES);
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["data"]["trimmed"], true);
        assert_eq!(read["data"]["event_id"], json!(long.id));
        assert_eq!(read["type"], "booking.created");
    }
}
