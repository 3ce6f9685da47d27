//! Things that recur by a cron expression, read on the clock of a zone.
//!
//! The `cron` crate reads the expression and walks along its times; it does so on a clock without changes, for on a
//! zone's own it skips a time that a clock change leaves out and fires twice at one that is repeated. Which instant
//! shows such a time is decided here, by the rules of [`crate::wall`]:
//!
//! - A time that is left out fires at the moment it would have been, which is that much later on the clock.
//! - A repeated time fires once, at its earlier instant. An expression that ticks, every hour or every so many
//!   minutes, goes on through both passes, and makes nothing up for what was left out unless it would pause.

use ::cron::{Schedule, TimeUnitSpec};
use chrono_tz::Tz;
use thiserror::Error;

use crate::Instant;
use crate::offsets::{Offsets, Piece, SECONDS_PER_DAY};
use crate::wall;

/// A text that is not a cron expression.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CronError {
    /// It cannot be read.
    #[error("not a cron expression (second minute hour day month weekday): {0}")]
    Malformed(String),
    /// Some count weekdays from 0, some from 1, some from Monday.
    #[error("weekdays are written by name, such as MON or MON-FRI")]
    NumberedWeekday,
}

/// When something recurs.
#[derive(Clone, Debug)]
pub struct Cron {
    schedule: Schedule,
    zone: Tz,
    ticks: bool,
}

/// No clock is further from UTC, and no clock change leaves out or repeats more.
const REACH: i64 = 2 * SECONDS_PER_DAY;
/// How much is looked through at once, around a time that the expression names.
const WINDOW: i64 = 4 * SECONDS_PER_DAY;

impl Cron {
    /// Reads `second minute hour day month weekday [year]`, or `@daily` and the like, on the clock of `zone`.
    ///
    /// # Errors
    /// When it is not such an expression.
    pub fn parse(expression: &str, zone: Tz) -> Result<Self, CronError> {
        let fields: Vec<&str> = expression.split_whitespace().collect();
        let numbered = |weekdays: &&str| weekdays.chars().any(|c| c.is_ascii_digit());
        if fields.get(5).is_some_and(numbered) {
            return Err(CronError::NumberedWeekday);
        }
        let schedule: Schedule = expression
            .parse()
            .map_err(|error: ::cron::error::Error| CronError::Malformed(error.to_string()))?;
        let mut below_hours = fields.iter().take(2);
        let ticks =
            schedule.hours().is_all() || below_hours.any(|field| field.contains(['*', '/']));
        Ok(Self {
            schedule,
            zone,
            ticks,
        })
    }

    /// The first time after `after`, if there is any before the year 2100 ends.
    pub fn next_after(&self, after: Instant) -> Option<Instant> {
        let after = after.timestamp();
        let mut from = after;
        loop {
            // What comes years later is not walked to window by window.
            let shown = self.shown_after(from - REACH)?;
            from = from.max(shown - REACH);
            if let Some(found) = self.first_within(after, from, from + WINDOW) {
                return Some(wall::instant(found));
            }
            from += WINDOW;
        }
    }

    /// The first firing after `after` from `from` up to `until`; all UTC seconds.
    fn first_within(&self, after: i64, from: i64, until: i64) -> Option<i64> {
        let offsets = Offsets::of(self.zone, from - REACH, until + REACH);
        let mut first: Option<i64> = None;
        let mut before: Option<Piece> = None;
        // What the clock has shown up to a piece; less than that is shown again.
        let mut shown_before = i64::MIN;
        for &piece in offsets.pieces() {
            if let Some(before) = before {
                let left_out = self.left_out(before, piece, shown_before, after);
                first = earlier(first, left_out);
            }
            let mut past = after.max(piece.start - 1) + piece.offset;
            if !self.ticks {
                past = past.max(shown_before.saturating_sub(1));
            }
            let shown = self.shown_after(past);
            let shown = shown.filter(|&shown| shown < clock_end(piece));
            first = earlier(first, shown.map(|shown| shown - piece.offset));
            shown_before = shown_before.max(clock_end(piece));
            before = Some(piece);
        }
        first.filter(|&first| first < until)
    }

    /// The first time after `after` of those that the clock left out between two pieces.
    fn left_out(&self, before: Piece, piece: Piece, shown: i64, after: i64) -> Option<i64> {
        let (gap_start, gap_end) = (clock_end(before).max(shown), piece.start + piece.offset);
        let time = self.shown_after((gap_start - 1).max(after + before.offset))?;
        if time >= gap_end {
            return None;
        }
        if self.ticks {
            let next = self.shown_after(gap_end - 1)?;
            if next - gap_end < gap_end - gap_start {
                return None;
            }
        }
        // Counting on with the offset before the change moves it forward by exactly what was left out.
        Some(time - before.offset)
    }

