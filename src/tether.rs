//! The connection to Redis that limits and the slot cache share.
//!
//! It is there or it is not: a call that fails or is late takes it away from everybody at once, so that a
//! Redis that hangs costs the requests under way a moment and the others nothing. Meanwhile it is made anew
//! in the background, and nobody waits for that either.

use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context, Result};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

/// How long a call may take. It is part of a request, which can do without it.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long a new connection may take to be made and to answer.
const CONNECT: Duration = Duration::from_secs(1);
/// The pause between two tries to connect.
const PAUSE: Duration = Duration::from_millis(500);

type State = Option<MultiplexedConnection>;

/// The handle of the connection. Cloning shares it.
#[derive(Clone)]
pub struct Tether(Arc<watch::Sender<State>>);

impl Tether {
    /// Tries once to connect to the server at `url`, and goes on trying in the background if that fails. Must
    /// be called inside a runtime.
    ///
    /// # Errors
    /// When the address is not understood.
    pub async fn start(url: &str) -> Result<Self> {
        let client = Client::open(url).context("reading the Redis address")?;
        let first = connect(&client).await;
        if let Err(why) = &first {
            warn!(
                why,
                "Redis is out of reach: limits count on this node alone, free slots are not shared"
            );
        }
        let tether = Self(Arc::new(watch::Sender::new(first.ok())));
        let (state, seen) = (Arc::downgrade(&tether.0), tether.0.subscribe());
        tokio::spawn(mend(client, state, seen));
        Ok(tether)
    }

    /// The connection, if there is one at present.
    pub fn connection(&self) -> State {
        self.0.borrow().clone()
    }

    /// Waits for a call on the connection, but not long; `None` when it failed.
    pub async fn answered<T>(&self, call: impl Future<Output = RedisResult<T>>) -> Option<T> {
        match timeout(PATIENCE, call).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) if !is_lost(&error) => debug!(%error, "Redis refused a call"),
            Ok(Err(error)) => self.lose(&error.to_string()),
            Err(_) => self.lose("no answer in time"),
        }
        None
    }

    fn lose(&self, why: &str) {
        // Of many calls that fail together, the first one says so.
        if self.0.send_if_modified(|state| state.take().is_some()) {
            warn!(
                why,
                "Redis is lost: limits count on this node alone, free slots are not shared"
            );
        }
    }

    /// Told of every change of the connection.
    pub(crate) fn changes(&self) -> watch::Receiver<State> {
        self.0.subscribe()
    }
}

fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error()
}

/// Connects whenever there is no connection, as long as anybody holds the handle.
async fn mend(client: Client, state: Weak<watch::Sender<State>>, mut seen: watch::Receiver<State>) {
    while seen.wait_for(Option::is_none).await.is_ok() {
        let made = connect(&client).await;
        let Some(state) = state.upgrade() else {
            return;
        };
        match made {
            Ok(connection) => {
                state.send_replace(Some(connection));
                info!("Redis is back: limits and free slots are shared");
            }
            Err(why) => {
                drop(state);
                debug!(why, "Redis is still out of reach");
                sleep(PAUSE.mul_f64(rand::random_range(0.5..1.0))).await;
            }
        }
    }
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, String> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(CONNECT));
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map_err(|error| error.to_string())?;
    // One that is still loading its data accepts connections, too.
    let answer: RedisResult<()> = redis::cmd("PING").query_async(&mut connection).await;
    answer.map_err(|error| error.to_string())?;
    Ok(connection)
}
