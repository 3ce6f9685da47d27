//! How many experts of a branch are free at each start.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::id::UserId;

use crate::expert::FreeTime;

/// The starts of one length, of those who can do what was asked for.
#[derive(Default)]
pub(super) struct Board {
    free: BTreeMap<i64, u32>,
    /// What is counted of whom; `None` for whoever could not be asked.
    of: HashMap<UserId, Option<Arc<FreeTime>>>,
}

impl Board {
    pub fn of(times: impl Iterator<Item = (UserId, Option<Arc<FreeTime>>)>) -> Self {
        let mut board = Self::default();
        for (expert, time) in times {
            board.of.insert(expert, None);
            board.replace(expert, time);
        }
        board
    }

    /// Counts an expert anew; one who is not on this board stays off it.
    pub fn replace(&mut self, expert: UserId, time: Option<Arc<FreeTime>>) {
        let Some(before) = self.of.get_mut(&expert) else {
            return;
        };
        for start in before.iter().flat_map(|time| &time.starts) {
            if let Some(count) = self.free.get_mut(start) {
                *count -= 1;
                if *count == 0 {
                    self.free.remove(start);
                }
            }
        }
        for start in time.iter().flat_map(|time| &time.starts) {
            *self.free.entry(*start).or_default() += 1;
        }
        *before = time;
    }

    /// Starts in `from..until` with how many are free.
    pub fn between(&self, from: i64, until: i64) -> impl Iterator<Item = (i64, u32)> {
        let range = self.free.range(from..until.max(from));
        range.map(|(start, count)| (*start, *count))
    }

    /// The starts nearest to `around`, nearest first.
    pub fn nearest(&self, around: i64, most: usize) -> Vec<i64> {
        let before = self.free.range(..around).rev().take(most);
        let after = self.free.range(around..).take(most);
        let mut near: Vec<i64> = before.chain(after).map(|(start, _)| *start).collect();
        near.sort_by_key(|start| ((start - around).abs(), *start));
        near.truncate(most);
        near
    }

    /// Afterwards time alone may have changed it.
    pub fn good_until(&self) -> Option<Instant> {
        self.of.values().flatten().map(|time| time.good_until).min()
    }
}
