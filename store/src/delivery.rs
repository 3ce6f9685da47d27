//! Deliveries: claimed under a lease, settled once, never moved backward.
//!
//! A claim raises the attempt number and writes the attempt's row before anything is sent; every later
//! write names that number, so an answer that comes after its lease ran out changes nothing.

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

use crate::db::Dialect;
use crate::rows::Rows;
use crate::{Store, StoreError};

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
    pub attempt: i64,
    pub rounds: i64,
    /// The provider that it was given to.
    pub provider: Option<String>,
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
        let lost: Vec<(Uuid, i64, i64, Option<String>)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT id, attempt, rounds,
                   (SELECT provider FROM attempts a
                    WHERE a.delivery_id = deliveries.id AND a.number = deliveries.attempt)
                 FROM deliveries
                 WHERE channel = $1 AND status = 'sending' AND lease_until < $2
                 ORDER BY lease_until LIMIT $3 {}",
                <DB as Dialect>::SKIP_LOCKED
            ))
            .bind(channel.as_str())
            .bind(now)
            .bind(limit)
            .fetch_all(&mut *c)
            .await?
        });
        let settlements = lost.into_iter().map(|(id, attempt, rounds, provider)| {
            let (provider, verdict) = judge(&Lost {
                attempt,
                rounds,
                provider,
            });
            Settlement {
                id: id.into(),
                attempt,
                provider,
                verdict,
                claimed_at: now,
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
                   (SELECT lease_until FROM deliveries
                    WHERE channel = $1 AND status = 'sending' ORDER BY lease_until LIMIT 1) leased
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

/// What a row of the look tells.
const OTHERS: &str = "others";
const MARKETING: &str = "marketing";
const LEASE: &str = "lease";
const PAUSE: &str = "pause";

/// The first entry of the queue of a class.
macro_rules! first_of {
    ($class:literal) => {
        concat!(
            "SELECT next_at FROM deliveries WHERE channel = $1 AND class = '",
            $class,
            "' AND status IN ('pending', 'retrying') ORDER BY next_at LIMIT 1"
        )
    };
}
use first_of;
