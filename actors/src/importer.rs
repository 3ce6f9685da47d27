//! Reads the calendars that experts keep elsewhere, in the background (C2.7).
//!
//! Any node may read any calendar; whoever moves its row's next time ahead does it. Nothing a page asks for waits
//! for another's server: what was read last is what counts, and a reading that fails leaves it alone.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use async_trait::async_trait;
use belfry_domain::Instant;
use belfry_domain::id::BookingId;
use belfry_domain::import::{self, Contents, Reading, Unusable};
use belfry_store::StoreError;
use belfry_store::import::{Import, Read};
use chrono::TimeDelta;
use futures::StreamExt;
use metrics::counter;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use crate::sweep::Appended;
use crate::{Experts, World};

/// How often the timer compares.
const POLL: Duration = Duration::from_secs(1);
/// How often a node looks for calendars that another one was told of.
const LOOK: TimeDelta = TimeDelta::seconds(20);
/// Calendars that one node reads side by side, and takes at once.
const AT_ONCE: usize = 4;
const BATCH: i64 = 16;
/// How long a calendar may take: to be fetched, to be understood, and both with all that comes with it, after which
/// another node may have it.
const FETCH: Duration = Duration::from_secs(60);
const UNDERSTAND: Duration = Duration::from_secs(10);
const CLAIM: TimeDelta = TimeDelta::minutes(6);

/// What a server of somebody else's says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fetched {
    /// What was read last is still so.
    Unchanged,
    /// Calendars, one after the other.
    Text {
        text: String,
        /// By which the server knows this state.
        mark: Option<String>,
        /// The name under which it knows the owner, if that is an address.
        owner: Option<String>,
    },
}

/// Why nothing was fetched, as a stable word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault(pub &'static str);

/// Fetches calendars.
#[async_trait]
pub trait Calendars: Send + Sync {
    /// What is at the address of `import`.
    async fn fetch(&self, import: &Import) -> Result<Fetched, Fault>;
}

/// The reader of one node. Cloning shares it.
#[derive(Clone)]
pub struct Importer {
    world: World,
    calendars: Arc<dyn Calendars>,
    experts: Experts,
    appended: Appended,
    wake: Arc<Notify>,
    /// Understanding a calendar takes a core and memory: one at a time.
    understanding: Arc<Semaphore>,
}

/// What a round did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Round {
    /// Calendars that were read or found unchanged.
    pub read: u64,
    /// Those that were not.
    pub failed: u64,
}

impl Importer {
    /// A reader that tells `experts` whose time is another now, and calls `appended` after events were committed.
    pub fn new(
        world: World,
        calendars: Arc<dyn Calendars>,
        experts: Experts,
        appended: Appended,
    ) -> Self {
        Self {
            world,
            calendars,
            experts,
            appended,
            wake: Arc::default(),
            understanding: Arc::new(Semaphore::new(1)),
        }
    }

    /// Lets it read what is due until the task is aborted. What was cut off is read when its claim has run out. Must be
    /// called inside a running actix system.
    pub fn start(&self) -> JoinHandle<()> {
        let importer = self.clone();
        actix::spawn(async move {
            let mut look = importer.world.clock.now();
            loop {
                let woken = tokio::time::timeout(POLL, importer.wake.notified()).await;
                let now = importer.world.clock.now();
                // A clock that was set back must not keep it waiting.
                if woken.is_err() && now < look && look <= now + LOOK {
                    continue;
                }
                look = match importer.tick(now).await {
                    Ok(next) => next.map_or(now + LOOK, |next| next.min(now + LOOK)),
                    Err(error) => {
                        tracing::warn!(%error, "calendars were not read");
                        now + LOOK
                    }
                };
            }
        })
    }

    /// Has it look now.
    pub fn nudge(&self) {
        self.wake.notify_one();
    }

