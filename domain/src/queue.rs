//! The waiting queue of a branch: who waits, whose turn it is, and how long it will take.

/// What is not known of a line, and how it is drawn.
mod chance;
/// How long services take, learned from those that are over.
pub mod duration;
/// How long each of the line will wait, and how good such estimates were.
pub mod estimate;
/// The merged line of walk-ins and appointments, and how desks take it.
pub mod line;
/// The line played on from now.
mod replay;
