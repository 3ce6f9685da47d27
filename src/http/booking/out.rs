//! What a booking looks like on the wire.

use std::borrow::Cow;

use belfry_domain::Instant;
use belfry_domain::account::Caller;
use belfry_domain::booking::{Actor, Booking, Hold, Mode, Party, Review, Status};
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::calendar::{self, CalendarUser, Method, Wording};
use belfry_domain::event::{BookingFacts, Told};
use belfry_domain::group_session::SessionRef;
use belfry_domain::id::{BookingId, GroupSessionId, HoldId, SeriesId, UserId};
use belfry_domain::series::SeriesPlace;
use belfry_domain::wall;
use belfry_store::booking::HistoryEntry;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::App;
use crate::http::openapi::shape::{ModeShape, StatusShape};
use crate::http::problem::Problem;

/// One of the two people of a booking.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct PartyOut {
    #[schema(value_type = Uuid)]
    pub id: UserId,
    pub name: String,
}

impl From<Party> for PartyOut {
    fn from(party: Party) -> Self {
        Self {
            id: party.id,
            name: party.name,
        }
    }
}

/// Which of a series a booking is.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct SeriesPlaceOut {
    #[schema(value_type = Uuid)]
    pub id: SeriesId,
    /// From 1.
    pub number: i64,
    pub of: i64,
}

impl From<SeriesPlace> for SeriesPlaceOut {
    fn from(place: SeriesPlace) -> Self {
        Self {
            id: place.id,
            number: place.number,
            of: place.of,
        }
    }
}

/// The group session that a booking is a seat of.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct SessionRefOut {
    #[schema(value_type = Uuid)]
    pub id: GroupSessionId,
    pub title: String,
}

impl From<SessionRef> for SessionRefOut {
    fn from(session: SessionRef) -> Self {
        Self {
            id: session.id,
            title: session.title,
        }
    }
}

/// What the client said afterwards.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct BookingReviewOut {
    pub stars: i64,
    pub text: Option<String>,
    pub created_at: DateTime<Utc>,
}

impl From<Review> for BookingReviewOut {
    fn from(review: Review) -> Self {
        Self {
            stars: review.stars,
            text: review.text,
            created_at: review.created_at,
        }
    }
}

/// What a clock was to show at the start of a booking, and what it shows now that its rules changed.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct ClockMovedOut {
    #[schema(example = "2027-03-29T09:00")]
    pub promised: String,
    #[schema(example = "2027-03-29T10:00")]
    pub shown: String,
}

/// A booking as the people it concerns see it.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct BookingOut {
    #[schema(value_type = Uuid)]
    pub id: BookingId,
    /// Six digits.
    pub code: String,
    #[schema(value_type = StatusShape, example = "pending")]
    pub status: Status,
    pub expert: PartyOut,
    pub client: PartyOut,
    /// Set for a seat of a group session, with which alone it moves.
    pub session: Option<SessionRefOut>,
    /// Set for one of a series.
    pub series: Option<SeriesPlaceOut>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub minutes: i64,
    /// The expert's zone.
    #[schema(value_type = String)]
    pub time_zone: Tz,
    /// Set while the clock there shows another time at the start than when it was booked, because its rules changed.
    pub clock_moved: Option<ClockMovedOut>,
    #[schema(value_type = ModeShape, example = "online")]
    pub mode: Mode,
    pub place: Option<String>,
    pub link: Option<String>,
    pub note: Option<String>,
    /// Why it was rejected, cancelled or missed.
    pub reason: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub version: i64,
    /// What the caller may do now.
    #[schema(value_type = Vec<String>)]
    pub actions: Vec<Cow<'static, str>>,
    /// The last instant at which the client may cancel or move it; `null` once it has ended.
    pub cancel_until: Option<DateTime<Utc>>,
    pub review: Option<BookingReviewOut>,
    /// Only in the answer to whoever booked without an account: sent as `Authorization: Bearer`, it shows, cancels and
    /// moves this one booking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manage_token: Option<String>,
}

