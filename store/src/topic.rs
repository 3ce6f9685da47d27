//! What the right to listen to a topic is decided on.

use belfry_domain::account::Caller;
use belfry_domain::id::{BookingId, UserId};
use belfry_domain::topic::Parties;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{Store, StoreError};

#[derive(FromRow)]
struct Row {
    expert_id: Uuid,
    expert_branch_id: Option<Uuid>,
    client_id: Uuid,
    role: String,
    branch_id: Option<Uuid>,
}

impl Store {
    /// Those whom the booking concerns, and what the asking person is; `None` when either is unknown.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn booking_parties(
        &self,
        booking: BookingId,
        asking: UserId,
    ) -> Result<Option<(Parties, Caller)>, StoreError> {
        let row: Option<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(
            "SELECT bookings.expert_id, expert.branch_id AS expert_branch_id, bookings.client_id,
                    asking.role, asking.branch_id
             FROM bookings
             JOIN users expert ON expert.id = bookings.expert_id
             JOIN users asking ON asking.id = $2
             WHERE bookings.id = $1 AND NOT asking.disabled",
        )
        .bind(booking.uuid())
        .bind(asking.uuid())
        .fetch_optional(pool)
        .await?
        });
        row.map(|row| {
            let parties = Parties {
                expert: row.expert_id.into(),
                expert_branch: row.expert_branch_id.map(Into::into),
                client: row.client_id.into(),
            };
            let caller = Caller {
                id: asking,
                role: row.role.parse().map_err(StoreError::unreadable)?,
                branch_id: row.branch_id.map(Into::into),
            };
            Ok((parties, caller))
        })
        .transpose()
    }
}
