//! Which times of an expert are free. Pure: the schedule, what is taken and the present moment come in, slots go out.
//!
//! The hours become stretches of UTC seconds once, and everything after that is one walk along sorted stretches; the
//! cost follows the range that was asked for, not the number of bookings.

mod gate;
mod hours;

use std::ops::ControlFlow;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::field::FieldError;
use crate::interval::{Span, ceil};
use crate::offsets::{self, Offsets, SECONDS_PER_DAY, date_of, day_number};
use crate::schedule::Schedule;
use crate::wall::{self, Edge};
use gate::{Room, Timing};
use hours::{Open, Usual};

pub use hours::{Stretch, is_open, open_minutes, open_stretches, open_until, opening_stretches};

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
    /// Inside the hours of the weekday, but on a public holiday that is taken off.
    Holiday,
    /// Inside the expert's own hours, but the branch is closed then.
    BranchClosed,
    /// The expert is away.
    TimeOff,
    /// A calendar that the expert keeps elsewhere says so. To others this is time off like any other.
    Imported,
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
            Reason::Past => FieldError::IN_THE_PAST,
            Reason::Notice => "notice",
            Reason::Horizon => "horizon",
            Reason::OutsideHours => "outside_hours",
            Reason::OffGrid => "off_grid",
            Reason::Holiday => "holiday",
            Reason::BranchClosed => "branch_closed",
            Reason::TimeOff => "time_off",
            Reason::Imported => "imported",
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

/// What somebody does in a stretch that is gone, without the buffers around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engaged {
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// When it is over.
    pub ends_at: DateTime<Utc>,
    /// Whether it is only held while somebody fills the form.
    pub held: bool,
}

/// Why a start of the grid is not free, in the words of somebody who sees the whole agenda.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// The expert does not offer it.
    NotOffered(Reason),
    /// It overlaps a booking or a walk-in.
    Taken,
    /// It overlaps a stretch that somebody holds for a few minutes.
    Held,
    /// It is clear itself, but its buffers or those of a neighbour are not.
    Buffer,
}

impl Missing {
    /// The stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Missing::NotOffered(reason) => reason.code(),
            Missing::Taken => "taken",
            Missing::Held => "held",
            Missing::Buffer => "buffer",
        }
    }
}

/// One expert's time as it stands: everything the engine needs to know, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Availability<'a> {
    /// Hours and rules.
    pub schedule: &'a Schedule,
    /// What is gone: in order, and apart from each other (as the database keeps them).
    pub taken: &'a [Taken],
    /// The bookings that count towards the caps, in any order.
    pub counted: &'a [Counted],
    /// The present moment.
    pub now: DateTime<Utc>,
}

