//! What every call has: a request id, a share of the address's limit, an end in time, a log line and a figure.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant as Stopwatch};

use anyhow::Result;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::sync::watch;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::server::TcpConnectInfo;
use tonic::{Code, Status};
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tower_service::Service;
use uuid::Uuid;

use super::booking::Bookings;
use super::branch::BranchDesk;
use super::call::Arrival;
use super::presence::PresenceDesk;
use super::queue::QueueDesk;
use super::refusal;
use super::slot::SlotDesk;
use super::v1::booking_service_server::{self as bookings, BookingServiceServer};
use super::v1::branch_service_server::{self as branches, BranchServiceServer};
use super::v1::presence_service_server::{self as presence, PresenceServiceServer};
use super::v1::queue_service_server::{self as queues, QueueServiceServer};
use super::v1::slot_service_server::{self as slots, SlotServiceServer};
use super::watching::Watches;
use super::{DESCRIBED, MOST_BYTES};
use crate::http::App;
use crate::http::layer::plain_id;
use crate::http::limit::{Policy, address_of};
use crate::http::problem::{self, Problem};

/// The house's own services.
pub const SERVICES: [&str; 5] = [
    bookings::SERVICE_NAME,
    branches::SERVICE_NAME,
    presence::SERVICE_NAME,
    queues::SERVICE_NAME,
    slots::SERVICE_NAME,
];

const X_REQUEST_ID: &str = "x-request-id";

/// The method of what is not there, or was turned away before anybody looked: it may have any name, and each name would
/// be a figure.
const UNMATCHED: &str = "unmatched";

type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
type Handler = Arc<dyn Fn(Request<Body>) -> Answering + Send + Sync>;

/// Lets calls in. Cloning shares it.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    app: Arc<App>,
    /// By the names of their services.
    handlers: BTreeMap<&'static str, Handler>,
    /// Calls under way.
    calls: watch::Sender<usize>,
    limit: Duration,
}

