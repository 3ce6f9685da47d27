//! Making bookings, one or many in one transaction. Each is made with everything that belongs to it, or
//! nothing of it is written.

use std::collections::BTreeSet;

use belfry_domain::Instant;
use belfry_domain::booking::{Booking, BookingError};
use belfry_domain::event::{Event, EventType, Told};
use belfry_domain::id::{HoldId, UserId};
use belfry_domain::wall::{self, ZONE_DATA};
use rand::Rng;
use serde_json::Value;
use uuid::Uuid;

use super::history::{self, Step};
use super::seat;
use super::write::{Cap, Decided, exceeded};
use crate::assignment::{self, NewAssignment};
use crate::guest::{self, GuestTerms};
use crate::idempotency::{self, IdempotencyKey};
use crate::rows::Rows;
use crate::{Store, StoreError, Tx, crash, event, occupancy, reminder, waiting};

/// A booking to be made.
#[derive(Clone, Debug)]
pub struct NewBooking {
    /// As it will be; its code is drawn while it is written.
    pub booking: Booking,
    /// The expert's time it takes, buffers inside.
    pub stretch: (Instant, Instant),
    /// Who asks, and their holds that this booking replaces.
    pub holder: UserId,
    pub holds: Vec<HoldId>,
    /// For a seat: how its session was seen. A change since then is refused as `Stale`.
    pub session_version: Option<i64>,
    /// Those of them that are offers from a waiting list, which this booking takes up.
    pub offers: Vec<HoldId>,
    /// Made only while one of these offers stands.
    pub needs_offer: bool,
    pub caps: Vec<Cap>,
    /// Why this expert, when a branch chose.
    pub assignment: Option<NewAssignment>,
    /// Set when the client books without an account.
    pub guest: Option<GuestTerms>,
    /// Minutes before the start at which both are reminded.
    pub reminder_offsets: Vec<i64>,
    pub told: Told,
    pub key: Option<IdempotencyKey>,
}

/// What a group of bookings came to.
pub enum Grouped {
    /// Each was made or refused by itself.
    Decided(Vec<Result<Booking, BookingError>>),
    /// Nothing was written: each must be tried by itself, because one of them can only be refused by undoing
    /// what the others share.
    Apart,
}

/// How often a free code is drawn before giving up; with a million codes and fewer bookings than that
/// open, a handful is plenty.
const CODE_DRAWS: usize = 64;

impl Store {
    /// Makes a booking and takes the time of both people, or nothing at all.
    ///
    /// # Errors
    /// When the database fails. Inside: `SlotTaken`, `ClientBusy`, or `NotOffered` for a full cap; for a seat `SessionFull`,
    /// `SessionClosed`, `Stale`.
    pub async fn insert_booking(&self, new: &NewBooking) -> Decided<Booking> {
        // PostgreSQL may end one of two crossing writers; the other is through by the second try.
        match self.try_insert(&[new]).await {
            Err(error) if error.is_retryable() => self.try_insert(&[new]).await?.only(),
            grouped => grouped?.only(),
        }
    }

    /// Makes several bookings in one transaction, so that they share the wait for the disk. None of them may
    /// fall under a cap or be a guest's, which are counted for one booking at a time, take up an offer, or be a seat.
    ///
    /// # Errors
    /// When the database fails; then none was made, though one alone may be to blame.
    pub async fn insert_bookings(&self, group: &[&NewBooking]) -> Result<Grouped, StoreError> {
        self.try_insert(group).await
    }

