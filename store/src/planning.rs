//! Planning: taking events that nobody was told of yet, and writing what they lead to.
//!
//! A claim never reads "id > last": commits land out of order. It takes what is not marked as planned,
//! and an event waits while an earlier one of its subject does.

/// Those whom a batch may tell.
mod reader;
/// Writing what came of a turn.
mod write;

use std::collections::{BTreeMap, BTreeSet};

use belfry_domain::Instant;
use belfry_domain::event::Event;
use belfry_domain::id::{EventId, UserId};
use belfry_domain::inbox::Notification;
use belfry_domain::notification::Plan;
use const_format::formatcp;
use serde_json::Value;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use crate::db::{Db, Dialect};
use crate::{Store, StoreError, Tx, crash};

pub use reader::Onlookers;

/// Events claimed for planning. Dropped without [`Store::finish_planning`], they are free again.
///
/// On PostgreSQL the claim is the open transaction's row locks, so nodes do not plan the same twice. On
/// SQLite the only writer must not wait while texts are made: there the events are merely read, and
/// finishing takes those that are still unplanned.
pub struct Turn {
    tx: Option<Tx>,
    pub events: Vec<Claimed>,
}

/// One claimed event.
pub struct Claimed {
    pub id: EventId,
    /// The event, or why its row cannot be read.
    pub event: Result<Event, String>,
}

/// What came of one claimed event.
pub struct Outcome {
    pub id: EventId,
    /// What to write, or why it cannot be planned: then the event is set aside with that fault.
    pub plan: Result<Plan, String>,
}

/// What was written.
#[derive(Default)]
pub struct Finished {
    /// The events planned here, and by nobody else.
    pub planned: BTreeSet<EventId>,
    /// How many were set aside.
    pub parked: usize,
    /// New inbox entries by their owner, in the order of their offsets.
    pub told: BTreeMap<UserId, Vec<Notification>>,
    /// New deliveries.
    pub deliveries: usize,
}

/// An event that was set aside.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct Parked {
    pub id: Uuid,
    #[sqlx(rename = "type")]
    pub kind: String,
    pub subject: String,
    pub time: Instant,
    pub fault: String,
}

// The first of a subject is looked up for each event in turn: an anti-join would be made for all that wait,
// however few are taken.
const CLAIM: &str =
    "SELECT e.id, e.type, e.subject, e.subject_version, e.time, e.data FROM events e
     WHERE e.planned_at IS NULL AND e.id =
       (SELECT o.id FROM events o WHERE o.subject = e.subject AND o.planned_at IS NULL
        ORDER BY o.subject_version, o.id LIMIT 1)
     ORDER BY e.time, e.id LIMIT $1";

/// Reads claimed rows one by one, so that one unreadable row spoils only itself.
macro_rules! claimed {
    ($rows:expr) => {{
        let mut events = Vec::with_capacity($rows.len());
        for row in &$rows {
            let id: Uuid = row.try_get("id")?;
            let event = (|| {
                Ok::<_, sqlx::Error>((
                    row.try_get::<String, _>("type")?,
                    row.try_get::<String, _>("subject")?,
                    row.try_get::<i64, _>("subject_version")?,
                    row.try_get::<Instant, _>("time")?,
                    row.try_get::<Value, _>("data")?,
                ))
            })();
            events.push(Claimed {
                id: id.into(),
                event: event
                    .map_err(|error| error.to_string())
                    .and_then(|columns| read_event(id.into(), columns)),
            });
        }
        events
    }};
}

