//! From an event to a sent mail: a house with a planner, a bus that is written down, and a channel that
//! does as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use belfry::links::PublicLinks;
use belfry::secret::Secret;
use belfry::token::Tokens;
use belfry_actors::planner::Books;
use belfry_actors::setting::InForce;
use belfry_actors::{
    Bus, BusSink, Capabilities, Courier, CourierSettings, Desk, Outgoing, Provider, Rate,
    Supervisor, World,
};
use belfry_domain::Instant;
use belfry_domain::booking::{Booking, Party, Status};
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{DeadCause, DeliveryStatus, Receipt, SendError};
use belfry_domain::event::{AccountFacts, Event, EventType};
use belfry_domain::gate::Policy;
use belfry_domain::id::{DeliveryId, EventId};
use belfry_domain::template::Templates;
use belfry_store::delivery::{self, Claimed, Fate, Filter, Item, Reader, Resent, Taking};
use belfry_store::{Store, event};
use bytes::Bytes;
use chrono::TimeDelta;
use tokio::sync::Semaphore;

use crate::engine::Fresh;
use crate::eventually::eventually;
use crate::scheduler::house::House;

/// A bus that keeps what was published.
#[derive(Default)]
pub struct Tape(Mutex<Vec<(String, String)>>);

impl Tape {
    /// What went over one channel, in order.
    pub fn on(&self, channel: &str) -> Vec<String> {
        let tape = self.0.lock().unwrap();
        let here = tape.iter().filter(|(name, _)| name == channel);
        here.map(|(_, text)| text.clone()).collect()
    }
}

#[async_trait]
impl Bus for Tape {
    fn publish(&self, channel: &str, payload: Bytes) {
        let text = String::from_utf8(payload.to_vec()).unwrap();
        self.0.lock().unwrap().push((channel.to_owned(), text));
    }
    fn subscribe(&self, _: &str) -> bool {
        true
    }
    fn unsubscribe(&self, _: &str) {}
    fn attach(&self, _: Arc<dyn BusSink>) {}
    async fn is_up(&self) -> bool {
        true
    }
}

/// The pages of a house with this secret.
fn pages() -> PublicLinks {
    let secret = Secret::new("thirty-two-letters-for-made-up-links".to_owned());
    PublicLinks::new("https://belfry.test", Tokens::new(secret))
}

/// A house whose events are planned.
pub struct Spine<'a> {
    pub house: House<'a>,
    pub world: World,
    pub tape: Arc<Tape>,
    supervisor: Supervisor,
}

impl<'a> Spine<'a> {
    pub async fn new(fresh: &'a Fresh) -> Self {
        let house = House::new(fresh).await;
        let tape = Arc::new(Tape::default());
        let world = World {
            store: fresh.store.clone(),
            clock: house.clock.clone(),
            bus: tape.clone(),
            node: "spine".into(),
            settings: InForce::default(),
        };
        let supervisor = Supervisor::start(world.clone(), Duration::from_secs(25));
        Self {
            house,
            world,
            tape,
            supervisor,
        }
    }

    pub fn store(&self) -> &Store {
        &self.world.store
    }

    /// A planner's desk that wakes these couriers.
    pub fn desk(&self, couriers: Vec<Courier>) -> Desk {
        Desk {
            world: self.world.clone(),
            books: Books::new(Arc::new(Templates::builtin().unwrap()), InForce::default()),
            policy: Policy::default(),
            links: Arc::new(pages()),
            supervisor: self.supervisor.clone(),
            couriers,
        }
    }

    pub fn courier(&self, provider: Arc<dyn Provider>) -> Courier {
        self.courier_of(vec![provider])
    }

    /// A courier of the providers' channel that calls them in this order.
    pub fn courier_of(&self, providers: Vec<Arc<dyn Provider>>) -> Courier {
        let channel = providers[0].channel();
        let settings = CourierSettings::default();
        Courier::start(self.world.clone(), channel, providers, settings)
    }

    /// Claims what is due, at most so much, as a courier of this channel would that has one provider, and does
    /// nothing with it.
    pub async fn claim(&self, channel: Channel, limit: usize, now: Instant) -> Vec<Claimed> {
        let taking = Taking {
            limit,
            marketing: limit,
            lease_until: now + TimeDelta::seconds(60),
        };
        let provider: Arc<str> = "scripted".into();
        let send = |_: &Claimed, _: Option<&Reader>| Fate::Send {
            provider: provider.clone(),
        };
        let claim = self.store().claim_deliveries(channel, taking, now, send);
        let claimed = claim.await.unwrap().claimed;
        claimed.into_iter().map(|(claimed, _)| claimed).collect()
    }

