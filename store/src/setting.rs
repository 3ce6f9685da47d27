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
}
