//! Mail without a mail server: kept in the database, where administrators read it.

use async_trait::async_trait;
use belfry_actors::{Capabilities, Outgoing, Provider};
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Receipt, SendError};

/// Takes every mail and sends none.
pub struct Kept;

#[async_trait]
impl Provider for Kept {
    fn channel(&self) -> Channel {
        Channel::Email
    }

    fn name(&self) -> &str {
        "kept"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            recognises_repeats: true,
        }
    }

    async fn send(&self, _: &Outgoing) -> Result<Receipt, SendError> {
        Ok(Receipt::Kept)
    }
}
