//! The node's directory: who is here, and which bus message goes to whom.
//!
//! Everything hot goes straight through the handle: a bus message finds a person's connections with one
//! look into a concurrent map, on the thread that read it. The [`SupervisorActor`] behind it does what
//! nobody waits for: it compares now and then what people were sent with what the database has.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, Arbiter, ArbiterHandle, AsyncContext, Context, Handler, Message,
    Recipient, WrapFuture,
};
use belfry_domain::id::{ApiKeyId, UserId, uuid_at};
use belfry_domain::inbox::{Notification, Offset, Read};
use belfry_domain::topic::Topic;
use belfry_store::{Store, StoreError};
use bytes::Bytes;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use metrics::{Counter, Gauge, counter, gauge};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::warn;
use uuid::Uuid;

use crate::branch::Branches;
use crate::connection::Connection;
use crate::expert::Experts;
use crate::frame::Frame;
use crate::queue::{self, Queues};
use crate::session::{Close, Push, Session};
use crate::setting;
use crate::topic::{self, Topics};
use crate::user::{Backlog, ToUser, UserActor};
use crate::world::World;

/// A person's frames, for every node that holds a connection of theirs.
const USER_CHANNEL: &str = "user:";
/// Changes of an expert's time, for every node that remembers it.
const EXPERT_CHANNEL: &str = "expert:";
/// Changes of a branch, for every node that remembers it.
const BRANCH_CHANNEL: &str = "branch:";
/// Ids of people whose connections must end, for every node.
const DISABLED_CHANNEL: &str = "disabled";
/// Ids of people and of their API keys that have ended, for every node.
const KEYS_CHANNEL: &str = "ended-keys";
/// How often what was sent is compared with the database, in case a node could not publish.
const SWEEP: Duration = Duration::from_secs(30);
/// The same while the bus is away, when nothing else tells what other nodes have committed.
const UNHEARD_SWEEP: Duration = Duration::from_secs(3);
/// People asked for in one query of a sweep.
const SWEEP_CHUNK: usize = 500;
/// Looks into inboxes at once. When everybody returns at the same moment, the others stand in line, which takes less
/// memory than as many questions under way.
const LOOKS: usize = 64;
/// How often a drain looks whether everybody has gone.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// What the bus brings, and to whom it goes.
mod hearing;
/// Events that nobody keeps.
mod momentary;

/// The handle of the directory. Cloning shares it.
#[derive(Clone)]
pub struct Supervisor(Arc<Directory>);

struct Directory {
    world: World,
    heartbeat: Duration,
    users: DashMap<UserId, UserEntry>,
    topics: Topics,
    /// One per core; where an actor lives follows from its id.
    arbiters: Vec<ArbiterHandle>,
    actor: OnceLock<Addr<SupervisorActor>>,
    experts: OnceLock<Experts>,
    branches: OnceLock<Branches>,
    queues: OnceLock<Queues>,
    connected: AtomicUsize,
    looks: Semaphore,
    counts: Counts,
}

/// A person with at least one connection here.
struct UserEntry {
    actor: Addr<UserActor>,
    backlog: Arc<Backlog>,
    sessions: Vec<Arc<Session>>,
}

/// Metrics looked up once: finding them costs more than counting.
struct Counts {
    connected: Gauge,
    heard: Counter,
    unusable: Counter,
}

