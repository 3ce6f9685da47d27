//! Those who want to hear of something that is not their own.

use belfry_domain::Instant;
use belfry_domain::id::UserId;
use uuid::Uuid;

use crate::{Store, StoreError};

impl Store {
    /// Lets somebody hear of what happens to `subject`. Following twice changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn follow(
        &self,
        subject: Uuid,
        user: UserId,
        now: Instant,
    ) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "INSERT INTO followers (subject_id, user_id, created_at) VALUES ($1, $2, $3)
                 ON CONFLICT DO NOTHING",
            )
            .bind(subject)
            .bind(user.uuid())
            .bind(now)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Ends it. Who does not follow is left alone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unfollow(&self, subject: Uuid, user: UserId) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>("DELETE FROM followers WHERE subject_id = $1 AND user_id = $2")
                .bind(subject)
                .bind(user.uuid())
                .execute(pool)
                .await?;
        });
        Ok(())
    }
}
