//! What the queues of branches do for callers: joining, steps, and the word about them (B3, B5).
//!
//! The rows decide, so any node does what somebody asks for. What a line does by itself, offers, time-outs, is the
//! [`Keeper`]'s, on the one node that has the branch's lease.

use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::booking::{Actor as Doer, Booking, Party};
use belfry_domain::branch::Branch;
use belfry_domain::id::BranchId;
use belfry_domain::queue::{BranchRef, QueueError, Standing, State, Step, Visit};
use belfry_domain::{slot, wall};
use belfry_store::StoreError;
use belfry_store::idempotency::IdempotencyKey;
use belfry_store::queue::{Counts, NewVisit, Taken, VisitStep};
use chrono::TimeDelta;
use serde_json::json;
use tokio::sync::Notify;

use crate::expert::{Committed, Experts};
use crate::{Supervisor, World};

/// How long those who wait will wait.
mod forecast;
/// What a line does by itself, on the node that has its lease.
mod keeper;
/// A line as those see it who follow it.
mod look;

pub use forecast::Forecast;
pub use keeper::{Keeper, Keeping, QueueReport};
pub use look::Look;

/// Says that something happened in a line, for every node.
pub(crate) const CHANNEL: &str = "queues";

/// What a command came to.
pub type Settled<T> = Result<Result<T, QueueError>, StoreError>;

/// Somebody who wants to join a line.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    pub client: Option<Party>,
    pub name: String,
    pub wanted: Option<Party>,
    pub skill: Option<String>,
    pub note: Option<String>,
    /// Of the secret that opens the visit.
    pub secret_hash: Option<Vec<u8>>,
    pub actor: Doer,
    pub key: Option<IdempotencyKey>,
}

/// All queues, as callers see them. Cloning shares them.
#[derive(Clone)]
pub struct Queues(Arc<Inner>);

struct Inner {
    world: World,
    supervisor: Supervisor,
    experts: Experts,
    committed: Committed,
    woken: Notify,
    forecasts: forecast::Forecasts,
    looks: look::Looks,
}

/// Why nobody may join a branch's line at `now`, as far as its hours and settings say; `None` when they may.
pub fn closed(branch: &Branch, now: Instant) -> Option<&'static str> {
    if !branch.opening.active {
        Some("inactive")
    } else if branch.settings.most_waiting == 0 {
        Some("off")
    } else if !slot::is_open(&branch.opening, now) {
        Some("hours")
    } else {
        None
    }
}

impl Queues {
    /// Queues of the supervisor's world, which hears other nodes for them.
    pub fn new(supervisor: Supervisor, experts: Experts, committed: Committed) -> Self {
        let queues = Self(Arc::new(Inner {
            world: supervisor.world().clone(),
            supervisor: supervisor.clone(),
            experts,
            committed,
            woken: Notify::new(),
            forecasts: forecast::Forecasts::new(),
            looks: look::Looks::new(),
        }));
        supervisor.serve_queues(queues.clone());
        queues
    }

    /// Puts somebody into the line of a branch.
    ///
    /// # Errors
    /// When the database fails. Inside: `Closed`, `Full`, `AlreadyInQueue` with the visit.
    pub async fn join(&self, branch: &Branch, wish: JoinRequest) -> Settled<Visit> {
        let now = self.0.world.clock.now();
        if let Some(reason) = closed(branch, now) {
            return Ok(Err(QueueError::Closed { reason }));
        }
        let minutes = branch.settings.default_minutes;
        let visit = newcomer(branch, &wish, minutes, now);
        let most = Some(i64::from(branch.settings.most_waiting));
        self.enter(branch, visit, most, wish).await
    }

    /// Puts the client of a booking into the line of the branch, before those who walked in once its time has come.
    ///
    /// # Errors
    /// When the database fails. Inside: `AlreadyInQueue` with the visit.
    pub async fn check_in(
        &self,
        branch: &Branch,
        booking: &Booking,
        wish: JoinRequest,
    ) -> Settled<Visit> {
        let now = self.0.world.clock.now();
        let length = booking.ends_at - booking.starts_at;
        let minutes = u16::try_from(length.num_minutes()).unwrap_or(u16::MAX);
        let mut visit = newcomer(branch, &wish, minutes, now);
        visit.booking_id = Some(booking.id);
        visit.standing.rank = Standing::BOOKED;
        visit.standing.at = booking.starts_at;
        visit.not_before = Some(booking.starts_at).filter(|at| *at > now);
        visit.times_out_at = booking.starts_at.max(now) + timeout(branch);
        self.enter(branch, visit, None, wish).await
    }

    async fn enter(
        &self,
        branch: &Branch,
        visit: Visit,
        most: Option<i64>,
        wish: JoinRequest,
    ) -> Settled<Visit> {
        let client = visit.client.as_ref().map(|client| client.id);
        let now = visit.joined_at;
        let new = NewVisit {
            date: wall::local_date(branch.opening.time_zone, now),
            visit,
            at: now,
            most,
            secret_hash: wish.secret_hash,
            actor: wish.actor,
            key: wish.key,
        };
        let store = &self.0.world.store;
        let joined = store.join_queue(&new).await?;
        if let (Err(QueueError::AlreadyInQueue { .. }), Some(client)) = (&joined, client) {
            let there = store.open_visit_at(branch.id, client).await?;
            let visit = there.map(|visit| visit.id);
            return Ok(Err(QueueError::AlreadyInQueue { visit }));
        }
        if joined.is_ok() {
            (self.0.committed)();
            self.changed(branch.id);
        }
        Ok(joined)
    }

