//! Administrators' own texts, every version of them.

use std::collections::BTreeMap;

use belfry_domain::Instant;
use belfry_domain::id::UserId;
use belfry_domain::template::{Medium, Override};
use const_format::formatcp;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::Dialect;
use crate::versions::{Book, edited};
use crate::{Store, StoreError, Tx};

/// Which text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    pub kind: String,
    pub medium: Medium,
    pub language: String,
}

/// One version of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    pub key: Key,
    pub version: i64,
    pub sections: BTreeMap<String, String>,
    /// Whether it is in force.
    pub current: bool,
    pub created_at: Instant,
    pub created_by: Option<UserId>,
}

impl From<Version> for Override {
    fn from(version: Version) -> Self {
        Self {
            kind: version.key.kind,
            medium: version.key.medium,
            language: version.key.language,
            sections: version.sections,
        }
    }
}

#[derive(FromRow)]
struct Row {
    kind: String,
    channel: String,
    language: String,
    version: i64,
    sections: Json<BTreeMap<String, String>>,
    current: bool,
    created_at: Instant,
    created_by: Option<Uuid>,
}

impl TryFrom<Row> for Version {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let medium = row.channel.parse().map_err(StoreError::unreadable)?;
        Ok(Self {
            key: Key {
                kind: row.kind,
                medium,
                language: row.language,
            },
            version: row.version,
            sections: row.sections.0,
            current: row.current,
            created_at: row.created_at,
            created_by: row.created_by.map(UserId::from),
        })
    }
}

const COLUMNS: &str = "kind, channel, language, version, sections, current, created_at, created_by";

impl Store {
    /// Every text in force.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn templates(&self) -> Result<Vec<Version>, StoreError> {
        let rows = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!(
                "SELECT {COLUMNS} FROM templates WHERE current ORDER BY kind, channel, language"
            ))
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(Version::try_from).collect()
    }

    /// Every version of one text, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn template_history(&self, key: &Key) -> Result<Vec<Version>, StoreError> {
        let rows = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!(
                "SELECT {COLUMNS} FROM templates WHERE kind = $1 AND channel = $2 AND language = $3 \
                 ORDER BY version DESC"
            ))
            .bind(&key.kind)
            .bind(key.medium.as_str())
            .bind(&key.language)
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(Version::try_from).collect()
    }
}

/// Puts a new version in force and answers its number and what it replaces; `None` when `expected` is not
/// the version in force, where 0 is the built-in text.
///
/// # Errors
/// When the database fails.
pub async fn put(
    tx: &mut Tx,
    key: &Key,
    sections: &BTreeMap<String, String>,
    expected: Option<i64>,
    by: UserId,
    now: Instant,
) -> Result<Option<(i64, Option<Version>)>, StoreError> {
    let before = in_force(tx, key).await?;
    let found = before.as_ref().map_or(0, |before| before.version);
    if expected.is_some_and(|expected| expected != found) {
        return Ok(None);
    }
    retire(tx, key).await?;
    let written: Option<(i64,)> = on_tx!(tx, |c| {
        // Of two who come at once for the first version, the second finds its number taken.
        sqlx::query_as::<DB, _>(
            "INSERT INTO templates (kind, channel, language, version, sections, current, created_at, created_by) \
             SELECT $1, $2, $3, COALESCE(MAX(version), 0) + 1, $4, TRUE, $5, $6 FROM templates \
             WHERE kind = $1 AND channel = $2 AND language = $3 \
             ON CONFLICT DO NOTHING RETURNING version",
        )
        .bind(&key.kind)
        .bind(key.medium.as_str())
        .bind(&key.language)
        .bind(Json(sections))
        .bind(now)
        .bind(by.uuid())
        .fetch_optional(&mut *c)
        .await?
    });
    let Some((version,)) = written else {
        return Ok(None);
    };
    edited(tx, Book::Templates).await?;
    Ok(Some((version, before)))
}

/// What came of the wish to go back to a built-in text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Withdrawn {
    /// Done; this one was in force.
    Done(Version),
    /// The version in force is another one.
    Stale,
    /// The built-in text is in force.
    Missing,
}

/// Goes back to the built-in text. The history stays.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(
    tx: &mut Tx,
    key: &Key,
    expected: Option<i64>,
) -> Result<Withdrawn, StoreError> {
    let Some(before) = in_force(tx, key).await? else {
        return Ok(Withdrawn::Missing);
    };
    if expected.is_some_and(|expected| expected != before.version) {
        return Ok(Withdrawn::Stale);
    }
    retire(tx, key).await?;
    edited(tx, Book::Templates).await?;
    Ok(Withdrawn::Done(before))
}

/// The version in force, which nobody changes before this transaction ends.
async fn in_force(tx: &mut Tx, key: &Key) -> Result<Option<Version>, StoreError> {
    let row = on_tx!(tx, |c| {
        sqlx::query_as::<DB, Row>(formatcp!(
            "SELECT {COLUMNS} FROM templates \
             WHERE kind = $1 AND channel = $2 AND language = $3 AND current {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(&key.kind)
        .bind(key.medium.as_str())
        .bind(&key.language)
        .fetch_optional(&mut *c)
        .await?
    });
    row.map(Version::try_from).transpose()
}

async fn retire(tx: &mut Tx, key: &Key) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE templates SET current = FALSE \
             WHERE kind = $1 AND channel = $2 AND language = $3 AND current",
        )
        .bind(&key.kind)
        .bind(key.medium.as_str())
        .bind(&key.language)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}
