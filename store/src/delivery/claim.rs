//! Taking what is due: the gates are asked with what the readers want now, what may leave is claimed, and what may
//! not waits on, all in one transaction.

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
use sqlx::types::Json;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::fallback::{self, Group};
use crate::db::{Dialect, IdList};
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
        lease(&mut tx, &claim.claimed, taking.lease_until, now).await?;
        put_back(&mut tx, &held, now).await?;
        claim.promoted = drop_some(&mut tx, &dropped, now).await?;
        crash::point("courier.claiming");
        tx.commit().await?;
        Ok(claim)
    }
}

/// Keeps everybody else from what is due, and reads it.
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
        let due: Vec<(Uuid, Instant)> = sqlx::query_as::<DB, _>(formatcp!(
            "WITH first AS ({queue} AND class = 'transactional'
                ORDER BY next_at, delivery_id LIMIT $3 {skip}),
              second AS ({queue} AND class = 'service'
                ORDER BY next_at, delivery_id LIMIT $3 - (SELECT COUNT(*) FROM first) {skip}),
              third AS ({queue} AND class = 'marketing'
                ORDER BY next_at, delivery_id LIMIT (SELECT CASE WHEN taken.n + $4 > $3 THEN $3 - taken.n ELSE $4 END
                  FROM (SELECT (SELECT COUNT(*) FROM first) + (SELECT COUNT(*) FROM second) AS n) taken) {skip})
             SELECT delivery_id, next_at FROM first UNION ALL SELECT delivery_id, next_at FROM second
             UNION ALL SELECT delivery_id, next_at FROM third",
            queue = "SELECT delivery_id, next_at FROM outstanding
                WHERE channel = $1 AND status IN ('pending', 'retrying') AND lease_until IS NULL AND next_at <= $2",
            skip = <DB as Dialect>::SKIP_LOCKED
        ))
        .bind(channel.as_str())
        .bind(now)
        .bind(count(taking.limit))
        .bind(count(taking.marketing))
        .fetch_all(&mut *c)
        .await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let next_at: BTreeMap<Uuid, Instant> = due.iter().copied().collect();
        // By a statement of its own: it sees what was written until the rows were this transaction's.
        let rows = sqlx::query::<DB>(formatcp!(
            "SELECT id, attempt, rounds, user_id, address, kind, category, class, critical, subject, content,
               next_provider, reason, event_id, rule_id,
               EXISTS (SELECT 1 FROM deliveries s
                 WHERE s.status = 'standby' AND s.event_id = d.event_id
                   AND s.rule_id = d.rule_id AND s.user_id = d.user_id) AS has_standby
             FROM deliveries d WHERE id {}",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(IdList(due.into_iter().map(|(id, _)| id).collect()))
        .fetch_all(&mut *c)
        .await?;
        let read = rows.iter().map(|row| {
            let id: Uuid = row.try_get("id")?;
            let user_id = row.try_get::<Option<Uuid>, _>("user_id")?;
            let (event_id, rule_id) = (row.try_get("event_id")?, row.try_get("rule_id")?);
            let name = |column: &str| row.try_get::<&str, _>(column);
            let reason = row.try_get::<Option<&str>, _>("reason")?;
            Ok::<_, sqlx::Error>(Claimed {
                id: id.into(),
                attempt: row.try_get::<i64, _>("attempt")? + 1,
                rounds: row.try_get("rounds")?,
                user_id: user_id.map(UserId::from),
                address: row.try_get("address")?,
                kind: row.try_get("kind")?,
                // A word that this build does not know must not cost its reader the message.
                category: name("category")?.parse().unwrap_or(Category::Booking),
                class: name("class")?.parse().unwrap_or(Class::Transactional),
                critical: row.try_get("critical")?,
                subject: row.try_get("subject")?,
                content: row
                    .try_get::<Json<Content>, _>("content")
                    .map(|content| content.0)
                    .map_err(|error| error.to_string()),
                next_provider: row.try_get("next_provider")?,
                repeats: reason == Some(REPEAT),
                has_standby: row.try_get("has_standby")?,
                next_at: next_at.get(&id).copied().unwrap_or(now),
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

/// Writes down who has what in hand, and until when nobody else takes it.
async fn lease(
    tx: &mut Tx,
    claimed: &[(Claimed, Arc<str>)],
    lease_until: Instant,
    now: Instant,
) -> Result<(), StoreError> {
    Rows::of_values()
        .ids(
            "id",
            claimed.iter().map(|(delivery, _)| delivery.id.uuid()),
        )
        .numbers(
            "number",
            claimed.iter().map(|(delivery, _)| delivery.attempt),
        )
        .texts("by", claimed.iter().map(|(_, provider)| &**provider))
        .instants("at", claimed.iter().map(|_| now))
        .instants("until", claimed.iter().map(|_| lease_until))
        .run::<(Uuid,)>(
            "UPDATE outstanding SET attempt = v.number, provider = v.by, claimed_at = v.at, lease_until = v.until
             FROM v WHERE delivery_id = v.id RETURNING delivery_id",
            tx,
        )
        .await?;
    Ok(())
}

type Held = (Claimed, Instant, Option<(&'static str, String)>);

/// Lets wait what has to wait, and writes down why.
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
    let rows = || {
        Rows::of_values()
            .ids(
                "delivery",
                held.iter().map(|(claimed, ..)| claimed.id.uuid()),
            )
            .instants("until", held.iter().map(|(_, until, _)| *until))
    };
    rows()
        .run::<(Uuid,)>(
            "UPDATE outstanding SET next_at = v.until FROM v WHERE delivery_id = v.delivery RETURNING delivery_id",
            tx,
        )
        .await?;
    rows()
        .texts("why", reasons.iter().map(|reason| reason.as_deref()))
        .run::<(Uuid,)>(
            "UPDATE deliveries SET next_at = v.until, reason = COALESCE(v.why, reason)
             FROM v WHERE id = v.delivery RETURNING id",
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
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "DELETE FROM outstanding WHERE delivery_id {}",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(IdList(
            dropped
                .iter()
                .map(|(claimed, ..)| claimed.id.uuid())
                .collect(),
        ))
        .execute(&mut *c)
        .await?;
    });
    Rows::of_values()
        .ids(
            "delivery_id",
            dropped.iter().map(|(claimed, ..)| claimed.id.uuid()),
        )
        .texts("why", dropped.iter().map(|(.., reason)| reason.as_str()))
        .run::<(Uuid,)>(
            "UPDATE deliveries SET status = 'skipped', reason = v.why
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
