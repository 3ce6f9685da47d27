//! Nodes with sockets and nothing behind them but the store; entries come the way the planner writes them.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_server::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse};
use belfry::bus::{InProcessBus, RedisBus};
use belfry::http::live::{Live, events, not_upgraded};
use belfry::http::server;
use belfry::http::ticket::{Grant, Tickets};
use belfry_actors::setting::InForce;
use belfry_actors::{Bus, Clock, ManualClock, Supervisor, World};
use belfry_domain::Instant;
use belfry_domain::account::{Account, Role};
use belfry_domain::event::{Event, EventType};
use belfry_domain::id::{EventId, UserId};
use belfry_domain::inbox::Notification;
use belfry_domain::notification::{Category, Entry, Plan};
use belfry_store::planning::Outcome;
use belfry_store::{Store, account, event};
use bytes::Bytes;
use chrono::{SubsecRound, TimeDelta, Utc};
use futures::FutureExt;
use serde_json::{Value, json};

use crate::engine::Fresh;

/// The embedded pair is SQLite and one process, the other PostgreSQL and Redis.
pub struct House<'a> {
    pub store: &'a Store,
    pub clock: Arc<ManualClock>,
    alone: Arc<InProcessBus>,
}

/// One running server.
pub struct Node {
    pub supervisor: Supervisor,
    pub address: SocketAddr,
    pub server: ServerHandle,
    pub live: Live,
    pub bus: Arc<dyn Bus>,
    clock: Arc<ManualClock>,
}

/// How long any one thing may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

impl<'a> House<'a> {
    pub fn new(fresh: &'a Fresh) -> Self {
        Self {
            store: &fresh.store,
            clock: Arc::new(ManualClock::new(Utc::now().trunc_subsecs(6))),
            alone: Arc::default(),
        }
    }

    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A node with the bus that belongs to the engine.
    pub fn node(&self) -> Node {
        match std::env::var("BELFRY_TEST_REDIS_URL") {
            Ok(url) if self.store.engine() == "postgres" => self.node_on(&url, 25),
            _ => self.node_with(self.alone.clone(), 25),
        }
    }

    /// A node on the Redis server at `url`.
    pub fn node_on(&self, url: &str, heartbeat_seconds: u64) -> Node {
        self.node_with(Arc::new(RedisBus::start(url).unwrap()), heartbeat_seconds)
    }

    /// A node that is alone, with heartbeats every so many seconds.
    pub fn beating_node(&self, heartbeat_seconds: u64) -> Node {
        self.node_with(Arc::new(InProcessBus::default()), heartbeat_seconds)
    }

    fn node_with(&self, bus: Arc<dyn Bus>, heartbeat_seconds: u64) -> Node {
        let world = World {
            store: self.store.clone(),
            clock: self.clock.clone(),
            bus: bus.clone(),
            node: "test".into(),
            settings: InForce::default(),
        };
        let supervisor = Supervisor::start(world, Duration::from_secs(heartbeat_seconds));
        let tickets = Tickets::new(b"thirty-two letters of a test key", TimeDelta::minutes(15));
        // In these tests an access token is an id and the seconds until it runs out.
        let clock = self.clock.clone();
        let check = move |token: String| {
            let now = clock.now();
            async move {
                let read = |token: &str| {
                    let (user, seconds) = token.split_once(' ')?;
                    let ends = now + TimeDelta::seconds(seconds.parse().ok()?);
                    Some(Grant {
                        user: user.parse().ok()?,
                        session_ends: ends,
                        key: None,
                    })
                };
                Ok(read(&token))
            }
            .boxed_local()
        };
        let live = Live::new(supervisor.clone(), tickets, Box::new(check));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let data = Data::new(live.clone());
        let app = move || {
            App::new()
                .app_data(data.clone())
                .route("/ws", web::get().to(not_upgraded))
                .route("/api/v1/live/events", web::get().to(events::stream))
                .default_service(web::to(HttpResponse::NotFound))
        };
        let bounds = server::Bounds {
            head: Duration::from_secs(10),
            body: Duration::from_secs(60),
        };
        let workers = NonZeroUsize::new(2);
        let server = server::serve(listener, workers, 5, bounds, live.clone(), app).unwrap();
        let handle = server.handle();
        actix_rt::spawn(server);
        Node {
            supervisor,
            address,
            server: handle,
            live,
            bus,
            clock: self.clock.clone(),
        }
    }

