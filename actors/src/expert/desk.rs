//! What experts do for callers: the handle to all expert actors of this node.

use std::sync::Arc;

use actix::prelude::*;
use belfry_domain::Instant;
use belfry_domain::booking::{Booking, Hold, Status};
use belfry_domain::id::{HoldId, UserId};
use chrono::{NaiveTime, TimeDelta};
use dashmap::DashMap;
use serde_json::Value;

use super::entry::{Entry, Shared};
use super::flight::{BookRequest, Command, Done, HoldRequest, MoveRequest};
use super::mailbox::{Ask, ExplainDay, GetSlots, NextFree, Notice};
use super::slots::{DayQuery, ExplainedDay, SlotQuery, SlotsAnswer};
use super::waitlist::{self, Bell};
use super::{Asked, Busy, ExpertActor, LINE, Refused, World, tally};
use crate::cache::SlotCache;
use crate::group_commit::GroupCommit;
use crate::{Line, Place, Supervisor, wake};

/// Bookings that repeat.
mod series;
/// Group sessions and their seats.
mod session;
/// What people do to a booking that takes no time anew.
mod steps;
/// Offering what came free to those who wait.
mod waiting;

pub use series::{SeriesRequest, Together};
pub use session::{SeatRequest, SessionDraft};

/// Rules of the house about bookings.
#[derive(Clone, Debug)]
pub struct BookingRules {
    /// How long a slot is held.
    pub hold: TimeDelta,
    /// Slots one person may hold at once.
    pub holds_per_person: i64,
    /// How long somebody who waits has to answer an offer.
    pub offer: TimeDelta,
}

/// Called after each commit, so that its event is planned at once. Must return at once.
pub type Committed = Arc<dyn Fn() + Send + Sync>;

/// All experts, as callers see them. Cloning shares the actors.
#[derive(Clone)]
pub struct Experts {
    world: World,
    supervisor: Supervisor,
    rules: BookingRules,
    group_commit: GroupCommit,
    committed: Committed,
    cache: Option<Arc<dyn SlotCache>>,
    freed: Bell,
    pub(super) directory: Arc<DashMap<UserId, Entry>>,
}

impl Experts {
    /// Experts of the supervisor's world. Must be called inside a running actix system; the supervisor hears other nodes for them. `cache` is shared with
    /// those nodes, if there are any.
    pub fn new(
        supervisor: Supervisor,
        rules: BookingRules,
        committed: Committed,
        cache: Option<Arc<dyn SlotCache>>,
    ) -> Self {
        let world = supervisor.world().clone();
        let experts = Self {
            group_commit: GroupCommit::start(world.store.clone()),
            world,
            supervisor: supervisor.clone(),
            rules,
            committed,
            cache,
            freed: Bell::default(),
            directory: Arc::default(),
        };
        waitlist::attend(experts.clone(), experts.freed.clone());
        supervisor.serve_experts(experts.clone());
        experts
    }

    /// Free slots: from the memory of the expert's actor where it lives here, else from the cache, else from
    /// an actor that reads for it.
    ///
    /// # Errors
    /// `NoExpert`, `Busy`.
    pub async fn slots(
        &self,
        expert: UserId,
        query: SlotQuery,
    ) -> Result<Arc<SlotsAnswer>, Refused> {
        let elsewhere = |_: &&Arc<dyn SlotCache>| !self.lives_here(expert);
        let Some(cache) = self.cache.as_ref().filter(elsewhere) else {
            return self
                .ask(expert, |place| GetSlots(query.clone(), place))
                .await?;
        };
        let question = query.text();
        let found = cache.get(expert, &question).await;
        let looked = std::time::Instant::now();
        let now = self.world.clock.now();
        if let Some(answer) = found.answer
            && now <= answer.good_until
        {
            return Ok(Arc::new(answer));
        }
        let answer = self
            .ask(expert, |place| GetSlots(query.clone(), place))
            .await??;
        // What was read before the version was looked up may be older than the version.
        if let Some(version) = found.version
            && answer.read_at.is_some_and(|read| read >= looked)
        {
            cache.put(expert, &version, &question, &answer, now).await;
        }
        Ok(answer)
    }

