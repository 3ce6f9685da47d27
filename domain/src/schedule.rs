//! When an expert works: weekly windows, dates that differ, time off. All of it is written in the clock and calendar
//! of the expert's own zone, except time off, which is between two instants.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::booking_rules::BookingRules;
use crate::branch::Opening;
use crate::field::FieldError;
use crate::wall::WallTime;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    /// Monday, the first day of an ISO week.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl From<chrono::Weekday> for Weekday {
    fn from(day: chrono::Weekday) -> Weekday {
        match day {
            chrono::Weekday::Mon => Weekday::Monday,
            chrono::Weekday::Tue => Weekday::Tuesday,
            chrono::Weekday::Wed => Weekday::Wednesday,
            chrono::Weekday::Thu => Weekday::Thursday,
            chrono::Weekday::Fri => Weekday::Friday,
            chrono::Weekday::Sat => Weekday::Saturday,
            chrono::Weekday::Sun => Weekday::Sunday,
        }
    }
}

/// A stretch of working time on one date: from a time on the clock until another. An end that is not after the start
/// lies on the next date, so `22:00` until `02:00` runs over midnight and `09:00` until `09:00` is a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The start; never `24:00`.
    pub from: WallTime,
    /// The end; may be `24:00`.
    pub until: WallTime,
}

impl Hours {
    /// Minutes on the clock from 00:00 of the date the stretch starts on to its start and to its end. The second is
    /// the greater and may exceed 1440: then it lies on the next date.
    pub fn minutes(self) -> (u16, u16) {
        let (from, until) = (self.from.minutes(), self.until.minutes());
        (from, if until > from { until } else { until + 1440 })
    }

    fn overlaps(self, other: Hours) -> bool {
        let ((from, until), (other_from, other_until)) = (self.minutes(), other.minutes());
        from < other_until && other_from < until
    }
}

/// Working hours that come back every week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The day of the week on which it starts.
    pub weekday: Weekday,
    /// The start; never `24:00`.
    pub from: WallTime,
    /// The end; an end that is not after the start lies on the next date.
    pub until: WallTime,
    /// First date on which it counts; none: since always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<NaiveDate>,
    /// Last date on which it counts; none: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<NaiveDate>,
}

impl Window {
    /// The clock times alone.
    pub fn hours(&self) -> Hours {
        Hours {
            from: self.from,
            until: self.until,
        }
    }

    /// Whether the window counts on `date`, which must be one of its weekdays to be asked about.
    pub fn is_valid_on(&self, date: NaiveDate) -> bool {
        self.valid_from.is_none_or(|first| first <= date)
            && self.valid_until.is_none_or(|last| date <= last)
    }

    /// Whether the two windows claim the same time on some date.
    fn collides(&self, other: &Window) -> bool {
        let starts_too_late = |a: &Window, b: &Window| {
            let ends = a.valid_until.zip(b.valid_from);
            ends.is_some_and(|(last, first)| last < first)
        };
        self.weekday == other.weekday
            && self.hours().overlaps(other.hours())
            && !starts_too_late(self, other)
            && !starts_too_late(other, self)
    }
}

/// What holds on one date instead of the weekly windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The date on the expert's calendar.
    pub date: NaiveDate,
    /// The working hours that start on that date; empty: closed.
    pub intervals: Vec<Hours>,
}

impl Override {
    /// Most stretches on one date.
    pub const MOST_INTERVALS: usize = 24;

    /// Everything that is wrong with it, with pointers from its own root; empty when it is sound.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.intervals.len() > Self::MOST_INTERVALS {
            let detail = format!("Name at most {} intervals.", Self::MOST_INTERVALS);
            errors.push(FieldError::new("/intervals", FieldError::TOO_LONG, detail));
            return errors;
        }
        for (index, hours) in self.intervals.iter().enumerate() {
            let pointer = format!("/intervals/{index}");
            errors.extend(validate_start(&pointer, hours.from));
            if self.intervals[..index]
                .iter()
                .any(|earlier| earlier.overlaps(*hours))
            {
                let detail = "This interval overlaps another one of the same date.";
                errors.push(FieldError::new(pointer, FieldError::OVERLAP, detail));
            }
        }
        errors
    }
}

/// A stretch in which the expert takes no bookings, whatever the windows say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeOff {
    /// First instant off.
    pub starts_at: DateTime<Utc>,
    /// First instant back.
    pub ends_at: DateTime<Utc>,
}

