//! One day of a clinic: who comes, who is called, who leaves, and what they are told meanwhile.

use std::collections::BTreeMap;

use belfry_domain::Instant;
use belfry_domain::id::UserId;
use belfry_domain::queue::Standing;
use belfry_domain::queue::duration::Learned;
use belfry_domain::queue::estimate::{Estimate, estimate, is_real_change};
use belfry_domain::queue::line::{Desk, Entry, Purpose, Serving, Stretch, next_for};
use chrono::{DateTime, TimeDelta};
use rand::Rng;
use rand::rngs::StdRng;
use rand_distr::Exp;
use uuid::Uuid;

use super::Knowing;
use crate::simulate::clinic::{Clinic, DAY, drawn};

/// Minutes of an offer that nobody answers.
const OFFER: u32 = 5;
/// Minutes, on average, that an answered offer takes.
const HANDOVER: f64 = 1.0;

/// What somebody was told, and when they were called or would have been.
pub(super) struct Told {
    pub estimates: Vec<(Instant, Estimate)>,
    pub called: Instant,
}

/// Somebody of today who has not come yet.
struct Coming {
    at: Instant,
    entry: Entry,
    service: usize,
    /// The desk of an appointment.
    desk: Option<usize>,
}

/// Somebody in the line.
struct Waiting {
    entry: Entry,
    service: usize,
    leaves_at: Option<Instant>,
    left: bool,
    told: Vec<(Instant, Estimate)>,
}

/// A visit at a desk.
struct Visit {
    service: usize,
    called: Instant,
    until: Instant,
    came: bool,
}

/// A day under way.
pub(super) struct Day<'a> {
    clinic: &'a Clinic,
    learned: &'a mut Learned,
    random: &'a mut StdRng,
    /// None while nobody is told anything.
    telling: Option<(Knowing, bool)>,
    seed: u64,
    now: Instant,
    /// The last comes first.
    coming: Vec<Coming>,
    line: Vec<Waiting>,
    desks: Vec<Desk>,
    visits: Vec<Option<Visit>>,
    told: Vec<Told>,
}

/// So many minutes.
pub(super) fn minutes(length: TimeDelta) -> f64 {
    length.as_seconds_f64() / 60.0
}

fn length(minutes: f64) -> TimeDelta {
    TimeDelta::milliseconds((minutes * 60_000.0).round() as i64)
}

impl<'a> Day<'a> {
    pub fn new(
        clinic: &'a Clinic,
        learned: &'a mut Learned,
        random: &'a mut StdRng,
        telling: Option<(Knowing, bool)>,
        day: i64,
        seed: u64,
    ) -> Self {
        // 2027-01-04T09:00:00Z
        let start = DateTime::from_timestamp(1_799_053_200 + day * 86_400, 0).unwrap_or_default();
        let expert = |desk: usize| UserId::from(Uuid::from_u64_pair(7, desk as u64 + 1));
        let desks: Vec<Desk> = (0..clinic.paces.len())
            .map(|desk| {
                let able = clinic
                    .services
                    .iter()
                    .filter(|service| service.desks.contains(&desk));
                Desk {
                    expert: expert(desk),
                    skills: able
                        .filter_map(|service| service.skill.map(str::to_owned))
                        .collect(),
                    free_at: start,
                    closes_at: None,
                    serving: None,
                    booked: Vec::new(),
                }
            })
            .collect();
        let mut today = Day {
            visits: desks.iter().map(|_| None).collect(),
            clinic,
            learned,
            random,
            telling,
            seed,
            now: start,
            coming: Vec::new(),
            line: Vec::new(),
            desks,
            told: Vec::new(),
        };
        today.walk_ins(start);
        today.appointments(start);
        today
            .coming
            .sort_by_key(|coming| std::cmp::Reverse((coming.at, coming.entry.id)));
        today
    }

