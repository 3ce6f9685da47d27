//! From what happened to who is told: the planner reads committed events and writes inbox entries and
//! deliveries, then tells the live connections and wakes the couriers.
//!
//! It may run on every node; the database hands each event to one of them. A nudge that is lost costs a
//! few seconds, never a message.

/// The rules and the texts in force.
mod books;
/// One event of a batch.
mod reading;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use belfry_domain::Instant;
use belfry_domain::event::Event;
use belfry_domain::gate::Policy;
use belfry_domain::id::{EventId, UserId};
use belfry_domain::notification::{Audience, Facts, Links, People, Plan, Planning};
use belfry_domain::rule::{Rule, RuleBook};
use belfry_domain::topic::Topic;
use belfry_store::planning::{Claimed, Finished, Onlookers, Outcome, Turn};
use belfry_store::{StoreError, crash};
use metrics::counter;
use tracing::{error, warn};
use uuid::Uuid;

use crate::courier::Courier;
use crate::supervisor::Supervisor;
use crate::world::World;

use reading::Reading;

pub use books::{Book, Books};

/// Events planned in one transaction at most.
const BATCH: i64 = 128;
/// How often it looks for what no nudge told of.
const SWEEP: Duration = Duration::from_secs(3);
/// Tries before an event that cannot be written is set aside, and the pause between them.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// The handle of a node's planner. Cloning shares it.
#[derive(Clone)]
pub struct Planner {
    actor: Addr<PlannerActor>,
    desk: Arc<Desk>,
    woken: Arc<AtomicBool>,
}

impl Planner {
    /// Starts planning. Must be called inside a running actix system.
    pub fn start(desk: Desk) -> Self {
        let woken = Arc::new(AtomicBool::new(false));
        let desk = Arc::new(desk);
        let actor = PlannerActor {
            desk: desk.clone(),
            woken: woken.clone(),
            busy: false,
            again: false,
        };
        Self {
            actor: actor.start(),
            desk,
            woken,
        }
    }

    /// What one rule alone would make of an event that happened, for these people as they are now. Nothing is
    /// written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rehearse(
        &self,
        event: Event,
        rule: Rule,
    ) -> Result<(Result<Plan, String>, People), StoreError> {
        self.desk.rehearse(event, rule).await
    }

    /// Says that events were committed. Returns at once; many nudges in a row are one.
    pub fn nudge(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.actor.do_send(Wake);
        }
    }
}

/// What planning needs, and one batch of it.
pub struct Desk {
    pub world: World,
    pub books: Books,
    pub links: Arc<dyn Links>,
    pub policy: Policy,
    pub supervisor: Supervisor,
    /// Those to wake when there is something to send.
    pub couriers: Vec<Courier>,
}

/// What a run of the planner did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PlanReport {
    pub events: usize,
    pub parked: usize,
    pub notifications: usize,
    pub deliveries: usize,
}

/// A batch that could not be written, with the events in it.
struct Failed {
    error: StoreError,
    events: Vec<EventId>,
}

impl Desk {
    /// Plans until nothing is left that could be planned.
    ///
    /// # Errors
    /// When the database is out of reach; what was planned before stays planned.
    pub async fn run(&self) -> Result<PlanReport, StoreError> {
        let mut report = PlanReport::default();
        // After a failed batch its events go one by one, so that the faulty one stands alone.
        let (mut singly, mut tries) = (0, 0);
        loop {
            let limit = if singly > 0 { 1 } else { BATCH };
            match self.batch(limit, &mut report).await {
                Ok(0) => return Ok(report),
                Ok(taken) => {
                    singly = usize::saturating_sub(singly, taken);
                    tries = 0;
                }
                Err(Failed { error, events }) => match events[..] {
                    _ if matches!(error, StoreError::Unavailable(_)) => return Err(error),
                    [] => return Err(error),
                    [event] if tries + 1 >= TRIES => {
                        self.park(event, &error.to_string()).await?;
                        (report.parked, tries) = (report.parked + 1, 0);
                    }
                    [_] => {
                        tries += 1;
                        tokio::time::sleep(PAUSE).await;
                    }
                    _ => singly = events.len(),
                },
            }
        }
    }

