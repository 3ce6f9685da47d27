//! Trying out how well waits are foretold, on made-up clinics with a known truth (B3).
//!
//! The clinic calls by the rule of the house (`belfry_domain::queue::line::next_for`), and is estimated by the function
//! that the house asks, which learns from day to day what it could see. Each estimate that would have been announced is
//! compared with when that visit was called. Whoever leaves stays in the line as a shadow until a desk would have called
//! them: the wait they were told of is known here, and leaving it out would flatter the estimates, since those who
//! leave are those who wait long.

use belfry_domain::queue::duration::Learned;
use belfry_domain::queue::estimate::Score;
use rand::SeedableRng;
use rand::rngs::StdRng;

use self::day::{Day, minutes};
use super::clinic::{Clinic, clinics, log_normal};

/// One day of a clinic.
mod day;

/// Days before estimates count, so that there is something learned.
const WARM_UP: i64 = 10;

/// What is tried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    pub days: i64,
    pub seed: u64,
    /// Whether changes are told, too, or only what is known on joining.
    pub changes: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            days: 60,
            seed: 1,
            changes: true,
        }
    }
}

/// How it went at one clinic.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    pub clinic: &'static str,
    pub desks: usize,
    /// Visits that had to wait.
    pub waited: u32,
    /// Their mean wait, in minutes, those who left counted as if they had stayed.
    pub mean_wait: f64,
    /// What was told on joining.
    pub joining: Score,
    /// All that was announced.
    pub announced: Score,
}

/// Every clinic.
pub fn run(plan: Plan) -> Vec<Outcome> {
    let clinics = clinics().into_iter();
    clinics
        .map(|clinic| open(&clinic, plan, Knowing::All))
        .collect()
}

/// A table for people, in Markdown.
pub fn table(plan: Plan, outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{} days, seed {}\n\n\
         | clinic | desks | waited | mean wait | error on joining | within p90 | announced | error | within p90 |\n\
         |---|---|---|---|---|---|---|---|---|",
        plan.days, plan.seed
    );
    for outcome in outcomes {
        let error = |score: &Score| score.mean_error_minutes().unwrap_or(0.0);
        let within = |score: &Score| score.coverage().unwrap_or(0.0) * 100.0;
        text.push_str(&format!(
            "\n| {} | {} | {} | {:.1} min | {:.1} min | {:.1} % | {} | {:.1} min | {:.1} % |",
            outcome.clinic,
            outcome.desks,
            outcome.waited,
            outcome.mean_wait,
            error(&outcome.joining),
            within(&outcome.joining),
            outcome.announced.number,
            error(&outcome.announced),
            within(&outcome.announced),
        ));
    }
    text
}

/// What the estimates get to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Knowing {
    All,
    /// All but how long visits under way have taken.
    NotElapsed,
}

/// Opens the clinic for so many days.
pub fn open(clinic: &Clinic, plan: Plan, knowing: Knowing) -> Outcome {
    let seed = clinic.name.bytes().fold(plan.seed, |seed, byte| {
        seed.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)
    });
    let mut random = StdRng::seed_from_u64(seed);
    let mut learned = Learned::new();
    let mut configured = clinic.clone();
    let mut outcome = Outcome {
        clinic: clinic.name,
        desks: clinic.paces.len(),
        waited: 0,
        mean_wait: 0.0,
        joining: Score::default(),
        announced: Score::default(),
    };
    for day in 0..plan.days {
        if let Some((_, spread)) = clinic.reopens.filter(|(days, _)| day % days == 0) {
            learned = Learned::new();
            for (service, wrong) in configured.services.iter_mut().zip(&clinic.services) {
                let minutes = f64::from(wrong.expected_minutes);
                let minutes = log_normal(minutes, spread, &mut random).round().max(1.0);
                service.expected_minutes = minutes as u32;
            }
        }
        let counts = clinic.reopens.is_some() || day >= WARM_UP;
        let telling = counts.then_some((knowing, plan.changes));
        let today = Day::new(&configured, &mut learned, &mut random, telling, day, seed);
        for told in today.run() {
            if let Some(first) = told.estimates.first() {
                let wait = minutes(told.called - first.0);
                outcome.waited += 1;
                outcome.mean_wait += wait;
                outcome.joining.add(&first.1, wait);
                for (at, estimate) in &told.estimates {
                    outcome.announced.add(estimate, minutes(told.called - *at));
                }
            }
        }
    }
    outcome.mean_wait /= f64::from(outcome.waited.max(1));
    outcome
}

#[cfg(test)]
mod tests;
