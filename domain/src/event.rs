//! What happened: the events that carry every change to those concerned.
//!
//! An event is written in the transaction of its change and read by the planner afterwards, so its data
//! must say everything that a message needs: nothing may be looked up that could have changed meanwhile.

use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use crate::Instant;
use crate::account::{Account, UnknownName};
use crate::booking::{Actor, Booking, Mode, Party, Status};
use crate::channel::Way;
use crate::group_session::SessionRef;
use crate::id::{BookingId, EventId, GroupSessionId, UserId, WaitingId, WebhookId};
use crate::waiting::Waiting;

/// What they say of bookings that repeat.
mod series;
/// What events say of visits.
mod visit;

pub use series::{SeriesFacts, SeriesStep};
pub use visit::{BranchFacts, VisitFacts};

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// Every type of event, past tense.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum EventType {
            $($(#[$doc])* $name,)+
        }

        impl EventType {
            /// Every type there is.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The CloudEvents `type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

event_types! {
    /// Somebody opened an account. Data: [`AccountFacts`].
    AccountRegistered = "account.registered",
    /// Somebody asked for a new password. Data: [`AccountFacts`].
    AccountPasswordForgotten = "account.password_forgotten",
    /// Somebody without an account asked for a code that shows their bookings. Data: [`AccountFacts`].
    GuestCodeAsked = "guest.code_asked",
    /// A booking was made. Data: [`BookingFacts`], as for every `booking.*` type.
    BookingCreated = "booking.created",
    /// The expert agreed.
    BookingConfirmed = "booking.confirmed",
    /// The expert refused.
    BookingRejected = "booking.rejected",
    /// Either side called it off.
    BookingCancelled = "booking.cancelled",
    /// It was moved to another time.
    BookingRescheduled = "booking.rescheduled",
    /// Note, mode, place or link changed.
    BookingEdited = "booking.edited",
    /// New rules of its zone make the clock show another time at its start.
    BookingClockMoved = "booking.clock_moved",
    /// Somebody keeps its instant although the clock shows another time than was promised.
    BookingKept = "booking.kept",
    /// An offset before the start was reached.
    BookingReminderDue = "booking.reminder",
    /// It did not take place.
    BookingMissed = "booking.missed",
    /// It took place.
    BookingCompleted = "booking.completed",
    /// A calendar that the expert keeps elsewhere says that they are busy then; nothing was done about it.
    CalendarConflict = "calendar.conflict",
    /// The client reviewed it.
    BookingReviewed = "booking.reviewed",
    /// Somebody waits for a place. Data: [`WaitingFacts`], as for every `waitlist.*` type.
    WaitlistJoined = "waitlist.joined",
    /// A place is held for them until their offer runs out.
    WaitlistOffered = "waitlist.offered",
    /// They wait no longer: the offer ran out, or the dates went by.
    WaitlistExpired = "waitlist.expired",
    /// Somebody is in the line of a branch. Data: [`VisitFacts`], as for every `visit.*` type.
    VisitJoined = "visit.joined",
    /// An expert is kept for them until their offer runs out.
    VisitOffered = "visit.offered",
    /// It is their turn: they go to their expert.
    VisitCalled = "visit.called",
    /// They were served.
    VisitServed = "visit.served",
    /// They went.
    VisitLeft = "visit.left",
    /// They did not come when it was their turn.
    VisitNoShow = "visit.no_show",
    /// They waited as long as the branch lets anybody wait.
    VisitTimedOut = "visit.timed_out",
    /// They wait at another branch.
    VisitTransferred = "visit.transferred",
    /// A day's gathered messages are to leave. Data: [`DigestFacts`].
    DigestClosed = "digest.closed",
    /// A webhook was switched off by itself. Data: [`WebhookFacts`].
    WebhookDisabled = "webhook.disabled",
}

impl EventType {
    /// Whether it is about a booking, which several people share.
    pub fn is_of_booking(self) -> bool {
        !matches!(
            self,
            Self::AccountRegistered
                | Self::AccountPasswordForgotten
                | Self::GuestCodeAsked
                | Self::DigestClosed
                | Self::WebhookDisabled
        ) && !self.is_of_waiting()
            && !self.is_of_visit()
    }

    /// Whether it is about a place on a waiting list.
    pub fn is_of_waiting(self) -> bool {
        matches!(
            self,
            Self::WaitlistJoined | Self::WaitlistOffered | Self::WaitlistExpired
        )
    }
}

impl EventType {
    /// Whether it is about somebody's time in the line of a branch.
    pub fn is_of_visit(self) -> bool {
        self.as_str().starts_with("visit.")
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unknown = |_| serde::de::Error::custom(format!("there is no event type {text}"));
        text.parse().map_err(unknown)
    }
}

impl FromStr for EventType {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .iter()
            .copied()
            .find(|t| t.as_str() == text)
            .ok_or(UnknownName)
    }
}

/// The CloudEvents `source` of what this house says.
pub const SOURCE: &str = "/belfry";

/// One event (CloudEvents 1.0 attributes; `time` is when the change was decided).
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    pub id: EventId,
    pub kind: EventType,
    /// What it is about, such as `booking/{id}`.
    pub subject: String,
    /// Order among the events of one subject.
    pub subject_version: i64,
    pub time: Instant,
    pub data: Value,
}

