//! Seats of group sessions: bookings that take a place of their session in place of the expert's time, and follow it.

use std::collections::BTreeSet;

use belfry_domain::Instant;
use belfry_domain::booking::{Booking, BookingError, Status as Standing};
use belfry_domain::event::{Event, EventType, Told};
use belfry_domain::group_session::{GroupSession, SessionError, Status};
use serde_json::{Map, Value, json};

use super::history::{self, Step};
use super::insert::NewBooking;
use super::write::update_row;
use super::{BookingRow, SELECT};
use crate::group_session::{self, SessionChange, Settled, take_seat, time_of};
use crate::occupancy::{self, Stretch};
use crate::{StoreError, Tx, event, reminder};
use const_format::formatcp;

/// Takes the seat that a booking is to be, if it is one.
pub(super) async fn take(
    tx: &mut Tx,
    new: &NewBooking,
    now: Instant,
) -> Result<Result<(), BookingError>, StoreError> {
    let Some(session) = &new.booking.session else {
        return Ok(Ok(()));
    };
    if take_seat(tx, session.id, new.session_version, now).await? {
        return Ok(Ok(()));
    }
    let is_other = |found: &GroupSession| new.session_version.is_some_and(|v| v != found.version);
    Ok(Err(match group_session::read(tx, session.id).await? {
        None => BookingError::NotFound,
        Some(found) if found.ahead(now).is_err() => BookingError::SessionClosed,
        Some(found) if is_other(&found) => BookingError::Stale,
        Some(_) => BookingError::SessionFull,
    }))
}

/// What becomes of the seats of a session that is changed, under its lock. Answers how many of them are given back.
pub(crate) async fn follow(
    tx: &mut Tx,
    (before, after): (&GroupSession, &GroupSession),
    change: &SessionChange,
    now: Instant,
) -> Settled<i64> {
    let ends = after.status == Status::Cancelled;
    let moves = after.moved_from(before);
    if !(ends || moves || after.met_otherwise(before)) {
        return Ok(Ok(0));
    }
    let seats = open_seats(tx, before).await?;
    let steps: Vec<(Booking, Booking)> = seats
        .into_iter()
        .map(|seat| {
            let followed = after.followed_by(&seat, now);
            (seat, followed)
        })
        .collect();
    if ends || moves {
        let sources = steps.iter().map(|(seat, _)| seat.id.uuid());
        occupancy::free(tx, sources.chain([before.id.uuid()])).await?;
        for (seat, _) in &steps {
            reminder::drop_unissued(tx, seat.id).await?;
        }
    }
    if moves && !ends {
        let taken = take_time(tx, after, &steps, change.stretch, now).await?;
        if let Err(refused) = taken {
            return Ok(Err(refused));
        }
        let offsets = change.reminder_offsets.as_slice();
        let promised = steps
            .iter()
            .map(|(_, seat)| (seat.id, seat.starts_at, offsets, now));
        reminder::plan(tx, promised).await?;
    }
    write(tx, &steps, change, now).await?;
    Ok(Ok(if ends { steps.len() as i64 } else { 0 }))
}

async fn open_seats(tx: &mut Tx, session: &GroupSession) -> Result<Vec<Booking>, StoreError> {
    on_tx!(tx, |c| {
        sqlx::query_as::<DB, BookingRow>(formatcp!(
            "{SELECT} WHERE b.session_id = $1 AND b.status IN ('pending', 'confirmed', 'in_progress') ORDER BY b.id"
        ))
        .bind(session.id.uuid())
        .fetch_all(&mut *c)
        .await?
        .into_iter()
        .map(Booking::try_from)
        .collect()
    })
}

/// Takes the new time of the expert and of everybody who has a seat, or says whose is gone.
async fn take_time(
    tx: &mut Tx,
    session: &GroupSession,
    steps: &[(Booking, Booking)],
    stretch: (Instant, Instant),
    now: Instant,
) -> Settled<()> {
    let own = time_of(session, stretch);
    let theirs: Vec<Stretch> = steps.iter().map(|(_, seat)| time_of_seat(seat)).collect();
    let taken = occupancy::take_all(tx, theirs.iter().chain([&own])).await?;
    let mut refused = BTreeSet::new();
    for stretch in theirs.iter().chain([&own]) {
        if !taken.contains(&stretch.key()) && !occupancy::take_over(tx, stretch, now).await? {
            refused.insert(stretch.source);
        }
    }
    if refused.contains(&own.source) {
        return Ok(Err(SessionError::SlotTaken));
    }
    let busy = steps.iter().map(|(_, seat)| seat);
    let busy = busy.filter(|seat| refused.contains(&seat.id.uuid()));
    let busy: Vec<_> = busy.map(|seat| seat.client.clone()).collect();
    Ok(if busy.is_empty() {
        Ok(())
    } else {
        Err(SessionError::ClientsBusy(busy))
    })
}

/// The time of its client that a seat takes.
fn time_of_seat(seat: &Booking) -> Stretch {
    Stretch {
        source: seat.id.uuid(),
        subject: seat.client.id,
        starts_at: seat.starts_at,
        ends_at: seat.ends_at,
        expires_at: None,
        service: false,
    }
}

async fn write(
    tx: &mut Tx,
    steps: &[(Booking, Booking)],
    change: &SessionChange,
    now: Instant,
) -> Result<(), StoreError> {
    let mut told_of = Vec::with_capacity(steps.len());
    for (before, after) in steps {
        update_row(tx, after).await?;
        let moved = before.starts_at != after.starts_at || before.ends_at != after.ends_at;
        let kind = match after.status {
            Standing::Cancelled => EventType::BookingCancelled,
            _ if moved => EventType::BookingRescheduled,
            _ => EventType::BookingEdited,
        };
        let told = Told {
            previous_starts_at: moved.then_some(before.starts_at),
            ..change.told.clone()
        };
        let event = Event::of_booking(kind, after, told.clone(), now);
        told_of.push((event, told, differences(before, after)));
    }
    let steps: Vec<Step<'_>> = steps
        .iter()
        .zip(&told_of)
        .map(|((before, after), (event, told, changes))| Step {
            event,
            told,
            before: Some(before.status),
            after,
            changes,
        })
        .collect();
    history::insert(tx, &steps).await?;
    let events: Vec<Event> = told_of.iter().map(|(event, ..)| event.clone()).collect();
    event::append(tx, &events).await
}

fn differences(before: &Booking, after: &Booking) -> Value {
    let fields = [
        ("starts_at", json!(before.starts_at), json!(after.starts_at)),
        ("ends_at", json!(before.ends_at), json!(after.ends_at)),
        ("mode", json!(before.mode), json!(after.mode)),
        ("place", json!(before.place), json!(after.place)),
        ("link", json!(before.link), json!(after.link)),
    ];
    let changed = fields.into_iter().filter(|(_, from, to)| from != to);
    let changed: Map<String, Value> = changed
        .map(|(name, from, to)| (name.to_owned(), json!({ "from": from, "to": to })))
        .collect();
    if changed.is_empty() {
        Value::Null
    } else {
        Value::Object(changed)
    }
}
