//! Events that nobody keeps: whoever listens at this moment hears them.

use belfry_domain::event::SOURCE;
use belfry_domain::id::{BranchId, EventId, UserId};
use belfry_domain::topic::Topic;
use serde_json::{Value, json};

use super::{Supervisor, user_channel};
use crate::frame::Frame;
use crate::topic::{Following, Topics};

impl Supervisor {
    /// Follows a topic without being sent what is said there, for who looks for themselves.
    pub fn follow(&self, topic: Topic) -> Following {
        Following::new(self.clone(), topic)
    }

    pub(crate) fn topics(&self) -> &Topics {
        &self.0.topics
    }

    /// Tells open pages that the free slots of a branch are different now.
    pub(crate) fn branch_slots_changed(&self, branch: BranchId) {
        let subject = format!("branch/{branch}");
        let event = self.momentary("slots.changed", subject, Value::Null);
        self.topic(Topic::BranchSlots(branch), &event);
    }

    /// Sends a momentary CloudEvents object to all connections of `user`, on every node.
    pub(crate) fn user(&self, user: UserId, event: &Value) {
        let frame = Frame::event("user", event);
        let bus = &self.0.world.bus;
        bus.publish(&user_channel(user), frame.json());
    }

    /// A CloudEvents object of this moment, for [`Supervisor::topic`].
    pub(crate) fn momentary(&self, kind: &str, subject: String, data: Value) -> Value {
        let now = self.0.world.clock.now();
        let mut event = json!({
            "specversion": "1.0",
            "id": EventId::at(now),
            "source": SOURCE,
            "type": kind,
            "subject": subject,
            "time": now,
        });
        if !data.is_null() {
            event["data"] = data;
        }
        event
    }
}