impl BookingOut {
    /// The booking as `caller` sees it at `now`; a stranger with the code may only cancel.
    pub fn new(booking: Booking, caller: Option<&Caller>, notice: TimeDelta, now: Instant) -> Self {
        let as_client = Caller {
            id: booking.client.id,
            role: belfry_domain::account::Role::User,
            branch_id: None,
        };
        let mut actions = booking.actions(caller.unwrap_or(&as_client), notice, now);
        if caller.is_none() {
            actions.retain(|action| *action == "cancel");
        }
        Self {
            actions: actions.into_iter().map(Cow::Borrowed).collect(),
            cancel_until: booking
                .status
                .is_open()
                .then(|| booking.cancel_until(notice)),
            clock_moved: booking
                .promised_start
                .filter(|_| booking.status.is_open())
                .map(|promised| ClockMovedOut {
                    promised: wall::written(promised),
                    shown: wall::written(booking.wall_start()),
                }),
            minutes: booking.minutes(),
            id: booking.id,
            code: booking.code,
            status: booking.status,
            expert: booking.expert.into(),
            client: booking.client.into(),
            session: booking.session.map(SessionRefOut::from),
            series: booking.series.map(SeriesPlaceOut::from),
            starts_at: booking.starts_at,
            ends_at: booking.ends_at,
            time_zone: booking.time_zone,
            mode: booking.mode,
            place: booking.place,
            link: booking.link,
            note: booking.note,
            reason: booking.reason,
            created_at: booking.created_at,
            updated_at: booking.updated_at,
            confirmed_at: booking.confirmed_at,
            version: booking.version,
            review: booking.review.map(BookingReviewOut::from),
            manage_token: None,
        }
    }

    /// The same, with what its client manages it by.
    pub fn managed_by(mut self, token: String) -> Self {
        self.manage_token = Some(token);
        self
    }
}

/// How long before the start a client may still cancel or move.
pub fn notice_of(rules: &BookingRules) -> TimeDelta {
    TimeDelta::minutes(i64::from(rules.cancel_notice_minutes))
}

/// A held slot.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct HoldOut {
    #[schema(value_type = Uuid)]
    pub id: HoldId,
    #[schema(value_type = Uuid)]
    pub expert_id: UserId,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

impl From<Hold> for HoldOut {
    fn from(hold: Hold) -> Self {
        Self {
            id: hold.id,
            expert_id: hold.expert_id,
            starts_at: hold.starts_at,
            ends_at: hold.ends_at,
            expires_at: hold.expires_at,
        }
    }
}

/// A booking's whole life.
#[derive(Serialize, ToSchema)]
pub struct HistoryOut {
    items: Vec<StepOut>,
}

/// One step of it.
#[derive(Serialize, ToSchema)]
pub struct StepOut {
    at: DateTime<Utc>,
    actor: ActorOut,
    event: String,
    /// `null` for the first step.
    from_status: Option<String>,
    to_status: String,
    reason: Option<String>,
    /// `{name: {from, to}}`; `null` where nothing had been before.
    #[schema(value_type = Option<Object>)]
    changes: Value,
}

/// Who took it.
#[derive(Serialize, ToSchema)]
pub struct ActorOut {
    /// `null` for the system.
    pub id: Option<Uuid>,
    pub name: String,
    /// A role, or `system`.
    pub role: String,
}

impl ActorOut {
    /// Somebody, or the system.
    pub fn new(id: Option<Uuid>, name: String, role: String) -> Self {
        Self { id, name, role }
    }
}

impl From<Vec<HistoryEntry>> for HistoryOut {
    fn from(entries: Vec<HistoryEntry>) -> Self {
        let items = entries.into_iter().map(|entry| StepOut {
            at: entry.at,
            actor: ActorOut {
                id: entry.actor_id,
                name: entry.actor_name,
                role: entry.actor_role,
            },
            event: entry.event,
            from_status: entry.from_status,
            to_status: entry.to_status,
            reason: entry.reason,
            changes: entry.changes.0,
        });
        Self {
            items: items.collect(),
        }
    }
}

/// The booking as a calendar file for download.
///
/// # Errors
/// The store's own.
pub async fn calendar_file(app: &App, booking: &Booking) -> Result<String, Problem> {
    let people = app
        .world
        .store
        .accounts(&[booking.expert.id, booking.client.id])
        .await?;
    let email = |id: UserId| {
        let found = people.iter().find(|account| account.id == id);
        found
            .map(|account| account.email.as_str())
            .unwrap_or_default()
    };
    let expert = CalendarUser {
        name: &booking.expert.name,
        email: email(booking.expert.id),
    };
    let client = CalendarUser {
        name: &booking.client.name,
        email: email(booking.client.id),
    };
    let summary = match &booking.session {
        Some(session) => session.title.clone(),
        None => format!("{} – {}", booking.expert.name, booking.client.name),
    };
    let wording = Wording {
        summary: &summary,
        description: booking.note.as_deref().unwrap_or_default(),
        page: None,
    };
    let facts = BookingFacts::of(booking, Told::by(Actor::system()));
    Ok(calendar::invitation(
        &facts,
        Method::of(booking.status),
        expert,
        client,
        wording,
        booking.updated_at,
    ))
}
