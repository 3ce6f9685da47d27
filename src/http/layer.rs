//! What every answer has: a request id, the safety headers, a log line, figures, and problems in the
//! reader's language.

use std::time::{Duration, Instant as Stopwatch};

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use tokio::time::timeout;
use uuid::Uuid;

use crate::http::App;
use crate::http::leftover::Leftover;
use crate::http::limit::Policy;
use crate::http::limit::address;
use crate::http::openapi::VIEWER_POLICY;
use crate::http::problem::{self, Problem};

/// The id of the request under way, from the extensions of the request.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The id of a request that passed through [`around`].
pub fn request_id(request: &HttpRequest) -> String {
    request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.0.clone())
        .unwrap_or_default()
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps every route.
///
/// # Errors
/// Never by itself: an inner error becomes its answer here.
pub async fn around<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let started = Stopwatch::now();
    // HEAD is answered wherever GET is; the body is left out on the way. A stream of events has no end
    // that could be waited for.
    if request.method() == Method::HEAD && !request.path().ends_with("/live/events") {
        request.head_mut().method = Method::GET;
    }
    let id = accepted_id(&request).unwrap_or_else(|| Uuid::now_v7().to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let app = request.app_data::<Data<App>>().cloned();
    let mut leftover = Leftover::of(&mut request);
    let limit = limit(app.as_ref(), request.request());
    let response = match allowed(app.as_ref(), request.request()).await {
        Ok(()) => answered(next, request, limit, &id)
            .await?
            .map_into_left_body(),
        Err(problem) => request
            .into_response(problem.error_response())
            .map_into_right_body(),
    };
    // Who was too slow already is not listened to any longer.
    let patient = response.status() != StatusCode::REQUEST_TIMEOUT;
    if let Some(leftover) = leftover
        .as_mut()
        .filter(|_| patient && response.status().is_client_error())
    {
        leftover.drain().await;
    }
    let language = problem::language(response.request());
    let mut response = with_problem_body(name_head(response), language, &id);
    if let Some(leftover) = leftover.filter(|leftover| !leftover.has_ended()) {
        response = response.map_body(|_, body| EitherBody::right(leftover.held_by(body)));
    }
    protect(&mut response, app.as_ref(), &id);
    note(&response, &id, started.elapsed().as_secs_f64());
    Ok(response)
}

/// How long the handler may take: longer when the caller is still sending.
fn limit(app: Option<&Data<App>>, request: &HttpRequest) -> Duration {
    let Some(app) = app else {
        return Duration::MAX;
    };
    let http = &app.settings.http;
    let headers = request.headers();
    let has_body = headers
        .get(header::CONTENT_LENGTH)
        .is_some_and(|length| length != "0")
        || headers.contains_key(header::TRANSFER_ENCODING);
    Duration::from_secs(if has_body {
        http.head_seconds + http.body_seconds
    } else {
        http.answer_seconds
    })
}

/// Lets the handler answer within `limit`. One that may change something runs to its end although nobody waits
/// for it any more, because what follows a commit belongs to it: the actors are told, and the planner is woken.
async fn answered<B: MessageBody + 'static>(
    next: Next<B>,
    request: ServiceRequest,
    limit: Duration,
    id: &str,
) -> Result<ServiceResponse<B>, Error> {
    let language = problem::language(request.request());
    let path = loggable(request.request());
    let changes = !request.method().is_safe();
    let answering = next.call(request);
    let answer = if changes {
        let answering = actix_web::rt::spawn(answering);
        timeout(limit, answering).await.map(|ended| {
            ended.unwrap_or_else(|panic| {
                tracing::error!(request_id = id, path, %panic, "a handler failed");
                Err(in_full(Problem::new("internal"), language, id))
            })
        })
    } else {
        timeout(limit, answering).await
    };
    answer.unwrap_or_else(|_| {
        tracing::warn!(request_id = id, path, "not answered in time");
        metrics::counter!("belfry_http_late_answers_total").increment(1);
        Err(in_full(Problem::wait("unavailable", 2), language, id))
    })
}

