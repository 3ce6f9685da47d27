//! The connection to either engine, transactions, and the few fragments in which they differ.
//!
//! A query is written once. `on_read!`, `on_write!` and `on_tx!` expand its body per engine with `DB`
//! naming the engine's type; where the text must differ, a constant of [`Dialect`] is spliced in with
//! `const_format::formatcp!`, so that every statement stays a `&'static str`.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgTypeInfo};
use sqlx::sqlite::{
    SqliteArgumentsBuffer, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
    SqliteSynchronous, SqliteTypeInfo,
};
use sqlx::{Connection, Database, Encode, Postgres, Sqlite, Type};
use sqlx_core::transaction::TransactionManager;
use uuid::Uuid;

use crate::StoreError;

/// Finding a text inside another.
mod anywhere;
/// Connections lent for a while.
mod loan;
/// Whether PostgreSQL answers.
mod reach;
/// The store's own threads.
mod threads;

pub(crate) use anywhere::Anywhere;
pub use loan::{Bounds, PoolUse};
use loan::{Lender, Loan};
use reach::Reach;

type SqliteTransactions = <Sqlite as Database>::TransactionManager;

/// How long the first connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a pool waits by itself: longer than any [`Bounds`], which decide.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a connection to PostgreSQL may lie about before it is asked whether it lives.
const UNTESTED: Duration = Duration::from_secs(1);
/// How long one statement may run on PostgreSQL, and a writer wait for another on SQLite.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a transaction on PostgreSQL may do nothing: longer than any of ours, so that it only ever ends
/// those of a node that was stopped in the middle, whose locks would keep all other nodes waiting.
const IDLE_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(15);
/// How long closing waits for the calls under way.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The memory of the house. Cloning shares the connections.
#[derive(Clone)]
pub struct Store {
    pub(crate) db: Db,
    pub(crate) bounds: Bounds,
    /// Waits although the line for a connection is full.
    pub(crate) patient: bool,
}

/// The engine behind a store.
#[derive(Clone)]
pub(crate) enum Db {
    /// One writer keeps SQLite's lock queue fair; readers never wait for it (WAL).
    Sqlite {
        write: Lender<Sqlite>,
        read: Lender<Sqlite>,
    },
    Postgres(Lender<Postgres>),
}

/// A transaction on either engine; dropped without [`Tx::commit`], it is rolled back.
pub enum Tx {
    Sqlite(Loan<Sqlite>),
    Postgres(Loan<Postgres>),
}

impl Tx {
    /// Makes everything done in it lasting.
    ///
    /// # Errors
    /// When the database cannot promise that; then nothing was done.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(loan) => loan.finish(true).await?,
            Self::Postgres(loan) => loan.finish(true).await?,
        }
        Ok(())
    }

    /// Undoes everything done in it, at once. Dropping it does the same, but later.
    ///
    /// # Errors
    /// When the connection is lost; the database then undoes it by itself.
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(loan) => loan.finish(false).await?,
            Self::Postgres(loan) => loan.finish(false).await?,
        }
        Ok(())
    }
}

/// Fragments of SQL in which the engines differ.
pub(crate) trait Dialect: Database {
    /// Row locks of a claim, passing over rows that another claim holds.
    const SKIP_LOCKED: &'static str;
    /// Row locks of a read that a write of the same transaction depends on.
    const FOR_UPDATE: &'static str;
    /// Makes the queries of a transaction follow an index that has the order they ask for, until
    /// [`Dialect::BY_STATISTICS`]. A queue's first rows are found that way at once; PostgreSQL, whose statistics
    /// know nothing of a sudden backlog, would rather read and sort all of it.
    const BY_INDEX_ORDER: &'static str;
    /// Ends what [`Dialect::BY_INDEX_ORDER`] began.
    const BY_STATISTICS: &'static str;
    /// Membership in the [`IdList`] bound as `$1`.
    const ID_IN_1: &'static str;
    /// Membership in the rows of the table expression `due`, found by index however many the planner expects.
    const ID_IN_DUE: &'static str;
    /// A fresh id of no particular order.
    #[cfg(feature = "crash-points")]
    const RANDOM_ID: &'static str;
    /// The length of the booking `b` in whole minutes.
    const BOOKED_MINUTES: &'static str;
    /// How long before its start the booking `b` was made, in whole minutes.
    const LEAD_MINUTES: &'static str;
    /// Whether a text contains the bound [`Anywhere`], whatever the case of its letters.
    const FINDS: &'static str;
}

