//! How long services take, and what else a line depends on, learned from visits that are over.
//!
//! Lengths are kept as the ratio to the expected minutes, in cells that are an equal factor wide, so that one shape
//! serves whatever length is configured and no family has to be right. Three shapes are blended:
//!
//! - The *base*, before anything is learned: log-normal, as times of service usually are (Brown et al., "Statistical
//!   analysis of a telephone call center", JASA 100, 2005), with the configured length as its mean and a wide spread.
//! - The *service* (skill), `n/(n + 10)` of it what was seen and the rest the base.
//! - The *expert at that service*, `n/(n + 20)` what was seen of them and the rest the service.
//!
//! This is shrinkage as the predictive distribution of a Dirichlet process (Ferguson, Ann. Stat. 1, 1973), one level
//! above another (Teh et al., "Hierarchical Dirichlet processes", JASA 101, 2006). Every observation lets those before
//! it fade a little, so what was long ago is forgotten.
//!
//! How long services take *on average* is uncertain, too, and that error is the same for all who wait: it does not even
//! out along the line. So each draw has a pace of the service and of each expert, whose spread is that of the mean of
//! a normal distribution known from `n` observations ([`Length::pace`]). With fewer than twenty visits this is what
//! makes estimates honestly wide: they fall back to the configured length, which may be wrong by some forty percent.
//! (Blending in the wait of whoever was called last, as Ibrahim and Whitt propose for unknown servers, MSOM 11, 2009,
//! was left out: with few visits there are few such waits as well, and the line itself is known here.)
//!
//! The time left of a service under way is the rest of its length given the time gone ([`Length::remaining`]; Whitt,
//! "Predicting queueing delays", Mgmt Sci 45, 1999).

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, Normal};

use crate::id::UserId;

/// Cells for each doubling of the ratio.
const PER_DOUBLING: usize = 8;
/// Doublings above and below the expected length: from a 32nd of it to 32 times as long.
const DOUBLINGS: f64 = 5.0;
const CELLS: usize = 2 * DOUBLINGS as usize * PER_DOUBLING;
/// The base's standard deviation of the logarithm.
const BASE_SPREAD: f64 = 0.5;
/// So much of the base is spread evenly over all cells: surprises are rare but never impossible.
const SURPRISE: f64 = 0.002;
/// The base counts as so many visits of a service.
const BASE_WEIGHT: f64 = 10.0;
/// The service counts as so many visits of an expert.
const SERVICE_WEIGHT: f64 = 20.0;
/// How wrong, as a logarithm, configured lengths are.
const SERVICE_PACE: f64 = 0.4;
/// How different, as a logarithm, experts are from each other.
const STAFF_PACE: f64 = 0.2;
/// What is left of what was seen, with each observation: a few hundred count.
const FADES: f64 = 1.0 - 1.0 / 500.0;
/// Before anything is learned, one leaves in so many minutes of waiting, one of twenty does not come when called, and
/// it takes a minute from one visit to the next.
const MINUTES_PER_LEAVING: f64 = 600.0;
const MISSED_OF_CALLS: f64 = 20.0;
const HANDOVER_MINUTES: f64 = 1.0;
/// What is known before counts as so many calls, and in each stretch of [`WAITS`] as so many that left.
const HABIT_WEIGHT: f64 = 10.0;
const LEAVING_WEIGHT: f64 = 2.0;
/// Where the stretches of a wait begin, in minutes, in each of which people are as likely to leave at any minute.
const WAITS: [f64; 7] = [0.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0];

/// What was seen of lengths, fading.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    number: f64,
    cells: Vec<f64>,
}

impl Seen {
    fn nothing() -> Seen {
        Seen {
            number: 0.0,
            cells: vec![0.0; CELLS],
        }
    }

    fn add(&mut self, ratio: f64) {
        for cell in &mut self.cells {
            *cell *= FADES;
        }
        self.number = self.number * FADES + 1.0;
        let place = cell_of(ratio).clamp(0.0, CELLS as f64 - 1.0);
        self.cells[place as usize] += 1.0;
    }

    /// What was seen and what was thought before, which counts as `weight` observations.
    fn blended(&self, before: &[f64], weight: f64) -> Vec<f64> {
        let seen = self.cells.iter().zip(before);
        seen.map(|(seen, before)| (seen + weight * before) / (self.number + weight))
            .collect()
    }
}

/// A mean that fades.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mean {
    number: f64,
    sum: f64,
}

