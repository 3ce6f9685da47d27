//! Addresses to which nothing is sent any more, for administrators, and the reports of mail servers that put
//! them there.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::Returned;
use belfry_domain::field::FieldError;
use belfry_domain::text;
use belfry_store::audit;
use belfry_store::suppression::{self, Filter, Listed, Suppression};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::channel::{email, report};
use crate::http::App;
use crate::http::auth::{Signed, bearer};
use crate::http::delivery::Addressee;
use crate::http::input::{Faults, Query, read_all};
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;
use crate::http::unsubscribe;

/// Largest report that is read: servers send back the whole mail, with what hung on it.
const MOST_BYTES: usize = 1024 * 1024;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SuppressionQuery {
    /// `email telegram sms fcm web_push webhook`
    #[param(max_length = 20)]
    channel: Option<String>,
    /// `bounced complained blocked gone invalid unregistered`
    #[param(max_length = 40)]
    cause: Option<String>,
    /// Text in the address.
    #[param(max_length = 100)]
    query: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

/// An address to which nothing is sent.
#[derive(Serialize, ToSchema)]
pub struct SuppressionOut {
    #[schema(value_type = String, example = "email")]
    channel: Channel,
    address: String,
    /// Stable word, such as `bounced`, `complained`, `blocked` or `unregistered`.
    cause: String,
    /// In the words of whoever said so.
    detail: String,
    at: DateTime<Utc>,
}

/// The same in a list, with whose the address is.
#[derive(Serialize, ToSchema)]
pub struct ListedSuppressionOut {
    #[serde(flatten)]
    suppression: SuppressionOut,
    /// `null` where it is nobody's any more, and for phones.
    user: Option<Addressee>,
}

impl From<Listed> for ListedSuppressionOut {
    fn from(listed: Listed) -> Self {
        Self {
            suppression: listed.suppression.into(),
            user: listed.user.map(|(id, name)| Addressee { id, name }),
        }
    }
}

/// What a report led to.
#[derive(Serialize, ToSchema)]
pub struct ReportOut {
    /// `bounced`, `soft_bounced`, `complained`, or `none` for a report that changes nothing.
    outcome: &'static str,
    /// Whether it is about a mail of this house.
    matched: bool,
    /// Whether nothing goes to its address from now on.
    suppressed: bool,
}

impl From<Suppression> for SuppressionOut {
    fn from(suppression: Suppression) -> Self {
        Self {
            channel: suppression.channel,
            address: suppression.address,
            cause: suppression.cause,
            detail: suppression.detail,
            at: suppression.at,
        }
    }
}

/// Lists addresses to which nothing is sent, newest first; admins.
#[utoipa::path(get, path = "/api/v1/admin/suppressions", tag = "Administration", params(SuppressionQuery),
    responses((status = 200, body = Page<ListedSuppressionOut>)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<SuppressionQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let query = query.0;
    let limit = limit(query.limit)?;
    let after = cursor::<(Instant, String)>(query.after.as_deref())?;
    let mut faults = Faults::default();
    let filter = Filter {
        channel: faults.take_some(query.channel.as_deref(), |name| {
            let unknown =
                |_| FieldError::new("/channel", FieldError::INVALID, "This is not a channel.");
            name.parse::<Channel>().map_err(unknown)
        }),
        cause: faults.take_some(query.cause.as_deref(), |typed| {
            text::checked("/cause", typed, 0, 40, false)
        }),
        query: faults.take_some(query.query.as_deref(), |typed| {
            text::checked("/query", typed, 0, 100, false)
        }),
    };
    faults.check()?;
    let found = app
        .world
        .store
        .suppressions(&filter, after, limit + 1)
        .await?;
    let key = |listed: &Listed| {
        let Suppression {
            channel,
            address,
            at,
            ..
        } = &listed.suppression;
        (*at, format!("{}:{address}", channel.as_str()))
    };
    Ok(HttpResponse::Ok().json(page(found, limit, key, ListedSuppressionOut::from)))
}

/// Sends to an address again; admins.
#[utoipa::path(delete, path = "/api/v1/admin/suppressions/{channel}/{address}", tag = "Administration",
    params(("channel" = String, Path), ("address" = String, Path)), responses((status = 204)))]
