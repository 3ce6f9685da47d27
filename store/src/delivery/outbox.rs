//! What administrators see of deliveries.

use belfry_domain::Instant;
use belfry_domain::delivery::{Content, DeliveryStatus, DeliveryStep};
use belfry_domain::id::{DeliveryId, EventId, UserId};
use const_format::formatcp;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Anywhere, Dialect, IdList};
use crate::{Store, StoreError, Tx, suppression};

/// One delivery of a list.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    pub id: DeliveryId,
    pub channel: String,
    pub address: String,
    pub status: DeliveryStatus,
    pub subject: String,
    pub kind: String,
    pub attempt: i64,
    pub next_at: Instant,
    pub created_at: Instant,
    pub sent_at: Option<Instant>,
    pub last_error: Option<String>,
    /// Who took it, or was the last to be given it.
    pub provider: Option<String>,
    pub category: String,
    pub class: String,
    /// 0 for those that leave at once, n for the n-th way after others have failed.
    pub rank: i64,
    /// Why it was skipped, or is held.
    pub reason: Option<String>,
    pub event_id: Uuid,
    /// The rule that it was planned by.
    pub rule_id: String,
    /// Whose it is; a webhook's is nobody's.
    pub user: Option<(UserId, String)>,
}

/// One delivery with what was sent and how often it was tried.
#[derive(Clone, PartialEq, Debug)]
pub struct ItemDetail {
    pub item: Item,
    pub content: Content,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
}

/// One try.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct Attempt {
    pub number: i64,
    pub started_at: Instant,
    /// `None` while it is under way.
    pub finished_at: Option<Instant>,
    pub outcome: Option<String>,
    /// Who was called.
    pub provider: Option<String>,
    pub provider_id: Option<String>,
    pub error: Option<String>,
}

/// Which deliveries to list; `None` means any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    pub status: Option<DeliveryStatus>,
    pub channel: Option<String>,
    pub user_id: Option<UserId>,
    pub event_id: Option<EventId>,
    /// The rule they were planned by, such as that of a webhook.
    pub rule_id: Option<String>,
    /// Text somewhere in address or subject.
    pub query: Option<String>,
    /// Made then or later.
    pub made_since: Option<Instant>,
    /// The oldest first instead of the newest.
    pub oldest_first: bool,
}

/// A page of the list. Each order is a text of its own: one with both would be read through from the start.
macro_rules! page {
    ($beyond:literal, $order:literal) => {
        formatcp!(
            "{ITEM}
             WHERE ($1 IS NULL OR {STATUS} = $1) AND ($2 IS NULL OR d.channel = $2)
               AND ($3 IS NULL OR d.address {finds} $3 OR d.subject {finds} $3)
               AND ($4 IS NULL OR (d.created_at, d.id) {beyond} ($4, $5))
               AND ($7 IS NULL OR d.user_id = $7) AND ($8 IS NULL OR d.event_id = $8)
               AND ($9 IS NULL OR d.rule_id = $9) AND ($10 IS NULL OR d.created_at >= $10)
             ORDER BY d.created_at {order}, d.id {order} LIMIT $6",
            finds = <DB as Dialect>::FINDS,
            beyond = $beyond,
            order = $order
        )
    };
}

/// What came of the wish to send something again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resent {
    /// It is due now.
    Due { before: DeliveryStatus },
    /// It is neither dead nor in doubt.
    NotNow(DeliveryStatus),
    /// There is no such delivery.
    Missing,
}

#[derive(FromRow)]
struct ItemRow {
    id: Uuid,
    channel: String,
    address: String,
    status: String,
    subject: String,
    kind: String,
    attempt: i64,
    next_at: Instant,
    created_at: Instant,
    sent_at: Option<Instant>,
    last_error: Option<String>,
    provider: Option<String>,
    category: String,
    class: String,
    rank: i64,
    reason: Option<String>,
    event_id: Uuid,
    rule_id: String,
    user_id: Option<Uuid>,
    user_name: Option<String>,
}

impl TryFrom<ItemRow> for Item {
    type Error = StoreError;

    fn try_from(row: ItemRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            channel: row.channel,
            address: row.address,
            status: row.status.parse().map_err(StoreError::unreadable)?,
            subject: row.subject,
            kind: row.kind,
            attempt: row.attempt,
            next_at: row.next_at,
            created_at: row.created_at,
            sent_at: row.sent_at,
            last_error: row.last_error,
            provider: row.provider,
            category: row.category,
            class: row.class,
            rank: row.rank,
            reason: row.reason,
            event_id: row.event_id,
            rule_id: row.rule_id,
            user: row.user_id.map(UserId::from).zip(row.user_name),
        })
    }
}

/// The status of the delivery `d` with its row `o` in `outstanding`, if it has one.
pub(crate) const STATUS: &str = "CASE WHEN o.lease_until IS NULL THEN d.status ELSE 'sending' END";

