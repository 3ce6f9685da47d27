//! Bookings: making, finding, moving and ending them.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_actors::expert::{BookRequest, HoldRequest, MoveRequest, Refused};
use belfry_domain::account::{Caller, Role};
use belfry_domain::booking::{
    Actor, Booking, BookingError, Edit, Hold, Mode, Party, Review, Side, Status, Step,
};

use belfry_domain::field::FieldError;
use belfry_domain::id::{BookingId, HoldId, UserId};
use belfry_domain::{Instant, text, to_micros};
use belfry_store::booking::{BookingFilter, HistoryEntry, Scope};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::etag::{IfMatch, versioned};
use crate::http::expert::number;
use crate::http::idempotency::{Created, once};
use crate::http::input::{Body, Faults, Id, Query, nullable};
use crate::http::page::{cursor, limit, page};
use crate::http::problem::Problem;

/// Looking a booking up by its code, without an account.
pub mod lookup;
/// What a booking looks like on the wire.
mod out;

pub use out::{BookingOut, HistoryOut, HoldOut, notice_of};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldIn {
    expert_id: Uuid,
    starts_at: DateTime<Utc>,
    minutes: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookingIn {
    expert_id: Uuid,
    starts_at: DateTime<Utc>,
    /// The expert's first length when left out.
    minutes: Option<i64>,
    #[schema(value_type = String, example = "online")]
    mode: Mode,
    note: Option<String>,
    /// The caller's own hold, let go with the booking.
    hold_id: Option<Uuid>,
    /// For whom; managers and admins only.
    client_id: Option<Uuid>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// One or more, with commas.
    status: Option<String>,
    /// Instant or date (in the caller's zone): `from <= starts_at`.
    from: Option<String>,
    /// Instant or date (in the caller's zone): `starts_at < to`.
    to: Option<String>,
    expert_id: Option<Uuid>,
    /// Text in code, note and names.
    query: Option<String>,
    /// `-starts_at` (latest first, when left out) or `starts_at`.
    sort: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditIn {
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    note: Option<Option<String>>,
    #[schema(value_type = Option<String>)]
    mode: Option<Mode>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    place: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    link: Option<Option<String>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonIn {
    reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RescheduleIn {
    starts_at: DateTime<Utc>,
    minutes: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewIn {
    /// 1 to 5.
    stars: i64,
    text: Option<String>,
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Rule {
                error,
                alternatives,
            } => {
                let taken = error == BookingError::SlotTaken;
                let problem = Self::from(error);
                if !taken {
                    return problem;
                }
                let slots = alternatives
                    .iter()
                    .map(|slot| json!({ "starts_at": slot.starts_at, "ends_at": slot.ends_at }));
                problem.with("alternatives", slots.collect())
            }
            Refused::NoExpert => Self::new("not-found"),
            Refused::Busy(busy) => busy.into(),
            Refused::Store(error) => error.into(),
        }
    }
}

/// Holds a slot for a few minutes while the form is filled.
#[utoipa::path(post, path = "/api/v1/holds", tag = "Bookings", request_body = HoldIn,
    responses((status = 201, body = HoldOut)))]
pub async fn hold(
    app: Data<App>,
    signed: Signed,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let client = signed.0.id;
    let make = async |key| {
        let input: HoldIn = body.read()?;
        let minutes = checked_minutes(input.minutes)?;
        let request = HoldRequest {
            client,
            starts_at: to_micros(input.starts_at),
            minutes,
            key,
        };
        let hold = app.experts.hold(input.expert_id.into(), request).await?;
        Ok(Created::new(&HoldOut::from(hold)))
    };
    let recover = async |id: Uuid| {
        let hold: Option<Hold> = app.world.store.hold(id.into()).await?;
        hold.map(|hold| Created::new(&HoldOut::from(hold)))
            .ok_or_else(|| Problem::new("not-found"))
    };
    once(&app, &request, client.to_string(), &body, make, recover).await
}

/// Lets go of a held slot.
#[utoipa::path(delete, path = "/api/v1/holds/{id}", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn release(
    app: Data<App>,
    signed: Signed,
    id: Id<HoldId>,
) -> Result<HttpResponse, Problem> {
    if !app.experts.release(id.0, signed.0.id).await? {
        return Err(Problem::new("not-found"));
    }
    Ok(HttpResponse::NoContent().finish())
}

fn checked_minutes(minutes: Option<i64>) -> Result<Option<u16>, Problem> {
    Ok(minutes
        .map(|value| number("/minutes", value, 1, 1440))
        .transpose()?)
}

