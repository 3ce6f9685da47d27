//! What can go wrong with a store call.

use thiserror::Error;

/// A failed store call. Refusals that a caller can act on are values of the call, never this.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database cannot be reached or has no connection to spare; the same call may succeed later.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused or failed.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
    /// A row does not have the shape this code writes.
    #[error("unreadable row: {0}")]
    Unreadable(String),
    /// Whoever asked has given up meanwhile; nothing was done.
    #[error("the request was given up")]
    Abandoned,
    /// The schema could not be brought up to date.
    #[error("migration failed: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database address is not understood.
    #[error("bad database address: {0}")]
    Address(String),
}

impl StoreError {
    /// A row that cannot be read back, told by the column or the fault.
    pub(crate) fn unreadable(what: impl std::fmt::Display) -> Self {
        Self::Unreadable(what.to_string())
    }

    /// The same failure, told to one more of those it struck.
    pub fn again(&self) -> Self {
        match self {
            Self::Unavailable(error) => Self::Unavailable(sqlx::Error::Protocol(error.to_string())),
            other => Self::Database(sqlx::Error::Protocol(other.to_string())),
        }
    }

    /// Whether the same transaction may succeed when tried again at once: deadlock and serialisation
    /// failures of PostgreSQL (SQLSTATE 40P01, 40001).
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref(), Some("40P01" | "40001"))
            }
            _ => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let out_of_reach = match &error {
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::WorkerCrashed => true,
            // Class 57: shutting down or starting; 53: out of resources; 5 and 13: SQLite busy and full.
            sqlx::Error::Database(inner) => inner.code().is_some_and(|code| {
                code.starts_with("57")
                    || code.starts_with("53")
                    || code == "55P03"
                    || code == "25P03"
                    || code == "5"
                    || code == "13"
            }),
            _ => false,
        };
        if out_of_reach {
            Self::Unavailable(error)
        } else {
            Self::Database(error)
        }
    }
}