    pub async fn person(&self, role: Role) -> UserId {
        let id = UserId::at(self.now());
        let person = Account {
            id,
            email: format!("{id}@belfry.test"),
            name: "Ada".to_owned(),
            role,
            branch_id: None,
            phone: None,
            gender: None,
            description: String::new(),
            locale: "en".to_owned(),
            time_zone: chrono_tz::UTC,
            avatar_tag: None,
            email_verified: true,
            guest: false,
            disabled: false,
            auth_epoch: 1,
            version: 1,
            created_at: self.now(),
        };
        let mut tx = self.store.begin().await.unwrap();
        assert!(account::insert(&mut tx, &person, "").await.unwrap());
        tx.commit().await.unwrap();
        id
    }

    pub async fn user(&self) -> UserId {
        self.person(Role::User).await
    }

    /// Commits one inbox entry, as the planner does, and tells nobody.
    pub async fn commit(&self, user: UserId) -> Notification {
        commit(self.store, user, self.now()).await
    }
}

/// Commits one inbox entry, as the planner does, and tells nobody.
pub async fn commit(store: &Store, user: UserId, now: Instant) -> Notification {
    let id = EventId::at(now);
    let event = Event {
        id,
        kind: EventType::BookingCreated,
        subject: format!("booking/{id}"),
        subject_version: 1,
        time: now,
        data: json!({}),
    };
    let mut tx = store.begin().await.unwrap();
    event::append(&mut tx, &[event]).await.unwrap();
    tx.commit().await.unwrap();
    let entry = Entry {
        rule_id: "test".to_owned(),
        user_id: user,
        category: Category::Booking,
        kind: "booking.created".to_owned(),
        title: "A new booking".to_owned(),
        body: "Tomorrow at ten".to_owned(),
        data: json!({"booking_id": id, "code": "123456", "starts_at": now}),
    };
    let turn = store.begin_planning(1).await.unwrap();
    let plan = Plan {
        entries: vec![entry],
        ..Plan::default()
    };
    let outcome = Outcome { id, plan: Ok(plan) };
    let finished = store.finish_planning(turn, vec![outcome], now).await;
    finished.unwrap().told.remove(&user).unwrap().remove(0)
}

impl Node {
    /// A ticket for a connection that may last ten minutes.
    pub fn ticket(&self, user: UserId) -> String {
        self.ticket_until(user, 600)
    }

    /// A ticket for a connection that may last so many seconds.
    pub fn ticket_until(&self, user: UserId, seconds: i64) -> String {
        let now = self.clock.now();
        let ends = now + TimeDelta::seconds(seconds);
        let grant = Grant {
            user,
            session_ends: ends,
            key: None,
        };
        self.live.tickets().issue(grant, now).unwrap()
    }

    /// The address of a WebSocket for `user`, resuming after `after` if given.
    pub fn socket_path(&self, user: UserId, after: Option<i64>) -> String {
        let after = after.map_or(String::new(), |after| format!("&after={after}"));
        format!("/ws?ticket={}{after}", self.ticket(user))
    }

    /// What another service of the house would publish.
    pub fn publish(&self, user: UserId, payload: &str) {
        let payload = Bytes::from(payload.to_owned());
        self.bus.publish(&format!("user:{user}"), payload);
    }

    /// Waits until so many connections are left.
    pub async fn connected(&self, count: usize) {
        self.connected_within(count, PATIENCE).await;
    }

    /// Waits until so many connections are left, for something that takes its time.
    pub async fn connected_within(&self, count: usize, patience: Duration) {
        let waiting = async {
            while self.supervisor.connected() != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let connected = || self.supervisor.connected();
        let waited = tokio::time::timeout(patience, waiting).await;
        waited.unwrap_or_else(|_| panic!("{} are connected, not {count}", connected()));
    }
}

/// A CloudEvents object, as far as these tests look at it.
pub fn news(word: &str) -> Value {
    json!({"specversion": "1.0", "type": word})
}
