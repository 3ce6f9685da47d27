//! The waiting queue of a branch: who is there, in which order they are served, and how (B3, B5).
//!
//! A visit is one person's time at a branch. Its row is what is true; whoever moves it does so by the one table of
//! moves here, and the database lets only one of those who move it at once have it.
//!
//! **The order.** Those whom staff called back to the front come first, then appointments whose time has come, by
//! their start, then everybody else by when they joined. An appointment before its time waits for it without
//! keeping anybody. Ties are broken by id, so every node reads the same order out of the same rows. Who is put back
//! changes places with those whom they are put behind ([`behind`]); so everybody else keeps theirs.

use std::cmp::Ordering;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::Instant;
use crate::account::UnknownName;
use crate::booking::{Party, Status};
use crate::id::{BookingId, BranchId, VisitId};

/// What is not known of a line, and how it is drawn.
mod chance;
/// How long services take, learned from those that are over.
pub mod duration;
/// How long each of the line will wait, and how good such estimates were.
pub mod estimate;
/// The merged line of walk-ins and appointments, and how desks take it.
pub mod line;
/// Who is offered to whom, and who is put behind whom.
mod order;
/// The line played on from now.
mod replay;

pub use order::{Desk, Turn, behind, turns};

/// Where somebody is on their way through a branch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In the line.
    Waiting,
    /// An expert is kept for them alone until their offer runs out.
    Offered,
    /// They go to their expert.
    Called,
    /// With their expert.
    Serving,
    /// Served.
    Done,
    /// They went.
    Left,
    /// They did not come when it was their turn.
    NoShow,
    /// They waited as long as the branch lets anybody wait.
    TimedOut,
    /// They wait at another branch.
    Transferred,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Offered,
        Self::Called,
        Self::Serving,
        Self::Done,
        Self::Left,
        Self::NoShow,
        Self::TimedOut,
        Self::Transferred,
    ];

    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Offered => "offered",
            Self::Called => "called",
            Self::Serving => "serving",
            Self::Done => "done",
            Self::Left => "left",
            Self::NoShow => "no_show",
            Self::TimedOut => "timed_out",
            Self::Transferred => "transferred",
        }
    }

    /// Whether it is not over yet.
    pub fn is_open(self) -> bool {
        self == Self::Waiting || self.has_expert()
    }

    /// Whether nothing can follow.
    pub fn is_final(self) -> bool {
        Self::ALL.iter().all(|next| !self.may_become(*next))
    }

    /// Whether an expert has nobody else meanwhile.
    pub fn has_expert(self) -> bool {
        matches!(self, Self::Offered | Self::Called | Self::Serving)
    }

    /// The one table of moves: whether `next` may follow.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Waiting => matches!(
                next,
                Self::Waiting
                    | Self::Offered
                    | Self::Called
                    | Self::Left
                    | Self::TimedOut
                    | Self::Transferred
            ),
            Self::Offered => matches!(
                next,
                Self::Waiting | Self::Called | Self::Left | Self::NoShow | Self::Transferred
            ),
            Self::Called => matches!(
                next,
                Self::Waiting
                    | Self::Called
                    | Self::Serving
                    | Self::Left
                    | Self::NoShow
                    | Self::Transferred
            ),
            Self::Serving => next == Self::Done,
            // Called back to the front.
            Self::NoShow => next == Self::Waiting,
            Self::Done | Self::Left | Self::TimedOut | Self::Transferred => false,
        }
    }
}

impl FromStr for State {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or(UnknownName)
    }
}

/// Where a visit stands in its line. Smaller is sooner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Standing {
    /// [`Standing::FRONT`], [`Standing::BOOKED`] or [`Standing::WALKED_IN`].
    pub rank: i64,
    pub at: Instant,
    /// Breaks ties.
    pub tie: Uuid,
}

impl Standing {
    /// Called back by staff.
    pub const FRONT: i64 = 0;
    /// An appointment, by its start.
    pub const BOOKED: i64 = 1;
    /// Everybody else, by when they joined.
    pub const WALKED_IN: i64 = 2;
}

/// A branch as a visit names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BranchRef {
    pub id: BranchId,
    pub name: String,
}

