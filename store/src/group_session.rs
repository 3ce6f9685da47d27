//! Group sessions: offering one, changing it, calling it off, and the seats that are taken of it (C3.11).
//!
//! The session's row is the lock of its seats. Whoever changes several of these rows takes them in one order: places on
//! the waiting list, the session, its bookings, taken time.

use belfry_domain::Instant;
use belfry_domain::booking::Party;
use belfry_domain::event::Told;
use belfry_domain::group_session::{GroupSession, SessionError};
use belfry_domain::id::{BranchId, GroupSessionId, UserId};
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::booking::seat;
use crate::db::Dialect;
use crate::idempotency::{self, IdempotencyKey};
use crate::occupancy::{self, Stretch};
use crate::{Store, StoreError, Tx, crash, waiting};

/// What a command about a session came to.
pub type Settled<T> = Result<Result<T, SessionError>, StoreError>;

const SELECT: &str = "SELECT g.id, g.expert_id, e.name AS expert_name, e.branch_id AS expert_branch, g.title, \
     g.description, g.status, g.starts_at, g.ends_at, g.time_zone, g.mode, g.place, g.link, g.seats, g.taken, \
     g.auto_confirm, g.reason, g.version, g.created_at, g.updated_at \
     FROM group_sessions g JOIN users e ON e.id = g.expert_id";

#[derive(FromRow)]
struct SessionRow {
    id: Uuid,
    expert_id: Uuid,
    expert_name: String,
    expert_branch: Option<Uuid>,
    title: String,
    description: Option<String>,
    status: String,
    starts_at: Instant,
    ends_at: Instant,
    time_zone: String,
    mode: String,
    place: Option<String>,
    link: Option<String>,
    seats: i64,
    taken: i64,
    auto_confirm: bool,
    reason: Option<String>,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
}

