//! What a browser keeps while it is at the provider: a cookie for each way that it is on.

use actix_web::HttpRequest;
use actix_web::http::header::COOKIE;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belfry_domain::Instant;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::channel::oidc::Departure;
use crate::http::App;

/// How long somebody may be at the provider.
const AWAY: TimeDelta = TimeDelta::minutes(10);
/// Ways that one browser may be on at once, such as in several tabs.
const MOST_WAYS: usize = 5;
/// Characters of a state that its cookie is named by.
const NAMED_BY: usize = 12;
/// What the cookie is sealed for.
const ABOUT: &[u8] = b"departure";

#[derive(Serialize, Deserialize)]
struct Away {
    #[serde(flatten)]
    departure: Departure,
    until: Instant,
}

/// The cookies that a browser is given for the way: its own, and an end to those of before if they are too many.
/// `None` only where nothing can be sealed.
pub(super) fn keep(
    app: &App,
    request: &HttpRequest,
    departure: Departure,
    now: Instant,
) -> Option<Vec<String>> {
    let name = name_of(app, &departure.state);
    let until = now + AWAY;
    let text = serde_json::to_vec(&Away { departure, until }).ok()?;
    let sealed = app.departures.close(ABOUT, &text)?;
    let value = URL_SAFE_NO_PAD.encode(sealed);
    let mut cookies = vec![cookie(app, &name, &value, AWAY)];
    let before: Vec<String> = ways(app, request).map(|(name, _)| name).collect();
    if before.len() >= MOST_WAYS {
        cookies.extend(before.iter().map(|name| ended(app, name)));
    }
    Some(cookies)
}

/// What this browser set out with to come back by this state, unless it never did or is too late.
pub(super) fn find(
    app: &App,
    request: &HttpRequest,
    state: &str,
    now: Instant,
) -> Option<Departure> {
    let name = name_of(app, state);
    let (_, value) = ways(app, request).find(|(way, _)| *way == name)?;
    let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
    let text = app.departures.open(ABOUT, &sealed)?;
    let away: Away = serde_json::from_slice(&text).ok()?;
    (away.departure.state == state && now < away.until).then_some(away.departure)
}

/// What takes the cookie of a way back.
pub(super) fn forget(app: &App, state: &str) -> String {
    ended(app, &name_of(app, state))
}

/// Whether browsers hold the house's cookies to its own name over TLS.
fn is_secure(app: &App) -> bool {
    app.settings.http.public_url.starts_with("https://")
}

/// What the names of the cookies begin with. By this prefix browsers let no other host, such as one below the same
/// domain, set them (RFC 6265bis §4.1.3.2).
fn prefix(app: &App) -> &'static str {
    if is_secure(app) {
        "__Host-belfry-oidc-"
    } else {
        "belfry-oidc-"
    }
}

fn name_of(app: &App, state: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
    let begins: String = state.chars().filter(plain).take(NAMED_BY).collect();
    format!("{}{begins}", prefix(app))
}

/// A cookie that only this host gets back, only from its own pages.
fn cookie(app: &App, name: &str, value: &str, age: TimeDelta) -> String {
    let secure = if is_secure(app) { "; Secure" } else { "" };
    let age = age.num_seconds();
    format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}

fn ended(app: &App, name: &str) -> String {
    cookie(app, name, "", TimeDelta::zero())
}

/// The ways that a browser is on: the names and values of its cookies.
fn ways(app: &App, request: &HttpRequest) -> impl Iterator<Item = (String, String)> {
    let prefix = prefix(app);
    let sent = request.headers().get_all(COOKIE);
    sent.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(name, _)| name.starts_with(prefix))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
}
