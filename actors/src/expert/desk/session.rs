//! Group sessions: offering them, changing them, and taking a seat.
//!
//! A session is written straight to the database, which alone decides about the expert's time; the actor reads again
//! afterwards, as after a change of the schedule. Nor does a seat need a turn: the session's own row counts them.

use belfry_domain::Instant;
use belfry_domain::booking::{
    Actor as Doer, Booking, BookingError, Mode, Party, Status as Standing,
};
use belfry_domain::event::Told;
use belfry_domain::expert::Expert;
use belfry_domain::group_session::{GroupSession, SessionEdit, SessionError, Status};
use belfry_domain::id::{BookingId, GroupSessionId, HoldId, UserId};
use belfry_domain::schedule::Schedule;
use belfry_store::booking::NewBooking;
use belfry_store::group_session::SessionChange;
use belfry_store::guest::GuestTerms;
use belfry_store::idempotency::IdempotencyKey;
use chrono::TimeDelta;

use super::{Experts, Refused};
use crate::Busy;
use crate::expert::mailbox::Notice;
use crate::expert::{Asked, tally};

/// How often a session may change under a seat that is being taken.
const MOST_LOOKS: u8 = 4;

/// A session to be offered.
#[derive(Clone, Debug)]
pub struct SessionDraft {
    pub title: String,
    pub description: Option<String>,
    pub starts_at: Instant,
    pub minutes: u16,
    pub mode: Mode,
    pub place: Option<String>,
    pub link: Option<String>,
    pub seats: i64,
    /// As the expert's rules say when left out.
    pub auto_confirm: Option<bool>,
}

/// A wish for a seat.
#[derive(Clone, Debug)]
pub struct SeatRequest {
    pub client: Party,
    pub note: Option<String>,
    /// Set when the client books without an account.
    pub guest: Option<GuestTerms>,
    pub actor: Doer,
    pub key: Option<IdempotencyKey>,
    /// The offer from a waiting list that is accepted: made only while it stands.
    pub needs_offer: Option<HoldId>,
}

