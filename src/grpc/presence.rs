//! Who of the experts is there.

use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::expert::Presence;
use belfry_domain::id::{BranchId, UserId};
use belfry_domain::topic::Topic;
use belfry_store::expert::ExpertFilter;
use tonic::{Request, Response, Status};

use super::call::{Call, Route};
use super::field::{named, named_value, timestamp};
use super::v1;
use super::v1::presence_service_server::PresenceService;
use super::watching::{MessageStream, Seen, Watched, Watches};
use crate::http::App;
use crate::http::branch::branch;
use crate::http::expert::{expert, run_expert, say};
use crate::http::input::Faults;
use crate::http::problem::Problem;

/// Whose calls these are.
pub struct PresenceDesk {
    pub app: Arc<App>,
    pub watches: Watches,
}

/// What a live connection is admitted by, which hears of everybody's presence.
const LISTEN: Route = ("POST", "/api/v1/live/ticket");
const SET: Route = ("PUT", "/api/v1/experts/{id}/presence");

#[tonic::async_trait]
impl PresenceService for PresenceDesk {
    type WatchPresenceStream = MessageStream<v1::BranchPresence>;

    async fn get_presence(
        &self,
        request: Request<v1::GetPresenceRequest>,
    ) -> Result<Response<v1::ExpertPresence>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let handled = async {
            let found = expert(&call.app, named(&message.expert_id)?).await?;
            Ok(shown(found.id, found.presence, found.presence_since))
        };
        call.answer(handled).await
    }

    async fn set_presence(
        &self,
        request: Request<v1::SetPresenceRequest>,
    ) -> Result<Response<v1::ExpertPresence>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let handled = async {
            let signed = call.signed(SET).await?;
            let id: UserId = named(&message.expert_id)?;
            run_expert(&call.app, &signed, id).await?;
            let mut faults = Faults::default();
            let presence = match named_value(&mut faults, "/presence", message.presence) {
                v1::Presence::Online => Presence::Online,
                v1::Presence::Busy => Presence::Busy,
                v1::Presence::Offline | v1::Presence::Unspecified => Presence::Offline,
            };
            faults.check()?;
            let said = say(&call.app, id, presence).await?;
            Ok(shown(id, said.presence, said.since))
        };
        call.answer(handled).await
    }

    async fn watch_presence(
        &self,
        request: Request<v1::WatchPresenceRequest>,
    ) -> Result<Response<Self::WatchPresenceStream>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let admitted = async {
            call.admitted(LISTEN).await?;
            let found: BranchId = named(&message.branch_id)?;
            Ok(branch(&call.app, found).await?.id)
        };
        let branch = call.answer(admitted).await?.into_inner();
        let followed = FollowedPresence { branch, said: None };
        let topic = Topic::BranchPresence(branch);
        self.watches.begin(call, topic, followed).await
    }
}

/// Who of a branch is there.
struct FollowedPresence {
    branch: BranchId,
    said: Option<v1::BranchPresence>,
}

/// Experts that are read at once.
const PAGE: usize = 100;

impl Watched for FollowedPresence {
    type Message = v1::BranchPresence;

    async fn look(&mut self, call: &Call) -> Result<Seen<v1::BranchPresence>, Problem> {
        call.still().await?;
        let filter = ExpertFilter {
            branch_id: Some(self.branch),
            ..ExpertFilter::default()
        };
        let mut experts = Vec::new();
        let mut after = None;
        loop {
            let store = &call.app.world.store;
            let page = store.list_experts(&filter, after, PAGE as i64).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|expert| (expert.name.clone(), expert.id));
            let page = page.into_iter();
            experts.extend(page.map(|e| shown(e.id, e.presence, e.presence_since)));
            if is_last {
                break;
            }
        }
        let is = v1::BranchPresence {
            branch_id: self.branch.to_string(),
            experts,
        };
        if self.said.as_ref() == Some(&is) {
            return Ok(Seen::Same);
        }
        self.said = Some(is.clone());
        Ok(Seen::News(is))
    }
}

fn shown(expert: UserId, presence: Presence, since: Instant) -> v1::ExpertPresence {
    let presence = match presence {
        Presence::Online => v1::Presence::Online,
        Presence::Busy => v1::Presence::Busy,
        Presence::Offline => v1::Presence::Offline,
    };
    v1::ExpertPresence {
        expert_id: expert.to_string(),
        presence: presence.into(),
        since: Some(timestamp(since)),
    }
}