impl Supervisor {
    /// Starts the directory and makes it the receiving end of the world's bus. Must be called inside a
    /// running actix system. Clients are told to expect a ping every `heartbeat`.
    pub fn start(world: World, heartbeat: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let directory = Arc::new(Directory {
            world,
            heartbeat,
            users: DashMap::new(),
            topics: Topics::default(),
            arbiters: (0..cores).map(|_| Arbiter::new().handle()).collect(),
            actor: OnceLock::new(),
            experts: OnceLock::new(),
            branches: OnceLock::new(),
            queues: OnceLock::new(),
            connected: AtomicUsize::new(0),
            looks: Semaphore::new(LOOKS),
            counts: Counts {
                connected: gauge!("belfry_live_connections"),
                heard: counter!("belfry_bus_messages_total"),
                unusable: counter!("belfry_bus_unusable_messages_total"),
            },
        });
        let supervisor = Self(directory.clone());
        let actor = SupervisorActor {
            supervisor: supervisor.clone(),
            sweeping: false,
            again: false,
        };
        let address = SupervisorActor::start_in_arbiter(&directory.arbiters[0], |_| actor);
        directory.actor.get_or_init(|| address);
        directory.world.bus.attach(directory.clone());
        directory.world.bus.subscribe(DISABLED_CHANNEL);
        directory.world.bus.subscribe(KEYS_CHANNEL);
        directory.world.bus.subscribe(setting::CHANNEL);
        directory.world.bus.subscribe(queue::CHANNEL);
        supervisor
    }

    /// Begins a live connection of `user`: everything after the offset `after` follows the welcome, or
    /// everything new when there is none. Ends when the answer is dropped.
    pub fn connect(&self, user: UserId, after: Option<Offset>, to: Recipient<Push>) -> Connection {
        let directory = &*self.0;
        let id = uuid_at(directory.world.clock.now());
        let session = Arc::new(Session::new(id, user, to));
        let connected = directory.connected.fetch_add(1, Ordering::Relaxed) + 1;
        directory.counts.connected.set(connected as f64);
        // The bus is told under the entry's lock, so that coming and going cannot swap.
        match directory.users.entry(user) {
            Entry::Occupied(mut entry) if entry.get().actor.connected() => {
                let entry = entry.get_mut();
                entry.sessions.reserve_exact(1);
                entry.sessions.push(session.clone());
                entry.actor.do_send(ToUser::Join(session.clone(), after));
            }
            other => {
                // Either nobody was here, or the actor died and took its connections with it.
                let backlog = Arc::<Backlog>::default();
                let actor = self.start_user(user, backlog.clone());
                if directory.world.bus.subscribe(&user_channel(user)) {
                    actor.do_send(ToUser::Heard);
                }
                actor.do_send(ToUser::Join(session.clone(), after));
                let sessions = vec![session.clone()];
                other.insert(UserEntry {
                    actor,
                    backlog,
                    sessions,
                });
            }
        }
        Connection::new(self.clone(), session)
    }

    fn start_user(&self, user: UserId, backlog: Arc<Backlog>) -> Addr<UserActor> {
        let actor = UserActor::new(user, self.clone(), backlog);
        UserActor::start_in_arbiter(self.arbiter(user.uuid()), |_| actor)
    }

    pub(crate) fn listen(&self, topic: Topic, session: &Arc<Session>) {
        self.0.topics.listen(topic, session, &*self.0.world.bus);
    }

    pub(crate) fn leave(&self, topic: Topic, session: &Session) {
        self.0.topics.leave(topic, session, &*self.0.world.bus);
    }

    pub(crate) fn disconnect(&self, session: &Session) {
        let directory = &*self.0;
        session.end();
        if let Entry::Occupied(mut entry) = directory.users.entry(session.user()) {
            let user = entry.get_mut();
            user.sessions.retain(|other| other.id() != session.id());
            if user.sessions.is_empty() {
                user.actor.do_send(ToUser::Stop);
                // Before the entry's lock is gone, so that coming and going cannot swap.
                let bus = &directory.world.bus;
                bus.unsubscribe(&user_channel(session.user()));
                entry.remove();
            } else {
                user.actor.do_send(ToUser::Leave(session.id()));
            }
        }
        let connected = directory.connected.fetch_sub(1, Ordering::Relaxed) - 1;
        directory.counts.connected.set(connected as f64);
    }

    /// Tells of inbox entries that were just committed: to the connections here at once, to other nodes by
    /// the bus.
    pub fn announce(&self, user: UserId, notifications: &[Notification]) {
        for notification in notifications {
            let frame = Frame::notification(notification);
            let json = frame.json();
            self.0
                .tell(user, ToUser::Durable(notification.offset, frame));
            self.0.world.bus.publish(&user_channel(user), json);
        }
    }