impl TryFrom<SessionRow> for GroupSession {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            expert: Party {
                id: row.expert_id.into(),
                name: row.expert_name,
            },
            expert_branch: row.expert_branch.map(BranchId::from),
            title: row.title,
            description: row.description,
            status: row.status.parse().map_err(StoreError::unreadable)?,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            time_zone: row.time_zone.parse().map_err(StoreError::unreadable)?,
            mode: row.mode.parse().map_err(StoreError::unreadable)?,
            place: row.place,
            link: row.link,
            seats: row.seats,
            taken: row.taken,
            auto_confirm: row.auto_confirm,
            reason: row.reason,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// A change of a session, as a rule decided it.
#[derive(Clone, Debug)]
pub struct SessionChange {
    /// As it will be, with its version still the old one.
    pub after: GroupSession,
    pub told: Told,
    /// The expert's time it takes from now on, buffers inside.
    pub stretch: (Instant, Instant),
    /// Minutes before the start at which everybody is reminded.
    pub reminder_offsets: Vec<i64>,
}

impl Store {
    /// Offers a session and takes the expert's time for it, `stretch`, or does nothing at all.
    ///
    /// # Errors
    /// When the database fails. Inside: `SlotTaken`.
    pub async fn offer_session(
        &self,
        new: &GroupSession,
        stretch: (Instant, Instant),
        key: Option<&IdempotencyKey>,
    ) -> Settled<()> {
        let mut tx = self.begin().await?;
        if !occupancy::take(&mut tx, &time_of(new, stretch), new.created_at).await? {
            return Ok(Err(SessionError::SlotTaken));
        }
        on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(
                "INSERT INTO group_sessions (id, expert_id, title, description, status, starts_at, ends_at, time_zone, \
                   mode, place, link, seats, taken, auto_confirm, reason, version, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
            )
            .bind(new.id.uuid())
            .bind(new.expert.id.uuid())
            .bind(&new.title)
            .bind(&new.description)
            .bind(new.status.as_str())
            .bind(new.starts_at)
            .bind(new.ends_at)
            .bind(new.time_zone.name())
            .bind(new.mode.as_str())
            .bind(&new.place)
            .bind(&new.link)
            .bind(new.seats)
            .bind(new.taken)
            .bind(new.auto_confirm)
            .bind(&new.reason)
            .bind(new.version)
            .bind(new.created_at)
            .bind(new.updated_at)
            .execute(&mut *c)
            .await?;
        });
        if let Some(key) = key {
            idempotency::made(&mut tx, key, new.id.uuid()).await?;
        }
        crash::point("session.offering");
        tx.commit().await?;
        crash::point("session.offered");
        Ok(Ok(()))
    }

    /// The session with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn group_session(
        &self,
        id: GroupSessionId,
    ) -> Result<Option<GroupSession>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, SessionRow>(formatcp!("{SELECT} WHERE g.id = $1"))
                .bind(id.uuid())
                .fetch_optional(pool)
                .await?
                .map(GroupSession::try_from)
                .transpose()
        })
    }

    /// An expert's sessions with `from <= starts_at < to` that were not called off, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn group_sessions(
        &self,
        expert: UserId,
        (from, to): (Instant, Instant),
        after: Option<(Instant, GroupSessionId)>,
        limit: i64,
    ) -> Result<Vec<GroupSession>, StoreError> {
        let (after_start, after_id) = after.unzip();
        on_read!(self, |pool| {
            sqlx::query_as::<DB, SessionRow>(formatcp!(
                "{SELECT} WHERE g.expert_id = $1 AND g.starts_at >= $2 AND g.starts_at < $3 \
                   AND g.status = 'open' AND ($4 IS NULL OR (g.starts_at, g.id) > ($4, $5)) \
                 ORDER BY g.starts_at, g.id LIMIT $6"
            ))
            .bind(expert.uuid())
            .bind(from)
            .bind(to)
            .bind(after_start)
            .bind(after_id.map(GroupSessionId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?
            .into_iter()
            .map(GroupSession::try_from)
            .collect()
        })
    }

    /// The sessions of a branch's experts with `from <= starts_at < to` that were not called off, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch_sessions(
        &self,
        branch: BranchId,
        (from, to): (Instant, Instant),
    ) -> Result<Vec<GroupSession>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, SessionRow>(formatcp!(
                "{SELECT} WHERE e.branch_id = $1 AND g.starts_at >= $2 AND g.starts_at < $3 AND g.status = 'open' \
                 ORDER BY g.starts_at, g.id"
            ))
            .bind(branch.uuid())
            .bind(from)
            .bind(to)
            .fetch_all(pool)
            .await?
            .into_iter()
            .map(GroupSession::try_from)
            .collect()
        })
    }

    /// Sessions of an expert that are still ahead.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_sessions_of(
        &self,
        expert: UserId,
        now: Instant,
    ) -> Result<Vec<GroupSessionId>, StoreError> {
        let rows: Vec<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT id FROM group_sessions WHERE expert_id = $1 AND starts_at > $2 AND status = 'open' \
                 ORDER BY starts_at",
            )
            .bind(expert.uuid())
            .bind(now)
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(|(id,)| id.into()).collect())
    }

    /// Reads a session, lets `decide` judge it, and writes what it decided with everything that follows for its
    /// seats, all under the session's lock: moved they move, called off they are called off, and who is busy at the
    /// new time refuses all of it. `expected` is the version the caller has seen, if it cares.
    ///
    /// # Errors
    /// When the database fails. Inside: what `decide` refuses, `NotFound`, `Stale`, `SlotTaken`, `ClientsBusy`.
    pub async fn change_session(
        &self,
        id: GroupSessionId,
        expected: Option<i64>,
        decide: impl Fn(&GroupSession) -> Result<SessionChange, SessionError>,
        now: Instant,
    ) -> Settled<GroupSession> {
        // PostgreSQL may end one of two crossing writers; the other is through by the second try.
        match self.try_change_session(id, expected, &decide, now).await {
            Err(error) if error.is_retryable() => {
                self.try_change_session(id, expected, &decide, now).await
            }
            other => other,
        }
    }

    async fn try_change_session(
        &self,
        id: GroupSessionId,
        expected: Option<i64>,
        decide: &impl Fn(&GroupSession) -> Result<SessionChange, SessionError>,
        now: Instant,
    ) -> Settled<GroupSession> {
        let mut tx = self.begin().await?;
        waiting::lock_those_for(&mut tx, id).await?;
        let Some(before) = lock(&mut tx, id).await? else {
            return Ok(Err(SessionError::NotFound));
        };
        if expected.is_some_and(|version| version != before.version) {
            return Ok(Err(SessionError::Stale));
        }
        let change = match decide(&before) {
            Ok(change) => change,
            Err(refused) => return Ok(Err(refused)),
        };
        let after = GroupSession {
            version: before.version + 1,
            updated_at: now,
            ..change.after.clone()
        };
        let taken = match seat::follow(&mut tx, (&before, &after), &change, now).await? {
            Ok(given_back) => after.taken - given_back,
            Err(refused) => return Ok(Err(refused)),
        };
        let after = GroupSession { taken, ..after };
        update(&mut tx, &after).await?;
        if after.moved_from(&before) {
            waiting::follow_session(&mut tx, &after).await?;
        }
        crash::point("session.changing");
        tx.commit().await?;
        crash::point("session.changed");
        Ok(Ok(after))
    }
}

