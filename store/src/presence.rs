//! Who of the experts is there: as they said, for as long as there are signs of life (B4).

use belfry_domain::Instant;
use belfry_domain::expert::Presence;
use belfry_domain::id::{BranchId, UserId};
use const_format::formatcp;
use uuid::Uuid;

use crate::db::{Dialect, IdList};
use crate::{Store, StoreError};

/// An expert who is something else now than before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PresenceChange {
    pub expert: UserId,
    pub branch: Option<BranchId>,
    pub presence: Presence,
    pub since: Instant,
}

type Row = (Uuid, Option<Uuid>, String, Instant);

fn change((expert, branch, presence, since): Row) -> Result<PresenceChange, StoreError> {
    Ok(PresenceChange {
        expert: expert.into(),
        branch: branch.map(BranchId::from),
        presence: presence.parse().map_err(StoreError::unreadable)?,
        since,
    })
}

/// What a change tells.
const TOLD: &str = "user_id, (SELECT u.branch_id FROM users u WHERE u.id = experts.user_id), presence, presence_since";

impl Store {
    /// Takes an expert's word, which is a sign of life, too. Said again, it is only that: `since` stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_presence(
        &self,
        id: UserId,
        presence: Presence,
        now: Instant,
    ) -> Result<Option<PresenceChange>, StoreError> {
        let row: Option<Row> = on_write!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "UPDATE experts SET presence = $2, presence_seen_at = $3, presence_lapsed = NULL, \
                   presence_since = CASE WHEN presence = $2 THEN presence_since ELSE $3 END \
                 WHERE user_id = $1 RETURNING {TOLD}"
            ))
            .bind(id.uuid())
            .bind(presence.as_str())
            .bind(now)
            .fetch_optional(pool)
            .await?
        });
        row.map(change).transpose()
    }

    /// Notes that these people were seen. Those who went offline for want of it are what they were before, and are
    /// answered; whoever is no expert, or went offline by their own word, is left alone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn presence_seen(
        &self,
        people: &[UserId],
        now: Instant,
    ) -> Result<Vec<PresenceChange>, StoreError> {
        let ids: Vec<Uuid> = people.iter().map(|id| id.uuid()).collect();
        let rows: Vec<Row> = on_write!(self, |pool| {
            sqlx::query::<DB>(formatcp!(
                "UPDATE experts SET presence_seen_at = $2 WHERE user_id {} AND presence <> 'offline' \
                   AND (presence_seen_at IS NULL OR presence_seen_at < $2)",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids.clone()))
            .bind(now)
            .execute(pool)
            .await?;
            sqlx::query_as::<DB, _>(formatcp!(
                "UPDATE experts SET presence = presence_lapsed, presence_lapsed = NULL, presence_since = $2, \
                   presence_seen_at = $2 \
                 WHERE user_id {} AND presence_lapsed IS NOT NULL RETURNING {TOLD}",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids))
            .bind(now)
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(change).collect()
    }

    /// Lets experts be offline who were not seen since `before`, at most `limit` of them, and answers them. What they
    /// said is kept for when they are back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lapse_presence(
        &self,
        before: Instant,
        now: Instant,
        limit: i64,
    ) -> Result<Vec<PresenceChange>, StoreError> {
        let rows: Vec<Row> = on_write!(self, |pool| {
            // Asked twice, so that who was seen meanwhile stays.
            sqlx::query_as::<DB, _>(formatcp!(
                "UPDATE experts SET presence_lapsed = presence, presence = 'offline', presence_since = $2 \
                 WHERE user_id IN (SELECT e.user_id FROM experts e WHERE e.presence <> 'offline' \
                     AND COALESCE(e.presence_seen_at, e.presence_since) <= $1 LIMIT $3) \
                   AND presence <> 'offline' AND COALESCE(presence_seen_at, presence_since) <= $1 RETURNING {TOLD}"
            ))
            .bind(before)
            .bind(now)
            .bind(limit)
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(change).collect()
    }
}
