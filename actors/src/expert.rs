//! One actor per expert: the turnstile in front of the expert's time.
//!
//! It answers free slots from memory and refuses a taken slot without asking the database. What it lets
//! through the database may still refuse (another node was faster); then the actor reads again. Its memory
//! is a cache: dropping it is safe at any time.

use std::collections::HashMap;
use std::time::Duration;

use actix::prelude::*;
use belfry_domain::Instant;
use belfry_domain::booking::BookingError;
use belfry_domain::event::SOURCE;
use belfry_domain::id::{EventId, UserId};
use belfry_domain::slot::{Availability, Counted, Reason, Refusal, Slot};
use belfry_domain::topic::Topic;
use belfry_store::StoreError;
use futures::channel::oneshot;

use crate::{Busy, Supervisor, World};

/// What experts do for callers: the handle to all expert actors of this node.
mod desk;
/// Bookings, moves and holds on their way through the turnstile.
mod flight;
/// What the actor remembers of its expert.
mod memory;
/// Free slots as they are answered.
mod slots;

pub use desk::{BookingRules, Committed, Experts};
pub use flight::{BookRequest, Done, HoldRequest, MoveRequest};
pub use slots::{SlotQuery, SlotsAnswer};

use flight::{Command, Flight, Job, Want};
use memory::Memory;

/// An actor that nobody asked for this long lets go of its memory.
const IDLE: Duration = Duration::from_secs(600);
/// Longest wait for the database before a caller is told to come back.
const STORE_TIMEOUT: Duration = Duration::from_secs(8);
/// Callers that may stand in line.
const MAILBOX: usize = 2048;
/// Alternatives offered with a refusal.
const ALTERNATIVES: usize = 3;

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// By a rule; with the nearest free slots where the slot was taken.
    #[error("{error}")]
    Rule {
        error: BookingError,
        alternatives: Vec<Slot>,
    },
    /// There is no such expert.
    #[error("no such expert")]
    NoExpert,
    /// The house is too busy.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<BookingError> for Refused {
    fn from(error: BookingError) -> Self {
        Self::Rule {
            error,
            alternatives: Vec::new(),
        }
    }
}

/// The actor of one expert.
pub struct ExpertActor {
    id: UserId,
    world: World,
    supervisor: Supervisor,
    rules: BookingRules,
    memory: Option<Memory>,
    flights: Vec<Flight>,
    /// Jobs that want time which a flight may or may not take.
    waiting: Vec<Job>,
    answers: HashMap<SlotQuery, std::sync::Arc<SlotsAnswer>>,
    nearest: HashMap<(Instant, u16), Vec<Slot>>,
    last_asked: std::time::Instant,
}

/// What the turnstile says to one wish.
enum Verdict {
    Free,
    /// Ask again when the flights in the way have landed.
    Wait,
    Refuse(BookingError),
}

impl ExpertActor {
    fn new(id: UserId, supervisor: Supervisor, rules: BookingRules) -> Self {
        Self {
            id,
            world: supervisor.world().clone(),
            supervisor,
            rules,
            memory: None,
            flights: Vec::new(),
            waiting: Vec::new(),
            answers: HashMap::new(),
            nearest: HashMap::new(),
            last_asked: std::time::Instant::now(),
        }
    }

    /// Reads everything again; messages wait meanwhile.
    fn reload(&mut self, ctx: &mut Context<Self>) {
        let read = Memory::read(self.world.clone(), self.id)
            .into_actor(self)
            .map(|read, actor, ctx| match read {
                Ok(memory) => {
                    actor.memory = memory;
                    actor.forget_answers();
                }
                Err(error) => {
                    tracing::warn!(%error, expert = %actor.id, "expert not read");
                    // A fresh actor will try again for the next caller.
                    actor.memory = None;
                    ctx.stop();
                }
            });
        ctx.wait(read);
    }

    fn forget_answers(&mut self) {
        self.answers.clear();
        self.nearest.clear();
    }

    /// Tells everybody that free slots are different now.
    fn announce(&mut self) {
        self.forget_answers();
        let payload = serde_json::json!({ "node": &*self.world.node }).to_string();
        self.world
            .bus
            .publish(&format!("expert:{}", self.id), payload.into());
        self.tell_listeners();
    }

    /// Tells open pages that free slots are different now.
    fn tell_listeners(&self) {
        let now = self.world.clock.now();
        let event = serde_json::json!({
            "specversion": "1.0",
            "id": EventId::at(now),
            "source": SOURCE,
            "type": "slots.changed",
            "subject": format!("expert/{}", self.id),
            "time": now,
        });
        self.supervisor.topic(Topic::ExpertSlots(self.id), &event);
    }

