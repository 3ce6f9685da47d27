//! Waiting lists: reading them, and every step of a place on one, written together with its history, its event and
//! the hold that it takes or gives back.
//!
//! A row is always locked before the time that its offer holds, so that an answer, the end of an offer and a booking
//! over it wait for each other instead of crossing.

use belfry_domain::Instant;
use belfry_domain::booking::{Actor, Hold, Mode, Party};
use belfry_domain::event::{Event, EventType};
use belfry_domain::group_session::SessionRef;
use belfry_domain::id::{BookingId, BranchId, HoldId, UserId, WaitingId};
use belfry_domain::waiting::{Offer, Status, Waiting, WaitingError, Wish};
use chrono::NaiveDate;
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::booking::Scope;
use crate::db::{Dialect, IdList};
use crate::idempotency::{self, IdempotencyKey};
use crate::{Store, StoreError, Tx, crash, event, occupancy};

/// Offers: made, taken up, run out.
mod offer;
/// Waiting for a seat of a group session.
mod seat;
/// Whose turn it is.
mod turns;
/// Places inside a transaction.
mod write;

pub use offer::NewOffer;
pub(crate) use offer::take_up;
pub(crate) use seat::{follow_session, lock_those_for};
use write::{by_ids, lock, note, step, update};

/// What a command about the list came to.
pub type Settled<T> = Result<Result<T, WaitingError>, StoreError>;

/// How many wait longer is only asked of those who wait.
const SELECT: &str = "SELECT w.id, w.status, w.expert_id, e.name AS expert_name, e.branch_id AS expert_branch, \
     w.client_id, c.name AS client_name, w.session_id, g.title AS session_title, w.minutes, w.from_date, w.until_date, w.earliest, w.latest, w.time_zone, \
     w.mode, w.note, w.hold_id, w.offer_starts_at, w.offer_ends_at, w.offer_expires_at, w.booking_id, \
     CASE WHEN w.status = 'waiting' THEN \
       (SELECT COUNT(*) FROM waiting_list l WHERE l.expert_id = w.expert_id AND l.status = 'waiting' \
          AND l.session_id IS NOT DISTINCT FROM w.session_id \
          AND (l.joined_at, l.id) < (w.joined_at, w.id)) ELSE 0 END AS ahead, \
     w.joined_at, w.ended_at, w.version \
     FROM waiting_list w JOIN users e ON e.id = w.expert_id JOIN users c ON c.id = w.client_id \
       LEFT JOIN group_sessions g ON g.id = w.session_id";

#[derive(FromRow)]
struct WaitingRow {
    id: Uuid,
    status: String,
    expert_id: Uuid,
    expert_name: String,
    expert_branch: Option<Uuid>,
    client_id: Uuid,
    client_name: String,
    session_id: Option<Uuid>,
    session_title: Option<String>,
    #[sqlx(flatten)]
    wish: WishRow,
    hold_id: Option<Uuid>,
    offer_starts_at: Option<Instant>,
    offer_ends_at: Option<Instant>,
    offer_expires_at: Option<Instant>,
    booking_id: Option<Uuid>,
    ahead: i64,
    joined_at: Instant,
    ended_at: Option<Instant>,
    version: i64,
}

#[derive(FromRow)]
struct WishRow {
    minutes: i64,
    from_date: NaiveDate,
    until_date: NaiveDate,
    earliest: Option<String>,
    latest: Option<String>,
    time_zone: String,
    mode: String,
    note: Option<String>,
}

impl TryFrom<WishRow> for Wish {
    type Error = StoreError;

    fn try_from(row: WishRow) -> Result<Self, StoreError> {
        let clock = |text: Option<String>| {
            let time = text.map(|text| text.parse()).transpose();
            time.map_err(StoreError::unreadable)
        };
        Ok(Self {
            minutes: u16::try_from(row.minutes).map_err(StoreError::unreadable)?,
            from: row.from_date,
            until: row.until_date,
            earliest: clock(row.earliest)?,
            latest: clock(row.latest)?,
            time_zone: row.time_zone.parse().map_err(StoreError::unreadable)?,
            mode: row.mode.parse::<Mode>().map_err(StoreError::unreadable)?,
            note: row.note,
        })
    }
}

impl TryFrom<WaitingRow> for Waiting {
    type Error = StoreError;

