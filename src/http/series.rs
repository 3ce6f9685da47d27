//! Series: bookings that repeat, looked at before they are made, made together, and answered or called off together
//! (C3.11).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_domain::Instant;
use belfry_domain::booking::{Booking, Side, Step};
use belfry_domain::id::SeriesId;
use belfry_domain::series::{MOST, Occurrence, Series};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::booking::{BookingOut, PartyOut, words};
use crate::http::expert::number;
use crate::http::idempotency::{Created, once};
use crate::http::input::{Body, Faults, Id};
use crate::http::problem::Problem;

/// What somebody wants to repeat.
mod wish;

pub use wish::SeriesIn;
use wish::Wish;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesStepIn {
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// The number of the first one that it is done to; all of them when left out.
    #[schema(minimum = 1, maximum = 52)]
    from: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct FreeOut {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

/// One time of a series, and what stands against it.
#[derive(Serialize, ToSchema)]
pub struct OccurrenceOut {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    /// When it would start by the rule, where an exception says otherwise.
    instead_of: Option<DateTime<Utc>>,
    free: bool,
    /// `taken`, `client_busy`, or why the expert does not offer it.
    against: Option<&'static str>,
    /// What is free near it instead.
    alternatives: Vec<FreeOut>,
}

impl OccurrenceOut {
    fn new(one: &Occurrence, instead_of: Option<Instant>) -> Self {
        let alternatives = one.alternatives.iter().map(|slot| FreeOut {
            starts_at: slot.starts_at,
            ends_at: slot.ends_at,
        });
        Self {
            starts_at: one.slot.starts_at,
            ends_at: one.slot.ends_at,
            instead_of,
            free: one.against.is_none(),
            against: one.against,
            alternatives: alternatives.collect(),
        }
    }
}

/// What a series would be.
#[derive(Serialize, ToSchema)]
pub struct SeriesPreviewOut {
    /// RFC 5545.
    rrule: String,
    time_zone: &'static str,
    /// How many are free.
    free: usize,
    occurrences: Vec<OccurrenceOut>,
}

/// A series and its bookings, in order.
#[derive(Serialize, ToSchema)]
pub struct SeriesOut {
    #[schema(value_type = Uuid)]
    id: SeriesId,
    expert: PartyOut,
    client: PartyOut,
    /// RFC 5545, on the clock of `time_zone`.
    rrule: String,
    time_zone: &'static str,
    starts_at: DateTime<Utc>,
    minutes: u16,
    created_at: DateTime<Utc>,
    bookings: Vec<BookingOut>,
}

/// What a series would be: each of its times, whether it is free, and what is free near it otherwise. Books nothing.
#[utoipa::path(post, path = "/api/v1/series/preview", tag = "Series", request_body = SeriesIn,
    responses((status = 200, body = SeriesPreviewOut)))]
pub async fn preview(app: Data<App>, signed: Signed, body: Body) -> Result<HttpResponse, Problem> {
    let input: SeriesIn = body.read()?;
    let wish = Wish::read(&app, &signed, &input).await?;
    let judged = app.experts.judge_series(&wish.expert, &wish.request);
    let occurrences = wish.occurrences(&judged.await?);
    let time_zone = wish.expert.time_zone.name();
    Ok(HttpResponse::Ok().json(SeriesPreviewOut {
        rrule: wish.request.rule,
        time_zone,
        free: occurrences.iter().filter(|one| one.free).count(),
        occurrences,
    }))
}

/// Books a series, all of it or, with `skip`, those of it that are free; 409 `series-not-free` with what stands against it.
#[utoipa::path(post, path = "/api/v1/series", tag = "Series", params(crate::http::idempotency::KeyHeader), request_body = SeriesIn,
    responses((status = 201, body = SeriesOut)))]
pub async fn create(
    app: Data<App>,
    signed: Signed,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let make = async |key| {
        let input: SeriesIn = body.read()?;
        let mut wish = Wish::read(&app, &signed, &input).await?;
        wish.request.key = key;
        let booked = app.experts.book_series(&wish.expert, &wish.request);
        match booked.await? {
            Ok((series, bookings)) => {
                app.scheduler.nudge();
                if let Some(hold) = input.hold_id {
                    // Still there only if it held another time.
                    app.experts.release(hold.into(), signed.0.id).await?;
                }
                let out = series_out(&app, &signed, series, bookings).await?;
                Ok(Created::new(&out))
            }
            Err(judged) => {
                // Plain values with string keys always have a JSON form.
                let found = serde_json::to_value(wish.occurrences(&judged)).unwrap_or_default();
                Err(Problem::new("series-not-free").with("occurrences", found))
            }
        }
    };
    let recover = async |id: Uuid| {
        let series = app.world.store.series(id.into()).await?;
        let series = series.ok_or_else(|| Problem::new("not-found"))?;
        let bookings = app.world.store.bookings_of_series(series.id).await?;
        let out = series_out(&app, &signed, series, bookings).await?;
        Ok(Created::new(&out))
    };
    once(&app, &request, signed.claimant(), &body, make, recover).await
}