impl Event {
    /// The event that tells of a booking's change; `booking` is its state after the change.
    pub fn of_booking(kind: EventType, booking: &Booking, told: Told, now: Instant) -> Self {
        let facts = BookingFacts::of(booking, told);
        Self {
            id: EventId::at(now),
            kind,
            subject: format!("booking/{}", booking.id),
            subject_version: booking.version,
            time: now,
            data: to_value(&facts),
        }
    }

    /// The event that tells of an account.
    pub fn of_account(kind: EventType, account: &Account, now: Instant) -> Self {
        let facts = AccountFacts {
            user_id: account.id,
            auth_epoch: account.auth_epoch,
        };
        Self {
            id: EventId::at(now),
            kind,
            subject: format!("account/{}", account.id),
            subject_version: account.version,
            time: now,
            data: to_value(&facts),
        }
    }

    /// The event that tells of a place on a waiting list; `waiting` is its state after the change.
    pub fn of_waiting(kind: EventType, waiting: &Waiting, actor: Actor, now: Instant) -> Self {
        let facts = WaitingFacts::of(waiting, actor);
        Self {
            id: EventId::at(now),
            kind,
            subject: format!("waiting/{}", waiting.id),
            subject_version: waiting.version,
            time: now,
            data: to_value(&facts),
        }
    }

    /// The event that lets a day's gathered messages leave.
    pub fn of_digest(facts: &DigestFacts, now: Instant) -> Self {
        Self {
            id: EventId::at(now),
            kind: EventType::DigestClosed,
            subject: format!("digest/{}", facts.window_id),
            subject_version: 1,
            time: now,
            data: to_value(facts),
        }
    }

    /// The event that tells of a webhook that was switched off by itself; `version` is its version since.
    pub fn of_webhook(facts: &WebhookFacts, version: i64, now: Instant) -> Self {
        Self {
            id: EventId::at(now),
            kind: EventType::WebhookDisabled,
            subject: format!("webhook/{}", facts.webhook_id),
            subject_version: version,
            time: now,
            data: to_value(facts),
        }
    }

    /// The event as a CloudEvents 1.0 JSON object.
    pub fn to_cloud_event(&self) -> Value {
        serde_json::json!({
            "specversion": "1.0",
            "id": self.id,
            "source": SOURCE,
            "type": self.kind.as_str(),
            "subject": self.subject,
            "time": self.time,
            "datacontenttype": "application/json",
            "data": self.data,
        })
    }
}

fn to_value<T: Serialize>(facts: &T) -> Value {
    // Facts are plain structs with string keys: they always have a JSON form.
    serde_json::to_value(facts).unwrap_or(Value::Null)
}

/// What an event says beyond the booking's new state.
#[derive(Clone, PartialEq, Debug)]
pub struct Told {
    pub actor: Actor,
    pub reason: Option<String>,
    /// For reminders: minutes before the start.
    pub offset_minutes: Option<i64>,
    /// For moves: when it would have started.
    pub previous_starts_at: Option<Instant>,
    /// For a step that was taken with several of a series at once: what it came to for each, this booking first.
    pub together: Vec<SeriesStep>,
}

impl Told {
    /// Told of `actor` alone.
    pub fn by(actor: Actor) -> Self {
        Self {
            actor,
            reason: None,
            offset_minutes: None,
            previous_starts_at: None,
            together: Vec::new(),
        }
    }
}

/// Data of every `booking.*` event, and of `calendar.conflict`: the booking right after the change.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BookingFacts {
    pub booking_id: BookingId,
    pub code: String,
    pub status: Status,
    pub starts_at: Instant,
    pub ends_at: Instant,
    /// The expert's IANA zone.
    pub time_zone: String,
    /// What the clock there was to show at the start, if it shows another time now.
    #[serde(default)]
    pub promised_start: Option<NaiveDateTime>,
    pub expert: Person,
    pub client: Person,
    pub mode: Mode,
    pub place: Option<String>,
    pub link: Option<String>,
    pub note: Option<String>,
    /// Why, where this change has a reason.
    pub reason: Option<String>,
    /// iCalendar SEQUENCE to send with this change.
    pub sequence: i64,
    pub offset_minutes: Option<i64>,
    pub previous_starts_at: Option<Instant>,
    /// What it is a seat of, if it is one.
    #[serde(default)]
    pub session: Option<SessionFacts>,
    /// Which of a series it is, if it is one.
    #[serde(default)]
    pub series: Option<SeriesFacts>,
    pub actor_id: Option<UserId>,
    pub actor_name: String,
    pub actor_role: String,
}

