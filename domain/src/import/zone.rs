//! The zones that a file speaks of: by their IANA names, by the names that Windows has for them, by an offset, or
//! by rules that the file brings itself.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use calcard::common::timezone::Tz as Known;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty, ICalendarValue,
};
use chrono::{Datelike, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::{Budget, Reading, Unusable, recurrence};
use crate::Instant;
use crate::wall::Edge;

/// A clock.
#[derive(Clone, Debug)]
pub(super) enum Zone {
    Named(Tz),
    /// Seconds ahead of UTC.
    Fixed(i32),
    /// The file's own rules: from which local time on which offset holds, in order.
    Own(Arc<[(NaiveDateTime, i32)]>),
}

impl Zone {
    /// The instant at which this clock shows a time, by the rules of [`crate::wall`].
    pub fn instant(&self, shown: NaiveDateTime, edge: Edge) -> Instant {
        let ahead = |seconds: i32| (shown - TimeDelta::seconds(seconds.into())).and_utc();
        match self {
            Self::Fixed(seconds) => ahead(*seconds),
            Self::Own(changes) => {
                let begun = changes.partition_point(|(from, _)| *from <= shown);
                let change = changes.get(begun.saturating_sub(1));
                ahead(change.map_or(0, |(_, seconds)| *seconds))
            }
            Self::Named(zone) => match zone.from_local_datetime(&shown) {
                LocalResult::Single(found) => found.to_utc(),
                LocalResult::Ambiguous(one, other) => {
                    let (earlier, later) = (one.min(other), one.max(other));
                    let chosen = if edge == Edge::Start { earlier } else { later };
                    chosen.to_utc()
                }
                // Left out by a clock change: as far behind it as the clock was before.
                LocalResult::None => {
                    let before = zone.offset_from_utc_datetime(&(shown - TimeDelta::days(1)));
                    ahead(before.fix().local_minus_utc())
                }
            },
        }
    }

    /// What this clock shows at an instant.
    pub fn shown(&self, at: Instant) -> NaiveDateTime {
        let ahead = |seconds: i32| at.naive_utc() + TimeDelta::seconds(seconds.into());
        match self {
            Self::Named(zone) => at.with_timezone(zone).naive_local(),
            Self::Fixed(seconds) => ahead(*seconds),
            Self::Own(changes) => {
                let fits = |(from, seconds): &&(NaiveDateTime, i32)| *from <= ahead(*seconds);
                let change = changes.iter().rev().find(fits).or(changes.first());
                ahead(change.map_or(0, |(_, seconds)| *seconds))
            }
        }
    }
}

/// The zones of one file.
pub(super) struct Zones {
    own: HashMap<String, Zone>,
    floating: Zone,
}

impl Zones {
    /// What the file says of its zones.
    pub fn of(
        calendar: &ICalendar,
        reading: &Reading<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<Self, Unusable> {
        let mut own = HashMap::new();
        for part in calendar.timezones() {
            let known = part.timezone().and_then(|(_, zone)| named(zone));
            let zone = match known {
                Some(zone) => Some(zone),
                None => rules(calendar, part, reading, budget)?,
            };
            if let (Some(name), Some(zone)) = (name(part), zone) {
                own.insert(name.to_owned(), zone);
            }
        }
        Ok(Self {
            own,
            floating: Zone::Named(reading.zone),
        })
    }

    /// The zone of this name; the expert's for none, and for one that nobody knows.
    pub fn find(&self, name: Option<&str>) -> Zone {
        let Some(name) = name else {
            return self.floating.clone();
        };
        let own = self.own.get(name).cloned();
        own.or_else(|| Known::from_str(name).ok().and_then(named))
            .unwrap_or_else(|| self.floating.clone())
    }
}

fn named(zone: Known) -> Option<Zone> {
    match zone {
        Known::Tz(zone) => Some(Zone::Named(zone)),
        Known::Fixed(offset) => Some(Zone::Fixed(offset.local_minus_utc())),
        Known::Floating => None,
    }
}

fn name(part: &ICalendarComponent) -> Option<&str> {
    let mut entries = part.entries.iter();
    let entry = entries.find(|entry| entry.name == ICalendarProperty::Tzid)?;
    match entry.values.first()? {
        ICalendarValue::Text(name) => Some(name),
        _ => None,
    }
}

/// Works the file's own rules out as far as the window reaches.
fn rules(
    calendar: &ICalendar,
    part: &ICalendarComponent,
    reading: &Reading<'_>,
    budget: &mut Budget<'_>,
) -> Result<Option<Zone>, Unusable> {
    let until = (reading.window.1 + TimeDelta::days(3)).naive_utc();
    let mut changes = Vec::new();
    let observances = part.component_ids.iter();
    let observances = observances.filter_map(|id| calendar.components.get(*id as usize));
    for observance in observances {
        let kind = &observance.component_type;
        if !matches!(
            kind,
            ICalendarComponentType::Standard | ICalendarComponentType::Daylight
        ) {
            continue;
        }
        let value = |name: ICalendarProperty| {
            let mut entries = observance.entries.iter();
            let entry = entries.find(|entry| entry.name == name)?;
            entry.values.first()
        };
        let Some(ICalendarValue::PartialDateTime(offset)) = value(ICalendarProperty::Tzoffsetto)
        else {
            continue;
        };
        let seconds = i32::from(offset.tz_hour.unwrap_or(0)) * 3600
            + i32::from(offset.tz_minute.unwrap_or(0)) * 60;
        let ahead = if offset.tz_minus { -seconds } else { seconds };
        let Some(ICalendarValue::PartialDateTime(start)) = value(ICalendarProperty::Dtstart) else {
            continue;
        };
        let Some(start) = start.to_date_time() else {
            continue;
        };
        let mut onsets = vec![start.date_time];
        if let Some(ICalendarValue::RecurrenceRule(rule)) = value(ICalendarProperty::Rrule) {
            onsets = recurrence::dates(rule, start.date_time, until, budget)?;
        }
        for entry in &observance.entries {
            if entry.name == ICalendarProperty::Rdate {
                let dates = entry.values.iter().filter_map(|value| match value {
                    ICalendarValue::PartialDateTime(at) => at.to_date_time(),
                    _ => None,
                });
                onsets.extend(dates.map(|at| at.date_time));
            }
        }
        changes.extend(onsets.into_iter().map(|onset| (onset, ahead)));
    }
    changes.sort_unstable();
    Ok((!changes.is_empty()).then(|| Zone::Own(changes.into())))
}

/// Whether a time can be reckoned with on any clock.
pub(super) fn is_sane(at: NaiveDateTime) -> bool {
    (1900..3000).contains(&at.year())
}
