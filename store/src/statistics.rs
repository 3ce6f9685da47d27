//! How a branch fares: its bookings, its experts, what clients say, whom it gave bookings to (B8). What happened counts
//! for the branch to which its expert belongs now.
//!
//! Each list is one statement. Bookings are found by the experts of the branch and their starts, reviews by the experts
//! and when they were written: all are stretches of an index, so the cost follows what is told and not how much there
//! ever was. Days are the caller's business: the statements count by minute, because no engine knows the zones that the
//! house knows.

use belfry_domain::Instant;
use belfry_domain::assignment::Ranked;
use belfry_domain::id::{BranchId, UserId, uuid_floor};
use chrono::NaiveDateTime;
use const_format::formatcp;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::Dialect;
use crate::report::{FIRST_SEAT, TAKING};
use crate::{Store, StoreError};

/// So many bookings that start in a minute and have a status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Starting {
    pub at: Instant,
    pub status: String,
    pub count: i64,
}

/// The bookings of an expert.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct ExpertFigures {
    pub expert_id: Uuid,
    pub expert_name: String,
    pub pending: i64,
    pub confirmed: i64,
    pub in_progress: i64,
    pub rejected: i64,
    pub cancelled: i64,
    pub completed: i64,
    pub missed: i64,
    /// Of those that took the expert's time, or will.
    pub booked_minutes: i64,
    /// Of the cancelled ones, by whom: the client, and the house itself; all others by those who work here.
    pub cancelled_by_client: i64,
    pub cancelled_by_system: i64,
    /// From being made to starting, all together.
    pub lead_minutes: i64,
}

/// A review with words.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct Said {
    pub booking_id: Uuid,
    pub expert_id: Uuid,
    pub expert_name: String,
    pub client_name: String,
    pub stars: i64,
    pub text: String,
    pub created_at: Instant,
}

/// A booking that the branch gave to one of its experts.
#[derive(Clone, PartialEq, Debug)]
pub struct Given {
    pub expert: UserId,
    pub strategy: String,
    pub skill: Option<String>,
    /// How many others were asked before.
    pub attempt: i64,
    pub candidates: Vec<Ranked>,
}

/// The minute of an instant as text, the same on both engines.
macro_rules! minute {
    ($column:literal) => {
        concat!(
            "replace(substr(CAST(",
            $column,
            " AS text), 1, 16), 'T', ' ')"
        )
    };
}

/// What [`minute!`] wrote.
fn minute(text: &str) -> Result<Instant, StoreError> {
    let shown = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M");
    Ok(shown.map_err(StoreError::unreadable)?.and_utc())
}

