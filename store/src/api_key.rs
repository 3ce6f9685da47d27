//! Keys for machines, kept as hashes (C1.8).

use belfry_domain::Instant;
use belfry_domain::api_key::{ApiKey, Scope};
use belfry_domain::id::{ApiKeyId, UserId};
use const_format::formatcp;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

#[derive(FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    name: String,
    prefix: String,
    scopes: Json<Vec<Scope>>,
    created_at: Instant,
    expires_at: Option<Instant>,
    last_used_at: Option<Instant>,
    revoked_at: Option<Instant>,
    version: i64,
}

const COLUMNS: &str = "id, user_id, name, prefix, scopes, created_at, expires_at, last_used_at, \
     revoked_at, version";

impl From<Row> for ApiKey {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            name: row.name,
            prefix: row.prefix,
            scopes: row.scopes.0,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
            version: row.version,
        }
    }
}

impl Store {
    /// The key with this hash, revoked and expired ones too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_key_by_hash(&self, hash: &[u8]) -> Result<Option<ApiKey>, StoreError> {
        let row: Option<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!(
                "SELECT {COLUMNS} FROM api_keys WHERE key_hash = $1"
            ))
            .bind(hash)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(ApiKey::from))
    }

    /// The key with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let row: Option<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!("SELECT {COLUMNS} FROM api_keys WHERE id = $1"))
                .bind(id.uuid())
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(ApiKey::from))
    }

    /// A page of the keys, newest first, after the one with id `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_keys(
        &self,
        after: Option<ApiKeyId>,
        limit: i64,
    ) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!(
                "SELECT {COLUMNS} FROM api_keys WHERE ($1 IS NULL OR id < $1) \
                 ORDER BY id DESC LIMIT $2"
            ))
            .bind(after.map(ApiKeyId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(ApiKey::from).collect())
    }

    /// Notes that a key was used, unless a later use is noted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_key_used(&self, id: ApiKeyId, now: Instant) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "UPDATE api_keys SET last_used_at = $2 \
                 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
            )
            .bind(id.uuid())
            .bind(now)
            .execute(pool)
            .await?;
        });
        Ok(())
    }
}

/// Adds a key, of which only the hash is kept.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, key: &ApiKey, hash: &[u8]) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "INSERT INTO api_keys ({COLUMNS}, key_hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL, 1, $8)"
        ))
        .bind(key.id.uuid())
        .bind(key.user_id.uuid())
        .bind(&key.name)
        .bind(&key.prefix)
        .bind(Json(&key.scopes))
        .bind(key.created_at)
        .bind(key.expires_at)
        .bind(hash)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Ends a key; `false` when there is none, or it had ended before.
///
/// # Errors
/// When the database fails.
pub async fn revoke(tx: &mut Tx, id: ApiKeyId, now: Instant) -> Result<bool, StoreError> {
    let changed = on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE api_keys SET revoked_at = $2, version = version + 1 \
             WHERE id = $1 AND revoked_at IS NULL",
        )
        .bind(id.uuid())
        .bind(now)
        .execute(&mut *c)
        .await?
        .rows_affected()
    });
    Ok(changed == 1)
}

/// Ends every key of an account.
///
/// # Errors
/// When the database fails.
pub(crate) async fn revoke_all(tx: &mut Tx, user: UserId, now: Instant) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE api_keys SET revoked_at = $2, version = version + 1 \
             WHERE user_id = $1 AND revoked_at IS NULL",
        )
        .bind(user.uuid())
        .bind(now)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}
