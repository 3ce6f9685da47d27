//! Idempotency keys: the first answer to a key is the answer to every repetition.

use belfry_domain::Instant;
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// Whose key it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IdempotencyKey {
    /// The account, or the address of a stranger.
    pub caller: String,
    pub key: String,
}

/// What to do with a request that carries a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NextAction {
    /// Nobody has answered it: go on, and finish or release the key.
    Start,
    /// Answer this again.
    Replay { status: u16, body: String },
    /// The thing was made, but the server stopped before it kept its answer: answer with the thing.
    Recover { resource_id: Uuid },
    /// The first request is still under way.
    Running,
    /// The key belongs to another request.
    OtherRequest,
}

type Row = (Vec<u8>, Option<Uuid>, Option<i64>, Option<String>);

impl Store {
    /// Claims a key until `locked_until`, or says what became of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_idempotent(
        &self,
        key: &IdempotencyKey,
        request_hash: &[u8],
        locked_until: Instant,
        now: Instant,
    ) -> Result<NextAction, StoreError> {
        on_write!(self, |pool| {
            let claimed = sqlx::query::<DB>(
                "INSERT INTO idempotency_keys (caller, key, request_hash, locked_until, created_at) \
                 VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (caller, key) DO UPDATE SET locked_until = excluded.locked_until \
                 WHERE idempotency_keys.resource_id IS NULL AND idempotency_keys.status IS NULL \
                   AND idempotency_keys.locked_until <= $5 \
                   AND idempotency_keys.request_hash = excluded.request_hash",
            )
            .bind(&key.caller)
            .bind(&key.key)
            .bind(request_hash)
            .bind(locked_until)
            .bind(now)
            .execute(pool)
            .await?;
            if claimed.rows_affected() == 1 {
                return Ok(NextAction::Start);
            }
            let row: Option<Row> = sqlx::query_as::<DB, _>(
                "SELECT request_hash, resource_id, status, body FROM idempotency_keys \
                 WHERE caller = $1 AND key = $2",
            )
            .bind(&key.caller)
            .bind(&key.key)
            .fetch_optional(pool)
            .await?;
            Ok(match row {
                Some((hash, ..)) if hash != request_hash => NextAction::OtherRequest,
                Some((_, _, Some(status), Some(body))) => NextAction::Replay {
                    status: u16::try_from(status).unwrap_or(500),
                    body,
                },
                Some((_, Some(resource_id), ..)) => NextAction::Recover { resource_id },
                // Still locked, or released between the two statements: the caller tries again.
                _ => NextAction::Running,
            })
        })
    }

    /// Keeps the answer for repetitions.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_idempotent(
        &self,
        key: &IdempotencyKey,
        status: u16,
        body: &str,
    ) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "UPDATE idempotency_keys SET status = $3, body = $4 WHERE caller = $1 AND key = $2",
            )
            .bind(&key.caller)
            .bind(&key.key)
            .bind(i64::from(status))
            .bind(body)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Frees a key that was claimed until `locked_until` and whose request came to nothing, so that it can be tried
    /// again. A key that somebody else has claimed since is left alone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_idempotent(
        &self,
        key: &IdempotencyKey,
        locked_until: Instant,
    ) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "DELETE FROM idempotency_keys WHERE caller = $1 AND key = $2 AND locked_until = $3 \
                   AND resource_id IS NULL AND status IS NULL",
            )
            .bind(&key.caller)
            .bind(&key.key)
            .bind(locked_until)
            .execute(pool)
            .await?;
        });
        Ok(())
    }
}

/// Notes what a request with a key made, in the transaction that made it.
///
/// # Errors
/// [`StoreError::Abandoned`] when the key no longer waits for this: the request was given up, and what it
/// made must not stay without its key. When the database fails.
pub async fn made(tx: &mut Tx, key: &IdempotencyKey, resource_id: Uuid) -> Result<(), StoreError> {
    let noted = on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE idempotency_keys SET resource_id = $3 WHERE caller = $1 AND key = $2 \
               AND resource_id IS NULL AND status IS NULL",
        )
        .bind(&key.caller)
        .bind(&key.key)
        .bind(resource_id)
        .execute(&mut *c)
        .await?
        .rows_affected()
    });
    if noted == 1 {
        Ok(())
    } else {
        Err(StoreError::Abandoned)
    }
}
