//! Whether every answer of a soak was right: each refusal is explained by something that stood at that
//! moment, each success by nothing having stood in its way.
//!
//! A change happened somewhere between the moments at which it was asked for and answered. So something
//! "may have stood" from the one end of that to the other, and "stood for certain" only in between. What was
//! changed on another node may not have been heard of yet; how long ago that was, is measured.

use std::collections::BTreeMap;
use std::time::{Duration, Instant as Moment};

use super::bench::{Bench, alternatives, not_offered};
use super::offer::Span;
use super::record::{Call, Claim, Edge, Record};

/// A node that has not heard of another one's change for so long will never hear of it.
const MOST_LAG: Duration = Duration::from_secs(20);

/// What the judge found.
#[derive(Default, Debug)]
pub struct Findings {
    /// Answers that were right, by what was answered.
    pub right: BTreeMap<String, usize>,
    pub alternatives: usize,
    /// Answers from a node that had not yet heard of another's change.
    pub unheard: usize,
    pub longest_unheard: Duration,
    pub wrong: Vec<String>,
}

/// Judges every answer. Nodes that do not hear each other are not blamed for it.
pub fn judge(record: &Record, hear_each_other: bool) -> Findings {
    let mut findings = Findings::default();
    for call in &record.calls {
        let most = if hear_each_other {
            MOST_LAG
        } else {
            Duration::from_secs(86_400)
        };
        match lag(most, |lag| Bench { record, call, lag }.is_right()) {
            None => findings.wrong.push(told(record, call)),
            Some(lag) => {
                let what = match call.slug() {
                    "" => "done".to_owned(),
                    "slot-not-offered" => not_offered(call).to_owned(),
                    slug => slug.to_owned(),
                };
                *findings.right.entry(what).or_default() += 1;
                if lag > Duration::ZERO {
                    findings.unheard += 1;
                    findings.longest_unheard = findings.longest_unheard.max(lag);
                }
            }
        }
        findings.alternatives += alternatives(call).count();
    }
    findings.wrong.extend(overlaps(record));
    findings
}

/// A wrong answer with everything that was near its time, in milliseconds before and after it was asked for.
fn told(record: &Record, call: &Call) -> String {
    let offer = &record.offers[call.expert][0].offer;
    let near = |claim: &&Claim| {
        let wanted = call.wanted().into_iter().chain(alternatives(call));
        let own = claim.client == call.client;
        let mut wanted = wanted.map(|span| offer.stretch(span));
        wanted.any(|span| offer.stretch(claim.span).overlaps(span))
            && (claim.expert == call.expert || own)
    };
    let after = |moment: Moment| match moment.checked_duration_since(call.sent) {
        Some(after) => after.as_millis() as i64,
        None => -((call.sent - moment).as_millis() as i64),
    };
    let edge = |edge: &Edge| (edge.node, after(edge.sent), after(edge.answered));
    let mut text = format!("{call:?}\n  answered after {} ms", after(call.answered));
    for claim in record.taken.iter().flatten().filter(near) {
        text += &format!(
            "\n  {:?} of client {} and expert {}, hold until {:?}, from {:?} until {:?}",
            claim.span,
            claim.client,
            claim.expert,
            claim.expires,
            edge(&claim.from),
            claim.until.as_ref().map(edge),
        );
    }
    text
}

/// The least lag, roughly, with which something is explained.
fn lag(most: Duration, explained: impl Fn(Duration) -> bool) -> Option<Duration> {
    let steps = (0..40).map(|step| Duration::from_millis(1 << step));
    let lags = std::iter::once(Duration::ZERO).chain(steps.take_while(|lag| *lag < most));
    lags.chain([most]).find(|lag| explained(*lag))
}

/// Claims of one expert or one client that both stood for certain at one moment, on the same time.
fn overlaps(record: &Record) -> Vec<String> {
    let mut by_person: BTreeMap<(bool, usize), Vec<(Span, &Claim)>> = BTreeMap::new();
    for claim in record.taken.iter().flatten() {
        let stretch = record.offers[claim.expert][0].offer.stretch(claim.span);
        let of_expert = by_person.entry((true, claim.expert)).or_default();
        of_expert.push((stretch, claim));
        if claim.expires.is_none() {
            let of_client = by_person.entry((false, claim.client)).or_default();
            of_client.push((claim.span, claim));
        }
    }
    let mut found = Vec::new();
    for mut claims in by_person.into_values() {
        claims.sort_by_key(|(span, _)| span.from);
        for (place, (span, one)) in claims.iter().enumerate() {
            let near = claims[place + 1..].iter();
            for (_, other) in near.take_while(|(next, _)| next.from < span.until) {
                // When holds run out is a matter of the house's clock, which this does not look at.
                let both = certain_until(one).min(certain_until(other));
                let bookings = one.expires.is_none() && other.expires.is_none();
                if bookings && one.from.answered.max(other.from.answered) < both {
                    found.push(format!("{one:?} stood beside {other:?}"));
                }
            }
        }
    }
    found
}

fn certain_until(claim: &Claim) -> Moment {
    let never = Moment::now() + MOST_LAG;
    claim.until.map_or(never, |until| until.sent)
}
