//! Where people can be reached besides the mail address and the phone of their account: chats, apps, browsers.

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::id::{AddressId, UserId};
use const_format::formatcp;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// An address as its owner sees it.
#[derive(Clone, PartialEq, Debug)]
pub struct Known {
    pub id: AddressId,
    pub user_id: UserId,
    pub channel: Channel,
    pub address: String,
    pub details: Value,
    pub label: String,
    pub created_at: Instant,
    pub last_seen_at: Instant,
}

/// An address to be kept.
#[derive(Clone, PartialEq, Debug)]
pub struct NewAddress<'a> {
    pub user_id: UserId,
    pub channel: Channel,
    pub address: &'a str,
    pub details: &'a Value,
    pub label: &'a str,
}

/// Addresses of the channels for which [`Channel::is_device`] holds.
const OF_DEVICES: &str = formatcp!(
    "channel IN ('{}', '{}')",
    Channel::Fcm.as_str(),
    Channel::WebPush.as_str()
);

#[derive(FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    channel: String,
    address: String,
    details: Value,
    label: String,
    created_at: Instant,
    last_seen_at: Instant,
}

impl TryFrom<Row> for Known {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            channel: row.channel.parse().map_err(StoreError::unreadable)?,
            address: row.address,
            details: row.details,
            label: row.label,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
        })
    }
}

impl Store {
    /// A person's addresses on a channel that still take messages, or on every channel; oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn addresses_of(
        &self,
        user: UserId,
        channel: Option<Channel>,
    ) -> Result<Vec<Known>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(
                "SELECT id, user_id, channel, address, details, label, created_at, last_seen_at
                 FROM addresses
                 WHERE user_id = $1 AND ended_at IS NULL AND ($2 IS NULL OR channel = $2)
                 ORDER BY created_at, id",
            )
            .bind(user.uuid())
            .bind(channel.map(Channel::as_str))
            .fetch_all(pool)
            .await?
            .into_iter()
            .map(Known::try_from)
            .collect()
        })
    }

    /// The channels by which a person can be reached, one for each address, with why nothing is sent to it where that
    /// is so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reach_of(
        &self,
        user: UserId,
    ) -> Result<Vec<(Channel, Option<String>)>, StoreError> {
        let rows: Vec<(String, Option<String>)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT 'email', s.cause FROM users u
                   LEFT JOIN suppressions s ON s.channel = 'email' AND s.address = u.email WHERE u.id = $1
                 UNION ALL SELECT 'sms', s.cause FROM users u
                   LEFT JOIN suppressions s ON s.channel = 'sms' AND s.address = u.phone
                   WHERE u.id = $1 AND u.phone IS NOT NULL
                 UNION ALL SELECT a.channel, s.cause FROM addresses a
                   LEFT JOIN suppressions s ON s.channel = a.channel AND s.address = a.address
                   WHERE a.user_id = $1 AND a.ended_at IS NULL",
            )
            .bind(user.uuid())
            .fetch_all(pool)
            .await?
        });
        // A channel that this build does not know leads nowhere.
        let known = rows
            .into_iter()
            .filter_map(|(channel, cause)| Some((channel.parse().ok()?, cause)));
        Ok(known.collect())
    }

    /// The one who is reached at an address that still takes messages.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn address(
        &self,
        channel: Channel,
        address: &str,
    ) -> Result<Option<Known>, StoreError> {
        let row = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(
                "SELECT id, user_id, channel, address, details, label, created_at, last_seen_at
                 FROM addresses WHERE channel = $1 AND address = $2 AND ended_at IS NULL",
            )
            .bind(channel.as_str())
            .bind(address)
            .fetch_optional(pool)
            .await?
        });
        row.map(Known::try_from).transpose()
    }

    /// Ends at most `limit` devices that were not seen since `before`. Answers how many they were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_unseen_devices(
        &self,
        before: Instant,
        limit: i64,
        now: Instant,
    ) -> Result<u64, StoreError> {
        let ended = on_write!(self, |pool| {
            sqlx::query::<DB>(formatcp!(
                "UPDATE addresses SET ended_at = $3, ended_cause = 'unseen'
                 WHERE id IN (SELECT id FROM addresses
                   WHERE {OF_DEVICES} AND ended_at IS NULL AND last_seen_at < $1
                   ORDER BY last_seen_at LIMIT $2)"
            ))
            .bind(before)
            .bind(limit)
            .bind(now)
            .execute(pool)
            .await?
            .rows_affected()
        });
        Ok(ended)
    }
}

