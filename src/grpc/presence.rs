//! Who of the experts is there.

use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::expert::Presence;
use belfry_domain::id::UserId;
use tonic::{Request, Response, Status};

use super::call::{Call, Route};
use super::field::{named, named_value, timestamp};
use super::v1;
use super::v1::presence_service_server::PresenceService;
use crate::http::App;
use crate::http::expert::{expert, run_expert, say};
use crate::http::input::Faults;

/// Whose calls these are.
pub struct PresenceDesk(pub Arc<App>);

const SET: Route = ("PUT", "/api/v1/experts/{id}/presence");

#[tonic::async_trait]
impl PresenceService for PresenceDesk {
    async fn get_presence(
        &self,
        request: Request<v1::GetPresenceRequest>,
    ) -> Result<Response<v1::ExpertPresence>, Status> {
        let (call, message) = Call::of(&self.0, request);
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
        let (call, message) = Call::of(&self.0, request);
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
