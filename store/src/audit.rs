//! The audit log: who changed what, before and after.

use belfry_domain::Instant;
use belfry_domain::id::{UserId, uuid_at};
use serde_json::Value;
use sqlx::types::Json;

use crate::{StoreError, Tx};

/// One change worth answering for.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditEntry {
    pub at: Instant,
    /// `None` for the system itself.
    pub actor_id: Option<UserId>,
    /// Past tense, such as `user.governed`.
    pub action: String,
    /// What was changed, such as `user/{id}`.
    pub subject: String,
    pub before: Value,
    pub after: Value,
}

/// Writes an entry in the transaction of its change.
///
/// # Errors
/// When the database fails.
pub async fn append(tx: &mut Tx, entry: &AuditEntry) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO audit_log (id, at, actor_id, action, subject, before, after) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(uuid_at(entry.at))
        .bind(entry.at)
        .bind(entry.actor_id.map(UserId::uuid))
        .bind(&entry.action)
        .bind(&entry.subject)
        .bind(Json(&entry.before))
        .bind(Json(&entry.after))
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}
