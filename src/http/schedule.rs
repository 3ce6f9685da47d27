//! Schedules: week, rules, overrides, time off, and the agenda that comes of them. All of it is for the
//! expert, the expert's manager and admins.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::field::FieldError;
use belfry_domain::id::{BookingId, TimeOffId, UserId};
use belfry_domain::schedule::{Hours, Override, Schedule, TimeOff, Window};
use belfry_domain::{Instant, account, text, wall};
use belfry_store::schedule::TimeOffEntry;
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::booking::BookingOut;
use crate::http::etag::{IfMatch, versioned};
use crate::http::expert::{PageQuery, date, number, run_expert};
use crate::http::input::{Body, Faults, Id, Query, instant};
use crate::http::openapi::shape::{BookingRulesShape, HoursShape, WindowShape};
use crate::http::page::{cursor, limit, page};
use crate::http::problem::Problem;

/// Why times are free or not.
pub mod explain;
/// Public holidays.
pub mod holiday;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleIn {
    #[schema(example = "Asia/Ho_Chi_Minh")]
    time_zone: String,
    #[schema(value_type = Vec<WindowShape>)]
    weekly: Vec<Window>,
    #[schema(value_type = BookingRulesShape)]
    booking_rules: BookingRules,
}

/// An expert's week and rules.
#[derive(Serialize, ToSchema)]
pub struct ScheduleOut {
    time_zone: &'static str,
    #[schema(value_type = Vec<WindowShape>)]
    weekly: Vec<Window>,
    #[schema(value_type = BookingRulesShape)]
    booking_rules: BookingRules,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideIn {
    /// Empty: closed that day.
    #[schema(value_type = Vec<HoursShape>, max_items = 24)]
    intervals: Vec<Hours>,
}

/// What one date has in place of its weekday's hours.
#[derive(Serialize, ToSchema)]
pub struct OverrideOut {
    date: NaiveDate,
    #[schema(value_type = Vec<HoursShape>, max_items = 24)]
    intervals: Vec<Hours>,
}

impl From<Override> for OverrideOut {
    fn from(day: Override) -> Self {
        Self {
            date: day.date,
            intervals: day.intervals,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeOffIn {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    #[schema(max_length = 200)]
    reason: Option<String>,
}

/// A stretch off.
#[derive(Serialize, ToSchema)]
pub struct TimeOffOut {
    #[schema(value_type = Uuid)]
    id: TimeOffId,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    reason: Option<String>,
}

impl From<TimeOffEntry> for TimeOffOut {
    fn from(entry: TimeOffEntry) -> Self {
        Self {
            id: entry.id,
            starts_at: entry.starts_at,
            ends_at: entry.ends_at,
            reason: entry.reason,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DatesQuery {
    /// The first date on the expert's calendar; today when left out.
    #[param(format = Date)]
    from: Option<String>,
    /// 31 when left out.
    #[param(minimum = 1, maximum = 366)]
    days: Option<i64>,
    pub limit: Option<i64>,
    pub after: Option<String>,
}

impl DatesQuery {
    /// The first date and the one after the last.
    ///
    /// # Errors
    /// For what is no date, or too many of them.
    pub fn dates(
        &self,
        schedule_zone: chrono_tz::Tz,
        now: Instant,
    ) -> Result<(NaiveDate, NaiveDate), Problem> {
        let mut faults = Faults::default();
        let from = faults.take_some(self.from.as_deref(), |v| date("/from", v));
        let days = faults.take(number("/days", self.days.unwrap_or(31), 1, 366));
        faults.check()?;
        let from = from.unwrap_or_else(|| wall::local_date(schedule_zone, now));
        Ok((from, from + Days::new(u64::from(days.unwrap_or(31)))))
    }
}

/// The week and rules of an expert.
#[utoipa::path(get, path = "/api/v1/experts/{id}/schedule", tag = "Schedules", params(("id" = Uuid, Path)),
    responses((status = 200, body = ScheduleOut)))]
pub async fn get(app: Data<App>, signed: Signed, id: Id<UserId>) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    show(&app, id.0).await
}

async fn show(app: &App, id: UserId) -> Result<HttpResponse, Problem> {
    let found = app.world.store.schedule(id, app.world.clock.now()).await?;
    let (schedule, version) = found.ok_or_else(|| Problem::new("not-found"))?;
    let out = ScheduleOut {
        time_zone: schedule.time_zone.name(),
        weekly: schedule.weekly,
        booking_rules: schedule.rules,
    };
    Ok(versioned(version, &out))
}

/// Replaces the week and rules of an expert. Bookings already made stay.
#[utoipa::path(put, path = "/api/v1/experts/{id}/schedule", tag = "Schedules", params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)),
    request_body = ScheduleIn, responses((status = 200, body = ScheduleOut)))]
pub async fn put(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let input: ScheduleIn = body.read()?;
    let time_zone = account::time_zone("/time_zone", &input.time_zone)?;
    let schedule = Schedule {
        weekly: input.weekly,
        rules: input.booking_rules,
        ..Schedule::empty(time_zone)
    };
    let mut faults = Faults::default();
    faults.extend(schedule.validate());
    faults.check()?;
    if !app
        .world
        .store
        .put_schedule(id.0, &schedule, if_match.version())
        .await?
    {
        return Err(Problem::new("stale"));
    }
    app.experts.rescheduled(id.0).await;
    show(&app, id.0).await
}

/// Dates that differ from the week.
#[utoipa::path(get, path = "/api/v1/experts/{id}/overrides", tag = "Schedules", params(("id" = Uuid, Path), DatesQuery),
    responses((status = 200, body = crate::http::page::Page<OverrideOut>)))]
