//! Everything over HTTP.

/// Live connections: WebSocket and its fallback.
pub mod live;
/// Every error answer.
pub mod problem;
/// The listening server, with the sockets taken over after their upgrade.
pub mod server;
/// Short-lived admission to a live connection.
pub mod ticket;
