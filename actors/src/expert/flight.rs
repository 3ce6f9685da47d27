//! Bookings, moves and holds on their way through the turnstile.

use std::sync::atomic::{AtomicU64, Ordering};

use belfry_domain::Instant;
use belfry_domain::booking::{Actor, Booking, BookingError, Hold, Mode, Party, Side, Status};
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::branch::Terms;
use belfry_domain::event::{EventType, Told};
use belfry_domain::id::{BookingId, HoldId, UserId};
use belfry_domain::slot::{Counted, Slot};
use belfry_domain::waiting::Turn;
use belfry_domain::wall;
use belfry_store::assignment::NewAssignment;
use belfry_store::booking::{Cap, Change, Decided, NewBooking};
use belfry_store::guest::GuestTerms;
use belfry_store::idempotency::IdempotencyKey;
use belfry_store::occupancy::NewHold;
use belfry_store::waiting::NewOffer;
use chrono::TimeDelta;
use chrono_tz::Tz;
use futures::channel::oneshot;
use futures::future::LocalBoxFuture;
use serde_json::json;
use uuid::Uuid;

use super::memory::Memory;
use super::{ExpertActor, Refused};
use crate::Place;

/// A wish for a new booking.
#[derive(Clone, Debug)]
pub struct BookRequest {
    pub client: Party,
    /// Who asks; their holds of this time are replaced by the booking.
    pub holder: UserId,
    pub starts_at: Instant,
    /// The expert's first length when left out.
    pub minutes: Option<u16>,
    pub mode: Mode,
    pub note: Option<String>,
    /// Set when the client books without an account.
    pub guest: Option<GuestTerms>,
    pub actor: Actor,
    pub key: Option<IdempotencyKey>,
    /// Set when a branch was asked, and found this expert.
    pub branch: Option<Box<AtBranch>>,
    /// The offer from a waiting list that is accepted: made only while it stands, and whatever the rules say of the
    /// time by now, because it was promised.
    pub offer: Option<HoldId>,
}

/// What a branch says to a booking that it gives to one of its experts.
#[derive(Clone, Debug)]
pub struct AtBranch {
    /// What it asks for, beyond the expert's rules.
    pub terms: Terms,
    /// Where to come to, if the booking is not online.
    pub place: Option<String>,
    /// Why this expert.
    pub assignment: NewAssignment,
}

/// A wish to move a booking to another time.
#[derive(Clone, Debug)]
pub struct MoveRequest {
    /// As the caller has just read it.
    pub booking: Booking,
    pub starts_at: Instant,
    /// As long as before when left out.
    pub minutes: Option<u16>,
    pub side: Side,
    pub actor: Actor,
    /// The version the caller has seen, if the caller cares.
    pub expected: Option<i64>,
}

/// A wish to hold a slot while a form is filled.
#[derive(Clone, Debug)]
pub struct HoldRequest {
    pub client: UserId,
    pub starts_at: Instant,
    pub minutes: Option<u16>,
    pub key: Option<IdempotencyKey>,
}

/// A wish to hold a slot for somebody who waits for one.
#[derive(Clone, Debug)]
pub struct OfferRequest {
    pub turn: Turn,
}

/// What the turnstile lets through.
#[derive(Clone, Debug)]
pub(super) enum Command {
    Book(BookRequest),
    Move(Box<MoveRequest>),
    Hold(HoldRequest),
    Offer(Box<OfferRequest>),
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Done {
    Booking(Box<Booking>),
    Hold(Hold),
    /// A hold for somebody who waits.
    Offer(Hold),
}

/// The time a command wants.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub starts_at: Instant,
    pub minutes: u16,
    /// Whose holds do not stand in the way.
    pub holder: UserId,
    /// Which of them, since this replaces them.
    pub replaces: Replaces,
    pub moved: Option<BookingId>,
    /// Not bound to the expert's hours and rules.
    pub any_time: bool,
    /// What a branch asks for, beyond the expert's rules.
    pub terms: Option<Terms>,
    /// Held for them by an offer: only the database knows whether it still is.
    pub promised: bool,
    counts: bool,
}

impl Want {
    /// A time that somebody would book by themselves, as everybody may.
    pub fn of(starts_at: Instant, minutes: u16, holder: UserId) -> Self {
        Self {
            starts_at,
            minutes,
            holder,
            replaces: Replaces::All,
            moved: None,
            any_time: false,
            terms: None,
            promised: false,
            counts: true,
        }
    }
}

/// Which of somebody's own holds a command puts something else in the place of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Replaces {
    /// Also what was offered to them.
    All,
    /// Those that they made themselves: to fill a form is no reason to lose an offer.
    OwnChoice,
    Nothing,
}

