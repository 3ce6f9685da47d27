//! Whom bookings were given to by a branch, and why; and how much everybody has to do.

use std::collections::HashMap;

use belfry_domain::Instant;
use belfry_domain::assignment::Ranked;
use belfry_domain::booking::Booking;
use belfry_domain::branch::Strategy;
use belfry_domain::id::{BookingId, BranchId, UserId};
use const_format::formatcp;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::{Dialect, IdList};
use crate::{Store, StoreError, Tx};

/// A decision, to be written with the booking that it is about.
#[derive(Clone, PartialEq, Debug)]
pub struct NewAssignment {
    pub branch_id: BranchId,
    pub strategy: Strategy,
    /// What was asked for.
    pub skill: Option<String>,
    /// Who was asked before, in order, and had just been taken.
    pub passed_on: Vec<UserId>,
    /// Everybody who could have had it, the first to be asked in front.
    pub candidates: Vec<Ranked>,
}

/// A decision as it is read.
#[derive(Clone, PartialEq, Debug)]
pub struct Assignment {
    pub branch_id: BranchId,
    pub branch_name: String,
    pub expert_id: UserId,
    pub strategy: String,
    pub skill: Option<String>,
    /// How many others were asked before.
    pub attempt: i64,
    /// Who that was, in order; empty where it was not kept yet.
    pub passed_on: Vec<UserId>,
    pub candidates: Vec<Ranked>,
    /// What all of these are called by now.
    pub names: HashMap<UserId, String>,
    pub decided_at: Instant,
}

#[derive(FromRow)]
struct Row {
    branch_id: Uuid,
    branch_name: String,
    expert_id: Uuid,
    strategy: String,
    skill: Option<String>,
    attempt: i64,
    passed_on: Json<Vec<UserId>>,
    candidates: Json<Vec<Ranked>>,
    decided_at: Instant,
}

/// A booking as a share counts it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Worked {
    pub expert: UserId,
    pub starts_at: Instant,
    pub ends_at: Instant,
    pub made_at: Instant,
}

impl Store {
    /// Why a booking was given to its expert; `None` when the client chose.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn assignment(&self, booking: BookingId) -> Result<Option<Assignment>, StoreError> {
        let found = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(
                "SELECT a.branch_id, b.name AS branch_name, a.expert_id, a.strategy, a.skill, a.attempt, \
                   a.passed_on, a.candidates, a.decided_at \
                 FROM assignments a JOIN branches b ON b.id = a.branch_id WHERE a.booking_id = $1",
            )
            .bind(booking.uuid())
            .fetch_optional(pool)
            .await?
        });
        let Some(row) = found else {
            return Ok(None);
        };
        let ids = row.candidates.0.iter();
        let ids = ids.map(|ranked| ranked.candidate.expert);
        let ids = ids.chain(row.passed_on.0.iter().copied());
        let ids: Vec<Uuid> = ids.map(UserId::uuid).collect();
        let names: Vec<(Uuid, String)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT id, name FROM users WHERE id {}",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids))
            .fetch_all(pool)
            .await?
        });
        let names = names.into_iter().map(|(id, name)| (id.into(), name));
        Ok(Some(Assignment {
            branch_id: row.branch_id.into(),
            branch_name: row.branch_name,
            expert_id: row.expert_id.into(),
            strategy: row.strategy,
            skill: row.skill,
            attempt: row.attempt,
            passed_on: row.passed_on.0,
            candidates: row.candidates.0,
            names: names.collect(),
            decided_at: row.decided_at,
        }))
    }

    /// What these experts have done since, and have ahead of them. Sessions for several people are not in it: their expert
    /// has chosen to give them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn worked(
        &self,
        experts: &[UserId],
        since: Instant,
    ) -> Result<Vec<Worked>, StoreError> {
        let ids = experts.iter().map(|id| id.uuid()).collect();
        let rows: Vec<(Uuid, Instant, Instant, Instant)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT expert_id, starts_at, ends_at, created_at FROM bookings \
                 WHERE expert_id {} AND starts_at >= $2 AND session_id IS NULL \
                   AND status NOT IN ('rejected', 'cancelled')",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids))
            .bind(since)
            .fetch_all(pool)
            .await?
        });
        let worked = |(expert, starts_at, ends_at, made_at): (Uuid, _, _, _)| Worked {
            expert: expert.into(),
            starts_at,
            ends_at,
            made_at,
        };
        Ok(rows.into_iter().map(worked).collect())
    }

    /// With which expert of a branch a client was last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_seen_by(
        &self,
        client: UserId,
        branch: BranchId,
    ) -> Result<Option<UserId>, StoreError> {
        let row: Option<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT b.expert_id FROM bookings b JOIN users u ON u.id = b.expert_id \
                 WHERE b.client_id = $1 AND b.status = 'completed' AND u.branch_id = $2 \
                 ORDER BY b.starts_at DESC, b.id DESC LIMIT 1",
            )
            .bind(client.uuid())
            .bind(branch.uuid())
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(|(expert,)| expert.into()))
    }
}

/// Writes a decision in the transaction of its booking.
///
/// # Errors
/// When the database fails.
pub(crate) async fn insert(
    tx: &mut Tx,
    booking: &Booking,
    new: &NewAssignment,
) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO assignments (booking_id, branch_id, expert_id, strategy, skill, attempt, candidates, decided_at, \
             passed_on) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(booking.id.uuid())
        .bind(new.branch_id.uuid())
        .bind(booking.expert.id.uuid())
        .bind(new.strategy.as_str())
        .bind(&new.skill)
        .bind(new.passed_on.len() as i64)
        .bind(Json(&new.candidates))
        .bind(booking.created_at)
        .bind(Json(&new.passed_on))
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}
