//! Writing how attempts ended, with everything that follows from it: dead addresses are not written to again,
//! pauses are remembered, and a second way becomes due where the first has failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{DeliveryStatus, DeliveryStep, Verdict};
use belfry_domain::id::DeliveryId;
use const_format::formatcp;
use uuid::Uuid;

use super::claim::REPEAT;
use super::fallback::{self, Group, KEEPS_RETURN};
use crate::rows::Rows;
use crate::{Store, StoreError, Tx, crash};

/// Longest fault text kept, in characters.
const FAULT: usize = 1000;

/// How one claimed attempt ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Settlement {
    pub id: DeliveryId,
    pub attempt: i64,
    pub provider: Arc<str>,
    pub verdict: Verdict,
    /// When it was claimed: whoever registered the address after that still has it.
    pub claimed_at: Instant,
    /// Other ways wait for this one to fail.
    pub has_standby: bool,
    /// The provider wants no call before this instant.
    pub paused_until: Option<Instant>,
}

impl Settlement {
    fn claim(&self) -> (Uuid, i64) {
        (self.id.uuid(), self.attempt)
    }
}

/// What was written.
#[derive(Debug, Default)]
pub struct Settled {
    /// For each whether it counted: `false` for an answer that came after its claim was lost.
    pub counted: Vec<bool>,
    /// Channels on which another way became due.
    pub promoted: Vec<Channel>,
}

impl Store {
    /// Writes how attempts ended, all in one transaction.
    ///
    /// # Errors
    /// When the database fails; then none was written.
    pub async fn settle_deliveries(
        &self,
        channel: Channel,
        settlements: &[Settlement],
        now: Instant,
    ) -> Result<Settled, StoreError> {
        let mut tx = self.begin().await?;
        let (mut counted, promoted) = settle(&mut tx, channel, settlements, now).await?;
        crash::point("courier.settling");
        tx.commit().await?;
        // Told twice, an end counts once.
        let counted = settlements
            .iter()
            .map(|ended| counted.remove(&ended.claim()));
        Ok(Settled {
            counted: counted.collect(),
            promoted,
        })
    }
}

/// Writes the ends of attempts and answers which of the claims still held, and where other ways became due; the
/// ends of the others are not written.
pub(super) async fn settle(
    tx: &mut Tx,
    channel: Channel,
    settlements: &[Settlement],
    now: Instant,
) -> Result<(BTreeSet<(Uuid, i64)>, Vec<Channel>), StoreError> {
    let counted = end_claims(tx, settlements).await?;
    // Told twice, an end is written once.
    let mut unwritten = counted.clone();
    let held: Vec<(&Settlement, Option<String>)> = settlements
        .iter()
        .filter(|ended| unwritten.remove(&ended.claim()))
        .map(|ended| (ended, ended.verdict.error.as_deref().map(kept)))
        .collect();
    let rows = end_deliveries(tx, &held, now).await?;
    write_attempts(tx, &held, now).await?;
    pause(tx, channel, settlements, now).await?;
    let dead: Vec<_> = held
        .iter()
        .filter(|(ended, _)| ended.verdict.dead.is_some())
        .collect();
    if !dead.is_empty() {
        suppress(tx, &dead, now).await?;
    }
    let waited_for: BTreeSet<_> = held
        .iter()
        .filter(|(ended, _)| ended.has_standby && ended.verdict.step != DeliveryStep::Fail)
        .map(|(ended, _)| ended.claim())
        .collect();
    let groups = rows
        .into_iter()
        .filter(|row| waited_for.contains(&(row.0, row.1)));
    let groups = groups.filter_map(|(_, _, event_id, rule_id, user_id)| {
        user_id.map(|user_id| Group {
            event_id,
            rule_id,
            user_id,
        })
    });
    let promoted = fallback::resolve(tx, groups.collect(), now).await?;
    Ok((counted, promoted))
}

