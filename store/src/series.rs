//! Series: bookings that are made, answered and called off together (C3.11).

use belfry_domain::Instant;
use belfry_domain::booking::{Booking, BookingError, Party};
use belfry_domain::event::{Event, EventType, SeriesStep, Told};
use belfry_domain::id::SeriesId;
use belfry_domain::series::{Series, those_that_can};
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::booking::together::{self, Changed};
use crate::booking::{Change, Decided, NewBooking};
use crate::db::Dialect;
use crate::idempotency::{self, IdempotencyKey};
use crate::{Store, StoreError, crash, event};

#[derive(FromRow)]
struct SeriesRow {
    id: Uuid,
    expert_id: Uuid,
    expert_name: String,
    client_id: Uuid,
    client_name: String,
    rule: String,
    time_zone: String,
    starts_at: Instant,
    minutes: i64,
    made: i64,
    created_at: Instant,
}

impl TryFrom<SeriesRow> for Series {
    type Error = StoreError;

    fn try_from(row: SeriesRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            expert: Party {
                id: row.expert_id.into(),
                name: row.expert_name,
            },
            client: Party {
                id: row.client_id.into(),
                name: row.client_name,
            },
            rule: row.rule,
            time_zone: row.time_zone.parse().map_err(StoreError::unreadable)?,
            starts_at: row.starts_at,
            minutes: u16::try_from(row.minutes).map_err(StoreError::unreadable)?,
            made: row.made,
            created_at: row.created_at,
        })
    }
}

/// What each booking of a series came to, as the event of all of them says it.
fn told_of(bookings: &[Booking], told: &Told) -> Told {
    let steps = bookings.iter().map(|booking| SeriesStep {
        booking_id: booking.id,
        version: booking.version,
        sequence: booking.sequence,
        starts_at: booking.starts_at,
        ends_at: booking.ends_at,
    });
    Told {
        together: steps.collect(),
        ..told.clone()
    }
}

impl Store {
    /// Makes all bookings of a series in one transaction, and tells of them once, or does nothing at all.
    ///
    /// # Errors
    /// When the database fails. Inside: `SlotTaken`, `ClientBusy`, or `NotOffered` for a full cap, of any of them.
    pub async fn insert_series(
        &self,
        series: &Series,
        news: &[NewBooking],
        key: Option<&IdempotencyKey>,
    ) -> Decided<Vec<Booking>> {
        // PostgreSQL may end one of two crossing writers; the other is through by the second try.
        match self.try_insert_series(series, news, key).await {
            Err(error) if error.is_retryable() => self.try_insert_series(series, news, key).await,
            other => other,
        }
    }

    async fn try_insert_series(
        &self,
        series: &Series,
        news: &[NewBooking],
        key: Option<&IdempotencyKey>,
    ) -> Decided<Vec<Booking>> {
        let mut tx = self.begin().await?;
        on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(
                "INSERT INTO series (id, expert_id, client_id, rule, time_zone, starts_at, minutes, made, version, \
                   created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(series.id.uuid())
            .bind(series.expert.id.uuid())
            .bind(series.client.id.uuid())
            .bind(&series.rule)
            .bind(series.time_zone.name())
            .bind(series.starts_at)
            .bind(i64::from(series.minutes))
            .bind(series.made)
            .bind(1_i64)
            .bind(series.created_at)
            .execute(&mut *c)
            .await?;
        });
        let made = match together::make(&mut tx, news).await? {
            Ok(made) => made,
            Err(refused) => return Ok(Err(refused)),
        };
        let (Some(first), Some(new)) = (made.first(), news.first()) else {
            return Ok(Err(BookingError::NotFound));
        };
        let told = told_of(&made, &new.told);
        let event = Event::of_booking(EventType::BookingCreated, first, told, series.created_at);
        event::append(&mut tx, &[event]).await?;
        if let Some(key) = key {
            idempotency::made(&mut tx, key, series.id.uuid()).await?;
        }
        crash::point("series.making");
        tx.commit().await?;
        crash::point("series.made");
        Ok(Ok(made))
    }

    /// The series with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn series(&self, id: SeriesId) -> Result<Option<Series>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, SeriesRow>(
                "SELECT s.id, s.expert_id, e.name AS expert_name, s.client_id, c.name AS client_name, s.rule, \
                   s.time_zone, s.starts_at, s.minutes, s.made, s.created_at \
                 FROM series s JOIN users e ON e.id = s.expert_id JOIN users c ON c.id = s.client_id WHERE s.id = $1",
            )
            .bind(id.uuid())
            .fetch_optional(pool)
            .await?
            .map(Series::try_from)
            .transpose()
        })
    }

    /// Lets `decide` judge each booking of a series from the one with this number on, and writes what it decided for
    /// those that it may be done to, under all their locks, told once. Answers those that were changed.
    ///
    /// # Errors
    /// When the database fails. Inside: what `decide` refuses, when it refuses all of them; `NotFound`.
    pub async fn change_series(
        &self,
        id: SeriesId,
        from: i64,
        decide: impl Fn(&Booking) -> Result<Change, BookingError>,
        now: Instant,
    ) -> Decided<Vec<Booking>> {
        match self.try_change_series(id, from, &decide, now).await {
            Err(error) if error.is_retryable() => {
                self.try_change_series(id, from, &decide, now).await
            }
            other => other,
        }
    }

    async fn try_change_series(
        &self,
        id: SeriesId,
        from: i64,
        decide: &impl Fn(&Booking) -> Result<Change, BookingError>,
        now: Instant,
    ) -> Decided<Vec<Booking>> {
        let mut tx = self.begin().await?;
        let ids: Vec<(Uuid,)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT id FROM bookings WHERE series_id = $1 AND series_number >= $2 ORDER BY id {}",
                <DB as Dialect>::FOR_UPDATE
            ))
            .bind(id.uuid())
            .bind(from)
            .fetch_all(&mut *c)
            .await?
        });
        let ids = ids.into_iter().map(|(id,)| id).collect();
        let mut bookings = crate::booking::by_ids(&mut tx, ids).await?;
        bookings.sort_by_key(|booking| booking.series.map(|place| place.number));
        let changes = match those_that_can(&bookings, decide) {
            Ok(changes) => changes,
            Err(refused) => return Ok(Err(refused)),
        };
        let changed = together::change(&mut tx, changes, now).await?;
        let after: Vec<Booking> = changed.iter().map(|one| one.after.clone()).collect();
        let Some(Changed {
            after: first,
            change,
            ..
        }) = changed.first()
        else {
            return Ok(Err(BookingError::NotFound));
        };
        // One alone is told of as any booking is.
        let told = match after.len() {
            1 => change.told.clone(),
            _ => told_of(&after, &change.told),
        };
        let event = Event::of_booking(change.event, first, told, now);
        event::append(&mut tx, &[event]).await?;
        crash::point("series.changing");
        tx.commit().await?;
        crash::point("series.changed");
        Ok(Ok(after))
    }

    /// Bookings of a series, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bookings_of_series(&self, id: SeriesId) -> Result<Vec<Booking>, StoreError> {
        let mut tx = self.begin().await?;
        let ids: Vec<(Uuid,)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>("SELECT id FROM bookings WHERE series_id = $1")
                .bind(id.uuid())
                .fetch_all(&mut *c)
                .await?
        });
        let ids = ids.into_iter().map(|(id,)| id).collect();
        let mut bookings = crate::booking::by_ids(&mut tx, ids).await?;
        tx.rollback().await?;
        bookings.sort_by_key(|booking| booking.series.map(|place| place.number));
        Ok(bookings)
    }
}
