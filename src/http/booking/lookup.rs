//! Looking a booking up by its code, without an account. The code alone opens nothing: the client's address
//! or phone number must come with it, and tries are limited.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_domain::account::{self, Caller};
use belfry_domain::booking::{Actor, Booking, Side, Step};
use belfry_domain::field::FieldError;
use belfry_domain::text;
use serde::Deserialize;
use utoipa::ToSchema;

use super::visitor::linked;
use super::{BookingOut, words};
use crate::http::App;
use crate::http::etag::versioned;
use crate::http::input::{Body, Faults};
use crate::http::limit::{Policy, address};
use crate::http::problem::Problem;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupIn {
    #[schema(max_length = 100, example = "123456")]
    code: String,
    /// This or the phone number.
    #[schema(format = "email", max_length = 254)]
    email: Option<String>,
    /// With the country code.
    #[schema(example = "+84912345678")]
    phone: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupCancelIn {
    #[schema(max_length = 100, example = "123456")]
    code: String,
    /// This or the phone number.
    #[schema(format = "email", max_length = 254)]
    email: Option<String>,
    /// With the country code.
    #[schema(example = "+84912345678")]
    phone: Option<String>,
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// Finds a booking by its code and the client's address or phone number.
#[utoipa::path(post, path = "/api/v1/bookings/lookup", tag = "Bookings", request_body = LookupIn,
    responses((status = 200, body = BookingOut)), security(()))]
pub async fn find(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    app.limiter
        .take(Policy::Lookup, &address(&app, &request))
        .await?;
    let booking = found(&app, &body.read()?).await?;
    answer(&app, booking).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkIn {
    /// What follows `/b/` in the link.
    #[schema(max_length = 1000)]
    token: String,
}

/// Finds the booking that a mailed link opens. The token, sent as `Authorization: Bearer`, then shows, cancels and moves
/// that one booking.
#[utoipa::path(post, path = "/api/v1/bookings/lookup/link", tag = "Bookings", request_body = LinkIn,
    responses((status = 200, body = BookingOut)), security(()))]
pub async fn by_link(app: Data<App>, body: Body) -> Result<HttpResponse, Problem> {
    let LinkIn { token } = body.read()?;
    let token = text::checked("/token", &token, 0, 1000, false)?;
    let booking = linked(&app, &token).await?;
    let booking = booking.ok_or_else(|| Problem::new("not-found"))?;
    let notice = app.experts.cancel_notice(booking.expert.id).await?;
    let as_client = Caller {
        id: booking.client.id,
        role: account::Role::User,
        branch_id: None,
    };
    let now = app.world.clock.now();
    let version = booking.version;
    let out = BookingOut::new(booking, Some(&as_client), notice, now);
    Ok(versioned(version, &out))
}

/// Cancels a booking found by its code, as its client.
#[utoipa::path(post, path = "/api/v1/bookings/lookup/cancel", tag = "Bookings", request_body = LookupCancelIn,
    responses((status = 200, body = BookingOut)), security(()))]
pub async fn cancel(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    app.limiter
        .take(Policy::Lookup, &address(&app, &request))
        .await?;
    let LookupCancelIn {
        code,
        email,
        phone,
        reason,
    } = body.read()?;
    let reason = words::reason(reason.as_deref())?;
    let booking = found(&app, &LookupIn { code, email, phone }).await?;
    let client = Actor::person(
        booking.client.id,
        booking.client.name.clone(),
        account::Role::User,
    );
    let booking = app
        .experts
        .step(booking.id, Step::Cancel, Side::Client, client, reason, None)
        .await?;
    answer(&app, booking).await
}

async fn found(app: &App, input: &LookupIn) -> Result<Booking, Problem> {
    let mut faults = Faults::default();
    let email = faults.take_some(input.email.as_deref(), |v| account::email("/email", v));
    let phone = faults.take_some(input.phone.as_deref(), |v| account::phone("/phone", v));
    if input.email.is_none() && input.phone.is_none() {
        let detail = "Give the e-mail address or the phone number of the booking.";
        faults.extend(vec![FieldError::new(
            "/email",
            FieldError::REQUIRED,
            detail,
        )]);
    }
    let code = faults.take(text::checked("/code", &input.code, 0, 100, false));
    faults.check()?;
    let code = code.unwrap_or_default();
    let store = &app.world.store;
    // Whatever does not match looks the same, so that codes cannot be told from guesses.
    let found = store
        .booking_by_code(&code, email.as_deref(), phone.as_deref())
        .await?;
    found.ok_or_else(|| Problem::new("not-found"))
}

async fn answer(app: &App, booking: Booking) -> Result<HttpResponse, Problem> {
    let notice = app.experts.cancel_notice(booking.expert.id).await?;
    let now = app.world.clock.now();
    Ok(HttpResponse::Ok().json(BookingOut::new(booking, None, notice, now)))
}
