//! Waiting lists: joining one, seeing where one stands, answering an offer (C3.11).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_actors::expert::Refused;
use belfry_domain::Instant;
use belfry_domain::account;
use belfry_domain::booking::{BookingError, Mode, Party};
use belfry_domain::field::FieldError;
use belfry_domain::id::{UserId, WaitingId};
use belfry_domain::waiting::{Status, Waiting, Wish};
use belfry_domain::wall::{self, WallTime};
use belfry_store::idempotency::IdempotencyKey;
use belfry_store::waiting::{WaitingFilter, WaitingStep};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::booking::list::scope_of;
use crate::http::booking::{ActorOut, PartyOut, SessionRefOut, client_of, shown, words};
use crate::http::etag::{IfMatch, versioned};
use crate::http::expert::{date, number};
use crate::http::idempotency::{Created, once};
use crate::http::input::{Body, Faults, Id, Query};
use crate::http::openapi::shape::{ModeShape, WaitingStatusShape};
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WishIn {
    /// The first date.
    #[schema(value_type = NaiveDate)]
    from: String,
    /// The last one, at most 61 days later; `from` when left out.
    #[schema(value_type = Option<NaiveDate>)]
    until: Option<String>,
    /// IANA zone of dates and hours; the expert's when left out.
    #[schema(example = "Asia/Ho_Chi_Minh")]
    time_zone: Option<String>,
    /// Not starting before this time of the day, HH:MM.
    #[schema(value_type = Option<String>, pattern = r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
    earliest: Option<WallTime>,
    /// Ending by this time of the day, HH:MM.
    #[schema(value_type = Option<String>, pattern = r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
    latest: Option<WallTime>,
    /// One of the expert's lengths; the first when left out.
    #[schema(minimum = 1, maximum = 1440)]
    minutes: Option<i64>,
    #[schema(value_type = ModeShape, example = "online")]
    mode: Mode,
    /// For the booking that it becomes.
    #[schema(max_length = 2000)]
    note: Option<String>,
    /// Who waits, where a manager or an administrator puts somebody on the list; the caller when left out.
    client_id: Option<Uuid>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Those that can still come to a booking, or those that cannot; all when left out.
    open: Option<bool>,
    expert_id: Option<Uuid>,
    limit: Option<i64>,
    after: Option<String>,
}

/// A slot that is held for somebody.
#[derive(Serialize, ToSchema)]
pub struct OfferOut {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    /// Then the next in line has it.
    expires_at: DateTime<Utc>,
}

/// Somebody's place on a waiting list.
#[derive(Serialize, ToSchema)]
pub struct WaitingPlaceOut {
    #[schema(value_type = Uuid)]
    id: WaitingId,
    #[schema(value_type = WaitingStatusShape, example = "waiting")]
    status: &'static str,
    expert: PartyOut,
    client: PartyOut,
    /// The group session of which a seat is waited for, if it is one.
    session: Option<SessionRefOut>,
    minutes: u16,
    from: NaiveDate,
    until: NaiveDate,
    time_zone: &'static str,
    #[schema(value_type = Option<String>)]
    earliest: Option<WallTime>,
    #[schema(value_type = Option<String>)]
    latest: Option<WallTime>,
    #[schema(value_type = ModeShape, example = "online")]
    mode: Mode,
    note: Option<String>,
    /// How many others wait longer, while it waits.
    ahead: i64,
    /// The last slot that was offered.
    offer: Option<OfferOut>,
    booking_id: Option<Uuid>,
    joined_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    version: i64,
}

impl From<Waiting> for WaitingPlaceOut {
    fn from(waiting: Waiting) -> Self {
        let Wish { time_zone, .. } = waiting.wish;
        Self {
            id: waiting.id,
            status: waiting.status.as_str(),
            expert: waiting.expert.into(),
            client: waiting.client.into(),
            session: waiting.session.map(SessionRefOut::from),
            minutes: waiting.wish.minutes,
            from: waiting.wish.from,
            until: waiting.wish.until,
            time_zone: time_zone.name(),
            earliest: waiting.wish.earliest,
            latest: waiting.wish.latest,
            mode: waiting.wish.mode,
            note: waiting.wish.note,
            ahead: waiting.ahead,
            offer: waiting.offer.map(|offer| OfferOut {
                starts_at: offer.starts_at,
                ends_at: offer.ends_at,
                expires_at: offer.expires_at,
            }),
            booking_id: waiting.booking_id.map(|id| id.uuid()),
            joined_at: waiting.joined_at,
            ended_at: waiting.ended_at,
            version: waiting.version,
        }
    }
}

/// The steps of a place on a list, oldest first.
#[derive(Serialize, ToSchema)]
pub struct WaitingHistoryOut {
    items: Vec<WaitingStepOut>,
}

/// One step.
#[derive(Serialize, ToSchema)]
pub struct WaitingStepOut {
    at: DateTime<Utc>,
    actor: ActorOut,
    #[schema(value_type = WaitingStatusShape)]
    status: String,
    /// Of the slot that was offered with it.
    starts_at: Option<DateTime<Utc>>,
}

