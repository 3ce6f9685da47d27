//! Group sessions: what an expert offers to several people at once (C3.11). A seat is booked like any other time.

use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use belfry_actors::expert::SessionDraft;
use belfry_domain::booking::{Mode, Party};
use belfry_domain::field::FieldError;
use belfry_domain::group_session::{GroupSession, MOST_SEATS, SessionEdit};
use belfry_domain::id::{GroupSessionId, UserId, WaitingId};
use belfry_domain::waiting::{Status as WaitingStatus, Waiting, Wish};
use belfry_domain::{Instant, text, wall};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::booking::{PartyOut, words};
use crate::http::etag::{IfMatch, versioned};
use crate::http::expert::{number, run_expert};
use crate::http::idempotency::{Created, once};
use crate::http::input::{Body, Faults, Id, Query, instant, nullable};
use crate::http::openapi::shape::{GroupSessionStatusShape, ModeShape};
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;
use crate::http::schedule::DatesQuery;
use crate::http::waiting::{self, WaitingPlaceOut};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSessionIn {
    #[schema(min_length = 1, max_length = 120, example = "Yoga for beginners")]
    title: String,
    #[schema(max_length = 2000)]
    description: Option<String>,
    starts_at: DateTime<Utc>,
    #[schema(minimum = 1, maximum = 1440)]
    minutes: i64,
    #[schema(minimum = 1, maximum = 500)]
    seats: i64,
    #[schema(value_type = ModeShape, example = "offline")]
    mode: Mode,
    #[schema(max_length = 300)]
    place: Option<String>,
    /// For those who have a seat.
    #[schema(max_length = 500)]
    link: Option<String>,
    /// Whether a seat is confirmed as soon as it is booked; as the expert's rules say when left out.
    auto_confirm: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSessionEditIn {
    #[schema(min_length = 1, max_length = 120)]
    title: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<Option<String>>,
    /// Moves every seat, or nothing: 409 `clients-busy` names those who are busy then.
    starts_at: Option<DateTime<Utc>>,
    #[schema(minimum = 1, maximum = 1440)]
    minutes: Option<i64>,
    /// Not fewer than are taken.
    #[schema(minimum = 1, maximum = 500)]
    seats: Option<i64>,
    #[schema(value_type = Option<ModeShape>)]
    mode: Option<Mode>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 300)]
    place: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 500)]
    link: Option<Option<String>>,
    auto_confirm: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelIn {
    /// Everybody who has a seat reads it.
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeatWishIn {
    /// For the booking that it becomes.
    #[schema(max_length = 2000)]
    note: Option<String>,
}

/// A group session.
#[derive(Serialize, ToSchema)]
pub struct GroupSessionOut {
    #[schema(value_type = Uuid)]
    id: GroupSessionId,
    expert: PartyOut,
    title: String,
    description: Option<String>,
    #[schema(value_type = GroupSessionStatusShape, example = "open")]
    status: &'static str,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    minutes: i64,
    /// The expert's zone.
    time_zone: &'static str,
    #[schema(value_type = ModeShape, example = "offline")]
    mode: Mode,
    place: Option<String>,
    /// Only for those who run it; whoever has a seat finds it in their booking.
    link: Option<String>,
    seats: i64,
    /// Booked, or held for somebody who waits.
    taken: i64,
    left: i64,
    auto_confirm: bool,
    /// Why it was called off.
    reason: Option<String>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl GroupSessionOut {
    fn new(session: GroupSession, runs: bool) -> Self {
        Self {
            minutes: session.minutes(),
            left: session.left(),
            id: session.id,
            expert: session.expert.into(),
            title: session.title,
            description: session.description,
            status: session.status.as_str(),
            starts_at: session.starts_at,
            ends_at: session.ends_at,
            time_zone: session.time_zone.name(),
            mode: session.mode,
            place: session.place,
            link: session.link.filter(|_| runs),
            seats: session.seats,
            taken: session.taken,
            auto_confirm: session.auto_confirm,
            reason: session.reason,
            version: session.version,
            created_at: session.created_at,
            updated_at: session.updated_at,
        }
    }
}

fn title(faults: &mut Faults, value: Option<&str>) -> Option<String> {
    faults.take_some(value, |v| text::checked("/title", v, 1, 120, false))
}

fn description(typed: Option<&str>) -> Result<Option<String>, FieldError> {
    words::lines("/description", typed, 2000)
}

impl GroupSessionIn {
    fn read(self) -> Result<SessionDraft, Problem> {
        let mut faults = Faults::default();
        let title = title(&mut faults, Some(&self.title));
        let description = faults.take(description(self.description.as_deref()));
        let place = faults.take(words::place(self.place.as_deref()));
        let link = faults.take(words::link(self.link.as_deref()));
        let minutes = faults.take(number("/minutes", self.minutes, 1, 1440));
        let seats = faults.take(number("/seats", self.seats, 1, MOST_SEATS));
        faults.check()?;
        Ok(SessionDraft {
            title: title.unwrap_or_default(),
            description: description.flatten(),
            starts_at: instant("/starts_at", self.starts_at)?,
            minutes: minutes.unwrap_or_default(),
            mode: self.mode,
            place: place.flatten(),
            link: link.flatten(),
            seats: i64::from(seats.unwrap_or_default()),
            auto_confirm: self.auto_confirm,
        })
    }
}

impl GroupSessionEditIn {
    fn read(self) -> Result<SessionEdit, Problem> {
        let mut faults = Faults::default();
        let title = title(&mut faults, self.title.as_deref());
        let description = faults.take_some(self.description, |v| description(v.as_deref()));
        let place = faults.take_some(self.place, |v| words::place(v.as_deref()));
        let link = faults.take_some(self.link, |v| words::link(v.as_deref()));
        let minutes = faults.take_some(self.minutes, |v| number("/minutes", v, 1, 1440));
        let seats = faults.take_some(self.seats, |v| number("/seats", v, 1, MOST_SEATS));
        faults.check()?;
        let starts_at = self.starts_at.map(|at| instant("/starts_at", at));
        Ok(SessionEdit {
            title,
            description,
            starts_at: starts_at.transpose()?,
            minutes,
            mode: self.mode,
            place,
            link,
            seats: seats.map(i64::from),
            auto_confirm: self.auto_confirm,
        })
    }
}

/// Offers a group session; the expert, the expert's manager, admins. It takes the expert's time, inside the hours or not.
#[utoipa::path(post, path = "/api/v1/experts/{id}/sessions", tag = "Group sessions",
    params(crate::http::idempotency::KeyHeader, ("id" = Uuid, Path)), request_body = GroupSessionIn,
    responses((status = 201, body = GroupSessionOut)))]
