//! The inbox as its owner reads it. Entries are added by the planner alone; every call here names the
//! owner, so that nobody's entry is ever reached through somebody else.

use belfry_domain::Instant;
use belfry_domain::id::{NotificationId, UserId};
use belfry_domain::inbox::{InboxHead, Notification, Offset};
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Dialect, IdList};
use crate::{Store, StoreError};

const COLUMNS: &str = r#"id, "offset", category, kind, title, body, data, read_at, created_at"#;

#[derive(FromRow)]
struct Row {
    id: Uuid,
    offset: i64,
    category: String,
    kind: String,
    title: String,
    body: String,
    data: Value,
    read_at: Option<Instant>,
    created_at: Instant,
}

impl From<Row> for Notification {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            offset: row.offset,
            category: row.category,
            kind: row.kind,
            title: row.title,
            body: row.body,
            data: row.data,
            read_at: row.read_at,
            created_at: row.created_at,
        }
    }
}

/// What deleting an entry took away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deleted {
    /// One that was still unread.
    Unread,
    /// One that had been read.
    Read,
    /// The person has no such entry.
    Missing,
}

impl Store {
    /// A page of the inbox, newest first: at most `limit` entries older than `before`, only unread ones if
    /// `unread` says so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inbox_page(
        &self,
        user: UserId,
        unread: bool,
        before: Option<Offset>,
        limit: i64,
    ) -> Result<Vec<Notification>, StoreError> {
        // Two texts rather than an OR, so that each has its index.
        let rows: Vec<Row> = if unread {
            on_read!(self, |pool| sqlx::query_as::<DB, Row>(
                const_format::formatcp!(
                    r#"SELECT {COLUMNS} FROM notifications
                       WHERE user_id = $1 AND "offset" < $2 AND read_at IS NULL
                       ORDER BY "offset" DESC LIMIT $3"#
                )
            )
            .bind(user.uuid())
            .bind(before.unwrap_or(Offset::MAX))
            .bind(limit)
            .fetch_all(pool)
            .await?)
        } else {
            on_read!(self, |pool| sqlx::query_as::<DB, Row>(
                const_format::formatcp!(
                    r#"SELECT {COLUMNS} FROM notifications
                       WHERE user_id = $1 AND "offset" < $2
                       ORDER BY "offset" DESC LIMIT $3"#
                )
            )
            .bind(user.uuid())
            .bind(before.unwrap_or(Offset::MAX))
            .bind(limit)
            .fetch_all(pool)
            .await?)
        };
        Ok(rows.into_iter().map(Notification::from).collect())
    }

    /// A page from the oldest entry on: those after the offset `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inbox_page_from_oldest(
        &self,
        user: UserId,
        unread: bool,
        after: Option<Offset>,
        limit: i64,
    ) -> Result<Vec<Notification>, StoreError> {
        let after = after.unwrap_or(0);
        if !unread {
            return self.inbox_since(user, after, limit).await;
        }
        let rows: Vec<Row> = on_read!(self, |pool| sqlx::query_as::<DB, Row>(
            const_format::formatcp!(
                r#"SELECT {COLUMNS} FROM notifications
                   WHERE user_id = $1 AND "offset" > $2 AND read_at IS NULL
                   ORDER BY "offset" LIMIT $3"#
            )
        )
        .bind(user.uuid())
        .bind(after)
        .bind(limit)
        .fetch_all(pool)
        .await?);
        Ok(rows.into_iter().map(Notification::from).collect())
    }

    /// What a resuming reader has not seen: at most `limit` entries newer than `after`, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inbox_since(
        &self,
        user: UserId,
        after: Offset,
        limit: i64,
    ) -> Result<Vec<Notification>, StoreError> {
        let rows: Vec<Row> = on_read!(self, |pool| sqlx::query_as::<DB, Row>(
            const_format::formatcp!(
                r#"SELECT {COLUMNS} FROM notifications
                   WHERE user_id = $1 AND "offset" > $2
                   ORDER BY "offset" LIMIT $3"#
            )
        )
        .bind(user.uuid())
        .bind(after)
        .bind(limit)
        .fetch_all(pool)
        .await?);
        Ok(rows.into_iter().map(Notification::from).collect())
    }

    /// How many entries nobody read yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inbox_unread(&self, user: UserId) -> Result<i64, StoreError> {
        Ok(on_read!(self, |pool| sqlx::query_scalar::<DB, i64>(
            "SELECT COUNT(*) FROM notifications WHERE user_id = $1 AND read_at IS NULL",
        )
        .bind(user.uuid())
        .fetch_one(pool)
        .await?))
    }

    /// Where the inbox of an active account stands; `None` when the account is disabled or gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inbox_head(&self, user: UserId) -> Result<Option<InboxHead>, StoreError> {
        let row: Option<(i64, i64)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, (i64, i64)>(
            "SELECT COALESCE((SELECT last_offset FROM inbox_counters WHERE user_id = users.id), 0),
                    (SELECT COUNT(*) FROM notifications
                     WHERE user_id = users.id AND read_at IS NULL)
             FROM users WHERE id = $1 AND NOT disabled",
        )
        .bind(user.uuid())
        .fetch_optional(pool)
        .await?
        });
        Ok(row.map(|(offset, unread)| InboxHead { offset, unread }))
    }

    /// The newest offset of each of these people; `None` for whose account is disabled. Who is gone is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inbox_offsets(
        &self,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Option<Offset>)>, StoreError> {
        let ids = IdList(users.iter().map(|user| user.uuid()).collect());
        let rows: Vec<(Uuid, bool, i64)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, (Uuid, bool, i64)>(const_format::formatcp!(
                "SELECT id, disabled, COALESCE(last_offset, 0) FROM users
                 LEFT JOIN inbox_counters ON user_id = id WHERE id {ID_IN_1}",
                ID_IN_1 = <DB as Dialect>::ID_IN_1
            ))
            .bind(ids)
            .fetch_all(pool)
            .await?
        });
        let read = |(user, disabled, offset): (Uuid, bool, i64)| {
            (user.into(), (!disabled).then_some(offset))
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Marks one entry read. Answers whether the person has it; one read before keeps its time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_notification(
        &self,
        user: UserId,
        id: NotificationId,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let found = on_write!(self, |pool| {
            sqlx::query::<DB>(
            "UPDATE notifications SET read_at = COALESCE(read_at, $3) WHERE id = $1 AND user_id = $2",
        )
        .bind(id.uuid())
        .bind(user.uuid())
        .bind(now)
        .execute(pool)
        .await?
        .rows_affected()
        });
        Ok(found == 1)
    }

    /// Marks everything up to and including `offset` read; answers the offset up to which there was
    /// something to read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_notifications_up_to(
        &self,
        user: UserId,
        offset: Offset,
        now: Instant,
    ) -> Result<Offset, StoreError> {
        let newest = on_read!(self, |pool| sqlx::query_scalar::<DB, i64>(
            "SELECT last_offset FROM inbox_counters WHERE user_id = $1",
        )
        .bind(user.uuid())
        .fetch_optional(pool)
        .await?)
        .unwrap_or(0);
        let offset = offset.clamp(0, newest);
        on_write!(self, |pool| sqlx::query::<DB>(
            r#"UPDATE notifications SET read_at = $3
               WHERE user_id = $1 AND "offset" <= $2 AND read_at IS NULL"#,
        )
        .bind(user.uuid())
        .bind(offset)
        .bind(now)
        .execute(pool)
        .await?
        .rows_affected());
        Ok(offset)
    }

    /// Deletes one entry. Its offset is never given again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_notification(
        &self,
        user: UserId,
        id: NotificationId,
    ) -> Result<Deleted, StoreError> {
        let row: Option<(Option<Instant>,)> =
            on_write!(self, |pool| sqlx::query_as::<DB, (Option<Instant>,)>(
                "DELETE FROM notifications WHERE id = $1 AND user_id = $2 RETURNING read_at",
            )
            .bind(id.uuid())
            .bind(user.uuid())
            .fetch_optional(pool)
            .await?);
        Ok(match row {
            Some((None,)) => Deleted::Unread,
            Some((Some(_),)) => Deleted::Read,
            None => Deleted::Missing,
        })
    }

    /// Deletes at most `limit` entries that were read before `before`; answers how many. Bounded, so that
    /// the single writer of SQLite is never held for long.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prune_read_notifications(
        &self,
        before: Instant,
        limit: i64,
    ) -> Result<u64, StoreError> {
        Ok(on_write!(self, |pool| sqlx::query::<DB>(
            "DELETE FROM notifications WHERE id IN
             (SELECT id FROM notifications WHERE read_at < $1 ORDER BY read_at LIMIT $2)",
        )
        .bind(before)
        .bind(limit)
        .execute(pool)
        .await?
        .rows_affected()))
    }
}
