//! Takes due deliveries of one channel to its providers: a bounded number at once, each under a lease
//! that is kept alive while it lasts, each end written down.
//!
//! Providers are called in their order. One that fails too often, or asks for a pause, is passed over until it is
//! well or the pause is over, and what it did not take goes to the next one at once. While nobody takes anything,
//! nothing is claimed.

/// The actor that carries.
mod actor;
/// Stops calling a provider that fails.
mod breaker;
/// How fast a credential may be used.
mod bucket;
/// How many messages may be taken, and of which class.
mod places;
/// The providers of a channel in their order.
mod providers;
/// Between the database and a channel.
mod route;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::Addr;
use belfry_domain::channel::Channel;
use belfry_domain::gate::Policy;

use crate::channel::Provider;
use crate::world::World;
use actor::{CourierActor, Others, States, Stop, Wake};
pub use providers::ProviderState;
use route::Route;

/// How a courier works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CourierSettings {
    /// Messages under way at once.
    pub concurrency: usize,
    /// How long a claim lasts without a sign of life. Extended three times as often.
    pub lease: Duration,
    /// How long one attempt may take before its end counts as unknown.
    pub patience: Duration,
    /// What the house asks of every message.
    pub policy: Arc<Policy>,
}

impl Default for CourierSettings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            lease: Duration::from_secs(60),
            patience: Duration::from_secs(120),
            policy: Arc::default(),
        }
    }
}

/// The handle of a courier. Cloning shares it.
#[derive(Clone)]
pub struct Courier {
    channel: Channel,
    actor: Addr<CourierActor>,
    woken: Arc<AtomicBool>,
}

impl Courier {
    /// Starts taking deliveries of the channel to these providers, the first one first. Must be called inside a
    /// running actix system.
    pub fn start(
        world: World,
        channel: Channel,
        providers: Vec<Arc<dyn Provider>>,
        settings: CourierSettings,
    ) -> Self {
        let woken = Arc::new(AtomicBool::new(false));
        let route = Route {
            world,
            channel,
            settings,
        };
        let actor = CourierActor::start_with(route, providers, woken.clone());
        Self {
            channel,
            actor,
            woken,
        }
    }

    /// The channel whose deliveries it takes.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// Lets couriers wake each other when a second way becomes due because the first has failed.
    pub fn acquaint(couriers: &[Self]) {
        for courier in couriers {
            courier.actor.do_send(Others(couriers.to_vec()));
        }
    }

    /// Says that something became due. Returns at once; many nudges in a row are one.
    pub fn nudge(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.actor.do_send(Wake);
        }
    }

    /// How its providers fare, in their order; nothing when it has stopped.
    pub async fn providers(&self) -> Vec<ProviderState> {
        self.actor.send(States).await.unwrap_or_default()
    }

    /// Takes nothing new and waits, at most `patience`, until everything under way has its end written.
    /// Answers whether it has; what is left then ends when its lease does.
    pub async fn stop(&self, patience: Duration) -> bool {
        let stopped = self.actor.send(Stop);
        matches!(tokio::time::timeout(patience, stopped).await, Ok(Ok(())))
    }
}
