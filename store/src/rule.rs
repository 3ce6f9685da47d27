//! Rules: who is told what, version by version.

use std::collections::BTreeMap;

use belfry_domain::Instant;
use belfry_domain::id::UserId;
use belfry_domain::rule::{Draft, Rule, RuleBook};
use const_format::formatcp;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::Dialect;
use crate::{Store, StoreError, Tx};

/// One version of a rule.
#[derive(Clone, Debug)]
pub struct Version {
    pub version: i64,
    pub draft: Draft,
    pub created_at: Instant,
    /// `None` for what the house came with.
    pub created_by: Option<UserId>,
}

#[derive(FromRow)]
struct Row {
    id: String,
    version: i64,
    document: Value,
    created_at: Instant,
    created_by: Option<Uuid>,
}

impl Row {
    fn version(self) -> Result<Version, StoreError> {
        Ok(Version {
            version: self.version,
            draft: serde_json::from_value(self.document).map_err(StoreError::unreadable)?,
            created_at: self.created_at,
            created_by: self.created_by.map(UserId::from),
        })
    }
}

impl Store {
    /// The rules in force.
    ///
    /// # Errors
    /// When the database fails, or a rule cannot be read.
    pub async fn rule_book(&self) -> Result<RuleBook, StoreError> {
        let rules = self.rules().await?.into_iter();
        let rules = rules.map(|(id, kept)| Rule::new(id, kept.version, kept.draft));
        Ok(RuleBook::new(rules.collect()))
    }

    /// The version in force of every rule, by id.
    ///
    /// # Errors
    /// As [`Store::rule_book`].
    pub async fn rules(&self) -> Result<BTreeMap<String, Version>, StoreError> {
        let rows = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(
                "SELECT id, version, document, created_at, created_by FROM rules WHERE current ORDER BY id",
            )
            .fetch_all(pool)
            .await?
        });
        let rules = rows
            .into_iter()
            .map(|row| Ok((row.id.clone(), row.version()?)));
        rules.collect()
    }

    /// Every version of a rule, newest first; none when there is no such rule.
    ///
    /// # Errors
    /// As [`Store::rule_book`].
    pub async fn rule_versions(&self, id: &str) -> Result<Vec<Version>, StoreError> {
        let rows = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(
                "SELECT id, version, document, created_at, created_by FROM rules
                 WHERE id = $1 ORDER BY version DESC",
            )
            .bind(id)
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(Row::version).collect()
    }
}

/// The version in force, to be replaced in the same transaction.
///
/// # Errors
/// When the database fails, or the rule cannot be read.
pub async fn in_force(tx: &mut Tx, id: &str) -> Result<Option<Version>, StoreError> {
    let row = on_tx!(tx, |c| {
        sqlx::query_as::<DB, Row>(formatcp!(
            "SELECT id, version, document, created_at, created_by FROM rules WHERE id = $1 AND current {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(id)
        .fetch_optional(&mut *c)
        .await?
    });
    row.map(Row::version).transpose()
}

/// Puts a new version of a rule in force, the one after `before`; planners read it at their next turn, if
/// [`versions::edited`] was said in the same transaction. `false` when somebody else made that version meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn put(
    tx: &mut Tx,
    id: &str,
    before: i64,
    draft: &Draft,
    by: UserId,
    now: Instant,
) -> Result<bool, StoreError> {
    let written = on_tx!(tx, |c| {
        sqlx::query::<DB>("UPDATE rules SET current = $2 WHERE id = $1 AND current")
            .bind(id)
            .bind(false)
            .execute(&mut *c)
            .await?;
        sqlx::query::<DB>(
            "INSERT INTO rules (id, version, current, document, created_at, created_by)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(before + 1)
        .bind(true)
        .bind(Json(draft))
        .bind(now)
        .bind(by.uuid())
        .execute(&mut *c)
        .await?
        .rows_affected()
    });
    Ok(written == 1)
}
