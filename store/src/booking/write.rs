//! Changing bookings. Each change is one transaction: the booking, its history, its event, the time it
//! takes or gives back, its reminders, and the idempotency key it answers to.

use belfry_domain::Instant;
use belfry_domain::booking::{Actor, Booking, BookingError, Review, Status};
use belfry_domain::event::{Event, EventType, Told};
use belfry_domain::id::{BookingId, HoldId, UserId};
use belfry_domain::wall::{self, ZONE_DATA};
use const_format::formatcp;
use serde_json::Value;

use super::history::{self, Step};
use super::{BookingRow, SELECT};
use crate::db::Dialect;
use crate::idempotency::{self, IdempotencyKey};
use crate::{
    Store, StoreError, Tx, crash, event, group_session, occupancy, queue, reminder, waiting,
};

/// What a command came to: done, or refused by a rule or by the database's own guard.
pub type Decided<T> = Result<Result<T, BookingError>, StoreError>;

/// At most this many bookings may start within a stretch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cap {
    pub from: Instant,
    pub until: Instant,
    pub most: i64,
    /// The code of the refusal when it is full.
    pub reason: &'static str,
}

/// A change of a booking, as a rule decided it.
#[derive(Clone, Debug)]
pub struct Change {
    /// As it will be, with its version still the old one.
    pub after: Booking,
    pub event: EventType,
    pub told: Told,
    /// What changed besides the status, for the history: `{name: {from, to}}`.
    pub changes: Value,
    /// For a move to another time: the expert's new stretch, buffers inside.
    pub stretch: Option<(Instant, Instant)>,
    /// The client's holds that a move replaces.
    pub holds: Vec<HoldId>,
    /// Those of them that are offers from a waiting list, which the move takes up.
    pub offers: Vec<HoldId>,
    pub caps: Vec<Cap>,
    pub reminder_offsets: Vec<i64>,
}

impl Change {
    /// A change that leaves the time as it is.
    pub fn of(after: Booking, event: EventType, told: Told) -> Self {
        Self {
            after,
            event,
            told,
            changes: Value::Null,
            stretch: None,
            holds: Vec::new(),
            offers: Vec::new(),
            caps: Vec::new(),
            reminder_offsets: Vec::new(),
        }
    }
}

impl Store {
    /// Reads a booking, lets `decide` judge it, and writes what it decided, all under the booking's lock.
    /// `expected` is the version the caller has seen, if it cares.
    ///
    /// # Errors
    /// When the database fails. Inside: what `decide` refuses, `NotFound`, `Stale`, and for moves `SlotTaken`
    /// and `ClientBusy`.
    pub async fn change_booking(
        &self,
        id: BookingId,
        expected: Option<i64>,
        decide: impl Fn(&Booking) -> Result<Change, BookingError>,
        now: Instant,
    ) -> Decided<Booking> {
        match self.try_change_booking(id, expected, &decide, now).await {
            Err(error) if error.is_retryable() => {
                self.try_change_booking(id, expected, &decide, now).await
            }
            other => other,
        }
    }

    async fn try_change_booking(
        &self,
        id: BookingId,
        expected: Option<i64>,
        decide: &impl Fn(&Booking) -> Result<Change, BookingError>,
        now: Instant,
    ) -> Decided<Booking> {
        let mut tx = self.begin().await?;
        let Some(before) = lock(&mut tx, id).await? else {
            return Ok(Err(BookingError::NotFound));
        };
        if expected.is_some_and(|version| version != before.version) {
            return Ok(Err(BookingError::Stale));
        }
        let change = match decide(&before) {
            Ok(change) => change,
            Err(refused) => return Ok(Err(refused)),
        };
        let written = write(&mut tx, &before, &change, now).await?;
        if written.is_ok() {
            crash::point("change.before_commit");
            tx.commit().await?;
            crash::point("change.committed");
        }
        Ok(written)
    }

