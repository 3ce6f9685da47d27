//! Series: a booking that repeats, at the same time on the clock of the expert's zone (C3.11).
//!
//! The rule is counted out by the calendar library on a calendar without clocks, and the house puts each date on the
//! clock of the zone, as everywhere: three in the afternoon stays three in the afternoon when the clocks change.

use calcard::icalendar::ICalendar;
use chrono::{Datelike, NaiveDate, TimeDelta, Timelike};
use chrono_tz::Tz;

use crate::Instant;
use crate::booking::{Booking, BookingError, Party};
use crate::id::SeriesId;
use crate::schedule::Weekday;
use crate::slot::{Availability, Counted, Refusal, Slot, Taken};
use crate::wall::{self, Edge};

/// Bookings that one series may have.
pub const MOST: u16 = 52;
/// Days, weeks or months that may lie between two of them.
pub const MOST_INTERVAL: u16 = 12;
/// Free slots named beside one that is not.
const ALTERNATIVES: usize = 3;
/// Free slots looked at for them, since the client may have something else at some.
const LOOKED_AT: usize = 12;

/// What it repeats by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Every {
    Day,
    Week,
    /// On the same weekday of the month as the first: the second Tuesday, or the last one.
    Month,
}

/// When it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ends {
    /// After so many.
    After(u16),
    /// With the last one on or before this date.
    On(NaiveDate),
}

/// When a booking repeats: a part of what RFC 5545 can say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    pub every: Every,
    /// Each one, each second one, and so on.
    pub interval: u16,
    /// On which weekdays of a week; empty for that of the first.
    pub weekdays: Vec<Weekday>,
    pub ends: Ends,
}

impl Rule {
    /// The `RRULE` of a series whose first booking is on this date.
    pub fn rrule(&self, first: NaiveDate) -> String {
        let days = |days: &[chrono::Weekday]| -> String {
            let names: Vec<&str> = days.iter().map(|day| two_letters(*day)).collect();
            names.join(",")
        };
        let by = match self.every {
            Every::Day => "FREQ=DAILY".to_owned(),
            Every::Week if self.weekdays.is_empty() => {
                format!("FREQ=WEEKLY;BYDAY={}", days(&[first.weekday()]))
            }
            Every::Week => {
                let all = (0..7).filter_map(|n| chrono::Weekday::try_from(n).ok());
                let named = all.filter(|day| self.weekdays.contains(&Weekday::from(*day)));
                format!("FREQ=WEEKLY;BYDAY={}", days(&named.collect::<Vec<_>>()))
            }
            Every::Month => {
                // A fifth one is not in every month; the last one is.
                let nth = match first.day0() / 7 + 1 {
                    5 => -1,
                    nth => i64::from(nth),
                };
                format!("FREQ=MONTHLY;BYDAY={nth}{}", days(&[first.weekday()]))
            }
        };
        let ends = match self.ends {
            Ends::After(count) => format!("COUNT={count}"),
            Ends::On(date) => format!("UNTIL={}T235959", date.format("%Y%m%d")),
        };
        format!("{by};INTERVAL={};{ends}", self.interval)
    }

    /// The dates of a series from its first one on, that one among them; at most one more than a series may have.
    pub fn dates(&self, first: NaiveDate) -> Vec<NaiveDate> {
        let text = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:series\r\nDTSTART:{}T000000\r\nRRULE:{}\r\n\
             END:VEVENT\r\nEND:VCALENDAR\r\n",
            first.format("%Y%m%d"),
            self.rrule(first)
        );
        let Ok(calendar) = ICalendar::parse(&text) else {
            return vec![first];
        };
        let most = usize::from(MOST) + 1;
        let counted = calendar.expand_dates(Tz::UTC, most);
        let dates = counted.events.iter().map(|event| event.start.date_naive());
        let mut dates: Vec<NaiveDate> = dates.filter(|date| *date >= first).take(most).collect();
        dates.sort();
        dates.dedup();
        dates
    }

    /// The starts of a series on the clock of `zone`, from its first one on.
    pub fn starts(&self, zone: Tz, first: Instant) -> Vec<Instant> {
        let shown = first.with_timezone(&zone);
        let minutes = u16::try_from(shown.hour() * 60 + shown.minute()).unwrap_or_default();
        let dates = self.dates(wall::local_date(zone, first));
        let at = |date: &NaiveDate| wall::at(zone, *date, minutes, Edge::Start);
        let mut starts: Vec<Instant> = dates.iter().map(at).collect();
        // Of a time that occurs twice the later one may be meant for the first.
        if let Some(start) = starts.first_mut() {
            *start = first;
        }
        starts
    }
}