/// The expert's time that a session takes.
pub(crate) fn time_of(session: &GroupSession, stretch: (Instant, Instant)) -> Stretch {
    Stretch {
        source: session.id.uuid(),
        subject: session.expert.id,
        starts_at: stretch.0,
        ends_at: stretch.1,
        expires_at: None,
        service: false,
    }
}

async fn lock(tx: &mut Tx, id: GroupSessionId) -> Result<Option<GroupSession>, StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "SELECT id FROM group_sessions WHERE id = $1 {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(id.uuid())
        .fetch_optional(&mut *c)
        .await?;
    });
    read(tx, id).await
}

/// A session as it stands inside `tx`.
pub(crate) async fn read(
    tx: &mut Tx,
    id: GroupSessionId,
) -> Result<Option<GroupSession>, StoreError> {
    on_tx!(tx, |c| {
        sqlx::query_as::<DB, SessionRow>(formatcp!("{SELECT} WHERE g.id = $1"))
            .bind(id.uuid())
            .fetch_optional(&mut *c)
            .await?
            .map(GroupSession::try_from)
            .transpose()
    })
}

async fn update(tx: &mut Tx, after: &GroupSession) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE group_sessions SET title = $2, description = $3, status = $4, starts_at = $5, ends_at = $6, \
               mode = $7, place = $8, link = $9, seats = $10, taken = $11, auto_confirm = $12, reason = $13, \
               version = $14, updated_at = $15 WHERE id = $1",
        )
        .bind(after.id.uuid())
        .bind(&after.title)
        .bind(&after.description)
        .bind(after.status.as_str())
        .bind(after.starts_at)
        .bind(after.ends_at)
        .bind(after.mode.as_str())
        .bind(&after.place)
        .bind(&after.link)
        .bind(after.seats)
        .bind(after.taken)
        .bind(after.auto_confirm)
        .bind(&after.reason)
        .bind(after.version)
        .bind(after.updated_at)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Gives back one seat of a session, whose row is locked from here on.
pub(crate) async fn give_back(tx: &mut Tx, id: Uuid) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>("UPDATE group_sessions SET taken = taken - 1 WHERE id = $1")
            .bind(id)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

/// Takes one seat of a session that looks as it did at `version`; `false` when there is none.
pub(crate) async fn take_seat(
    tx: &mut Tx,
    id: GroupSessionId,
    version: Option<i64>,
    now: Instant,
) -> Result<bool, StoreError> {
    Ok(on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE group_sessions SET taken = taken + 1 \
             WHERE id = $1 AND ($2 IS NULL OR version = $2) AND status = 'open' AND starts_at > $3 AND taken < seats",
        )
        .bind(id.uuid())
        .bind(version)
        .bind(now)
        .execute(&mut *c)
        .await?
        .rows_affected()
            == 1
    }))
}