impl TimeOff {
    /// Everything that is wrong with it, with pointers from its own root; empty when it is sound.
    pub fn validate(&self) -> Vec<FieldError> {
        if self.starts_at < self.ends_at {
            return Vec::new();
        }
        let detail = "The end must be after the start.";
        vec![FieldError::new("/ends_at", FieldError::INVALID, detail)]
    }
}

/// All that decides when one expert can be booked, except for the bookings there are already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The zone whose clock and calendar the windows, overrides, caps and the grid follow.
    pub time_zone: Tz,
    /// Hours that come back every week.
    pub weekly: Vec<Window>,
    /// Dates that do not follow the week; empty hours: closed.
    pub overrides: BTreeMap<NaiveDate, Vec<Hours>>,
    /// Public holidays that are taken off: dates without hours, unless an override gives them some.
    pub holidays: BTreeSet<NaiveDate>,
    /// Stretches without bookings, in any order.
    pub time_off: Vec<TimeOff>,
    /// Stretches that calendars kept elsewhere say are busy, in any order.
    pub imported: Vec<TimeOff>,
    /// When the branch is open that the expert belongs to, if any. Only what lies inside it can be booked (B6).
    pub opening: Option<Opening>,
    /// How the time is cut and offered.
    pub rules: BookingRules,
}

impl Schedule {
    /// Most windows on one weekday.
    pub const MOST_WINDOWS_A_WEEKDAY: usize = 24;

    /// No hours at all, under the default rules: what a new expert starts with.
    pub fn empty(time_zone: Tz) -> Schedule {
        Schedule {
            time_zone,
            weekly: Vec::new(),
            overrides: BTreeMap::new(),
            holidays: BTreeSet::new(),
            time_off: Vec::new(),
            imported: Vec::new(),
            opening: None,
            rules: BookingRules::default(),
        }
    }

    /// Everything that is wrong with the weekly windows (`/weekly/…`) and the rules (`/booking_rules/…`), the two
    /// parts that are written together. Overrides and time off are checked where they are made.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = validate_weekly(&self.weekly);
        let rules = self.rules.validate();
        errors.extend(rules.into_iter().map(|error| error.under("/booking_rules")));
        errors
    }
}

pub(crate) fn validate_weekly(weekly: &[Window]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut per_weekday = [0; 7];
    for (index, window) in weekly.iter().enumerate() {
        let pointer = format!("/weekly/{index}");
        let count = &mut per_weekday[window.weekday as usize];
        *count += 1;
        if *count > Schedule::MOST_WINDOWS_A_WEEKDAY {
            let most = Schedule::MOST_WINDOWS_A_WEEKDAY;
            let detail = format!("Name at most {most} windows for one weekday.");
            errors.push(FieldError::new("/weekly", FieldError::TOO_LONG, detail));
            // Comparing every window with every other is only affordable below the limit.
            return errors;
        }
        errors.extend(validate_start(&pointer, window.from));
        let validity = window.valid_from.zip(window.valid_until);
        if validity.is_some_and(|(first, last)| last < first) {
            let detail = "The last date must not be before the first.";
            let pointer = format!("{pointer}/valid_until");
            errors.push(FieldError::new(pointer, FieldError::INVALID, detail));
        }
        if weekly[..index]
            .iter()
            .any(|earlier| earlier.collides(window))
        {
            let detail = "This window overlaps another one of the same weekday.";
            errors.push(FieldError::new(pointer, FieldError::OVERLAP, detail));
        }
    }
    errors
}

