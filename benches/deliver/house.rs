//! A house without a door: a planner and one courier over a store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_rt::Arbiter;
use anyhow::{Result, ensure};
use async_trait::async_trait;
use belfry::bus::InProcessBus;
use belfry::links::PublicLinks;
use belfry::secret::Secret;
use belfry::token::Tokens;
use belfry_actors::planner::Books;
use belfry_actors::setting::InForce;
use belfry_actors::{
    Capabilities, Courier, CourierSettings, Desk, Outgoing, Planner, Provider, Supervisor,
    SystemClock, World,
};
use belfry_domain::Instant as Moment;
use belfry_domain::account::{Account, Role};
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Content, Receipt, SendError};
use belfry_domain::event::{AccountFacts, Event, EventType};
use belfry_domain::gate::{Class, Policy};
use belfry_domain::id::{DeliveryId, EventId, UserId};
use belfry_domain::template::Templates;
use belfry_store::delivery::Filter;
use belfry_store::{Store, account, event, flood};
use chrono::Timelike;
use chrono_tz::Tz;
use tokio::sync::oneshot;

/// When a provider was called, by message.
type Taken = Arc<Mutex<BTreeMap<DeliveryId, Instant>>>;

/// A provider that takes everything.
#[derive(Default)]
pub struct Null {
    takes: Duration,
    taken: Taken,
}

impl Null {
    /// One that needs so long for each.
    pub fn taking(takes: Duration) -> Self {
        Self {
            takes,
            taken: Taken::default(),
        }
    }
}

#[async_trait]
impl Provider for Null {
    fn channel(&self) -> Channel {
        Channel::Email
    }

    fn name(&self) -> &str {
        "null"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            recognises_repeats: true,
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let now = Instant::now();
        if let Ok(mut taken) = self.taken.lock() {
            taken.insert(message.id, now);
        }
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        Ok(Receipt::Sent { provider_id: None })
    }
}

/// The pages of a house with this secret.
fn pages() -> PublicLinks {
    let secret = Secret::new("thirty-two-letters-for-made-up-links".to_owned());
    PublicLinks::new("https://belfry.test", Tokens::new(secret))
}

/// A zone in which it is noon or a little later: advertisements may leave.
fn by_day(now: Moment) -> Result<Tz> {
    let behind = i64::from(now.hour()) - 12;
    let zone = format!("Etc/GMT{behind:+}");
    zone.parse()
        .map_err(|error| anyhow::anyhow!("{zone}: {error}"))
}

fn start(world: World, provider: Null, workers: usize) -> Courier {
    let settings = CourierSettings {
        concurrency: workers,
        ..CourierSettings::default()
    };
    let providers: Vec<Arc<dyn Provider>> = vec![Arc::new(provider)];
    Courier::start(world, Channel::Email, providers, settings)
}

/// A store with one reader.
pub struct House {
    pub world: World,
    reader: UserId,
    taken: Mutex<Taken>,
}

impl House {
    /// Makes the reader.
    pub async fn open(store: Store) -> Result<Self> {
        let world = World {
            store,
            clock: Arc::new(SystemClock),
            bus: Arc::new(InProcessBus::default()),
            node: "bench".into(),
            settings: InForce::default(),
        };
        let now = world.clock.now();
        let id = UserId::at(now);
        let reader = Account {
            id,
            email: format!("{id}@belfry.test"),
            name: "Reader".to_owned(),
            role: Role::User,
            branch_id: None,
            phone: None,
            gender: None,
            description: String::new(),
            locale: "en".to_owned(),
            time_zone: by_day(now)?,
            avatar_tag: None,
            email_verified: true,
            guest: false,
            disabled: false,
            auth_epoch: 1,
            version: 1,
            created_at: now,
        };
        let mut tx = world.store.begin().await?;
        ensure!(
            account::insert(&mut tx, &reader, "").await?,
            "a fresh reader"
        );
        tx.commit().await?;
        Ok(Self {
            world,
            reader: id,
            taken: Mutex::default(),
        })
    }