impl Dialect for Sqlite {
    // A writer on SQLite is alone by nature.
    const SKIP_LOCKED: &'static str = "";
    const BY_INDEX_ORDER: &'static str = "SELECT 1";
    const BY_STATISTICS: &'static str = "SELECT 1";
    const FOR_UPDATE: &'static str = "";
    const ID_IN_1: &'static str = "IN (SELECT unhex(value) FROM json_each($1))";
    const ID_IN_DUE: &'static str = "IN (SELECT id FROM due)";
    #[cfg(feature = "crash-points")]
    const RANDOM_ID: &'static str = "randomblob(16)";
    const BOOKED_MINUTES: &'static str =
        "CAST(round((julianday(b.ends_at) - julianday(b.starts_at)) * 1440) AS bigint)";
    const LEAD_MINUTES: &'static str =
        "CAST(round((julianday(b.starts_at) - julianday(b.created_at)) * 1440) AS bigint)";
    // SQLite's LIKE knows the case of ASCII alone, while GLOB takes both forms of any letter.
    const FINDS: &'static str = "GLOB";
}

impl Dialect for Postgres {
    const SKIP_LOCKED: &'static str = "FOR UPDATE SKIP LOCKED";
    const BY_INDEX_ORDER: &'static str = "SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)";
    const BY_STATISTICS: &'static str =
        "SELECT set_config('enable_sort', 'on', true), set_config('enable_bitmapscan', 'on', true)";
    // The weaker lock that an UPDATE takes: rows that merely refer to this one need not wait for it.
    const FOR_UPDATE: &'static str = "FOR NO KEY UPDATE";
    const ID_IN_1: &'static str = "= ANY($1)";
    const ID_IN_DUE: &'static str = "= ANY(ARRAY(SELECT id FROM due))";
    #[cfg(feature = "crash-points")]
    const RANDOM_ID: &'static str = "gen_random_uuid()";
    const BOOKED_MINUTES: &'static str =
        "CAST(EXTRACT(EPOCH FROM b.ends_at - b.starts_at) / 60 AS bigint)";
    const LEAD_MINUTES: &'static str =
        "CAST(EXTRACT(EPOCH FROM b.starts_at - b.created_at) / 60 AS bigint)";
    const FINDS: &'static str = "ILIKE";
}

/// Many ids as one bind, for [`Dialect::ID_IN_1`].
pub(crate) struct IdList(pub Vec<Uuid>);