impl Store {
    /// Claims at most `limit` events, oldest first, at most one of each subject.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_planning(&self, limit: i64) -> Result<Turn, StoreError> {
        let mut tx = match self.db {
            Db::Sqlite { .. } => None,
            Db::Postgres(_) => Some(self.begin().await?),
        };
        let events = if let Some(tx) = &mut tx {
            on_tx!(tx, |c| {
                sqlx::query::<DB>(<DB as Dialect>::BY_INDEX_ORDER)
                    .execute(&mut *c)
                    .await?;
                let rows = sqlx::query::<DB>(formatcp!("{CLAIM} {}", <DB as Dialect>::SKIP_LOCKED))
                    .bind(limit)
                    .fetch_all(&mut *c)
                    .await?;
                sqlx::query::<DB>(<DB as Dialect>::BY_STATISTICS)
                    .execute(&mut *c)
                    .await?;
                claimed!(rows)
            })
        } else {
            on_read!(self, |pool| {
                let rows = sqlx::query::<DB>(CLAIM).bind(limit).fetch_all(pool).await?;
                claimed!(rows)
            })
        };
        Ok(Turn { tx, events })
    }

    /// Writes what came of a turn in one transaction: marks on events, inbox entries with their offsets,
    /// deliveries. Everything or nothing.
    ///
    /// # Errors
    /// When the database fails; then the events are free again.
    pub async fn finish_planning(
        &self,
        turn: Turn,
        outcomes: Vec<Outcome>,
        now: Instant,
    ) -> Result<Finished, StoreError> {
        let mut tx = match turn.tx {
            Some(tx) => tx,
            None => self.begin().await?,
        };
        match write::write(&mut tx, outcomes, now).await {
            Ok(finished) => {
                crash::point("planner.before_commit");
                tx.commit().await?;
                Ok(finished)
            }
            Err(error) => {
                // Awaited, so that the events are free again when the caller tries anew.
                tx.rollback().await?;
                Err(error)
            }
        }
    }

    /// A turn without events, for reading alone.
    pub fn rehearse_planning(&self) -> Turn {
        Turn {
            tx: None,
            events: Vec::new(),
        }
    }

    /// Gives claimed events back unplanned.
    ///
    /// # Errors
    /// When the database fails; the events are then free once it notices.
    pub async fn abandon_planning(&self, turn: Turn) -> Result<(), StoreError> {
        match turn.tx {
            Some(tx) => tx.rollback().await,
            None => Ok(()),
        }
    }

    /// Sets an event aside so that it no longer holds up the others of its subject.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn park_event(
        &self,
        id: EventId,
        fault: &str,
        now: Instant,
    ) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "UPDATE events SET planned_at = $2, fault = $3 WHERE id = $1 AND planned_at IS NULL",
            )
            .bind(id.uuid())
            .bind(now)
            .bind(fault)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// A page of the events that were set aside, newest first, after the one of `after.0` with id `after.1`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn parked_events(
        &self,
        after: Option<(Instant, EventId)>,
        limit: i64,
    ) -> Result<Vec<Parked>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, Parked>(
                "SELECT id, type, subject, time, fault FROM events
                 WHERE fault IS NOT NULL AND ($1 IS NULL OR (time, id) < ($1, $2))
                 ORDER BY time DESC, id DESC LIMIT $3",
            )
            .bind(after.map(|(time, _)| time))
            .bind(after.map(|(_, id)| id.uuid()))
            .bind(limit)
            .fetch_all(pool)
            .await?
        }))
    }

    /// When the oldest event nobody was told of yet happened.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn oldest_unplanned(&self) -> Result<Option<Instant>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_scalar::<DB, Instant>(
                "SELECT time FROM events WHERE planned_at IS NULL ORDER BY time, id LIMIT 1",
            )
            .fetch_optional(pool)
            .await?
        }))
    }
}

pub(crate) fn read_event(
    id: EventId,
    (kind, subject, subject_version, time, data): (String, String, i64, Instant, Value),
) -> Result<Event, String> {
    Ok(Event {
        id,
        kind: kind
            .parse()
            .map_err(|_| format!("unknown event type {kind}"))?,
        subject,
        subject_version,
        time,
        data,
    })
}

/// Gives a parked event back to the planner and answers its fault; `None` when there is none with this id.
///
/// # Errors
/// When the database fails.
pub async fn replan(tx: &mut Tx, id: EventId) -> Result<Option<String>, StoreError> {
    let fault = on_tx!(tx, |c| {
        let fault = sqlx::query_scalar::<DB, String>(formatcp!(
            "SELECT fault FROM events WHERE id = $1 AND fault IS NOT NULL {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(id.uuid())
        .fetch_optional(&mut *c)
        .await?;
        sqlx::query::<DB>(
            "UPDATE events SET planned_at = NULL, fault = NULL WHERE id = $1 AND fault IS NOT NULL",
        )
        .bind(id.uuid())
        .execute(&mut *c)
        .await?;
        fault
    });
    Ok(fault)
}
