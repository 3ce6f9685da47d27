//! Bookings that are made or changed together, as one step of a series: each with its own history, reminders and time,
//! and one event for all of them, which the caller adds.

use belfry_domain::Instant;
use belfry_domain::booking::Booking;
use belfry_domain::event::Event;

use super::history::{self, Step};
use super::insert::{NewBooking, take_time, write_rows};
use super::write::{Change, Decided, exceeded, give_back, update_row};
use crate::{StoreError, Tx, occupancy, waiting};

/// Makes all of them, or says why not; the caller then gives up the transaction.
pub(crate) async fn make(tx: &mut Tx, news: &[NewBooking]) -> Decided<Vec<Booking>> {
    // The expert's lock comes first, as for a single booking that falls under a cap.
    if let Some(new) = news.iter().find(|new| !new.caps.is_empty()) {
        let (expert, now) = (new.booking.expert.id, new.booking.created_at);
        if let Some(refused) = exceeded(tx, expert, &new.caps, None, new.holder, now).await? {
            return Ok(Err(refused));
        }
    }
    for new in news {
        let (id, now) = (new.booking.id, new.booking.created_at);
        waiting::take_up(tx, &new.offers, id, &new.told.actor, now).await?;
        for hold in &new.holds {
            occupancy::drop_hold(tx, *hold, new.holder).await?;
        }
    }
    let group: Vec<&NewBooking> = news.iter().collect();
    if let Some(refused) = take_time(tx, &group).await?.into_iter().flatten().next() {
        return Ok(Err(refused));
    }
    let (bookings, _) = write_rows(tx, &group).await?;
    // Counted afterwards, with all of them in the tables, under the expert's lock.
    for (new, booking) in news.iter().zip(&bookings) {
        let expert = booking.expert.id;
        let (id, own, now) = (booking.id, new.holder, booking.created_at);
        if let Some(refused) = exceeded(tx, expert, &new.caps, Some(id), own, now).await? {
            return Ok(Err(refused));
        }
    }
    Ok(Ok(bookings))
}

/// A booking that was changed.
pub(crate) struct Changed {
    pub before: Booking,
    pub after: Booking,
    pub change: Change,
}

/// Writes changes of bookings whose rows are locked; none of them takes time anew.
pub(crate) async fn change(
    tx: &mut Tx,
    changes: Vec<(Booking, Change)>,
    now: Instant,
) -> Result<Vec<Changed>, StoreError> {
    let mut changed = Vec::with_capacity(changes.len());
    for (before, change) in changes {
        let mut after = change.after.clone();
        after.version = before.version + 1;
        after.updated_at = now;
        if before.status.is_open() && !after.status.is_open() {
            give_back(tx, before.id, &change.told.actor, now).await?;
        }
        update_row(tx, &after).await?;
        changed.push(Changed {
            before,
            after,
            change,
        });
    }
    let events: Vec<Event> = changed
        .iter()
        .map(|one| Event::of_booking(one.change.event, &one.after, one.change.told.clone(), now))
        .collect();
    let steps: Vec<Step<'_>> = changed
        .iter()
        .zip(&events)
        .map(|(one, event)| Step {
            event,
            told: &one.change.told,
            before: Some(one.before.status),
            after: &one.after,
            changes: &one.change.changes,
        })
        .collect();
    history::insert(tx, &steps).await?;
    Ok(changed)
}
