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
            Self::Unavailable(sqlx::Error::Database(error)) => {
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
            sqlx::Error::Database(inner) => inner.code().is_some_and(|code| passes(&code)),
            _ => false,
        };
        if out_of_reach {
            Self::Unavailable(error)
        } else {
            Self::Database(error)
        }
    }
}

/// Whether a database's error is one of the hour: what failed may work later as it is.
fn passes(code: &str) -> bool {
    match code.parse::<u32>() {
        // SQLite: busy, locked, read-only, failed to read or write, full, cannot open. The rest of the number
        // says which call it was.
        Ok(number) if code.len() != 5 => matches!(number & 0xff, 5 | 6 | 8 | 10 | 13 | 14),
        // PostgreSQL, by class: the connection, out of resources, somebody intervened, the system itself. Then
        // crossing transactions, a lock that was not to be had, a transaction that idled, and a server that
        // takes no writes for the moment.
        _ => {
            ["08", "53", "57", "58"].contains(&code.get(..2).unwrap_or_default())
                || ["40001", "40P01", "55P03", "25P03", "25006"].contains(&code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_time_may_heal_is_tried_again_later() {
        let full_disk = ["13", "778", "1034", "53100"];
        let server_gone = ["57P01", "57P02", "57P03", "08006", "25006"];
        let busy = ["5", "517", "53300", "57014", "40001", "55P03"];
        for code in full_disk.iter().chain(&server_gone).chain(&busy) {
            assert!(passes(code), "{code}");
        }
        // Constraints, syntax, a damaged file.
        for code in ["1", "11", "19", "2067", "23505", "42601", "22001", "XX001"] {
            assert!(!passes(code), "{code}");
        }
    }
}
