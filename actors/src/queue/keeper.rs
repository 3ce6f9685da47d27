//! What a line does by itself: offers in its order, offers that run out, waits that do, and the word of moving up.
//!
//! Only the holder of the lease `branch:{id}` does any of it, so that the line has one order. It reads the rows at
//! every look and remembers nothing that matters; when it dies, the lease runs out and the next one reads the same
//! rows. Each step is taken only while the lease is held.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use belfry_domain::Instant;
use belfry_domain::booking::Actor as Doer;
use belfry_domain::branch::Branch;
use belfry_domain::id::{BranchId, VisitId};
use belfry_domain::queue::estimate::{Estimate, is_real_change};
use belfry_domain::queue::{State, Step, Visit, ahead, turns};
use belfry_store::StoreError;
use belfry_store::queue::{Counts, Guard, VisitStep};
use chrono::TimeDelta;
use tokio::task::JoinHandle;

use super::Queues;
use crate::World;

/// How often a keeper looks when nothing wakes it.
const LOOK: Duration = Duration::from_secs(1);
/// How long a keeper that fell silent keeps its lines. The clocks of the nodes must agree better than this.
const LEASE: TimeDelta = TimeDelta::seconds(10);

/// Keeps the lines of this node.
pub struct Keeper {
    queues: Queues,
    world: World,
    /// Until when the lines are this node's, as far as it knows.
    leases: HashMap<BranchId, Instant>,
    /// What was told of each line.
    told: HashMap<BranchId, Told>,
}

/// What was told of a line.
#[derive(Default)]
struct Told {
    /// Visitors: how many are ahead of them.
    places: HashMap<VisitId, (State, i64)>,
    /// Visitors: their wait, and when they were told.
    waits: HashMap<VisitId, (Instant, Estimate)>,
    /// Open pages: how many there are, of the visits as they were.
    line: Option<(Counts, Vec<(VisitId, i64)>)>,
}

/// A keeper at work.
pub struct Keeping {
    task: JoinHandle<()>,
    queues: Queues,
    over: Arc<AtomicBool>,
}

impl Keeping {
    /// Lets the look under way end and gives the lines back.
    pub async fn stop(self) {
        self.over.store(true, Ordering::Release);
        self.queues.wake();
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "the lines' leases run out by themselves");
        }
    }
}

/// What a look did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QueueReport {
    /// Lines that are this node's.
    pub kept: usize,
    pub offered: usize,
    pub missed: usize,
    pub timed_out: usize,
}

impl Keeper {
    /// A keeper of these queues over the store of `world`.
    pub fn new(queues: Queues, world: World) -> Self {
        Self {
            queues,
            world,
            leases: HashMap::new(),
            told: HashMap::new(),
        }
    }

    /// Looks once a second, and whenever something happens in a line, until it is stopped.
    pub fn start(mut self) -> Keeping {
        let (queues, over) = (self.queues.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = over.clone();
        let task = actix::spawn(async move {
            while !over.load(Ordering::Acquire) {
                let now = self.world.clock.now();
                if let Err(error) = self.tick(now).await {
                    tracing::warn!(%error, "the look at the queues failed; the next one repeats it");
                }
                let woken = self.queues.0.woken.notified();
                // Either will do.
                let _ = tokio::time::timeout(LOOK, woken).await;
            }
            self.retire().await;
        });
        Keeping {
            task,
            queues,
            over: stopped,
        }
    }

    /// One look at every line.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tick(&mut self, now: Instant) -> Result<QueueReport, StoreError> {
        let lines = self.world.store.open_lines().await?;
        let mut report = QueueReport::default();
        let open: HashSet<BranchId> = lines.iter().copied().collect();
        let over: Vec<BranchId> = self
            .leases
            .keys()
            .chain(self.told.keys())
            .filter(|branch| !open.contains(branch))
            .copied()
            .collect();
        for branch in over {
            self.let_go(branch).await?;
        }
        for branch in lines {
            if self.has(branch, now).await? {
                report.kept += 1;
                self.run(branch, now, &mut report).await?;
            }
        }
        metrics::counter!("belfry_queue_offers_total").increment(report.offered as u64);
        Ok(report)
    }

    /// Whether the line is this node's; the lease is renewed in good time.
    async fn has(&mut self, branch: BranchId, now: Instant) -> Result<bool, StoreError> {
        let known = self.leases.get(&branch).copied();
        // A clock that was set back must not make it ours for longer.
        if known.is_some_and(|until| now + LEASE / 2 < until && until <= now + LEASE) {
            return Ok(true);
        }
        let until = now + LEASE;
        let (name, node) = (lease(branch), &*self.world.node);
        let store = &self.world.store;
        let taken = store.take_lease(&name, node, until, now).await?;
        if taken {
            self.leases.insert(branch, until);
        } else if self.leases.remove(&branch).is_some() {
            self.told.remove(&branch);
            figure(branch, 0);
        }
        Ok(taken)
    }

    /// Nobody waits there: whoever comes next may be somebody else's.
    async fn let_go(&mut self, branch: BranchId) -> Result<(), StoreError> {
        if let Some(told) = self.told.remove(&branch)
            && told
                .line
                .is_some_and(|(before, _)| before != Counts::default())
        {
            let line = self.world.store.queue_line(branch, self.world.clock.now());
            self.queues.tell_branch(branch, Counts::of(&line.await?));
        }
        if self.leases.remove(&branch).is_some() {
            figure(branch, 0);
            let (name, node) = (lease(branch), &*self.world.node);
            self.world.store.release_lease(&name, node).await?;
        }
        Ok(())
    }