pub async fn list_overrides(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    query: Query<DatesQuery>,
) -> Result<HttpResponse, Problem> {
    let expert = run_expert(&app, &signed, id.0).await?;
    let (from, until) = query.0.dates(expert.time_zone, app.world.clock.now())?;
    let limit = query.0.limit.map_or(Ok(100), |asked| limit(Some(asked)))?;
    let after = cursor::<NaiveDate>(query.0.after.as_deref())?;
    let from = after
        .and_then(|date| date.succ_opt())
        .map_or(from, |after| after.max(from));
    let found = app.world.store.overrides(id.0, from, until).await?;
    Ok(HttpResponse::Ok().json(page(found, limit, |day| day.date, OverrideOut::from)))
}

/// Sets what one date has in place of its weekday's hours.
#[utoipa::path(put, path = "/api/v1/experts/{id}/overrides/{date}", tag = "Schedules",
    params(("id" = Uuid, Path), ("date" = NaiveDate, Path)), request_body = OverrideIn,
    responses((status = 200, body = OverrideOut)))]
pub async fn put_override(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    path: Path<(String, String)>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let date = date("/date", &path.1)?;
    let input: OverrideIn = body.read()?;
    let day = Override {
        date,
        intervals: input.intervals,
    };
    let mut faults = Faults::default();
    faults.extend(day.validate());
    faults.check()?;
    app.world.store.put_override(id.0, &day).await?;
    app.experts.rescheduled(id.0).await;
    Ok(HttpResponse::Ok().json(OverrideOut::from(day)))
}

/// Gives a date its weekday's hours back.
#[utoipa::path(delete, path = "/api/v1/experts/{id}/overrides/{date}", tag = "Schedules",
    params(("id" = Uuid, Path), ("date" = NaiveDate, Path)), responses((status = 204)))]
pub async fn delete_override(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    if !app
        .world
        .store
        .delete_override(id.0, date("/date", &path.1)?)
        .await?
    {
        return Err(Problem::new("not-found"));
    }
    app.experts.rescheduled(id.0).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Time off that has not ended yet, soonest first.
#[utoipa::path(get, path = "/api/v1/experts/{id}/time-off", tag = "Schedules", params(("id" = Uuid, Path), PageQuery),
    responses((status = 200, body = crate::http::page::Page<TimeOffOut>)))]