/// One person's time at a branch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visit {
    pub id: VisitId,
    pub branch: BranchRef,
    /// What is called out: 1, 2, 3 … on each date of the branch.
    pub number: i64,
    pub state: State,
    /// The account, if they have one.
    pub client: Option<Party>,
    /// What they are called by at the branch.
    pub name: String,
    /// The appointment they came for.
    pub booking_id: Option<BookingId>,
    /// The one expert they wait for, if it must be one.
    pub wanted: Option<Party>,
    /// What their expert must be able to do.
    pub skill: Option<String>,
    pub note: Option<String>,
    /// How long it is expected to take.
    pub minutes: u16,
    /// Who is kept for them, or had them.
    pub expert: Option<Party>,
    pub standing: Standing,
    pub joined_at: Instant,
    /// Not offered to anybody before.
    pub not_before: Option<Instant>,
    /// When they have waited long enough.
    pub times_out_at: Instant,
    pub offer_expires_at: Option<Instant>,
    pub called_at: Option<Instant>,
    pub started_at: Option<Instant>,
    pub ended_at: Option<Instant>,
    /// Offers they let pass.
    pub misses: i64,
    /// The visit at another branch that this one goes on from, and the one that goes on from it.
    pub previous_id: Option<VisitId>,
    pub next_id: Option<VisitId>,
    pub version: i64,
}

/// What happens to a visit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// An expert is kept for them until then.
    Offer { expert: Party, until: Instant },
    /// They take what was offered.
    AcceptOffer,
    /// They do not want it now, and are not asked again before `rest` is over.
    Decline { rest: TimeDelta },
    /// Nobody answered the offer.
    Miss,
    /// An expert takes them.
    Accept { expert: Party },
    /// They are with their expert.
    Start,
    /// It is over.
    Finish,
    /// They go behind the next.
    Skip,
    /// They are called once more; whoever did not come goes to the front, to wait at most until then.
    Recall { until: Instant },
    /// They did not come.
    NoShow,
    /// They go.
    Leave,
    /// They have waited long enough.
    TimeOut,
    /// They go on at another branch, as that visit.
    Transfer { to: VisitId },
}

/// Offers that somebody may let pass before they count as not there.
pub const MOST_MISSES: i64 = 2;

impl Visit {
    /// Somebody who walks in at `now`, for whoever is free first; their number is given when they are written.
    pub fn walked_in(
        branch: BranchRef,
        name: String,
        minutes: u16,
        timeout: TimeDelta,
        now: Instant,
    ) -> Self {
        let id = VisitId::at(now);
        Self {
            id,
            branch,
            number: 0,
            state: State::Waiting,
            client: None,
            name,
            booking_id: None,
            wanted: None,
            skill: None,
            note: None,
            minutes,
            expert: None,
            standing: Standing {
                rank: Standing::WALKED_IN,
                at: now,
                tie: id.uuid(),
            },
            joined_at: now,
            not_before: None,
            times_out_at: now + timeout,
            offer_expires_at: None,
            called_at: None,
            started_at: None,
            ended_at: None,
            misses: 0,
            previous_id: None,
            next_id: None,
            version: 1,
        }
    }

    /// The visit as it is after a step. Whoever is put back into the line keeps the standing they had; [`behind`] says
    /// what becomes of it.
    ///
    /// # Errors
    /// `OfferGone`, `Taken`, `NotYet`, `WrongState`.
    pub fn step(&self, step: &Step, now: Instant) -> Result<Self, QueueError> {
        let state = self.next(step, now)?;
        if !self.state.may_become(state) {
            return Err(QueueError::WrongState { state: self.state });
        }
        let mut after = Self {
            state,
            offer_expires_at: None,
            ended_at: (!state.is_open()).then_some(now),
            version: self.version + 1,
            ..self.clone()
        };
        match step {
            Step::Offer { expert, until } => {
                after.expert = Some(expert.clone());
                after.offer_expires_at = Some(*until);
            }
            Step::Accept { expert } => after.expert = Some(expert.clone()),
            Step::Start => after.started_at = Some(now),
            Step::Miss => after.misses += 1,
            Step::Decline { rest } => {
                after.misses += 1;
                after.not_before = after.not_before.max(Some(now + *rest));
            }
            Step::Recall { until } if state == State::Waiting => {
                after.standing = Standing {
                    rank: Standing::FRONT,
                    at: now,
                    tie: self.id.uuid(),
                };
                after.not_before = None;
                after.misses = 0;
                after.times_out_at = *until;
            }
            Step::Transfer { to } => after.next_id = Some(*to),
            _ => {}
        }
        match state {
            State::Waiting => (after.expert, after.called_at) = (None, None),
            State::Called => after.called_at = Some(now),
            _ => {}
        }
        Ok(after)
    }