pub async fn create(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let expert = run_expert(&app, &signed, id.0).await?;
    let make = async |key| {
        let draft = body.read::<GroupSessionIn>()?.read()?;
        let offered = app.experts.offer_session(&expert, draft, key).await??;
        Ok(Created::new(&GroupSessionOut::new(offered, true)))
    };
    let recover = async |id: Uuid| {
        let session = app.world.store.group_session(id.into()).await?;
        let session = session.ok_or_else(|| Problem::new("not-found"))?;
        Ok(Created::new(&GroupSessionOut::new(session, true)))
    };
    once(&app, &request, signed.claimant(), &body, make, recover).await
}

/// An expert's group sessions that take place, soonest first.
#[utoipa::path(get, path = "/api/v1/experts/{id}/sessions", tag = "Group sessions", params(("id" = Uuid, Path), DatesQuery),
    responses((status = 200, body = Page<GroupSessionOut>)), security(()))]
pub async fn list(
    app: Data<App>,
    id: Id<UserId>,
    query: Query<DatesQuery>,
) -> Result<HttpResponse, Problem> {
    let store = &app.world.store;
    let expert = store.expert(id.0).await?;
    let expert = expert.ok_or_else(|| Problem::new("not-found"))?;
    let (from, until) = query.0.dates(expert.time_zone, app.world.clock.now())?;
    let limit = limit(query.0.limit)?;
    let after = cursor::<(Instant, GroupSessionId)>(query.0.after.as_deref())?;
    let start = |date| wall::day_bounds(expert.time_zone, date).0;
    let dates = (start(from), start(until));
    let found = store.group_sessions(id.0, dates, after, limit + 1).await?;
    let show = |session| GroupSessionOut::new(session, false);
    Ok(HttpResponse::Ok().json(page(found, limit, |s| (s.starts_at, s.id), show)))
}

async fn found(app: &App, id: GroupSessionId) -> Result<GroupSession, Problem> {
    let session = app.world.store.group_session(id).await?;
    session.ok_or_else(|| Problem::new("not-found"))
}

/// The session, for those who run it.
async fn run(app: &App, signed: &Signed, id: GroupSessionId) -> Result<GroupSession, Problem> {
    let session = found(app, id).await?;
    if session.is_run_by(&signed.caller()) {
        Ok(session)
    } else {
        Err(Problem::new("forbidden"))
    }
}

