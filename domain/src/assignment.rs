//! Whom a booking at a branch is given to, when nobody in particular was asked for (B2).
//!
//! Pure: whoever could take it comes in with what is known of each, and they go out in order, each with the parts of
//! its score. The vocabulary is that of fair-share scheduling:
//!
//! - A *share* is work in proportion to the hours somebody is there for it, not a number of bookings. It decays with
//!   a half-life, as in fair-share schedulers of computing centres (Kay and Lauder, "A fair share scheduler", CACM 31(1),
//!   1988; the multifactor priority of Slurm), so that what was long ago is forgiven. What is fair is reckoned day by
//!   day, see [`Shares`], so that nobody who was away or is new is flooded when they come.
//! - *Least loaded* is joining the shortest queue (Winston, "Optimality of the shortest line discipline", J. Appl.
//!   Prob. 14(1), 1977), and *round robin* gives to whoever was given something longest ago.
//! - Those who are equal are ordered by rendezvous hashing (Thaler and Ravishankar, 1998) of the expert and the
//!   occasion: bookings that come at the same moment, on any node, do not all want the same expert first.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Instant;
use crate::branch::Strategy;
use crate::expert::Presence;
use crate::id::UserId;
use crate::schedule::Schedule;
use crate::slot::open_minutes;

/// How steeply the share counts: so much of it is given for being one percent below, times hundred.
const STEEPNESS: f64 = 20.0;
/// So much work is added to both sides before they are compared, so that a first booking is no verdict.
const PRIOR_MINUTES: f64 = 240.0;
/// Taken off for a date that is as full as it may be.
const LOAD: f64 = 0.2;
/// Taken off for each side on which a booking follows another without a pause.
const ADJOINING: f64 = 0.05;
/// Given to whom the client was with before.
const PREVIOUS: f64 = 0.15;
/// Given to who is there, taken off from who is not, if it is soon.
const PRESENCE: f64 = 0.05;
/// What a date is thought to hold where no limit is set.
const FULL_DATE: u16 = 8;
/// Longer ago than this makes no difference to round robin.
const LONGEST_MINUTES: i64 = 366 * 1440;

/// Somebody who could take the booking, and what speaks for and against it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub expert: UserId,
    /// Minutes booked with them, decayed.
    pub worked_minutes: f64,
    /// Minutes that would have been their fair share, decayed alike.
    pub fair_minutes: f64,
    /// Bookings on that date.
    pub load: u16,
    /// On how many sides it would touch another booking, 0 to 2.
    pub adjoining: u8,
    /// Whether the client's last visit here was with them.
    pub previous: bool,
    pub presence: Presence,
    /// When they were last given something.
    pub assigned_at: Option<Instant>,
}

/// What is the same for all who could take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occasion {
    pub now: Instant,
    /// Most bookings on one date, if there is a limit.
    pub max_load: Option<u16>,
    /// Whether it starts so soon that it matters who is there.
    pub soon: bool,
    /// Decides between equals.
    pub salt: Uuid,
}

/// What a score is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// How far below their fair share, above counts against them.
    Share,
    /// How full the date is.
    Load,
    /// Bookings without a pause between them.
    Adjoining,
    /// The client knows them.
    Previous,
    /// Whether they are there.
    Presence,
    /// Minutes since they were given something.
    Waited,
}

/// One part of a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    pub part: Part,
    pub value: f64,
}

/// A candidate in their place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    #[serde(flatten)]
    pub candidate: Candidate,
    /// The sum of the parts.
    pub score: f64,
    pub parts: Vec<Scored>,
}