    async fn run(
        &mut self,
        branch: BranchId,
        now: Instant,
        report: &mut QueueReport,
    ) -> Result<(), StoreError> {
        let store = self.world.store.clone();
        let Some(found) = store.branch(branch).await? else {
            return Ok(());
        };
        let mut line = store.queue_line(branch, now).await?;
        let mut moved = false;
        for visit in &line {
            let step = match visit.state {
                State::Offered if visit.offer_expires_at <= Some(now) => Step::Miss,
                State::Waiting if visit.times_out_at <= now => Step::TimeOut,
                _ => continue,
            };
            let missed = step == Step::Miss;
            if self.step(visit, step).await? {
                moved = true;
                *(if missed {
                    &mut report.missed
                } else {
                    &mut report.timed_out
                }) += 1;
            }
        }
        if moved {
            line = store.queue_line(branch, now).await?;
        }
        let desks = store.free_desks(branch, now).await?;
        // Counted from when it is made, and not from when the look began.
        let until =
            self.world.clock.now() + TimeDelta::minutes(found.settings.offer_minutes.into());
        let mut offered = false;
        for turn in turns(&line, &desks, now) {
            let Some(visit) = line.iter().find(|visit| visit.id == turn.visit) else {
                continue;
            };
            let expert = turn.expert;
            if self.step(visit, Step::Offer { expert, until }).await? {
                report.offered += 1;
                offered = true;
            }
        }
        if offered {
            line = store.queue_line(branch, now).await?;
        }
        let moved = self.foretell(&found, &line, now).await?;
        self.announce(branch, &line, &moved);
        Ok(())
    }

    /// Takes a step of the line itself; `false` when somebody else was faster.
    async fn step(&self, visit: &Visit, step: Step) -> Result<bool, StoreError> {
        let name = lease(visit.branch.id);
        let desk = match &visit.expert {
            Some(expert) => {
                let store = &self.world.store;
                store.desk_of(visit.branch.id, expert.id).await?
            }
            None => None,
        };
        let step = VisitStep {
            expected: Some(visit.version),
            guard: Some(Guard {
                name: &name,
                holder: &self.world.node,
            }),
            desk,
            ..VisitStep::of(visit.id, step, Doer::system())
        };
        Ok(match self.queues.step(&step).await? {
            Ok(_) => true,
            Err(refused) => {
                tracing::debug!(visit = %visit.id, %refused, "somebody else was faster");
                false
            }
        })
    }

    /// Estimates how long everybody waits, and keeps what is worth telling; whose wait has changed.
    async fn foretell(
        &mut self,
        branch: &Branch,
        line: &[Visit],
        now: Instant,
    ) -> Result<HashSet<VisitId>, StoreError> {
        let forecast = self.queues.forecast(branch, line).await?;
        let told = self.told.entry(branch.id).or_default();
        let news: Vec<(VisitId, Estimate)> = line
            .iter()
            .filter_map(|visit| forecast.of(visit).map(|estimate| (visit.id, *estimate)))
            .filter(|(id, estimate)| match told.waits.get(id) {
                Some((at, before)) => is_real_change(before, *at, estimate, now),
                None => true,
            })
            .collect();
        if !news.is_empty() {
            self.world.store.tell_estimates(&news, now).await?;
        }
        for (id, estimate) in &news {
            told.waits.insert(*id, (now, *estimate));
        }
        Ok(news.into_iter().map(|(id, _)| id).collect())
    }

    /// Tells whoever moved up or will wait otherwise than they were told, and open pages when the line is another one.
    fn announce(&mut self, branch: BranchId, line: &[Visit], foretold: &HashSet<VisitId>) {
        let told = self.told.entry(branch).or_default();
        let mut places = HashMap::with_capacity(line.len());
        for visit in line {
            let stands = (visit.state, ahead(line, visit));
            places.insert(visit.id, stands);
            // With a step itself they are told that nobody is ahead of them.
            let heard = told
                .places
                .get(&visit.id)
                .map(|(state, ahead)| match state {
                    state if *state == stands.0 => *ahead,
                    _ => 0,
                });
            let moved = heard.is_some_and(|heard| heard != stands.1);
            if moved || foretold.contains(&visit.id) {
                self.queues.tell_visitor(visit, stands.1);
            }
        }
        // Of those who have gone nobody asks any more.
        told.waits.retain(|visit, _| places.contains_key(visit));
        told.places = places;
        let counts = Counts::of(line);
        figure(branch, counts.waiting);
        let visits = line.iter().map(|visit| (visit.id, visit.version));
        let shown = Some((counts, visits.collect()));
        if told.line != shown {
            self.queues.tell_branch(branch, counts);
            told.line = shown;
        }
    }

    /// Gives every line back, so that other nodes need not wait for the leases to run out.
    async fn retire(&mut self) {
        let branches: Vec<BranchId> = self.leases.keys().copied().collect();
        for branch in branches {
            let (name, node) = (lease(branch), &*self.world.node);
            if let Err(error) = self.world.store.release_lease(&name, node).await {
                tracing::warn!(%error, "a line's lease runs out by itself");
            }
        }
        self.leases.clear();
    }
}

/// How many wait there, as far as this node keeps the line (B9).
fn figure(branch: BranchId, waiting: i64) {
    metrics::gauge!("belfry_queue_waiting", "branch_id" => branch.to_string()).set(waiting as f64);
}

fn lease(branch: BranchId) -> String {
    format!("branch:{branch}")
}
