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
/// Whoever is called back to the front is asked before everybody else of their kind.
const FRONT: TimeDelta = TimeDelta::days(365);

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
    /// Of somebody who waits; who has only just joined waits as long as a newcomer.
    pub fn of(&self, visit: &Visit) -> Option<&Estimate> {
        let waits = visit.state == State::Waiting;
        waits.then(|| self.visits.get(&visit.id).unwrap_or(&self.newcomer))
    }
}

/// What is remembered of a branch.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// The open visits that it was made of.
    line: Vec<(VisitId, i64)>,
    forecast: Option<Arc<Forecast>>,
    learned: Option<(Instant, Arc<Learned>)>,
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
        let known = self.0.forecasts.get(&branch.id);
        let mut known = known.map(|known| known.clone()).unwrap_or_default();
        let now = self.0.world.clock.now();
        let fresh = |at: Instant, most: TimeDelta| at <= now && now - at < most;
        let numbers: Vec<(VisitId, i64)> =
            line.iter().map(|visit| (visit.id, visit.version)).collect();
        if let Some(forecast) = &known.forecast
            && (fresh(forecast.made_at, YOUNG)
                || known.line == numbers && fresh(forecast.made_at, GOOD))
        {
            return Ok(forecast.clone());
        }
        let store = &self.0.world.store;
        let learned = match &known.learned {
            Some((at, learned)) if fresh(*at, LEARNED) => learned.clone(),
            _ => {
                let learned = Arc::new(store.visit_lessons(branch.id).await?);
                known.learned = Some((now, learned.clone()));
                learned
            }
        };
        let mut desks = store.desks_ahead(branch.id, line, now, now + AHEAD).await?;
        let closes_at = slot::open_until(&branch.opening, now);
        desks.iter_mut().for_each(|desk| desk.closes_at = closes_at);
        let mut entries: Vec<Entry> = line
            .iter()
            .filter(|visit| visit.state == State::Waiting)
            .map(entry)
            .collect();
        entries.push(newcomer(branch, now));
        let offer = u32::from(branch.settings.offer_minutes);
        let made = tokio::task::spawn_blocking(move || {
            let estimates = estimate(&entries, &desks, &learned, offer, SEED, now);
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
        let forecast = Arc::new(Forecast {
            made_at: now,
            visits: ids.zip(estimates).collect(),
            newcomer,
        });
        known.line = numbers;
        known.forecast = Some(forecast.clone());
        // Of two who made one at once either will do.
        self.0.forecasts.insert(branch.id, known);
        Ok(forecast)
    }
}

fn entry(visit: &Visit) -> Entry {
    let turn_at = match visit.standing.rank {
        Standing::FRONT => visit.standing.at - FRONT,
        _ => visit.standing.at,
    };
    Entry {
        id: visit.id.uuid(),
        expert: visit.wanted.as_ref().map(|wanted| wanted.id),
        skill: visit.skill.clone(),
        expected_minutes: visit.minutes.into(),
        not_before: visit
            .booking_id
            .and(visit.not_before.or(Some(visit.joined_at))),
        joined_at: visit.joined_at,
        turn_at,
    }
}

/// Somebody who would join now.
fn newcomer(branch: &Branch, now: Instant) -> Entry {
    Entry {
        id: Uuid::nil(),
        expert: None,
        skill: None,
        expected_minutes: branch.settings.default_minutes.into(),
        not_before: None,
        joined_at: now,
        turn_at: now,
    }
}

/// What is remembered, by branch.
pub(super) type Forecasts = dashmap::DashMap<BranchId, Known>;
