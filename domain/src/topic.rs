//! What a live connection can listen to besides its own inbox.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::account::Caller;
use crate::id::{BookingId, BranchId, UserId};

/// A subject of momentary events.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Topic {
    /// `expert:{id}:slots`: the expert's free slots changed.
    ExpertSlots(UserId),
    /// `branch:{id}:slots`: the free slots of a branch changed.
    BranchSlots(BranchId),
    /// `branch:{id}:presence`: somebody of a branch came, went, or is busy.
    BranchPresence(BranchId),
    /// `branch:{id}:queue`: something happened in the line of a branch.
    BranchQueue(BranchId),
    /// `booking:{id}`: something happened to the booking.
    Booking(BookingId),
}

/// A text that names no topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("no such topic")]
pub struct UnknownTopic;

impl FromStr for Topic {
    type Err = UnknownTopic;
    fn from_str(text: &str) -> Result<Self, UnknownTopic> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["expert", id, "slots"] => id.parse().map(Self::ExpertSlots).map_err(|_| UnknownTopic),
            ["branch", id, "slots"] => id.parse().map(Self::BranchSlots).map_err(|_| UnknownTopic),
            ["branch", id, "presence"] => id
                .parse()
                .map(Self::BranchPresence)
                .map_err(|_| UnknownTopic),
            ["branch", id, "queue"] => id.parse().map(Self::BranchQueue).map_err(|_| UnknownTopic),
            ["booking", id] => id.parse().map(Self::Booking).map_err(|_| UnknownTopic),
            _ => Err(UnknownTopic),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExpertSlots(id) => write!(f, "expert:{id}:slots"),
            Self::BranchSlots(id) => write!(f, "branch:{id}:slots"),
            Self::BranchPresence(id) => write!(f, "branch:{id}:presence"),
            Self::BranchQueue(id) => write!(f, "branch:{id}:queue"),
            Self::Booking(id) => write!(f, "booking:{id}"),
        }
    }
}

/// Those whom a booking concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parties {
    pub expert: UserId,
    pub expert_branch: Option<BranchId>,
    pub client: UserId,
}

impl Parties {
    /// Whether the caller may follow the booking: its client, and whoever answers for its expert.
    pub fn may_follow(&self, caller: &Caller) -> bool {
        caller.id == self.client || caller.runs_expert(self.expert, self.expert_branch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Role;

    #[test]
    fn topics_are_written_as_they_are_read() {
        let id = "0198f0c2-7d1e-7000-8000-00000000002a";
        let topics = [
            "expert:{}:slots",
            "branch:{}:slots",
            "branch:{}:presence",
            "branch:{}:queue",
            "booking:{}",
        ];
        for text in topics.map(|topic| topic.replace("{}", id)) {
            assert_eq!(text.parse::<Topic>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "user",
            "booking:",
            "booking:7",
            "expert:x:slots",
            "order:1",
        ] {
            assert_eq!(text.parse::<Topic>(), Err(UnknownTopic), "{text}");
        }
    }

    #[test]
    fn a_booking_is_followed_by_its_two_people_and_those_above() {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let (expert, client, branch) = (UserId::at(now), UserId::at(now), BranchId::at(now));
        let parties = Parties {
            expert,
            expert_branch: Some(branch),
            client,
        };
        let caller = |id, role, branch_id| Caller {
            id,
            role,
            branch_id,
        };
        let stranger = UserId::at(now);
        assert!(parties.may_follow(&caller(client, Role::User, None)));
        assert!(parties.may_follow(&caller(expert, Role::Expert, None)));
        assert!(parties.may_follow(&caller(stranger, Role::Manager, Some(branch))));
        assert!(parties.may_follow(&caller(stranger, Role::Admin, None)));
        assert!(!parties.may_follow(&caller(stranger, Role::Manager, None)));
        assert!(!parties.may_follow(&caller(stranger, Role::Expert, None)));
        assert!(!parties.may_follow(&caller(stranger, Role::User, None)));
    }
}