/// Takes the claims out of their couriers' hands: what has come to its end is not outstanding any more, the rest waits
/// for its next turn, or for somebody to look at it. Answers which of the claims still held.
async fn end_claims(
    tx: &mut Tx,
    settlements: &[Settlement],
) -> Result<BTreeSet<(Uuid, i64)>, StoreError> {
    let (stay, gone): (Vec<&Settlement>, Vec<&Settlement>) = settlements
        .iter()
        .partition(|ended| stays(ended.verdict.status()));
    let mut held: Vec<(Uuid, i64)> = Rows::of_values()
        .ids("delivery", gone.iter().map(|ended| ended.id.uuid()))
        .numbers("number", gone.iter().map(|ended| ended.attempt))
        .run(
            "DELETE FROM outstanding WHERE lease_until IS NOT NULL
               AND (delivery_id, attempt) IN (SELECT delivery, number FROM v)
             RETURNING delivery_id, attempt",
            tx,
        )
        .await?;
    let staying: Vec<(Uuid, i64)> = Rows::of_values()
        .ids("delivery", stay.iter().map(|ended| ended.id.uuid()))
        .numbers("number", stay.iter().map(|ended| ended.attempt))
        .texts(
            "new_status",
            stay.iter().map(|ended| ended.verdict.status().as_str()),
        )
        .instants("retry_at", stay.iter().map(|ended| ended.verdict.next_at))
        .run(
            "UPDATE outstanding SET status = v.new_status, next_at = COALESCE(v.retry_at, next_at),
                 lease_until = NULL
             FROM v WHERE delivery_id = v.delivery AND attempt = v.number AND lease_until IS NOT NULL
             RETURNING delivery_id, attempt",
            tx,
        )
        .await?;
    held.extend(staying);
    Ok(held.into_iter().collect())
}

/// Whether something may still come of a message with this status.
fn stays(status: DeliveryStatus) -> bool {
    match status {
        DeliveryStatus::Standby
        | DeliveryStatus::Sent
        | DeliveryStatus::Kept
        | DeliveryStatus::Skipped => false,
        DeliveryStatus::Pending
        | DeliveryStatus::Sending
        | DeliveryStatus::Retrying
        | DeliveryStatus::Dead
        | DeliveryStatus::Ambiguous => true,
    }
}

type Ended = (Uuid, i64, Uuid, String, Option<Uuid>);

async fn end_deliveries(
    tx: &mut Tx,
    held: &[(&Settlement, Option<String>)],
    now: Instant,
) -> Result<Vec<Ended>, StoreError> {
    let all = || held.iter().map(|(ended, _)| *ended);
    let verdicts = || all().map(|ended| &ended.verdict);
    let reason = |verdict: &Verdict| match verdict.step {
        DeliveryStep::Skip => Some(verdict.outcome),
        DeliveryStep::Fail if verdict.repeats => Some(REPEAT),
        _ => None,
    };
    Rows::of_values()
        .ids("delivery_id", all().map(|ended| ended.id.uuid()))
        .numbers("number", all().map(|ended| ended.attempt))
        .texts(
            "new_status",
            verdicts().map(|verdict| verdict.status().as_str()),
        )
        .instants("retry_at", verdicts().map(|verdict| verdict.next_at))
        .texts(
            "message",
            verdicts().map(|verdict| verdict.provider_id.as_deref()),
        )
        .texts("error", held.iter().map(|(_, error)| error.as_deref()))
        .instants(
            "done_at",
            verdicts().map(|verdict| verdict.is_done().then_some(now)),
        )
        .instants("ended_at", all().map(|_| now))
        .texts("by", all().map(|ended| &*ended.provider))
        .texts(
            "turn",
            verdicts().map(|verdict| verdict.next_provider.as_deref()),
        )
        .numbers(
            "spent",
            verdicts().map(|verdict| i64::from(verdict.ends_round)),
        )
        .texts("why", verdicts().map(reason))
        .run(
            formatcp!(
                "UPDATE deliveries
             SET status = v.new_status, attempt = v.number, next_at = COALESCE(v.retry_at, next_at),
                 provider_id = v.message, last_error = v.error, sent_at = v.done_at,
                 updated_at = v.ended_at, provider = v.by, next_provider = v.turn,
                 rounds = rounds + v.spent, reason = {KEEPS_RETURN}
             FROM v WHERE id = v.delivery_id
             RETURNING id, attempt, event_id, rule_id, user_id"
            ),
            tx,
        )
        .await
}