    fn next(&self, step: &Step, now: Instant) -> Result<State, QueueError> {
        let wrong = Err(QueueError::WrongState { state: self.state });
        let misses_out = self.misses + 1 >= MOST_MISSES;
        let standing = self.state == State::Offered && self.offer_expires_at > Some(now);
        Ok(match step {
            Step::Offer { .. } if self.state != State::Waiting => return Err(QueueError::Taken),
            Step::Offer { .. } if !self.may_be_offered(now) => return Err(QueueError::NotYet),
            Step::Offer { .. } => State::Offered,
            Step::AcceptOffer | Step::Decline { .. } if !standing => {
                return Err(QueueError::OfferGone);
            }
            Step::AcceptOffer => State::Called,
            Step::Decline { .. } if misses_out => State::Left,
            Step::Decline { .. } => State::Waiting,
            Step::Miss if self.state != State::Offered || standing => return wrong,
            Step::Miss if misses_out => State::NoShow,
            Step::Miss => State::Waiting,
            Step::Accept { expert } => match self.state {
                State::Waiting => State::Called,
                // The expert for whom they are kept need not wait for the answer.
                State::Offered if self.expert.as_ref().is_some_and(|e| e.id == expert.id) => {
                    State::Called
                }
                _ => return Err(QueueError::Taken),
            },
            Step::Start => State::Serving,
            Step::Finish => State::Done,
            Step::Skip if matches!(self.state, State::Waiting | State::Called) => State::Waiting,
            Step::Skip => return wrong,
            Step::Recall { .. } => match self.state {
                State::Called => State::Called,
                State::NoShow => State::Waiting,
                _ => return wrong,
            },
            Step::NoShow => State::NoShow,
            Step::Leave => State::Left,
            Step::TimeOut if self.times_out_at > now => return wrong,
            Step::TimeOut => State::TimedOut,
            Step::Transfer { .. } => State::Transferred,
        })
    }

    /// Whether it may be their turn at `now`.
    pub fn may_be_offered(&self, now: Instant) -> bool {
        self.state == State::Waiting && self.not_before.is_none_or(|at| at <= now)
    }

    /// Since when they wait: an appointment from its time on.
    pub fn waits_since(&self) -> Instant {
        match self.standing.rank {
            Standing::BOOKED => self.joined_at.max(self.standing.at),
            _ => self.joined_at,
        }
    }

    /// Where it comes among the visits of its branch at `now`: those with an expert, then those whose time has come,
    /// then those who wait for theirs.
    pub fn place(&self, now: Instant) -> (u8, Standing) {
        let group = match self.state {
            State::Serving => 0,
            State::Called => 1,
            State::Offered => 2,
            _ if self.may_be_offered(now) => 3,
            _ => 4,
        };
        (group, self.standing)
    }

    /// Compares two visits of one branch by [`Visit::place`].
    pub fn before(&self, other: &Self, now: Instant) -> Ordering {
        self.place(now).cmp(&other.place(now))
    }
}

/// How many of a branch's open visits, in order, come before this one and are not served yet; 0 once it is called.
pub fn ahead(line: &[Visit], visit: &Visit) -> i64 {
    let waits = |state| matches!(state, State::Waiting | State::Offered);
    if !waits(visit.state) {
        return 0;
    }
    let before = line.iter().take_while(|other| other.id != visit.id);
    before.filter(|other| waits(other.state)).count() as i64
}

/// Why a command about a visit was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum QueueError {
    #[error("they are in the line of this branch already")]
    AlreadyInQueue { visit: Option<VisitId> },
    #[error("nobody may join now")]
    Closed { reason: &'static str },
    #[error("as many wait as may")]
    Full,
    #[error("somebody else has them")]
    Taken,
    #[error("the expert has somebody")]
    ExpertOccupied,
    #[error("it is not their turn yet")]
    NotYet,
    #[error("there is no offer any more")]
    OfferGone,
    #[error("not from this state")]
    WrongState { state: State },
    #[error("the appointment is {} by now", status.as_str())]
    WrongStatus { status: Status },
    #[error("it was changed meanwhile")]
    Stale,
    #[error("no such visit")]
    NotFound,
}

impl QueueError {
    /// The stable code of the public contract.
    pub fn code(self) -> &'static str {
        match self {
            Self::AlreadyInQueue { .. } => "already-in-queue",
            Self::Closed { .. } => "queue-closed",
            Self::Full => "queue-full",
            Self::Taken => "visit-taken",
            Self::ExpertOccupied => "expert-occupied",
            Self::NotYet => "too-early",
            Self::OfferGone => "offer-gone",
            Self::WrongState { .. } => "wrong-state",
            Self::WrongStatus { .. } => "wrong-status",
            Self::Stale => "stale",
            Self::NotFound => "not-found",
        }
    }
}
