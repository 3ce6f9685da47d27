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

impl Knock {
    /// Whoever shows the secret of a visit; `None` for a token of another kind.
    pub fn by_secret(token: &str) -> Option<Self> {
        let is_secret = token.starts_with(SECRET);
        is_secret.then(|| Self::Secret(secret::hash(token)))
    }
}

impl FromRequest for Knock {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if let Some(knock) = bearer(request).and_then(Self::by_secret) {
            return Box::pin(async { Ok(knock) });
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
            let visit = visit.ok_or_else(|| Problem::new("not-found"))?;
            let (own, staff) = concerns(&visit, &signed)?;
            Ok(Seen {
                visit,
                actor: signed.actor(),
                own,
                staff: staff.then_some(signed),
            })
        }
    }
}

/// Whether it is their own visit, and whether they are staff of its branch.
///
/// # Errors
/// `not-found` for everybody else.
pub fn concerns(visit: &Visit, signed: &Signed) -> Result<(bool, bool), Problem> {
    let caller = signed.caller();
    let own = visit.client.as_ref().is_some_and(|c| c.id == caller.id);
    let staff = caller.works_at(visit.branch.id);
    match own || staff {
        true => Ok((own, staff)),
        false => Err(Problem::new("not-found")),
    }
}

/// A visit, to whom it concerns.
///
/// # Errors
/// `not-found`, `unauthenticated`, or the store's own.
pub async fn visit(app: &App, knock: Knock, id: VisitId) -> Result<Visit, Problem> {
    Ok(seen(app, knock, id).await?.visit)
}

/// How a visit went, to whom it concerns.
///
/// # Errors
/// As [`visit`].
pub async fn lived(app: &App, knock: Knock, id: VisitId) -> Result<VisitHistoryOut, Problem> {
    seen(app, knock, id).await?;
    Ok(VisitHistoryOut::new(
        app.world.store.visit_periods(id).await?,
    ))
}

/// What somebody wants to do with a visit.
pub enum Act {
    Leave,
    AcceptOffer,
    DeclineOffer,
    /// Judged once it is known that they are staff.
    Accept(Result<AcceptIn, Problem>),
    Start,
    Finish,
    Skip,
    Recall,
    NoShow,
}

/// Does something with a visit and answers it as it is after that.
///
/// # Errors
/// `not-found`, `forbidden`, `stale`, what is wrong with the wish, or what the queue answers.
pub async fn done(
    app: &App,
    knock: Knock,
    id: VisitId,
    act: Act,
    if_match: &IfMatch,
) -> Result<VisitOut, Problem> {
    let seen = seen(app, knock, id).await?;
    let (seen, taken) = match act {
        Act::Leave => (seen, Step::Leave),
        Act::AcceptOffer => (seen.own()?, Step::AcceptOffer),
        Act::DeclineOffer => {
            let seen = seen.own()?;
            let branch = branch(app, seen.visit.branch.id).await?;
            let rest = TimeDelta::minutes(branch.settings.offer_minutes.into());
            (seen, Step::Decline { rest })
        }
        Act::Accept(input) => {
            let (seen, staff) = seen.staff()?;
            let expert = expert(app, &seen.visit, &staff, input?.expert_id).await?;
            (seen, Step::Accept { expert })
        }
        Act::Start => (seen.staff()?.0, Step::Start),
        Act::Finish => (seen.staff()?.0, Step::Finish),
        Act::Skip => (seen.staff()?.0, Step::Skip),
        Act::Recall => {
            let (seen, _) = seen.staff()?;
            let branch = branch(app, seen.visit.branch.id).await?;
            let wait = TimeDelta::minutes(branch.settings.queue_timeout_minutes.into());
            let until = app.world.clock.now() + wait;
            (seen, Step::Recall { until })
        }
        Act::NoShow => (seen.staff()?.0, Step::NoShow),
    };
    step(app, seen, taken, if_match).await
}

/// Takes a step and answers the visit after it.
async fn step(app: &App, seen: Seen, step: Step, if_match: &IfMatch) -> Result<VisitOut, Problem> {
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
    VisitOut::shown(app, visit).await
}

/// The same over HTTP.
async fn act(
    app: Data<App>,
    knock: Knock,
    id: Id<VisitId>,
    act: Act,
    if_match: &IfMatch,
) -> Result<HttpResponse, Problem> {
    let out = done(&app, knock, id.0, act, if_match).await?;
    Ok(versioned(out.version, &out))
}

/// A visit to a branch; the visitor and staff of the branch. Without an account its secret is the bearer token.
#[utoipa::path(get, path = "/api/v1/visits/{id}", tag = "Queues", params(("id" = Uuid, Path)),
    responses((status = 200, body = VisitOut)))]
pub async fn get(app: Data<App>, knock: Knock, id: Id<VisitId>) -> Result<HttpResponse, Problem> {
    let visit = visit(&app, knock, id.0).await?;
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
    Ok(HttpResponse::Ok().json(lived(&app, knock, id.0).await?))
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
    act(app, knock, id, Act::Leave, &if_match).await
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
    act(app, knock, id, Act::AcceptOffer, &if_match).await
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
    act(app, knock, id, Act::DeclineOffer, &if_match).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptIn {
    /// Whose visitor it is to be; experts take visitors for themselves.
    pub expert_id: Option<Uuid>,
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
    let wish = Act::Accept(body.read_or_empty());
    act(app, knock, id, wish, &if_match).await
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
    act(app, knock, id, Act::Start, &if_match).await
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
    act(app, knock, id, Act::Finish, &if_match).await
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
    act(app, knock, id, Act::Skip, &if_match).await
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
    act(app, knock, id, Act::Recall, &if_match).await
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
    act(app, knock, id, Act::NoShow, &if_match).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferIn {
    pub branch_id: Uuid,
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
    let out = sent_on(&app, knock, id.0, body.read(), &if_match).await?;
    let mut response = HttpResponse::Created().json(&out);
    tag(&mut response, Some(out.version));
    Ok(response)
}

/// Sends the visitor on and answers the visit there.
///
/// # Errors
/// As [`done`].
pub async fn sent_on(
    app: &App,
    knock: Knock,
    id: VisitId,
    input: Result<TransferIn, Problem>,
    if_match: &IfMatch,
) -> Result<VisitOut, Problem> {
    let (seen, _) = seen(app, knock, id).await?.staff()?;
    if_match.check(seen.visit.version)?;
    let input = input?;
    let to = app.world.store.branch(input.branch_id.into()).await?;
    let to = to.filter(|to| to.id != seen.visit.branch.id);
    let to = to.ok_or_else(|| {
        let detail = "No other branch has this id.";
        Problem::field("/branch_id", FieldError::INVALID, detail)
    })?;
    let expected = if_match.version();
    let sent = app.queues.transfer(&seen.visit, &to, seen.actor, expected);
    let visit = told(app, sent.await?).await?;
    VisitOut::shown(app, visit).await
}