    /// Adds the one review of a completed booking and lets the expert's rating follow.
    ///
    /// # Errors
    /// When the database fails. Inside: what `decide` refuses, `NotFound`, `AlreadyReviewed`.
    pub async fn review_booking(
        &self,
        id: BookingId,
        review: &Review,
        decide: impl Fn(&Booking) -> Result<Told, BookingError>,
        key: Option<&IdempotencyKey>,
    ) -> Decided<Booking> {
        let mut tx = self.begin().await?;
        let Some(before) = lock(&mut tx, id).await? else {
            return Ok(Err(BookingError::NotFound));
        };
        let told = match decide(&before) {
            Ok(told) => told,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut after = before.clone();
        after.version += 1;
        after.updated_at = review.created_at;
        after.review = Some(review.clone());
        let first = on_tx!(&mut tx, |c| {
            let done = sqlx::query::<DB>(
                "INSERT INTO reviews (booking_id, expert_id, client_id, stars, text, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (booking_id) DO NOTHING",
            )
            .bind(id.uuid())
            .bind(after.expert.id.uuid())
            .bind(after.client.id.uuid())
            .bind(review.stars)
            .bind(&review.text)
            .bind(review.created_at)
            .execute(&mut *c)
            .await?;
            sqlx::query::<DB>(
                "UPDATE experts SET stars_sum = stars_sum + $2, review_count = review_count + 1 \
                 WHERE user_id = $1",
            )
            .bind(after.expert.id.uuid())
            .bind(review.stars)
            .execute(&mut *c)
            .await?;
            done.rows_affected() == 1
        });
        if !first {
            return Ok(Err(BookingError::AlreadyReviewed));
        }
        update_row(&mut tx, &after).await?;
        let kind = EventType::BookingReviewed;
        let event = Event::of_booking(kind, &after, told.clone(), review.created_at);
        let step = Step {
            event: &event,
            told: &told,
            before: Some(before.status),
            after: &after,
            changes: &Value::Null,
        };
        history::insert(&mut tx, &[step]).await?;
        event::append(&mut tx, &[event]).await?;
        if let Some(key) = key {
            idempotency::made(&mut tx, key, id.uuid()).await?;
        }
        tx.commit().await?;
        Ok(Ok(after))
    }
}

/// Writes a change of a booking that is locked, with everything that follows from it.
pub(crate) async fn write(
    tx: &mut Tx,
    before: &Booking,
    change: &Change,
    now: Instant,
) -> Decided<Booking> {
    let id = before.id;
    let mut after = change.after.clone();
    after.version = before.version + 1;
    after.updated_at = now;
    if let Some(stretch) = change.stretch {
        let expert = after.expert.id;
        let client = after.client.id;
        let caps = &change.caps;
        if let Some(refused) = exceeded(tx, expert, caps, Some(id), client, now).await? {
            return Ok(Err(refused));
        }
        waiting::take_up(tx, &change.offers, id, &change.told.actor, now).await?;
        give_back(tx, id, &change.told.actor, now).await?;
        for hold in &change.holds {
            occupancy::drop_hold(tx, *hold, after.client.id).await?;
        }
        for (side, refused) in occupancy::both_sides(&after, stretch) {
            if !occupancy::take(tx, &side, now).await? {
                return Ok(Err(refused));
            }
        }
        let offsets = change.reminder_offsets.as_slice();
        let promised = (id, after.starts_at, offsets, now);
        reminder::plan(tx, std::iter::once(promised)).await?;
    } else if before.status.is_open() && !after.status.is_open() {
        give_back(tx, id, &change.told.actor, now).await?;
        let called_off = matches!(after.status, Status::Cancelled | Status::Rejected);
        if let Some(session) = after.session.as_ref().filter(|_| called_off) {
            group_session::give_back(tx, session.id.uuid()).await?;
        }
    }
    update_row(tx, &after).await?;
    let event = Event::of_booking(change.event, &after, change.told.clone(), now);
    let step = Step {
        event: &event,
        told: &change.told,
        before: Some(before.status),
        after: &after,
        changes: &change.changes,
    };
    history::insert(tx, &[step]).await?;
    event::append(tx, &[event]).await?;
    Ok(Ok(after))
}

/// Gives back what a booking had that is over or moves: its time, its reminders, and its client's place in a line, who
/// waits there for nothing any more.
pub(super) async fn give_back(
    tx: &mut Tx,
    id: BookingId,
    actor: &Actor,
    now: Instant,
) -> Result<(), StoreError> {
    occupancy::free(tx, std::iter::once(id.uuid())).await?;
    reminder::drop_unissued(tx, id).await?;
    queue::dismiss(tx, id, actor, now).await
}

pub(crate) async fn lock(tx: &mut Tx, id: BookingId) -> Result<Option<Booking>, StoreError> {
    on_tx!(tx, |c| {
        // The row is locked alone: the outer-joined review cannot be. A seat's session comes before it, as everywhere;
        // PostgreSQL locks what a query of its own finds before the row whose condition that query is.
        sqlx::query::<DB>(formatcp!(
            "WITH session AS (SELECT id FROM group_sessions \
               WHERE id = (SELECT session_id FROM bookings WHERE id = $1) {lock}) \
             SELECT id FROM bookings WHERE id = $1 AND (SELECT COUNT(*) FROM session) < 2 {lock}",
            lock = <DB as Dialect>::FOR_UPDATE
        ))
        .bind(id.uuid())
        .fetch_optional(&mut *c)
        .await?;
        sqlx::query_as::<DB, BookingRow>(formatcp!("{SELECT} WHERE b.id = $1"))
            .bind(id.uuid())
            .fetch_optional(&mut *c)
            .await?
            .map(Booking::try_from)
            .transpose()
    })
}

/// Checks caps under the expert's lock, so that two bookings cannot both be the last. What is offered to others from
/// a waiting list counts, because it is promised; `own` are whose offers do not.
pub(crate) async fn exceeded(
    tx: &mut Tx,
    expert: UserId,
    caps: &[Cap],
    moved: Option<BookingId>,
    own: UserId,
    now: Instant,
) -> Result<Option<BookingError>, StoreError> {
    if caps.is_empty() {
        return Ok(None);
    }
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "SELECT user_id FROM experts WHERE user_id = $1 {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(expert.uuid())
        .fetch_optional(&mut *c)
        .await?;
        for cap in caps {
            let (count,): (i64,) = sqlx::query_as::<DB, _>(
                "SELECT (SELECT COUNT(*) FROM bookings WHERE expert_id = $1 AND starts_at >= $2 AND starts_at < $3 \
                   AND status NOT IN ('cancelled', 'rejected') AND session_id IS NULL \
                   AND ($4 IS NULL OR id <> $4)) \
                 + (SELECT COUNT(*) FROM holds WHERE expert_id = $1 AND starts_at >= $2 AND starts_at < $3 \
                   AND waiting_id IS NOT NULL AND session_id IS NULL AND client_id <> $5 AND expires_at > $6)",
            )
            .bind(expert.uuid())
            .bind(cap.from)
            .bind(cap.until)
            .bind(moved.map(BookingId::uuid))
            .bind(own.uuid())
            .bind(now)
            .fetch_one(&mut *c)
            .await?;
            if count >= cap.most {
                return Ok(Some(BookingError::NotOffered(cap.reason)));
            }
        }
    });
    Ok(None)
}

pub(super) async fn update_row(tx: &mut Tx, booking: &Booking) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            // What was said of the clock stays with the instant it was said of.
            "UPDATE bookings SET status = $2, starts_at = $3, ends_at = $4, mode = $5, \
             place = $6, link = $7, note = $8, reason = $9, sequence = $10, version = $11, updated_at = $12, \
             confirmed_at = $13, promised_start = $14, \
             wall_start = CASE WHEN starts_at = $3 THEN wall_start ELSE $15 END, \
             zone_data = CASE WHEN starts_at = $3 THEN zone_data ELSE $16 END WHERE id = $1",
        )
        .bind(booking.id.uuid())
        .bind(booking.status.as_str())
        .bind(booking.starts_at)
        .bind(booking.ends_at)
        .bind(booking.mode.as_str())
        .bind(&booking.place)
        .bind(&booking.link)
        .bind(&booking.note)
        .bind(&booking.reason)
        .bind(booking.sequence)
        .bind(booking.version)
        .bind(booking.updated_at)
        .bind(booking.confirmed_at)
        .bind(booking.promised_start.map(wall::written))
        .bind(wall::written(booking.wall_start()))
        .bind(ZONE_DATA)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}
