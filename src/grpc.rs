//! The operations of bookings, slots, branches, their queues and presence over gRPC (B10), on a port of its own.
//!
//! Nothing is decided here: each call checks the form of its message, asks what the REST handler asks too, and writes
//! the answer as a message. Calls run on threads of their own, so that they and the arbiters of HTTP do not wait for one
//! another. What is made of `proto/` lies in `proto/generated`; `tests/it/grpc/generated.rs` makes it anew and compares.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::http::App;
use crate::http::operation::Readiness;

/// Bookings and holds.
mod booking;
/// Branches.
mod branch;
/// Who calls, with what, in which words.
mod call;
/// What every call has.
mod door;
/// Reading what callers send.
mod field;
/// Who of the experts is there.
mod presence;
/// A connection that says soon what it is.
mod prompt;
/// Waiting queues of branches.
mod queue;
/// Every refusal.
mod refusal;
/// Free slots.
mod slot;
/// Visits and queues as messages.
mod visit;
/// Streams that go on for as long as somebody watches.
mod watching;

/// Messages and servers, made of `proto/belfry/v1`.
#[allow(
    clippy::all,
    clippy::pedantic,
    missing_docs,
    reason = "written by a generator"
)]
pub mod v1 {
    include!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/proto/generated/belfry.v1.rs"
    ));
}

/// The same for reflection.
const DESCRIBED: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/proto/generated/belfry.v1.bin"
));

/// Largest message that is read, as the largest body over HTTP.
const MOST_BYTES: usize = 64 * 1024;
/// Calls under way on one connection.
const MOST_CALLS: u32 = 128;
/// Largest head of a call.
const MOST_HEAD_BYTES: u32 = 16 * 1024;
/// How often a silent connection is asked whether somebody is there, and how long that may take.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(20);
/// How often health is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How long answers may stay on their way, once the last call is done.
const LINGER: Duration = Duration::from_secs(1);

/// The listening server.
pub struct Grpc {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    /// Ends when every connection has.
    served: oneshot::Receiver<()>,
    /// Calls under way.
    calls: watch::Receiver<usize>,
    /// The threads end when this is gone.
    _threads: oneshot::Sender<()>,
}

impl Grpc {
    /// Serves on `listener` until it is dropped.
    ///
    /// # Errors
    /// When the listener cannot be used, or no thread can be had.
    pub fn start(listener: TcpListener, app: Arc<App>) -> Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let threads = runtime::Builder::new_multi_thread()
            .worker_threads(app.settings.grpc.workers)
            .thread_name("belfry-grpc")
            .enable_all()
            .build()
            .context("starting the threads of gRPC")?;
        let (stop, stopping) = oneshot::channel::<()>();
        let (done, served) = oneshot::channel();
        let (_threads, ended) = oneshot::channel::<()>();
        let (counting, calls) = watch::channel(0);
        let serving = serve(listener, app, counting, stopping);
        thread::Builder::new()
            .name("belfry-grpc".to_owned())
            .spawn(move || {
                threads.block_on(async {
                    if let Err(error) = serving.await {
                        tracing::error!(%error, "gRPC is no longer served");
                    }
                    // Whether somebody still listens for it or not.
                    let _ = done.send(());
                    // Connections to the database that were opened here live as long as these threads.
                    let _ = ended.await;
                });
                threads.shutdown_background();
            })
            .context("starting the threads of gRPC")?;
        Ok(Self {
            address,
            stop,
            served,
            calls,
            _threads,
        })
    }

    /// Accepts nothing new and lets calls under way finish, for so long at most. Watches end with a word of it; other
    /// streams are cut off when they are alone. What is answered must be kept until the database is closed.
    pub async fn drain(self, patience: Duration) -> impl Sized {
        let Self {
            stop,
            served,
            mut calls,
            _threads: threads,
            ..
        } = self;
        let _ = stop.send(());
        let alone = async {
            // An error is that nobody can call any more.
            let _ = calls.wait_for(|under_way| *under_way == 0).await;
            tokio::time::sleep(LINGER).await;
        };
        let finished = async {
            tokio::select! {
                _ = served => {}
                () = alone => {}
            }
        };
        if tokio::time::timeout(patience, finished).await.is_err() {
            tracing::warn!("gRPC calls did not end in time");
        }
        threads
    }
}

async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    counting: watch::Sender<usize>,
    stopping: oneshot::Receiver<()>,
) -> Result<()> {
    let head = Duration::from_secs(app.settings.http.head_seconds);
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let incoming = TcpListenerStream::new(listener)
        .map(move |accepted| accepted.map(|stream| prompt::Prompt::new(stream, head)));
    let health = Health::default();
    let (close, closing) = watch::channel(false);
    let door = door::Door::new(app.clone(), &health.0, counting, closing)?;
    let looking = tokio::spawn(look(app, health.clone()));
    let served = Server::builder()
        .max_concurrent_streams(MOST_CALLS)
        .http2_max_header_list_size(MOST_HEAD_BYTES)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_ANSWER))
        .serve_with_incoming_shutdown(door, incoming, async move {
            // A sender that is gone says the same.
            let _ = stopping.await;
            looking.abort();
            // A look under way could still say that all is well.
            let _ = looking.await;
            health.set(ServingStatus::NotServing).await;
            close.send_replace(true);
        })
        .await;
    Ok(served?)
}

/// Says whether the house can serve, as `/readyz` does.
async fn look(app: Arc<App>, health: Health) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let ready = Readiness::of(&app).await.is_ready();
        health
            .set(match ready {
                true => ServingStatus::Serving,
                false => ServingStatus::NotServing,
            })
            .await;
    }
}

/// What `grpc.health.v1.Health` answers.
#[derive(Clone, Default)]
struct Health(HealthReporter);

impl Health {
    /// Of the house as a whole, and of each service.
    async fn set(&self, status: ServingStatus) {
        for name in [""].iter().chain(&door::SERVICES) {
            self.0.set_service_status(name, status).await;
        }
    }
}