impl Type<Postgres> for IdList {
    fn type_info() -> PgTypeInfo {
        <Vec<Uuid> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for IdList {
    fn encode_by_ref(
        &self,
        buf: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        <Vec<Uuid> as Encode<'_, Postgres>>::encode_by_ref(&self.0, buf)
    }
}

impl Type<Sqlite> for IdList {
    fn type_info() -> SqliteTypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for IdList {
    fn encode_by_ref(&self, buf: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        let hex: Vec<String> = self.0.iter().map(|id| id.simple().to_string()).collect();
        let json = serde_json::to_string(&hex)?;
        <String as Encode<'_, Sqlite>>::encode(json, buf)
    }
}

/// Runs a read that may be answered by any connection.
macro_rules! on_read {
    ($store:expr, |$pool:ident| $body:expr) => {
        match &$store.db {
            $crate::db::Db::Sqlite { read: lender, .. } => {
                #[allow(dead_code)]
                type DB = ::sqlx::Sqlite;
                let $pool = lender.lend($store.bounds, $store.patient);
                $body
            }
            $crate::db::Db::Postgres(lender) => {
                #[allow(dead_code)]
                type DB = ::sqlx::Postgres;
                let $pool = lender.lend($store.bounds, $store.patient);
                $body
            }
        }
    };
}

/// Runs one statement that writes.
macro_rules! on_write {
    ($store:expr, |$pool:ident| $body:expr) => {
        match &$store.db {
            $crate::db::Db::Sqlite { write: lender, .. } => {
                #[allow(dead_code)]
                type DB = ::sqlx::Sqlite;
                let $pool = lender.lend($store.bounds, $store.patient);
                $body
            }
            $crate::db::Db::Postgres(lender) => {
                #[allow(dead_code)]
                type DB = ::sqlx::Postgres;
                let $pool = lender.lend($store.bounds, $store.patient);
                $body
            }
        }
    };
}

/// Runs statements inside a [`Tx`]; inside, the connection is `&mut *name` for each of them.
macro_rules! on_tx {
    ($tx:expr, |$connection:ident| $body:expr) => {
        match &mut *$tx {
            $crate::db::Tx::Sqlite(tx) => {
                #[allow(dead_code)]
                type DB = ::sqlx::Sqlite;
                let $connection = &mut *tx;
                $body
            }
            $crate::db::Tx::Postgres(tx) => {
                #[allow(dead_code)]
                type DB = ::sqlx::Postgres;
                let $connection = &mut *tx;
                $body
            }
        }
    };
}

impl Store {
    /// Opens (and makes) the SQLite file at `path`.
    ///
    /// # Errors
    /// When the file cannot be opened or made.
    pub async fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(STATEMENT_TIMEOUT)
            .optimize_on_close(true, 400);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .before_acquire(|connection, _| {
                // On a full disk SQLite undoes a transaction by itself; the one who then asks for it is refused
                // and takes it to be open for ever. Such a connection is replaced.
                let depth = SqliteTransactions::get_transaction_depth(connection);
                Box::pin(async move { Ok(depth == 0) })
            })
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await?;
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .min_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self::over(Db::Sqlite {
            write: Lender::new("write", write, Reach::of_a_file()),
            read: Lender::new("read", read, Reach::of_a_file()),
        }))
    }

    /// Connects to PostgreSQL at `url` with at most `connections` connections.
    ///
    /// # Errors
    /// When the address is malformed or the server cannot be reached.
    pub async fn connect_postgres(url: &str, connections: u32) -> Result<Self, StoreError> {
        let statement_timeout = STATEMENT_TIMEOUT.as_millis().to_string();
        let idle_timeout = IDLE_TRANSACTION_TIMEOUT.as_millis().to_string();
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| StoreError::Address(error.to_string()))?
            .application_name("belfry")
            .options([
                ("statement_timeout", statement_timeout.as_str()),
                ("idle_in_transaction_session_timeout", idle_timeout.as_str()),
                // A node whose host vanished is noticed within half a minute, and its locks are gone.
                ("tcp_keepalives_idle", "10"),
                ("tcp_keepalives_interval", "5"),
                ("tcp_keepalives_count", "4"),
                ("timezone", "UTC"),
                // Compiling a plan pays for long reports; no statement here is one.
                ("jit", "off"),
            ]);
        let connecting = PgPoolOptions::new()
            .max_connections(connections)
            // One that was in use a moment ago lives, or its statement says so; asking each time would cost a
            // crowd as much again as what it came for.
            .test_before_acquire(false)
            .before_acquire(|connection, known| {
                Box::pin(async move {
                    if known.idle_for >= UNTESTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone());
        let pool = threads::run(tokio::time::timeout(CONNECT_TIMEOUT, connecting))
            .await
            .ok_or(sqlx::Error::WorkerCrashed)?
            .map_err(|_| sqlx::Error::PoolTimedOut)??;
        let reach = Reach::of(options);
        Ok(Self::over(Db::Postgres(Lender::new("all", pool, reach))))
    }

    fn over(db: Db) -> Self {
        Self {
            db,
            bounds: Bounds::default(),
            patient: false,
        }
    }

    /// The same store with other bounds for its calls.
    pub fn within(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// The same store for a worker of the house, who is not refused although many others wait.
    pub fn patient(&self) -> Self {
        Self {
            patient: true,
            ..self.clone()
        }
    }

    /// How much of each pool is in use at this moment.
    pub fn pools(&self) -> Vec<PoolUse> {
        match &self.db {
            Db::Sqlite { write, read } => vec![write.in_use(), read.in_use()],
            Db::Postgres(pool) => vec![pool.in_use()],
        }
    }

    /// Brings the schema up to date; several nodes may do so at once.
    ///
    /// # Errors
    /// When a migration fails or an applied one was changed afterwards.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.db {
            Db::Sqlite { write, .. } => {
                sqlx::migrate!("../migrations/sqlite")
                    .run(write.pool())
                    .await?
            }
            Db::Postgres(pool) => {
                sqlx::migrate!("../migrations/postgres")
                    .run(pool.pool())
                    .await?
            }
        }
        Ok(())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        on_read!(self, |pool| {
            sqlx::query::<DB>("SELECT 1").execute(pool).await?;
        });
        Ok(())
    }

    /// The engine's name, for people and for metrics.
    pub fn engine(&self) -> &'static str {
        match self.db {
            Db::Sqlite { .. } => "sqlite",
            Db::Postgres(_) => "postgres",
        }
    }

    /// How many transactions that write are worth having under way at once.
    pub fn writers(&self) -> usize {
        match self.db {
            Db::Sqlite { .. } => 1,
            // While one waits for the disk, the other one computes.
            Db::Postgres(_) => 2,
        }
    }

    /// Begins a transaction that will write.
    ///
    /// # Errors
    /// When no connection is to be had in time.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match &self.db {
            Db::Sqlite { write, .. } => {
                let lending = write.lend(self.bounds, self.patient);
                Tx::Sqlite(lending.begin(Some("BEGIN IMMEDIATE")).await?)
            }
            Db::Postgres(pool) => {
                let lending = pool.lend(self.bounds, self.patient);
                Tx::Postgres(lending.begin(None).await?)
            }
        })
    }

    /// Begins a transaction whose statements all see the same moment, and that writes nothing.
    ///
    /// # Errors
    /// When no connection is to be had in time.
    pub(crate) async fn begin_reading(&self) -> Result<Tx, StoreError> {
        Ok(match &self.db {
            Db::Sqlite { read, .. } => {
                let lending = read.lend(self.bounds, self.patient);
                Tx::Sqlite(lending.begin(Some("BEGIN")).await?)
            }
            Db::Postgres(pool) => {
                let lending = pool.lend(self.bounds, self.patient);
                let moment = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Tx::Postgres(lending.begin(Some(moment)).await?)
            }
        })
    }

    /// Whether a commit on SQLite waits until the disk has it. Only what can be made anew may do without, for
    /// a machine that loses power then may leave a damaged file. PostgreSQL is left to its own settings.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn wait_for_disk(&self, wait: bool) -> Result<(), StoreError> {
        if let Db::Sqlite { write, .. } = &self.db {
            let pragma = if wait {
                "PRAGMA synchronous = FULL"
            } else {
                "PRAGMA synchronous = OFF"
            };
            let connection = write.lend(self.bounds, self.patient);
            sqlx::query(pragma).execute(connection).await?;
        }
        Ok(())
    }

    /// Closes every connection after the calls under way. One that does not end in time is left to the end
    /// of the process.
    pub async fn close(&self) {
        let closing = async {
            match &self.db {
                Db::Sqlite { write, read } => {
                    read.pool().close().await;
                    write.pool().close().await;
                }
                Db::Postgres(pool) => pool.pool().close().await,
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::warn!("store calls were still under way at the end");
        }
    }
}
