//! Between the database and a channel: what is due, how it went.

use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::delivery::{SendError, Verdict};
use belfry_domain::id::DeliveryId;
use belfry_store::delivery::{Claimed, Settlement};
use belfry_store::{StoreError, crash};
use chrono::TimeDelta;
use metrics::{counter, histogram};
use tracing::{info, warn};

use super::CourierSettings;
use crate::channel::{Outgoing, Provider};
use crate::world::World;

/// Lost claims taken back at once.
const REAP: i64 = 100;

/// What sending needs apart from the actor's own state.
pub(super) struct Route {
    pub(super) world: World,
    pub(super) provider: Arc<dyn Provider>,
    pub(super) settings: CourierSettings,
}

/// What a look at the database brought.
pub(super) struct Haul {
    pub(super) claimed: Vec<Claimed>,
    /// When to look again, unless something ends before.
    pub(super) next: Option<Instant>,
}

impl Route {
    fn name(&self) -> &'static str {
        self.provider.channel().as_str()
    }

    pub(super) fn lease_until(&self, now: Instant) -> Instant {
        now + TimeDelta::from_std(self.settings.lease).unwrap_or(TimeDelta::minutes(1))
    }

    /// Takes back what was lost, claims what is due, and finds out when there is more. `claims` are this
    /// courier's own: they are not lost, however long the database was away.
    pub(super) async fn look(
        &self,
        free: usize,
        claims: &[(DeliveryId, i64)],
    ) -> Result<Haul, StoreError> {
        let (store, now) = (&self.world.store, self.world.clock.now());
        let due = store.deliveries_due(self.name()).await?;
        if due.lease_until.is_some_and(|until| until < now) {
            if !claims.is_empty() {
                store.extend_leases(claims, self.lease_until(now)).await?;
            }
            self.reap(now).await?;
        }
        let claimed = if due.send_at.is_some_and(|at| at <= now) {
            let until = self.lease_until(now);
            store
                .claim_deliveries(self.name(), free as i64, until, now)
                .await?
        } else {
            Vec::new()
        };
        if !claimed.is_empty() {
            crash::point("courier.claimed");
        }
        let more = claimed.len() == free;
        let next = if more {
            None
        } else if claimed.is_empty() {
            due.send_at
        } else {
            store.deliveries_due(self.name()).await?.send_at
        };
        Ok(Haul { claimed, next })
    }

    async fn reap(&self, now: Instant) -> Result<(), StoreError> {
        let repeats = self.provider.capabilities().recognises_repeats;
        let judge = |attempt| Verdict::lost(repeats, attempt, now, rand::random());
        let reaped = self
            .world
            .store
            .reap_deliveries(self.name(), REAP, now, judge)
            .await?;
        for settlement in reaped {
            self.report(&settlement, None);
        }
        Ok(())
    }

    /// Sends one claimed delivery and judges how that ended.
    pub(super) async fn carry(&self, claimed: Claimed) -> Settlement {
        let now = self.world.clock.now();
        let (id, attempt) = (claimed.id, claimed.attempt);
        let started = tokio::time::Instant::now();
        let expired = |after: Option<Instant>| after.is_some_and(|after| after <= now);
        let verdict = match claimed.content {
            Ok(content) if expired(content.not_after) => Verdict::expired(),
            Ok(content) => {
                let message = Outgoing {
                    id,
                    attempt,
                    kind: claimed.kind,
                    address: claimed.address,
                    subject: claimed.subject,
                    content,
                    at: now,
                };
                let sending = self.provider.send(&message);
                let result = tokio::time::timeout(self.settings.patience, sending)
                    .await
                    .unwrap_or_else(|_| {
                        Err(SendError::Ambiguous(
                            "no end within the time set".to_owned(),
                        ))
                    });
                crash::point("courier.sent");
                Verdict::of(result, attempt, self.world.clock.now(), rand::random())
            }
            Err(fault) => {
                let refused = SendError::Refused(format!("unreadable content: {fault}"));
                Verdict::of(Err(refused), attempt, now, 0.0)
            }
        };
        histogram!("belfry_delivery_seconds", "channel" => self.name())
            .record(started.elapsed().as_secs_f64());
        Settlement {
            id,
            attempt,
            verdict,
        }
    }

    /// One line and one count per attempt. The address stays out of the log.
    pub(super) fn report(&self, settlement: &Settlement, late: Option<&str>) {
        let Settlement {
            id,
            attempt,
            verdict,
        } = settlement;
        let outcome = late.unwrap_or(verdict.outcome);
        let (channel, error) = (self.name(), verdict.error.as_deref());
        let provider_id = verdict.provider_id.as_deref();
        counter!("belfry_deliveries_total", "channel" => channel, "outcome" => outcome.to_owned())
            .increment(1);
        if error.is_none() && late.is_none() {
            info!(%id, attempt, channel, outcome, provider_id, "delivery {id} {outcome}");
        } else {
            warn!(%id, attempt, channel, outcome, provider_id, error, "delivery {id} {outcome}");
        }
    }
}