async fn series_out(
    app: &App,
    signed: &Signed,
    series: Series,
    bookings: Vec<Booking>,
) -> Result<SeriesOut, Problem> {
    let (caller, now) = (signed.caller(), app.world.clock.now());
    // All of them are the same expert's.
    let notice = app.experts.cancel_notice(series.expert.id).await?;
    let shown = |booking| BookingOut::new(booking, Some(&caller), notice, now);
    let bookings = bookings.into_iter().map(shown).collect();
    Ok(SeriesOut {
        id: series.id,
        expert: series.expert.into(),
        client: series.client.into(),
        rrule: series.rule,
        time_zone: series.time_zone.name(),
        starts_at: series.starts_at,
        minutes: series.minutes,
        created_at: series.created_at,
        bookings,
    })
}

/// The series with its bookings, for somebody it concerns; `not-found` for everybody else.
async fn concerned(
    app: &App,
    signed: &Signed,
    id: SeriesId,
) -> Result<(Series, Vec<Booking>, Side), Problem> {
    let store = &app.world.store;
    let missing = || Problem::new("not-found");
    let series = store.series(id).await?.ok_or_else(missing)?;
    let bookings = store.bookings_of_series(id).await?;
    let side = bookings
        .first()
        .and_then(|booking| booking.side_of(&signed.caller()));
    Ok((series, bookings, side.ok_or_else(missing)?))
}

/// One series and its bookings, in order.
#[utoipa::path(get, path = "/api/v1/series/{id}", tag = "Series", params(("id" = Uuid, Path)),
    responses((status = 200, body = SeriesOut)))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    id: Id<SeriesId>,
) -> Result<HttpResponse, Problem> {
    let (series, bookings, _) = concerned(&app, &signed, id.0).await?;
    let out = series_out(&app, &signed, series, bookings).await?;
    Ok(HttpResponse::Ok().json(out))
}

async fn step(
    app: Data<App>,
    signed: Signed,
    id: Id<SeriesId>,
    body: Body,
    step: Step,
) -> Result<HttpResponse, Problem> {
    let (series, _, side) = concerned(&app, &signed, id.0).await?;
    let input: SeriesStepIn = body.read_or_empty()?;
    let mut faults = Faults::default();
    let reason = faults.take(words::reason(input.reason.as_deref()));
    let from = faults.take_some(input.from, |v| number("/from", v, 1, MOST));
    faults.check()?;
    let reason = reason.flatten();
    let from = i64::from(from.unwrap_or(1));
    app.experts
        .step_series(&series, from, step, side, signed.actor(), reason)
        .await?;
    let bookings = app.world.store.bookings_of_series(series.id).await?;
    let out = series_out(&app, &signed, series, bookings).await?;
    Ok(HttpResponse::Ok().json(out))
}

/// Agrees to those of a series that are pending; staff.
#[utoipa::path(post, path = "/api/v1/series/{id}/confirm", tag = "Series", params(("id" = Uuid, Path)),
    request_body = SeriesStepIn, responses((status = 200, body = SeriesOut)))]
pub async fn confirm(
    app: Data<App>,
    signed: Signed,
    id: Id<SeriesId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, body, Step::Confirm).await
}

/// Refuses those of a series that are pending, with a reason; staff.
#[utoipa::path(post, path = "/api/v1/series/{id}/reject", tag = "Series", params(("id" = Uuid, Path)),
    request_body = SeriesStepIn, responses((status = 200, body = SeriesOut)))]
pub async fn reject(
    app: Data<App>,
    signed: Signed,
    id: Id<SeriesId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, body, Step::Reject).await
}

/// Calls off those of a series that still can be: all of them, or one and those that follow it.
#[utoipa::path(post, path = "/api/v1/series/{id}/cancel", tag = "Series", params(("id" = Uuid, Path)),
    request_body = SeriesStepIn, responses((status = 200, body = SeriesOut)))]
pub async fn cancel(
    app: Data<App>,
    signed: Signed,
    id: Id<SeriesId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, body, Step::Cancel).await
}
