//! Who is there for those who wait, who came for an appointment, and which lines there are.

use std::collections::BTreeMap;

use belfry_domain::queue::Desk;
use sqlx::types::Json;

use super::*;

/// How many are where at a branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    pub waiting: i64,
    pub called: i64,
    pub serving: i64,
}

impl Counts {
    /// Those of a line.
    pub fn of(line: &[Visit]) -> Self {
        let mut counts = Self::default();
        for visit in line {
            match visit.state {
                State::Waiting | State::Offered => counts.waiting += 1,
                State::Called => counts.called += 1,
                State::Serving => counts.serving += 1,
                _ => {}
            }
        }
        counts
    }
}

/// Somebody who came for an appointment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    pub visit: VisitId,
    pub number: i64,
    pub state: State,
    pub joined_at: Instant,
}

#[derive(FromRow)]
struct DeskRow {
    id: Uuid,
    name: String,
    tags: Json<Vec<String>>,
    taken_from: Option<Instant>,
    idle_since: Option<Instant>,
}

impl Store {
    /// The branches at which somebody waits or has an offer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_lines(&self) -> Result<Vec<BranchId>, StoreError> {
        let rows: Vec<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT DISTINCT branch_id FROM visits WHERE {IN_LINE} ORDER BY branch_id"
            ))
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(|(branch,)| branch.into()).collect())
    }

    /// The experts of a branch who are there and have nobody.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn free_desks(
        &self,
        branch: BranchId,
        now: Instant,
    ) -> Result<Vec<Desk>, StoreError> {
        let rows = on_read!(self, |pool| {
            sqlx::query_as::<DB, DeskRow>(
                "SELECT u.id, u.name, e.tags, \
                   (SELECT MIN(o.starts_at) FROM occupancies o WHERE o.subject_id = u.id AND o.ends_at > $2 \
                      AND (o.expires_at IS NULL OR o.expires_at > $2)) AS taken_from, \
                   (SELECT MAX(v.ended_at) FROM visits v WHERE v.expert_id = u.id) AS idle_since \
                 FROM users u JOIN experts e ON e.user_id = u.id \
                 WHERE u.branch_id = $1 AND u.role = 'expert' AND u.disabled = FALSE AND e.presence = 'online' \
                   AND NOT EXISTS (SELECT 1 FROM visits v WHERE v.expert_id = u.id \
                     AND v.state IN ('offered', 'called', 'serving')) \
                 ORDER BY u.id",
            )
            .bind(branch.uuid())
            .bind(now)
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(desk).collect())
    }

    /// The booking with this code, for staff of the expert's branch.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn booking_id_by_code(&self, code: &str) -> Result<Option<BookingId>, StoreError> {
        let row: Option<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT id FROM bookings WHERE code = $1 AND archived_at IS NULL",
            )
            .bind(code)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(|(id,)| id.into()))
    }

    /// Whoever joined a branch's line from `from` until `until` for an appointment, by the appointment: their newest
    /// visit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch_arrivals(
        &self,
        branch: BranchId,
        (from, until): (Instant, Instant),
    ) -> Result<BTreeMap<BookingId, Arrival>, StoreError> {
        let rows: Vec<(Uuid, Uuid, i64, String, Instant)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT booking_id, id, number, state, joined_at FROM visits \
                 WHERE branch_id = $1 AND joined_at >= $2 AND joined_at < $3 AND booking_id IS NOT NULL \
                 ORDER BY joined_at, id",
            )
            .bind(branch.uuid())
            .bind(from)
            .bind(until)
            .fetch_all(pool)
            .await?
        });
        let arrival = |(booking, visit, number, state, joined_at): (Uuid, Uuid, i64, String, _)| {
            let arrival = Arrival {
                visit: visit.into(),
                number,
                state: state.parse().map_err(StoreError::unreadable)?,
                joined_at,
            };
            Ok::<_, StoreError>((BookingId::from(booking), arrival))
        };
        // The last of those with the same key stays.
        rows.into_iter().map(arrival).collect()
    }

    /// An expert of a branch as a desk, whether they are there or not; `None` when they are not of the branch.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn desk_of(
        &self,
        branch: BranchId,
        expert: UserId,
    ) -> Result<Option<Desk>, StoreError> {
        let row = on_read!(self, |pool| {
            sqlx::query_as::<DB, DeskRow>(
                "SELECT u.id, u.name, e.tags, NULL AS taken_from, NULL AS idle_since \
                 FROM users u JOIN experts e ON e.user_id = u.id \
                 WHERE u.id = $2 AND u.branch_id = $1 AND u.role = 'expert' AND u.disabled = FALSE",
            )
            .bind(branch.uuid())
            .bind(expert.uuid())
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(desk))
    }
}

fn desk(row: DeskRow) -> Desk {
    Desk {
        expert: Party {
            id: row.id.into(),
            name: row.name,
        },
        skills: row.tags.0,
        taken_from: row.taken_from,
        idle_since: row.idle_since,
    }
}