    async fn try_insert(&self, group: &[&NewBooking]) -> Result<Grouped, StoreError> {
        let mut tx = self.begin().await?;
        if let [new] = group {
            let (expert, now) = (new.booking.expert.id, new.booking.created_at);
            let own = new.holder;
            if let Some(refused) = exceeded(&mut tx, expert, &new.caps, None, own, now).await? {
                return Ok(Grouped::Decided(vec![Err(refused)]));
            }
            if let Some(terms) = &new.guest
                && guest::has_enough(&mut tx, &new.booking, terms).await?
            {
                return Ok(Grouped::Decided(vec![Err(BookingError::TooManyOpen)]));
            }
            let id = new.booking.id;
            let taken = waiting::take_up(&mut tx, &new.offers, id, &new.told.actor, now).await?;
            if new.needs_offer && taken == 0 {
                return Ok(Grouped::Decided(vec![Err(BookingError::OfferGone)]));
            }
        }
        for new in group {
            for hold in &new.holds {
                occupancy::drop_hold(&mut tx, *hold, new.holder).await?;
            }
        }
        // After what was held for them is back, in the same transaction: it is theirs again or nobody's.
        if let [new] = group
            && let Err(refused) = seat::take(&mut tx, new, new.booking.created_at).await?
        {
            return Ok(Grouped::Decided(vec![Err(refused)]));
        }
        let refusals = take_time(&mut tx, group).await?;
        let refused = || group.iter().zip(&refusals).filter(|(_, why)| why.is_some());
        if let ([_], [Some(error)]) = (group, &refusals[..]) {
            tx.rollback().await?;
            return Ok(Grouped::Decided(vec![Err(error.clone())]));
        }
        // A hold that was let go comes back only by undoing everything; and of two that were refused, one may
        // have stood in the way of the other.
        if refused().count() > 1 || refused().any(|(new, _)| !new.holds.is_empty()) {
            tx.rollback().await?;
            return Ok(Grouped::Apart);
        }
        occupancy::free(&mut tx, refused().map(|(new, _)| new.booking.id.uuid())).await?;
        let made = write(&mut tx, group, &refusals).await?;
        crash::point("booking.before_commit");
        tx.commit().await?;
        crash::point("booking.committed");
        let mut made = made.into_iter();
        let decided = refusals.into_iter().map(|refused| match refused {
            Some(error) => Some(Err(error)),
            None => made.next().map(Ok),
        });
        Ok(Grouped::Decided(decided.flatten().collect()))
    }
}

impl Grouped {
    /// The answer of a group of one.
    fn only(self) -> Decided<Booking> {
        match self {
            Self::Decided(mut decided) => decided.pop().ok_or(StoreError::Abandoned),
            Self::Apart => Err(StoreError::Abandoned),
        }
    }
}

/// Takes the expert's and the client's time for each, and says for each whose was gone.
pub(super) async fn take_time(
    tx: &mut Tx,
    group: &[&NewBooking],
) -> Result<Vec<Option<BookingError>>, StoreError> {
    let sides: Vec<_> = group
        .iter()
        .map(|new| occupancy::both_sides(&new.booking, new.stretch))
        .collect();
    let stretches = sides.iter().flatten().map(|(side, _)| side);
    let taken = occupancy::take_all(tx, stretches).await?;
    let mut refusals = Vec::with_capacity(group.len());
    for (new, sides) in group.iter().zip(sides) {
        let mut refused = None;
        for (side, error) in sides {
            let now = new.booking.created_at;
            if refused.is_none()
                && !taken.contains(&side.key())
                && !occupancy::take_over(tx, &side, now).await?
            {
                refused = Some(error);
            }
        }
        refusals.push(refused);
    }
    Ok(refusals)
}

/// Writes those of a group that were not refused, with all that belongs to them.
async fn write(
    tx: &mut Tx,
    group: &[&NewBooking],
    refusals: &[Option<BookingError>],
) -> Result<Vec<Booking>, StoreError> {
    let made: Vec<&NewBooking> = group
        .iter()
        .zip(refusals)
        .filter(|(_, refused)| refused.is_none())
        .map(|(new, _)| *new)
        .collect();
    let (bookings, events) = write_rows(tx, &made).await?;
    event::append(tx, &events).await?;
    for (new, booking) in made.iter().zip(&bookings) {
        if let Some(assignment) = &new.assignment {
            assignment::insert(tx, booking, assignment).await?;
        }
        if let Some(key) = &new.key {
            idempotency::made(tx, key, booking.id.uuid()).await?;
        }
    }
    Ok(bookings)
}