    pub async fn append(&self, event: &Event) {
        let mut tx = self.store().begin().await.unwrap();
        event::append(&mut tx, std::slice::from_ref(event))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// An event that leads to exactly one mail and no inbox entry.
    pub fn forgotten(&self, who: &Party) -> Event {
        let now = self.house.now();
        let facts = AccountFacts {
            user_id: who.id,
            auth_epoch: 1,
        };
        Event {
            id: EventId::at(now),
            kind: EventType::AccountPasswordForgotten,
            subject: format!("account/{}", EventId::at(now)),
            subject_version: 1,
            time: now,
            data: serde_json::to_value(facts).unwrap(),
        }
    }

    /// Plans so many mails to one person and answers their ids.
    pub async fn mails(&self, count: usize) -> Vec<DeliveryId> {
        let client = self.house.client().await;
        for _ in 0..count {
            self.append(&self.forgotten(&client)).await;
        }
        let report = self.desk(Vec::new()).run().await.unwrap();
        assert_eq!(report.deliveries, count);
        let mine = self.listed().await.into_iter();
        mine.filter(|item| item.user.as_ref().is_some_and(|user| user.0 == client.id))
            .map(|item| item.id)
            .collect()
    }

    /// A booking with the house's expert, and its event waiting to be planned.
    pub async fn booking(&self, begins_in: i64) -> Booking {
        let client = self.house.client().await;
        self.house
            .book(&client, Status::Pending, begins_in, &[])
            .await
    }

    pub async fn listed(&self) -> Vec<Item> {
        let any = Filter::default();
        self.store().deliveries(&any, None, 1000).await.unwrap()
    }

    /// Asks, as an administrator would, to send something again.
    pub async fn resend(&self, id: DeliveryId, now: Instant) -> Resent {
        let mut tx = self.store().begin().await.unwrap();
        let resent = delivery::resend(&mut tx, id, now).await.unwrap();
        tx.commit().await.unwrap();
        resent
    }

    pub async fn status(&self, id: DeliveryId) -> DeliveryStatus {
        self.store()
            .delivery(id)
            .await
            .unwrap()
            .unwrap()
            .item
            .status
    }

    /// Waits until all these have that status.
    pub async fn all_become(&self, ids: &[DeliveryId], status: DeliveryStatus) {
        eventually(&format!("all are {status:?}"), async || {
            let listed = self.listed().await;
            let reached =
                |id: &DeliveryId| listed.iter().any(|i| i.id == *id && i.status == status);
            ids.iter().all(reached).then_some(()).ok_or(listed)
        })
        .await;
    }

    /// Waits until this has been tried so often and is at rest.
    pub async fn tried(&self, id: DeliveryId, attempt: i64) -> Item {
        eventually(&format!("tried {attempt} times"), async || {
            let item = self.store().delivery(id).await.unwrap().unwrap().item;
            (item.attempt == attempt && item.status != DeliveryStatus::Sending).then_some(item)
        })
        .await
    }
}

/// What a scripted channel answers.
#[derive(Clone, Debug)]
pub enum Answer {
    Take,
    Fail,
    Limit(Instant),
    Unconfigured,
    Dead(DeadCause),
    Refuse,
    Lose,
    Panic,
}

/// A channel that answers as told and keeps what it took.
pub struct Scripted {
    channel: Channel,
    name: &'static str,
    rate: Rate,
    answer: Mutex<Answer>,
    recognises_repeats: bool,
    /// One permit lets one message through.
    pub gate: Semaphore,
    inside: AtomicUsize,
    pub most_inside: AtomicUsize,
    /// How often it was called.
    pub called: AtomicUsize,
    pub taken: Mutex<Vec<Outgoing>>,
}

impl Scripted {
    pub fn new(answer: Answer, recognises_repeats: bool) -> Arc<Self> {
        let rate = Rate::default();
        Arc::new(Self {
            recognises_repeats,
            ..Self::plain(Channel::Email, "scripted", rate, answer)
        })
    }

    /// One of several of a channel.
    pub fn named(channel: Channel, name: &'static str, answer: Answer) -> Arc<Self> {
        Arc::new(Self::plain(channel, name, Rate::default(), answer))
    }

    /// One that takes no more than that.
    pub fn paced(rate: Rate) -> Arc<Self> {
        Arc::new(Self::plain(Channel::Email, "paced", rate, Answer::Take))
    }

    fn plain(channel: Channel, name: &'static str, rate: Rate, answer: Answer) -> Self {
        Self {
            channel,
            name,
            rate,
            answer: Mutex::new(answer),
            recognises_repeats: false,
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            inside: AtomicUsize::new(0),
            most_inside: AtomicUsize::new(0),
            called: AtomicUsize::new(0),
            taken: Mutex::default(),
        }
    }

    pub fn calls(&self) -> usize {
        self.called.load(Ordering::SeqCst)
    }

    pub fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// How often each message was taken.
    pub fn taken_times(&self) -> BTreeMap<DeliveryId, usize> {
        let mut times = BTreeMap::new();
        for message in self.taken.lock().unwrap().iter() {
            *times.entry(message.id).or_default() += 1;
        }
        times
    }

    pub fn taken_ids(&self) -> BTreeSet<DeliveryId> {
        self.taken_times().into_keys().collect()
    }
}

#[async_trait]
impl Provider for Scripted {
    fn channel(&self) -> Channel {
        self.channel
    }

    fn name(&self) -> &str {
        self.name
    }

    fn rate(&self) -> Rate {
        self.rate
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            recognises_repeats: self.recognises_repeats,
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        self.called.fetch_add(1, Ordering::SeqCst);
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_inside.fetch_max(inside, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        self.inside.fetch_sub(1, Ordering::SeqCst);
        let answer = self.answer.lock().unwrap().clone();
        match answer {
            Answer::Take => {
                self.taken.lock().unwrap().push(message.clone());
                let provider_id = Some(format!("taken-{}", message.id));
                Ok(Receipt::Sent { provider_id })
            }
            Answer::Fail => Err(SendError::Transient("try later".to_owned())),
            Answer::Limit(until) => Err(SendError::Limited {
                until,
                detail: "slow down".to_owned(),
            }),
            Answer::Unconfigured => Err(SendError::Unconfigured("401 who are you".to_owned())),
            Answer::Dead(cause) => Err(SendError::DeadAddress {
                cause,
                detail: "nobody there".to_owned(),
            }),
            Answer::Refuse => Err(SendError::Refused("no such words".to_owned())),
            Answer::Lose => Err(SendError::Ambiguous("no answer".to_owned())),
            Answer::Panic => panic!("as it was told"),
        }
    }
}
