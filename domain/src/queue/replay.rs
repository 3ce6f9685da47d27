//! The line played on from now, once for each draw of what is not known.

use std::collections::HashMap;

use super::Standing;
use super::line::{Desk, Entry, Purpose, order};
use crate::Instant;

/// What is not known of the hours ahead: how it turns out in one draw. Desks, entries and stretches are told by their
/// positions, times are minutes.
pub(super) trait Luck {
    /// Until the desk's present visit is over.
    fn remaining(&self, desk: usize) -> f64;
    /// How long the entry takes at the desk.
    fn length(&self, desk: usize, entry: usize) -> f64;
    /// How long the appointment of the desk's stretch takes; none if its client does not come.
    fn expected(&self, desk: usize, stretch: usize) -> Option<f64>;
    /// When, from now, the entry leaves if it has not been called.
    fn patience(&self, entry: usize) -> f64;
    /// Whether the entry comes when it is called.
    fn comes(&self, entry: usize) -> bool;
    /// From being free to calling the entry.
    fn handover(&self, entry: usize) -> f64;
}

/// What of the line makes no difference between draws, in minutes from now.
pub(super) struct Replay {
    jobs: Vec<Job>,
    seats: Vec<Seat>,
    /// All entries in their order once everybody's time has come.
    line: Vec<usize>,
    /// Where each entry stands in the line now.
    places: Vec<usize>,
    /// How long somebody who does not come keeps a desk.
    offer: f64,
}

struct Job {
    appointment: bool,
    /// Not called before.
    starts: f64,
    /// Rank and time of the standing.
    turn: (i64, f64),
    expected: f64,
    /// Whether each desk could serve it.
    desks: Vec<bool>,
}

struct Seat {
    free: f64,
    busy: bool,
    closes: f64,
    booked: Vec<Kept>,
}

/// A stretch.
struct Kept {
    from: f64,
    until: f64,
    purpose: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Away,
    Expected,
    /// Of the entry at this position.
    Waiting(usize),
}

impl Replay {
    pub fn new(entries: &[Entry], desks: &[Desk], offer_minutes: f64, now: Instant) -> Replay {
        let minutes = |at: Instant| (at - now).as_seconds_f64() / 60.0;
        let jobs = entries.iter().map(|entry| Job {
            appointment: entry.appointment,
            starts: entry.not_before.map_or(f64::NEG_INFINITY, minutes),
            turn: (entry.standing.rank, minutes(entry.standing.at)),
            expected: f64::from(entry.expected_minutes),
            desks: desks.iter().map(|desk| desk.could_serve(entry)).collect(),
        });
        let known: HashMap<_, usize> = entries.iter().zip(0..).map(|(e, at)| (e.id, at)).collect();
        let kept = |desk: &Desk| {
            let mut kept: Vec<Kept> = Vec::new();
            for stretch in &desk.booked {
                let purpose = match &stretch.purpose {
                    Purpose::Away => Kind::Away,
                    Purpose::Expected { .. } => Kind::Expected,
                    Purpose::Waiting(id) => match known.get(id) {
                        Some(place) => Kind::Waiting(*place),
                        // Nobody waits for it any more; an empty stretch keeps the positions.
                        None => Kind::Waiting(usize::MAX),
                    },
                };
                let (from, until) = (minutes(stretch.from), minutes(stretch.until));
                kept.push(Kept {
                    from,
                    until,
                    purpose,
                });
            }
            kept
        };
        let seats = desks.iter().map(|desk| Seat {
            free: minutes(desk.free_at).max(0.0),
            busy: desk.serving.is_some(),
            closes: desk.closes_at.map_or(f64::INFINITY, minutes),
            booked: kept(desk),
        });
        let mut places = vec![0; entries.len()];
        for (place, entry) in order(entries, now).into_iter().enumerate() {
            places[entry] = place;
        }
        Replay {
            jobs: jobs.collect(),
            seats: seats.collect(),
            line: order(entries, Instant::MAX_UTC),
            places,
            offer: offer_minutes,
        }
    }

    /// Entries that one and the same desk could serve, or that no desk can.
    pub fn compete(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.jobs[one].desks, &self.jobs[other].desks);
        one.iter().zip(other).any(|(one, other)| *one && *other) || !one.contains(&true)
    }

    /// Where each entry stands in the line now.
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// When each entry is called, in the order in which it happens; those who are not called today are missing. For
    /// whoever leaves before, it is when they would have been called.
    pub fn calls(&self, luck: &impl Luck) -> Vec<(usize, f64)> {
        Draw {
            replay: self,
            luck,
            line: self.line.clone(),
            waits: vec![true; self.jobs.len()],
            came: self
                .seats
                .iter()
                .map(|seat| vec![false; seat.booked.len()])
                .collect(),
            calls: Vec::with_capacity(self.jobs.len()),
        }
        .run()
    }
}

