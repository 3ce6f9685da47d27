//! Waiting queues of branches.

use std::sync::Arc;

use belfry_domain::id::{BookingId, BranchId, VisitId};
use belfry_domain::topic::Topic;
use tonic::{Request, Response, Status};

use super::call::{Call, Route};
use super::field::{id, named};
use super::v1;
use super::v1::queue_service_server::QueueService;
use super::watching::{MessageStream, Watches};
use crate::http::App;
use crate::http::etag::IfMatch;
use crate::http::input::Faults;
use crate::http::problem::Problem;
use crate::http::queue::visit::{self, AcceptIn, Act, TransferIn};
use crate::http::queue::{self, CheckInIn, VisitIn, VisitOut};

/// What is seen of a line and of a visit as they go on.
mod follow;

use follow::{FollowedLine, FollowedVisit};

/// Whose calls these are.
pub struct QueueDesk {
    pub app: Arc<App>,
    pub watches: Watches,
}

const SEE: Route = ("GET", "/api/v1/branches/{id}/queue");
/// What a live connection is admitted by, which hears of every line.
const LISTEN: Route = ("POST", "/api/v1/live/ticket");
const JOIN: Route = ("POST", "/api/v1/branches/{id}/queue");
const CHECK_IN: Route = ("POST", "/api/v1/bookings/{id}/check-in");
const GET: Route = ("GET", "/api/v1/visits/{id}");
const HISTORY: Route = ("GET", "/api/v1/visits/{id}/history");
const LEAVE: Route = ("POST", "/api/v1/visits/{id}/leave");
const ACCEPT_OFFER: Route = ("POST", "/api/v1/visits/{id}/accept-offer");
const DECLINE_OFFER: Route = ("POST", "/api/v1/visits/{id}/decline-offer");
const ACCEPT: Route = ("POST", "/api/v1/visits/{id}/accept");
const START: Route = ("POST", "/api/v1/visits/{id}/start");
const FINISH: Route = ("POST", "/api/v1/visits/{id}/finish");
const SKIP: Route = ("POST", "/api/v1/visits/{id}/skip");
const RECALL: Route = ("POST", "/api/v1/visits/{id}/recall");
const NO_SHOW: Route = ("POST", "/api/v1/visits/{id}/no-show");
const TRANSFER: Route = ("POST", "/api/v1/visits/{id}/transfer");

#[tonic::async_trait]
impl QueueService for QueueDesk {
    type WatchQueueStream = MessageStream<v1::Queue>;
    type WatchVisitStream = MessageStream<v1::Visit>;

