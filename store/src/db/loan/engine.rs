//! What lending needs of each engine, and how sqlx runs statements on a loan.

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryFutureExt};
use sqlx::postgres::{PgConnection, PgRow, PgStatement, PgTypeInfo};
use sqlx::sqlite::{SqliteConnection, SqliteRow, SqliteStatement, SqliteTypeInfo};
use sqlx::{Database, Describe, Either, Error, Execute, Executor, Postgres, SqlStr, Sqlite};
use sqlx_core::transaction::TransactionManager;

use super::{Lending, Loan};

/// What a statement answers, piece by piece.
pub(super) type Rows<'e, DB> =
    BoxStream<'e, Result<Either<<DB as Database>::QueryResult, <DB as Database>::Row>, Error>>;

/// What lending needs of an engine. Methods stand here because sqlx has no bound that says "a connection runs
/// statements" without the compiler losing its way.
pub trait Engine: Database {
    /// Whether a connection that is left in the middle of a statement is closed. Otherwise it is waited for.
    const LEAVES_WHEN_BUSY: bool;
    /// Whether what needs a connection is done on the store's own threads. SQLite's connections have their own.
    const ON_OWN_THREADS: bool;

    fn begin(
        connection: &mut Self::Connection,
        statement: Option<SqlStr>,
    ) -> BoxFuture<'_, Result<(), Error>> {
        Self::TransactionManager::begin(connection, statement).boxed()
    }

    fn commit(connection: &mut Self::Connection) -> BoxFuture<'_, Result<(), Error>> {
        Self::TransactionManager::commit(connection).boxed()
    }

    fn rollback(connection: &mut Self::Connection) -> BoxFuture<'_, Result<(), Error>> {
        Self::TransactionManager::rollback(connection).boxed()
    }

    fn start_rollback(connection: &mut Self::Connection) {
        Self::TransactionManager::start_rollback(connection);
    }

    fn many<'e, 'q: 'e, E>(connection: &'e mut Self::Connection, query: E) -> Rows<'e, Self>
    where
        E: 'q + Execute<'q, Self>;
    fn optional<'e, 'q: 'e, E>(
        connection: &'e mut Self::Connection,
        query: E,
    ) -> BoxFuture<'e, Result<Option<Self::Row>, Error>>
    where
        E: 'q + Execute<'q, Self>;
}

macro_rules! engine {
    ($DB:ident, $Connection:ident, $Row:ident, $Statement:ident, $TypeInfo:ident, $remote:literal) => {
        impl Engine for $DB {
            const LEAVES_WHEN_BUSY: bool = $remote;
            const ON_OWN_THREADS: bool = $remote;

            fn many<'e, 'q: 'e, E>(connection: &'e mut $Connection, query: E) -> Rows<'e, $DB>
            where
                E: 'q + Execute<'q, Self>,
            {
                connection.fetch_many(query)
            }
            fn optional<'e, 'q: 'e, E>(
                connection: &'e mut $Connection,
                query: E,
            ) -> BoxFuture<'e, Result<Option<$Row>, Error>>
            where
                E: 'q + Execute<'q, Self>,
            {
                connection.fetch_optional(query)
            }
        }

        impl<'c> Executor<'c> for &'c mut Loan<$DB> {
            type Database = $DB;

            fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> Rows<'e, $DB>
            where
                'c: 'e,
                E: 'q + Execute<'q, $DB>,
            {
                self.many(query)
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> BoxFuture<'e, Result<Option<$Row>, Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, $DB>,
            {
                self.optional(query).boxed()
            }

            fn prepare_with<'e>(
                self,
                sql: SqlStr,
                parameters: &'e [$TypeInfo],
            ) -> BoxFuture<'e, Result<$Statement, Error>>
            where
                'c: 'e,
            {
                match self.start() {
                    Ok(connection) => connection.prepare_with(sql, parameters),
                    Err(error) => std::future::ready(Err(error)).boxed(),
                }
            }

            fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<$DB>, Error>>
            where
                'c: 'e,
            {
                match self.start() {
                    Ok(connection) => connection.describe(sql),
                    Err(error) => std::future::ready(Err(error)).boxed(),
                }
            }
        }

        impl<'c> Executor<'c> for Lending<'c, $DB> {
            type Database = $DB;

            /// All at once: the connection is given back before anybody looks at the rows.
            fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> Rows<'e, $DB>
            where
                'c: 'e,
                E: 'q + Execute<'q, $DB>,
            {
                self.all(query)
                    .map_ok(|rows| stream::iter(rows.into_iter().map(Ok)))
                    .try_flatten_stream()
                    .boxed()
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> BoxFuture<'e, Result<Option<$Row>, Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, $DB>,
            {
                self.one(query).boxed()
            }

            fn prepare_with<'e>(
                self,
                sql: SqlStr,
                parameters: &'e [$TypeInfo],
            ) -> BoxFuture<'e, Result<$Statement, Error>>
            where
                'c: 'e,
            {
                async move {
                    self.enter()?
                        .borrow()
                        .await?
                        .prepare_with(sql, parameters)
                        .await
                }
                .boxed()
            }

            fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<$DB>, Error>>
            where
                'c: 'e,
            {
                async move { self.enter()?.borrow().await?.describe(sql).await }.boxed()
            }
        }
    };
}

// SQLite's statement ends by itself, on a thread of its own, and a second writer beside it would only be in
// its way. PostgreSQL's may never answer, and its server ends what nobody waits for.
engine!(
    Sqlite,
    SqliteConnection,
    SqliteRow,
    SqliteStatement,
    SqliteTypeInfo,
    false
);
engine!(Postgres, PgConnection, PgRow, PgStatement, PgTypeInfo, true);
