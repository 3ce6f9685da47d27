//! What an attempt came to, and where the message goes next.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{DeadCause, DeliveryStatus, DeliveryStep, Receipt, SendError};
use crate::Instant;

/// What an attempt came to, as it is written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub step: DeliveryStep,
    /// Stable word for the attempt's end: `sent kept retry limited unconfigured called_off dead_address refused
    /// unserved exhausted ambiguous lost`.
    pub outcome: &'static str,
    /// When it is due again, for [`DeliveryStep::Fail`].
    pub next_at: Option<Instant>,
    pub provider_id: Option<String>,
    pub error: Option<String>,
    /// Set when the address itself is dead.
    pub dead: Option<DeadCause>,
    /// Whose turn it is then; the first one's when nobody is named.
    pub next_provider: Option<Arc<str>>,
    /// Nobody else may have it: only that provider recognises the repeat.
    pub repeats: bool,
    /// It failed everywhere: one of the few times that it may.
    pub ends_round: bool,
}

/// The end of an attempt for which nobody was called in the end.
pub const CALLED_OFF: &str = "called_off";

/// What is known of an attempt beside how it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Try {
    /// How often the message failed everywhere before.
    pub rounds: i64,
    pub now: Instant,
    /// What failed together must not come back together.
    pub jitter: Jitter,
    /// The next provider that takes messages now.
    pub next: Option<Arc<str>>,
    /// The channel has no other provider at all.
    pub alone: bool,
    /// When any provider takes messages.
    pub not_before: Instant,
    /// The provider's name, where it recognises a message that it has taken already.
    pub repeat: Option<Arc<str>>,
}

/// A share of the spread of a delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jitter(u16);

impl Jitter {
    /// From 0.0 to 1.0.
    pub fn of(share: f64) -> Self {
        Self((share.clamp(0.0, 1.0) * 1000.0) as u16)
    }

