//! Writing what came of a turn.

use std::collections::{BTreeMap, BTreeSet};

use belfry_domain::Instant;
use belfry_domain::id::{DeliveryId, EventId, NotificationId, UserId};
use belfry_domain::inbox::Notification;
use belfry_domain::notification::{Entry, Message};
use const_format::formatcp;
use serde_json::Value;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Finished, Outcome};
use crate::db::{Dialect, IdList};
use crate::{StoreError, Tx};

/// Marks the events and writes entries and deliveries of those that nobody else planned meanwhile.
pub(super) async fn write(
    tx: &mut Tx,
    outcomes: Vec<Outcome>,
    now: Instant,
) -> Result<Finished, StoreError> {
    let mut finished = Finished {
        planned: mark_planned(tx, &outcomes, now).await?,
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
                note_fault(tx, outcome.id, &fault).await?;
                finished.parked += 1;
            }
        }
    }
    let rows = number(tx, entries, now).await?;
    insert_notifications(tx, &rows).await?;
    insert_deliveries(tx, &messages, &rows, now).await?;
    finished.deliveries = messages.len();
    for row in rows {
        let told = finished.told.entry(row.user_id).or_default();
        told.push(row.notification);
    }
    Ok(finished)
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
