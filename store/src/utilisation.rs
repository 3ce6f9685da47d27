//! How much of the experts' open hours is booked, by branch, as the last full sweep found it (B9).

use belfry_domain::Instant;
use belfry_domain::id::{BranchId, UserId};
use chrono_tz::Tz;
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Dialect, IdList};
use crate::report::{FIRST_SEAT, TAKING};
use crate::{Store, StoreError};

/// Branches whose figures are told.
const MOST_BRANCHES: i64 = 1000;

/// What was found of a branch.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct Utilisation {
    pub branch_id: Uuid,
    pub branch_name: String,
    /// Dates of the branch's clock, from the one on which it was measured.
    pub days: i64,
    pub booked_minutes: i64,
    pub open_minutes: i64,
    pub measured_at: Instant,
}

/// What is to be noted of a branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measured {
    pub branch: BranchId,
    pub days: i64,
    pub booked_minutes: i64,
    pub open_minutes: i64,
}

impl Store {
    /// Branches and their zones, by id, after this one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch_zones(
        &self,
        after: Option<BranchId>,
        limit: i64,
    ) -> Result<Vec<(BranchId, Tz)>, StoreError> {
        let rows: Vec<(Uuid, String)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT id, time_zone FROM branches WHERE id > $1 ORDER BY id LIMIT $2",
            )
            .bind(after.map_or(Uuid::nil(), BranchId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?
        });
        rows.into_iter()
            .map(|(id, zone)| Ok((id.into(), zone.parse().map_err(StoreError::unreadable)?)))
            .collect()
    }

    /// Minutes that bookings which start from `from` until `until` take, or took, of these experts' time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn booked_minutes(
        &self,
        experts: &[UserId],
        (from, until): (Instant, Instant),
    ) -> Result<i64, StoreError> {
        let ids = experts.iter().map(|id| id.uuid()).collect();
        let (minutes,): (i64,) = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT CAST(COALESCE(SUM({minutes}), 0) AS bigint) FROM bookings b \
                 WHERE b.expert_id {} AND b.starts_at >= $2 AND b.starts_at < $3 \
                   AND b.status IN {TAKING} AND {FIRST_SEAT}",
                <DB as Dialect>::ID_IN_1,
                minutes = <DB as Dialect>::BOOKED_MINUTES
            ))
            .bind(IdList(ids))
            .bind(from)
            .bind(until)
            .fetch_one(pool)
            .await?
        });
        Ok(minutes)
    }

    /// Notes what was found of a branch, in place of what was found before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_utilisation(&self, found: &Measured, now: Instant) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
            "INSERT INTO branch_utilisation (branch_id, days, booked_minutes, open_minutes, measured_at) \
             VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (branch_id, days) DO UPDATE SET booked_minutes = excluded.booked_minutes, \
               open_minutes = excluded.open_minutes, measured_at = excluded.measured_at",
        )
        .bind(found.branch.uuid())
        .bind(found.days)
        .bind(found.booked_minutes)
        .bind(found.open_minutes)
        .bind(now)
        .execute(pool)
        .await?
        .rows_affected()
        });
        Ok(())
    }

    /// What was found of every branch, a thousand branches at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn utilisation(&self) -> Result<Vec<Utilisation>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, Utilisation>(
                "SELECT u.branch_id, b.name AS branch_name, u.days, u.booked_minutes, u.open_minutes, u.measured_at \
                 FROM branch_utilisation u JOIN branches b ON b.id = u.branch_id \
                 ORDER BY u.days, u.branch_id LIMIT $1",
            )
            .bind(2 * MOST_BRANCHES)
            .fetch_all(pool)
            .await?
        }))
    }
}
