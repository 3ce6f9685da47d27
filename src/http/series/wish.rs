//! What somebody wants to repeat: when, for whom, and which of its times differ.

use std::collections::{BTreeMap, BTreeSet};

use belfry_actors::expert::SeriesRequest;
use belfry_domain::booking::Mode;
use belfry_domain::expert::Expert;
use belfry_domain::field::FieldError;
use belfry_domain::id::UserId;
use belfry_domain::schedule::Weekday;
use belfry_domain::series::{Ends, Every, MOST, MOST_INTERVAL, Occurrence, Rule};
use belfry_domain::{Instant, wall};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::OccurrenceOut;
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::booking::{client_of, words};
use crate::http::expert::{date, number};
use crate::http::input::{Faults, instant};
use crate::http::openapi::shape::{EveryShape, ModeShape, WeekdayShape};
use crate::http::problem::Problem;

/// When it repeats, on the clock of the expert's zone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesRuleIn {
    /// `month`: on the weekday of the month that the first is on, such as the second Tuesday, or the last one.
    #[schema(value_type = EveryShape, example = "week")]
    every: EveryIn,
    /// Each one, each second one, and so on; 1 when left out.
    #[schema(minimum = 1, maximum = 12)]
    interval: Option<i64>,
    /// For weeks: also on these weekdays, with that of the first among them.
    #[serde(default)]
    #[schema(value_type = Vec<WeekdayShape>, max_items = 7)]
    weekdays: Vec<Weekday>,
    /// How many; either this or `until`.
    #[schema(minimum = 2, maximum = 52)]
    count: Option<i64>,
    /// The last date on which one may be; either this or `count`.
    #[schema(value_type = Option<NaiveDate>)]
    until: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EveryIn {
    Day,
    Week,
    Month,
}

/// A time of the rule that is left out, or had at another time instead.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesExceptionIn {
    /// When it would start by the rule.
    starts_at: DateTime<Utc>,
    /// When it starts instead; left out when missing or null.
    instead: Option<DateTime<Utc>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesIn {
    expert_id: Uuid,
    /// The first one.
    starts_at: DateTime<Utc>,
    /// The expert's first length when left out.
    #[schema(minimum = 1, maximum = 1440)]
    minutes: Option<i64>,
    #[schema(value_type = ModeShape, example = "online")]
    mode: Mode,
    #[schema(max_length = 2000)]
    note: Option<String>,
    rule: SeriesRuleIn,
    /// Times that differ from the rule.
    #[serde(default)]
    #[schema(max_items = 52)]
    exceptions: Vec<SeriesExceptionIn>,
    /// Whether those that are not free are left out. Otherwise nothing is booked unless all of them are.
    #[serde(default)]
    skip: bool,
    /// The hold that is let go; that of a time of the series is replaced without being named.
    pub(super) hold_id: Option<Uuid>,
    /// For whom; managers and admins only.
    client_id: Option<Uuid>,
}

impl SeriesRuleIn {
    fn read(&self, first: NaiveDate) -> Result<Rule, Problem> {
        let mut faults = Faults::default();
        let interval = self.interval.unwrap_or(1);
        let interval = faults.take(number("/rule/interval", interval, 1, MOST_INTERVAL));
        let count = faults.take_some(self.count, |v| number("/rule/count", v, 2, MOST));
        let until = faults.take_some(self.until.as_deref(), |v| date("/rule/until", v));
        let mut fault = |pointer: &str, detail: &str| {
            faults.extend(vec![FieldError::new(pointer, FieldError::INVALID, detail)]);
        };
        if self.count.is_some() == self.until.is_some() {
            fault("/rule/count", "Name count or until, one of the two.");
        }
        if until.is_some_and(|until| until < first) {
            fault("/rule/until", "It would end before it begins.");
        }
        let own = Weekday::from(chrono::Datelike::weekday(&first));
        if !self.weekdays.is_empty() {
            if !matches!(self.every, EveryIn::Week) {
                fault("/rule/weekdays", "Weekdays are for weeks.");
            } else if !self.weekdays.contains(&own) {
                fault("/rule/weekdays", "The weekday of the first is among them.");
            }
        }
        faults.check()?;
        Ok(Rule {
            every: match self.every {
                EveryIn::Day => Every::Day,
                EveryIn::Week => Every::Week,
                EveryIn::Month => Every::Month,
            },
            interval: interval.unwrap_or(1),
            weekdays: self.weekdays.clone(),
            ends: match (count, until) {
                (Some(count), _) => Ends::After(count),
                (None, until) => Ends::On(until.unwrap_or(first)),
            },
        })
    }
}

