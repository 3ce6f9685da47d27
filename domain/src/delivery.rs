//! Deliveries: one message to one address by one channel, from planned to sent or given up.

/// Messages that come back after they were taken.
mod returned;
/// What an attempt came to.
mod verdict;

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Instant;
use crate::account::UnknownName;
use crate::id::BookingId;

pub use returned::{Moot, Returned, worth_another_way};
pub use verdict::{CALLED_OFF, Jitter, MOST_ROUNDS, Try, Verdict, next_retry};

/// Where a delivery stands. It only moves forward; a person may send a dead or doubtful one again.
///
/// ```text
///  standby ──► pending when the ways before it have failed, skipped when one has not
///     ▲                                                        │
///     └── the one that had not came back ──────────────────────┘
///  pending ──► sending ──► sent | kept          done
///     │          │ ▲
///     │          ▼ │  (backoff)
///     │        retrying ◄── person asks ──┐
///     │          │                        │
///     ▼          ▼                        │
///   skipped    dead | ambiguous ──────────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// A second way, until it is known whether the first one fails.
    Standby,
    /// Planned, never tried.
    Pending,
    /// A courier has it, for as long as its lease lasts.
    Sending,
    /// Failed for now; tried again when it is due.
    Retrying,
    /// The provider took it.
    Sent,
    /// Kept in the database because no provider is set up.
    Kept,
    /// Given up: refused for good, or failed too often.
    Dead,
    /// The provider may or may not have taken it; sending again could repeat it.
    Ambiguous,
    /// No longer worth sending, such as a reminder after the start.
    Skipped,
}

/// What moves a delivery on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeliveryStep {
    /// The ways before it have failed.
    Promote,
    /// A courier takes it.
    Claim,
    /// The provider took it.
    Send,
    /// It was kept instead of sent.
    Keep,
    /// It failed and is worth another try.
    Fail,
    /// It failed for good.
    GiveUp,
    /// Nobody knows whether it was sent.
    Doubt,
    /// It is no longer worth sending.
    Skip,
    /// The way that made it needless came back.
    Reopen,
    /// A person wants it sent again.
    Resend,
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Standby,
        Self::Pending,
        Self::Sending,
        Self::Retrying,
        Self::Sent,
        Self::Kept,
        Self::Dead,
        Self::Ambiguous,
        Self::Skipped,
    ];

    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Retrying => "retrying",
            Self::Sent => "sent",
            Self::Kept => "kept",
            Self::Dead => "dead",
            Self::Ambiguous => "ambiguous",
            Self::Skipped => "skipped",
        }
    }

    /// The table of moves: where `step` leads from here, `None` where it is not allowed.
    pub fn after(self, step: DeliveryStep) -> Option<Self> {
        use DeliveryStatus::*;
        match (self, step) {
            (Standby, DeliveryStep::Promote) => Some(Pending),
            (Pending | Retrying, DeliveryStep::Claim) => Some(Sending),
            (Sending, DeliveryStep::Send) => Some(Sent),
            (Sending, DeliveryStep::Keep) => Some(Kept),
            (Sending, DeliveryStep::Fail) => Some(Retrying),
            (Sending, DeliveryStep::GiveUp) => Some(Dead),
            (Sending, DeliveryStep::Doubt) => Some(Ambiguous),
            (Standby | Pending | Sending | Retrying, DeliveryStep::Skip) => Some(Skipped),
            (Skipped, DeliveryStep::Reopen) => Some(Standby),
            (Dead | Ambiguous, DeliveryStep::Resend) => Some(Retrying),
            _ => None,
        }
    }
}

impl FromStr for DeliveryStatus {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownName)
    }
}

/// What is sent, ready for the provider. The title stands beside it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Content {
    /// Name that goes with the address.
    pub to_name: String,
    pub text: String,
    /// Empty where the channel carries plain text only.
    pub html: String,
    pub attachments: Vec<Attachment>,
    /// After this instant it is not worth sending any more.
    pub not_after: Option<Instant>,
    /// The reader's language (BCP 47).
    #[serde(default)]
    pub language: String,
    /// Where a button or a tap leads.
    #[serde(default)]
    pub url: Option<String>,
    /// The facts, as in the inbox entry, for channels that take values instead of words.
    #[serde(default)]
    pub data: Value,
    /// What the reader can do right where they read it.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// Takes the reader off the list (RFC 8058); absent on what must reach them.
    #[serde(default)]
    pub unsubscribe: Option<String>,
    /// What is known of the address besides itself, such as the keys of a browser.
    #[serde(default)]
    pub details: Value,
}

