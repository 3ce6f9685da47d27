//! Calendars that experts keep elsewhere: where they are, how reading them goes, and the busy time in them.

use belfry_domain::Instant;
use belfry_domain::id::{BookingId, ImportId, UserId};
use belfry_domain::import::MOST_IMPORTS;
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Dialect, IdList};
use crate::{Store, StoreError, Tx};

/// What becomes of a reading.
mod settle;

pub use settle::{Read, Settled};

/// A calendar kept elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    pub id: ImportId,
    pub expert_id: UserId,
    /// `ics` or `caldav`.
    pub kind: String,
    /// What the expert calls it.
    pub name: String,
    /// Where it is and how one gets in; opened with a key that is not here.
    pub sealed: Vec<u8>,
    pub host: String,
    /// By which the server knows the state that was read last.
    pub mark: Option<String>,
    pub next_at: Instant,
    /// In a row.
    pub failures: i64,
    pub read_at: Option<Instant>,
    pub failed_at: Option<Instant>,
    pub fault: Option<String>,
    pub events: i64,
    pub odd: i64,
    pub created_at: Instant,
    pub version: i64,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    expert_id: Uuid,
    kind: String,
    name: String,
    sealed: Vec<u8>,
    host: String,
    mark: Option<String>,
    next_at: Instant,
    failures: i64,
    read_at: Option<Instant>,
    failed_at: Option<Instant>,
    fault: Option<String>,
    events: i64,
    odd: i64,
    created_at: Instant,
    version: i64,
}

const COLUMNS: &str = "id, expert_id, kind, name, sealed, host, mark, next_at, failures, read_at, failed_at, \
     fault, events, odd, created_at, version";

impl From<Row> for Import {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            expert_id: row.expert_id.into(),
            kind: row.kind,
            name: row.name,
            sealed: row.sealed,
            host: row.host,
            mark: row.mark,
            next_at: row.next_at,
            failures: row.failures,
            read_at: row.read_at,
            failed_at: row.failed_at,
            fault: row.fault,
            events: row.events,
            odd: row.odd,
            created_at: row.created_at,
            version: row.version,
        }
    }
}

/// A booking on which busy time of a calendar falls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    pub import_id: ImportId,
    pub booking_id: BookingId,
    pub code: String,
    pub client_name: String,
    pub starts_at: Instant,
    pub ends_at: Instant,
}

