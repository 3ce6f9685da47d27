//! What the scheduler does in a round: reminders, missed bookings, expired holds, archive and pruning
//! (C4.4, C4.6, C5.1, C5.4).
//!
//! Every step may be repeated, cut off in the middle or done by two nodes at once without harm: the row
//! that a step changes decides whether it was done. The lease only saves the nodes from doing each other's
//! work.

use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::booking::{Actor, Booking, BookingError, Side, Status, Step};
use belfry_domain::event::Told;
use belfry_domain::retention::Retention;
use belfry_domain::wall::ZONE_DATA;
use belfry_store::booking::Change;
use belfry_store::retention::Stale;
use belfry_store::{StoreError, crash};
use chrono::TimeDelta;
use metrics::counter;

use crate::{Attendance, Experts, World};

/// How much of the experts' hours is booked.
mod utilisation;

/// Rows per statement.
const BATCH: i64 = 200;
/// Batches per step and round; what is left waits for the next round.
const MOST_BATCHES: u32 = 500;
/// The name of the lease that the sweeping node holds.
const LEASE: &str = "scheduler";
/// How long a silent sweeper keeps the lease, unless told otherwise. The nodes' clocks must agree much better
/// than this.
const LEASE_LENGTH: TimeDelta = TimeDelta::seconds(50);

/// Tells the planner that events were appended. Must return at once.
pub type Appended = Arc<dyn Fn() + Send + Sync>;

/// What one full sweep did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TickReport {
    /// Whether this node swept at all; otherwise another one holds the lease.
    pub swept: bool,
    /// Reminders announced.
    pub reminders: u64,
    /// Windows of gathered messages that were closed.
    pub digests: u64,
    /// Pending bookings past their start that became missed.
    pub missed: u64,
    /// Bookings whose clock shows another time since the zone database was updated.
    pub clocks: u64,
    /// Places on waiting lists whose offer ran out or whose dates went by.
    pub waiting: u64,
    /// Experts of whom nobody has heard for too long.
    pub away: u64,
    /// Holds that had run out.
    pub holds: u64,
    /// Bookings archived.
    pub archived: u64,
    /// Devices that were not seen for too long.
    pub devices: u64,
    /// Weeks whose figures were made anew.
    pub weeks: u64,
    /// Branches whose utilisation was measured.
    pub branches: u64,
    /// Rows deleted for their age: notifications, events, deliveries, keys and tokens.
    pub pruned: u64,
    /// Steps that the database refused; the next sweep does them.
    pub failed: Vec<&'static str>,
}

/// What one look at the reminders found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Beat {
    /// Whether this node holds the lease.
    pub leading: bool,
    /// Reminders announced.
    pub reminders: u64,
    /// Windows of gathered messages that were closed.
    pub digests: u64,
    /// Bookings whose clock shows another time since the zone database was updated.
    pub clocks: u64,
    /// When the next reminder or gathered message is due, or the next offer runs out.
    pub next_due: Option<Instant>,
}

/// The rounds of one node.
#[derive(Clone)]
pub struct Sweep {
    world: World,
    retention: Retention,
    appended: Appended,
    experts: Option<Experts>,
    attendance: Option<Attendance>,
    lease: TimeDelta,
}

impl Sweep {
    /// Rounds over the store of `world`; `appended` is called after events were committed.
    pub fn new(world: World, retention: Retention, appended: Appended) -> Self {
        Self {
            world,
            retention,
            appended,
            experts: None,
            attendance: None,
            lease: LEASE_LENGTH,
        }
    }

    /// Lets the experts of this node know whose time a sweep gave back.
    pub fn telling(mut self, experts: Experts) -> Self {
        self.experts = Some(experts);
        self
    }

    /// Lets those be offline of whom nobody has heard for too long.
    pub fn attending(mut self, attendance: Attendance) -> Self {
        self.attendance = Some(attendance);
        self
    }

    /// Keeps the lease for `lease` at a time instead of the usual length.
    pub fn leasing(mut self, lease: TimeDelta) -> Self {
        self.lease = lease;
        self
    }

