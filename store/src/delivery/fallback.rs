//! A second way where the first has failed: of the deliveries that one rule makes for one person, those of the
//! next rank stand by until all before them have ended without reaching anybody.

use std::collections::{BTreeMap, BTreeSet};

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Content, DeliveryStatus, Moot, Returned, worth_another_way};
use belfry_domain::gate::{Class, Gate};
use const_format::formatcp;
use serde_json::Value;
use sqlx::Postgres;
use uuid::Uuid;

use super::claim::NOT_NEEDED;
use crate::db::{Dialect, IdList};
use crate::rows::Rows;
use crate::{StoreError, Tx};

/// The ways by which one person is told one thing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Group {
    pub(crate) event_id: Uuid,
    pub(crate) rule_id: String,
    pub(crate) user_id: Uuid,
}

/// How the ways before those that stand by have fared.
#[derive(Clone, Copy, Default)]
struct Ends {
    /// One reached the person, or may have.
    reached: bool,
    /// One still might.
    live: bool,
    /// One had been taken and came back.
    returned: bool,
}

/// The words of messages that had been taken and certainly reached nobody.
const LOST: &str = formatcp!(
    "'{}', '{}'",
    Returned::Bounced.as_str(),
    Returned::Undelivered.as_str()
);
/// Keeps it when a message has come back before its end was written.
pub(super) const KEEPS_RETURN: &str = formatcp!(
    "CASE WHEN v.new_status IN ('sent', 'kept', 'ambiguous') AND reason IN ({LOST}) THEN reason ELSE v.why END"
);
/// Why a way became due that had been skipped.
const CAME_BACK: &str = "came_back";

const SAME_GROUP: &str = "d.event_id = v.event AND d.rule_id = v.rule AND d.user_id = v.person";

/// Makes the next ways due where all before them have failed, and skips them where one has not. Answers the
/// channels of those that became due. The deliveries that ended must be written before.
pub(super) async fn resolve(
    tx: &mut Tx,
    groups: BTreeSet<Group>,
    now: Instant,
) -> Result<Vec<Channel>, StoreError> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    // Two ways of a group may end at the same moment in two transactions, of which neither sees the other. Both
    // want these locks, so that the later one looks when the earlier one is done.
    let standing = standing(tx, &groups).await?;
    if standing.is_empty() {
        return Ok(Vec::new());
    }
    let (mut promoted, mut recalled, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    let ends = ends(tx, &groups).await?;
    for (group, ways) in standing {
        let ends = ends.get(&group).copied().unwrap_or_default();
        let next = ways.iter().map(|(_, rank)| *rank).min();
        let ids = |which: &dyn Fn(i64) -> bool| -> Vec<Uuid> {
            let ways = ways.iter().filter(|(_, rank)| which(*rank));
            ways.map(|(id, _)| *id).collect()
        };
        if ends.reached {
            skipped.extend(ids(&|_| true));
        } else if !ends.live {
            let due = ids(&|rank| Some(rank) == next);
            if ends.returned {
                recalled.extend_from_slice(&due);
            }
            promoted.extend(due);
        }
    }
    skip(tx, skipped, now).await?;
    explain(tx, &recalled, now).await?;
    promote(tx, promoted, now).await
}

/// Lets the ways behind `rank` stand by again that were skipped because it had been taken, now that it came back,
/// and makes the next one due. What is no longer worth it is left as it is, with its reason. Answers the channels
/// of those that became due.
pub(crate) async fn reopen(
    tx: &mut Tx,
    group: Group,
    rank: i64,
    now: Instant,
) -> Result<Vec<Channel>, StoreError> {
    let skipped: Vec<(Uuid, String, Value)> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(formatcp!(
            "SELECT id, class, content FROM deliveries
             WHERE event_id = $1 AND rule_id = $2 AND user_id = $3 AND rank > $4
               AND status = 'skipped' AND reason = '{NOT_NEEDED}' ORDER BY id {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(group.event_id)
        .bind(&group.rule_id)
        .bind(group.user_id)
        .bind(rank)
        .fetch_all(&mut *c)
        .await?
    });
    if !skipped.is_empty() {
        let read = has_read(tx, &group).await?;
        let mut ends = Vec::with_capacity(skipped.len());
        for (id, class, content) in skipped {
            let content: Content = serde_json::from_value(content).unwrap_or_default();
            // A word that this build does not know must not cost its reader the message.
            let class = class.parse().unwrap_or(Class::Transactional);
            let moot = worth_another_way(class, &content, read, now).err();
            ends.push((id, moot.map(Moot::as_str)));
        }
        let status = |moot: Option<&str>| match moot {
            None => DeliveryStatus::Standby.as_str(),
            Some(_) => DeliveryStatus::Skipped.as_str(),
        };
        Rows::of_values()
            .ids("delivery_id", ends.iter().map(|(id, _)| *id))
            .texts("now_is", ends.iter().map(|(_, moot)| status(*moot)))
            .texts("why", ends.iter().map(|(_, moot)| *moot))
            .instants("at", ends.iter().map(|_| now))
            .run::<(Uuid,)>(
                "UPDATE deliveries SET status = v.now_is, reason = v.why, updated_at = v.at
                 FROM v WHERE id = v.delivery_id RETURNING id",
                tx,
            )
            .await?;
    }
    resolve(tx, BTreeSet::from([group]), now).await
}

/// Whether the person saw the same in the inbox; an entry that is gone was put away by them.
async fn has_read(tx: &mut Tx, group: &Group) -> Result<bool, StoreError> {
    let (entry, trace): (Option<Option<Instant>>, Option<Value>) = on_tx!(tx, |c| {
        let entry = sqlx::query_scalar::<DB, Option<Instant>>(
            "SELECT read_at FROM notifications WHERE event_id = $1 AND rule_id = $2 AND user_id = $3",
        )
        .bind(group.event_id)
        .bind(&group.rule_id)
        .bind(group.user_id)
        .fetch_optional(&mut *c)
        .await?;
        let trace = sqlx::query_scalar::<DB, Value>(
            "SELECT trace FROM decisions WHERE event_id = $1 AND rule_id = $2 AND user_id = $3",
        )
        .bind(group.event_id)
        .bind(&group.rule_id)
        .bind(group.user_id)
        .fetch_optional(&mut *c)
        .await?;
        (entry, trace)
    });
    Ok(match entry {
        Some(read_at) => read_at.is_some(),
        None => trace.is_some_and(|trace| trace["inbox"] == true),
    })
}

/// Writes down for whoever asks why these became due although a way before them had been taken.
async fn explain(tx: &mut Tx, ids: &[Uuid], now: Instant) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    Rows::into("delivery_gates")
        .ids("delivery_id", ids.iter().copied())
        .instants("at", ids.iter().map(|_| now))
        .texts("gate", ids.iter().map(|_| Gate::Fallback.as_str()))
        .texts("reason", ids.iter().map(|_| CAME_BACK))
        .instants("until", ids.iter().map(|_| None::<Instant>))
        .insert(tx)
        .await
}

