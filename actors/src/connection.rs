//! A live connection's place in the directory, from the transport's side.

use std::sync::Arc;

use belfry_domain::topic::Topic;

use crate::session::Session;
use crate::supervisor::Supervisor;

/// Topics one connection may listen to.
const TOPICS_PER_SESSION: usize = 64;

/// A live connection's place in the directory, held by its transport. Dropping it leaves everything.
pub struct Connection {
    supervisor: Supervisor,
    session: Arc<Session>,
    topics: Vec<Topic>,
}

impl Connection {
    pub(crate) fn new(supervisor: Supervisor, session: Arc<Session>) -> Self {
        Self {
            supervisor,
            session,
            topics: Vec::new(),
        }
    }

    /// The connection as the registry sees it.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Starts listening; whether there was room for one more topic.
    pub fn listen(&mut self, topic: Topic) -> bool {
        if self.topics.contains(&topic) {
            return true;
        }
        if self.topics.len() == TOPICS_PER_SESSION {
            return false;
        }
        self.supervisor.listen(topic, &self.session);
        self.topics.push(topic);
        true
    }

    /// Stops listening.
    pub fn leave(&mut self, topic: Topic) {
        if let Some(place) = self.topics.iter().position(|other| *other == topic) {
            self.topics.swap_remove(place);
            self.supervisor.leave(topic, &self.session);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for topic in &self.topics {
            self.supervisor.leave(*topic, &self.session);
        }
        self.supervisor.disconnect(&self.session);
    }
}
