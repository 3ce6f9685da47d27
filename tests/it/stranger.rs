//! Strangers: what the house takes from nobody.

/// The conventions of the contract, held against somebody who means no good.
mod convention;
/// Finding out who has an account.
pub mod enumeration;
/// Text that would like to be something else.
mod injection;
/// Clients that take all the time in the world.
mod slow;
/// Requests that are no good HTTP, or two things at once.
mod smuggling;
/// Bodies that are not what they say, or become more than they are.
mod upload;
/// Raw bytes to a node and back.
mod wire;