    /// A courier with this provider.
    pub fn courier(&self, provider: Null, workers: usize) -> Courier {
        if let Ok(mut taken) = self.taken.lock() {
            *taken = provider.taken.clone();
        }
        start(self.world.clone(), provider, workers)
    }

    /// A courier as of a node of its own, over the connections that `open` makes there.
    pub async fn node(
        &self,
        open: impl Future<Output = Result<Store>> + Send + 'static,
        workers: usize,
    ) -> Result<Courier> {
        let (started, courier) = oneshot::channel();
        let world = self.world.clone();
        Arbiter::new().spawn(async move {
            let begun = open.await.map(|store| {
                let world = World { store, ..world };
                start(world, Null::default(), workers)
            });
            // Nobody waits any more when the measurement was given up.
            let _ = started.send(begun);
        });
        courier.await?
    }

    fn desk(&self, couriers: Vec<Courier>) -> Result<Desk> {
        Ok(Desk {
            world: self.world.clone(),
            books: Books::new(Arc::new(Templates::builtin()?), InForce::default()),
            policy: Policy::default(),
            links: Arc::new(pages()),
            supervisor: Supervisor::start(self.world.clone(), Duration::from_secs(25)),
            couriers,
        })
    }

    /// Tells of something that leads to one mail, and answers the event.
    async fn happen(&self) -> Result<EventId> {
        let now = self.world.clock.now();
        let facts = AccountFacts {
            user_id: self.reader,
            auth_epoch: 1,
        };
        let happened = Event {
            id: EventId::at(now),
            kind: EventType::AccountPasswordForgotten,
            subject: format!("account/{}", EventId::at(now)),
            subject_version: 1,
            time: now,
            data: serde_json::to_value(facts)?,
        };
        let mut tx = self.world.store.begin().await?;
        event::append(&mut tx, std::slice::from_ref(&happened)).await?;
        tx.commit().await?;
        Ok(happened.id)
    }

    /// Makes so many deliveries due, as a planner would make them: mails, or as short as what is pushed to a phone.
    pub async fn fill(&self, count: i64, class: Class, short: bool) -> Result<()> {
        let event = self.happen().await?;
        self.desk(Vec::new())?.run().await?;
        let filter = Filter {
            event_id: Some(event),
            ..Filter::default()
        };
        let sample = self.world.store.deliveries(&filter, None, 1).await?;
        ensure!(sample.len() == 1, "an event leads to a mail");
        let now = self.world.clock.now();
        let content = short.then(|| Content {
            text: sample[0].subject.clone(),
            ..Content::default()
        });
        let store = &self.world.store;
        flood::copy(store, sample[0].id, count, class, content.as_ref(), now).await?;
        Ok(())
    }

    /// Lets events happen at a steady rate, and answers how long after its commit the provider was called for each.
    pub async fn events(
        &self,
        courier: &Courier,
        per_second: u32,
        seconds: u32,
    ) -> Result<Vec<Duration>> {
        let planner = Planner::start(self.desk(vec![courier.clone()])?);
        let mut happened = Vec::new();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
        for _ in 0..per_second * seconds {
            ticks.tick().await;
            let begun = Instant::now();
            let event = self.happen().await?;
            planner.nudge();
            happened.push((event, begun));
        }
        let taken = self
            .taken
            .lock()
            .map(|taken| taken.clone())
            .unwrap_or_default();
        let mut waits = Vec::new();
        for (event, begun) in happened {
            let filter = Filter {
                event_id: Some(event),
                ..Filter::default()
            };
            waits.push(loop {
                let found = self.world.store.deliveries(&filter, None, 1).await?;
                let at = found
                    .first()
                    .and_then(|item| taken.lock().ok()?.get(&item.id).copied());
                if let Some(at) = at {
                    break at - begun;
                }
                ensure!(
                    begun.elapsed() < Duration::from_secs(120),
                    "{event} was not sent"
                );
                tokio::time::sleep(Duration::from_millis(5)).await;
            });
        }
        Ok(waits)
    }
}
