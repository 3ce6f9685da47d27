//! Accounts: opening one, signing in and out.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belfry_domain::Instant;
use belfry_domain::account::{self, Account, AccountError, Role};
use belfry_domain::event::{Event, EventType};
use belfry_domain::field::FieldError;
use belfry_domain::id::{BranchId, UserId, uuid_at};
use belfry_domain::setting::HouseSettings;
use belfry_domain::text;
use belfry_store::session::Refreshed;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::idempotency::{Created, is_replay, once, replayed};
use crate::http::input::{Body, Faults};
use crate::http::limit::Policy;
use crate::http::limit::address;
use crate::http::openapi::shape::RoleShape;
use crate::http::problem::Problem;
use crate::password::PasswordFailure;
use crate::secret;

/// What the links in mails are good for.
pub mod mailed_link;
/// What a person may have of what is kept about them, and their being forgotten.
pub mod person;
/// The own profile and its picture.
pub mod profile;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterIn {
    #[schema(format = "email", max_length = 254)]
    email: String,
    #[schema(min_length = 10, max_length = 200)]
    password: String,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// With the country code.
    #[schema(example = "+84912345678")]
    phone: Option<String>,
    /// BCP 47; the one that administrators set when left out.
    #[schema(example = "en")]
    locale: Option<String>,
    /// IANA name; the one that administrators set when left out.
    #[schema(example = "Asia/Ho_Chi_Minh")]
    time_zone: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginIn {
    #[schema(max_length = 254)]
    email: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshIn {
    refresh_token: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogoutIn {
    refresh_token: Option<String>,
    /// Every device of the caller; needs an access token.
    everywhere: Option<bool>,
}

/// A person as the person sees it.
#[derive(Serialize, ToSchema)]
pub struct UserOut {
    #[schema(value_type = Uuid)]
    pub id: UserId,
    pub email: String,
    pub name: String,
    #[schema(value_type = RoleShape, example = "user")]
    pub role: Role,
    pub phone: Option<String>,
    pub gender: Option<String>,
    pub description: String,
    pub avatar_url: Option<String>,
    pub locale: String,
    pub time_zone: String,
    pub email_verified: bool,
    /// The branch of a manager or an expert.
    #[schema(value_type = Option<Uuid>)]
    pub branch_id: Option<BranchId>,
    pub created_at: DateTime<Utc>,
}

impl From<&Account> for UserOut {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id,
            email: account.email.clone(),
            name: account.name.clone(),
            role: account.role,
            phone: account.phone.clone(),
            gender: account.gender.clone(),
            description: account.description.clone(),
            avatar_url: avatar_url(account.id, account.avatar_tag.as_deref()),
            locale: account.locale.clone(),
            time_zone: account.time_zone.name().to_owned(),
            email_verified: account.email_verified,
            branch_id: account.branch_id,
            created_at: account.created_at,
        }
    }
}

/// Where a picture is served; the tag makes each picture a new address.
pub fn avatar_url(id: UserId, tag: Option<&str>) -> Option<String> {
    tag.map(|tag| format!("/api/v1/users/{id}/avatar?v={tag}"))
}

/// What a device needs to stay signed in.
#[derive(Serialize, ToSchema)]
pub struct SessionOut {
    pub access_token: String,
    pub refresh_token: String,
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds until the access token ends.
    pub expires_in: i64,
    pub user: UserOut,
}

/// Opens an account and signs it in. Tokens are kept nowhere: who sends it again with the same key is signed in again,
/// as long as the password is still the account's.
#[utoipa::path(post, path = "/api/v1/auth/register", tag = "Accounts", params(crate::http::idempotency::KeyHeader), request_body = RegisterIn,
    responses((status = 201, body = SessionOut)), security(()))]
