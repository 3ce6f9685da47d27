//! Recurrence rules, counted out by the library on a clock without a zone.

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarProperty,
    ICalendarRecurrenceRule, ICalendarValue,
};
use chrono::{Datelike, NaiveDateTime, Timelike};
use chrono_tz::Tz;

use super::{Budget, MOST_OF_A_RULE, Unusable};

/// The dates that a rule gives from `start` on until `until`, in order.
///
/// # Errors
/// `TooMuch`, when there are more than anybody counts.
pub(super) fn dates(
    rule: &ICalendarRecurrenceRule,
    start: NaiveDateTime,
    until: NaiveDateTime,
    budget: &mut Budget<'_>,
) -> Result<Vec<NaiveDateTime>, Unusable> {
    budget.spend(0)?;
    let mut rule = rule.clone();
    rule.until = Some(partial(until));
    let most = MOST_OF_A_RULE.min(budget.dates);
    let value = |name, value| ICalendarEntry {
        name,
        params: Vec::new(),
        values: vec![value],
    };
    let event = ICalendarComponent {
        component_type: ICalendarComponentType::VEvent,
        entries: vec![
            value(
                ICalendarProperty::Dtstart,
                ICalendarValue::PartialDateTime(Box::new(partial(start))),
            ),
            value(
                ICalendarProperty::Rrule,
                ICalendarValue::RecurrenceRule(Box::new(rule)),
            ),
        ],
        component_ids: Vec::new(),
    };
    let calendar = ICalendar {
        components: vec![event],
    };
    let counted = calendar.expand_dates(Tz::UTC, most);
    budget.spend(counted.events.len())?;
    if counted.events.len() >= most {
        return Err(Unusable::TooMuch);
    }
    let mut dates: Vec<NaiveDateTime> = counted
        .events
        .iter()
        .map(|event| event.start.naive_local())
        .collect();
    // The first one is always there, also when the rule leaves it out (RFC 5545 §3.8.5.3), or is not understood.
    if dates.first() != Some(&start) {
        dates.insert(0, start);
    }
    Ok(dates)
}

/// The rule's own end on the clock that shows its dates.
pub(super) fn end_of(
    rule: &ICalendarRecurrenceRule,
    on_clock: impl FnOnce(crate::Instant) -> NaiveDateTime,
) -> Option<NaiveDateTime> {
    let until = rule.until.as_ref()?;
    let mut read = until.to_date_time()?;
    if until.hour.is_none() {
        // A date: all of it.
        read.date_time = read.date_time.date().and_hms_opt(23, 59, 59)?;
        return Some(read.date_time);
    }
    Some(match read.offset {
        None => read.date_time,
        Some(offset) => {
            let ahead = chrono::TimeDelta::seconds(offset.local_minus_utc().into());
            on_clock((read.date_time - ahead).and_utc())
        }
    })
}

fn partial(at: NaiveDateTime) -> PartialDateTime {
    let small = |number: u32| u8::try_from(number).ok();
    PartialDateTime {
        year: u16::try_from(at.year()).ok(),
        month: small(at.month()),
        day: small(at.day()),
        hour: small(at.hour()),
        minute: small(at.minute()),
        second: small(at.second()),
        ..PartialDateTime::default()
    }
}
