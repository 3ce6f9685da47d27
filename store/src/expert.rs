//! Experts: public profiles and presence.

use belfry_domain::Instant;
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::expert::Expert;
use belfry_domain::id::{BranchId, UserId};
use chrono_tz::Tz;
use const_format::formatcp;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::{Anywhere, Dialect};
use crate::{Store, StoreError, Tx};

const SELECT: &str = "SELECT u.id, u.name, u.branch_id, e.headline, u.description, u.avatar_tag, e.tags, \
     e.time_zone, e.stars_sum, e.review_count, e.presence, e.presence_since, e.booking_rules, e.version \
     FROM experts e JOIN users u ON u.id = e.user_id";

#[derive(FromRow)]
struct ExpertRow {
    id: Uuid,
    name: String,
    branch_id: Option<Uuid>,
    headline: String,
    description: String,
    avatar_tag: Option<String>,
    tags: Json<Vec<String>>,
    time_zone: String,
    stars_sum: i64,
    review_count: i64,
    presence: String,
    presence_since: Instant,
    booking_rules: Json<BookingRules>,
    version: i64,
}

impl TryFrom<ExpertRow> for Expert {
    type Error = StoreError;

    fn try_from(row: ExpertRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            name: row.name,
            branch_id: row.branch_id.map(BranchId::from),
            headline: row.headline,
            description: row.description,
            avatar_tag: row.avatar_tag,
            tags: row.tags.0,
            time_zone: row.time_zone.parse().map_err(StoreError::unreadable)?,
            stars_sum: row.stars_sum,
            review_count: row.review_count,
            presence: row.presence.parse().map_err(StoreError::unreadable)?,
            presence_since: row.presence_since,
            booking_rules: row.booking_rules.0,
            version: row.version,
        })
    }
}

/// Which experts a list shows.
#[derive(Clone, Debug, Default)]
pub struct ExpertFilter {
    /// Text in name, headline or tags.
    pub query: Option<String>,
    pub tag: Option<String>,
    pub branch_id: Option<BranchId>,
}

impl Store {
    /// The expert with this id, if the account still is one and is not disabled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expert(&self, id: UserId) -> Result<Option<Expert>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, ExpertRow>(formatcp!(
                "{SELECT} WHERE e.user_id = $1 AND u.role = 'expert' AND u.disabled = $2"
            ))
            .bind(id.uuid())
            .bind(false)
            .fetch_optional(pool)
            .await?
            .map(Expert::try_from)
            .transpose()
        })
    }

    /// Experts by name; `after` is the name and id of the last one seen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_experts(
        &self,
        filter: &ExpertFilter,
        after: Option<(String, UserId)>,
        limit: i64,
    ) -> Result<Vec<Expert>, StoreError> {
        let (after_name, after_id) = after.unzip();
        // As it stands in the list, so that no part of a longer tag is found.
        let tag = filter
            .tag
            .as_ref()
            .map(|tag| serde_json::json!(tag).to_string());
        on_read!(self, |pool| {
            sqlx::query_as::<DB, ExpertRow>(formatcp!(
                "{SELECT} WHERE u.role = 'expert' AND u.disabled = $1 \
                   AND ($2 IS NULL OR u.name {finds} $2 OR e.headline {finds} $2 \
                        OR CAST(e.tags AS TEXT) {finds} $2) \
                   AND ($3 IS NULL OR CAST(e.tags AS TEXT) {finds} $3) \
                   AND ($4 IS NULL OR u.branch_id = $4) \
                   AND ($5 IS NULL OR (u.name, u.id) > ($5, $6)) \
                 ORDER BY u.name, u.id LIMIT $7",
                finds = <DB as Dialect>::FINDS
            ))
            .bind(false)
            .bind(filter.query.as_deref().map(Anywhere))
            .bind(tag.as_deref().map(Anywhere))
            .bind(filter.branch_id.map(BranchId::uuid))
            .bind(after_name)
            .bind(after_id.map(UserId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?
            .into_iter()
            .map(Expert::try_from)
            .collect()
        })
    }

    /// Changes the public profile; members left out stay. `false` when `expected` is stale.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_expert(
        &self,
        id: UserId,
        headline: Option<&str>,
        description: Option<&str>,
        tags: Option<&[String]>,
        expected: Option<i64>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let changed = on_tx!(&mut tx, |c| {
            let done = sqlx::query::<DB>(
                "UPDATE experts SET headline = COALESCE($2, headline), tags = COALESCE($3, tags), \
                     version = version + 1 \
                 WHERE user_id = $1 AND ($4 IS NULL OR version = $4)",
            )
            .bind(id.uuid())
            .bind(headline)
            .bind(tags.map(Json))
            .bind(expected)
            .execute(&mut *c)
            .await?;
            if done.rows_affected() == 1 && description.is_some() {
                sqlx::query::<DB>(
                    "UPDATE users SET description = $2, version = version + 1 WHERE id = $1",
                )
                .bind(id.uuid())
                .bind(description)
                .execute(&mut *c)
                .await?;
            }
            done.rows_affected() == 1
        });
        tx.commit().await?;
        Ok(changed)
    }
}

/// Makes a person an expert with an empty week; a person who was one keeps the old one.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &mut Tx,
    id: UserId,
    time_zone: Tz,
    rules: &BookingRules,
    now: Instant,
) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO experts (user_id, headline, tags, time_zone, weekly, booking_rules, presence, \
             presence_since, stars_sum, review_count, version) \
             VALUES ($1, '', $2, $3, $2, $4, 'offline', $5, 0, 0, 1) ON CONFLICT (user_id) DO NOTHING",
        )
        .bind(id.uuid())
        .bind(Json(Vec::<String>::new()))
        .bind(time_zone.name())
        .bind(Json(rules))
        .bind(now)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}