impl Mean {
    fn before(number: f64, sum: f64) -> Mean {
        Mean { number, sum }
    }

    fn add(&mut self, number: f64, sum: f64) {
        self.number = self.number * FADES + number;
        self.sum = self.sum * FADES + sum;
    }

    fn value(self) -> f64 {
        self.sum / self.number
    }
}

/// All that a branch has learned of its visits. Feed it the visits that are over, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    base: Vec<f64>,
    services: BTreeMap<Option<String>, Seen>,
    staff: BTreeMap<(Option<String>, UserId), Seen>,
    leaving: [Mean; WAITS.len()],
    missing: Mean,
    handover: Mean,
}

impl Default for Learned {
    fn default() -> Self {
        Self::new()
    }
}

impl Learned {
    /// Nothing yet.
    pub fn new() -> Learned {
        Learned {
            base: base(),
            services: BTreeMap::new(),
            staff: BTreeMap::new(),
            leaving: [Mean::before(LEAVING_WEIGHT * MINUTES_PER_LEAVING, LEAVING_WEIGHT); 7],
            missing: Mean::before(HABIT_WEIGHT, HABIT_WEIGHT / MISSED_OF_CALLS),
            handover: Mean::before(HABIT_WEIGHT, HABIT_WEIGHT * HANDOVER_MINUTES),
        }
    }

    /// A visit kept the expert for so many minutes, from being called until they were free again.
    pub fn served(
        &mut self,
        expert: UserId,
        skill: Option<&str>,
        expected_minutes: u32,
        minutes: f64,
    ) {
        let ratio = minutes / f64::from(expected_minutes.max(1));
        let skill = skill.map(str::to_owned);
        let service = self.services.entry(skill.clone());
        service.or_insert_with(Seen::nothing).add(ratio);
        let staff = self.staff.entry((skill, expert));
        staff.or_insert_with(Seen::nothing).add(ratio);
    }

    /// Somebody waited so long, and was called or left.
    pub fn waited(&mut self, minutes: f64, left: bool) {
        for (place, mean) in self.leaving.iter_mut().enumerate() {
            let (from, until) = stretch(place);
            let spent = minutes.min(until) - from;
            if spent > 0.0 {
                mean.add(spent, f64::from(u8::from(left && minutes <= until)));
            }
        }
    }

    /// Somebody was called, and came or did not.
    pub fn called(&mut self, came: bool) {
        self.missing.add(1.0, f64::from(u8::from(!came)));
    }

    /// So long an expert was free, with somebody waiting for them, until that visit was called (the time of an offer).
    pub fn handed_over(&mut self, minutes: f64) {
        self.handover.add(1.0, minutes.max(0.0));
    }

    /// Visits that are still remembered for this service, fading.
    pub fn visits(&self, skill: Option<&str>) -> f64 {
        let service = self.services.get(&skill.map(str::to_owned));
        service.map_or(0.0, |seen| seen.number)
    }

    /// How long such a visit takes with this expert.
    pub fn length(&self, expert: UserId, skill: Option<&str>, expected_minutes: u32) -> Length {
        let skill = skill.map(str::to_owned);
        let (mut cells, mut service_visits, mut staff_visits) = (self.base.clone(), 0.0, 0.0);
        if let Some(seen) = self.services.get(&skill) {
            cells = seen.blended(&cells, BASE_WEIGHT);
            service_visits = seen.number;
        }
        if let Some(seen) = self.staff.get(&(skill, expert)) {
            cells = seen.blended(&cells, SERVICE_WEIGHT);
            staff_visits = seen.number;
        }
        let up_to = cells.iter().scan(0.0, |sum, cell| {
            *sum += cell;
            Some(*sum)
        });
        Length {
            expected: f64::from(expected_minutes.max(1)),
            up_to: std::iter::once(0.0).chain(up_to).collect(),
            service_pace: spread_of_mean(SERVICE_PACE, service_visits),
            staff_pace: spread_of_mean(STAFF_PACE, staff_visits),
        }
    }

    /// How many minutes more somebody stays who has waited `waited` minutes, if a share `u` of such people leaves later.
    ///
    /// People leave at a rate that differs by how long they have waited (piecewise exponential, Friedman, Ann. Stat. 10,
    /// 1982): who came for nothing but a question leaves soon, others leave when they have had enough.
    pub fn stays(&self, u: f64, waited: f64) -> f64 {
        let waited = waited.max(0.0);
        let mut left = -u.ln();
        let mut at = waited;
        for (place, mean) in self.leaving.iter().enumerate() {
            let (_, until) = stretch(place);
            let rate = mean.value();
            if until > at {
                if left <= (until - at) * rate {
                    return at + left / rate - waited;
                }
                left -= (until - at) * rate;
                at = until;
            }
        }
        f64::INFINITY
    }

