//! The store's own threads.
//!
//! Whoever asks the store may be one of thousands that a busy thread of the web server serves in turn. A
//! connection in its hands would lie idle until that turn comes, and with it everybody's: a crowd that came at
//! once would bring all of them to a standstill. So connections to PostgreSQL
//! are waited for and made here, and single statements and the beginnings of transactions run here.

use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tracing::{Instrument, warn};

/// Most threads: they do little but read and write.
const MOST: usize = 4;

static OWN: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    let threads = available_parallelism().map_or(1, |cores| cores.get().min(MOST));
    let own = Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("store")
        .enable_all()
        .build();
    own.inspect_err(
        |error| warn!(%error, "no threads of its own for the store: it uses its callers'"),
    )
    .ok()
});

/// Begins something on the store's own threads.
pub(super) fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let work = work.in_current_span();
    match &*OWN {
        Some(own) => own.spawn(work),
        None => tokio::spawn(work),
    }
}

/// Does something on the store's own threads, and leaves it when its caller leaves. `None` when it broke down.
pub(super) async fn run<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let mut working = Working(spawn(work));
    (&mut working.0).await.ok()
}

/// Work that ends with whoever waits for it.
struct Working<T>(JoinHandle<T>);

impl<T> Drop for Working<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