    /// Takes a step of a visit.
    ///
    /// # Errors
    /// When the database fails. Inside: what [`belfry_store::Store::step_visit`] refuses.
    pub async fn step(&self, step: &VisitStep<'_>) -> Settled<Visit> {
        Ok(self.take(step).await?.map(|taken| taken.after))
    }

    async fn take(&self, step: &VisitStep<'_>) -> Settled<Taken> {
        let now = self.0.world.clock.now();
        let taken = self.0.world.store.step_visit(step, now).await?;
        if let Ok(taken) = &taken {
            (self.0.committed)();
            for expert in taken.experts() {
                self.0.experts.rescheduled(expert).await;
            }
            if let Some(booking) = &taken.booking {
                self.0.experts.stepped(booking).await;
            }
            self.tell_visitor(&taken.after, 0);
            self.changed(taken.after.branch.id);
            let onward = taken.onward.as_ref();
            onward.inspect(|visit| self.changed(visit.branch.id));
            figure(taken, now);
        }
        Ok(taken)
    }

    /// Sends somebody on to another branch, where they go on waiting with the time they have waited.
    ///
    /// # Errors
    /// When the database fails. Inside: `Closed`, `WrongState`, `NotFound`, `Stale`, `AlreadyInQueue`.
    pub async fn transfer(
        &self,
        visit: &Visit,
        to: &Branch,
        actor: Doer,
        expected: Option<i64>,
    ) -> Settled<Visit> {
        let now = self.0.world.clock.now();
        if let Some(reason) = closed(to, now) {
            return Ok(Err(QueueError::Closed { reason }));
        }
        let secret_hash = self.0.world.store.visit_secret(visit.id).await?;
        let wish = JoinRequest {
            client: visit.client.clone(),
            name: visit.name.clone(),
            wanted: None,
            skill: visit.skill.clone(),
            note: visit.note.clone(),
            secret_hash: None,
            actor: actor.clone(),
            key: None,
        };
        let mut onward = newcomer(to, &wish, to.settings.default_minutes, now);
        onward.joined_at = visit.joined_at;
        onward.standing.at = visit.joined_at;
        onward.previous_id = Some(visit.id);
        let step = VisitStep {
            expected,
            onward: Some(Box::new(NewVisit {
                date: wall::local_date(to.opening.time_zone, now),
                visit: onward.clone(),
                at: now,
                most: None,
                secret_hash,
                actor: actor.clone(),
                key: None,
            })),
            ..VisitStep::of(visit.id, Step::Transfer { to: onward.id }, actor)
        };
        let taken = self.take(&step).await?;
        Ok(taken.and_then(|taken| taken.onward.ok_or(QueueError::NotFound)))
    }

    /// Something happened in a line: whoever keeps it looks, and open pages do.
    pub fn changed(&self, branch: BranchId) {
        self.0.woken.notify_one();
        let said = branch.to_string();
        self.0.world.bus.publish(CHANNEL, said.into());
    }

    /// Lets the keeper of this node look at once.
    pub fn wake(&self) {
        self.0.woken.notify_one();
    }

    /// Tells a visitor's open pages where they stand now.
    fn tell_visitor(&self, visit: &Visit, ahead: i64) {
        let Some(client) = &visit.client else {
            return;
        };
        let data = json!({
            "visit_id": visit.id,
            "branch_id": visit.branch.id,
            "state": visit.state.as_str(),
            "ahead": ahead,
            "version": visit.version,
        });
        let subject = format!("visit/{}", visit.id);
        let event = self.0.supervisor.momentary("visit.updated", subject, data);
        self.0.supervisor.user(client.id, &event);
    }

    /// Tells open pages how many wait at a branch.
    fn tell_branch(&self, branch: BranchId, counts: Counts) {
        let data = json!({
            "branch_id": branch,
            "waiting": counts.waiting,
            "called": counts.called,
            "serving": counts.serving,
        });
        let subject = format!("branch/{branch}");
        let event = self.0.supervisor.momentary("queue.changed", subject, data);
        let topic = belfry_domain::topic::Topic::BranchQueue(branch);
        self.0.supervisor.topic(topic, &event);
    }
}

fn timeout(branch: &Branch) -> TimeDelta {
    TimeDelta::minutes(branch.settings.queue_timeout_minutes.into())
}

fn newcomer(branch: &Branch, wish: &JoinRequest, minutes: u16, now: Instant) -> Visit {
    let there = BranchRef {
        id: branch.id,
        name: branch.name.clone(),
    };
    Visit {
        client: wish.client.clone(),
        wanted: wish.wanted.clone(),
        skill: wish.skill.clone(),
        note: wish.note.clone(),
        ..Visit::walked_in(there, wish.name.clone(), minutes, timeout(branch), now)
    }
}

/// How long somebody waited who is called for the first time (B9); an appointment waits from its time on.
fn figure(taken: &Taken, now: Instant) {
    let (before, after) = (&taken.before, &taken.after);
    if after.state == State::Called && before.state != State::Called {
        let seconds = (now - after.waits_since()).num_milliseconds().max(0) as f64 / 1000.0;
        metrics::histogram!("belfry_queue_wait_seconds").record(seconds);
    }
}