    /// Why times of a date are free or not: what the slots of that date come from, start by start (C2.8).
    ///
    /// # Errors
    /// `NoExpert`, `Busy`, or the store's own.
    pub async fn explain_day(
        &self,
        expert: UserId,
        query: DayQuery,
    ) -> Result<ExplainedDay, Refused> {
        let now = self.world.clock.now();
        // The date in every zone, and what runs into it.
        let midnight = query.date.and_time(NaiveTime::MIN).and_utc();
        let near = (midnight - TimeDelta::days(3), midnight + TimeDelta::days(4));
        let store = &self.world.store;
        let engaged = store.engagements(expert, near, now).await?;
        self.ask(expert, |place| {
            ExplainDay(query.clone(), engaged.clone(), place)
        })
        .await?
    }

    /// Whether the expert's actor is on this node.
    pub fn lives_here(&self, expert: UserId) -> bool {
        let entry = self.directory.get(&expert);
        entry.is_some_and(|entry| entry.actor.connected())
    }

    /// When the expert is free next, for the default length.
    ///
    /// # Errors
    /// `Busy`.
    pub async fn next_free(&self, expert: UserId) -> Result<Option<Instant>, Refused> {
        self.ask(expert, NextFree).await
    }

    /// Makes a booking.
    ///
    /// # Errors
    /// `SlotTaken` with alternatives, `ClientBusy`, `NotOffered`, and what [`Refused`] lists.
    pub async fn book(&self, expert: UserId, request: BookRequest) -> Result<Booking, Refused> {
        // One at a branch is counted there, when it has an end.
        let asked = match (&request.branch, request.offer) {
            (Some(_), _) => None,
            (None, Some(_)) => Some(Asked::Offer),
            (None, None) => Some(Asked::Expert),
        };
        let booked = match self.command(expert, Command::Book(request)).await {
            Ok(Done::Booking(booking)) => Ok(*booking),
            Ok(Done::Hold(_) | Done::Offer(_)) => Err(Busy("expert").into()),
            Err(refused) => Err(refused),
        };
        match asked {
            Some(asked) => tally(asked, booked),
            None => booked,
        }
    }

    /// Moves a booking to another time.
    ///
    /// # Errors
    /// As [`Experts::book`], and what [`Booking::reschedule`] refuses.
    pub async fn reschedule(&self, request: MoveRequest) -> Result<Booking, Refused> {
        let expert = request.booking.expert.id;
        match self
            .command(expert, Command::Move(Box::new(request)))
            .await?
        {
            Done::Booking(booking) => Ok(*booking),
            Done::Hold(_) | Done::Offer(_) => Err(Busy("expert").into()),
        }
    }

    /// Holds a slot.
    ///
    /// # Errors
    /// As [`Experts::book`], and `TooManyHolds`.
    pub async fn hold(&self, expert: UserId, request: HoldRequest) -> Result<Hold, Refused> {
        match self.command(expert, Command::Hold(request)).await? {
            Done::Hold(hold) => Ok(hold),
            Done::Booking(_) | Done::Offer(_) => Err(Busy("expert").into()),
        }
    }

