//! Visits to branches: reading them, and every step of one, written together with its period, the time it takes of its
//! expert, and its event (B3, B5).
//!
//! A visit's row is locked before it is judged and before anybody's time is taken, so that steps taken at once wait for
//! each other; whoever comes second is judged by what the first one left.

use belfry_domain::Instant;
use belfry_domain::booking::{Actor, Party};
use belfry_domain::id::{BookingId, BranchId, UserId, VisitId};
use belfry_domain::queue::{BranchRef, QueueError, Standing, State, Visit};
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Dialect, IdList};
use crate::{Store, StoreError, Tx};

/// Estimates of waits.
mod forecast;
/// Joining a line.
mod join;
/// Who is there for those who wait, who came for an appointment, and which lines there are.
mod line;
/// Steps.
mod step;
/// Visits inside a transaction.
mod write;

pub use join::NewVisit;
pub use line::{Arrival, Counts};
pub(crate) use step::dismiss;
pub use step::{Guard, Taken, VisitStep};

/// What a command about a visit came to.
pub type Settled<T> = Result<Result<T, QueueError>, StoreError>;

pub(crate) const OPEN: &str = "state IN ('waiting', 'offered', 'called', 'serving')";
/// Whether the client of the booking `b` is in a line for it.
pub(crate) const WAITED_FOR: &str =
    formatcp!("EXISTS (SELECT 1 FROM visits v WHERE v.booking_id = b.id AND v.{OPEN})");
/// Not called yet. SQLite takes the index of those who are here only where its condition is said as it stands.
const IN_LINE: &str = formatcp!("{OPEN} AND state IN ('waiting', 'offered')");

const SELECT: &str = "SELECT v.id, v.branch_id, b.name AS branch_name, v.number, v.state, v.client_id, c.name AS client_name, \
     v.name, v.booking_id, v.wanted_id, w.name AS wanted_name, v.skill, v.note, v.minutes, v.expert_id, \
     e.name AS expert_name, v.rank, v.placed_at, v.tie, v.joined_at, v.not_before, v.times_out_at, v.offer_expires_at, \
     v.called_at, v.started_at, v.ended_at, v.misses, v.previous_id, v.next_id, v.version \
     FROM visits v JOIN branches b ON b.id = v.branch_id LEFT JOIN users c ON c.id = v.client_id \
       LEFT JOIN users w ON w.id = v.wanted_id LEFT JOIN users e ON e.id = v.expert_id";

#[derive(FromRow)]
struct VisitRow {
    id: Uuid,
    branch_id: Uuid,
    branch_name: String,
    number: i64,
    state: String,
    client_id: Option<Uuid>,
    client_name: Option<String>,
    name: String,
    booking_id: Option<Uuid>,
    wanted_id: Option<Uuid>,
    wanted_name: Option<String>,
    skill: Option<String>,
    note: Option<String>,
    minutes: i64,
    expert_id: Option<Uuid>,
    expert_name: Option<String>,
    rank: i64,
    placed_at: Instant,
    tie: Uuid,
    joined_at: Instant,
    not_before: Option<Instant>,
    times_out_at: Instant,
    offer_expires_at: Option<Instant>,
    called_at: Option<Instant>,
    started_at: Option<Instant>,
    ended_at: Option<Instant>,
    misses: i64,
    previous_id: Option<Uuid>,
    next_id: Option<Uuid>,
    version: i64,
}

impl TryFrom<VisitRow> for Visit {
    type Error = StoreError;