    /// How many of those who are called do not come, 0 to 1.
    pub fn missing(&self) -> f64 {
        self.missing.value()
    }

    /// Minutes from being free to calling the next, on average.
    pub fn handover_minutes(&self) -> f64 {
        self.handover.value()
    }
}

/// The distribution of a visit's length, in minutes.
#[derive(Debug, Clone, PartialEq)]
pub struct Length {
    expected: f64,
    /// How likely a length is below the lower edge of each cell, and one more for the end.
    up_to: Vec<f64>,
    service_pace: f64,
    staff_pace: f64,
}

impl Length {
    /// The factor by which all lengths of a draw are longer, given how it turned out for the service and for the expert
    /// (standard normal).
    pub fn pace(&self, service: f64, staff: f64) -> f64 {
        (self.service_pace * service + self.staff_pace * staff).exp()
    }

    /// The length below which a share `u` (0 to 1) of visits is.
    pub fn quantile(&self, u: f64) -> f64 {
        self.expected * self.ratio(u)
    }

    /// The share of visits that are shorter.
    pub fn below(&self, minutes: f64) -> f64 {
        let place = cell_of(minutes / self.expected);
        if place <= 0.0 {
            return 0.0;
        }
        let cell = place as usize;
        match (self.up_to.get(cell), self.up_to.get(cell + 1)) {
            (Some(lower), Some(upper)) => lower + (upper - lower) * (place - cell as f64),
            _ => self.all(),
        }
    }

    /// The minutes left below which a share `u` is of those visits that have taken `elapsed` minutes.
    ///
    /// Where no visit was ever thought to last, it is as long again (Lindy's rule, the tail of Pareto with shape one at
    /// its median).
    pub fn remaining(&self, u: f64, elapsed: f64) -> f64 {
        let elapsed = elapsed.max(0.0);
        let gone = self.below(elapsed) / self.all();
        if gone > 1.0 - 1e-9 {
            return elapsed;
        }
        (self.quantile(gone + u * (1.0 - gone)) - elapsed).max(0.0)
    }

    fn all(&self) -> f64 {
        self.up_to[CELLS]
    }

    fn ratio(&self, u: f64) -> f64 {
        let wanted = u.clamp(0.0, 1.0) * self.all();
        let cell = self.up_to.partition_point(|sum| *sum <= wanted);
        let cell = cell.clamp(1, CELLS) - 1;
        let (lower, upper) = (self.up_to[cell], self.up_to[cell + 1]);
        let within = if upper > lower {
            (wanted - lower) / (upper - lower)
        } else {
            0.0
        };
        edge(cell as f64 + within.clamp(0.0, 1.0))
    }
}

/// From where to where one of the stretches of a wait lasts.
fn stretch(place: usize) -> (f64, f64) {
    let until = WAITS.get(place + 1).copied();
    (WAITS[place], until.unwrap_or(f64::INFINITY))
}

/// The standard deviation of a mean that had `before` and of which `number` observations are known.
fn spread_of_mean(before: f64, number: f64) -> f64 {
    before / (1.0 + number * (before / BASE_SPREAD).powi(2)).sqrt()
}

fn base() -> Vec<f64> {
    let normal = Normal::standard();
    // The mean of a log-normal distribution is half its variance above its median, as logarithms.
    let below = |place: usize| {
        normal.cdf((edge(place as f64).ln() + BASE_SPREAD.powi(2) / 2.0) / BASE_SPREAD)
    };
    let cell = |cell| (1.0 - SURPRISE) * (below(cell + 1) - below(cell)) + SURPRISE / CELLS as f64;
    (0..CELLS).map(cell).collect()
}

/// The ratio at the lower edge of a cell.
fn edge(place: f64) -> f64 {
    (place / PER_DOUBLING as f64 - DOUBLINGS).exp2()
}

/// Where a ratio lies among the cells, with what is behind the point saying where within the cell.
fn cell_of(ratio: f64) -> f64 {
    (ratio.max(f64::MIN_POSITIVE).log2() + DOUBLINGS) * PER_DOUBLING as f64
}

#[cfg(test)]
mod tests;
