//! Several nodes over Redis Pub/Sub.
//!
//! One connection hears, another publishes; both live on a thread of their own, so that a busy worker
//! never delays a message of another. A lost connection is made again with growing pauses, everything is
//! subscribed anew, and the sink is told of the gap. A node whose messages did not leave says so to all others
//! as soon as it can, for they heard nothing that would tell them. Nothing here is ever waited for.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_rt::Arbiter;
use async_trait::async_trait;
use belfry_actors::{Bus, BusSink};
use bytes::Bytes;
use futures::StreamExt;
use metrics::{Counter, counter};
use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSubSink, PubSubStream};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisResult};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long Redis may take to answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a silent connection is asked whether it still lives.
const PING_EVERY: Duration = Duration::from_secs(5);
/// The pause before the first and the longest before any later new connection.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Where a node says that messages of its own were lost.
const GAP_CHANNEL: &str = "gap";
/// The shortest time between two such words: each makes everybody ask the database.
const GAP_PAUSE: Duration = Duration::from_millis(500);
/// Channels subscribed or left in one command.
const BATCH: usize = 500;
/// Messages that may wait to be published; more are dropped and counted.
const OUTGOING: usize = 16 * 1024;
/// Messages published in one round trip.
const PIPELINE: usize = 512;

/// An address that does not name a Redis server.
#[derive(Debug, Error)]
#[error("bad Redis address: {0}")]
pub struct BadAddress(#[source] redis::RedisError);

/// The bus of several nodes.
pub struct RedisBus {
    /// Ends with the bus.
    thread: Arbiter,
    changes: mpsc::UnboundedSender<Change>,
    outgoing: mpsc::Sender<(String, Bytes)>,
    health: Arc<Health>,
}

/// What is known of the two connections.
struct Health {
    hears: AtomicBool,
    publishes: AtomicBool,
    /// Messages were lost and nobody was told yet.
    owes_gap: AtomicBool,
    lost: Counter,
}

impl Health {
    fn lose(&self, messages: u64) {
        self.lost.increment(messages);
        self.owes_gap.store(true, Ordering::Relaxed);
    }
}

enum Change {
    Attach(Arc<dyn BusSink>),
    Subscribe(String),
    Unsubscribe(String),
}

impl RedisBus {
    /// Starts connecting to the server at `url`; it need not be up yet.
    ///
    /// # Errors
    /// When the address is not understood.
    pub fn start(url: &str) -> Result<Self, BadAddress> {
        // Without TCP_NODELAY a message waits for the acknowledgement of the one before.
        let settings = TcpSettings::default()
            .set_nodelay(true)
            .set_user_timeout(PING_EVERY + RESPONSE_TIMEOUT);
        let client = url
            .into_connection_info()
            .map(|info| info.set_tcp_settings(settings))
            .and_then(Client::open)
            .map_err(BadAddress)?;
        let (changes, changed) = mpsc::unbounded_channel();
        let (outgoing, leaving) = mpsc::channel(OUTGOING);
        let health = Arc::new(Health {
            hears: AtomicBool::new(false),
            publishes: AtomicBool::new(true),
            owes_gap: AtomicBool::new(false),
            lost: counter!("belfry_bus_lost_messages_total"),
        });
        let thread = Arbiter::new();
        let listener = Listener {
            client: client.clone(),
            changed,
            channels: HashMap::new(),
            health: health.clone(),
        };
        thread.spawn(listener.run());
        thread.spawn(publish_all(client, leaving, health.clone()));
        Ok(Self {
            thread,
            changes,
            outgoing,
            health,
        })
    }

    fn change(&self, change: Change) {
        // Fails only when the thread has ended, which is when nobody listens any more.
        let _ = self.changes.send(change);
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        self.thread.stop();
    }
}

#[async_trait]
impl Bus for RedisBus {
    fn publish(&self, channel: &str, payload: Bytes) {
        let sent = self.outgoing.try_send((channel.to_owned(), payload));
        if let Err(TrySendError::Full(_) | TrySendError::Closed(_)) = sent {
            self.health.lose(1);
        }
    }

    fn subscribe(&self, channel: &str) -> bool {
        self.change(Change::Subscribe(channel.to_owned()));
        false
    }

    fn unsubscribe(&self, channel: &str) {
        self.change(Change::Unsubscribe(channel.to_owned()));
    }

    fn attach(&self, sink: Arc<dyn BusSink>) {
        self.change(Change::Attach(sink));
    }

    async fn is_up(&self) -> bool {
        self.health.hears.load(Ordering::Relaxed) && self.health.publishes.load(Ordering::Relaxed)
    }
}

/// The hearing half.
struct Listener {
    client: Client,
    changed: mpsc::UnboundedReceiver<Change>,
    /// What is to be heard, and whether the sink was told that it is.
    channels: HashMap<String, bool>,
    health: Arc<Health>,
}

/// Why hearing stopped.
enum Stopped {
    /// Nobody is there to hear any more.
    Over,
    /// The connection failed.
    Broken(String),
}

impl Listener {
    async fn run(mut self) {
        let Some(sink) = self.sink().await else {
            return;
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let stopped = match self.hear(&*sink, &mut pause).await {
                Err(Stopped::Over) => return,
                Err(Stopped::Broken(why)) => why,
                Ok(()) => "closed by the server".to_owned(),
            };
            if self.health.hears.swap(false, Ordering::Relaxed) {
                warn!(why = stopped, "the bus is lost");
            }
            if !self.rest(pause.mul_f64(rand::random_range(0.5..1.0))).await {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits before the next connection and notes what is to be heard then: nothing gathers, however long Redis
    /// is away. Answers whether anybody is there to hear.
    async fn rest(&mut self, pause: Duration) -> bool {
        let pause = sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return true,
                change = self.changed.recv() => match change {
                    None => return false,
                    // The first sink stays.
                    Some(Change::Attach(_)) => {}
                    Some(Change::Subscribe(channel)) => drop(self.channels.insert(channel, false)),
                    Some(Change::Unsubscribe(channel)) => drop(self.channels.remove(&channel)),
                },
            }
        }
    }

    async fn sink(&mut self) -> Option<Arc<dyn BusSink>> {
        loop {
            match self.changed.recv().await? {
                Change::Attach(sink) => return Some(sink),
                Change::Subscribe(channel) => {
                    self.channels.insert(channel, false);
                }
                Change::Unsubscribe(channel) => {
                    self.channels.remove(&channel);
                }
            }
        }
    }

    /// One connection, from its beginning to its end.
    async fn hear(&mut self, sink: &dyn BusSink, pause: &mut Duration) -> Result<(), Stopped> {
        let connected = timeout(CONNECT_TIMEOUT, self.client.get_async_pubsub()).await;
        let (subscriptions, messages) = connected.map_err(late)?.map_err(broken)?.split();
        *pause = FIRST_PAUSE;
        // Messages go on arriving while a subscription waits for its confirmation.
        tokio::select! {
            () = pass_on(messages, sink) => Ok(()),
            stopped = self.keep(subscriptions, sink) => Err(stopped),
        }
    }

    /// Keeps the connection's subscriptions as they should be.
    async fn keep(&mut self, mut subscriptions: PubSubSink, sink: &dyn BusSink) -> Stopped {
        match self.follow(&mut subscriptions, sink).await {
            Ok(never) => match never {},
            Err(stopped) => stopped,
        }
    }

    async fn follow(
        &mut self,
        subscriptions: &mut PubSubSink,
        sink: &dyn BusSink,
    ) -> Result<Infallible, Stopped> {
        answered(subscriptions.subscribe(GAP_CHANNEL)).await?;
        let all: Vec<String> = self.channels.keys().cloned().collect();
        for batch in all.chunks(BATCH) {
            answered(subscriptions.subscribe(batch)).await?;
            self.confirm(batch, sink);
        }
        self.health.hears.store(true, Ordering::Relaxed);
        info!(channels = all.len(), "the bus is heard");
        sink.gap();
        let mut changes = Vec::with_capacity(BATCH);
        loop {
            match timeout(PING_EVERY, self.changed.recv_many(&mut changes, BATCH)).await {
                Ok(0) => return Err(Stopped::Over),
                Ok(_) => self.apply(&mut changes, subscriptions, sink).await?,
                Err(_) => {
                    answered(subscriptions.ping::<redis::Value>()).await?;
                }
            }
        }
    }

    /// Makes several changes at once; of those to one channel the last counts.
    async fn apply(
        &mut self,
        changes: &mut Vec<Change>,
        subscriptions: &mut PubSubSink,
        sink: &dyn BusSink,
    ) -> Result<(), Stopped> {
        let mut last: HashMap<String, bool> = HashMap::with_capacity(changes.len());
        for change in changes.drain(..) {
            match change {
                Change::Subscribe(channel) => last.insert(channel, true),
                Change::Unsubscribe(channel) => last.insert(channel, false),
                // The first sink stays.
                Change::Attach(_) => None,
            };
        }
        let (wanted, unwanted): (Vec<_>, Vec<_>) = last.into_iter().partition(|(_, want)| *want);
        let wanted: Vec<String> = wanted.into_iter().map(|(channel, _)| channel).collect();
        let unwanted: Vec<String> = unwanted
            .into_iter()
            .map(|(channel, _)| channel)
            .filter(|channel| self.channels.remove(channel).is_some())
            .collect();
        // Noted first: what a broken connection did not confirm, the next one subscribes.
        for channel in &wanted {
            self.channels.insert(channel.clone(), false);
        }
        if !unwanted.is_empty() {
            answered(subscriptions.unsubscribe(&unwanted[..])).await?;
        }
        if !wanted.is_empty() {
            answered(subscriptions.subscribe(&wanted[..])).await?;
            self.confirm(&wanted, sink);
        }
        Ok(())
    }

    fn confirm(&mut self, channels: &[String], sink: &dyn BusSink) {
        for channel in channels {
            if let Some(told) = self.channels.get_mut(channel)
                && !std::mem::replace(told, true)
            {
                sink.subscribed(channel);
            }
        }
    }
}

async fn pass_on(mut messages: PubSubStream, sink: &dyn BusSink) {
    while let Some(message) = messages.next().await {
        match message.get_channel_name() {
            GAP_CHANNEL => sink.gap(),
            channel => sink.message(channel, message.get_payload_bytes()),
        }
    }
}

async fn answered<T>(call: impl Future<Output = RedisResult<T>>) -> Result<T, Stopped> {
    timeout(RESPONSE_TIMEOUT, call)
        .await
        .map_err(late)?
        .map_err(broken)
}

fn late(_: Elapsed) -> Stopped {
    Stopped::Broken("no answer in time".to_owned())
}

fn broken(error: redis::RedisError) -> Stopped {
    Stopped::Broken(error.to_string())
}

/// The publishing half: whatever has gathered leaves in one round trip.
async fn publish_all(
    client: Client,
    mut leaving: mpsc::Receiver<(String, Bytes)>,
    health: Arc<Health>,
) {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        .set_number_of_retries(1);
    let mut connection = match ConnectionManager::new_lazy_with_config(client, config) {
        Ok(connection) => connection,
        Err(error) => {
            health.publishes.store(false, Ordering::Relaxed);
            return warn!(%error, "nothing can be published on the bus");
        }
    };
    let mut messages = Vec::with_capacity(PIPELINE);
    let mut next_gap = Instant::now();
    loop {
        // Whoever owes a word tries again even if there is nothing else to say.
        match timeout(GAP_PAUSE, leaving.recv_many(&mut messages, PIPELINE)).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(_) if health.owes_gap.load(Ordering::Relaxed) => {}
            Err(_) => continue,
        }
        let says_gap = Instant::now() >= next_gap && health.owes_gap.swap(false, Ordering::Relaxed);
        let mut pipeline = redis::pipe();
        if says_gap {
            next_gap = Instant::now() + GAP_PAUSE;
            pipeline.cmd("PUBLISH").arg(GAP_CHANNEL).arg("").ignore();
        }
        let count = messages.len();
        for (channel, payload) in messages.drain(..) {
            pipeline
                .cmd("PUBLISH")
                .arg(channel)
                .arg(&payload[..])
                .ignore();
        }
        if pipeline.is_empty() {
            continue;
        }
        let sent: RedisResult<()> = pipeline.query_async(&mut connection).await;
        let went = health.publishes.swap(sent.is_ok(), Ordering::Relaxed);
        match sent {
            Err(error) => {
                health.lose(count as u64);
                if went {
                    warn!(%error, "messages cannot be published on the bus");
                }
            }
            Ok(()) if !went => info!("messages are published on the bus again"),
            Ok(()) => {}
        }
    }
}