impl Store {
    /// A branch's bookings that start from `from` until `until`, by start and status.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch_starts(
        &self,
        branch: BranchId,
        (from, until): (Instant, Instant),
    ) -> Result<Vec<Starting>, StoreError> {
        let rows: Vec<(String, String, i64)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(concat!(
                "SELECT ",
                minute!("b.starts_at"),
                ", b.status, COUNT(*) FROM users e JOIN bookings b ON b.expert_id = e.id \
                 WHERE e.branch_id = $1 AND b.starts_at >= $2 AND b.starts_at < $3 \
                 GROUP BY ",
                minute!("b.starts_at"),
                ", b.status"
            ))
            .bind(branch.uuid())
            .bind(from)
            .bind(until)
            .fetch_all(pool)
            .await?
        });
        let starting = |(at, status, count): (String, String, i64)| {
            Ok(Starting {
                at: minute(&at)?,
                status,
                count,
            })
        };
        rows.into_iter().map(starting).collect()
    }

    /// How many bookings a branch's experts were given from `from` until `until`, by the minute in which they were made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch_made(
        &self,
        branch: BranchId,
        (from, until): (Instant, Instant),
    ) -> Result<Vec<(Instant, i64)>, StoreError> {
        let rows: Vec<(String, i64)> = on_read!(self, |pool| {
            // Nothing starts before it is made, so there is no need to look at what started before; and an id begins
            // with the time at which it was made.
            sqlx::query_as::<DB, _>(concat!(
                "SELECT ",
                minute!("b.created_at"),
                ", COUNT(*) FROM users e JOIN bookings b ON b.expert_id = e.id \
                 WHERE e.branch_id = $1 AND b.starts_at >= $4 AND b.id >= $2 AND b.id < $3 \
                 GROUP BY ",
                minute!("b.created_at")
            ))
            .bind(branch.uuid())
            .bind(uuid_floor(from))
            .bind(uuid_floor(until))
            .bind(from)
            .fetch_all(pool)
            .await?
        });
        rows.into_iter()
            .map(|(at, count)| Ok((minute(&at)?, count)))
            .collect()
    }

    /// The same bookings as [`Store::branch_starts`] by expert, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch_experts(
        &self,
        branch: BranchId,
        (from, until): (Instant, Instant),
    ) -> Result<Vec<ExpertFigures>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, ExpertFigures>(formatcp!(
                "SELECT b.expert_id, e.name AS expert_name, \
                   COUNT(*) FILTER (WHERE b.status = 'pending') AS pending, \
                   COUNT(*) FILTER (WHERE b.status = 'confirmed') AS confirmed, \
                   COUNT(*) FILTER (WHERE b.status = 'in_progress') AS in_progress, \
                   COUNT(*) FILTER (WHERE b.status = 'rejected') AS rejected, \
                   COUNT(*) FILTER (WHERE b.status = 'cancelled') AS cancelled, \
                   COUNT(*) FILTER (WHERE b.status = 'completed') AS completed, \
                   COUNT(*) FILTER (WHERE b.status = 'missed') AS missed, \
                   CAST(SUM(CASE WHEN b.status IN {TAKING} AND {FIRST_SEAT} THEN {minutes} ELSE 0 END) AS bigint) \
                     AS booked_minutes, \
                   COUNT(*) FILTER (WHERE h.actor_id = b.client_id OR h.actor_role = 'user') AS cancelled_by_client, \
                   COUNT(*) FILTER (WHERE h.actor_role = 'system') AS cancelled_by_system, \
                   CAST(SUM({lead}) AS bigint) AS lead_minutes \
                 FROM users e JOIN bookings b ON b.expert_id = e.id \
                   LEFT JOIN booking_history h ON b.status = 'cancelled' AND h.booking_id = b.id \
                     AND h.to_status = 'cancelled' AND h.from_status <> 'cancelled' \
                 WHERE e.branch_id = $1 AND b.starts_at >= $2 AND b.starts_at < $3 \
                 GROUP BY b.expert_id, e.name ORDER BY e.name, b.expert_id",
                minutes = <DB as Dialect>::BOOKED_MINUTES,
                lead = <DB as Dialect>::LEAD_MINUTES
            ))
            .bind(branch.uuid())
            .bind(from)
            .bind(until)
            .fetch_all(pool)
            .await?
        }))
    }

    /// How many reviews of a branch's experts, written from `from` until `until`, have how many stars.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch_stars(
        &self,
        branch: BranchId,
        (from, until): (Instant, Instant),
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT CAST(r.stars AS bigint), COUNT(*) FROM users e JOIN reviews r ON r.expert_id = e.id \
                 WHERE e.branch_id = $1 AND r.created_at >= $2 AND r.created_at < $3 GROUP BY r.stars",
            )
            .bind(branch.uuid())
            .bind(from)
            .bind(until)
            .fetch_all(pool)
            .await?
        }))
    }

    /// The newest of these reviews that have words.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch_words(
        &self,
        branch: BranchId,
        (from, until): (Instant, Instant),
        limit: i64,
    ) -> Result<Vec<Said>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, Said>(
                "SELECT r.booking_id, r.expert_id, e.name AS expert_name, c.name AS client_name, \
                   CAST(r.stars AS bigint) AS stars, r.text, r.created_at \
                 FROM users e JOIN reviews r ON r.expert_id = e.id JOIN users c ON c.id = r.client_id \
                 WHERE e.branch_id = $1 AND r.created_at >= $2 AND r.created_at < $3 AND r.text IS NOT NULL \
                 ORDER BY r.created_at DESC, r.booking_id DESC LIMIT $4",
            )
            .bind(branch.uuid())
            .bind(from)
            .bind(until)
            .bind(limit)
            .fetch_all(pool)
            .await?
        }))
    }

    /// What a branch gave to its experts that starts from `from` until `until`, the latest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch_given(
        &self,
        branch: BranchId,
        (from, until): (Instant, Instant),
        limit: i64,
    ) -> Result<Vec<Given>, StoreError> {
        type Row = (Uuid, String, Option<String>, i64, Json<Vec<Ranked>>);
        let rows: Vec<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT a.expert_id, a.strategy, a.skill, a.attempt, a.candidates \
                 FROM users e JOIN bookings b ON b.expert_id = e.id JOIN assignments a ON a.booking_id = b.id \
                 WHERE e.branch_id = $1 AND a.branch_id = $1 AND b.starts_at >= $2 AND b.starts_at < $3 \
                 ORDER BY b.starts_at DESC, b.id DESC LIMIT $4",
            )
            .bind(branch.uuid())
            .bind(from)
            .bind(until)
            .bind(limit)
            .fetch_all(pool)
            .await?
        });
        let given = |(expert, strategy, skill, attempt, candidates): Row| Given {
            expert: expert.into(),
            strategy,
            skill,
            attempt,
            candidates: candidates.0,
        };
        Ok(rows.into_iter().map(given).collect())
    }
}
