//! Webhooks, for administrators: endpoints, their secrets, what was sent to them.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_domain::Instant;
use belfry_domain::field::FieldError;
use belfry_domain::id::WebhookId;
use belfry_domain::text;
use belfry_domain::webhook::{Hook, OVERLAP, Pattern};
use belfry_store::Tx;
use belfry_store::audit;
use belfry_store::webhook::{self, SigningSecret, Webhook};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::channel::{Forbidden, fresh_secret};
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::etag::{IfMatch, versioned};
use crate::http::idempotency::{Created, KeyHeader, once};
use crate::http::input::{Body, Faults, Id, Query, given};
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

/// What was sent to an endpoint, and sending it again.
pub mod log;

/// Longest address, and most patterns of one endpoint.
const MOST_URL: usize = 2048;
const MOST_PATTERNS: usize = 50;
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookIn {
    /// Where events are posted; https, and in no private network.
    #[schema(max_length = 2048, example = "https://example.com/belfry")]
    url: String,
    /// Which events: `*`, a beginning such as `booking.*`, or a type.
    #[schema(min_items = 1, max_items = 50, example = json!(["booking.*"]))]
    events: Vec<String>,
    #[schema(max_length = 200)]
    description: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookEdit {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, max_length = 2048)]
    url: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<String>, required = false, min_items = 1, max_items = 50)]
    events: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, max_length = 200)]
    description: Option<String>,
    /// Switching it on again forgets why it was off.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WebhookQuery {
    limit: Option<i64>,
    after: Option<String>,
}

/// An endpoint that hears of events.
#[derive(Serialize, ToSchema)]
pub struct WebhookOut {
    #[schema(value_type = Uuid)]
    id: WebhookId,
    url: String,
    #[schema(value_type = Vec<String>)]
    events: Vec<Pattern>,
    description: String,
    enabled: bool,
    /// Why it was switched off by itself: `gone` by its own word, `failing` for five days.
    disabled_cause: Option<String>,
    /// Since when every attempt has failed.
    failing_since: Option<DateTime<Utc>>,
    /// Until when the secret before the present one signs along, or did.
    old_secret_until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// An endpoint with the secret that signs from now on; it is shown this once.
#[derive(Serialize, ToSchema)]
pub struct WebhookSecretOut {
    #[serde(flatten)]
    webhook: WebhookOut,
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

impl From<&Webhook> for WebhookOut {
    fn from(webhook: &Webhook) -> Self {
        Self {
            id: webhook.hook.id,
            url: webhook.hook.url.clone(),
            events: webhook.hook.events.clone(),
            description: webhook.description.clone(),
            enabled: webhook.enabled,
            disabled_cause: webhook.disabled_cause.clone(),
            failing_since: webhook.failing_since,
            old_secret_until: webhook.secrets.iter().filter_map(|old| old.until).max(),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

/// Lists the endpoints, newest first; admins.
#[utoipa::path(get, path = "/api/v1/admin/webhooks", tag = "Administration", params(WebhookQuery),
    responses((status = 200, body = Page<WebhookOut>)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<WebhookQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let limit = limit(query.0.limit)?;
    let after = cursor::<WebhookId>(query.0.after.as_deref())?;
    let found = app.world.store.webhooks(after, limit + 1).await?;
    let show = |webhook: Webhook| WebhookOut::from(&webhook);
    Ok(HttpResponse::Ok().json(page(found, limit, |webhook| webhook.hook.id, show)))
}

/// Adds an endpoint; admins. The answer has its secret, which is shown this once.
#[utoipa::path(post, path = "/api/v1/admin/webhooks", tag = "Administration", params(KeyHeader),
    request_body = WebhookIn, responses((status = 201, body = WebhookSecretOut)))]
pub async fn create(
    app: Data<App>,
    signed: Signed,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let make = async |_key| {
        let input: WebhookIn = body.read()?;
        let fields = checked(
            &app,
            Some(&input.url),
            Some(&input.events),
            input.description.as_deref(),
        )
        .await?;
        let now = app.world.clock.now();
        let secret = fresh_secret();
        let webhook = Webhook {
            hook: Hook {
                id: WebhookId::at(now),
                url: fields.url.unwrap_or_default(),
                events: fields.events.unwrap_or_default(),
            },
            description: fields.description.unwrap_or_default(),
            secrets: vec![SigningSecret {
                secret: secret.clone(),
                until: None,
            }],
            enabled: true,
            disabled_cause: None,
            failing_since: None,
            created_by: signed.0.id,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let mut tx = app.world.store.begin().await?;
        webhook::insert(&mut tx, &webhook).await?;
        note(&mut tx, &signed, "webhook.created", None, &webhook, now).await?;
        tx.commit().await?;
        let out = WebhookSecretOut {
            webhook: WebhookOut::from(&webhook),
            secret,
        };
        Ok(Created::new(&out))
    };
    let lost = async |_| Err(Problem::new("conflict"));
    let caller = signed.claimant();
    once(&app, &request, caller, &body, make, lost).await
}

/// One endpoint; admins.
#[utoipa::path(get, path = "/api/v1/admin/webhooks/{id}", tag = "Administration", params(("id" = Uuid, Path)),
    responses((status = 200, body = WebhookOut)))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    id: Id<WebhookId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let webhook = found(&app, id.0).await?;
    Ok(versioned(webhook.version, &WebhookOut::from(&webhook)))
}

/// Changes an endpoint; admins. Members left out stay as they are.
#[utoipa::path(patch, path = "/api/v1/admin/webhooks/{id}", tag = "Administration",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), request_body = WebhookEdit,
    responses((status = 200, body = WebhookOut)))]
