//! What the bus brings, and to whom it goes.

use belfry_domain::id::{ApiKeyId, BranchId, UserId};
use belfry_domain::topic::Topic;

use super::{
    BRANCH_CHANNEL, DISABLED_CHANNEL, Directory, EXPERT_CHANNEL, Gap, KEYS_CHANNEL, Reread,
    USER_CHANNEL,
};
use crate::bus::BusSink;
use crate::frame::Heard;
use crate::queue;
use crate::session::Close;
use crate::setting;
use crate::topic;
use crate::user::ToUser;

impl BusSink for Directory {
    fn message(&self, channel: &str, payload: &[u8]) {
        self.counts.heard.increment(1);
        if let Some(user) = user_of(channel) {
            self.user_message(user, payload);
        } else if let Some(Ok(topic)) = channel.strip_prefix(topic::CHANNEL).map(str::parse) {
            self.topic_message(topic, payload);
        } else if let Some(expert) = expert_of(channel) {
            self.expert_message(expert, payload);
        } else if let Some(branch) = branch_of(channel) {
            self.branch_message(branch, payload);
        } else if channel == DISABLED_CHANNEL {
            match std::str::from_utf8(payload).map(str::parse) {
                Ok(Ok(user)) => self.close_user(user, Close::Disabled),
                _ => self.counts.unusable.increment(1),
            }
        } else if channel == KEYS_CHANNEL {
            match ended_keys(payload) {
                Some((user, key)) => self.end_keys(user, key),
                None => self.counts.unusable.increment(1),
            }
        } else if channel == queue::CHANNEL {
            self.wake_queues();
            match std::str::from_utf8(payload).map(str::parse) {
                Ok(Ok(branch)) => self.line_changed(branch),
                _ => self.counts.unusable.increment(1),
            }
        } else if channel == setting::CHANNEL
            && let Some(actor) = self.actor.get()
        {
            actor.do_send(Reread);
        }
    }

    fn subscribed(&self, channel: &str) {
        if let Some(user) = user_of(channel) {
            if let Some(entry) = self.users.get(&user) {
                entry.actor.do_send(ToUser::Heard);
            }
        } else if let Some(expert) = expert_of(channel) {
            // What other nodes said before this moment was missed.
            self.expert_message(expert, &[]);
        } else if let Some(branch) = branch_of(channel) {
            self.branch_message(branch, &[]);
        } else if let Some(Ok(topic)) = channel.strip_prefix(topic::CHANNEL).map(str::parse) {
            self.topics.wake(topic);
        }
    }

    fn gap(&self) {
        if let Some(actor) = self.actor.get() {
            actor.do_send(Gap);
        }
        if let Some(experts) = self.experts.get() {
            experts.gap();
        }
        if let Some(branches) = self.branches.get() {
            branches.gap();
        }
        if let Some(queues) = self.queues.get() {
            queues.gap();
        }
        self.wake_queues();
    }
}

impl Directory {
    fn user_message(&self, user: UserId, payload: &[u8]) {
        let Some(entry) = self.users.get(&user) else {
            return;
        };
        match Heard::parse(payload) {
            Heard::Momentary(frame) | Heard::Foreign(frame) => {
                for session in &entry.sessions {
                    session.push(&frame);
                }
            }
            Heard::Durable(offset, frame) => {
                let word = ToUser::Durable(offset, frame);
                entry.backlog.send(&entry.actor, word);
            }
            Heard::Ordered(frame) => entry.backlog.send(&entry.actor, ToUser::Ordered(frame)),
            Heard::Unusable => self.counts.unusable.increment(1),
        }
    }

    fn expert_message(&self, expert: UserId, payload: &[u8]) {
        if let Some(experts) = self.experts.get() {
            experts.heard(expert, payload);
        }
    }

    fn branch_message(&self, branch: BranchId, payload: &[u8]) {
        if let Some(branches) = self.branches.get() {
            branches.heard(branch, payload);
        }
        // Somebody may be there who was not.
        self.wake_queues();
    }

    fn wake_queues(&self) {
        if let Some(queues) = self.queues.get() {
            queues.wake();
        }
    }

    fn line_changed(&self, branch: BranchId) {
        if let Some(queues) = self.queues.get() {
            queues.heard(branch);
        }
        self.topics.wake(Topic::BranchQueue(branch));
    }

    fn topic_message(&self, topic: Topic, payload: &[u8]) {
        match Heard::parse(payload) {
            Heard::Momentary(frame) => self.topics.push(topic, &frame),
            _ => self.counts.unusable.increment(1),
        }
    }
}

fn user_of(channel: &str) -> Option<UserId> {
    channel.strip_prefix(USER_CHANNEL)?.parse().ok()
}

/// Whose key has ended, and which, or all.
fn ended_keys(payload: &[u8]) -> Option<(UserId, Option<ApiKeyId>)> {
    let words = std::str::from_utf8(payload).ok()?;
    match words.split_once(' ') {
        Some((user, key)) => Some((user.parse().ok()?, Some(key.parse().ok()?))),
        None => Some((words.parse().ok()?, None)),
    }
}

fn branch_of(channel: &str) -> Option<BranchId> {
    channel.strip_prefix(BRANCH_CHANNEL)?.parse().ok()
}

fn expert_of(channel: &str) -> Option<UserId> {
    channel.strip_prefix(EXPERT_CHANNEL)?.parse().ok()
}
