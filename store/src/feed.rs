//! The calendars that people subscribe to: whose address is whose.

use belfry_domain::Instant;
use belfry_domain::id::UserId;
use uuid::Uuid;

use crate::{Store, StoreError};

/// What a feed's address is worked out from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CalendarFeed {
    pub salt: Vec<u8>,
    pub created_at: Instant,
}

impl Store {
    /// The feed of this person, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn calendar_feed(&self, user: UserId) -> Result<Option<CalendarFeed>, StoreError> {
        let row: Option<(Vec<u8>, Instant)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT salt, created_at FROM calendar_feeds WHERE user_id = $1",
            )
            .bind(user.uuid())
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(|(salt, created_at)| CalendarFeed { salt, created_at }))
    }

    /// Whose feed has a secret with this hash.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn calendar_feed_owner(
        &self,
        secret_hash: &[u8],
    ) -> Result<Option<UserId>, StoreError> {
        let row: Option<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>("SELECT user_id FROM calendar_feeds WHERE secret_hash = $1")
                .bind(secret_hash)
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(|(id,)| id.into()))
    }

    /// Gives this person a feed, in place of an older one, whose address leads nowhere from then on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_calendar_feed(
        &self,
        user: UserId,
        salt: &[u8],
        secret_hash: &[u8],
        now: Instant,
    ) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "INSERT INTO calendar_feeds (user_id, salt, secret_hash, created_at) \
                 VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (user_id) DO UPDATE SET salt = excluded.salt, \
                   secret_hash = excluded.secret_hash, created_at = excluded.created_at",
            )
            .bind(user.uuid())
            .bind(salt)
            .bind(secret_hash)
            .bind(now)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Ends this person's feed, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_calendar_feed(&self, user: UserId) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>("DELETE FROM calendar_feeds WHERE user_id = $1")
                .bind(user.uuid())
                .execute(pool)
                .await?;
        });
        Ok(())
    }
}
