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
use std::task::Poll;
use std::time::Duration;

use futures::stream::{self, TryStreamExt};
use futures::{StreamExt, TryFutureExt};
use metrics::counter;
use sqlx::error::BoxDynError;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Database, Either, Error, Execute, SqlSafeStr, SqlStr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::reach::Reach;
use super::threads;
pub use engine::Engine;
use engine::Rows;

/// What lending needs of each engine.
mod engine;

/// A connection and the turn to use it.
type Turn<DB> = (PoolConnection<DB>, OwnedSemaphorePermit);
/// A piece of what a statement answers.
type Answer<DB> = Either<<DB as Database>::QueryResult, <DB as Database>::Row>;

/// How long a connection may take to be made, or to show that it still lives, whoever waits for it meanwhile.
const MAKING: Duration = Duration::from_secs(10);
/// How long a connection may take to show that it can be lent again.
const RETURN: Duration = Duration::from_secs(5);

/// How long a store call may take, and how many may wait for their turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Calls that may wait for a connection; more are refused at once.
    pub waiting: usize,
    /// Longest wait for one's turn, and then for the connection itself.
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
    /// Connections that are lent, or made for somebody whose turn it is.
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
    /// One for each connection that there may be. The line stands here and not inside the pool, where somebody
    /// whose patience ended with a connection in sight would take it along: a crowd that came at once then
    /// tears down, one after the other, every connection that is being made.
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// Those of the waiting who are not patient: the house's own workers leave the crowd its places.
    crowd: Arc<AtomicUsize>,
    reach: Reach,
}