/// Books an expert's time.
#[utoipa::path(post, path = "/api/v1/bookings", tag = "Bookings", request_body = BookingIn,
    responses((status = 201, body = BookingOut)))]
pub async fn create(
    app: Data<App>,
    signed: Signed,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let caller = signed.caller();
    let make = async |key| {
        let input: BookingIn = body.read()?;
        let mut faults = Faults::default();
        let note = faults.take_some(input.note.as_deref(), |v| {
            text::checked("/note", v, 0, 2000, true)
        });
        faults.take_some(input.minutes, |v| number("/minutes", v, 1, 1440));
        faults.check()?;
        let client = client_of(&app, &signed, &input).await?;
        let request = BookRequest {
            client,
            holder: caller.id,
            starts_at: to_micros(input.starts_at),
            minutes: checked_minutes(input.minutes)?,
            mode: input.mode,
            note: note.filter(|note| !note.is_empty()),
            actor: actor(&signed),
            key,
        };
        let booking = app.experts.book(input.expert_id.into(), request).await?;
        app.scheduler.nudge();
        if let Some(hold) = input.hold_id {
            // Still there only if it held another time.
            app.experts.release(hold.into(), caller.id).await?;
        }
        Ok(Created::new(&shown(&app, booking, &caller).await?))
    };
    let recover = async |id: Uuid| {
        let booking = app.world.store.booking(id.into()).await?;
        let booking = booking.ok_or_else(|| Problem::new("not-found"))?;
        Ok(Created::new(&shown(&app, booking, &caller).await?))
    };
    once(&app, &request, caller.id.to_string(), &body, make, recover).await
}

/// The person the booking is for.
async fn client_of(app: &App, signed: &Signed, input: &BookingIn) -> Result<Party, Problem> {
    let client = match input.client_id.map(UserId::from) {
        Some(id) if id != signed.0.id => {
            if !matches!(signed.0.role, Role::Manager | Role::Admin) {
                return Err(Problem::new("forbidden"));
            }
            let detail = "There is no such person.";
            let unknown = || Problem::field("/client_id", FieldError::INVALID, detail);
            let account = app.world.store.account(id).await?.ok_or_else(unknown)?;
            Party {
                id,
                name: account.name,
            }
        }
        _ => Party {
            id: signed.0.id,
            name: signed.0.name.clone(),
        },
    };
    if client.id.uuid() == input.expert_id {
        let detail = "Experts cannot book themselves; take time off instead.";
        return Err(Problem::field("/expert_id", FieldError::INVALID, detail));
    }
    Ok(client)
}

fn actor(signed: &Signed) -> Actor {
    Actor::person(signed.0.id, signed.0.name.clone(), signed.0.role)
}

async fn shown(app: &App, booking: Booking, caller: &Caller) -> Result<BookingOut, Problem> {
    let notice = app.experts.cancel_notice(booking.expert.id).await?;
    Ok(BookingOut::new(
        booking,
        Some(caller),
        notice,
        app.world.clock.now(),
    ))
}

/// The caller's bookings, as client or as expert; a manager's branch; all of them for admins.
#[utoipa::path(get, path = "/api/v1/bookings", tag = "Bookings", params(ListQuery),
    responses((status = 200, body = crate::http::page::Page<BookingOut>)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.0;
    let limit = limit(query.limit)?;
    let after = cursor::<(Instant, BookingId)>(query.after.as_deref())?;
    let filter = filter_of(&query, &signed)?;
    let caller = signed.caller();
    let scope = match (caller.role, caller.branch_id) {
        (Role::Admin, _) => Scope::House,
        (Role::Manager, Some(branch)) => Scope::Branch(branch, caller.id),
        _ => Scope::Person(caller.id),
    };
    let found = app
        .world
        .store
        .list_bookings(scope, &filter, after, limit + 1)
        .await?;
    let now = app.world.clock.now();
    let experts: Vec<UserId> = found.iter().map(|booking| booking.expert.id).collect();
    let notices = app.world.store.cancel_notices(&experts).await?;
    let show = |booking: Booking| {
        let minutes = notices.get(&booking.expert.id).copied().unwrap_or_default();
        BookingOut::new(booking, Some(&caller), TimeDelta::minutes(minutes), now)
    };
    Ok(HttpResponse::Ok().json(page(found, limit, |b| (b.starts_at, b.id), show)))
}

