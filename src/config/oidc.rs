//! The provider through which administrators sign in.

use anyhow::{Context, Result, ensure};
use belfry_domain::account;
use belfry_domain::oidc::Admins;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::secret::Secret;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Secret,
    pub name: String,
    pub scopes: Vec<String>,
    pub groups_claim: String,
    pub admin_groups: Vec<String>,
    pub admin_emails: Vec<String>,
}

impl Oidc {
    /// Whom they name as administrators.
    pub fn admins(&self) -> Admins {
        let emails = self.admin_emails.iter();
        Admins {
            groups: self.admin_groups.clone(),
            emails: emails.map(|email| email.trim().to_lowercase()).collect(),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.issuer.is_empty() {
            return Ok(());
        }
        let issuer: Url = self.issuer.parse().context("[auth.oidc] issuer")?;
        let here = match issuer.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        ensure!(
            issuer.scheme() == "https" || issuer.scheme() == "http" && here,
            "[auth.oidc] issuer must begin with https://"
        );
        let (id, name) = (self.client_id.trim(), self.name.trim());
        ensure!(!id.is_empty(), "[auth.oidc] client_id is missing");
        ensure!(!name.is_empty(), "[auth.oidc] name is missing");
        ensure!(
            self.admin_groups.is_empty() || !self.groups_claim.is_empty(),
            "[auth.oidc] admin_groups are looked for in groups_claim, which is missing"
        );
        for email in self.admins().emails {
            let known = account::email("/admin_emails", &email).is_ok();
            ensure!(known, "[auth.oidc] admin_emails: {email} is no address");
        }
        Ok(())
    }
}