/// Those that stand by, with their ranks.
async fn standing(
    tx: &mut Tx,
    groups: &BTreeSet<Group>,
) -> Result<BTreeMap<Group, Vec<(Uuid, i64)>>, StoreError> {
    const STANDING: &str = formatcp!(
        "SELECT d.id, d.rank, d.event_id, d.rule_id, d.user_id FROM v JOIN deliveries d ON {SAME_GROUP}
         WHERE d.status = 'standby' ORDER BY d.id"
    );
    let statement = match tx {
        Tx::Sqlite(_) => STANDING,
        Tx::Postgres(_) => formatcp!("{STANDING} {} OF d", <Postgres as Dialect>::FOR_UPDATE),
    };
    let rows: Vec<(Uuid, i64, Uuid, String, Uuid)> = of(groups).run(statement, tx).await?;
    let mut standing: BTreeMap<Group, Vec<(Uuid, i64)>> = BTreeMap::new();
    for (id, rank, event_id, rule_id, user_id) in rows {
        let group = Group {
            event_id,
            rule_id,
            user_id,
        };
        standing.entry(group).or_default().push((id, rank));
    }
    Ok(standing)
}

async fn ends(tx: &mut Tx, groups: &BTreeSet<Group>) -> Result<BTreeMap<Group, Ends>, StoreError> {
    let rows: Vec<(Uuid, String, Uuid, i64, i64, i64)> = of(groups)
        .run(
            formatcp!(
                "SELECT d.event_id, d.rule_id, d.user_id,
                   COUNT(*) FILTER (WHERE d.status IN ('sent', 'kept', 'ambiguous')
                     AND (d.reason IS NULL OR d.reason NOT IN ({LOST}))),
                   COUNT(*) FILTER (WHERE d.status IN ('pending', 'retrying')),
                   COUNT(*) FILTER (WHERE d.reason IN ({LOST}) AND d.status IN ('sent', 'kept', 'ambiguous'))
                 FROM v JOIN deliveries d ON {SAME_GROUP}
                 WHERE d.status <> 'standby' GROUP BY d.event_id, d.rule_id, d.user_id"
            ),
            tx,
        )
        .await?;
    let ends = rows
        .into_iter()
        .map(|(event_id, rule_id, user_id, reached, live, returned)| {
            let group = Group {
                event_id,
                rule_id,
                user_id,
            };
            let ends = Ends {
                reached: reached > 0,
                live: live > 0,
                returned: returned > 0,
            };
            (group, ends)
        });
    Ok(ends.collect())
}

fn of(groups: &BTreeSet<Group>) -> Rows<'_> {
    Rows::of_values()
        .ids("event", groups.iter().map(|group| group.event_id))
        .texts("rule", groups.iter().map(|group| group.rule_id.as_str()))
        .ids("person", groups.iter().map(|group| group.user_id))
}

async fn skip(tx: &mut Tx, ids: Vec<Uuid>, now: Instant) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "UPDATE deliveries SET status = 'skipped', reason = '{NOT_NEEDED}', updated_at = $2
             WHERE id {} AND status = 'standby'",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(IdList(ids))
        .bind(now)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

async fn promote(tx: &mut Tx, ids: Vec<Uuid>, now: Instant) -> Result<Vec<Channel>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = on_tx!(tx, |c| {
        sqlx::query_scalar::<DB, String>(formatcp!(
            "UPDATE deliveries SET status = 'pending', next_at = $2, updated_at = $2
             WHERE id {} AND status = 'standby' RETURNING channel",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(IdList(ids.clone()))
        .bind(now)
        .fetch_all(&mut *c)
        .await?
    });
    super::await_turn(tx, ids).await?;
    let channels: BTreeSet<Channel> = names.iter().filter_map(|name| name.parse().ok()).collect();
    Ok(channels.into_iter().collect())
}
