//! Why somebody was told of an event, or was not: everything that was written about the two (C4.8).

use belfry_domain::Instant;
use belfry_domain::event::Event;
use belfry_domain::id::{DeliveryId, EventId, NotificationId, UserId};
use belfry_domain::notification::Trace;
use serde_json::Value;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use crate::delivery::{ItemDetail, outbox};
use crate::planning::read_event;
use crate::{Store, StoreError};

/// An event and how far it has got.
#[derive(Clone, PartialEq, Debug)]
pub struct Happened {
    pub id: EventId,
    /// The event, or why its row cannot be read.
    pub event: Result<Event, String>,
    pub time: Instant,
    pub planned_at: Option<Instant>,
    /// Why it was set aside, if it was.
    pub fault: Option<String>,
}

/// One decision of one rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Decided {
    pub rule_id: String,
    pub rule_version: i64,
    pub trace: Trace,
    pub at: Instant,
}

/// The inbox entry that came of it, as long as it is kept.
#[derive(Clone, PartialEq, Debug)]
pub struct Noted {
    pub id: NotificationId,
    pub rule_id: String,
    pub offset: i64,
    pub title: String,
    pub read_at: Option<Instant>,
}

/// What a gate said of a delivery after it was planned.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct Passed {
    pub delivery_id: Uuid,
    pub at: Instant,
    pub gate: String,
    pub reason: String,
    pub until: Option<Instant>,
}

/// Everything about one event and one person.
#[derive(Clone, PartialEq, Debug)]
pub struct Explained {
    pub happened: Happened,
    pub decisions: Vec<Decided>,
    pub entries: Vec<Noted>,
    pub deliveries: Vec<(ItemDetail, Vec<Passed>)>,
    /// The daily messages it was gathered for, by their way, and when each leaves or left.
    pub gathered: Vec<(String, Instant, Option<Instant>)>,
}

/// Which events to list; `None` means any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    pub kind: Option<String>,
    pub subject: Option<String>,
}

const EVENT: &str =
    "SELECT id, type, subject, subject_version, time, data, planned_at, fault FROM events";

macro_rules! happened {
    ($rows:expr) => {{
        let mut found = Vec::with_capacity($rows.len());
        for row in &$rows {
            let id: Uuid = row.try_get("id")?;
            let time: Instant = row.try_get("time")?;
            let columns = (
                row.try_get::<String, _>("type")?,
                row.try_get::<String, _>("subject")?,
                row.try_get::<i64, _>("subject_version")?,
                time,
                row.try_get::<Value, _>("data")?,
            );
            found.push(Happened {
                id: id.into(),
                event: read_event(id.into(), columns),
                time,
                planned_at: row.try_get("planned_at")?,
                fault: row.try_get("fault")?,
            });
        }
        found
    }};
}

