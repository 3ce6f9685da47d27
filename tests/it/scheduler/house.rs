//! A house with one expert and no door: a store, a clock that is moved by hand, and schedulers over both.

use std::sync::Arc;

use actix::prelude::*;
use async_trait::async_trait;
use belfry_actors::scheduler::{Nudge, Scheduler};
use belfry_actors::setting::InForce;
use belfry_actors::{Bus, BusSink, Clock, ManualClock, Sweep, World};
use belfry_domain::Instant;
use belfry_domain::account::{Account, Role};
use belfry_domain::booking::{Actor as Who, Booking, Mode, Party, Status};
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::cron::Cron;
use belfry_domain::event::{EventType, Told};
use belfry_domain::id::{BookingId, UserId};
use belfry_domain::retention::Retention;
use belfry_store::booking::{Change, NewBooking};
use belfry_store::{Store, account, expert};
use bytes::Bytes;
use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::engine::Fresh;

/// A bus with nobody on it.
struct Silence;

#[async_trait]
impl Bus for Silence {
    fn publish(&self, _: &str, _: Bytes) {}
    fn subscribe(&self, _: &str) -> bool {
        true
    }
    fn unsubscribe(&self, _: &str) {}
    fn attach(&self, _: Arc<dyn BusSink>) {}
    async fn is_up(&self) -> bool {
        true
    }
}

/// A house with one expert, and a clock that is moved by hand.
pub struct House<'a> {
    pub store: &'a Store,
    pub clock: Arc<ManualClock>,
    pub expert: Party,
}

impl<'a> House<'a> {
    pub async fn new(fresh: &'a Fresh) -> Self {
        // Noon: ten minutes are far away on the clock.
        let clock = Arc::new(ManualClock::new("2027-03-01T12:00:00Z".parse().unwrap()));
        let expert = person(&fresh.store, Role::Expert, clock.now()).await;
        Self {
            store: &fresh.store,
            clock,
            expert,
        }
    }

    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    pub fn advance(&self, minutes: i64) {
        self.clock.advance(TimeDelta::minutes(minutes));
    }

    pub async fn client(&self) -> Party {
        person(self.store, Role::User, self.now()).await
    }

    /// Books an hour with the expert that begins in so many minutes, reminded of by `offsets`.
    pub async fn book(
        &self,
        client: &Party,
        status: Status,
        begins_in: i64,
        offsets: &[i64],
    ) -> Booking {
        let now = self.now();
        let starts_at = now + TimeDelta::minutes(begins_in);
        let booking = Booking {
            id: BookingId::at(now),
            code: String::new(),
            status,
            expert: self.expert.clone(),
            expert_branch: None,
            client: client.clone(),
            starts_at,
            ends_at: starts_at + TimeDelta::minutes(60),
            promised_start: None,
            time_zone: chrono_tz::UTC,
            mode: Mode::Online,
            place: None,
            link: None,
            note: None,
            reason: None,
            sequence: 0,
            version: 1,
            created_at: now,
            updated_at: now,
            confirmed_at: None,
            review: None,
            series: None,
            session: None,
        };
        let new = NewBooking {
            holder: client.id,
            stretch: (booking.starts_at, booking.ends_at),
            booking,
            holds: Vec::new(),
            offers: Vec::new(),
            session_version: None,
            needs_offer: false,
            caps: Vec::new(),
            assignment: None,
            guest: None,
            reminder_offsets: offsets.to_vec(),
            told: Told::by(Who::system()),
            key: None,
        };
        self.store.insert_booking(&new).await.unwrap().unwrap()
    }

    /// A node with its own scheduler over the same store.
    pub fn node(&self, name: &str) -> Sweep {
        self.sweep(name, Arc::new(|| {}))
    }

    fn sweep(&self, name: &str, appended: Arc<dyn Fn() + Send + Sync>) -> Sweep {
        let world = World {
            store: self.store.clone(),
            clock: self.clock.clone(),
            bus: Arc::new(Silence),
            node: name.into(),
            settings: InForce::default(),
        };
        let retention = Retention {
            bookings_days: 30,
            read_notifications_days: 3,
            logs_days: 90,
        };
        Sweep::new(world, retention, appended)
    }

    /// A running scheduler, and a signal for each time that it appended events.
    pub fn scheduler(&self, nudge: Nudge) -> (Addr<Scheduler>, mpsc::UnboundedReceiver<()>) {
        self.scheduler_by("0 */10 * * * *", Tz::UTC, nudge)
    }

    /// The same with another cron expression, on the clock of `zone`.
    pub fn scheduler_by(
        &self,
        cron: &str,
        zone: Tz,
        nudge: Nudge,
    ) -> (Addr<Scheduler>, mpsc::UnboundedReceiver<()>) {
        let (signal, signalled) = mpsc::unbounded_channel();
        let sweep = self.sweep(
            "ticking",
            Arc::new(move || {
                signal.send(()).ok();
            }),
        );
        let cron = Cron::parse(cron, zone).unwrap();
        let scheduler = Scheduler::new(self.clock.clone(), sweep, cron, nudge);
        (scheduler.start(), signalled)
    }
}

async fn person(store: &Store, role: Role, now: Instant) -> Party {
    let id = UserId::at(now);
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
        created_at: now,
    };
    let mut tx = store.begin().await.unwrap();
    assert!(account::insert(&mut tx, &person, "").await.unwrap());
    if role == Role::Expert {
        let rules = BookingRules::default();
        expert::insert(&mut tx, id, chrono_tz::UTC, &rules, now)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    Party {
        id,
        name: person.name,
    }
}

/// A change to `status`, told as an event of that kind.
pub fn change(booking: &Booking, status: Status, event: EventType) -> Change {
    Change {
        after: Booking {
            status,
            ..booking.clone()
        },
        event,
        told: Told::by(Who::system()),
        changes: Value::Null,
        stretch: None,
        holds: Vec::new(),
        offers: Vec::new(),
        caps: Vec::new(),
        reminder_offsets: Vec::new(),
    }
}
