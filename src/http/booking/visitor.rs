//! Who may look at a booking and do what its client may: somebody who signed in, or who has the link to it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use belfry_domain::booking::Booking;
use belfry_domain::id::BookingId;
use chrono::TimeDelta;

use crate::http::App;
use crate::http::auth::{Signed, bearer};
use crate::http::problem::Problem;

/// How long after its end a booking can still be opened by its link.
const OPEN_FOR: TimeDelta = TimeDelta::days(30);

/// Somebody who signed in, or the client of one booking.
pub struct Visitor {
    signed: Signed,
    /// The booking whose link was shown.
    only: Option<BookingId>,
}

impl Visitor {
    /// The caller, as far as this booking goes.
    ///
    /// # Errors
    /// `not-found` when the caller's link is for another one.
    pub fn at(self, booking: BookingId) -> Result<Signed, Problem> {
        if self.only.is_some_and(|only| only != booking) {
            return Err(Problem::new("not-found"));
        }
        Ok(self.signed)
    }

    /// Whom a token lets in that is the link to a booking; `None` for any other token.
    ///
    /// # Errors
    /// `unauthenticated` for a link that opens nothing any more, `account-disabled`, or the store's own.
    pub async fn by_link(app: &App, token: &str) -> Result<Option<Self>, Problem> {
        if app.tokens.read_booking(token).is_none() {
            return Ok(None);
        }
        let visitor = opened_by(app, token).await?;
        visitor
            .map(Some)
            .ok_or_else(|| Problem::new("unauthenticated"))
    }
}

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let app = request.app_data::<Data<App>>().cloned();
        let token = bearer(request).map(str::to_owned);
        let signing_in = Signed::from_request(request, payload);
        Box::pin(async move {
            if let (Some(app), Some(token)) = (app, token)
                && let Some(visitor) = Self::by_link(&app, &token).await?
            {
                return Ok(visitor);
            }
            Ok(signing_in.await?.into())
        })
    }
}

impl From<Signed> for Visitor {
    fn from(signed: Signed) -> Self {
        Self { signed, only: None }
    }
}

async fn opened_by(app: &App, token: &str) -> Result<Option<Visitor>, Problem> {
    let Some(booking) = linked(app, token).await? else {
        return Ok(None);
    };
    let Some(mut account) = app.world.store.account(booking.client.id).await? else {
        return Ok(None);
    };
    if account.disabled {
        return Err(Problem::new("account-disabled"));
    }
    // A link shows what was typed for this booking, not what is known of the address.
    account.name = booking.client.name;
    Ok(Some(Visitor {
        signed: Signed(Arc::new(account), None),
        only: Some(booking.id),
    }))
}

/// The booking that a link opens, while it does.
///
/// # Errors
/// The store's own.
pub async fn linked(app: &App, token: &str) -> Result<Option<Booking>, Problem> {
    let Some((id, client)) = app.tokens.read_booking(token) else {
        return Ok(None);
    };
    let now = app.world.clock.now();
    let booking = app.world.store.booking(id).await?;
    // Somebody whose account it has become opens it there.
    Ok(booking.filter(|booking| booking.client.id == client && now < booking.ends_at + OPEN_FOR))
}