    fn walk_ins(&mut self, start: Instant) {
        let number = self.clinic.walk_ins(self.random);
        for at in self.clinic.arrivals.times(number, self.random) {
            let service = self.random.random_range(0..self.clinic.services.len());
            let kind = &self.clinic.services[service];
            let wanted = self.random.random_bool(self.clinic.wanted);
            let desk = kind.desks[self.random.random_range(0..kind.desks.len())];
            let at = start + length(at);
            let expert = wanted.then_some(self.desks[desk].expert);
            let entry = self.entry(service, expert, None, at);
            self.coming.push(Coming {
                at,
                entry,
                service,
                desk: None,
            });
        }
    }

    fn entry(
        &mut self,
        service: usize,
        expert: Option<UserId>,
        not_before: Option<Instant>,
        turn_at: Instant,
    ) -> Entry {
        let kind = &self.clinic.services[service];
        let id = Uuid::from_u64_pair(self.random.random(), self.random.random());
        let rank = match not_before {
            Some(_) => Standing::BOOKED,
            None => Standing::WALKED_IN,
        };
        Entry {
            id,
            expert,
            skill: kind.skill.map(str::to_owned),
            expected_minutes: kind.expected_minutes,
            appointment: not_before.is_some(),
            not_before,
            joined_at: turn_at,
            standing: Standing {
                rank,
                at: turn_at,
                tie: id,
            },
        }
    }

    /// Evenly over the day at each desk; clients come up to twenty minutes early, some a little late, some never.
    fn appointments(&mut self, start: Instant) {
        let every = DAY / self.clinic.appointments.max(1) as f64;
        for (desk, number) in (0..self.desks.len())
            .flat_map(|desk| (0..self.clinic.appointments).map(move |number| (desk, number)))
        {
            let from = start + length(((number as f64 + 0.25) * every).round());
            let expert = self.desks[desk].expert;
            let entry = self.entry(0, Some(expert), Some(from), from);
            let until = from + TimeDelta::minutes(i64::from(entry.expected_minutes));
            let skill = entry.skill.clone();
            let purpose = Purpose::Expected { skill };
            self.desks[desk].booked.push(Stretch {
                from,
                until,
                purpose,
            });
            let early = length(self.random.random_range(-4.0..20.0));
            if !self.random.random_bool(self.clinic.missing) {
                self.coming.push(Coming {
                    at: from - early,
                    entry,
                    service: 0,
                    desk: Some(desk),
                });
            }
        }
    }

    /// The whole day, until nobody waits any more.
    pub fn run(mut self) -> Vec<Told> {
        while let Some(next) = self.next_event() {
            self.now = next;
            self.come();
            self.leave();
            self.finish();
            while self.call() {}
            self.announce();
        }
        self.told
    }

    /// When something happens after now.
    fn next_event(&self) -> Option<Instant> {
        let now = self.now;
        let ends = self.visits.iter().flatten().map(|visit| visit.until);
        let coming = self.coming.last().map(|coming| coming.at);
        let leaves = self
            .line
            .iter()
            .filter(|one| !one.left)
            .filter_map(|one| one.leaves_at);
        let starts = self.line.iter().filter_map(|one| one.entry.not_before);
        let booked = self.desks.iter().flat_map(|desk| &desk.booked);
        let edges = booked
            .filter(|_| !self.line.is_empty())
            .map(|stretch| stretch.until);
        // An arrival or an end may fall on the very instant that has just been; those are taken at once.
        let all = ends
            .chain(coming)
            .chain(leaves)
            .chain(starts.chain(edges).filter(|at| *at > now));
        all.min().map(|at| at.max(now))
    }