impl From<WaitingStep> for WaitingStepOut {
    fn from(step: WaitingStep) -> Self {
        Self {
            at: step.at,
            actor: ActorOut::new(step.actor_id, step.actor_name, step.actor_role),
            status: step.status,
            starts_at: step.starts_at,
        }
    }
}

/// Joins an expert's waiting list for some dates. As soon as a slot that fits comes free, or is free already, it is
/// offered to whoever has waited longest.
#[utoipa::path(post, path = "/api/v1/experts/{id}/waiting-list", tag = "Waiting lists",
    params(crate::http::idempotency::KeyHeader, ("id" = Uuid, Path)), request_body = WishIn,
    responses((status = 201, body = WaitingPlaceOut)))]
pub async fn join(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    if signed.0.id == id.0 {
        // Experts cannot wait for themselves.
        return Err(Problem::new("forbidden"));
    }
    let make = async |key| {
        let input: WishIn = body.read()?;
        let client = client_of(&app, &signed, input.client_id).await?;
        if client.id == id.0 {
            let detail = "Experts cannot wait for themselves.";
            return Err(Problem::field("/client_id", FieldError::INVALID, detail));
        }
        let waiting = wished(&app, client, id.0, input).await?;
        joined(&app, &signed, waiting, key).await
    };
    let recover = async |id: Uuid| made(&app, id.into()).await;
    once(&app, &request, signed.claimant(), &body, make, recover).await
}

/// Puts somebody on a list. What is free already is offered at once.
pub(super) async fn joined(
    app: &App,
    signed: &Signed,
    waiting: Waiting,
    key: Option<IdempotencyKey>,
) -> Result<Created, Problem> {
    let most = i64::from(app.settings.waiting_list.places_per_person);
    let store = &app.world.store;
    store
        .join_waiting_list(&waiting, most, signed.actor(), key.as_ref())
        .await??;
    (app.committed)();
    app.experts.look_at_waiting_list(waiting.expert.id);
    made(app, waiting.id).await
}

pub(super) async fn made(app: &App, id: WaitingId) -> Result<Created, Problem> {
    let waiting = app.world.store.waiting(id).await?;
    let waiting = waiting.ok_or_else(|| Problem::new("not-found"))?;
    Ok(Created::new(&WaitingPlaceOut::from(waiting)))
}

/// What somebody wants to wait for, checked against what the expert offers at all.
async fn wished(
    app: &App,
    client: Party,
    expert: UserId,
    input: WishIn,
) -> Result<Waiting, Problem> {
    let now = app.world.clock.now();
    let store = &app.world.store;
    let found = store.expert(expert).await?;
    let found = found.ok_or_else(|| Problem::new("not-found"))?;
    let (schedule, _) = store
        .schedule(expert, now)
        .await?
        .ok_or_else(|| Problem::new("not-found"))?;
    let mut faults = Faults::default();
    let from = faults.take(date("/from", &input.from));
    let until = faults.take_some(input.until.as_deref(), |v| date("/until", v));
    let zone = input.time_zone.as_deref();
    let zone = faults.take_some(zone, |zone| account::time_zone("/time_zone", zone));
    let zone = zone.unwrap_or(schedule.time_zone);
    let minutes = faults.take_some(input.minutes, |v| number("/minutes", v, 1, 1440));
    let minutes = minutes.or_else(|| schedule.rules.default_minutes());
    let note = faults.take(words::note(input.note.as_deref()));
    let today = wall::local_date(zone, now);
    // One date that could not be read says nothing of the other.
    let (from, until) = from.zip(until.or(from)).unwrap_or((today, today));
    let wish = Wish {
        minutes: minutes.unwrap_or_default(),
        from,
        until,
        earliest: input.earliest,
        latest: input.latest,
        time_zone: zone,
        mode: input.mode,
        note: note.flatten(),
    };
    faults.extend(wish.check(&schedule, now));
    faults.check()?;
    Ok(Waiting {
        id: WaitingId::at(now),
        status: Status::Waiting,
        expert: Party {
            id: expert,
            name: found.name,
        },
        expert_branch: found.branch_id,
        client,
        session: None,
        wish,
        offer: None,
        booking_id: None,
        ahead: 0,
        joined_at: now,
        ended_at: None,
        version: 1,
    })
}

/// The caller's places on waiting lists, and those on the list of an expert; a manager's branch; all of them for admins.
/// Those who joined last come first.
#[utoipa::path(get, path = "/api/v1/waiting-list", tag = "Waiting lists", params(ListQuery),
    responses((status = 200, body = Page<WaitingPlaceOut>)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.0;
    let limit = limit(query.limit)?;
    let after = cursor::<(Instant, WaitingId)>(query.after.as_deref())?;
    let scope = scope_of(&signed.caller());
    let filter = WaitingFilter {
        open: query.open,
        expert_id: query.expert_id.map(UserId::from),
    };
    let store = &app.world.store;
    let found = store.list_waiting(scope, filter, after, limit + 1).await?;
    let key = |waiting: &Waiting| (waiting.joined_at, waiting.id);
    Ok(HttpResponse::Ok().json(page(found, limit, key, WaitingPlaceOut::from)))
}

