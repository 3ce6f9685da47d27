//! Deliveries: claimed under a lease, settled once, never moved backward.
//!
//! A claim raises the attempt number and writes the attempt's row before anything is sent; every later
//! write names that number, so an answer that comes after its lease ran out changes nothing.

/// What administrators see of deliveries.
mod outbox;

use belfry_domain::Instant;
use belfry_domain::delivery::{Content, Verdict};
use belfry_domain::id::{DeliveryId, UserId};
use const_format::formatcp;
use serde_json::Value;
use sqlx::{QueryBuilder, Row};
use uuid::Uuid;

use crate::db::Dialect;
use crate::{Store, StoreError, Tx};

pub use outbox::{Attempt, Filter, Item, ItemDetail, Resent, resend};

/// Longest fault text kept, in characters.
const FAULT: usize = 1000;

/// A delivery in a courier's hands.
#[derive(Clone, PartialEq, Debug)]
pub struct Claimed {
    pub id: DeliveryId,
    /// The number of this attempt, from 1; names the claim in every later write.
    pub attempt: i64,
    pub user_id: UserId,
    pub address: String,
    pub kind: String,
    pub subject: String,
    /// What to send, or why the row cannot be read.
    pub content: Result<Content, String>,
}

/// How one claimed attempt ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Settlement {
    pub id: DeliveryId,
    pub attempt: i64,
    pub verdict: Verdict,
}

/// When a channel has work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Due {
    /// The earliest instant at which something waits to be sent.
    pub send_at: Option<Instant>,
    /// The earliest end of a lease.
    pub lease_until: Option<Instant>,
}

impl Store {
    /// Takes at most `limit` due deliveries of a channel until `lease_until`, longest due first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_deliveries(
        &self,
        channel: &str,
        limit: i64,
        lease_until: Instant,
        now: Instant,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut tx = self.begin().await?;
        let claimed: Vec<Claimed> = on_tx!(&mut tx, |c| {
            let rows = sqlx::query::<DB>(formatcp!(
                "WITH due AS (
                   SELECT id FROM deliveries
                   WHERE channel = $1 AND status IN ('pending', 'retrying') AND next_at <= $2
                   ORDER BY next_at LIMIT $3 {})
                 UPDATE deliveries
                 SET status = 'sending', attempt = attempt + 1, lease_until = $4, updated_at = $2
                 WHERE id IN (SELECT id FROM due)
                 RETURNING id, attempt, user_id, address, kind, subject, content",
                <DB as Dialect>::SKIP_LOCKED
            ))
            .bind(channel)
            .bind(now)
            .bind(limit)
            .bind(lease_until)
            .fetch_all(&mut *c)
            .await?;
            let read = rows.iter().map(|row| {
                let content = row.try_get::<Value, _>("content");
                Ok::<_, sqlx::Error>(Claimed {
                    id: row.try_get::<Uuid, _>("id")?.into(),
                    attempt: row.try_get("attempt")?,
                    user_id: row.try_get::<Uuid, _>("user_id")?.into(),
                    address: row.try_get("address")?,
                    kind: row.try_get("kind")?,
                    subject: row.try_get("subject")?,
                    content: content
                        .map_err(|error| error.to_string())
                        .and_then(|json| serde_json::from_value(json).map_err(|e| e.to_string())),
                })
            });
            read.collect::<Result<_, _>>()?
        });
        if !claimed.is_empty() {
            open_attempts(&mut tx, &claimed, now).await?;
            tx.commit().await?;
        }
        Ok(claimed)
    }

    /// Keeps claims alive until `lease_until`; those that were lost meanwhile stay lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extend_leases(
        &self,
        claims: &[(DeliveryId, i64)],
        lease_until: Instant,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for (id, attempt) in claims {
            on_tx!(&mut tx, |c| {
                sqlx::query::<DB>(
                    "UPDATE deliveries SET lease_until = $3
                     WHERE id = $1 AND attempt = $2 AND status = 'sending'",
                )
                .bind(id.uuid())
                .bind(attempt)
                .bind(lease_until)
                .execute(&mut *c)
                .await?;
            });
        }
        tx.commit().await
    }

    /// Writes how attempts ended, all in one transaction. Answers for each whether it counted: `false`
    /// for an answer that came after its claim was lost.
    ///
    /// # Errors
    /// When the database fails; then none was written.
    pub async fn settle_deliveries(
        &self,
        settlements: &[Settlement],
        now: Instant,
    ) -> Result<Vec<bool>, StoreError> {
        let mut tx = self.begin().await?;
        let mut counted = Vec::with_capacity(settlements.len());
        for settlement in settlements {
            counted.push(settle(&mut tx, settlement, now).await?);
        }
        tx.commit().await?;
        Ok(counted)
    }

    /// Takes claims whose lease ran out away from whoever had them; `judge` says what becomes of each
    /// attempt. Answers how many there were, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reap_deliveries(
        &self,
        channel: &str,
        limit: i64,
        now: Instant,
        judge: impl Fn(i64) -> Verdict,
    ) -> Result<Vec<Settlement>, StoreError> {
        let mut tx = self.begin().await?;
        let lost: Vec<(Uuid, i64)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, (Uuid, i64)>(formatcp!(
                "SELECT id, attempt FROM deliveries
                 WHERE channel = $1 AND status = 'sending' AND lease_until < $2
                 ORDER BY lease_until LIMIT $3 {}",
                <DB as Dialect>::SKIP_LOCKED
            ))
            .bind(channel)
            .bind(now)
            .bind(limit)
            .fetch_all(&mut *c)
            .await?
        });
        let mut reaped = Vec::with_capacity(lost.len());
        for (id, attempt) in lost {
            let settlement = Settlement {
                id: id.into(),
                attempt,
                verdict: judge(attempt),
            };
            settle(&mut tx, &settlement, now).await?;
            reaped.push(settlement);
        }
        if !reaped.is_empty() {
            tx.commit().await?;
        }
        Ok(reaped)
    }

    /// When the channel has something to do next.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deliveries_due(&self, channel: &str) -> Result<Due, StoreError> {
        let (send_at, lease_until) = on_read!(self, |pool| {
            sqlx::query_as::<DB, (Option<Instant>, Option<Instant>)>(
                "SELECT
                   (SELECT next_at FROM deliveries
                    WHERE channel = $1 AND status IN ('pending', 'retrying')
                    ORDER BY next_at LIMIT 1),
                   (SELECT lease_until FROM deliveries
                    WHERE channel = $1 AND status = 'sending' ORDER BY lease_until LIMIT 1)",
            )
            .bind(channel)
            .fetch_one(pool)
            .await?
        });
        Ok(Due {
            send_at,
            lease_until,
        })
    }
}

