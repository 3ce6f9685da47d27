//! A second way where the first has failed: of the deliveries that one rule makes for one person, those of the
//! next rank stand by until all before them have ended without reaching anybody.

use std::collections::{BTreeMap, BTreeSet};

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use const_format::formatcp;
use sqlx::Postgres;
use uuid::Uuid;

use super::claim::NOT_NEEDED;
use crate::db::{Dialect, IdList};
use crate::rows::Rows;
use crate::{StoreError, Tx};

/// The ways by which one person is told one thing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Group {
    pub(super) event_id: Uuid,
    pub(super) rule_id: String,
    pub(super) user_id: Uuid,
}

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
    let (mut promoted, mut skipped) = (Vec::new(), Vec::new());
    let ends = ends(tx, &groups).await?;
    for (group, ways) in standing {
        let (reached, live) = ends.get(&group).copied().unwrap_or_default();
        let next = ways.iter().map(|(_, rank)| *rank).min();
        let ids = |which: &dyn Fn(i64) -> bool| -> Vec<Uuid> {
            let ways = ways.iter().filter(|(_, rank)| which(*rank));
            ways.map(|(id, _)| *id).collect()
        };
        if reached {
            skipped.extend(ids(&|_| true));
        } else if !live {
            promoted.extend(ids(&|rank| Some(rank) == next));
        }
    }
    skip(tx, skipped, now).await?;
    promote(tx, promoted, now).await
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

/// Whether one of the ways before reached the person, or may have; and whether one still might.
async fn ends(
    tx: &mut Tx,
    groups: &BTreeSet<Group>,
) -> Result<BTreeMap<Group, (bool, bool)>, StoreError> {
    let rows: Vec<(Uuid, String, Uuid, i64, i64)> = of(groups)
        .run(
            formatcp!(
                "SELECT d.event_id, d.rule_id, d.user_id,
                   COUNT(*) FILTER (WHERE d.status IN ('sent', 'kept', 'ambiguous')),
                   COUNT(*) FILTER (WHERE d.status IN ('pending', 'sending', 'retrying'))
                 FROM v JOIN deliveries d ON {SAME_GROUP}
                 WHERE d.status <> 'standby' GROUP BY d.event_id, d.rule_id, d.user_id"
            ),
            tx,
        )
        .await?;
    let ends = rows
        .into_iter()
        .map(|(event_id, rule_id, user_id, reached, live)| {
            let group = Group {
                event_id,
                rule_id,
                user_id,
            };
            (group, (reached > 0, live > 0))
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
        .bind(IdList(ids))
        .bind(now)
        .fetch_all(&mut *c)
        .await?
    });
    let channels: BTreeSet<Channel> = names.iter().filter_map(|name| name.parse().ok()).collect();
    Ok(channels.into_iter().collect())
}
