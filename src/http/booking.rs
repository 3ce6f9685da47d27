//! Bookings: making, finding, moving and ending them.

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use belfry_actors::branch::BranchBooking;
use belfry_actors::expert::{BookRequest, HoldRequest, Refused};
use belfry_domain::account::{Caller, Role};
use belfry_domain::booking::{Actor, Booking, BookingError, Hold, Mode, Party, Side};

use belfry_domain::field::FieldError;
use belfry_domain::id::{BookingId, BranchId, HoldId, UserId};
use belfry_store::booking::HistoryEntry;
use belfry_store::guest::GuestTerms;
use belfry_store::idempotency::IdempotencyKey;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::branch::skill;
use crate::http::etag::versioned;
use crate::http::expert::number;
use crate::http::idempotency::{Answered, Asked, Created, once_asked};
use crate::http::input::{Body, Faults, Id, instant};
use crate::http::openapi::shape::ModeShape;
use crate::http::problem::Problem;

/// Why a branch gave a booking to its expert.
pub mod assignment;
/// Booking without an account.
pub mod guest;
/// Finding bookings.
pub mod list;
/// Looking a booking up by its code, without an account.
pub mod lookup;
/// A guest's bookings by a mailed code.
pub mod otp;
/// What a booking looks like on the wire.
mod out;
/// Booking a seat of a group session.
mod seat;
/// Changing a booking.
pub mod steps;
/// Those who may look at a booking.
mod visitor;
/// What people write on a booking.
pub mod words;

use guest::GuestIn;
pub use out::{
    ActorOut, BookingOut, BookingReviewOut, ClockMovedOut, HistoryOut, HoldOut, PartyOut,
    SeriesPlaceOut, SessionRefOut, notice_of,
};
pub use visitor::Visitor;

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldIn {
    pub expert_id: Uuid,
    pub starts_at: DateTime<Utc>,
    /// The expert's first length when left out.
    #[schema(minimum = 1, maximum = 1440)]
    pub minutes: Option<i64>,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookingIn {
    /// Either this or `branch_id`.
    pub expert_id: Option<Uuid>,
    /// Whoever of this branch is found.
    pub branch_id: Option<Uuid>,
    /// Only who has this among their tags; with `branch_id`.
    #[schema(max_length = 40)]
    pub skill: Option<String>,
    pub starts_at: DateTime<Utc>,
    /// The expert's first length when left out, or the branch's own.
    #[schema(minimum = 1, maximum = 1440)]
    pub minutes: Option<i64>,
    #[schema(value_type = ModeShape, example = "online")]
    pub mode: Mode,
    #[schema(max_length = 2000)]
    pub note: Option<String>,
    /// A group session: the booking is a seat of it. Expert, time and mode are those that were seen of it.
    pub session_id: Option<Uuid>,
    /// The caller's own hold, let go with the booking.
    pub hold_id: Option<Uuid>,
    /// For whom; managers and admins only.
    pub client_id: Option<Uuid>,
    /// Who books without an account; only without a token.
    pub guest: Option<GuestIn>,
}

impl BookingIn {
    fn check(&self, faults: &mut Faults) {
        faults.take(words::note(self.note.as_deref()));
        faults.take_some(self.minutes, |v| number("/minutes", v, 1, 1440));
        faults.take(self.wanted());
    }

    fn wanted(&self) -> Result<Wanted, FieldError> {
        let fault = |pointer, code, detail: &str| Err(FieldError::new(pointer, code, detail));
        match (self.expert_id, self.branch_id) {
            (Some(expert), None) if self.skill.is_none() => Ok(Wanted::Expert(expert.into())),
            (None, Some(branch)) => {
                let skill = self.skill.as_deref().map(|v| skill("/skill", v));
                Ok(Wanted::Branch(branch.into(), skill.transpose()?.flatten()))
            }
            (Some(_), None) => {
                let detail = "A skill is asked for at a branch.";
                fault("/skill", FieldError::INVALID, detail)
            }
            (Some(_), Some(_)) => {
                let detail = "Name an expert or a branch, not both.";
                fault("/branch_id", FieldError::INVALID, detail)
            }
            (None, None) => {
                let detail = "Name an expert, or a branch that finds one.";
                fault("/expert_id", FieldError::REQUIRED, detail)
            }
        }
    }
}

/// Whose time is asked for.
enum Wanted {
    Expert(UserId),
    /// Whoever of the branch is found, with this skill if one is named.
    Branch(BranchId, Option<String>),
}

/// Who books, and for whom.
struct Wish {
    client: Party,
    holder: UserId,
    actor: Actor,
    guest: Option<GuestTerms>,
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
            Refused::NoExpert | Refused::NoBranch => Self::new("not-found"),
            Refused::Busy(busy) => busy.into(),
            Refused::Store(error) => error.into(),
        }
    }
}