    fn come(&mut self) {
        while self
            .coming
            .last()
            .is_some_and(|coming| coming.at <= self.now)
        {
            let Some(coming) = self.coming.pop() else {
                break;
            };
            if let Some(desk) = coming.desk {
                let mut booked = self.desks[desk].booked.iter_mut();
                let own = |stretch: &&mut Stretch| {
                    Some(stretch.from) == coming.entry.not_before
                        && matches!(stretch.purpose, Purpose::Expected { .. })
                };
                if let Some(stretch) = booked.find(own) {
                    stretch.purpose = Purpose::Waiting(coming.entry.id);
                }
            }
            let patience = self.clinic.patience(self.random);
            self.line.push(Waiting {
                leaves_at: patience.is_finite().then(|| self.now + length(patience)),
                entry: Entry {
                    joined_at: self.now,
                    ..coming.entry
                },
                service: coming.service,
                left: false,
                told: Vec::new(),
            });
        }
    }

    fn leave(&mut self) {
        for one in &mut self.line {
            if !one.left && one.leaves_at.is_some_and(|leaves| leaves <= self.now) {
                one.left = true;
                self.learned
                    .waited(minutes(self.now - one.entry.joined_at), true);
            }
        }
    }

    fn finish(&mut self) {
        for (desk, visit) in self.desks.iter_mut().zip(&mut self.visits) {
            let Some(over) = visit.take_if(|visit| visit.until <= self.now) else {
                continue;
            };
            desk.serving = None;
            desk.free_at = self.now;
            self.learned.called(over.came);
            if over.came {
                let kind = &self.clinic.services[over.service];
                let took = minutes(over.until - over.called);
                self.learned
                    .served(desk.expert, kind.skill, kind.expected_minutes, took);
            }
        }
    }

    /// A free desk calls whose turn it is; answers whether one did.
    fn call(&mut self) -> bool {
        let entries: Vec<Entry> = self.line.iter().map(|one| one.entry.clone()).collect();
        let mut desks = self.desks.iter().enumerate();
        let found = desks.find_map(|(desk, state)| {
            next_for(state, &entries, self.now).map(|place| (desk, place))
        });
        let Some((desk, place)) = found else {
            return false;
        };
        let one = self.line.remove(place);
        let handover = drawn(Exp::new(1.0 / HANDOVER), self.random).unwrap_or(HANDOVER);
        let called = self.now + length(handover);
        self.told.push(Told {
            estimates: one.told,
            called,
        });
        if one.left {
            return true;
        }
        self.learned
            .waited(minutes(called - one.entry.joined_at), false);
        self.learned.handed_over(handover);
        let kind = &self.clinic.services[one.service];
        let came = !self.random.random_bool(self.clinic.missing);
        let takes = if came {
            kind.truth.draw(self.random) * self.clinic.paces[desk]
        } else {
            f64::from(OFFER)
        };
        self.desks[desk].serving = Some(Serving {
            skill: one.entry.skill,
            expected_minutes: kind.expected_minutes,
            since: called,
        });
        self.visits[desk] = Some(Visit {
            service: one.service,
            called,
            until: called + length(takes),
            came,
        });
        true
    }

    fn announce(&mut self) {
        let entries = self
            .line
            .iter()
            .filter(|one| !one.left)
            .map(|one| one.entry.clone());
        let entries: Vec<Entry> = entries.collect();
        let new = self.line.iter().any(|one| !one.left && one.told.is_empty());
        let worth = |(_, changes): &(Knowing, bool)| new || *changes && !entries.is_empty();
        let Some((knowing, changes)) = self.telling.filter(worth) else {
            return;
        };
        let mut desks = self.desks.clone();
        if knowing == Knowing::NotElapsed {
            for serving in desks.iter_mut().filter_map(|desk| desk.serving.as_mut()) {
                serving.since = self.now;
            }
        }
        let found = estimate(&entries, &desks, self.learned, OFFER, self.seed, self.now);
        let found: BTreeMap<Uuid, Estimate> = entries.iter().map(|one| one.id).zip(found).collect();
        for one in self.line.iter_mut().filter(|one| !one.left) {
            let Some(known) = found.get(&one.entry.id) else {
                continue;
            };
            let new = one
                .told
                .last()
                .is_none_or(|(at, told)| changes && is_real_change(told, *at, known, self.now));
            if new {
                one.told.push((self.now, *known));
            }
        }
    }
}