/// Puts the tries on record.
async fn write_attempts(
    tx: &mut Tx,
    held: &[(&Settlement, Option<String>)],
    now: Instant,
) -> Result<(), StoreError> {
    let all = || held.iter().map(|(ended, _)| *ended);
    Rows::into("attempts")
        .ids("delivery_id", all().map(|ended| ended.id.uuid()))
        .numbers("number", all().map(|ended| ended.attempt))
        .instants("started_at", all().map(|ended| ended.claimed_at))
        .instants("finished_at", all().map(|_| now))
        .texts("outcome", all().map(|ended| ended.verdict.outcome))
        .texts("provider", all().map(|ended| &*ended.provider))
        .texts(
            "provider_id",
            all().map(|ended| ended.verdict.provider_id.as_deref()),
        )
        .texts("error", held.iter().map(|(_, error)| error.as_deref()))
        .insert(tx)
        .await
}

/// Remembers the pauses that providers asked for: a node that starts again must not call before they are over.
/// They count even where the claim was lost.
async fn pause(
    tx: &mut Tx,
    channel: Channel,
    settlements: &[Settlement],
    now: Instant,
) -> Result<(), StoreError> {
    let mut pauses: BTreeMap<&str, (Instant, &str)> = BTreeMap::new();
    for ended in settlements {
        let Some(until) = ended.paused_until.filter(|until| *until > now) else {
            continue;
        };
        let detail = ended.verdict.error.as_deref().unwrap_or_default();
        let longest = pauses.entry(&*ended.provider).or_insert((until, detail));
        if until > longest.0 {
            *longest = (until, detail);
        }
    }
    if pauses.is_empty() {
        return Ok(());
    }
    let details: Vec<String> = pauses.values().map(|(_, detail)| kept(detail)).collect();
    Rows::into("provider_pauses")
        .texts("channel", pauses.keys().map(|_| channel.as_str()))
        .texts("provider", pauses.keys().copied())
        .instants("until", pauses.values().map(|(until, _)| *until))
        .texts("detail", details.iter().map(String::as_str))
        .on_conflict(
            "ON CONFLICT (channel, provider) DO UPDATE SET
               detail = CASE WHEN excluded.until > provider_pauses.until
                 THEN excluded.detail ELSE provider_pauses.detail END,
               until = CASE WHEN excluded.until > provider_pauses.until
                 THEN excluded.until ELSE provider_pauses.until END",
        )
        .insert(tx)
        .await
}

/// Lets nothing more be sent to dead addresses. One that was registered again meanwhile is another matter.
async fn suppress(
    tx: &mut Tx,
    dead: &[&(&Settlement, Option<String>)],
    now: Instant,
) -> Result<(), StoreError> {
    let cause = |ended: &Settlement| ended.verdict.dead.map(|cause| cause.as_str());
    let rows = || {
        Rows::of_values()
            .ids("delivery_id", dead.iter().map(|(ended, _)| ended.id.uuid()))
            .texts("why", dead.iter().map(|(ended, _)| cause(ended)))
            .texts(
                "fault",
                dead.iter()
                    .map(|(_, error)| error.as_deref().unwrap_or_default()),
            )
            .instants("claimed_at", dead.iter().map(|(ended, _)| ended.claimed_at))
            .instants("ended_at", dead.iter().map(|_| now))
    };
    // A webhook that is gone is its owner's to see and to switch on again.
    rows()
        .run::<(String,)>(
            "INSERT INTO suppressions (channel, address, cause, detail, at)
             SELECT d.channel, d.address, MIN(v.why), MIN(v.fault), MIN(v.ended_at)
             FROM v JOIN deliveries d ON d.id = v.delivery_id
             WHERE d.channel <> 'webhook' AND NOT EXISTS
               (SELECT 1 FROM addresses a WHERE a.channel = d.channel AND a.address = d.address
                AND a.last_seen_at > v.claimed_at)
             GROUP BY d.channel, d.address ORDER BY d.channel, d.address
             ON CONFLICT (channel, address) DO UPDATE SET
               cause = excluded.cause, detail = excluded.detail, at = excluded.at
             RETURNING address",
            tx,
        )
        .await?;
    rows()
        .run::<(Uuid,)>(
            "UPDATE addresses SET ended_at = v.ended_at, ended_cause = v.why
             FROM v JOIN deliveries d ON d.id = v.delivery_id
             WHERE addresses.channel = d.channel AND addresses.address = d.address
               AND addresses.ended_at IS NULL AND addresses.last_seen_at <= v.claimed_at
             RETURNING addresses.id",
            tx,
        )
        .await?;
    Ok(())
}

/// A fault as it is kept.
fn kept(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(FAULT).collect()
}
