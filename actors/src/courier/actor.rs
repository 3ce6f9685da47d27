//! The actor that carries: looks, claims, hands out, takes in how it ended, writes it down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Stopwatch};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, MessageResult,
    ResponseFuture, SpawnHandle, StreamHandler, WrapFuture,
};
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Jitter, Receipt, SendError, Try, Verdict};
use belfry_domain::gate::Class;
use belfry_domain::id::DeliveryId;
use belfry_store::delivery::{Claimed, Settlement};
use belfry_store::{StoreError, crash};
use futures::StreamExt;
use futures::channel::mpsc;
use tokio::sync::oneshot;
use tracing::warn;

use super::Courier;
use super::places::{Taken, room};
use super::providers::{Given, ProviderState, Providers};
use super::route::{Haul, Route};
use crate::channel::{Outgoing, Provider};

/// How often it looks for what no nudge told of.
const SWEEP: Duration = Duration::from_secs(5);
/// Pause after the database failed.
const PAUSE: Duration = Duration::from_secs(1);
/// A message that takes longer hangs, as far as the others are concerned.
const HANGING: Duration = Duration::from_secs(2);
/// Ends taken in at once.
const GATHERED: usize = 1024;

/// Runs store work in a task of its own: it ends well even if the actor is dropped meanwhile, and a panic
/// in it stays there.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work)
        .await
        .unwrap_or_else(|panic| Err(StoreError::Unreadable(panic.to_string())))
}

/// One channel's courier on this node.
pub(super) struct CourierActor {
    route: Arc<Route>,
    providers: Providers,
    /// The couriers of the other channels.
    others: Vec<Courier>,
    woken: Arc<AtomicBool>,
    /// Claims held until their end is written.
    under_way: BTreeMap<DeliveryId, Holding>,
    /// Where those that were sent report back.
    returned: mpsc::UnboundedSender<Returned>,
    /// Ends not yet written. They gather while a write is under way, so writes get bigger under load.
    ended: Vec<Settlement>,
    settling: bool,
    /// The database did not take the last ends; they are tried again.
    unwritten: bool,
    claiming: bool,
    again: bool,
    timer: Option<SpawnHandle>,
    /// Takes nothing new.
    closed: bool,
    /// Those who wait until nothing is under way.
    stopping: Vec<oneshot::Sender<()>>,
}

/// A message in this courier's hands.
#[derive(Clone, Copy)]
struct Holding {
    attempt: i64,
    rounds: i64,
    class: Class,
    given: Given,
    has_standby: bool,
    claimed_at: Instant,
    since: Stopwatch,
}

/// A message that was sent, and what the provider said.
struct Returned {
    id: DeliveryId,
    attempt: i64,
    result: Result<Receipt, SendError>,
}

/// Something became due.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Wake;

/// The couriers of all channels.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Others(pub(super) Vec<Courier>);

/// How do the providers fare?
#[derive(Message)]
#[rtype(result = "Vec<ProviderState>")]
pub(super) struct States;

/// Takes nothing new, and answers when nothing is under way.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Stop;

impl Actor for CourierActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.route.settings.lease / 3, Self::keep_leases);
        ctx.run_interval(SWEEP, Self::look);
        self.look(ctx);
    }
}

impl Handler<Wake> for CourierActor {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<Others> for CourierActor {
    type Result = ();

    fn handle(&mut self, Others(couriers): Others, _: &mut Self::Context) {
        self.others = couriers;
    }
}

impl Handler<States> for CourierActor {
    type Result = MessageResult<States>;

    fn handle(&mut self, _: States, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.providers.states(self.now()))
    }
}

impl Handler<Stop> for CourierActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Stop, _: &mut Self::Context) -> Self::Result {
        let (done, wait) = oneshot::channel();
        self.closed = true;
        self.stopping.push(done);
        self.release_stopped();
        Box::pin(async move {
            // A dropped sender means the actor has gone, and with it everything under way.
            let _ = wait.await;
        })
    }
}

impl StreamHandler<Vec<Returned>> for CourierActor {
    fn handle(&mut self, returned: Vec<Returned>, ctx: &mut Self::Context) {
        let now = self.now();
        for Returned {
            id,
            attempt,
            result,
        } in returned
        {
            let holding = self.under_way.get(&id).copied();
            if let Some(holding) = holding.filter(|holding| holding.attempt == attempt) {
                let settlement = self.judge(id, holding, result, now);
                self.ended.push(settlement);
            }
        }
        self.settle(ctx);
    }
}

