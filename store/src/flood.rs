//! Very many deliveries at once, for tests and benchmarks alone.

use belfry_domain::Instant;
use belfry_domain::delivery::Content;
use belfry_domain::gate::Class;
use belfry_domain::id::DeliveryId;
use sqlx::Row;
use sqlx::types::Json;

use crate::db::Dialect;
use crate::delivery::outbox::STATUS;
use crate::{Store, StoreError};

/// Copies made by one statement.
const LOT: i64 = 5_000;

/// Copies a delivery so many times, each of an event of its own, all due at `next_at` and of this class, with its own
/// content or another one.
///
/// # Errors
/// When the database fails.
pub async fn copy(
    store: &Store,
    id: DeliveryId,
    times: i64,
    class: Class,
    content: Option<&Content>,
    next_at: Instant,
) -> Result<(), StoreError> {
    // In lots, for a statement has no more time than any other.
    let mut left = times;
    while left > 0 {
        let lot = left.min(LOT);
        copy_lot(store, id, lot, class, content, next_at).await?;
        left -= lot;
    }
    Ok(())
}

async fn copy_lot(
    store: &Store,
    id: DeliveryId,
    times: i64,
    class: Class,
    content: Option<&Content>,
    next_at: Instant,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    on_tx!(&mut tx, |c| {
        sqlx::query::<DB>(const_format::formatcp!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
             INSERT INTO deliveries (id, event_id, rule_id, user_id, notification_id, channel, address, kind, subject,
               content, status, category, class, critical, rank, attempt, next_at, created_at, updated_at)
             SELECT {random}, {random}, rule_id, user_id, notification_id, channel, address, kind, subject,
               COALESCE($5, content), 'pending', category, $3, critical, 0, 0, $4, created_at, updated_at
             FROM deliveries, n WHERE id = $1",
            random = <DB as Dialect>::RANDOM_ID
        ))
        .bind(id.uuid())
        .bind(times)
        .bind(class.as_str())
        .bind(next_at)
        .bind(content.map(Json))
        .execute(&mut *c)
        .await?;
        sqlx::query::<DB>(
            "INSERT INTO outstanding (delivery_id, channel, class, status, next_at)
             SELECT id, channel, class, status, next_at FROM deliveries d WHERE status = 'pending' AND NOT EXISTS
               (SELECT 1 FROM outstanding o WHERE o.delivery_id = d.id)",
        )
        .execute(&mut *c)
        .await?;
    });
    tx.commit().await
}

/// How many deliveries have each status.
///
/// # Errors
/// When the database fails.
pub async fn count(store: &Store) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = on_read!(store, |pool| {
        sqlx::query::<DB>(const_format::formatcp!(
            "SELECT {STATUS}, COUNT(*) FROM deliveries d LEFT JOIN outstanding o ON o.delivery_id = d.id \
             GROUP BY {STATUS} ORDER BY {STATUS}"
        ))
            .fetch_all(pool)
            .await?
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<_, sqlx::Error>>()?
    });
    Ok(rows)
}