    /// Reads what is due; answers when the next one is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tick(&self, now: Instant) -> Result<Option<Instant>, StoreError> {
        loop {
            let round = self.round(now).await?;
            if round.read + round.failed < BATCH.unsigned_abs() {
                return self.world.store.next_import().await;
            }
        }
    }

    /// Reads at most a batch of what is due.
    ///
    /// # Errors
    /// When the database fails before anything is read.
    pub async fn round(&self, now: Instant) -> Result<Round, StoreError> {
        let store = &self.world.store;
        let claimed = store.claim_imports(now, now + CLAIM, BATCH).await?;
        let mut readings = futures::stream::iter(claimed)
            .map(|import| async move {
                let outcome = self.refresh(&import).await;
                if let Err(error) = &outcome {
                    tracing::warn!(import = %import.id, %error, "a reading was not kept");
                }
                outcome.unwrap_or(false)
            })
            .buffer_unordered(AT_ONCE);
        let mut round = Round::default();
        while let Some(read) = readings.next().await {
            let count = if read {
                &mut round.read
            } else {
                &mut round.failed
            };
            *count += 1;
        }
        Ok(round)
    }

    /// Reads one calendar and keeps what it says; whether it could be read.
    async fn refresh(&self, import: &Import) -> Result<bool, StoreError> {
        let fetched = tokio::time::timeout(FETCH, self.calendars.fetch(import)).await;
        let fetched = fetched.unwrap_or(Err(Fault("too_slow")));
        let read = match fetched {
            Ok(Fetched::Unchanged) => Read::Unchanged,
            Ok(Fetched::Text { text, mark, owner }) => {
                self.understand(import, text, mark, owner).await?
            }
            Err(Fault(code)) => Read::Failed(code),
        };
        let now = self.world.clock.now();
        let failures = match read {
            Read::Failed(_) => import.failures + 1,
            _ => 0,
        };
        let next_at = import::next_at(failures, import.id, now);
        let store = &self.world.store;
        let settled = store.settle_import(import, &read, next_at, now).await?;
        if settled.conflicts > 0 {
            (self.appended)();
        }
        if settled.changed {
            self.experts.rescheduled(import.expert_id).await;
        }
        let outcome = match read {
            Read::Unchanged => "unchanged",
            Read::Found { .. } => "read",
            Read::Failed(code) => {
                tracing::info!(import = %import.id, code, failures, "a calendar was not read");
                "failed"
            }
        };
        counter!("belfry_imports_total", "outcome" => outcome).increment(1);
        counter!("belfry_import_conflicts_total").increment(settled.conflicts);
        Ok(!matches!(read, Read::Failed(_)))
    }

    /// Makes busy time of a text.
    async fn understand(
        &self,
        import: &Import,
        text: String,
        mark: Option<String>,
        owner: Option<String>,
    ) -> Result<Read, StoreError> {
        let now = self.world.clock.now();
        let store = &self.world.store;
        let Some((schedule, _)) = store.schedule(import.expert_id, now).await? else {
            return Ok(Read::Failed("no_expert"));
        };
        let account = store.account(import.expert_id).await?;
        let owner: Vec<String> = account
            .map(|account| account.email)
            .into_iter()
            .chain(owner)
            .map(|address| address.to_lowercase())
            .collect();
        let zone = schedule.time_zone;
        let window = import::window(now);
        let turn = self.understanding.acquire().await;
        let contents = tokio::task::spawn_blocking(move || {
            let began = Stopwatch::now();
            let reading = Reading {
                zone,
                window,
                owner: &owner,
                in_time: &|| began.elapsed() < UNDERSTAND,
            };
            import::read(&text, &reading)
        });
        let contents = contents.await;
        drop(turn);
        match contents {
            Ok(Ok(contents)) => self.found(import, contents, mark).await,
            Ok(Err(unusable)) => Ok(Read::Failed(unusable.code())),
            // It broke down over this text; it will again.
            Err(error) => {
                tracing::error!(import = %import.id, %error, "a calendar could not be understood");
                Ok(Read::Failed(Unusable::NotACalendar.code()))
            }
        }
    }

    async fn found(
        &self,
        import: &Import,
        contents: Contents,
        mark: Option<String>,
    ) -> Result<Read, StoreError> {
        let bookings = contents.busy.iter().filter_map(|busy| busy.booking);
        let bookings: HashSet<BookingId> = bookings.collect();
        let store = &self.world.store;
        let own = store.own_bookings(import.expert_id, bookings.into_iter().collect());
        let own: HashSet<BookingId> = own.await?.into_iter().collect();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        Ok(Read::Found {
            busy: import::busy_time(&contents.busy, |id| own.contains(&id)),
            mark,
            events: count(contents.events),
            odd: count(contents.odd),
        })
    }
}
