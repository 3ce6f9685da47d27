//! Between the database and a channel: what is due and may leave, how it went.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Jitter, Receipt, SendError, Verdict};
use belfry_domain::gate::{self, Check, Gate, Sending};
use belfry_domain::id::DeliveryId;
use belfry_store::delivery::{Claimed, Fate, Lost, Pause, Reader, Settlement, Taking};
use belfry_store::{StoreError, crash};
use chrono::TimeDelta;
use futures::FutureExt;
use metrics::{counter, histogram};
use tracing::{info, warn};

use super::CourierSettings;
use super::places::Room;
use super::providers::{Given, Openings, Turn};
use crate::channel::{Outgoing, Provider};
use crate::world::World;

/// Lost claims taken back at once.
const REAP: i64 = 100;
/// The shortest time for which a message is put back.
const BREATH: TimeDelta = TimeDelta::milliseconds(1);

/// What sending needs apart from the actor's own state.
pub(super) struct Route {
    pub(super) world: World,
    pub(super) channel: Channel,
    pub(super) settings: CourierSettings,
}

/// What a look at the database brought.
#[derive(Default)]
pub(super) struct Haul {
    pub(super) claimed: Vec<(Claimed, Given)>,
    /// Claims of others that were taken back.
    pub(super) reaped: Vec<Settlement>,
    /// Pauses that any node was asked for.
    pub(super) pauses: Vec<Pause>,
    /// Channels on which something became due.
    pub(super) promoted: Vec<Channel>,
    /// When to look again, unless something ends before.
    pub(super) next: Option<Instant>,
    /// As much was taken as was asked for: there may be more.
    pub(super) more: bool,
}

impl Route {
    pub(super) fn lease_until(&self, now: Instant) -> Instant {
        now + TimeDelta::from_std(self.settings.lease).unwrap_or(TimeDelta::minutes(1))
    }

    /// Takes back what was lost, claims what is due and may leave, and finds out when there is more. `claims` are
    /// this courier's own: they are not lost, however long the database was away. Nothing is claimed without
    /// `openings`. `known` names a provider and says whether it recognises repeats.
    pub(super) async fn look(
        &self,
        room: Room,
        openings: Option<Openings>,
        claims: &[(DeliveryId, i64)],
        known: impl Fn(&str) -> (Arc<str>, bool),
    ) -> Result<Haul, StoreError> {
        let (store, now) = (&self.world.store, self.world.clock.now());
        let due = store.deliveries_due(self.channel, now).await?;
        let mut haul = Haul::default();
        if due.lease_until.is_some_and(|until| until < now) {
            if !claims.is_empty() {
                store.extend_leases(claims, self.lease_until(now)).await?;
            }
            haul.reaped = self.reap(now, known).await?;
        }
        haul.pauses = due.pauses.clone();
        let Some(mut openings) = openings else {
            return Ok(haul);
        };
        openings.learn(&due.pauses);
        let taking = Taking {
            limit: room.all.min(openings.most()),
            marketing: room.marketing,
            lease_until: self.lease_until(now),
        };
        let waits = |due: &belfry_store::delivery::Due| match room.marketing {
            0 => due.others_at,
            _ => due.send_at(),
        };
        haul.next = waits(&due);
        if taking.limit == 0 || haul.next.is_none_or(|at| at > now) {
            return Ok(haul);
        }
        let judge = |claimed: &Claimed, reader: Option<&Reader>| {
            self.judge(claimed, reader, &mut openings, now)
        };
        let claim = store
            .claim_deliveries(self.channel, taking, now, judge)
            .await?;
        if !claim.claimed.is_empty() {
            crash::point("courier.claimed");
        }
        let taken = claim.claimed.len() + claim.passed_over;
        haul.promoted = claim.promoted;
        haul.more = taken >= taking.limit;
        if taken > 0 {
            haul.next = if haul.more {
                None
            } else {
                waits(&store.deliveries_due(self.channel, now).await?)
            };
        }
        let given = claim.claimed.into_iter().filter_map(|(claimed, _)| {
            let given = openings.given.get(&claimed.id).copied()?;
            Some((claimed, given))
        });
        haul.claimed = given.collect();
        Ok(haul)
    }