/// One draw under way.
struct Draw<'a, L> {
    replay: &'a Replay,
    luck: &'a L,
    /// Who has not been called, in order.
    line: Vec<usize>,
    /// Whether each entry is in it.
    waits: Vec<bool>,
    /// For each desk, whose expected appointment has been served.
    came: Vec<Vec<bool>>,
    calls: Vec<(usize, f64)>,
}

impl<L: Luck> Draw<'_, L> {
    fn run(mut self) -> Vec<(usize, f64)> {
        let free = |(desk, seat): (usize, &Seat)| {
            let served = if seat.busy {
                self.luck.remaining(desk)
            } else {
                0.0
            };
            seat.free.max(served)
        };
        let mut free: Vec<f64> = self.replay.seats.iter().enumerate().map(free).collect();
        while !self.line.is_empty() {
            let earliest = free
                .iter()
                .enumerate()
                .min_by(|one, other| one.1.total_cmp(other.1));
            let Some((desk, at)) = earliest.map(|(desk, at)| (desk, *at)) else {
                break;
            };
            if at >= self.replay.seats[desk].closes {
                free[desk] = f64::INFINITY;
            } else {
                free[desk] = self.take(desk, at);
            }
            if free.iter().all(|at| at.is_infinite()) {
                break;
            }
        }
        self.calls
    }

    /// What the desk does at `at`; answers when it is free again, or looks again.
    fn take(&mut self, desk: usize, at: f64) -> f64 {
        let (replay, luck) = (self.replay, self.luck);
        let seat = &replay.seats[desk];
        let mut away = seat.booked.iter().filter(|kept| kept.purpose == Kind::Away);
        if let Some(kept) = away.find(|kept| kept.from <= at && at < kept.until) {
            return kept.until;
        }
        let expected = seat.booked.iter().enumerate().filter(|(stretch, kept)| {
            let due = kept.from > 0.0 && kept.from <= at && !self.came[desk][*stretch];
            due && kept.purpose == Kind::Expected && luck.expected(desk, *stretch).is_some()
        });
        let expected = expected.min_by(|one, other| one.1.from.total_cmp(&other.1.from));
        let expected = expected.map(|(stretch, kept)| (stretch, kept.from));
        while let Some(entry) = self.next(desk, at) {
            let turn = replay.jobs[entry].turn;
            if expected.is_some_and(|(_, from)| (Standing::BOOKED, from) < turn) {
                break;
            }
            self.waits[entry] = false;
            self.line.retain(|other| *other != entry);
            let called = at + luck.handover(entry);
            self.calls.push((entry, called));
            if luck.patience(entry) < at {
                continue;
            }
            return called
                + if luck.comes(entry) {
                    luck.length(desk, entry)
                } else {
                    replay.offer
                };
        }
        if let Some((stretch, _)) = expected {
            self.came[desk][stretch] = true;
            return at + luck.expected(desk, stretch).unwrap_or(0.0);
        }
        self.looks_again(desk, at)
    }

    /// Who is next for the desk; the rule of [`super::line::next_for`].
    fn next(&self, desk: usize, at: f64) -> Option<usize> {
        let fits = |entry: usize| {
            let job = &self.replay.jobs[entry];
            let due = job.starts <= at && job.desks[desk];
            due && (job.appointment || self.fits(desk, entry, at))
        };
        self.line.iter().copied().find(|entry| fits(*entry))
    }

    /// Whether a walk-in is over, as expected, before the desk's next booked stretch.
    fn fits(&self, desk: usize, entry: usize, at: f64) -> bool {
        let until = at + self.replay.jobs[entry].expected;
        let booked = self.replay.seats[desk].booked.iter().enumerate();
        let mut blocking = booked.filter(|(stretch, kept)| match kept.purpose {
            Kind::Away => true,
            Kind::Expected => !self.came[desk][*stretch],
            Kind::Waiting(other) => other != entry && self.waits.get(other) == Some(&true),
        });
        !blocking.any(|(_, kept)| kept.from < until && at < kept.until)
    }

    /// When something changes for a desk that can take nobody: somebody's time comes, or a stretch begins or ends.
    fn looks_again(&self, desk: usize, at: f64) -> f64 {
        let booked = self.replay.seats[desk].booked.iter();
        let edges = booked.flat_map(|kept| [kept.from, kept.until]);
        let mine = |entry: &&usize| self.replay.jobs[**entry].desks[desk];
        let starts = self
            .line
            .iter()
            .filter(mine)
            .map(|entry| self.replay.jobs[*entry].starts);
        let ahead = edges.chain(starts).filter(|edge| *edge > at);
        ahead.fold(f64::INFINITY, f64::min)
    }
}
