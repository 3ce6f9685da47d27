//! Planning: taking events that nobody was told of yet, and writing what they lead to.
//!
//! A claim never reads "id > last": commits land out of order. It takes what is not marked as planned,
//! and an event waits while an earlier one of its subject does.

use std::collections::{BTreeMap, BTreeSet};

use belfry_domain::Instant;
use belfry_domain::event::Event;
use belfry_domain::id::{DeliveryId, EventId, NotificationId, UserId};
use belfry_domain::inbox::Notification;
use belfry_domain::notification::{Entry, Message, People, Plan, Recipient};
use const_format::formatcp;
use serde_json::Value;
use sqlx::{FromRow, QueryBuilder, Row};
use uuid::Uuid;

use crate::db::{Db, Dialect, IdList};
use crate::{Store, StoreError, Tx};

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

const CLAIM: &str =
    "SELECT e.id, e.type, e.subject, e.subject_version, e.time, e.data FROM events e
     WHERE e.planned_at IS NULL AND NOT EXISTS
       (SELECT 1 FROM events o WHERE o.subject = e.subject AND o.planned_at IS NULL
          AND (o.subject_version, o.id) < (e.subject_version, e.id))
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
                let rows = sqlx::query::<DB>(formatcp!("{CLAIM} {}", <DB as Dialect>::SKIP_LOCKED))
                    .bind(limit)
                    .fetch_all(&mut *c)
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

    /// The people with these ids, as far as they still exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recipients(&self, turn: &mut Turn, ids: &[UserId]) -> Result<People, StoreError> {
        let ids = || IdList(ids.iter().map(|id| id.uuid()).collect());
        let rows: Vec<RecipientRow> = if let Some(tx) = &mut turn.tx {
            on_tx!(tx, |c| {
                sqlx::query_as::<DB, RecipientRow>(formatcp!(
                    "{RECIPIENTS} {}",
                    <DB as Dialect>::ID_IN_1
                ))
                .bind(ids())
                .fetch_all(&mut *c)
                .await?
            })
        } else {
            on_read!(self, |pool| {
                sqlx::query_as::<DB, RecipientRow>(formatcp!(
                    "{RECIPIENTS} {}",
                    <DB as Dialect>::ID_IN_1
                ))
                .bind(ids())
                .fetch_all(pool)
                .await?
            })
        };
        let people = rows.into_iter().map(RecipientRow::into_recipient);
        Ok(people.map(|person| (person.id, person)).collect())
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
        let mut finished = Finished {
            planned: mark_planned(&mut tx, &outcomes, now).await?,
            ..Finished::default()
        };
        let (mut entries, mut messages) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            if !finished.planned.contains(&outcome.id) {
                continue;
            }
            match outcome.plan {
                Ok(plan) => {
                    entries.extend(plan.entries.into_iter().map(|e| (outcome.id, e)));
                    messages.extend(plan.messages.into_iter().map(|m| (outcome.id, m)));
                }
                Err(fault) => {
                    note_fault(&mut tx, outcome.id, &fault).await?;
                    finished.parked += 1;
                }
            }
        }
        let rows = number(&mut tx, entries, now).await?;
        insert_notifications(&mut tx, &rows).await?;
        insert_deliveries(&mut tx, &messages, &rows, now).await?;
        tx.commit().await?;
        finished.deliveries = messages.len();
        for row in rows {
            let told = finished.told.entry(row.user_id).or_default();
            told.push(row.notification);
        }
        Ok(finished)
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

    /// The events that were set aside, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn parked_events(&self, limit: i64) -> Result<Vec<Parked>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, Parked>(
                "SELECT id, type, subject, time, fault FROM events
                 WHERE fault IS NOT NULL ORDER BY time DESC, id DESC LIMIT $1",
            )
            .bind(limit)
            .fetch_all(pool)
            .await?
        }))
    }

    /// Gives a parked event back to the planner; `false` when there is none with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replan_event(&self, id: EventId) -> Result<bool, StoreError> {
        let changed = on_write!(self, |pool| {
            sqlx::query::<DB>(
                "UPDATE events SET planned_at = NULL, fault = NULL
                 WHERE id = $1 AND fault IS NOT NULL",
            )
            .bind(id.uuid())
            .execute(pool)
            .await?
            .rows_affected()
        });
        Ok(changed > 0)
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