    /// The next time on a clock that never changes, counted as if it were UTC.
    fn shown_after(&self, clock: i64) -> Option<i64> {
        let next = self.schedule.after(&wall::instant(clock)).next();
        next.map(|next| next.timestamp())
    }
}

/// What the clock would show at the end of a piece.
fn clock_end(piece: Piece) -> i64 {
    piece.end + piece.offset
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first firings after an instant, as the clock shows them.
    fn firings(expression: &str, zone: Tz, after: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(expression, zone).unwrap();
        let mut at: Instant = after.parse().unwrap();
        let mut found = Vec::new();
        for _ in 0..count {
            at = cron.next_after(at).unwrap();
            found.push(at.with_timezone(&zone).format("%d %H:%M%:z").to_string());
        }
        found
    }

    #[test]
    fn a_time_in_the_gap_fires_as_much_later_as_was_left_out() {
        let berlin = Tz::Europe__Berlin;
        assert_eq!(
            firings("0 30 2 * * *", berlin, "2026-03-27T12:00:00Z", 3),
            ["28 02:30+01:00", "29 03:30+02:00", "30 02:30+02:00"]
        );
        assert_eq!(
            firings("0 0 0 * * *", Tz::Asia__Beirut, "2024-03-29T12:00:00Z", 3),
            ["30 00:00+02:00", "31 01:00+03:00", "01 00:00+03:00"]
        );
        // 02:30 is shown as 03:30, which the expression names as well.
        assert_eq!(
            firings("0 30 2,3 * * *", berlin, "2026-03-28T12:00:00Z", 2),
            ["29 03:30+02:00", "30 02:30+02:00"]
        );
    }

    #[test]
    fn a_repeated_time_fires_once() {
        let fired = firings(
            "0 30 2 * * *",
            Tz::Europe__Berlin,
            "2026-10-24T12:00:00Z",
            2,
        );
        assert_eq!(fired, ["25 02:30+02:00", "26 02:30+01:00"]);
    }

    #[test]
    fn what_ticks_goes_on_through_both() {
        let berlin = Tz::Europe__Berlin;
        assert_eq!(
            firings("0 */30 * * * *", berlin, "2026-03-29T00:29:00Z", 3),
            ["29 01:30+01:00", "29 03:00+02:00", "29 03:30+02:00"]
        );
        assert_eq!(
            firings("0 0 * * * *", berlin, "2026-10-24T23:30:00Z", 3),
            ["25 02:00+02:00", "25 02:00+01:00", "25 03:00+01:00"]
        );
        // From 02:00 to 02:30: every hour at a quarter past would pause for an hour and a half, every twenty minutes
        // does not pause.
        let lord_howe = Tz::Australia__Lord_Howe;
        assert_eq!(
            firings("0 15 * * * *", lord_howe, "2026-10-03T14:30:00Z", 3),
            ["04 01:15+10:30", "04 02:45+11:00", "04 03:15+11:00"]
        );
        assert_eq!(
            firings("0 */20 * * * *", lord_howe, "2026-10-03T15:00:00Z", 3),
            ["04 01:40+10:30", "04 02:40+11:00", "04 03:00+11:00"]
        );
    }

    #[test]
    fn what_comes_years_later_or_never_is_found_too() {
        let fired = firings("0 30 2 29 FEB MON *", Tz::UTC, "2026-01-01T00:00:00Z", 1);
        assert_eq!(fired, ["29 02:30+00:00"]);
        let never = Cron::parse("0 0 0 30 FEB * *", Tz::UTC).unwrap();
        assert_eq!(
            never.next_after("2026-01-01T00:00:00Z".parse().unwrap()),
            None
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let refused = |text| Cron::parse(text, Tz::UTC).unwrap_err();
        assert_eq!(refused("0 0 3 * * 1"), CronError::NumberedWeekday);
        assert!(matches!(refused("*/10 * * * *"), CronError::Malformed(_)));
        assert!(matches!(refused("0 61 * * * *"), CronError::Malformed(_)));
        assert!(matches!(refused(""), CronError::Malformed(_)));
        assert!(Cron::parse("@daily", Tz::UTC).is_ok());
        assert!(Cron::parse("0 0 3 ? * MON-FRI 2030", Tz::UTC).is_ok());
    }
}
