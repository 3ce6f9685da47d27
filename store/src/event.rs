//! Events: what happened, kept in the transaction in which it happened.

use belfry_domain::Instant;
use belfry_domain::event::{Event, SOURCE};

use crate::rows::Rows;
use crate::{StoreError, Tx};

/// Writes events beside the changes they tell of. Once the transaction commits, the planner will find
/// them, whatever happens to this process.
///
/// # Errors
/// When the database fails; the transaction must then be dropped.
pub async fn append(tx: &mut Tx, events: &[Event]) -> Result<(), StoreError> {
    Rows::into("events")
        .ids("id", events.iter().map(|event| event.id.uuid()))
        .texts("type", events.iter().map(|event| event.kind.as_str()))
        .texts("source", events.iter().map(|_| SOURCE))
        .texts("subject", events.iter().map(|event| &*event.subject))
        .numbers(
            "subject_version",
            events.iter().map(|event| event.subject_version),
        )
        .instants("time", events.iter().map(|event| event.time))
        .documents("data", events.iter().map(|event| &event.data))
        .insert(tx)
        .await
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
