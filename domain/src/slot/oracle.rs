//! The rules a second time, slowly and in other words: minute by minute, with every question put to chrono. What the
//! engine answers is compared with this.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use super::{Availability, Day, Slot};
use crate::schedule::{Hours, Weekday};
use crate::wall::{Edge, WallTime};

/// The instant of a wall-clock time, found by stepping back to the last minute that the clock did show.
pub fn instant(zone: Tz, date: NaiveDate, minutes: u16, edge: Edge) -> DateTime<Utc> {
    let wanted = date.and_hms_opt(0, 0, 0).unwrap() + TimeDelta::minutes(minutes.into());
    let mut left_out = TimeDelta::zero();
    loop {
        match zone.from_local_datetime(&(wanted - left_out)) {
            chrono::LocalResult::Single(found) => return found.to_utc() + left_out,
            chrono::LocalResult::Ambiguous(earlier, later) => {
                let chosen = if edge == Edge::Start { earlier } else { later };
                return chosen.to_utc() + left_out;
            }
            chrono::LocalResult::None => left_out += TimeDelta::minutes(1),
        }
    }
}

/// All free slots by the definition of the rules.
pub fn free_slots(
    asked: &Availability<'_>,
    minutes: u16,
    from: NaiveDate,
    days: u16,
    viewer: Tz,
) -> Vec<Day> {
    let dates = (0..u64::from(days)).map(|day| from + Days::new(day));
    let mut listed: Vec<Day> = dates
        .map(|date| Day {
            date,
            slots: Vec::new(),
        })
        .collect();
    let first = Utc.from_utc_datetime(&from.and_hms_opt(0, 0, 0).unwrap()) - TimeDelta::days(2);
    let windows = windows(asked, from - Days::new(6), u64::from(days) + 12);
    let opening = opening(asked, from - Days::new(6), u64::from(days) + 12);
    for minute in 0..(i64::from(days) + 4) * 1440 {
        let start = first + TimeDelta::minutes(minute);
        let date = start.with_timezone(&viewer).date_naive();
        let day = listed.iter_mut().find(|day| day.date == date);
        if let Some(day) = day
            && is_free(asked, &windows, opening.as_deref(), start, minutes)
        {
            day.slots.push(Slot {
                starts_at: start,
                ends_at: start + TimeDelta::minutes(minutes.into()),
            });
        }
    }
    listed
}

type Stretch = (DateTime<Utc>, DateTime<Utc>);

fn is_free(
    asked: &Availability<'_>,
    windows: &[Stretch],
    opening: Option<&[Stretch]>,
    start: DateTime<Utc>,
    minutes: u16,
) -> bool {
    let schedule = asked.schedule;
    let rules = &schedule.rules;
    let end = start + TimeDelta::minutes(minutes.into());
    let from = start - TimeDelta::minutes(rules.buffer_before_minutes.into());
    let until = end + TimeDelta::minutes(rules.buffer_after_minutes.into());
    let local = start.with_timezone(&schedule.time_zone);
    let date = local.date_naive();
    let today = asked.now.with_timezone(&schedule.time_zone).date_naive();
    let counted = |counts: &dyn Fn(NaiveDate) -> bool| {
        let dates = asked.counted.iter();
        let dates = dates.map(|counted| counted.starts_at.with_timezone(&schedule.time_zone));
        dates.filter(|date| counts(date.date_naive())).count()
    };
    let below = |cap: Option<u16>, count: usize| cap.is_none_or(|cap| count < cap.into());
    let of_minute = |minute: i64| start + TimeDelta::minutes(minute);

    rules.minutes.contains(&minutes)
        && (local.hour() * 60 + local.minute()).is_multiple_of(rules.interval_minutes.into())
        && (local.second(), local.nanosecond()) == (0, 0)
        && start >= asked.now + TimeDelta::minutes(rules.min_notice_minutes.into())
        && date <= today + Days::new(rules.horizon_days.into())
        // A stretch without length takes no time, just like an empty range in the database.
        && asked.taken.iter().all(|taken| {
            taken.starts_at == taken.ends_at || taken.ends_at <= from || until <= taken.starts_at
        })
        && schedule
            .time_off
            .iter()
            .chain(&schedule.imported)
            .all(|off| off.ends_at <= start || end <= off.starts_at)
        && below(rules.max_per_day, counted(&|other| other == date))
        && below(
            rules.max_per_week,
            counted(&|other| other.iso_week() == date.iso_week()),
        )
        && (0..i64::from(minutes)).map(of_minute).all(|minute| {
            let open = |&(opens, closes): &Stretch| opens <= minute && minute < closes;
            windows.iter().any(open) && opening.is_none_or(|opening| opening.iter().any(open))
        })
}

/// The hours of each date, as instants; not merged.
fn windows(asked: &Availability<'_>, first: NaiveDate, days: u64) -> Vec<Stretch> {
    let zone = asked.schedule.time_zone;
    let mut windows = Vec::new();
    for date in (0..days)
        .map(|day| first + Days::new(day))
        .filter(|&date| exists(zone, date))
    {
        let weekday = Weekday::from(date.weekday());
        let weekly = asked.schedule.weekly.iter();
        let weekly = weekly.filter(|window| window.weekday == weekday && window.is_valid_on(date));
        let weekly: Vec<Hours> = weekly.map(|window| window.hours()).collect();
        let none = Vec::new();
        let usual = match asked.schedule.holidays.contains(&date) {
            true => &none,
            false => &weekly,
        };
        for hours in asked.schedule.overrides.get(&date).unwrap_or(usual) {
            let (from, until) = (hours.from.minutes(), hours.until.minutes());
            let until = if until <= from { until + 1440 } else { until };
            let opens = instant(zone, date, from, Edge::Start);
            windows.push((opens, instant(zone, date, until, Edge::End)));
        }
    }
    windows
}

/// When the expert's branch is open on each date; `None` without a branch.
fn opening(asked: &Availability<'_>, first: NaiveDate, days: u64) -> Option<Vec<Stretch>> {
    let opening = asked.schedule.opening.as_ref()?;
    let zone = opening.time_zone;
    let whole_day = Hours {
        from: WallTime::MIDNIGHT,
        until: WallTime::END_OF_DAY,
    };
    let dates = (0..days).map(|day| first + Days::new(day));
    let open = dates.filter(|&date| opening.active && exists(zone, date));
    let stretches = open.flat_map(|date| {
        let weekday = Weekday::from(date.weekday());
        let usual = match &opening.weekly {
            None => vec![whole_day],
            Some(weekly) => weekly
                .iter()
                .filter(|window| window.weekday == weekday && window.is_valid_on(date))
                .map(|window| window.hours())
                .collect(),
        };
        let hours = opening.overrides.get(&date).cloned().unwrap_or(usual);
        hours.into_iter().map(move |hours| {
            let (from, until) = (hours.from.minutes(), hours.until.minutes());
            let until = if until <= from { until + 1440 } else { until };
            let opens = instant(zone, date, from, Edge::Start);
            (opens, instant(zone, date, until, Edge::End))
        })
    });
    Some(stretches.collect())
}

/// Whether the clock of the zone shows any time of this date.
fn exists(zone: Tz, date: NaiveDate) -> bool {
    let midnight = date.and_hms_opt(0, 0, 0).unwrap();
    (0..24).any(|hour| {
        let shown = zone.from_local_datetime(&(midnight + TimeDelta::hours(hour)));
        shown.earliest().is_some()
    })
}