    /// Drops holds that have expired, since nobody else tells.
    fn drop_expired(&mut self) {
        let now = self.world.clock.now();
        if self
            .memory
            .as_mut()
            .is_some_and(|memory| memory.drop_expired(now))
        {
            self.announce();
        }
    }

    fn judge(&mut self, want: &Want, now: Instant) -> Verdict {
        let Some(memory) = &self.memory else {
            return Verdict::Wait;
        };
        let taken = memory.taken_but(want);
        let mut counted = memory.counted_but(want);
        let offer = |counted: &[Counted]| {
            Availability {
                schedule: &memory.schedule,
                taken: &taken,
                counted,
                now,
            }
            .check(want.starts_at, want.minutes)
        };
        let stretch = memory.stretch(want.starts_at, want.minutes);
        let overlaps = |(from, until): (Instant, Instant)| from < stretch.1 && stretch.0 < until;
        if want.any_time {
            // The expert's own move: only the past and what is taken stand in the way.
            if want.starts_at <= now {
                return Verdict::Refuse(BookingError::NotOffered(Reason::Past.code()));
            }
            if taken
                .iter()
                .any(|taken| overlaps((taken.starts_at, taken.ends_at)))
            {
                return Verdict::Refuse(BookingError::SlotTaken);
            }
        } else {
            match offer(&counted) {
                Err(Refusal::Taken) => return Verdict::Refuse(BookingError::SlotTaken),
                Err(Refusal::NotOffered(reason)) => {
                    return Verdict::Refuse(BookingError::NotOffered(reason.code()));
                }
                Ok(()) => {}
            }
        }
        if self.flights.iter().any(|flight| overlaps(flight.stretch)) {
            return Verdict::Wait;
        }
        if !want.any_time && !self.flights.is_empty() {
            counted.extend(self.flights.iter().filter_map(|flight| flight.counted));
            if offer(&counted).is_err() {
                return Verdict::Wait;
            }
        }
        Verdict::Free
    }

    fn attempt(&mut self, job: Job, ctx: &mut Context<Self>) {
        let now = self.world.clock.now();
        match self.judge(&job.want, now) {
            Verdict::Free => self.fly(job, now, ctx),
            Verdict::Wait => self.waiting.push(job),
            Verdict::Refuse(error) => {
                let refused = self.refuse(error, &job.want, now);
                job.answer(Err(refused));
            }
        }
    }

    fn refuse(&mut self, error: BookingError, want: &Want, now: Instant) -> Refused {
        let alternatives = match (&error, &self.memory) {
            (BookingError::SlotTaken, Some(memory)) => {
                let near = self
                    .nearest
                    .entry((want.starts_at, want.minutes))
                    .or_insert_with(|| {
                        memory.availability(now).nearest_free(
                            want.starts_at,
                            want.minutes,
                            ALTERNATIVES,
                        )
                    });
                near.clone()
            }
            _ => Vec::new(),
        };
        Refused::Rule {
            error,
            alternatives,
        }
    }

    /// Sends a job to the database; other jobs go on meanwhile.
    fn fly(&mut self, job: Job, now: Instant, ctx: &mut Context<Self>) {
        let Some(memory) = &self.memory else {
            return job.answer(Err(Busy("expert").into()));
        };
        let flight = Flight::of(&job.want, memory);
        let number = flight.number;
        let work = flight::run(&job, memory, &self.rules, self.world.clone(), now);
        self.flights.push(flight);
        let landing = async move { tokio::time::timeout(STORE_TIMEOUT, work).await }
            .into_actor(self)
            .map(move |landed, actor, ctx| {
                actor.flights.retain(|flight| flight.number != number);
                match landed {
                    Ok(Ok(Ok(done))) => {
                        if let Some(memory) = &mut actor.memory {
                            memory.settle(&job.want, &done);
                        }
                        actor.announce();
                        job.answer(Ok(done));
                    }
                    Ok(Ok(Err(BookingError::SlotTaken))) => return actor.lost(job, ctx),
                    Ok(Ok(Err(error))) => {
                        let now = actor.world.clock.now();
                        let refused = actor.refuse(error, &job.want, now);
                        job.answer(Err(refused));
                    }
                    Ok(Err(error)) => {
                        // Nobody knows what became of it.
                        actor.reload(ctx);
                        job.answer(Err(error.into()));
                    }
                    Err(_) => {
                        actor.reload(ctx);
                        job.answer(Err(Busy("database").into()));
                    }
                }
                actor.wake(ctx);
            });
        ctx.spawn(landing);
    }

