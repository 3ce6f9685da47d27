//! Everything that must agree, side by side: taken time, bookings and their history, events, reminders,
//! inboxes and messages.
//!
//! For whoever checks a house from the outside. The tables are read one after the other, so only a house at
//! rest gives one picture.

use belfry_domain::id::BookingId;
use belfry_domain::{Instant, wall};
use chrono::NaiveDateTime;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use crate::delivery::outbox::STATUS;
use crate::{Store, StoreError};

/// The whole house at a glance.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub occupancies: Vec<OccupancyLine>,
    pub bookings: Vec<BookingLine>,
    pub sessions: Vec<SessionLine>,
    pub holds: Vec<HoldLine>,
    pub waiting: Vec<WaitingLine>,
    /// By place on a list and version.
    pub waiting_steps: Vec<WaitingStepLine>,
    pub visits: Vec<VisitLine>,
    /// By visit and version.
    pub visit_periods: Vec<VisitPeriodLine>,
    /// By booking and version.
    pub history: Vec<HistoryLine>,
    pub events: Vec<EventLine>,
    pub reminders: Vec<ReminderLine>,
    /// By user and offset.
    pub notifications: Vec<NotificationLine>,
    pub deliveries: Vec<DeliveryLine>,
}

/// A stretch of somebody's time that is gone, expired holds included.
#[derive(Clone, Debug, FromRow)]
pub struct OccupancyLine {
    pub source_id: Uuid,
    pub subject_id: Uuid,
    pub starts_at: Instant,
    pub ends_at: Instant,
    pub kind: String,
    pub expires_at: Option<Instant>,
}

