//! What events say of bookings that repeat.

use serde::{Deserialize, Serialize};

use crate::Instant;
use crate::id::{BookingId, SeriesId};

/// A series named in an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeriesFacts {
    pub id: SeriesId,
    /// Which of them the booking is, from 1.
    pub number: i64,
    pub of: i64,
    /// Those that the step was taken with together, the booking first; empty where it is about the booking alone.
    pub together: Vec<SeriesStep>,
}

/// A booking of a series after a step that was taken with several of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeriesStep {
    pub booking_id: BookingId,
    pub version: i64,
    /// iCalendar SEQUENCE.
    pub sequence: i64,
    pub starts_at: Instant,
    pub ends_at: Instant,
}
