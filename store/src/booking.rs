//! Bookings: reading them, and every change written together with its history, its event and the time
//! it takes or gives back.

use belfry_domain::Instant;
use belfry_domain::booking::{Booking, Party, Review, Status};
use belfry_domain::group_session::SessionRef;
use belfry_domain::id::{BookingId, BranchId, GroupSessionId, UserId};
use belfry_domain::series::SeriesPlace;
use belfry_domain::wall;
use const_format::formatcp;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::{Anywhere, Dialect, IdList};
use crate::queue::WAITED_FOR;
use crate::{Store, StoreError, Tx};

/// The steps of a booking's life.
mod history;
/// Making bookings, one or many at once.
mod insert;
/// Seats of group sessions.
pub(crate) mod seat;
/// Bookings that are made or changed together.
pub(crate) mod together;
/// Changing bookings.
mod write;
/// Holding open bookings against the rules of their zones.
mod zone_data;

pub use insert::{Grouped, NewBooking};
pub use write::{Cap, Change, Decided};
pub(crate) use write::{exceeded, lock, write};
pub use zone_data::Recheck;

const SELECT: &str = "SELECT b.id, b.code, b.status, b.expert_id, e.name AS expert_name, \
     e.branch_id AS expert_branch, b.client_id, COALESCE(b.guest_name, c.name) AS client_name, b.session_id, \
     g.title AS session_title, b.series_id, b.series_number, s.made AS series_made, b.starts_at, b.ends_at, b.time_zone, b.promised_start, b.mode, b.place, b.link, b.note, b.reason, b.sequence, b.version, b.created_at, b.updated_at, \
     b.confirmed_at, r.stars, r.text AS review_text, r.created_at AS reviewed_at \
     FROM bookings b JOIN users e ON e.id = b.expert_id JOIN users c ON c.id = b.client_id \
     LEFT JOIN reviews r ON r.booking_id = b.id LEFT JOIN group_sessions g ON g.id = b.session_id \
     LEFT JOIN series s ON s.id = b.series_id";

#[derive(FromRow)]
struct BookingRow {
    id: Uuid,
    code: String,
    status: String,
    expert_id: Uuid,
    expert_name: String,
    expert_branch: Option<Uuid>,
    client_id: Uuid,
    client_name: String,
    session_id: Option<Uuid>,
    session_title: Option<String>,
    series_id: Option<Uuid>,
    series_number: Option<i64>,
    series_made: Option<i64>,
    starts_at: Instant,
    ends_at: Instant,
    time_zone: String,
    promised_start: Option<String>,
    mode: String,
    place: Option<String>,
    link: Option<String>,
    note: Option<String>,
    reason: Option<String>,
    sequence: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    confirmed_at: Option<Instant>,
    stars: Option<i64>,
    review_text: Option<String>,
    reviewed_at: Option<Instant>,
}

impl TryFrom<BookingRow> for Booking {
    type Error = StoreError;

    fn try_from(row: BookingRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            code: row.code,
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
            series: row
                .series_id
                .zip(row.series_number.zip(row.series_made))
                .map(|(id, (number, of))| SeriesPlace {
                    id: id.into(),
                    number,
                    of,
                }),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            time_zone: row.time_zone.parse().map_err(StoreError::unreadable)?,
            promised_start: row
                .promised_start
                .map(|text| wall::read(&text).map_err(StoreError::unreadable))
                .transpose()?,
            mode: row.mode.parse().map_err(StoreError::unreadable)?,
            place: row.place,
            link: row.link,
            note: row.note,
            reason: row.reason,
            sequence: row.sequence,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            confirmed_at: row.confirmed_at,
            review: row
                .stars
                .zip(row.reviewed_at)
                .map(|(stars, created_at)| Review {
                    stars,
                    text: row.review_text,
                    created_at,
                }),
        })
    }
}

/// One step of a booking's life.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct HistoryEntry {
    pub at: Instant,
    pub actor_id: Option<Uuid>,
    pub actor_name: String,
    pub actor_role: String,
    pub event: String,
    pub from_status: Option<String>,
    pub to_status: String,
    pub reason: Option<String>,
    pub changes: Json<Value>,
}

/// A review as an expert's page shows it.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct ReviewEntry {
    pub booking_id: Uuid,
    pub stars: i64,
    pub text: Option<String>,
    pub client_name: String,
    pub created_at: Instant,
}

/// Whose bookings a list shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Those of one person, as client or as expert.
    Person(UserId),
    /// Those of a branch's experts, and the person's own.
    Branch(BranchId, UserId),
    /// All.
    House,
}

/// Which bookings a list shows. Archived ones are shown to people in their own history.
#[derive(Clone, Debug, Default)]
pub struct BookingFilter {
    /// Any of these; empty for all.
    pub statuses: Vec<Status>,
    /// `from <= starts_at`.
    pub from: Option<Instant>,
    /// `starts_at < to`.
    pub to: Option<Instant>,
    pub expert_id: Option<UserId>,
    pub client_id: Option<UserId>,
    /// Of the experts of this branch.
    pub branch_id: Option<BranchId>,
    /// Seats of this session.
    pub session_id: Option<GroupSessionId>,
    /// Text in code, note or names.
    pub query: Option<String>,
    /// Soonest first instead of latest first.
    pub ascending: bool,
}

