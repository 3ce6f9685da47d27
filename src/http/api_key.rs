//! API keys, for administrators: machines that act for them, within scopes (C1.8).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belfry_domain::api_key::{ApiKey, PREFIX, Scope, VISIBLE};
use belfry_domain::field::FieldError;
use belfry_domain::id::{ApiKeyId, UserId};
use belfry_domain::text;
use belfry_store::{api_key, audit};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::etag::versioned;
use crate::http::idempotency::{Created, KeyHeader, once};
use crate::http::input::{Body, Faults, Id, Query, instant};
use crate::http::openapi::shape::ScopeShape;
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;
use crate::secret;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyIn {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100, example = "Website")]
    name: String,
    /// What it may do, at most.
    #[schema(value_type = Vec<ScopeShape>, min_items = 1, max_items = 30)]
    scopes: Vec<Scope>,
    /// From when on it opens nothing; without one it never ends by itself.
    expires_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApiKeyQuery {
    limit: Option<i64>,
    after: Option<String>,
}

/// A key, without what opens the door.
#[derive(Clone, Serialize, ToSchema)]
pub struct ApiKeyOut {
    #[schema(value_type = Uuid)]
    id: ApiKeyId,
    name: String,
    /// How it begins.
    #[schema(example = "bfk_x7Kq2B")]
    prefix: String,
    #[schema(value_type = Vec<ScopeShape>)]
    scopes: Vec<Scope>,
    /// The administrator for whom it acts.
    #[schema(value_type = Uuid)]
    user_id: UserId,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    /// Up to a minute earlier than it was.
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
pub struct NewApiKeyOut {
    #[serde(flatten)]
    kept: ApiKeyOut,
    /// What to send as `Authorization: Bearer`. It is shown this once: a repetition by `Idempotency-Key` has `null`.
    key: Option<String>,
}

impl From<&ApiKey> for ApiKeyOut {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name.clone(),
            prefix: key.prefix.clone(),
            scopes: key.scopes.clone(),
            user_id: key.user_id,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// Lists the keys, newest first, with those that have ended; admins.
#[utoipa::path(get, path = "/api/v1/admin/api-keys", tag = "Administration", params(ApiKeyQuery),
    responses((status = 200, body = Page<ApiKeyOut>)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<ApiKeyQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let limit = limit(query.0.limit)?;
    let after = cursor::<ApiKeyId>(query.0.after.as_deref())?;
    let found = app.world.store.api_keys(after, limit + 1).await?;
    let show = |key: ApiKey| ApiKeyOut::from(&key);
    Ok(HttpResponse::Ok().json(page(found, limit, |key| key.id, show)))
}

/// Makes a key that acts for the caller within its scopes; admins. It ends when it is revoked, when its time is over,
/// and for good when the caller's account is disabled or no longer an administrator's. No key makes keys.
#[utoipa::path(post, path = "/api/v1/admin/api-keys", tag = "Administration", params(KeyHeader),
    request_body = ApiKeyIn, responses((status = 201, body = NewApiKeyOut)))]
pub async fn create(
    app: Data<App>,
    signed: Signed,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let make = async |_key| {
        let input: ApiKeyIn = body.read()?;
        let now = app.world.clock.now();
        let shown = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret::fresh::<32>()));
        let key = checked(&input, &signed, shown[..VISIBLE].to_owned(), now)?;
        let mut tx = app.world.store.begin().await?;
        api_key::insert(&mut tx, &key, &secret::hash(&shown)).await?;
        let subject = format!("api_key/{}", key.id);
        let entry = signed.entry(now, "api_key.created", subject, (), audited(&key));
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        let kept = ApiKeyOut::from(&key);
        let again = NewApiKeyOut {
            kept: kept.clone(),
            key: None,
        };
        let key = Some(shown);
        Ok(Created::new(&NewApiKeyOut { kept, key }).keeping(&again))
    };
    let lost = async |_| Err(Problem::new("conflict"));
    once(&app, &request, signed.claimant(), &body, make, lost).await
}

fn checked(
    input: &ApiKeyIn,
    signed: &Signed,
    prefix: String,
    now: DateTime<Utc>,
) -> Result<ApiKey, Problem> {
    let mut faults = Faults::default();
    let name = faults.take(text::checked("/name", &input.name, 1, 100, false));
    let expires_at = faults.take_some(input.expires_at, |at| {
        let at = instant("/expires_at", at)?;
        if at <= now {
            let detail = "A key that has ended opens nothing.";
            return Err(FieldError::new(
                "/expires_at",
                FieldError::IN_THE_PAST,
                detail,
            ));
        }
        Ok(at)
    });
    let mut scopes = input.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        let detail = "At least one is needed.";
        faults.take(Err::<(), _>(FieldError::new(
            "/scopes",
            FieldError::REQUIRED,
            detail,
        )));
    }
    if input.scopes.len() > MOST_SCOPES {
        let detail = format!("At most {MOST_SCOPES} are allowed.");
        faults.take(Err::<(), _>(FieldError::new(
            "/scopes",
            FieldError::TOO_LONG,
            detail,
        )));
    }
    faults.check()?;
    Ok(ApiKey {
        id: ApiKeyId::at(now),
        user_id: signed.0.id,
        name: name.unwrap_or_default(),
        prefix,
        scopes,
        created_at: now,
        expires_at,
        last_used_at: None,
        revoked_at: None,
        version: 1,
    })
}

/// Longest list of scopes that is read.
const MOST_SCOPES: usize = 30;

/// A key in the audit log.
fn audited(key: &ApiKey) -> Value {
    json!({
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "expires_at": key.expires_at,
        "user_id": key.user_id,
    })
}

/// One key; admins.
#[utoipa::path(get, path = "/api/v1/admin/api-keys/{id}", tag = "Administration", params(("id" = Uuid, Path)),
    responses((status = 200, body = ApiKeyOut)))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    id: Id<ApiKeyId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let key = app.world.store.api_key(id.0).await?;
    let key = key.ok_or_else(|| Problem::new("not-found"))?;
    Ok(versioned(key.version, &ApiKeyOut::from(&key)))
}

/// Ends a key, at once on this node and within five seconds on others; admins. It stays in the list. One that has
/// ended stays as it is.
#[utoipa::path(delete, path = "/api/v1/admin/api-keys/{id}", tag = "Administration", params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn revoke(
    app: Data<App>,
    signed: Signed,
    id: Id<ApiKeyId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let key = app.world.store.api_key(id.0).await?;
    let key = key.ok_or_else(|| Problem::new("not-found"))?;
    let now = app.world.clock.now();
    let mut tx = app.world.store.begin().await?;
    if api_key::revoke(&mut tx, key.id, now).await? {
        let subject = format!("api_key/{}", key.id);
        let entry = signed.entry(now, "api_key.revoked", subject, audited(&key), ());
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
    }
    app.gate.end_key(key.id);
    app.supervisor.end_keys(key.user_id, Some(key.id));
    Ok(HttpResponse::NoContent().finish())
}
