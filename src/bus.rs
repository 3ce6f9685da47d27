//! The bus between nodes: inside the process when there is one, through Redis when there are several.

/// One process, no wire.
mod in_process;
/// Several nodes over Redis Pub/Sub.
mod redis;

pub use in_process::InProcessBus;
pub use redis::{BadAddress, RedisBus};