/// A command, the time it wants, and who waits for the answer.
pub(super) struct Job {
    pub command: Command,
    pub want: Want,
    /// How often the database found the time taken that memory thought free.
    pub lost: u8,
    /// Taken until the answer is known.
    pub place: Place,
    pub reply: oneshot::Sender<Result<Done, Refused>>,
}

impl Job {
    /// Answers the caller, who may have left.
    pub fn answer(self, answer: Result<Done, Refused>) {
        let _ = self.reply.send(answer);
    }
}

/// A command that the database is judging.
pub(super) struct Flight {
    pub number: u64,
    /// Which reading of the memory it set out from.
    pub reading: u64,
    pub stretch: (Instant, Instant),
    pub counted: Option<Counted>,
}

impl Flight {
    pub fn of(want: &Want, memory: &Memory, reading: u64) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            reading,
            stretch: memory.stretch(want.starts_at, want.minutes),
            counted: want.counts.then_some(Counted {
                starts_at: want.starts_at,
            }),
        }
    }
}

impl Done {
    /// What takes the time, and how new this state of it is; a hold has only one.
    pub fn version(&self) -> (Uuid, i64) {
        match self {
            Self::Booking(booking) => (booking.id.uuid(), booking.version),
            Self::Hold(hold) | Self::Offer(hold) => (hold.id.uuid(), 1),
        }
    }
}

impl Command {
    /// The time it wants.
    ///
    /// # Errors
    /// `NotOffered` when the expert offers no length at all, or an expert wants to book themself.
    pub fn want(&self, memory: &Memory) -> Result<Want, BookingError> {
        let default = memory.schedule.rules.default_minutes();
        let no_length = BookingError::NotOffered("length_not_offered");
        Ok(match self {
            Self::Book(request) => Want {
                starts_at: request.starts_at,
                minutes: request.minutes.or(default).ok_or(no_length)?,
                holder: request.holder,
                replaces: Replaces::All,
                moved: None,
                any_time: request.offer.is_some(),
                terms: request.branch.as_ref().map(|at| at.terms),
                promised: request.offer.is_some(),
                counts: true,
            },
            Self::Move(request) => Want {
                starts_at: request.starts_at,
                minutes: match request.minutes {
                    Some(minutes) => minutes,
                    None => u16::try_from(request.booking.minutes()).map_err(|_| no_length)?,
                },
                holder: request.booking.client.id,
                replaces: Replaces::All,
                moved: Some(request.booking.id),
                any_time: request.side == Side::Staff,
                terms: None,
                promised: false,
                counts: true,
            },
            Self::Hold(request) => Want {
                starts_at: request.starts_at,
                minutes: request.minutes.or(default).ok_or(no_length)?,
                holder: request.client,
                replaces: Replaces::OwnChoice,
                moved: None,
                any_time: false,
                terms: None,
                promised: false,
                counts: false,
            },
            Self::Offer(request) => Want {
                starts_at: request.turn.slot.starts_at,
                minutes: request.turn.waiter.wish.minutes,
                holder: request.turn.waiter.client.id,
                replaces: Replaces::Nothing,
                moved: None,
                any_time: false,
                terms: None,
                promised: false,
                counts: true,
            },
        })
    }
}

