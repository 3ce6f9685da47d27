//! What events say of visits to a branch.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Event, EventType, Person, to_value};
use crate::Instant;
use crate::booking::{Actor, Party};
use crate::id::{BookingId, BranchId, EventId, UserId, VisitId};
use crate::queue::{BranchRef, Visit};

/// Word of somebody's turn is of no use after so long.
const WORTH: TimeDelta = TimeDelta::hours(2);

/// A branch named in an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BranchFacts {
    pub id: BranchId,
    pub name: String,
}

impl From<&BranchRef> for BranchFacts {
    fn from(branch: &BranchRef) -> Self {
        Self {
            id: branch.id,
            name: branch.name.clone(),
        }
    }
}

/// Data of every `visit.*` event: the visit right after the change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VisitFacts {
    pub visit_id: VisitId,
    /// What is called out.
    pub number: i64,
    pub state: String,
    pub branch: BranchFacts,
    /// Absent for whoever has no account.
    pub client: Option<Person>,
    pub name: String,
    pub expert: Option<Person>,
    /// The appointment they came for.
    pub booking_id: Option<BookingId>,
    pub skill: Option<String>,
    pub note: Option<String>,
    pub minutes: u16,
    pub joined_at: Instant,
    pub offer_expires_at: Option<Instant>,
    /// Offers they let pass.
    pub misses: i64,
    pub previous_id: Option<VisitId>,
    /// The visit that goes on from this one, and where.
    pub next_id: Option<VisitId>,
    pub moved_to: Option<BranchFacts>,
    pub actor_id: Option<UserId>,
    pub actor_name: String,
    pub actor_role: String,
}

impl VisitFacts {
    /// The facts of a visit as it stands.
    pub fn of(visit: &Visit, moved_to: Option<&BranchRef>, actor: Actor) -> Self {
        let person = |party: &Party| Person {
            id: party.id,
            name: party.name.clone(),
        };
        Self {
            visit_id: visit.id,
            number: visit.number,
            state: visit.state.as_str().to_owned(),
            branch: (&visit.branch).into(),
            client: visit.client.as_ref().map(person),
            name: visit.name.clone(),
            expert: visit.expert.as_ref().map(person),
            booking_id: visit.booking_id,
            skill: visit.skill.clone(),
            note: visit.note.clone(),
            minutes: visit.minutes,
            joined_at: visit.joined_at,
            offer_expires_at: visit.offer_expires_at,
            misses: visit.misses,
            previous_id: visit.previous_id,
            next_id: visit.next_id,
            moved_to: moved_to.map(BranchFacts::from),
            actor_id: actor.id,
            actor_name: actor.name,
            actor_role: actor.role,
        }
    }

    /// The visitor and the expert, as far as they have accounts.
    pub fn sides(&self) -> [Option<UserId>; 2] {
        [&self.client, &self.expert].map(|side| side.as_ref().map(|person| person.id))
    }

    /// After this instant a message about it is not worth sending any more.
    pub fn worth_until(&self, event: &Event) -> Instant {
        self.offer_expires_at.unwrap_or(event.time + WORTH)
    }
}

impl Event {
    /// The event that tells of a visit; `visit` is its state after the change, `moved_to` where it goes on.
    pub fn of_visit(
        kind: EventType,
        visit: &Visit,
        moved_to: Option<&BranchRef>,
        actor: Actor,
        now: Instant,
    ) -> Self {
        Self {
            id: EventId::at(now),
            kind,
            subject: format!("visit/{}", visit.id),
            subject_version: visit.version,
            time: now,
            data: to_value(&VisitFacts::of(visit, moved_to, actor)),
        }
    }
}
