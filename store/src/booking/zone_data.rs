//! Holding open bookings against newer rules of their zones.
//!
//! A row says by which release of the zone database its clock time was reckoned, so any number of nodes of any age may
//! look, be cut off anywhere and look again: a row is compared once with each newer release, and an older node leaves
//! it alone.

use belfry_domain::Instant;
use belfry_domain::booking::{Actor, Booking};
use belfry_domain::event::{Event, EventType, Told};
use belfry_domain::wall;
use const_format::formatcp;
use serde_json::{Value, json};
use sqlx::FromRow;
use uuid::Uuid;

use super::by_ids;
use super::history::{self, Step};
use crate::db::{Dialect, IdList};
use crate::{Store, StoreError, Tx, event};

/// What a batch of bookings came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recheck {
    /// Bookings that were held against the rules.
    pub compared: u64,
    /// Those whose clock shows another time than it was said to show.
    pub moved: u64,
}

/// A booking that was reckoned by an older release.
#[derive(FromRow)]
struct OlderRow {
    id: Uuid,
    wall_start: String,
}

/// A booking whose clock has moved, before and after, and what changed in the words of its history.
struct Moved {
    before: Booking,
    after: Booking,
    changes: Value,
}

impl Store {
    /// Whether there are open bookings that were reckoned by an older release than `zone_data`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_older_clocks(&self, zone_data: &str) -> Result<bool, StoreError> {
        let found: Option<i64> = on_read!(self, |pool| sqlx::query_scalar::<DB, i64>(
            "SELECT CAST(1 AS BIGINT) FROM bookings
             WHERE status IN ('pending', 'confirmed', 'in_progress') AND zone_data < $1 LIMIT 1"
        )
        .bind(zone_data)
        .fetch_optional(pool)
        .await?);
        Ok(found.is_some())
    }

    /// Holds at most `batch` open bookings that were reckoned by an older release against this build's, which is
    /// `zone_data`. One that is ahead and whose clock now shows another time is marked, with its history and its
    /// event; one that is being changed at this moment is passed over.
    ///
    /// # Errors
    /// When the database fails; then nothing was marked.
    pub async fn recheck_clocks(
        &self,
        zone_data: &str,
        now: Instant,
        batch: i64,
    ) -> Result<Recheck, StoreError> {
        let mut tx = self.begin().await?;
        let older = claim(&mut tx, zone_data, batch).await?;
        if older.is_empty() {
            return Ok(Recheck::default());
        }
        let ids: Vec<Uuid> = older.iter().map(|row| row.id).collect();
        let bookings = by_ids(&mut tx, ids.clone()).await?;
        let moved: Vec<Moved> = bookings
            .into_iter()
            .filter(|booking| booking.starts_at > now)
            .filter_map(|before| {
                let row = older.iter().find(|row| row.id == before.id.uuid())?;
                moved(before, &row.wall_start, now)
            })
            .collect();
        write(&mut tx, &moved, now).await?;
        on_tx!(&mut tx, |connection| sqlx::query::<DB>(formatcp!(
            "UPDATE bookings SET zone_data = $2 WHERE id {}",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(IdList(ids))
        .bind(zone_data)
        .execute(&mut *connection)
        .await?
        .rows_affected());
        tx.commit().await?;
        Ok(Recheck {
            compared: older.len() as u64,
            moved: moved.len() as u64,
        })
    }
}

async fn claim(tx: &mut Tx, zone_data: &str, batch: i64) -> Result<Vec<OlderRow>, StoreError> {
    Ok(on_tx!(tx, |connection| sqlx::query_as::<DB, OlderRow>(
        formatcp!(
            "SELECT id, wall_start FROM bookings
             WHERE status IN ('pending', 'confirmed', 'in_progress') AND zone_data < $1
             ORDER BY zone_data LIMIT $2 {}",
            <DB as Dialect>::SKIP_LOCKED
        )
    )
    .bind(zone_data)
    .bind(batch)
    .fetch_all(&mut *connection)
    .await?))
}

/// What becomes of a booking whose clock was said to show `said`, if that is not what it shows.
fn moved(before: Booking, said: &str, now: Instant) -> Option<Moved> {
    let read = wall::read(said);
    let said_at = read
        .inspect_err(|error| {
            // Nothing can be told of it; the instant is what counts.
            tracing::error!(booking = %before.id, said, %error, "no clock time");
        })
        .ok()?;
    let mut after = before.held_against_its_clock(said_at)?;
    after.version += 1;
    after.updated_at = now;
    let changes =
        json!({ "wall_start": { "from": said, "to": wall::written(after.wall_start()) } });
    Some(Moved {
        before,
        after,
        changes,
    })
}

async fn write(tx: &mut Tx, moved: &[Moved], now: Instant) -> Result<(), StoreError> {
    if moved.is_empty() {
        return Ok(());
    }
    for Moved { after, .. } in moved {
        on_tx!(tx, |connection| {
            sqlx::query::<DB>(
            "UPDATE bookings SET wall_start = $2, promised_start = $3, version = $4, updated_at = $5
             WHERE id = $1"
        )
        .bind(after.id.uuid())
        .bind(wall::written(after.wall_start()))
        .bind(after.promised_start.map(wall::written))
        .bind(after.version)
        .bind(after.updated_at)
        .execute(&mut *connection)
        .await?
        .rows_affected()
        });
    }
    let told = Told::by(Actor::system());
    let events: Vec<Event> = moved
        .iter()
        .map(|one| Event::of_booking(EventType::BookingClockMoved, &one.after, told.clone(), now))
        .collect();
    let steps: Vec<Step<'_>> = moved
        .iter()
        .zip(&events)
        .map(|(one, event)| Step {
            event,
            told: &told,
            before: Some(one.before.status),
            after: &one.after,
            changes: &one.changes,
        })
        .collect();
    history::insert(tx, &steps).await?;
    event::append(tx, &events).await
}
