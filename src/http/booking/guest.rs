//! Booking without an account (C3.14).
//!
//! Whoever books so may type anybody's address. So what is answered never depends on whether that address has an
//! account: a guest is a person of their own (see `belfry_store::guest`), and what was typed is shown to whoever
//! typed it. The mail about the booking goes to the address and opens it; the bookings become an account's own when
//! its owner proves the address.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::account::{self, Account, AccountError, Role};
use belfry_domain::booking::{Actor, Booking, Party};
use belfry_domain::field::FieldError;
use belfry_domain::id::UserId;
use belfry_store::guest::GuestTerms;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{BookingIn, BookingOut, Wanted, Wish, book};
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::idempotency::{Created, once};
use crate::http::input::{Body, Faults};
use crate::http::limit::{Policy, address};
use crate::http::problem::{Problem, language};
use crate::http::setting::guests_may_book;
use crate::secret;

/// Who books without an account.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GuestIn {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Told of everything about the booking, with a link that opens it.
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// With the country code.
    #[schema(example = "+84912345678")]
    phone: Option<String>,
    /// IANA name, for the times in the mails; the expert's when left out.
    #[schema(example = "Asia/Ho_Chi_Minh")]
    time_zone: Option<String>,
}

/// What of it was read.
struct Guest {
    name: String,
    email: String,
    phone: Option<String>,
    time_zone: Option<chrono_tz::Tz>,
}

impl GuestIn {
    fn check(&self) -> Result<Guest, Vec<FieldError>> {
        let mut faults = Vec::new();
        let mut keep = |fault| faults.push(fault);
        let name = account::name("/guest/name", &self.name).map_err(&mut keep);
        let email = account::email("/guest/email", &self.email).map_err(&mut keep);
        let phone = self
            .phone
            .as_deref()
            .map(|v| account::phone("/guest/phone", v));
        let phone = phone.transpose().map_err(&mut keep);
        let zone = self.time_zone.as_deref();
        let zone = zone.map(|v| account::time_zone("/guest/time_zone", v));
        let zone = zone.transpose().map_err(&mut keep);
        match (name, email, phone, zone) {
            (Ok(name), Ok(email), Ok(phone), Ok(time_zone)) => Ok(Guest {
                name,
                email,
                phone,
                time_zone,
            }),
            _ => Err(faults),
        }
    }
}

/// Books for somebody who did not sign in, if the body says who that is.
pub(super) async fn create(
    app: &App,
    request: &HttpRequest,
    body: &Body,
) -> Result<HttpResponse, Problem> {
    let most_open = i64::from(app.settings.booking.guest_bookings);
    // Whoever neither signs in nor says who they are hears that first, whatever else is wrong.
    let said: Option<Value> = body
        .bytes()
        .ok()
        .and_then(|b| serde_json::from_slice(b).ok());
    let guest = said.as_ref().and_then(|said| said.get("guest"));
    // Read where they lie: an edit that was acknowledged by another node holds here, too.
    app.world.settings.refresh(&app.world.store).await?;
    let may = guests_may_book(app);
    let Some(guest) = guest.filter(|guest| !guest.is_null() && may) else {
        return Err(Problem::new("unauthenticated"));
    };
    let from = address(app, request);
    app.limiter.take(Policy::Guest, &from).await?;
    // A key is somebody's own: it is known together with where they are and whom they book for.
    let email = guest["email"].as_str().unwrap_or_default();
    let email = account::email("/guest/email", email).unwrap_or_default();
    let caller = Uuid::from_slice(&secret::hash(&email)[..16]).unwrap_or_default();
    let make = async |key| {
        let input: BookingIn = body.read()?;
        let guest = checked(&input)?;
        app.limiter.take(Policy::GuestEmail, &guest.email).await?;
        let known = known(app, request, &input, &guest).await?;
        let client = Party {
            id: known.id,
            name: guest.name,
        };
        let wish = Wish {
            actor: Actor::person(client.id, client.name.clone(), Role::User),
            holder: client.id,
            client,
            guest: Some(GuestTerms {
                phone: guest.phone,
                most_open,
            }),
        };
        let booking = book(app, &input, wish, key).await?;
        shown(app, booking).await
    };
    let recover = async |id: Uuid| {
        let booking = app.world.store.booking(id.into()).await?;
        shown(app, booking.ok_or_else(|| Problem::new("not-found"))?).await
    };
    let caller = format!("guest:{from}:{caller}");
    once(app, request, caller, body, make, recover).await
}

fn checked(input: &BookingIn) -> Result<Guest, Problem> {
    let mut faults = Faults::default();
    for (pointer, given) in [("/client_id", input.client_id), ("/hold_id", input.hold_id)] {
        if given.is_some() {
            faults.refuse(pointer, "Sign in for this.");
        }
    }
    input.check(&mut faults);
    let guest = input.guest.as_ref();
    let guest = guest.ok_or_else(|| Problem::new("unauthenticated"))?;
    let guest = faults.take_all(guest.check());
    faults.check()?;
    guest.ok_or_else(|| Problem::new("validation"))
}

/// The guest as the house knows them, or from now on will.
async fn known(
    app: &App,
    request: &HttpRequest,
    input: &BookingIn,
    guest: &Guest,
) -> Result<Account, Problem> {
    let now = app.world.clock.now();
    let zone = match guest.time_zone {
        Some(zone) => zone,
        None => {
            let store = &app.world.store;
            let found = match input.wanted()? {
                Wanted::Expert(id) => store.expert(id).await?.map(|e| e.time_zone),
                Wanted::Branch(id, _) => store.branch(id).await?.map(|b| b.opening.time_zone),
            };
            found.unwrap_or(chrono_tz::UTC)
        }
    };
    let fresh = Account {
        id: app.tokens.guest(&guest.email),
        email: guest.email.clone(),
        name: guest.name.clone(),
        role: Role::User,
        branch_id: None,
        phone: None,
        gender: None,
        description: String::new(),
        locale: language(request).to_owned(),
        time_zone: zone,
        avatar_tag: None,
        email_verified: false,
        guest: true,
        disabled: false,
        auth_epoch: 0,
        version: 1,
        created_at: now,
    };
    let known = app.world.store.guest(&fresh, now).await?;
    if known.disabled {
        return Err(AccountError::Disabled.into());
    }
    Ok(known)
}

async fn shown(app: &App, booking: Booking) -> Result<Created, Problem> {
    let notice = app.experts.cancel_notice(booking.expert.id).await?;
    let now = app.world.clock.now();
    let token = app.tokens.booking(booking.id, booking.client.id);
    let as_client = belfry_domain::account::Caller {
        id: booking.client.id,
        role: Role::User,
        branch_id: None,
    };
    let out = BookingOut::new(booking, Some(&as_client), notice, now).managed_by(token);
    Ok(Created::new(&out))
}

/// What became the caller's own.
#[derive(Serialize, ToSchema)]
pub struct ClaimedOut {
    /// How many bookings.
    claimed: u64,
}

/// Makes the caller's own what was booked without an account by the caller's proved address. A booking at a time at
/// which the caller has another one stays as it is.
#[utoipa::path(post, path = "/api/v1/bookings/claim", tag = "Bookings",
    responses((status = 200, body = ClaimedOut)))]
pub async fn claim(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    if !signed.0.email_verified {
        return Err(Problem::new("email-unverified"));
    }
    let owner: UserId = signed.0.id;
    let claimed = app
        .world
        .store
        .claim_guest(owner, app.world.clock.now())
        .await?;
    Ok(HttpResponse::Ok().json(ClaimedOut { claimed }))
}
