//! Who is told what, and how: the rules that turn one event into inbox entries and messages.
//!
//! Planning is a function of the event, the rules, the people and the time. It reads nothing else, so
//! the same event planned twice says the same.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde_json::{Value, json};
use thiserror::Error;

use crate::Instant;
use crate::calendar::Method;
use crate::delivery::Content;
use crate::event::{AccountFacts, BookingFacts, Event, EventType};
use crate::id::{BookingId, UserId};
use crate::letter::Letter;
use crate::preference::Preferences;
use crate::template::{TemplateError, Templates};

/// On which side of an event a reader stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Who booked.
    Client,
    /// Who was booked.
    Expert,
    /// Whose account it is.
    Holder,
}

impl Audience {
    /// The name used in templates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Expert => "expert",
            Self::Holder => "holder",
        }
    }
}

/// What a notification is about, as far as a reader's preferences go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Category {
    Account,
    Booking,
    Reminder,
    Review,
}

impl Category {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Booking => "booking",
            Self::Reminder => "reminder",
            Self::Review => "review",
        }
    }
}

/// Where the button of a mail leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    /// The booking's own page.
    Booking,
    /// The expert's free times for the client, the booking for the expert.
    AnotherTime,
    /// Proves that the address is the reader's.
    Verify,
    /// Lets the reader choose a new password.
    Reset,
}

/// How a rule sends mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mailing {
    /// Not to the person who did it themself.
    pub unless_own: bool,
    /// The calendar file that goes with it.
    pub calendar: Option<Method>,
    pub page: Page,
}

/// One line of the rule book: on this event, this side is told this, so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Stable name; with event and reader it makes an entry or a message unique.
    pub id: &'static str,
    pub on: EventType,
    pub audience: Audience,
    /// What the reader's programs see, and the name of the texts.
    pub kind: &'static str,
    pub category: Category,
    pub inbox: bool,
    pub mail: Option<Mailing>,
}

const fn mail(calendar: Option<Method>, page: Page) -> Option<Mailing> {
    Some(Mailing {
        unless_own: false,
        calendar,
        page,
    })
}

const fn booking(
    id: &'static str,
    on: EventType,
    audience: Audience,
    kind: &'static str,
    mail: Option<Mailing>,
) -> Rule {
    Rule {
        id,
        on,
        audience,
        kind,
        category: Category::Booking,
        inbox: true,
        mail,
    }
}

const fn account(id: &'static str, on: EventType, page: Page) -> Rule {
    Rule {
        id,
        on,
        audience: Audience::Holder,
        kind: id,
        category: Category::Account,
        inbox: false,
        mail: mail(None, page),
    }
}

use Audience::{Client, Expert};
use EventType as On;

const INVITE: Option<Mailing> = mail(Some(Method::Request), Page::Booking);
const CALL_OFF: Option<Mailing> = mail(Some(Method::Cancel), Page::AnotherTime);
const OPEN: Option<Mailing> = mail(None, Page::Booking);
const TELL: Option<Mailing> = Some(Mailing {
    unless_own: true,
    calendar: None,
    page: Page::AnotherTime,
});

/// The rule book. Both sides get an inbox entry of every booking event; mail goes out when a calendar
/// must follow or the time is near.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    account("account.registered", On::AccountRegistered, Page::Verify),
    account("account.password_forgotten", On::AccountPasswordForgotten, Page::Reset),
    booking("booking.created/client", On::BookingCreated, Client, "booking.created", INVITE),
    booking("booking.created/expert", On::BookingCreated, Expert, "booking.created", INVITE),
    booking("booking.confirmed/client", On::BookingConfirmed, Client, "booking.confirmed", INVITE),
    booking("booking.confirmed/expert", On::BookingConfirmed, Expert, "booking.confirmed", INVITE),
    booking("booking.rejected/client", On::BookingRejected, Client, "booking.rejected", CALL_OFF),
    booking("booking.rejected/expert", On::BookingRejected, Expert, "booking.rejected", CALL_OFF),
    booking("booking.cancelled/client", On::BookingCancelled, Client, "booking.cancelled", CALL_OFF),
    booking("booking.cancelled/expert", On::BookingCancelled, Expert, "booking.cancelled", CALL_OFF),
    booking("booking.rescheduled/client", On::BookingRescheduled, Client, "booking.rescheduled", INVITE),
    booking("booking.rescheduled/expert", On::BookingRescheduled, Expert, "booking.rescheduled", INVITE),
    booking("booking.edited/client", On::BookingEdited, Client, "booking.edited", None),
    booking("booking.edited/expert", On::BookingEdited, Expert, "booking.edited", None),
    booking("booking.clock_moved/client", On::BookingClockMoved, Client, "booking.clock_moved", OPEN),
    booking("booking.clock_moved/expert", On::BookingClockMoved, Expert, "booking.clock_moved", OPEN),
    booking("booking.kept/client", On::BookingKept, Client, "booking.kept", None),
    booking("booking.kept/expert", On::BookingKept, Expert, "booking.kept", None),
    Rule { category: Category::Reminder, ..booking("booking.reminder/client", On::BookingReminderDue, Client, "booking.reminder", OPEN) },
    Rule { category: Category::Reminder, ..booking("booking.reminder/expert", On::BookingReminderDue, Expert, "booking.reminder", OPEN) },
    booking("booking.missed/client", On::BookingMissed, Client, "booking.missed", TELL),
    booking("booking.missed/expert", On::BookingMissed, Expert, "booking.missed", TELL),
    booking("booking.completed/client", On::BookingCompleted, Client, "booking.completed", None),
    booking("booking.completed/expert", On::BookingCompleted, Expert, "booking.completed", None),
    Rule { category: Category::Review, ..booking("booking.review_asked/client", On::BookingCompleted, Client, "booking.review_asked", OPEN) },
    Rule { category: Category::Review, ..booking("booking.reviewed/expert", On::BookingReviewed, Expert, "booking.reviewed", None) },
];