fn filter_of(query: &ListQuery, signed: &Signed) -> Result<BookingFilter, Problem> {
    let mut faults = Faults::default();
    let statuses = query
        .status
        .as_deref()
        .unwrap_or_default()
        .split(',')
        .map(str::trim);
    let statuses: Vec<Option<Status>> = statuses
        .filter(|name| !name.is_empty())
        .map(|name| {
            let unknown =
                || FieldError::new("/status", FieldError::INVALID, "This is not a status.");
            faults.take(name.parse().map_err(|_| unknown()))
        })
        .collect();
    let zone = signed.0.time_zone;
    let filter = BookingFilter {
        statuses: statuses.into_iter().flatten().collect(),
        from: faults.take_some(query.from.as_deref(), |v| instant_or_date("/from", v, zone)),
        to: faults.take_some(query.to.as_deref(), |v| instant_or_date("/to", v, zone)),
        expert_id: query.expert_id.map(UserId::from),
        query: faults.take_some(query.query.as_deref(), |v| {
            text::checked("/query", v, 0, 100, false)
        }),
        ascending: match query.sort.as_deref() {
            None | Some("-starts_at") => false,
            Some("starts_at") => true,
            Some(_) => {
                let detail = "Sort by starts_at or -starts_at.";
                faults.extend(vec![FieldError::new("/sort", FieldError::INVALID, detail)]);
                false
            }
        },
    };
    faults.check()?;
    Ok(filter)
}

fn instant_or_date(pointer: &str, value: &str, zone: chrono_tz::Tz) -> Result<Instant, FieldError> {
    if let Ok(instant) = chrono::DateTime::parse_from_rfc3339(value) {
        return Ok(to_micros(instant.to_utc()));
    }
    let date = crate::http::expert::date(pointer, value)?;
    Ok(belfry_domain::wall::day_bounds(zone, date).0)
}

/// The booking, for somebody it concerns; `not-found` for everybody else.
async fn concerned(app: &App, signed: &Signed, id: BookingId) -> Result<(Booking, Side), Problem> {
    let booking = app.world.store.booking(id).await?;
    booking
        .and_then(|booking| {
            booking
                .side_of(&signed.caller())
                .map(|side| (booking, side))
        })
        .ok_or_else(|| Problem::new("not-found"))
}

/// One booking.
#[utoipa::path(get, path = "/api/v1/bookings/{id}", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 200, body = BookingOut)))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
) -> Result<HttpResponse, Problem> {
    let (booking, _) = concerned(&app, &signed, id.0).await?;
    answer(&app, booking, &signed).await
}

async fn answer(app: &App, booking: Booking, signed: &Signed) -> Result<HttpResponse, Problem> {
    let version = booking.version;
    Ok(versioned(
        version,
        &shown(app, booking, &signed.caller()).await?,
    ))
}

/// Changes note, mode, place or link before the start; place and link are the expert's.
#[utoipa::path(patch, path = "/api/v1/bookings/{id}", tag = "Bookings", params(("id" = Uuid, Path)),
    request_body = EditIn, responses((status = 200, body = BookingOut)))]
pub async fn edit(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let (_, side) = concerned(&app, &signed, id.0).await?;
    let input: EditIn = body.read()?;
    let mut faults = Faults::default();
    let mut line = |pointer: &str, value: Option<Option<String>>, most: usize| {
        faults.take_some(value, |value| {
            let checked = value
                .map(|v| text::checked(pointer, &v, 0, most, true))
                .transpose()?;
            Ok(checked.filter(|text| !text.is_empty()))
        })
    };
    let edit = Edit {
        note: line("/note", input.note, 2000),
        mode: input.mode,
        place: line("/place", input.place, 300),
        link: line("/link", input.link, 500),
    };
    let link = edit.link.as_ref().and_then(|link| link.as_deref());
    if link.is_some_and(|link| !link.starts_with("https://") && !link.starts_with("http://")) {
        let detail = "A link begins with https://.";
        faults.extend(vec![FieldError::new("/link", FieldError::INVALID, detail)]);
    }
    faults.check()?;
    let booking = app
        .experts
        .edit(id.0, edit, side, actor(&signed), if_match.0)
        .await?;
    answer(&app, booking, &signed).await
}

async fn step(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
    step: Step,
) -> Result<HttpResponse, Problem> {
    let (_, side) = concerned(&app, &signed, id.0).await?;
    let reason = checked_reason(&body.read_or_empty::<ReasonIn>()?)?;
    let booking = app
        .experts
        .step(id.0, step, side, actor(&signed), reason, if_match.0)
        .await?;
    answer(&app, booking, &signed).await
}

fn checked_reason(input: &ReasonIn) -> Result<Option<String>, Problem> {
    let reason = input
        .reason
        .as_deref()
        .map(|v| text::checked("/reason", v, 0, 500, true));
    Ok(reason.transpose()?.filter(|reason| !reason.is_empty()))
}