pub async fn edit(
    app: Data<App>,
    signed: Signed,
    id: Id<WebhookId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let before = found(&app, id.0).await?;
    let input: WebhookEdit = body.read()?;
    if_match.check(before.version)?;
    let fields = checked(
        &app,
        input.url.as_deref(),
        input.events.as_deref(),
        input.description.as_deref(),
    )
    .await?;
    let mut webhook = before.clone();
    webhook.hook.url = fields.url.unwrap_or(webhook.hook.url);
    webhook.hook.events = fields.events.unwrap_or(webhook.hook.events);
    webhook.description = fields.description.unwrap_or(webhook.description);
    webhook.enabled = input.enabled.unwrap_or(webhook.enabled);
    write(&app, &signed, "webhook.edited", &before, &webhook).await?;
    let webhook = found(&app, id.0).await?;
    Ok(versioned(webhook.version, &WebhookOut::from(&webhook)))
}

/// Removes an endpoint; admins. What was sent to it stays in the outbox.
#[utoipa::path(delete, path = "/api/v1/admin/webhooks/{id}", tag = "Administration", params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn remove(
    app: Data<App>,
    signed: Signed,
    id: Id<WebhookId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let before = found(&app, id.0).await?;
    let now = app.world.clock.now();
    let mut tx = app.world.store.begin().await?;
    if !webhook::delete(&mut tx, id.0).await? {
        return Err(Problem::new("not-found"));
    }
    let subject = format!("webhook/{}", before.hook.id);
    let entry = signed.entry(now, "webhook.removed", subject, audited(&before), ());
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes a new secret; admins. The old one signs along for a day, so that the receiver can change in peace.
#[utoipa::path(post, path = "/api/v1/admin/webhooks/{id}/rotate", tag = "Administration",
    params(("id" = Uuid, Path)), responses((status = 200, body = WebhookSecretOut)))]
pub async fn rotate(
    app: Data<App>,
    signed: Signed,
    id: Id<WebhookId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let before = found(&app, id.0).await?;
    let now = app.world.clock.now();
    let secret = fresh_secret();
    let mut webhook = before.clone();
    for old in &mut webhook.secrets {
        let end = now + OVERLAP;
        old.until = Some(old.until.map_or(end, |until| until.min(end)));
    }
    webhook
        .secrets
        .retain(|old| old.until.is_some_and(|until| now < until));
    let fresh = SigningSecret {
        secret: secret.clone(),
        until: None,
    };
    webhook.secrets.insert(0, fresh);
    write(&app, &signed, "webhook.rotated", &before, &webhook).await?;
    let webhook = found(&app, id.0).await?;
    Ok(HttpResponse::Ok().json(WebhookSecretOut {
        webhook: WebhookOut::from(&webhook),
        secret,
    }))
}

async fn found(app: &App, id: WebhookId) -> Result<Webhook, Problem> {
    let webhook = app.world.store.webhook(id).await?;
    webhook.ok_or_else(|| Problem::new("not-found"))
}

/// What somebody typed, as far as they did.
struct Fields {
    url: Option<String>,
    events: Option<Vec<Pattern>>,
    description: Option<String>,
}

async fn checked(
    app: &App,
    url: Option<&str>,
    events: Option<&[String]>,
    description: Option<&str>,
) -> Result<Fields, Problem> {
    let mut faults = Faults::default();
    let url = faults.take_some(url, |v| text::checked("/url", v, 1, MOST_URL, false));
    let events = faults.take_some(events, patterns);
    let description = faults.take_some(description, |v| {
        text::checked("/description", v, 0, 200, false)
    });
    faults.check()?;
    if let Some(url) = &url {
        let forbidden =
            |fault: Forbidden| Problem::field("/url", FieldError::INVALID, fault.to_string());
        let checked = app.outbound.guard.check_text(url).await;
        checked.map_err(forbidden)?;
    }
    Ok(Fields {
        url,
        events,
        description,
    })
}

fn patterns(typed: &[String]) -> Result<Vec<Pattern>, FieldError> {
    if typed.is_empty() {
        let detail = "At least one is needed.";
        return Err(FieldError::new("/events", FieldError::REQUIRED, detail));
    }
    if typed.len() > MOST_PATTERNS {
        let detail = format!("At most {MOST_PATTERNS} are allowed.");
        return Err(FieldError::new("/events", FieldError::TOO_LONG, detail));
    }
    let read = typed.iter().enumerate().map(|(place, text)| {
        let nothing = |_| {
            let detail = "No type of event fits this.";
            FieldError::new(format!("/events/{place}"), FieldError::INVALID, detail)
        };
        text.parse().map_err(nothing)
    });
    read.collect()
}

async fn write(
    app: &App,
    signed: &Signed,
    action: &str,
    before: &Webhook,
    after: &Webhook,
) -> Result<(), Problem> {
    let now = app.world.clock.now();
    let mut tx = app.world.store.begin().await?;
    if !webhook::update(&mut tx, after, now).await? {
        return Err(Problem::new("stale"));
    }
    note(&mut tx, signed, action, Some(before), after, now).await?;
    Ok(tx.commit().await?)
}

/// An endpoint in the audit log; secrets stay out of it.
fn audited(webhook: &Webhook) -> Value {
    json!({
        "url": webhook.hook.url,
        "events": webhook.hook.events,
        "description": webhook.description,
        "enabled": webhook.enabled,
    })
}

/// Writes the audit entry of a change.
async fn note(
    tx: &mut Tx,
    signed: &Signed,
    action: &str,
    before: Option<&Webhook>,
    after: &Webhook,
    now: Instant,
) -> Result<(), Problem> {
    let entry = signed.entry(
        now,
        action,
        format!("webhook/{}", after.hook.id),
        before.map(audited),
        audited(after),
    );
    Ok(audit::append(tx, &entry).await?)
}