/// Holds a slot for a few minutes while the form is filled.
#[utoipa::path(post, path = "/api/v1/holds", tag = "Bookings", params(crate::http::idempotency::KeyHeader), request_body = HoldIn,
    responses((status = 201, body = HoldOut)))]
pub async fn hold(
    app: Data<App>,
    signed: Signed,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let input = body.read();
    let asked = Asked::of(&request, signed.claimant(), &body.print(&input)?)?;
    Ok(hold_once(&app, &signed, input, asked).await?.respond())
}

/// Holds a slot for whoever signed in.
///
/// # Errors
/// What is wrong with the wish, or what the expert answers.
pub async fn hold_once(
    app: &App,
    signed: &Signed,
    input: Result<HoldIn, Problem>,
    asked: Asked,
) -> Result<Answered, Problem> {
    let client = signed.0.id;
    let make = async |key| {
        let input = input?;
        let minutes = checked_minutes(input.minutes)?;
        let request = HoldRequest {
            client,
            starts_at: instant("/starts_at", input.starts_at)?,
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
    once_asked(app, asked, make, recover).await
}

/// Lets go of a held slot.
#[utoipa::path(delete, path = "/api/v1/holds/{id}", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn release(
    app: Data<App>,
    signed: Signed,
    id: Id<HoldId>,
) -> Result<HttpResponse, Problem> {
    let_go(&app, &signed, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lets go of the caller's hold.
///
/// # Errors
/// `not-found`, or the store's own.
pub async fn let_go(app: &App, signed: &Signed, id: HoldId) -> Result<(), Problem> {
    match app.experts.release(id, signed.0.id).await? {
        true => Ok(()),
        false => Err(Problem::new("not-found")),
    }
}

fn checked_minutes(minutes: Option<i64>) -> Result<Option<u16>, Problem> {
    Ok(minutes
        .map(|value| number("/minutes", value, 1, 1440))
        .transpose()?)
}

/// Books the time of an expert, or of whoever a branch finds, for the caller or, without a token, for the guest named in the body.
#[utoipa::path(post, path = "/api/v1/bookings", tag = "Bookings", params(crate::http::idempotency::KeyHeader), request_body = BookingIn,
    responses((status = 201, body = BookingOut)), security((), ("bearer" = [])))]
pub async fn create(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    if !request.headers().contains_key(AUTHORIZATION) {
        return guest::create(&app, &request, &body).await;
    }
    let signed = Signed::extract(&request).await?;
    let input = body.read();
    let asked = Asked::of(&request, signed.claimant(), &body.print(&input)?)?;
    Ok(create_once(&app, &signed, input, asked).await?.respond())
}

/// Books for whoever signed in, or for whom they name.
///
/// # Errors
/// What is wrong with the wish, or what experts and branches answer.
pub async fn create_once(
    app: &App,
    signed: &Signed,
    input: Result<BookingIn, Problem>,
    asked: Asked,
) -> Result<Answered, Problem> {
    let caller = signed.caller();
    let make = async |key| {
        let input = input?;
        let mut faults = Faults::default();
        input.check(&mut faults);
        if input.guest.is_some() {
            let detail = "You are signed in: book for yourself, or name client_id if you may.";
            faults.refuse("/guest", detail);
        }
        faults.check()?;
        let client = client_of(app, signed, input.client_id).await?;
        if input.expert_id == Some(client.id.uuid()) {
            let detail = "Experts cannot book themselves; take time off instead.";
            return Err(Problem::field("/expert_id", FieldError::INVALID, detail));
        }
        let wish = Wish {
            client,
            holder: caller.id,
            actor: signed.actor(),
            guest: None,
        };
        let booking = book(app, &input, wish, key).await?;
        if let Some(hold) = input.hold_id {
            // Still there only if it held another time.
            app.experts.release(hold.into(), caller.id).await?;
        }
        Ok(Created::new(&shown(app, booking, &caller).await?))
    };
    let recover = async |id: Uuid| {
        let booking = app.world.store.booking(id.into()).await?;
        let booking = booking.ok_or_else(|| Problem::new("not-found"))?;
        Ok(Created::new(&shown(app, booking, &caller).await?))
    };
    once_asked(app, asked, make, recover).await
}

/// Brings a wish that was checked before the expert.
async fn book(
    app: &App,
    input: &BookingIn,
    wish: Wish,
    key: Option<IdempotencyKey>,
) -> Result<Booking, Problem> {
    if let Some(session) = input.session_id {
        return seat::book(app, session.into(), input, wish, key).await;
    }
    let request = BookRequest {
        client: wish.client,
        holder: wish.holder,
        starts_at: instant("/starts_at", input.starts_at)?,
        minutes: checked_minutes(input.minutes)?,
        mode: input.mode,
        note: words::note(input.note.as_deref())?,
        guest: wish.guest,
        actor: wish.actor,
        key,
        branch: None,
        offer: None,
    };
    let booking = match input.wanted()? {
        Wanted::Expert(expert) => app.experts.book(expert, request).await?,
        Wanted::Branch(branch, skill) => {
            let wish = BranchBooking { request, skill };
            app.branches.book(branch, wish).await?
        }
    };
    app.scheduler.nudge();
    Ok(booking)
}

/// The person that something is for: the caller, or whom a manager or an administrator names.
pub(super) async fn client_of(
    app: &App,
    signed: &Signed,
    client_id: Option<Uuid>,
) -> Result<Party, Problem> {
    Ok(match client_id.map(UserId::from) {
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
    })
}

/// The booking as `caller` sees it.
///
/// # Errors
/// The store's own.
pub async fn shown(app: &App, booking: Booking, caller: &Caller) -> Result<BookingOut, Problem> {
    let notice = app.experts.cancel_notice(booking.expert.id).await?;
    Ok(BookingOut::new(
        booking,
        Some(caller),
        notice,
        app.world.clock.now(),
    ))
}

/// The booking, for somebody it concerns; `not-found` for everybody else.
///
/// # Errors
/// `not-found`, or the store's own.
pub async fn concerned(
    app: &App,
    signed: &Signed,
    id: BookingId,
) -> Result<(Booking, Side), Problem> {
    let booking = app.world.store.booking(id).await?;
    booking
        .and_then(|booking| {
            booking
                .side_of(&signed.caller())
                .map(|side| (booking, side))
        })
        .ok_or_else(|| Problem::new("not-found"))
}

/// Lets the caller hear of what happens to a booking that concerns them, as far as rules tell those who follow it.
#[utoipa::path(put, path = "/api/v1/bookings/{id}/follow", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn follow(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
) -> Result<HttpResponse, Problem> {
    concerned(&app, &signed, id.0).await?;
    let (subject, user) = (id.0.uuid(), signed.0.id);
    let now = app.world.clock.now();
    app.world.store.follow(subject, user, now).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends it.
#[utoipa::path(delete, path = "/api/v1/bookings/{id}/follow", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn unfollow(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
) -> Result<HttpResponse, Problem> {
    concerned(&app, &signed, id.0).await?;
    app.world.store.unfollow(id.0.uuid(), signed.0.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// One booking.
#[utoipa::path(get, path = "/api/v1/bookings/{id}", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 200, body = BookingOut)))]
pub async fn get(
    app: Data<App>,
    visitor: Visitor,
    id: Id<BookingId>,
) -> Result<HttpResponse, Problem> {
    let signed = visitor.at(id.0)?;
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

/// Everything that happened to a booking, oldest first.
#[utoipa::path(get, path = "/api/v1/bookings/{id}/history", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 200, body = HistoryOut)))]
pub async fn history(
    app: Data<App>,
    visitor: Visitor,
    id: Id<BookingId>,
) -> Result<HttpResponse, Problem> {
    let signed = visitor.at(id.0)?;
    concerned(&app, &signed, id.0).await?;
    let entries: Vec<HistoryEntry> = app.world.store.booking_history(id.0).await?;
    Ok(HttpResponse::Ok().json(HistoryOut::from(entries)))
}

/// The booking as an iCalendar file, the same that the last mail about it carried: a calendar that gets both
/// keeps one entry.
#[utoipa::path(get, path = "/api/v1/bookings/{id}/calendar.ics", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 200, content_type = "text/calendar", body = String)))]
pub async fn calendar(
    app: Data<App>,
    visitor: Visitor,
    id: Id<BookingId>,
) -> Result<HttpResponse, Problem> {
    let signed = visitor.at(id.0)?;
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
