//! Free slots.

use std::sync::Arc;

use belfry_actors::branch::View;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::field::{named, timestamp};
use super::refusal::Refusal;
use super::v1;
use super::v1::slot_service_server::SlotService;
use crate::http::App;
use crate::http::problem::Problem;
use crate::http::{branch, expert};

/// Whose calls these are.
pub struct SlotDesk(pub Arc<App>);

/// Of an expert.
#[derive(Deserialize)]
struct ExpertSlots {
    expert_id: String,
    time_zone: String,
    days: Vec<ExpertDay>,
}

#[derive(Deserialize)]
struct ExpertDay {
    date: String,
    slots: Vec<Slot>,
}

#[derive(Deserialize)]
struct Slot {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

/// Of a branch; of counts, each day's slots are a number.
#[derive(Deserialize)]
struct BranchSlots<S> {
    branch_id: String,
    time_zone: String,
    minutes: i64,
    days: Vec<BranchDay<S>>,
}

#[derive(Deserialize)]
struct BranchDay<S> {
    date: String,
    slots: S,
}

#[derive(Deserialize)]
struct BranchSlot {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    experts: u32,
}

#[tonic::async_trait]
impl SlotService for SlotDesk {
    async fn list_expert_slots(
        &self,
        request: Request<v1::ListExpertSlotsRequest>,
    ) -> Result<Response<v1::ListExpertSlotsResponse>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let handled = async {
            let id = named(&message.expert_id)?;
            let query = expert::slot_query(expert::SlotsQuery {
                from: message.from,
                days: message.days,
                time_zone: message.time_zone,
                minutes: message.minutes,
            })?;
            let answer = call.app.experts.slots(id, query).await?;
            Ok(read::<ExpertSlots>(&answer.body)?.into())
        };
        call.answer(handled).await
    }

    async fn list_branch_slots(
        &self,
        request: Request<v1::ListBranchSlotsRequest>,
    ) -> Result<Response<v1::ListBranchSlotsResponse>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let query = branch::SlotsQuery {
            from: message.from,
            days: message.days,
            time_zone: message.time_zone,
            minutes: message.minutes,
            skill: message.skill,
        };
        let handled = async {
            let body = of_branch(&call.app, &message.branch_id, query, View::Slots).await?;
            Ok(read::<BranchSlots<Vec<BranchSlot>>>(&body)?.into())
        };
        call.answer(handled).await
    }

    async fn count_branch_slots(
        &self,
        request: Request<v1::CountBranchSlotsRequest>,
    ) -> Result<Response<v1::CountBranchSlotsResponse>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let query = branch::SlotsQuery {
            from: message.from,
            days: message.days,
            time_zone: message.time_zone,
            minutes: message.minutes,
            skill: message.skill,
        };
        let handled = async {
            let body = of_branch(&call.app, &message.branch_id, query, View::Counts).await?;
            Ok(read::<BranchSlots<u32>>(&body)?.into())
        };
        call.answer(handled).await
    }
}

async fn of_branch(
    app: &App,
    id: &str,
    query: branch::SlotsQuery,
    view: View,
) -> Result<Bytes, Refusal> {
    let id = named(id)?;
    let query = branch::asked(query, view)?;
    Ok(app.branches.slots(id, query).await?.body.clone())
}

/// Reads what an actor, or the cache between nodes, keeps ready for REST.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        tracing::error!(%error, "an answer about slots could not be read");
        Problem::new("internal")
    })
}

impl From<ExpertSlots> for v1::ListExpertSlotsResponse {
    fn from(found: ExpertSlots) -> Self {
        let slot = |slot: Slot| v1::Slot {
            starts_at: Some(timestamp(slot.starts_at)),
            ends_at: Some(timestamp(slot.ends_at)),
        };
        let day = |day: ExpertDay| v1::ExpertDay {
            date: day.date,
            slots: day.slots.into_iter().map(slot).collect(),
        };
        Self {
            expert_id: found.expert_id,
            time_zone: found.time_zone,
            days: found.days.into_iter().map(day).collect(),
        }
    }
}

impl From<BranchSlots<Vec<BranchSlot>>> for v1::ListBranchSlotsResponse {
    fn from(found: BranchSlots<Vec<BranchSlot>>) -> Self {
        let slot = |slot: BranchSlot| v1::BranchSlot {
            starts_at: Some(timestamp(slot.starts_at)),
            ends_at: Some(timestamp(slot.ends_at)),
            experts: slot.experts,
        };
        let day = |day: BranchDay<Vec<BranchSlot>>| v1::BranchDay {
            date: day.date,
            slots: day.slots.into_iter().map(slot).collect(),
        };
        Self {
            branch_id: found.branch_id,
            time_zone: found.time_zone,
            minutes: found.minutes,
            days: found.days.into_iter().map(day).collect(),
        }
    }
}

impl From<BranchSlots<u32>> for v1::CountBranchSlotsResponse {
    fn from(found: BranchSlots<u32>) -> Self {
        let day = |day: BranchDay<u32>| v1::BranchDayCount {
            date: day.date,
            slots: day.slots,
        };
        Self {
            branch_id: found.branch_id,
            time_zone: found.time_zone,
            minutes: found.minutes,
            days: found.days.into_iter().map(day).collect(),
        }
    }
}
