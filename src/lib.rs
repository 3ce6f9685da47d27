//! Talks: HTTP, sockets, the bus, the outside world.

/// The bus between nodes.
pub mod bus;
/// The ways out of the house.
pub mod channel;
/// Whether a running server is ready, for container health checks.
pub mod health;
/// Everything over HTTP.
pub mod http;
