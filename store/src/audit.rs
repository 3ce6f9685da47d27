//! The audit log: who changed what, before and after (C6.2).

use belfry_domain::Instant;
use belfry_domain::id::{ApiKeyId, AuditId, UserId, uuid_at, uuid_floor};
use const_format::formatcp;
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::{Anywhere, Dialect};
use crate::{Store, StoreError, Tx};

/// One change worth answering for.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditEntry {
    at: Instant,
    author: Author,
    action: String,
    subject: String,
    before: Value,
    after: Value,
}

/// Who changed something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Author {
    pub user: UserId,
    /// The key by which it was done, if it was a machine.
    pub key: Option<ApiKeyId>,
}

impl AuditEntry {
    /// What `author` did at `at`: the action in the past tense, such as `user.governed`, the subject such as
    /// `user/{id}`, and how it was and is. `()` stands for what was not there, or is not any more.
    pub fn new(
        author: Author,
        at: Instant,
        action: &str,
        subject: String,
        before: impl Serialize,
        after: impl Serialize,
    ) -> Self {
        let shown = |value: Result<Value, serde_json::Error>| value.unwrap_or_default();
        Self {
            at,
            author,
            action: action.to_owned(),
            subject,
            before: shown(serde_json::to_value(before)),
            after: shown(serde_json::to_value(after)),
        }
    }
}

/// Writes an entry in the transaction of its change.
///
/// # Errors
/// When the database fails.
pub async fn append(tx: &mut Tx, entry: &AuditEntry) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO audit_log (id, at, actor_id, api_key_id, action, subject, before, after) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(uuid_at(entry.at))
        .bind(entry.at)
        .bind(entry.author.user.uuid())
        .bind(entry.author.key.map(ApiKeyId::uuid))
        .bind(&entry.action)
        .bind(&entry.subject)
        .bind(Json(&entry.before))
        .bind(Json(&entry.after))
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Which entries are wanted; what is left out does not matter.
#[derive(Clone, Default, Debug)]
pub struct Wanted {
    pub actor: Option<UserId>,
    pub key: Option<ApiKeyId>,
    /// An action such as `user.governed`, or all of a noun, `user`.
    pub action: Option<String>,
    /// A subject such as `user/{id}`, or all of a noun, `user`.
    pub subject: Option<String>,
    /// From this instant on.
    pub from: Option<Instant>,
    /// Before this instant.
    pub until: Option<Instant>,
    /// In action, subject, name of the author, before or after.
    pub text: Option<String>,
}

/// An entry as it is read.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct Kept {
    pub id: Uuid,
    pub at: Instant,
    /// `None` for the system itself.
    pub actor_id: Option<Uuid>,
    pub actor_name: Option<String>,
    pub api_key_id: Option<Uuid>,
    pub key_name: Option<String>,
    pub action: String,
    pub subject: String,
    pub before: Json<Value>,
    pub after: Json<Value>,
}

impl Store {
    /// A page of the log, newest first, after the entry with id `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_log(
        &self,
        wanted: &Wanted,
        after: Option<AuditId>,
        limit: i64,
    ) -> Result<Vec<Kept>, StoreError> {
        on_read!(self, |pool| {
            let rows = sqlx::query_as::<DB, Kept>(formatcp!(
                "SELECT a.id, a.at, a.actor_id, u.name AS actor_name, a.api_key_id, k.name AS key_name, \
                   a.action, a.subject, a.before, a.after \
                 FROM audit_log a LEFT JOIN users u ON u.id = a.actor_id \
                   LEFT JOIN api_keys k ON k.id = a.api_key_id \
                 WHERE ($1 IS NULL OR a.id < $1) AND ($2 IS NULL OR a.id >= $2) \
                   AND ($3 IS NULL OR a.id < $3) AND ($4 IS NULL OR a.actor_id = $4) \
                   AND ($5 IS NULL OR a.api_key_id = $5) \
                   AND ($6 IS NULL OR a.action = $6 OR substr(a.action, 1, length($6) + 1) = $6 || '.') \
                   AND ($7 IS NULL OR a.subject = $7 OR substr(a.subject, 1, length($7) + 1) = $7 || '/') \
                   AND ($8 IS NULL OR a.action {finds} $8 OR a.subject {finds} $8 OR u.name {finds} $8 \
                     OR CAST(a.before AS text) {finds} $8 OR CAST(a.after AS text) {finds} $8) \
                 ORDER BY a.id DESC LIMIT $9",
                finds = <DB as Dialect>::FINDS
            ))
            .bind(after.map(AuditId::uuid))
            .bind(wanted.from.map(uuid_floor))
            .bind(wanted.until.map(uuid_floor))
            .bind(wanted.actor.map(UserId::uuid))
            .bind(wanted.key.map(ApiKeyId::uuid))
            .bind(&wanted.action)
            .bind(&wanted.subject)
            .bind(wanted.text.as_deref().map(Anywhere))
            .bind(limit)
            .fetch_all(pool)
            .await?;
            Ok(rows)
        })
    }
}
