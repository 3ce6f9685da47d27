//! The steps of a booking's life, written with the change itself.

use belfry_domain::booking::{Booking, Status};
use belfry_domain::event::{Event, Told};
use belfry_domain::id::{UserId, uuid_at};
use serde_json::Value;

use crate::rows::Rows;
use crate::{StoreError, Tx};

/// One step: what happened, who did it, and what it made of the booking.
pub(super) struct Step<'a> {
    pub event: &'a Event,
    pub told: &'a Told,
    pub before: Option<Status>,
    pub after: &'a Booking,
    /// What changed besides the status: `{name: {from, to}}`.
    pub changes: &'a Value,
}

/// Adds steps of different bookings.
pub(super) async fn insert(tx: &mut Tx, steps: &[Step<'_>]) -> Result<(), StoreError> {
    Rows::into("booking_history")
        .ids("id", steps.iter().map(|step| uuid_at(step.event.time)))
        .ids("booking_id", steps.iter().map(|step| step.after.id.uuid()))
        .numbers("version", steps.iter().map(|step| step.after.version))
        .instants("at", steps.iter().map(|step| step.event.time))
        .ids(
            "actor_id",
            steps
                .iter()
                .map(|step| step.told.actor.id.map(UserId::uuid)),
        )
        .texts(
            "actor_name",
            steps.iter().map(|step| &*step.told.actor.name),
        )
        .texts(
            "actor_role",
            steps.iter().map(|step| &*step.told.actor.role),
        )
        .texts("event", steps.iter().map(|step| step.event.kind.as_str()))
        .texts(
            "from_status",
            steps.iter().map(|step| step.before.map(Status::as_str)),
        )
        .texts(
            "to_status",
            steps.iter().map(|step| step.after.status.as_str()),
        )
        .texts(
            "reason",
            steps.iter().map(|step| step.told.reason.as_deref()),
        )
        .documents("changes", steps.iter().map(|step| step.changes))
        .insert(tx)
        .await
}
