//! What people do to a booking that takes no time anew: its steps, its details, and the word about it afterwards.

use belfry_domain::Instant;
use belfry_domain::account::Caller;
use belfry_domain::booking::{Actor as Doer, Booking, BookingError, Edit, Review, Side, Step};
use belfry_domain::event::{EventType, Told};
use belfry_domain::id::BookingId;
use belfry_domain::wall;
use belfry_store::booking::Change;
use belfry_store::crash;
use belfry_store::idempotency::IdempotencyKey;
use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::{Experts, Refused};

impl Experts {
    /// Takes a step: confirm, reject, cancel, complete or miss.
    ///
    /// # Errors
    /// What [`Booking::step`] refuses, `Stale`, `NotFound`.
    pub async fn step(
        &self,
        id: BookingId,
        step: Step,
        side: Side,
        doer: Doer,
        reason: Option<String>,
        expected: Option<i64>,
    ) -> Result<Booking, Refused> {
        let now = self.world.clock.now();
        let Some(booking) = self.world.store.booking(id).await? else {
            return Err(BookingError::NotFound.into());
        };
        let notice = self.read_cancel_notice(booking.expert.id).await?;
        let decide = |before: &Booking| {
            let (doer, reason) = (doer.clone(), reason.clone());
            taken_step(before, step, side, doer, reason, notice, now)
        };
        let after = self
            .world
            .store
            .change_booking(id, expected, decide, now)
            .await??;
        crash::point("expert.stepped");
        self.stepped(&after).await;
        (self.committed)();
        Ok(after)
    }

    /// Changes note, mode, place or link.
    ///
    /// # Errors
    /// What [`Booking::edit`] refuses, `Stale`, `NotFound`.
    pub async fn edit(
        &self,
        id: BookingId,
        edit: Edit,
        side: Side,
        doer: Doer,
        expected: Option<i64>,
    ) -> Result<Booking, Refused> {
        let now = self.world.clock.now();
        let decide = |before: &Booking| {
            before.edit(&edit, side, now)?;
            let mut after = before.clone();
            let mut changes = Map::new();
            let mut note = |name: &str, from: Value, to: Value| {
                if from != to {
                    changes.insert(name.to_owned(), json!({ "from": from, "to": to }));
                }
            };
            if let Some(text) = &edit.note {
                note("note", json!(before.note), json!(text));
                after.note.clone_from(text);
            }
            if let Some(mode) = edit.mode {
                note("mode", json!(before.mode), json!(mode));
                after.mode = mode;
            }
            if let Some(place) = &edit.place {
                note("place", json!(before.place), json!(place));
                after.place.clone_from(place);
            }
            if let Some(link) = &edit.link {
                note("link", json!(before.link), json!(link));
                after.link.clone_from(link);
            }
            // Calendars hear of a new place or link with the next invitation.
            after.sequence += 1;
            Ok(Change {
                changes: Value::Object(changes),
                ..Change::of(after, EventType::BookingEdited, Told::by(doer.clone()))
            })
        };
        let after = self
            .world
            .store
            .change_booking(id, expected, decide, now)
            .await??;
        (self.committed)();
        Ok(after)
    }

    /// Keeps a booking's instant although its clock shows another time than was promised.
    ///
    /// # Errors
    /// What [`Booking::keep`] refuses, `Stale`, `NotFound`.
    pub async fn keep(
        &self,
        id: BookingId,
        doer: Doer,
        expected: Option<i64>,
    ) -> Result<Booking, Refused> {
        let now = self.world.clock.now();
        let decide = |before: &Booking| {
            before.keep(now)?;
            let promised = before.promised_start.map(wall::written);
            let shown = wall::written(before.wall_start());
            let after = Booking {
                promised_start: None,
                ..before.clone()
            };
            Ok(Change {
                changes: json!({ "wall_start": { "from": promised, "to": shown } }),
                ..Change::of(after, EventType::BookingKept, Told::by(doer.clone()))
            })
        };
        let after = self
            .world
            .store
            .change_booking(id, expected, decide, now)
            .await??;
        (self.committed)();
        Ok(after)
    }

    /// Adds the client's review.
    ///
    /// # Errors
    /// What [`Booking::reviewable_by`] refuses, `NotFound`.
    pub async fn review(
        &self,
        id: BookingId,
        review: Review,
        caller: Caller,
        doer: Doer,
        key: Option<IdempotencyKey>,
    ) -> Result<Booking, Refused> {
        let decide = |before: &Booking| {
            before.reviewable_by(&caller)?;
            Ok(Told::by(doer.clone()))
        };
        let after = self
            .world
            .store
            .review_booking(id, &review, decide, key.as_ref())
            .await??;
        (self.committed)();
        Ok(after)
    }
}

/// What a step makes of a booking.
///
/// # Errors
/// What [`Booking::step`] refuses.
pub(super) fn taken_step(
    before: &Booking,
    step: Step,
    side: Side,
    doer: Doer,
    reason: Option<String>,
    notice: TimeDelta,
    now: Instant,
) -> Result<Change, BookingError> {
    let status = before.step(step, side, reason.as_deref(), notice, now)?;
    let after = before.stepped(status, reason.as_deref(), now);
    let told = Told {
        reason,
        ..Told::by(doer)
    };
    Ok(Change::of(after, step.event(), told))
}