pub async fn list_time_off(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let limit = limit(query.0.limit)?;
    let after = cursor::<(Instant, TimeOffId)>(query.0.after.as_deref())?;
    let now = app.world.clock.now();
    let found = app
        .world
        .store
        .list_time_off(id.0, now, after, limit + 1)
        .await?;
    Ok(HttpResponse::Ok().json(page(
        found,
        limit,
        |e| (e.starts_at, e.id),
        TimeOffOut::from,
    )))
}

/// Takes a stretch off. Bookings in it stay: the expert decides about each.
#[utoipa::path(post, path = "/api/v1/experts/{id}/time-off", tag = "Schedules", params(crate::http::idempotency::KeyHeader, ("id" = Uuid, Path)),
    request_body = TimeOffIn, responses((status = 201, body = TimeOffOut)))]
pub async fn create_time_off(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    request: actix_web::HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let make = async |_key| {
        let input: TimeOffIn = body.read()?;
        let mut faults = Faults::default();
        let starts_at = faults.take(instant("/starts_at", input.starts_at));
        let ends_at = faults.take(instant("/ends_at", input.ends_at));
        let span = TimeOff {
            starts_at: starts_at.unwrap_or(input.starts_at),
            ends_at: ends_at.unwrap_or(input.ends_at),
        };
        faults.extend(span.validate());
        let reason = faults.take_some(input.reason.as_deref(), |v| {
            text::checked("/reason", v, 0, 200, false)
        });
        let now = app.world.clock.now();
        if span.ends_at <= now {
            let detail = "Time off that is over changes nothing.";
            faults.extend(vec![FieldError::new(
                "/ends_at",
                FieldError::IN_THE_PAST,
                detail,
            )]);
        }
        faults.check()?;
        let entry = TimeOffEntry {
            id: TimeOffId::at(now),
            starts_at: span.starts_at,
            ends_at: span.ends_at,
            reason,
        };
        app.world.store.insert_time_off(id.0, &entry, now).await?;
        app.experts.rescheduled(id.0).await;
        Ok(crate::http::idempotency::Created::new(&TimeOffOut::from(
            entry,
        )))
    };
    let lost = async |_| Err(Problem::new("conflict"));
    let caller = signed.claimant();
    crate::http::idempotency::once(&app, &request, caller, &body, make, lost).await
}

/// Takes a stretch off back.
#[utoipa::path(delete, path = "/api/v1/experts/{id}/time-off/{time_off_id}", tag = "Schedules",
    params(("id" = Uuid, Path), ("time_off_id" = Uuid, Path)), responses((status = 204)))]
pub async fn delete_time_off(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let entry: TimeOffId = path.1.parse().map_err(|_| Problem::new("not-found"))?;
    if !app.world.store.delete_time_off(id.0, entry).await? {
        return Err(Problem::new("not-found"));
    }
    app.experts.rescheduled(id.0).await;
    Ok(HttpResponse::NoContent().finish())
}

/// An expert's bookings by day, without those called off.
#[utoipa::path(get, path = "/api/v1/experts/{id}/agenda", tag = "Schedules", params(("id" = Uuid, Path), DatesQuery),
    responses((status = 200, body = crate::http::page::Page<BookingOut>)))]
pub async fn agenda(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    query: Query<DatesQuery>,
) -> Result<HttpResponse, Problem> {
    let expert = run_expert(&app, &signed, id.0).await?;
    let now = app.world.clock.now();
    let (from, until) = query.0.dates(expert.time_zone, now)?;
    let limit = limit(query.0.limit)?;
    let after = cursor::<(Instant, BookingId)>(query.0.after.as_deref())?;
    let span = (
        wall::day_bounds(expert.time_zone, from).0,
        wall::day_bounds(expert.time_zone, until).0,
    );
    let found = app.world.store.agenda(id.0, span, after, limit + 1).await?;
    let caller = signed.caller();
    let notice = crate::http::booking::notice_of(&expert.booking_rules);
    let show = |booking| BookingOut::new(booking, Some(&caller), notice, now);
    Ok(HttpResponse::Ok().json(page(found, limit, |b| (b.starts_at, b.id), show)))
}
