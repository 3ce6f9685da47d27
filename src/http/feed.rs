//! The calendar that a person subscribes to: its address, and the file behind it (C2.7).

use actix_web::http::header::{CACHE_CONTROL, ETAG};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belfry_domain::account::Account;
use belfry_domain::calendar::{FEED_AHEAD, FEED_BACK, FEED_MOST, Feed};
use belfry_store::booking::{BookingFilter, Scope};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::etag::is_known;
use crate::http::limit::Policy;
use crate::http::problem::Problem;
use crate::secret;

/// Bytes of chance behind an address.
const SALT_BYTES: usize = 32;
/// Keeps these secrets apart from everything else that is made of the house's.
const PURPOSE: &[u8] = b"calendar feed";

/// The address of the caller's calendar, for programs that show it.
#[derive(Serialize, ToSchema)]
pub struct FeedOut {
    /// Whoever knows it reads the calendar; `null` while there is none.
    #[schema(example = "https://book.example.com/calendar/0fJx….ics")]
    url: Option<String>,
    created_at: Option<DateTime<Utc>>,
}

/// The address of the caller's calendar.
#[utoipa::path(get, path = "/api/v1/me/calendar-feed", tag = "Accounts", responses((status = 200, body = FeedOut)))]
pub async fn get(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let feed = app.world.store.calendar_feed(signed.0.id).await?;
    Ok(private(HttpResponse::Ok()).json(FeedOut {
        url: feed.as_ref().map(|feed| address(&app, &feed.salt)),
        created_at: feed.map(|feed| feed.created_at),
    }))
}

/// Gives the caller's calendar an address nobody else knows. One that it had before leads nowhere from now on.
#[utoipa::path(post, path = "/api/v1/me/calendar-feed", tag = "Accounts", responses((status = 201, body = FeedOut)))]
pub async fn create(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let salt = secret::fresh::<SALT_BYTES>();
    let hash = secret::hash(&shown(&app, &salt));
    let now = app.world.clock.now();
    let store = &app.world.store;
    store
        .put_calendar_feed(signed.0.id, &salt, &hash, now)
        .await?;
    Ok(private(HttpResponse::Created()).json(FeedOut {
        url: Some(address(&app, &salt)),
        created_at: Some(now),
    }))
}

/// Takes the caller's calendar away from its address.
#[utoipa::path(delete, path = "/api/v1/me/calendar-feed", tag = "Accounts", responses((status = 204)))]
pub async fn remove(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let store = &app.world.store;
    store.delete_calendar_feed(signed.0.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The calendar at a secret address: the bookings of its owner, those called off among them. Bookings further
/// away than a month back and two years ahead are left out.
#[utoipa::path(get, path = "/calendar/{secret}.ics", tag = "Accounts", params(("secret" = String, Path)),
    responses((status = 200, content_type = "text/calendar", body = String), (status = 304)), security(()))]
pub async fn file(
    app: Data<App>,
    request: HttpRequest,
    shown: Path<String>,
) -> Result<HttpResponse, Problem> {
    let hash = secret::hash(&shown);
    let key = URL_SAFE_NO_PAD.encode(&hash);
    app.limiter.take(Policy::Feed, &key).await?;
    let reader = reader(&app, &hash).await?;
    let now = app.world.clock.now();
    let near = BookingFilter {
        from: Some(now - FEED_BACK),
        to: Some(now + FEED_AHEAD),
        ascending: true,
        ..Default::default()
    };
    let scope = Scope::Person(reader.id);
    let store = &app.world.store;
    let bookings = store.list_bookings(scope, &near, None, FEED_MOST).await?;
    let kept = app.world.settings.now();
    let feed = Feed {
        reader: reader.id,
        locale: &reader.locale,
        zone: reader.time_zone,
        templates: &app.templates,
        house: &kept.settings.name,
        links: &*app.links,
    };
    let file = feed.write(&bookings);
    let tag = URL_SAFE_NO_PAD.encode(&Sha256::digest(&file)[..12]);
    let tag = format!("\"{tag}\"");
    if is_known(&request, &tag) {
        return Ok(private(HttpResponse::NotModified())
            .insert_header((ETAG, tag))
            .finish());
    }
    Ok(private(HttpResponse::Ok())
        .content_type("text/calendar; charset=utf-8")
        .insert_header((ETAG, tag))
        .body(file))
}

/// The person whose secret has this hash. That it is a hash which is compared makes the time of the search say
/// nothing about the secret.
async fn reader(app: &App, hash: &[u8]) -> Result<Account, Problem> {
    let unknown = || Problem::new("not-found");
    let store = &app.world.store;
    let owner = store.calendar_feed_owner(hash).await?.ok_or_else(unknown)?;
    let account = store.account(owner).await?;
    account
        .filter(|account| !account.disabled)
        .ok_or_else(unknown)
}

/// Not for caches on the way, and to be asked for again each time.
fn private(mut answer: actix_web::HttpResponseBuilder) -> actix_web::HttpResponseBuilder {
    answer.insert_header((CACHE_CONTROL, "private, no-cache"));
    answer
}

/// The secret that belongs to a salt.
fn shown(app: &App, salt: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(app.tokens.secret().mac(&[PURPOSE, salt]))
}

fn address(app: &App, salt: &[u8]) -> String {
    app.links.feed(&shown(app, salt))
}
