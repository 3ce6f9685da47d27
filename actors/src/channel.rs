//! A way to reach people outside the house: mail now, others beside it later.

use async_trait::async_trait;
use belfry_domain::Instant;
use belfry_domain::delivery::{Content, Receipt, SendError};
use belfry_domain::id::DeliveryId;

/// One message on its way.
#[derive(Clone, PartialEq, Debug)]
pub struct Outgoing {
    /// The same for every attempt, so that a provider or a reader can recognise a repeat.
    pub id: DeliveryId,
    pub address: String,
    pub subject: String,
    pub content: Content,
    /// When this attempt began.
    pub at: Instant,
}

/// What a channel can do beyond sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// Whether sending the same [`Outgoing::id`] twice reaches the reader once. Where it does, an attempt
    /// with an unknown end is simply repeated.
    pub recognises_repeats: bool,
}

/// Sends messages to one kind of address.
#[async_trait]
pub trait Channel: Send + Sync {
    /// The channel of the deliveries it takes, such as `email`.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Sends one message. Must end by itself in bounded time, and must say
    /// [`SendError::Ambiguous`] whenever the message may have been taken.
    ///
    /// # Errors
    /// By what can be done about it, see [`SendError`].
    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError>;
}
