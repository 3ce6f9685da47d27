//! Signing in through an OpenID Connect provider, for administrators (C1.7).
//!
//! What a browser needs to come back with stands in a cookie that no script can read and no other site can have sent,
//! sealed by the house, so that any node may judge its return. The page it comes back to hands over what the provider
//! gave it, and is answered a session like a log-in: no token is ever in an address.

use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_domain::Instant;
use belfry_domain::account::{Account, AccountError, Role};
use belfry_domain::id::UserId;
use belfry_domain::oidc::{self, Acquaintance, Admission, Identity, OidcError};
use belfry_domain::text;
use belfry_store::audit::{self, AuditEntry, Author};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::channel::oidc::Return;
use crate::channel::{Oidc, OidcFailure};
use crate::http::App;
use crate::http::account::{SessionOut, session, start_session};
use crate::http::input::{Body, Faults};
use crate::http::limit::Policy;
use crate::http::limit::address;
use crate::http::problem::{Problem, language};
use crate::secret;

/// What a browser keeps while it is at the provider.
mod departure;
/// As whom a provider knows the caller.
pub mod link;

/// Tries to let somebody in while somebody else changes what that is decided by.
const TRIES: usize = 3;
/// Longest code that is taken to the provider.
const MOST_CODE: usize = 4096;

/// Whether there is a provider to sign in through.
#[derive(Serialize, ToSchema)]
pub struct OidcOut {
    available: bool,
    /// What the provider is called on the button.
    name: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartIn {
    /// The provider asks who it is even if it knows.
    again: Option<bool>,
}

/// The way to the provider.
#[derive(Serialize, ToSchema)]
pub struct StartOut {
    /// Where the browser goes.
    #[schema(format = "uri")]
    url: String,
}

/// What the provider gave the browser to take along.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackIn {
    #[schema(min_length = 1, max_length = 200)]
    state: String,
    #[schema(min_length = 1, max_length = 4096)]
    code: Option<String>,
    /// Instead of a code.
    #[schema(min_length = 1, max_length = 200)]
    error: Option<String>,
    /// The provider's name for itself (RFC 9207).
    #[schema(min_length = 1, max_length = 1000)]
    iss: Option<String>,
}

fn provider(app: &App) -> Result<&Oidc, Problem> {
    let provider = app.oidc.as_ref();
    provider.ok_or_else(|| Problem::new("oidc-off"))
}

/// Whether administrators can sign in through a provider.
#[utoipa::path(get, path = "/api/v1/auth/oidc", tag = "Accounts",
    responses((status = 200, body = OidcOut)), security(()))]
pub async fn get(app: Data<App>) -> HttpResponse {
    let name = &app.settings.auth.oidc.name;
    HttpResponse::Ok().json(OidcOut {
        available: app.oidc.is_some(),
        name: app.oidc.is_some().then(|| name.clone()),
    })
}

/// Begins a sign-in: answers where the browser goes, with a cookie that it must come back with within ten minutes.
#[utoipa::path(post, path = "/api/v1/auth/oidc/start", tag = "Accounts", request_body = StartIn,
    responses((status = 200, body = StartOut)), security(()))]
pub async fn start(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let from = address(&app, &request);
    app.limiter.take(Policy::Login, &from).await?;
    let input: StartIn = body.read()?;
    let now = app.world.clock.now();
    let oidc = provider(&app)?;
    let begun = oidc.depart(input.again == Some(true), now).await;
    let (departure, url) = begun.map_err(|failure| failed(&failure))?;
    let cookies = departure::keep(&app, &request, departure, now);
    let mut answer = HttpResponse::Ok();
    for cookie in cookies.ok_or_else(|| Problem::new("internal"))? {
        answer.append_header((SET_COOKIE, cookie));
    }
    Ok(answer.json(StartOut { url }))
}