pub async fn lift(
    app: Data<App>,
    signed: Signed,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let (channel, address) = path.into_inner();
    let missing = || Problem::new("not-found");
    let channel = channel.parse::<Channel>().map_err(|_| missing())?;
    let address = text::checked("", &address, 1, 4000, false).map_err(|_| missing())?;
    let mut tx = app.world.store.begin().await?;
    let lifted = suppression::lift(&mut tx, channel, &address).await?;
    let lifted = lifted.ok_or_else(missing)?;
    let entry = signed.entry(
        app.world.clock.now(),
        "suppression.lifted",
        format!("suppression/{}/{address}", channel.as_str()),
        json!(SuppressionOut::from(lifted)),
        (),
    );
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes what a mail server says of a mail that it had taken: a delivery report (RFC 3464) or a complaint
/// (RFC 5965), as a pipe of the server posts it. The bearer token is `[email] bounce_secret`; without one, nobody
/// may. A mail of another house changes nothing, and the same report twice is as good as once.
#[utoipa::path(post, path = "/api/v1/mail/bounces", tag = "Administration",
    request_body(content = Vec<u8>, content_type = "message/rfc822"),
    responses((status = 200, body = ReportOut)))]
pub async fn bounce(
    app: Data<App>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    admit(&app, &request)?;
    let kind = content_type(&request)?;
    let mut mail = read_all(&request, payload.into_inner(), MOST_BYTES)
        .await?
        .to_vec();
    if let Some(kind) = kind {
        // The body of a report alone: what says how it is divided stands in the request's own header.
        mail.splice(
            ..0,
            format!("MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n").into_bytes(),
        );
    }
    let report = report::read(&mail, &email::domain(&app.settings.email.from))
        .map_err(|none| Problem::field("", FieldError::INVALID, none.to_string()))?;
    let what = report.fate;
    let outcome = match what {
        Some(Returned::Bounced) => "bounced",
        Some(Returned::Undelivered | Returned::Delayed) => "soft_bounced",
        Some(Returned::Complained) => "complained",
        None => "none",
    };
    let told = match what.zip(report.delivery) {
        Some((what, delivery)) => {
            let detail = cleaned(&report.detail);
            let now = app.world.clock.now();
            let mut tx = app.world.store.begin().await?;
            let told = suppression::report(&mut tx, delivery, what, &detail, now).await?;
            tx.commit().await?;
            told
        }
        None => None,
    };
    let promoted = told.iter().flat_map(|told| &told.promoted);
    for channel in promoted {
        let couriers = app.couriers.iter();
        let concerned = couriers.filter(|courier| courier.channel() == *channel);
        concerned.for_each(|courier| courier.nudge());
    }
    if let Some(told) = &told
        && what == Some(Returned::Complained)
        && let Some(user) = told.user_id
    {
        unsubscribe::stop(&app, user, told.category).await?;
    }
    tracing::info!(outcome, matched = told.is_some(), "a mail server reported");
    Ok(HttpResponse::Ok().json(ReportOut {
        outcome: if told.is_some() { outcome } else { "none" },
        matched: told.is_some(),
        suppressed: told.is_some_and(|told| told.suppressed),
    }))
}

/// Lets in who knows the secret.
fn admit(app: &App, request: &HttpRequest) -> Result<(), Problem> {
    let secret = &app.settings.email.bounce_secret;
    let shown = bearer(request).filter(|_| !secret.expose().is_empty());
    match shown {
        Some(shown) if secret.is(shown.as_bytes()) => Ok(()),
        _ => Err(Problem::new("unauthenticated")),
    }
}

/// The content type, where the body is the inside of a report and not a mail of its own.
fn content_type(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let Some(kind) = request.headers().get(CONTENT_TYPE) else {
        return Ok(None);
    };
    let unsupported = || Problem::new("unsupported-media-type");
    let kind = kind.to_str().map_err(|_| unsupported())?;
    let essence = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match essence.as_str() {
        "message/rfc822" | "message/global" | "text/plain" | "application/octet-stream" => Ok(None),
        "multipart/report" => Ok(Some(kind.to_owned())),
        _ => Err(unsupported()),
    }
}

/// A server's words as one line that the database and a page can hold.
fn cleaned(said: &str) -> String {
    said.replace(char::is_control, " ")
}
