//! Schedules: an expert's week, its exceptions, and time off.

use std::collections::{BTreeSet, HashMap};

use belfry_domain::Instant;
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::holiday::holidays;
use belfry_domain::id::{BranchId, TimeOffId, UserId};
use belfry_domain::schedule::{Hours, Override, Schedule, TimeOff, Window};
use chrono::{NaiveDate, TimeDelta};
use const_format::formatcp;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::{Dialect, IdList};
use crate::{Store, StoreError};

/// A stretch off, as it is listed.
#[derive(Clone, PartialEq, Debug)]
pub struct TimeOffEntry {
    pub id: TimeOffId,
    pub starts_at: Instant,
    pub ends_at: Instant,
    pub reason: Option<String>,
}

#[derive(FromRow)]
struct TimeOffRow {
    id: Uuid,
    starts_at: Instant,
    ends_at: Instant,
    reason: Option<String>,
}

impl From<TimeOffRow> for TimeOffEntry {
    fn from(row: TimeOffRow) -> Self {
        Self {
            id: row.id.into(),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            reason: row.reason,
        }
    }
}

/// The holidays of a region from a date on; none of one that is not known any more.
fn dates_of(region: &str, from: Instant) -> BTreeSet<NaiveDate> {
    let found = holidays(region).unwrap_or_default().into_iter();
    let ahead = found.map(|day| day.date);
    ahead.filter(|date| *date >= from.date_naive()).collect()
}