/// A wish that was read.
pub(super) struct Wish {
    pub expert: Expert,
    pub request: SeriesRequest,
    /// What each time that an exception put elsewhere is instead of.
    instead_of: BTreeMap<Instant, Instant>,
}

impl Wish {
    pub async fn read(app: &App, signed: &Signed, input: &SeriesIn) -> Result<Self, Problem> {
        let now = app.world.clock.now();
        let expert = UserId::from(input.expert_id);
        let client = client_of(app, signed, input.client_id).await?;
        if client.id == expert {
            let detail = "Experts cannot book themselves; take time off instead.";
            return Err(Problem::field("/expert_id", FieldError::INVALID, detail));
        }
        let store = &app.world.store;
        let missing = || Problem::new("not-found");
        let found = store.expert(expert).await?.ok_or_else(missing)?;
        let (schedule, _) = store.schedule(expert, now).await?.ok_or_else(missing)?;
        let starts_at = instant("/starts_at", input.starts_at)?;
        let first = wall::local_date(schedule.time_zone, starts_at);
        let rule = input.rule.read(first)?;
        let mut faults = Faults::default();
        let minutes = faults.take_some(input.minutes, |v| number("/minutes", v, 1, 1440));
        let minutes = minutes.or_else(|| schedule.rules.default_minutes());
        let note = faults.take(words::note(input.note.as_deref()));
        let starts = rule.starts(schedule.time_zone, starts_at);
        if starts.len() < 2 {
            faults.refuse("/rule", "A series is at least two bookings.");
        } else if starts.len() > usize::from(MOST) {
            faults.refuse("/rule/until", "A series is at most 52 bookings.");
        }
        let chosen = input.chosen(starts, &mut faults);
        faults.check()?;
        let request = SeriesRequest {
            client,
            holder: signed.0.id,
            starts: chosen.keys().copied().collect(),
            minutes: minutes.unwrap_or_default(),
            rule: rule.rrule(first),
            mode: input.mode,
            note: note.flatten(),
            skip: input.skip,
            actor: signed.actor(),
            key: None,
        };
        let elsewhere = chosen.into_iter();
        let elsewhere = elsewhere.filter_map(|(at, instead_of)| Some((at, instead_of?)));
        Ok(Self {
            expert: found,
            request,
            instead_of: elsewhere.collect(),
        })
    }

    pub fn occurrences(&self, judged: &[Occurrence]) -> Vec<OccurrenceOut> {
        let shown = judged.iter().map(|one| {
            let instead_of = self.instead_of.get(&one.slot.starts_at).copied();
            OccurrenceOut::new(one, instead_of)
        });
        shown.collect()
    }
}

impl SeriesIn {
    /// The starts that are wished for, and what those that an exception put elsewhere are instead of.
    fn chosen(
        &self,
        starts: Vec<Instant>,
        faults: &mut Faults,
    ) -> BTreeMap<Instant, Option<Instant>> {
        let mut chosen: BTreeMap<Instant, Option<Instant>> =
            starts.iter().map(|at| (*at, None)).collect();
        if self.exceptions.len() > usize::from(MOST) {
            faults.refuse("/exceptions", "A series is at most 52 bookings.");
            return chosen;
        }
        let mut named = BTreeSet::new();
        for (place, exception) in self.exceptions.iter().enumerate() {
            let pointer = format!("/exceptions/{place}/starts_at");
            if !starts.contains(&exception.starts_at) {
                faults.refuse(&pointer, "The rule has nothing at this time.");
            } else if !named.insert(exception.starts_at) {
                faults.refuse(&pointer, "This time is named twice.");
            } else {
                chosen.remove(&exception.starts_at);
            }
        }
        for (place, exception) in self.exceptions.iter().enumerate() {
            let pointer = format!("/exceptions/{place}/instead");
            let Some(instead) = faults.take_some(exception.instead, |at| instant(&pointer, at))
            else {
                continue;
            };
            if chosen.insert(instead, Some(exception.starts_at)).is_some() {
                faults.refuse(&pointer, "The series has another one at this time.");
            }
        }
        if chosen.is_empty() {
            faults.refuse("/exceptions", "Nothing would be left of the series.");
        }
        chosen
    }
}