/// Agrees to a pending booking; staff.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/confirm", tag = "Bookings", params(("id" = Uuid, Path)),
    request_body = ReasonIn, responses((status = 200, body = BookingOut)))]
pub async fn confirm(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, if_match, body, Step::Confirm).await
}

/// Refuses a pending booking, with a reason; staff.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/reject", tag = "Bookings", params(("id" = Uuid, Path)),
    request_body = ReasonIn, responses((status = 200, body = BookingOut)))]
pub async fn reject(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, if_match, body, Step::Reject).await
}

/// Calls a booking off: the client up to the notice before the start, staff with a reason.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/cancel", tag = "Bookings", params(("id" = Uuid, Path)),
    request_body = ReasonIn, responses((status = 200, body = BookingOut)))]
pub async fn cancel(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, if_match, body, Step::Cancel).await
}

/// Says that it took place; staff, from the start on.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/complete", tag = "Bookings", params(("id" = Uuid, Path)),
    request_body = ReasonIn, responses((status = 200, body = BookingOut)))]
pub async fn complete(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, if_match, body, Step::Complete).await
}

/// Says that the client did not come; staff, from the start on.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/miss", tag = "Bookings", params(("id" = Uuid, Path)),
    request_body = ReasonIn, responses((status = 200, body = BookingOut)))]
pub async fn miss(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    step(app, signed, id, if_match, body, Step::Miss).await
}

/// Moves a booking to another time, keeping its identity and history.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/reschedule", tag = "Bookings", params(("id" = Uuid, Path)),
    request_body = RescheduleIn, responses((status = 200, body = BookingOut)))]
pub async fn reschedule(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let (booking, side) = concerned(&app, &signed, id.0).await?;
    let input: RescheduleIn = body.read()?;
    if_match.check(booking.version)?;
    let now = app.world.clock.now();
    let notice = app.experts.cancel_notice(booking.expert.id).await?;
    // What can be refused without the turnstile is refused first, for the clearer reason.
    booking.reschedule(side, false, notice, now)?;
    let request = MoveRequest {
        booking,
        starts_at: to_micros(input.starts_at),
        minutes: checked_minutes(input.minutes)?,
        side,
        actor: actor(&signed),
        expected: if_match.0,
    };
    let booking = app.experts.reschedule(request).await?;
    app.scheduler.nudge();
    answer(&app, booking, &signed).await
}

/// Everything that happened to a booking, oldest first.
#[utoipa::path(get, path = "/api/v1/bookings/{id}/history", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 200, body = HistoryOut)))]
pub async fn history(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
) -> Result<HttpResponse, Problem> {
    concerned(&app, &signed, id.0).await?;
    let entries: Vec<HistoryEntry> = app.world.store.booking_history(id.0).await?;
    Ok(HttpResponse::Ok().json(HistoryOut::from(entries)))
}

/// The booking as an iCalendar file.
#[utoipa::path(get, path = "/api/v1/bookings/{id}/calendar.ics", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 200, content_type = "text/calendar", body = String)))]
pub async fn calendar(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
) -> Result<HttpResponse, Problem> {
    let (booking, _) = concerned(&app, &signed, id.0).await?;
    let file = out::calendar_file(&app, &booking).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/calendar; charset=utf-8")
        .insert_header((
            "content-disposition",
            "attachment; filename=\"booking.ics\"",
        ))
        .body(file))
}

/// Reviews a completed booking, once; its client.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/review", tag = "Bookings", params(("id" = Uuid, Path)),
    request_body = ReviewIn, responses((status = 201, body = BookingOut)))]
pub async fn review(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let caller = signed.caller();
    concerned(&app, &signed, id.0).await?;
    let make = async |key| {
        let input: ReviewIn = body.read()?;
        let mut faults = Faults::default();
        faults.take(number("/stars", input.stars, 1, 5));
        let text = faults.take_some(input.text.as_deref(), |v| {
            text::checked("/text", v, 0, 2000, true)
        });
        faults.check()?;
        let review = Review {
            stars: input.stars,
            text: text.filter(|text| !text.is_empty()),
            created_at: app.world.clock.now(),
        };
        let booking = app
            .experts
            .review(id.0, review, caller, actor(&signed), key)
            .await?;
        Ok(Created::new(&shown(&app, booking, &caller).await?))
    };
    let recover = async |id: Uuid| {
        let booking = app.world.store.booking(id.into()).await?;
        let booking = booking.ok_or_else(|| Problem::new("not-found"))?;
        Ok(Created::new(&shown(&app, booking, &caller).await?))
    };
    once(&app, &request, caller.id.to_string(), &body, make, recover).await
}
