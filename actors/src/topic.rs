//! Who on this node listens to which topic, and who may.

use std::sync::Arc;

use belfry_domain::id::UserId;
use belfry_domain::topic::Topic;
use belfry_store::{Store, StoreError};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::bus::Bus;
use crate::frame::Frame;
use crate::session::Session;

/// The bus channel of a topic is this and the topic.
pub(crate) const CHANNEL: &str = "topic:";

/// The listening connections of this node. A topic is heard on the bus while it has any.
#[derive(Default)]
pub(crate) struct Topics {
    listeners: DashMap<Topic, Vec<Arc<Session>>>,
}

impl Topics {
    pub(crate) fn listen(&self, topic: Topic, session: &Arc<Session>, bus: &dyn Bus) {
        // The bus is told under the entry's lock, so that coming and going cannot swap.
        match self.listeners.entry(topic) {
            Entry::Occupied(mut entry) => entry.get_mut().push(session.clone()),
            Entry::Vacant(entry) => {
                entry.insert(vec![session.clone()]);
                bus.subscribe(&channel(topic));
            }
        }
    }

    pub(crate) fn leave(&self, topic: Topic, session: &Session, bus: &dyn Bus) {
        if let Entry::Occupied(mut entry) = self.listeners.entry(topic) {
            entry.get_mut().retain(|other| other.id() != session.id());
            if entry.get().is_empty() {
                entry.remove();
                bus.unsubscribe(&channel(topic));
            }
        }
    }

    pub(crate) fn push(&self, topic: Topic, frame: &Frame) {
        if let Some(sessions) = self.listeners.get(&topic) {
            for session in sessions.iter() {
                session.push(frame);
            }
        }
    }

    /// Every topic somebody listens to here.
    pub(crate) fn all(&self) -> Vec<Topic> {
        self.listeners.iter().map(|entry| *entry.key()).collect()
    }
}

pub(crate) fn channel(topic: Topic) -> String {
    format!("{CHANNEL}{topic}")
}

/// Whether a person may listen to a topic. An unknown booking looks like a forbidden one.
///
/// # Errors
/// When the database fails.
pub async fn may_listen(store: &Store, user: UserId, topic: Topic) -> Result<bool, StoreError> {
    match topic {
        // Free slots are public, who is there, and how many wait; who they are is not said there.
        Topic::ExpertSlots(_)
        | Topic::BranchSlots(_)
        | Topic::BranchPresence(_)
        | Topic::BranchQueue(_) => Ok(true),
        Topic::Booking(booking) => Ok(store
            .booking_parties(booking, user)
            .await?
            .is_some_and(|(parties, caller)| parties.may_follow(&caller))),
    }
}