pub async fn register(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let from = address(&app, &request);
    app.limiter.take(Policy::Register, &from).await?;
    let answer = once(
        &app,
        &request,
        format!("address:{from}"),
        &body,
        async |_key| {
            // Read where they lie: an edit that was acknowledged by another node holds here, too.
            let kept = app.world.settings.refresh(&app.world.store).await?;
            if !kept.settings.registration {
                return Err(Problem::new("registration-closed"));
            }
            let input: RegisterIn = body.read()?;
            let now = app.world.clock.now();
            let account = new_account(&input, &kept.settings, now)?;
            let hash = app.passwords.hash(&input.password).await.map_err(failed)?;
            let mut tx = app.world.store.begin().await?;
            if !belfry_store::account::insert(&mut tx, &account, &hash).await? {
                return Err(AccountError::EmailTaken.into());
            }
            let event = Event::of_account(EventType::AccountRegistered, &account, now);
            belfry_store::event::append(&mut tx, &[event]).await?;
            let refresh = start_session(&app, &mut tx, account.id, now).await?;
            tx.commit().await?;
            (app.committed)();
            let made = Created::new(&session(&app, &account, refresh, now));
            Ok(made.keeping(&json!({ "id": account.id })))
        },
        // An answer with tokens is never kept in the transaction: signing in is the way on.
        async |_| Err(AccountError::EmailTaken.into()),
    )
    .await?;
    if !(is_replay(&answer) && answer.status() == StatusCode::CREATED) {
        return Ok(answer);
    }
    let input: RegisterIn = body.read()?;
    let email = account::email("/email", &input.email)?;
    let account = by_password(&app, &email, &input.password).await?;
    let session = signed_in(&app, &account).await?;
    Ok(replayed(HttpResponse::Created().json(session)))
}

fn new_account(
    input: &RegisterIn,
    usual: &HouseSettings,
    now: Instant,
) -> Result<Account, Problem> {
    let mut faults = Faults::default();
    let email = faults.take(account::email("/email", &input.email));
    faults.take(account::password("/password", &input.password));
    let name = faults.take(account::name("/name", &input.name));
    let phone = faults.take_some(input.phone.as_deref(), |v| account::phone("/phone", v));
    let locale = faults.take_some(input.locale.as_deref(), |v| account::locale("/locale", v));
    let zone = faults.take_some(input.time_zone.as_deref(), |v| {
        account::time_zone("/time_zone", v)
    });
    faults.check()?;
    Ok(Account {
        id: UserId::at(now),
        email: email.unwrap_or_default(),
        name: name.unwrap_or_default(),
        role: Role::User,
        branch_id: None,
        phone,
        gender: None,
        description: String::new(),
        locale: locale.unwrap_or_else(|| usual.locale.clone()),
        time_zone: zone.unwrap_or(usual.time_zone),
        avatar_tag: None,
        email_verified: false,
        guest: false,
        disabled: false,
        auth_epoch: 0,
        version: 1,
        created_at: now,
    })
}

/// Signs in with address and password.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "Accounts", request_body = LoginIn,
    responses((status = 200, body = SessionOut)), security(()))]
pub async fn login(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    app.limiter
        .take(Policy::Login, &address(&app, &request))
        .await?;
    let input: LoginIn = body.read()?;
    // Any line of text may be tried; what is no address has no account.
    let email = text::checked("/email", &input.email, 0, 254, false)?.to_lowercase();
    app.limiter.take(Policy::AccountLogin, &email).await?;
    let account = by_password(&app, &email, &input.password).await?;
    app.limiter.give_back(Policy::AccountLogin, &email).await;
    Ok(HttpResponse::Ok().json(signed_in(&app, &account).await?))
}

/// The account that this password opens. An unknown address takes as long as a wrong password.
async fn by_password(app: &App, email: &str, password: &str) -> Result<Account, Problem> {
    let found = app.world.store.account_by_email(email).await?;
    let hash = found.as_ref().map(|(_, hash)| hash.as_str());
    let fits = app.passwords.verify(password, hash).await.map_err(failed)?;
    let found = found.filter(|_| fits).map(|(account, _)| account);
    found.ok_or_else(|| AccountError::BadCredentials.into())
}