    /// Marks what `user` has read and tells all their connections, on every node. Answers whether it is
    /// theirs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark_read(&self, user: UserId, read: Read) -> Result<bool, StoreError> {
        let now = self.0.world.clock.now();
        let read = match read {
            Read::One(id) => {
                if !self.store().read_notification(user, id, now).await? {
                    return Ok(false);
                }
                read
            }
            // Never further than the inbox goes: what is yet to come is not read.
            Read::UpTo(offset) => {
                let inbox = self.store();
                Read::UpTo(inbox.read_notifications_up_to(user, offset, now).await?)
            }
        };
        self.read(user, read);
        Ok(true)
    }

    /// Tells all connections of `user`, on every node, what was read.
    pub fn read(&self, user: UserId, read: Read) {
        self.0
            .world
            .bus
            .publish(&user_channel(user), Frame::read(read).json());
    }

    /// Sends a momentary CloudEvents object to all who listen to the topic, on every node.
    pub fn topic(&self, topic: Topic, event: &Value) {
        let frame = Frame::event(&topic.to_string(), event);
        self.0
            .world
            .bus
            .publish(&topic::channel(topic), frame.json());
    }

    /// Tells every other node that the settings of the house were edited.
    pub fn settings_edited(&self) {
        self.0.world.bus.publish(setting::CHANNEL, Bytes::new());
    }

    /// Ends every connection of a disabled account, on every node.
    pub fn disable(&self, user: UserId) {
        self.0.close_user(user, Close::Disabled);
        self.0
            .world
            .bus
            .publish(DISABLED_CHANNEL, Bytes::from(user.to_string()));
    }

    /// Ends the connections of `user` that are held by this API key, or by any of theirs, on every node. One that is not
    /// reached asks by itself within a heartbeat.
    pub fn end_keys(&self, user: UserId, key: Option<ApiKeyId>) {
        self.0.end_keys(user, key);
        let words = match key {
            Some(key) => format!("{user} {key}"),
            None => user.to_string(),
        };
        self.0.world.bus.publish(KEYS_CHANNEL, Bytes::from(words));
    }

    /// Ends every connection on this node and waits until they have gone, at most `patience`. Answers how
    /// many stayed.
    pub async fn close_all(&self, why: Close, patience: Duration) -> usize {
        for entry in self.0.users.iter() {
            for session in &entry.sessions {
                session.close(why);
            }
        }
        let all_gone = async {
            while self.connected() > 0 {
                tokio::time::sleep(DRAIN_LOOK).await;
            }
        };
        // Whether in time or not is told by the count.
        let _ = tokio::time::timeout(patience, all_gone).await;
        self.connected()
    }

    /// Everybody who has a live connection on this node.
    pub fn people(&self) -> Vec<UserId> {
        self.0.users.iter().map(|entry| *entry.key()).collect()
    }

    /// Live connections on this node.
    pub fn connected(&self) -> usize {
        self.0.connected.load(Ordering::Relaxed)
    }

    /// Hands on what other nodes say about experts' time.
    pub(crate) fn serve_experts(&self, experts: Experts) {
        self.0.experts.get_or_init(|| experts);
    }

    /// Hands on what other nodes say about branches.
    pub(crate) fn serve_branches(&self, branches: Branches) {
        self.0.branches.get_or_init(|| branches);
    }

    /// Hands on what happens in the lines of branches.
    pub(crate) fn serve_queues(&self, queues: Queues) {
        self.0.queues.get_or_init(|| queues);
    }

    /// How often clients are pinged.
    pub fn heartbeat(&self) -> Duration {
        self.0.heartbeat
    }

    /// The surroundings of every actor.
    pub fn world(&self) -> &World {
        &self.0.world
    }

    /// Where the actor of this id lives.
    pub fn arbiter(&self, id: Uuid) -> &ArbiterHandle {
        // The last bytes of a UUIDv7 are random; its first ones are the time.
        let place = usize::from(id.as_bytes()[15]) % self.0.arbiters.len();
        &self.0.arbiters[place]
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.world.store
    }

    /// Waits for a turn to look into an inbox, which lasts until the answer is dropped.
    pub(crate) async fn look(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed.
        self.0.looks.acquire().await.ok()
    }

    /// Tells every person here how far their inbox goes in the database, and lets go of who was disabled
    /// without this node hearing of it.
    async fn sweep(self) {
        let users = self.people();
        for chunk in users.chunks(SWEEP_CHUNK) {
            match self.store().inbox_offsets(chunk).await {
                Ok(offsets) => {
                    for (user, offset) in offsets {
                        match offset {
                            Some(offset) => self.0.tell(user, ToUser::Newest(offset)),
                            None => self.0.close_user(user, Close::Disabled),
                        }
                    }
                }
                Err(error) => return warn!(%error, "inboxes could not be compared"),
            }
        }
    }

    /// Tells listeners that events of their topic may have been missed.
    fn resync_topics(&self) {
        for topic in self.0.topics.all() {
            let event = self.momentary("topic.resync", topic.to_string(), Value::Null);
            let frame = Frame::event(&topic.to_string(), &event);
            self.0.topics.push(topic, &frame);
        }
    }
}