    fn try_from(row: VisitRow) -> Result<Self, StoreError> {
        let party = |id: Option<Uuid>, name: Option<String>| {
            let both = id.zip(name);
            both.map(|(id, name)| Party {
                id: id.into(),
                name,
            })
        };
        Ok(Self {
            id: row.id.into(),
            branch: BranchRef {
                id: row.branch_id.into(),
                name: row.branch_name,
            },
            number: row.number,
            state: row.state.parse().map_err(StoreError::unreadable)?,
            client: party(row.client_id, row.client_name),
            name: row.name,
            booking_id: row.booking_id.map(BookingId::from),
            wanted: party(row.wanted_id, row.wanted_name),
            skill: row.skill,
            note: row.note,
            minutes: u16::try_from(row.minutes).map_err(StoreError::unreadable)?,
            expert: party(row.expert_id, row.expert_name),
            standing: Standing {
                rank: row.rank,
                at: row.placed_at,
                tie: row.tie,
            },
            joined_at: row.joined_at,
            not_before: row.not_before,
            times_out_at: row.times_out_at,
            offer_expires_at: row.offer_expires_at,
            called_at: row.called_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
            misses: row.misses,
            previous_id: row.previous_id.map(VisitId::from),
            next_id: row.next_id.map(VisitId::from),
            version: row.version,
        })
    }
}

/// How long a visit was in one state.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct VisitPeriod {
    pub state: String,
    pub expert_id: Option<Uuid>,
    pub expert_name: Option<String>,
    pub began_at: Instant,
    pub ended_at: Option<Instant>,
    pub actor_id: Option<Uuid>,
    pub actor_name: String,
    pub actor_role: String,
}

impl Store {
    /// The visit with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn visit(&self, id: VisitId) -> Result<Option<Visit>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, VisitRow>(formatcp!("{SELECT} WHERE v.id = $1"))
                .bind(id.uuid())
                .fetch_optional(pool)
                .await?
                .map(Visit::try_from)
                .transpose()
        })
    }

    /// What is kept of the secret that opens a visit, if it has one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn visit_secret(&self, id: VisitId) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<(Option<Vec<u8>>,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>("SELECT secret_hash FROM visits WHERE id = $1")
                .bind(id.uuid())
                .fetch_optional(pool)
                .await?
        });
        Ok(row.and_then(|(hash,)| hash))
    }

    /// The open visits of a branch, in the order of its line at `now`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queue_line(
        &self,
        branch: BranchId,
        now: Instant,
    ) -> Result<Vec<Visit>, StoreError> {
        let rows = on_read!(self, |pool| {
            sqlx::query_as::<DB, VisitRow>(formatcp!(
                "{SELECT} WHERE v.branch_id = $1 AND v.{OPEN}"
            ))
            .bind(branch.uuid())
            .fetch_all(pool)
            .await?
        });
        let visits: Result<Vec<Visit>, _> = rows.into_iter().map(Visit::try_from).collect();
        let mut visits = visits?;
        visits.sort_by(|one, other| one.before(other, now));
        Ok(visits)
    }

    /// The open visit of somebody at a branch.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_visit_at(
        &self,
        branch: BranchId,
        client: UserId,
    ) -> Result<Option<Visit>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, VisitRow>(formatcp!(
                "{SELECT} WHERE v.branch_id = $1 AND v.client_id = $2 AND v.{OPEN}"
            ))
            .bind(branch.uuid())
            .bind(client.uuid())
            .fetch_optional(pool)
            .await?
            .map(Visit::try_from)
            .transpose()
        })
    }

    /// The lines that somebody is in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_visits_of(&self, person: UserId) -> Result<Vec<VisitId>, StoreError> {
        let rows: Vec<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT id FROM visits WHERE client_id = $1 AND {OPEN} ORDER BY id"
            ))
            .bind(person.uuid())
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(|(id,)| id.into()).collect())
    }

    /// How a visit went so far, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn visit_periods(&self, id: VisitId) -> Result<Vec<VisitPeriod>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, VisitPeriod>(
                "SELECT p.state, p.expert_id, e.name AS expert_name, p.began_at, p.ended_at, p.actor_id, p.actor_name, \
                   p.actor_role FROM visit_periods p LEFT JOIN users e ON e.id = p.expert_id \
                 WHERE p.visit_id = $1 ORDER BY p.version",
            )
            .bind(id.uuid())
            .fetch_all(pool)
            .await?
        }))
    }
}

/// Whether a statement failed for a unique index.
fn is_twice(error: &StoreError) -> bool {
    match error {
        StoreError::Database(sqlx::Error::Database(error)) => error.is_unique_violation(),
        _ => false,
    }
}
