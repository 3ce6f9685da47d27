//! How long those who wait will wait, as far as it can be told (B3).
//!
//! A line is played on when somebody asks, and what came of it is told to whoever asks next: for a second whatever
//! happens, for ten while the line is the same. Any node may do it, from the same rows and with the same draws.

use std::collections::HashMap;
use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::branch::Branch;
use belfry_domain::id::{BranchId, VisitId};
use belfry_domain::queue::duration::Learned;
use belfry_domain::queue::estimate::{Estimate, estimate};
use belfry_domain::queue::line::Entry;
use belfry_domain::queue::{Standing, State, Visit};
use belfry_domain::slot;
use belfry_store::StoreError;
use chrono::TimeDelta;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::Queues;

/// However busy the line is.
const YOUNG: TimeDelta = TimeDelta::seconds(1);
/// While it is the same.
const GOOD: TimeDelta = TimeDelta::seconds(10);
/// How long it is believed what past visits taught.
const LEARNED: TimeDelta = TimeDelta::minutes(1);
/// How far calendars are looked into.
const AHEAD: TimeDelta = TimeDelta::hours(12);

/// Draws depend on whom they are for, so one seed serves every line.
const SEED: u64 = 0;

/// What is known of the waits at a branch.
#[derive(Debug)]
pub struct Forecast {
    pub made_at: Instant,
    /// Of those who wait.
    visits: HashMap<VisitId, Estimate>,
    /// Of somebody who would join now, for whoever is free first.
    pub newcomer: Estimate,
}

impl Forecast {
    /// Of somebody who waits. Who walked in since it was made, for whoever is free first, waits as long as a newcomer;
    /// of anybody else who is new to it nothing is known yet.
    pub fn of(&self, visit: &Visit) -> Option<&Estimate> {
        if visit.state != State::Waiting {
            return None;
        }
        let anybody = visit.wanted.is_none() && visit.skill.is_none() && visit.booking_id.is_none();
        let walked_in = anybody && visit.version == 1 && visit.previous_id.is_none();
        let found = self.visits.get(&visit.id);
        found.or_else(|| walked_in.then_some(&self.newcomer))
    }
}

/// What past visits taught, and when they were asked.
type Lessons = (Instant, Arc<Learned>);

/// A forecast, once it is made.
type Made = Arc<OnceCell<(Arc<Forecast>, Lessons)>>;

/// What is remembered of a branch.
#[derive(Default)]
pub(super) struct Known {
    /// The open visits that it is made of, and when.
    line: Vec<(VisitId, i64)>,
    made_at: Option<Instant>,
    /// Whoever asks first makes it; those who ask meanwhile wait for it.
    made: Made,
}

fn is_fresh(at: Instant, most: TimeDelta, now: Instant) -> bool {
    at <= now && now - at < most
}

impl Known {
    /// What is to be asked at `now`, and what was learned before if it is new.
    fn at(&mut self, line: Vec<(VisitId, i64)>, now: Instant) -> (Made, Option<Lessons>) {
        let fresh = |most| self.made_at.is_some_and(|at| is_fresh(at, most, now));
        if fresh(YOUNG) || self.line == line && fresh(GOOD) {
            return (self.made.clone(), None);
        }
        let before = std::mem::take(&mut self.made);
        (self.line, self.made_at) = (line, Some(now));
        let lessons = before.get().map(|(_, lessons)| lessons.clone());
        (self.made.clone(), lessons)
    }
}

