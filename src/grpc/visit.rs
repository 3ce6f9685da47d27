//! Visits and queues as messages. Every member is named, so that none that REST gets is forgotten here.

use belfry_domain::queue::State;

use super::field::timestamp;
use super::v1;
use crate::http::booking::{ActorOut, PartyOut};
use crate::http::named::NamedOut;
use crate::http::queue::{
    BoardOut, EstimateOut, QueueOut, VisitHistoryOut, VisitOut, VisitPeriodOut,
};

impl From<State> for v1::VisitState {
    fn from(state: State) -> Self {
        match state {
            State::Waiting => Self::Waiting,
            State::Offered => Self::Offered,
            State::Called => Self::Called,
            State::Serving => Self::Serving,
            State::Done => Self::Done,
            State::Left => Self::Left,
            State::NoShow => Self::NoShow,
            State::TimedOut => Self::TimedOut,
            State::Transferred => Self::Transferred,
        }
    }
}

impl From<NamedOut> for v1::BranchRef {
    fn from(NamedOut { id, name }: NamedOut) -> Self {
        let id = id.to_string();
        Self { id, name }
    }
}

impl From<EstimateOut> for v1::WaitEstimate {
    fn from(estimate: EstimateOut) -> Self {
        let EstimateOut {
            p50_at,
            p90_at,
            p50_minutes,
            p90_minutes,
        } = estimate;
        Self {
            p50_at: Some(timestamp(p50_at)),
            p90_at: Some(timestamp(p90_at)),
            p50_minutes,
            p90_minutes,
        }
    }
}

impl From<VisitOut> for v1::Visit {
    fn from(visit: VisitOut) -> Self {
        let VisitOut {
            id,
            number,
            branch,
            state,
            name,
            client,
            expert,
            wanted_expert,
            booking_id,
            skill,
            note,
            minutes,
            ahead,
            estimate,
            misses,
            joined_at,
            not_before,
            times_out_at,
            offer_expires_at,
            called_at,
            started_at,
            ended_at,
            transferred_from,
            transferred_to,
            secret,
            version,
        } = visit;
        let party = |party: Option<PartyOut>| party.map(v1::Party::from);
        Self {
            id: id.to_string(),
            number,
            branch: Some(branch.into()),
            state: v1::VisitState::from(state).into(),
            name,
            client: party(client),
            expert: party(expert),
            wanted_expert: party(wanted_expert),
            booking_id: booking_id.map(|id| id.to_string()),
            skill,
            note,
            minutes: minutes.into(),
            ahead,
            estimate: estimate.map(Into::into),
            misses,
            joined_at: Some(timestamp(joined_at)),
            not_before: not_before.map(timestamp),
            times_out_at: Some(timestamp(times_out_at)),
            offer_expires_at: offer_expires_at.map(timestamp),
            called_at: called_at.map(timestamp),
            started_at: started_at.map(timestamp),
            ended_at: ended_at.map(timestamp),
            transferred_from: transferred_from.map(|id| id.to_string()),
            transferred_to: transferred_to.map(|id| id.to_string()),
            secret,
            version,
        }
    }
}

impl From<BoardOut> for v1::BoardEntry {
    fn from(entry: BoardOut) -> Self {
        let BoardOut {
            number,
            state,
            expert,
        } = entry;
        Self {
            number,
            state: v1::VisitState::from(state).into(),
            expert: expert.map(Into::into),
        }
    }
}

impl From<QueueOut> for v1::Queue {
    fn from(queue: QueueOut) -> Self {
        let QueueOut {
            branch_id,
            open,
            reason,
            waiting,
            called,
            serving,
            estimate,
            board,
            visits,
        } = queue;
        Self {
            branch_id: branch_id.to_string(),
            open,
            reason: reason.map(str::to_owned),
            waiting,
            called,
            serving,
            estimate: estimate.map(Into::into),
            board: board.into_iter().map(Into::into).collect(),
            visits: visits.map(|visits| v1::QueueVisits {
                items: visits.into_iter().map(Into::into).collect(),
            }),
        }
    }
}

impl From<VisitHistoryOut> for v1::VisitHistory {
    fn from(VisitHistoryOut { items }: VisitHistoryOut) -> Self {
        Self {
            items: items.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<VisitPeriodOut> for v1::VisitPeriod {
    fn from(period: VisitPeriodOut) -> Self {
        let VisitPeriodOut {
            at,
            until,
            state,
            expert,
            actor,
        } = period;
        let ActorOut { id, name, role } = actor;
        let known = state.parse::<State>().ok();
        Self {
            at: Some(timestamp(at)),
            until: until.map(timestamp),
            state: known.map(v1::VisitState::from).unwrap_or_default().into(),
            expert: expert.map(|NamedOut { id, name }| v1::Party {
                id: id.to_string(),
                name,
            }),
            actor: Some(v1::VisitActor {
                id: id.map(|id| id.to_string()),
                name,
                role,
            }),
        }
    }
}
