//! Who hears that time of an expert came free, for those who wait for it (C3.11).

use std::sync::Arc;

use belfry_domain::id::UserId;
use dashmap::DashSet;
use tokio::sync::Notify;

use super::Experts;

/// Rung for an expert whose time came free, whatever the cause; one ring is enough for many. Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Bell {
    rung: Arc<DashSet<UserId>>,
    heard: Arc<Notify>,
}

impl Bell {
    /// Lets somebody look at the expert's waiting list at once.
    pub fn ring(&self, expert: UserId) {
        if self.rung.insert(expert) {
            self.heard.notify_one();
        }
    }

    /// Whom it was rung for since the last time, as soon as there is somebody.
    async fn listen(&self) -> Vec<UserId> {
        loop {
            let rung: Vec<UserId> = self.rung.iter().map(|expert| *expert).collect();
            if !rung.is_empty() {
                // Before anything is read: whoever rings from here on is heard again.
                for expert in &rung {
                    self.rung.remove(expert);
                }
                return rung;
            }
            self.heard.notified().await;
        }
    }
}

/// Looks at a waiting list whenever the bell rings for it, for as long as the node runs. What is lost when the node
/// ends before it looked is found by the scheduler.
pub(super) fn attend(experts: Experts, bell: Bell) {
    actix::spawn(async move {
        loop {
            for expert in bell.listen().await {
                if let Err(error) = experts.offer_places(expert).await {
                    tracing::warn!(%error, %expert, "a waiting list was not served; the next look does it");
                }
            }
        }
    });
}
