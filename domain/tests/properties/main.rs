//! Rules held against invariants and slow oracles, on walks made up at random and shrunk when one fails.

/// Any walk through the life of a booking.
mod booking;
/// Caps of days and weeks, in zones whose clocks change.
mod cap;
/// Any walk through the life of a delivery, and the pauses between tries.
mod delivery;
/// Reminders of a booking that is moved again and again.
mod reminder;
