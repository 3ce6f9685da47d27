//! Events that nobody keeps: whoever listens at this moment hears them.

use belfry_domain::event::SOURCE;
use belfry_domain::id::{BranchId, EventId};
use belfry_domain::topic::Topic;
use serde_json::{Value, json};

use super::Supervisor;

impl Supervisor {
    /// Tells open pages that the free slots of a branch are different now.
    pub(crate) fn branch_slots_changed(&self, branch: BranchId) {
        let subject = format!("branch/{branch}");
        let event = self.momentary("slots.changed", subject, Value::Null);
        self.topic(Topic::BranchSlots(branch), &event);
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