impl Store {
    /// The calendars of an expert, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn imports(&self, expert: UserId) -> Result<Vec<Import>, StoreError> {
        let rows: Vec<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!(
                "SELECT {COLUMNS} FROM calendar_imports WHERE expert_id = $1 ORDER BY id"
            ))
            .bind(expert.uuid())
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(Import::from).collect())
    }

    /// One calendar of this expert.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn import(&self, expert: UserId, id: ImportId) -> Result<Option<Import>, StoreError> {
        let row: Option<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!(
                "SELECT {COLUMNS} FROM calendar_imports WHERE id = $1 AND expert_id = $2"
            ))
            .bind(id.uuid())
            .bind(expert.uuid())
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(Import::from))
    }

    /// Adds a calendar; `false` when its expert has as many as one may have.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_import(&self, import: &Import) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let added = on_tx!(&mut tx, |c| {
            // Two at once count one after the other.
            sqlx::query::<DB>(formatcp!(
                "SELECT user_id FROM experts WHERE user_id = $1 {}",
                <DB as Dialect>::FOR_UPDATE
            ))
            .bind(import.expert_id.uuid())
            .fetch_optional(&mut *c)
            .await?;
            sqlx::query::<DB>(formatcp!(
                "INSERT INTO calendar_imports ({COLUMNS}) \
                 SELECT $1, $2, $3, $4, $5, $6, NULL, $7, 0, NULL, NULL, NULL, 0, 0, $8, 1 \
                 WHERE (SELECT COUNT(*) FROM calendar_imports WHERE expert_id = $2) < {MOST_IMPORTS}"
            ))
            .bind(import.id.uuid())
            .bind(import.expert_id.uuid())
            .bind(&import.kind)
            .bind(&import.name)
            .bind(&import.sealed)
            .bind(&import.host)
            .bind(import.next_at)
            .bind(import.created_at)
            .execute(&mut *c)
            .await?
            .rows_affected()
        });
        tx.commit().await?;
        Ok(added == 1)
    }

    /// Removes a calendar and the busy time in it; `false` when this expert has none with that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_import(&self, expert: UserId, id: ImportId) -> Result<bool, StoreError> {
        on_write!(self, |pool| {
            let done =
                sqlx::query::<DB>("DELETE FROM calendar_imports WHERE id = $1 AND expert_id = $2")
                    .bind(id.uuid())
                    .bind(expert.uuid())
                    .execute(pool)
                    .await?;
            Ok(done.rows_affected() == 1)
        })
    }

    /// Has a calendar read as soon as somebody has time; `false` when this expert has none with that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hasten_import(
        &self,
        expert: UserId,
        id: ImportId,
        now: Instant,
    ) -> Result<bool, StoreError> {
        on_write!(self, |pool| {
            let done = sqlx::query::<DB>(
                "UPDATE calendar_imports SET next_at = $3 WHERE id = $1 AND expert_id = $2",
            )
            .bind(id.uuid())
            .bind(expert.uuid())
            .bind(now)
            .execute(pool)
            .await?;
            Ok(done.rows_affected() == 1)
        })
    }

    /// When the next calendar is to be read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_import(&self) -> Result<Option<Instant>, StoreError> {
        let row: Option<(Instant,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>("SELECT next_at FROM calendar_imports ORDER BY next_at LIMIT 1")
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(|(at,)| at))
    }

    /// Takes at most `most` calendars that are due, and keeps others off them until `until`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_imports(
        &self,
        now: Instant,
        until: Instant,
        most: i64,
    ) -> Result<Vec<Import>, StoreError> {
        let due: Vec<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!(
                "SELECT {COLUMNS} FROM calendar_imports WHERE next_at <= $1 ORDER BY next_at LIMIT $2"
            ))
            .bind(now)
            .bind(most)
            .fetch_all(pool)
            .await?
        });
        let mut claimed = Vec::new();
        for row in due {
            let mine = on_write!(self, |pool| {
                sqlx::query::<DB>(
                    "UPDATE calendar_imports SET next_at = $3 WHERE id = $1 AND next_at = $2",
                )
                .bind(row.id)
                .bind(row.next_at)
                .bind(until)
                .execute(pool)
                .await?
                .rows_affected()
            });
            if mine == 1 {
                let mut import = Import::from(row);
                import.next_at = until;
                claimed.push(import);
            }
        }
        Ok(claimed)
    }

    /// Which of these bookings are an expert's own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn own_bookings(
        &self,
        expert: UserId,
        ids: Vec<BookingId>,
    ) -> Result<Vec<BookingId>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT id FROM bookings WHERE expert_id = $2 AND id {}",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids.iter().map(|id| id.uuid()).collect()))
            .bind(expert.uuid())
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(|(id,)| id.into()).collect())
    }

    /// Bookings ahead on which busy time of an expert's calendars falls, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn calendar_conflicts(
        &self,
        expert: UserId,
        now: Instant,
    ) -> Result<Vec<Conflict>, StoreError> {
        type Row = (Uuid, Uuid, String, String, Instant, Instant);
        let rows: Vec<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT f.import_id, b.id, b.code, c.name, b.starts_at, b.ends_at \
                 FROM calendar_imports i JOIN calendar_conflicts f ON f.import_id = i.id \
                   JOIN bookings b ON b.id = f.booking_id AND b.starts_at = f.starts_at \
                   JOIN users c ON c.id = b.client_id \
                 WHERE i.expert_id = $1 AND b.ends_at > $2 \
                   AND b.status IN ('pending', 'confirmed', 'in_progress') \
                 ORDER BY b.starts_at, b.id LIMIT 200",
            )
            .bind(expert.uuid())
            .bind(now)
            .fetch_all(pool)
            .await?
        });
        let conflicts = rows.into_iter().map(
            |(import_id, booking_id, code, client_name, starts_at, ends_at)| Conflict {
                import_id: import_id.into(),
                booking_id: booking_id.into(),
                code,
                client_name,
                starts_at,
                ends_at,
            },
        );
        Ok(conflicts.collect())
    }
}

/// The stretches that are kept of a calendar, in order.
async fn kept(tx: &mut Tx, id: ImportId) -> Result<Vec<(Instant, Instant)>, StoreError> {
    on_tx!(tx, |c| {
        Ok(sqlx::query_as::<DB, (Instant, Instant)>(
            "SELECT starts_at, ends_at FROM imported_busy WHERE import_id = $1 ORDER BY starts_at",
        )
        .bind(id.uuid())
        .fetch_all(&mut *c)
        .await?)
    })
}