/// Brings a job before the database.
pub(super) fn run(
    job: &Job,
    memory: &Memory,
    expert: &ExpertActor,
    now: Instant,
) -> LocalBoxFuture<'static, Decided<Done>> {
    let ExpertActor { rules, world, .. } = expert;
    let store = world.store.clone();
    let want = &job.want;
    let stretch = memory.stretch(want.starts_at, want.minutes);
    let ends_at = want.starts_at + TimeDelta::minutes(i64::from(want.minutes));
    match &job.command {
        Command::Book(request) => {
            let mut offers = own_offers(memory, want);
            offers.extend(request.offer.filter(|offer| !offers.contains(offer)));
            let mut holds = own_holds(memory, want);
            holds.extend(request.offer.filter(|offer| !holds.contains(offer)));
            let new = NewBooking {
                booking: new_booking(request, memory, ends_at, now),
                stretch,
                holder: want.holder,
                holds,
                offers,
                session_version: None,
                needs_offer: request.offer.is_some(),
                caps: caps(memory, want),
                assignment: request.branch.as_ref().map(|at| at.assignment.clone()),
                guest: request.guest.clone(),
                reminder_offsets: world.settings.now().settings.reminder_offsets(),
                told: Told::by(request.actor.clone()),
                key: request.key.clone(),
            };
            let group_commit = expert.group_commit.clone();
            Box::pin(async move {
                let made = group_commit.book(new).await?;
                Ok(made.map(|booking| Done::Booking(Box::new(booking))))
            })
        }
        Command::Move(request) => {
            let request = request.clone();
            let caps = if want.any_time {
                Vec::new()
            } else {
                caps(memory, want)
            };
            let holds = own_holds(memory, want);
            let offers = own_offers(memory, want);
            let offsets = world.settings.now().settings.reminder_offsets();
            let auto_confirm = memory.schedule.rules.auto_confirm;
            let notice = cancel_notice(memory);
            let starts_at = want.starts_at;
            Box::pin(async move {
                let decide = |before: &Booking| {
                    let status = before.reschedule(request.side, auto_confirm, notice, now)?;
                    let mut after = before.clone();
                    after.status = status;
                    after.starts_at = starts_at;
                    after.ends_at = ends_at;
                    after.promised_start = None;
                    after.sequence += 1;
                    after.confirmed_at =
                        (status == Status::Confirmed).then_some(before.confirmed_at.unwrap_or(now));
                    let told = Told {
                        previous_starts_at: Some(before.starts_at),
                        ..Told::by(request.actor.clone())
                    };
                    Ok(Change {
                        changes: json!({
                            "starts_at": { "from": before.starts_at, "to": starts_at },
                            "ends_at": { "from": before.ends_at, "to": ends_at },
                        }),
                        after,
                        event: EventType::BookingRescheduled,
                        told,
                        stretch: Some(stretch),
                        holds: holds.clone(),
                        offers: offers.clone(),
                        caps: caps.clone(),
                        reminder_offsets: offsets.clone(),
                    })
                };
                let id = request.booking.id;
                let moved = store
                    .change_booking(id, request.expected, decide, now)
                    .await?;
                Ok(moved.map(|booking| Done::Booking(Box::new(booking))))
            })
        }
        Command::Hold(request) => {
            let hold = Hold {
                id: HoldId::at(now),
                expert_id: memory.expert.id,
                client_id: request.client,
                starts_at: want.starts_at,
                ends_at,
                expires_at: now + rules.hold,
            };
            let new = NewHold {
                hold,
                stretch,
                replaced: own_holds(memory, want),
                most: rules.holds_per_person,
                key: request.key.clone(),
            };
            Box::pin(async move {
                let held = store.insert_hold(&new, now).await?;
                Ok(held.map(|()| Done::Hold(new.hold)))
            })
        }
        Command::Offer(request) => {
            let Turn {
                waiter, expires_at, ..
            } = &request.turn;
            let new = NewOffer {
                waiting_id: waiter.id,
                hold: Hold {
                    id: HoldId::at(now),
                    expert_id: memory.expert.id,
                    client_id: waiter.client.id,
                    starts_at: want.starts_at,
                    ends_at,
                    expires_at: *expires_at,
                },
                stretch,
                caps: caps(memory, want),
            };
            Box::pin(async move {
                let offered = store.offer_place(&new, now).await?;
                Ok(offered.map(|()| Done::Offer(new.hold)))
            })
        }
    }
}

fn own_offers(memory: &Memory, want: &Want) -> Vec<HoldId> {
    let offers = memory.own_offers(want).into_iter();
    offers.map(HoldId::from).collect()
}

fn own_holds(memory: &Memory, want: &Want) -> Vec<HoldId> {
    memory
        .own_holds(want)
        .into_iter()
        .map(HoldId::from)
        .collect()
}

/// How long before the start a client may still cancel or move.
pub(super) fn cancel_notice(memory: &Memory) -> TimeDelta {
    TimeDelta::minutes(i64::from(memory.schedule.rules.cancel_notice_minutes))
}

fn new_booking(request: &BookRequest, memory: &Memory, ends_at: Instant, now: Instant) -> Booking {
    let place = request.branch.as_ref().and_then(|at| at.place.clone());
    let slot = Slot {
        starts_at: request.starts_at,
        ends_at,
    };
    let (client, mode) = (request.client.clone(), request.mode);
    Booking {
        place: place.filter(|_| mode == Mode::Offline),
        note: request.note.clone(),
        ..Booking::made(&memory.expert, &memory.schedule, client, slot, mode, now)
    }
}

/// The caps that what is wanted falls under, by the expert's calendar.
fn caps(memory: &Memory, want: &Want) -> Vec<Cap> {
    let own = &memory.schedule.rules;
    let rules = match &want.terms {
        Some(terms) => &terms.narrow(own),
        None => own,
    };
    caps_of(rules, memory.schedule.time_zone, want.starts_at)
}

/// The caps that a booking at `starts_at` falls under by these rules, on the clock of `zone`.
pub(super) fn caps_of(rules: &BookingRules, zone: Tz, starts_at: Instant) -> Vec<Cap> {
    let date = wall::local_date(zone, starts_at);
    let cap = |most: Option<u16>, (from, until), reason| {
        most.map(|most| Cap {
            from,
            until,
            most: i64::from(most),
            reason,
        })
    };
    let day = cap(rules.max_per_day, wall::day_bounds(zone, date), "day_cap");
    let week = cap(
        rules.max_per_week,
        wall::week_bounds(zone, date),
        "week_cap",
    );
    day.into_iter().chain(week).collect()
}