    fn try_from(row: WaitingRow) -> Result<Self, StoreError> {
        let slot = row.offer_starts_at.zip(row.offer_ends_at);
        let held = row.hold_id.zip(row.offer_expires_at);
        Ok(Self {
            id: row.id.into(),
            status: row.status.parse().map_err(StoreError::unreadable)?,
            expert: Party {
                id: row.expert_id.into(),
                name: row.expert_name,
            },
            expert_branch: row.expert_branch.map(BranchId::from),
            client: Party {
                id: row.client_id.into(),
                name: row.client_name,
            },
            session: row
                .session_id
                .zip(row.session_title)
                .map(|(id, title)| SessionRef {
                    id: id.into(),
                    title,
                }),
            wish: row.wish.try_into()?,
            offer: slot
                .zip(held)
                .map(|((starts_at, ends_at), (hold, expires_at))| Offer {
                    hold_id: hold.into(),
                    starts_at,
                    ends_at,
                    expires_at,
                }),
            booking_id: row.booking_id.map(BookingId::from),
            ahead: row.ahead,
            joined_at: row.joined_at,
            ended_at: row.ended_at,
            version: row.version,
        })
    }
}

/// One step of a place on a list.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct WaitingStep {
    pub at: Instant,
    pub actor_id: Option<Uuid>,
    pub actor_name: String,
    pub actor_role: String,
    pub status: String,
    pub starts_at: Option<Instant>,
}

/// Which places a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct WaitingFilter {
    /// Those that can still come to a booking, or those that cannot.
    pub open: Option<bool>,
    pub expert_id: Option<UserId>,
}

