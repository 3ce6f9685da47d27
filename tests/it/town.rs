//! A whole house behind its real door, on a clock that is moved by hand, and people who knock.

/// People, and what they are answered.
mod person;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use belfry::config::Settings;
use belfry::house::{House, Options};
use belfry::secret::Secret;
use belfry::token::Tokens;
use belfry_actors::{Clock, ManualClock, Sweep, TickReport};
use belfry_domain::Instant;
use belfry_domain::account::{Account, Role};
use belfry_domain::booking::{Actor, Booking, Status};
use belfry_domain::event::{EventType, Told};
use belfry_domain::id::UserId;
use belfry_domain::retention::Retention;
use belfry_store::Store;
use belfry_store::booking::Change;
use serde_json::{Value, json};

use crate::engine::Fresh;

pub use person::{Answer, Person};

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// One or more nodes over one store.
pub struct Town {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub nodes: Vec<House>,
    pub settings: Settings,
    redis: Option<String>,
    http: reqwest::Client,
    numbered: std::cell::Cell<u32>,
    /// Started for one question.
    spare: std::cell::RefCell<Vec<House>>,
}

impl Town {
    /// One node, limits off, at noon UTC on Monday 2027-03-01.
    pub async fn open(fresh: &Fresh) -> Self {
        Self::open_with(fresh, |_| {}).await
    }

    /// Two nodes that hear each other where there is Redis, whatever the engine.
    pub async fn open_two(fresh: &Fresh) -> Self {
        Self::open_two_with(fresh, |_| {}).await
    }

    /// As [`Town::open_two`] with other settings.
    pub async fn open_two_with(fresh: &Fresh, change: impl FnOnce(&mut Settings)) -> Self {
        let redis = std::env::var("BELFRY_TEST_REDIS_URL").ok();
        let mut town = Self::closed(&fresh.store, redis, change);
        town.add_node().await;
        town.add_node().await;
        town
    }

    /// No node yet; those to come have this store, and this Redis between them.
    pub fn over(store: &Store, redis: Option<String>) -> Self {
        Self::closed(store, redis, |_| {})
    }

    /// As [`Town::open`] with other settings.
    pub async fn open_with(fresh: &Fresh, change: impl FnOnce(&mut Settings)) -> Self {
        let mut town = Self::closed(&fresh.store, redis_of(fresh), change);
        town.add_node().await;
        town
    }

    /// As [`Town::open_with`] over the same database, reached in another way.
    pub async fn open_over(
        fresh: &Fresh,
        store: Store,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut town = Self::closed(&store, redis_of(fresh), change);
        town.add_node().await;
        town
    }

    fn closed(store: &Store, redis: Option<String>, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::defaults().unwrap();
        settings.limits.enabled = false;
        change(&mut settings);
        let clock = Arc::new(ManualClock::new("2027-03-01T12:00:00Z".parse().unwrap()));
        Self {
            store: store.clone(),
            clock,
            nodes: Vec::new(),
            settings,
            redis,
            http: crate::engine::http(),
            numbered: std::cell::Cell::new(0),
            spare: std::cell::RefCell::default(),
        }
    }

    /// Whether the nodes hear each other.
    pub fn has_redis(&self) -> bool {
        self.redis.is_some()
    }

    /// Starts one more node over the same store. Only nodes with Redis between them hear each other.
    pub async fn add_node(&mut self) {
        let options = self.options(self.redis.clone());
        let clock: Arc<dyn Clock> = self.clock.clone();
        self.nodes.push(
            House::start(options, self.store.clone(), clock)
                .await
                .unwrap(),
        );
    }