/// A step on a booking, offered as a button.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Action {
    pub label: String,
    pub step: ActionStep,
    pub booking_id: BookingId,
}

/// What a button does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionStep {
    Confirm,
    Reject,
    Cancel,
}

/// A file that goes with a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attachment {
    pub name: String,
    /// Media type with its parameters, such as `text/calendar; charset=utf-8; method=REQUEST`.
    pub content_type: String,
    pub text: String,
}

/// A provider's answer to a message it took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// Taken for sending, with the provider's own name for it where there is one.
    Sent { provider_id: Option<String> },
    /// Not sent anywhere; the database keeps it.
    Kept,
}

/// Why a message was not taken, by what can be done about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SendError {
    /// The address does not exist or takes nothing. Trying again is pointless, for any message.
    DeadAddress { cause: DeadCause, detail: String },
    /// The provider refuses this message. Trying again is pointless.
    Refused(String),
    /// This provider does not reach this address, or does not carry this kind of message; another one may. It says
    /// nothing of how the provider fares.
    Unserved(String),
    /// It may work later.
    Transient(String),
    /// The provider wants a pause until this instant, for every message.
    Limited { until: Instant, detail: String },
    /// This address failed for reasons of its own, and others go on. It is tried again at this instant, where it or
    /// its table names one.
    Postponed {
        until: Option<Instant>,
        detail: String,
    },
    /// The credential or its set-up is at fault, not the message: another provider may take it.
    Unconfigured(String),
    /// The message may have been taken.
    Ambiguous(String),
}

/// Why nothing more is sent to an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadCause {
    /// The app was removed, or its registration replaced.
    Unregistered,
    /// The provider knows the address no more.
    Gone,
    /// It is no address of this kind.
    Invalid,
    /// Its owner wants nothing from here.
    Blocked,
    /// The mailbox refuses for good.
    Bounced,
}

impl DeadCause {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unregistered => "unregistered",
            Self::Gone => "gone",
            Self::Invalid => "invalid",
            Self::Blocked => "blocked",
            Self::Bounced => "bounced",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [DeliveryStep; 10] = [
        DeliveryStep::Promote,
        DeliveryStep::Claim,
        DeliveryStep::Send,
        DeliveryStep::Keep,
        DeliveryStep::Fail,
        DeliveryStep::GiveUp,
        DeliveryStep::Doubt,
        DeliveryStep::Skip,
        DeliveryStep::Reopen,
        DeliveryStep::Resend,
    ];

    #[test]
    fn the_table_of_moves_is_exactly_this() {
        use DeliveryStatus::*;
        let allowed: Vec<_> = DeliveryStatus::ALL
            .into_iter()
            .flat_map(|from| STEPS.into_iter().map(move |step| (from, step)))
            .filter_map(|(from, step)| from.after(step).map(|to| (from, step, to)))
            .collect();
        assert_eq!(
            allowed,
            vec![
                (Standby, DeliveryStep::Promote, Pending),
                (Standby, DeliveryStep::Skip, Skipped),
                (Pending, DeliveryStep::Claim, Sending),
                (Pending, DeliveryStep::Skip, Skipped),
                (Sending, DeliveryStep::Send, Sent),
                (Sending, DeliveryStep::Keep, Kept),
                (Sending, DeliveryStep::Fail, Retrying),
                (Sending, DeliveryStep::GiveUp, Dead),
                (Sending, DeliveryStep::Doubt, Ambiguous),
                (Sending, DeliveryStep::Skip, Skipped),
                (Retrying, DeliveryStep::Claim, Sending),
                (Retrying, DeliveryStep::Skip, Skipped),
                (Dead, DeliveryStep::Resend, Retrying),
                (Ambiguous, DeliveryStep::Resend, Retrying),
                (Skipped, DeliveryStep::Reopen, Standby),
            ]
        );
    }
}
