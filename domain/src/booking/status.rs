//! The statuses of a booking and the one table of allowed moves between them.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{BookingError, Side};
use crate::account::UnknownName;
use crate::event::EventType;

/// Where a booking stands.
///
/// ```text
///             confirm              complete
///  pending ─────────────► confirmed ────────► completed
///     │ reject   ▲ move      │ miss
///     ├────────► rejected    ├──────────────► missed
///     │ miss                 │ cancel
///     ├────────► missed      └──────────────► cancelled
///     │ cancel
///     └────────► cancelled
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for the expert's answer; the time is taken.
    Pending,
    /// The expert agreed.
    Confirmed,
    /// Being served right now. The contract names it; no step leads here, as a visit says who is served.
    InProgress,
    /// The expert refused.
    Rejected,
    /// Called off by either side.
    Cancelled,
    /// It took place.
    Completed,
    /// It did not take place: the client did not come, or nobody confirmed in time.
    Missed,
}

impl Status {
    /// Every status, in the order of a booking's life.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Confirmed,
        Self::InProgress,
        Self::Rejected,
        Self::Cancelled,
        Self::Completed,
        Self::Missed,
    ];

    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::InProgress => "in_progress",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::Missed => "missed",
        }
    }

    /// The table of allowed moves: where `step` leads from here.
    ///
    /// # Errors
    /// [`BookingError::WrongStatus`] when the step is not allowed from this status.
    pub fn after(self, step: Step) -> Result<Self, BookingError> {
        match (self, step) {
            (Self::Pending, Step::Confirm) => Ok(Self::Confirmed),
            (Self::Pending, Step::Reject) => Ok(Self::Rejected),
            (Self::Pending | Self::Confirmed | Self::InProgress, Step::Cancel) => {
                Ok(Self::Cancelled)
            }
            (Self::Confirmed | Self::InProgress, Step::Complete) => Ok(Self::Completed),
            (Self::Pending | Self::Confirmed, Step::Miss) => Ok(Self::Missed),
            _ => Err(BookingError::WrongStatus { status: self }),
        }
    }

    /// Whether the booking still takes up its people's time.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Confirmed | Self::InProgress)
    }
}

impl FromStr for Status {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or(UnknownName)
    }
}

/// What somebody does to a booking that changes its status.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    Confirm,
    Reject,
    Cancel,
    Complete,
    Miss,
}

impl Step {
    /// The imperative used in paths and in a booking's `actions`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reject => "reject",
            Self::Cancel => "cancel",
            Self::Complete => "complete",
            Self::Miss => "miss",
        }
    }

    /// The event that tells of it.
    pub fn event(self) -> EventType {
        match self {
            Self::Confirm => EventType::BookingConfirmed,
            Self::Reject => EventType::BookingRejected,
            Self::Cancel => EventType::BookingCancelled,
            Self::Complete => EventType::BookingCompleted,
            Self::Miss => EventType::BookingMissed,
        }
    }

    /// Whether the other side is owed a reason when somebody on `side` takes it.
    pub fn needs_reason(self, side: Side) -> bool {
        self == Self::Reject || (self == Self::Cancel && side == Side::Staff)
    }
}
