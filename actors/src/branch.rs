//! One actor per branch and node: it knows when somebody of the branch is free, and whose turn it is (B1, B2).
//!
//! It keeps, for each length that was asked for, how many experts are free at each start. An expert whose time has
//! changed is asked anew and counted anew; the others are not. Its memory is a cache: dropping it is safe at any time,
//! and whether a time is really free is decided by the expert's actor and the database, as ever.
//!
//! One owner per branch among the nodes is not needed for that, and would be in the way. What needs one takes a lease
//! named after the branch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use belfry_domain::Instant;
use belfry_domain::branch::Branch;
use belfry_domain::id::{BranchId, UserId};
use belfry_store::branch::Member;
use futures::future::join_all;
use uuid::Uuid;

use crate::World;
use crate::expert::{Experts, FreeTime, Refused};

/// How many are free at each start.
mod board;
/// Whose turn it is.
mod choice;
/// What branches do for callers: the handle to all branch actors of this node.
mod desk;
/// Free slots of a branch as they are answered.
mod slots;

pub use choice::Wish;
pub use desk::{BranchBooking, Branches};
pub use slots::{BranchQuery, View};

use board::Board;
use choice::{Book, Flight};
use slots::BranchAnswer;

/// An actor that nobody asked for this long lets go of its memory.
const IDLE: Duration = Duration::from_secs(600);
/// How long it is believed who works at a branch, should the word of a change have been lost.
const BELIEVED: Duration = Duration::from_secs(60);
/// Boards, answers and lengths kept ready, each.
const MOST_KEPT: usize = 64;

/// Lengths and skills that were asked for.
type BoardKey = (u16, Option<String>);

/// The actor of one branch.
pub struct BranchActor {
    id: BranchId,
    world: World,
    experts: Experts,
    memory: Option<Memory>,
    /// Free time by expert and length.
    times: HashMap<(UserId, u16), Arc<FreeTime>>,
    boards: HashMap<BoardKey, Board>,
    answers: HashMap<BranchQuery, Arc<BranchAnswer>>,
    book: Book,
    /// Bookings that are on their way to an expert.
    flights: HashMap<Uuid, Flight>,
    last_asked: std::time::Instant,
}

/// What is remembered of the branch itself.
#[derive(Clone)]
struct Memory {
    read_at: std::time::Instant,
    branch: Arc<Branch>,
    members: Arc<Vec<Member>>,
}

impl Memory {
    async fn read(world: &World, id: BranchId) -> Result<Self, Refused> {
        let read_at = std::time::Instant::now();
        let branch = world.store.branch(id).await?.ok_or(Refused::NoBranch)?;
        let members = world.store.branch_members(id).await?;
        Ok(Self {
            read_at,
            branch: Arc::new(branch),
            members: Arc::new(members),
        })
    }

    fn is_believed(&self) -> bool {
        self.read_at.elapsed() < BELIEVED
    }
}

/// What was found out anew.
struct Found {
    memory: Memory,
    minutes: u16,
    /// Times of experts that had changed; `None` for who could not be asked.
    times: Vec<(UserId, Option<Arc<FreeTime>>)>,
}

impl BranchActor {
    fn new(id: BranchId, world: World, experts: Experts) -> Self {
        Self {
            id,
            world,
            experts,
            memory: None,
            times: HashMap::new(),
            boards: HashMap::new(),
            answers: HashMap::new(),
            book: Book::default(),
            flights: HashMap::new(),
            last_asked: std::time::Instant::now(),
        }
    }