impl Store {
    /// Puts somebody on a list, at its end. `most` is how many places one person may wait for at once.
    ///
    /// # Errors
    /// When the database fails. Inside: `AlreadyWaiting`, `TooMany`, `SessionClosed`.
    pub async fn join_waiting_list(
        &self,
        new: &Waiting,
        most: i64,
        actor: Actor,
        key: Option<&IdempotencyKey>,
    ) -> Settled<()> {
        let Waiting { wish, client, .. } = new;
        let (opens_at, mut closes_at) = wish.bounds();
        let session = new.session.as_ref().map(|session| session.id.uuid());
        let mut tx = self.begin().await?;
        // Under the person's lock, so that two wishes cannot both be the first for the same dates, or the last.
        let (open, same) = on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(formatcp!(
                "SELECT id FROM users WHERE id = $1 {}",
                <DB as Dialect>::FOR_UPDATE
            ))
            .bind(client.id.uuid())
            .fetch_optional(&mut *c)
            .await?;
            let counts: (i64, i64) = sqlx::query_as::<DB, _>(
                "SELECT COUNT(*), \
                   COUNT(CASE WHEN expert_id = $2 AND opens_at < $4 AND closes_at > $3 \
                     AND session_id IS NOT DISTINCT FROM $5 THEN 1 END) \
                 FROM waiting_list WHERE client_id = $1 AND status IN ('waiting', 'offered')",
            )
            .bind(client.id.uuid())
            .bind(new.expert.id.uuid())
            .bind(opens_at)
            .bind(closes_at)
            .bind(session)
            .fetch_one(&mut *c)
            .await?;
            counts
        });
        if same > 0 {
            return Ok(Err(WaitingError::AlreadyWaiting));
        }
        if open >= most {
            return Ok(Err(WaitingError::TooMany));
        }
        if let Some(session) = session {
            match seat::start_of(&mut tx, session, new.joined_at).await? {
                Some(starts_at) => closes_at = starts_at,
                None => return Ok(Err(WaitingError::SessionClosed)),
            }
        }
        on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(
                "INSERT INTO waiting_list (id, status, expert_id, client_id, minutes, from_date, until_date, earliest, \
                   latest, time_zone, opens_at, closes_at, mode, note, joined_at, version, session_id) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
            )
            .bind(new.id.uuid())
            .bind(new.status.as_str())
            .bind(new.expert.id.uuid())
            .bind(client.id.uuid())
            .bind(i64::from(wish.minutes))
            .bind(wish.from)
            .bind(wish.until)
            .bind(wish.earliest.map(|time| time.to_string()))
            .bind(wish.latest.map(|time| time.to_string()))
            .bind(wish.time_zone.name())
            .bind(opens_at)
            .bind(closes_at)
            .bind(wish.mode.as_str())
            .bind(&wish.note)
            .bind(new.joined_at)
            .bind(new.version)
            .bind(session)
            .execute(&mut *c)
            .await?;
        });
        let event = EventType::WaitlistJoined;
        note(&mut tx, new, Some(event), actor, new.joined_at).await?;
        if let Some(key) = key {
            idempotency::made(&mut tx, key, new.id.uuid()).await?;
        }
        crash::point("waiting.joining");
        tx.commit().await?;
        crash::point("waiting.joined");
        Ok(Ok(()))
    }

    /// The place with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting(&self, id: WaitingId) -> Result<Option<Waiting>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, WaitingRow>(formatcp!("{SELECT} WHERE w.id = $1"))
                .bind(id.uuid())
                .fetch_optional(pool)
                .await?
                .map(Waiting::try_from)
                .transpose()
        })
    }

    /// The places that somebody waits in, and those on their own list as an expert.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_waiting_of(&self, person: UserId) -> Result<Vec<WaitingId>, StoreError> {
        let rows: Vec<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT id FROM waiting_list WHERE status IN ('waiting', 'offered') \
                   AND (client_id = $1 OR expert_id = $1) ORDER BY id",
            )
            .bind(person.uuid())
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(|(id,)| id.into()).collect())
    }

    /// Places, those who joined last first; `after` is when the last one seen joined, and its id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_waiting(
        &self,
        scope: Scope,
        filter: WaitingFilter,
        after: Option<(Instant, WaitingId)>,
        limit: i64,
    ) -> Result<Vec<Waiting>, StoreError> {
        // Each text mentions every bind, since PostgreSQL counts them.
        const PERSON: &str = "AND (w.client_id = $6 OR w.expert_id = $6) AND $7 IS NULL";
        const BRANCH: &str = "AND (e.branch_id = $7 OR w.client_id = $6 OR w.expert_id = $6)";
        const HOUSE: &str = "AND $6 IS NULL AND $7 IS NULL";
        macro_rules! text {
            ($scope:expr) => {
                formatcp!(
                    "{SELECT} WHERE ($1 IS NULL OR (w.status IN ('waiting', 'offered')) = $1) \
                       AND ($2 IS NULL OR w.expert_id = $2) \
                       AND ($3 IS NULL OR (w.joined_at, w.id) < ($3, $4)) {} \
                     ORDER BY w.joined_at DESC, w.id DESC LIMIT $5",
                    $scope
                )
            };
        }
        let (after_time, after_id) = after.unzip();
        let (sql, person, branch) = match scope {
            Scope::Person(id) => (text!(PERSON), Some(id), None),
            Scope::Branch(branch, id) => (text!(BRANCH), Some(id), Some(branch)),
            Scope::House => (text!(HOUSE), None, None),
        };
        on_read!(self, |pool| {
            sqlx::query_as::<DB, WaitingRow>(sql)
                .bind(filter.open)
                .bind(filter.expert_id.map(UserId::uuid))
                .bind(after_time)
                .bind(after_id.map(WaitingId::uuid))
                .bind(limit)
                .bind(person.map(UserId::uuid))
                .bind(branch.map(BranchId::uuid))
                .fetch_all(pool)
                .await?
                .into_iter()
                .map(Waiting::try_from)
                .collect()
        })
    }

    /// The steps of a place on a list, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting_history(&self, id: WaitingId) -> Result<Vec<WaitingStep>, StoreError> {
        on_read!(self, |pool| {
            Ok(sqlx::query_as::<DB, WaitingStep>(
                "SELECT at, actor_id, actor_name, actor_role, status, starts_at \
                 FROM waiting_history WHERE waiting_id = $1 ORDER BY version",
            )
            .bind(id.uuid())
            .fetch_all(pool)
            .await?)
        })
    }

    /// Ends somebody's waiting: `Left` whether or not something is offered, `Declined` only what is. Gives back what
    /// was held. `expected` is the version the caller has seen, if it cares.
    ///
    /// # Errors
    /// When the database fails. Inside: `NotFound`, `Stale`, `OfferGone`.
    pub async fn end_waiting(
        &self,
        id: WaitingId,
        status: Status,
        actor: Actor,
        expected: Option<i64>,
        now: Instant,
    ) -> Settled<Waiting> {
        let mut tx = self.begin().await?;
        let Some(before) = lock(&mut tx, id).await? else {
            return Ok(Err(WaitingError::NotFound));
        };
        if expected.is_some_and(|version| version != before.version) {
            return Ok(Err(WaitingError::Stale));
        }
        let ran_out = |offer: &Offer| status == Status::Declined && offer.expires_at <= now;
        if !before.status.may_become(status) || before.offer.as_ref().is_some_and(ran_out) {
            return Ok(Err(WaitingError::OfferGone));
        }
        let after = step(&mut tx, before, status, None, actor, now).await?;
        crash::point("waiting.ending");
        tx.commit().await?;
        crash::point("waiting.ended");
        Ok(Ok(after))
    }
}
