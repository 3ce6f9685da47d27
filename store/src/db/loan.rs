//! Connections lent for a while: how many callers may wait for one, how long a statement and a transaction
//! may take, and what becomes of a connection whose caller has left.
//!
//! Every statement of the store passes through here, so nothing else needs a time-out of its own: a database
//! that hangs, a server that vanished without a word and a caller that was cut off all end within
//! [`Bounds`]. What failed that way is `StoreError::Unavailable`, and nobody knows whether it was done.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use metrics::counter;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgRow, PgStatement, PgTypeInfo};
use sqlx::sqlite::{SqliteConnection, SqliteRow, SqliteStatement, SqliteTypeInfo};
use sqlx::{
    AssertSqlSafe, Database, Describe, Either, Error, Execute, Executor, Postgres, SqlSafeStr,
    SqlStr, Sqlite,
};
use sqlx_core::transaction::TransactionManager;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use super::reach::Reach;

/// What a statement answers, piece by piece.
type Rows<'e, DB> =
    BoxStream<'e, Result<Either<<DB as Database>::QueryResult, <DB as Database>::Row>, Error>>;

/// How long a connection may take to show that it can be lent again.
const RETURN: Duration = Duration::from_secs(5);

/// How long a store call may take, and how many may wait for their turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Calls that may wait for a connection; more are refused at once.
    pub waiting: usize,
    /// Longest wait for a connection.
    pub acquire: Duration,
    /// Longest statement. PostgreSQL ends it a second earlier by itself, and then says so.
    pub statement: Duration,
    /// Longest transaction, from its beginning to its commit.
    pub transaction: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            waiting: 512,
            acquire: Duration::from_secs(3),
            statement: Duration::from_secs(6),
            transaction: Duration::from_secs(10),
        }
    }
}

/// How much of a pool is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolUse {
    /// `read` and `write` on SQLite, `all` on PostgreSQL.
    pub pool: &'static str,
    /// Connections that are lent.
    pub lent: usize,
    /// Connections that there may be.
    pub most: usize,
    /// Calls that wait for one.
    pub waiting: usize,
}

/// A pool and those who wait for one of its connections.
pub(crate) struct Lender<DB: Database> {
    name: &'static str,
    pool: sqlx::Pool<DB>,
    waiting: Arc<AtomicUsize>,
    reach: Reach,
}

impl<DB: Engine> Lender<DB> {
    pub(super) fn new(name: &'static str, pool: sqlx::Pool<DB>, reach: Reach) -> Self {
        Self {
            name,
            pool,
            waiting: Arc::default(),
            reach,
        }
    }

    /// The pool itself, for what has no bounds: migrations, and the end.
    pub(super) fn pool(&self) -> &sqlx::Pool<DB> {
        &self.pool
    }

    /// Lends within `bounds`. A `patient` caller may wait although the line is full: the few workers of the
    /// house are not refused for the crowd at its door.
    pub(crate) fn lend(&self, bounds: Bounds, patient: bool) -> Lending<'_, DB> {
        Lending {
            lender: self,
            bounds,
            patient,
        }
    }

    pub(super) fn in_use(&self) -> PoolUse {
        let size = self.pool.size() as usize;
        PoolUse {
            pool: self.name,
            lent: size.saturating_sub(self.pool.num_idle()),
            most: self.pool.options().get_max_connections() as usize,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}

/// A place in the line before a pool, given up when dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A pool on certain terms. Runs single statements, each on a connection of its own.
pub(crate) struct Lending<'a, DB: Database> {
    lender: &'a Lender<DB>,
    bounds: Bounds,
    patient: bool,
}

impl<DB: Engine> Lending<'_, DB> {
    /// A connection, in turn.
    ///
    /// # Errors
    /// When too many wait already, when the wait is too long, when none can be made.
    async fn borrow(self) -> Result<Loan<DB>, Error> {
        let Lender {
            name,
            pool,
            waiting,
            reach,
        } = self.lender;
        let refused = |why: &'static str| {
            counter!("belfry_store_refused_total", "pool" => *name, "why" => why).increment(1);
            Error::PoolTimedOut
        };
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let _place = Place(waiting);
        if before >= self.bounds.waiting && !self.patient {
            // Those who are just about to have a free connection do not really wait.
            let PoolUse { lent, most, .. } = self.lender.in_use();
            if lent >= most {
                return Err(refused("full"));
            }
        }
        let connection = timeout(self.bounds.acquire, reach.hold(pool.acquire()))
            .await
            .map_err(|_| refused("late"))??;
        Ok(Loan {
            connection: Some(connection),
            statement: self.bounds.statement,
            ends: Instant::now() + self.bounds.transaction,
            busy: false,
            open: false,
        })
    }

    /// A connection with an open transaction.
    pub(super) async fn begin(self, statement: Option<&'static str>) -> Result<Loan<DB>, Error> {
        let mut loan = self.borrow().await?;
        let limit = loan.limit();
        let connection = loan.start()?;
        let statement = statement.map(|text| AssertSqlSafe(text).into_sql_str());
        let began = timeout_at(limit, DB::begin(connection, statement)).await;
        loan.open = true;
        began.map_err(late)??;
        loan.busy = false;
        Ok(loan)
    }
}

