//! Made-up clinics with a known truth, to try estimates on: who comes when, how long it takes, who leaves.
//!
//! No clinic tells the house how it works. Some are what the estimates assume, most are not.

use rand::Rng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Exp, Gamma, LogNormal, Pareto};

/// Minutes from the first arrival to the last.
pub const DAY: f64 = 480.0;

/// A clinic.
#[derive(Clone, PartialEq, Debug)]
pub struct Clinic {
    pub name: &'static str,
    /// The factor by which visits take longer at each desk.
    pub paces: Vec<f64>,
    pub services: Vec<Service>,
    pub arrivals: Arrivals,
    /// Work that walk-ins bring, in relation to what desks can do.
    pub load: f64,
    /// Appointments a day at each desk.
    pub appointments: usize,
    /// Mean and spread (as a logarithm) of the minutes somebody waits before leaving, if they ever do.
    pub patience: Option<(f64, f64)>,
    /// The share of those called, or with an appointment, who do not come.
    pub missing: f64,
    /// The share of walk-ins who want a certain expert.
    pub wanted: f64,
    /// A new branch opens after so many days, with lengths configured wrong by a factor of this spread (as a logarithm).
    pub reopens: Option<(i64, f64)>,
}

/// A kind of visit.
#[derive(Clone, PartialEq, Debug)]
pub struct Service {
    /// The skill that it takes; none where everybody can.
    pub skill: Option<&'static str>,
    /// Which desks can.
    pub desks: Vec<usize>,
    pub expected_minutes: u32,
    pub truth: Length,
}

/// How long visits really take, in minutes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Length {
    /// Mean and spread (as a logarithm).
    LogNormal(f64, f64),
    /// Mean and shape; the greater the shape, the steadier.
    Gamma(f64, f64),
    /// Mean and shape; a heavy tail, without a variance if the shape is two or less.
    Pareto(f64, f64),
    /// Two kinds that nobody can tell apart before: the mean of each and the share of the second.
    Two(f64, f64, f64),
}

/// When walk-ins come.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Arrivals {
    /// Any time is as likely.
    Even,
    /// Three times as many in the first quarter of the day.
    Rush,
    /// So many at once.
    Groups(usize),
}

impl Length {
    /// The mean, in minutes.
    pub fn mean(self) -> f64 {
        match self {
            Length::LogNormal(mean, _) | Length::Gamma(mean, _) | Length::Pareto(mean, _) => mean,
            Length::Two(one, other, share) => one + share * (other - one),
        }
    }

    /// One visit.
    pub fn draw(self, random: &mut StdRng) -> f64 {
        match self {
            Length::LogNormal(mean, spread) => log_normal(mean, spread, random),
            Length::Gamma(mean, shape) => {
                drawn(Gamma::new(shape, mean / shape), random).unwrap_or(mean)
            }
            Length::Pareto(mean, shape) => {
                drawn(Pareto::new(mean * (shape - 1.0) / shape, shape), random).unwrap_or(mean)
            }
            Length::Two(one, other, share) => {
                let mean = if random.random_bool(share) {
                    other
                } else {
                    one
                };
                log_normal(mean, 0.2, random)
            }
        }
    }
}

impl Arrivals {
    /// When so many walk-ins come.
    pub fn times(self, number: usize, random: &mut StdRng) -> Vec<f64> {
        let mut times: Vec<f64> = Vec::with_capacity(number);
        while times.len() < number {
            let (at, together) = match self {
                Arrivals::Even => (random.random_range(0.0..DAY), 1),
                Arrivals::Rush if random.random_bool(0.5) => {
                    (random.random_range(0.0..DAY / 4.0), 1)
                }
                Arrivals::Rush => (random.random_range(DAY / 4.0..DAY), 1),
                Arrivals::Groups(size) => (random.random_range(0.0..DAY), size),
            };
            times.extend((0..together).map(|later| at + later as f64 * 0.1));
        }
        times
    }
}

