//! `Idempotency-Key` on creating calls (draft-ietf-httpapi-idempotency-key-header).

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use belfry_domain::Instant;
use belfry_domain::field::FieldError;
use belfry_store::idempotency::{IdempotencyKey, NextAction};
use belfry_store::{Store, StoreError, crash};
use chrono::TimeDelta;
use serde::Serialize;
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
    pub fn new(body: &impl Serialize) -> Self {
        let body = serde_json::to_value(body).unwrap_or_default();
        Self {
            status: StatusCode::CREATED,
            body,
            kept: None,
        }
    }

    /// The same, of which a repetition is answered `kept` alone: a secret in the body is shown once and kept nowhere.
    pub fn keeping(self, kept: &impl Serialize) -> Self {
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

/// A creating call, as far as its repetition goes: what it is known by, and whom its answer is for.
pub struct Asked {
    key: Option<IdempotencyKey>,
    /// The same for the same request, however it came.
    print: Vec<u8>,
    /// In which a refusal is kept.
    pub language: &'static str,
    pub request_id: String,
}

/// What a creating call comes to.
pub enum Answered {
    /// It was made just now.
    Made(Created),
    /// It had been made, by a process that died before it could answer.
    Recovered(Created),
    /// The first answer, as it was kept.
    Replayed { status: StatusCode, body: String },
}

impl Asked {
    /// `method` and `route` are those of REST, whatever brings the call; `said` is what was asked for.
    pub fn new(
        key: Option<IdempotencyKey>,
        (method, path): (&str, &str),
        said: &[u8],
        language: &'static str,
        request_id: String,
    ) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(method);
        hasher.update(path);
        hasher.update(said);
        Self {
            key,
            print: hasher.finalize().to_vec(),
            language,
            request_id,
        }
    }

    /// Reads the key of a request.
    ///
    /// # Errors
    /// `validation` for what is no key, and what the body answers.
    pub fn of(request: &HttpRequest, caller: String, said: &[u8]) -> Result<Self, Problem> {
        Self::about(request, request.path(), caller, said)
    }

    /// The same for what may be named in several ways; `path` is the one that counts.
    ///
    /// # Errors
    /// As [`Asked::of`].
    pub fn about(
        request: &HttpRequest,
        path: &str,
        caller: String,
        said: &[u8],
    ) -> Result<Self, Problem> {
        let key = request.headers().get("idempotency-key");
        let key = key.map(|key| key.to_str().unwrap_or_default());
        Ok(Self::new(
            key_of(key, caller)?,
            (request.method().as_str(), path),
            said,
            crate::http::problem::language(request),
            crate::http::layer::request_id(request),
        ))
    }
}

/// What was asked for, the same however it was written: instants in UTC, members by name, those without a value left
/// out. So it stays the same when a release knows one member more.
pub fn print<T: Serialize>(said: &T) -> Vec<u8> {
    // Plain values with string keys always have a JSON form.
    let said = serde_json::to_value(said).unwrap_or_default();
    let members = said.as_object().into_iter().flatten();
    let given: BTreeMap<_, _> = members.filter(|(_, value)| !value.is_null()).collect();
    serde_json::to_vec(&given).unwrap_or_default()
}

impl Answered {
    /// The answer over HTTP.
    pub fn respond(self) -> HttpResponse {
        match self {
            Self::Made(made) => made.respond(),
            Self::Recovered(made) => replayed(made.respond()),
            Self::Replayed { status, body } => replayed(replay(status, body)),
        }
    }
}

/// Runs `make` once per key of a request with this body, as [`once_asked`].
///
/// # Errors
/// As [`once_asked`].
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
    let said = body.bytes();
    let asked = Asked::of(request, caller, said.as_ref().map_or(&[], |said| said))?;
    if asked.key.is_some() {
        said?;
    }
    let answered = once_asked(app, asked, make, recover).await?;
    Ok(answered.respond())
}

/// Runs `make` once per key. Without a key it just runs. `recover` answers for a thing that was made by a
/// process that died before it could answer.
///
/// # Errors
/// What `make` answers, `idempotency-key-reused`, `idempotency-key-running`, or the store's own.
pub async fn once_asked<M, R>(
    app: &App,
    asked: Asked,
    make: impl FnOnce(Option<IdempotencyKey>) -> M,
    recover: impl FnOnce(Uuid) -> R,
) -> Result<Answered, Problem>
where
    M: Future<Output = Result<Created, Problem>>,
    R: Future<Output = Result<Created, Problem>>,
{
    let Some(key) = asked.key else {
        return make(None).await.map(Answered::Made);
    };
    let store = &app.world.store;
    let now = app.world.clock.now();
    let claim = Claim {
        key: key.clone(),
        until: now + LOCKED,
    };
    if app.unsettled.contains(&key) {
        return Err(Problem::wait("unavailable", 1));
    }
    let begun = store
        .begin_idempotent(&key, &asked.print, claim.until, now)
        .await;
    let begun = match begun {
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
            return Ok(Answered::Replayed { status, body });
        }
        NextAction::Recover { resource_id } => {
            let made = recover(resource_id).await?;
            claim.settle(app, End::of(&made)).await;
            return Ok(Answered::Recovered(made));
        }
    }
    match make(Some(key)).await {
        Ok(made) => {
            crash::point("idempotency.made");
            // It is made, whether or not the answer can be kept at this moment.
            claim.settle(app, End::of(&made)).await;
            crash::point("idempotency.finished");
            Ok(Answered::Made(made))
        }
        Err(problem) => {
            // A refusal is the answer to this key; a failure is none, and may be tried again.
            let status = problem.status_code();
            let end = if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                End::Failed
            } else {
                End::Answered {
                    status: status.as_u16(),
                    body: problem.body(asked.language, &asked.request_id),
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
        tokio::spawn(async move {
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

/// The key of `caller` that stands in a header.
///
/// # Errors
/// `validation` for what is no key.
pub fn key_of(header: Option<&str>, caller: String) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(key) = header.map(str::trim) else {
        return Ok(None);
    };
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
