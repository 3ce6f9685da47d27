//! Takes due deliveries of one channel to their provider: a bounded number at once, each under a lease
//! that is kept alive while it lasts, each end written down.

/// Between the database and a channel.
mod route;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Stopwatch};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, ResponseFuture,
    SpawnHandle, WrapFuture,
};
use belfry_domain::Instant;
use belfry_domain::delivery::Verdict;
use belfry_domain::id::DeliveryId;
use belfry_store::delivery::{Claimed, Settlement};
use belfry_store::{StoreError, crash};
use tokio::sync::oneshot;
use tracing::warn;

use crate::channel::Provider;
use crate::world::World;
use route::Route;

/// How a courier works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CourierSettings {
    /// Messages under way at once.
    pub concurrency: usize,
    /// How long a claim lasts without a sign of life. Extended three times as often.
    pub lease: Duration,
    /// How long one attempt may take before its end counts as unknown.
    pub patience: Duration,
}

impl Default for CourierSettings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            lease: Duration::from_secs(60),
            patience: Duration::from_secs(120),
        }
    }
}

/// How often it looks for what no nudge told of.
const SWEEP: Duration = Duration::from_secs(5);
/// Pause after the database failed.
const PAUSE: Duration = Duration::from_secs(1);
/// A message that takes longer hangs, as far as the others are concerned.
const HANGING: Duration = Duration::from_secs(2);

/// The handle of a courier. Cloning shares it.
#[derive(Clone)]
pub struct Courier {
    actor: Addr<CourierActor>,
    woken: Arc<AtomicBool>,
}

impl Courier {
    /// Starts taking deliveries of the channel. Must be called inside a running actix system.
    pub fn start(world: World, provider: Arc<dyn Provider>, settings: CourierSettings) -> Self {
        let woken = Arc::new(AtomicBool::new(false));
        let actor = CourierActor {
            route: Arc::new(Route {
                world,
                provider,
                settings,
            }),
            woken: woken.clone(),
            under_way: BTreeMap::new(),
            ended: Vec::new(),
            settling: false,
            unwritten: false,
            claiming: false,
            again: false,
            paused_until: None,
            timer: None,
            closed: false,
            stopping: Vec::new(),
        };
        Self {
            actor: actor.start(),
            woken,
        }
    }

    /// Says that something became due. Returns at once; many nudges in a row are one.
    pub fn nudge(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.actor.do_send(Wake);
        }
    }

    /// Takes nothing new and waits, at most `patience`, until everything under way has its end written.
    /// Answers whether it has; what is left then ends when its lease does.
    pub async fn stop(&self, patience: Duration) -> bool {
        let stopped = self.actor.send(Stop);
        matches!(tokio::time::timeout(patience, stopped).await, Ok(Ok(())))
    }
}

/// Runs store work in a task of its own: it ends well even if the actor is dropped meanwhile, and a panic
/// in it stays there.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work)
        .await
        .unwrap_or_else(|panic| Err(StoreError::Unreadable(panic.to_string())))
}

struct CourierActor {
    route: Arc<Route>,
    woken: Arc<AtomicBool>,
    /// Claims held until their end is written.
    under_way: BTreeMap<DeliveryId, Claim>,
    /// Ends not yet written. They gather while a write is under way, so writes get bigger under load.
    ended: Vec<Settlement>,
    settling: bool,
    /// The database did not take the last ends; they are tried again.
    unwritten: bool,
    claiming: bool,
    again: bool,
    /// The provider asked for a pause.
    paused_until: Option<Instant>,
    timer: Option<SpawnHandle>,
    /// Takes nothing new.
    closed: bool,
    /// Those who wait until nothing is under way.
    stopping: Vec<oneshot::Sender<()>>,
}

