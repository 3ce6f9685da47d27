//! What was just refused, for those who ask for the same.
//!
//! A slot that everybody wants is refused to all but one of them. The actor leaves what it said to the first where
//! the others find it by themselves, each on their own thread, without a turn of the actor.

use std::sync::atomic::{AtomicU64, Ordering};

use belfry_domain::Instant;
use belfry_domain::booking::BookingError;
use belfry_domain::slot::Slot;
use dashmap::DashMap;

use super::Refused;
use super::flight::Command;

/// Wishes remembered for one expert.
const MOST: usize = 64;

/// The time somebody wants: its start and the minutes named.
type Wanted = (Instant, Option<u16>);

/// Wishes for taken time, and what is free near it.
pub(super) struct Refusals {
    known: DashMap<Wanted, Known>,
    /// News sent to the actor, which may give back what is refused here.
    told: AtomicU64,
    /// How many of them it has taken in.
    heard: AtomicU64,
}

struct Known {
    alternatives: Vec<Slot>,
    /// What had been told to the actor when it refused.
    told: u64,
    /// Afterwards time alone may have changed the answer.
    good_until: Instant,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            // Most experts have few wishes refused at a time.
            known: DashMap::with_shard_amount(2),
            told: AtomicU64::new(0),
            heard: AtomicU64::new(0),
        }
    }
}

impl Refusals {
    /// Called before news is sent to the actor: nothing that it said before is repeated to anybody.
    pub fn tell(&self) {
        self.told.fetch_add(1, Ordering::AcqRel);
    }

    /// Called when the actor takes in news.
    pub fn hear(&self) {
        self.heard.fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets everything: the actor's memory has changed.
    pub fn forget(&self) {
        self.known.clear();
    }

    /// Keeps that time was taken for whoever wants it.
    pub fn keep(&self, command: &Command, alternatives: &[Slot], good_until: Instant) {
        let Some(wanted) = wanted(command) else {
            return;
        };
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let known = Known {
            alternatives: alternatives.to_vec(),
            told: self.heard.load(Ordering::Acquire),
            good_until,
        };
        self.known.insert(wanted, known);
    }

    /// The refusal that a wish would meet, if that is certain.
    pub fn of(&self, command: &Command, now: Instant) -> Option<Refused> {
        let known = self.known.get(&wanted(command)?)?;
        let holds = known.told == self.told.load(Ordering::Acquire) && now <= known.good_until;
        holds.then(|| Refused::Rule {
            error: BookingError::SlotTaken,
            alternatives: known.alternatives.clone(),
        })
    }
}

/// A wish that is the same whoever has it; a move gives back time of its own.
fn wanted(command: &Command) -> Option<Wanted> {
    match command {
        // Only the database knows whether what was offered to somebody still is.
        Command::Book(request) if request.offer.is_some() => None,
        Command::Book(request) => Some((request.starts_at, request.minutes)),
        Command::Hold(request) => Some((request.starts_at, request.minutes)),
        Command::Move(_) | Command::Offer(_) => None,
    }
}
