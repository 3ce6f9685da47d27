//! Who takes turns: the actors of the house, and the traits of the outside world they need.

/// Messages between nodes.
pub mod bus;
/// The only reader of the time of day.
pub mod clock;
/// What every actor is given: store, clock, bus and the node's name.
pub mod world;

pub use bus::{Bus, BusSink};
pub use clock::{Clock, ManualClock, SystemClock};
pub use world::World;

/// The house cannot take the request right now; the same request may succeed in a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("busy: {0}")]
pub struct Busy(pub &'static str);
