//! Who of the experts is there (B4): by their own word, by a connection that lives, and by the silence of both.
//!
//! Each node says once a minute whom it is connected with, and the scheduler lets those be offline of whom nobody has
//! heard for long. So it makes no difference how a node or a browser came to its end. The rows decide; told is only
//! what has changed.

use std::time::Duration;

use belfry_domain::Instant;
use belfry_domain::expert::Presence;
use belfry_domain::id::UserId;
use belfry_domain::topic::Topic;
use belfry_store::StoreError;
use belfry_store::presence::PresenceChange;
use chrono::TimeDelta;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{Branches, Supervisor, World};

/// How often a node says whom it is connected with.
const SIGN: Duration = Duration::from_secs(60);
/// People in one statement.
const CHUNK: usize = 500;
/// Experts who lapse in one statement.
const BATCH: i64 = 200;

/// Keeps the presence of experts. Cloning shares it.
#[derive(Clone)]
pub struct Attendance {
    world: World,
    supervisor: Supervisor,
    branches: Branches,
    /// How long somebody is believed to be there without a sign of life.
    believed: TimeDelta,
}

impl Attendance {
    /// Keeps it over the store of `world`; silence is believed for so long.
    pub fn new(
        world: World,
        supervisor: Supervisor,
        branches: Branches,
        believed: TimeDelta,
    ) -> Self {
        Self {
            world,
            supervisor,
            branches,
            believed,
        }
    }

    /// Says every minute whom this node is connected with, until it is aborted.
    pub fn start(&self) -> JoinHandle<()> {
        let attendance = self.clone();
        actix::spawn(async move {
            let mut minute = tokio::time::interval(SIGN);
            loop {
                minute.tick().await;
                if let Err(error) = attendance.sign().await {
                    tracing::warn!(%error, "who is connected was not noted; the next minute does it");
                }
            }
        })
    }

    /// Notes that everybody who is connected here is alive.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign(&self) -> Result<(), StoreError> {
        let people = self.supervisor.people();
        let now = self.world.clock.now();
        for people in people.chunks(CHUNK) {
            let back = self.world.store.presence_seen(people, now).await?;
            back.iter().for_each(|change| self.tell(change));
        }
        Ok(())
    }

    /// Takes an expert's word.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set(
        &self,
        expert: UserId,
        presence: Presence,
    ) -> Result<Option<PresenceChange>, StoreError> {
        let now = self.world.clock.now();
        let said = self.world.store.set_presence(expert, presence, now).await?;
        if let Some(change) = said.filter(|change| change.since == now) {
            self.tell(&change);
        }
        Ok(said)
    }

    /// Lets those be offline of whom nobody has heard for too long; answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lapse(&self, now: Instant) -> Result<u64, StoreError> {
        let before = now - self.believed;
        let mut lapsed = 0;
        loop {
            let batch = self.world.store.lapse_presence(before, now, BATCH).await?;
            batch.iter().for_each(|change| self.tell(change));
            lapsed += batch.len() as u64;
            if batch.len() < BATCH as usize {
                return Ok(lapsed);
            }
        }
    }

    fn tell(&self, change: &PresenceChange) {
        let Some(branch) = change.branch else {
            return;
        };
        let data = json!({ "expert_id": change.expert, "presence": change.presence, "since": change.since });
        let subject = format!("expert/{}", change.expert);
        let event = self.supervisor.momentary("presence.changed", subject, data);
        self.supervisor.topic(Topic::BranchPresence(branch), &event);
        self.branches.presence_changed(branch);
    }
}