impl Door {
    /// The door to all services.
    pub fn new(
        app: Arc<App>,
        health: &HealthReporter,
        calls: watch::Sender<usize>,
        closing: watch::Receiver<bool>,
    ) -> Result<Self> {
        let described = || {
            let builder = tonic_reflection::server::Builder::configure();
            let builder = builder.register_encoded_file_descriptor_set(DESCRIBED);
            builder.register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let desk = app.clone();
        let watches = Watches::new(app.settings.grpc.watches, closing);
        let handlers = [
            handler(
                BookingServiceServer::new(Bookings(desk.clone()))
                    .max_decoding_message_size(MOST_BYTES),
            ),
            handler(
                BranchServiceServer::new(BranchDesk(desk.clone()))
                    .max_decoding_message_size(MOST_BYTES),
            ),
            handler(
                PresenceServiceServer::new(PresenceDesk {
                    app: desk.clone(),
                    watches: watches.clone(),
                })
                .max_decoding_message_size(MOST_BYTES),
            ),
            handler(
                QueueServiceServer::new(QueueDesk {
                    app: desk.clone(),
                    watches,
                })
                .max_decoding_message_size(MOST_BYTES),
            ),
            handler(SlotServiceServer::new(SlotDesk(desk)).max_decoding_message_size(MOST_BYTES)),
            handler(
                HealthServer::new(HealthService::from_health_reporter(health.clone()))
                    .max_decoding_message_size(MOST_BYTES),
            ),
            handler(
                described()
                    .build_v1()?
                    .max_decoding_message_size(MOST_BYTES),
            ),
            // What many tools still ask.
            handler(
                described()
                    .build_v1alpha()?
                    .max_decoding_message_size(MOST_BYTES),
            ),
        ];
        Ok(Self(Arc::new(Inner {
            limit: Duration::from_secs(app.settings.http.answer_seconds),
            app,
            handlers: handlers.into(),
            calls,
        })))
    }

    async fn answer(self, mut request: Request<Body>) -> Response<Body> {
        let started = Stopwatch::now();
        let _under_way = UnderWay::new(self.0.clone());
        let headers = request.headers();
        let id =
            plain_id(text(headers, X_REQUEST_ID)).unwrap_or_else(|| Uuid::now_v7().to_string());
        let language = problem::preferred(text(headers, "accept-language"));
        let refused =
            |problem: &Problem| refusal::status(problem, language, &id).into_http::<Body>();
        let peer = request.extensions().get::<TcpConnectInfo>();
        let peer = peer.and_then(TcpConnectInfo::remote_addr);
        let from = address_of(&self.0.app, text(headers, "x-forwarded-for"), peer);
        let path = request.uri().path().to_owned();
        let service = path.trim_start_matches('/').split('/').next();
        let handler = service.and_then(|name| self.0.handlers.get_key_value(name));
        request.extensions_mut().insert(Arrival {
            request_id: id.clone(),
            language,
            from: from.clone(),
        });
        let allowed = self.0.app.limiter.take(Policy::Requests, &from).await;
        let is_let_in = allowed.is_ok();
        let mut response = match (allowed, handler) {
            (Err(problem), _) => refused(&problem),
            (Ok(()), None) => refused(&refusal::of_code(Code::Unimplemented)),
            (Ok(()), Some((name, handler))) => {
                // What was begun runs to its end although nobody waits for it any more, because what follows a
                // commit belongs to it.
                let answering = tokio::spawn(handler(request));
                let response = match tokio::time::timeout(self.0.limit, answering).await {
                    Ok(Ok(response)) => response,
                    Ok(Err(panic)) => {
                        tracing::error!(request_id = id, path, %panic, "a handler failed");
                        refused(&Problem::new("internal"))
                    }
                    Err(_) => {
                        tracing::warn!(request_id = id, path, "not answered in time");
                        refused(&Problem::wait("unavailable", 2))
                    }
                };
                match spoken_by_machinery(&response).filter(|_| SERVICES.contains(name)) {
                    Some(code) => refused(&refusal::of_code(code)),
                    None => response,
                }
            }
        };
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(X_REQUEST_ID, value);
        }
        let method = if is_let_in { path.as_str() } else { UNMATCHED };
        note(method, &response, &id, started.elapsed());
        response
    }
}

impl Service<Request<Body>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let door = self.clone();
        Box::pin(async move { Ok(door.answer(request).await) })
    }
}

fn handler<S>(service: S) -> (&'static str, Handler)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let handler = move |request: Request<Body>| -> Answering {
        let mut service = service.clone();
        Box::pin(async move {
            let Ok(response) = service.call(request).await;
            response
        })
    };
    (S::NAME, Arc::new(handler))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The code of a refusal that none of the handlers gave: theirs have details.
fn spoken_by_machinery(response: &Response<Body>) -> Option<Code> {
    let headers = response.headers();
    if headers.contains_key("grpc-status-details-bin") {
        return None;
    }
    let status = Status::from_header_map(headers)?;
    Some(status.code()).filter(|code| *code != Code::Ok)
}

fn note(method: &str, response: &Response<Body>, id: &str, took: Duration) {
    let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |s| s.code());
    let method = match code {
        Code::Unimplemented => UNMATCHED,
        _ => method,
    };
    let code = format!("{code:?}");
    let seconds = took.as_secs_f64();
    metrics::histogram!("belfry_grpc_request_seconds", "method" => method.to_owned(), "code" => code.clone())
        .record(seconds);
    tracing::info!(
        request_id = id,
        method,
        code,
        milliseconds = seconds * 1000.0,
        "answered"
    );
}

/// Counts a call while it is under way.
struct UnderWay(Arc<Inner>);

impl UnderWay {
    fn new(inner: Arc<Inner>) -> Self {
        inner.calls.send_modify(|calls| *calls += 1);
        Self(inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.calls.send_modify(|calls| *calls -= 1);
    }
}