/// A group session named in an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionFacts {
    pub id: GroupSessionId,
    pub title: String,
}

impl SessionFacts {
    /// The session of a seat, or of whoever waits for one.
    pub fn of(session: Option<&SessionRef>) -> Option<Self> {
        session.map(|session| Self {
            id: session.id,
            title: session.title.clone(),
        })
    }
}

impl BookingFacts {
    /// The facts of a booking as it stands.
    pub fn of(booking: &Booking, told: Told) -> Self {
        Self {
            booking_id: booking.id,
            code: booking.code.clone(),
            status: booking.status,
            starts_at: booking.starts_at,
            ends_at: booking.ends_at,
            time_zone: booking.time_zone.name().to_owned(),
            promised_start: booking.promised_start,
            expert: Person {
                id: booking.expert.id,
                name: booking.expert.name.clone(),
            },
            client: Person {
                id: booking.client.id,
                name: booking.client.name.clone(),
            },
            mode: booking.mode,
            place: booking.place.clone(),
            link: booking.link.clone(),
            note: booking.note.clone(),
            reason: told.reason,
            sequence: booking.sequence,
            offset_minutes: told.offset_minutes,
            previous_starts_at: told.previous_starts_at,
            session: SessionFacts::of(booking.session.as_ref()),
            series: booking.series.map(|place| SeriesFacts {
                id: place.id,
                number: place.number,
                of: place.of,
                together: told.together,
            }),
            actor_id: told.actor.id,
            actor_name: told.actor.name,
            actor_role: told.actor.role,
        }
    }
}

impl BookingFacts {
    /// The other bookings of a series that the step was taken with.
    pub fn others(&self) -> impl Iterator<Item = &SeriesStep> {
        let together = self.series.iter().flat_map(|series| &series.together);
        together.filter(|step| step.booking_id != self.booking_id)
    }
}

/// Data of every `waitlist.*` event: the place on the list right after the change.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WaitingFacts {
    pub waiting_id: WaitingId,
    pub status: String,
    pub expert: Person,
    pub client: Person,
    pub minutes: u16,
    /// The first and the last date waited for, on the calendar of `time_zone`.
    pub from: NaiveDate,
    pub until: NaiveDate,
    pub time_zone: String,
    pub mode: Mode,
    pub note: Option<String>,
    /// Of the slot that is or was offered.
    pub starts_at: Option<Instant>,
    pub ends_at: Option<Instant>,
    pub expires_at: Option<Instant>,
    /// Whose seat is waited for, if it is one.
    #[serde(default)]
    pub session: Option<SessionFacts>,
    pub actor_id: Option<UserId>,
    pub actor_name: String,
    pub actor_role: String,
}

impl WaitingFacts {
    /// The facts of a place on the list as it stands.
    pub fn of(waiting: &Waiting, actor: Actor) -> Self {
        let person = |party: &Party| Person {
            id: party.id,
            name: party.name.clone(),
        };
        let Waiting { wish, offer, .. } = waiting;
        Self {
            waiting_id: waiting.id,
            status: waiting.status.as_str().to_owned(),
            expert: person(&waiting.expert),
            client: person(&waiting.client),
            minutes: wish.minutes,
            from: wish.from,
            until: wish.until,
            time_zone: wish.time_zone.name().to_owned(),
            mode: wish.mode,
            note: wish.note.clone(),
            starts_at: offer.map(|offer| offer.starts_at),
            ends_at: offer.map(|offer| offer.ends_at),
            expires_at: offer.map(|offer| offer.expires_at),
            session: SessionFacts::of(waiting.session.as_ref()),
            actor_id: actor.id,
            actor_name: actor.name,
            actor_role: actor.role,
        }
    }
}

/// A person named in an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Person {
    pub id: UserId,
    pub name: String,
}

/// Data of `digest.closed`: what was gathered for one person and one way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DigestFacts {
    pub window_id: Uuid,
    pub user_id: UserId,
    pub way: Way,
    /// Oldest first.
    pub items: Vec<DigestItem>,
}

/// One gathered message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DigestItem {
    pub kind: String,
    pub title: String,
    pub body: String,
    pub url: Option<String>,
    pub at: Instant,
}

/// Data of `webhook.disabled`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WebhookFacts {
    pub webhook_id: WebhookId,
    pub url: String,
    /// `gone` by its own word, `failing` for days.
    pub cause: String,
}

/// Data of every `account.*` event.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AccountFacts {
    pub user_id: UserId,
    /// Epoch at the time: a link made for an older epoch is void.
    pub auth_epoch: i64,
}
