//! One visit to a branch: seeing it, and every step that somebody may take of it (B3, B5).

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use belfry_domain::account::Role;
use belfry_domain::booking::{Actor, Party};
use belfry_domain::field::FieldError;
use belfry_domain::id::VisitId;
use belfry_domain::queue::{Step, Visit};
use belfry_store::queue::VisitStep;
use chrono::TimeDelta;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{SECRET, VisitHistoryOut, VisitOut, branch, guest, told};
use crate::http::App;
use crate::http::auth::{Signed, bearer};
use crate::http::etag::{IfMatch, tag, versioned};
use crate::http::input::{Body, Id};
use crate::http::problem::Problem;
use crate::secret;

/// Somebody who signed in, or who has the secret of a visit.
pub enum Knock {
    Signed(Signed),
    /// What is kept of the secret.
    Secret(Vec<u8>),
}

impl FromRequest for Knock {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if let Some(token) = bearer(request).filter(|token| token.starts_with(SECRET)) {
            let hash = secret::hash(token);
            return Box::pin(async { Ok(Self::Secret(hash)) });
        }
        let signing_in = Signed::from_request(request, payload);
        Box::pin(async { Ok(Self::Signed(signing_in.await?)) })
    }
}

/// A visit as somebody may see it.
struct Seen {
    visit: Visit,
    actor: Actor,
    /// Whose visit it is.
    own: bool,
    /// Set for staff of its branch.
    staff: Option<Signed>,
}

impl Seen {
    /// For the visitor alone.
    fn own(self) -> Result<Self, Problem> {
        if self.own {
            Ok(self)
        } else {
            Err(Problem::new("forbidden"))
        }
    }

    /// For staff alone.
    fn staff(self) -> Result<(Self, Signed), Problem> {
        match self.staff.clone() {
            Some(staff) => Ok((self, staff)),
            None => Err(Problem::new("forbidden")),
        }
    }
}

/// The visit, for the visitor and for staff of its branch; `not-found` for everybody else.
async fn seen(app: &App, knock: Knock, id: VisitId) -> Result<Seen, Problem> {
    let unknown = || Problem::new("not-found");
    let visit = app.world.store.visit(id).await?;
    match knock {
        Knock::Secret(hash) => {
            let visit = visit.ok_or_else(|| Problem::new("unauthenticated"))?;
            if app.world.store.visit_secret(id).await? != Some(hash) {
                return Err(Problem::new("unauthenticated"));
            }
            Ok(Seen {
                actor: guest(visit.name.clone()),
                visit,
                own: true,
                staff: None,
            })
        }
        Knock::Signed(signed) => {
            let visit = visit.ok_or_else(unknown)?;
            let caller = signed.caller();
            let own = visit.client.as_ref().is_some_and(|c| c.id == caller.id);
            let staff = caller.works_at(visit.branch.id);
            if !own && !staff {
                return Err(unknown());
            }
            Ok(Seen {
                visit,
                actor: signed.actor(),
                own,
                staff: staff.then_some(signed),
            })
        }
    }
}

/// Takes a step and answers the visit after it.
async fn step(
    app: &App,
    seen: Seen,
    step: Step,
    if_match: &IfMatch,
) -> Result<HttpResponse, Problem> {
    if_match.check(seen.visit.version)?;
    let desk = match (&step, &seen.visit.expert) {
        (Step::Skip | Step::Decline { .. }, Some(expert)) => {
            let store = &app.world.store;
            store.desk_of(seen.visit.branch.id, expert.id).await?
        }
        _ => None,
    };
    let step = VisitStep {
        expected: if_match.version(),
        desk,
        ..VisitStep::of(seen.visit.id, step, seen.actor)
    };
    let visit = app.queues.step(&step).await?;
    let visit = told(app, visit).await?;
    let version = visit.version;
    Ok(versioned(version, &VisitOut::shown(app, visit).await?))
}

/// The same for staff of the branch alone.
async fn staff_step(
    app: &App,
    knock: Knock,
    id: Id<VisitId>,
    taken: Step,
    if_match: &IfMatch,
) -> Result<HttpResponse, Problem> {
    let (seen, _) = seen(app, knock, id.0).await?.staff()?;
    step(app, seen, taken, if_match).await
}

/// A visit to a branch; the visitor and staff of the branch. Without an account its secret is the bearer token.
#[utoipa::path(get, path = "/api/v1/visits/{id}", tag = "Queues", params(("id" = Uuid, Path)),
    responses((status = 200, body = VisitOut)))]
pub async fn get(app: Data<App>, knock: Knock, id: Id<VisitId>) -> Result<HttpResponse, Problem> {
    let visit = seen(&app, knock, id.0).await?.visit;
    let version = visit.version;
    Ok(versioned(version, &VisitOut::shown(&app, visit).await?))
}

/// How a visit went so far, oldest first.
#[utoipa::path(get, path = "/api/v1/visits/{id}/history", tag = "Queues", params(("id" = Uuid, Path)),
    responses((status = 200, body = VisitHistoryOut)))]
pub async fn history(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
) -> Result<HttpResponse, Problem> {
    seen(&app, knock, id.0).await?;
    let periods = app.world.store.visit_periods(id.0).await?;
    Ok(HttpResponse::Ok().json(VisitHistoryOut::new(periods)))
}

/// Leaves the line; the visitor and staff of the branch.
#[utoipa::path(post, path = "/api/v1/visits/{id}/leave", tag = "Queues",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), responses((status = 200, body = VisitOut)))]
pub async fn leave(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    let seen = seen(&app, knock, id.0).await?;
    step(&app, seen, Step::Leave, &if_match).await
}

