//! The waiting queue of a branch: joining it, and how it stands (B3).

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belfry_actors::queue::JoinRequest;
use belfry_domain::account;
use belfry_domain::booking::{Actor, Booking, Party};
use belfry_domain::branch::Branch;
use belfry_domain::field::FieldError;
use belfry_domain::id::{BookingId, BranchId, UserId, VisitId};
use belfry_domain::queue::{QueueError, Visit};
use belfry_domain::wall::local_date;
use belfry_store::idempotency::IdempotencyKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::booking::{concerned, words};
use crate::http::idempotency::{Answered, Asked, Created, once_asked};
use crate::http::input::{Body, Faults, Id};
use crate::http::limit::Policy;
use crate::http::limit::address;
use crate::http::problem::Problem;
use crate::secret;

/// Visits as they are answered.
mod out;
/// One visit: seeing it, and its steps.
pub mod visit;

pub use out::{
    BoardOut, EstimateOut, QueueOut, VisitHistoryOut, VisitOut, VisitPeriodOut, unjoinable,
};
pub use visit::Knock;

/// What a visit's secret begins with.
const SECRET: &str = "bfv_";

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VisitIn {
    /// What somebody without an account is called; staff name whom they put into the line.
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What their expert must have among the tags.
    #[schema(max_length = 40)]
    pub skill: Option<String>,
    /// The one expert of the branch they want, if it must be one.
    pub expert_id: Option<Uuid>,
    #[schema(max_length = 2000)]
    pub note: Option<String>,
    /// Staff: the code of an appointment of today, whose client has come.
    #[schema(max_length = 20)]
    pub code: Option<String>,
}

/// Joins the waiting queue of a branch. Without an account the name is needed, and the answer has the secret that opens
/// the visit as a bearer token. Staff of the branch name whom they put into the line, or the code of an appointment.
#[utoipa::path(post, path = "/api/v1/branches/{id}/queue", tag = "Queues",
    params(crate::http::idempotency::KeyHeader, ("id" = Uuid, Path)), request_body = VisitIn,
    responses((status = 201, body = VisitOut)), security((), ("bearer" = [])))]
pub async fn join(
    app: Data<App>,
    id: Id<BranchId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let signed = visitor(&request).await?;
    let claimant = claimant(&app, signed.as_ref(), &address(&app, &request)).await?;
    let input = body.read();
    let said = body.print::<VisitIn>(&input)?;
    let asked = Asked::about(&request, &join_path(id.0), claimant, &said)?;
    let joined = join_once(&app, signed.as_ref(), id.0, input, asked).await?;
    Ok(joined.respond())
}

/// Where joining the line of this branch is asked for, however its id was written.
pub fn join_path(branch: BranchId) -> String {
    format!("/api/v1/branches/{branch}/queue")
}

/// Who joins, as far as their keys go. Whoever has no account has a share of their address's limit.
///
/// # Errors
/// `too-many-requests`.
pub async fn claimant(app: &App, signed: Option<&Signed>, from: &str) -> Result<String, Problem> {
    match signed {
        Some(signed) => Ok(signed.claimant()),
        None => {
            app.limiter.take(Policy::Guest, from).await?;
            Ok(format!("visitor:{from}"))
        }
    }
}

/// Puts whoever asks, or whom they name, into the line of a branch.
///
/// # Errors
/// What is wrong with the wish, `not-found`, or what the queue answers.
pub async fn join_once(
    app: &App,
    signed: Option<&Signed>,
    branch: BranchId,
    input: Result<VisitIn, Problem>,
    asked: Asked,
) -> Result<Answered, Problem> {
    let branch = self::branch(app, branch).await?;
    let make = async |key| entered(app, signed, &branch, input?, key).await;
    let recover = async |id: Uuid| made(app, id.into()).await;
    once_asked(app, asked, make, recover).await
}

/// The visit that was made before, for whoever asks for it again.
async fn made(app: &App, id: VisitId) -> Result<Created, Problem> {
    let visit = app.world.store.visit(id).await?;
    let visit = visit.ok_or_else(|| Problem::new("not-found"))?;
    Ok(Created::new(&VisitOut::shown(app, visit).await?))
}