    /// Plans one batch and answers how many events were taken.
    async fn batch(&self, limit: i64, report: &mut PlanReport) -> Result<usize, Failed> {
        let store = &self.world.store;
        let failed = |events: &[EventId]| {
            let events = events.to_vec();
            move |error| Failed { error, events }
        };
        let Some((book, mut turn)) = self.claim(limit).await.map_err(failed(&[]))? else {
            return Ok(0);
        };
        crash::point("planner.claimed");
        let ids: Vec<EventId> = turn.events.iter().map(|claimed| claimed.id).collect();
        let readings: Vec<Reading> = turn.events.drain(..).map(Reading::of).collect();
        let now = self.world.clock.now();
        let written = match self.readers(&mut turn, &book, &readings).await {
            Ok((people, onlookers)) => self.write(readings, people, onlookers, book, now).await,
            Err(error) => Err(error),
        };
        let (readings, outcomes) = match written {
            Ok(written) => written,
            Err(error) => {
                store.abandon_planning(turn).await.map_err(failed(&ids))?;
                return Err(failed(&ids)(error));
            }
        };
        let finished = store
            .finish_planning(turn, outcomes, now)
            .await
            .map_err(failed(&ids))?;
        crash::point("planner.planned");
        self.tell(&readings, &finished);
        report.events += finished.planned.len();
        report.parked += finished.parked;
        report.notifications += finished.told.values().map(Vec::len).sum::<usize>();
        report.deliveries += finished.deliveries;
        Ok(ids.len())
    }

    /// Claims events, and opens the book they are planned by; `None` when there are none.
    async fn claim(&self, limit: i64) -> Result<Option<(Arc<Book>, Turn)>, StoreError> {
        let store = &self.world.store;
        loop {
            let book = self.books.open(store).await?;
            let mut turn = store.begin_planning(limit).await?;
            if turn.events.is_empty() {
                store.abandon_planning(turn).await?;
                return Ok(None);
            }
            // What was edited before an event must not be overlooked because the book was opened before both.
            if book.is_as_edited(&store.versions_in(&mut turn).await?) {
                return Ok(Some((book, turn)));
            }
            store.abandon_planning(turn).await?;
        }
    }

    async fn rehearse(
        &self,
        event: Event,
        rule: Rule,
    ) -> Result<(Result<Plan, String>, People), StoreError> {
        let store = &self.world.store;
        let open = self.books.open(store).await?;
        let book = Arc::new(open.with_rules(RuleBook::new(vec![rule])));
        let readings = vec![Reading::of(Claimed {
            id: event.id,
            event: Ok(event),
        })];
        let mut turn = store.rehearse_planning();
        let (people, onlookers) = self.readers(&mut turn, &book, &readings).await?;
        let now = self.world.clock.now();
        let written = self
            .write(readings, people.clone(), onlookers, book, now)
            .await?;
        let (_, mut outcomes) = written;
        let plan = outcomes
            .pop()
            .map_or_else(|| Ok(Plan::default()), |outcome| outcome.plan);
        Ok((plan, people))
    }

    /// Everybody whose name, language or address the batch needs, and who looks on.
    async fn readers(
        &self,
        turn: &mut Turn,
        book: &Book,
        readings: &[Reading],
    ) -> Result<(People, Onlookers), StoreError> {
        let store = &self.world.store;
        let wanted = |audience| {
            let wanted = readings
                .iter()
                .filter(move |reading| reading.tells(audience, book));
            wanted.collect::<Vec<&Reading>>()
        };
        let managed = wanted(Audience::Manager);
        let followed = wanted(Audience::Followers);
        let house = !wanted(Audience::Administrators).is_empty();
        let onlookers = if managed.is_empty() && followed.is_empty() && !house {
            Onlookers::default()
        } else {
            let experts: Vec<UserId> = managed.iter().filter_map(|r| r.expert()).collect();
            let subjects: Vec<Uuid> = followed.iter().filter_map(|r| r.subject()).collect();
            store.onlookers(turn, &experts, &subjects, house).await?
        };
        let mut people: BTreeSet<UserId> = readings.iter().flat_map(Reading::people).collect();
        people.extend(onlookers.managers.values().flatten());
        people.extend(onlookers.followers.values().flatten());
        people.extend(&onlookers.administrators);
        let people: Vec<UserId> = people.into_iter().collect();
        Ok((store.recipients(turn, &people).await?, onlookers))
    }