impl Availability<'_> {
    /// The free slots of `minutes` on `days` dates from `from` on, by the calendar of `viewer`. Every date is listed.
    /// A length that is not on offer has no slots.
    pub fn free_slots(&self, minutes: u16, from: NaiveDate, days: u16, viewer: Tz) -> Vec<Day> {
        let first = day_number(from);
        let mut listed: Vec<Day> = (first..first + i64::from(days))
            .map_while(date_of)
            .map(|date| Day {
                date,
                slots: Vec::new(),
            })
            .collect();
        let midnight = |day: i64| day * SECONDS_PER_DAY;
        let margin = 3 * SECONDS_PER_DAY;
        let calendar = Offsets::of(
            viewer,
            midnight(first) - margin,
            midnight(first + i64::from(days)) + margin,
        );
        let starts = Span {
            start: calendar.instant_of(midnight(first), Edge::Start),
            end: calendar.instant_of(midnight(first + i64::from(days)), Edge::End),
        };
        let _ = self.each_free(minutes, starts, |slot| {
            let day = calendar.day_at(slot.starts_at.timestamp()) - first;
            if let Some(day) = usize::try_from(day)
                .ok()
                .and_then(|day| listed.get_mut(day))
            {
                day.slots.push(slot);
            }
            ControlFlow::Continue(())
        });
        listed
    }

    /// Every start at which a slot of `minutes` is free, in UTC seconds and in order: those of [`Self::free_slots`] on
    /// all dates, without the dates.
    pub fn free_starts(&self, minutes: u16) -> Vec<i64> {
        let mut free = Vec::new();
        let _ = self.each_free_start(minutes, Timing::of(self).starts(), |start| {
            free.push(start);
            ControlFlow::Continue(())
        });
        free
    }

    /// Whether a booking of `minutes` can start at exactly `starts_at`; if not, the first reason against it.
    pub fn check(&self, starts_at: DateTime<Utc>, minutes: u16) -> Result<(), Refusal> {
        let not_offered = |reason| Err(Refusal::NotOffered(reason));
        if !self.schedule.rules.offers(minutes) {
            return not_offered(Reason::LengthNotOffered);
        }
        let start = starts_at.timestamp();
        let day = offsets::day_at(self.schedule.time_zone, start);
        if let Some(reason) = Timing::of(self).refuses(start, day) {
            return not_offered(reason);
        }
        let length = i64::from(minutes) * 60;
        let only = Span {
            start,
            end: start + 1,
        };
        let open = Open::of(self.schedule, only, length);
        let slot = Span {
            start,
            end: ceil(starts_at) + length,
        };
        if !open.covers(slot) {
            return not_offered(Usual::of(self.schedule, only, length).reason(slot));
        }
        if starts_at.timestamp_subsec_nanos() > 0 || !open.has_start(start) {
            return not_offered(Reason::OffGrid);
        }
        match Room::of(self, only, length).refuses(start, day) {
            // What somebody does elsewhere is theirs to tell.
            Some(Refusal::NotOffered(Reason::Imported)) => not_offered(Reason::TimeOff),
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    /// The `most` free slots of `minutes` whose starts are nearest to `around`, nearest first and the earlier one
    /// first of two that are equally near. Looks no further than 64 days from the nearest time that can be booked.
    pub fn nearest_free(&self, around: DateTime<Utc>, minutes: u16, most: usize) -> Vec<Slot> {
        let bookable = Timing::of(self).starts();
        let around = around
            .timestamp()
            .clamp(bookable.start, bookable.end.max(bookable.start));
        let mut near = Vec::new();
        // Six hours to either side answer most questions; each further look is four times as wide.
        let mut radius = SECONDS_PER_DAY / 4;
        while near.len() < most && radius <= 64 * SECONDS_PER_DAY {
            near.clear();
            let starts = Span {
                start: around - radius,
                end: around + radius + 1,
            };
            let _ = self.each_free(minutes, starts, |slot| {
                near.push(slot);
                ControlFlow::Continue(())
            });
            radius *= 4;
        }
        near.sort_by_key(|slot| (slot.starts_at.timestamp() - around).abs());
        near.truncate(most);
        near
    }

    /// The first free slot of `minutes` that does not start before `after`, as far as the horizon reaches.
    pub fn next_free(&self, after: DateTime<Utc>, minutes: u16) -> Option<Slot> {
        let bookable = Timing::of(self).starts();
        let mut first = ceil(after).max(bookable.start);
        let mut ahead = 2 * SECONDS_PER_DAY;
        let mut found = None;
        while found.is_none() && first < bookable.end {
            let starts = Span {
                start: first,
                end: first + ahead,
            };
            let _ = self.each_free(minutes, starts, |slot| {
                found = Some(slot);
                ControlFlow::Break(())
            });
            first = starts.end;
            ahead *= 4;
        }
        found
    }

    /// Every start of the grid on one date of the expert's calendar, with the first reason against it if it is not
    /// free. `engaged` is what is taken without the buffers (in any order), to tell a buffer from the booking it guards.
    pub fn explain_day(
        &self,
        date: NaiveDate,
        minutes: u16,
        engaged: &[Engaged],
    ) -> Vec<(Slot, Option<Missing>)> {
        let zone = self.schedule.time_zone;
        let starts = Span {
            start: wall::at(zone, date, 0, Edge::Start).timestamp(),
            end: wall::at(zone, date, 1440, Edge::End).timestamp(),
        };
        let length = i64::from(minutes) * 60;
        let offered = self.schedule.rules.offers(minutes);
        let timing = Timing::of(self);
        let mut room = Room::of(self, starts, length);
        let asked = day_number(date);
        let mut explained = Vec::new();
        let open = Open::of(self.schedule, starts, length);
        let usual = Usual::of(self.schedule, starts, length);
        let _ = open.each_of_grid(starts, |start, day| {
            if day != asked {
                return ControlFlow::Continue(());
            }
            let slot = slot(start, length);
            let inside = Span {
                start,
                end: start + length,
            };
            let missing = if !offered {
                Some(Missing::NotOffered(Reason::LengthNotOffered))
            } else if let Some(reason) = timing.refuses(start, day) {
                Some(Missing::NotOffered(reason))
            } else if !open.covers(inside) {
                Some(Missing::NotOffered(usual.reason(inside)))
            } else {
                room.refuses(start, day).map(|refusal| match refusal {
                    Refusal::NotOffered(reason) => Missing::NotOffered(reason),
                    Refusal::Taken => taken_by(slot, engaged),
                })
            };
            explained.push((slot, missing));
            ControlFlow::Continue(())
        });
        explained
    }

    /// Names each free slot that starts in `starts`, in order, until `visit` breaks.
    fn each_free(
        &self,
        minutes: u16,
        starts: Span,
        mut visit: impl FnMut(Slot) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let length = i64::from(minutes) * 60;
        self.each_free_start(minutes, starts, |start| visit(slot(start, length)))
    }

    /// The same by their starts alone, in UTC seconds.
    fn each_free_start(
        &self,
        minutes: u16,
        starts: Span,
        mut visit: impl FnMut(i64) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let timing = Timing::of(self);
        let starts = starts.within(timing.starts());
        if starts.is_empty() || !self.schedule.rules.offers(minutes) {
            return ControlFlow::Continue(());
        }
        let length = i64::from(minutes) * 60;
        let mut room = Room::of(self, starts, length);
        Open::of(self.schedule, starts, length).each_start(starts, length, |start, day| {
            if timing.refuses(start, day).is_none() && room.refuses(start, day).is_none() {
                visit(start)?;
            }
            ControlFlow::Continue(())
        })
    }
}

/// What is in the way of a slot that is taken; a booking says more than a hold.
fn taken_by(slot: Slot, engaged: &[Engaged]) -> Missing {
    let overlaps = |one: &&Engaged| one.starts_at < slot.ends_at && slot.starts_at < one.ends_at;
    match engaged.iter().filter(overlaps).map(|one| one.held).min() {
        Some(false) => Missing::Taken,
        Some(true) => Missing::Held,
        None => Missing::Buffer,
    }
}

fn slot(start: i64, length: i64) -> Slot {
    Slot {
        starts_at: wall::instant(start),
        ends_at: wall::instant(start + length),
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