    async fn get_queue(
        &self,
        request: Request<v1::GetQueueRequest>,
    ) -> Result<Response<v1::Queue>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let handled = async {
            let signed = call.anybody(SEE).await?;
            let branch: BranchId = named(&message.branch_id)?;
            let shown = queue::shown(&call.app, signed.as_ref(), branch).await?;
            Ok(shown.into())
        };
        call.answer(handled).await
    }

    async fn watch_queue(
        &self,
        request: Request<v1::WatchQueueRequest>,
    ) -> Result<Response<Self::WatchQueueStream>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let admitted = async {
            call.admitted(LISTEN).await?;
            let branch: BranchId = named(&message.branch_id)?;
            Ok(queue::branch(&call.app, branch).await?.id)
        };
        let branch = call.answer(admitted).await?.into_inner();
        // The first message shows whatever is known to be so by now.
        call.app.queues.heard(branch);
        let followed = FollowedLine::new(branch);
        let topic = Topic::BranchQueue(branch);
        self.watches.begin(call, topic, followed).await
    }

    async fn join_queue(
        &self,
        request: Request<v1::JoinQueueRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let handled = async {
            let signed = call.anybody(JOIN).await?;
            let claimant = queue::claimant(&call.app, signed.as_ref(), call.from()).await?;
            let branch: BranchId = named(&message.branch_id)?;
            let input = visit_in(message);
            let path = queue::join_path(branch);
            let asked = call.asked((JOIN.0, &path), claimant, &input)?;
            Ok(queue::join_once(&call.app, signed.as_ref(), branch, input, asked).await?)
        };
        call.answer_created::<VisitOut, _>(handled).await
    }

    async fn check_in_booking(
        &self,
        request: Request<v1::CheckInBookingRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let handled = async {
            let signed = call.signed(CHECK_IN).await?;
            let booking: BookingId = named(&message.booking_id)?;
            let path = queue::check_in_path(booking);
            let said = Ok(CheckInIn {});
            let asked = call.asked((CHECK_IN.0, &path), signed.claimant(), &said)?;
            Ok(queue::check_in_once(&call.app, &signed, booking, asked).await?)
        };
        call.answer_created::<VisitOut, _>(handled).await
    }

    async fn get_visit(
        &self,
        request: Request<v1::GetVisitRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let handled = async {
            let knock = call.knock(GET).await?;
            let visit = visit::visit(&call.app, knock, named(&message.id)?).await?;
            Ok(VisitOut::shown(&call.app, visit).await?.into())
        };
        call.answer(handled).await
    }

    async fn watch_visit(
        &self,
        request: Request<v1::WatchVisitRequest>,
    ) -> Result<Response<Self::WatchVisitStream>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let admitted = async {
            let knock = call.knock(GET).await?;
            let by_secret = matches!(knock, queue::Knock::Secret(_));
            let visit = visit::visit(&call.app, knock, named(&message.id)?).await?;
            Ok((visit, by_secret))
        };
        let (visit, by_secret) = call.answer(admitted).await?.into_inner();
        let branch = visit.branch.id;
        call.app.queues.heard(branch);
        let followed = FollowedVisit::new(visit.id, branch, by_secret);
        let topic = Topic::BranchQueue(branch);
        self.watches.begin(call, topic, followed).await
    }

    async fn get_visit_history(
        &self,
        request: Request<v1::GetVisitHistoryRequest>,
    ) -> Result<Response<v1::VisitHistory>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let handled = async {
            let knock = call.knock(HISTORY).await?;
            let lived = visit::lived(&call.app, knock, named(&message.id)?).await?;
            Ok(lived.into())
        };
        call.answer(handled).await
    }

    async fn leave_visit(
        &self,
        request: Request<v1::LeaveVisitRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        act(&call, LEAVE, &message.id, message.version, Act::Leave).await
    }

    async fn accept_offer(
        &self,
        request: Request<v1::AcceptOfferRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let (id, version) = (message.id, message.version);
        act(&call, ACCEPT_OFFER, &id, version, Act::AcceptOffer).await
    }

    async fn decline_offer(
        &self,
        request: Request<v1::DeclineOfferRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let (id, version) = (message.id, message.version);
        act(&call, DECLINE_OFFER, &id, version, Act::DeclineOffer).await
    }

    async fn accept_visit(
        &self,
        request: Request<v1::AcceptVisitRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let wish = Act::Accept(accept_in(message.expert_id.as_deref()));
        act(&call, ACCEPT, &message.id, message.version, wish).await
    }

    async fn start_visit(
        &self,
        request: Request<v1::StartVisitRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        act(&call, START, &message.id, message.version, Act::Start).await
    }

    async fn finish_visit(
        &self,
        request: Request<v1::FinishVisitRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        act(&call, FINISH, &message.id, message.version, Act::Finish).await
    }

    async fn skip_visit(
        &self,
        request: Request<v1::SkipVisitRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        act(&call, SKIP, &message.id, message.version, Act::Skip).await
    }

    async fn recall_visit(
        &self,
        request: Request<v1::RecallVisitRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        act(&call, RECALL, &message.id, message.version, Act::Recall).await
    }

    async fn no_show_visit(
        &self,
        request: Request<v1::NoShowVisitRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        act(&call, NO_SHOW, &message.id, message.version, Act::NoShow).await
    }

    async fn transfer_visit(
        &self,
        request: Request<v1::TransferVisitRequest>,
    ) -> Result<Response<v1::Visit>, Status> {
        let (call, message) = Call::of(&self.app, request);
        let handled = async {
            let knock = call.knock(TRANSFER).await?;
            let visit: VisitId = named(&message.id)?;
            let input = transfer_in(&message.branch_id);
            let version = IfMatch::of(message.version);
            let sent = visit::sent_on(&call.app, knock, visit, input, &version).await?;
            Ok(sent.into())
        };
        call.answer(handled).await
    }
}

/// Does something with a visit.
async fn act(
    call: &Call,
    route: Route,
    id: &str,
    version: Option<i64>,
    act: Act,
) -> Result<Response<v1::Visit>, Status> {
    let handled = async {
        let knock = call.knock(route).await?;
        let visit: VisitId = named(id)?;
        let version = IfMatch::of(version);
        let done = visit::done(&call.app, knock, visit, act, &version).await?;
        Ok(done.into())
    };
    call.answer(handled).await
}

fn visit_in(message: v1::JoinQueueRequest) -> Result<VisitIn, Problem> {
    let mut faults = Faults::default();
    let input = VisitIn {
        name: message.name,
        skill: message.skill,
        expert_id: id(&mut faults, "/expert_id", message.expert_id.as_deref()),
        note: message.note,
        code: message.code,
    };
    faults.check()?;
    Ok(input)
}

fn transfer_in(branch: &str) -> Result<TransferIn, Problem> {
    let mut faults = Faults::default();
    if branch.is_empty() {
        faults.miss("/branch_id", "Say where to.");
    }
    let branch_id = id(
        &mut faults,
        "/branch_id",
        Some(branch).filter(|b| !b.is_empty()),
    );
    faults.check()?;
    Ok(TransferIn {
        branch_id: branch_id.unwrap_or_default(),
    })
}

fn accept_in(expert: Option<&str>) -> Result<AcceptIn, Problem> {
    let mut faults = Faults::default();
    let expert_id = id(&mut faults, "/expert_id", expert);
    faults.check()?;
    Ok(AcceptIn { expert_id })
}
