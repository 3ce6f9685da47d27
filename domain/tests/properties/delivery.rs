//! Whatever couriers, providers, lost leases and people do to a delivery, in any order: it never goes backward, what
//! has found its end stays there, and a late answer of a lost attempt changes nothing.

use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::delivery::{
    DeadCause, DeliveryStatus, DeliveryStep, Jitter, MOST_ROUNDS, Receipt, SendError, Try, Verdict,
    next_retry,
};
use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;

const STEPS: [DeliveryStep; 8] = [
    DeliveryStep::Claim,
    DeliveryStep::Send,
    DeliveryStep::Keep,
    DeliveryStep::Fail,
    DeliveryStep::GiveUp,
    DeliveryStep::Doubt,
    DeliveryStep::Skip,
    DeliveryStep::Resend,
];

fn now() -> Instant {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn tried(rounds: i64, not_before: Instant, next: Option<Arc<str>>) -> Try {
    Try {
        rounds,
        now: now(),
        jitter: Jitter::of(0.5),
        next,
        alone: false,
        not_before,
        repeat: None,
    }
}

fn results() -> impl Strategy<Value = Result<Receipt, SendError>> {
    let detail = || "as the provider said".to_owned();
    prop_oneof![
        1 => Just(Ok(Receipt::Sent { provider_id: None })),
        1 => Just(Ok(Receipt::Kept)),
        1 => Just(Err(SendError::DeadAddress { cause: DeadCause::Gone, detail: detail() })),
        1 => Just(Err(SendError::Unconfigured(detail()))),
        1 => Just(Err(SendError::Refused(detail()))),
        3 => Just(Err(SendError::Transient(detail()))),
        1 => (-100..100_000i64).prop_map(move |seconds| Err(SendError::Limited {
            until: now() + TimeDelta::seconds(seconds),
            detail: detail(),
        })),
        1 => Just(Err(SendError::Ambiguous(detail()))),
    ]
}

/// What happens to a delivery, seen from outside.
#[derive(Clone, Debug)]
enum Happening {
    /// A courier takes it.
    Claim,
    /// The provider's answer to one of the attempts made so far, perhaps one long given up.
    Answer(Result<Receipt, SendError>, prop::sample::Index),
    /// The lease of the attempt under way ran out.
    LeaseRunsOut { repeats_are_recognised: bool },
    /// Its time is over.
    Expire,
    /// A person sends it again.
    Resend,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        4 => Just(Happening::Claim),
        4 => (results(), any::<prop::sample::Index>())
            .prop_map(|(result, attempt)| Happening::Answer(result, attempt)),
        2 => any::<bool>()
            .prop_map(|repeats_are_recognised| Happening::LeaseRunsOut { repeats_are_recognised }),
        1 => Just(Happening::Expire),
        1 => Just(Happening::Resend),
    ];
    proptest::collection::vec(one, 1..60)
}

/// A delivery as the database keeps it: every write names the attempt it speaks for.
struct Row {
    status: DeliveryStatus,
    attempt: i64,
    taken_by_provider: usize,
}

