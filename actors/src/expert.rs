//! One actor per expert: the turnstile in front of the expert's time.
//!
//! It answers free slots from memory and refuses a taken slot without asking the database. What it lets
//! through the database may still refuse (another node was faster); then the actor reads again. Its memory
//! is a cache: dropping it is safe at any time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use belfry_domain::Instant;
use belfry_domain::booking::BookingError;
use belfry_domain::id::UserId;
use belfry_domain::slot::{Availability, Counted, Reason, Refusal, Slot, Taken};
use belfry_domain::topic::Topic;
use belfry_store::booking::Decided;
use belfry_store::{StoreError, crash};
use tokio::time::error::Elapsed;
use uuid::Uuid;

use crate::cache::SlotCache;
use crate::group_commit::GroupCommit;
use crate::wake::PATIENCE;
use crate::{Busy, Supervisor, World};

/// Free time under the terms of a branch.
mod ahead;
/// What experts do for callers: the handle to all expert actors of this node.
mod desk;
/// The actor as its callers hold it.
mod entry;
/// Bookings, moves and holds on their way through the turnstile.
mod flight;
/// What may be said to the actor.
mod mailbox;
/// What the actor remembers of its expert.
mod memory;
/// What was just refused, for those who ask for the same.
mod refusals;
/// Free slots as they are answered.
mod slots;
/// How many wishes were served.
mod tally;
/// Who hears that time of an expert came free, for those who wait for it.
mod waitlist;

pub use ahead::FreeTime;
pub use desk::{
    BookingRules, Committed, Experts, SeatRequest, SeriesRequest, SessionDraft, Together,
};
pub use flight::{AtBranch, BookRequest, Done, HoldRequest, MoveRequest, OfferRequest};
pub use slots::{DayQuery, ExplainedDay, SlotQuery, SlotsAnswer};

pub(crate) use tally::{Asked, tally, tally_series};

use entry::Shared;
use flight::{Flight, Job, Want};
use memory::Memory;
use slots::good_until;
use waitlist::Bell;