impl Clinic {
    /// How many walk-ins come on a day.
    pub fn walk_ins(&self, random: &mut StdRng) -> usize {
        let desks = self.paces.len() as f64;
        let services = self.services.iter().map(|service| service.truth.mean());
        let mean = services.sum::<f64>() / self.services.len() as f64;
        let pace = self.paces.iter().sum::<f64>() / desks;
        let usual = self.load * desks * DAY / (mean * pace);
        // Poisson: as many as gaps of the exponential distribution fit into a day.
        let mut number = 0;
        let mut at = 0.0;
        while let Some(gap) = drawn(Exp::new(usual), random) {
            at += gap;
            if at >= 1.0 {
                break;
            }
            number += 1;
        }
        number
    }

    /// How long somebody waits before they leave.
    pub fn patience(&self, random: &mut StdRng) -> f64 {
        let patience = self
            .patience
            .map(|(mean, spread)| log_normal(mean, spread, random));
        patience.unwrap_or(f64::INFINITY)
    }
}

/// A log-normal number of this mean, with this spread of the logarithm.
pub fn log_normal(mean: f64, spread: f64, random: &mut StdRng) -> f64 {
    drawn(
        LogNormal::new(mean.ln() - spread * spread / 2.0, spread),
        random,
    )
    .unwrap_or(mean)
}

/// A number of the distribution; none if it cannot be.
pub fn drawn<D: Distribution<f64>, E>(
    distribution: Result<D, E>,
    random: &mut StdRng,
) -> Option<f64> {
    distribution
        .ok()
        .map(|distribution| distribution.sample(random))
}

fn plain(name: &'static str, desks: usize, truth: Length) -> Clinic {
    Clinic {
        name,
        paces: vec![1.0; desks],
        services: vec![Service {
            skill: None,
            desks: (0..desks).collect(),
            expected_minutes: truth.mean().round() as u32,
            truth,
        }],
        arrivals: Arrivals::Even,
        load: 0.9,
        appointments: 0,
        patience: None,
        missing: 0.05,
        wanted: 0.0,
        reopens: None,
    }
}

/// All of them.
pub fn clinics() -> Vec<Clinic> {
    vec![
        plain("one doctor", 1, Length::LogNormal(12.0, 0.55)),
        Clinic {
            arrivals: Arrivals::Rush,
            missing: 0.02,
            ..plain("steady work", 2, Length::Gamma(30.0, 25.0))
        },
        plain("heavy tail", 3, Length::Pareto(15.0, 2.2)),
        Clinic {
            load: 0.85,
            ..plain(
                "two kinds nobody can tell apart",
                3,
                Length::Two(6.0, 40.0, 0.25),
            )
        },
        Clinic {
            paces: vec![0.75, 0.9, 1.1, 1.4],
            wanted: 0.25,
            ..plain(
                "unequal experts, some wanted",
                4,
                Length::LogNormal(20.0, 0.4),
            )
        },
        Clinic {
            load: 0.45,
            appointments: 6,
            missing: 0.1,
            ..plain(
                "appointments among walk-ins",
                4,
                Length::LogNormal(25.0, 0.4),
            )
        },
        Clinic {
            load: 1.3,
            arrivals: Arrivals::Groups(4),
            patience: Some((60.0, 0.7)),
            ..plain("too many, and they leave", 5, Length::Gamma(18.0, 2.0))
        },
        skills(),
        Clinic {
            reopens: Some((2, 0.35)),
            ..plain("new branch, wrong lengths", 2, Length::LogNormal(15.0, 0.5))
        },
    ]
}

/// Ten desks, of which some can do one thing, some another, and some both.
fn skills() -> Clinic {
    let service = |skill, desks: std::ops::Range<usize>, truth: Length| Service {
        skill: Some(skill),
        desks: desks.collect(),
        expected_minutes: truth.mean().round() as u32,
        truth,
    };
    Clinic {
        paces: (0..10).map(|desk| 0.8 + 0.05 * f64::from(desk)).collect(),
        services: vec![
            service("papers", 0..7, Length::Gamma(10.0, 1.0)),
            service("advice", 4..10, Length::LogNormal(30.0, 0.6)),
        ],
        load: 0.9,
        ..plain("ten desks, two skills", 10, Length::Gamma(10.0, 1.0))
    }
}
