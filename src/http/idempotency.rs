//! `Idempotency-Key` on creating calls (draft-ietf-httpapi-idempotency-key-header).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use belfry_domain::Instant;
use belfry_domain::field::FieldError;
use belfry_store::idempotency::{IdempotencyKey, NextAction};
use belfry_store::{Store, StoreError, crash};
use chrono::TimeDelta;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::http::App;
use crate::http::etag::tag;
use crate::http::input::Body;
use crate::http::problem::Problem;

/// Longer than any request may take; afterwards a repetition may start over.
const LOCKED: TimeDelta = TimeDelta::seconds(60);
/// Before the database is asked again to write what became of a key.
const RETRY: Duration = Duration::from_millis(500);
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// `Idempotency-Key` in the document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its shape is read")]
pub struct KeyHeader {
    /// The same key and body answer the first answer again, for a day.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = r"^[\t -~]*[!-~][\t -~]*$"
    )]
    key: Option<String>,
}

/// What a creating call answers: the status and the body, not yet serialised a second time.
pub struct Created {
    pub status: StatusCode,
    pub body: serde_json::Value,
    /// What is kept for a repetition instead of the body, where that holds a secret.
    kept: Option<serde_json::Value>,
}

impl Created {
    /// 201 with `body`.
    pub fn new(body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_value(body).unwrap_or_default();
        Self {
            status: StatusCode::CREATED,
            body,
            kept: None,
        }
    }

    /// The same, of which a repetition is answered `kept` alone: a secret in the body is shown once and kept nowhere.
    pub fn keeping(self, kept: &impl serde::Serialize) -> Self {
        let kept = serde_json::to_value(kept).unwrap_or_default();
        Self {
            kept: Some(kept),
            ..self
        }
    }

    fn respond(self) -> HttpResponse {
        let version = self.body["version"].as_i64();
        let mut response = HttpResponseBuilder::new(self.status).json(self.body);
        tag(&mut response, version);
        response
    }
}

/// Runs `make` once per key. Without a key it just runs. `recover` answers for a thing that was made by a
/// process that died before it could answer.
///
/// # Errors
/// What `make` answers, `idempotency-key-reused`, `idempotency-key-running`, or the store's own.
pub async fn once<M, R>(
    app: &App,
    request: &HttpRequest,
    caller: String,
    body: &Body,
    make: impl FnOnce(Option<IdempotencyKey>) -> M,
    recover: impl FnOnce(Uuid) -> R,
) -> Result<HttpResponse, Problem>
where
    M: Future<Output = Result<Created, Problem>>,
    R: Future<Output = Result<Created, Problem>>,
{
    let Some(key) = key_of(request, caller)? else {
        return make(None).await.map(Created::respond);
    };
    let store = &app.world.store;
    let now = app.world.clock.now();
    let mut hasher = Sha256::new();
    hasher.update(request.method().as_str());
    hasher.update(request.path());
    hasher.update(body.bytes()?);
    let hash = hasher.finalize();
    let claim = Claim {
        key: key.clone(),
        until: now + LOCKED,
    };
    if app.unsettled.contains(&key) {
        return Err(Problem::wait("unavailable", 1));
    }
    let begun = match store.begin_idempotent(&key, &hash, claim.until, now).await {
        Ok(begun) => begun,
        Err(error) => {
            // It may have claimed the key before nobody heard of it.
            claim.settle_later(app, End::Failed);
            return Err(error.into());
        }
    };
    match begun {
        NextAction::Start => crash::point("idempotency.begun"),
        NextAction::Running => return Err(Problem::wait("idempotency-key-running", 1)),
        NextAction::OtherRequest => return Err(Problem::new("idempotency-key-reused")),
        NextAction::Replay { status, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            return Ok(replayed(replay(status, body)));
        }
        NextAction::Recover { resource_id } => {
            let made = recover(resource_id).await?;
            claim.settle(app, End::of(&made)).await;
            return Ok(replayed(made.respond()));
        }
    }
    match make(Some(key.clone())).await {
        Ok(made) => {
            crash::point("idempotency.made");
            // It is made, whether or not the answer can be kept at this moment.
            claim.settle(app, End::of(&made)).await;
            crash::point("idempotency.finished");
            Ok(made.respond())
        }
        Err(problem) => {
            // A refusal is the answer to this key; a failure is none, and may be tried again.
            let status = problem.status_code();
            let end = if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                End::Failed
            } else {
                let language = crate::http::problem::language(request);
                let body = problem.body(language, &crate::http::layer::request_id(request));
                End::Answered {
                    status: status.as_u16(),
                    body,
                }
            };
            claim.settle(app, end).await;
            Err(problem)
        }
    }
}

/// A key that this request claimed.
struct Claim {
    key: IdempotencyKey,
    until: Instant,
}

/// How a request ended, as far as its key goes.
enum End {
    /// This is the answer to the key from now on.
    Answered { status: u16, body: String },
    /// There is none; the key is free.
    Failed,
}

impl End {
    fn of(made: &Created) -> Self {
        Self::Answered {
            status: made.status.as_u16(),
            body: made.kept.as_ref().unwrap_or(&made.body).to_string(),
        }
    }
}

impl Claim {
    /// Writes how the request ended, now or as soon as the database takes it.
    async fn settle(self, app: &App, end: End) {
        if self.write(&app.world.store, &end).await.is_err() {
            self.settle_later(app, end);
        }
    }

    /// Writes it as soon as the database takes it. Until then whoever comes back with the key is told that the
    /// house is out of order, and not that their first request is still under way.
    fn settle_later(self, app: &App, end: End) {
        let (store, clock) = (app.world.store.patient(), app.world.clock.clone());
        let unsettled = app.unsettled.clone();
        unsettled.insert(self.key.clone());
        actix_web::rt::spawn(async move {
            // Later than that anybody may take it.
            while clock.now() < self.until && self.write(&store, &end).await.is_err() {
                tokio::time::sleep(RETRY).await;
            }
            unsettled.remove(&self.key);
        });
    }

    async fn write(&self, store: &Store, end: &End) -> Result<(), StoreError> {
        match end {
            End::Answered { status, body } => {
                store.finish_idempotent(&self.key, *status, body).await
            }
            End::Failed => store.release_idempotent(&self.key, self.until).await,
        }
    }
}

fn key_of(request: &HttpRequest, caller: String) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > 255 {
        let detail = "An Idempotency-Key has 1 to 255 plain characters.";
        return Err(Problem::field(
            "/idempotency-key",
            FieldError::INVALID,
            detail,
        ));
    }
    Ok(Some(IdempotencyKey {
        caller,
        key: key.to_owned(),
    }))
}

fn replay(status: StatusCode, body: String) -> HttpResponse {
    let kind = if status.is_success() {
        "application/json"
    } else {
        "application/problem+json"
    };
    let version = serde_json::from_str::<serde_json::Value>(&body)
        .ok()
        .and_then(|body| body["version"].as_i64());
    let mut response = HttpResponseBuilder::new(status)
        .content_type(kind)
        .body(body);
    tag(&mut response, version);
    response
}

/// Whether this is the first answer, given again.
pub fn is_replay(response: &HttpResponse) -> bool {
    response.headers().contains_key(REPLAYED)
}

/// Marks an answer as the first one, given again.
pub fn replayed(mut response: HttpResponse) -> HttpResponse {
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
