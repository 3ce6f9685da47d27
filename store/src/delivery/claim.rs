//! Taking what is due: the rows are claimed, the gates asked with what their readers want now, and what may not
//! leave is put back, all in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::Content;
use belfry_domain::gate::Class;
use belfry_domain::id::{DeliveryId, UserId};
use belfry_domain::notification::Category;
use belfry_domain::preference::Preferences;
use chrono_tz::Tz;
use const_format::formatcp;
use serde_json::Value;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::fallback::{self, Group};
use crate::db::Dialect;
use crate::preference::{self, PreferenceRow};
use crate::rows::Rows;
use crate::{Store, StoreError, Tx, crash};

/// Why a repeat must go to the provider that may have taken the message: kept in `deliveries.reason`.
pub(super) const REPEAT: &str = "repeat";
/// Why a way was skipped that need not be tried.
pub(super) const NOT_NEEDED: &str = "not_needed";

/// A delivery in a courier's hands.
#[derive(Clone, PartialEq, Debug)]
pub struct Claimed {
    pub id: DeliveryId,
    /// The number of this attempt, from 1; names the claim in every later write.
    pub attempt: i64,
    /// How often it failed at every provider there was.
    pub rounds: i64,
    /// Absent where it goes to a server and not to a person.
    pub user_id: Option<UserId>,
    pub address: String,
    pub kind: String,
    pub category: Category,
    pub class: Class,
    pub critical: bool,
    pub subject: String,
    /// What to send, or why the row cannot be read.
    pub content: Result<Content, String>,
    /// The provider whose turn it is.
    pub next_provider: Option<String>,
    /// Only that provider recognises the repeat.
    pub repeats: bool,
    /// Other ways wait for this one to fail.
    pub has_standby: bool,
    next_at: Instant,
    group: Option<Group>,
}

/// What its reader wants at this moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Reader {
    pub disabled: bool,
    pub time_zone: Tz,
    pub preferences: Preferences,
    /// Why nothing is sent to the address any more.
    pub suppressed: Option<String>,
}

/// What becomes of a claimed delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It leaves by this provider.
    Send { provider: Arc<str> },
    /// It waits, without having been tried; `gate` and why, unless it is merely not its turn.
    Hold {
        until: Instant,
        gate: Option<(&'static str, String)>,
    },
    /// It is not sent; `gate` and why.
    Drop { gate: &'static str, reason: String },
}

/// How much to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taking {
    pub limit: usize,
    /// At most so many of the class marketing.
    pub marketing: usize,
    pub lease_until: Instant,
}

/// What was taken.
#[derive(Debug, Default)]
pub struct Claim {
    /// Those to be sent, longest due first.
    pub claimed: Vec<(Claimed, Arc<str>)>,
    /// How many were put back or dropped.
    pub passed_over: usize,
    /// Channels on which something became due because another way was dropped.
    pub promoted: Vec<Channel>,
}

impl Store {
    /// Takes due deliveries of a channel, those of the class transactional first, then service, then marketing,
    /// each longest due first. `judge` is told what the reader wants, unless the delivery is nobody's, and says
    /// what becomes of each.
    ///
    /// # Errors
    /// When the database fails; then nothing was taken.
    pub async fn claim_deliveries(
        &self,
        channel: Channel,
        taking: Taking,
        now: Instant,
        mut judge: impl FnMut(&Claimed, Option<&Reader>) -> Fate,
    ) -> Result<Claim, StoreError> {
        let mut tx = self.begin().await?;
        let taken = take(&mut tx, channel, taking, now).await?;
        if taken.is_empty() {
            return Ok(Claim::default());
        }
        let readers = readers(&mut tx, channel, &taken).await?;
        let mut claim = Claim::default();
        let (mut held, mut dropped) = (Vec::new(), Vec::new());
        for claimed in taken {
            match judge(&claimed, readers.get(&claimed.id)) {
                Fate::Send { provider } => claim.claimed.push((claimed, provider)),
                Fate::Hold { until, gate } => held.push((claimed, until, gate)),
                Fate::Drop { gate, reason } => dropped.push((claimed, gate, reason)),
            }
        }
        claim.passed_over = held.len() + dropped.len();
        open_attempts(&mut tx, &claim.claimed, now).await?;
        put_back(&mut tx, &held, now).await?;
        claim.promoted = drop_some(&mut tx, &dropped, now).await?;
        crash::point("courier.claiming");
        tx.commit().await?;
        Ok(claim)
    }
}