/// All candidates, the one to be asked first in front. The same for the same input, whatever its order.
pub fn rank(strategy: Strategy, candidates: Vec<Candidate>, occasion: &Occasion) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = candidates
        .into_iter()
        .map(|candidate| {
            let parts = match strategy {
                Strategy::Smart => smart(&candidate, occasion),
                Strategy::RoundRobin => vec![(Part::Waited, waited(&candidate, occasion))],
                Strategy::LeastLoaded => vec![(Part::Load, -f64::from(candidate.load))],
            };
            let parts = parts.into_iter().map(|(part, value)| Scored {
                part,
                value: rounded(value),
            });
            let parts: Vec<Scored> = parts.collect();
            Ranked {
                score: rounded(parts.iter().map(|scored| scored.value).sum()),
                parts,
                candidate,
            }
        })
        .collect();
    ranked.sort_by(|one, other| {
        let tie = |ranked: &Ranked| lot(ranked.candidate.expert, occasion.salt);
        let by_score = other.score.total_cmp(&one.score);
        by_score.then_with(|| tie(one).cmp(&tie(other)))
    });
    ranked
}

fn smart(candidate: &Candidate, occasion: &Occasion) -> Vec<(Part, f64)> {
    let full = f64::from(occasion.max_load.unwrap_or(FULL_DATE).max(1));
    let presence = match candidate.presence {
        _ if !occasion.soon => 0.0,
        Presence::Online => PRESENCE,
        Presence::Busy => 0.0,
        Presence::Offline => -PRESENCE,
    };
    vec![
        (Part::Share, share(candidate)),
        (
            Part::Load,
            -LOAD * (f64::from(candidate.load) / full).min(1.0),
        ),
        (
            Part::Adjoining,
            -ADJOINING * f64::from(candidate.adjoining.min(2)),
        ),
        (
            Part::Previous,
            if candidate.previous { PREVIOUS } else { 0.0 },
        ),
        (Part::Presence, presence),
    ]
}

/// From -1 to 1: how far below the fair share somebody is. All other parts together can outweigh about two percent of
/// it, so shares stay within that of what is fair in the long run.
fn share(candidate: &Candidate) -> f64 {
    let worked = candidate.worked_minutes + PRIOR_MINUTES;
    let fair = candidate.fair_minutes + PRIOR_MINUTES;
    let below = STEEPNESS * (1.0 - worked / fair);
    below / (1.0 + below.abs())
}

fn waited(candidate: &Candidate, occasion: &Occasion) -> f64 {
    let since = candidate
        .assigned_at
        .map(|at| (occasion.now - at).num_seconds());
    let longest = LONGEST_MINUTES * 60;
    since.unwrap_or(longest).clamp(0, longest) as f64 / 60.0
}

/// To the thousandth: finer differences mean nothing, and stand in no explanation.
fn rounded(value: f64) -> f64 {
    // Adding zero makes of a negative zero an ordinary one.
    (value * 1000.0).round() / 1000.0 + 0.0
}

/// The lot that somebody draws on an occasion.
fn lot(expert: UserId, salt: Uuid) -> u64 {
    let (high, low) = expert.uuid().as_u64_pair();
    let (salt_high, salt_low) = salt.as_u64_pair();
    mixed(mixed(high ^ salt_low).wrapping_add(low ^ salt_high))
}

/// The finaliser of SplitMix64: every bit of the input changes half of the output.
pub(crate) fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

const SECONDS_PER_DAY: i64 = 86_400;
/// How much what lies ahead counts, where a day just past counts one.
///
/// Whoever is usually booked at the last moment stands below their share on the days ahead, all the time. If those
/// counted in full, a surplus on the days past would stand against it, and as that is forgotten and made anew day by day,
/// it would add up to several percent in half a year. If they did not count, everybody would be given a week's bookings
/// in turn.
const AHEAD: f64 = 0.5;
/// Half-lives after which nothing counts any more: less than a fifteenth would be left.
const HALF_LIVES: i64 = 4;

/// Who of a branch did how much of what there was to do while they were there.
///
/// Day by day (in UTC), the work of all is what would have been fair for each in proportion to their open hours of that
/// day; both sides decay. So a day on which somebody was away, or had not come yet, asks nothing of them, and a day
/// ahead that is hardly booked yet asks little of anybody.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    half_life_days: u16,
    ahead_days: u16,
    first_day: i64,
    people: BTreeMap<UserId, Days>,
    all: Days,
}

