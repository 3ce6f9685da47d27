//! An expert's free time under the terms of a branch, for the branch's own actor (B1, B2).
//!
//! It carries a stamp. Whoever keeps it asks [`Experts::is_current`], which looks into shared memory and takes no turn
//! of the actor, whether anything has changed since.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use actix::prelude::*;
use belfry_domain::Instant;
use belfry_domain::branch::Terms;
use belfry_domain::id::UserId;
use belfry_domain::slot::{Availability, Refusal};
use belfry_domain::wall;
use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{ExpertActor, Experts, Memory, Refused};
use crate::Place;

/// Counts states of all actors of this node, so that no two have the same stamp.
static STATES: AtomicU64 = AtomicU64::new(1);

/// Which state of the actor's memory something was taken from.
#[derive(Default)]
pub(super) struct Stamp {
    state: AtomicU64,
    /// Whether somebody relies on it: the actor then stays awake.
    used: AtomicBool,
}

impl Stamp {
    /// The memory is another one from here on.
    pub fn turn(&self) {
        let next = STATES.fetch_add(1, Ordering::Relaxed);
        self.state.store(next, Ordering::Release);
    }

    fn state(&self) -> u64 {
        self.state.load(Ordering::Acquire)
    }

    /// Whether it was relied upon since the last time this was asked.
    pub fn was_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
}

/// Starts at which an expert is free, and what surrounds them.
#[derive(Clone, Debug)]
pub struct FreeTime {
    state: u64,
    /// The terms it was worked out under.
    pub terms: Terms,
    /// UTC seconds, in order.
    pub starts: Vec<i64>,
    /// Stretches that are gone, buffers inside: start and end in UTC seconds, in order.
    pub taken: Vec<(i64, i64)>,
    /// Starts of the bookings that count, in UTC seconds.
    pub counted: Vec<i64>,
    pub time_zone: Tz,
    /// Afterwards time alone may have changed it.
    pub good_until: Instant,
}

/// Asks for it; the starts are of slots of so many minutes.
#[derive(Message)]
#[rtype(result = "Result<Arc<FreeTime>, Refused>")]
pub(super) struct LookAhead {
    pub minutes: u16,
    pub terms: Terms,
    pub _place: Place,
}

impl Handler<LookAhead> for ExpertActor {
    type Result = Result<Arc<FreeTime>, Refused>;

    fn handle(&mut self, asked: LookAhead, _: &mut Context<Self>) -> Self::Result {
        self.last_asked = std::time::Instant::now();
        self.under(&asked.terms, |actor, memory, time| {
            Arc::new(free_time(&asked, actor.shared.stamp.state(), memory, time))
        })
    }
}

fn free_time(asked: &LookAhead, state: u64, memory: &Memory, time: &Availability<'_>) -> FreeTime {
    let now = time.now;
    let rules = &time.schedule.rules;
    let zone = time.schedule.time_zone;
    let starts = time.free_starts(asked.minutes);
    let instant = TimeDelta::microseconds(1);
    let midnight = wall::day_bounds(zone, wall::local_date(zone, now)).1 - instant;
    let expires = memory.next_expiry().map(|at| at - instant);
    let notice = TimeDelta::minutes(i64::from(rules.min_notice_minutes)).max(instant);
    let first = starts
        .first()
        .and_then(|first| Instant::from_timestamp(*first, 0));
    let begins = first.map(|first| first - notice);
    let ends = [expires, begins].into_iter().flatten();
    FreeTime {
        state,
        terms: asked.terms,
        good_until: ends.fold(midnight, Instant::min),
        starts,
        taken: (time.taken.iter())
            .map(|taken| (taken.starts_at.timestamp(), taken.ends_at.timestamp()))
            .collect(),
        counted: (time.counted.iter())
            .map(|counted| counted.starts_at.timestamp())
            .collect(),
        time_zone: zone,
    }
}

/// Asks whether, and if not why, a booking could start at an instant.
#[derive(Message)]
#[rtype(result = "Result<Option<Refusal>, Refused>")]
pub(super) struct WhyNot {
    pub starts_at: Instant,
    pub minutes: u16,
    pub terms: Terms,
    pub _place: Place,
}

impl Handler<WhyNot> for ExpertActor {
    type Result = Result<Option<Refusal>, Refused>;

    fn handle(&mut self, asked: WhyNot, _: &mut Context<Self>) -> Self::Result {
        self.under(&asked.terms, |_, _, time| {
            time.check(asked.starts_at, asked.minutes).err()
        })
    }
}

impl ExpertActor {
    /// Looks at the expert's time as it stands now under the terms of a branch.
    fn under<T>(
        &mut self,
        terms: &Terms,
        look: impl FnOnce(&Self, &Memory, &Availability<'_>) -> T,
    ) -> Result<T, Refused> {
        self.drop_expired();
        let now = self.world.clock.now();
        let memory = self.memory.as_ref().ok_or(Refused::NoExpert)?;
        let schedule = memory.narrowed(terms);
        let time = Availability {
            schedule: &schedule,
            ..memory.availability(now)
        };
        Ok(look(self, memory, &time))
    }
}

impl Experts {
    /// The free time of an expert under these terms.
    ///
    /// # Errors
    /// `NoExpert`, `Busy`.
    pub async fn look_ahead(
        &self,
        expert: UserId,
        minutes: u16,
        terms: Terms,
    ) -> Result<Arc<FreeTime>, Refused> {
        let asked = |_place| LookAhead {
            minutes,
            terms,
            _place,
        };
        self.ask(expert, asked).await?
    }

    /// What stands against a start of an expert under these terms, if anything.
    ///
    /// # Errors
    /// `NoExpert`, `Busy`.
    pub async fn why_not(
        &self,
        expert: UserId,
        starts_at: Instant,
        minutes: u16,
        terms: Terms,
    ) -> Result<Option<Refusal>, Refused> {
        let asked = |_place| WhyNot {
            starts_at,
            minutes,
            terms,
            _place,
        };
        self.ask(expert, asked).await?
    }

    /// Whether nothing has changed about an expert's time since this was answered.
    pub fn is_current(&self, expert: UserId, time: &FreeTime, now: Instant) -> bool {
        let entry = self.directory.get(&expert);
        entry.is_some_and(|entry| {
            let stamp = &entry.shared.stamp;
            stamp.used.store(true, Ordering::Relaxed);
            now <= time.good_until && stamp.state() == time.state && entry.actor.connected()
        })
    }
}