/// Claims rows.
async fn take(
    tx: &mut Tx,
    channel: Channel,
    taking: Taking,
    now: Instant,
) -> Result<Vec<Claimed>, StoreError> {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let mut taken: Vec<Claimed> = on_tx!(tx, |c| {
        sqlx::query::<DB>(<DB as Dialect>::BY_INDEX_ORDER)
            .execute(&mut *c)
            .await?;
        let rows = sqlx::query::<DB>(formatcp!(
            "WITH first AS ({queue} AND class = 'transactional'
                ORDER BY next_at, id LIMIT $3 {skip}),
              second AS ({queue} AND class = 'service'
                ORDER BY next_at, id LIMIT $3 - (SELECT COUNT(*) FROM first) {skip}),
              third AS ({queue} AND class = 'marketing'
                ORDER BY next_at, id LIMIT (SELECT CASE WHEN taken.n + $4 > $3 THEN $3 - taken.n ELSE $4 END
                  FROM (SELECT (SELECT COUNT(*) FROM first) + (SELECT COUNT(*) FROM second) AS n) taken) {skip}),
              due AS (SELECT id FROM first UNION ALL SELECT id FROM second UNION ALL SELECT id FROM third)
             UPDATE deliveries
             SET status = 'sending', attempt = attempt + 1, lease_until = $5, updated_at = $2
             WHERE id {in_due}
             RETURNING id, attempt, rounds, user_id, address, kind, category, class, critical, subject, content,
               next_provider, reason, next_at, event_id, rule_id,
               EXISTS (SELECT 1 FROM deliveries s
                 WHERE s.status = 'standby' AND s.event_id = deliveries.event_id
                   AND s.rule_id = deliveries.rule_id AND s.user_id = deliveries.user_id) AS has_standby",
            queue = "SELECT id FROM deliveries
                WHERE channel = $1 AND status IN ('pending', 'retrying') AND next_at <= $2",
            skip = <DB as Dialect>::SKIP_LOCKED,
            in_due = <DB as Dialect>::ID_IN_DUE
        ))
        .bind(channel.as_str())
        .bind(now)
        .bind(count(taking.limit))
        .bind(count(taking.marketing))
        .bind(taking.lease_until)
        .fetch_all(&mut *c)
        .await?;
        let read = rows.iter().map(|row| {
            let content = row.try_get::<Value, _>("content");
            let user_id = row.try_get::<Option<Uuid>, _>("user_id")?;
            let (event_id, rule_id) = (row.try_get("event_id")?, row.try_get("rule_id")?);
            let name = |column: &str| row.try_get::<String, _>(column);
            let reason = row.try_get::<Option<String>, _>("reason")?;
            Ok::<_, sqlx::Error>(Claimed {
                id: row.try_get::<Uuid, _>("id")?.into(),
                attempt: row.try_get("attempt")?,
                rounds: row.try_get("rounds")?,
                user_id: user_id.map(UserId::from),
                address: row.try_get("address")?,
                kind: row.try_get("kind")?,
                // A word that this build does not know must not cost its reader the message.
                category: name("category")?.parse().unwrap_or(Category::Booking),
                class: name("class")?.parse().unwrap_or(Class::Transactional),
                critical: row.try_get("critical")?,
                subject: row.try_get("subject")?,
                content: content
                    .map_err(|error| error.to_string())
                    .and_then(|json| serde_json::from_value(json).map_err(|e| e.to_string())),
                next_provider: row.try_get("next_provider")?,
                repeats: reason.as_deref() == Some(REPEAT),
                has_standby: row.try_get("has_standby")?,
                next_at: row.try_get("next_at")?,
                group: user_id.map(|user_id| Group {
                    event_id,
                    rule_id,
                    user_id,
                }),
            })
        });
        read.collect::<Result<_, _>>()?
    });
    taken.sort_by_key(|claimed| (claimed.class, claimed.next_at, claimed.id));
    Ok(taken)
}

#[derive(FromRow)]
struct ReaderRow {
    delivery_id: Uuid,
    found: bool,
    disabled: bool,
    time_zone: String,
    #[sqlx(flatten)]
    chosen: PreferenceRow,
    cause: Option<String>,
}

/// What the readers want, and whether their addresses take messages.
async fn readers(
    tx: &mut Tx,
    channel: Channel,
    taken: &[Claimed],
) -> Result<BTreeMap<DeliveryId, Reader>, StoreError> {
    let of_people = || taken.iter().filter(|claimed| claimed.user_id.is_some());
    let rows: Vec<ReaderRow> = Rows::of_values()
        .ids("delivery_id", of_people().map(|claimed| claimed.id.uuid()))
        .ids("person", of_people().map(|claimed| claimed.user_id.map(|id| id.uuid())))
        .texts("way", of_people().map(|_| channel.as_str()))
        .texts("place", of_people().map(|claimed| claimed.address.as_str()))
        .run(
            formatcp!(
                "SELECT v.delivery_id, u.disabled, u.time_zone, {}, s.cause,
                   -- Mail and phone stand in the account; every other address may have gone to somebody else.
                   v.way IN ('email', 'sms') OR a.id IS NOT NULL AS found
                 FROM v JOIN users u ON u.id = v.person
                 LEFT JOIN preferences p ON p.user_id = u.id
                 LEFT JOIN suppressions s ON s.channel = v.way AND s.address = v.place
                 LEFT JOIN addresses a ON a.channel = v.way AND a.address = v.place
                   AND a.user_id = v.person AND a.ended_at IS NULL",
                preference::COLUMNS
            ),
            tx,
        )
        .await?;
    let readers = rows.into_iter().map(|row| {
        let reader = Reader {
            disabled: row.disabled,
            // A zone this build does not know must not cost the person the message.
            time_zone: row.time_zone.parse().unwrap_or_default(),
            preferences: row.chosen.into_preferences(),
            suppressed: row.cause.or((!row.found).then(|| "ended".to_owned())),
        };
        (DeliveryId::from(row.delivery_id), reader)
    });
    Ok(readers.collect())
}

