//! How far everything has got: what waits in each queue of the house, since when, and who sweeps.
//!
//! Each figure is the first entry of an index, or a count that stops at [`MOST_COUNTED`], so reading them costs
//! the same however much there is.

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use const_format::formatcp;
use sqlx::FromRow;

use crate::queue::WAITED_FOR;
use crate::{Store, StoreError};

/// Counts stop here.
pub const MOST_COUNTED: i64 = 10_000;

/// The lease of the node that sweeps, as `actors` names it.
const LEASE: &str = "scheduler";
/// Where the end of the last sweep is kept.
const SWEPT_AT: &str = "scheduler.swept_at";

/// What waits, apart from deliveries.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct Backlog {
    /// Events that nobody was told of yet.
    pub events_unplanned: i64,
    /// When the oldest of them happened.
    pub oldest_unplanned: Option<Instant>,
    /// Events that were set aside.
    pub events_parked: i64,
    /// When the next reminder is due; in the past, one is late.
    pub next_reminder: Option<Instant>,
    /// The start of the first booking that nobody confirmed; in the past, it ought to be missed.
    pub first_pending: Option<Instant>,
    /// When the next calendar kept elsewhere is to be read; in the past, it is late.
    pub next_import: Option<Instant>,
    /// When the first hold runs out; in the past, it ought to be swept.
    pub first_hold_expires: Option<Instant>,
    /// Requests with an idempotency key that are under way.
    pub keys_running: i64,
    /// Who holds the scheduler's lease, and until when.
    pub lease_holder: Option<String>,
    pub lease_until: Option<Instant>,
    /// When the last full sweep in which nothing failed was done, as RFC 3339.
    swept_at: Option<String>,
}

impl Backlog {
    /// When the last full sweep in which nothing failed was done.
    pub fn swept_at(&self) -> Option<Instant> {
        self.swept_at.as_deref()?.parse().ok()
    }
}

/// What waits for one channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ChannelBacklog {
    /// When the next delivery is due; in the past, one is late.
    pub next_due: Option<Instant>,
    /// Deliveries that were given up.
    pub dead: i64,
    /// Deliveries of which nobody knows whether they arrived.
    pub ambiguous: i64,
}

/// Deliveries that somebody should look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromRow)]
pub struct Unsent {
    pub dead: i64,
    pub ambiguous: i64,
}

impl Store {
    /// How far everything but the deliveries has got at `now`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn backlog(&self, now: Instant) -> Result<Backlog, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, Backlog>(formatcp!(
                "SELECT
                   (SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE planned_at IS NULL
                      LIMIT {MOST_COUNTED}) unplanned) AS events_unplanned,
                   (SELECT time FROM events WHERE planned_at IS NULL ORDER BY time, id LIMIT 1)
                     AS oldest_unplanned,
                   (SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE fault IS NOT NULL
                      LIMIT {MOST_COUNTED}) parked) AS events_parked,
                   (SELECT due_at FROM reminders WHERE issued_at IS NULL ORDER BY due_at LIMIT 1)
                     AS next_reminder,
                   (SELECT starts_at FROM bookings b WHERE status = 'pending' AND NOT {WAITED_FOR}
                      ORDER BY starts_at LIMIT 1) AS first_pending,
                   (SELECT expires_at FROM holds ORDER BY expires_at LIMIT 1) AS first_hold_expires,
                   (SELECT next_at FROM calendar_imports ORDER BY next_at LIMIT 1) AS next_import,
                   (SELECT COUNT(*) FROM (SELECT 1 FROM idempotency_keys
                      WHERE status IS NULL AND locked_until > $1 LIMIT {MOST_COUNTED}) running)
                     AS keys_running,
                   (SELECT holder FROM leases WHERE name = '{LEASE}') AS lease_holder,
                   (SELECT until FROM leases WHERE name = '{LEASE}') AS lease_until,
                   (SELECT value FROM settings WHERE key = '{SWEPT_AT}') AS swept_at"
            ))
            .bind(now)
            .fetch_one(pool)
            .await?
        }))
    }

    /// How far the deliveries of a channel have got.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn channel_backlog(
        &self,
        channel: Channel,
        now: Instant,
    ) -> Result<ChannelBacklog, StoreError> {
        let next_due = self.deliveries_due(channel, now).await?.send_at();
        let counts: Vec<(String, i64)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, (String, i64)>(formatcp!(
                "SELECT status, COUNT(*) FROM
                   (SELECT status FROM outstanding
                    WHERE channel = $1 AND status IN ('dead', 'ambiguous') LIMIT {MOST_COUNTED}) unsent
                 GROUP BY status"
            ))
            .bind(channel.as_str())
            .fetch_all(pool)
            .await?
        });
        let count = |status: &str| {
            let counted = counts.iter().find(|(counted, _)| counted == status);
            counted.map_or(0, |(_, count)| *count)
        };
        Ok(ChannelBacklog {
            next_due,
            dead: count("dead"),
            ambiguous: count("ambiguous"),
        })
    }

    /// Deliveries of all channels that were given up or are in doubt.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unsent_deliveries(&self) -> Result<Unsent, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, Unsent>(formatcp!(
                "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM outstanding WHERE status = 'dead'
                   LIMIT {MOST_COUNTED}) d) AS dead,
                 (SELECT COUNT(*) FROM (SELECT 1 FROM outstanding WHERE status = 'ambiguous'
                   LIMIT {MOST_COUNTED}) a) AS ambiguous"
            ))
            .fetch_one(pool)
            .await?
        }))
    }

    /// Notes that a full sweep was done at `now` and nothing of it failed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_sweep(&self, now: Instant) -> Result<(), StoreError> {
        self.put_setting(SWEPT_AT, &now.to_rfc3339()).await
    }
}
