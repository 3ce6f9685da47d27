//! Which times of an expert are free. Pure: the schedule, what is taken and the present moment come in, slots go out.

use chrono::{DateTime, NaiveDate, Utc};

/// A stretch that can be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The start of the booking it would become.
    pub starts_at: DateTime<Utc>,
    /// Its end.
    pub ends_at: DateTime<Utc>,
}

/// The free slots whose start falls on one date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// The date, on the calendar of the zone that was asked for.
    pub date: NaiveDate,
    /// In order; empty when nothing is free.
    pub slots: Vec<Slot>,
}

/// A stretch of the expert's time that is gone (a booking, a hold, a walk-in), its buffers already inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Taken {
    /// First instant that is gone.
    pub starts_at: DateTime<Utc>,
    /// First instant after it.
    pub ends_at: DateTime<Utc>,
}

/// A booking that counts towards the caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counted {
    /// The start of the booking itself, without buffers.
    pub starts_at: DateTime<Utc>,
}

/// Why a time is not on offer, whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not one of the lengths on offer.
    LengthNotOffered,
    /// It has begun.
    Past,
    /// It begins sooner than the notice the expert asks for.
    Notice,
    /// It lies beyond the last bookable date.
    Horizon,
    /// Not inside the expert's hours.
    OutsideHours,
    /// Inside the hours, but not at one of the starts.
    OffGrid,
    /// The expert is away.
    TimeOff,
    /// The date has as many bookings as the expert takes in a day.
    DayCap,
    /// The ISO week has as many bookings as the expert takes in a week.
    WeekCap,
}

impl Reason {
    /// The stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Reason::LengthNotOffered => "length_not_offered",
            Reason::Past => "past",
            Reason::Notice => "notice",
            Reason::Horizon => "horizon",
            Reason::OutsideHours => "outside_hours",
            Reason::OffGrid => "off_grid",
            Reason::TimeOff => "time_off",
            Reason::DayCap => "day_cap",
            Reason::WeekCap => "week_cap",
        }
    }
}

/// Why one exact start cannot be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The expert does not offer it.
    #[error("not offered: {}", .0.code())]
    NotOffered(Reason),
    /// Somebody else has it, or it comes too close to what somebody else has.
    #[error("already taken")]
    Taken,
}