const ITEM: &str = formatcp!(
    "SELECT d.id, d.channel, d.address, {STATUS} AS status, d.subject, d.kind,
       COALESCE(o.attempt, d.attempt) AS attempt, d.next_at, d.created_at, d.sent_at, d.last_error,
       COALESCE(o.provider, d.provider) AS provider, d.category, d.class, d.rank, d.reason,
       d.event_id, d.rule_id, d.user_id, u.name AS user_name
     FROM deliveries d LEFT JOIN outstanding o ON o.delivery_id = d.id LEFT JOIN users u ON u.id = d.user_id"
);

/// Deliveries given back at once.
const LOT: i64 = 500;

impl Store {
    /// A page of deliveries, newest first unless the filter says otherwise, after the one made at `after.0` with id `after.1`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deliveries(
        &self,
        filter: &Filter,
        after: Option<(Instant, DeliveryId)>,
        limit: i64,
    ) -> Result<Vec<Item>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, ItemRow>(if filter.oldest_first {
                page!(">", "ASC")
            } else {
                page!("<", "DESC")
            })
            .bind(filter.status.map(DeliveryStatus::as_str))
            .bind(filter.channel.as_deref())
            .bind(filter.query.as_deref().map(Anywhere))
            .bind(after.map(|(at, _)| at))
            .bind(after.map(|(_, id)| id.uuid()))
            .bind(limit)
            .bind(filter.user_id.map(UserId::uuid))
            .bind(filter.event_id.map(EventId::uuid))
            .bind(filter.rule_id.as_deref())
            .bind(filter.made_since)
            .fetch_all(pool)
            .await?
            .into_iter()
            .map(Item::try_from)
            .collect()
        })
    }

    /// One delivery with its content and attempts, as they were at one moment.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<ItemDetail>, StoreError> {
        let mut tx = self.begin_reading().await?;
        let found = read(&mut tx, id).await?;
        tx.commit().await?;
        Ok(found)
    }
}

/// One delivery with its content and attempts.
pub(crate) async fn read(tx: &mut Tx, id: DeliveryId) -> Result<Option<ItemDetail>, StoreError> {
    let found = on_tx!(tx, |c| {
        let item = sqlx::query_as::<DB, ItemRow>(formatcp!("{ITEM} WHERE d.id = $1"))
            .bind(id.uuid())
            .fetch_optional(&mut *c)
            .await?;
        let content =
            sqlx::query_scalar::<DB, Value>("SELECT content FROM deliveries WHERE id = $1")
                .bind(id.uuid())
                .fetch_optional(&mut *c)
                .await?;
        let attempts = sqlx::query_as::<DB, Attempt>(
            "SELECT number, started_at, finished_at, outcome, provider, provider_id, error
             FROM attempts WHERE delivery_id = $1
             UNION ALL SELECT attempt, claimed_at, NULL, NULL, provider, NULL, NULL
             FROM outstanding WHERE delivery_id = $1 AND lease_until IS NOT NULL
             ORDER BY 1",
        )
        .bind(id.uuid())
        .fetch_all(&mut *c)
        .await?;
        item.zip(content)
            .map(|(item, content)| (item, content, attempts))
    });
    let Some((item, content, attempts)) = found else {
        return Ok(None);
    };
    Ok(Some(ItemDetail {
        item: item.try_into()?,
        content: serde_json::from_value(content).map_err(StoreError::unreadable)?,
        attempts,
    }))
}

/// Makes a dead or doubtful delivery due again. Past its last regular attempt it is tried once more. Whoever asks for
/// this one message says that its address is good: what is held against that is lifted.
///
/// # Errors
/// When the database fails.
pub async fn resend(tx: &mut Tx, id: DeliveryId, now: Instant) -> Result<Resent, StoreError> {
    let status: Option<String> = on_tx!(tx, |c| {
        // The row is kept from others first: the status beside it may be older.
        sqlx::query::<DB>(formatcp!(
            "SELECT 1 FROM deliveries WHERE id = $1 {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(id.uuid())
        .execute(&mut *c)
        .await?;
        sqlx::query_scalar::<DB, String>(formatcp!(
            "SELECT {STATUS} FROM deliveries d LEFT JOIN outstanding o ON o.delivery_id = d.id WHERE d.id = $1"
        ))
        .bind(id.uuid())
        .fetch_optional(&mut *c)
        .await?
    });
    let Some(status) = status else {
        return Ok(Resent::Missing);
    };
    let before: DeliveryStatus = status.parse().map_err(StoreError::unreadable)?;
    let Some(after) = before.after(DeliveryStep::Resend) else {
        return Ok(Resent::NotNow(before));
    };
    let (channel, address) = on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE outstanding SET status = $2, next_at = $3 WHERE delivery_id = $1",
        )
        .bind(id.uuid())
        .bind(after.as_str())
        .bind(now)
        .execute(&mut *c)
        .await?;
        sqlx::query_as::<DB, (String, String)>(
            "UPDATE deliveries SET status = $2, next_at = $3, updated_at = $3 WHERE id = $1
             RETURNING channel, address",
        )
        .bind(id.uuid())
        .bind(after.as_str())
        .bind(now)
        .fetch_one(&mut *c)
        .await?
    });
    if let Ok(channel) = channel.parse() {
        suppression::lift(tx, channel, &address).await?;
    }
    Ok(Resent::Due { before })
}

