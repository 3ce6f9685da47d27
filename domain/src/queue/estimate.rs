//! How long each of the line will wait: the line is played on some two hundred times, each time with other lengths.
//!
//! All that is drawn comes from the seed, the one it is drawn for, and the number of the draw (a counter-based
//! generator, Salmon et al., SC 2011), so the same line has the same estimates on every node, and an estimate made a
//! moment later differs by what has happened and not by luck. Lengths are drawn by Latin hypercube sampling (McKay,
//! Beckman and Conover, Technometrics 21, 1979), which needs fewer draws than plain chance.
//!
//! Whoever waits may leave, which is why the line ahead counts for less than its length (Ibrahim and Whitt,
//! "Real-time delay estimation in overloaded multiserver queues with abandonments", Mgmt Sci 55, 2009). An estimate is
//! for somebody who stays: it tells when they are called if they do not leave.

use serde::{Deserialize, Serialize};

use super::chance::{Chances, DRAWS};
use super::duration::Learned;
use super::line::{Desk, Entry};
use super::replay::Replay;
use crate::Instant;

/// A change by less than this is none.
const CHANGE_MINUTES: f64 = 2.0;
const CHANGE_SHARE: f64 = 0.1;

/// How long somebody who waits, and does not leave, will wait from now until they are called.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// How many are likely to be called before them by the experts they wait for.
    pub ahead: u32,
    /// In half of all cases it is at most so many minutes; none if it is as likely that it does not come to it before
    /// the experts close.
    pub p50_minutes: Option<f64>,
    /// In nine of ten cases.
    pub p90_minutes: Option<f64>,
}

/// An estimate for each entry, in their order.
pub fn estimate(
    entries: &[Entry],
    desks: &[Desk],
    learned: &Learned,
    offer_minutes: u32,
    seed: u64,
    now: Instant,
) -> Vec<Estimate> {
    let replay = Replay::new(entries, desks, f64::from(offer_minutes), now);
    let chances = Chances::new(entries, desks, learned, seed, now);
    let mut waits = vec![Vec::with_capacity(DRAWS); entries.len()];
    for draw in 0..DRAWS {
        for (entry, called) in replay.calls(&chances.drawn(draw)) {
            waits[entry].push(called);
        }
    }
    let ahead = ahead(&replay, replay.calls(&chances.usual()), entries.len());
    let estimates = waits.into_iter().zip(ahead).map(|(mut waits, ahead)| {
        waits.sort_by(f64::total_cmp);
        Estimate {
            ahead,
            p50_minutes: quantile(&waits, 0.5),
            p90_minutes: quantile(&waits, 0.9),
        }
    });
    estimates.collect()
}

/// Whether what is known now is worth telling somebody who was told `told` at `told_at`: their place is another one, or
/// they will be called earlier or later than they were told, by more than two minutes and a tenth of the wait that was
/// left.
pub fn is_real_change(told: &Estimate, told_at: Instant, known: &Estimate, now: Instant) -> bool {
    let passed = (now - told_at).as_seconds_f64() / 60.0;
    let moved = match (told.p50_minutes, known.p50_minutes) {
        (Some(told), Some(known)) => {
            let left = (told - passed).max(0.0);
            (known - left).abs() > CHANGE_MINUTES.max(CHANGE_SHARE * left)
        }
        (told, known) => told.is_some() != known.is_some(),
    };
    let today = told.p90_minutes.is_some() != known.p90_minutes.is_some();
    told.ahead != known.ahead || moved || today
}

/// How good estimates were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub number: u32,
    /// Minutes between the middle estimates and the waits, added up.
    pub error_minutes: f64,
    /// How many waited no longer than nine of ten should have.
    pub within_p90: u32,
}

impl Score {
    /// Somebody was called so many minutes after they were told. An estimate without figures, for somebody who was not
    /// thought to have their turn before closing, is not scored.
    pub fn add(&mut self, told: &Estimate, waited_minutes: f64) {
        let (Some(p50), Some(p90)) = (told.p50_minutes, told.p90_minutes) else {
            return;
        };
        self.number += 1;
        self.error_minutes += (waited_minutes - p50).abs();
        self.within_p90 += u32::from(waited_minutes <= p90);
    }

    /// The mean absolute error of the middle estimate, in minutes.
    pub fn mean_error_minutes(&self) -> Option<f64> {
        (self.number > 0).then(|| self.error_minutes / f64::from(self.number))
    }

    /// The share, 0 to 1, of waits that were within the ninetieth percentile; 0.9 is right, more is too cautious.
    pub fn coverage(&self) -> Option<f64> {
        (self.number > 0).then(|| f64::from(self.within_p90) / f64::from(self.number))
    }
}

/// The `k`-th of `DRAWS` values, the missing ones being greater than all, so that a further value is below it with the
/// probability `share`; to a tenth of a minute.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let k = (share * (DRAWS + 1) as f64).ceil() as usize;
    let value = sorted.get(k.saturating_sub(1));
    value.map(|minutes| (minutes.max(0.0) * 10.0).round() / 10.0)
}

/// How many of those with whom it competes are called before each entry; who is not called comes after all who are.
fn ahead(replay: &Replay, calls: Vec<(usize, f64)>, entries: usize) -> Vec<u32> {
    let mut place = vec![usize::MAX; entries];
    for (position, (entry, _)) in calls.into_iter().enumerate() {
        place[entry] = position;
    }
    let order = replay.places();
    let before = |one: usize, other: usize| (place[one], order[one]) < (place[other], order[other]);
    let count = |entry| {
        (0..entries)
            .filter(|other| before(*other, entry) && replay.compete(entry, *other))
            .count()
    };
    (0..entries).map(|entry| count(entry) as u32).collect()
}

#[cfg(test)]
mod tests;
