//! Whether one start that the hours and the grid allow can be booked.

use crate::interval::{self, Span, Walk, ceil};
use crate::offsets::{self, Offsets, SECONDS_PER_DAY};
use crate::schedule::TimeOff;
use crate::slot::{Availability, Reason, Refusal};

/// When a booking may start, by the clock alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// The first second that has not gone by.
    now: i64,
    /// The first second that leaves the notice the expert asks for.
    earliest: i64,
    /// The last local day that can be booked.
    last_day: i64,
}

impl Timing {
    /// The limits that the rules set as seen at the present moment.
    pub fn of(asked: &Availability<'_>) -> Timing {
        let rules = &asked.schedule.rules;
        let now = ceil(asked.now);
        let today = offsets::day_at(asked.schedule.time_zone, asked.now.timestamp());
        Timing {
            now,
            earliest: now + i64::from(rules.min_notice_minutes) * 60,
            last_day: today + i64::from(rules.horizon_days),
        }
    }

    /// A stretch that no bookable start lies outside of. It may reach a little beyond the last day, about which
    /// [`Timing::refuses`] has the last word.
    pub fn starts(&self) -> Span {
        Span {
            start: self.earliest,
            // No zone is more than a day behind UTC.
            end: (self.last_day + 2) * SECONDS_PER_DAY,
        }
    }

    /// The reason against a start (UTC seconds) on its local day (as a day number).
    pub fn refuses(&self, start: i64, day: i64) -> Option<Reason> {
        if start < self.now {
            Some(Reason::Past)
        } else if start < self.earliest {
            Some(Reason::Notice)
        } else if day > self.last_day {
            Some(Reason::Horizon)
        } else {
            None
        }
    }
}

/// Whether there is room for a booking: time off, what is taken, caps. Must be asked in the order of the starts.
#[derive(Debug)]
pub(super) struct Room {
    length: i64,
    before: i64,
    after: i64,
    off: Walk,
    imported: Walk,
    taken: Walk,
    caps: Caps,
}

impl Room {
    /// The room for bookings of `length` seconds that start in `starts`.
    pub fn of(asked: &Availability<'_>, starts: Span, length: i64) -> Room {
        let rules = &asked.schedule.rules;
        let before = i64::from(rules.buffer_before_minutes) * 60;
        let after = i64::from(rules.buffer_after_minutes) * 60;
        let reach = Span {
            start: starts.start - before,
            end: starts.end + length + after,
        };
        let walk = |stretches: &[TimeOff]| {
            let spans = stretches.iter();
            let spans = spans.map(|off| Span::around(off.starts_at, off.ends_at));
            Walk::along(interval::merge(
                spans.filter(|off| off.overlaps(reach)).collect(),
            ))
        };
        let first = asked
            .taken
            .partition_point(|taken| ceil(taken.ends_at) <= reach.start);
        let taken = asked.taken[first..].iter();
        let taken = taken.map(|taken| Span::around(taken.starts_at, taken.ends_at));
        let taken = taken.take_while(|taken| taken.start < reach.end);
        Room {
            length,
            before,
            after,
            off: walk(&asked.schedule.time_off),
            imported: walk(&asked.schedule.imported),
            taken: Walk::along(taken.filter(|taken| !taken.is_empty()).collect()),
            caps: Caps::of(asked, starts),
        }
    }

    /// What stands against a start (UTC seconds) on its local day, which must not be before the one asked last.
    pub fn refuses(&mut self, start: i64, day: i64) -> Option<Refusal> {
        let slot = Span {
            start,
            end: start + self.length,
        };
        let stretch = Span {
            start: start - self.before,
            end: slot.end + self.after,
        };
        if self.off.meets(slot) {
            Some(Refusal::NotOffered(Reason::TimeOff))
        } else if self.imported.meets(slot) {
            Some(Refusal::NotOffered(Reason::Imported))
        } else if self.taken.meets(stretch) {
            // Before the caps: the one booking that fills a cap has, first of all, taken its own time.
            Some(Refusal::Taken)
        } else {
            self.caps.refuse(day).map(Refusal::NotOffered)
        }
    }
}

/// The bookings of each local day, as far as the caps need them.
#[derive(Debug)]
struct Caps {
    per_day: usize,
    per_week: usize,
    /// The local day of each booking, sorted.
    days: Vec<i64>,
    /// The last answer; the starts of a day come one after the other.
    answered: Option<(i64, Option<Reason>)>,
}

impl Caps {
    fn of(asked: &Availability<'_>, starts: Span) -> Caps {
        let rules = &asked.schedule.rules;
        let most = |cap: Option<u16>| cap.map_or(usize::MAX, usize::from);
        let mut days = Vec::new();
        if rules.max_per_day.is_some() || rules.max_per_week.is_some() {
            // Whole ISO weeks around the starts, wherever the zone is; what else is counted plays no part.
            let day = |instant: i64| instant.div_euclid(SECONDS_PER_DAY);
            let first = offsets::monday_of(day(starts.start) - 1) - 1;
            let end = offsets::monday_of(day(starts.end) + 1) + 8;
            let near = first * SECONDS_PER_DAY..end * SECONDS_PER_DAY;
            let calendar = Offsets::of(asked.schedule.time_zone, near.start, near.end);
            let counted = asked
                .counted
                .iter()
                .map(|counted| counted.starts_at.timestamp());
            let counted = counted.filter(|start| near.contains(start));
            days.extend(counted.map(|start| calendar.day_at(start)));
            days.sort_unstable();
        }
        Caps {
            per_day: most(rules.max_per_day),
            per_week: most(rules.max_per_week),
            days,
            answered: None,
        }
    }

    fn refuse(&mut self, day: i64) -> Option<Reason> {
        match self.answered {
            Some((answered, reason)) if answered == day => reason,
            _ => {
                let reason = self.count(day);
                self.answered = Some((day, reason));
                reason
            }
        }
    }

    fn count(&self, day: i64) -> Option<Reason> {
        let between = |first: i64, end: i64| {
            let before = |limit: i64| self.days.partition_point(|&day| day < limit);
            before(end) - before(first)
        };
        let monday = offsets::monday_of(day);
        if between(day, day + 1) >= self.per_day {
            Some(Reason::DayCap)
        } else if between(monday, monday + 7) >= self.per_week {
            Some(Reason::WeekCap)
        } else {
            None
        }
    }
}
