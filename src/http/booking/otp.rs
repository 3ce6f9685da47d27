//! A guest's bookings by a code that is mailed to their address (C3.7).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_domain::account::{self, Caller, Role};
use belfry_domain::event::{Event, EventType};
use belfry_domain::id::UserId;
use belfry_domain::text;
use belfry_store::booking::{BookingFilter, Scope};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::BookingOut;
use crate::http::App;
use crate::http::input::{Body, Faults};
use crate::http::limit::{Policy, address};
use crate::http::problem::Problem;
use crate::secret::Secret;

/// How long a code works.
const WORKS_FOR: TimeDelta = TimeDelta::minutes(10);
/// Tries at one code.
const MOST_TRIES: i64 = 5;
/// Bookings shown, the latest first.
const MOST_SHOWN: i64 = 100;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskIn {
    #[schema(format = "email", max_length = 254)]
    email: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowIn {
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// As it was mailed.
    #[schema(max_length = 100, example = "12345678")]
    code: String,
}

/// What was booked without an account by one address.
#[derive(Serialize, ToSchema)]
pub struct GuestBookingsOut {
    /// The latest first, each with its `manage_token`.
    items: Vec<BookingOut>,
}

/// Mails a code to an address, if something was booked by it without an account; the answer does not tell.
#[utoipa::path(post, path = "/api/v1/bookings/lookup/otp", tag = "Bookings", request_body = AskIn,
    responses((status = 202)), security(()))]
pub async fn ask(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let from = address(&app, &request);
    app.limiter.take(Policy::Lookup, &from).await?;
    let input: AskIn = body.read()?;
    let email = account::email("/email", &input.email)?;
    app.limiter.take(Policy::GuestEmail, &email).await?;
    // Off this request, so that its length does not tell whether there is such a guest.
    actix_web::rt::spawn(async move {
        let now = app.world.clock.now();
        let event = |guest: &_| Event::of_account(EventType::GuestCodeAsked, guest, now);
        let given = app
            .world
            .store
            .give_guest_code(&email, event, now + WORKS_FOR, now);
        match given.await {
            Ok(true) => (app.committed)(),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "a guest's code was not announced"),
        }
    });
    Ok(HttpResponse::Accepted().finish())
}

/// Trades the mailed code for what was booked by the address without an account. Each code works once.
#[utoipa::path(post, path = "/api/v1/bookings/lookup/otp/show", tag = "Bookings", request_body = ShowIn,
    responses((status = 200, body = GuestBookingsOut)), security(()))]
pub async fn show(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let from = address(&app, &request);
    app.limiter.take(Policy::Lookup, &from).await?;
    let input: ShowIn = body.read()?;
    let mut faults = Faults::default();
    let email = faults.take(account::email("/email", &input.email));
    let code = faults.take(text::checked("/code", &input.code, 0, 100, false));
    faults.check()?;
    let code: String = code.unwrap_or_default().split_whitespace().collect();
    let (store, now) = (&app.world.store, app.world.clock.now());
    let email = email.unwrap_or_default();
    // Whatever is wrong looks the same: the code, the address, the time, too many tries.
    let wrong = || Problem::new("bad-code");
    let tried = store.try_guest_code(&email, MOST_TRIES, now).await?;
    let (guest, number) = tried.ok_or_else(wrong)?;
    let right = Secret::new(app.tokens.code(guest, number));
    if !right.is(code.as_bytes()) || !store.spend_guest_code(guest, number).await? {
        return Err(wrong());
    }
    let items = bookings(&app, guest).await?;
    Ok(HttpResponse::Ok().json(GuestBookingsOut { items }))
}

async fn bookings(app: &App, guest: UserId) -> Result<Vec<BookingOut>, Problem> {
    let store = &app.world.store;
    let filter = BookingFilter::default();
    let found = store
        .list_bookings(Scope::Person(guest), &filter, None, MOST_SHOWN)
        .await?;
    let experts: Vec<UserId> = found.iter().map(|booking| booking.expert.id).collect();
    let notices = store.cancel_notices(&experts).await?;
    let now = app.world.clock.now();
    let caller = Caller {
        id: guest,
        role: Role::User,
        branch_id: None,
    };
    let shown = found.into_iter().map(|booking| {
        let notice = notices.get(&booking.expert.id).copied().unwrap_or_default();
        let token = app.tokens.booking(booking.id, guest);
        BookingOut::new(booking, Some(&caller), TimeDelta::minutes(notice), now).managed_by(token)
    });
    Ok(shown.collect())
}
