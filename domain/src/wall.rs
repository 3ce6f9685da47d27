//! Between the clock on the wall of an IANA zone and instants.
//!
//! Two rules hold everywhere. A wall-clock time that a clock change leaves out moves forward by what was left out.
//! One that occurs twice means its earlier instant where something starts and its later one where something ends.
//! Minutes are never added to a local midnight: a day with a clock change does not have 1440 of them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::offsets::{self, Offsets, SECONDS_PER_DAY, date_of, day_number};

/// The release of the IANA zone database that is built in, such as `2025b`; later ones are greater.
pub const ZONE_DATA: &str = chrono_tz::IANA_TZDB_VERSION;

/// How a clock and a calendar are written together: `2026-03-29T09:00`.
const WRITTEN: &str = "%Y-%m-%dT%H:%M";

/// What a clock shows, to the minute, as it is kept and answered.
pub fn written(shown: NaiveDateTime) -> String {
    shown.format(WRITTEN).to_string()
}

/// The reverse of [`written`].
///
/// # Errors
/// When the text is not of that form.
pub fn read(text: &str) -> Result<NaiveDateTime, chrono::ParseError> {
    NaiveDateTime::parse_from_str(text, WRITTEN)
}

/// A time on the clock, whole minutes from `00:00` to `24:00`. `24:00` only makes sense as an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(u16);

impl WallTime {
    /// The start of a day.
    pub const MIDNIGHT: WallTime = WallTime(0);
    /// The end of a day.
    pub const END_OF_DAY: WallTime = WallTime(1440);

    /// `hour`:`minute`; none unless the clock shows it (`24:00` is the only time past 23:59).
    pub fn new(hour: u16, minute: u16) -> Option<WallTime> {
        let shown = (hour < 24 && minute < 60) || (hour == 24 && minute == 0);
        shown.then(|| WallTime(hour * 60 + minute))
    }

    /// Minutes on the clock since `00:00`, 0 to 1440.
    pub fn minutes(self) -> u16 {
        self.0
    }
}

/// A text that is not a wall-clock time of the form `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time of day is written HH:MM, from 00:00 to 24:00")]
pub struct NotAWallTime;

impl FromStr for WallTime {
    type Err = NotAWallTime;

    fn from_str(text: &str) -> Result<WallTime, NotAWallTime> {
        let &[h1, h2, b':', m1, m2] = text.as_bytes() else {
            return Err(NotAWallTime);
        };
        let number = |tens: u8, ones: u8| {
            let both = tens.is_ascii_digit() && ones.is_ascii_digit();
            both.then(|| u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
        };
        number(h1, h2)
            .zip(number(m1, m2))
            .and_then(|(hour, minute)| WallTime::new(hour, minute))
            .ok_or(NotAWallTime)
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WallTime, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Which end of a stretch a wall-clock time is; decides between the two instants of a time that occurs twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Something starts: the earlier instant.
    Start,
    /// Something ends: the later instant.
    End,
}

/// The instant at which the clock of `zone` shows `minutes` (0 to 2880) counted on the clock from 00:00 of `date`;
/// 1440 and more are on the next date. Dates outside the years 1 to 9999 count as the nearest one inside.
pub fn at(zone: Tz, date: NaiveDate, minutes: u16, edge: Edge) -> DateTime<Utc> {
    let day = day_number(within_years(date));
    let clock = day * SECONDS_PER_DAY + i64::from(minutes) * 60;
    // No zone is a whole day and a half away from UTC, and no clock change leaves out more than a day.
    let margin = 3 * SECONDS_PER_DAY;
    let offsets = Offsets::of(zone, clock - margin, clock + margin);
    instant(offsets.instant_of(clock, edge))
}

/// The date on the calendar of `zone` at `instant`.
pub fn local_date(zone: Tz, instant: DateTime<Utc>) -> NaiveDate {
    let day = offsets::day_at(zone, instant.timestamp());
    // Only the last hours that chrono knows can fall off its calendar.
    date_of(day).unwrap_or(instant.date_naive())
}

/// The local day as instants: from its start up to (not including) the start of the next one. A date that the zone
/// skipped (Apia, 30 December 2011) is empty: both are the same.
pub fn day_bounds(zone: Tz, date: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    (
        at(zone, date, 0, Edge::Start),
        at(zone, date, 1440, Edge::Start),
    )
}

/// The Monday of the ISO week that `date` lies in.
pub fn monday_of(date: NaiveDate) -> NaiveDate {
    date_of(offsets::monday_of(day_number(date))).unwrap_or(date)
}

/// The ISO week of `date` as instants: from the start of its Monday up to (not including) the start of the next one.
pub fn week_bounds(zone: Tz, date: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    let monday = monday_of(within_years(date));
    let next = monday.checked_add_days(Days::new(7)).unwrap_or(monday);
    (
        at(zone, monday, 0, Edge::Start),
        at(zone, next, 0, Edge::Start),
    )
}

/// What RFC 3339 can spell; also keeps every sum of seconds far from the limits of chrono.
fn within_years(date: NaiveDate) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or(NaiveDate::MIN);
    let last = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or(NaiveDate::MAX);
    date.clamp(first, last)
}

/// Whole seconds since 1970 as an instant; the limits of chrono for what lies outside them.
pub(crate) fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(if seconds < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn instant_at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn times_of_day_are_read_and_written_as_hours_and_minutes() {
        for text in ["00:00", "09:05", "23:59", "24:00"] {
            let time: WallTime = text.parse().unwrap();
            assert_eq!(time.to_string(), text);
            let json = serde_json::to_string(&time).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<WallTime>(&json).unwrap(), time);
        }
    }

    #[test]
    fn nothing_else_is_a_time_of_day() {
        let not_times = [
            "", "9:00", "09:0", "24:01", "25:00", "12:60", "0900", "09:00 ", "+9:00", "09-00",
            "0９:0",
        ];
        for text in not_times {
            assert_eq!(text.parse::<WallTime>(), Err(NotAWallTime), "{text}");
        }
        assert!(serde_json::from_str::<WallTime>("540").is_err());
    }

    #[test]
    fn local_days_and_weeks_have_their_real_length() {
        let hours = |(start, end): (DateTime<Utc>, DateTime<Utc>)| (end - start).num_hours();
        let berlin = Tz::Europe__Berlin;
        assert_eq!(hours(day_bounds(berlin, date("2026-03-29"))), 23);
        assert_eq!(hours(day_bounds(berlin, date("2026-10-25"))), 25);
        assert_eq!(hours(week_bounds(berlin, date("2026-10-25"))), 7 * 24 + 1);
        assert_eq!(hours(week_bounds(berlin, date("2026-10-26"))), 7 * 24);
        assert_eq!(hours(day_bounds(Tz::Pacific__Apia, date("2011-12-30"))), 0);
        assert_eq!(monday_of(date("2026-01-01")), date("2025-12-29"));
        assert_eq!(monday_of(date("1969-12-31")), date("1969-12-29"));
    }

    #[test]
    fn a_time_may_be_counted_into_the_next_date() {
        let at = |minutes| at(Tz::Europe__Berlin, date("2026-03-28"), minutes, Edge::Start);
        assert_eq!(at(1440 + 60), instant_at("2026-03-29T00:00:00Z"));
        // 02:30 of the 29th does not exist; 03:30 does.
        assert_eq!(at(1440 + 150), instant_at("2026-03-29T01:30:00Z"));
        assert_eq!(at(2880), instant_at("2026-03-29T22:00:00Z"));
    }
}