/// Minutes per day.
#[derive(Debug, Clone, PartialEq)]
struct Days {
    open: Vec<f64>,
    booked: Vec<f64>,
}

impl Days {
    fn new(days: usize) -> Days {
        Days {
            open: vec![0.0; days],
            booked: vec![0.0; days],
        }
    }

    /// The minutes booked and those that would be fair among `all`, of which `left` tells how much of each day counts.
    fn part(&self, all: &Days, days: Range<usize>, left: impl Fn(usize) -> f64) -> (f64, f64) {
        days.fold((0.0, 0.0), |(worked, fair), day| {
            let left = left(day);
            let share = match all.open[day] {
                open if open > 0.0 => self.open[day] / open,
                _ => 0.0,
            };
            (
                worked + left * self.booked[day],
                fair + left * share * all.booked[day],
            )
        })
    }
}

impl Shares {
    /// Shares over the days from `from` until `until`, of nobody yet. Bookings are made up to `ahead_days` ahead.
    pub fn new(half_life_days: u16, ahead_days: u16, from: Instant, until: Instant) -> Shares {
        let first_day = from.timestamp().div_euclid(SECONDS_PER_DAY);
        let days = until.timestamp().div_euclid(SECONDS_PER_DAY) - first_day + 1;
        Shares {
            half_life_days: half_life_days.max(1),
            ahead_days,
            first_day,
            people: BTreeMap::new(),
            all: Days::new(usize::try_from(days).unwrap_or(0)),
        }
    }

    /// What happened before counts no more.
    pub fn reaches_back(half_life_days: u16, now: Instant) -> Instant {
        now - TimeDelta::days(i64::from(half_life_days.max(1)) * HALF_LIVES)
    }

    /// Somebody who is there since `since`, by this schedule.
    pub fn join(&mut self, expert: UserId, schedule: &Schedule, since: Instant) {
        let days = self.all.open.len();
        let mut own = Days::new(days);
        for (day, open) in own.open.iter_mut().enumerate() {
            let start = (self.first_day + day as i64) * SECONDS_PER_DAY;
            let at = |second| Instant::from_timestamp(second, 0).unwrap_or_default();
            let (from, until) = (at(start).max(since), at(start + SECONDS_PER_DAY));
            if from < until {
                *open = open_minutes(schedule, from, until) as f64;
            }
            self.all.open[day] += *open;
        }
        self.people.insert(expert, own);
    }

    /// A booking of somebody who has joined.
    pub fn add(&mut self, expert: UserId, starts_at: Instant, minutes: f64) {
        let day = starts_at.timestamp().div_euclid(SECONDS_PER_DAY) - self.first_day;
        let own = self.people.get_mut(&expert);
        if let (Some(own), Ok(day)) = (own, usize::try_from(day))
            && day < own.booked.len()
        {
            own.booked[day] += minutes;
            self.all.booked[day] += minutes;
        }
    }

    /// The minutes somebody worked and will work, and those that would be fair; both as much as is left of them.
    pub fn of(&self, expert: UserId, now: Instant) -> (f64, f64) {
        let Some(own) = self.people.get(&expert) else {
            return (0.0, 0.0);
        };
        let today = now.timestamp().div_euclid(SECONDS_PER_DAY) - self.first_day;
        let back = i64::from(self.half_life_days) * HALF_LIVES;
        let first = usize::try_from(today - back).unwrap_or(0);
        let last = usize::try_from(today + i64::from(self.ahead_days) + 1).unwrap_or(0);
        let last = last.min(own.open.len());
        own.part(&self.all, first..last, |day| match today - day as i64 {
            age if age < 0 => AHEAD,
            age => (-age as f64 / f64::from(self.half_life_days)).exp2(),
        })
    }

    /// The same over all days, with nothing forgotten: what is compared when a time is over.
    pub fn in_all(&self, expert: UserId) -> (f64, f64) {
        let own = self.people.get(&expert);
        own.map_or((0.0, 0.0), |own| {
            own.part(&self.all, 0..own.open.len(), |_| 1.0)
        })
    }
}

#[cfg(test)]
mod tests;
