//! A way to reach people outside the house, as those behind it see it.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Content, Receipt, SendError};
use belfry_domain::id::DeliveryId;

/// One message on its way.
#[derive(Clone, PartialEq, Debug)]
pub struct Outgoing {
    /// The same for every attempt, so that a provider or a reader can recognise a repeat.
    pub id: DeliveryId,
    /// The number of this attempt, from 1.
    pub attempt: i64,
    pub kind: String,
    pub address: String,
    pub subject: String,
    pub content: Content,
    /// When this attempt began.
    pub at: Instant,
}

/// What a provider can do beyond sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// Whether sending the same [`Outgoing::id`] twice reaches the reader once. Where it does, an attempt
    /// with an unknown end is simply repeated.
    pub recognises_repeats: bool,
}

/// How fast a credential may be used, by each node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rate {
    /// Messages a second; `None` for as many as there are.
    pub per_second: Option<NonZeroU32>,
    /// How many of them may leave at once after a pause; `None` for a second's worth.
    pub burst: Option<NonZeroU32>,
    /// The shortest pause between two messages to one address.
    pub per_address: Option<Duration>,
}

/// Sends messages by one channel with one credential.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The channel of the deliveries it takes.
    fn channel(&self) -> Channel;

    /// Its own name, such as `smtp`; unique within its channel.
    fn name(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// How fast it may be used.
    fn rate(&self) -> Rate {
        Rate::default()
    }

    /// Sends one message. Must end by itself in bounded time, and must say
    /// [`SendError::Ambiguous`] whenever the message may have been taken.
    ///
    /// # Errors
    /// By what can be done about it, see [`SendError`].
    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError>;
}