impl Experts {
    /// Offers a session and takes the expert's time for it. Hours and rules of the expert do not bind it, since the
    /// expert offers it; buffers do.
    ///
    /// # Errors
    /// `SlotTaken`, `InThePast`, inside; `NoExpert`, or when the database fails.
    pub async fn offer_session(
        &self,
        expert: &Expert,
        draft: SessionDraft,
        key: Option<IdempotencyKey>,
    ) -> Result<Result<GroupSession, SessionError>, Refused> {
        let now = self.world.clock.now();
        if draft.starts_at <= now {
            return Ok(Err(SessionError::InThePast));
        }
        let schedule = self.schedule_of(expert.id, now).await?;
        let session = GroupSession {
            id: GroupSessionId::at(now),
            expert: Party {
                id: expert.id,
                name: expert.name.clone(),
            },
            expert_branch: expert.branch_id,
            title: draft.title,
            description: draft.description,
            status: Status::Open,
            starts_at: draft.starts_at,
            ends_at: draft.starts_at + TimeDelta::minutes(i64::from(draft.minutes)),
            time_zone: schedule.time_zone,
            mode: draft.mode,
            place: draft.place,
            link: draft.link,
            seats: draft.seats,
            taken: 0,
            auto_confirm: draft.auto_confirm.unwrap_or(schedule.rules.auto_confirm),
            reason: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let stretch = stretch(&schedule, &session);
        let store = &self.world.store;
        if let Err(refused) = store.offer_session(&session, stretch, key.as_ref()).await? {
            return Ok(Err(refused));
        }
        self.rescheduled(expert.id).await;
        Ok(Ok(session))
    }

    /// Changes a session, and its seats with it.
    ///
    /// # Errors
    /// What [`GroupSession::edited`] and [`belfry_store::Store::change_session`] refuse, inside; or when the database
    /// fails.
    pub async fn edit_session(
        &self,
        id: GroupSessionId,
        edit: &SessionEdit,
        actor: Doer,
        expected: Option<i64>,
    ) -> Result<Result<GroupSession, SessionError>, Refused> {
        let now = self.world.clock.now();
        let decide = |before: &GroupSession| before.edited(edit, now);
        self.change_session(id, decide, Told::by(actor), expected, now)
            .await
    }

    /// Calls a session off, with all its seats.
    ///
    /// # Errors
    /// `Closed`, `Stale`, `NotFound`, inside; or when the database fails.
    pub async fn cancel_session(
        &self,
        id: GroupSessionId,
        reason: String,
        actor: Doer,
        expected: Option<i64>,
    ) -> Result<Result<GroupSession, SessionError>, Refused> {
        let now = self.world.clock.now();
        let told = Told {
            reason: Some(reason.clone()),
            ..Told::by(actor)
        };
        let decide = |before: &GroupSession| before.cancelled(reason.clone(), now);
        self.change_session(id, decide, told, expected, now).await
    }

    async fn change_session(
        &self,
        id: GroupSessionId,
        decide: impl Fn(&GroupSession) -> Result<GroupSession, SessionError>,
        told: Told,
        expected: Option<i64>,
        now: Instant,
    ) -> Result<Result<GroupSession, SessionError>, Refused> {
        let store = &self.world.store;
        let Some(session) = store.group_session(id).await? else {
            return Ok(Err(SessionError::NotFound));
        };
        let expert = session.expert.id;
        let schedule = self.schedule_of(expert, now).await?;
        let decide = |before: &GroupSession| {
            let after = decide(before)?;
            Ok(SessionChange {
                stretch: stretch(&schedule, &after),
                after,
                told: told.clone(),
                reminder_offsets: self.world.settings.now().settings.reminder_offsets(),
            })
        };
        let changed = store.change_session(id, expected, decide, now).await?;
        if changed.is_ok() {
            self.rescheduled(expert).await;
            (self.committed)();
        }
        Ok(changed)
    }

    /// Books a seat of a session that begins at `starts_at`.
    ///
    /// # Errors
    /// `SessionFull`, `SessionClosed`, `ClientBusy`, `NotOffered` when it begins at another time by now, `OfferGone`
    /// for an offer that does not stand, and what [`Refused`] lists.
    pub async fn take_seat(
        &self,
        id: GroupSessionId,
        starts_at: Instant,
        request: SeatRequest,
    ) -> Result<Booking, Refused> {
        let asked = match request.needs_offer {
            Some(_) => Asked::Offer,
            None => Asked::Session,
        };
        tally(asked, self.seat_at(id, starts_at, request).await)
    }

    async fn seat_at(
        &self,
        id: GroupSessionId,
        starts_at: Instant,
        request: SeatRequest,
    ) -> Result<Booking, Refused> {
        let store = &self.world.store;
        for _ in 0..MOST_LOOKS {
            let now = self.world.clock.now();
            let session = store.group_session(id).await?;
            let session = session.ok_or(BookingError::NotFound)?;
            if session.ahead(now).is_err() {
                return Err(BookingError::SessionClosed.into());
            }
            if session.starts_at != starts_at {
                return Err(BookingError::NotOffered("session_moved").into());
            }
            let offered = store.offered_seat(id, request.client.id, now).await?;
            let offers: Vec<HoldId> = offered.into_iter().collect();
            if let Some(needed) = request.needs_offer
                && !offers.contains(&needed)
            {
                return Err(BookingError::OfferGone.into());
            }
            // The database would say the same, after a transaction.
            if offers.is_empty() && session.left() == 0 {
                return Err(BookingError::SessionFull.into());
            }
            let new = NewBooking {
                stretch: (session.starts_at, session.ends_at),
                holder: request.client.id,
                holds: offers.clone(),
                offers,
                session_version: Some(session.version),
                needs_offer: request.needs_offer.is_some(),
                caps: Vec::new(),
                assignment: None,
                guest: request.guest.clone(),
                reminder_offsets: self.world.settings.now().settings.reminder_offsets(),
                told: Told::by(request.actor.clone()),
                key: request.key.clone(),
                booking: seat(&session, &request, now),
            };
            match store.insert_booking(&new).await? {
                Err(BookingError::Stale) => {}
                Err(refused) => return Err(refused.into()),
                Ok(booking) => {
                    self.notify(session.expert.id, Notice::SeatTaken);
                    (self.committed)();
                    return Ok(booking);
                }
            }
        }
        Err(Busy("session").into())
    }

    async fn schedule_of(&self, expert: UserId, now: Instant) -> Result<Schedule, Refused> {
        let found = self.world.store.schedule(expert, now).await?;
        Ok(found.ok_or(Refused::NoExpert)?.0)
    }
}

/// The expert's time that a session takes: itself and the expert's buffers.
fn stretch(schedule: &Schedule, session: &GroupSession) -> (Instant, Instant) {
    let span = |minutes: u16| TimeDelta::minutes(i64::from(minutes));
    (
        session.starts_at - span(schedule.rules.buffer_before_minutes),
        session.ends_at + span(schedule.rules.buffer_after_minutes),
    )
}

fn seat(session: &GroupSession, request: &SeatRequest, now: Instant) -> Booking {
    Booking {
        id: BookingId::at(now),
        code: String::new(),
        status: if session.auto_confirm {
            Standing::Confirmed
        } else {
            Standing::Pending
        },
        expert: session.expert.clone(),
        expert_branch: session.expert_branch,
        client: request.client.clone(),
        session: Some(session.reference()),
        starts_at: session.starts_at,
        ends_at: session.ends_at,
        time_zone: session.time_zone,
        promised_start: None,
        mode: session.mode,
        place: session.place.clone(),
        link: session.link.clone(),
        note: request.note.clone(),
        reason: None,
        sequence: 0,
        version: 1,
        created_at: now,
        updated_at: now,
        confirmed_at: session.auto_confirm.then_some(now),
        review: None,
        series: None,
    }
}
