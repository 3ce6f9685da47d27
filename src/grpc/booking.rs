//! Bookings and holds.

use std::sync::Arc;

use belfry_domain::booking::{Mode, Status as BookingStatus, Step};
use belfry_domain::id::{BookingId, HoldId};
use tonic::{Request, Response, Status};

use super::call::{Call, Route};
use super::field::{id, instant, instant_text, named, named_value, timestamp};
use super::refusal::Refusal;
use super::v1;
use super::v1::booking_service_server::BookingService;
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::booking::list::{self, ListQuery};
use crate::http::booking::steps::{self, ReasonIn, RescheduleIn};
use crate::http::booking::{
    BookingIn, BookingOut, BookingReviewOut, ClockMovedOut, HoldIn, HoldOut, PartyOut,
    SeriesPlaceOut, SessionRefOut, concerned, create_once, hold_once, let_go, shown,
};
use crate::http::etag::IfMatch;
use crate::http::input::Faults;
use crate::http::problem::Problem;

/// Whose calls these are.
pub struct Bookings(pub Arc<App>);

const HOLD: Route = ("POST", "/api/v1/holds");
const RELEASE: Route = ("DELETE", "/api/v1/holds/{id}");
const CREATE: Route = ("POST", "/api/v1/bookings");
const GET: Route = ("GET", "/api/v1/bookings/{id}");
const LIST: Route = ("GET", "/api/v1/bookings");
const CONFIRM: Route = ("POST", "/api/v1/bookings/{id}/confirm");
const REJECT: Route = ("POST", "/api/v1/bookings/{id}/reject");
const CANCEL: Route = ("POST", "/api/v1/bookings/{id}/cancel");
const COMPLETE: Route = ("POST", "/api/v1/bookings/{id}/complete");
const MISS: Route = ("POST", "/api/v1/bookings/{id}/miss");
const RESCHEDULE: Route = ("POST", "/api/v1/bookings/{id}/reschedule");

/// A step that somebody asks for.
struct AskedStep {
    id: String,
    step: Step,
    reason: Option<String>,
    version: Option<i64>,
}

#[tonic::async_trait]
impl BookingService for Bookings {
    async fn create_hold(
        &self,
        request: Request<v1::CreateHoldRequest>,
    ) -> Result<Response<v1::Hold>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let handled = async {
            let signed = call.signed(HOLD).await?;
            let input = hold_in(&message);
            let asked = call.asked(HOLD, signed.claimant(), &input)?;
            Ok(hold_once(&call.app, &signed, input, asked).await?)
        };
        call.answer_created::<HoldOut, _>(handled).await
    }

    async fn release_hold(
        &self,
        request: Request<v1::ReleaseHoldRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let handled = async {
            let signed = call.signed(RELEASE).await?;
            let id: HoldId = named(&message.id)?;
            Ok(let_go(&call.app, &signed, id).await?)
        };
        call.answer(handled).await
    }

    async fn create_booking(
        &self,
        request: Request<v1::CreateBookingRequest>,
    ) -> Result<Response<v1::Booking>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let handled = async {
            let signed = call.signed(CREATE).await?;
            let input = booking_in(message);
            let asked = call.asked(CREATE, signed.claimant(), &input)?;
            Ok(create_once(&call.app, &signed, input, asked).await?)
        };
        call.answer_created::<BookingOut, _>(handled).await
    }

    async fn get_booking(
        &self,
        request: Request<v1::GetBookingRequest>,
    ) -> Result<Response<v1::Booking>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let handled = async {
            let visitor = call.visitor(GET).await?;
            let id: BookingId = named(&message.id)?;
            let signed = visitor.at(id)?;
            let (booking, _) = concerned(&call.app, &signed, id).await?;
            Ok(shown(&call.app, booking, &signed.caller()).await?.into())
        };
        call.answer(handled).await
    }

    async fn list_bookings(
        &self,
        request: Request<v1::ListBookingsRequest>,
    ) -> Result<Response<v1::ListBookingsResponse>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let handled = async {
            let signed = call.signed(LIST).await?;
            let page = list::found(&call.app, &signed, query(message)?).await?;
            Ok(v1::ListBookingsResponse {
                items: page.items.into_iter().map(v1::Booking::from).collect(),
                next: page.next,
            })
        };
        call.answer(handled).await
    }

    async fn confirm_booking(
        &self,
        request: Request<v1::ConfirmBookingRequest>,
    ) -> Result<Response<v1::Booking>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let asked = AskedStep {
            id: message.id,
            step: Step::Confirm,
            reason: message.reason,
            version: message.version,
        };
        staff_step(&call, CONFIRM, asked).await
    }

    async fn reject_booking(
        &self,
        request: Request<v1::RejectBookingRequest>,
    ) -> Result<Response<v1::Booking>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let asked = AskedStep {
            id: message.id,
            step: Step::Reject,
            reason: message.reason,
            version: message.version,
        };
        staff_step(&call, REJECT, asked).await
    }

    async fn cancel_booking(
        &self,
        request: Request<v1::CancelBookingRequest>,
    ) -> Result<Response<v1::Booking>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let asked = AskedStep {
            id: message.id,
            step: Step::Cancel,
            reason: message.reason,
            version: message.version,
        };
        let handled = async {
            let visitor = call.visitor(CANCEL).await?;
            let signed = visitor.at(named(&asked.id)?)?;
            step(&call, &signed, asked).await
        };
        call.answer(handled).await
    }

    async fn complete_booking(
        &self,
        request: Request<v1::CompleteBookingRequest>,
    ) -> Result<Response<v1::Booking>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let asked = AskedStep {
            id: message.id,
            step: Step::Complete,
            reason: message.reason,
            version: message.version,
        };
        staff_step(&call, COMPLETE, asked).await
    }

    async fn miss_booking(
        &self,
        request: Request<v1::MissBookingRequest>,
    ) -> Result<Response<v1::Booking>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let asked = AskedStep {
            id: message.id,
            step: Step::Miss,
            reason: message.reason,
            version: message.version,
        };
        staff_step(&call, MISS, asked).await
    }

    async fn reschedule_booking(
        &self,
        request: Request<v1::RescheduleBookingRequest>,
    ) -> Result<Response<v1::Booking>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let handled = async {
            let visitor = call.visitor(RESCHEDULE).await?;
            let id: BookingId = named(&message.id)?;
            let signed = visitor.at(id)?;
            let concerned = concerned(&call.app, &signed, id).await?;
            let mut faults = Faults::default();
            let input = RescheduleIn {
                starts_at: instant(&mut faults, "/starts_at", message.starts_at.as_ref()),
                minutes: message.minutes,
            };
            faults.check()?;
            let version = IfMatch::of(message.version);
            let moved = steps::relocate(&call.app, &signed, concerned, input, &version).await?;
            Ok(shown(&call.app, moved, &signed.caller()).await?.into())
        };
        call.answer(handled).await
    }
}