/// An answer where there is no request to answer to any more.
fn in_full(problem: Problem, language: &'static str, id: &str) -> Error {
    let mut answer = problem.error_response();
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(X_REQUEST_ID, value);
    }
    let answer = answer.set_body(problem.body(language, id));
    InternalError::from_response(problem, answer.map_into_boxed_body()).into()
}

async fn allowed(app: Option<&Data<App>>, request: &HttpRequest) -> Result<(), Problem> {
    match app {
        Some(app) => {
            let from = address(app, request);
            app.limiter.take(Policy::Requests, &from).await
        }
        None => Ok(()),
    }
}

/// Names HEAD beside GET among what an address takes.
fn name_head<B>(mut response: ServiceResponse<B>) -> ServiceResponse<B> {
    let allowed = response.headers().get(header::ALLOW);
    let takes_get = allowed
        .and_then(|value| value.to_str().ok())
        .filter(|list| list.split(", ").any(|method| method == "GET"))
        .and_then(|list| HeaderValue::from_str(&format!("{list}, HEAD")).ok());
    if let Some(list) = takes_get {
        response.headers_mut().insert(header::ALLOW, list);
    }
    response
}

fn protect<B>(response: &mut ServiceResponse<B>, app: Option<&Data<App>>, id: &str) {
    let is_viewer = response.request().path().starts_with("/docs/");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(X_REQUEST_ID, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    let policy = match app {
        _ if is_viewer => VIEWER_POLICY,
        Some(app) => &app.content_security_policy,
        None => return,
    };
    if let Ok(value) = HeaderValue::from_str(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
    }
}

fn note<B>(response: &ServiceResponse<B>, id: &str, seconds: f64) {
    let request = response.request();
    let status = response.status().as_u16();
    let route = request
        .match_pattern()
        .unwrap_or_else(|| "unmatched".to_owned());
    let method = request.method().to_string();
    metrics::histogram!("belfry_http_request_seconds", "method" => method, "route" => route, "status" => status.to_string())
        .record(seconds);
    tracing::info!(
        request_id = id,
        method = %request.method(),
        path = loggable(request),
        status,
        milliseconds = seconds * 1000.0,
        "answered"
    );
}

/// The path as a log may have it: of an address that is a secret itself, no more than its kind.
fn loggable(request: &HttpRequest) -> String {
    let secret = ["/b/", "/calendar/", "/unsubscribe/"];
    let path = request.path();
    match secret
        .iter()
        .find(|beginning| path.starts_with(**beginning))
    {
        Some(beginning) => format!("{beginning}…"),
        None => path.to_owned(),
    }
}

fn accepted_id(request: &ServiceRequest) -> Option<String> {
    plain_id(request.headers().get(X_REQUEST_ID)?.to_str().ok())
}

/// A caller's own request id, when it is short and plain enough for a log.
pub fn plain_id(said: Option<&str>) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    said.filter(|id| (8..=128).contains(&id.len()) && id.chars().all(plain))
        .map(str::to_owned)
}

/// Gives error answers their body; answers of the framework itself get one of the same shape.
fn with_problem_body<B: MessageBody + 'static>(
    mut response: ServiceResponse<EitherBody<B, BoxBody>>,
    language: &'static str,
    id: &str,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let carried: Option<Problem> = response.response_mut().extensions_mut().remove();
    let written = response.headers().contains_key(header::CONTENT_TYPE);
    let problem = match carried {
        Some(problem) => problem,
        // An answer that already has the right shape, or a page.
        None if written && is_own(&response) => return response,
        None => Problem::of_status(status),
    };
    let (request, old) = response.into_parts();
    let mut answer = HttpResponse::build(status)
        .content_type("application/problem+json")
        .insert_header((header::CONTENT_LANGUAGE, language))
        .body(problem.body(language, id));
    for (name, value) in old.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, answer).map_into_right_body()
}

fn is_own<B>(response: &ServiceResponse<B>) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/") || kind.starts_with("text/html"))
}
