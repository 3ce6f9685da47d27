//! Waiting for a seat of a group session: what is offered is a place of it, and not the expert's time.

use belfry_domain::gate::Quiet;
use belfry_domain::group_session::GroupSession;
use belfry_domain::id::GroupSessionId;
use belfry_domain::waiting::offered_until;
use belfry_domain::wall;
use chrono::TimeDelta;

use super::offer::{end_all, write_offer};
use super::*;
use crate::group_session;
use crate::preference::{COLUMNS, PreferenceRow};

/// Those who wait that are looked at in one go, longest first.
const MOST: i64 = 200;

/// Somebody for whom a seat is free.
#[derive(FromRow)]
struct TurnRow {
    id: Uuid,
    #[sqlx(flatten)]
    session: SeenRow,
    #[sqlx(flatten)]
    chosen: PreferenceRow,
    client_zone: String,
}

/// A session as it was when its free seat was seen.
#[derive(FromRow)]
struct SeenRow {
    session_id: Uuid,
    version: i64,
    starts_at: Instant,
    ends_at: Instant,
}

impl Store {
    /// Holds the next free seat of an expert's sessions for whoever has waited longest for it, and tells them. They
    /// have `answer` to say whether they want it, after their quiet hours; whoever is busy then, or could not answer
    /// before it begins, is passed over. `None` when there is nothing to offer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn offer_seat(
        &self,
        expert: UserId,
        answer: TimeDelta,
        now: Instant,
    ) -> Result<Option<Waiting>, StoreError> {
        let rows = on_read!(self, |pool| {
            sqlx::query_as::<DB, TurnRow>(formatcp!(
                "SELECT w.id, g.id AS session_id, g.version, g.starts_at, g.ends_at, c.time_zone AS client_zone, {COLUMNS} \
                 FROM waiting_list w JOIN group_sessions g ON g.id = w.session_id \
                   JOIN users c ON c.id = w.client_id LEFT JOIN preferences p ON p.user_id = w.client_id \
                 WHERE w.expert_id = $1 AND w.status = 'waiting' AND g.status = 'open' AND g.taken < g.seats \
                   AND g.starts_at > $2 AND c.disabled = FALSE \
                   AND NOT EXISTS (SELECT 1 FROM occupancies o WHERE o.subject_id = w.client_id \
                     AND o.ends_at > g.starts_at AND o.starts_at < g.ends_at \
                     AND (o.expires_at IS NULL OR o.expires_at > $2)) \
                 ORDER BY w.joined_at, w.id LIMIT $3"
            ))
            .bind(expert.uuid())
            .bind(now)
            .bind(MOST)
            .fetch_all(pool)
            .await?
        });
        for row in rows {
            let zone = row.client_zone.parse().map_err(StoreError::unreadable)?;
            let quiet = Quiet::of(row.chosen.into_preferences().quiet_hours, zone);
            let expires_at = offered_until(quiet, answer, now);
            if expires_at > row.session.starts_at {
                continue;
            }
            let (id, session) = (row.id.into(), row.session);
            if let Some(offered) = self.try_offer_seat(id, session, expires_at, now).await? {
                return Ok(Some(offered));
            }
        }
        Ok(None)
    }

    /// Claims the place on the list and a seat together; `None` when either is gone, or the session was changed since
    /// it was read: the next look offers what is true.
    async fn try_offer_seat(
        &self,
        id: WaitingId,
        session: SeenRow,
        expires_at: Instant,
        now: Instant,
    ) -> Result<Option<Waiting>, StoreError> {
        let mut tx = self.begin().await?;
        let waiting = lock(&mut tx, id).await?;
        let Some(before) = waiting.filter(|w| w.status == Status::Waiting) else {
            return Ok(None);
        };
        let seen = Some(session.version);
        if !group_session::take_seat(&mut tx, session.session_id.into(), seen, now).await? {
            return Ok(None);
        }
        let hold = Hold {
            id: HoldId::at(now),
            expert_id: before.expert.id,
            client_id: before.client.id,
            starts_at: session.starts_at,
            ends_at: session.ends_at,
            expires_at,
        };
        write_offer(tx, before, &hold, now).await.map(Some)
    }

    /// Ends the waiting for seats of an expert's sessions that were called off, and tells those who waited.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_session_lists(
        &self,
        expert: UserId,
        now: Instant,
    ) -> Result<Vec<Waiting>, StoreError> {
        const CLOSED: &str = "w.expert_id = $1 AND w.status IN ('waiting', 'offered') AND EXISTS \
             (SELECT 1 FROM group_sessions g WHERE g.id = w.session_id AND g.status = 'cancelled')";
        let any: Option<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT w.id FROM waiting_list w WHERE {CLOSED} LIMIT 1"
            ))
            .bind(expert.uuid())
            .fetch_optional(pool)
            .await?
        });
        if any.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        let ids: Vec<(Uuid,)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT w.id FROM waiting_list w WHERE {CLOSED} ORDER BY w.id {}",
                <DB as Dialect>::SKIP_LOCKED
            ))
            .bind(expert.uuid())
            .fetch_all(&mut *c)
            .await?
        });
        let ended = end_all(&mut tx, ids, now).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// The offer of a seat that somebody has, if it stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn offered_seat(
        &self,
        session: GroupSessionId,
        client: UserId,
        now: Instant,
    ) -> Result<Option<HoldId>, StoreError> {
        let row: Option<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT hold_id FROM waiting_list WHERE session_id = $1 AND client_id = $2 \
                   AND status = 'offered' AND offer_expires_at > $3",
            )
            .bind(session.uuid())
            .bind(client.uuid())
            .bind(now)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(|(id,)| id.into()))
    }
}