fn read_event(
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

const RECIPIENTS: &str = "SELECT id, name, email, locale, time_zone, disabled FROM users WHERE id";

#[derive(FromRow)]
struct RecipientRow {
    id: Uuid,
    name: String,
    email: String,
    locale: String,
    time_zone: String,
    disabled: bool,
}

impl RecipientRow {
    fn into_recipient(self) -> Recipient {
        Recipient {
            id: self.id.into(),
            name: self.name,
            email: self.email,
            locale: self.locale,
            // A zone this build does not know must not cost the person the message.
            time_zone: self.time_zone.parse().unwrap_or_default(),
            disabled: self.disabled,
        }
    }
}

/// Marks the events as planned and answers those that were not planned meanwhile by somebody else.
async fn mark_planned(
    tx: &mut Tx,
    outcomes: &[Outcome],
    now: Instant,
) -> Result<BTreeSet<EventId>, StoreError> {
    let ids = outcomes.iter().map(|outcome| outcome.id.uuid()).collect();
    let marked: Vec<Uuid> = on_tx!(tx, |c| {
        sqlx::query_scalar::<DB, Uuid>(formatcp!(
            "UPDATE events SET planned_at = $2 WHERE id {} AND planned_at IS NULL RETURNING id",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(IdList(ids))
        .bind(now)
        .fetch_all(&mut *c)
        .await?
    });
    Ok(marked.into_iter().map(EventId::from).collect())
}

async fn note_fault(tx: &mut Tx, id: EventId, fault: &str) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>("UPDATE events SET fault = $2 WHERE id = $1")
            .bind(id.uuid())
            .bind(fault)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

/// An inbox entry with its place.
struct Numbered {
    event_id: EventId,
    rule_id: &'static str,
    user_id: UserId,
    notification: Notification,
}

/// Gives every entry its offset. The counters stay locked until the commit, so offsets become visible
/// in their order; they are taken in the order of ids, so that two nodes never wait for each other.
async fn number(
    tx: &mut Tx,
    entries: Vec<(EventId, Entry)>,
    now: Instant,
) -> Result<Vec<Numbered>, StoreError> {
    let mut counts: BTreeMap<UserId, i64> = BTreeMap::new();
    for (_, entry) in &entries {
        *counts.entry(entry.user_id).or_default() += 1;
    }
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    let last: Vec<(Uuid, i64)> = on_tx!(tx, |c| {
        let mut query =
            QueryBuilder::<DB>::new("INSERT INTO inbox_counters (user_id, last_offset) ");
        query.push_values(&counts, |mut row, (user, count)| {
            row.push_bind(user.uuid()).push_bind(*count);
        });
        query.push(
            " ON CONFLICT (user_id) DO UPDATE
                SET last_offset = inbox_counters.last_offset + excluded.last_offset
              RETURNING user_id, last_offset",
        );
        query.build_query_as().fetch_all(&mut *c).await?
    });
    let mut next: BTreeMap<UserId, i64> = last
        .into_iter()
        .map(|(user, last)| {
            let user = UserId::from(user);
            (user, last - counts.get(&user).copied().unwrap_or(0) + 1)
        })
        .collect();
    let numbered = entries.into_iter().map(|(event_id, entry)| {
        let offset = next
            .get_mut(&entry.user_id)
            .ok_or_else(|| StoreError::unreadable("a counter was not returned"))?;
        let notification = Notification {
            id: NotificationId::at(now),
            offset: *offset,
            category: entry.category.as_str().to_owned(),
            kind: entry.kind.to_owned(),
            title: entry.title,
            body: entry.body,
            data: entry.data,
            read_at: None,
            created_at: now,
        };
        *offset += 1;
        Ok(Numbered {
            event_id,
            rule_id: entry.rule_id,
            user_id: entry.user_id,
            notification,
        })
    });
    numbered.collect()
}

async fn insert_notifications(tx: &mut Tx, rows: &[Numbered]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    on_tx!(tx, |c| {
        let mut query = QueryBuilder::<DB>::new(
            r#"INSERT INTO notifications (id, user_id, "offset", event_id, rule_id, category, kind,
                 title, body, data, created_at) "#,
        );
        query.push_values(rows, |mut row, numbered| {
            let notification = &numbered.notification;
            row.push_bind(notification.id.uuid())
                .push_bind(numbered.user_id.uuid())
                .push_bind(notification.offset)
                .push_bind(numbered.event_id.uuid())
                .push_bind(numbered.rule_id)
                .push_bind(notification.category.as_str())
                .push_bind(notification.kind.as_str())
                .push_bind(notification.title.as_str())
                .push_bind(notification.body.as_str())
                .push_bind(&notification.data)
                .push_bind(notification.created_at);
        });
        query.build().execute(&mut *c).await?;
    });
    Ok(())
}

async fn insert_deliveries(
    tx: &mut Tx,
    messages: &[(EventId, Message)],
    rows: &[Numbered],
    now: Instant,
) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let notified: BTreeMap<(EventId, &str, UserId), NotificationId> = rows
        .iter()
        .map(|row| {
            (
                (row.event_id, row.rule_id, row.user_id),
                row.notification.id,
            )
        })
        .collect();
    let contents: Vec<Value> = messages
        .iter()
        .map(|(_, message)| serde_json::to_value(&message.content))
        .collect::<Result<_, _>>()
        .map_err(StoreError::unreadable)?;
    on_tx!(tx, |c| {
        let mut query = QueryBuilder::<DB>::new(
            "INSERT INTO deliveries (id, event_id, rule_id, user_id, notification_id, channel, address,
               kind, subject, content, status, attempt, next_at, created_at, updated_at) ",
        );
        let rows = messages.iter().zip(&contents);
        query.push_values(rows, |mut row, ((event_id, message), content)| {
            let key = (*event_id, message.rule_id, message.user_id);
            row.push_bind(DeliveryId::at(now).uuid())
                .push_bind(event_id.uuid())
                .push_bind(message.rule_id)
                .push_bind(message.user_id.uuid())
                .push_bind(notified.get(&key).map(|id| id.uuid()))
                .push_bind(message.channel)
                .push_bind(message.address.as_str())
                .push_bind(message.kind)
                .push_bind(message.subject.as_str())
                .push_bind(content)
                .push_bind("pending")
                .push_bind(0_i64)
                .push_bind(now)
                .push_bind(now)
                .push_bind(now);
        });
        query.build().execute(&mut *c).await?;
    });
    Ok(())
}