    /// Another node was faster: read what it wrote, then refuse with alternatives that are true.
    fn lost(&mut self, job: Job, ctx: &mut Context<Self>) {
        self.reload(ctx);
        let refuse = async {}.into_actor(self).map(move |(), actor, ctx| {
            let now = actor.world.clock.now();
            let refused = actor.refuse(BookingError::SlotTaken, &job.want, now);
            job.answer(Err(refused));
            actor.tell_listeners();
            actor.wake(ctx);
        });
        ctx.spawn(refuse);
    }

    /// Lets those who waited for a landing try again.
    fn wake(&mut self, ctx: &mut Context<Self>) {
        for job in std::mem::take(&mut self.waiting) {
            self.attempt(job, ctx);
        }
    }
}

impl Actor for ExpertActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.world.bus.subscribe(&format!("expert:{}", self.id));
        self.reload(ctx);
        ctx.run_interval(IDLE / 10, |actor, ctx| {
            actor.drop_expired();
            if actor.last_asked.elapsed() > IDLE && actor.flights.is_empty() {
                ctx.stop();
            }
        });
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.world.bus.unsubscribe(&format!("expert:{}", self.id));
    }
}

/// Asks for free slots.
#[derive(Message)]
#[rtype(result = "Result<std::sync::Arc<SlotsAnswer>, Refused>")]
struct GetSlots(SlotQuery);

impl Handler<GetSlots> for ExpertActor {
    type Result = Result<std::sync::Arc<SlotsAnswer>, Refused>;

    fn handle(&mut self, GetSlots(query): GetSlots, _: &mut Context<Self>) -> Self::Result {
        self.last_asked = std::time::Instant::now();
        self.drop_expired();
        let now = self.world.clock.now();
        let memory = self.memory.as_ref().ok_or(Refused::NoExpert)?;
        if let Some(answer) = self
            .answers
            .get(&query)
            .filter(|answer| now <= answer.good_until)
        {
            return Ok(answer.clone());
        }
        let answer = std::sync::Arc::new(SlotsAnswer::new(self.id, memory, &query, now));
        if self.answers.len() >= slots::MOST_ANSWERS {
            self.answers.clear();
        }
        self.answers.insert(query, answer.clone());
        Ok(answer)
    }
}

/// Asks for the next free slot of the default length.
#[derive(Message)]
#[rtype(result = "Option<Instant>")]
struct NextFree;

impl Handler<NextFree> for ExpertActor {
    type Result = Option<Instant>;

    fn handle(&mut self, _: NextFree, _: &mut Context<Self>) -> Option<Instant> {
        self.drop_expired();
        let now = self.world.clock.now();
        let memory = self.memory.as_ref()?;
        let minutes = memory.schedule.rules.default_minutes()?;
        memory
            .availability(now)
            .next_free(now, minutes)
            .map(|slot| slot.starts_at)
    }
}

/// Asks for time.
#[derive(Message)]
#[rtype(result = "Result<Done, Refused>")]
struct Ask(Command);

impl Handler<Ask> for ExpertActor {
    type Result = ResponseFuture<Result<Done, Refused>>;

    fn handle(&mut self, Ask(command): Ask, ctx: &mut Context<Self>) -> Self::Result {
        self.last_asked = std::time::Instant::now();
        self.drop_expired();
        let Some(memory) = &self.memory else {
            return Box::pin(std::future::ready(Err(Refused::NoExpert)));
        };
        let (reply, answer) = oneshot::channel();
        match command.want(memory) {
            Ok(want) => self.attempt(
                Job {
                    command,
                    want,
                    reply,
                },
                ctx,
            ),
            Err(error) => return Box::pin(std::future::ready(Err(error.into()))),
        }
        Box::pin(async move { answer.await.unwrap_or(Err(Refused::Busy(Busy("expert")))) })
    }
}

/// Something outside gave back time or changed the rules.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
enum Notice {
    /// A booking or hold has ended; called off, it no longer counts towards the caps.
    Freed { source: uuid::Uuid, counts: bool },
    /// The schedule was changed on this node: read again and tell everybody.
    Rescheduled,
    /// Another node changed something, or its word may have been missed: read again.
    Stale,
}

impl Handler<Notice> for ExpertActor {
    type Result = ();

    fn handle(&mut self, notice: Notice, ctx: &mut Context<Self>) {
        match notice {
            Notice::Freed { source, counts } => {
                if let Some(memory) = &mut self.memory {
                    memory.free(source, counts);
                }
                self.announce();
            }
            Notice::Rescheduled => {
                self.reload(ctx);
                ctx.spawn(
                    async {}
                        .into_actor(self)
                        .map(|(), actor, _| actor.announce()),
                );
            }
            Notice::Stale => {
                self.reload(ctx);
                ctx.spawn(
                    async {}
                        .into_actor(self)
                        .map(|(), actor, _| actor.tell_listeners()),
                );
            }
        }
    }
}