/// A booking as it stands.
#[derive(Clone, Debug, FromRow)]
pub struct BookingLine {
    pub id: Uuid,
    pub code: String,
    pub status: String,
    pub expert_id: Uuid,
    pub client_id: Uuid,
    /// The session that it is a seat of, if it is one.
    pub session_id: Option<Uuid>,
    pub series_id: Option<Uuid>,
    pub starts_at: Instant,
    pub ends_at: Instant,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// A group session as it stands.
#[derive(Clone, Debug, FromRow)]
pub struct SessionLine {
    pub id: Uuid,
    pub expert_id: Uuid,
    pub status: String,
    pub starts_at: Instant,
    pub ends_at: Instant,
    pub seats: i64,
    pub taken: i64,
}

/// A hold, expired or not.
#[derive(Clone, Debug, FromRow)]
pub struct HoldLine {
    pub id: Uuid,
    pub expert_id: Uuid,
    pub client_id: Uuid,
    pub starts_at: Instant,
    pub ends_at: Instant,
    pub expires_at: Instant,
    /// Whose offer it is, if it is one.
    pub waiting_id: Option<Uuid>,
    /// The session of which it holds a seat, and not the expert's time.
    pub session_id: Option<Uuid>,
}

/// A place on a waiting list.
#[derive(Clone, Debug, FromRow)]
pub struct WaitingLine {
    pub id: Uuid,
    pub status: String,
    pub expert_id: Uuid,
    pub client_id: Uuid,
    pub hold_id: Option<Uuid>,
    pub offer_starts_at: Option<Instant>,
    pub offer_expires_at: Option<Instant>,
    pub booking_id: Option<Uuid>,
    pub joined_at: Instant,
    pub version: i64,
}

/// One step of a place on a waiting list.
#[derive(Clone, Debug, FromRow)]
pub struct WaitingStepLine {
    pub waiting_id: Uuid,
    pub version: i64,
    pub status: String,
}

/// A visit to a branch.
#[derive(Clone, Debug, FromRow)]
pub struct VisitLine {
    pub id: Uuid,
    pub branch_id: Uuid,
    pub number: i64,
    pub state: String,
    pub client_id: Option<Uuid>,
    pub booking_id: Option<Uuid>,
    pub expert_id: Option<Uuid>,
    pub joined_at: Instant,
    pub ended_at: Option<Instant>,
    pub next_id: Option<Uuid>,
    pub version: i64,
}

/// One state that a visit was in.
#[derive(Clone, Debug, FromRow)]
pub struct VisitPeriodLine {
    pub visit_id: Uuid,
    pub version: i64,
    pub state: String,
    pub expert_id: Option<Uuid>,
    pub began_at: Instant,
    pub ended_at: Option<Instant>,
}

/// One step of a booking's life.
#[derive(Clone, Debug, FromRow)]
pub struct HistoryLine {
    pub booking_id: Uuid,
    pub version: i64,
    pub event: String,
    pub from_status: Option<String>,
    pub to_status: String,
}

/// An event and whether it was planned.
#[derive(Clone, Debug, FromRow)]
pub struct EventLine {
    pub id: Uuid,
    #[sqlx(rename = "type")]
    pub kind: String,
    pub subject: String,
    pub subject_version: i64,
    pub planned_at: Option<Instant>,
    pub fault: Option<String>,
    pub data: Value,
}

/// A reminder, issued or not.
#[derive(Clone, Debug, FromRow)]
pub struct ReminderLine {
    pub booking_id: Uuid,
    pub offset_minutes: i64,
    pub starts_at: Instant,
    pub due_at: Instant,
    pub issued_at: Option<Instant>,
}

/// An inbox entry.
#[derive(Clone, Debug, FromRow)]
pub struct NotificationLine {
    pub user_id: Uuid,
    pub offset: i64,
    pub event_id: Uuid,
    pub rule_id: String,
    pub kind: String,
}

/// A message to be sent.
#[derive(Clone, Debug, FromRow)]
pub struct DeliveryLine {
    pub id: Uuid,
    pub event_id: Uuid,
    pub rule_id: String,
    pub user_id: Uuid,
    pub channel: String,
    pub kind: String,
    pub status: String,
}

impl Store {
    /// Reads every line. For a house of moderate size: nothing is paged.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ledger(&self) -> Result<Ledger, StoreError> {
        Ok(on_read!(self, |pool| {
            Ledger {
                occupancies: sqlx::query_as::<DB, _>(
                    "SELECT source_id, subject_id, starts_at, ends_at, kind, expires_at FROM occupancies \
                     ORDER BY subject_id, starts_at",
                )
                .fetch_all(pool)
                .await?,
                bookings: sqlx::query_as::<DB, _>(
                    "SELECT id, code, status, expert_id, client_id, session_id, series_id, starts_at, ends_at, version, \
                     created_at, updated_at FROM bookings ORDER BY id",
                )
                .fetch_all(pool)
                .await?,
                sessions: sqlx::query_as::<DB, _>(
                    "SELECT id, expert_id, status, starts_at, ends_at, seats, taken FROM group_sessions ORDER BY id",
                )
                .fetch_all(pool)
                .await?,
                holds: sqlx::query_as::<DB, _>(
                    "SELECT id, expert_id, client_id, starts_at, ends_at, expires_at, waiting_id, session_id \
                     FROM holds ORDER BY id",
                )
                .fetch_all(pool)
                .await?,
                waiting: sqlx::query_as::<DB, _>(
                    "SELECT id, status, expert_id, client_id, hold_id, offer_starts_at, offer_expires_at, booking_id, \
                     joined_at, version FROM waiting_list ORDER BY joined_at, id",
                )
                .fetch_all(pool)
                .await?,
                waiting_steps: sqlx::query_as::<DB, _>(
                    "SELECT waiting_id, version, status FROM waiting_history ORDER BY waiting_id, version",
                )
                .fetch_all(pool)
                .await?,
                visits: sqlx::query_as::<DB, _>(
                    "SELECT id, branch_id, number, state, client_id, booking_id, expert_id, joined_at, ended_at, \
                     next_id, version FROM visits ORDER BY joined_at, id",
                )
                .fetch_all(pool)
                .await?,
                visit_periods: sqlx::query_as::<DB, _>(
                    "SELECT visit_id, version, state, expert_id, began_at, ended_at FROM visit_periods \
                     ORDER BY visit_id, version",
                )
                .fetch_all(pool)
                .await?,
                history: sqlx::query_as::<DB, _>(
                    "SELECT booking_id, version, event, from_status, to_status FROM booking_history \
                     ORDER BY booking_id, version",
                )
                .fetch_all(pool)
                .await?,
                events: sqlx::query_as::<DB, _>(
                    "SELECT id, type, subject, subject_version, planned_at, fault, data FROM events \
                     ORDER BY subject, subject_version, id",
                )
                .fetch_all(pool)
                .await?,
                reminders: sqlx::query_as::<DB, _>(
                    "SELECT booking_id, offset_minutes, starts_at, due_at, issued_at FROM reminders \
                     ORDER BY booking_id, due_at",
                )
                .fetch_all(pool)
                .await?,
                notifications: sqlx::query_as::<DB, _>(
                    r#"SELECT user_id, "offset", event_id, rule_id, kind FROM notifications
                       ORDER BY user_id, "offset""#,
                )
                .fetch_all(pool)
                .await?,
                deliveries: sqlx::query_as::<DB, _>(
                    const_format::formatcp!(
                        "SELECT d.id, d.event_id, d.rule_id, d.user_id, d.channel, d.kind, {STATUS} AS status \
                         FROM deliveries d LEFT JOIN outstanding o ON o.delivery_id = d.id ORDER BY d.id"
                    ),
                )
                .fetch_all(pool)
                .await?,
            }
        }))
    }

    /// Lets a booking look as if a build with the zone database `zone_data` had reckoned that its clock shows
    /// `said` at the start, to check what an update does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn backdate_clock(
        &self,
        id: BookingId,
        said: NaiveDateTime,
        zone_data: &str,
    ) -> Result<(), StoreError> {
        on_write!(self, |pool| sqlx::query::<DB>(
            "UPDATE bookings SET wall_start = $2, zone_data = $3 WHERE id = $1"
        )
        .bind(id.uuid())
        .bind(wall::written(said))
        .bind(zone_data)
        .execute(pool)
        .await?
        .rows_affected());
        Ok(())
    }
}
