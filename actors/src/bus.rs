//! Messages between nodes.
//!
//! The bus is quick and forgetful: what must not be lost is in the database first, and whoever hears of
//! a [`BusSink::gap`] reads there again.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

/// Carries small messages on named channels to every subscribed node, the sender included.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Sends without waiting. A message that cannot be sent is dropped and counted.
    fn publish(&self, channel: &str, payload: Bytes);

    /// Starts hearing a channel; repeating it only asks for the confirmation again. `true`: it is heard from
    /// now on. `false`: it will be, and [`BusSink::subscribed`] tells when. Never calls the sink itself.
    fn subscribe(&self, channel: &str) -> bool;

    /// Stops hearing a channel.
    fn unsubscribe(&self, channel: &str);

    /// Where arriving messages go. Called once, before the first subscription.
    fn attach(&self, sink: Arc<dyn BusSink>);

    /// Whether messages pass at present.
    async fn is_up(&self) -> bool;
}

/// The receiving end of a bus on this node. Calls must return at once.
pub trait BusSink: Send + Sync {
    /// A message arrived.
    fn message(&self, channel: &str, payload: &[u8]);

    /// From now on the messages of this channel arrive; earlier ones may have been missed.
    fn subscribed(&self, channel: &str);

    /// Messages may have been missed on any channel; everything built from them must be read again.
    fn gap(&self);
}