/// A step that a link to a booking is not good for.
async fn staff_step(
    call: &Call,
    route: Route,
    asked: AskedStep,
) -> Result<Response<v1::Booking>, Status> {
    let handled = async {
        let signed = call.signed(route).await?;
        step(call, &signed, asked).await
    };
    call.answer(handled).await
}

async fn step(call: &Call, signed: &Signed, asked: AskedStep) -> Result<v1::Booking, Refusal> {
    let id: BookingId = named(&asked.id)?;
    let (_, side) = concerned(&call.app, signed, id).await?;
    let input = ReasonIn {
        reason: asked.reason,
    };
    let version = IfMatch::of(asked.version);
    let taken = steps::take(&call.app, signed, (id, side), asked.step, input, &version).await?;
    Ok(shown(&call.app, taken, &signed.caller()).await?.into())
}

fn hold_in(message: &v1::CreateHoldRequest) -> Result<HoldIn, Problem> {
    let mut faults = Faults::default();
    let input = HoldIn {
        expert_id: id(&mut faults, "/expert_id", Some(&message.expert_id)).unwrap_or_default(),
        starts_at: instant(&mut faults, "/starts_at", message.starts_at.as_ref()),
        minutes: message.minutes,
    };
    faults.check()?;
    Ok(input)
}

fn booking_in(message: v1::CreateBookingRequest) -> Result<BookingIn, Problem> {
    let mut faults = Faults::default();
    let mut id = |pointer, said: Option<String>| id(&mut faults, pointer, said.as_deref());
    let mut input = BookingIn {
        expert_id: id("/expert_id", message.expert_id),
        branch_id: id("/branch_id", message.branch_id),
        session_id: id("/session_id", message.session_id),
        hold_id: id("/hold_id", message.hold_id),
        client_id: id("/client_id", message.client_id),
        skill: message.skill,
        starts_at: Default::default(),
        minutes: message.minutes,
        mode: Mode::Online,
        note: message.note,
        guest: None,
    };
    input.starts_at = instant(&mut faults, "/starts_at", message.starts_at.as_ref());
    let mode: v1::BookingMode = named_value(&mut faults, "/mode", message.mode);
    if mode == v1::BookingMode::Offline {
        input.mode = Mode::Offline;
    }
    faults.check()?;
    Ok(input)
}