/// A session of somebody who has shown who they are.
async fn signed_in(app: &App, account: &Account) -> Result<SessionOut, Problem> {
    if account.disabled {
        return Err(AccountError::Disabled.into());
    }
    let now = app.world.clock.now();
    let mut tx = app.world.store.begin().await?;
    let refresh = start_session(app, &mut tx, account.id, now).await?;
    tx.commit().await?;
    Ok(session(app, account, refresh, now))
}

/// Trades a refresh token for a new pair; each works once.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "Accounts", request_body = RefreshIn,
    responses((status = 200, body = SessionOut)), security(()))]
pub async fn refresh(app: Data<App>, body: Body) -> Result<HttpResponse, Problem> {
    let input: RefreshIn = body.read()?;
    let now = app.world.clock.now();
    let (next, next_hash) = fresh_token();
    let done = app
        .world
        .store
        .refresh_session(
            &secret::hash(&input.refresh_token),
            &next_hash,
            refresh_ends(&app, now),
            now,
        )
        .await?;
    let Refreshed::Next { user_id, .. } = done else {
        if done == Refreshed::Reused {
            tracing::warn!("a spent refresh token was used again; its family is revoked");
        }
        return Err(AccountError::BadRefreshToken.into());
    };
    let account = app
        .world
        .store
        .account(user_id)
        .await?
        .filter(|account| !account.disabled);
    let account = account.ok_or(AccountError::BadRefreshToken)?;
    Ok(HttpResponse::Ok().json(session(&app, &account, next, now)))
}

/// Signs one device out, or all of them.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "Accounts", request_body = LogoutIn,
    responses((status = 204)), security((), ("bearer" = [])))]
pub async fn logout(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let input: LogoutIn = body.read()?;
    let now = app.world.clock.now();
    match (input.refresh_token, input.everywhere.unwrap_or(false)) {
        (_, true) => {
            let account = Signed::extract(&request).await?.0;
            app.world.store.log_out_everywhere(account.id, now).await?;
            app.gate.forget(account.id);
        }
        (Some(token), false) => {
            app.world
                .store
                .end_session(&secret::hash(&token), now)
                .await?
        }
        (None, false) => {
            return Err(Problem::field(
                "/refresh_token",
                FieldError::REQUIRED,
                "Name the session to end, or ask for everywhere.",
            ));
        }
    }
    Ok(HttpResponse::NoContent().finish())
}

fn refresh_ends(app: &App, now: Instant) -> Instant {
    now + TimeDelta::days(i64::from(app.settings.auth.refresh_days))
}

/// Starts a family of refresh tokens; answers its first one.
///
/// # Errors
/// The store's own.
pub(super) async fn start_session(
    app: &App,
    tx: &mut belfry_store::Tx,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<String, Problem> {
    let (token, hash) = fresh_token();
    let ends = refresh_ends(app, now);
    belfry_store::session::start(tx, user, uuid_at(now), &hash, ends, now).await?;
    Ok(token)
}

/// A session with this refresh token.
pub(super) fn session(
    app: &App,
    account: &Account,
    refresh_token: String,
    now: Instant,
) -> SessionOut {
    let minutes = app.settings.auth.access_minutes;
    SessionOut {
        access_token: app.tokens.access(account, minutes, now),
        refresh_token,
        token_type: "Bearer",
        expires_in: i64::from(minutes) * 60,
        user: account.into(),
    }
}

/// 32 random bytes as text, and the hash that is stored of them.
fn fresh_token() -> (String, Vec<u8>) {
    let token = URL_SAFE_NO_PAD.encode(secret::fresh::<32>());
    let hash = secret::hash(&token);
    (token, hash)
}

fn failed(error: PasswordFailure) -> Problem {
    match error {
        PasswordFailure::Busy(busy) => busy.into(),
        PasswordFailure::Broken => {
            tracing::error!(%error, "password");
            Problem::new("internal")
        }
    }
}
