//! The ways out of the house.

/// Signatures on mails.
pub mod dkim;
/// Mail by SMTP.
pub mod email;
/// Mail without a mail server: kept in the database.
pub mod kept;
/// What mail servers say about mails afterwards.
pub mod report;
/// Connections to a mail server, and what its answers mean.
mod smtp;

use std::sync::Arc;

use anyhow::{Context, Result};
use belfry_actors::Provider;

use crate::config;

pub use dkim::Dkim;
pub use email::Email;
pub use kept::Kept;
pub use smtp::Patience;

/// The mail servers of these settings in their order, or the database if there are none.
///
/// # Errors
/// When the address of a server or of the sender is malformed, or the key to sign with cannot be read.
pub fn email(settings: &config::Email) -> Result<Vec<Arc<dyn Provider>>> {
    let servers = settings.servers();
    if servers.is_empty() {
        return Ok(vec![Arc::new(Kept)]);
    }
    let key = settings.dkim_key.expose();
    let dkim = match key {
        "" => None,
        key => {
            let dkim = Dkim::new(&settings.dkim_selector, &settings.dkim_domain, key);
            Some(Arc::new(dkim.context("[email] dkim_key")?))
        }
    };
    let providers = servers.into_iter().enumerate().map(|(at, url)| {
        let mut email = Email::new(url, &settings.from, settings.workers)?;
        if at > 0 {
            email = email.named(format!("smtp-{}", at + 1));
        }
        if let Some(dkim) = &dkim {
            email = email.signing(dkim.clone());
        }
        Ok(Arc::new(email) as Arc<dyn Provider>)
    });
    providers.collect()
}
