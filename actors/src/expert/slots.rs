//! Free slots as they are answered.

use std::hash::{DefaultHasher, Hash, Hasher};

use belfry_domain::Instant;
use belfry_domain::id::UserId;
use belfry_domain::slot::{Engaged, Missing, Slot};
use belfry_domain::wall;
use bytes::Bytes;
use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use serde::Serialize;

use super::memory::Memory;

/// Answers an actor keeps ready.
pub(super) const MOST_ANSWERS: usize = 64;

/// A question for free slots. `None` means the expert's own choice.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SlotQuery {
    /// Today in the zone asked for when left out.
    pub from: Option<NaiveDate>,
    /// 1 to 62 dates.
    pub days: u16,
    pub time_zone: Option<Tz>,
    pub minutes: Option<u16>,
}

impl SlotQuery {
    /// The same text for the same question, on every node.
    pub(super) fn text(&self) -> String {
        let or_own = |value: Option<String>| value.unwrap_or_else(|| "own".to_owned());
        format!(
            "{}/{}/{}/{}",
            or_own(self.from.map(|date| date.to_string())),
            self.days,
            or_own(self.time_zone.map(|zone| zone.name().to_owned())),
            or_own(self.minutes.map(|minutes| minutes.to_string())),
        )
    }
}

/// An answer, ready to be sent.
#[derive(Clone, Debug)]
pub struct SlotsAnswer {
    /// The JSON of the public contract.
    pub body: Bytes,
    /// The same for the same slots on every node.
    pub etag: String,
    /// Afterwards time alone may have changed the answer.
    pub good_until: Instant,
    /// Everything committed before this moment is in it; `None` when nobody knows.
    pub read_at: Option<std::time::Instant>,
}

#[derive(Serialize)]
struct Out<'a> {
    expert_id: UserId,
    time_zone: &'a str,
    days: Vec<DayOut>,
}

#[derive(Serialize)]
struct DayOut {
    date: NaiveDate,
    slots: Vec<SlotOut>,
}

#[derive(Serialize)]
struct SlotOut {
    starts_at: Instant,
    ends_at: Instant,
}

/// A question why times of one date are free or not.
#[derive(Clone, Debug)]
pub struct DayQuery {
    /// On the expert's calendar.
    pub date: NaiveDate,
    /// The expert's first length when left out.
    pub minutes: Option<u16>,
}

/// Every start of the grid on one date, each free or with what stands against it.
#[derive(Clone, Debug)]
pub struct ExplainedDay {
    pub time_zone: Tz,
    pub date: NaiveDate,
    pub minutes: u16,
    pub starts: Vec<(Slot, Option<Missing>)>,
}

impl ExplainedDay {
    pub(super) fn new(
        memory: &Memory,
        query: &DayQuery,
        engaged: &[Engaged],
        now: Instant,
    ) -> Self {
        let rules = &memory.schedule.rules;
        let minutes = query.minutes.or_else(|| rules.default_minutes());
        let minutes = minutes.unwrap_or(0);
        let asked = memory.availability(now);
        Self {
            time_zone: memory.schedule.time_zone,
            date: query.date,
            minutes,
            starts: asked.explain_day(query.date, minutes, engaged),
        }
    }
}

impl SlotsAnswer {
    pub(super) fn new(id: UserId, memory: &Memory, query: &SlotQuery, now: Instant) -> Self {
        let zone = query.time_zone.unwrap_or(memory.schedule.time_zone);
        let from = query.from.unwrap_or_else(|| wall::local_date(zone, now));
        let minutes = query
            .minutes
            .or_else(|| memory.schedule.rules.default_minutes())
            .unwrap_or(0);
        let days = memory
            .availability(now)
            .free_slots(minutes, from, query.days, zone);
        let first = days
            .iter()
            .flat_map(|day| &day.slots)
            .map(|slot| slot.starts_at)
            .min();
        let days = days
            .into_iter()
            .map(|day| DayOut {
                date: day.date,
                slots: day
                    .slots
                    .into_iter()
                    .map(|slot| SlotOut {
                        starts_at: slot.starts_at,
                        ends_at: slot.ends_at,
                    })
                    .collect(),
            })
            .collect();
        let out = Out {
            expert_id: id,
            time_zone: zone.name(),
            days,
        };
        // Plain structs with string keys always have a JSON form.
        let body = Bytes::from(serde_json::to_vec(&out).unwrap_or_default());
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        Self {
            etag: format!("\"{:016x}\"", hasher.finish()),
            body,
            good_until: good_until(memory, first, zone, now),
            read_at: Some(memory.read_at),
        }
    }
}

/// The first slot goes when its notice begins, a held one comes back when its hold expires; the horizon moves at the expert's midnight, and "today" at
/// the asker's.
pub(super) fn good_until(
    memory: &Memory,
    first: Option<Instant>,
    zone: Tz,
    now: Instant,
) -> Instant {
    let own = memory.schedule.time_zone;
    let midnight = |zone: Tz| wall::day_bounds(zone, wall::local_date(zone, now)).1;
    let notice = TimeDelta::minutes(i64::from(memory.schedule.rules.min_notice_minutes));
    let last = TimeDelta::microseconds(1);
    let rolls_over = midnight(own).min(midnight(zone)) - last;
    let expires = memory.next_expiry().map_or(rolls_over, |at| at - last);
    let rolls_over = rolls_over.min(expires);
    first.map_or(rolls_over, |first| rolls_over.min(first - notice.max(last)))
}