impl Store {
    /// The whole schedule from yesterday on, and the version of its expert row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn schedule(
        &self,
        expert: UserId,
        now: Instant,
    ) -> Result<Option<(Schedule, i64)>, StoreError> {
        // Two days back covers today in every zone.
        let from = now - TimeDelta::days(2);
        let mut read = self.read_schedules(&[expert], from).await?;
        Ok(read.remove(&expert))
    }

    /// The schedules of these experts, with what concerns the time from `from` on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn schedules(
        &self,
        experts: &[UserId],
        from: Instant,
    ) -> Result<HashMap<UserId, Schedule>, StoreError> {
        let read = self.read_schedules(experts, from).await?.into_iter();
        Ok(read.map(|(id, (schedule, _))| (id, schedule)).collect())
    }

    async fn read_schedules(
        &self,
        experts: &[UserId],
        from: Instant,
    ) -> Result<HashMap<UserId, (Schedule, i64)>, StoreError> {
        type Head = (Uuid, String, Json<Vec<Window>>, Json<BookingRules>, i64);
        let ids: Vec<Uuid> = experts.iter().map(|id| id.uuid()).collect();
        on_read!(self, |pool| {
            let heads: Vec<Head> = sqlx::query_as::<DB, _>(formatcp!(
                "SELECT user_id, time_zone, weekly, booking_rules, version FROM experts WHERE user_id {}",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids.clone()))
            .fetch_all(pool)
            .await?;
            let overrides: Vec<(Uuid, NaiveDate, Json<Vec<Hours>>)> =
                sqlx::query_as::<DB, _>(formatcp!(
                    "SELECT expert_id, date, intervals FROM schedule_overrides \
                     WHERE expert_id {} AND date >= $2",
                    <DB as Dialect>::ID_IN_1
                ))
                .bind(IdList(ids.clone()))
                .bind((from - TimeDelta::days(2)).date_naive())
                .fetch_all(pool)
                .await?;
            let off: Vec<(Uuid, Instant, Instant)> = sqlx::query_as::<DB, _>(formatcp!(
                "SELECT expert_id, starts_at, ends_at FROM time_off \
                 WHERE expert_id {} AND ends_at > $2",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids.clone()))
            .bind(from)
            .fetch_all(pool)
            .await?;
            let imported: Vec<(Uuid, Instant, Instant)> = sqlx::query_as::<DB, _>(formatcp!(
                "SELECT expert_id, starts_at, ends_at FROM imported_busy \
                 WHERE expert_id {} AND ends_at > $2",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids.clone()))
            .bind(from)
            .fetch_all(pool)
            .await?;
            let regions: Vec<(Uuid, String)> = sqlx::query_as::<DB, _>(formatcp!(
                "SELECT expert_id, country FROM expert_holidays WHERE expert_id {}",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids))
            .fetch_all(pool)
            .await?;
            let mut schedules = HashMap::with_capacity(heads.len());
            for (id, zone, weekly, rules, version) in heads {
                let zone = zone.parse().map_err(StoreError::unreadable)?;
                let mut schedule = Schedule::empty(zone);
                schedule.weekly = weekly.0;
                schedule.rules = rules.0;
                schedules.insert(UserId::from(id), (schedule, version));
            }
            for (id, date, hours) in overrides {
                if let Some((schedule, _)) = schedules.get_mut(&id.into()) {
                    schedule.overrides.insert(date, hours.0);
                }
            }
            for (id, starts_at, ends_at) in off {
                if let Some((schedule, _)) = schedules.get_mut(&id.into()) {
                    schedule.time_off.push(TimeOff { starts_at, ends_at });
                }
            }
            for (id, starts_at, ends_at) in imported {
                if let Some((schedule, _)) = schedules.get_mut(&id.into()) {
                    schedule.imported.push(TimeOff { starts_at, ends_at });
                }
            }
            for (id, region) in regions {
                if let Some((schedule, _)) = schedules.get_mut(&id.into()) {
                    schedule.holidays = dates_of(&region, from - TimeDelta::days(2));
                }
            }
            for (id, opening) in self.openings(experts).await? {
                if let Some((schedule, _)) = schedules.get_mut(&id) {
                    schedule.opening = Some(opening);
                }
            }
            Ok(schedules)
        })
    }

    /// Whose public holidays an expert takes off, if any.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn holiday_region(&self, expert: UserId) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>("SELECT country FROM expert_holidays WHERE expert_id = $1")
                .bind(expert.uuid())
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(|(code,)| code))
    }

    /// Chooses whose public holidays an expert takes off.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_holiday_region(
        &self,
        expert: UserId,
        region: Option<&str>,
    ) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            let query = match region {
                Some(_) => {
                    "INSERT INTO expert_holidays (expert_id, country) VALUES ($1, $2) \
                     ON CONFLICT (expert_id) DO UPDATE SET country = excluded.country"
                }
                None => "DELETE FROM expert_holidays WHERE expert_id = $1 AND $2 IS NULL",
            };
            sqlx::query::<DB>(query)
                .bind(expert.uuid())
                .bind(region)
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// Minutes before the start up to which clients of these experts may cancel or move.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel_notices(
        &self,
        experts: &[UserId],
    ) -> Result<HashMap<UserId, i64>, StoreError> {
        let ids = experts.iter().map(|id| id.uuid()).collect();
        on_read!(self, |pool| {
            let rows: Vec<(Uuid, Json<BookingRules>)> = sqlx::query_as::<DB, _>(formatcp!(
                "SELECT user_id, booking_rules FROM experts WHERE user_id {}",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids))
            .fetch_all(pool)
            .await?;
            let notice = |rules: BookingRules| i64::from(rules.cancel_notice_minutes);
            Ok(rows
                .into_iter()
                .map(|(id, rules)| (id.into(), notice(rules.0)))
                .collect())
        })
    }

    /// Replaces zone, week and rules; `false` when `expected` is stale.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_schedule(
        &self,
        expert: UserId,
        schedule: &Schedule,
        expected: Option<i64>,
    ) -> Result<bool, StoreError> {
        on_write!(self, |pool| {
            let done = sqlx::query::<DB>(
                "UPDATE experts SET time_zone = $2, weekly = $3, booking_rules = $4, version = version + 1 \
                 WHERE user_id = $1 AND ($5 IS NULL OR version = $5)",
            )
            .bind(expert.uuid())
            .bind(schedule.time_zone.name())
            .bind(Json(&schedule.weekly))
            .bind(Json(&schedule.rules))
            .bind(expected)
            .execute(pool)
            .await?;
            Ok(done.rows_affected() == 1)
        })
    }

    /// Overrides with `from <= date < until`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn overrides(
        &self,
        expert: UserId,
        from: NaiveDate,
        until: NaiveDate,
    ) -> Result<Vec<Override>, StoreError> {
        on_read!(self, |pool| {
            let rows: Vec<(NaiveDate, Json<Vec<Hours>>)> = sqlx::query_as::<DB, _>(
                "SELECT date, intervals FROM schedule_overrides \
                 WHERE expert_id = $1 AND date >= $2 AND date < $3 ORDER BY date",
            )
            .bind(expert.uuid())
            .bind(from)
            .bind(until)
            .fetch_all(pool)
            .await?;
            Ok(rows
                .into_iter()
                .map(|(date, intervals)| Override {
                    date,
                    intervals: intervals.0,
                })
                .collect())
        })
    }

    /// Sets what one date has in place of its weekday's hours.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_override(&self, expert: UserId, day: &Override) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "INSERT INTO schedule_overrides (expert_id, date, intervals) VALUES ($1, $2, $3) \
                 ON CONFLICT (expert_id, date) DO UPDATE SET intervals = excluded.intervals",
            )
            .bind(expert.uuid())
            .bind(day.date)
            .bind(Json(&day.intervals))
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Gives a date its weekday's hours back; `false` when it had no override.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_override(
        &self,
        expert: UserId,
        date: NaiveDate,
    ) -> Result<bool, StoreError> {
        on_write!(self, |pool| {
            let done = sqlx::query::<DB>(
                "DELETE FROM schedule_overrides WHERE expert_id = $1 AND date = $2",
            )
            .bind(expert.uuid())
            .bind(date)
            .execute(pool)
            .await?;
            Ok(done.rows_affected() == 1)
        })
    }

    /// Time off that ends after `now`, soonest first; `after` is the start and id of the last one seen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_time_off(
        &self,
        expert: UserId,
        now: Instant,
        after: Option<(Instant, TimeOffId)>,
        limit: i64,
    ) -> Result<Vec<TimeOffEntry>, StoreError> {
        let (after_start, after_id) = after.unzip();
        on_read!(self, |pool| {
            let rows = sqlx::query_as::<DB, TimeOffRow>(
                "SELECT id, starts_at, ends_at, reason FROM time_off \
                 WHERE expert_id = $1 AND ends_at > $2 AND ($3 IS NULL OR (starts_at, id) > ($3, $4)) \
                 ORDER BY starts_at, id LIMIT $5",
            )
            .bind(expert.uuid())
            .bind(now)
            .bind(after_start)
            .bind(after_id.map(TimeOffId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?;
            Ok(rows.into_iter().map(TimeOffEntry::from).collect())
        })
    }

    /// The stretches off of a branch's experts that touch the time from `from` until `until`, soonest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn branch_time_off(
        &self,
        branch: BranchId,
        (from, until): (Instant, Instant),
    ) -> Result<Vec<(UserId, TimeOffEntry)>, StoreError> {
        type Row = (Uuid, Uuid, Instant, Instant, Option<String>);
        let rows: Vec<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT t.expert_id, t.id, t.starts_at, t.ends_at, t.reason \
                 FROM users e JOIN time_off t ON t.expert_id = e.id \
                 WHERE e.branch_id = $1 AND t.ends_at > $2 AND t.starts_at < $3 ORDER BY t.starts_at, t.id",
            )
            .bind(branch.uuid())
            .bind(from)
            .bind(until)
            .fetch_all(pool)
            .await?
        });
        let entry = |(expert, id, starts_at, ends_at, reason): Row| {
            let entry = TimeOffEntry {
                id: id.into(),
                starts_at,
                ends_at,
                reason,
            };
            (expert.into(), entry)
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    /// Adds a stretch off. Bookings in it stay: the expert decides about each.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_time_off(
        &self,
        expert: UserId,
        entry: &TimeOffEntry,
        now: Instant,
    ) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "INSERT INTO time_off (id, expert_id, starts_at, ends_at, reason, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(entry.id.uuid())
            .bind(expert.uuid())
            .bind(entry.starts_at)
            .bind(entry.ends_at)
            .bind(&entry.reason)
            .bind(now)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Removes a stretch off; `false` when this expert has none with that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_time_off(&self, expert: UserId, id: TimeOffId) -> Result<bool, StoreError> {
        on_write!(self, |pool| {
            let done = sqlx::query::<DB>("DELETE FROM time_off WHERE id = $1 AND expert_id = $2")
                .bind(id.uuid())
                .bind(expert.uuid())
                .execute(pool)
                .await?;
            Ok(done.rows_affected() == 1)
        })
    }
}
