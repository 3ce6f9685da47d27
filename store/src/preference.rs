//! What people want to be told on which channel.

use belfry_domain::Instant;
use belfry_domain::channel::Way;
use belfry_domain::id::UserId;
use belfry_domain::preference::{Categories, Digest, Preferences, QuietHours, Ways};
use sqlx::FromRow;
use sqlx::types::Json;

use crate::{Store, StoreError, Tx};

/// The columns of a person's choices; all `NULL` beside a person who never chose.
#[derive(FromRow)]
pub(crate) struct PreferenceRow {
    channels: Option<Json<Ways>>,
    categories: Option<Json<Categories>>,
    quiet_from: Option<String>,
    quiet_until: Option<String>,
    digest: Option<String>,
}

/// The columns of [`PreferenceRow`] in the table `p`.
pub(crate) const COLUMNS: &str = "p.channels, p.categories, p.quiet_from, p.quiet_until, p.digest";

impl PreferenceRow {
    pub(crate) fn into_preferences(self) -> Preferences {
        let default = Preferences::default();
        let hours = |(from, until): (String, String)| {
            let (from, until) = (from.parse().ok()?, until.parse().ok()?);
            Some(QuietHours { from, until })
        };
        Preferences {
            channels: self.channels.map_or(default.channels, |json| json.0),
            categories: self.categories.map_or(default.categories, |json| json.0),
            quiet_hours: self.quiet_from.zip(self.quiet_until).and_then(hours),
            digest: match self.digest.as_deref() {
                Some("daily") => Digest::Daily,
                _ => Digest::Off,
            },
        }
    }
}

impl Store {
    /// What a person chose, and the version of it; the defaults in version 0 when they never did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn preferences(&self, user: UserId) -> Result<(Preferences, i64), StoreError> {
        #[derive(FromRow)]
        struct Row {
            #[sqlx(flatten)]
            chosen: PreferenceRow,
            version: i64,
        }
        let row = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(const_format::formatcp!(
                "SELECT {COLUMNS}, p.version FROM preferences p WHERE p.user_id = $1"
            ))
            .bind(user.uuid())
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map_or((Preferences::default(), 0), |row| {
            (row.chosen.into_preferences(), row.version)
        }))
    }

    /// Keeps what a person chose; `false` when `expected` is stale.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_preferences(
        &self,
        user: UserId,
        chosen: &Preferences,
        expected: Option<i64>,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let digest = match chosen.digest {
            Digest::Off => "off",
            Digest::Daily => "daily",
        };
        on_write!(self, |pool| {
            // The first choice is made for version 0, or for none; any later one replaces its row.
            let done = sqlx::query::<DB>(
                "INSERT INTO preferences \
                   (user_id, channels, categories, quiet_from, quiet_until, digest, version, updated_at) \
                 SELECT $1, $2, $3, $4, $5, $6, 1, $7 \
                 WHERE $8 IS NULL OR $8 = 0 OR EXISTS (SELECT 1 FROM preferences WHERE user_id = $1) \
                 ON CONFLICT (user_id) DO UPDATE SET channels = excluded.channels, \
                   categories = excluded.categories, quiet_from = excluded.quiet_from, \
                   quiet_until = excluded.quiet_until, digest = excluded.digest, \
                   version = preferences.version + 1, updated_at = excluded.updated_at \
                 WHERE $8 IS NULL OR preferences.version = $8",
            )
            .bind(user.uuid())
            .bind(Json(chosen.channels))
            .bind(Json(chosen.categories))
            .bind(chosen.quiet_hours.map(|hours| hours.from.to_string()))
            .bind(chosen.quiet_hours.map(|hours| hours.until.to_string()))
            .bind(digest)
            .bind(now)
            .bind(expected)
            .execute(pool)
            .await?;
            Ok(done.rows_affected() == 1)
        })
    }
}

/// Switches one way on for a person, whatever else they chose.
///
/// # Errors
/// When the database fails.
pub(crate) async fn switch_on(
    tx: &mut Tx,
    user: UserId,
    way: Way,
    now: Instant,
) -> Result<(), StoreError> {
    let default = Preferences::default();
    on_tx!(tx, |c| {
        // The row first, so that its lock is had before it is read.
        sqlx::query::<DB>(
            "INSERT INTO preferences (user_id, channels, categories, digest, version, updated_at) \
             VALUES ($1, $2, $3, 'off', 1, $4) \
             ON CONFLICT (user_id) DO UPDATE SET version = preferences.version + 1, \
               updated_at = excluded.updated_at",
        )
        .bind(user.uuid())
        .bind(Json(default.channels))
        .bind(Json(default.categories))
        .bind(now)
        .execute(&mut *c)
        .await?;
        let (Json(mut channels),): (Json<Ways>,) =
            sqlx::query_as::<DB, _>("SELECT channels FROM preferences WHERE user_id = $1")
                .bind(user.uuid())
                .fetch_one(&mut *c)
                .await?;
        channels.set(way, true);
        sqlx::query::<DB>("UPDATE preferences SET channels = $2 WHERE user_id = $1")
            .bind(user.uuid())
            .bind(Json(channels))
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}