    /// Makes the texts, off the threads that must not wait.
    async fn write(
        &self,
        readings: Vec<Reading>,
        people: People,
        onlookers: Onlookers,
        book: Arc<Book>,
        now: Instant,
    ) -> Result<(Vec<Reading>, Vec<Outcome>), StoreError> {
        let (links, policy) = (self.links.clone(), self.policy.clone());
        let written = tokio::task::spawn_blocking(move || {
            let outcomes = readings.iter().map(|reading| {
                let sides = reading.sides(&onlookers);
                let planning = Planning {
                    rules: &book.rules,
                    people: &people,
                    sides: &sides,
                    templates: &book.templates,
                    links: &*links,
                    policy: &policy,
                    now,
                };
                reading.plan(&planning, &book.hooks)
            });
            let outcomes = outcomes.collect();
            (readings, outcomes)
        });
        let panicked = |error: tokio::task::JoinError| StoreError::Unreadable(error.to_string());
        written.await.map_err(panicked)
    }

    /// Tells of what was committed. Losing this costs immediacy only.
    fn tell(&self, readings: &[Reading], finished: &Finished) {
        for (user, notifications) in &finished.told {
            self.supervisor.announce(*user, notifications);
        }
        for reading in readings
            .iter()
            .filter(|reading| finished.planned.contains(&reading.id))
        {
            match &reading.read {
                Ok((event, Facts::Booking(facts))) => {
                    // Whoever looks at one of a series hears of a step that was taken with all of them.
                    let others = facts.others().map(|step| step.booking_id);
                    for booking in std::iter::once(facts.booking_id).chain(others) {
                        let topic = Topic::Booking(booking);
                        self.supervisor.topic(topic, &event.to_cloud_event());
                    }
                }
                Ok((
                    _,
                    Facts::Account(_)
                    | Facts::Digest(_)
                    | Facts::Webhook(_)
                    | Facts::Waiting(_)
                    | Facts::Visit(_),
                )) => {}
                Err(fault) => {
                    error!(event = %reading.id, fault, "event {} was set aside", reading.id)
                }
            }
        }
        if finished.deliveries > 0 {
            self.couriers.iter().for_each(Courier::nudge);
        }
        let planned = finished.planned.len() - finished.parked;
        counter!("belfry_events_planned_total").increment(planned as u64);
        counter!("belfry_events_parked_total").increment(finished.parked as u64);
    }

    async fn park(&self, event: EventId, fault: &str) -> Result<(), StoreError> {
        error!(%event, fault, "event {event} was set aside");
        counter!("belfry_events_parked_total").increment(1);
        let now = self.world.clock.now();
        self.world.store.park_event(event, fault, now).await
    }
}

/// Takes turns at the desk: one run at a time, and another one if something was committed meanwhile.
struct PlannerActor {
    desk: Arc<Desk>,
    woken: Arc<AtomicBool>,
    busy: bool,
    again: bool,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Wake;

impl Actor for PlannerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(SWEEP, Self::work);
        self.work(ctx);
    }
}

impl Handler<Wake> for PlannerActor {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        self.work(ctx);
    }
}

impl PlannerActor {
    fn work(&mut self, ctx: &mut Context<Self>) {
        // Lowered before the database is read: whoever commits after this nudges again.
        self.woken.store(false, Ordering::Release);
        if self.busy {
            self.again = true;
            return;
        }
        self.busy = true;
        let desk = self.desk.clone();
        // A task of its own ends well even if the actor is dropped meanwhile, and a panic in it stays there.
        let run = tokio::spawn(async move { desk.run().await });
        ctx.spawn(run.into_actor(self).map(|result, actor, ctx| {
            actor.busy = false;
            let fault = match result {
                Ok(Ok(_)) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(panic) => Some(panic.to_string()),
            };
            if let Some(fault) = fault {
                // The next sweep tries again.
                warn!(fault, "planning was cut short");
                actor.again = false;
            }
            if std::mem::take(&mut actor.again) {
                actor.work(ctx);
            }
        }));
    }
}