/// The place, for whoever waits and for the expert's side; `not-found` for everybody else.
async fn concerned(app: &App, signed: &Signed, id: WaitingId) -> Result<Waiting, Problem> {
    let caller = signed.caller();
    let found = app.world.store.waiting(id).await?;
    let concerns = |waiting: &Waiting| {
        waiting.client.id == caller.id
            || caller.runs_expert(waiting.expert.id, waiting.expert_branch)
    };
    found
        .filter(concerns)
        .ok_or_else(|| Problem::new("not-found"))
}

/// The place, for whoever waits; the expert's side sees it and cannot answer for them.
async fn own(app: &App, signed: &Signed, id: WaitingId) -> Result<Waiting, Problem> {
    let waiting = concerned(app, signed, id).await?;
    if waiting.client.id == signed.0.id {
        Ok(waiting)
    } else {
        Err(Problem::new("forbidden"))
    }
}

/// One place on a waiting list.
#[utoipa::path(get, path = "/api/v1/waiting-list/{id}", tag = "Waiting lists", params(("id" = Uuid, Path)),
    responses((status = 200, body = WaitingPlaceOut)))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    id: Id<WaitingId>,
) -> Result<HttpResponse, Problem> {
    let waiting = concerned(&app, &signed, id.0).await?;
    Ok(versioned(waiting.version, &WaitingPlaceOut::from(waiting)))
}

/// The steps of a place on a list, oldest first.
#[utoipa::path(get, path = "/api/v1/waiting-list/{id}/history", tag = "Waiting lists", params(("id" = Uuid, Path)),
    responses((status = 200, body = WaitingHistoryOut)))]
pub async fn history(
    app: Data<App>,
    signed: Signed,
    id: Id<WaitingId>,
) -> Result<HttpResponse, Problem> {
    concerned(&app, &signed, id.0).await?;
    let steps = app.world.store.waiting_history(id.0).await?;
    let items = steps.into_iter().map(WaitingStepOut::from).collect();
    Ok(HttpResponse::Ok().json(WaitingHistoryOut { items }))
}

/// Leaves a waiting list, whoever waits or the expert's side. What was offered goes to the next.
#[utoipa::path(delete, path = "/api/v1/waiting-list/{id}", tag = "Waiting lists",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), responses((status = 204)))]
pub async fn leave(
    app: Data<App>,
    signed: Signed,
    id: Id<WaitingId>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    let waiting = concerned(&app, &signed, id.0).await?;
    if_match.check(waiting.version)?;
    if waiting.status.is_open() {
        let (actor, expected) = (signed.actor(), if_match.version());
        app.experts
            .end_waiting(id.0, Status::Left, actor, expected)
            .await??;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Accepts an offer: the slot that is held becomes a booking. Whoever waits.
#[utoipa::path(post, path = "/api/v1/waiting-list/{id}/accept", tag = "Waiting lists",
    params(crate::http::idempotency::KeyHeader, ("id" = Uuid, Path)),
    responses((status = 201, body = crate::http::booking::BookingOut)))]
pub async fn accept(
    app: Data<App>,
    signed: Signed,
    id: Id<WaitingId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let caller = signed.caller();
    let waiting = own(&app, &signed, id.0).await?;
    let make = async |key| {
        let booked = app.experts.accept_place(&waiting, signed.actor(), key);
        let booking = match booked.await {
            // Held for somebody else by now.
            Err(Refused::Rule {
                error: BookingError::SlotTaken,
                ..
            }) => return Err(Problem::new("offer-gone")),
            other => other?,
        };
        app.scheduler.nudge();
        Ok(Created::new(&shown(&app, booking, &caller).await?))
    };
    let recover = async |id: Uuid| {
        let booking = app.world.store.booking(id.into()).await?;
        let booking = booking.ok_or_else(|| Problem::new("not-found"))?;
        Ok(Created::new(&shown(&app, booking, &caller).await?))
    };
    once(&app, &request, signed.claimant(), &body, make, recover).await
}

/// Declines an offer, which goes to the next; whoever waits.
#[utoipa::path(post, path = "/api/v1/waiting-list/{id}/decline", tag = "Waiting lists",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), responses((status = 200, body = WaitingPlaceOut)))]
pub async fn decline(
    app: Data<App>,
    signed: Signed,
    id: Id<WaitingId>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    own(&app, &signed, id.0).await?;
    let (actor, expected) = (signed.actor(), if_match.version());
    let waiting = app
        .experts
        .end_waiting(id.0, Status::Declined, actor, expected)
        .await??;
    Ok(versioned(waiting.version, &WaitingPlaceOut::from(waiting)))
}
