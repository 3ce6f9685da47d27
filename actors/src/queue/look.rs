//! A line as those see it who follow it: read once per change and node, however many they are.

use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::branch::Branch;
use belfry_domain::id::BranchId;
use belfry_domain::queue::Visit;
use belfry_store::StoreError;
use chrono::TimeDelta;
use dashmap::DashMap;
use tokio::sync::OnceCell;

use super::{Forecast, Queues};

/// How old a look may be of which nobody said that it is over: estimates change with the time.
const GOOD: TimeDelta = TimeDelta::seconds(5);

/// How a line stood at a moment.
pub struct Look {
    pub branch: Branch,
    /// The open visits in their order.
    pub line: Vec<Visit>,
    pub forecast: Arc<Forecast>,
    pub at: Instant,
}

/// Whoever asks first looks; those who ask meanwhile wait for it. `None` once there is no such branch.
type Looking = Arc<OnceCell<Option<Arc<Look>>>>;

/// What was seen, by branch, and when the look was begun.
pub(super) type Looks = DashMap<BranchId, (Instant, Looking)>;

impl Queues {
    /// How the line of a branch stands, no older than the last word of a change that came here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look(&self, branch: BranchId) -> Result<Option<Arc<Look>>, StoreError> {
        let now = self.0.world.clock.now();
        let looking = self.looking(branch, now);
        let look = looking.get_or_try_init(|| self.make_look(branch, now));
        let look = look.await?.clone();
        if look.is_none() {
            self.0.looks.remove(&branch);
        }
        Ok(look)
    }

    fn looking(&self, branch: BranchId, now: Instant) -> Looking {
        let fresh = || (now, Looking::default());
        let mut known = self.0.looks.entry(branch).or_insert_with(fresh);
        // A clock that was set back must not make it good for longer.
        if known.0 > now || now - known.0 >= GOOD {
            *known = fresh();
        }
        known.1.clone()
    }

    async fn make_look(
        &self,
        branch: BranchId,
        now: Instant,
    ) -> Result<Option<Arc<Look>>, StoreError> {
        let store = &self.0.world.store;
        let Some(branch) = store.branch(branch).await? else {
            return Ok(None);
        };
        let line = store.queue_line(branch.id, now).await?;
        let forecast = self.forecast(&branch, &line).await?;
        Ok(Some(Arc::new(Look {
            branch,
            line,
            forecast,
            at: now,
        })))
    }

    /// Something happened in a line: whoever asks from now on sees it as it is.
    pub fn heard(&self, branch: BranchId) {
        self.0.looks.remove(&branch);
    }

    /// Words of changes may have been missed.
    pub(crate) fn gap(&self) {
        self.0.looks.clear();
    }
}
