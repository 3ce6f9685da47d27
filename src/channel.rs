//! The ways out of the house.

/// Mail by SMTP.
pub mod email;
/// What an exchange over HTTP came to.
mod exchange;
/// Push to apps.
mod fcm;
/// Addresses that people name, and where they must not lead.
mod guard;
/// Mail without a mail server: kept in the database.
pub mod kept;
/// The ways out beside mail.
mod outbound;
/// What a push shows.
mod push;
/// Connections to a mail server, and what its answers mean.
mod smtp;

/// Push to browsers.
mod web_push;
/// Events to servers of others.
mod webhook;

use std::sync::Arc;

use anyhow::Result;
use belfry_actors::Provider;

pub use email::Email;
pub use fcm::Fcm;
pub use guard::{Forbidden, Guard};
pub use kept::Kept;
pub use outbound::{Outbound, outbound};
pub use smtp::Patience;
pub use web_push::{SubscriptionKeys, Vapid, WebPush};
pub use webhook::{Webhooks, fresh_secret};

/// The mail channel for these settings: through the server at `smtp_url`, or kept if that is empty. `from`
/// is the sender, `connections` how many stay open between mails.
///
/// # Errors
/// When the address of the server or of the sender is malformed.
pub fn email(smtp_url: &str, from: &str, connections: usize) -> Result<Arc<dyn Provider>> {
    Ok(if smtp_url.is_empty() {
        Arc::new(Kept)
    } else {
        Arc::new(Email::new(smtp_url, from, connections)?)
    })
}
