//! The working hours of a schedule as instants, and the starts that its grid has in them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use crate::branch::Opening;
use crate::interval::{self, Span};
use crate::offsets::{Offsets, SECONDS_PER_DAY, date_of};
use crate::schedule::{Hours, Schedule, Weekday, Window};
use crate::slot::Reason;
use crate::wall::{Edge, WallTime};

/// The hours in which one expert works, around a range of starts.
#[derive(Debug)]
pub(super) struct Open {
    offsets: Offsets,
    spans: Vec<Span>,
    /// Seconds between two starts.
    step: i64,
}

impl Open {
    /// The hours for bookings that start in `starts` and take `length` seconds.
    pub fn of(schedule: &Schedule, starts: Span, length: i64) -> Open {
        // Hours that began two dates earlier may still run: over midnight, and a zone may leave out a whole date.
        // A day later is enough: only a clock set back over midnight lets the next date's hours begin before it.
        let first = starts.start - 2 * SECONDS_PER_DAY;
        let last = starts.end + length + SECONDS_PER_DAY;
        // Far enough to find both ends of the hours of all these dates.
        let margin = 2 * SECONDS_PER_DAY;
        let offsets = Offsets::of(schedule.time_zone, first - margin, last + margin);
        let mut spans = Vec::new();
        for day in offsets.day_at(first)..=offsets.day_at(last) {
            if offsets.has_day(day) {
                hours_on(schedule, day, |hours| {
                    spans.push(span(&offsets, day, hours))
                });
            }
        }
        let mut spans = interval::merge(spans);
        if let Some(opening) = &schedule.opening {
            spans = inside(opening, spans, first, last);
        }
        Open {
            offsets,
            spans,
            step: i64::from(schedule.rules.interval_minutes.max(1)) * 60,
        }
    }

    /// Whether `wanted` lies inside one stretch of hours.
    pub fn covers(&self, wanted: Span) -> bool {
        self.spans.iter().any(|span| span.covers(wanted))
    }

    /// Whether the clock shows a start of the grid at `start` (UTC seconds).
    pub fn has_start(&self, start: i64) -> bool {
        self.offsets.clock_at(start).rem_euclid(SECONDS_PER_DAY) % self.step == 0
    }