    /// Lets go of a hold; `false` when the caller has none with that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release(&self, id: HoldId, client: UserId) -> Result<bool, Refused> {
        let Some(hold) = self.world.store.hold(id).await? else {
            return Ok(false);
        };
        let released = self.world.store.release_hold(id, client).await?;
        if released {
            self.freed(hold.expert_id, id.uuid(), false).await;
        }
        Ok(released)
    }

    /// How long before the start a client of this expert may still cancel or move.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel_notice(&self, expert: UserId) -> Result<TimeDelta, Refused> {
        let known = self.directory.get(&expert);
        let known = known.filter(|entry| entry.actor.connected());
        let known = known.and_then(|entry| entry.shared.notice());
        match known {
            Some(notice) => Ok(notice),
            None => self.read_cancel_notice(expert).await,
        }
    }

    async fn read_cancel_notice(&self, expert: UserId) -> Result<TimeDelta, Refused> {
        let notices = self.world.store.cancel_notices(&[expert]).await?;
        let minutes = notices.get(&expert).copied().unwrap_or_default();
        Ok(TimeDelta::minutes(minutes))
    }

    /// A booking took a step outside these hands, such as by the sweep: its time is free if it has ended.
    pub async fn stepped(&self, after: &Booking) {
        if !after.status.is_open() {
            let counts = matches!(after.status, Status::Completed | Status::Missed);
            self.freed(after.expert.id, after.id.uuid(), counts).await;
        }
    }

    /// The schedule was changed here: slots follow at once, on every node.
    pub async fn rescheduled(&self, expert: UserId) {
        self.bump(expert).await;
        if let Some(entry) = self.directory.get(&expert) {
            entry.shared.forget_notice();
        }
        self.notify(expert, Notice::Rescheduled);
    }

    /// A bus message on `expert:{id}`; the node's own echo is nothing new.
    pub fn heard(&self, expert: UserId, payload: &[u8]) {
        let from: Option<Value> = serde_json::from_slice(payload).ok();
        let own =
            from.is_some_and(|m| m.get("node").and_then(Value::as_str) == Some(&*self.world.node));
        if !own && let Some(entry) = self.directory.get(&expert) {
            entry.tell_stale();
        }
    }

    /// Words from other nodes may have been missed: every actor reads again.
    pub fn gap(&self) {
        for entry in self.directory.iter() {
            entry.tell_stale();
        }
    }

    async fn freed(&self, expert: UserId, source: uuid::Uuid, counts: bool) {
        self.bump(expert).await;
        self.notify(expert, Notice::Freed { source, counts });
    }

    /// Before anybody hears of a change: answers kept so far are out of date.
    async fn bump(&self, expert: UserId) {
        if let Some(cache) = &self.cache {
            cache.bump(expert).await;
        }
    }

    fn notify(&self, expert: UserId, notice: Notice) {
        // Started if need be: other nodes must hear of it too.
        self.entry(expert).tell(notice);
    }

    async fn command(&self, expert: UserId, command: Command) -> Result<Done, Refused> {
        if let Some(refused) = self.refused_before(expert, &command) {
            return Err(refused);
        }
        let done = self
            .ask(expert, |place| Ask(command.clone(), place))
            .await??;
        (self.committed)();
        Ok(done)
    }

    /// What the actor has said to the same wish of somebody else, if it would say so again.
    fn refused_before(&self, expert: UserId, command: &Command) -> Option<Refused> {
        let entry = self.directory.get(&expert)?;
        let now = self.world.clock.now();
        let refused = entry.shared.refusals.of(command, now);
        refused.filter(|_| entry.actor.connected())
    }

    /// Asks the expert's actor; one that has just gone to sleep is woken once.
    pub(super) async fn ask<M>(
        &self,
        expert: UserId,
        message: impl Fn(Place) -> M,
    ) -> Result<M::Result, Refused>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        ExpertActor: Handler<M>,
    {
        Ok(wake::ask("expert", || self.entry(expert), message).await?)
    }

    fn entry(&self, expert: UserId) -> Entry {
        let start = || {
            let (supervisor, rules) = (self.supervisor.clone(), self.rules.clone());
            let (group_commit, cache) = (self.group_commit.clone(), self.cache.clone());
            let bell = self.freed.clone();
            let shared = Arc::<Shared>::default();
            let its = shared.clone();
            let arbiter = self.supervisor.arbiter(expert.uuid());
            let actor = ExpertActor::start_in_arbiter(arbiter, move |_| {
                ExpertActor::new(expert, supervisor, rules, group_commit, cache, bell, its)
            });
            Entry {
                actor,
                line: Line::new("expert", LINE),
                shared,
            }
        };
        wake::awake(&self.directory, expert, start)
    }
}
