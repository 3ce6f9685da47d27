//! How often each book of the planner was edited, so that it reads one anew only then.

use std::collections::BTreeMap;

use crate::{Store, StoreError, Tx};

/// A book of the planner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Book {
    Rules,
    Templates,
    Webhooks,
    Settings,
}

impl Book {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Templates => "templates",
            Self::Webhooks => "webhooks",
            Self::Settings => "settings",
        }
    }
}

pub(crate) const ALL: &str = "SELECT name, version FROM versions";

impl Store {
    /// How often each book of the planner was edited.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn versions(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        let rows = on_read!(self, |pool| {
            sqlx::query_as::<DB, (String, i64)>(ALL)
                .fetch_all(pool)
                .await?
        });
        Ok(rows.into_iter().collect())
    }
}

/// Says that a book of the planner is edited. Said before the book is read, it keeps other editors out until the
/// commit.
///
/// # Errors
/// When the database fails.
pub async fn edited(tx: &mut Tx, book: Book) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>("UPDATE versions SET version = version + 1 WHERE name = $1")
            .bind(book.as_str())
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}
