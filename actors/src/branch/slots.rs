//! Free slots of a branch as they are answered.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use actix::prelude::*;
use belfry_domain::Instant;
use belfry_domain::branch::Branch;
use belfry_domain::id::BranchId;
use belfry_domain::wall;
use bytes::Bytes;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::{Board, BranchActor, MOST_KEPT};
use crate::Place;
use crate::expert::Refused;

/// What of the free slots is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum View {
    /// Each of them.
    Slots,
    /// How many there are on each date.
    Counts,
}

/// A question for free slots of a branch. `None` means the branch's own choice.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BranchQuery {
    /// Today in the zone asked for when left out.
    pub from: Option<NaiveDate>,
    /// 1 to 62 dates.
    pub days: u16,
    pub time_zone: Option<Tz>,
    pub minutes: Option<u16>,
    /// Only who can do this.
    pub skill: Option<String>,
    pub view: View,
}

/// An answer, ready to be sent.
#[derive(Clone, Debug)]
pub struct BranchAnswer {
    /// The JSON of the public contract.
    pub body: Bytes,
    /// The same for the same answer on every node.
    pub etag: String,
    good_until: Instant,
}

#[derive(Serialize)]
struct Out<'a, D> {
    branch_id: BranchId,
    time_zone: &'a str,
    minutes: u16,
    days: Vec<D>,
}

#[derive(Serialize)]
struct DayOut {
    date: NaiveDate,
    slots: Vec<SlotOut>,
}

#[derive(Serialize)]
struct SlotOut {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    /// How many experts are free then.
    experts: u32,
}

#[derive(Serialize)]
struct CountOut {
    date: NaiveDate,
    /// Starts at which somebody is free.
    slots: u32,
}

/// Asks for free slots.
#[derive(Message)]
#[rtype(result = "Result<Arc<BranchAnswer>, Refused>")]
pub(super) struct GetSlots(pub BranchQuery, pub Place);

impl Handler<GetSlots> for BranchActor {
    type Result = AtomicResponse<Self, Result<Arc<BranchAnswer>, Refused>>;

    fn handle(&mut self, GetSlots(query, place): GetSlots, _: &mut Context<Self>) -> Self::Result {
        self.refreshed(query.minutes, move |actor, minutes| {
            let _place = place;
            let now = actor.world.clock.now();
            let kept = actor.answers.get(&query);
            if let Some(answer) = kept.filter(|answer| now <= answer.good_until) {
                return Ok(answer.clone());
            }
            let memory = actor.memory.as_ref().ok_or(Refused::NoBranch)?;
            let branch = memory.branch.clone();
            let board = actor.board(minutes, query.skill.clone());
            let answer = Arc::new(answer(&branch, board, minutes, &query, now));
            if actor.answers.len() >= MOST_KEPT {
                actor.answers.clear();
            }
            actor.answers.insert(query, answer.clone());
            Ok(answer)
        })
    }
}

fn answer(
    branch: &Branch,
    board: &Board,
    minutes: u16,
    query: &BranchQuery,
    now: Instant,
) -> BranchAnswer {
    let zone = query.time_zone.unwrap_or(branch.opening.time_zone);
    let today = wall::local_date(zone, now);
    let from = query.from.unwrap_or(today);
    let dates = (0..u64::from(query.days)).map_while(|day| from.checked_add_days(Days::new(day)));
    let starts = |date| {
        let (from, until) = wall::day_bounds(zone, date);
        board.between(from.timestamp(), until.timestamp())
    };
    let body = match query.view {
        View::Slots => {
            let slot = |(start, experts)| {
                let starts_at = DateTime::from_timestamp(start, 0).unwrap_or_default();
                SlotOut {
                    starts_at,
                    ends_at: starts_at + TimeDelta::minutes(minutes.into()),
                    experts,
                }
            };
            let day = |date| DayOut {
                date,
                slots: starts(date).map(slot).collect(),
            };
            written(branch, zone, minutes, dates.map(day).collect())
        }
        View::Counts => {
            let day = |date| CountOut {
                date,
                slots: starts(date).fold(0, |count, _| count + 1),
            };
            written(branch, zone, minutes, dates.map(day).collect())
        }
    };
    let midnight = wall::day_bounds(zone, today).1 - TimeDelta::microseconds(1);
    let good_until = board.good_until().map_or(midnight, |at| at.min(midnight));
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    BranchAnswer {
        etag: format!("\"{:016x}\"", hasher.finish()),
        body,
        good_until,
    }
}

fn written<D: Serialize>(branch: &Branch, zone: Tz, minutes: u16, days: Vec<D>) -> Bytes {
    let out = Out {
        branch_id: branch.id,
        time_zone: zone.name(),
        minutes,
        days,
    };
    // Plain structs with string keys always have a JSON form.
    Bytes::from(serde_json::to_vec(&out).unwrap_or_default())
}
