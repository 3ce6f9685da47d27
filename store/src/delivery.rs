//! Deliveries: claimed under a lease, settled once, never moved backward.
//!
//! A claim raises the attempt number and writes the attempt's row before anything is sent; every later
//! write names that number, so an answer that comes after its lease ran out changes nothing.

/// What administrators see of deliveries.
mod outbox;

use std::collections::BTreeSet;

use belfry_domain::Instant;
use belfry_domain::delivery::{Content, Verdict};
use belfry_domain::id::{DeliveryId, UserId};
use const_format::formatcp;
use serde_json::Value;
use sqlx::Row;
use uuid::Uuid;

use crate::db::Dialect;
use crate::rows::Rows;
use crate::{Store, StoreError, Tx, crash};

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

impl Settlement {
    fn claim(&self) -> (Uuid, i64) {
        (self.id.uuid(), self.attempt)
    }
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
        Rows::of_values()
            .ids("delivery_id", claims.iter().map(|(id, _)| id.uuid()))
            .numbers("number", claims.iter().map(|(_, attempt)| *attempt))
            .instants("lease_until", claims.iter().map(|_| lease_until))
            .run::<(Uuid,)>(
                "UPDATE deliveries SET lease_until = v.lease_until FROM v
                 WHERE id = v.delivery_id AND attempt = v.number AND status = 'sending'
                 RETURNING id",
                &mut tx,
            )
            .await?;
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
        let mut counted = settle(&mut tx, settlements, now).await?;
        crash::point("courier.settling");
        tx.commit().await?;
        // Told twice, an end counts once.
        Ok(settlements
            .iter()
            .map(|ended| counted.remove(&ended.claim()))
            .collect())
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
        let settlements = lost.into_iter().map(|(id, attempt)| Settlement {
            id: id.into(),
            attempt,
            verdict: judge(attempt),
        });
        let reaped: Vec<Settlement> = settlements.collect();
        if !reaped.is_empty() {
            settle(&mut tx, &reaped, now).await?;
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
    Rows::into("attempts")
        .ids(
            "delivery_id",
            claimed.iter().map(|delivery| delivery.id.uuid()),
        )
        .numbers("number", claimed.iter().map(|delivery| delivery.attempt))
        .instants("started_at", claimed.iter().map(|_| now))
        .insert(tx)
        .await
}

/// Writes the ends of attempts and answers which of the claims still held; the ends of the others are not
/// written.
async fn settle(
    tx: &mut Tx,
    settlements: &[Settlement],
    now: Instant,
) -> Result<BTreeSet<(Uuid, i64)>, StoreError> {
    let errors = faults(settlements);
    let all = || settlements.iter().zip(&errors);
    let counted: Vec<(Uuid, i64)> = Rows::of_values()
        .ids("delivery_id", all().map(|(ended, _)| ended.id.uuid()))
        .numbers("number", all().map(|(ended, _)| ended.attempt))
        .texts(
            "new_status",
            all().map(|(ended, _)| ended.verdict.status().as_str()),
        )
        .instants("retry_at", all().map(|(ended, _)| ended.verdict.next_at))
        .texts(
            "provider",
            all().map(|(ended, _)| ended.verdict.provider_id.as_deref()),
        )
        .texts("error", all().map(|(_, error)| error.as_deref()))
        .instants(
            "done_at",
            all().map(|(ended, _)| ended.verdict.is_done().then_some(now)),
        )
        .instants("ended_at", all().map(|_| now))
        .run(
            "UPDATE deliveries
             SET status = v.new_status, next_at = COALESCE(v.retry_at, next_at), lease_until = NULL,
                 provider_id = v.provider, last_error = v.error, sent_at = v.done_at,
                 updated_at = v.ended_at
             FROM v WHERE id = v.delivery_id AND attempt = v.number AND status = 'sending'
             RETURNING id, attempt",
            tx,
        )
        .await?;
    let counted: BTreeSet<(Uuid, i64)> = counted.into_iter().collect();
    let held = || all().filter(|(ended, _)| counted.contains(&ended.claim()));
    Rows::of_values()
        .ids("id", held().map(|(ended, _)| ended.id.uuid()))
        .numbers("attempt", held().map(|(ended, _)| ended.attempt))
        .texts("ended", held().map(|(ended, _)| ended.verdict.outcome))
        .texts("provider", held().map(|(ended, _)| ended.verdict.provider_id.as_deref()))
        .texts("fault", held().map(|(_, error)| error.as_deref()))
        .instants("ended_at", held().map(|_| now))
        .run::<(Uuid,)>(
            "UPDATE attempts SET finished_at = v.ended_at, outcome = v.ended, provider_id = v.provider,
                 error = v.fault
             FROM v WHERE delivery_id = v.id AND number = v.attempt RETURNING delivery_id",
            tx,
        )
        .await?;
    Ok(counted)
}

/// The faults as they are kept.
fn faults(settlements: &[Settlement]) -> Vec<Option<String>> {
    let kept = |error: &str| error.chars().filter(|c| *c != '\0').take(FAULT).collect();
    let errors = settlements
        .iter()
        .map(|ended| ended.verdict.error.as_deref());
    errors.map(|error| error.map(kept)).collect()
}
