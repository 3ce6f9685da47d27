//! The listening server.
//!
//! Ordinary requests go to the actix-web application as ever. A request that upgrades to a WebSocket leaves
//! HTTP altogether: its socket is taken out of the HTTP machinery, whose buffers are freed, and belongs to
//! a session from then on. That is what `HttpServer` cannot do and why this file stands in its place.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::time::Duration;

use actix_codec::Framed;
use actix_http::body::MessageBody;
use actix_http::{HttpService, Protocol, Request, Response};
use actix_rt::net::TcpStream;
use actix_server::{Server, ServerHandle};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::Error;
use actix_web::dev::AppConfig;
use belfry_actors::Close;
use socket2::SockRef;
use tracing::{debug, warn};

use crate::http::live::{self, Live};
use crate::http::patient::Patient;

/// How long an idle connection is kept for another request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a connection that is being closed is listened to, so that the client finds its answer.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes sent and never acknowledged, or a window closed this long, end a connection. Only the kernel can
/// tell in every state of a connection, whatever the application waits for.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// To send the head of a connection's first request.
    pub head: Duration,
    /// To send a body.
    pub body: Duration,
}

impl Bounds {
    /// For a whole request, or to take an answer. A little more than head and body, so that who is told to be
    /// too late hears it.
    fn request(self) -> Duration {
        self.head + self.body + Duration::from_secs(1)
    }
}

/// Serves `app` and the live connections on `listener`. The answer is a future that ends when the server
/// has stopped; signals are left to the caller, who stops it by [`drain`].
///
/// # Errors
/// When the listener cannot be used.
pub fn serve<F, I, S, B>(
    listener: TcpListener,
    workers: Option<NonZeroUsize>,
    drain_seconds: u64,
    bounds: Bounds,
    live: Live,
    app: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let address = listener.local_addr()?;
    let mut builder = Server::build()
        .disable_signals()
        .shutdown_timeout(drain_seconds);
    if let Some(workers) = workers {
        builder = builder.workers(workers.get());
    }
    let stopping = builder.graceful_shutdown_signal();
    let builder = builder.listen("belfry", listener, move || {
        let stopping = stopping.clone();
        let live = live.clone();
        let config = AppConfig::default();
        let app = app()
            .into_factory()
            .map_err(|error| error.into().error_response());
        let http = HttpService::build()
            .client_request_timeout(bounds.head)
            .client_disconnect_timeout(LINGER)
            .keep_alive(KEEP_ALIVE)
            .local_addr(address)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|stream: &Patient<TcpStream>, _| bound_silence(stream.get_ref()))
            .upgrade(fn_service(
                move |(request, framed): (Request, Framed<Patient<TcpStream>, _>)| {
                    let live = live.clone();
                    async move {
                        // A session of its own has its own limits.
                        let framed = framed.into_map_io(Patient::into_inner);
                        live::upgrade(live, request, framed).await;
                        Ok::<(), Infallible>(())
                    }
                },
            ))
            .finish(map_config(app, move |()| config.clone()));
        fn_service(move |stream: TcpStream| async move {
            if let Err(error) = stream.set_nodelay(true) {
                debug!(%error, "a connection gathers its small packets");
            }
            let peer = stream.peer_addr().ok();
            let stream = Patient::new(stream, bounds.request());
            Ok((stream, Protocol::Http1, peer))
        })
        .and_then(http)
    })?;
    Ok(builder.run())
}

fn bound_silence(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(USER_TIMEOUT)) {
        warn!(%error, "a connection has no time-out for unacknowledged bytes");
    }
}

/// Takes the server down in order: no new connections, every live connection told to come back, requests
/// under way finished. Takes at most `patience` for the live connections and the server's own limit for the
/// rest.
pub async fn drain(server: &ServerHandle, live: &Live, patience: Duration) {
    server.pause().await;
    let left = live
        .supervisor()
        .close_all(Close::GoingDown, patience)
        .await;
    if left > 0 {
        warn!(left, "live connections did not end in time");
    }
    server.stop(true).await;
}
