//! The settings of mail servers.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    pub smtp_url: Secret,
    pub smtp_urls: Vec<Secret>,
    pub from: String,
    pub dkim_selector: String,
    pub dkim_domain: String,
    pub dkim_key: Secret,
    pub bounce_secret: Secret,
    pub workers: usize,
    pub lease_seconds: u32,
}

impl Email {
    /// The mail servers in the order in which they are tried.
    pub fn servers(&self) -> Vec<&str> {
        let first = std::iter::once(&self.smtp_url).chain(&self.smtp_urls);
        let named = first.map(Secret::expose).filter(|url| !url.is_empty());
        named.collect()
    }
}
