//! What a booking promised on the clock of its zone, and what new rules of the zone make of it.
//!
//! The instant of a booking stays: it is in calendars, reminders and other people's plans. But people agreed on a time
//! on the clock, so when a newer zone database shows another one there, both are told, and one of them keeps the
//! instant or moves the booking.

use chrono::{NaiveDateTime, Timelike};

use super::{Booking, BookingError, Status};
use crate::Instant;

impl Booking {
    /// What the clock of its zone shows at the start, in whole minutes.
    pub fn wall_start(&self) -> NaiveDateTime {
        let wall = self.starts_at.with_timezone(&self.time_zone).naive_local();
        wall.with_second(0)
            .and_then(|wall| wall.with_nanosecond(0))
            .unwrap_or(wall)
    }

    /// The booking once it is found that the clock does not show what was `said`; `None` when it does. A clock that
    /// shows the promised time again takes the mark back.
    pub fn held_against_its_clock(&self, said: NaiveDateTime) -> Option<Booking> {
        let shown = self.wall_start();
        (shown != said).then(|| {
            let promised = self.promised_start.unwrap_or(said);
            Booking {
                promised_start: (promised != shown).then_some(promised),
                ..self.clone()
            }
        })
    }

    /// Decides whether the instant may be kept although the clock shows another time than was promised; either side
    /// may say so.
    ///
    /// # Errors
    /// `WrongStatus` once it has ended, `TooLate` once it has begun, `Stale` when nothing is to be decided.
    pub fn keep(&self, now: Instant) -> Result<(), BookingError> {
        if !matches!(self.status, Status::Pending | Status::Confirmed) {
            return Err(BookingError::WrongStatus {
                status: self.status,
            });
        }
        if now >= self.starts_at {
            return Err(BookingError::TooLate);
        }
        if self.promised_start.is_none() {
            return Err(BookingError::Stale);
        }
        Ok(())
    }
}
