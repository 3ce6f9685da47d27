//! Bookings: what they are, and the people and things around them.

use std::str::FromStr;

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Instant;
use crate::account::{Role, UnknownName};
use crate::expert::Expert;
use crate::group_session::SessionRef;
use crate::id::{BookingId, BranchId, HoldId, UserId};
use crate::schedule::Schedule;
use crate::series::SeriesPlace;
use crate::slot::Slot;

/// What it promised on the clock of its zone.
mod clock;
/// What may be done to a booking.
mod rules;
/// Statuses and the table of moves.
mod status;

pub use status::{Status, Step};

/// How the two meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Over a link.
    Online,
    /// At a place.
    Offline,
}

impl Mode {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }
}

impl FromStr for Mode {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "online" => Ok(Self::Online),
            "offline" => Ok(Self::Offline),
            _ => Err(UnknownName),
        }
    }
}

/// One of the two people of a booking, as the other sees them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Party {
    pub id: UserId,
    pub name: String,
}

/// A booking with the names of its people.
#[derive(Clone, PartialEq, Debug)]
pub struct Booking {
    pub id: BookingId,
    /// Six digits, unique among bookings that are not archived.
    pub code: String,
    pub status: Status,
    pub expert: Party,
    pub expert_branch: Option<BranchId>,
    pub client: Party,
    /// What it is a seat of, if it is one.
    pub session: Option<SessionRef>,
    /// Which of a series it is, if it is one.
    pub series: Option<SeriesPlace>,
    pub starts_at: Instant,
    pub ends_at: Instant,
    /// The expert's zone when it was booked.
    pub time_zone: Tz,
    /// What the clock there was to show at the start, while new rules of the zone make it show another time.
    pub promised_start: Option<NaiveDateTime>,
    pub mode: Mode,
    pub place: Option<String>,
    pub link: Option<String>,
    pub note: Option<String>,
    /// Why it was rejected, cancelled or missed.
    pub reason: Option<String>,
    /// iCalendar SEQUENCE of the last invitation.
    pub sequence: i64,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub confirmed_at: Option<Instant>,
    pub review: Option<Review>,
}

impl Booking {
    /// What a client books with an expert at `now`, by the expert's rules; its code is drawn when it is written.
    pub fn made(
        expert: &Expert,
        schedule: &Schedule,
        client: Party,
        Slot { starts_at, ends_at }: Slot,
        mode: Mode,
        now: Instant,
    ) -> Booking {
        let auto_confirm = schedule.rules.auto_confirm;
        Booking {
            id: BookingId::at(now),
            code: String::new(),
            status: if auto_confirm {
                Status::Confirmed
            } else {
                Status::Pending
            },
            expert: Party {
                id: expert.id,
                name: expert.name.clone(),
            },
            expert_branch: expert.branch_id,
            client,
            session: None,
            series: None,
            starts_at,
            ends_at,
            time_zone: schedule.time_zone,
            promised_start: None,
            mode,
            place: None,
            link: None,
            note: None,
            reason: None,
            sequence: 0,
            version: 1,
            created_at: now,
            updated_at: now,
            confirmed_at: auto_confirm.then_some(now),
            review: None,
        }
    }
}

/// What a client says afterwards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Review {
    pub stars: i64,
    pub text: Option<String>,
    pub created_at: Instant,
}

/// A slot held while the form is filled; it shows as taken until it expires.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    pub id: HoldId,
    pub expert_id: UserId,
    pub client_id: UserId,
    pub starts_at: Instant,
    pub ends_at: Instant,
    pub expires_at: Instant,
}

/// On which side of a booking the caller stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The person who booked.
    Client,
    /// The expert, the expert's manager, or an admin.
    Staff,
}

/// A change of the things a booking may change in place; `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Edit {
    pub note: Option<Option<String>>,
    pub mode: Option<Mode>,
    pub place: Option<Option<String>>,
    pub link: Option<Option<String>>,
}

impl Edit {
    /// Whether it leaves everything as it is.
    pub fn keeps(&self, booking: &Booking) -> bool {
        self.note.as_ref().is_none_or(|note| *note == booking.note)
            && self.mode.is_none_or(|mode| mode == booking.mode)
            && self
                .place
                .as_ref()
                .is_none_or(|place| *place == booking.place)
            && self.link.as_ref().is_none_or(|link| *link == booking.link)
    }
}

/// Who did something to a booking, as its history keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// `None` for the system itself.
    pub id: Option<UserId>,
    pub name: String,
    /// A [`Role`] name or `system`.
    pub role: String,
}

impl Actor {
    /// What the house does by itself.
    pub fn system() -> Self {
        Self {
            id: None,
            name: "Belfry".to_owned(),
            role: "system".to_owned(),
        }
    }

    /// A person acting under a role.
    pub fn person(id: UserId, name: String, role: Role) -> Self {
        Self {
            id: Some(id),
            name,
            role: role.as_str().to_owned(),
        }
    }
}

/// Why a booking command was refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BookingError {
    #[error("the slot was taken by somebody else")]
    SlotTaken,
    #[error("the client has another booking at that time")]
    ClientBusy,
    #[error("the time is not offered: {0}")]
    NotOffered(&'static str),
    #[error("not allowed while the booking is {}", status.as_str())]
    WrongStatus { status: Status },
    #[error("it is too late for that")]
    TooLate,
    #[error("it is too early for that")]
    TooEarly,
    #[error("a reason is required")]
    ReasonRequired,
    #[error("this side of the booking may not do that")]
    NotAllowed,
    #[error("it has been reviewed")]
    AlreadyReviewed,
    #[error("it was changed meanwhile")]
    Stale,
    #[error("too many slots are held at once")]
    TooManyHolds,
    #[error("too many bookings without an account are open")]
    TooManyOpen,
    #[error("there is no offer any more")]
    OfferGone,
    #[error("every seat is taken")]
    SessionFull,
    #[error("the session has begun or was called off")]
    SessionClosed,
    #[error("a seat moves with its session alone")]
    MovesWithSession,
    #[error("no such booking")]
    NotFound,
}

impl BookingError {
    /// The stable code of the public contract.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SlotTaken => "slot-taken",
            Self::ClientBusy => "client-busy",
            Self::NotOffered(_) => "slot-not-offered",
            Self::WrongStatus { .. } => "wrong-status",
            Self::TooLate => "too-late",
            Self::TooEarly => "too-early",
            Self::ReasonRequired => "validation",
            Self::NotAllowed => "forbidden",
            Self::AlreadyReviewed => "already-reviewed",
            Self::Stale => "stale",
            Self::TooManyHolds => "too-many-holds",
            Self::TooManyOpen => "too-many-open",
            Self::OfferGone => "offer-gone",
            Self::SessionFull => "session-full",
            Self::SessionClosed => "session-closed",
            Self::MovesWithSession => "moves-with-session",
            Self::NotFound => "not-found",
        }
    }
}