async fn open_attempts(
    tx: &mut Tx,
    claimed: &[(Claimed, Arc<str>)],
    now: Instant,
) -> Result<(), StoreError> {
    Rows::into("attempts")
        .ids(
            "delivery_id",
            claimed.iter().map(|(delivery, _)| delivery.id.uuid()),
        )
        .numbers(
            "number",
            claimed.iter().map(|(delivery, _)| delivery.attempt),
        )
        .instants("started_at", claimed.iter().map(|_| now))
        .texts("provider", claimed.iter().map(|(_, provider)| &**provider))
        .insert(tx)
        .await
}

type Held = (Claimed, Instant, Option<(&'static str, String)>);

/// Gives back what has to wait, as if it had not been taken, and writes down why.
async fn put_back(tx: &mut Tx, held: &[Held], now: Instant) -> Result<(), StoreError> {
    if held.is_empty() {
        return Ok(());
    }
    // Why a repeat must go where it was stays known.
    let reason = |(claimed, _, gate): &'_ Held| -> Option<String> {
        let gate = gate.as_ref().filter(|_| !claimed.repeats)?;
        Some(gate.0.to_owned())
    };
    let reasons: Vec<_> = held.iter().map(reason).collect();
    Rows::of_values()
        .ids("delivery_id", held.iter().map(|(claimed, ..)| claimed.id.uuid()))
        .instants("until", held.iter().map(|(_, until, _)| *until))
        .texts("why", reasons.iter().map(|reason| reason.as_deref()))
        .run::<(Uuid,)>(
            "UPDATE deliveries
             SET status = CASE WHEN attempt = 1 THEN 'pending' ELSE 'retrying' END, attempt = attempt - 1,
                 lease_until = NULL, next_at = v.until, reason = COALESCE(v.why, reason)
             FROM v WHERE id = v.delivery_id RETURNING id",
            tx,
        )
        .await?;
    let gates = || {
        held.iter().filter_map(|(claimed, until, gate)| {
            gate.as_ref().map(|gate| (claimed.id.uuid(), *until, gate))
        })
    };
    Rows::into("delivery_gates")
        .ids("delivery_id", gates().map(|(id, ..)| id))
        .instants("at", gates().map(|_| now))
        .texts("gate", gates().map(|(.., (gate, _))| *gate))
        .texts("reason", gates().map(|(.., (_, reason))| reason.as_str()))
        .instants("until", gates().map(|(_, until, _)| until))
        .insert(tx)
        .await
}

/// Ends what is not to be sent, writes down why, and answers where other ways became due for it.
async fn drop_some(
    tx: &mut Tx,
    dropped: &[(Claimed, &'static str, String)],
    now: Instant,
) -> Result<Vec<Channel>, StoreError> {
    if dropped.is_empty() {
        return Ok(Vec::new());
    }
    Rows::of_values()
        .ids(
            "delivery_id",
            dropped.iter().map(|(claimed, ..)| claimed.id.uuid()),
        )
        .texts("why", dropped.iter().map(|(.., reason)| reason.as_str()))
        .run::<(Uuid,)>(
            "UPDATE deliveries
             SET status = 'skipped', attempt = attempt - 1, lease_until = NULL, reason = v.why
             FROM v WHERE id = v.delivery_id RETURNING id",
            tx,
        )
        .await?;
    Rows::into("delivery_gates")
        .ids(
            "delivery_id",
            dropped.iter().map(|(claimed, ..)| claimed.id.uuid()),
        )
        .instants("at", dropped.iter().map(|_| now))
        .texts("gate", dropped.iter().map(|(_, gate, _)| *gate))
        .texts("reason", dropped.iter().map(|(.., reason)| reason.as_str()))
        .instants("until", dropped.iter().map(|_| None))
        .insert(tx)
        .await?;
    let groups = dropped.iter().filter(|(claimed, ..)| claimed.has_standby);
    let groups = groups.filter_map(|(claimed, ..)| claimed.group.clone());
    fallback::resolve(tx, groups.collect(), now).await
}
