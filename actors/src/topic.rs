//! Who on this node listens to which topic, and who may.

use std::sync::Arc;

use belfry_domain::id::UserId;
use belfry_domain::topic::Topic;
use belfry_store::{Store, StoreError};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::Notify;

use crate::bus::Bus;
use crate::frame::Frame;
use crate::session::Session;
use crate::supervisor::Supervisor;

/// The bus channel of a topic is this and the topic.
pub(crate) const CHANNEL: &str = "topic:";

/// Who listens on this node. A topic is heard on the bus while it has anybody.
#[derive(Default)]
pub(crate) struct Topics {
    listeners: DashMap<Topic, Listeners>,
}

/// Those who listen to one topic.
#[derive(Default)]
struct Listeners {
    /// They are sent what is said.
    sessions: Vec<Arc<Session>>,
    /// They look for themselves whenever something is said.
    followers: Vec<Arc<Notify>>,
}

impl Topics {
    pub(crate) fn listen(&self, topic: Topic, session: &Arc<Session>, bus: &dyn Bus) {
        self.add(topic, bus, |there| there.sessions.push(session.clone()));
    }

    pub(crate) fn leave(&self, topic: Topic, session: &Session, bus: &dyn Bus) {
        self.remove(topic, bus, |there| {
            there.sessions.retain(|other| other.id() != session.id());
        });
    }

    fn follow(&self, topic: Topic, news: &Arc<Notify>, bus: &dyn Bus) {
        self.add(topic, bus, |there| there.followers.push(news.clone()));
    }

    fn unfollow(&self, topic: Topic, news: &Arc<Notify>, bus: &dyn Bus) {
        self.remove(topic, bus, |there| {
            there.followers.retain(|other| !Arc::ptr_eq(other, news));
        });
    }

    /// The bus is told under the entry's lock, so that coming and going cannot swap.
    fn add(&self, topic: Topic, bus: &dyn Bus, add: impl FnOnce(&mut Listeners)) {
        match self.listeners.entry(topic) {
            Entry::Occupied(mut entry) => add(entry.get_mut()),
            Entry::Vacant(entry) => {
                bus.subscribe(&channel(topic));
                add(&mut entry.insert(Listeners::default()));
            }
        }
    }

    fn remove(&self, topic: Topic, bus: &dyn Bus, remove: impl FnOnce(&mut Listeners)) {
        if let Entry::Occupied(mut entry) = self.listeners.entry(topic) {
            remove(entry.get_mut());
            if entry.get().sessions.is_empty() && entry.get().followers.is_empty() {
                bus.unsubscribe(&channel(topic));
                entry.remove();
            }
        }
    }

    pub(crate) fn push(&self, topic: Topic, frame: &Frame) {
        if let Some(there) = self.listeners.get(&topic) {
            for session in &there.sessions {
                session.push(frame);
            }
            there.wake();
        }
    }

    /// Lets those look who do so for themselves.
    pub(crate) fn wake(&self, topic: Topic) {
        if let Some(there) = self.listeners.get(&topic) {
            there.wake();
        }
    }

    /// Every topic somebody listens to here.
    pub(crate) fn all(&self) -> Vec<Topic> {
        self.listeners.iter().map(|entry| *entry.key()).collect()
    }
}

impl Listeners {
    fn wake(&self) {
        self.followers.iter().for_each(|news| news.notify_one());
    }
}

/// Somebody on this node who looks for themselves whenever something may have changed. Dropping it leaves the topic.
pub struct Following {
    supervisor: Supervisor,
    topic: Topic,
    news: Arc<Notify>,
}

impl Following {
    pub(crate) fn new(supervisor: Supervisor, topic: Topic) -> Self {
        let news = Arc::new(Notify::new());
        let bus = supervisor.world().bus.clone();
        supervisor.topics().follow(topic, &news, &*bus);
        Self {
            supervisor,
            topic,
            news,
        }
    }

    /// Waits for the next word; one that came since the last is not missed.
    pub async fn news(&self) {
        self.news.notified().await;
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let bus = self.supervisor.world().bus.clone();
        let topics = self.supervisor.topics();
        topics.unfollow(self.topic, &self.news, &*bus);
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

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use belfry_domain::Instant;
    use belfry_domain::id::BranchId;
    use bytes::Bytes;
    use dashmap::DashSet;

    use super::*;
    use crate::BusSink;

    /// Notes what it is told, and whether the entry was locked meanwhile.
    struct Noting<'a> {
        topics: &'a Topics,
        topic: Topic,
        heard: DashSet<String>,
    }

    impl Noting<'_> {
        fn is_locked(&self) -> bool {
            self.topics.listeners.try_get(&self.topic).is_locked()
        }
    }

    #[async_trait]
    impl Bus for Noting<'_> {
        fn publish(&self, _: &str, _: Bytes) {}

        fn subscribe(&self, channel: &str) -> bool {
            assert!(self.is_locked(), "somebody else could go meanwhile");
            self.heard.insert(channel.to_owned())
        }

        fn unsubscribe(&self, channel: &str) {
            assert!(self.is_locked(), "somebody else could come meanwhile");
            self.heard.remove(channel);
        }

        fn attach(&self, _: Arc<dyn BusSink>) {}

        async fn is_up(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_topic_is_heard_from_the_first_to_the_last() {
        let topic = Topic::BranchQueue(BranchId::at(Instant::UNIX_EPOCH));
        let topics = Topics::default();
        let bus = Noting {
            topics: &topics,
            topic,
            heard: DashSet::new(),
        };
        let (one, other) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        topics.follow(topic, &one, &bus);
        topics.follow(topic, &other, &bus);
        topics.unfollow(topic, &one, &bus);
        assert!(bus.heard.contains(&channel(topic)));
        topics.unfollow(topic, &other, &bus);
        assert!(bus.heard.is_empty() && topics.all().is_empty());
    }
}