async fn open_attempts(tx: &mut Tx, claimed: &[Claimed], now: Instant) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        let mut query =
            QueryBuilder::<DB>::new("INSERT INTO attempts (delivery_id, number, started_at) ");
        query.push_values(claimed, |mut row, delivery| {
            row.push_bind(delivery.id.uuid())
                .push_bind(delivery.attempt)
                .push_bind(now);
        });
        query.build().execute(&mut *c).await?;
    });
    Ok(())
}

/// Writes one attempt's end if the claim still holds.
async fn settle(tx: &mut Tx, settlement: &Settlement, now: Instant) -> Result<bool, StoreError> {
    let verdict = &settlement.verdict;
    let error: Option<String> = verdict
        .error
        .as_deref()
        .map(|error| error.chars().filter(|c| *c != '\0').take(FAULT).collect());
    let status = verdict.status();
    let sent_at = verdict.is_done().then_some(now);
    on_tx!(tx, |c| {
        let counted = sqlx::query::<DB>(
            "UPDATE deliveries
             SET status = $3, next_at = COALESCE($4, next_at), lease_until = NULL,
                 provider_id = $5, last_error = $6, sent_at = $7, updated_at = $8
             WHERE id = $1 AND attempt = $2 AND status = 'sending'",
        )
        .bind(settlement.id.uuid())
        .bind(settlement.attempt)
        .bind(status.as_str())
        .bind(verdict.next_at)
        .bind(verdict.provider_id.as_deref())
        .bind(error.as_deref())
        .bind(sent_at)
        .bind(now)
        .execute(&mut *c)
        .await?
        .rows_affected();
        if counted == 0 {
            return Ok(false);
        }
        sqlx::query::<DB>(
            "UPDATE attempts SET finished_at = $3, outcome = $4, provider_id = $5, error = $6
             WHERE delivery_id = $1 AND number = $2",
        )
        .bind(settlement.id.uuid())
        .bind(settlement.attempt)
        .bind(now)
        .bind(verdict.outcome)
        .bind(verdict.provider_id.as_deref())
        .bind(error.as_deref())
        .execute(&mut *c)
        .await?;
    });
    Ok(true)
}
