//! Values that all nodes share and nobody configures.

use crate::{Store, StoreError};

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
}