fn validate_start(pointer: &str, from: WallTime) -> Option<FieldError> {
    let detail = "24:00 is an end; a start on the next day is 00:00 of that day.";
    (from == WallTime::END_OF_DAY)
        .then(|| FieldError::new(format!("{pointer}/from"), FieldError::INVALID, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(weekday: Weekday, from: &str, until: &str) -> Window {
        Window {
            weekday,
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
            valid_from: None,
            valid_until: None,
        }
    }

    fn faults(weekly: Vec<Window>) -> Vec<(String, &'static str)> {
        let schedule = Schedule {
            weekly,
            ..Schedule::empty(Tz::UTC)
        };
        let faults = schedule.validate().into_iter();
        faults.map(|fault| (fault.pointer, fault.code)).collect()
    }

    #[test]
    fn windows_are_written_as_the_contract_shows_them() {
        let json = r#"{"weekday":"monday","from":"22:00","until":"24:00"}"#;
        let read: Window = serde_json::from_str(json).unwrap();
        assert_eq!(read, window(Weekday::Monday, "22:00", "24:00"));
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }

    #[test]
    fn an_end_not_after_the_start_lies_on_the_next_date() {
        let minutes = |from, until| window(Weekday::Monday, from, until).hours().minutes();
        assert_eq!(minutes("09:00", "17:00"), (540, 1020));
        assert_eq!(minutes("22:00", "24:00"), (1320, 1440));
        assert_eq!(minutes("22:00", "00:00"), (1320, 1440));
        assert_eq!(minutes("22:00", "02:00"), (1320, 1560));
        assert_eq!(minutes("09:00", "09:00"), (540, 1980));
    }

    #[test]
    fn windows_that_touch_or_lie_on_other_weekdays_or_dates_are_sound() {
        let mut spring = window(Weekday::Friday, "09:00", "12:00");
        spring.valid_until = NaiveDate::from_ymd_opt(2026, 5, 31);
        let mut summer = window(Weekday::Friday, "08:00", "12:00");
        summer.valid_from = NaiveDate::from_ymd_opt(2026, 6, 1);
        let sound = vec![
            window(Weekday::Monday, "09:00", "12:00"),
            window(Weekday::Monday, "12:00", "17:00"),
            window(Weekday::Tuesday, "09:00", "17:00"),
            spring,
            summer,
        ];
        assert_eq!(faults(sound), []);
    }

    #[test]
    fn windows_that_contradict_each_other_or_themselves_are_named() {
        let mut backwards = window(Weekday::Friday, "09:00", "12:00");
        backwards.valid_from = NaiveDate::from_ymd_opt(2026, 6, 2);
        backwards.valid_until = NaiveDate::from_ymd_opt(2026, 6, 1);
        let faulty = vec![
            window(Weekday::Monday, "09:00", "12:00"),
            window(Weekday::Monday, "11:59", "17:00"),
            window(Weekday::Tuesday, "24:00", "01:00"),
            backwards,
        ];
        let named = |pointer: &str, code| (pointer.to_owned(), code);
        assert_eq!(
            faults(faulty),
            [
                named("/weekly/1", FieldError::OVERLAP),
                named("/weekly/2/from", FieldError::INVALID),
                named("/weekly/3/valid_until", FieldError::INVALID),
            ]
        );
    }

    #[test]
    fn a_weekday_takes_so_many_windows_and_no_more() {
        let hour = |hour: u16| Window {
            from: WallTime::new(hour, 0).unwrap(),
            until: WallTime::new(hour + 1, 0).unwrap(),
            ..window(Weekday::Sunday, "00:00", "01:00")
        };
        let mut windows: Vec<Window> = (0..24).map(hour).collect();
        assert_eq!(faults(windows.clone()), []);
        windows.push(hour(0));
        let too_many = ("/weekly".to_owned(), FieldError::TOO_LONG);
        assert_eq!(faults(windows), [too_many]);
    }

    #[test]
    fn overrides_and_time_off_check_themselves() {
        let hours = |from: &str, until: &str| window(Weekday::Monday, from, until).hours();
        let on = |intervals| Override {
            date: NaiveDate::default(),
            intervals,
        };
        assert_eq!(on(Vec::new()).validate(), []);
        let touching = on(vec![hours("09:00", "12:00"), hours("12:00", "09:00")]);
        assert_eq!(touching.validate(), []);
        let overlapping = on(vec![hours("22:00", "02:00"), hours("23:00", "24:00")]);
        assert_eq!(overlapping.validate()[0].pointer, "/intervals/1");
        assert_eq!(on(vec![hours("09:00", "10:00"); 25]).validate().len(), 1);

        let now = DateTime::<Utc>::UNIX_EPOCH;
        let off = |minutes| TimeOff {
            starts_at: now,
            ends_at: now + chrono::TimeDelta::minutes(minutes),
        };
        assert_eq!(off(1).validate(), []);
        assert_eq!(off(0).validate()[0].pointer, "/ends_at");
    }

    #[test]
    fn the_faults_of_the_rules_are_seen_from_the_schedule() {
        let mut schedule = Schedule::empty(Tz::UTC);
        schedule.rules.minutes = vec![30, 0, 30];
        let pointers: Vec<String> = schedule
            .validate()
            .into_iter()
            .map(|fault| fault.pointer)
            .collect();
        assert_eq!(
            pointers,
            ["/booking_rules/minutes/1", "/booking_rules/minutes/2"]
        );
    }
}
