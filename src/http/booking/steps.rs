//! Changing a booking: its details, its status, its time, and the word about it afterwards.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_actors::expert::MoveRequest;
use belfry_domain::booking::{Booking, Edit, Mode, Review, Side, Step};
use belfry_domain::id::BookingId;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{BookingOut, Visitor, answer, checked_minutes, concerned, shown, words};
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::etag::IfMatch;
use crate::http::expert::number;
use crate::http::idempotency::{Created, once};
use crate::http::input::{Body, Faults, Id, instant, nullable};
use crate::http::openapi::shape::ModeShape;
use crate::http::problem::Problem;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditIn {
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    note: Option<Option<String>>,
    #[schema(value_type = Option<ModeShape>)]
    mode: Option<Mode>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 300)]
    place: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 500)]
    link: Option<Option<String>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonIn {
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RescheduleIn {
    pub starts_at: DateTime<Utc>,
    #[schema(minimum = 1, maximum = 1440)]
    pub minutes: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewIn {
    #[schema(minimum = 1, maximum = 5)]
    stars: i64,
    #[schema(max_length = 2000)]
    text: Option<String>,
}

/// Changes note, mode, place or link before the start; place and link are the expert's.
#[utoipa::path(patch, path = "/api/v1/bookings/{id}", tag = "Bookings", params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)),
    request_body = EditIn, responses((status = 200, body = BookingOut)))]
pub async fn edit(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let (booking, side) = concerned(&app, &signed, id.0).await?;
    let input: EditIn = body.read()?;
    let mut faults = Faults::default();
    let edit = Edit {
        note: faults.take_some(input.note, |v| words::note(v.as_deref())),
        mode: input.mode,
        place: faults.take_some(input.place, |v| words::place(v.as_deref())),
        link: faults.take_some(input.link, |v| words::link(v.as_deref())),
    };
    faults.check()?;
    if edit.keeps(&booking) {
        // Nothing happens, so nobody is told.
        booking.edit(&edit, side, app.world.clock.now())?;
        if_match.check(booking.version)?;
        return answer(&app, booking, &signed).await;
    }
    let booking = app
        .experts
        .edit(id.0, edit, side, signed.actor(), if_match.version())
        .await?;
    answer(&app, booking, &signed).await
}

async fn step(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
    step: Step,
) -> Result<HttpResponse, Problem> {
    let (_, side) = concerned(&app, &signed, id.0).await?;
    let input: ReasonIn = body.read_or_empty()?;
    let booking = take(&app, &signed, (id.0, side), step, input, &if_match).await?;
    answer(&app, booking, &signed).await
}

/// Lets somebody whom a booking concerns take a step.
///
/// # Errors
/// What is wrong with the reason, or what the booking's state and rules refuse.
pub async fn take(
    app: &App,
    signed: &Signed,
    (id, side): (BookingId, Side),
    step: Step,
    input: ReasonIn,
    if_match: &IfMatch,
) -> Result<Booking, Problem> {
    let reason = words::reason(input.reason.as_deref())?;
    let (actor, version) = (signed.actor(), if_match.version());
    let taken = app.experts.step(id, step, side, actor, reason, version);
    Ok(taken.await?)
}

/// Agrees to a pending booking; staff.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/confirm", tag = "Bookings", params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)),
    request_body = ReasonIn, responses((status = 200, body = BookingOut)))]
pub async fn confirm(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, if_match, body, Step::Confirm).await
}

/// Refuses a pending booking, with a reason; staff.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/reject", tag = "Bookings", params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)),
    request_body = ReasonIn, responses((status = 200, body = BookingOut)))]
pub async fn reject(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, if_match, body, Step::Reject).await
}

/// Calls a booking off: the client up to the notice before the start, staff with a reason.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/cancel", tag = "Bookings", params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)),
    request_body = ReasonIn, responses((status = 200, body = BookingOut)))]
pub async fn cancel(
    app: Data<App>,
    visitor: Visitor,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let signed = visitor.at(id.0)?;
    step(app, signed, id, if_match, body, Step::Cancel).await
}