/// When a session begins that can still be waited for; from here on it stays so until the transaction ends.
pub(super) async fn start_of(
    tx: &mut Tx,
    session: Uuid,
    now: Instant,
) -> Result<Option<Instant>, StoreError> {
    let row: Option<(Instant,)> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(formatcp!(
            "SELECT starts_at FROM group_sessions WHERE id = $1 AND status = 'open' AND starts_at > $2 {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(session)
        .bind(now)
        .fetch_optional(&mut *c)
        .await?
    });
    Ok(row.map(|(starts_at,)| starts_at))
}

/// Locks the places of those who wait for a seat, before their session.
pub(crate) async fn lock_those_for(tx: &mut Tx, session: GroupSessionId) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "SELECT id FROM waiting_list WHERE session_id = $1 AND status IN ('waiting', 'offered') ORDER BY id {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(session.uuid())
        .fetch_all(&mut *c)
        .await?;
    });
    Ok(())
}

/// Those who wait for a seat wait for the session's new time.
pub(crate) async fn follow_session(tx: &mut Tx, session: &GroupSession) -> Result<(), StoreError> {
    let date = wall::local_date(session.time_zone, session.starts_at);
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE waiting_list SET from_date = $2, until_date = $2, opens_at = $3, closes_at = $4, minutes = $5, \
               offer_starts_at = CASE WHEN status = 'offered' THEN $4 ELSE offer_starts_at END, \
               offer_ends_at = CASE WHEN status = 'offered' THEN $6 ELSE offer_ends_at END \
             WHERE session_id = $1 AND status IN ('waiting', 'offered')",
        )
        .bind(session.id.uuid())
        .bind(date)
        .bind(wall::day_bounds(session.time_zone, date).0)
        .bind(session.starts_at)
        .bind(session.minutes())
        .bind(session.ends_at)
        .execute(&mut *c)
        .await?;
        sqlx::query::<DB>("UPDATE holds SET starts_at = $2, ends_at = $3 WHERE session_id = $1")
            .bind(session.id.uuid())
            .bind(session.starts_at)
            .bind(session.ends_at)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}