/// Ends a sign-in with what the provider gave the browser to take along; works once. Signs in as
/// `POST /auth/login` does.
#[utoipa::path(post, path = "/api/v1/auth/oidc/callback", tag = "Accounts", request_body = CallbackIn,
    responses((status = 200, body = SessionOut)), security(()))]
pub async fn callback(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let from = address(&app, &request);
    app.limiter.take(Policy::Login, &from).await?;
    let input = checked(body.read()?)?;
    provider(&app)?;
    // Whatever comes of it, nobody comes back by this way again.
    let spent = departure::forget(&app, &input.state);
    match arrived(&app, &request, input).await {
        Ok(session) => Ok(HttpResponse::Ok()
            .insert_header((SET_COOKIE, spent))
            .json(session)),
        Err(problem) => Err(match HeaderValue::from_str(&spent) {
            Ok(value) => problem.header(SET_COOKIE, value),
            Err(_) => problem,
        }),
    }
}

fn checked(input: CallbackIn) -> Result<CallbackIn, Problem> {
    let mut faults = Faults::default();
    faults.take(text::checked("/state", &input.state, 1, 200, false));
    for (pointer, value, most) in [
        ("/code", &input.code, MOST_CODE),
        ("/error", &input.error, 200),
        ("/iss", &input.iss, 1000),
    ] {
        faults.take_some(value.as_deref(), |v| {
            text::checked(pointer, v, 1, most, false)
        });
    }
    faults.check()?;
    Ok(input)
}

async fn arrived(
    app: &App,
    request: &HttpRequest,
    input: CallbackIn,
) -> Result<SessionOut, Problem> {
    let now = app.world.clock.now();
    let expired = || Problem::new("oidc-expired");
    // Whoever brings another state did not set out from this browser, or too long ago.
    let departure = departure::find(app, request, &input.state, now).ok_or_else(expired)?;
    // The row decides between two who come back by the same way.
    let state = secret::hash(&input.state);
    if !app.world.store.return_from_oidc(&state, now).await? {
        return Err(expired());
    }
    let code = match (input.code, input.error) {
        (Some(code), None) => code,
        (_, error) => return Err(turned_away(error.as_deref())),
    };
    let back = Return {
        code,
        issuer: input.iss,
    };
    let identified = provider(app)?.identify(back, departure, now).await;
    let who = identified.map_err(|failure| failed(&failure))?;
    admitted(app, request, &who, now).await
}

/// Signs somebody in whom the provider vouches for.
async fn admitted(
    app: &App,
    request: &HttpRequest,
    who: &Identity,
    now: Instant,
) -> Result<SessionOut, Problem> {
    let locale = language(request);
    for _ in 0..TRIES {
        if let Some(session) = try_to_admit(app, who, locale, now).await? {
            return Ok(session);
        }
    }
    Err(Problem::new("conflict"))
}

