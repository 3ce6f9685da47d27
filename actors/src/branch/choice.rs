//! Whose turn it is: candidates from memory, their shares, and what is on its way to them already.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use actix::prelude::*;
use belfry_domain::assignment::{Candidate, Occasion, Shares, rank};
use belfry_domain::branch::{BranchSettings, Terms};
use belfry_domain::id::UserId;
use belfry_domain::{Instant, wall};
use belfry_store::StoreError;
use belfry_store::assignment::NewAssignment;
use belfry_store::branch::Member;
use chrono::{DateTime, TimeDelta};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{BranchActor, Memory};
use crate::expert::{FreeTime, Refused};
use crate::{Place, World};

/// How long shares are believed; what is given away here meanwhile is added.
const BELIEVED: Duration = Duration::from_secs(300);
/// Who is there matters for what starts within this time.
const SOON: TimeDelta = TimeDelta::hours(2);

/// What somebody wants of a branch.
#[derive(Clone, Debug)]
pub struct Wish {
    pub starts_at: Instant,
    /// The branch's own length when left out.
    pub minutes: Option<u16>,
    pub skill: Option<String>,
    /// With whom the client was before.
    pub previous: Option<UserId>,
    /// Who is not to be chosen: nobody books themself.
    pub client: UserId,
}

/// A booking that is on its way to an expert.
pub(super) struct Flight {
    expert: UserId,
    from: i64,
    until: i64,
}

/// How much of the branch's work everybody had.
#[derive(Default)]
pub(super) struct Book {
    read_at: Option<std::time::Instant>,
    shares: Option<Shares>,
    /// When somebody was last given something.
    assigned_at: HashMap<UserId, Instant>,
}

impl Book {
    /// Reads it again for the next choice.
    pub fn doubt(&mut self) {
        self.read_at = None;
    }

    fn is_believed(&self) -> bool {
        self.read_at.is_some_and(|at| at.elapsed() < BELIEVED)
    }

    async fn read(
        world: &World,
        members: &[Member],
        settings: &BranchSettings,
    ) -> Result<Self, StoreError> {
        let read_at = Some(std::time::Instant::now());
        let now = world.clock.now();
        let (half_life, ahead) = (settings.half_life_days, settings.horizon_days);
        let ids: Vec<UserId> = members.iter().map(|member| member.id).collect();
        let since = Shares::reaches_back(half_life, now);
        let until = now + TimeDelta::days(i64::from(ahead) + 1);
        let mut shares = Shares::new(half_life, ahead, since, until);
        let schedules = world.store.schedules(&ids, since).await?;
        for member in members {
            if let Some(schedule) = schedules.get(&member.id) {
                shares.join(member.id, schedule, member.since);
            }
        }
        let mut assigned_at: HashMap<UserId, Instant> = HashMap::new();
        for done in world.store.worked(&ids, since).await? {
            let minutes = (done.ends_at - done.starts_at).num_minutes() as f64;
            shares.add(done.expert, done.starts_at, minutes);
            let last = assigned_at.entry(done.expert).or_insert(done.made_at);
            *last = done.made_at.max(*last);
        }
        Ok(Self {
            read_at,
            shares: Some(shares),
            assigned_at,
        })
    }

    fn add(&mut self, given: &Given) {
        if let Some(shares) = &mut self.shares {
            shares.add(given.expert, given.starts_at, f64::from(given.minutes));
        }
        let last = self.assigned_at.entry(given.expert);
        let last = last.or_insert(given.made_at);
        *last = given.made_at.max(*last);
    }
}

/// Asks for the expert who is to be asked next, of those who were not tried yet.
#[derive(Message)]
#[rtype(result = "Result<Answer, Refused>")]
pub(super) struct Choose {
    pub wish: Wish,
    /// Decides between equals, and names the flight until it has landed.
    pub ticket: Uuid,
    pub tried: Vec<UserId>,
    /// Kept until it is answered.
    pub place: Place,
}

/// Whom to ask.
pub(super) struct Answer {
    pub minutes: u16,
    /// Where to come to.
    pub address: String,
    pub chosen: Option<Chosen>,
    /// If nobody: free starts near the one wanted, and who would be able.
    pub near: Vec<i64>,
    pub able: Vec<(UserId, Terms)>,
}

pub(super) struct Chosen {
    pub expert: UserId,
    pub terms: Terms,
    pub assignment: NewAssignment,
}

impl Handler<Choose> for BranchActor {
    type Result = AtomicResponse<Self, Result<Answer, Refused>>;

    fn handle(&mut self, asked: Choose, _: &mut Context<Self>) -> Self::Result {
        let minutes = asked.wish.minutes;
        if self.book.is_believed() && self.memory.is_some() {
            return self.refreshed(minutes, move |actor, minutes| actor.choose(asked, minutes));
        }
        // Shares first: what changes meanwhile is seen by the look at everybody's time that comes after.
        let (world, id) = (self.world.clone(), self.id);
        let known = self.memory.clone().filter(Memory::is_believed);
        let read = async move {
            let memory = match known {
                Some(memory) => memory,
                None => Memory::read(&world, id).await?,
            };
            let book = Book::read(&world, &memory.members, &memory.branch.settings).await?;
            Ok((memory, book))
        };
        let read = read.into_actor(self).then(move |read, actor, _| {
            match read {
                Ok((memory, book)) => {
                    actor.remember(memory);
                    actor.book = book;
                }
                Err(refused) => {
                    let refused = std::future::ready(Err(refused)).into_actor(actor);
                    return Box::pin(refused) as ResponseActFuture<Self, Result<Answer, Refused>>;
                }
            }
            actor.looked_at(minutes, move |actor, minutes| actor.choose(asked, minutes))
        });
        AtomicResponse::new(Box::pin(read))
    }
}