/// Writes new bookings whose time is taken, with their history and reminders; answers them with their events, which the
/// caller tells.
pub(super) async fn write_rows(
    tx: &mut Tx,
    made: &[&NewBooking],
) -> Result<(Vec<Booking>, Vec<Event>), StoreError> {
    let mut bookings: Vec<Booking> = made.iter().map(|new| new.booking.clone()).collect();
    let guests: Vec<Option<&GuestTerms>> = made.iter().map(|new| new.guest.as_ref()).collect();
    insert_rows(tx, &mut bookings, &guests).await?;
    let events: Vec<Event> = made
        .iter()
        .zip(&bookings)
        .map(|(new, booking)| {
            let told = new.told.clone();
            Event::of_booking(EventType::BookingCreated, booking, told, booking.created_at)
        })
        .collect();
    let steps: Vec<Step<'_>> = made
        .iter()
        .zip(&bookings)
        .zip(&events)
        .map(|((new, booking), event)| Step {
            event,
            told: &new.told,
            before: None,
            after: booking,
            changes: &Value::Null,
        })
        .collect();
    history::insert(tx, &steps).await?;
    let promised = made.iter().zip(&bookings).map(|(new, booking)| {
        let offsets = new.reminder_offsets.as_slice();
        (booking.id, booking.starts_at, offsets, booking.created_at)
    });
    reminder::plan(tx, promised).await?;
    Ok((bookings, events))
}

/// Inserts bookings, drawing codes until each has one that no other open booking has.
async fn insert_rows(
    tx: &mut Tx,
    bookings: &mut [Booking],
    guests: &[Option<&GuestTerms>],
) -> Result<(), StoreError> {
    let mut without_code: BTreeSet<Uuid> = bookings.iter().map(|b| b.id.uuid()).collect();
    for _ in 0..CODE_DRAWS {
        for booking in bookings.iter_mut() {
            if without_code.contains(&booking.id.uuid()) {
                booking.code = format!("{:06}", rand::rng().random_range(0..1_000_000));
            }
        }
        let drawn: Vec<(&Booking, Option<&GuestTerms>)> = bookings
            .iter()
            .zip(guests.iter().copied())
            .filter(|(booking, _)| without_code.contains(&booking.id.uuid()))
            .collect();
        for (id,) in insert_drawn(tx, &drawn).await? {
            without_code.remove(&id);
        }
        if without_code.is_empty() {
            return Ok(());
        }
    }
    Err(StoreError::unreadable("no free booking code was found"))
}

async fn insert_drawn(
    tx: &mut Tx,
    drawn: &[(&Booking, Option<&GuestTerms>)],
) -> Result<Vec<(Uuid,)>, StoreError> {
    let all = || drawn.iter().map(|(booking, _)| *booking);
    let walls: Vec<String> = all().map(|b| wall::written(b.wall_start())).collect();
    Rows::into("bookings")
        .ids("id", all().map(|b| b.id.uuid()))
        .texts("code", all().map(|b| &*b.code))
        .texts("status", all().map(|b| b.status.as_str()))
        .ids("expert_id", all().map(|b| b.expert.id.uuid()))
        .ids("client_id", all().map(|b| b.client.id.uuid()))
        .ids(
            "session_id",
            all().map(|b| b.session.as_ref().map(|session| session.id.uuid())),
        )
        .ids("series_id", all().map(|b| b.series.map(|s| s.id.uuid())))
        .numbers("series_number", all().map(|b| b.series.map(|s| s.number)))
        .instants("starts_at", all().map(|b| b.starts_at))
        .instants("ends_at", all().map(|b| b.ends_at))
        .texts("time_zone", all().map(|b| b.time_zone.name()))
        .texts("wall_start", walls.iter().map(String::as_str))
        .texts("zone_data", all().map(|_| ZONE_DATA))
        .texts("mode", all().map(|b| b.mode.as_str()))
        .texts("place", all().map(|b| b.place.as_deref()))
        .texts("link", all().map(|b| b.link.as_deref()))
        .texts("note", all().map(|b| b.note.as_deref()))
        .texts("reason", all().map(|b| b.reason.as_deref()))
        .numbers("sequence", all().map(|b| b.sequence))
        .numbers("version", all().map(|b| b.version))
        .instants("created_at", all().map(|b| b.created_at))
        .instants("updated_at", all().map(|b| b.updated_at))
        .instants("confirmed_at", all().map(|b| b.confirmed_at))
        .texts(
            "guest_name",
            drawn
                .iter()
                .map(|(b, guest)| guest.map(|_| &*b.client.name)),
        )
        .texts(
            "guest_phone",
            drawn
                .iter()
                .map(|(_, guest)| guest.and_then(|g| g.phone.as_deref())),
        )
        .on_conflict("ON CONFLICT (code) WHERE archived_at IS NULL DO NOTHING")
        .insert_returning("id", tx)
        .await
}
