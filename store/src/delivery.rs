//! Deliveries: claimed under a lease, settled once, never moved backward.
//!
//! What has not come to its end has a narrow row in `outstanding` besides its own. A claim writes the number of the
//! attempt there before anything is sent; every later write names that number, so an answer that comes after its
//! lease ran out changes nothing.

/// Taking what is due.
mod claim;
/// A second way where the first has failed.
pub(crate) mod fallback;
/// What administrators see of deliveries.
pub(crate) mod outbox;
/// Writing how attempts ended.
mod settle;

use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::Verdict;
use belfry_domain::id::DeliveryId;
use const_format::formatcp;
use uuid::Uuid;

use crate::db::{Dialect, IdList};
use crate::rows::Rows;
use crate::{Store, StoreError, Tx};

pub use claim::{Claim, Claimed, Fate, Reader, Taking};
pub use outbox::{Attempt, Filter, Item, ItemDetail, Resent, resend, resend_some};
pub use settle::{Settled, Settlement};

/// When a channel has work.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Due {
    /// The earliest instant at which something waits to be sent that is no advertisement.
    pub others_at: Option<Instant>,
    /// The same of advertisements.
    pub marketing_at: Option<Instant>,
    /// The earliest end of a lease.
    pub lease_until: Option<Instant>,
    /// Pauses that providers asked for and that are not over.
    pub pauses: Vec<Pause>,
}

impl Due {
    /// The earliest instant at which anything waits to be sent.
    pub fn send_at(&self) -> Option<Instant> {
        self.others_at.into_iter().chain(self.marketing_at).min()
    }
}

/// A pause that a provider asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pause {
    pub provider: String,
    pub until: Instant,
    pub detail: String,
}

/// A claim whose lease ran out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lost {
    pub rounds: i64,
    /// The provider that it was given to.
    pub provider: String,
}

impl Store {
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
        // A row that is locked is being ended at this moment.
        const EXTEND: &str = "UPDATE outstanding SET lease_until = (SELECT MAX(v.until) FROM v)
             WHERE delivery_id IN (SELECT o.delivery_id FROM v JOIN outstanding o
               ON o.delivery_id = v.delivery AND o.attempt = v.number AND o.lease_until IS NOT NULL";
        let statement = match &tx {
            Tx::Sqlite(_) => formatcp!("{EXTEND}) RETURNING delivery_id"),
            Tx::Postgres(_) => {
                formatcp!("{EXTEND} FOR UPDATE OF o SKIP LOCKED) RETURNING delivery_id")
            }
        };
        Rows::of_values()
            .ids("delivery", claims.iter().map(|(id, _)| id.uuid()))
            .numbers("number", claims.iter().map(|(_, attempt)| *attempt))
            .instants("until", claims.iter().map(|_| lease_until))
            .run::<(Uuid,)>(statement, &mut tx)
            .await?;
        tx.commit().await
    }

    /// Takes claims whose lease ran out away from whoever had them; `judge` names the provider and says what
    /// becomes of each attempt. Answers how they ended, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reap_deliveries(
        &self,
        channel: Channel,
        limit: i64,
        now: Instant,
        judge: impl Fn(&Lost) -> (Arc<str>, Verdict),
    ) -> Result<Vec<Settlement>, StoreError> {
        let mut tx = self.begin().await?;
        const LOST: &str = "SELECT o.delivery_id, o.attempt, o.provider, o.claimed_at, d.rounds
             FROM outstanding o JOIN deliveries d ON d.id = o.delivery_id
             WHERE o.channel = $1 AND o.lease_until < $2 ORDER BY o.lease_until LIMIT $3";
        let statement = match &tx {
            Tx::Sqlite(_) => LOST,
            Tx::Postgres(_) => formatcp!("{LOST} FOR UPDATE OF o SKIP LOCKED"),
        };
        let lost: Vec<(Uuid, i64, String, Instant, i64)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>(statement)
                .bind(channel.as_str())
                .bind(now)
                .bind(limit)
                .fetch_all(&mut *c)
                .await?
        });
        let settlements = lost
            .into_iter()
            .map(|(id, attempt, provider, claimed_at, rounds)| {
                let (provider, verdict) = judge(&Lost { rounds, provider });
                Settlement {
                    id: id.into(),
                    attempt,
                    provider,
                    verdict,
                    claimed_at,
                    has_standby: true,
                    paused_until: None,
                }
            });
        let reaped: Vec<Settlement> = settlements.collect();
        if !reaped.is_empty() {
            settle::settle(&mut tx, channel, &reaped, now).await?;
            tx.commit().await?;
        }
        Ok(reaped)
    }

    /// When the channel has something to do next, and who is not to be called at `now`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deliveries_due(&self, channel: Channel, now: Instant) -> Result<Due, StoreError> {
        // One look instead of five: a courier looks very often.
        let rows: Vec<(String, String, String, Instant)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT '{OTHERS}', '', '', next_at FROM ({}) transactional
                 UNION ALL SELECT '{OTHERS}', '', '', next_at FROM ({}) service
                 UNION ALL SELECT '{MARKETING}', '', '', next_at FROM ({}) marketing
                 UNION ALL SELECT '{LEASE}', '', '', lease_until FROM
                   (SELECT lease_until FROM outstanding
                    WHERE channel = $1 AND lease_until IS NOT NULL ORDER BY lease_until LIMIT 1) leased
                 UNION ALL SELECT '{PAUSE}', provider, detail, until FROM provider_pauses
                   WHERE channel = $1 AND until > $2",
                first_of!("transactional"),
                first_of!("service"),
                first_of!("marketing")
            ))
            .bind(channel.as_str())
            .bind(now)
            .fetch_all(pool)
            .await?
        });
        let mut due = Due::default();
        for (what, provider, detail, at) in rows {
            let earliest = |known: Option<Instant>| known.into_iter().chain([at]).min();
            match &*what {
                OTHERS => due.others_at = earliest(due.others_at),
                MARKETING => due.marketing_at = earliest(due.marketing_at),
                LEASE => due.lease_until = Some(at),
                _ => due.pauses.push(Pause {
                    provider,
                    until: at,
                    detail,
                }),
            }
        }
        Ok(due)
    }
}

/// Makes those of the deliveries wait for their turn that are due now or later.
///
/// # Errors
/// When the database fails.
pub(crate) async fn await_turn(tx: &mut Tx, ids: Vec<Uuid>) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "INSERT INTO outstanding (delivery_id, channel, class, status, next_at)
             SELECT id, channel, class, status, next_at FROM deliveries
             WHERE id {} AND status IN ('pending', 'retrying') ORDER BY id",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(IdList(ids))
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// What a row of the look tells.
const OTHERS: &str = "others";
const MARKETING: &str = "marketing";
const LEASE: &str = "lease";
const PAUSE: &str = "pause";

/// The first entry of the queue of a class.
macro_rules! first_of {
    ($class:literal) => {
        concat!(
            "SELECT next_at FROM outstanding WHERE channel = $1 AND class = '",
            $class,
            "' AND status IN ('pending', 'retrying') AND lease_until IS NULL ORDER BY next_at LIMIT 1"
        )
    };
}
use first_of;