/// Ends a person's devices beyond the `most` that were seen last.
///
/// # Errors
/// When the database fails.
pub async fn end_devices_beyond(
    tx: &mut Tx,
    user: UserId,
    most: i64,
    now: Instant,
) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "UPDATE addresses SET ended_at = $3, ended_cause = 'replaced'
             WHERE user_id = $1 AND {OF_DEVICES} AND ended_at IS NULL
               AND id NOT IN (SELECT id FROM addresses
                 WHERE user_id = $1 AND {OF_DEVICES} AND ended_at IS NULL
                 ORDER BY last_seen_at DESC, id DESC LIMIT $2)"
        ))
        .bind(user.uuid())
        .bind(most)
        .bind(now)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Keeps an address, or refreshes it: one that is known already becomes the new owner's and takes messages again,
/// whatever was held against it. Answers its id and whether it is new to this owner.
///
/// # Errors
/// When the database fails.
pub async fn put(
    tx: &mut Tx,
    new: &NewAddress<'_>,
    now: Instant,
) -> Result<(AddressId, bool), StoreError> {
    let id = AddressId::at(now);
    let kept: Uuid = on_tx!(tx, |c| {
        let before = sqlx::query_as::<DB, (Uuid, Uuid, bool)>(
            "SELECT id, user_id, ended_at IS NOT NULL FROM addresses WHERE channel = $1 AND address = $2",
        )
        .bind(new.channel.as_str())
        .bind(new.address)
        .fetch_optional(&mut *c)
        .await?;
        // One that was somebody else's gets an id of its own: the former owner's must not reach it.
        let same = |(_, owner, ended): &(Uuid, Uuid, bool)| *owner == new.user_id.uuid() && !ended;
        let keep = before.filter(same).map_or(id.uuid(), |(known, ..)| known);
        sqlx::query::<DB>("DELETE FROM suppressions WHERE channel = $1 AND address = $2")
            .bind(new.channel.as_str())
            .bind(new.address)
            .execute(&mut *c)
            .await?;
        sqlx::query_scalar::<DB, Uuid>(
            "INSERT INTO addresses (id, user_id, channel, address, details, label, created_at, last_seen_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
             ON CONFLICT (channel, address) DO UPDATE
               SET id = excluded.id, user_id = excluded.user_id, details = excluded.details,
                   label = excluded.label, last_seen_at = excluded.last_seen_at,
                   created_at = CASE WHEN addresses.id = excluded.id THEN addresses.created_at
                                     ELSE excluded.created_at END,
                   ended_at = NULL, ended_cause = NULL
             RETURNING id",
        )
        .bind(keep)
        .bind(new.user_id.uuid())
        .bind(new.channel.as_str())
        .bind(new.address)
        .bind(Json(new.details))
        .bind(new.label)
        .bind(now)
        .fetch_one(&mut *c)
        .await?
    });
    Ok((kept.into(), kept == id.uuid()))
}

/// Which addresses of somebody on a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which<'a> {
    All,
    Only(&'a str),
    AllBut(&'a str),
}

/// Ends somebody's addresses on a channel. Answers how many still took messages.
///
/// # Errors
/// When the database fails.
pub async fn end_some(
    tx: &mut Tx,
    user: UserId,
    channel: Channel,
    which: Which<'_>,
    cause: &str,
    now: Instant,
) -> Result<u64, StoreError> {
    let (only, but) = match which {
        Which::All => (None, None),
        Which::Only(address) => (Some(address), None),
        Which::AllBut(address) => (None, Some(address)),
    };
    let ended = on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE addresses SET ended_at = $5, ended_cause = $6
             WHERE user_id = $1 AND channel = $2 AND ended_at IS NULL
               AND ($3 IS NULL OR address = $3) AND ($4 IS NULL OR address <> $4)",
        )
        .bind(user.uuid())
        .bind(channel.as_str())
        .bind(only)
        .bind(but)
        .bind(now)
        .bind(cause)
        .execute(&mut *c)
        .await?
        .rows_affected()
    });
    Ok(ended)
}

/// Ends somebody's address; `false` when they have none with this id that still takes messages.
///
/// # Errors
/// When the database fails.
pub async fn end(
    tx: &mut Tx,
    user: UserId,
    id: AddressId,
    cause: &str,
    now: Instant,
) -> Result<bool, StoreError> {
    let ended = on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE addresses SET ended_at = $3, ended_cause = $4
             WHERE id = $1 AND user_id = $2 AND ended_at IS NULL",
        )
        .bind(id.uuid())
        .bind(user.uuid())
        .bind(now)
        .bind(cause)
        .execute(&mut *c)
        .await?
        .rows_affected()
    });
    Ok(ended == 1)
}
