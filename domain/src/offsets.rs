//! The UTC offsets of a zone over a stretch of time, so that a whole month converts with plain integers.

use chrono::{DateTime, Datelike, NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;

use crate::wall::Edge;

/// Seconds of a day on the clock.
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// Days from 1970-01-01 to `date`.
pub(crate) fn day_number(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - i64::from(NaiveDate::default().num_days_from_ce())
}

/// The date that many days after 1970-01-01; none outside the calendar of chrono.
pub(crate) fn date_of(day: i64) -> Option<NaiveDate> {
    let from_ce = day.checked_add(i64::from(NaiveDate::default().num_days_from_ce()))?;
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(from_ce).ok()?)
}

/// The Monday of the ISO week that a day (as a day number) lies in.
pub(crate) fn monday_of(day: i64) -> i64 {
    // Day 0 was a Thursday.
    day - (day + 3).rem_euclid(7)
}

/// The local day (as a day number) of `zone` at `instant` (UTC seconds).
pub(crate) fn day_at(zone: Tz, instant: i64) -> i64 {
    (instant + offset_at(zone, instant)).div_euclid(SECONDS_PER_DAY)
}

/// A stretch of instants with one offset. "Clock" seconds are what the wall shows, counted as if it were UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// First second, UTC.
    pub start: i64,
    /// The second after the last, UTC.
    pub end: i64,
    /// Seconds that the clock is ahead of UTC.
    pub offset: i64,
}

/// The offsets of one zone over a stretch of time, as pieces that follow each other without a gap.
#[derive(Debug, Clone)]
pub(crate) struct Offsets {
    pieces: Vec<Piece>,
}

impl Offsets {
    /// Reads the offsets of `zone` from `from` up to `until` (UTC seconds).
    ///
    /// One look a day, and a search where two looks differ. Two changes within a day that undo each other would
    /// be missed; the zone database holds none.
    pub fn of(zone: Tz, from: i64, until: i64) -> Offsets {
        let first = offset_at(zone, from);
        let mut changes = Changes {
            zone,
            pieces: vec![Piece {
                start: from,
                end: until,
                offset: first,
            }],
        };
        let (mut seen_at, mut seen) = (from, first);
        while seen_at < until {
            let next_at = (seen_at + SECONDS_PER_DAY).min(until);
            let next = offset_at(zone, next_at);
            changes.between(seen_at, seen, next_at, next);
            (seen_at, seen) = (next_at, next);
        }
        Offsets {
            pieces: changes.pieces,
        }
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The instant (UTC seconds) at which the clock shows `clock`, by the rules of [`crate::wall`].
    pub fn instant_of(&self, clock: i64, edge: Edge) -> i64 {
        let shows = |piece: &&Piece| {
            piece.start + piece.offset <= clock && clock < piece.end + piece.offset
        };
        let found = match edge {
            Edge::Start => self.pieces.iter().find(shows),
            Edge::End => self.pieces.iter().rfind(shows),
        };
        // Nothing shows it: it was left out, and counting on with the offset before the change moves it forward by
        // exactly what was left out.
        let before = || {
            self.pieces
                .iter()
                .rfind(|piece| piece.end + piece.offset <= clock)
        };
        let offset = found
            .or_else(before)
            .or(self.pieces.first())
            .map_or(0, |piece| piece.offset);
        clock - offset
    }

    /// What the clock shows at `instant` (UTC seconds).
    pub fn clock_at(&self, instant: i64) -> i64 {
        let piece = self
            .pieces
            .iter()
            .find(|piece| instant < piece.end)
            .or(self.pieces.last());
        instant + piece.map_or(0, |piece| piece.offset)
    }

    /// The local day (as a day number) at `instant`.
    pub fn day_at(&self, instant: i64) -> i64 {
        self.clock_at(instant).div_euclid(SECONDS_PER_DAY)
    }

    /// Whether the calendar of the zone has this day at all; a zone that crosses the date line skips one.
    pub fn has_day(&self, day: i64) -> bool {
        let (midnight, next) = (day * SECONDS_PER_DAY, (day + 1) * SECONDS_PER_DAY);
        self.pieces
            .iter()
            .any(|piece| piece.start + piece.offset < next && midnight < piece.end + piece.offset)
    }
}

/// The pieces found so far; the last one is open until the next change ends it.
struct Changes {
    zone: Tz,
    pieces: Vec<Piece>,
}

impl Changes {
    /// Halves the stretch until a change stands between two neighbouring seconds.
    fn between(&mut self, low: i64, low_offset: i64, high: i64, high_offset: i64) {
        if low_offset == high_offset {
            return;
        }
        if high - low <= 1 {
            self.change(high, high_offset);
            return;
        }
        let middle = low + (high - low) / 2;
        let middle_offset = offset_at(self.zone, middle);
        self.between(low, low_offset, middle, middle_offset);
        self.between(middle, middle_offset, high, high_offset);
    }

    fn change(&mut self, at: i64, offset: i64) {
        let Some(last) = self.pieces.last_mut() else {
            return;
        };
        let end = std::mem::replace(&mut last.end, at);
        if at < end {
            self.pieces.push(Piece {
                start: at,
                end,
                offset,
            });
        }
    }
}

fn offset_at(zone: Tz, instant: i64) -> i64 {
    DateTime::from_timestamp(instant, 0).map_or(0, |instant| {
        let offset = zone.offset_from_utc_datetime(&instant.naive_utc());
        i64::from(offset.fix().local_minus_utc())
    })
}

#[cfg(test)]
mod properties;