impl BranchActor {
    fn choose(&mut self, asked: Choose, minutes: u16) -> Result<Answer, Refused> {
        let Choose {
            wish,
            ticket,
            tried,
            place: _place,
        } = asked;
        let now = self.world.clock.now();
        let memory = self.memory.clone().ok_or(Refused::NoBranch)?;
        let settings = &memory.branch.settings;
        let start = wish.starts_at.timestamp();
        let until = start + i64::from(minutes) * 60;
        let whole = wish.starts_at.timestamp_subsec_nanos() == 0;
        let able: Vec<(UserId, Terms)> = self
            .able(wish.skill.as_deref())
            .filter(|member| member.id != wish.client)
            .map(|member| (member.id, settings.terms(member.presence)))
            .collect();
        let candidates = self.able(wish.skill.as_deref()).filter_map(|member| {
            let time = self.times.get(&(member.id, minutes))?;
            let free = whole && time.starts.binary_search(&start).is_ok();
            let wanted = member.id != wish.client && !tried.contains(&member.id);
            (free && wanted).then(|| self.candidate(member, time, (start, until), &wish))
        });
        let candidates: Vec<Candidate> = candidates.collect();
        let occasion = Occasion {
            now,
            max_load: settings.max_load,
            soon: wish.starts_at < now + SOON,
            salt: ticket,
        };
        let mut ranked = rank(settings.strategy, candidates, &occasion);
        // Whoever is just being asked for this very time comes last: it may come to nothing.
        let asked: BTreeSet<UserId> = self
            .flights
            .iter()
            .filter(|(other, flight)| {
                **other != ticket && flight.from < until && start < flight.until
            })
            .map(|(_, flight)| flight.expert)
            .collect();
        ranked.sort_by_key(|one| asked.contains(&one.candidate.expert));
        let chosen = ranked.first().map(|first| first.candidate.expert);
        let terms = chosen.and_then(|chosen| able.iter().find(|(id, _)| *id == chosen));
        let chosen = terms.map(|(expert, terms)| Chosen {
            expert: *expert,
            terms: *terms,
            assignment: NewAssignment {
                branch_id: self.id,
                strategy: settings.strategy,
                skill: wish.skill.clone(),
                passed_on: tried.clone(),
                candidates: ranked,
            },
        });
        match &chosen {
            Some(chosen) => {
                let flight = Flight {
                    expert: chosen.expert,
                    from: start,
                    until,
                };
                self.flights.insert(ticket, flight);
            }
            None => drop(self.flights.remove(&ticket)),
        }
        let near = match chosen {
            Some(_) => Vec::new(),
            None => self.board(minutes, wish.skill).nearest(start, 3),
        };
        Ok(Answer {
            minutes,
            address: memory.branch.address.clone(),
            chosen,
            near,
            able,
        })
    }

    fn candidate(
        &self,
        member: &Member,
        time: &FreeTime,
        (start, until): (i64, i64),
        wish: &Wish,
    ) -> Candidate {
        let now = self.world.clock.now();
        let shares = self.book.shares.as_ref();
        let (worked, fair) = shares.map_or((0.0, 0.0), |shares| shares.of(member.id, now));
        let date = |second| {
            let instant = DateTime::from_timestamp(second, 0).unwrap_or_default();
            wall::local_date(time.time_zone, instant)
        };
        let wanted = date(start);
        let load = time
            .counted
            .iter()
            .filter(|at| date(**at) == wanted)
            .count();
        let touches = |(from, to): &&(i64, i64)| *to == start || *from == until;
        let touching = time.taken.iter().filter(touches).count();
        Candidate {
            expert: member.id,
            worked_minutes: worked.round(),
            fair_minutes: fair.round(),
            load: u16::try_from(load).unwrap_or(u16::MAX),
            adjoining: u8::try_from(touching).unwrap_or(2).min(2),
            previous: wish.previous == Some(member.id),
            presence: member.presence,
            assigned_at: self.book.assigned_at.get(&member.id).copied(),
        }
    }
}

/// A flight is over.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Landed {
    pub ticket: Uuid,
}

impl Handler<Landed> for BranchActor {
    type Result = ();

    fn handle(&mut self, Landed { ticket }: Landed, _: &mut Context<Self>) {
        self.flights.remove(&ticket);
    }
}

/// Something was given to an expert, here or by another node.
#[derive(Message, Clone, Serialize, Deserialize)]
#[rtype(result = "()")]
pub(super) struct Given {
    pub expert: UserId,
    pub starts_at: Instant,
    pub minutes: u16,
    /// When it was made, which is before this is heard.
    pub made_at: Instant,
}

impl Handler<Given> for BranchActor {
    type Result = ();

    fn handle(&mut self, given: Given, _: &mut Context<Self>) {
        self.book.add(&given);
    }
}