    /// Names each start of the grid in `starts` from which `length` seconds lie inside the hours, in order, with
    /// its local day, until `visit` breaks.
    pub fn each_start(
        &self,
        starts: Span,
        length: i64,
        mut visit: impl FnMut(i64, i64) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for span in &self.spans {
            for piece in self.offsets.pieces() {
                let fitting = Span {
                    start: span.start,
                    end: span.end - length + 1,
                };
                let within = fitting.within(starts).within(Span {
                    start: piece.start,
                    end: piece.end,
                });
                each_multiple(within, piece.offset, self.step, &mut visit)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Names each start of the grid in `starts`, inside the hours or not, as [`Open::each_start`] does.
    pub fn each_of_grid(
        &self,
        starts: Span,
        mut visit: impl FnMut(i64, i64) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for piece in self.offsets.pieces() {
            let within = starts.within(Span {
                start: piece.start,
                end: piece.end,
            });
            each_multiple(within, piece.offset, self.step, &mut visit)?;
        }
        ControlFlow::Continue(())
    }
}

/// How many whole minutes of a schedule's hours lie from `from` until `until`, without time off and what is busy
/// elsewhere.
pub fn open_minutes(schedule: &Schedule, from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
    let asked = Span::around(from, until);
    let open = Open::of(schedule, asked, 0);
    let off = schedule.time_off.iter().chain(&schedule.imported);
    let off = interval::merge(
        off.map(|off| Span::around(off.starts_at, off.ends_at))
            .collect(),
    );
    let seconds = open.spans.iter().map(|span| {
        let span = span.within(asked);
        let closed = off.iter().map(|off| off.within(span));
        let closed: i64 = closed.map(|off| (off.end - off.start).max(0)).sum();
        (span.end - span.start).max(0) - closed
    });
    seconds.sum::<i64>() / 60
}

/// The hours of a schedule that lie from `from` until `until`, in order and apart from each other. Time off is still in
/// them.
pub fn open_stretches(
    schedule: &Schedule,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Stretch> {
    let asked = Span::around(from, until);
    instants(Open::of(schedule, asked, 0).spans, asked)
}

/// When a branch is open from `from` until `until`, in order and apart from each other.
pub fn opening_stretches(
    opening: &Opening,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Stretch> {
    let asked = Span::around(from, until);
    instants(inside(opening, vec![asked], asked.start, asked.end), asked)
}

/// From the first instant until the second.
pub type Stretch = (DateTime<Utc>, DateTime<Utc>);

/// What of these spans lies in `asked`.
fn instants(spans: Vec<Span>, asked: Span) -> Vec<Stretch> {
    let within = spans.into_iter().map(|span| span.within(asked));
    let instant = |second| DateTime::from_timestamp(second, 0);
    within
        .filter(|span| !span.is_empty())
        .filter_map(|span| instant(span.start).zip(instant(span.end)))
        .collect()
}

/// The hours there would be without public holidays and without those of the branch, to tell these from what is never
/// open.
#[derive(Debug)]
pub(super) struct Usual {
    workdays: Option<Open>,
    own: Option<Open>,
}

impl Usual {
    /// For an expert who has neither, nothing is worked out.
    pub fn of(schedule: &Schedule, starts: Span, length: i64) -> Usual {
        let workdays = || {
            let without = Schedule {
                holidays: BTreeSet::new(),
                ..schedule.clone()
            };
            Open::of(&without, starts, length)
        };
        let own = || {
            let without = Schedule {
                opening: None,
                ..schedule.clone()
            };
            Open::of(&without, starts, length)
        };
        Usual {
            workdays: (!schedule.holidays.is_empty()).then(workdays),
            own: schedule.opening.is_some().then(own),
        }
    }

    /// Why a stretch is not inside the hours.
    pub fn reason(&self, wanted: Span) -> Reason {
        let covers = |open: &Option<Open>| open.as_ref().is_some_and(|open| open.covers(wanted));
        if covers(&self.workdays) {
            Reason::Holiday
        } else if covers(&self.own) {
            Reason::BranchClosed
        } else {
            Reason::OutsideHours
        }
    }
}

/// The hours that start on `day`: those of its override if it has one, none on a holiday, else those of the week.
fn hours_on(schedule: &Schedule, day: i64, take: impl FnMut(Hours)) {
    let Some(date) = date_of(day) else {
        return;
    };
    if let Some(hours) = schedule.overrides.get(&date) {
        hours.iter().copied().for_each(take);
        return;
    }
    if schedule.holidays.contains(&date) {
        return;
    }
    in_week(&schedule.weekly, date, take);
}

/// Whether a branch is open at an instant.
pub fn is_open(opening: &Opening, at: DateTime<Utc>) -> bool {
    let second = at.timestamp();
    let moment = Span {
        start: second,
        end: second + 1,
    };
    !inside(opening, vec![moment], moment.start, moment.end).is_empty()
}

/// When a branch that is open at `at` closes; none when it is closed, or stays open for the next two days.
pub fn open_until(opening: &Opening, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let ahead = Span {
        start: at.timestamp(),
        end: at.timestamp() + 2 * SECONDS_PER_DAY,
    };
    let open = inside(opening, vec![ahead], ahead.start, ahead.end);
    let now = open.first().filter(|span| span.start == ahead.start)?;
    let closes = (now.end < ahead.end).then_some(now.end)?;
    DateTime::from_timestamp(closes, 0)
}

/// The parts of an expert's hours at which the branch is open, from `first` to `last`.
fn inside(opening: &Opening, own: Vec<Span>, first: i64, last: i64) -> Vec<Span> {
    if !opening.active {
        return Vec::new();
    }
    let margin = 2 * SECONDS_PER_DAY;
    let (first, last) = (first - SECONDS_PER_DAY, last + SECONDS_PER_DAY);
    let offsets = Offsets::of(opening.time_zone, first - margin, last + margin);
    let days = offsets.day_at(first)..=offsets.day_at(last);
    let mut open = Vec::new();
    for day in days.filter(|day| offsets.has_day(*day)) {
        opening_on(opening, day, |hours| open.push(span(&offsets, day, hours)));
    }
    interval::common(&own, &interval::merge(open))
}

/// The hours of a branch that start on `day`: those of the date if it differs, else those of the week; all of the day
/// where it has none of its own.
fn opening_on(opening: &Opening, day: i64, mut take: impl FnMut(Hours)) {
    let Some(date) = date_of(day) else {
        return;
    };
    if let Some(hours) = opening.overrides.get(&date) {
        hours.iter().copied().for_each(take);
        return;
    }
    let Some(weekly) = &opening.weekly else {
        return take(Hours {
            from: WallTime::MIDNIGHT,
            until: WallTime::END_OF_DAY,
        });
    };
    in_week(weekly, date, take);
}

/// The hours that a week has on a date.
fn in_week(weekly: &[Window], date: NaiveDate, take: impl FnMut(Hours)) {
    let weekday = Weekday::from(date.weekday());
    let windows = weekly.iter();
    windows
        .filter(|window| window.weekday == weekday && window.is_valid_on(date))
        .map(Window::hours)
        .for_each(take);
}

fn span(offsets: &Offsets, day: i64, hours: Hours) -> Span {
    let (from, until) = hours.minutes();
    let clock = |minutes: u16| day * SECONDS_PER_DAY + i64::from(minutes) * 60;
    Span {
        start: offsets.instant_of(clock(from), Edge::Start),
        end: offsets.instant_of(clock(until), Edge::End),
    }
}

/// Each second in `within` at which the clock, `offset` ahead of UTC all the while, shows a multiple of `step` since
/// the 00:00 before it, with its day.
fn each_multiple(
    within: Span,
    offset: i64,
    step: i64,
    visit: &mut impl FnMut(i64, i64) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let clock = Span {
        start: within.start + offset,
        end: within.end + offset,
    };
    let mut shown = clock.start;
    while shown < clock.end {
        let day = shown.div_euclid(SECONDS_PER_DAY);
        let midnight = day * SECONDS_PER_DAY;
        let end = clock.end.min(midnight + SECONDS_PER_DAY);
        shown = midnight + (shown - midnight + step - 1) / step * step;
        while shown < end {
            visit(shown - offset, day)?;
            shown += step;
        }
        shown = end;
    }
    ControlFlow::Continue(())
}