/// Where nothing goes to the address of a delivery any more: it is suppressed, or has ended, or is somebody else's.
const UNREACHABLE: &str =
    "(EXISTS (SELECT 1 FROM suppressions s WHERE s.channel = d.channel AND s.address = d.address)
   OR (d.user_id IS NOT NULL AND d.channel NOT IN ('email', 'sms') AND NOT EXISTS
     (SELECT 1 FROM addresses a WHERE a.channel = d.channel AND a.address = d.address
      AND a.user_id = d.user_id AND a.ended_at IS NULL)))";

/// What a filter of deliveries that are sent again asks for, with its places from `$1` on.
macro_rules! resendable {
    () => {
        formatcp!(
            "d.status = $1 AND d.updated_at <= $2 AND ($3 IS NULL OR d.channel = $3)
             AND ($4 IS NULL OR d.address {finds} $4 OR d.subject {finds} $4)
             AND ($5 IS NULL OR d.user_id = $5) AND ($6 IS NULL OR d.event_id = $6)
             AND ($7 IS NULL OR d.rule_id = $7) AND ($8 IS NULL OR d.created_at >= $8)",
            finds = <DB as Dialect>::FINDS
        )
    };
}

impl Store {
    /// How many dead or doubtful deliveries fit the filter that nothing would come of, because nothing goes to their
    /// addresses any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unreachable_deliveries(
        &self,
        filter: &Filter,
        as_of: Instant,
    ) -> Result<u64, StoreError> {
        let status = filter.status.unwrap_or(DeliveryStatus::Dead);
        let count: i64 = on_read!(self, |pool| {
            sqlx::query_scalar::<DB, i64>(formatcp!(
                "SELECT COUNT(*) FROM deliveries d WHERE {} AND {UNREACHABLE}",
                resendable!()
            ))
            .bind(status.as_str())
            .bind(as_of)
            .bind(filter.channel.as_deref())
            .bind(filter.query.as_deref().map(Anywhere))
            .bind(filter.user_id.map(UserId::uuid))
            .bind(filter.event_id.map(EventId::uuid))
            .bind(filter.rule_id.as_deref())
            .bind(filter.made_since)
            .fetch_one(pool)
            .await?
        });
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// Makes dead or doubtful deliveries due again, a lot of them at a time: those that fit the filter and were not
/// changed after `as_of`. Those to whose addresses nothing goes any more are left as they are. Answers how many
/// there were: none when all are done.
///
/// # Errors
/// When the database fails.
pub async fn resend_some(tx: &mut Tx, filter: &Filter, as_of: Instant) -> Result<u64, StoreError> {
    let status = filter.status.unwrap_or(DeliveryStatus::Dead);
    let Some(after) = status.after(DeliveryStep::Resend) else {
        return Ok(0);
    };
    Ok(on_tx!(tx, |c| {
        let ids = sqlx::query_scalar::<DB, Uuid>(formatcp!(
            "WITH due AS (
               SELECT d.id FROM deliveries d WHERE {wanted} AND NOT {UNREACHABLE}
               ORDER BY d.id LIMIT {LOT} {skip})
             UPDATE deliveries SET status = $9, next_at = $2, updated_at = $2 WHERE id {in_due} RETURNING id",
            wanted = resendable!(),
            skip = <DB as Dialect>::SKIP_LOCKED,
            in_due = <DB as Dialect>::ID_IN_DUE
        ))
        .bind(status.as_str())
        .bind(as_of)
        .bind(filter.channel.as_deref())
        .bind(filter.query.as_deref().map(Anywhere))
        .bind(filter.user_id.map(UserId::uuid))
        .bind(filter.event_id.map(EventId::uuid))
        .bind(filter.rule_id.as_deref())
        .bind(filter.made_since)
        .bind(after.as_str())
        .fetch_all(&mut *c)
        .await?;
        sqlx::query::<DB>(formatcp!(
            "UPDATE outstanding SET status = $2, next_at = $3 WHERE delivery_id {}",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(IdList(ids))
        .bind(after.as_str())
        .bind(as_of)
        .execute(&mut *c)
        .await?
        .rows_affected()
    }))
}
