//! Who is told what, and how: the rules that turn one event into inbox entries and messages.
//!
//! Planning is a function of the event, the rules, the people and the time. It reads nothing else, so
//! the same event planned twice says the same.

/// Applying the rules to one event.
mod plan;

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use crate::Instant;
use crate::account::UnknownName;
use crate::channel::{Channel, Way};
use crate::delivery::{Content, DeliveryStatus};
use crate::event::{
    AccountFacts, BookingFacts, DigestFacts, DigestItem, Event, EventType, VisitFacts,
    WaitingFacts, WebhookFacts,
};
use crate::gate::{Check, Class, Reader};
use crate::id::{BookingId, UserId, VisitId};
use crate::preference::Preferences;
use crate::template::TemplateError;

pub use plan::{Planning, plan};

/// On which side of an event a reader stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Who booked.
    Client,
    /// Who was booked.
    Expert,
    /// Those who manage the branch of the expert.
    Manager,
    /// Those who follow it.
    Followers,
    /// Whose account it is.
    Holder,
    /// Those who run the house.
    Administrators,
}

impl Audience {
    /// The name used in templates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Expert => "expert",
            Self::Manager => "manager",
            Self::Followers => "followers",
            Self::Holder => "holder",
            Self::Administrators => "administrators",
        }
    }

    /// Whether an event of this type has such readers.
    pub fn fits(self, on: EventType) -> bool {
        match self {
            Self::Client | Self::Expert => {
                on.is_of_booking() || on.is_of_waiting() || on.is_of_visit()
            }
            Self::Manager | Self::Followers => on.is_of_booking(),
            Self::Administrators => on == EventType::WebhookDisabled,
            Self::Holder => !Self::Client.fits(on) && !Self::Administrators.fits(on),
        }
    }
}

/// What a notification is about, as far as a reader's preferences go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Account,
    Booking,
    Reminder,
    Review,
    /// A day's gathered messages.
    Digest,
}

impl Category {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Booking => "booking",
            Self::Reminder => "reminder",
            Self::Review => "review",
            Self::Digest => "digest",
        }
    }
}

impl Category {
    /// Whether its messages wait for the day's others, for those who want one message a day. What has its minute
    /// does not.
    pub fn is_gathered(self) -> bool {
        matches!(self, Self::Booking | Self::Review)
    }
}

impl FromStr for Category {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        [
            Self::Account,
            Self::Booking,
            Self::Reminder,
            Self::Review,
            Self::Digest,
        ]
        .into_iter()
        .find(|category| category.as_str() == text)
        .ok_or(UnknownName)
    }
}

/// Where the button of a message leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    /// The booking's own page.
    Booking,
    /// The expert's free times for the client, the booking for the expert.
    AnotherTime,
    /// The places that the reader waits for, with the offer if there is one.
    WaitingList,
    /// The reader's visit to a branch.
    Visit,
    /// Proves that the address is the reader's.
    Verify,
    /// Lets the reader choose a new password.
    Reset,
    /// The reader's inbox.
    Inbox,
}

impl Page {
    /// Whether an event of this type says enough to lead there.
    pub fn fits(self, on: EventType) -> bool {
        match self {
            Self::Booking => on.is_of_booking(),
            Self::AnotherTime => on.is_of_booking() || on.is_of_waiting(),
            Self::WaitingList => on.is_of_waiting(),
            Self::Visit => on.is_of_visit(),
            Self::Verify => on == EventType::AccountRegistered,
            Self::Reset => on == EventType::AccountPasswordForgotten,
            Self::Inbox => true,
        }
    }
}

/// Somebody who may be told.
#[derive(Clone, PartialEq, Debug)]
pub struct Recipient {
    pub id: UserId,
    pub name: String,
    pub email: String,
    pub locale: String,
    pub time_zone: Tz,
    /// Nothing is sent to a disabled account; its inbox is kept up.
    pub disabled: bool,
    /// Has no account to open a page with, and may be known by another name with each booking.
    pub guest: bool,
    pub preferences: Preferences,
    /// Where they can be reached, the mail address and the phone of the account among them.
    pub addresses: Vec<Address>,
}

/// One place where somebody can be reached.
#[derive(Clone, PartialEq, Debug)]
pub struct Address {
    pub channel: Channel,
    pub address: String,
    /// What a provider needs besides, such as the keys of a browser.
    pub details: Value,
    /// Why nothing is sent there any more, if nothing is.
    pub suppressed: Option<String>,
}

/// The people of a batch of events. Who is missing no longer exists and is told nothing.
pub type People = BTreeMap<UserId, Recipient>;