impl Row {
    /// Writes a verdict about `attempt` down, if it is the one under way.
    fn settle(&mut self, attempt: i64, verdict: &Verdict) -> bool {
        let current = self.status == DeliveryStatus::Sending && self.attempt == attempt;
        if current {
            self.status = verdict.status();
            self.taken_by_provider += usize::from(verdict.is_done());
        }
        current
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_walk_leaves_an_end_or_comes_back_to_the_beginning(steps in proptest::collection::vec(0..STEPS.len(), 0..64)) {
        let mut status = DeliveryStatus::Pending;
        let mut claims = 0;
        let mut outcomes = 0;
        for step in steps.into_iter().map(|step| STEPS[step]) {
            let Some(next) = status.after(step) else { continue };
            use DeliveryStatus::*;
            prop_assert!(next != Pending, "nothing becomes new again");
            prop_assert!(!matches!(status, Sent | Kept | Skipped), "{:?} was left by {:?}", status, step);
            // Only a person brings back what was given up.
            prop_assert!(!matches!(status, Dead | Ambiguous) || step == DeliveryStep::Resend);
            prop_assert_eq!(next == Sending, step == DeliveryStep::Claim);
            claims += usize::from(next == Sending);
            outcomes += usize::from(status == Sending);
            status = next;
        }
        prop_assert_eq!(claims, outcomes + usize::from(status == DeliveryStatus::Sending), "one outcome per claim");
    }

    #[test]
    fn whatever_happens_a_message_is_taken_once_and_late_answers_are_not_heard(happenings in happenings()) {
        let mut row = Row { status: DeliveryStatus::Pending, attempt: 0, taken_by_provider: 0 };
        for happening in happenings {
            let before = row.status;
            match happening {
                Happening::Claim => if let Some(next) = row.status.after(DeliveryStep::Claim) {
                    row.status = next;
                    row.attempt += 1;
                },
                Happening::Answer(result, which) if row.attempt > 0 => {
                    let attempt = which.index(row.attempt as usize) as i64 + 1;
                    let late = attempt < row.attempt || before != DeliveryStatus::Sending;
                    let verdict = Verdict::of(result, tried(attempt - 1, now(), None));
                    let heard = row.settle(attempt, &verdict);
                    prop_assert_eq!(heard, !late);
                    prop_assert!(!late || row.status == before);
                }
                Happening::LeaseRunsOut { repeats_are_recognised } => {
                    let provider = repeats_are_recognised.then(|| "one".into());
                    let verdict = Verdict::lost(provider, row.attempt - 1, now(), Jitter::of(0.5));
                    if row.settle(row.attempt, &verdict) && !repeats_are_recognised {
                        prop_assert_eq!(row.status, DeliveryStatus::Ambiguous, "a doubt is never repeated by itself");
                    }
                }
                Happening::Expire => if let Some(next) = row.status.after(DeliveryStep::Skip) {
                    row.status = next;
                },
                Happening::Resend => if let Some(next) = row.status.after(DeliveryStep::Resend) {
                    row.status = next;
                },
                Happening::Answer(..) => {}
            }
            let ended = matches!(before, DeliveryStatus::Sent | DeliveryStatus::Kept | DeliveryStatus::Skipped);
            prop_assert!(!ended || row.status == before, "{:?} became {:?}", before, row.status);
        }
        prop_assert!(row.taken_by_provider <= 1);
    }

    #[test]
    fn every_verdict_is_a_move_of_the_table(
        result in results(),
        rounds in 0..20i64,
        jitter in 0.0..1.0f64,
        another in any::<bool>(),
        recognises in any::<bool>(),
    ) {
        // Whoever asked for a pause takes nothing before it is over.
        let free_at = match &result {
            Err(SendError::Limited { until, .. }) => now().max(*until),
            _ => now(),
        };
        let next = another.then(|| "two".into());
        let tried = Try {
            jitter: Jitter::of(jitter),
            repeat: recognises.then(|| "one".into()),
            ..tried(rounds, free_at, next)
        };
        let verdict = Verdict::of(result.clone(), tried);
        prop_assert_eq!(DeliveryStatus::Sending.after(verdict.step), Some(verdict.status()));
        // What is to be tried again says when, and nothing else does; a pause that was asked for is kept.
        prop_assert_eq!(verdict.next_at.is_some(), verdict.status() == DeliveryStatus::Retrying);
        if let (Err(SendError::Limited { until, .. }), Some(at)) = (&result, verdict.next_at) {
            prop_assert!(at >= *until || another, "another one need not wait");
        }
        // At once to another one, whom that costs no round; a credential that is wrong costs none at all.
        prop_assert!(verdict.next_at != Some(now()) || !verdict.ends_round);
        if let Err(SendError::Unconfigured(_)) = &result {
            prop_assert!(!verdict.ends_round && verdict.status() == DeliveryStatus::Retrying);
        }
        prop_assert!(!verdict.repeats || (recognises && verdict.next_provider.as_deref() == Some("one")));
        prop_assert_eq!(verdict.error.is_none(), result.is_ok());
        prop_assert_eq!(verdict.is_done(), result.is_ok());
    }

    /// A provider that never recovers: pauses that grow without crossing, then a dead letter, within a day.
    #[test]
    fn pauses_grow_to_two_hours_and_come_to_an_end(
        jitters in proptest::collection::vec(0.0..1.0f64, MOST_ROUNDS as usize),
        beyond in 0..i64::MAX - MOST_ROUNDS,
    ) {
        let mut nominal = TimeDelta::seconds(15);
        let mut waited = TimeDelta::zero();
        let mut pauses: Vec<TimeDelta> = Vec::new();
        for (attempt, jitter) in (1..MOST_ROUNDS).zip(&jitters) {
            let pause = next_retry(attempt, now(), Jitter::of(*jitter)).expect("another try") - now();
            let (least, most) = (nominal * 8 / 10, nominal * 12 / 10);
            prop_assert!(pause >= least - TimeDelta::milliseconds(1) && pause <= most, "{} of {}", pause, nominal);
            if nominal < TimeDelta::hours(2) && let Some(last) = pauses.last() {
                prop_assert!(*last < pause, "{} after {}", pause, last);
            }
            waited += pause;
            pauses.push(pause);
            nominal = (nominal * 4).min(TimeDelta::hours(2));
        }
        // Nine hours and a half, each pause a fifth shorter or longer.
        prop_assert!(waited > TimeDelta::hours(7) && waited < TimeDelta::hours(12), "{}", waited);
        prop_assert_eq!(next_retry(MOST_ROUNDS + beyond, now(), Jitter::of(jitters[0])), None);
    }
}