fn two_letters(day: chrono::Weekday) -> &'static str {
    match day {
        chrono::Weekday::Mon => "MO",
        chrono::Weekday::Tue => "TU",
        chrono::Weekday::Wed => "WE",
        chrono::Weekday::Thu => "TH",
        chrono::Weekday::Fri => "FR",
        chrono::Weekday::Sat => "SA",
        chrono::Weekday::Sun => "SU",
    }
}

/// Bookings that were made together.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    pub id: SeriesId,
    pub expert: Party,
    pub client: Party,
    /// The `RRULE`, on the clock of `time_zone`.
    pub rule: String,
    pub time_zone: Tz,
    pub starts_at: Instant,
    pub minutes: u16,
    /// Bookings that were made of it.
    pub made: i64,
    pub created_at: Instant,
}

/// Which of a series a booking is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeriesPlace {
    pub id: SeriesId,
    /// From 1.
    pub number: i64,
    pub of: i64,
}

/// One time of a series that is wished for, and what stands against it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Occurrence {
    pub slot: Slot,
    /// The code of the reason against it; `None` when it is free.
    pub against: Option<&'static str>,
    /// What is free near it instead.
    pub alternatives: Vec<Slot>,
}

/// Which of these starts can be booked together, each judged as if those before it had been. `busy` is the client's own
/// time.
pub fn judge(
    time: &Availability<'_>,
    starts: &[Instant],
    minutes: u16,
    busy: &[Taken],
) -> Vec<Occurrence> {
    let rules = &time.schedule.rules;
    let span = |minutes: u16| TimeDelta::minutes(i64::from(minutes));
    let (mut taken, mut counted) = (time.taken.to_vec(), time.counted.to_vec());
    let mut busy = busy.to_vec();
    let mut judged = Vec::with_capacity(starts.len());
    for starts_at in starts {
        let slot = Slot {
            starts_at: *starts_at,
            ends_at: *starts_at + span(minutes),
        };
        let asked = Availability {
            taken: &taken,
            counted: &counted,
            ..*time
        };
        let against = match asked.check(*starts_at, minutes) {
            Err(Refusal::Taken) => Some("taken"),
            Err(Refusal::NotOffered(reason)) => Some(reason.code()),
            Ok(()) if overlaps(&busy, slot) => Some("client_busy"),
            Ok(()) => None,
        };
        if against.is_none() {
            counted.push(Counted {
                starts_at: *starts_at,
            });
            let stretch = Taken {
                starts_at: slot.starts_at - span(rules.buffer_before_minutes),
                ends_at: slot.ends_at + span(rules.buffer_after_minutes),
            };
            let place = taken.partition_point(|other| other.starts_at < stretch.starts_at);
            taken.insert(place, stretch);
            busy.push(Taken {
                starts_at: slot.starts_at,
                ends_at: slot.ends_at,
            });
        }
        judged.push((slot, against));
    }
    // Looked for once all that can be booked has its place: what is named can be had beside them.
    let left = Availability {
        taken: &taken,
        counted: &counted,
        ..*time
    };
    let near = |slot: &Slot, against| match against {
        None | Some("horizon") => Vec::new(),
        Some(_) => {
            let near = left.nearest_free(slot.starts_at, minutes, LOOKED_AT);
            let near = near.into_iter().filter(|slot| !overlaps(&busy, *slot));
            near.take(ALTERNATIVES).collect()
        }
    };
    let judged = judged.into_iter().map(|(slot, against)| Occurrence {
        alternatives: near(&slot, against),
        slot,
        against,
    });
    judged.collect()
}

