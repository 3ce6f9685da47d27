//! Events: what happened, kept in the transaction in which it happened.

use belfry_domain::Instant;
use belfry_domain::event::{Event, SOURCE};

use crate::{StoreError, Tx};

/// Writes an event beside the change it tells of. Once the transaction commits, the planner will find
/// it, whatever happens to this process.
///
/// # Errors
/// When the database fails; the transaction must then be dropped.
pub async fn append(tx: &mut Tx, event: &Event) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO events (id, type, source, subject, subject_version, time, data)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(event.id.uuid())
        .bind(event.kind.as_str())
        .bind(SOURCE)
        .bind(event.subject.as_str())
        .bind(event.subject_version)
        .bind(event.time)
        .bind(&event.data)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Sets events older than `before` aside as planned, without telling anybody of them: for history that is
/// brought in from elsewhere.
///
/// # Errors
/// When the database fails.
pub async fn mark_planned_before(
    tx: &mut Tx,
    before: Instant,
    now: Instant,
) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE events SET planned_at = $2 WHERE planned_at IS NULL AND time < $1",
        )
        .bind(before)
        .bind(now)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}
