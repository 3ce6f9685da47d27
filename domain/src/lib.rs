//! Decides: the pure types and rules of Belfry. Nothing here waits, stores, sends or reads the clock.

/// How an expert lets their time be booked: lengths, grid, buffers, notice, horizon, caps.
pub mod booking_rules;
/// What is wrong with one field of an input.
pub mod field;
/// The UTC offsets of a zone over a stretch of time.
mod offsets;
/// When an expert works: weekly windows, overrides, time off.
pub mod schedule;
/// Which times of an expert are free.
pub mod slot;
/// Between the clock on the wall of a zone and instants.
pub mod wall;