/// Whoever signed in; `None` without a token.
async fn visitor(request: &HttpRequest) -> Result<Option<Signed>, Problem> {
    use actix_web::FromRequest;
    if !request.headers().contains_key(AUTHORIZATION) {
        return Ok(None);
    }
    Signed::extract(request).await.map(Some)
}

async fn entered(
    app: &App,
    signed: Option<&Signed>,
    branch: &Branch,
    input: VisitIn,
    key: Option<IdempotencyKey>,
) -> Result<Created, Problem> {
    let staff = signed.filter(|signed| signed.caller().works_at(branch.id));
    let mut faults = Faults::default();
    let name = faults.take_some(input.name.as_deref(), |v| account::name("/name", v));
    let note = faults.take(words::note(input.note.as_deref())).flatten();
    let skill = input.skill.as_deref();
    let skill = faults.take_some(skill, |v| {
        belfry_domain::text::checked("/skill", v, 1, 40, false)
    });
    if input.code.is_some() && staff.is_none() {
        faults.refuse("/code", "Staff of the branch check appointments in.");
    }
    if signed.is_some() && staff.is_none() && name.is_some() {
        faults.refuse("/name", "You are signed in: you join under your own name.");
    }
    if signed.is_none() && input.name.is_none() {
        faults.miss("/name", "Say what you are called.");
    }
    faults.check()?;
    if let (Some(code), Some(staff)) = (&input.code, staff) {
        let booking = by_code(app, branch, code).await?;
        return checked_in(app, branch, booking, staff.actor(), key).await;
    }
    let wanted = match input.expert_id {
        Some(expert) => Some(wanted(app, branch, expert.into()).await?),
        None => None,
    };
    let own = signed.filter(|_| name.is_none());
    let client = own.map(|signed| Party {
        id: signed.0.id,
        name: signed.0.name.clone(),
    });
    let name = name.or_else(|| own.map(|signed| signed.0.name.clone()));
    let name = name.unwrap_or_default();
    let token = client
        .is_none()
        .then(|| format!("{SECRET}{}", URL_SAFE_NO_PAD.encode(secret::fresh::<32>())));
    let actor = match signed {
        Some(signed) => signed.actor(),
        None => guest(name.clone()),
    };
    let wish = JoinRequest {
        client,
        name,
        wanted,
        skill,
        note,
        secret_hash: token.as_deref().map(secret::hash),
        actor,
        key,
    };
    let visit = app.queues.join(branch, wish).await?;
    let visit = told(app, visit).await?;
    let out = VisitOut::shown(app, visit).await?;
    match token {
        // Shown once, and kept nowhere.
        Some(token) => {
            let kept = serde_json::to_value(&out).unwrap_or_default();
            Ok(Created::new(&out.opened_by(token)).keeping(&kept))
        }
        None => Ok(Created::new(&out)),
    }
}

/// Somebody without an account, as whoever does something.
pub(super) fn guest(name: String) -> Actor {
    Actor {
        id: None,
        name,
        role: "guest".to_owned(),
    }
}

/// The expert of the branch whom somebody wants.
async fn wanted(app: &App, branch: &Branch, expert: UserId) -> Result<Party, Problem> {
    let desk = app.world.store.desk_of(branch.id, expert).await?;
    let desk = desk.ok_or_else(|| {
        let detail = "Nobody of this branch has this id.";
        Problem::field("/expert_id", FieldError::INVALID, detail)
    })?;
    Ok(desk.expert)
}

/// The appointment of today at this branch that has this code.
async fn by_code(app: &App, branch: &Branch, code: &str) -> Result<Booking, Problem> {
    let store = &app.world.store;
    let found = match store.booking_id_by_code(code).await? {
        Some(id) => store.booking(id).await?,
        None => None,
    };
    let here = |booking: &Booking| booking.expert_branch == Some(branch.id);
    found.filter(here).ok_or_else(|| {
        let detail = "No booking of this branch has this code.";
        Problem::field("/code", FieldError::INVALID, detail)
    })
}

