//! Talks: HTTP, sockets, the bus, the outside world.

/// The bus between nodes.
pub mod bus;
/// Everything over HTTP.
pub mod http;