fn overlaps(busy: &[Taken], slot: Slot) -> bool {
    let mut busy = busy.iter();
    busy.any(|own| own.starts_at < slot.ends_at && slot.starts_at < own.ends_at)
}

/// Decides whether a change of one booking of a series may be made to those after it, too.
///
/// # Errors
/// What the change of each is refused with, when it can be made to none of them.
pub fn those_that_can<T>(
    bookings: &[Booking],
    decide: impl Fn(&Booking) -> Result<T, BookingError>,
) -> Result<Vec<(Booking, T)>, BookingError> {
    let mut changed = Vec::new();
    let mut refused = BookingError::NotFound;
    for booking in bookings {
        match decide(booking) {
            Ok(change) => changed.push((booking.clone(), change)),
            // One that has ended says less of why than one that could still be changed.
            Err(BookingError::WrongStatus { .. }) if refused != BookingError::NotFound => {}
            Err(error) => {
                let says_little = matches!(
                    refused,
                    BookingError::NotFound | BookingError::WrongStatus { .. }
                );
                if says_little {
                    refused = error;
                }
            }
        }
    }
    if changed.is_empty() {
        Err(refused)
    } else {
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn rule(every: Every, interval: u16, ends: Ends) -> Rule {
        Rule {
            every,
            interval,
            weekdays: Vec::new(),
            ends,
        }
    }

    fn shown(rule: &Rule, first: &str) -> Vec<String> {
        let dates = rule.dates(date(first)).into_iter();
        dates.map(|date| date.to_string()).collect()
    }

    #[test]
    fn rules_count_out_the_dates_that_people_mean() {
        let weeks = rule(Every::Week, 2, Ends::After(3));
        assert_eq!(
            shown(&weeks, "2027-03-02"),
            ["2027-03-02", "2027-03-16", "2027-03-30"]
        );
        let days = rule(Every::Day, 3, Ends::On(date("2027-03-09")));
        assert_eq!(
            shown(&days, "2027-03-02"),
            ["2027-03-02", "2027-03-05", "2027-03-08"]
        );
        // The second Tuesday, and the last Monday, which is sometimes the fourth.
        let months = rule(Every::Month, 1, Ends::After(3));
        assert_eq!(
            shown(&months, "2027-03-09"),
            ["2027-03-09", "2027-04-13", "2027-05-11"]
        );
        assert_eq!(
            shown(&months, "2027-03-29"),
            ["2027-03-29", "2027-04-26", "2027-05-31"]
        );
        let both = Rule {
            weekdays: vec![Weekday::Thursday, Weekday::Tuesday],
            ..rule(Every::Week, 1, Ends::After(4))
        };
        assert_eq!(
            shown(&both, "2027-03-02"),
            ["2027-03-02", "2027-03-04", "2027-03-09", "2027-03-11"]
        );
        let endless = rule(Every::Day, 1, Ends::On(date("2029-01-01")));
        assert_eq!(endless.dates(date("2027-03-02")).len(), 53);
    }

    #[test]
    fn the_clock_shows_the_same_time_on_both_sides_of_a_change() {
        let berlin = Tz::Europe__Berlin;
        let weeks = rule(Every::Week, 1, Ends::After(3));
        // The clocks go forward on 28 March 2027.
        let starts = weeks.starts(berlin, "2027-03-23T13:00:00Z".parse().unwrap());
        let starts: Vec<String> = starts.iter().map(ToString::to_string).collect();
        assert_eq!(
            starts,
            [
                "2027-03-23 13:00:00 UTC",
                "2027-03-30 12:00:00 UTC",
                "2027-04-06 12:00:00 UTC"
            ]
        );
        // A time that the change leaves out moves forward by what was left out, and is back a week later.
        let nights = weeks.starts(berlin, "2027-03-21T01:30:00Z".parse().unwrap());
        let nights: Vec<String> = nights.iter().map(ToString::to_string).collect();
        assert_eq!(
            nights,
            [
                "2027-03-21 01:30:00 UTC",
                "2027-03-28 01:30:00 UTC",
                "2027-04-04 00:30:00 UTC"
            ]
        );
    }

    /// What the rule says, in other words: every date after the first, looked at one by one.
    fn looked_at(rule: &Rule, first: NaiveDate) -> Vec<NaiveDate> {
        let last = match rule.ends {
            Ends::On(date) => date,
            Ends::After(_) => NaiveDate::MAX,
        };
        let most = match rule.ends {
            Ends::After(count) => usize::from(count),
            Ends::On(_) => usize::from(MOST) + 1,
        };
        let interval = i64::from(rule.interval);
        let week =
            |date: NaiveDate| (wall::monday_of(date) - wall::monday_of(first)).num_days() / 7;
        let month = |date: NaiveDate| i64::from(date.year()) * 12 + i64::from(date.month0());
        let nth = first.day0() / 7;
        let fits = |date: &NaiveDate| match rule.every {
            Every::Day => (*date - first).num_days() % interval == 0,
            Every::Week => {
                let named = rule.weekdays.contains(&Weekday::from(date.weekday()));
                let same = rule.weekdays.is_empty() && date.weekday() == first.weekday();
                week(*date) % interval == 0 && (named || same)
            }
            Every::Month => {
                let is_last = (*date + chrono::Days::new(7)).month() != date.month();
                let place = if nth == 4 {
                    is_last
                } else {
                    date.day0() / 7 == nth
                };
                (month(*date) - month(first)) % interval == 0
                    && date.weekday() == first.weekday()
                    && place
            }
        };
        let dates = first
            .iter_days()
            .take_while(|date| *date <= last)
            .take(52 * 12 * 31);
        dates.filter(fits).take(most).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn the_library_and_a_walk_along_the_calendar_agree(
            every in prop_oneof![Just(Every::Day), Just(Every::Week), Just(Every::Month)],
            interval in 1..=MOST_INTERVAL,
            count in 2..=MOST,
            until in prop::option::of(1u64..800),
            day in 0u64..1500,
            second in prop::option::of(0u8..7),
        ) {
            let first = date("2026-01-01") + chrono::Days::new(day);
            let ends = until.map_or(Ends::After(count), |days| Ends::On(first + chrono::Days::new(days)));
            let mut weekdays = Vec::new();
            if let (Every::Week, Some(second)) = (every, second) {
                weekdays.push(Weekday::from(first.weekday()));
                weekdays.push(Weekday::from(chrono::Weekday::try_from(second).unwrap()));
            }
            let rule = Rule { every, interval, weekdays, ends };
            prop_assert_eq!(rule.dates(first), looked_at(&rule, first), "{}", rule.rrule(first));
        }

        #[test]
        fn every_start_shows_the_time_of_the_first_or_what_the_change_left_out(
            day in 0u64..1500,
            minutes in 0u16..1440,
            zone in prop::sample::select(vec![Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::Asia__Ho_Chi_Minh]),
        ) {
            let first = wall::at(zone, date("2026-01-01") + chrono::Days::new(day), minutes, Edge::Start);
            let rule = rule(Every::Week, 1, Ends::After(MOST));
            let clock = |at: Instant| {
                let shown = at.with_timezone(&zone);
                shown.hour() * 60 + shown.minute()
            };
            let starts = rule.starts(zone, first);
            prop_assert_eq!(starts.len(), usize::from(MOST));
            for pair in starts.windows(2) {
                prop_assert!(pair[0] < pair[1]);
            }
            let odd = starts.iter().filter(|at| clock(**at) != clock(first));
            // One or two of the changes of a year may fall on the very date and time.
            prop_assert!(odd.count() <= 2);
        }
    }
}
