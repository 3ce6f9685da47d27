//! Reminders: when people are told that their booking is near (C4.4).

use chrono::TimeDelta;

use crate::Instant;
use crate::booking::{Booking, Status};

/// A reminder that a booking will give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planned {
    /// Whole minutes before the start.
    pub offset_minutes: i64,
    /// When it is to be given.
    pub due_at: Instant,
}

/// The reminders of a booking made (or moved) at `now` that starts at `starts_at`, the earliest first.
///
/// An offset that lies in the past already gets none: whoever books half an hour ahead knows it and needs
/// no word "in an hour". Offsets below one minute and repeated ones are passed over.
pub fn plan(starts_at: Instant, offsets_minutes: &[i64], now: Instant) -> Vec<Planned> {
    let mut planned: Vec<Planned> = offsets_minutes
        .iter()
        .filter(|offset| **offset >= 1)
        .filter_map(|offset| {
            let due_at = starts_at.checked_sub_signed(TimeDelta::try_minutes(*offset)?)?;
            Some(Planned {
                offset_minutes: *offset,
                due_at,
            })
        })
        .filter(|reminder| reminder.due_at >= now)
        .collect();
    planned.sort_by_key(|reminder| reminder.due_at);
    planned.dedup();
    planned
}

/// Whether a reminder promised for a booking at `starts_at` still says something true at `now`: the booking
/// stands, was not moved, and has not begun.
pub fn still_holds(booking: &Booking, starts_at: Instant, now: Instant) -> bool {
    matches!(booking.status, Status::Pending | Status::Confirmed)
        && booking.starts_at == starts_at
        && now < starts_at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Instant {
        chrono::DateTime::from_timestamp(1_800_000_000 + minutes * 60, 0).unwrap()
    }

    fn offsets(planned: &[Planned]) -> Vec<i64> {
        planned.iter().map(|p| p.offset_minutes).collect()
    }

    #[test]
    fn every_offset_ahead_gets_its_minute() {
        let planned = plan(at(2000), &[60, 1440], at(0));
        assert_eq!(offsets(&planned), [1440, 60]);
        assert_eq!(planned[0].due_at, at(560));
        assert_eq!(planned[1].due_at, at(1940));
    }

    #[test]
    fn an_offset_that_has_passed_when_booking_gets_none() {
        assert_eq!(offsets(&plan(at(59), &[60, 30], at(0))), [30]);
        assert!(plan(at(20), &[60, 30], at(0)).is_empty());
    }

    #[test]
    fn booking_exactly_at_the_offset_still_gets_it() {
        assert_eq!(offsets(&plan(at(60), &[60], at(0))), [60]);
    }

    #[test]
    fn senseless_and_repeated_offsets_are_passed_over() {
        assert_eq!(
            offsets(&plan(at(500), &[60, 0, -5, 60, i64::MAX], at(0))),
            [60]
        );
    }
}
