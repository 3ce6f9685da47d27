//! Branches.

use belfry_domain::Instant;
use belfry_domain::id::BranchId;
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// A branch that experts and managers belong to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Branch {
    pub id: BranchId,
    pub name: String,
    /// IANA name.
    pub time_zone: String,
}

type Row = (Uuid, String, String);

impl From<Row> for Branch {
    fn from((id, name, time_zone): Row) -> Self {
        Self {
            id: id.into(),
            name,
            time_zone,
        }
    }
}

impl Store {
    /// The branch with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch(&self, id: BranchId) -> Result<Option<Branch>, StoreError> {
        on_read!(self, |pool| {
            let row: Option<Row> =
                sqlx::query_as::<DB, _>("SELECT id, name, time_zone FROM branches WHERE id = $1")
                    .bind(id.uuid())
                    .fetch_optional(pool)
                    .await?;
            Ok(row.map(Branch::from))
        })
    }

    /// Branches by name; `after` is the name and id of the last one seen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_branches(
        &self,
        after: Option<(String, BranchId)>,
        limit: i64,
    ) -> Result<Vec<Branch>, StoreError> {
        let (after_name, after_id) = after.unzip();
        on_read!(self, |pool| {
            let rows: Vec<Row> = sqlx::query_as::<DB, _>(
                "SELECT id, name, time_zone FROM branches \
                 WHERE ($1 IS NULL OR (name, id) > ($1, $2)) ORDER BY name, id LIMIT $3",
            )
            .bind(after_name)
            .bind(after_id.map(BranchId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?;
            Ok(rows.into_iter().map(Branch::from).collect())
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
            "INSERT INTO branches (id, name, time_zone, created_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(branch.id.uuid())
        .bind(&branch.name)
        .bind(&branch.time_zone)
        .bind(now)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}
