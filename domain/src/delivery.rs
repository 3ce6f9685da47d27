//! Deliveries: one message to one address by one channel, from planned to sent or given up.

use std::str::FromStr;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Instant;
use crate::account::UnknownName;
use crate::id::BookingId;

/// Where a delivery stands. It only moves forward; a person may send a dead or doubtful one again.
///
/// ```text
///  standby ──► pending when the ways before it have failed, skipped when one has not
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
    /// What the law wants first in an advertisement.
    #[serde(default)]
    pub marketing_label: Option<String>,
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
    /// It may work later.
    Transient(String),
    /// The provider wants a pause until this instant, for every message.
    Limited { until: Instant, detail: String },
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

/// What an attempt came to, as it is written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub step: DeliveryStep,
    /// Stable word for the attempt's end: `sent kept retry limited unconfigured dead_address refused
    /// exhausted ambiguous lost expired`.
    pub outcome: &'static str,
    /// When it is due again, for [`DeliveryStep::Fail`].
    pub next_at: Option<Instant>,
    pub provider_id: Option<String>,
    pub error: Option<String>,
    /// Set when the address itself is dead.
    pub dead: Option<DeadCause>,
}

/// Tries after which a failing delivery is given up: about half a day with the delays below.
pub const MOST_ATTEMPTS: i64 = 10;
const FIRST_DELAY_SECONDS: i64 = 15;
const LONGEST_DELAY_SECONDS: i64 = 2 * 3600;

/// When to try again after attempt number `attempt` (from 1) failed at `now`: 15 seconds, then four
/// times longer each time up to two hours, ±20 % by `jitter` (0.0 to 1.0) so that what failed together
/// does not come back together. `None` once it has been tried [`MOST_ATTEMPTS`] times.
pub fn next_retry(attempt: i64, now: Instant, jitter: f64) -> Option<Instant> {
    if attempt >= MOST_ATTEMPTS {
        return None;
    }
    let doublings = u32::try_from(2 * (attempt.max(1) - 1))
        .unwrap_or(u32::MAX)
        .min(30);
    let seconds = (FIRST_DELAY_SECONDS << doublings).min(LONGEST_DELAY_SECONDS);
    let spread = 0.8 + 0.4 * jitter.clamp(0.0, 1.0);
    Some(now + TimeDelta::milliseconds((seconds as f64 * 1000.0 * spread) as i64))
}

impl Verdict {
    /// Judges how attempt number `attempt` ended at `now`.
    pub fn of(result: Result<Receipt, SendError>, attempt: i64, now: Instant, jitter: f64) -> Self {
        let done = |step, outcome, provider_id| Self {
            step,
            outcome,
            next_at: None,
            provider_id,
            error: None,
            dead: None,
        };
        let failed = |step, outcome, next_at, error| Self {
            step,
            outcome,
            next_at,
            provider_id: None,
            error: Some(error),
            dead: None,
        };
        let again = |outcome, not_before: Instant, error| match next_retry(attempt, now, jitter) {
            Some(at) => failed(DeliveryStep::Fail, outcome, Some(at.max(not_before)), error),
            None => failed(DeliveryStep::GiveUp, "exhausted", None, error),
        };
        match result {
            Ok(Receipt::Sent { provider_id }) => done(DeliveryStep::Send, "sent", provider_id),
            Ok(Receipt::Kept) => done(DeliveryStep::Keep, "kept", None),
            Err(SendError::DeadAddress { cause, detail }) => Self {
                dead: Some(cause),
                ..failed(DeliveryStep::GiveUp, "dead_address", None, detail)
            },
            Err(SendError::Refused(error)) => failed(DeliveryStep::GiveUp, "refused", None, error),
            Err(SendError::Transient(error)) => again("retry", now, error),
            Err(SendError::Limited { until, detail }) => again("limited", until, detail),
            Err(SendError::Unconfigured(error)) => again("unconfigured", now, error),
            Err(SendError::Ambiguous(error)) => {
                failed(DeliveryStep::Doubt, "ambiguous", None, error)
            }
        }
    }