    /// Asks the gates as they stand now, and then whose turn it is.
    fn judge(
        &self,
        claimed: &Claimed,
        reader: Option<&Reader>,
        openings: &mut Openings,
        now: Instant,
    ) -> Fate {
        let not_after = match &claimed.content {
            Ok(content) => content.not_after,
            Err(_) => None,
        };
        if not_after.is_some_and(|end| end <= now) {
            return Fate::Drop {
                gate: Gate::Expiry.as_str(),
                reason: "too_late".to_owned(),
            };
        }
        let way = self.channel.way();
        if let Some((reader, way)) = reader.zip(way) {
            let sending = Sending {
                way,
                category: claimed.category,
                class: claimed.class,
                critical: claimed.critical,
                not_after,
            };
            let person = gate::Reader {
                disabled: reader.disabled,
                preferences: &reader.preferences,
                time_zone: reader.time_zone,
            };
            let mut trace = Vec::new();
            let suppressed = reader.suppressed.as_deref();
            let policy = &self.settings.policy;
            match gate::ask(person, sending, suppressed, policy, now, &mut trace) {
                gate::Verdict::Pass => {}
                gate::Verdict::Hold(until) => {
                    let spread = claimed
                        .user_id
                        .map_or(TimeDelta::zero(), |id| gate::spread(id.uuid()));
                    return Fate::Hold {
                        until: until + spread,
                        gate: Some(closed(trace)),
                    };
                }
                gate::Verdict::Drop => {
                    let (gate, reason) = closed(trace);
                    return Fate::Drop { gate, reason };
                }
            }
        }
        match openings.give(claimed) {
            Turn::Go(provider) => Fate::Send { provider },
            Turn::Wait(until) => Fate::Hold {
                until: until.max(now + BREATH),
                gate: None,
            },
        }
    }

    async fn reap(
        &self,
        now: Instant,
        known: impl Fn(&str) -> (Arc<str>, bool),
    ) -> Result<Vec<Settlement>, StoreError> {
        let judge = |lost: &Lost| {
            let (provider, recognises_repeats) = known(&lost.provider);
            let repeat = recognises_repeats.then(|| provider.clone());
            (
                provider,
                Verdict::lost(repeat, lost.rounds, now, Jitter::of(rand::random())),
            )
        };
        let store = &self.world.store;
        store.reap_deliveries(self.channel, REAP, now, judge).await
    }

    /// Sends one message by one provider.
    pub(super) async fn carry(
        &self,
        provider: Arc<dyn Provider>,
        message: Outgoing,
    ) -> Result<Receipt, SendError> {
        let started = tokio::time::Instant::now();
        let name = provider.name().to_owned();
        let sending = tokio::time::timeout(self.settings.patience, provider.send(&message));
        let unknown = |why: String| Err(SendError::Ambiguous(why));
        // A panic takes nothing with it; how far the message got is unknown.
        let result = match AssertUnwindSafe(sending).catch_unwind().await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => unknown("no end within the time set".to_owned()),
            Err(panic) => unknown(format!("sending broke down: {}", said(&*panic))),
        };
        crash::point("courier.sent");
        histogram!("belfry_delivery_seconds", "channel" => self.channel.as_str(), "provider" => name)
            .record(started.elapsed().as_secs_f64());
        result
    }

    /// One line and one count per attempt. The address stays out of the log.
    pub(super) fn report(&self, settlement: &Settlement, late: Option<&'static str>) {
        let Settlement {
            id,
            attempt,
            provider,
            verdict,
            ..
        } = settlement;
        let outcome = late.unwrap_or(verdict.outcome);
        let (channel, error) = (self.channel.as_str(), verdict.error.as_deref());
        let provider_id = verdict.provider_id.as_deref();
        counter!("belfry_deliveries_total",
            "channel" => channel, "provider" => provider.to_string(), "outcome" => outcome)
        .increment(1);
        if error.is_none() && late.is_none() {
            info!(%id, attempt, channel, %provider, outcome, provider_id, "delivery {id} {outcome}");
        } else {
            warn!(%id, attempt, channel, %provider, outcome, provider_id, error, "delivery {id} {outcome}");
        }
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(owned).unwrap_or("a panic")
}

/// The gate that closed, and why.
fn closed(trace: Vec<Check>) -> (&'static str, String) {
    let last = trace.into_iter().rfind(|check| !check.passed);
    last.map_or(("", String::new()), |check| {
        (check.gate.as_str(), check.reason.unwrap_or_default())
    })
}