    fn options(&self, redis: Option<String>) -> Options {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data_dir: PathBuf::new(),
            database_url: None,
            redis_url: redis.map(Secret::new),
            settings: self.settings.clone(),
        }
    }

    /// What the clock shows.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// One round of the scheduler, which prunes nothing but what has its own terms.
    pub async fn sweep(&self) -> TickReport {
        let keeps = Retention {
            bookings_days: u32::MAX,
            read_notifications_days: u32::MAX,
            logs_days: u32::MAX,
        };
        let sweep = Sweep::new(self.nodes[0].world.clone(), keeps, Arc::new(|| {}));
        sweep.tick(self.now()).await
    }

    /// A stranger at the door of node `node`.
    pub fn stranger_at(&self, node: usize) -> Person {
        Person {
            http: self.http.clone(),
            ..Person::stranger(&format!("http://{}", self.nodes[node].address))
        }
    }

    /// A stranger at the first door.
    pub fn stranger(&self) -> Person {
        self.stranger_at(0)
    }

    /// A new person with an account, signed in at the first door.
    pub async fn client(&self) -> Person {
        let number = self.numbered.replace(self.numbered.get() + 1);
        let mut person = self.stranger();
        person.email = format!("person{number}@belfry.test");
        let body = json!({
            "email": person.email, "password": PASSWORD, "name": format!("Person {number}"), "time_zone": "UTC",
        });
        let session = person.post("/auth/register", body).await.expect(201);
        person.sign_in_as(&session);
        person
    }

    /// So many new people with tokens, as [`guests`]. They knock at the doors in turn.
    pub async fn crowd(&self, size: usize) -> Vec<Person> {
        let guests = guests(&self.store, size, Role::User, self.now()).await;
        let crowd = guests.into_iter().enumerate().map(|(place, guest)| {
            let (account, token) = guest;
            let mut person = self.stranger_at(place % self.nodes.len());
            person.id = account.id.to_string();
            person.email = account.email;
            person.token = Some(token);
            person
        });
        crowd.collect()
    }

    /// A new administrator.
    pub async fn admin(&self) -> Person {
        let person = self.client().await;
        self.govern(&person.id, "admin", None).await;
        self.again(person).await
    }

    /// A new manager of a branch.
    pub async fn manager(&self, branch: Option<&str>) -> Person {
        let person = self.client().await;
        self.govern(&person.id, "manager", branch).await;
        self.again(person).await
    }

    /// A new expert who works from nine to five UTC on weekdays, in hours on the half hour.
    pub async fn expert(&self) -> Person {
        self.expert_with(json!({}), None).await
    }

    /// As [`Town::expert`] with other booking rules, of a branch.
    pub async fn expert_with(&self, rules: Value, branch: Option<&str>) -> Person {
        let person = self.client().await;
        self.govern(&person.id, "expert", branch).await;
        let person = self.again(person).await;
        let mut booking_rules = json!({
            "minutes": [60, 30], "interval_minutes": 30, "min_notice_minutes": 0, "horizon_days": 60,
        });
        for (name, value) in rules.as_object().into_iter().flatten() {
            booking_rules[name] = value.clone();
        }
        let weekly: Vec<Value> = ["monday", "tuesday", "wednesday", "thursday", "friday"]
            .iter()
            .map(|day| json!({ "weekday": day, "from": "09:00", "until": "17:00" }))
            .collect();
        let schedule =
            json!({ "time_zone": "UTC", "weekly": weekly, "booking_rules": booking_rules });
        person
            .put(&format!("/experts/{}/schedule", person.id), schedule)
            .await
            .expect(200);
        person
    }

    /// What an administrator would do, without one: every town must begin with somebody.
    async fn govern(&self, id: &str, role: &str, branch: Option<&str>) {
        let id = id.parse().unwrap();
        let branch = branch.map(|branch| Some(branch.parse().unwrap()));
        let mut tx = self.store.begin().await.unwrap();
        let role = role.parse().unwrap();
        belfry_store::account::govern(&mut tx, id, Some(role), None, branch, None, self.now())
            .await
            .unwrap();
        if role == Role::Expert {
            let rules = &self.settings.booking.rules;
            belfry_store::expert::insert(&mut tx, id, chrono_tz::UTC, rules, self.now())
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// The same person, signed in afresh.
    pub async fn again(&self, mut person: Person) -> Person {
        let body = json!({ "email": person.email, "password": PASSWORD });
        let session = person.post("/auth/login", body).await.expect(200);
        person.sign_in_as(&session);
        person
    }

    /// Starts of the free slots as a node offers them that has just read everything.
    pub async fn read_afresh(&self, expert: &Person, from: &str, days: u16) -> Vec<String> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let house = House::start(self.options(None), self.store.clone(), clock);
        let house = house.await.unwrap();
        let mut door = self.stranger();
        door.base = format!("http://{}", house.address);
        let slots = door.slots(expert, from, days).await;
        self.spare.borrow_mut().push(house);
        slots
    }

    /// Cancels a booking as a node does that dies right after the commit: nobody is nudged, and no actor hears of it.
    pub async fn cancelled_unheard(&self, booking: &str) {
        let decide = |before: &Booking| {
            let after = Booking {
                status: Status::Cancelled,
                ..before.clone()
            };
            let told = Told::by(Actor::system());
            Ok(Change::of(after, EventType::BookingCancelled, told))
        };
        let (id, now) = (booking.parse().unwrap(), self.now());
        let changed = self.store.change_booking(id, None, decide, now).await;
        changed.unwrap().unwrap();
    }

    /// Takes every node down.
    pub async fn close(self) {
        for node in self.nodes.into_iter().chain(self.spare.into_inner()) {
            node.stop().await;
        }
    }
}

/// The bus that belongs to the engine.
fn redis_of(fresh: &Fresh) -> Option<String> {
    let redis = std::env::var("BELFRY_TEST_REDIS_URL").ok();
    redis.filter(|_| fresh.store.engine() == "postgres")
}

/// So many new people with tokens for a day, none of whom can log in: hashing that many passwords takes
/// longer than most tests.
pub async fn guests(
    store: &Store,
    size: usize,
    role: Role,
    now: Instant,
) -> Vec<(Account, String)> {
    let secret = uuid::Uuid::new_v4().to_string();
    let secret = store.setting_or_insert("auth.secret", &secret).await;
    let tokens = Tokens::new(Secret::new(secret.unwrap()));
    let mut tx = store.begin().await.unwrap();
    let mut guests = Vec::with_capacity(size);
    for place in 0..size {
        let id = UserId::at(now);
        let account = Account {
            id,
            email: format!("{id}@belfry.test"),
            name: format!("Guest {place}"),
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
            created_at: now,
        };
        let inserted = belfry_store::account::insert(&mut tx, &account, "").await;
        assert!(inserted.unwrap());
        let token = tokens.access(&account, 24 * 60, now);
        guests.push((account, token));
    }
    tx.commit().await.unwrap();
    guests
}