    fn share(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

/// Failures everywhere after which a delivery is given up: about half a day with the delays below.
pub const MOST_ROUNDS: i64 = 10;
const FIRST_DELAY_SECONDS: i64 = 15;
const LONGEST_DELAY_SECONDS: i64 = 2 * 3600;

/// When to try again after failing everywhere for the `round`th time (from 1) at `now`: 15 seconds, then four
/// times longer each time up to two hours, ±20 % by `jitter`. `None` after [`MOST_ROUNDS`] times.
pub fn next_retry(round: i64, now: Instant, jitter: Jitter) -> Option<Instant> {
    if round >= MOST_ROUNDS {
        return None;
    }
    let doublings = u32::try_from(2 * (round.max(1) - 1))
        .unwrap_or(u32::MAX)
        .min(30);
    let seconds = (FIRST_DELAY_SECONDS << doublings).min(LONGEST_DELAY_SECONDS);
    let spread = 0.8 + 0.4 * jitter.share();
    Some(now + TimeDelta::milliseconds((seconds as f64 * 1000.0 * spread) as i64))
}

impl Verdict {
    const fn plain(step: DeliveryStep, outcome: &'static str) -> Self {
        Self {
            step,
            outcome,
            next_at: None,
            provider_id: None,
            error: None,
            dead: None,
            next_provider: None,
            repeats: false,
            ends_round: false,
        }
    }

    /// Judges how an attempt ended.
    pub fn of(result: Result<Receipt, SendError>, tried: Try) -> Self {
        use DeliveryStep::{Doubt, GiveUp, Keep, Send};
        let failed = |step, outcome, error| Self {
            error: Some(error),
            ..Self::plain(step, outcome)
        };
        match result {
            Ok(Receipt::Sent { provider_id }) => Self {
                provider_id,
                ..Self::plain(Send, "sent")
            },
            Ok(Receipt::Kept) => Self::plain(Keep, "kept"),
            Err(SendError::DeadAddress { cause, detail }) => Self {
                dead: Some(cause),
                ..failed(GiveUp, "dead_address", detail)
            },
            Err(SendError::Refused(error)) => failed(GiveUp, "refused", error),
            // Nobody else would ever carry it, so the next way need not wait.
            Err(SendError::Unserved(error)) if tried.alone => failed(GiveUp, "unserved", error),
            Err(SendError::Unserved(error)) => Self::onward("unserved", error, tried),
            Err(SendError::Transient(error)) => Self::onward("retry", error, tried),
            Err(SendError::Limited { detail, .. }) => Self::onward("limited", detail, tried),
            Err(SendError::Postponed { until, detail }) => Self::postponed(until, detail, &tried),
            Err(SendError::Unconfigured(error)) => Self::onward("unconfigured", error, tried),
            Err(SendError::Ambiguous(error)) => match tried.repeat.clone() {
                Some(provider) => Self::repeat("ambiguous", error, provider, &tried),
                None => failed(Doubt, "ambiguous", error),
            },
        }
    }

    /// Again at the very instant that the address, or its own table, asks for, or with neither by the usual
    /// delays; not for ever.
    fn postponed(until: Option<Instant>, error: String, tried: &Try) -> Self {
        let usual = next_retry(tried.rounds + 1, tried.now, tried.jitter);
        Self {
            next_at: usual.map(|usual| until.unwrap_or(usual)),
            error: Some(error),
            ends_round: true,
            ..match usual {
                None => Self::plain(DeliveryStep::GiveUp, "exhausted"),
                Some(_) => Self::plain(DeliveryStep::Fail, "retry"),
            }
        }
    }

    /// To the next provider at once; after the last one later, and not for ever.
    fn onward(outcome: &'static str, error: String, tried: Try) -> Self {
        let error = Some(error);
        if tried.next.is_some() {
            return Self {
                next_at: Some(tried.now),
                next_provider: tried.next,
                error,
                ..Self::plain(DeliveryStep::Fail, outcome)
            };
        }
        // A wrong credential is no fault of the message, which waits until somebody sets it right.
        let ends_round = outcome != "unconfigured";
        let round = if ends_round { tried.rounds + 1 } else { 1 };
        match next_retry(round, tried.now, tried.jitter) {
            Some(at) => Self {
                next_at: Some(at.max(tried.not_before)),
                error,
                ends_round,
                ..Self::plain(DeliveryStep::Fail, outcome)
            },
            None => Self {
                error,
                ends_round,
                ..Self::plain(DeliveryStep::GiveUp, "exhausted")
            },
        }
    }

    /// Once more to the provider that may have taken it.
    fn repeat(outcome: &'static str, error: String, provider: Arc<str>, tried: &Try) -> Self {
        let alone = Try {
            next: None,
            ..tried.clone()
        };
        let verdict = Self::onward(outcome, error, alone);
        let again = verdict.step == DeliveryStep::Fail;
        Self {
            next_provider: again.then_some(provider),
            repeats: again,
            // It may have arrived: that it was given up is not known.
            step: if again {
                verdict.step
            } else {
                DeliveryStep::Doubt
            },
            outcome,
            ..verdict
        }
    }

    /// The verdict on an attempt whose courier went silent. Where the provider recognises a repeat it is tried
    /// again; elsewhere it may have been sent, and only a person can say what to do.
    pub fn lost(repeat: Option<Arc<str>>, rounds: i64, now: Instant, jitter: Jitter) -> Self {
        let error = "the sender stopped before it reported".to_owned();
        let tried = Try {
            rounds,
            now,
            jitter,
            next: None,
            alone: true,
            not_before: now,
            repeat,
        };
        Self {
            outcome: "lost",
            ..Self::of(Err(SendError::Ambiguous(error)), tried)
        }
    }

    /// The verdict on something that cannot be read, and so not be sent.
    pub fn unreadable(fault: &str) -> Self {
        Self {
            error: Some(format!("unreadable content: {fault}")),
            ..Self::plain(DeliveryStep::GiveUp, "refused")
        }
    }

    /// The verdict on a message whose provider asked for a pause, or fell out, before it was called.
    pub fn called_off(until: Instant) -> Self {
        Self {
            next_at: Some(until),
            error: Some("the provider was not to be called any more".to_owned()),
            ..Self::plain(DeliveryStep::Fail, CALLED_OFF)
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

    fn tried(rounds: i64) -> Try {
        Try {
            rounds,
            now: now(),
            jitter: Jitter::of(0.5),
            next: None,
            alone: true,
            not_before: now(),
            repeat: None,
        }
    }

    fn at_next(rounds: i64) -> Try {
        Try {
            next: Some("second".into()),
            alone: false,
            ..tried(rounds)
        }
    }

    fn transient() -> Result<Receipt, SendError> {
        Err(SendError::Transient("451 try later".to_owned()))
    }

    #[test]
    fn delays_grow_spread_and_end() {
        let millis = |round, jitter| {
            next_retry(round, now(), Jitter::of(jitter)).map(|at| (at - now()).num_milliseconds())
        };
        assert_eq!(millis(1, 0.5), Some(15_000));
        assert_eq!(millis(1, 0.0), Some(12_000));
        assert_eq!(millis(1, 1.0), Some(18_000));
        assert_eq!(millis(2, 0.5), Some(60_000));
        assert_eq!(millis(3, 0.5), Some(240_000));
        assert_eq!(millis(9, 0.5), Some(7_200_000));
        assert_eq!(millis(MOST_ROUNDS, 0.5), None);
        assert_eq!(millis(i64::MAX, 0.5), None);
    }

    #[test]
    fn nothing_is_tried_before_somebody_takes_it() {
        let until = now() + TimeDelta::hours(1);
        let limited = SendError::Limited {
            until,
            detail: "slow down".to_owned(),
        };
        let tried = Try {
            not_before: until,
            ..tried(0)
        };
        let verdict = Verdict::of(Err(limited), tried);
        assert_eq!(verdict.next_at, Some(until));
        assert!(verdict.ends_round);
    }

    #[test]
    fn what_an_address_asked_for_is_kept_to_the_letter_and_has_an_end() {
        let until = now() + TimeDelta::seconds(5);
        let postponed = |rounds| {
            let detail = "500".to_owned();
            let postponed = SendError::Postponed {
                until: Some(until),
                detail,
            };
            Verdict::of(Err(postponed), at_next(rounds))
        };
        let verdict = postponed(0);
        assert_eq!(verdict.next_at, Some(until));
        assert_eq!(verdict.status(), DeliveryStatus::Retrying);
        assert_eq!(verdict.next_provider, None, "it is no other one's matter");
        assert!(verdict.ends_round);
        assert_eq!(postponed(MOST_ROUNDS - 1).status(), DeliveryStatus::Dead);
    }

    #[test]
    fn the_next_provider_has_it_at_once_and_that_costs_no_round() {
        for error in [
            SendError::Transient("451".to_owned()),
            SendError::Unconfigured("401".to_owned()),
        ] {
            let verdict = Verdict::of(Err(error), at_next(MOST_ROUNDS - 1));
            assert_eq!(verdict.next_at, Some(now()));
            assert_eq!(verdict.next_provider.as_deref(), Some("second"));
            assert!(!verdict.ends_round);
        }
        let dead = SendError::DeadAddress {
            cause: DeadCause::Gone,
            detail: String::new(),
        };
        assert_eq!(
            Verdict::of(Err(dead), at_next(0)).status(),
            DeliveryStatus::Dead
        );
    }

    #[test]
    fn what_one_provider_does_not_carry_goes_to_another_and_ends_where_there_is_none() {
        let unserved = || Err(SendError::Unserved("no Zalo".to_owned()));
        let onward = Verdict::of(unserved(), at_next(0));
        assert_eq!(onward.next_provider.as_deref(), Some("second"));
        assert!(!onward.ends_round);
        let waiting = Try {
            alone: false,
            ..tried(0)
        };
        let later = Verdict::of(unserved(), waiting);
        assert_eq!(later.status(), DeliveryStatus::Retrying, "another is away");
        let ended = Verdict::of(unserved(), tried(0));
        assert_eq!(
            (ended.status(), ended.outcome),
            (DeliveryStatus::Dead, "unserved")
        );
    }

    #[test]
    fn failing_too_often_ends_in_a_dead_letter_that_names_the_fault() {
        let verdict = Verdict::of(transient(), tried(MOST_ROUNDS - 1));
        assert_eq!(verdict.status(), DeliveryStatus::Dead);
        assert_eq!(verdict.outcome, "exhausted");
        assert_eq!(verdict.error.as_deref(), Some("451 try later"));
    }

    #[test]
    fn a_wrong_credential_never_gives_a_message_up() {
        let error = SendError::Unconfigured("401".to_owned());
        let verdict = Verdict::of(Err(error), tried(MOST_ROUNDS - 1));
        assert_eq!(verdict.status(), DeliveryStatus::Retrying);
        assert!(!verdict.ends_round);
    }

    #[test]
    fn a_silent_sender_leaves_doubt_unless_repeats_are_recognised() {
        let lost = |repeat: Option<&str>, rounds| {
            Verdict::lost(repeat.map(Into::into), rounds, now(), Jitter::of(0.5))
        };
        assert_eq!(lost(None, 0).status(), DeliveryStatus::Ambiguous);
        let again = lost(Some("first"), 0);
        assert_eq!(again.status(), DeliveryStatus::Retrying);
        assert_eq!(again.next_provider.as_deref(), Some("first"));
        assert!(again.repeats);
        assert_eq!(again.outcome, "lost");
        let given_up = lost(Some("first"), MOST_ROUNDS - 1);
        assert_eq!(
            given_up.status(),
            DeliveryStatus::Ambiguous,
            "it may have arrived"
        );
    }
}
