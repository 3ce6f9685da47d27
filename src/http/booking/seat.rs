//! Booking a seat of a group session: a booking like any other, of a time that its expert offers to several people.

use belfry_actors::expert::{Refused, SeatRequest};
use belfry_domain::booking::{Booking, BookingError};
use belfry_domain::field::FieldError;
use belfry_domain::group_session::GroupSession;
use belfry_domain::id::GroupSessionId;
use belfry_store::idempotency::IdempotencyKey;
use serde_json::json;

use super::{BookingIn, Wish, words};
use crate::http::App;
use crate::http::input::{Faults, instant};
use crate::http::problem::Problem;

/// Books a seat, of what the caller has seen of the session.
pub(super) async fn book(
    app: &App,
    id: GroupSessionId,
    input: &BookingIn,
    wish: Wish,
    key: Option<IdempotencyKey>,
) -> Result<Booking, Problem> {
    let session = app.world.store.group_session(id).await?;
    let unknown = || {
        Problem::field(
            "/session_id",
            FieldError::INVALID,
            "There is no such session.",
        )
    };
    let session = session.ok_or_else(unknown)?;
    let starts_at = instant("/starts_at", input.starts_at)?;
    agrees(input, starts_at == session.starts_at, &session)?;
    let request = SeatRequest {
        client: wish.client,
        note: words::note(input.note.as_deref())?,
        guest: wish.guest,
        actor: wish.actor,
        key,
        needs_offer: None,
    };
    let booked = app.experts.take_seat(id, session.starts_at, request).await;
    app.scheduler.nudge();
    booked.map_err(|refused| match refused {
        Refused::Rule {
            error: BookingError::SessionFull,
            ..
        } => {
            let list = format!("/api/v1/sessions/{id}/waiting-list");
            Problem::new("session-full").with("waiting_list", json!(list))
        }
        other => other.into(),
    })
}

/// Whether the caller speaks of the session as it is.
fn agrees(input: &BookingIn, at_its_start: bool, session: &GroupSession) -> Result<(), Problem> {
    let mut faults = Faults::default();
    let mut hold = |agrees: bool, pointer: &str, detail: &str| {
        if !agrees {
            faults.refuse(pointer, detail);
        }
    };
    let expert = input.expert_id == Some(session.expert.id.uuid());
    hold(expert, "/expert_id", "The session is another expert's.");
    hold(
        at_its_start,
        "/starts_at",
        "The session starts at another time.",
    );
    let minutes = input
        .minutes
        .is_none_or(|minutes| minutes == session.minutes());
    hold(minutes, "/minutes", "The session has another length.");
    hold(
        input.mode == session.mode,
        "/mode",
        "The session meets otherwise.",
    );
    let detail = "A seat needs no hold.";
    hold(input.hold_id.is_none(), "/hold_id", detail);
    faults.check()
}
