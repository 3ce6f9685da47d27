//! Refresh tokens: one family per log-in, each token good for one refresh.

use belfry_domain::Instant;
use belfry_domain::id::UserId;
use uuid::Uuid;

use crate::{Store, StoreError, Tx, crash};

/// How a refresh ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refreshed {
    /// The token was good; the next one of its family is stored.
    Next { user_id: UserId, family_id: Uuid },
    /// It had been spent before, so somebody has a copy: the whole family is revoked.
    Reused,
    /// Unknown, expired or revoked.
    Unknown,
}

impl Store {
    /// Spends a token and stores the next of its family in one transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_session(
        &self,
        token_hash: &[u8],
        next_hash: &[u8],
        expires_at: Instant,
        now: Instant,
    ) -> Result<Refreshed, StoreError> {
        let mut tx = self.begin().await?;
        // The row count of this one statement decides between two who bring the same token.
        let spent: Option<(Uuid, Uuid)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>(
                "UPDATE refresh_tokens SET spent_at = $2 \
                 WHERE token_hash = $1 AND spent_at IS NULL AND revoked_at IS NULL AND expires_at > $2 \
                 RETURNING user_id, family_id",
            )
            .bind(token_hash)
            .bind(now)
            .fetch_optional(&mut *c)
            .await?
        });
        if let Some((user_id, family_id)) = spent {
            start(
                &mut tx,
                user_id.into(),
                family_id,
                next_hash,
                expires_at,
                now,
            )
            .await?;
            crash::point("session.before_commit");
            tx.commit().await?;
            crash::point("session.refreshed");
            return Ok(Refreshed::Next {
                user_id: user_id.into(),
                family_id,
            });
        }
        let reused = on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(
                "UPDATE refresh_tokens SET revoked_at = $2 WHERE revoked_at IS NULL AND family_id IN \
                 (SELECT family_id FROM refresh_tokens WHERE token_hash = $1 AND spent_at IS NOT NULL)",
            )
            .bind(token_hash)
            .bind(now)
            .execute(&mut *c)
            .await?
            .rows_affected()
                > 0
        });
        tx.commit().await?;
        Ok(if reused {
            Refreshed::Reused
        } else {
            Refreshed::Unknown
        })
    }

    /// Revokes the family of one token; unknown tokens change nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_session(&self, token_hash: &[u8], now: Instant) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "UPDATE refresh_tokens SET revoked_at = $2 WHERE revoked_at IS NULL AND family_id IN \
                 (SELECT family_id FROM refresh_tokens WHERE token_hash = $1)",
            )
            .bind(token_hash)
            .bind(now)
            .execute(pool)
            .await?;
        });
        Ok(())
    }
}

/// Starts a family with its first token, kept as a hash.
///
/// # Errors
/// When the database fails.
pub async fn start(
    tx: &mut Tx,
    user_id: UserId,
    family_id: Uuid,
    token_hash: &[u8],
    expires_at: Instant,
    now: Instant,
) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO refresh_tokens (token_hash, family_id, user_id, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(token_hash)
        .bind(family_id)
        .bind(user_id.uuid())
        .bind(now)
        .bind(expires_at)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Revokes every family of an account.
///
/// # Errors
/// When the database fails.
pub(crate) async fn revoke_all(
    tx: &mut Tx,
    user_id: UserId,
    now: Instant,
) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE refresh_tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL",
        )
        .bind(user_id.uuid())
        .bind(now)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}
