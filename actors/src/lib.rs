//! Who takes turns: the actors of the house, and the traits of the outside world they need.

/// One actor per branch: when somebody there is free, and whose turn it is.
pub mod branch;
/// Messages between nodes.
pub mod bus;
/// Answers about free slots that several nodes share.
pub mod cache;
/// A way to reach people outside the house.
pub mod channel;
/// The only reader of the time of day.
pub mod clock;
/// A live connection's place in the directory, from the transport's side.
pub mod connection;
/// Takes due deliveries of one channel to their provider.
pub mod courier;
/// One actor per expert: the turnstile in front of the expert's time.
pub mod expert;
/// The messages of a live connection, each serialised once.
pub mod frame;
/// What comes off the bus, as a fuzzer reaches it.
#[cfg(any(test, fuzzing))]
pub mod fuzz;
/// Bookings share their commits.
pub mod group_commit;
/// Calendars kept elsewhere, read in the background.
pub mod importer;
/// Lines that have an end.
pub mod line;
/// From what happened to who is told.
pub mod planner;
/// Who of the experts is there.
pub mod presence;
/// The waiting queues of branches.
pub mod queue;
/// The house's own clockwork: sweeps by cron, reminders at their minute.
pub mod scheduler;
/// A live connection as the registry sees it.
pub mod session;
/// What administrators have set, as it stands now.
pub mod setting;
/// The node's directory: who is here, and which bus message goes to whom.
pub mod supervisor;
/// What the scheduler does in a round.
pub mod sweep;
/// Who on this node listens to which topic, and who may.
pub mod topic;
/// One person's live connections on this node.
mod user;
/// Actors that sleep when nobody asks them.
mod wake;
/// What every actor is given: store, clock, bus and the node's name.
pub mod world;

pub use branch::Branches;
pub use bus::{Bus, BusSink};
pub use channel::{Capabilities, Outgoing, Provider, Rate};
pub use clock::{Clock, ManualClock, SystemClock};
pub use connection::Connection;
pub use courier::{Courier, CourierSettings};
pub use expert::Experts;
pub use frame::Frame;
pub use line::{Line, Place};
pub use planner::{Desk, PlanReport, Planner};
pub use presence::Attendance;
pub use queue::Queues;
pub use scheduler::Scheduler;
pub use session::{Close, Push, Session};
pub use supervisor::Supervisor;
pub use sweep::{Sweep, TickReport};
pub use world::World;

/// The house cannot take the request right now; the same request may succeed in a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("busy: {0}")]
pub struct Busy(pub &'static str);