/// Somebody who may be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    pub id: UserId,
    pub name: String,
    pub email: String,
    pub locale: String,
    pub time_zone: Tz,
    /// Nothing is sent to a disabled account; its inbox is kept up.
    pub disabled: bool,
    pub preferences: Preferences,
}

/// The people of a batch of events. Who is missing no longer exists and is told nothing.
pub type People = BTreeMap<UserId, Recipient>;

/// Addresses of pages, some of them signed so that they work for one person only.
pub trait Links: Send + Sync {
    /// The page of a booking.
    fn booking(&self, booking: BookingId) -> String;
    /// The page on which an expert's free times are shown.
    fn expert(&self, expert: UserId) -> String;
    /// Proves that whoever follows it reads mail at `email`.
    fn verify(&self, user: UserId, email: &str, now: Instant) -> String;
    /// Lets whoever follows it choose a new password, while the account's epoch is `auth_epoch`.
    fn reset(&self, user: UserId, auth_epoch: i64, now: Instant) -> String;
}

/// An inbox entry to be written.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    pub rule_id: &'static str,
    pub user_id: UserId,
    pub category: Category,
    pub kind: &'static str,
    pub title: String,
    pub body: String,
    pub data: Value,
}

/// A message to be sent.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    pub rule_id: &'static str,
    pub user_id: UserId,
    pub channel: &'static str,
    pub address: String,
    pub kind: &'static str,
    pub subject: String,
    pub content: Content,
}

/// The channel of every mail, whether it is sent or kept.
pub const EMAIL: &str = "email";

/// Everything that one event leads to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Plan {
    pub entries: Vec<Entry>,
    pub messages: Vec<Message>,
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
    Account(AccountFacts),
}

impl Facts {
    /// Reads an event's data.
    ///
    /// # Errors
    /// When it is not what the event's type promises.
    pub fn of(event: &Event) -> Result<Self, PlanError> {
        let data = event.data.clone();
        Ok(match event.kind {
            On::AccountRegistered | On::AccountPasswordForgotten => {
                Self::Account(serde_json::from_value(data)?)
            }
            _ => Self::Booking(Box::new(serde_json::from_value(data)?)),
        })
    }

    /// Everybody whose name, language or address planning needs.
    pub fn people(&self) -> Vec<UserId> {
        match self {
            Self::Booking(facts) => vec![facts.client.id, facts.expert.id],
            Self::Account(facts) => vec![facts.user_id],
        }
    }

    fn reader(&self, audience: Audience) -> Option<UserId> {
        match (self, audience) {
            (Self::Booking(facts), Audience::Client) => Some(facts.client.id),
            (Self::Booking(facts), Audience::Expert) => Some(facts.expert.id),
            (Self::Account(facts), Audience::Holder) => Some(facts.user_id),
            _ => None,
        }
    }

    fn actor(&self) -> Option<UserId> {
        match self {
            Self::Booking(facts) => facts.actor_id,
            Self::Account(_) => None,
        }
    }

    /// What an inbox entry carries for the reader's programs.
    fn data(&self) -> Value {
        match self {
            Self::Account(facts) => json!({ "user_id": facts.user_id }),
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
}

/// Applies the rule book to one event.
///
/// # Errors
/// When a text cannot be made of these facts; the event then needs a person's eye.
pub fn plan(
    event: &Event,
    facts: &Facts,
    people: &People,
    templates: &Templates,
    links: &dyn Links,
    now: Instant,
) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    for rule in RULES.iter().filter(|rule| rule.on == event.kind) {
        let Some(reader) = facts.reader(rule.audience).and_then(|id| people.get(&id)) else {
            continue;
        };
        let letter = Letter {
            event,
            facts,
            reader,
            people,
            audience: rule.audience,
            templates,
            links,
            now,
        };
        if rule.inbox {
            let note = letter.note(rule.kind)?;
            plan.entries.push(Entry {
                rule_id: rule.id,
                user_id: reader.id,
                category: rule.category,
                kind: rule.kind,
                title: note.title,
                body: note.body,
                data: facts.data(),
            });
        }
        let own = facts.actor() == Some(reader.id);
        if let Some(mailing) = rule.mail
            && !reader.disabled
            && reader.preferences.wants_mail(rule.category)
            && !(mailing.unless_own && own)
        {
            let (subject, content) = letter.mail(rule.kind, &mailing)?;
            plan.messages.push(Message {
                rule_id: rule.id,
                user_id: reader.id,
                channel: EMAIL,
                address: reader.email.clone(),
                kind: rule.kind,
                subject,
                content,
            });
        }
    }
    Ok(plan)
}