    /// The verdict on something whose time is over.
    pub fn expired() -> Self {
        Self {
            step: DeliveryStep::Skip,
            outcome: "expired",
            next_at: None,
            provider_id: None,
            error: Some("its time was over before it could be sent".to_owned()),
            dead: None,
        }
    }

    /// The verdict on attempt number `attempt` whose courier went silent. Where the provider recognises a
    /// repeat it is tried again; elsewhere it may have been sent, and only a person can say what to do.
    pub fn lost(repeats_are_recognised: bool, attempt: i64, now: Instant, jitter: f64) -> Self {
        let error = "the sender stopped before it reported".to_owned();
        let fault = if repeats_are_recognised {
            SendError::Transient(error)
        } else {
            SendError::Ambiguous(error)
        };
        Self {
            outcome: "lost",
            ..Self::of(Err(fault), attempt, now, jitter)
        }
    }

    /// The verdict on an attempt that broke down inside the house; how far it got is unknown.
    pub fn panicked(fault: &str) -> Self {
        Self {
            step: DeliveryStep::Doubt,
            outcome: "ambiguous",
            next_at: None,
            provider_id: None,
            error: Some(format!("sending broke down: {fault}")),
            dead: None,
        }
    }

    /// Whether the message found its end: sent, or kept in place of being sent.
    pub fn is_done(&self) -> bool {
        matches!(self.step, DeliveryStep::Send | DeliveryStep::Keep)
    }

    /// The status it leads to from `sending`.
    pub fn status(&self) -> DeliveryStatus {
        DeliveryStatus::Sending
            .after(self.step)
            .unwrap_or(DeliveryStatus::Ambiguous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    const STEPS: [DeliveryStep; 9] = [
        DeliveryStep::Promote,
        DeliveryStep::Claim,
        DeliveryStep::Send,
        DeliveryStep::Keep,
        DeliveryStep::Fail,
        DeliveryStep::GiveUp,
        DeliveryStep::Doubt,
        DeliveryStep::Skip,
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
            ]
        );
    }

    #[test]
    fn delays_grow_spread_and_end() {
        let seconds = |attempt, jitter| {
            next_retry(attempt, now(), jitter).map(|at| (at - now()).num_milliseconds())
        };
        assert_eq!(seconds(1, 0.5), Some(15_000));
        assert_eq!(seconds(1, 0.0), Some(12_000));
        assert_eq!(seconds(1, 1.0), Some(18_000));
        assert_eq!(seconds(2, 0.5), Some(60_000));
        assert_eq!(seconds(3, 0.5), Some(240_000));
        assert_eq!(seconds(9, 0.5), Some(7_200_000));
        assert_eq!(seconds(MOST_ATTEMPTS, 0.5), None);
        assert_eq!(seconds(i64::MAX, 0.5), None);
    }

    #[test]
    fn a_pause_the_provider_asked_for_is_kept_in_full() {
        let until = now() + TimeDelta::hours(1);
        let limited = SendError::Limited {
            until,
            detail: "slow down".to_owned(),
        };
        assert_eq!(
            Verdict::of(Err(limited), 1, now(), 0.5).next_at,
            Some(until)
        );
    }

    #[test]
    fn failing_too_often_ends_in_a_dead_letter_that_names_the_fault() {
        let error = SendError::Transient("451 try later".to_owned());
        let verdict = Verdict::of(Err(error), MOST_ATTEMPTS, now(), 0.5);
        assert_eq!(verdict.status(), DeliveryStatus::Dead);
        assert_eq!(verdict.outcome, "exhausted");
        assert_eq!(verdict.error.as_deref(), Some("451 try later"));
    }

    #[test]
    fn a_silent_sender_leaves_doubt_unless_repeats_are_recognised() {
        assert_eq!(
            Verdict::lost(false, 1, now(), 0.5).status(),
            DeliveryStatus::Ambiguous
        );
        assert_eq!(
            Verdict::lost(true, 1, now(), 0.5).status(),
            DeliveryStatus::Retrying
        );
    }
}