impl Store {
    /// The booking with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn booking(&self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, BookingRow>(formatcp!("{SELECT} WHERE b.id = $1"))
                .bind(id.uuid())
                .fetch_optional(pool)
                .await?
                .map(Booking::try_from)
                .transpose()
        })
    }

    /// The booking with this code whose client has this address or phone number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn booking_by_code(
        &self,
        code: &str,
        email: Option<&str>,
        phone: Option<&str>,
    ) -> Result<Option<Booking>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, BookingRow>(formatcp!(
                "{SELECT} WHERE b.code = $1 AND b.archived_at IS NULL AND (COALESCE(c.guest_email, c.email) = $2 \
                   OR COALESCE(b.guest_phone, c.phone) = $3)"
            ))
            .bind(code)
            .bind(email)
            .bind(phone)
            .fetch_optional(pool)
            .await?
            .map(Booking::try_from)
            .transpose()
        })
    }

    /// Bookings by start; `after` is the start and id of the last one seen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_bookings(
        &self,
        scope: Scope,
        filter: &BookingFilter,
        after: Option<(Instant, BookingId)>,
        limit: i64,
    ) -> Result<Vec<Booking>, StoreError> {
        const WHERE: &str = "WHERE ($1 IS NULL OR b.starts_at >= $1) AND ($2 IS NULL OR b.starts_at < $2) \
               AND ($3 IS NULL OR b.expert_id = $3) \
               AND ($11 IS NULL OR b.client_id = $11) AND ($12 IS NULL OR e.branch_id = $12) \
               AND ($13 IS NULL OR b.session_id = $13) \
               AND ($4 = '' OR $4 LIKE '%,' || b.status || ',%')";
        const SEEN_DESC: &str = "AND ($6 IS NULL OR (b.starts_at, b.id) < ($6, $7)) \
               ORDER BY b.starts_at DESC, b.id DESC LIMIT $8";
        const SEEN_ASC: &str = "AND ($6 IS NULL OR (b.starts_at, b.id) > ($6, $7)) \
               ORDER BY b.starts_at, b.id LIMIT $8";
        // A person's bookings come from the two indexes by client and by expert.
        const PERSON: &str = "AND (b.client_id = $9 OR b.expert_id = $9) AND $10 IS NULL";
        const BRANCH: &str = "AND (e.branch_id = $10 OR b.client_id = $9 OR b.expert_id = $9)";
        // Each text mentions every bind, since PostgreSQL counts them.
        const HOUSE: &str = "AND b.archived_at IS NULL AND $9 IS NULL AND $10 IS NULL";
        let (after_start, after_id) = after.unzip();
        let statuses: String = if filter.statuses.is_empty() {
            String::new()
        } else {
            let names: Vec<&str> = filter.statuses.iter().map(|s| s.as_str()).collect();
            format!(",{},", names.join(","))
        };
        let (person, branch) = match scope {
            Scope::Person(id) => (Some(id), None),
            Scope::Branch(branch, id) => (Some(id), Some(branch)),
            Scope::House => (None, None),
        };
        macro_rules! text {
            ($scope:expr, $seen:expr) => {
                formatcp!(
                    "{SELECT} {WHERE} {} AND ($5 IS NULL OR b.code {finds} $5 OR b.note {finds} $5 \
                     OR e.name {finds} $5 OR COALESCE(b.guest_name, c.name) {finds} $5) {}",
                    $scope,
                    $seen,
                    finds = <DB as Dialect>::FINDS
                )
            };
        }
        on_read!(self, |pool| {
            let sql = match (scope, filter.ascending) {
                (Scope::Person(_), false) => text!(PERSON, SEEN_DESC),
                (Scope::Person(_), true) => text!(PERSON, SEEN_ASC),
                (Scope::Branch(..), false) => text!(BRANCH, SEEN_DESC),
                (Scope::Branch(..), true) => text!(BRANCH, SEEN_ASC),
                (Scope::House, false) => text!(HOUSE, SEEN_DESC),
                (Scope::House, true) => text!(HOUSE, SEEN_ASC),
            };
            sqlx::query_as::<DB, BookingRow>(sql)
                .bind(filter.from)
                .bind(filter.to)
                .bind(filter.expert_id.map(UserId::uuid))
                .bind(&statuses)
                .bind(filter.query.as_deref().map(Anywhere))
                .bind(after_start)
                .bind(after_id.map(BookingId::uuid))
                .bind(limit)
                .bind(person.map(UserId::uuid))
                .bind(branch.map(BranchId::uuid))
                .bind(filter.client_id.map(UserId::uuid))
                .bind(filter.branch_id.map(BranchId::uuid))
                .bind(filter.session_id.map(GroupSessionId::uuid))
                .fetch_all(pool)
                .await?
                .into_iter()
                .map(Booking::try_from)
                .collect()
        })
    }

    /// An expert's bookings with `from <= starts_at < to` that were not called off, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agenda(
        &self,
        expert: UserId,
        (from, to): (Instant, Instant),
        after: Option<(Instant, BookingId)>,
        limit: i64,
    ) -> Result<Vec<Booking>, StoreError> {
        let (after_start, after_id) = after.unzip();
        on_read!(self, |pool| {
            sqlx::query_as::<DB, BookingRow>(formatcp!(
                "{SELECT} WHERE b.expert_id = $1 AND b.starts_at >= $2 AND b.starts_at < $3 \
                   AND b.status NOT IN ('cancelled', 'rejected') \
                   AND ($4 IS NULL OR (b.starts_at, b.id) > ($4, $5)) \
                 ORDER BY b.starts_at, b.id LIMIT $6"
            ))
            .bind(expert.uuid())
            .bind(from)
            .bind(to)
            .bind(after_start)
            .bind(after_id.map(BookingId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?
            .into_iter()
            .map(Booking::try_from)
            .collect()
        })
    }

    /// Starts from `from` on of the bookings that count towards an expert's caps: all but those called off, and seats,
    /// which the expert offers besides.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counted_starts(
        &self,
        expert: UserId,
        from: Instant,
    ) -> Result<Vec<(BookingId, Instant)>, StoreError> {
        on_read!(self, |pool| {
            let rows: Vec<(Uuid, Instant)> = sqlx::query_as::<DB, _>(
                "SELECT id, starts_at FROM bookings \
                 WHERE expert_id = $1 AND starts_at >= $2 AND status NOT IN ('cancelled', 'rejected') \
                   AND session_id IS NULL",
            )
            .bind(expert.uuid())
            .bind(from)
            .fetch_all(pool)
            .await?;
            Ok(rows
                .into_iter()
                .map(|(id, starts_at)| (id.into(), starts_at))
                .collect())
        })
    }

    /// The whole history of a booking, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn booking_history(&self, id: BookingId) -> Result<Vec<HistoryEntry>, StoreError> {
        on_read!(self, |pool| {
            Ok(sqlx::query_as::<DB, HistoryEntry>(
                "SELECT at, actor_id, actor_name, actor_role, event, from_status, to_status, reason, changes \
                 FROM booking_history WHERE booking_id = $1 ORDER BY version",
            )
            .bind(id.uuid())
            .fetch_all(pool)
            .await?)
        })
    }

    /// An expert's reviews, newest first; `after` is the time and booking of the last one seen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_reviews(
        &self,
        expert: UserId,
        after: Option<(Instant, Uuid)>,
        limit: i64,
    ) -> Result<Vec<ReviewEntry>, StoreError> {
        let (after_time, after_id) = after.unzip();
        on_read!(self, |pool| {
            Ok(sqlx::query_as::<DB, ReviewEntry>(
                "SELECT r.booking_id, r.stars, r.text, c.name AS client_name, r.created_at \
                 FROM reviews r JOIN users c ON c.id = r.client_id \
                 WHERE r.expert_id = $1 AND ($2 IS NULL OR (r.created_at, r.booking_id) < ($2, $3)) \
                 ORDER BY r.created_at DESC, r.booking_id DESC LIMIT $4",
            )
            .bind(expert.uuid())
            .bind(after_time)
            .bind(after_id)
            .bind(limit)
            .fetch_all(pool)
            .await?)
        })
    }

    /// Pending bookings that began before `now`, for the sweep; not those whose clients stand in the line for them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unanswered_bookings(
        &self,
        now: Instant,
        limit: i64,
    ) -> Result<Vec<(BookingId, UserId)>, StoreError> {
        on_read!(self, |pool| {
            let rows: Vec<(Uuid, Uuid)> = sqlx::query_as::<DB, _>(formatcp!(
                "SELECT id, expert_id FROM bookings b WHERE status = 'pending' AND starts_at <= $1 \
                       AND NOT {WAITED_FOR} ORDER BY starts_at LIMIT $2"
            ))
            .bind(now)
            .bind(limit)
            .fetch_all(pool)
            .await?;
            Ok(rows
                .into_iter()
                .map(|(id, expert)| (id.into(), expert.into()))
                .collect())
        })
    }
}

/// The bookings with these ids, inside a transaction; ids that do not exist are left out.
pub(crate) async fn by_ids(tx: &mut Tx, ids: Vec<Uuid>) -> Result<Vec<Booking>, StoreError> {
    on_tx!(tx, |c| {
        sqlx::query_as::<DB, BookingRow>(formatcp!(
            "{SELECT} WHERE b.id {}",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(IdList(ids))
        .fetch_all(&mut *c)
        .await?
        .into_iter()
        .map(Booking::try_from)
        .collect()
    })
}
