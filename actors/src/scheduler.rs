//! The house's clockwork: full sweeps by the cron expression, and reminders at their minute between them
//! (C4.4, C5.1).
//!
//! The timer only compares instants once a second, so a clock that is set, a machine that slept and a test
//! that moves time by hand are all the same to it. The work itself is [`Sweep`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use belfry_domain::Instant;
use belfry_domain::cron::Cron;

use crate::Clock;
use crate::sweep::{Beat, Sweep, TickReport};

/// How often the timer compares.
const POLL: Duration = Duration::from_secs(1);
/// Tells the scheduler of this node that a booking was made or moved. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Nudge(Arc<AtomicBool>);

impl Nudge {
    /// Lets the scheduler look at the reminders within a second. Costs one store to memory.
    pub fn nudge(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// One per node; only the one that holds the lease does anything.
pub struct Scheduler {
    clock: Arc<dyn Clock>,
    sweep: Sweep,
    cron: Cron,
    nudge: Nudge,
    next_sweep: Option<Instant>,
    next_look: Instant,
    beat: Beat,
    /// The sweep or look under way.
    work: Option<SpawnHandle>,
    retiring: bool,
}

impl Scheduler {
    /// A scheduler that sweeps by `cron`, and looks earlier when `nudge` says so.
    pub fn new(clock: Arc<dyn Clock>, sweep: Sweep, cron: Cron, nudge: Nudge) -> Self {
        let now = clock.now();
        Self {
            next_sweep: cron.next_after(now),
            next_look: now,
            clock,
            sweep,
            cron,
            nudge,
            beat: Beat::default(),
            work: None,
            retiring: false,
        }
    }

    fn poll(&mut self, ctx: &mut Context<Self>) {
        if self.work.is_some() || self.retiring {
            return;
        }
        let now = self.clock.now();
        if self.next_sweep.is_some_and(|at| at <= now) {
            self.start_sweep(now, ctx);
        } else if self.wants_look(now) {
            self.start_look(now, ctx);
        }
    }

    /// Whether it is time to look: by the clock (also one that was set back), because a reminder is due,
    /// or because a booking was made.
    fn wants_look(&self, now: Instant) -> bool {
        let nudged = self.nudge.take();
        now >= self.next_look
            || self.next_look > now + self.sweep.look_every()
            || (self.beat.leading && (nudged || self.beat.next_due.is_some_and(|due| due <= now)))
    }

    fn start_sweep(&mut self, now: Instant, ctx: &mut Context<Self>) {
        let sweep = self.sweep.clone();
        let work = async move { sweep.tick(now).await }.into_actor(self);
        self.work = Some(ctx.spawn(work.map(move |report, this, _| {
            log(&report);
            this.next_sweep = this.cron.next_after(now);
            // The sweep may have overlooked what was booked meanwhile.
            this.next_look = now;
            this.work = None;
        })));
    }

    fn start_look(&mut self, now: Instant, ctx: &mut Context<Self>) {
        let sweep = self.sweep.clone();
        let work = async move { sweep.beat(now).await }.into_actor(self);
        self.work = Some(ctx.spawn(work.map(move |outcome, this, _| {
            this.beat = outcome.unwrap_or_else(|error| {
                tracing::warn!(%error, "the look at the reminders failed; the next one repeats it");
                Beat::default()
            });
            if this.beat.reminders > 0 {
                tracing::info!(reminders = this.beat.reminders, "reminders issued");
            }
            this.next_look = now + this.sweep.look_every();
            // A clock that was set back must not put off the next sweep.
            this.next_sweep = this.cron.next_after(now);
            this.work = None;
        })));
    }
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(POLL, Self::poll);
    }
}

/// Asks for a full sweep now.
#[derive(Message)]
#[rtype(result = "TickReport")]
pub struct Tick;

impl Handler<Tick> for Scheduler {
    type Result = ResponseFuture<TickReport>;

    fn handle(&mut self, _: Tick, _: &mut Self::Context) -> Self::Result {
        let (sweep, now) = (self.sweep.clone(), self.clock.now());
        Box::pin(async move {
            let report = sweep.tick(now).await;
            log(&report);
            report
        })
    }
}

/// Ends the scheduler of a node that is going down and gives its lease back.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Retire;

impl Handler<Retire> for Scheduler {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) -> Self::Result {
        self.retiring = true;
        // What is under way is cut off, not waited for: an open transaction is undone, and whoever sweeps
        // next does it.
        if let Some(work) = self.work.take() {
            ctx.cancel_future(work);
        }
        let sweep = self.sweep.clone();
        let retired = async move { sweep.retire().await }.into_actor(self);
        Box::pin(retired.map(|(), _, ctx| ctx.stop()))
    }
}

fn log(report: &TickReport) {
    if !report.swept && report.failed.is_empty() {
        tracing::debug!("another node sweeps");
        return;
    }
    tracing::info!(
        reminders = report.reminders,
        digests = report.digests,
        missed = report.missed,
        clocks = report.clocks,
        waiting = report.waiting,
        away = report.away,
        holds = report.holds,
        archived = report.archived,
        pruned = report.pruned,
        failed = ?report.failed,
        "swept"
    );
}