    /// How often a node looks at the reminders and the lease by itself: several times while a lease lasts.
    /// Bookings made on another node are seen by then, and a dead sweeper is replaced one look after its
    /// lease ran out.
    pub fn look_every(&self) -> TimeDelta {
        self.lease * 2 / 5
    }

    /// A full sweep at `now`: every step of the house's clockwork, each on its own. A step that fails is
    /// named in the report and does not keep the others from being done.
    pub async fn tick(&self, now: Instant) -> TickReport {
        let mut report = TickReport::default();
        match self.lead(now).await {
            Ok(true) => report.swept = true,
            Ok(false) => return report,
            Err(error) => {
                tracing::warn!(%error, "the sweep could not ask for its lease");
                report.failed.push("lease");
                return report;
            }
        }
        let cuts = self.retention.cuts(now);
        report.reminders = settle(self.remind(now).await, "reminders", &mut report.failed);
        report.digests = settle(self.close_digests(now).await, "digests", &mut report.failed);
        report.clocks = settle(self.hold_clocks(now).await, "clocks", &mut report.failed);
        crash::point("scheduler.sweeping");
        report.missed = settle(self.miss(now).await, "missed", &mut report.failed);
        let weeks = self.world.store.roll_up_weeks(now).await;
        report.weeks = settle(weeks, "weeks", &mut report.failed);
        let measured = self.measure_branches(now).await;
        report.branches = settle(measured, "utilisation", &mut report.failed);
        report.waiting = settle(
            self.serve_waiting_lists(now).await,
            "waiting",
            &mut report.failed,
        );
        report.away = settle(self.lapse(now).await, "presence", &mut report.failed);
        report.holds = settle(
            self.in_batches(now, async || self.world.store.sweep_holds(now, BATCH).await)
                .await,
            "holds",
            &mut report.failed,
        );
        report.archived = settle(
            self.in_batches(now, async || {
                self.world
                    .store
                    .archive_bookings(cuts.bookings, now, BATCH)
                    .await
            })
            .await,
            "archive",
            &mut report.failed,
        );
        report.devices = settle(
            self.in_batches(now, async || {
                let before = cuts.unseen_devices;
                self.world
                    .store
                    .end_unseen_devices(before, BATCH, now)
                    .await
            })
            .await,
            "devices",
            &mut report.failed,
        );
        let read = self
            .in_batches(now, async || {
                let before = cuts.read_notifications;
                self.world
                    .store
                    .prune_read_notifications(before, BATCH)
                    .await
            })
            .await;
        report.pruned = settle(read, "read_notifications", &mut report.failed);
        for (stale, before) in [
            (Stale::Notifications, cuts.logs),
            (Stale::Events, cuts.logs),
            (Stale::Deliveries, cuts.logs),
            (Stale::Decisions, cuts.logs),
            (Stale::Digests, cuts.logs),
            (Stale::Addresses, cuts.logs),
            (Stale::IdempotencyKeys, cuts.idempotency_keys),
            (Stale::RefreshTokens, now),
            // Much longer than anybody may be away.
            (Stale::OidcReturns, cuts.idempotency_keys),
            (Stale::TelegramUpdates, cuts.chat_updates),
            (Stale::TelegramQuestions, cuts.chat_questions),
            // As long as the answer to a booking is remembered: it may still be asked for.
            (Stale::Visits, cuts.logs),
            (Stale::Guests, cuts.idempotency_keys),
        ] {
            let pruned = self
                .in_batches(now, async || {
                    self.world.store.prune(stale, before, BATCH).await
                })
                .await;
            report.pruned += settle(pruned, stale.as_str(), &mut report.failed);
        }
        if report.failed.is_empty()
            && let Err(error) = self.world.store.note_sweep(now).await
        {
            tracing::warn!(%error, "a sweep was not noted");
            report.failed.push("note");
        }
        counter!("belfry_sweeps_total").increment(1);
        report
    }

