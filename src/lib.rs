//! Talks: HTTP, sockets, the bus, the outside world.

/// The bus between nodes.
pub mod bus;
/// The slot cache in Redis.
mod cache;
/// Ways to reach people outside the house.
pub mod channel;
/// The command line.
pub mod cli;
/// Settings.
pub mod config;
/// People and bookings to look at.
pub mod demo;
/// What strangers send, as a fuzzer sends it.
#[cfg(any(test, fuzzing))]
pub mod fuzz;
/// The same operations over gRPC.
pub mod grpc;
/// Whether a running server is ready, for container health checks.
pub mod health;
/// The house put together.
pub mod house;
/// Everything over HTTP.
pub mod http;
/// Addresses that mails lead to.
pub mod links;
/// Passwords.
mod password;
/// What is kept so that it cannot be read where it is.
pub mod seal;
/// Text that must never reach a log.
pub mod secret;
/// Trying out how work is shared.
pub mod simulate;
/// What people say to the house's bot, and what it does about it.
pub mod telegram;
/// Logs and figures of the process.
pub mod telemetry;
mod tether;
/// The cryptography behind encrypted connections.
pub mod tls;
/// Signed tokens.
pub mod token;
