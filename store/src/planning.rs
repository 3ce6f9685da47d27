//! Planning: taking events that nobody was told of yet, and writing what they lead to.
//!
//! A claim never reads "id > last": commits land out of order. It takes what is not marked as planned,
//! and an event waits while an earlier one of its subject does.

/// Writing what came of a turn.
mod write;

use std::collections::{BTreeMap, BTreeSet};

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::event::Event;
use belfry_domain::id::{EventId, UserId};
use belfry_domain::inbox::Notification;
use belfry_domain::notification::{Address, People, Plan, Recipient};
use const_format::formatcp;
use serde_json::Value;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use crate::db::{Db, Dialect, IdList};
use crate::preference::{self, PreferenceRow};
use crate::{Store, StoreError, Tx, crash};

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

/// Those who are concerned without being named in an event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Onlookers {
    /// By expert.
    pub managers: BTreeMap<UserId, Vec<UserId>>,
    /// By what they follow.
    pub followers: BTreeMap<Uuid, Vec<UserId>>,
    /// Asked for only where they are told something.
    pub administrators: Vec<UserId>,
}

/// Runs a query on the turn's own connection, or where it has none on one of the pool's.
macro_rules! fetch_in_turn {
    ($store:expr, $turn:expr, $query:expr) => {
        if let Some(tx) = &mut $turn.tx {
            on_tx!(tx, |c| $query.fetch_all(&mut *c).await?)
        } else {
            on_read!($store, |pool| $query.fetch_all(pool).await?)
        }
    };
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

    /// The people with these ids, as far as they still exist, and where each can be reached.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recipients(&self, turn: &mut Turn, ids: &[UserId]) -> Result<People, StoreError> {
        let ids = || IdList(ids.iter().map(|id| id.uuid()).collect());
        let rows: Vec<RecipientRow> = fetch_in_turn!(
            self,
            turn,
            sqlx::query_as::<DB, _>(formatcp!("{RECIPIENTS} {}", <DB as Dialect>::ID_IN_1))
                .bind(ids())
        );
        let addresses: Vec<AddressRow> = fetch_in_turn!(
            self,
            turn,
            sqlx::query_as::<DB, _>(formatcp!("{ADDRESSES} {}", <DB as Dialect>::ID_IN_1))
                .bind(ids())
        );
        let people = rows.into_iter().map(RecipientRow::into_recipient);
        let mut people: People = people.map(|person| (person.id, person)).collect();
        for row in addresses {
            // A channel that this build does not know must not cost the person the others.
            if let (Some(person), Ok(channel)) =
                (people.get_mut(&row.user_id.into()), row.channel.parse())
            {
                person.addresses.push(Address {
                    channel,
                    address: row.address,
                    details: row.details,
                    suppressed: row.suppressed,
                });
            }
        }
        Ok(people)
    }

    /// Those who manage the branches of these experts, and those who follow what has these ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn onlookers(
        &self,
        turn: &mut Turn,
        experts: &[UserId],
        subjects: &[Uuid],
        administrators: bool,
    ) -> Result<Onlookers, StoreError> {
        let experts = || IdList(experts.iter().map(|id| id.uuid()).collect());
        let subjects = || IdList(subjects.to_vec());
        let managers: Vec<(Uuid, Uuid)> = fetch_in_turn!(
            self,
            turn,
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT e.id, m.id FROM users m JOIN users e ON e.branch_id = m.branch_id
                 WHERE m.role = 'manager' AND e.id {} ORDER BY m.id",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(experts())
        );
        let followers: Vec<(Uuid, Uuid)> = fetch_in_turn!(
            self,
            turn,
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT subject_id, user_id FROM followers WHERE subject_id {} ORDER BY user_id",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(subjects())
        );
        let mut found = Onlookers::default();
        if administrators {
            let ids: Vec<(Uuid,)> = fetch_in_turn!(
                self,
                turn,
                sqlx::query_as::<DB, _>(
                    "SELECT id FROM users WHERE role = 'admin' AND NOT disabled ORDER BY id"
                )
            );
            found.administrators = ids.into_iter().map(|(id,)| id.into()).collect();
        }
        for (expert, manager) in managers {
            let managers = found.managers.entry(expert.into()).or_default();
            managers.push(manager.into());
        }
        for (subject, follower) in followers {
            found
                .followers
                .entry(subject)
                .or_default()
                .push(follower.into());
        }
        Ok(found)
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

const RECIPIENTS: &str = formatcp!(
    "SELECT u.id, u.name, u.email, u.phone, u.locale, u.time_zone, u.disabled, \
       m.cause AS email_suppressed, s.cause AS phone_suppressed, {} \
     FROM users u LEFT JOIN preferences p ON p.user_id = u.id \
       LEFT JOIN suppressions m ON m.channel = 'email' AND m.address = u.email \
       LEFT JOIN suppressions s ON s.channel = 'sms' AND s.address = u.phone \
     WHERE u.id",
    preference::COLUMNS
);

const ADDRESSES: &str = "SELECT a.user_id, a.channel, a.address, a.details, s.cause AS suppressed
     FROM addresses a LEFT JOIN suppressions s ON s.channel = a.channel AND s.address = a.address
     WHERE a.ended_at IS NULL AND a.user_id";

#[derive(FromRow)]
struct AddressRow {
    user_id: Uuid,
    channel: String,
    address: String,
    details: Value,
    suppressed: Option<String>,
}

#[derive(FromRow)]
struct RecipientRow {
    id: Uuid,
    name: String,
    email: String,
    phone: Option<String>,
    locale: String,
    time_zone: String,
    disabled: bool,
    email_suppressed: Option<String>,
    phone_suppressed: Option<String>,
    #[sqlx(flatten)]
    chosen: PreferenceRow,
}

impl RecipientRow {
    fn into_recipient(self) -> Recipient {
        let own = |channel, address, suppressed| Address {
            channel,
            address,
            details: Value::Null,
            suppressed,
        };
        let mut addresses = vec![own(
            Channel::Email,
            self.email.clone(),
            self.email_suppressed,
        )];
        let phone = self.phone;
        addresses.extend(phone.map(|phone| own(Channel::Sms, phone, self.phone_suppressed)));
        Recipient {
            addresses,
            id: self.id.into(),
            name: self.name,
            email: self.email,
            locale: self.locale,
            // A zone this build does not know must not cost the person the message.
            time_zone: self.time_zone.parse().unwrap_or_default(),
            disabled: self.disabled,
            preferences: self.chosen.into_preferences(),
        }
    }
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
