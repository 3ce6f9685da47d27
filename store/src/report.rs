//! Figures over time: the weekly roll-up, and what the first page of the console counts (C5.5, C6.1).

use std::collections::BTreeSet;

use belfry_domain::Instant;
use belfry_domain::id::{BranchId, UserId, uuid_floor};
use belfry_domain::wall;
use chrono::{DateTime, Days, NaiveDate, TimeDelta};
use const_format::formatcp;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::Dialect;
use crate::{Store, StoreError};

/// Where it is kept up to when the changes of bookings are in the roll-up.
const THROUGH: &str = "weekly_bookings.through";
/// A change that was made before may still have been on its way when it was looked for: longer than any transaction
/// takes, and than the nodes' clocks differ.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);
/// Changes read at once.
const BATCH: i64 = 1000;

/// A week of one expert.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct WeekRow {
    /// Its Monday.
    pub week: NaiveDate,
    pub expert_id: Uuid,
    pub expert_name: String,
    pub branch_id: Option<Uuid>,
    pub branch_name: Option<String>,
    pub pending: i64,
    pub confirmed: i64,
    pub in_progress: i64,
    pub rejected: i64,
    pub cancelled: i64,
    pub completed: i64,
    pub missed: i64,
    /// Of those that took the expert's time, or will.
    pub booked_minutes: i64,
}

/// Which weeks are wanted.
#[derive(Clone, Copy, Debug)]
pub struct WeeksWanted {
    /// The first Monday.
    pub from: NaiveDate,
    /// The last Monday.
    pub until: NaiveDate,
    pub branch: Option<BranchId>,
    pub expert: Option<UserId>,
}

/// So many bookings of a status on a date of the experts' clocks.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct DayCount {
    pub day: String,
    pub status: String,
    pub count: i64,
}

/// So many deliveries of a channel and a status in an hour (UTC).
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct HourCount {
    /// `2026-11-26 07`.
    pub hour: String,
    pub channel: String,
    pub status: String,
    pub count: i64,
}

/// How much of an expert's time is booked.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct Booked {
    pub expert_id: Uuid,
    pub expert_name: String,
    pub minutes: i64,
}

#[derive(FromRow)]
struct Changed {
    id: Uuid,
    at: Instant,
    changes: Json<Value>,
    wall_start: String,
    time_zone: String,
}

impl Changed {
    /// The weeks in which the booking is or was. A day to either side costs nothing more in most weeks, and covers a
    /// clock that was changed by a new release of the zone database.
    fn weeks(&self, into: &mut BTreeSet<NaiveDate>) {
        let zone = self.time_zone.parse().unwrap_or(chrono_tz::UTC);
        let now = wall::read(&self.wall_start).ok().map(|shown| shown.date());
        let was = self.changes.0["starts_at"]["from"].as_str();
        let was = was.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let was = was.map(|at| wall::local_date(zone, at.to_utc()));
        for date in [now, was].into_iter().flatten() {
            for near in [
                date.checked_sub_days(Days::new(1)),
                date.checked_add_days(Days::new(1)),
            ] {
                into.extend(near.map(wall::monday_of));
            }
        }
    }
}