impl Store {
    /// A page of events, newest first, after the one of `after.0` with id `after.1`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events(
        &self,
        filter: &Filter,
        after: Option<(Instant, EventId)>,
        limit: i64,
    ) -> Result<Vec<Happened>, StoreError> {
        Ok(on_read!(self, |pool| {
            let rows = sqlx::query::<DB>(const_format::formatcp!(
                "{EVENT}
                 WHERE ($1 IS NULL OR type = $1) AND ($2 IS NULL OR subject = $2)
                   AND ($3 IS NULL OR (time, id) < ($3, $4))
                 ORDER BY time DESC, id DESC LIMIT $5"
            ))
            .bind(filter.kind.as_deref())
            .bind(filter.subject.as_deref())
            .bind(after.map(|(at, _)| at))
            .bind(after.map(|(_, id)| id.uuid()))
            .bind(limit)
            .fetch_all(pool)
            .await?;
            happened!(rows)
        }))
    }

    /// One event.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn event(&self, id: EventId) -> Result<Option<Happened>, StoreError> {
        let mut found = on_read!(self, |pool| {
            let rows = sqlx::query::<DB>(const_format::formatcp!("{EVENT} WHERE id = $1"))
                .bind(id.uuid())
                .fetch_all(pool)
                .await?;
            happened!(rows)
        });
        Ok(found.pop())
    }

    /// Everything written about an event and a person at one moment; `None` when there is no such event any more.
    ///
    /// # Errors
    /// When the database fails, or something written cannot be read.
    pub async fn explain(
        &self,
        event: EventId,
        user: UserId,
    ) -> Result<Option<Explained>, StoreError> {
        let mut tx = self.begin_reading().await?;
        let (mut found, decisions, entries, ids, passed, gathered) = on_tx!(&mut tx, |c| {
            let rows = sqlx::query::<DB>(const_format::formatcp!("{EVENT} WHERE id = $1"))
                .bind(event.uuid())
                .fetch_all(&mut *c)
                .await?;
            let found = happened!(rows);
            let decisions = sqlx::query_as::<DB, (String, i64, Value, Instant)>(
                "SELECT rule_id, rule_version, trace, at FROM decisions
                 WHERE event_id = $1 AND user_id = $2 ORDER BY rule_id",
            )
            .bind(event.uuid())
            .bind(user.uuid())
            .fetch_all(&mut *c)
            .await?;
            let entries = sqlx::query_as::<DB, (Uuid, String, i64, String, Option<Instant>)>(
                r#"SELECT id, rule_id, "offset", title, read_at FROM notifications
                   WHERE event_id = $1 AND user_id = $2 ORDER BY "offset""#,
            )
            .bind(event.uuid())
            .bind(user.uuid())
            .fetch_all(&mut *c)
            .await?;
            let ids = sqlx::query_scalar::<DB, Uuid>(
                "SELECT id FROM deliveries WHERE event_id = $1 AND user_id = $2
                 ORDER BY rule_id, rank, channel, id",
            )
            .bind(event.uuid())
            .bind(user.uuid())
            .fetch_all(&mut *c)
            .await?;
            let passed = sqlx::query_as::<DB, Passed>(
                "SELECT g.delivery_id, g.at, g.gate, g.reason, g.until
                 FROM delivery_gates g JOIN deliveries d ON d.id = g.delivery_id
                 WHERE d.event_id = $1 AND d.user_id = $2 ORDER BY g.at",
            )
            .bind(event.uuid())
            .bind(user.uuid())
            .fetch_all(&mut *c)
            .await?;
            let gathered = sqlx::query_as::<DB, (String, Instant, Option<Instant>)>(
                "SELECT w.way, w.closes_at, w.closed_at
                 FROM digest_items i JOIN digest_windows w ON w.id = i.window_id
                 WHERE i.event_id = $1 AND w.user_id = $2 ORDER BY w.way",
            )
            .bind(event.uuid())
            .bind(user.uuid())
            .fetch_all(&mut *c)
            .await?;
            (found, decisions, entries, ids, passed, gathered)
        });
        let Some(happened) = found.pop() else {
            return Ok(None);
        };
        let decisions = decisions
            .into_iter()
            .map(|(rule_id, rule_version, trace, at)| {
                Ok(Decided {
                    rule_id,
                    rule_version,
                    trace: serde_json::from_value(trace).map_err(StoreError::unreadable)?,
                    at,
                })
            });
        let decisions = decisions.collect::<Result<_, StoreError>>()?;
        let entries = entries
            .into_iter()
            .map(|(id, rule_id, offset, title, read_at)| Noted {
                id: id.into(),
                rule_id,
                offset,
                title,
                read_at,
            });
        let mut deliveries = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(detail) = outbox::read(&mut tx, DeliveryId::from(id)).await? {
                let gates = passed.iter().filter(|passed| passed.delivery_id == id);
                deliveries.push((detail, gates.cloned().collect()));
            }
        }
        tx.commit().await?;
        Ok(Some(Explained {
            happened,
            decisions,
            entries: entries.collect(),
            deliveries,
            gathered,
        }))
    }
}