/// The same, unless somebody else changed meanwhile what was read.
async fn try_to_admit(
    app: &App,
    who: &Identity,
    locale: &str,
    now: Instant,
) -> Result<Option<SessionOut>, Problem> {
    let store = &app.world.store;
    let linked = match store.oidc_link(&who.issuer, &who.subject).await? {
        Some(link) => store.account(link.user_id).await?,
        None => None,
    };
    let namesake = match &who.email {
        Some(email) if linked.is_none() => store.account_by_email(email).await?,
        _ => None,
    };
    let namesake = match namesake {
        Some((account, _)) => {
            let links = store.oidc_links_of(account.id).await?;
            let link = links.into_iter().find(|link| link.issuer == who.issuer);
            if link
                .as_ref()
                .is_some_and(|link| link.subject == who.subject)
            {
                // Since the first look: they come in by another tab.
                return Ok(None);
            }
            Some((account, link.is_some()))
        }
        None => None,
    };
    let known = Acquaintance {
        linked: linked.as_ref(),
        namesake: namesake
            .as_ref()
            .map(|(account, is_linked)| (account, *is_linked)),
    };
    let admins = app.settings.auth.oidc.admins();
    let admission = oidc::admit(who, &admins, known).inspect_err(|why| {
        tracing::warn!(%why, subject = who.subject, "somebody from the provider was not let in");
    })?;
    let mut tx = store.begin().await?;
    let (account, done) = match admission {
        Admission::Known(account) => {
            let used = belfry_store::oidc::used(&mut tx, account.id, who, now).await?;
            (account.clone(), used)
        }
        Admission::Link(account) => {
            let linked = belfry_store::oidc::link(&mut tx, account.id, who, now).await?;
            audit::append(&mut tx, &linked_entry(account.id, who, now)).await?;
            (account.clone(), linked)
        }
        Admission::Open => {
            let zone = app.world.settings.now().settings.time_zone;
            let account = opened(who, locale, zone, now);
            let opened = belfry_store::oidc::open(&mut tx, &account, who, now).await?;
            if opened {
                audit::append(&mut tx, &opened_entry(&account, who, now)).await?;
                audit::append(&mut tx, &linked_entry(account.id, who, now)).await?;
            }
            (account, opened)
        }
    };
    if !done {
        return Ok(None);
    }
    let refresh = start_session(app, &mut tx, account.id, now).await?;
    tx.commit().await?;
    Ok(Some(session(app, &account, refresh, now)))
}

/// The account of somebody who has none.
fn opened(who: &Identity, locale: &str, time_zone: Tz, now: Instant) -> Account {
    let email = who.email.clone().unwrap_or_default();
    let local = email.split('@').next().unwrap_or_default().to_owned();
    Account {
        id: UserId::at(now),
        name: who.name.clone().unwrap_or(local),
        email,
        role: Role::Admin,
        branch_id: None,
        phone: None,
        gender: None,
        description: String::new(),
        locale: locale.to_owned(),
        time_zone,
        avatar_tag: None,
        email_verified: true,
        guest: false,
        disabled: false,
        auth_epoch: 0,
        version: 1,
        created_at: now,
    }
}

fn entry(
    user: UserId,
    now: Instant,
    action: &str,
    before: serde_json::Value,
    after: serde_json::Value,
) -> AuditEntry {
    let author = Author { user, key: None };
    AuditEntry::new(author, now, action, format!("user/{user}"), before, after)
}

/// The log outlives the person, so it does not say by which name the provider knows them.
fn linked_entry(user: UserId, who: &Identity, now: Instant) -> AuditEntry {
    let after = json!({ "issuer": who.issuer });
    entry(user, now, "user.linked", json!(null), after)
}

fn opened_entry(account: &Account, who: &Identity, now: Instant) -> AuditEntry {
    let after = json!({ "role": account.role, "issuer": who.issuer });
    entry(account.id, now, "user.opened", json!(null), after)
}

/// What it means that the provider sends somebody back without a code (RFC 6749 §4.1.2.1).
fn turned_away(error: Option<&str>) -> Problem {
    match error {
        Some("access_denied") => Problem::new("oidc-denied"),
        Some(error @ ("temporarily_unavailable" | "server_error")) => {
            failed(&OidcFailure::Unreachable(error.to_owned()))
        }
        error => failed(&OidcFailure::Refused(
            error.unwrap_or("neither code nor error").to_owned(),
        )),
    }
}

fn failed(failure: &OidcFailure) -> Problem {
    tracing::warn!(%failure, "nobody was signed in through the provider");
    match failure {
        OidcFailure::Unreachable(_) => Problem::wait("oidc-unreachable", 10),
        OidcFailure::Refused(_) => Problem::new("oidc-refused"),
    }
}

impl From<OidcError> for Problem {
    fn from(error: OidcError) -> Self {
        match error {
            OidcError::Disabled => AccountError::Disabled.into(),
            error => Self::new(error.code()),
        }
    }
}