impl Directory {
    /// Says a word about the inbox to the person's actor, if there is one.
    fn tell(&self, user: UserId, message: ToUser) {
        if let Some(entry) = self.users.get(&user) {
            entry.backlog.send(&entry.actor, message);
        }
    }

    fn end_keys(&self, user: UserId, key: Option<ApiKeyId>) {
        if let Some(entry) = self.users.get(&user) {
            for session in &entry.sessions {
                session.key_ended(key);
            }
        }
    }

    fn close_user(&self, user: UserId, why: Close) {
        if let Some(entry) = self.users.get(&user) {
            for session in &entry.sessions {
                session.close(why);
            }
        }
    }
}

fn user_channel(user: UserId) -> String {
    format!("{USER_CHANNEL}{user}")
}

/// Looks after what may have been missed, one sweep at a time.
pub struct SupervisorActor {
    supervisor: Supervisor,
    sweeping: bool,
    /// Something may have been missed since the sweep under way began.
    again: bool,
}

impl SupervisorActor {
    fn sweep(&mut self, ctx: &mut Context<Self>) {
        if self.sweeping {
            self.again = true;
            return;
        }
        self.sweeping = true;
        let sweep = self.supervisor.clone().sweep().into_actor(self);
        ctx.spawn(sweep.map(|(), actor, ctx| {
            actor.sweeping = false;
            if std::mem::take(&mut actor.again) {
                actor.sweep(ctx);
            }
        }));
    }
}

/// The bus may have lost messages.
#[derive(Message)]
#[rtype(result = "()")]
struct Gap;

impl Actor for SupervisorActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(SWEEP, Self::sweep);
        ctx.run_interval(UNHEARD_SWEEP, |actor, ctx| {
            let bus = actor.supervisor.world().bus.clone();
            let is_up = async move { bus.is_up().await }.into_actor(actor);
            ctx.spawn(is_up.map(|is_up, actor, ctx| {
                if !is_up {
                    actor.sweep(ctx);
                }
            }));
        });
    }
}

impl Handler<Gap> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: Gap, ctx: &mut Self::Context) {
        self.supervisor.resync_topics();
        self.sweep(ctx);
        ctx.notify(Reread);
    }
}

/// The settings of the house were edited, or may have been while nobody told.
#[derive(Message)]
#[rtype(result = "()")]
struct Reread;

impl Handler<Reread> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: Reread, ctx: &mut Self::Context) {
        let World {
            store, settings, ..
        } = self.supervisor.world().clone();
        let reading = async move {
            if let Err(error) = settings.refresh(&store).await {
                warn!(%error, "the settings could not be read anew; the planner does it within seconds");
            }
        };
        ctx.spawn(reading.into_actor(self));
    }
}
