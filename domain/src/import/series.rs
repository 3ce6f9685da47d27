//! Events of one identity: single ones, or a series with its exceptions and with what was changed of it.

use std::collections::{BTreeMap, HashSet};

use calcard::icalendar::{ICalendar, ICalendarComponentType};
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::event::{Event, Length, Time};
use super::zone::{Zones, is_sane};
use super::{Budget, Contents, Reading, Unusable, recurrence};
use crate::wall::Edge;

/// The events of a calendar that have one `UID`.
pub(super) struct Group {
    uid: Option<String>,
    /// Series and single events; more than one only in files that are not quite right, and then each counts.
    masters: Vec<Event>,
    /// What stands for one date of a series, or for all from one on.
    changes: Vec<(Time, bool, Event)>,
}

/// What was changed of a series, by the date that it stands for on the clock of the series.
#[derive(Default)]
struct Changed<'e> {
    one: BTreeMap<NaiveDateTime, &'e Event>,
    /// For a date that was named without a time.
    day: BTreeMap<NaiveDate, &'e Event>,
    following: BTreeMap<NaiveDateTime, &'e Event>,
}

impl Group {
    /// The groups of a calendar, in the order of its events.
    pub fn all(
        calendar: &ICalendar,
        zones: &Zones,
        reading: &Reading<'_>,
        contents: &mut Contents,
    ) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let mut places = std::collections::HashMap::new();
        let kind = ICalendarComponentType::VEvent;
        let parts = calendar.components.iter();
        for part in parts.filter(|part| part.component_type == kind) {
            contents.events += 1;
            let Some(event) = Event::read(part, zones, reading.owner) else {
                contents.odd += 1;
                continue;
            };
            contents.odd += usize::from(event.is_odd);
            let uid = event.uid.clone();
            let place = match &uid {
                Some(uid) => *places.entry(uid.clone()).or_insert(groups.len()),
                None => groups.len(),
            };
            if place == groups.len() {
                groups.push(Self {
                    uid,
                    masters: Vec::new(),
                    changes: Vec::new(),
                });
            }
            groups[place].take(event);
        }
        groups
    }

    fn take(&mut self, event: Event) {
        match event.instead.clone() {
            Some((at, following)) => self.changes.push((at, following, event)),
            None => {
                // An older state of the same.
                self.masters.retain(|one| one.sequence >= event.sequence);
                if self
                    .masters
                    .iter()
                    .all(|one| one.sequence <= event.sequence)
                {
                    self.masters.push(event);
                }
            }
        }
    }

    /// Adds the time that the group takes.
    pub fn expand(
        &self,
        reading: &Reading<'_>,
        budget: &mut Budget<'_>,
        contents: &mut Contents,
    ) -> Result<(), Unusable> {
        let mut used = HashSet::new();
        for master in &self.masters {
            self.series(master, &mut used, reading, budget, contents)?;
        }
        // What stands for a date that no series here has: an invitation to that one alone.
        for (place, (_, _, event)) in self.changes.iter().enumerate() {
            if !used.contains(&place) && !self.is_outdated(place) {
                budget.spend(1)?;
                let shown = event.starts.shown;
                self.add(event, shown, event.length, reading, contents);
            }
        }
        Ok(())
    }

    /// Whether a later state of the same change is in the file.
    fn is_outdated(&self, place: usize) -> bool {
        let (at, _, event) = &self.changes[place];
        self.changes
            .iter()
            .enumerate()
            .any(|(other, (when, _, one))| {
                when.shown == at.shown && (one.sequence, other) > (event.sequence, place)
            })
    }

    fn series(
        &self,
        master: &Event,
        used: &mut HashSet<usize>,
        reading: &Reading<'_>,
        budget: &mut Budget<'_>,
        contents: &mut Contents,
    ) -> Result<(), Unusable> {
        let clock = &master.starts.zone;
        let mut changed = Changed::default();
        let mut order: Vec<usize> = (0..self.changes.len()).collect();
        order.sort_by_key(|place| self.changes[*place].2.sequence);
        for place in order {
            let (at, following, event) = &self.changes[place];
            used.insert(place);
            let shown = at.on(clock);
            if *following {
                changed.following.insert(shown, event);
            } else if at.is_date && !master.starts.is_date {
                changed.day.insert(shown.date(), event);
            } else {
                changed.one.insert(shown, event);
            }
        }
        let except: HashSet<NaiveDateTime> = master
            .except
            .iter()
            .filter(|at| at.is_date == master.starts.is_date)
            .map(|at| at.on(clock))
            .collect();
        let except_days: HashSet<NaiveDate> = master
            .except
            .iter()
            .filter(|at| at.is_date && !master.starts.is_date)
            .map(|at| at.shown.date())
            .collect();
        let mut dates = vec![(master.starts.shown, None)];
        if let Some(rule) = &master.rule {
            let last = (reading.window.1 + TimeDelta::days(2)).naive_utc();
            let end = recurrence::end_of(rule, |at| clock.shown(at));
            let until = end.map_or(last, |end| end.min(last));
            let counted = recurrence::dates(rule, master.starts.shown, until, budget)?;
            dates = counted.into_iter().map(|date| (date, None)).collect();
        }
        let more = master.more.iter();
        dates.extend(more.map(|(at, length)| (at.on(clock), *length)));
        budget.spend(master.more.len())?;
        let mut met = HashSet::new();
        for (date, length) in dates {
            let is_out = except.contains(&date) || except_days.contains(&date.date());
            if is_out || !is_sane(date) || !met.insert(date) {
                continue;
            }
            let day = changed.day.remove(&date.date());
            if let Some(event) = changed.one.remove(&date).or(day) {
                self.add(event, event.starts.shown, event.length, reading, contents);
                continue;
            }
            match changed.following.range(..=date).next_back() {
                Some((from, event)) => {
                    let moved = date + (event.starts.on(clock) - *from);
                    self.add(event, moved, event.length, reading, contents);
                }
                None => {
                    let length = length.unwrap_or(master.length);
                    self.add(master, date, length, reading, contents);
                }
            }
        }
        // Of dates that the rule does not give, or that lie outside what was counted.
        let left = changed.one.into_values().chain(changed.day.into_values());
        for event in left {
            self.add(event, event.starts.shown, event.length, reading, contents);
        }
        Ok(())
    }

    /// Adds one occurrence, which starts when the event's clock shows `shown`.
    fn add(
        &self,
        event: &Event,
        shown: NaiveDateTime,
        length: Length,
        reading: &Reading<'_>,
        contents: &mut Contents,
    ) {
        let (Length::Shown(span) | Length::Exact(span)) = length;
        let Some(end) = shown.checked_add_signed(span) else {
            return;
        };
        if !event.is_busy || !is_sane(shown) || !is_sane(end) || !reading.is_near(shown, end) {
            return;
        }
        let clock = &event.starts.zone;
        let starts_at = clock.instant(shown, Edge::Start);
        let ends_at = match length {
            Length::Shown(_) => clock.instant(end, Edge::End),
            Length::Exact(span) => starts_at + span,
        };
        let uid = self.uid.as_deref();
        reading.add(&mut contents.busy, starts_at, ends_at, uid);
    }
}
