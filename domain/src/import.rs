//! Busy time read from calendars that somebody keeps elsewhere (C2.7).
//!
//! A library reads the lines and counts out the recurrence rules; what is a rule of this house stays here: wall
//! clocks go to instants as everywhere else, an event without a zone is on the expert's clock, what is declined,
//! cancelled or marked as free takes no time. Of each event nothing is kept but when it is.
//!
//! The library's own expansion was not taken whole: it tells the changed dates of a series by `SEQUENCE` and not
//! by `UID`, so that two series in one file take each other's changes, and compares an `UNTIL` in UTC with local
//! times.

use calcard::icalendar::ICalendarComponentType;
use calcard::{Entry, Parser};
use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::Instant;
use crate::calendar::booking_of_uid;
use crate::id::{BookingId, ImportId};
use crate::interval::{Span, merge};
use crate::wall;
use series::Group;
use zone::Zones;

/// One component of a file: its times and what it says of them.
mod event;
/// Recurrence rules, counted out.
mod recurrence;
/// Events of one identity: a series, its exceptions and what was changed of it.
mod series;
/// The zones that a file speaks of.
mod zone;

/// Calendars that one expert may name.
pub const MOST_IMPORTS: i64 = 10;
/// Events in one calendar, and dates that its rules may give, one and all.
const MOST_EVENTS: usize = 20_000;
const MOST_OF_A_RULE: usize = 40_000;
const MOST_DATES: usize = 400_000;

/// How far back and ahead busy time is kept: somewhat further than anybody can book.
const BACK: TimeDelta = TimeDelta::days(1);
const AHEAD: TimeDelta = TimeDelta::days(735);
/// How long a calendar is left alone that was read; twice as long with each failure that follows another, and a day
/// at most.
const REST: TimeDelta = TimeDelta::minutes(15);
const LONGEST_REST: TimeDelta = TimeDelta::days(1);
/// How much further apart the calendars of a house are spread.
const SPREAD: i64 = 120;

/// The time of which a calendar is asked.
pub fn window(now: Instant) -> (Instant, Instant) {
    (now - BACK, now + AHEAD)
}

/// When a calendar is read again after so many failures in a row.
pub fn next_at(failures: i64, id: ImportId, now: Instant) -> Instant {
    let doublings = u32::try_from((failures - 1).clamp(0, 7)).unwrap_or(0);
    let rest = (REST * (1 << doublings)).min(LONGEST_REST);
    // Not by chance: the same one is late by the same each time, and no two of them are at once for long.
    let spread = id.uuid().as_u128() % SPREAD.unsigned_abs() as u128;
    now + rest + TimeDelta::seconds(i64::try_from(spread).unwrap_or(0))
}

/// How a calendar is read.
pub struct Reading<'a> {
    /// The clock of events that name none, and the calendar of whole days.
    pub zone: Tz,
    /// Busy time outside of it is left out.
    pub window: (Instant, Instant),
    /// Addresses of the calendar's owner, in lower case: what one of them declined takes no time.
    pub owner: &'a [String],
    /// Asked again and again: whether there is time to go on.
    pub in_time: &'a dyn Fn() -> bool,
}

/// A stretch that an event takes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Busy {
    pub starts_at: Instant,
    pub ends_at: Instant,
    /// The booking of this house that the event has the identity of, if it looks like one.
    pub booking: Option<BookingId>,
}

/// What a calendar says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    pub busy: Vec<Busy>,
    /// Events that were found.
    pub events: usize,
    /// Events of which at least a part was not understood.
    pub odd: usize,
}

/// Why a calendar cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// It is something else.
    #[error("this is not a calendar")]
    NotACalendar,
    /// It has more in it than anybody's time.
    #[error("the calendar has too much in it")]
    TooMuch,
}

impl Unusable {
    /// The stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotACalendar => "not_a_calendar",
            Self::TooMuch => "too_much",
        }
    }
}

/// How many dates may still be counted out.
struct Budget<'a> {
    dates: usize,
    in_time: &'a dyn Fn() -> bool,
}

impl Budget<'_> {
    fn spend(&mut self, dates: usize) -> Result<(), Unusable> {
        let left = self.dates.checked_sub(dates).ok_or(Unusable::TooMuch)?;
        self.dates = left;
        if (self.in_time)() {
            Ok(())
        } else {
            Err(Unusable::TooMuch)
        }
    }
}

/// Reads one or more calendars, one after the other.
///
/// # Errors
/// Why nothing can be made of them.
pub fn read(text: &str, reading: &Reading<'_>) -> Result<Contents, Unusable> {
    // Before anything is built of it.
    let begun = text.match_indices("BEGIN:VEVENT").take(MOST_EVENTS + 1);
    if begun.count() > MOST_EVENTS {
        return Err(Unusable::TooMuch);
    }
    let mut budget = Budget {
        dates: MOST_DATES,
        in_time: reading.in_time,
    };
    let mut contents = Contents::default();
    let mut found = false;
    let mut parser = Parser::new(text);
    loop {
        budget.spend(0)?;
        match parser.entry() {
            Entry::ICalendar(calendar) => {
                let root = calendar.components.first();
                found |= root
                    .is_some_and(|root| root.component_type == ICalendarComponentType::VCalendar);
                let zones = Zones::of(&calendar, reading, &mut budget)?;
                event::freebusy(&calendar, &zones, reading, &mut contents);
                for group in Group::all(&calendar, &zones, reading, &mut contents) {
                    group.expand(reading, &mut budget, &mut contents)?;
                }
                if contents.events > MOST_EVENTS {
                    return Err(Unusable::TooMuch);
                }
            }
            Entry::TooManyComponents => return Err(Unusable::TooMuch),
            Entry::Eof => break,
            // Lines that mean nothing.
            _ => {}
        }
    }
    if found {
        Ok(contents)
    } else {
        Err(Unusable::NotACalendar)
    }
}

/// The stretches in which somebody is busy, in order and apart. Events of bookings that `is_own` knows are those
/// that came from here; their time is taken already, or free again.
pub fn busy_time(busy: &[Busy], is_own: impl Fn(BookingId) -> bool) -> Vec<(Instant, Instant)> {
    let foreign = busy.iter().filter(|one| !one.booking.is_some_and(&is_own));
    let spans = foreign.map(|one| Span::around(one.starts_at, one.ends_at));
    let merged = merge(spans.collect());
    let instants = merged.into_iter();
    instants
        .map(|span| (wall::instant(span.start), wall::instant(span.end)))
        .collect()
}

impl Reading<'_> {
    /// Adds a stretch as far as it lies in the window.
    fn add(&self, busy: &mut Vec<Busy>, starts_at: Instant, ends_at: Instant, uid: Option<&str>) {
        let starts_at = starts_at.max(self.window.0);
        let ends_at = ends_at.min(self.window.1);
        if starts_at < ends_at {
            busy.push(Busy {
                starts_at,
                ends_at,
                booking: uid.and_then(booking_of_uid),
            });
        }
    }

    /// Whether something on a local clock may touch the window, wherever the clock is.
    fn is_near(&self, from: chrono::NaiveDateTime, until: chrono::NaiveDateTime) -> bool {
        let margin = TimeDelta::days(2);
        from <= (self.window.1 + margin).naive_utc()
            && until >= (self.window.0 - margin).naive_utc()
    }
}

#[cfg(test)]
mod tests;
