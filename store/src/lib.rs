//! What Belfry remembers: every line of SQL, once, for SQLite and PostgreSQL.

/// The connection to either engine, transactions, and the few fragments in which they differ.
#[macro_use]
pub mod db;
/// What can go wrong with a store call.
pub mod error;
/// The inbox as its owner reads it.
pub mod inbox;
/// Events: what happened, kept in the transaction in which it happened.
pub mod event;
/// Who of several nodes does what only one may do.
pub mod lease;
/// Reminders: planned with their booking, issued once.
pub mod reminder;
/// What is let go when its time is over.
pub mod retention;
/// What the right to listen to a topic is decided on.
pub mod topic;

pub use db::{Store, Tx};
pub use error::StoreError;