    /// A look at the reminders at `now`, between sweeps: announces those due and tells when the next is.
    ///
    /// # Errors
    /// When the database fails; the next look does what this one could not.
    pub async fn beat(&self, now: Instant) -> Result<Beat, StoreError> {
        if !self.lead(now).await? {
            return Ok(Beat::default());
        }
        let reminders = self.remind(now).await?;
        // What cannot be compared now is compared at the next look; reminders must not wait for it.
        let clocks = self.hold_clocks(now).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "bookings were not held against newer zone rules");
            0
        });
        let digests = self.close_digests(now).await?;
        self.serve_waiting_lists(now).await?;
        self.lapse(now).await?;
        let (reminder, digest, offer) = (
            self.world.store.next_reminder().await?,
            self.world.store.next_digest().await?,
            self.world.store.next_offer_end().await?,
        );
        let next_due = reminder.into_iter().chain(digest).chain(offer).min();
        Ok(Beat {
            leading: true,
            reminders,
            digests,
            clocks,
            next_due,
        })
    }

    /// Gives the lease back, so that another node takes over at its next look.
    pub async fn retire(&self) {
        let node = &self.world.node;
        if let Err(error) = self.world.store.release_lease(LEASE, node).await {
            tracing::warn!(%error, "the sweeper's lease could not be given back; it will run out");
        }
    }

    /// Takes or keeps the lease; whether this node has it.
    async fn lead(&self, now: Instant) -> Result<bool, StoreError> {
        let until = now + self.lease;
        let World { store, node, .. } = &self.world;
        store.take_lease(LEASE, node, until, now).await
    }

    /// Ends offers that ran out and the waiting for dates that went by, and looks at every list on which somebody waits:
    /// what came free while nobody looked is offered now.
    async fn serve_waiting_lists(&self, now: Instant) -> Result<u64, StoreError> {
        let store = &self.world.store;
        let ended = self
            .in_batches(now, async || {
                let ended = store.expire_offers(None, now, BATCH).await?;
                match &self.experts {
                    Some(experts) => experts.gave_back(&ended).await,
                    None if ended.is_empty() => {}
                    None => (self.appended)(),
                }
                Ok(ended.len() as u64)
            })
            .await?;
        let closed = self
            .in_batches(now, async || store.close_waiting_lists(now, BATCH).await)
            .await?;
        if closed > 0 {
            (self.appended)();
        }
        if let Some(experts) = &self.experts {
            let mut after = None;
            self.in_batches(now, async || {
                let awaited = store.awaited_experts(after, now, BATCH).await?;
                after = awaited.last().copied();
                awaited
                    .iter()
                    .for_each(|expert| experts.look_again_at_waiting_list(*expert));
                Ok(awaited.len() as u64)
            })
            .await?;
        }
        Ok(ended + closed)
    }

    async fn lapse(&self, now: Instant) -> Result<u64, StoreError> {
        match &self.attendance {
            Some(attendance) => attendance.lapse(now).await,
            None => Ok(0),
        }
    }

    /// Lets the messages leave that were gathered until `now`, once.
    async fn close_digests(&self, now: Instant) -> Result<u64, StoreError> {
        let closed = self
            .in_batches(now, async || {
                self.world.store.close_digests(BATCH, now).await
            })
            .await?;
        if closed > 0 {
            (self.appended)();
        }
        Ok(closed)
    }

    /// Announces every reminder due at `now`, once.
    async fn remind(&self, now: Instant) -> Result<u64, StoreError> {
        let mut announced = 0;
        let outcome = self
            .in_batches(now, async || {
                let issued = self.world.store.issue_reminders(now, BATCH).await?;
                if issued.announced > 0 {
                    crash::point("scheduler.reminded");
                    (self.appended)();
                }
                announced += issued.announced;
                Ok(issued.settled)
            })
            .await;
        counter!("belfry_reminders_issued_total").increment(announced);
        outcome.map(|_| announced)
    }

    /// Holds the open bookings that an older build reckoned against the rules of this build's zones: those whose
    /// clock shows another time are marked, and both sides are told. One small question when nothing is older.
    async fn hold_clocks(&self, now: Instant) -> Result<u64, StoreError> {
        let store = &self.world.store;
        if !store.has_older_clocks(ZONE_DATA).await? {
            return Ok(0);
        }
        let (mut compared, mut moved) = (0, 0);
        let outcome = self
            .in_batches(now, async || {
                let batch = store.recheck_clocks(ZONE_DATA, now, BATCH).await?;
                if batch.moved > 0 {
                    (self.appended)();
                }
                compared += batch.compared;
                moved += batch.moved;
                Ok(batch.compared)
            })
            .await;
        tracing::info!(
            zone_data = ZONE_DATA,
            compared,
            moved,
            "bookings held against newer zone rules"
        );
        counter!("belfry_bookings_clock_moved_total").increment(moved);
        outcome.map(|_| moved)
    }

    /// Lets every pending booking past its start become missed, each as one change like any other: with its
    /// history, its event and its time given back.
    async fn miss(&self, now: Instant) -> Result<u64, StoreError> {
        let mut missed = 0;
        let outcome = self
            .in_batches(now, async || {
                let before = missed;
                let overdue = self.world.store.unanswered_bookings(now, BATCH).await?;
                for (id, _) in &overdue {
                    let decide = |booking: &Booking| unanswered(booking, now);
                    match self
                        .world
                        .store
                        .change_booking(*id, None, decide, now)
                        .await
                    {
                        Ok(Ok(after)) => {
                            crash::point("scheduler.missed");
                            missed += 1;
                            if let Some(experts) = &self.experts {
                                experts.stepped(&after).await;
                            }
                        }
                        // Somebody answered it meanwhile.
                        Ok(Err(refused)) => tracing::debug!(booking = %id, %refused, "not missed"),
                        Err(error @ StoreError::Unavailable(_)) => return Err(error),
                        // One bad row must not keep all others waiting.
                        Err(error) => tracing::error!(booking = %id, %error, "cannot be missed"),
                    }
                }
                if missed > before {
                    (self.appended)();
                }
                // Without progress the same rows would come again and again.
                Ok(if missed > before {
                    overdue.len() as u64
                } else {
                    0
                })
            })
            .await;
        counter!("belfry_bookings_missed_total").increment(missed);
        outcome.map(|_| missed)
    }

    /// Repeats a step until a batch comes back short; answers how many rows there were in all.
    ///
    /// # Errors
    /// When the database fails.
    async fn in_batches(
        &self,
        started: Instant,
        mut step: impl AsyncFnMut() -> Result<u64, StoreError>,
    ) -> Result<u64, StoreError> {
        let mut kept_until = started + self.lease;
        let mut rows = 0;
        for _ in 0..MOST_BATCHES {
            let taken = step().await?;
            rows += taken;
            if taken < BATCH.unsigned_abs() {
                break;
            }
            let now = self.world.clock.now();
            if kept_until - now < self.lease / 2 {
                if !self.lead(now).await? {
                    break;
                }
                kept_until = now + self.lease;
            }
        }
        Ok(rows)
    }
}

/// The count of a step, or 0 and its name among the failed ones.
fn settle(
    outcome: Result<u64, StoreError>,
    step: &'static str,
    failed: &mut Vec<&'static str>,
) -> u64 {
    outcome.unwrap_or_else(|error| {
        tracing::warn!(step, %error, "a step of the sweep failed; the next sweep repeats it");
        failed.push(step);
        0
    })
}

/// What the passing of its start does to a booking that nobody confirmed.
fn unanswered(booking: &Booking, now: Instant) -> Result<Change, BookingError> {
    if booking.status != Status::Pending {
        return Err(BookingError::WrongStatus {
            status: booking.status,
        });
    }
    let status = booking.step(Step::Miss, Side::Staff, None, TimeDelta::zero(), now)?;
    let after = booking.stepped(status, None, now);
    let told = Told::by(Actor::system());
    Ok(Change::of(after, Step::Miss.event(), told))
}
