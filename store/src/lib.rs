//! What Belfry remembers: every line of SQL, once, for SQLite and PostgreSQL.

/// The connection to either engine, transactions, and the few fragments in which they differ.
#[macro_use]
pub mod db;
/// Accounts: users and their pictures.
pub mod account;
/// Where people can be reached besides mail and phone.
pub mod address;
/// Keys for machines, kept as hashes.
pub mod api_key;
/// Whom bookings were given to, and why.
pub mod assignment;
/// The audit log: who changed what.
pub mod audit;
/// How far everything has got.
pub mod backlog;
/// Bookings: reading and changing them.
pub mod booking;
/// Branches.
pub mod branch;
/// Points at which a test lets the process die.
pub mod crash;
/// Deliveries: claimed under a lease, settled once.
pub mod delivery;
/// Messages gathered for one person.
mod digest;
/// What can go wrong with a store call.
pub mod error;
/// Events: what happened, kept in the transaction in which it happened.
pub mod event;
/// Experts: public profiles and presence.
pub mod expert;
/// Why somebody was told of an event, or was not.
pub mod explain;
/// The calendars that people subscribe to.
pub mod feed;
/// Very many deliveries at once, for tests and benchmarks.
#[cfg(feature = "crash-points")]
pub mod flood;
/// Those who want to hear of what is not their own.
mod follower;
/// Group sessions and their seats.
pub mod group_session;
/// Those who book without an account.
pub mod guest;
/// Idempotency keys: the first answer is the answer.
pub mod idempotency;
/// Calendars kept elsewhere, and the busy time in them.
pub mod import;
/// The inbox as its owner reads it.
pub mod inbox;
/// Who of several nodes does what only one may do.
pub mod lease;
/// Everything that must agree, side by side, for checks.
pub mod ledger;
/// Taken time, and the holds that take it for a moment.
pub mod occupancy;
/// Who accounts are to an OpenID Connect provider.
pub mod oidc;
/// Everything about one person, to be given to them or forgotten.
pub mod person;
/// Taking events that nobody was told of yet, and writing what they lead to.
pub mod planning;
/// What people want to be told on which channel.
pub mod preference;
/// Who of the experts is there.
pub mod presence;
/// Visits to branches and their lines.
pub mod queue;
/// Reminders: planned with their booking, issued once.
pub mod reminder;
/// Figures over time.
pub mod report;
/// What is let go when its time is over.
pub mod retention;
/// Many rows as one statement.
mod rows;
/// Rules: who is told what, version by version.
pub mod rule;
/// Schedules: weeks, exceptions, time off.
pub mod schedule;
/// Series of bookings.
pub mod series;
/// Refresh tokens.
pub mod session;
/// Values that all nodes share and nobody configures.
pub mod setting;
/// How branches fare.
pub mod statistics;
/// Addresses to which nothing is sent any more.
pub mod suppression;
/// Telegram chats: whose they are, which updates were handled, what was asked in them.
pub mod telegram;
/// Administrators' own texts.
pub mod template;
/// What the right to listen to a topic is decided on.
pub mod topic;
/// How much of the experts' hours is booked.
pub mod utilisation;
/// Waiting lists.
pub mod waiting;

/// Webhooks: where they lead, what they want, how they do.
pub mod webhook;

/// How often each book of the planner was edited.
pub mod versions;

pub use db::{Bounds, PoolUse, Store, Tx};
pub use error::StoreError;