impl<DB: Engine> Lender<DB> {
    pub(super) fn new(name: &'static str, pool: sqlx::Pool<DB>, reach: Reach) -> Self {
        let most = pool.options().get_max_connections() as usize;
        Self {
            name,
            pool,
            turns: Arc::new(Semaphore::new(most)),
            waiting: Arc::default(),
            crowd: Arc::default(),
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

    /// A connection for somebody whose turn it is: one that is there, or a new one. Once begun it is brought to
    /// its end although nobody waits any more, and is then there for the next one.
    async fn connection(&self, turn: OwnedSemaphorePermit) -> Result<Turn<DB>, Error> {
        let (pool, reach) = (self.pool.clone(), self.reach.clone());
        let mut making = Box::pin(async move {
            let made = timeout(MAKING, reach.hold(pool.acquire()));
            Ok((made.await.map_err(|_| Error::PoolTimedOut)??, turn))
        });
        match futures::poll!(&mut making) {
            // One that was in use a moment ago is there at once.
            Poll::Ready(made) => made,
            Poll::Pending => threads::spawn(making)
                .await
                .unwrap_or(Err(Error::WorkerCrashed)),
        }
    }

    fn refused(&self, why: &'static str) -> Error {
        counter!("belfry_store_refused_total", "pool" => self.name, "why" => why).increment(1);
        Error::PoolTimedOut
    }

    pub(super) fn in_use(&self) -> PoolUse {
        let most = self.pool.options().get_max_connections() as usize;
        PoolUse {
            pool: self.name,
            lent: most.saturating_sub(self.turns.available_permits()),
            most,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}

/// A place in a line, given up when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    /// A place behind so many others.
    fn in_line(line: &Arc<AtomicUsize>) -> (Self, usize) {
        let before = line.fetch_add(1, Ordering::Relaxed);
        (Self(line.clone()), before)
    }
}

impl Drop for Place {
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
    /// Takes a place in the line.
    ///
    /// # Errors
    /// When too many wait already.
    fn enter(&self) -> Result<Waiting<DB>, Error> {
        let Lender {
            waiting,
            crowd,
            turns,
            ..
        } = self.lender;
        let (place, _) = Place::in_line(waiting);
        let mut among = None;
        if !self.patient {
            let (its, before) = Place::in_line(crowd);
            // Those who are just about to have a free connection do not really wait.
            if before >= self.bounds.waiting && turns.available_permits() == 0 {
                return Err(self.lender.refused("full"));
            }
            among = Some(its);
        }
        Ok(Waiting {
            lender: self.lender.clone(),
            bounds: self.bounds,
            places: (place, among),
        })
    }

    /// All that a statement answers: the connection is given back before anybody looks at it.
    async fn all<'q, E>(self, query: E) -> Result<Vec<Answer<DB>>, Error>
    where
        E: 'q + Execute<'q, DB>,
    {
        let (statement, lent) = (Statement::of(query)?, self.enter()?);
        on_threads_of::<DB, _>(async move {
            let mut loan = lent.borrow().await?;
            loan.many(statement).try_collect().await
        })
        .await
    }

    /// The first row that a statement answers.
    async fn one<'q, E>(self, query: E) -> Result<Option<DB::Row>, Error>
    where
        E: 'q + Execute<'q, DB>,
    {
        let (statement, lent) = (Statement::of(query)?, self.enter()?);
        on_threads_of::<DB, _>(async move { lent.borrow().await?.optional(statement).await }).await
    }

    /// A connection with an open transaction.
    pub(super) async fn begin(self, statement: Option<&'static str>) -> Result<Loan<DB>, Error> {
        let lent = self.enter()?;
        on_threads_of::<DB, _>(async move {
            let mut loan = lent.borrow().await?;
            let limit = loan.limit();
            let connection = loan.start()?;
            let statement = statement.map(|text| AssertSqlSafe(text).into_sql_str());
            let began = timeout_at(limit, DB::begin(connection, statement)).await;
            loan.open = true;
            began.map_err(late)??;
            loan.busy = false;
            Ok(loan)
        })
        .await
    }
}

/// Does what needs a connection where the engine wants it done.
async fn on_threads_of<DB: Engine, T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    if !DB::ON_OWN_THREADS {
        return work.await;
    }
    threads::run(work)
        .await
        .unwrap_or(Err(Error::WorkerCrashed))
}

/// Somebody in the line, with all they need to have their turn on another thread.
struct Waiting<DB: Database> {
    lender: Lender<DB>,
    bounds: Bounds,
    /// In the line, and among the crowd; given up with the wait.
    places: (Place, Option<Place>),
}

impl<DB: Engine> Waiting<DB> {
    /// A connection, in turn.
    ///
    /// # Errors
    /// When the wait is too long, when none can be made.
    async fn borrow(self) -> Result<Loan<DB>, Error> {
        let Self {
            lender,
            bounds,
            places: _places,
        } = self;
        let late = |_| lender.refused("late");
        let turn = lender.turns.clone().acquire_owned();
        let turn = lender.reach.hold(turn.map_err(|_| Error::PoolClosed));
        let turn = timeout(bounds.acquire, turn).await.map_err(late)??;
        let made = timeout(bounds.acquire, lender.connection(turn));
        let (connection, turn) = made.await.map_err(late)??;
        Ok(Loan {
            connection: Some(connection),
            turn: Some(turn),
            statement: bounds.statement,
            ends: Instant::now() + bounds.transaction,
            busy: false,
            open: false,
        })
    }
}

/// A statement with all that it needs, which may go to another thread.
struct Statement<DB: Database> {
    text: SqlStr,
    arguments: Option<DB::Arguments>,
    persistent: bool,
}

impl<DB: Database> Statement<DB> {
    fn of<'q>(mut query: impl Execute<'q, DB>) -> Result<Self, Error> {
        let arguments = query.take_arguments().map_err(Error::Encode)?;
        Ok(Self {
            arguments,
            persistent: query.persistent(),
            text: query.sql(),
        })
    }
}

impl<DB: Database> Execute<'static, DB> for Statement<DB> {
    fn sql(self) -> SqlStr {
        self.text
    }

    fn statement(&self) -> Option<&DB::Statement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

/// A connection in the hands of one caller.
pub struct Loan<DB: Engine> {
    /// Until it is given back.
    connection: Option<PoolConnection<DB>>,
    /// Until the connection is back.
    turn: Option<OwnedSemaphorePermit>,
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
        if self.busy && DB::LEAVES_WHEN_BUSY {
            return drop(connection.detach());
        }
        if self.open {
            DB::start_rollback(&mut connection);
        }
        // The pool asks the connection whether it still lives, and would wait for ever: a connection that
        // does not say so in time is closed, and its place in the pool is free.
        let turn = self.turn.take();
        threads::spawn(async move {
            let returned = timeout(RETURN, connection.return_to_pool()).await;
            drop(turn);
            returned
        });
    }
}

impl<DB: Database> Clone for Lender<DB> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            pool: self.pool.clone(),
            turns: self.turns.clone(),
            waiting: self.waiting.clone(),
            crowd: self.crowd.clone(),
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
