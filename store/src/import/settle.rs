//! What becomes of a reading: new busy time in place of the old, in one transaction with the conflicts that it
//! brings and the events that tell of them.

use std::collections::BTreeSet;

use belfry_domain::Instant;
use belfry_domain::booking::Actor;
use belfry_domain::event::{Event, EventType, Told};
use uuid::Uuid;

use super::{Import, kept};
use crate::booking::by_ids;
use crate::db::Dialect;
use crate::rows::Rows;
use crate::{Store, StoreError, Tx, event};
use const_format::formatcp;

/// Rows of a statement.
const AT_ONCE: usize = 1000;

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Read {
    /// The server says that nothing has changed.
    Unchanged,
    /// This.
    Found {
        /// In order and apart.
        busy: Vec<(Instant, Instant)>,
        mark: Option<String>,
        events: i64,
        odd: i64,
    },
    /// Nothing, for this reason; what was read before stays.
    Failed(&'static str),
}

/// What a reading changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Settled {
    /// Whether free time is different now.
    pub changed: bool,
    /// Bookings that were found to be in the way, of which the expert is told.
    pub conflicts: u64,
}

impl Store {
    /// Keeps what a reading of a claimed calendar found. It is read again at `next_at`, or at once if somebody wished
    /// so meanwhile. One that was removed meanwhile stays removed.
    ///
    /// # Errors
    /// When the database fails; then nothing is kept.
    pub async fn settle_import(
        &self,
        import: &Import,
        read: &Read,
        next_at: Instant,
        now: Instant,
    ) -> Result<Settled, StoreError> {
        let mut tx = self.begin().await?;
        if !is_there(&mut tx, import).await? {
            return Ok(Settled::default());
        }
        note(&mut tx, import, read, next_at, now).await?;
        let mut settled = Settled::default();
        if let Read::Found { busy, .. } = read {
            settled.changed = replace(&mut tx, import, busy).await?;
            settled.conflicts = find_conflicts(&mut tx, import, now).await?;
        }
        tx.commit().await?;
        Ok(settled)
    }
}

/// Whether the calendar is still there; from here on it stays until the transaction ends.
async fn is_there(tx: &mut Tx, import: &Import) -> Result<bool, StoreError> {
    let found: Option<(Uuid,)> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(formatcp!(
            "SELECT id FROM calendar_imports WHERE id = $1 {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(import.id.uuid())
        .fetch_optional(&mut *c)
        .await?
    });
    Ok(found.is_some())
}

async fn note(
    tx: &mut Tx,
    import: &Import,
    read: &Read,
    next_at: Instant,
    now: Instant,
) -> Result<(), StoreError> {
    const WHEN: &str =
        "next_at = CASE WHEN next_at = $2 THEN $3 ELSE next_at END, version = version + 1";
    on_tx!(tx, |c| {
        let sql = match read {
            Read::Unchanged => formatcp!(
                "UPDATE calendar_imports SET {WHEN}, read_at = $4, failures = 0, fault = NULL WHERE id = $1"
            ),
            Read::Found { .. } => formatcp!(
                "UPDATE calendar_imports SET {WHEN}, read_at = $4, failures = 0, fault = NULL, mark = $5, \
                   events = $6, odd = $7 WHERE id = $1"
            ),
            Read::Failed(_) => formatcp!(
                "UPDATE calendar_imports SET {WHEN}, failed_at = $4, failures = failures + 1, fault = $5 \
                 WHERE id = $1"
            ),
        };
        let query = sqlx::query::<DB>(sql)
            .bind(import.id.uuid())
            .bind(import.next_at)
            .bind(next_at)
            .bind(now);
        let query = match read {
            Read::Unchanged => query,
            Read::Found {
                mark, events, odd, ..
            } => query.bind(mark.as_deref()).bind(*events).bind(*odd),
            Read::Failed(fault) => query.bind(*fault),
        };
        query.execute(&mut *c).await?;
    });
    Ok(())
}

/// Puts new busy time in place of the old; whether it is different.
async fn replace(
    tx: &mut Tx,
    import: &Import,
    busy: &[(Instant, Instant)],
) -> Result<bool, StoreError> {
    if kept(tx, import.id).await? == busy {
        return Ok(false);
    }
    on_tx!(tx, |c| {
        sqlx::query::<DB>("DELETE FROM imported_busy WHERE import_id = $1")
            .bind(import.id.uuid())
            .execute(&mut *c)
            .await?;
    });
    for part in busy.chunks(AT_ONCE) {
        Rows::into("imported_busy")
            .ids("import_id", part.iter().map(|_| import.id.uuid()))
            .ids("expert_id", part.iter().map(|_| import.expert_id.uuid()))
            .instants("starts_at", part.iter().map(|(starts_at, _)| *starts_at))
            .instants("ends_at", part.iter().map(|(_, ends_at)| *ends_at))
            .insert(tx)
            .await?;
    }
    Ok(true)
}

/// Holds the open bookings against the busy time. Those it falls on stay as they are; the expert is told of each
/// that was not known yet.
async fn find_conflicts(tx: &mut Tx, import: &Import, now: Instant) -> Result<u64, StoreError> {
    type Met = (Uuid, Instant);
    let (met, known): (Vec<Met>, Vec<Met>) = on_tx!(tx, |c| {
        let met = sqlx::query_as::<DB, Met>(
            "SELECT DISTINCT b.id, b.starts_at FROM bookings b JOIN imported_busy o \
               ON o.import_id = $1 AND o.starts_at < b.ends_at AND o.ends_at > b.starts_at \
             WHERE b.expert_id = $2 AND b.ends_at > $3 \
               AND b.status IN ('pending', 'confirmed', 'in_progress')",
        )
        .bind(import.id.uuid())
        .bind(import.expert_id.uuid())
        .bind(now)
        .fetch_all(&mut *c)
        .await?;
        let known = sqlx::query_as::<DB, Met>(
            "SELECT booking_id, starts_at FROM calendar_conflicts WHERE import_id = $1",
        )
        .bind(import.id.uuid())
        .fetch_all(&mut *c)
        .await?;
        Ok::<_, StoreError>((met, known))
    })?;
    let met: BTreeSet<Met> = met.into_iter().collect();
    let known: BTreeSet<Met> = known.into_iter().collect();
    for (booking, starts_at) in known.difference(&met) {
        on_tx!(tx, |c| {
            sqlx::query::<DB>(
                "DELETE FROM calendar_conflicts WHERE import_id = $1 AND booking_id = $2 AND starts_at = $3",
            )
            .bind(import.id.uuid())
            .bind(booking)
            .bind(starts_at)
            .execute(&mut *c)
            .await?;
        });
    }
    let fresh: Vec<Met> = met.difference(&known).copied().collect();
    for part in fresh.chunks(AT_ONCE) {
        Rows::into("calendar_conflicts")
            .ids("import_id", part.iter().map(|_| import.id.uuid()))
            .ids("booking_id", part.iter().map(|(id, _)| *id))
            .instants("starts_at", part.iter().map(|(_, starts_at)| *starts_at))
            .instants("found_at", part.iter().map(|_| now))
            .insert(tx)
            .await?;
        let bookings = by_ids(tx, part.iter().map(|(id, _)| *id).collect()).await?;
        let events: Vec<Event> = bookings
            .iter()
            .map(|booking| {
                let told = Told {
                    reason: Some(import.name.clone()),
                    ..Told::by(Actor::system())
                };
                Event::of_booking(EventType::CalendarConflict, booking, told, now)
            })
            .collect();
        event::append(tx, &events).await?;
    }
    Ok(fresh.len() as u64)
}
