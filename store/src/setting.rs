//! Values that all nodes share: what nobody configures, and what administrators set for the house.

use serde_json::Value;

use crate::versions::{self, Book};
use crate::{Store, StoreError, Tx};

/// What administrators have set.
const HOUSE: &str = "house";

impl Store {
    /// The value kept under `key`; `fresh` is kept and answered if there is none. Several nodes that ask
    /// at once get the same answer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setting_or_insert(&self, key: &str, fresh: &str) -> Result<String, StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
            )
            .bind(key)
            .bind(fresh)
            .execute(pool)
            .await?;
            let (value,): (String,) =
                sqlx::query_as::<DB, _>("SELECT value FROM settings WHERE key = $1")
                    .bind(key)
                    .fetch_one(pool)
                    .await?;
            Ok(value)
        })
    }

    /// The value kept under `key`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>("SELECT value FROM settings WHERE key = $1")
                .bind(key)
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(|(value,)| value))
    }

    /// Keeps `value` under `key`, whatever was there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "INSERT INTO settings (key, value) VALUES ($1, $2) \
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .bind(key)
            .bind(value)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Keeps `value` under `key` in place of `old`, or of nothing. Answers whether it was `old`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace_setting(
        &self,
        key: &str,
        old: Option<&str>,
        value: &str,
    ) -> Result<bool, StoreError> {
        let replaced = on_write!(self, |pool| {
            let statement = match old {
                Some(_) => "UPDATE settings SET value = $2 WHERE key = $1 AND value = $3",
                None => {
                    "INSERT INTO settings (key, value) SELECT $1, $2 WHERE $3 IS NULL \
                     ON CONFLICT (key) DO NOTHING"
                }
            };
            sqlx::query::<DB>(statement)
                .bind(key)
                .bind(value)
                .bind(old)
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(replaced == 1)
    }

    /// What administrators have set, as far as they have, and how often they did.
    ///
    /// # Errors
    /// When the database fails, or what is kept cannot be read.
    pub async fn house_settings(&self) -> Result<(Option<Value>, i64), StoreError> {
        let (version, kept): (i64, Option<String>) = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT v.version, s.value FROM versions v LEFT JOIN settings s ON s.key = $1 \
                 WHERE v.name = $2",
            )
            .bind(HOUSE)
            .bind(Book::Settings.as_str())
            .fetch_one(pool)
            .await?
        });
        let kept = kept.map(|kept| serde_json::from_str(&kept)).transpose();
        let kept = kept.map_err(|error| StoreError::Unreadable(error.to_string()))?;
        Ok((kept, version))
    }
}

/// Keeps what administrators have set, in place of what was there in version `before`. Answers the new version, or
/// `None` when somebody else was faster.
///
/// # Errors
/// When the database fails.
pub async fn put_house_settings(
    tx: &mut Tx,
    settings: &Value,
    before: i64,
) -> Result<Option<i64>, StoreError> {
    versions::edited(tx, Book::Settings).await?;
    let text = settings.to_string();
    let version = on_tx!(tx, |c| {
        let (version,): (i64,) =
            sqlx::query_as::<DB, _>("SELECT version FROM versions WHERE name = $1")
                .bind(Book::Settings.as_str())
                .fetch_one(&mut *c)
                .await?;
        if version == before + 1 {
            sqlx::query::<DB>(
                "INSERT INTO settings (key, value) VALUES ($1, $2) \
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .bind(HOUSE)
            .bind(&text)
            .execute(&mut *c)
            .await?;
        }
        version
    });
    Ok((version == before + 1).then_some(version))
}