impl Queues {
    /// How long those in `line`, the open visits of the branch, will wait.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forecast(
        &self,
        branch: &Branch,
        line: &[Visit],
    ) -> Result<Arc<Forecast>, StoreError> {
        let now = self.0.world.clock.now();
        let numbers = line.iter().map(|visit| (visit.id, visit.version)).collect();
        let (made, lessons) = self
            .0
            .forecasts
            .entry(branch.id)
            .or_default()
            .at(numbers, now);
        let make = || self.make_forecast(branch, line, lessons, now);
        let (forecast, _) = made.get_or_try_init(make).await?;
        Ok(forecast.clone())
    }

    async fn make_forecast(
        &self,
        branch: &Branch,
        line: &[Visit],
        lessons: Option<Lessons>,
        now: Instant,
    ) -> Result<(Arc<Forecast>, Lessons), StoreError> {
        let store = &self.0.world.store;
        let (learned_at, learned) = match lessons {
            Some((at, learned)) if is_fresh(at, LEARNED, now) => (at, learned),
            _ => (now, Arc::new(store.visit_lessons(branch.id).await?)),
        };
        let mut desks = store.desks_ahead(branch.id, line, now, now + AHEAD).await?;
        let closes_at = slot::open_until(&branch.opening, now);
        desks.iter_mut().for_each(|desk| desk.closes_at = closes_at);
        let mut entries: Vec<Entry> = line
            .iter()
            .filter(|visit| visit.state == State::Waiting)
            .map(Entry::from)
            .collect();
        entries.push(newcomer(branch, now));
        let offer = u32::from(branch.settings.offer_minutes);
        let known = learned.clone();
        let made = tokio::task::spawn_blocking(move || {
            let estimates = estimate(&entries, &desks, &known, offer, SEED, now);
            (entries, estimates)
        });
        let (entries, mut estimates) = made
            .await
            .map_err(|panic| StoreError::Unreadable(panic.to_string()))?;
        let newcomer = estimates.pop().unwrap_or(Estimate {
            ahead: 0,
            p50_minutes: None,
            p90_minutes: None,
        });
        let ids = entries.iter().map(|entry| VisitId::from(entry.id));
        let forecast = Forecast {
            made_at: now,
            visits: ids.zip(estimates).collect(),
            newcomer,
        };
        Ok((Arc::new(forecast), (learned_at, learned)))
    }
}

/// Somebody who would join now.
fn newcomer(branch: &Branch, now: Instant) -> Entry {
    Entry {
        id: Uuid::nil(),
        expert: None,
        skill: None,
        expected_minutes: branch.settings.default_minutes.into(),
        appointment: false,
        not_before: None,
        joined_at: now,
        standing: Standing {
            rank: Standing::WALKED_IN,
            at: now,
            tie: Uuid::max(),
        },
    }
}

/// What is remembered, by branch; never more than there are branches.
pub(super) type Forecasts = dashmap::DashMap<BranchId, Known>;

#[cfg(test)]
mod tests {
    use belfry_domain::booking::Party;
    use belfry_domain::id::UserId;
    use belfry_domain::queue::BranchRef;

    use super::*;

    #[test]
    fn only_whoever_walked_in_for_anybody_waits_as_long_as_a_newcomer() {
        let now = Instant::UNIX_EPOCH;
        let newcomer = Estimate {
            ahead: 3,
            p50_minutes: Some(30.0),
            p90_minutes: Some(50.0),
        };
        let forecast = Forecast {
            made_at: now,
            visits: HashMap::new(),
            newcomer,
        };
        let branch = BranchRef {
            id: BranchId::at(now),
            name: String::new(),
        };
        let visit = Visit::walked_in(branch, String::new(), 30, AHEAD, now);
        assert_eq!(forecast.of(&visit), Some(&newcomer));
        let known = |change: &dyn Fn(&mut Visit)| {
            let mut visit = visit.clone();
            change(&mut visit);
            forecast.of(&visit).is_some()
        };
        let wanted = Party {
            id: UserId::at(now),
            name: String::new(),
        };
        assert!(!known(&|visit| visit.wanted = Some(wanted.clone())));
        assert!(!known(&|visit| visit.skill = Some("cut".to_owned())));
        assert!(!known(&|visit| visit.previous_id = Some(visit.id)));
        assert!(!known(&|visit| visit.version = 2), "put back meanwhile");
        assert!(!known(&|visit| visit.state = State::Called));
    }
}
