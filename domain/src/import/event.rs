//! One component of a file: its times, and whether it takes any.

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarFreeBusyType,
    ICalendarParameterName, ICalendarParameterValue, ICalendarParticipationStatus, ICalendarPeriod,
    ICalendarProperty, ICalendarRecurrenceRule, ICalendarStatus, ICalendarTransparency,
    ICalendarValue, Uri,
};
use chrono::{NaiveDateTime, TimeDelta};

use super::zone::{Zone, Zones, is_sane};
use super::{Contents, Reading};
use crate::wall::Edge;

/// A time as it stands in a file.
#[derive(Clone, Debug)]
pub(super) struct Time {
    pub shown: NaiveDateTime,
    pub zone: Zone,
    /// A date without a time.
    pub is_date: bool,
}

impl Time {
    fn read(value: &PartialDateTime, zone: Option<&str>, zones: &Zones) -> Option<Self> {
        let read = value.to_date_time()?;
        let is_date = value.hour.is_none();
        let zone = match read.offset {
            Some(offset) => Zone::Fixed(offset.local_minus_utc()),
            // A whole day is one on the expert's calendar.
            None => zones.find(zone.filter(|_| !is_date)),
        };
        is_sane(read.date_time).then_some(Self {
            shown: read.date_time,
            zone,
            is_date,
        })
    }

    /// What another clock shows then.
    pub fn on(&self, clock: &Zone) -> NaiveDateTime {
        let same = match (&self.zone, clock) {
            (Zone::Named(one), Zone::Named(other)) => one == other,
            (Zone::Fixed(one), Zone::Fixed(other)) => one == other,
            (Zone::Own(one), Zone::Own(other)) => one == other,
            _ => false,
        };
        if self.is_date || same {
            return self.shown;
        }
        clock.shown(self.zone.instant(self.shown, Edge::Start))
    }
}

/// How long something takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Length {
    /// On the clock: it ends when that shows so much more.
    Shown(TimeDelta),
    /// In truth.
    Exact(TimeDelta),
}

/// What is kept of a component.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub uid: Option<String>,
    pub sequence: i64,
    pub starts: Time,
    pub length: Length,
    pub rule: Option<ICalendarRecurrenceRule>,
    pub more: Vec<(Time, Option<Length>)>,
    pub except: Vec<Time>,
    /// Which date of a series it stands for, and whether it stands for all that follow.
    pub instead: Option<(Time, bool)>,
    pub is_busy: bool,
    /// Whether a part of it was not understood.
    pub is_odd: bool,
}

impl Event {
    /// Reads an event; `None` when it has no time that makes sense.
    pub fn read(part: &ICalendarComponent, zones: &Zones, owner: &[String]) -> Option<Self> {
        let time = |entry: &ICalendarEntry| match entry.values.first() {
            Some(ICalendarValue::PartialDateTime(value)) => Time::read(value, entry.tz_id(), zones),
            _ => None,
        };
        let mut starts = None;
        let mut ends = None;
        let mut duration = None;
        let mut event = Self {
            uid: None,
            sequence: 0,
            // Replaced below, or nothing is answered.
            starts: Time {
                shown: NaiveDateTime::default(),
                zone: Zone::Fixed(0),
                is_date: false,
            },
            length: Length::Exact(TimeDelta::zero()),
            rule: None,
            more: Vec::new(),
            except: Vec::new(),
            instead: None,
            is_busy: true,
            is_odd: false,
        };
        for entry in &part.entries {
            match (&entry.name, entry.values.first()) {
                (ICalendarProperty::Uid, Some(ICalendarValue::Text(uid))) => {
                    event.uid = Some(uid.clone());
                }
                (ICalendarProperty::Sequence, Some(ICalendarValue::Integer(number))) => {
                    event.sequence = *number;
                }
                (ICalendarProperty::Dtstart, _) => starts = time(entry),
                (ICalendarProperty::Dtend, _) => ends = time(entry),
                (ICalendarProperty::Duration, Some(ICalendarValue::Duration(value))) => {
                    duration = value.to_time_delta();
                }
                (ICalendarProperty::Rrule, Some(ICalendarValue::RecurrenceRule(rule))) => {
                    event.rule = Some((**rule).clone());
                }
                (ICalendarProperty::Rrule, _) => event.is_odd = true,
                (ICalendarProperty::RecurrenceId, _) => {
                    let following = entry
                        .params
                        .iter()
                        .any(|parameter| parameter.name == ICalendarParameterName::Range);
                    event.instead = time(entry).map(|at| (at, following));
                }
                (ICalendarProperty::Rdate, _) => event.add_dates(entry, zones),
                (ICalendarProperty::Exdate, _) => {
                    for value in &entry.values {
                        if let ICalendarValue::PartialDateTime(at) = value {
                            let at = Time::read(at, entry.tz_id(), zones);
                            event.except.extend(at);
                        }
                    }
                }
                _ => event.is_busy &= takes_time(entry, owner),
            }
        }
        let starts = starts.or_else(|| event.instead.as_ref().map(|(at, _)| at.clone()))?;
        event.length = length(&starts, ends, duration);
        event.starts = starts;
        Some(event)
    }