impl Store {
    /// Makes every week anew in which a booking changed since the last time, and answers how many those were. It may
    /// be cut off anywhere, repeated, and done by two at once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn roll_up_weeks(&self, now: Instant) -> Result<u64, StoreError> {
        let through = self.setting(THROUGH).await?;
        let through: Option<Instant> = through.and_then(|text| text.parse().ok());
        let mut after = through.map_or(Uuid::nil(), |at| uuid_floor(at - OVERLAP));
        let mut made = 0;
        loop {
            let changed = self.changed_bookings(after).await?;
            let mut weeks = BTreeSet::new();
            for change in &changed {
                change.weeks(&mut weeks);
            }
            for week in &weeks {
                self.roll_up_week(*week).await?;
                made += 1;
            }
            let Some(last) = changed.last() else {
                break;
            };
            after = last.id;
            let whole = changed.len() as i64 == BATCH;
            let reached = if whole { last.at.min(now) } else { now };
            self.put_setting(THROUGH, &reached.to_rfc3339()).await?;
            if !whole {
                break;
            }
        }
        Ok(made)
    }

    async fn changed_bookings(&self, after: Uuid) -> Result<Vec<Changed>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, Changed>(
                "SELECT h.id, h.at, h.changes, b.wall_start, b.time_zone \
                 FROM booking_history h JOIN bookings b ON b.id = h.booking_id \
                 WHERE h.id > $1 ORDER BY h.id LIMIT $2",
            )
            .bind(after)
            .bind(BATCH)
            .fetch_all(pool)
            .await?
        }))
    }

    /// Makes one week anew, the one that begins on this Monday.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn roll_up_week(&self, week: NaiveDate) -> Result<(), StoreError> {
        let next = week.checked_add_days(Days::new(7)).unwrap_or(week);
        // The index is by instant, and no clock is a day and a half off.
        let around = |date: NaiveDate, hours| {
            date.and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::hours(hours)
        };
        let mut tx = self.begin().await?;
        on_tx!(&mut tx, |c| {
            sqlx::query::<DB>("DELETE FROM weekly_bookings WHERE week = $1")
                .bind(week)
                .execute(&mut *c)
                .await?;
            sqlx::query::<DB>(formatcp!(
                "INSERT INTO weekly_bookings (week, expert_id, branch_id, pending, confirmed, in_progress, \
                   rejected, cancelled, completed, missed, booked_minutes) \
                 SELECT $1, b.expert_id, e.branch_id, {counts}, {booked} \
                 FROM bookings b JOIN users e ON e.id = b.expert_id \
                 WHERE b.starts_at >= $2 AND b.starts_at < $3 \
                   AND substr(b.wall_start, 1, 10) >= $4 AND substr(b.wall_start, 1, 10) < $5 \
                 GROUP BY b.expert_id, e.branch_id \
                 ON CONFLICT (week, expert_id) DO UPDATE SET branch_id = excluded.branch_id, \
                   pending = excluded.pending, confirmed = excluded.confirmed, \
                   in_progress = excluded.in_progress, rejected = excluded.rejected, \
                   cancelled = excluded.cancelled, completed = excluded.completed, \
                   missed = excluded.missed, booked_minutes = excluded.booked_minutes",
                counts = COUNTS,
                booked = formatcp!(
                    "CAST(SUM(CASE WHEN b.status IN {TAKING} AND {FIRST_SEAT} THEN {} ELSE 0 END) AS bigint)",
                    <DB as Dialect>::BOOKED_MINUTES
                )
            ))
            .bind(week)
            .bind(around(week, -36))
            .bind(around(next, 36))
            .bind(week.to_string())
            .bind(next.to_string())
            .execute(&mut *c)
            .await?;
        });
        tx.commit().await
    }

    /// A page of the roll-up, latest week first, after the row of that week and expert.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn weekly_bookings(
        &self,
        wanted: &WeeksWanted,
        after: Option<(NaiveDate, UserId)>,
        limit: i64,
    ) -> Result<Vec<WeekRow>, StoreError> {
        let (after_week, after_expert) = after.unzip();
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, WeekRow>(
                "SELECT w.week, w.expert_id, e.name AS expert_name, w.branch_id, b.name AS branch_name, \
                   w.pending, w.confirmed, w.in_progress, w.rejected, w.cancelled, w.completed, w.missed, \
                   w.booked_minutes \
                 FROM weekly_bookings w JOIN users e ON e.id = w.expert_id \
                   LEFT JOIN branches b ON b.id = w.branch_id \
                 WHERE w.week >= $1 AND w.week <= $2 AND ($3 IS NULL OR w.branch_id = $3) \
                   AND ($4 IS NULL OR w.expert_id = $4) \
                   AND ($5 IS NULL OR (w.week, w.expert_id) < ($5, $6)) \
                 ORDER BY w.week DESC, w.expert_id DESC LIMIT $7",
            )
            .bind(wanted.from)
            .bind(wanted.until)
            .bind(wanted.branch.map(BranchId::uuid))
            .bind(wanted.expert.map(UserId::uuid))
            .bind(after_week)
            .bind(after_expert.map(UserId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?
        }))
    }

    /// Bookings by date and status, of the whole house or of a branch's experts. The dates are those of the experts'
    /// clocks; `from` and `until` are read generously, so the caller leaves out what it did not ask for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bookings_by_day(
        &self,
        (from, until): (Instant, Instant),
        branch: Option<BranchId>,
    ) -> Result<Vec<DayCount>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, DayCount>(
                "SELECT substr(b.wall_start, 1, 10) AS day, b.status, COUNT(*) AS count \
                 FROM bookings b JOIN users e ON e.id = b.expert_id \
                 WHERE b.starts_at >= $1 AND b.starts_at < $2 AND ($3 IS NULL OR e.branch_id = $3) \
                 GROUP BY substr(b.wall_start, 1, 10), b.status",
            )
            .bind(from)
            .bind(until)
            .bind(branch.map(BranchId::uuid))
            .fetch_all(pool)
            .await?
        }))
    }

    /// Deliveries made from `from` until `until` by hour, channel and status.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deliveries_by_hour(
        &self,
        (from, until): (Instant, Instant),
    ) -> Result<Vec<HourCount>, StoreError> {
        Ok(on_read!(self, |pool| {
            // An id begins with the time at which it was made, so these are a stretch of the primary key.
            sqlx::query_as::<DB, HourCount>(
                "SELECT replace(substr(CAST(created_at AS text), 1, 13), 'T', ' ') AS hour, channel, status, \
                   COUNT(*) AS count \
                 FROM deliveries WHERE id >= $1 AND id < $2 \
                 GROUP BY replace(substr(CAST(created_at AS text), 1, 13), 'T', ' '), channel, status",
            )
            .bind(uuid_floor(from))
            .bind(uuid_floor(until))
            .fetch_all(pool)
            .await?
        }))
    }

    /// The experts whose time is booked most from `from` until `until`, busiest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn busiest_experts(
        &self,
        (from, until): (Instant, Instant),
        branch: Option<BranchId>,
        limit: i64,
    ) -> Result<Vec<Booked>, StoreError> {
        Ok(on_read!(self, |pool| {
            sqlx::query_as::<DB, Booked>(formatcp!(
                "SELECT b.expert_id, e.name AS expert_name, CAST(SUM({minutes}) AS bigint) AS minutes \
                 FROM bookings b JOIN users e ON e.id = b.expert_id \
                 WHERE b.starts_at >= $1 AND b.starts_at < $2 AND b.status IN {TAKING} AND {FIRST_SEAT} \
                   AND ($3 IS NULL OR e.branch_id = $3) \
                 GROUP BY b.expert_id, e.name ORDER BY minutes DESC, b.expert_id LIMIT $4",
                minutes = <DB as Dialect>::BOOKED_MINUTES
            ))
            .bind(from)
            .bind(until)
            .bind(branch.map(BranchId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?
        }))
    }
}

/// Statuses whose bookings take the expert's time.
pub(crate) const TAKING: &str = "('pending', 'confirmed', 'in_progress', 'completed', 'missed')";

/// The expert's time of a session counts once, however many have a seat.
pub(crate) const FIRST_SEAT: &str = formatcp!(
    "(b.session_id IS NULL OR NOT EXISTS (SELECT 1 FROM bookings s WHERE s.session_id = b.session_id \
       AND s.id < b.id AND s.status IN {TAKING}))"
);

/// A count for each status, in the order of the columns.
const COUNTS: &str = "SUM(CASE WHEN b.status = 'pending' THEN 1 ELSE 0 END), \
     SUM(CASE WHEN b.status = 'confirmed' THEN 1 ELSE 0 END), \
     SUM(CASE WHEN b.status = 'in_progress' THEN 1 ELSE 0 END), \
     SUM(CASE WHEN b.status = 'rejected' THEN 1 ELSE 0 END), \
     SUM(CASE WHEN b.status = 'cancelled' THEN 1 ELSE 0 END), \
     SUM(CASE WHEN b.status = 'completed' THEN 1 ELSE 0 END), \
     SUM(CASE WHEN b.status = 'missed' THEN 1 ELSE 0 END)";
