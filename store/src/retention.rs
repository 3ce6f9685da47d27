//! What is let go when its time is over (C4.6, C5.1, C5.4).
//!
//! Every call does one bounded batch and answers how many rows it took; the caller repeats it until the
//! answer is smaller than the batch. A long backlog therefore never holds locks for long.

use belfry_domain::Instant;
use belfry_domain::id::uuid_floor;
use const_format::formatcp;

use crate::db::Dialect;
use crate::{Store, StoreError};

/// What is deleted for its age.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stale {
    /// Notifications, read or not, by when they were made.
    Notifications,
    /// Planned events, by when they happened.
    Events,
    /// Deliveries that have had their last word, with their attempts.
    Deliveries,
    /// Why people were told, or were not.
    Decisions,
    /// Gathered messages that have left.
    Digests,
    /// Addresses that take nothing any more, by when they ended.
    Addresses,
    /// Remembered answers to repeated requests.
    IdempotencyKeys,
    /// Refresh tokens, by when they run out.
    RefreshTokens,
    /// Ways to the OpenID Connect provider, by when they were come back from.
    OidcReturns,
    /// Updates of Telegram's, by when they were taken.
    TelegramUpdates,
    /// Questions in chats that nobody answered.
    TelegramQuestions,
    /// Visits to branches, with how they went, by when they ended.
    Visits,
    /// Guests who have no booking, by when they last wanted one.
    Guests,
}

impl Stale {
    /// The name in reports and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notifications => "notifications",
            Self::Events => "events",
            Self::Deliveries => "deliveries",
            Self::Decisions => "decisions",
            Self::Digests => "digests",
            Self::Addresses => "addresses",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::RefreshTokens => "refresh_tokens",
            Self::OidcReturns => "oidc_returns",
            Self::TelegramUpdates => "telegram_updates",
            Self::TelegramQuestions => "telegram_questions",
            Self::Visits => "visits",
            Self::Guests => "guests",
        }
    }

    /// The delete; `$2` is the size of the batch.
    fn statement(self) -> Statement {
        match self {
            // There is no index on their age, but their ids rise with it.
            Self::Notifications => Statement::ById(
                "DELETE FROM notifications WHERE id IN
                   (SELECT id FROM notifications WHERE id < $1 ORDER BY id LIMIT $2)",
            ),
            Self::Events => Statement::ByTime(
                "DELETE FROM events WHERE id IN
                   (SELECT id FROM events WHERE time < $1 AND planned_at IS NOT NULL
                    ORDER BY time LIMIT $2)",
            ),
            Self::Deliveries => Statement::ByTime(
                "DELETE FROM deliveries WHERE id IN
                   (SELECT id FROM deliveries WHERE created_at < $1 AND updated_at < $1
                      AND status IN ('sent', 'kept', 'dead', 'ambiguous', 'skipped')
                    ORDER BY created_at LIMIT $2)",
            ),
            Self::Decisions => Statement::ByTime(
                "DELETE FROM decisions WHERE (event_id, user_id, rule_id) IN
                   (SELECT event_id, user_id, rule_id FROM decisions WHERE at < $1 ORDER BY at LIMIT $2)",
            ),
            Self::Digests => Statement::ByTime(
                "DELETE FROM digest_windows WHERE id IN
                   (SELECT id FROM digest_windows WHERE closed_at < $1 ORDER BY closed_at LIMIT $2)",
            ),
            Self::Addresses => Statement::ByTime(
                "DELETE FROM addresses WHERE id IN
                   (SELECT id FROM addresses WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)",
            ),
            Self::IdempotencyKeys => Statement::ByTime(
                "DELETE FROM idempotency_keys WHERE (caller, key) IN
                   (SELECT caller, key FROM idempotency_keys WHERE created_at < $1
                    ORDER BY created_at LIMIT $2)",
            ),
            Self::RefreshTokens => Statement::ByTime(
                "DELETE FROM refresh_tokens WHERE token_hash IN
                   (SELECT token_hash FROM refresh_tokens WHERE expires_at < $1
                    ORDER BY expires_at LIMIT $2)",
            ),
            Self::OidcReturns => Statement::ByTime(
                "DELETE FROM oidc_returns WHERE state_hash IN
                   (SELECT state_hash FROM oidc_returns WHERE at < $1 ORDER BY at LIMIT $2)",
            ),
            Self::TelegramUpdates => Statement::ByTime(
                "DELETE FROM telegram_updates WHERE update_id IN
                   (SELECT update_id FROM telegram_updates WHERE taken_at < $1 ORDER BY taken_at LIMIT $2)",
            ),
            Self::TelegramQuestions => Statement::ByTime(
                "DELETE FROM telegram_questions WHERE (chat, message_id) IN
                   (SELECT chat, message_id FROM telegram_questions WHERE asked_at < $1
                    ORDER BY asked_at LIMIT $2)",
            ),
            Self::Visits => Statement::ByTime(
                "DELETE FROM visits WHERE id IN
                   (SELECT id FROM visits WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)",
            ),
            Self::Guests => Statement::ByTime(
                "DELETE FROM users WHERE id IN
                   (SELECT id FROM users u WHERE guest_email IS NOT NULL AND updated_at < $1 AND NOT disabled
                      AND NOT EXISTS (SELECT 1 FROM bookings b WHERE b.client_id = u.id)
                      AND NOT EXISTS (SELECT 1 FROM visits v WHERE v.client_id = u.id)
                    ORDER BY updated_at LIMIT $2)",
            ),
        }
    }
}

