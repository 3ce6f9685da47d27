//! Mail without a mail server: kept in the database, where administrators read it.

use async_trait::async_trait;
use belfry_actors::{Capabilities, Channel, Outgoing};
use belfry_domain::delivery::{Receipt, SendError};
use belfry_domain::notification::EMAIL;

/// Takes every mail and sends none.
pub struct Kept;

#[async_trait]
impl Channel for Kept {
    fn name(&self) -> &'static str {
        EMAIL
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