    fn add_dates(&mut self, entry: &ICalendarEntry, zones: &Zones) {
        let read = |at: &PartialDateTime| Time::read(at, entry.tz_id(), zones);
        for value in &entry.values {
            let found = match value {
                ICalendarValue::PartialDateTime(at) => read(at).map(|at| (at, None)),
                ICalendarValue::Period(ICalendarPeriod::Range { start, end }) => {
                    read(start).zip(read(end)).map(|(start, end)| {
                        let length = length(&start, Some(end), None);
                        (start, Some(length))
                    })
                }
                ICalendarValue::Period(ICalendarPeriod::Duration { start, duration }) => {
                    read(start).map(|start| {
                        let length = duration.to_time_delta().map(Length::Exact);
                        (start, length)
                    })
                }
                _ => None,
            };
            self.is_odd |= found.is_none();
            self.more.extend(found);
        }
    }
}

/// Whether this line leaves the event one that takes its owner's time.
fn takes_time(entry: &ICalendarEntry, owner: &[String]) -> bool {
    match (&entry.name, entry.values.first()) {
        (ICalendarProperty::Status, Some(ICalendarValue::Status(status))) => {
            *status != ICalendarStatus::Cancelled
        }
        (ICalendarProperty::Transp, Some(ICalendarValue::Transparency(how))) => {
            *how != ICalendarTransparency::Transparent
        }
        (ICalendarProperty::Other(name), Some(ICalendarValue::Text(text)))
            if name.eq_ignore_ascii_case("X-MICROSOFT-CDO-BUSYSTATUS") =>
        {
            !text.eq_ignore_ascii_case("FREE")
        }
        (ICalendarProperty::Attendee, Some(value)) => {
            let declined = ICalendarParticipationStatus::Declined;
            let declined = entry.params.iter().any(|parameter| {
                matches!(&parameter.value, ICalendarParameterValue::Partstat(status) if *status == declined)
            });
            !(declined && is_of(value, owner))
        }
        _ => true,
    }
}

/// Whether an attendee is the owner of the calendar.
fn is_of(value: &ICalendarValue, owner: &[String]) -> bool {
    let address = match value {
        ICalendarValue::Uri(Uri::Location(address)) | ICalendarValue::Text(address) => address,
        _ => return false,
    };
    let address = address.to_lowercase();
    let address = address.strip_prefix("mailto:").unwrap_or(&address);
    owner.iter().any(|own| own == address)
}

fn length(starts: &Time, ends: Option<Time>, duration: Option<TimeDelta>) -> Length {
    let whole_day = || Length::Shown(TimeDelta::days(i64::from(starts.is_date)));
    match (ends, duration) {
        (Some(ends), _) => {
            let shown = ends.on(&starts.zone) - starts.shown;
            if shown > TimeDelta::zero() {
                Length::Shown(shown)
            } else {
                whole_day()
            }
        }
        // Days on the clock, and what is shorter in truth (RFC 5545 §3.3.6).
        (None, Some(length)) if length.num_seconds() % 86_400 == 0 => Length::Shown(length),
        (None, Some(length)) => Length::Exact(length),
        (None, None) => whole_day(),
    }
}

/// Adds what the file says of its owner's busy time without naming events.
pub(super) fn freebusy(
    calendar: &ICalendar,
    zones: &Zones,
    reading: &Reading<'_>,
    contents: &mut Contents,
) {
    let kind = ICalendarComponentType::VFreebusy;
    let parts = calendar.components.iter();
    for part in parts.filter(|part| part.component_type == kind) {
        contents.events += 1;
        for entry in &part.entries {
            let free = entry.params.iter().any(|parameter| {
                matches!(&parameter.value, ICalendarParameterValue::Fbtype(kind) if *kind == ICalendarFreeBusyType::Free)
            });
            if entry.name != ICalendarProperty::Freebusy || free {
                continue;
            }
            let read = |at: &PartialDateTime| {
                let time = Time::read(at, None, zones)?;
                Some(time.zone.instant(time.shown, Edge::Start))
            };
            for value in &entry.values {
                let span = match value {
                    ICalendarValue::Period(ICalendarPeriod::Range { start, end }) => {
                        read(start).zip(read(end))
                    }
                    ICalendarValue::Period(ICalendarPeriod::Duration { start, duration }) => {
                        read(start)
                            .zip(duration.to_time_delta())
                            .map(|(start, length)| (start, start + length))
                    }
                    _ => None,
                };
                match span {
                    Some((from, until)) => reading.add(&mut contents.busy, from, until, None),
                    None => contents.odd += 1,
                }
            }
        }
    }
}
