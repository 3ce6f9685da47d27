//! Writing what came of a turn.

use std::collections::{BTreeMap, BTreeSet};

use belfry_domain::Instant;
use belfry_domain::delivery::DeliveryStatus;
use belfry_domain::id::{DeliveryId, EventId, NotificationId, UserId};
use belfry_domain::inbox::Notification;
use belfry_domain::notification::{Decision, Entry, Message};
use const_format::formatcp;
use serde_json::Value;
use uuid::Uuid;

use super::{Finished, Outcome};
use crate::db::{Dialect, IdList};
use crate::rows::Rows;
use crate::{StoreError, Tx, digest};

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
    let (mut gathered, mut decisions) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        if !finished.planned.contains(&outcome.id) {
            continue;
        }
        match outcome.plan {
            Ok(plan) => {
                entries.extend(plan.entries.into_iter().map(|e| (outcome.id, e)));
                messages.extend(plan.messages.into_iter().map(|m| (outcome.id, m)));
                gathered.extend(plan.gathered.into_iter().map(|g| (outcome.id, g)));
                decisions.extend(plan.decisions.into_iter().map(|d| (outcome.id, d)));
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
    if !gathered.is_empty() {
        digest::gather(tx, &gathered, now).await?;
    }
    insert_decisions(tx, &decisions, now).await?;
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
    rule_id: String,
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
    let last: Vec<(Uuid, i64)> = Rows::into("inbox_counters")
        .ids("user_id", counts.keys().map(|user| user.uuid()))
        .numbers("last_offset", counts.values().copied())
        .on_conflict(
            "ON CONFLICT (user_id) DO UPDATE
               SET last_offset = inbox_counters.last_offset + excluded.last_offset",
        )
        .insert_returning("user_id, last_offset", tx)
        .await?;
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
            kind: entry.kind,
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
    let entries = || rows.iter().map(|row| &row.notification);
    Rows::into("notifications")
        .ids("id", entries().map(|entry| entry.id.uuid()))
        .ids("user_id", rows.iter().map(|row| row.user_id.uuid()))
        .numbers("\"offset\"", entries().map(|entry| entry.offset))
        .ids("event_id", rows.iter().map(|row| row.event_id.uuid()))
        .texts("rule_id", rows.iter().map(|row| &*row.rule_id))
        .texts("category", entries().map(|entry| &*entry.category))
        .texts("kind", entries().map(|entry| &*entry.kind))
        .texts("title", entries().map(|entry| &*entry.title))
        .texts("body", entries().map(|entry| &*entry.body))
        .documents("data", entries().map(|entry| &entry.data))
        .instants("created_at", entries().map(|entry| entry.created_at))
        .insert(tx)
        .await
}

async fn insert_deliveries(
    tx: &mut Tx,
    messages: &[(EventId, Message)],
    rows: &[Numbered],
    now: Instant,
) -> Result<(), StoreError> {
    let notified: BTreeMap<(EventId, &str, UserId), NotificationId> = rows
        .iter()
        .map(|row| {
            (
                (row.event_id, &*row.rule_id, row.user_id),
                row.notification.id,
            )
        })
        .collect();
    let contents: Vec<Value> = messages
        .iter()
        .map(|(_, message)| serde_json::to_value(&message.content))
        .collect::<Result<_, _>>()
        .map_err(StoreError::unreadable)?;
    let told = || messages.iter().map(|(_, message)| message);
    let entries = messages.iter().map(|(event_id, message)| {
        let key = (*event_id, &*message.rule_id, message.user_id?);
        notified.get(&key).map(|id| id.uuid())
    });
    let ids: Vec<Uuid> = told().map(|_| DeliveryId::at(now).uuid()).collect();
    Rows::into("deliveries")
        .ids("id", ids.iter().copied())
        .ids("event_id", messages.iter().map(|(id, _)| id.uuid()))
        .texts("rule_id", told().map(|message| &*message.rule_id))
        .ids(
            "user_id",
            told().map(|message| message.user_id.map(UserId::uuid)),
        )
        .ids("notification_id", entries)
        .texts("channel", told().map(|message| message.channel.as_str()))
        .texts("address", told().map(|message| &*message.address))
        .texts("kind", told().map(|message| &*message.kind))
        .texts("subject", told().map(|message| &*message.subject))
        .documents("content", contents.iter())
        .texts("status", told().map(|message| message.status.as_str()))
        .texts("category", told().map(|message| message.category.as_str()))
        .texts("class", told().map(|message| message.class.as_str()))
        .flags("critical", told().map(|message| message.critical))
        .numbers("rank", told().map(|message| message.rank))
        .numbers("attempt", told().map(|_| 0))
        .instants("next_at", told().map(|message| message.send_at))
        .instants("created_at", told().map(|_| now))
        .instants("updated_at", told().map(|_| now))
        .insert(tx)
        .await?;
    let waiting = || {
        let waiting = ids.iter().zip(told());
        waiting.filter(|(_, message)| message.status != DeliveryStatus::Standby)
    };
    Rows::into("outstanding")
        .ids("delivery_id", waiting().map(|(id, _)| *id))
        .texts(
            "channel",
            waiting().map(|(_, message)| message.channel.as_str()),
        )
        .texts(
            "class",
            waiting().map(|(_, message)| message.class.as_str()),
        )
        .texts(
            "status",
            waiting().map(|(_, message)| message.status.as_str()),
        )
        .instants("next_at", waiting().map(|(_, message)| message.send_at))
        .insert(tx)
        .await
}

async fn insert_decisions(
    tx: &mut Tx,
    decisions: &[(EventId, Decision)],
    now: Instant,
) -> Result<(), StoreError> {
    let traces: Vec<Value> = decisions
        .iter()
        .map(|(_, decision)| serde_json::to_value(&decision.trace))
        .collect::<Result<_, _>>()
        .map_err(StoreError::unreadable)?;
    let made = || decisions.iter().map(|(_, decision)| decision);
    Rows::into("decisions")
        .ids("event_id", decisions.iter().map(|(id, _)| id.uuid()))
        .ids("user_id", made().map(|decision| decision.user_id.uuid()))
        .texts("rule_id", made().map(|decision| &*decision.rule_id))
        .numbers("rule_version", made().map(|decision| decision.rule_version))
        .documents("trace", traces.iter())
        .instants("at", made().map(|_| now))
        .insert(tx)
        .await
}