/// Addresses of pages, some of them signed so that they work for one person only.
pub trait Links: Send + Sync {
    /// The page of a booking.
    fn booking(&self, booking: BookingId) -> String;
    /// The page on which whoever follows the link does with a booking what its client, a guest, may.
    fn guest_booking(&self, booking: BookingId, client: UserId) -> String;
    /// The page on which bookings are looked up without an account.
    fn lookup(&self) -> String;
    /// The code that shows a guest's bookings, the one of this number.
    fn code(&self, guest: UserId, number: i64) -> String;
    /// The reader's inbox.
    fn inbox(&self) -> String;
    /// The reader's places on waiting lists.
    fn waiting_list(&self) -> String;
    /// Somebody's visit to a branch.
    fn visit(&self, visit: VisitId) -> String;
    /// The page on which an expert's free times are shown.
    fn expert(&self, expert: UserId) -> String;
    /// Proves that whoever follows it reads mail at `email`.
    fn verify(&self, user: UserId, email: &str, now: Instant) -> String;
    /// Lets whoever follows it choose a new password, while the account's epoch is `auth_epoch`.
    fn reset(&self, user: UserId, auth_epoch: i64, now: Instant) -> String;
    /// Lets whoever follows it stop mails of a category to this person.
    fn unsubscribe(&self, user: UserId, category: Category, now: Instant) -> String;
}

/// Those on the sides of an event who are not named in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sides {
    pub managers: Vec<UserId>,
    pub followers: Vec<UserId>,
    pub administrators: Vec<UserId>,
}

/// An inbox entry to be written.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    pub rule_id: String,
    pub user_id: UserId,
    pub category: Category,
    pub kind: String,
    pub title: String,
    pub body: String,
    pub data: Value,
}

/// A message to be sent.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    pub rule_id: String,
    /// Absent where it goes to a server and not to a person.
    pub user_id: Option<UserId>,
    pub channel: Channel,
    pub address: String,
    pub kind: String,
    pub category: Category,
    pub class: Class,
    pub critical: bool,
    /// 0 for those sent at once, n for the n-th way that is tried when those before have failed.
    pub rank: i64,
    pub status: DeliveryStatus,
    /// Not before this instant.
    pub send_at: Instant,
    pub subject: String,
    pub content: Content,
}

/// A message that waits to be gathered with others.
#[derive(Clone, PartialEq, Debug)]
pub struct Gathered {
    pub rule_id: String,
    pub user_id: UserId,
    pub way: Way,
    /// When the window it goes into closes, unless one is open already.
    pub closes_at: Instant,
    pub item: DigestItem,
}

/// Why one person was told of an event by one rule, or was not.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    pub rule_id: String,
    pub rule_version: i64,
    pub user_id: UserId,
    pub trace: Trace,
}

/// What was decided, gate by gate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trace {
    pub audience: Audience,
    pub category: Category,
    pub class: Class,
    /// What the rule's condition said.
    pub condition: Check,
    pub inbox: bool,
    pub ways: Vec<WayTrace>,
}

/// What became of one way at planning.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WayTrace {
    pub way: Way,
    /// The channel of the address, where there is one.
    pub channel: Option<Channel>,
    pub rank: i64,
    pub outcome: WayOutcome,
    pub checks: Vec<Check>,
}

/// How planning ended for one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayOutcome {
    /// A message leaves at once.
    Planned,
    /// A message leaves later.
    Held,
    /// A message waits whether the ways before it fail.
    Standby,
    /// It goes into the day's gathered message.
    Gathered,
    /// Nothing leaves.
    Closed,
}

/// Everything that one event leads to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Plan {
    pub entries: Vec<Entry>,
    pub messages: Vec<Message>,
    pub gathered: Vec<Gathered>,
    pub decisions: Vec<Decision>,
}

/// Why an event cannot be planned, now or ever.
#[derive(Debug, Error)]
pub enum PlanError {
    #[error("the event's data is not what its type promises: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// What an event says, read once.
#[derive(Clone, PartialEq, Debug)]
pub enum Facts {
    Booking(Box<BookingFacts>),
    Waiting(Box<WaitingFacts>),
    Visit(Box<VisitFacts>),
    Account(AccountFacts),
    Digest(DigestFacts),
    Webhook(WebhookFacts),
}

impl Facts {
    /// Reads an event's data.
    ///
    /// # Errors
    /// When it is not what the event's type promises.
    pub fn of(event: &Event) -> Result<Self, PlanError> {
        let data = event.data.clone();
        Ok(match event.kind {
            EventType::AccountRegistered
            | EventType::AccountPasswordForgotten
            | EventType::GuestCodeAsked => Self::Account(serde_json::from_value(data)?),
            EventType::DigestClosed => Self::Digest(serde_json::from_value(data)?),
            EventType::WebhookDisabled => Self::Webhook(serde_json::from_value(data)?),
            kind if kind.is_of_waiting() => Self::Waiting(Box::new(serde_json::from_value(data)?)),
            kind if kind.is_of_visit() => Self::Visit(Box::new(serde_json::from_value(data)?)),
            _ => Self::Booking(Box::new(serde_json::from_value(data)?)),
        })
    }

