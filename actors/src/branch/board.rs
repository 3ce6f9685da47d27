//! How many experts of a branch are free at each start.

use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::id::UserId;

use crate::expert::FreeTime;

/// The starts of whoever could be asked.
fn starts(time: &Option<Arc<FreeTime>>) -> &[i64] {
    time.as_ref().map_or(&[], |time| &time.starts)
}

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
        // Both are in order, and most of what was free still is.
        let (mut old, mut new) = (starts(before), starts(&time));
        loop {
            match (old.first(), new.first()) {
                (Some(was), Some(is)) if was == is => (old, new) = (&old[1..], &new[1..]),
                (Some(was), is) if is.is_none_or(|is| was < is) => {
                    if let Entry::Occupied(mut count) = self.free.entry(*was) {
                        *count.get_mut() -= 1;
                        if *count.get() == 0 {
                            count.remove();
                        }
                    }
                    old = &old[1..];
                }
                (_, Some(is)) => {
                    *self.free.entry(*is).or_default() += 1;
                    new = &new[1..];
                }
                (_, None) => break,
            }
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
