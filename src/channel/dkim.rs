//! Signatures on mails (DKIM, RFC 6376): proof that a mail is the house's and came as it left.

use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::Message;
use lettre::message::dkim::{
    DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm,
    DkimSigningKey, dkim_sign,
};
use lettre::message::header::HeaderName;
use pkcs8::der::Decode;
use pkcs8::{LineEnding, PrivateKeyInfo, SecretDocument};

/// What is signed. A header that a mail does not have is named all the same, so that nobody can add it.
/// The content type is not among them: lettre keeps that of a mail in parts with the parts, where its signer does
/// not look.
const HEADERS: [&str; 10] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Reply-To",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

const RSA: &str = "1.2.840.113549.1.1.1";
const ED25519: &str = "1.3.101.112";

/// A key whose public half stands in the DNS under `{selector}._domainkey.{domain}`.
pub struct Dkim {
    config: DkimConfig,
}

impl Dkim {
    /// Signs for `domain` with `key`: a private key in PEM, RSA or Ed25519, or the path of a file with one.
    ///
    /// # Errors
    /// When the key cannot be read, or a name is missing.
    pub fn new(selector: &str, domain: &str, key: &str) -> Result<Self> {
        anyhow::ensure!(
            !selector.is_empty() && !domain.is_empty(),
            "dkim_key needs dkim_selector and dkim_domain"
        );
        let name = |text: &str| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
        };
        anyhow::ensure!(
            name(selector) && name(domain),
            "dkim_selector and dkim_domain are names in the DNS"
        );
        let pem = if key.contains("-----BEGIN") {
            // In the environment, line ends are often written out.
            key.replace("\\n", "\n")
        } else {
            std::fs::read_to_string(Path::new(key))
                .with_context(|| format!("reading the key {key}"))?
        };
        let relaxed = DkimCanonicalizationType::Relaxed;
        let config = DkimConfig::new(
            selector.to_owned(),
            domain.to_owned(),
            signing_key(pem.trim())?,
            HEADERS.map(HeaderName::new_from_ascii_str).to_vec(),
            DkimCanonicalization {
                header: relaxed,
                body: relaxed,
            },
        );
        Ok(Self { config })
    }

    /// Puts the signature on top of the mail.
    pub(super) fn sign(&self, mail: &mut Message) {
        dkim_sign(mail, &self.config);
    }
}

/// Reads PKCS#8, which holds either kind, and the older PKCS#1 of RSA alone.
fn signing_key(pem: &str) -> Result<DkimSigningKey> {
    if pem.contains("BEGIN RSA PRIVATE KEY") {
        return Ok(DkimSigningKey::new(pem, DkimSigningAlgorithm::Rsa)?);
    }
    let (_, document) = SecretDocument::from_pem(pem)
        .map_err(|error| anyhow::anyhow!("not a private key in PEM: {error}"))?;
    let key = PrivateKeyInfo::from_der(document.as_bytes())
        .map_err(|error| anyhow::anyhow!("not a PKCS#8 key: {error}"))?;
    match key.algorithm.oid.to_string().as_str() {
        RSA => {
            let inner = SecretDocument::try_from(key.private_key)
                .and_then(|inner| inner.to_pem("RSA PRIVATE KEY", LineEnding::LF))
                .map_err(|error| anyhow::anyhow!("not an RSA key: {error}"))?;
            Ok(DkimSigningKey::new(&inner, DkimSigningAlgorithm::Rsa)?)
        }
        ED25519 => {
            // An octet string within the octet string (RFC 8410).
            let seed = key.private_key.strip_prefix(&[0x04, 0x20]);
            let seed = seed.context("not an Ed25519 key")?;
            let seed = STANDARD.encode(seed);
            Ok(DkimSigningKey::new(&seed, DkimSigningAlgorithm::Ed25519)?)
        }
        other => bail!("keys of the kind {other} do not sign mails; use RSA or Ed25519"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_refused_and_not_echoed() {
        for key in [
            "/no/such/file.pem",
            "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----",
        ] {
            let refused = Dkim::new("mail", "belfry.test", key).err().unwrap();
            assert!(!format!("{refused:#}").contains("c2VjcmV0"));
        }
        assert!(Dkim::new("", "belfry.test", "x").is_err());
        assert!(Dkim::new("mail", "belfry.test; p=", "x").is_err());
    }
}