/// One group session. Those who run it see its link, too. Its seats change without its version.
#[utoipa::path(get, path = "/api/v1/sessions/{id}", tag = "Group sessions", params(("id" = Uuid, Path)),
    responses((status = 200, body = GroupSessionOut)), security((), ("bearer" = [])))]
pub async fn get(
    app: Data<App>,
    id: Id<GroupSessionId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let session = found(&app, id.0).await?;
    // Whoever is not let in sees what everybody sees.
    let signed = Signed::extract(&request).await.ok();
    let runs = signed.is_some_and(|signed| session.is_run_by(&signed.caller()));
    Ok(versioned(
        session.version,
        &GroupSessionOut::new(session, runs),
    ))
}

/// Changes a session that is ahead; those who run it. A new time, place or link is every seat's, and everybody is told.
#[utoipa::path(patch, path = "/api/v1/sessions/{id}", tag = "Group sessions",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), request_body = GroupSessionEditIn,
    responses((status = 200, body = GroupSessionOut)))]
pub async fn edit(
    app: Data<App>,
    signed: Signed,
    id: Id<GroupSessionId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    run(&app, &signed, id.0).await?;
    let edit = body.read::<GroupSessionEditIn>()?.read()?;
    let (actor, expected) = (signed.actor(), if_match.version());
    let changed = app.experts.edit_session(id.0, &edit, actor, expected);
    let session = changed.await??;
    app.scheduler.nudge();
    Ok(versioned(
        session.version,
        &GroupSessionOut::new(session, true),
    ))
}

/// Calls a session off with all its seats, and says why; those who run it.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/cancel", tag = "Group sessions",
    params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)), request_body = CancelIn,
    responses((status = 200, body = GroupSessionOut)))]
pub async fn cancel(
    app: Data<App>,
    signed: Signed,
    id: Id<GroupSessionId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    run(&app, &signed, id.0).await?;
    let input: CancelIn = body.read_or_empty()?;
    let reason = words::reason(input.reason.as_deref())?;
    let detail = "Say why; those who have a seat will read it.";
    let missing = || Problem::field("/reason", FieldError::REQUIRED, detail);
    let reason = reason.ok_or_else(missing)?;
    let (actor, expected) = (signed.actor(), if_match.version());
    let called_off = app.experts.cancel_session(id.0, reason, actor, expected);
    let session = called_off.await??;
    Ok(versioned(
        session.version,
        &GroupSessionOut::new(session, true),
    ))
}

/// Waits for a seat of a session: one that comes free is offered to whoever has waited longest.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/waiting-list", tag = "Waiting lists",
    params(crate::http::idempotency::KeyHeader, ("id" = Uuid, Path)), request_body = SeatWishIn,
    responses((status = 201, body = WaitingPlaceOut)))]
pub async fn wait(
    app: Data<App>,
    signed: Signed,
    id: Id<GroupSessionId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let session = found(&app, id.0).await?;
    if session.expert.id == signed.0.id {
        // Experts cannot wait for themselves.
        return Err(Problem::new("forbidden"));
    }
    let make = async |key| {
        let input: SeatWishIn = body.read_or_empty()?;
        let waiting = wished(&app, &signed, &session, input)?;
        waiting::joined(&app, &signed, waiting, key).await
    };
    let recover = async |id: Uuid| waiting::made(&app, id.into()).await;
    once(&app, &request, signed.claimant(), &body, make, recover).await
}

fn wished(
    app: &App,
    signed: &Signed,
    session: &GroupSession,
    input: SeatWishIn,
) -> Result<Waiting, Problem> {
    let now = app.world.clock.now();
    let date = wall::local_date(session.time_zone, session.starts_at);
    let minutes = u16::try_from(session.minutes()).unwrap_or(u16::MAX);
    Ok(Waiting {
        id: WaitingId::at(now),
        status: WaitingStatus::Waiting,
        expert: session.expert.clone(),
        expert_branch: session.expert_branch,
        client: Party {
            id: signed.0.id,
            name: signed.0.name.clone(),
        },
        session: Some(session.reference()),
        wish: Wish {
            minutes,
            from: date,
            until: date,
            earliest: None,
            latest: None,
            time_zone: session.time_zone,
            mode: session.mode,
            note: words::note(input.note.as_deref())?,
        },
        offer: None,
        booking_id: None,
        ahead: 0,
        joined_at: now,
        ended_at: None,
        version: 1,
    })
}
