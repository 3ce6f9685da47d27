//! Messages gathered for one person and one way: at most one window is open, and it is closed together with the
//! event that lets its messages leave.

use std::collections::BTreeMap;

use belfry_domain::Instant;
use belfry_domain::event::{DigestFacts, DigestItem, Event};
use belfry_domain::id::{EventId, UserId, uuid_at};
use belfry_domain::notification::Gathered;
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Dialect, IdList};
use crate::rows::Rows;
use crate::{Store, StoreError, Tx, crash, event};

#[derive(FromRow)]
struct ItemRow {
    window_id: Uuid,
    kind: String,
    title: String,
    body: String,
    url: Option<String>,
    at: Instant,
}

impl Store {
    /// Closes at most `limit` windows whose time has come. Each closes in the transaction that appends the event
    /// of its messages, so closing twice changes nothing. Answers how many were closed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_digests(&self, limit: i64, now: Instant) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let due: Vec<(Uuid, Uuid, String)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, (Uuid, Uuid, String)>(formatcp!(
                "SELECT id, user_id, way FROM digest_windows
                 WHERE closed_at IS NULL AND closes_at <= $1 ORDER BY closes_at, id LIMIT $2 {}",
                <DB as Dialect>::SKIP_LOCKED
            ))
            .bind(now)
            .bind(limit)
            .fetch_all(&mut *c)
            .await?
        });
        if due.is_empty() {
            return Ok(0);
        }
        let ids = || IdList(due.iter().map(|(id, ..)| *id).collect());
        let items: Vec<ItemRow> = on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(formatcp!(
                "UPDATE digest_windows SET closed_at = $2 WHERE id {}",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(ids())
            .bind(now)
            .execute(&mut *c)
            .await?;
            sqlx::query_as::<DB, ItemRow>(formatcp!(
                "SELECT window_id, kind, title, body, url, at FROM digest_items
                 WHERE window_id {} ORDER BY at, event_id, rule_id",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(ids())
            .fetch_all(&mut *c)
            .await?
        });
        let mut gathered: BTreeMap<Uuid, Vec<DigestItem>> = BTreeMap::new();
        for row in items {
            let items = gathered.entry(row.window_id).or_default();
            items.push(DigestItem {
                kind: row.kind,
                title: row.title,
                body: row.body,
                url: row.url,
                at: row.at,
            });
        }
        let mut events = Vec::with_capacity(due.len());
        for (window_id, user_id, way) in &due {
            let facts = DigestFacts {
                window_id: *window_id,
                user_id: (*user_id).into(),
                way: way.parse().map_err(StoreError::unreadable)?,
                items: gathered.remove(window_id).unwrap_or_default(),
            };
            // What was gathered went with the events it came from; there is nothing left to say.
            if !facts.items.is_empty() {
                events.push(Event::of_digest(&facts, now));
            }
        }
        event::append(&mut tx, &events).await?;
        crash::point("digest.closing");
        tx.commit().await?;
        Ok(due.len() as u64)
    }

    /// When the next window closes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_digest(&self) -> Result<Option<Instant>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_scalar::<DB, Instant>(
                "SELECT closes_at FROM digest_windows WHERE closed_at IS NULL ORDER BY closes_at LIMIT 1",
            )
            .fetch_optional(pool)
            .await?
        }))
    }
}

/// Puts messages into the open windows of their readers, opening those that are missing. The window stays locked
/// until the commit, so that it cannot close without them.
pub(crate) async fn gather(
    tx: &mut Tx,
    gathered: &[(EventId, Gathered)],
    now: Instant,
) -> Result<(), StoreError> {
    // In the order of their keys, so that two nodes never wait for each other.
    let mut windows: BTreeMap<(UserId, &str), Instant> = BTreeMap::new();
    for (_, gathered) in gathered {
        windows.insert(
            (gathered.user_id, gathered.way.as_str()),
            gathered.closes_at,
        );
    }
    let open: Vec<(Uuid, String, Uuid)> = Rows::into("digest_windows")
        .ids("id", windows.keys().map(|_| uuid_at(now)))
        .ids("user_id", windows.keys().map(|(user, _)| user.uuid()))
        .texts("way", windows.keys().map(|(_, way)| *way))
        .instants("opened_at", windows.keys().map(|_| now))
        .instants("closes_at", windows.values().copied())
        .on_conflict(
            "ON CONFLICT (user_id, way) WHERE closed_at IS NULL
               DO UPDATE SET closes_at = digest_windows.closes_at",
        )
        .insert_returning("user_id, way, id", tx)
        .await?;
    let open: BTreeMap<(Uuid, String), Uuid> = open
        .into_iter()
        .map(|(user, way, id)| ((user, way), id))
        .collect();
    let mut places = Vec::with_capacity(gathered.len());
    for (_, gathered) in gathered {
        let key = (gathered.user_id.uuid(), gathered.way.as_str().to_owned());
        let window = open.get(&key);
        places.push(*window.ok_or_else(|| StoreError::unreadable("a window was not returned"))?);
    }
    let items = || gathered.iter().map(|(_, gathered)| &gathered.item);
    Rows::into("digest_items")
        .ids("window_id", places.iter().copied())
        .ids("event_id", gathered.iter().map(|(event, _)| event.uuid()))
        .texts(
            "rule_id",
            gathered.iter().map(|(_, gathered)| &*gathered.rule_id),
        )
        .texts("kind", items().map(|item| &*item.kind))
        .texts("title", items().map(|item| &*item.title))
        .texts("body", items().map(|item| &*item.body))
        .texts("url", items().map(|item| item.url.as_deref()))
        .instants("at", items().map(|item| item.at))
        .on_conflict("ON CONFLICT DO NOTHING")
        .insert(tx)
        .await
}
