//! The figures that are read from the database when somebody looks at them.
//!
//! Every node reads them, however often it is asked, at most once in a few seconds. What cannot be read stays as
//! it was; how old it is, is a figure too.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Stopwatch};

use belfry_actors::World;
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_store::utilisation::Utilisation;
use belfry_store::{Store, StoreError};
use dashmap::DashSet;
use metrics::gauge;

/// The shortest time between two readings.
const EVERY: Duration = Duration::from_secs(5);

/// Reads the figures of a node.
pub struct Figures {
    world: World,
    started: Stopwatch,
    /// Milliseconds after the start before which nothing is read again.
    next: AtomicU64,
    /// The branches of which something is told.
    branches: DashSet<Measured>,
}

/// What is told of a branch, over so many dates.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Measured {
    branch: String,
    id: String,
    days: String,
}

impl Figures {
    /// Of the house around `world`.
    pub fn new(world: World) -> Self {
        Self {
            world,
            started: Stopwatch::now(),
            next: AtomicU64::new(0),
            branches: DashSet::new(),
        }
    }

    /// Brings the figures up to date, unless they were a moment ago or somebody is about to.
    pub async fn refresh(&self) {
        for pool in self.world.store.pools() {
            gauge!("belfry_pool_lent", "pool" => pool.pool).set(pool.lent as f64);
            gauge!("belfry_pool_most", "pool" => pool.pool).set(pool.most as f64);
            gauge!("belfry_pool_waiting", "pool" => pool.pool).set(pool.waiting as f64);
        }
        let up = self.world.bus.is_up().await;
        gauge!("belfry_bus_up").set(f64::from(u8::from(up)));
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let next = self.next.load(Ordering::Relaxed);
        let later = now + u64::try_from(EVERY.as_millis()).unwrap_or_default();
        let mine = now >= next
            && self
                .next
                .compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if mine && let Err(error) = self.read().await {
            tracing::warn!(%error, "the figures stay as they were");
        }
    }

    async fn read(&self) -> Result<(), StoreError> {
        let World {
            store, clock, node, ..
        } = &self.world;
        let store = store.patient();
        let now = clock.now();
        let backlog = store.backlog(now).await?;
        gauge!("belfry_events_unplanned").set(backlog.events_unplanned as f64);
        gauge!("belfry_events_parked").set(backlog.events_parked as f64);
        gauge!("belfry_idempotency_keys_running").set(backlog.keys_running as f64);
        gauge!("belfry_events_oldest_unplanned_seconds").set(age(backlog.oldest_unplanned, now));
        gauge!("belfry_reminders_oldest_due_seconds").set(age(backlog.next_reminder, now));
        gauge!("belfry_bookings_oldest_unanswered_seconds").set(age(backlog.first_pending, now));
        gauge!("belfry_holds_oldest_expired_seconds").set(age(backlog.first_hold_expires, now));
        gauge!("belfry_imports_oldest_due_seconds").set(age(backlog.next_import, now));
        gauge!("belfry_sweep_age_seconds").set(age(backlog.swept_at(), now));
        let left = backlog.lease_until.map(|until| until - now);
        let left = left.map_or(0.0, |left| left.as_seconds_f64());
        let leads = left > 0.0 && backlog.lease_holder.as_deref() == Some(&**node);
        gauge!("belfry_scheduler_lease_seconds").set(left);
        gauge!("belfry_scheduler_leading").set(f64::from(u8::from(leads)));
        for channel in Channel::ALL {
            let backlog = store.channel_backlog(channel, now).await?;
            let channel = channel.as_str();
            gauge!("belfry_deliveries_oldest_due_seconds", "channel" => channel)
                .set(age(backlog.next_due, now));
            gauge!("belfry_deliveries_dead", "channel" => channel).set(backlog.dead as f64);
            gauge!("belfry_deliveries_ambiguous", "channel" => channel)
                .set(backlog.ambiguous as f64);
        }
        self.read_utilisation(&store).await?;
        gauge!("belfry_figures_read_timestamp_seconds").set(now.timestamp_micros() as f64 / 1e6);
        Ok(())
    }
}

impl Figures {
    /// How much of the experts' hours is booked, as the last sweep found it. A branch that is called otherwise by now, or
    /// is gone, counts nothing under its old name.
    async fn read_utilisation(&self, store: &Store) -> Result<(), StoreError> {
        let found = store.utilisation().await?;
        let there: HashSet<Measured> = found.iter().map(measured).collect();
        let gone = self.branches.iter().filter(|one| !there.contains(&**one));
        let gone: Vec<Measured> = gone.map(|one| one.clone()).collect();
        for one in &gone {
            show(one, 0, 0);
            self.branches.remove(one);
        }
        for one in found {
            show(&measured(&one), one.booked_minutes, one.open_minutes);
            self.branches.insert(measured(&one));
        }
        Ok(())
    }
}

fn measured(found: &Utilisation) -> Measured {
    Measured {
        branch: found.branch_name.clone(),
        id: found.branch_id.to_string(),
        days: found.days.to_string(),
    }
}

fn show(of: &Measured, booked: i64, open: i64) {
    let labels = [
        ("branch", of.branch.clone()),
        ("branch_id", of.id.clone()),
        ("days", of.days.clone()),
    ];
    gauge!("belfry_branch_booked_minutes", &labels).set(booked as f64);
    gauge!("belfry_branch_open_minutes", &labels).set(open as f64);
}

/// How long ago something became due, in seconds; 0 when it is not due yet, or not there.
fn age(due: Option<Instant>, now: Instant) -> f64 {
    due.map_or(0.0, |due| (now - due).as_seconds_f64().max(0.0))
}
