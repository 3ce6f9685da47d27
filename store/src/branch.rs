//! Branches: what they say of themselves, their hours and settings, and who works there.

use std::collections::HashMap;

use belfry_domain::Instant;
use belfry_domain::branch::{Branch, BranchSettings, Opening};
use belfry_domain::expert::Presence;
use belfry_domain::id::{BranchId, UserId};
use belfry_domain::schedule::{Override, Window};
use const_format::formatcp;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::{Anywhere, Dialect, IdList};
use crate::{Store, StoreError, Tx};

const SELECT: &str = "SELECT b.id, b.name, b.address, b.phone, b.time_zone, b.active, b.weekly, b.overrides, b.settings, \
     b.version, \
     CAST(COALESCE((SELECT SUM(e.stars_sum) FROM users u JOIN experts e ON e.user_id = u.id \
       WHERE u.branch_id = b.id AND u.role = 'expert'), 0) AS BIGINT) AS stars_sum, \
     CAST(COALESCE((SELECT SUM(e.review_count) FROM users u JOIN experts e ON e.user_id = u.id \
       WHERE u.branch_id = b.id AND u.role = 'expert'), 0) AS BIGINT) AS review_count \
     FROM branches b";

#[derive(FromRow)]
struct BranchRow {
    id: Uuid,
    name: String,
    address: String,
    phone: Option<String>,
    time_zone: String,
    active: bool,
    weekly: Json<Option<Vec<Window>>>,
    overrides: Json<Vec<Override>>,
    settings: Json<BranchSettings>,
    version: i64,
    stars_sum: i64,
    review_count: i64,
}

impl TryFrom<BranchRow> for Branch {
    type Error = StoreError;

    fn try_from(row: BranchRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            name: row.name,
            address: row.address,
            phone: row.phone,
            opening: opening(&row.time_zone, row.active, row.weekly, row.overrides)?,
            settings: row.settings.0,
            stars_sum: row.stars_sum,
            review_count: row.review_count,
            version: row.version,
        })
    }
}

/// The hours of a branch as its row keeps them.
fn opening(
    time_zone: &str,
    active: bool,
    weekly: Json<Option<Vec<Window>>>,
    overrides: Json<Vec<Override>>,
) -> Result<Opening, StoreError> {
    let dates = overrides.0.into_iter();
    Ok(Opening {
        time_zone: time_zone.parse().map_err(StoreError::unreadable)?,
        active,
        weekly: weekly.0,
        overrides: dates.map(|day| (day.date, day.intervals)).collect(),
    })
}

/// The dates that differ, as the row keeps them.
fn listed(opening: &Opening) -> Vec<Override> {
    let dates = opening.overrides.iter();
    dates
        .map(|(date, intervals)| Override {
            date: *date,
            intervals: intervals.clone(),
        })
        .collect()
}

/// Which branches a list shows.
#[derive(Clone, Debug, Default)]
pub struct BranchFilter {
    /// Text in name or address.
    pub query: Option<String>,
    /// Also those that are not active.
    pub closed: bool,
}

/// An expert of a branch, as far as the branch needs to know.
#[derive(Clone, PartialEq, Debug)]
pub struct Member {
    pub id: UserId,
    pub name: String,
    /// What they can do.
    pub skills: Vec<String>,
    pub presence: Presence,
    /// When the account was made.
    pub since: Instant,
}

