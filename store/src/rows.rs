//! Many rows as one statement.
//!
//! A statement for each row costs a round trip each, and a list of `VALUES` is another text for each number of
//! rows, so that PostgreSQL parses and plans it anew. There the columns travel as arrays instead: one text, one
//! plan, however many rows. SQLite has no arrays and no round trips; it gets the list.

use belfry_domain::Instant;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, FromRow, Postgres, QueryBuilder, Sqlite};
use uuid::Uuid;

use crate::{StoreError, Tx};

/// Rows on their way into a table, column by column; every column has as many values.
pub(crate) struct Rows<'a> {
    table: &'static str,
    columns: Vec<(&'static str, Column<'a>)>,
    conflict: &'static str,
}

enum Column<'a> {
    Ids(Vec<Option<Uuid>>),
    Texts(Vec<Option<&'a str>>),
    Numbers(Vec<Option<i64>>),
    Instants(Vec<Option<Instant>>),
    Documents(Vec<Json<&'a Value>>),
    Flags(Vec<bool>),
}

/// What a statement can answer, whichever engine it ran on.
pub(crate) trait Returned:
    for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{
}

impl<T> Returned for T where
    T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{
}

enum Answer {
    Sqlite(Vec<SqliteRow>),
    Postgres(Vec<PgRow>),
}

impl Answer {
    fn read<T: Returned>(&self) -> Result<Vec<T>, StoreError> {
        Ok(match self {
            Self::Sqlite(rows) => rows.iter().map(T::from_row).collect::<Result<_, _>>()?,
            Self::Postgres(rows) => rows.iter().map(T::from_row).collect::<Result<_, _>>()?,
        })
    }
}

impl<'a> Rows<'a> {
    /// No rows yet; they will go into `table`.
    pub fn into(table: &'static str) -> Self {
        Self {
            table,
            columns: Vec::new(),
            conflict: "",
        }
    }

    /// No rows yet; a statement will read them.
    pub fn of_values() -> Self {
        Self::into("v")
    }

    /// A column of ids.
    pub fn ids<T: Into<Option<Uuid>>>(
        self,
        name: &'static str,
        values: impl Iterator<Item = T>,
    ) -> Self {
        self.column(name, Column::Ids(values.map(Into::into).collect()))
    }

    /// A column of text.
    pub fn texts<T: Into<Option<&'a str>>>(
        self,
        name: &'static str,
        values: impl Iterator<Item = T>,
    ) -> Self {
        self.column(name, Column::Texts(values.map(Into::into).collect()))
    }

    /// A column of whole numbers.
    pub fn numbers<T: Into<Option<i64>>>(
        self,
        name: &'static str,
        values: impl Iterator<Item = T>,
    ) -> Self {
        self.column(name, Column::Numbers(values.map(Into::into).collect()))
    }

    /// A column of instants.
    pub fn instants<T: Into<Option<Instant>>>(
        self,
        name: &'static str,
        values: impl Iterator<Item = T>,
    ) -> Self {
        self.column(name, Column::Instants(values.map(Into::into).collect()))
    }

    /// A column of JSON documents.
    pub fn documents(self, name: &'static str, values: impl Iterator<Item = &'a Value>) -> Self {
        self.column(name, Column::Documents(values.map(Json).collect()))
    }

    /// A column of truth values.
    pub fn flags(self, name: &'static str, values: impl Iterator<Item = bool>) -> Self {
        self.column(name, Column::Flags(values.collect()))
    }

    /// What happens to a row that is there already: an `ON CONFLICT` clause.
    pub fn on_conflict(mut self, clause: &'static str) -> Self {
        self.conflict = clause;
        self
    }

    fn column(mut self, name: &'static str, column: Column<'a>) -> Self {
        self.columns.push((name, column));
        self
    }

    fn len(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// Writes the rows, in their order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert(self, tx: &mut Tx) -> Result<(), StoreError> {
        let (before, after) = (self.insert_into(), self.conflict.to_owned());
        self.execute(before, after, tx).await?;
        Ok(())
    }

    /// Writes the rows and answers the columns `returned` of those that were written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_returning<T: Returned>(
        self,
        returned: &'static str,
        tx: &mut Tx,
    ) -> Result<Vec<T>, StoreError> {
        let after = format!("{} RETURNING {returned}", self.conflict);
        let before = self.insert_into();
        self.execute(before, after, tx).await?.read()
    }

    /// Runs a statement that finds the rows in the table `v`, under the columns' names, and answers what it
    /// returns.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run<T: Returned>(
        self,
        statement: &'static str,
        tx: &mut Tx,
    ) -> Result<Vec<T>, StoreError> {
        let before = format!("WITH v ({}) AS (", self.names());
        let after = format!(") {statement}");
        self.execute(before, after, tx).await?.read()
    }

    /// Runs the statement that has the rows between its two halves.
    async fn execute(
        self,
        before: String,
        after: String,
        tx: &mut Tx,
    ) -> Result<Answer, StoreError> {
        if self.len() == 0 {
            return Ok(Answer::Sqlite(Vec::new()));
        }
        Ok(match tx {
            Tx::Sqlite(tx) => {
                let mut query = QueryBuilder::new(before);
                self.push_list(&mut query);
                query.push(format!(" {after}"));
                Answer::Sqlite(query.build().fetch_all(&mut *tx).await?)
            }
            Tx::Postgres(tx) => {
                let text = format!("{before} SELECT * FROM unnest({}) {after}", self.arrays());
                let query = self.bound(sqlx::query(AssertSqlSafe(text)));
                Answer::Postgres(query.fetch_all(&mut *tx).await?)
            }
        })
    }

    fn insert_into(&self) -> String {
        format!("INSERT INTO {} ({})", self.table, self.names())
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    fn arrays(&self) -> String {
        let arrays: Vec<_> = self
            .columns
            .iter()
            .enumerate()
            .map(|(place, (_, column))| format!("${}::{}[]", place + 1, column.postgres_type()))
            .collect();
        arrays.join(", ")
    }

    fn bound(
        self,
        mut query: sqlx::query::Query<'a, Postgres, sqlx::postgres::PgArguments>,
    ) -> sqlx::query::Query<'a, Postgres, sqlx::postgres::PgArguments> {
        for (_, column) in self.columns {
            query = match column {
                Column::Ids(values) => query.bind(values),
                Column::Texts(values) => query.bind(values),
                Column::Numbers(values) => query.bind(values),
                Column::Instants(values) => query.bind(values),
                Column::Documents(values) => query.bind(values),
                Column::Flags(values) => query.bind(values),
            };
        }
        query
    }

    fn push_list(&self, query: &mut QueryBuilder<Sqlite>) {
        query.push(" ");
        query.push_values(0..self.len(), |mut row, place| {
            for (_, column) in &self.columns {
                match column {
                    Column::Ids(values) => row.push_bind(values[place]),
                    Column::Texts(values) => row.push_bind(values[place].map(str::to_owned)),
                    Column::Numbers(values) => row.push_bind(values[place]),
                    Column::Instants(values) => row.push_bind(values[place]),
                    Column::Documents(values) => row.push_bind(Json(values[place].0.clone())),
                    Column::Flags(values) => row.push_bind(values[place]),
                };
            }
        });
    }
}

impl Column<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Ids(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Numbers(values) => values.len(),
            Self::Instants(values) => values.len(),
            Self::Documents(values) => values.len(),
            Self::Flags(values) => values.len(),
        }
    }

    fn postgres_type(&self) -> &'static str {
        match self {
            Self::Ids(_) => "uuid",
            Self::Texts(_) => "text",
            Self::Numbers(_) => "bigint",
            Self::Instants(_) => "timestamptz",
            Self::Documents(_) => "jsonb",
            Self::Flags(_) => "boolean",
        }
    }
}