/// An actor that nobody asked for this long lets go of its memory.
const IDLE: Duration = Duration::from_secs(600);
/// Longest wait for the database before a caller is told to come back.
const STORE_TIMEOUT: Duration = Duration::from_secs(8);
/// Callers that may stand in line.
const LINE: usize = 2048;
/// How often the database may find time taken that memory thought free, until it is believed.
const MOST_LOST: u8 = 2;
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
    /// There is no such branch.
    #[error("no such branch")]
    NoBranch,
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
    shared: Arc<Shared>,
    cache: Option<Arc<dyn SlotCache>>,
    world: World,
    supervisor: Supervisor,
    rules: BookingRules,
    group_commit: GroupCommit,
    freed: Bell,
    memory: Option<Memory>,
    /// Counts the readings of the memory that were begun.
    reading: u64,
    flights: Vec<Flight>,
    /// What became of bookings and holds while flights were in the air: their newest version, the highest of
    /// all for what has ended. A landing that comes late must not bring back what it is older than.
    news: HashMap<Uuid, i64>,
    /// Jobs that want time which a flight may or may not take.
    waiting: Vec<Job>,
    answers: HashMap<SlotQuery, Arc<SlotsAnswer>>,
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
    fn new(
        id: UserId,
        supervisor: Supervisor,
        rules: BookingRules,
        group_commit: GroupCommit,
        cache: Option<Arc<dyn SlotCache>>,
        freed: Bell,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            id,
            shared,
            cache,
            world: supervisor.world().clone(),
            supervisor,
            rules,
            group_commit,
            freed,
            memory: None,
            reading: 0,
            flights: Vec::new(),
            news: HashMap::new(),
            waiting: Vec::new(),
            answers: HashMap::new(),
            last_asked: std::time::Instant::now(),
        }
    }

    /// Reads everything again; messages and landings wait meanwhile, flights do not.
    fn reload(&mut self, ctx: &mut Context<Self>) {
        self.reading += 1;
        // What was taken from the old memory, however late, is out of date; whoever asks now waits.
        self.shared.stamp.turn();
        let read = Memory::read(self.world.clone(), self.id)
            .into_actor(self)
            .map(|read, actor, ctx| {
                actor.forget_answers();
                match read {
                    Ok(memory) => {
                        if let Some(memory) = &memory {
                            let rules = &memory.schedule.rules;
                            actor.shared.know_notice(rules.cancel_notice_minutes);
                        }
                        actor.memory = memory;
                        actor.wake(ctx);
                    }
                    Err(error) => {
                        tracing::warn!(%error, expert = %actor.id, "expert not read");
                        // A fresh actor will try again for the next caller.
                        actor.memory = None;
                        ctx.stop();
                    }
                }
            });
        ctx.wait(read);
    }

    /// Does something after the reading under way.
    fn once_read(
        &self,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, &mut Context<Self>) + 'static,
    ) {
        let nothing = std::future::ready(()).into_actor(self);
        ctx.spawn(nothing.map(move |(), actor, ctx| then(actor, ctx)));
    }

    fn forget_answers(&mut self) {
        self.answers.clear();
        self.shared.stamp.turn();
        self.shared.refusals.forget();
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
        let subject = format!("expert/{}", self.id);
        let event = self
            .supervisor
            .momentary("slots.changed", subject, serde_json::Value::Null);
        self.supervisor.topic(Topic::ExpertSlots(self.id), &event);
        let branch = self.memory.as_ref().and_then(|m| m.expert.branch_id);
        if let Some(branch) = branch {
            self.supervisor.topic(Topic::BranchSlots(branch), &event);
        }
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
            self.freed.ring(self.id);
        }
    }

    fn judge(&mut self, want: &Want, now: Instant) -> Verdict {
        let Some(memory) = &self.memory else {
            return Verdict::Wait;
        };
        let taken = memory.taken_but(want);
        let schedule = match &want.terms {
            Some(terms) => Cow::Owned(memory.narrowed(terms)),
            None => Cow::Borrowed(&memory.schedule),
        };
        let counted = memory.counted_but(want);
        let offer = |counted: &[Counted]| {
            Availability {
                schedule: &schedule,
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
            let in_the_way = |taken: &[Taken]| {
                let mut taken = taken.iter();
                taken.any(|taken| overlaps((taken.starts_at, taken.ends_at)))
            };
            if !want.promised && in_the_way(&taken) {
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
            let mut counted = counted.into_owned();
            counted.extend(self.flights.iter().filter_map(|flight| flight.counted));
            if offer(&counted).is_err() {
                return Verdict::Wait;
            }
        }
        Verdict::Free
    }

    fn attempt(&mut self, job: Job, ctx: &mut Context<Self>) {
        if self.memory.is_none() {
            return job.answer(Err(Refused::NoExpert));
        }
        if job.place.is_older_than(PATIENCE) {
            // Whoever asked was told to come back: nothing must be taken behind their back.
            return job.answer(Err(Busy("expert").into()));
        }
        // A hold may have run out while this waited.
        self.drop_expired();
        let now = self.world.clock.now();
        let refusal = match self.judge(&job.want, now) {
            Verdict::Free if job.lost < MOST_LOST => return self.fly(job, now, ctx),
            Verdict::Free => BookingError::SlotTaken,
            Verdict::Wait => return self.waiting.push(job),
            Verdict::Refuse(error) => error,
        };
        let refused = self.refuse(refusal, &job.want, now);
        self.keep_refusal(&job, &refused, now);
        job.answer(Err(refused));
    }

    /// Leaves a refusal for others where it would be the same for them.
    fn keep_refusal(&self, job: &Job, refused: &Refused, now: Instant) {
        let (
            Some(memory),
            Refused::Rule {
                error: BookingError::SlotTaken,
                alternatives,
            },
        ) = (&self.memory, refused)
        else {
            return;
        };
        if memory.is_booked(&job.want) {
            let near = alternatives.iter().map(|slot| slot.starts_at);
            let first = near.chain([job.want.starts_at]).min();
            let until = good_until(memory, first, memory.schedule.time_zone, now);
            let refusals = &self.shared.refusals;
            refusals.keep(&job.command, alternatives, until);
        }
    }

    fn refuse(&self, error: BookingError, want: &Want, now: Instant) -> Refused {
        let alternatives = match (&error, &self.memory) {
            (BookingError::SlotTaken, Some(memory)) => {
                let near = memory.availability(now);
                near.nearest_free(want.starts_at, want.minutes, ALTERNATIVES)
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
        let flight = Flight::of(&job.want, memory, self.reading);
        let number = flight.number;
        let work = flight::run(&job, memory, self, now);
        let (cache, id) = (self.cache.clone(), self.id);
        let work = async move {
            let landed = work.await;
            if let (Ok(Ok(_)), Some(cache)) = (&landed, cache) {
                cache.bump(id).await;
            }
            landed
        };
        self.flights.push(flight);
        // A task of its own: it holds a connection, which a reading that everything else waits for may need.
        let flying = actix::spawn(tokio::time::timeout(STORE_TIMEOUT, work));
        let landing = flying.into_actor(self).map(move |landed, actor, ctx| {
            // A task that panicked is as unknown as one that took too long.
            let landed = landed.unwrap_or_else(|_| Ok(Err(StoreError::Abandoned)));
            actor.land(number, job, landed, ctx);
        });
        ctx.spawn(landing);
    }

    fn land(
        &mut self,
        number: u64,
        mut job: Job,
        landed: Result<Decided<Done>, Elapsed>,
        ctx: &mut Context<Self>,
    ) {
        let place = self.flights.iter().position(|f| f.number == number);
        let reading = place.map(|place| self.flights.swap_remove(place).reading);
        match landed {
            Ok(Ok(Ok(done))) => {
                crash::point("expert.landed");
                let read_meanwhile = reading != Some(self.reading);
                if !read_meanwhile
                    && self.is_news(&done)
                    && let Some(memory) = &mut self.memory
                {
                    memory.settle(&job.want, &done);
                }
                self.announce();
                crash::point("expert.announced");
                if job.want.moved.is_some() {
                    self.freed.ring(self.id);
                }
                job.answer(Ok(done));
                if read_meanwhile {
                    // Before or after it was committed: only another reading can tell.
                    return self.reload(ctx);
                }
            }
            Ok(Ok(Err(BookingError::SlotTaken))) => {
                // Memory was behind: read what another node wrote, then judge once more, by what is true.
                job.lost += 1;
                self.waiting.push(job);
                self.reload(ctx);
                return self.once_read(ctx, |actor, _| actor.tell_listeners());
            }
            Ok(Ok(Err(error))) => {
                let now = self.world.clock.now();
                let refused = self.refuse(error, &job.want, now);
                job.answer(Err(refused));
            }
            // Nobody knows what became of it.
            Ok(Err(error)) => {
                job.answer(Err(error.into()));
                return self.reload(ctx);
            }
            Err(_) => {
                job.answer(Err(Busy("database").into()));
                return self.reload(ctx);
            }
        }
        self.wake(ctx);
    }

    /// Whether nothing newer is known of what was made; from now on, nothing older is.
    fn is_news(&mut self, done: &Done) -> bool {
        let (source, version) = done.version();
        let newest = self.news.get(&source).copied().unwrap_or_default();
        if self.flights.is_empty() {
            self.news.clear();
        } else {
            self.news.insert(source, newest.max(version));
        }
        newest < version
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
        self.world.bus.subscribe(&format!("expert:{}", self.id));
        self.reload(ctx);
        ctx.run_interval(IDLE / 10, |actor, ctx| {
            actor.drop_expired();
            if actor.shared.stamp.was_used() {
                actor.last_asked = std::time::Instant::now();
            }
            if actor.last_asked.elapsed() > IDLE && actor.flights.is_empty() {
                ctx.stop();
            }
        });
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.world.bus.unsubscribe(&format!("expert:{}", self.id));
    }
}