impl Store {
    /// The branch with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch(&self, id: BranchId) -> Result<Option<Branch>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, BranchRow>(formatcp!("{SELECT} WHERE b.id = $1"))
                .bind(id.uuid())
                .fetch_optional(pool)
                .await?
                .map(Branch::try_from)
                .transpose()
        })
    }

    /// Branches by name; `after` is the name and id of the last one seen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_branches(
        &self,
        filter: &BranchFilter,
        after: Option<(String, BranchId)>,
        limit: i64,
    ) -> Result<Vec<Branch>, StoreError> {
        let (after_name, after_id) = after.unzip();
        on_read!(self, |pool| {
            sqlx::query_as::<DB, BranchRow>(formatcp!(
                "{SELECT} WHERE ($1 IS NULL OR b.name {finds} $1 OR b.address {finds} $1) \
                   AND (b.active OR $2) AND ($3 IS NULL OR (b.name, b.id) > ($3, $4)) \
                 ORDER BY b.name, b.id LIMIT $5",
                finds = <DB as Dialect>::FINDS
            ))
            .bind(filter.query.as_deref().map(Anywhere))
            .bind(filter.closed)
            .bind(after_name)
            .bind(after_id.map(BranchId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?
            .into_iter()
            .map(Branch::try_from)
            .collect()
        })
    }

    /// The experts who work at a branch, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch_members(&self, branch: BranchId) -> Result<Vec<Member>, StoreError> {
        type Row = (Uuid, String, Json<Vec<String>>, String, Instant);
        on_read!(self, |pool| {
            let rows: Vec<Row> = sqlx::query_as::<DB, _>(
                "SELECT u.id, u.name, e.tags, e.presence, u.created_at \
                 FROM users u JOIN experts e ON e.user_id = u.id \
                 WHERE u.branch_id = $1 AND u.role = 'expert' AND u.disabled = $2 \
                 ORDER BY u.name, u.id",
            )
            .bind(branch.uuid())
            .bind(false)
            .fetch_all(pool)
            .await?;
            let member = |(id, name, tags, presence, since): Row| {
                Ok(Member {
                    id: id.into(),
                    name,
                    skills: tags.0,
                    presence: presence.parse().map_err(StoreError::unreadable)?,
                    since,
                })
            };
            rows.into_iter().map(member).collect()
        })
    }

    /// When the branches of these experts are open; those without a branch are not in it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn openings(
        &self,
        experts: &[UserId],
    ) -> Result<HashMap<UserId, Opening>, StoreError> {
        type Row = (
            Uuid,
            String,
            bool,
            Json<Option<Vec<Window>>>,
            Json<Vec<Override>>,
        );
        let ids = experts.iter().map(|id| id.uuid()).collect();
        on_read!(self, |pool| {
            let rows: Vec<Row> = sqlx::query_as::<DB, _>(formatcp!(
                "SELECT u.id, b.time_zone, b.active, b.weekly, b.overrides \
                 FROM users u JOIN branches b ON b.id = u.branch_id WHERE u.id {}",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids))
            .fetch_all(pool)
            .await?;
            let read = |(id, zone, active, weekly, overrides): Row| {
                Ok((id.into(), opening(&zone, active, weekly, overrides)?))
            };
            rows.into_iter().map(read).collect()
        })
    }
}

/// Adds a branch.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, branch: &Branch, now: Instant) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO branches (id, name, address, phone, time_zone, active, weekly, overrides, settings, version, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(branch.id.uuid())
        .bind(&branch.name)
        .bind(&branch.address)
        .bind(&branch.phone)
        .bind(branch.opening.time_zone.name())
        .bind(branch.opening.active)
        .bind(Json(&branch.opening.weekly))
        .bind(Json(listed(&branch.opening)))
        .bind(Json(&branch.settings))
        .bind(branch.version)
        .bind(now)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Writes a branch as it is now, one version on; `false` when the one it was made of is no longer the present one.
///
/// # Errors
/// When the database fails.
pub async fn update(tx: &mut Tx, branch: &Branch) -> Result<bool, StoreError> {
    Ok(on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE branches SET name = $2, address = $3, phone = $4, time_zone = $5, active = $6, weekly = $7, \
             overrides = $8, settings = $9, version = version + 1 WHERE id = $1 AND version = $10",
        )
        .bind(branch.id.uuid())
        .bind(&branch.name)
        .bind(&branch.address)
        .bind(&branch.phone)
        .bind(branch.opening.time_zone.name())
        .bind(branch.opening.active)
        .bind(Json(&branch.opening.weekly))
        .bind(Json(listed(&branch.opening)))
        .bind(Json(&branch.settings))
        .bind(branch.version)
        .execute(&mut *c)
        .await?
        .rows_affected()
            == 1
    }))
}