fn query(message: v1::ListBookingsRequest) -> Result<ListQuery, Problem> {
    let mut faults = Faults::default();
    let statuses = message.statuses.into_iter();
    let statuses: Vec<&str> = statuses
        .map(|status| named_value(&mut faults, "/status", status))
        .filter_map(status_name)
        .collect();
    let sort = match message.sort {
        0 => None,
        sort => match named_value(&mut faults, "/sort", sort) {
            v1::BookingSort::StartsAtAscending => Some("starts_at"),
            v1::BookingSort::StartsAtDescending | v1::BookingSort::Unspecified => None,
        },
    };
    let mut id = |pointer, said: Option<String>| id(&mut faults, pointer, said.as_deref());
    let query = ListQuery {
        status: (!statuses.is_empty()).then(|| statuses.join(",")),
        expert_id: id("/expert_id", message.expert_id),
        client_id: id("/client_id", message.client_id),
        branch_id: id("/branch_id", message.branch_id),
        session_id: id("/session_id", message.session_id),
        query: message.query,
        sort: sort.map(str::to_owned),
        limit: message.limit,
        after: message.after,
        ..ListQuery::default()
    };
    let query = ListQuery {
        from: instant_text(&mut faults, "/from", message.from.as_ref()),
        to: instant_text(&mut faults, "/to", message.to.as_ref()),
        ..query
    };
    faults.check()?;
    Ok(query)
}

fn status_name(status: v1::BookingStatus) -> Option<&'static str> {
    let of = |known: &BookingStatus| v1::BookingStatus::from(*known) == status;
    BookingStatus::ALL
        .iter()
        .find(|known| of(known))
        .map(|known| known.as_str())
}

impl From<BookingStatus> for v1::BookingStatus {
    fn from(status: BookingStatus) -> Self {
        match status {
            BookingStatus::Pending => Self::Pending,
            BookingStatus::Confirmed => Self::Confirmed,
            BookingStatus::InProgress => Self::InProgress,
            BookingStatus::Rejected => Self::Rejected,
            BookingStatus::Cancelled => Self::Cancelled,
            BookingStatus::Completed => Self::Completed,
            BookingStatus::Missed => Self::Missed,
        }
    }
}

impl From<Mode> for v1::BookingMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Online => Self::Online,
            Mode::Offline => Self::Offline,
        }
    }
}

impl From<HoldOut> for v1::Hold {
    fn from(hold: HoldOut) -> Self {
        let HoldOut {
            id,
            expert_id,
            starts_at,
            ends_at,
            expires_at,
        } = hold;
        Self {
            id: id.to_string(),
            expert_id: expert_id.to_string(),
            starts_at: Some(timestamp(starts_at)),
            ends_at: Some(timestamp(ends_at)),
            expires_at: Some(timestamp(expires_at)),
        }
    }
}

impl From<PartyOut> for v1::Party {
    fn from(PartyOut { id, name }: PartyOut) -> Self {
        let id = id.to_string();
        Self { id, name }
    }
}

impl From<SessionRefOut> for v1::SessionRef {
    fn from(SessionRefOut { id, title }: SessionRefOut) -> Self {
        let id = id.to_string();
        Self { id, title }
    }
}

impl From<ClockMovedOut> for v1::ClockMoved {
    fn from(ClockMovedOut { promised, shown }: ClockMovedOut) -> Self {
        Self { promised, shown }
    }
}

impl From<BookingReviewOut> for v1::BookingReview {
    fn from(review: BookingReviewOut) -> Self {
        let BookingReviewOut {
            stars,
            text,
            created_at,
        } = review;
        Self {
            stars,
            text,
            created_at: Some(timestamp(created_at)),
        }
    }
}

impl From<SeriesPlaceOut> for v1::SeriesPlace {
    fn from(place: SeriesPlaceOut) -> Self {
        let SeriesPlaceOut { id, number, of } = place;
        Self {
            id: id.to_string(),
            number,
            of,
        }
    }
}

/// Every member is named, so that none that REST gets is forgotten here.
impl From<BookingOut> for v1::Booking {
    fn from(booking: BookingOut) -> Self {
        let BookingOut {
            id,
            code,
            status,
            expert,
            client,
            session,
            series,
            starts_at,
            ends_at,
            minutes,
            time_zone,
            clock_moved,
            mode,
            place,
            link,
            note,
            reason,
            created_at,
            updated_at,
            confirmed_at,
            version,
            actions,
            cancel_until,
            review,
            // Whoever books without an account does so over REST.
            manage_token: _,
        } = booking;
        Self {
            id: id.to_string(),
            code,
            status: v1::BookingStatus::from(status).into(),
            expert: Some(expert.into()),
            client: Some(client.into()),
            session: session.map(Into::into),
            starts_at: Some(timestamp(starts_at)),
            ends_at: Some(timestamp(ends_at)),
            minutes,
            time_zone: time_zone.name().to_owned(),
            clock_moved: clock_moved.map(Into::into),
            mode: v1::BookingMode::from(mode).into(),
            place,
            link,
            note,
            reason,
            created_at: Some(timestamp(created_at)),
            updated_at: Some(timestamp(updated_at)),
            confirmed_at: confirmed_at.map(timestamp),
            version,
            actions: actions.into_iter().map(Into::into).collect(),
            cancel_until: cancel_until.map(timestamp),
            review: review.map(Into::into),
            series: series.map(Into::into),
        }
    }
}
