//! Reminders: planned with their booking, issued once (C4.4).
//!
//! A row stands for one booking, one offset and one promised start. A booking that is moved away and back
//! therefore reminds again only for what has not been announced yet.

use belfry_domain::id::BookingId;
use belfry_domain::{Instant, reminder};

use crate::{StoreError, Tx};

/// Writes the reminders of a booking that was just made, or moved, to start at `starts_at`. Belongs into
/// the booking's transaction, after the booking's row.
///
/// # Errors
/// When the database fails.
pub async fn plan(
    tx: &mut Tx,
    booking_id: BookingId,
    starts_at: Instant,
    offsets_minutes: &[i64],
    now: Instant,
) -> Result<(), StoreError> {
    for planned in reminder::plan(starts_at, offsets_minutes, now) {
        on_tx!(tx, |connection| sqlx::query::<DB>(
            "INSERT INTO reminders (booking_id, offset_minutes, starts_at, due_at)
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(booking_id.uuid())
        .bind(planned.offset_minutes)
        .bind(starts_at)
        .bind(planned.due_at)
        .execute(&mut *connection)
        .await?
        .rows_affected());
    }
    Ok(())
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
