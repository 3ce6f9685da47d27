//! The ways out of the house.

/// Mail by SMTP.
pub mod email;
/// Mail without a mail server: kept in the database.
pub mod kept;
/// Connections to a mail server, and what its answers mean.
mod smtp;

use std::sync::Arc;

use anyhow::Result;
use belfry_actors::Provider;

pub use email::Email;
pub use kept::Kept;
pub use smtp::Patience;

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
