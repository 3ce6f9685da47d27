//! Every behaviour from the outside, in one binary.

/// Bookings: the main story and its refusals.
mod booking;
/// A fresh store for every test, on either engine.
mod engine;
/// Live connections.
mod live;
/// The clockwork: reminders, missed bookings, holds, archive.
mod scheduler;
/// The rules of the house that a test can hold.
mod tidy;
/// A whole house behind its real door, and people who knock.
mod town;
