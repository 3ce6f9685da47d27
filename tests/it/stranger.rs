//! Strangers: what the house takes from nobody.

/// Clients that take all the time in the world.
mod slow;
/// Requests that are no good HTTP, or two things at once.
mod smuggling;
/// Raw bytes to a node and back.
mod wire;
