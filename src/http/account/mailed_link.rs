//! What the links in mails are good for: a new password, and the proof of an address.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_domain::account::{self, AccountError};
use belfry_domain::event::{Event, EventType};
use serde::Deserialize;
use utoipa::ToSchema;

use super::failed;
use crate::http::App;
use crate::http::input::Body;
use crate::http::limit::Policy;
use crate::http::limit::address;
use crate::http::problem::Problem;
use crate::token::Purpose;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotIn {
    #[schema(format = "email", max_length = 254)]
    email: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetIn {
    token: String,
    #[schema(min_length = 10, max_length = 200)]
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyIn {
    token: String,
}

/// Sends a link for a new password, if there is such an account; the answer does not tell.
#[utoipa::path(post, path = "/api/v1/auth/password/forgot", tag = "Accounts", request_body = ForgotIn,
    responses((status = 202)), security(()))]
pub async fn forgot_password(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    app.limiter
        .take(Policy::Login, &address(&app, &request))
        .await?;
    let input: ForgotIn = body.read()?;
    let email = account::email("/email", &input.email)?;
    app.limiter.take(Policy::AccountLogin, &email).await?;
    // Off this request, so that its length does not tell whether the account exists.
    actix_web::rt::spawn(async move {
        if let Err(problem) = tell_how_to_reset(&app, &email).await {
            tracing::error!(%problem, "password reset not announced");
        }
    });
    Ok(HttpResponse::Accepted().finish())
}

async fn tell_how_to_reset(app: &App, email: &str) -> Result<(), Problem> {
    let store = &app.world.store;
    let account = match store.account_by_email(email).await? {
        Some((account, _)) => account,
        // Who booked without an account gets one by proving the address.
        None => match store.guest_by_email(email).await? {
            Some(guest) => guest,
            None => return Ok(()),
        },
    };
    if account.disabled {
        return Ok(());
    }
    let now = app.world.clock.now();
    let event = Event::of_account(EventType::AccountPasswordForgotten, &account, now);
    let mut tx = app.world.store.begin().await?;
    belfry_store::event::append(&mut tx, &[event]).await?;
    tx.commit().await?;
    (app.committed)();
    Ok(())
}

/// Sets a new password with the token of the mailed link, and ends every session.
#[utoipa::path(post, path = "/api/v1/auth/password/reset", tag = "Accounts", request_body = ResetIn,
    responses((status = 204)), security(()))]
pub async fn reset_password(app: Data<App>, body: Body) -> Result<HttpResponse, Problem> {
    let input: ResetIn = body.read()?;
    account::password("/password", &input.password)?;
    let now = app.world.clock.now();
    let link = app.tokens.read_link(Purpose::Reset, &input.token, now);
    let (link, epoch) = link
        .and_then(|link| link.epoch.map(|epoch| (link, epoch)))
        .ok_or(AccountError::BadLink)?;
    let hash = app.passwords.hash(&input.password).await.map_err(failed)?;
    let owner = app
        .world
        .store
        .reset_password(link.sub, epoch, &hash, now)
        .await?
        .ok_or(AccountError::BadLink)?;
    app.gate.forget(owner);
    Ok(HttpResponse::NoContent().finish())
}

/// Proves an e-mail address with the token of the mailed link.
#[utoipa::path(post, path = "/api/v1/auth/email/verify", tag = "Accounts", request_body = VerifyIn,
    responses((status = 204)), security(()))]
pub async fn verify_email(app: Data<App>, body: Body) -> Result<HttpResponse, Problem> {
    let input: VerifyIn = body.read()?;
    let now = app.world.clock.now();
    let link = app.tokens.read_link(Purpose::Verify, &input.token, now);
    let (link, email) = link
        .and_then(|mut link| link.email.take().map(|email| (link, email)))
        .ok_or(AccountError::BadLink)?;
    if !app.world.store.verify_email(link.sub, &email, now).await? {
        return Err(AccountError::BadLink.into());
    }
    app.gate.forget(link.sub);
    Ok(HttpResponse::NoContent().finish())
}