    /// Everybody named in it.
    pub fn people(&self) -> Vec<UserId> {
        match self {
            Self::Booking(facts) => vec![facts.client.id, facts.expert.id],
            Self::Waiting(facts) => vec![facts.client.id, facts.expert.id],
            Self::Visit(facts) => facts.sides().into_iter().flatten().collect(),
            Self::Account(facts) => vec![facts.user_id],
            Self::Digest(facts) => vec![facts.user_id],
            Self::Webhook(_) => Vec::new(),
        }
    }

    /// The expert whose managers it concerns.
    pub fn expert(&self) -> Option<UserId> {
        match self {
            Self::Booking(facts) => Some(facts.expert.id),
            // Who waits is between the two.
            Self::Waiting(_)
            | Self::Visit(_)
            | Self::Account(_)
            | Self::Digest(_)
            | Self::Webhook(_) => None,
        }
    }

    /// Those of an audience. Who stands nearer to the event is not told of it again from afar.
    fn readers(&self, audience: Audience, sides: &Sides) -> Vec<UserId> {
        let named = self.people();
        let afar = |ids: &[UserId], nearer: &[UserId]| {
            let ids = ids.iter().copied();
            ids.filter(|id| !named.contains(id) && !nearer.contains(id))
                .collect()
        };
        match (self, audience) {
            (Self::Booking(facts), Audience::Client) => vec![facts.client.id],
            (Self::Booking(facts), Audience::Expert) => vec![facts.expert.id],
            (Self::Waiting(facts), Audience::Client) => vec![facts.client.id],
            (Self::Waiting(facts), Audience::Expert) => vec![facts.expert.id],
            (Self::Visit(facts), Audience::Client) => facts.sides()[0].into_iter().collect(),
            (Self::Visit(facts), Audience::Expert) => facts.sides()[1].into_iter().collect(),
            (Self::Booking(_), Audience::Manager) => afar(&sides.managers, &[]),
            (Self::Booking(_), Audience::Followers) => afar(&sides.followers, &sides.managers),
            (Self::Account(_) | Self::Digest(_), Audience::Holder) => named,
            (Self::Webhook(_), Audience::Administrators) => sides.administrators.clone(),
            _ => Vec::new(),
        }
    }

    fn actor(&self) -> Option<UserId> {
        match self {
            Self::Booking(facts) => facts.actor_id,
            Self::Waiting(facts) => facts.actor_id,
            Self::Visit(facts) => facts.actor_id,
            Self::Account(_) | Self::Digest(_) | Self::Webhook(_) => None,
        }
    }

    /// The only way by which it is told, where there is only one.
    fn only_way(&self) -> Option<Way> {
        match self {
            Self::Digest(facts) => Some(facts.way),
            Self::Booking(_)
            | Self::Waiting(_)
            | Self::Visit(_)
            | Self::Account(_)
            | Self::Webhook(_) => None,
        }
    }

    /// What an inbox entry carries for the reader's programs.
    pub fn data(&self) -> Value {
        match self {
            Self::Account(facts) => json!({ "user_id": facts.user_id }),
            Self::Webhook(facts) => json!(facts),
            Self::Visit(facts) => json!(facts),
            Self::Waiting(facts) => json!({
                "waiting_id": facts.waiting_id,
                "status": facts.status,
                "from": facts.from,
                "until": facts.until,
                "starts_at": facts.starts_at,
                "ends_at": facts.ends_at,
                "expires_at": facts.expires_at,
                "expert": facts.expert,
                "client": facts.client,
            }),
            Self::Digest(facts) => {
                json!({ "window_id": facts.window_id, "count": facts.items.len() })
            }
            Self::Booking(facts) => json!({
                "booking_id": facts.booking_id,
                "code": facts.code,
                "status": facts.status,
                "starts_at": facts.starts_at,
                "ends_at": facts.ends_at,
                "previous_starts_at": facts.previous_starts_at,
                "offset_minutes": facts.offset_minutes,
                "mode": facts.mode,
                "reason": facts.reason,
                "expert": facts.expert,
                "client": facts.client,
            }),
        }
    }

    /// What a rule's condition may name: everything the event says, `event` (its type) and, for a booking,
    /// `minutes_to_start` at the time of the event.
    pub fn scene(&self, event: &Event) -> Value {
        let mut scene = event.data.clone();
        if let Some(facts) = scene.as_object_mut() {
            facts.insert("event".to_owned(), json!(event.kind));
            if let Self::Booking(booking) = self {
                let minutes = (booking.starts_at - event.time).num_minutes();
                facts.insert("minutes_to_start".to_owned(), json!(minutes));
            }
        }
        scene
    }
}

impl Recipient {
    /// The reader, as far as the gates look.
    pub fn as_reader(&self) -> Reader<'_> {
        Reader {
            disabled: self.disabled,
            preferences: &self.preferences,
            time_zone: self.time_zone,
        }
    }
}