    /// Asks again about everything that may have changed, then goes on. Other callers wait meanwhile, so that nothing
    /// is asked twice.
    fn refreshed<T: 'static>(
        &mut self,
        minutes: Option<u16>,
        then: impl FnOnce(&mut Self, u16) -> Result<T, Refused> + 'static,
    ) -> AtomicResponse<Self, Result<T, Refused>> {
        AtomicResponse::new(self.looked_at(minutes, then))
    }

    fn looked_at<T: 'static>(
        &mut self,
        minutes: Option<u16>,
        then: impl FnOnce(&mut Self, u16) -> Result<T, Refused> + 'static,
    ) -> ResponseActFuture<Self, Result<T, Refused>> {
        self.last_asked = std::time::Instant::now();
        let (world, experts, id) = (self.world.clone(), self.experts.clone(), self.id);
        let known = self.memory.clone().filter(Memory::is_believed);
        let now = world.clock.now();
        let current = self.current(now);
        let found = async move {
            let memory = match known {
                Some(memory) => memory,
                None => Memory::read(&world, id).await?,
            };
            let settings = &memory.branch.settings;
            let minutes = minutes.unwrap_or(settings.default_minutes);
            let asked = memory.members.iter().filter_map(|member| {
                let terms = settings.terms(member.presence);
                let known = current.get(&(member.id, minutes));
                let known = known.is_some_and(|time| time.terms == terms);
                let experts = &experts;
                let look = async move {
                    let time = experts.look_ahead(member.id, minutes, terms).await;
                    (member.id, time.ok())
                };
                (!known).then_some(look)
            });
            let times = join_all(asked).await;
            Ok::<_, Refused>(Found {
                minutes,
                times,
                memory,
            })
        };
        let found = found.into_actor(self).map(|found, actor, _| {
            let found = found?;
            let minutes = found.minutes;
            actor.take_in(found);
            then(actor, minutes)
        });
        Box::pin(found)
    }

    /// What is known and still holds.
    fn current(&self, now: Instant) -> HashMap<(UserId, u16), Arc<FreeTime>> {
        let times = self.times.iter();
        times
            .filter(|((expert, _), time)| self.experts.is_current(*expert, time, now))
            .map(|(key, time)| (*key, time.clone()))
            .collect()
    }

    /// What was counted by another memory is counted anew.
    fn remember(&mut self, read: Memory) {
        let same = |memory: &Memory| {
            let same =
                Arc::ptr_eq(&memory.members, &read.members) || memory.members == read.members;
            same && memory.branch == read.branch
        };
        if !self.memory.as_ref().is_some_and(same) {
            let members = &read.members;
            self.times
                .retain(|(expert, _), _| members.iter().any(|member| member.id == *expert));
            self.boards.clear();
            self.answers.clear();
        }
        self.memory = Some(read);
    }

    fn take_in(&mut self, found: Found) {
        let most = MOST_KEPT * found.memory.members.len();
        if self.times.len() > most {
            // Anybody may ask for any length.
            self.times
                .retain(|(_, minutes), _| *minutes == found.minutes);
        }
        self.remember(found.memory);
        if !found.times.is_empty() {
            self.answers.clear();
        }
        for (expert, time) in found.times {
            for ((minutes, _), board) in &mut self.boards {
                if *minutes == found.minutes {
                    board.replace(expert, time.clone());
                }
            }
            let key = (expert, found.minutes);
            match time {
                Some(time) => self.times.insert(key, time),
                None => self.times.remove(&key),
            };
        }
    }

    /// Who can do what is asked for.
    fn able<'a>(&'a self, skill: Option<&'a str>) -> impl Iterator<Item = &'a Member> {
        let members = self.memory.iter().flat_map(|memory| memory.members.iter());
        members.filter(move |member| {
            skill.is_none_or(|skill| member.skills.iter().any(|known| known == skill))
        })
    }

    /// The board of this length and skill, made if need be.
    fn board(&mut self, minutes: u16, skill: Option<String>) -> &Board {
        let key = (minutes, skill);
        if !self.boards.contains_key(&key) {
            if self.boards.len() >= MOST_KEPT {
                self.boards.clear();
            }
            let able = self.able(key.1.as_deref());
            let times = able.map(|member| (member.id, self.times.get(&(member.id, minutes))));
            let board = Board::of(times.map(|(id, time)| (id, time.cloned())));
            self.boards.insert(key.clone(), board);
        }
        self.boards.entry(key).or_default()
    }
}

impl Actor for BranchActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.world.bus.subscribe(&format!("branch:{}", self.id));
        ctx.run_interval(IDLE / 10, |actor, ctx| {
            if actor.last_asked.elapsed() > IDLE && actor.flights.is_empty() {
                ctx.stop();
            }
        });
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.world.bus.unsubscribe(&format!("branch:{}", self.id));
    }
}

/// Somebody is there now or not, which changes nobody's share.
#[derive(Message)]
#[rtype(result = "()")]
struct PresenceChanged;

impl Handler<PresenceChanged> for BranchActor {
    type Result = ();

    fn handle(&mut self, _: PresenceChanged, _: &mut Context<Self>) {
        self.memory = None;
    }
}

/// Somebody joined, left or changed, or the branch did: what is remembered is read again.
#[derive(Message)]
#[rtype(result = "()")]
struct Changed;

impl Handler<Changed> for BranchActor {
    type Result = ();

    fn handle(&mut self, _: Changed, _: &mut Context<Self>) {
        self.memory = None;
        self.book.doubt();
    }
}
