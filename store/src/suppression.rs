//! Addresses to which nothing is sent any more, and the reports that lead there.

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::Returned;
use belfry_domain::id::{DeliveryId, UserId};
use belfry_domain::notification::Category;
use chrono::TimeDelta;
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Anywhere, Dialect};
use crate::delivery::fallback::{self, Group};
use crate::{Store, StoreError, Tx};

/// So many mails in [`SOFT_DAYS`] that came back without fault of their address, and it counts as bad.
pub const SOFT_LIMIT: i64 = 5;
/// The days in which they are counted.
pub const SOFT_DAYS: i64 = 7;

/// An address to which nothing is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suppression {
    pub channel: Channel,
    pub address: String,
    /// Stable word, such as `bounced` or `complained`.
    pub cause: String,
    /// In the words of whoever said so.
    pub detail: String,
    pub at: Instant,
}

/// An address to which nothing is sent, with whose it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    pub suppression: Suppression,
    /// Absent where it is nobody's any more, and for phones, by which nobody is looked up.
    pub user: Option<(UserId, String)>,
}

/// Which suppressions to list; `None` means any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    pub channel: Option<Channel>,
    pub cause: Option<String>,
    /// Text somewhere in the address.
    pub query: Option<String>,
}

/// Whose message a report is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reported {
    pub user_id: Option<UserId>,
    pub category: Category,
    /// Whether nothing goes to its address from now on.
    pub suppressed: bool,
    /// Channels on which another way became due, because this one reached nobody.
    pub promoted: Vec<Channel>,
}

#[derive(FromRow)]
struct Row {
    channel: String,
    address: String,
    cause: String,
    detail: String,
    at: Instant,
}

impl TryFrom<Row> for Suppression {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            channel: row.channel.parse().map_err(StoreError::unreadable)?,
            address: row.address,
            cause: row.cause,
            detail: row.detail,
            at: row.at,
        })
    }
}

impl Store {
    /// A page of suppressions, newest first, after the one made at `after.0` of the address `after.1`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn suppressions(
        &self,
        filter: &Filter,
        after: Option<(Instant, String)>,
        limit: i64,
    ) -> Result<Vec<Listed>, StoreError> {
        #[derive(FromRow)]
        struct ListedRow {
            #[sqlx(flatten)]
            row: Row,
            user_id: Option<Uuid>,
            user_name: Option<String>,
        }
        let (at, place) = after.unzip();
        let channel = filter.channel.map(Channel::as_str);
        let query = filter.query.as_deref().map(Anywhere);
        let rows = on_read!(self, |pool| {
            sqlx::query_as::<DB, ListedRow>(formatcp!(
                "SELECT s.channel, s.address, s.cause, s.detail, s.at, u.id AS user_id, u.name AS user_name \
                 FROM (SELECT channel, address, cause, detail, at FROM suppressions \
                   WHERE ($1 IS NULL OR channel = $1) AND ($2 IS NULL OR address {} $2) \
                     AND ($3 IS NULL OR at < $3 OR (at = $3 AND channel || ':' || address > $4)) \
                     AND ($6 IS NULL OR cause = $6) \
                   ORDER BY at DESC, channel || ':' || address LIMIT $5) s \
                 LEFT JOIN addresses a ON a.channel = s.channel AND a.address = s.address \
                 LEFT JOIN users m ON s.channel = 'email' AND m.email = s.address \
                 LEFT JOIN users u ON u.id = COALESCE(a.user_id, m.id) \
                 ORDER BY s.at DESC, s.channel || ':' || s.address",
                <DB as Dialect>::FINDS
            ))
            .bind(channel)
            .bind(query)
            .bind(at)
            .bind(place)
            .bind(limit)
            .bind(filter.cause.as_deref())
            .fetch_all(pool)
            .await?
        });
        let listed = rows.into_iter().map(|row| {
            Ok(Listed {
                suppression: row.row.try_into()?,
                user: row.user_id.map(UserId::from).zip(row.user_name),
            })
        });
        listed.collect()
    }
}

/// Sends nothing to an address any more. The newest cause counts.
///
/// # Errors
/// When the database fails.
pub async fn suppress(tx: &mut Tx, suppression: &Suppression) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO suppressions (channel, address, cause, detail, at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (channel, address) DO UPDATE SET cause = excluded.cause, \
               detail = excluded.detail, at = excluded.at",
        )
        .bind(suppression.channel.as_str())
        .bind(&suppression.address)
        .bind(&suppression.cause)
        .bind(&suppression.detail)
        .bind(suppression.at)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Sends to an address again, and counts anew what comes back; answers what was lifted.
