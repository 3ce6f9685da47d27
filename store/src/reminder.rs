//! Reminders: planned with their booking, issued once (C4.4).
//!
//! A row stands for one booking, one offset and one promised start. A booking that is moved away and back
//! therefore reminds again only for what has not been announced yet.

use std::collections::HashMap;

use belfry_domain::booking::{Actor, Booking};
use belfry_domain::event::{Event, EventType, Told};
use belfry_domain::id::BookingId;
use belfry_domain::{Instant, reminder};
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::db::Dialect;
use crate::rows::Rows;
use crate::{Store, StoreError, Tx, booking, crash, event};

/// Writes the reminders of bookings that were just made, or moved. Each is its id, when it starts, the
/// minutes before that at which to remind, and the instant it was made. Belongs into the booking's
/// transaction, after the booking's row.
///
/// # Errors
/// When the database fails.
pub async fn plan(
    tx: &mut Tx,
    promised: impl Iterator<Item = (BookingId, Instant, &[i64], Instant)>,
) -> Result<(), StoreError> {
    let planned: Vec<_> = promised
        .flat_map(|(id, starts_at, offsets, now)| {
            let planned = reminder::plan(starts_at, offsets, now).into_iter();
            planned.map(move |planned| (id, starts_at, planned))
        })
        .collect();
    Rows::into("reminders")
        .ids("booking_id", planned.iter().map(|(id, ..)| id.uuid()))
        .numbers(
            "offset_minutes",
            planned.iter().map(|(.., planned)| planned.offset_minutes),
        )
        .instants(
            "starts_at",
            planned.iter().map(|(_, starts_at, _)| *starts_at),
        )
        .instants("due_at", planned.iter().map(|(.., planned)| planned.due_at))
        .on_conflict("ON CONFLICT DO NOTHING")
        .insert(tx)
        .await
}

/// Takes back what has not been announced yet, because the booking ended or is being moved. Belongs into
/// that transaction, after the booking's row was locked or changed.
///
/// # Errors
/// When the database fails.
pub async fn drop_unissued(tx: &mut Tx, booking_id: BookingId) -> Result<(), StoreError> {
    on_tx!(tx, |connection| sqlx::query::<DB>(
        "DELETE FROM reminders WHERE booking_id = $1 AND issued_at IS NULL"
    )
    .bind(booking_id.uuid())
    .execute(&mut *connection)
    .await?
    .rows_affected());
    Ok(())
}

/// What a batch of due reminders came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Issued {
    /// Reminders that are out of the way now, announced or void.
    pub settled: u64,
    /// Reminders whose event was appended.
    pub announced: u64,
}

/// A row that was just marked as issued.
#[derive(FromRow)]
struct DueRow {
    booking_id: Uuid,
    offset_minutes: i64,
    starts_at: Instant,
}

impl Store {
    /// When the next reminder is due; in the past when some are overdue.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_reminder(&self) -> Result<Option<Instant>, StoreError> {
        Ok(on_read!(self, |pool| sqlx::query_scalar::<DB, Instant>(
            "SELECT due_at FROM reminders WHERE issued_at IS NULL ORDER BY due_at LIMIT 1",
        )
        .fetch_optional(pool)
        .await?))
    }

    /// Issues at most `batch` reminders that are due at `now`: each is marked, and its event appended if it
    /// still says something true. Any number of nodes may do so at once; the mark decides who did.
    ///
    /// # Errors
    /// When the database fails; then none was issued.
    pub async fn issue_reminders(&self, now: Instant, batch: i64) -> Result<Issued, StoreError> {
        let mut tx = self.begin().await?;
        let due = claim(&mut tx, now, batch).await?;
        let mut issued = Issued {
            settled: due.len() as u64,
            announced: 0,
        };
        let ids = due.iter().map(|row| row.booking_id).collect();
        let bookings: HashMap<Uuid, Booking> = booking::by_ids(&mut tx, ids)
            .await?
            .into_iter()
            .map(|booking| (booking.id.uuid(), booking))
            .collect();
        let mut events = Vec::new();
        for row in due {
            let Some(booking) = bookings.get(&row.booking_id) else {
                continue;
            };
            if reminder::still_holds(booking, row.starts_at, now) {
                let told = Told {
                    offset_minutes: Some(row.offset_minutes),
                    ..Told::by(Actor::system())
                };
                let kind = EventType::BookingReminderDue;
                events.push(Event::of_booking(kind, booking, told, now));
            }
        }
        event::append(&mut tx, &events).await?;
        issued.announced = events.len() as u64;
        if issued.announced > 0 {
            crash::point("scheduler.before_commit");
        }
        tx.commit().await?;
        Ok(issued)
    }
}

/// Marks due reminders as issued and answers them. A booking that is just being changed is passed over:
/// whether it must still be reminded of is known once that change is through.
async fn claim(tx: &mut Tx, now: Instant, batch: i64) -> Result<Vec<DueRow>, StoreError> {
    Ok(on_tx!(tx, |c| sqlx::query_as::<DB, DueRow>(formatcp!(
        "WITH due AS MATERIALIZED (
           SELECT r.booking_id, r.offset_minutes, r.starts_at
           FROM reminders r JOIN bookings b ON b.id = r.booking_id
           WHERE r.issued_at IS NULL AND r.due_at <= $1
           ORDER BY r.due_at LIMIT $2 {SKIP})
         UPDATE reminders SET issued_at = $1
         WHERE issued_at IS NULL AND (booking_id, offset_minutes, starts_at) IN
           (SELECT booking_id, offset_minutes, starts_at FROM due)
         RETURNING booking_id, offset_minutes, starts_at",
        SKIP = <DB as Dialect>::SKIP_LOCKED
    ))
    .bind(now)
    .bind(batch)
    .fetch_all(&mut *c)
    .await?))
}
