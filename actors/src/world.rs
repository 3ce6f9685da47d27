//! What every actor is given: store, clock, bus and the node's name.

use std::sync::Arc;

use belfry_store::Store;

use crate::setting::InForce;
use crate::{Bus, Clock};

/// The surroundings of an actor. Cloning shares everything.
#[derive(Clone)]
pub struct World {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub bus: Arc<dyn Bus>,
    /// Unique per process, so that a node can tell its own echo on the bus.
    pub node: Arc<str>,
    /// What administrators have set.
    pub settings: InForce,
}