/// A connection in the hands of one caller.
pub struct Loan<DB: Engine> {
    /// Until it is given back.
    connection: Option<PoolConnection<DB>>,
    statement: Duration,
    /// When the loan as a whole must be over.
    ends: Instant,
    /// From the beginning of a statement to its end. Still set when the loan is dropped, nobody knows what
    /// the connection is doing.
    busy: bool,
    /// A transaction is open.
    open: bool,
}

impl<DB: Engine> Loan<DB> {
    fn limit(&self) -> Instant {
        self.ends.min(Instant::now() + self.statement)
    }

    /// The connection, busy from now on.
    fn start(&mut self) -> Result<&mut DB::Connection, Error> {
        self.busy = true;
        self.connection.as_deref_mut().ok_or(Error::PoolClosed)
    }

    /// Ends the transaction.
    ///
    /// # Errors
    /// When the database does not confirm it in time.
    pub(super) async fn finish(mut self, commit: bool) -> Result<(), Error> {
        let limit = self.limit();
        let connection = self.start()?;
        let ended = if commit {
            timeout_at(limit, DB::commit(connection)).await
        } else {
            timeout_at(limit, DB::rollback(connection)).await
        };
        ended.map_err(late)??;
        (self.busy, self.open) = (false, false);
        Ok(())
    }

    fn many<'e, 'q: 'e, E>(&'e mut self, query: E) -> Rows<'e, DB>
    where
        E: 'q + Execute<'q, DB>,
    {
        let limit = self.limit();
        self.busy = true;
        let Self {
            connection, busy, ..
        } = self;
        let Some(connection) = connection.as_deref_mut() else {
            return stream::once(async { Err(Error::PoolClosed) }).boxed();
        };
        let rows = DB::many(connection, query);
        stream::try_unfold((rows, busy), move |(mut rows, busy)| async move {
            let next = timeout_at(limit, rows.try_next()).await.map_err(late)?;
            if !matches!(next, Ok(Some(_))) {
                *busy = false;
            }
            Ok(next?.map(|row| (row, (rows, busy))))
        })
        .boxed()
    }

    async fn optional<'q, E>(&mut self, query: E) -> Result<Option<DB::Row>, Error>
    where
        E: 'q + Execute<'q, DB>,
    {
        let limit = self.limit();
        let connection = self.start()?;
        let row = timeout_at(limit, DB::optional(connection, query)).await;
        let row = row.map_err(late)?;
        self.busy = false;
        row
    }
}

fn late(_: tokio::time::error::Elapsed) -> Error {
    counter!("belfry_store_timeouts_total").increment(1);
    Error::Io(io::Error::new(
        io::ErrorKind::TimedOut,
        "the database did not answer in time",
    ))
}

impl<DB: Engine> Drop for Loan<DB> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            // Nobody is left to wait for anything.
            return drop(connection.detach());
        };
        if self.busy && DB::LEAVES_WHEN_BUSY {
            return drop(connection.detach());
        }
        if self.open {
            DB::start_rollback(&mut connection);
        }
        // The pool asks the connection whether it still lives, and would wait for ever: a connection that
        // does not say so in time is closed, and its place in the pool is free.
        runtime.spawn(timeout(RETURN, connection.return_to_pool()));
    }
}

/// What lending needs of an engine. Methods stand here because sqlx has no bound that says "a connection runs
/// statements" without the compiler losing its way.
pub trait Engine: Database {
    /// Whether a connection that is left in the middle of a statement is closed. Otherwise it is waited for.
    const LEAVES_WHEN_BUSY: bool;

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
    ($DB:ident, $Connection:ident, $Row:ident, $Statement:ident, $TypeInfo:ident, $leaves:literal) => {
        impl Engine for $DB {
            const LEAVES_WHEN_BUSY: bool = $leaves;

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
                let all = async move {
                    self.borrow()
                        .await?
                        .many(query)
                        .try_collect::<Vec<_>>()
                        .await
                };
                all.map_ok(|rows| stream::iter(rows.into_iter().map(Ok)))
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
                async move { self.borrow().await?.optional(query).await }.boxed()
            }

            fn prepare_with<'e>(
                self,
                sql: SqlStr,
                parameters: &'e [$TypeInfo],
            ) -> BoxFuture<'e, Result<$Statement, Error>>
            where
                'c: 'e,
            {
                async move { self.borrow().await?.prepare_with(sql, parameters).await }.boxed()
            }

            fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<$DB>, Error>>
            where
                'c: 'e,
            {
                async move { self.borrow().await?.describe(sql).await }.boxed()
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

impl<DB: Database> Clone for Lender<DB> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            pool: self.pool.clone(),
            waiting: self.waiting.clone(),
            reach: self.reach.clone(),
        }
    }
}

impl<DB: Database> Clone for Lending<'_, DB> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<DB: Database> Copy for Lending<'_, DB> {}

impl<DB: Database> fmt::Debug for Lending<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lending")
            .field("pool", &self.lender.name)
            .finish_non_exhaustive()
    }
}

impl<DB: Engine> fmt::Debug for Loan<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan")
            .field("busy", &self.busy)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}