impl CourierActor {
    /// Starts one.
    pub(super) fn start_with(
        route: Route,
        providers: Vec<Arc<dyn Provider>>,
        woken: Arc<AtomicBool>,
    ) -> Addr<Self> {
        Self::create(|ctx| {
            let (returned, ends) = mpsc::unbounded();
            ctx.add_stream(ends.ready_chunks(GATHERED));
            Self {
                providers: Providers::new(route.channel, providers),
                route: Arc::new(route),
                others: Vec::new(),
                woken,
                under_way: BTreeMap::new(),
                returned,
                ended: Vec::new(),
                settling: false,
                unwritten: false,
                claiming: false,
                again: false,
                timer: None,
                closed: false,
                stopping: Vec::new(),
            }
        })
    }

    fn now(&self) -> Instant {
        self.route.world.clock.now()
    }

    /// Looks for due deliveries when there is room for a worthwhile number of them, and somebody to take them.
    fn look(&mut self, ctx: &mut Context<Self>) {
        // Lowered before the database is read: whoever commits after this nudges again.
        self.woken.store(false, Ordering::Release);
        // Whoever looks takes back what was lost: not before it is written down how the own ones ended.
        if self.closed || self.unwritten {
            return;
        }
        let mut taken = Taken::default();
        for holding in self.under_way.values() {
            taken.add(holding.class, holding.since.elapsed() > HANGING);
        }
        let Some(room) = room(self.route.settings.concurrency, taken) else {
            return;
        };
        if self.claiming {
            self.again = true;
            return;
        }
        let now = self.now();
        self.providers.show(now);
        let (openings, shut_until) = match self.providers.openings(now) {
            Ok(openings) => (Some(openings), None),
            Err(until) => (None, Some(until)),
        };
        self.claiming = true;
        let (route, claims) = (self.route.clone(), self.claims());
        let known = self.providers.known();
        let look = apart(async move { route.look(room, openings, &claims, known).await });
        ctx.spawn(look.into_actor(self).map(move |haul, actor, ctx| {
            actor.claiming = false;
            match haul {
                Ok(haul) => {
                    let next = shut_until.or(haul.next);
                    let more = haul.more;
                    actor.take(haul, ctx);
                    if let Some(next) = next {
                        actor.look_at(next, ctx);
                    }
                    actor.again |= more;
                }
                Err(error) => warn!(%error, "the courier could not look for deliveries"),
            }
            actor.release_stopped();
            if std::mem::take(&mut actor.again) {
                actor.look(ctx);
            }
        }));
    }

    /// Takes in what a look brought.
    fn take(&mut self, haul: Haul, ctx: &mut Context<Self>) {
        let now = self.now();
        self.providers.learn(haul.pauses);
        for settlement in haul.reaped {
            self.report(&settlement, None, now);
        }
        for (claimed, given) in haul.claimed {
            self.carry(claimed, given, now);
        }
        self.wake(&haul.promoted);
        self.settle(ctx);
    }

    fn claims(&self) -> Vec<(DeliveryId, i64)> {
        let claims = self.under_way.iter();
        claims.map(|(id, held)| (*id, held.attempt)).collect()
    }

    /// Looks again at `at`. The sweep comes earlier if that is far away.
    fn look_at(&mut self, at: Instant, ctx: &mut Context<Self>) {
        let wait = (at - self.now()).to_std().unwrap_or_default();
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if wait < SWEEP {
            self.timer = Some(ctx.run_later(wait.max(Duration::from_millis(1)), Self::look));
        }
    }