/// Says that it took place; staff, from the start on.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/complete", tag = "Bookings", params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)),
    request_body = ReasonIn, responses((status = 200, body = BookingOut)))]
pub async fn complete(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, if_match, body, Step::Complete).await
}

/// Says that the client did not come; staff, from the start on.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/miss", tag = "Bookings", params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)),
    request_body = ReasonIn, responses((status = 200, body = BookingOut)))]
pub async fn miss(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, if_match, body, Step::Miss).await
}

/// Keeps the instant of a booking although its zone's clock shows another time than when it was booked; either side.
/// Where nothing has moved, it is kept already.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/keep", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 200, body = BookingOut)))]
pub async fn keep(
    app: Data<App>,
    visitor: Visitor,
    id: Id<BookingId>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    let signed = visitor.at(id.0)?;
    let (mut booking, _) = concerned(&app, &signed, id.0).await?;
    if_match.check(booking.version)?;
    if booking.promised_start.is_some() {
        let actor = signed.actor();
        booking = app.experts.keep(id.0, actor, if_match.version()).await?;
    }
    answer(&app, booking, &signed).await
}

/// Moves a booking to another time, keeping its identity and history.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/reschedule", tag = "Bookings", params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)),
    request_body = RescheduleIn, responses((status = 200, body = BookingOut)))]
pub async fn reschedule(
    app: Data<App>,
    visitor: Visitor,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let signed = visitor.at(id.0)?;
    let concerned = concerned(&app, &signed, id.0).await?;
    let input: RescheduleIn = body.read()?;
    let booking = relocate(&app, &signed, concerned, input, &if_match).await?;
    answer(&app, booking, &signed).await
}

/// Lets somebody whom a booking concerns move it.
///
/// # Errors
/// What is wrong with the wish, or what the booking's state, the rules and the time's being taken refuse.
pub async fn relocate(
    app: &App,
    signed: &Signed,
    (booking, side): (Booking, Side),
    input: RescheduleIn,
    if_match: &IfMatch,
) -> Result<Booking, Problem> {
    if_match.check(booking.version)?;
    let now = app.world.clock.now();
    let notice = app.experts.cancel_notice(booking.expert.id).await?;
    // What can be refused without the turnstile is refused first, for the clearer reason.
    booking.reschedule(side, false, notice, now)?;
    let request = MoveRequest {
        booking,
        starts_at: instant("/starts_at", input.starts_at)?,
        minutes: checked_minutes(input.minutes)?,
        side,
        actor: signed.actor(),
        expected: if_match.version(),
    };
    let booking = app.experts.reschedule(request).await?;
    app.scheduler.nudge();
    Ok(booking)
}

/// Reviews a completed booking, once; its client.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/review", tag = "Bookings", params(crate::http::idempotency::KeyHeader, ("id" = Uuid, Path)),
    request_body = ReviewIn, responses((status = 201, body = BookingOut)))]
pub async fn review(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let caller = signed.caller();
    concerned(&app, &signed, id.0).await?;
    let make = async |key| {
        let input: ReviewIn = body.read()?;
        let mut faults = Faults::default();
        faults.take(number("/stars", input.stars, 1, 5));
        let text = faults.take(words::lines("/text", input.text.as_deref(), 2000));
        faults.check()?;
        let review = Review {
            stars: input.stars,
            text: text.flatten(),
            created_at: app.world.clock.now(),
        };
        let booking = app
            .experts
            .review(id.0, review, caller, signed.actor(), key)
            .await?;
        Ok(Created::new(&shown(&app, booking, &caller).await?))
    };
    let recover = async |id: Uuid| {
        let booking = app.world.store.booking(id.into()).await?;
        let booking = booking.ok_or_else(|| Problem::new("not-found"))?;
        Ok(Created::new(&shown(&app, booking, &caller).await?))
    };
    once(&app, &request, signed.claimant(), &body, make, recover).await
}