/// A message in this courier's hands.
struct Claim {
    attempt: i64,
    since: Stopwatch,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Wake;

#[derive(Message)]
#[rtype(result = "()")]
struct Stop;

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

impl CourierActor {
    /// Looks for due deliveries when there is room for a worthwhile number of them.
    fn look(&mut self, ctx: &mut Context<Self>) {
        // Lowered before the database is read: whoever commits after this nudges again.
        self.woken.store(false, Ordering::Release);
        let concurrency = self.route.settings.concurrency.max(1);
        let free = concurrency.saturating_sub(self.under_way.len());
        // Whoever looks takes back what was lost: not before it is written down how the own ones ended.
        if self.closed || self.unwritten || free < self.worthwhile(concurrency) {
            return;
        }
        if self.claiming {
            self.again = true;
            return;
        }
        let now = self.route.world.clock.now();
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            self.look_at(until, ctx);
            return;
        }
        self.claiming = true;
        let (route, claims) = (self.route.clone(), self.claims());
        let look = apart(async move { route.look(free, &claims).await });
        ctx.spawn(look.into_actor(self).map(|haul, actor, ctx| {
            actor.claiming = false;
            match haul {
                Ok(haul) => {
                    for claimed in haul.claimed {
                        actor.carry(claimed, ctx);
                    }
                    if let Some(next) = haul.next {
                        actor.look_at(next, ctx);
                    }
                }
                Err(error) => warn!(%error, "the courier could not look for deliveries"),
            }
            actor.release_stopped();
            if std::mem::take(&mut actor.again) {
                actor.look(ctx);
            }
        }));
    }

    /// How many places must be free for a look: half of those that turn over. Messages that hang keep the
    /// others from theirs no longer than until the next look.
    fn worthwhile(&self, concurrency: usize) -> usize {
        let hanging = self.under_way.values();
        let hanging = hanging
            .filter(|claim| claim.since.elapsed() > HANGING)
            .count();
        concurrency.saturating_sub(hanging).div_ceil(2).max(1)
    }

    fn claims(&self) -> Vec<(DeliveryId, i64)> {
        let claims = self.under_way.iter();
        claims.map(|(id, claim)| (*id, claim.attempt)).collect()
    }

    /// Looks again at `at`. The sweep comes earlier if that is far away.
    fn look_at(&mut self, at: Instant, ctx: &mut Context<Self>) {
        let wait = (at - self.route.world.clock.now())
            .to_std()
            .unwrap_or_default();
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if wait < SWEEP {
            self.timer = Some(ctx.run_later(wait.max(Duration::from_millis(1)), Self::look));
        }
    }

    fn carry(&mut self, claimed: Claimed, ctx: &mut Context<Self>) {
        let (id, attempt) = (claimed.id, claimed.attempt);
        let since = Stopwatch::now();
        self.under_way.insert(id, Claim { attempt, since });
        let route = self.route.clone();
        let carry = tokio::spawn(async move { route.carry(claimed).await });
        let carry = async move {
            carry.await.unwrap_or_else(|panic| Settlement {
                id,
                attempt,
                verdict: Verdict::panicked(&panic.to_string()),
            })
        };
        ctx.spawn(carry.into_actor(self).map(|settlement, actor, ctx| {
            if settlement.verdict.outcome == "limited" {
                actor.paused_until = settlement.verdict.next_at;
            }
            actor.ended.push(settlement);
            actor.settle(ctx);
        }));
    }

    /// Writes the ends that have gathered.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        if self.settling || self.ended.is_empty() {
            return;
        }
        self.settling = true;
        let (route, ended) = (
            self.route.clone(),
            Arc::new(std::mem::take(&mut self.ended)),
        );
        let writing = ended.clone();
        let settle = apart(async move {
            let now = route.world.clock.now();
            route.world.store.settle_deliveries(&writing, now).await
        });
        ctx.spawn(settle.into_actor(self).map(move |written, actor, ctx| {
            actor.unwritten = written.is_err();
            match written {
                Ok(counted) => {
                    crash::point("courier.settled");
                    actor.settling = false;
                    for (settlement, counted) in ended.iter().zip(counted) {
                        actor.under_way.remove(&settlement.id);
                        let late = (!counted).then_some("late");
                        actor.route.report(settlement, late);
                    }
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