/// A delete with what its `$1` is: an instant, or the least id of that instant.
enum Statement {
    ByTime(&'static str),
    ById(&'static str),
}

impl Store {
    /// Deletes at most `batch` rows that are older than `before`; answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prune(
        &self,
        stale: Stale,
        before: Instant,
        batch: i64,
    ) -> Result<u64, StoreError> {
        Ok(match stale.statement() {
            Statement::ByTime(sql) => on_write!(self, |pool| sqlx::query::<DB>(sql)
                .bind(before)
                .bind(batch)
                .execute(pool)
                .await?
                .rows_affected()),
            Statement::ById(sql) => on_write!(self, |pool| sqlx::query::<DB>(sql)
                .bind(uuid_floor(before))
                .bind(batch)
                .execute(pool)
                .await?
                .rows_affected()),
        })
    }

    /// Frees the time of at most `batch` holds that ran out by `now`; answers how many.
    ///
    /// # Errors
    /// When the database fails; then none was freed.
    pub async fn sweep_holds(&self, now: Instant, batch: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        // A row that a booking is just now converting is passed over.
        on_tx!(&mut tx, |connection| sqlx::query::<DB>(formatcp!(
            "DELETE FROM occupancies WHERE kind = 'hold' AND expires_at <= $1 AND source_id IN
               (SELECT source_id FROM occupancies WHERE kind = 'hold' AND expires_at <= $1
                ORDER BY expires_at LIMIT $2 {SKIP})",
            SKIP = <DB as Dialect>::SKIP_LOCKED
        ))
        .bind(now)
        .bind(2 * batch)
        .execute(&mut *connection)
        .await?
        .rows_affected());
        let swept = on_tx!(&mut tx, |connection| {
            sqlx::query::<DB>(formatcp!(
            "DELETE FROM holds WHERE id IN
               (SELECT id FROM holds WHERE expires_at <= $1 AND session_id IS NULL ORDER BY expires_at LIMIT $2 {SKIP})",
            SKIP = <DB as Dialect>::SKIP_LOCKED
        ))
        .bind(now)
        .bind(batch)
        .execute(&mut *connection)
        .await?
        .rows_affected()
        });
        tx.commit().await?;
        Ok(swept)
    }

    /// Archives at most `batch` bookings that came to an end before `ended_before`: their codes are
    /// free again. Answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn archive_bookings(
        &self,
        ended_before: Instant,
        now: Instant,
        batch: i64,
    ) -> Result<u64, StoreError> {
        Ok(on_write!(self, |pool| {
            sqlx::query::<DB>(
            "UPDATE bookings SET archived_at = $2 WHERE id IN
               (SELECT id FROM bookings
                WHERE archived_at IS NULL AND status IN ('rejected', 'cancelled', 'completed', 'missed')
                  AND ends_at < $1
                ORDER BY ends_at LIMIT $3)",
        )
        .bind(ended_before)
        .bind(now)
        .bind(batch)
        .execute(pool)
        .await?
        .rows_affected()
        }))
    }
}