    /// Sends a claimed delivery on its way.
    fn carry(&mut self, claimed: Claimed, given: Given, now: Instant) {
        let (id, attempt) = (claimed.id, claimed.attempt);
        let holding = Holding {
            attempt,
            rounds: claimed.rounds,
            class: claimed.class,
            given,
            has_standby: claimed.has_standby,
            claimed_at: now,
            since: Stopwatch::now(),
        };
        self.under_way.insert(id, holding);
        let verdict = match claimed.content {
            Err(fault) => Some(Verdict::unreadable(&fault)),
            // What was learnt since it was claimed counts: it fell out, or asked for a pause.
            Ok(_) if !self.providers.set_off(given, &claimed.address, now) => {
                Some(Verdict::called_off(self.providers.free_at(now)))
            }
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
                let (route, returned) = (self.route.clone(), self.returned.clone());
                let provider = self.providers.provider(given.place);
                tokio::spawn(async move {
                    let result = route.carry(provider, message).await;
                    // Nobody listens any more when the actor has gone; the lease tells then.
                    let _ = returned.unbounded_send(Returned {
                        id,
                        attempt,
                        result,
                    });
                });
                None
            }
        };
        if let Some(verdict) = verdict {
            let settlement = self.settlement(id, holding, verdict, None);
            self.ended.push(settlement);
        }
    }

    /// Says what a provider's answer means for the message, and for the provider.
    fn judge(
        &mut self,
        id: DeliveryId,
        holding: Holding,
        result: Result<Receipt, SendError>,
        now: Instant,
    ) -> Settlement {
        let Given {
            place,
            second_round,
            ..
        } = holding.given;
        self.providers.ended(holding.given, &result, now);
        let paused_until = match &result {
            Err(SendError::Limited { until, .. }) => Some(*until),
            _ => None,
        };
        let (name, recognises_repeats) = self.providers.traits(place);
        let onward = Try {
            rounds: holding.rounds,
            now,
            jitter: Jitter::of(rand::random()),
            next: self.providers.after(place, now).filter(|_| !second_round),
            alone: self.providers.is_single(),
            not_before: self.providers.free_at(now),
            repeat: recognises_repeats.then_some(name),
        };
        let verdict = Verdict::of(result, onward);
        self.settlement(id, holding, verdict, paused_until)
    }

    fn settlement(
        &self,
        id: DeliveryId,
        holding: Holding,
        verdict: Verdict,
        paused_until: Option<Instant>,
    ) -> Settlement {
        Settlement {
            id,
            attempt: holding.attempt,
            provider: self.providers.traits(holding.given.place).0,
            verdict,
            claimed_at: holding.claimed_at,
            has_standby: holding.has_standby,
            paused_until,
        }
    }

    /// Writes the ends that have gathered.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        if self.settling || self.ended.is_empty() {
            return;
        }
        self.settling = true;
        let mut ended = std::mem::take(&mut self.ended);
        // In the order in which leases are extended: two writers of the same rows must not wait for each other.
        ended.sort_by_key(|settlement| settlement.id);
        let (route, ended) = (self.route.clone(), Arc::new(ended));
        let writing = ended.clone();
        let settle = apart(async move {
            let now = route.world.clock.now();
            let store = &route.world.store;
            store.settle_deliveries(route.channel, &writing, now).await
        });
        ctx.spawn(settle.into_actor(self).map(move |written, actor, ctx| {
            actor.unwritten = written.is_err();
            match written {
                Ok(settled) => {
                    crash::point("courier.settled");
                    actor.settling = false;
                    let now = actor.now();
                    for (settlement, counted) in ended.iter().zip(settled.counted) {
                        actor.under_way.remove(&settlement.id);
                        let late = (!counted).then_some("late");
                        actor.report(settlement, late, now);
                    }
                    actor.wake(&settled.promoted);
                }
                Err(error) => {
                    warn!(%error, "the ends of {} deliveries wait to be written", ended.len());
                    actor.ended.extend(ended.iter().cloned());
                    ctx.run_later(PAUSE, |actor, ctx| {
                        actor.settling = false;
                        actor.settle(ctx);
                    });
                    return;
                }
            }
            actor.release_stopped();
            actor.settle(ctx);
            actor.look(ctx);
        }));
    }

    fn report(&mut self, settlement: &Settlement, late: Option<&'static str>, now: Instant) {
        let outcome = late.unwrap_or(settlement.verdict.outcome);
        let error = settlement.verdict.error.as_deref();
        self.providers
            .count(&settlement.provider, outcome, error, now);
        self.route.report(settlement, late);
    }

    /// Wakes the couriers of channels on which something became due.
    fn wake(&self, channels: &[Channel]) {
        let concerned = self.others.iter();
        let concerned = concerned.filter(|courier| channels.contains(&courier.channel));
        concerned.for_each(Courier::nudge);
    }

    /// Shows that the claims are still being worked on.
    fn keep_leases(&mut self, ctx: &mut Context<Self>) {
        if self.under_way.is_empty() {
            return;
        }
        let (route, claims) = (self.route.clone(), self.claims());
        let extend = apart(async move {
            let until = route.lease_until(route.world.clock.now());
            route.world.store.extend_leases(&claims, until).await
        });
        ctx.spawn(extend.into_actor(self).map(|extended, _, _| {
            if let Err(error) = extended {
                warn!(%error, "leases could not be extended");
            }
        }));
    }

    fn release_stopped(&mut self) {
        if self.under_way.is_empty() && !self.claiming {
            for waiting in self.stopping.drain(..) {
                // Nobody waits any more when the patience ran out.
                let _ = waiting.send(());
            }
        }
    }
}