/// Takes what was offered: the visitor goes to the expert.
#[utoipa::path(post, path = "/api/v1/visits/{id}/accept-offer", tag = "Queues",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), responses((status = 200, body = VisitOut)))]
pub async fn accept_offer(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    let seen = seen(&app, knock, id.0).await?.own()?;
    step(&app, seen, Step::AcceptOffer, &if_match).await
}

/// Declines what was offered: the next has it. The visitor goes one place back and is left alone for as long as an offer
/// lasts; who declines again has left.
#[utoipa::path(post, path = "/api/v1/visits/{id}/decline-offer", tag = "Queues",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), responses((status = 200, body = VisitOut)))]
pub async fn decline_offer(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    let seen = seen(&app, knock, id.0).await?.own()?;
    let branch = branch(&app, seen.visit.branch.id).await?;
    let rest = TimeDelta::minutes(branch.settings.offer_minutes.into());
    step(&app, seen, Step::Decline { rest }, &if_match).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptIn {
    /// Whose visitor it is to be; experts take visitors for themselves.
    expert_id: Option<Uuid>,
}

/// Takes somebody out of the line: experts of the branch for themselves, its manager and admins for an expert.
#[utoipa::path(post, path = "/api/v1/visits/{id}/accept", tag = "Queues",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), request_body = AcceptIn,
    responses((status = 200, body = VisitOut)))]
pub async fn accept(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let (seen, staff) = seen(&app, knock, id.0).await?.staff()?;
    let input: AcceptIn = body.read_or_empty()?;
    let expert = expert(&app, &seen.visit, &staff, input.expert_id).await?;
    step(&app, seen, Step::Accept { expert }, &if_match).await
}

async fn expert(
    app: &App,
    visit: &Visit,
    staff: &Signed,
    named: Option<Uuid>,
) -> Result<Party, Problem> {
    let own = staff.0.id.uuid();
    let named = match (staff.0.role, named) {
        (Role::Expert, Some(other)) if other != own => {
            let detail = "Experts take visitors for themselves.";
            return Err(Problem::field("/expert_id", FieldError::INVALID, detail));
        }
        (Role::Expert, _) => own,
        (_, Some(named)) => named,
        (_, None) => {
            let detail = "Say whose visitor it is to be.";
            return Err(Problem::field("/expert_id", FieldError::REQUIRED, detail));
        }
    };
    super::wanted(app, &branch(app, visit.branch.id).await?, named.into()).await
}

/// The visitor is with the expert; staff of the branch.
#[utoipa::path(post, path = "/api/v1/visits/{id}/start", tag = "Queues",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), responses((status = 200, body = VisitOut)))]
pub async fn start(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    staff_step(&app, knock, id, Step::Start, &if_match).await
}

/// The visitor was served; staff of the branch.
#[utoipa::path(post, path = "/api/v1/visits/{id}/finish", tag = "Queues",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), responses((status = 200, body = VisitOut)))]
pub async fn finish(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    staff_step(&app, knock, id, Step::Finish, &if_match).await
}

/// Puts whoever waits, or was called and is not there yet, behind the next; staff of the branch.
#[utoipa::path(post, path = "/api/v1/visits/{id}/skip", tag = "Queues",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), responses((status = 200, body = VisitOut)))]
pub async fn skip(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    staff_step(&app, knock, id, Step::Skip, &if_match).await
}

/// Calls whoever was called once more; whoever did not come waits again, at the front. Staff of the branch.
#[utoipa::path(post, path = "/api/v1/visits/{id}/recall", tag = "Queues",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), responses((status = 200, body = VisitOut)))]
pub async fn recall(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    let (seen, _) = seen(&app, knock, id.0).await?.staff()?;
    let branch = branch(&app, seen.visit.branch.id).await?;
    let wait = TimeDelta::minutes(branch.settings.queue_timeout_minutes.into());
    let until = app.world.clock.now() + wait;
    step(&app, seen, Step::Recall { until }, &if_match).await
}

/// The visitor did not come; staff of the branch.
#[utoipa::path(post, path = "/api/v1/visits/{id}/no-show", tag = "Queues",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), responses((status = 200, body = VisitOut)))]
pub async fn no_show(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    staff_step(&app, knock, id, Step::NoShow, &if_match).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferIn {
    branch_id: Uuid,
}

/// Sends the visitor on to another branch, where they wait with the time they have waited; answers the visit there.
/// Staff of the branch.
#[utoipa::path(post, path = "/api/v1/visits/{id}/transfer", tag = "Queues",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), request_body = TransferIn,
    responses((status = 201, body = VisitOut)))]
pub async fn transfer(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let (seen, _) = seen(&app, knock, id.0).await?.staff()?;
    if_match.check(seen.visit.version)?;
    let input: TransferIn = body.read()?;
    let to = app.world.store.branch(input.branch_id.into()).await?;
    let to = to.filter(|to| to.id != seen.visit.branch.id);
    let to = to.ok_or_else(|| {
        let detail = "No other branch has this id.";
        Problem::field("/branch_id", FieldError::INVALID, detail)
    })?;
    let expected = if_match.version();
    let sent = app.queues.transfer(&seen.visit, &to, seen.actor, expected);
    let visit = told(&app, sent.await?).await?;
    let version = visit.version;
    let out = VisitOut::shown(&app, visit).await?;
    let mut response = HttpResponse::Created().json(out);
    tag(&mut response, Some(version));
    Ok(response)
}