async fn checked_in(
    app: &App,
    branch: &Branch,
    booking: Booking,
    actor: Actor,
    key: Option<IdempotencyKey>,
) -> Result<Created, Problem> {
    booking.check_in()?;
    let (zone, now) = (branch.opening.time_zone, app.world.clock.now());
    if local_date(zone, booking.starts_at) != local_date(zone, now) {
        return Err(Problem::new("not-today"));
    }
    let wish = JoinRequest {
        client: Some(booking.client.clone()),
        name: booking.client.name.clone(),
        wanted: Some(booking.expert.clone()),
        skill: None,
        note: booking.note.clone(),
        secret_hash: None,
        actor,
        key,
    };
    let visit = app.queues.check_in(branch, &booking, wish).await?;
    let visit = told(app, visit).await?;
    Ok(Created::new(&VisitOut::shown(app, visit).await?))
}

/// Says with a refusal which visit there is already.
pub(super) async fn told(app: &App, visit: Result<Visit, QueueError>) -> Result<Visit, Problem> {
    match visit {
        Err(QueueError::AlreadyInQueue { visit: Some(id) }) => {
            let problem = Problem::new("already-in-queue");
            let there: Option<Visit> = app.world.store.visit(id).await?;
            let Some(there) = there else {
                return Err(problem);
            };
            let out = VisitOut::shown(app, there).await?;
            let out = serde_json::to_value(&out).unwrap_or_default();
            Err(problem.with("visit", out))
        }
        other => Ok(other?),
    }
}

/// Says that the client of a booking of today has come: they are in the line of the expert's branch, before those who
/// walked in once their time has come. The client, the expert, the expert's manager, admins.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/check-in", tag = "Queues",
    params(crate::http::idempotency::KeyHeader, ("id" = Uuid, Path)), responses((status = 201, body = VisitOut)))]
pub async fn check_in(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let said = body.print(&body.read_or_empty::<CheckInIn>())?;
    let asked = Asked::about(&request, &check_in_path(id.0), signed.claimant(), &said)?;
    Ok(check_in_once(&app, &signed, id.0, asked).await?.respond())
}

/// There is nothing to be said.
#[derive(Deserialize, Serialize)]
pub struct CheckInIn {}

/// Where checking in with this booking is asked for, however its id was written.
pub fn check_in_path(booking: BookingId) -> String {
    format!("/api/v1/bookings/{booking}/check-in")
}

/// Puts the client of a booking into the line.
///
/// # Errors
/// What the rights to the booking, or the queue, answer.
pub async fn check_in_once(
    app: &App,
    signed: &Signed,
    booking: BookingId,
    asked: Asked,
) -> Result<Answered, Problem> {
    let (booking, _) = concerned(app, signed, booking).await?;
    let make = async |key| {
        let there = booking.expert_branch;
        let there = there.ok_or_else(|| Problem::new("no-branch"))?;
        let branch = branch(app, there).await?;
        checked_in(app, &branch, booking.clone(), signed.actor(), key).await
    };
    let recover = async |id: Uuid| made(app, id.into()).await;
    once_asked(app, asked, make, recover).await
}

/// How the waiting queue of a branch stands. Numbers are for everybody; who is behind them only staff of the branch see.
#[utoipa::path(get, path = "/api/v1/branches/{id}/queue", tag = "Queues", params(("id" = Uuid, Path)),
    responses((status = 200, body = QueueOut)), security((), ("bearer" = [])))]
pub async fn get(
    app: Data<App>,
    id: Id<BranchId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let signed = visitor(&request).await?;
    let out = shown(&app, signed.as_ref(), id.0).await?;
    Ok(HttpResponse::Ok().json(out))
}

/// How the line of a branch stands, as somebody may see it.
///
/// # Errors
/// `not-found`, or the store's own.
pub async fn shown(
    app: &App,
    signed: Option<&Signed>,
    branch: BranchId,
) -> Result<QueueOut, Problem> {
    let branch = self::branch(app, branch).await?;
    let now = app.world.clock.now();
    let line = app.world.store.queue_line(branch.id, now).await?;
    let staff = signed.is_some_and(|signed| signed.caller().works_at(branch.id));
    let forecast = app.queues.forecast(&branch, &line).await?;
    Ok(QueueOut::new(&branch, &line, &forecast, staff, now))
}

/// The branch with this id.
///
/// # Errors
/// `not-found`, or the store's own.
pub async fn branch(app: &App, id: BranchId) -> Result<Branch, Problem> {
    let found = app.world.store.branch(id).await?;
    found.ok_or_else(|| Problem::new("not-found"))
}