///
/// # Errors
/// When the database fails.
pub async fn lift(
    tx: &mut Tx,
    channel: Channel,
    address: &str,
) -> Result<Option<Suppression>, StoreError> {
    let row: Option<Row> = on_tx!(tx, |c| {
        sqlx::query::<DB>("DELETE FROM soft_bounces WHERE channel = $1 AND address = $2")
            .bind(channel.as_str())
            .bind(address)
            .execute(&mut *c)
            .await?;
        sqlx::query_as::<DB, Row>(
            "DELETE FROM suppressions WHERE channel = $1 AND address = $2 \
             RETURNING channel, address, cause, detail, at",
        )
        .bind(channel.as_str())
        .bind(address)
        .fetch_optional(&mut *c)
        .await?
    });
    row.map(Suppression::try_from).transpose()
}

#[derive(FromRow)]
struct Message {
    event_id: Uuid,
    rule_id: String,
    user_id: Option<Uuid>,
    rank: i64,
    channel: String,
    address: String,
    category: String,
}

/// Writes down what became of a message that had been taken, and makes the next way of its rule due where it
/// reached nobody; `None` when there is no such message.
///
/// # Errors
/// When the database fails.
pub async fn report(
    tx: &mut Tx,
    delivery: DeliveryId,
    what: Returned,
    detail: &str,
    now: Instant,
) -> Result<Option<Reported>, StoreError> {
    let found: Option<Message> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, Message>(
            "UPDATE deliveries SET reason = $2, last_error = $3, updated_at = $4 WHERE id = $1 \
             RETURNING event_id, rule_id, user_id, rank, channel, address, category",
        )
        .bind(delivery.uuid())
        .bind(what.as_str())
        .bind(detail)
        .bind(now)
        .fetch_optional(&mut *c)
        .await?
    });
    let Some(message) = found else {
        return Ok(None);
    };
    let (cause, detail) = match what {
        Returned::Undelivered | Returned::Delayed => {
            let times = count_soft(tx, delivery, &message, detail, now).await?;
            let detail = format!("{times} times in {SOFT_DAYS} days: {detail}");
            ((times >= SOFT_LIMIT).then_some("bounced"), detail)
        }
        Returned::Bounced | Returned::Complained => (Some(what.as_str()), detail.to_owned()),
    };
    if let Some(cause) = cause {
        let suppression = Suppression {
            channel: message.channel.parse().map_err(StoreError::unreadable)?,
            address: message.address.clone(),
            cause: cause.to_owned(),
            detail,
            at: now,
        };
        suppress(tx, &suppression).await?;
    }
    let group = message.user_id.filter(|_| what.is_lost());
    let group = group.map(|user_id| Group {
        event_id: message.event_id,
        rule_id: message.rule_id.clone(),
        user_id,
    });
    let promoted = match group {
        Some(group) => fallback::reopen(tx, group, message.rank, now).await?,
        None => Vec::new(),
    };
    Ok(Some(Reported {
        promoted,
        user_id: message.user_id.map(UserId::from),
        category: message.category.parse().map_err(StoreError::unreadable)?,
        suppressed: cause.is_some(),
    }))
}

/// Counts a mail that came back, once, and answers how many did lately from its address.
async fn count_soft(
    tx: &mut Tx,
    delivery: DeliveryId,
    message: &Message,
    detail: &str,
    now: Instant,
) -> Result<i64, StoreError> {
    let since = now - TimeDelta::days(SOFT_DAYS);
    let (times,): (i64,) = on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO soft_bounces (delivery_id, channel, address, detail, at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (delivery_id) DO NOTHING",
        )
        .bind(delivery.uuid())
        .bind(&message.channel)
        .bind(&message.address)
        .bind(detail)
        .bind(now)
        .execute(&mut *c)
        .await?;
        sqlx::query_as::<DB, _>(
            "SELECT COUNT(*) FROM soft_bounces WHERE channel = $1 AND address = $2 AND at > $3",
        )
        .bind(&message.channel)
        .bind(&message.address)
        .bind(since)
        .fetch_one(&mut *c)
        .await?
    });
    Ok(times)
}
