use anyhow::{Context, Result};
use jsonwebtoken::EncodingKey;
use serde::Deserialize;

/// A service account of Google, as its key file says it.
pub(super) struct ServiceAccount {
    pub(super) project_id: String,
    pub(super) email: String,
    pub(super) key_id: Option<String>,
    pub(super) key: EncodingKey,
    /// Where it asks for tokens.
    pub(super) token_url: String,
}

impl ServiceAccount {
    /// Reads a key file's JSON, or the file at this path.
    ///
    /// # Errors
    /// When there is no such file, or it is no key file.
    pub(super) fn read(text_or_path: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct KeyFile {
            project_id: String,
            client_email: String,
            private_key: String,
            private_key_id: Option<String>,
            token_uri: String,
        }
        let text = text_or_path.trim();
        let file;
        let text = if text.starts_with('{') {
            text
        } else {
            file = std::fs::read_to_string(text).with_context(|| format!("reading {text}"))?;
            &file
        };
        // What the reader says could repeat the key.
        let read: KeyFile = serde_json::from_str(text)
            .map_err(|_| anyhow::anyhow!("this is no key file of a service account"))?;
        let key = EncodingKey::from_rsa_pem(read.private_key.as_bytes())
            .map_err(|_| anyhow::anyhow!("its private_key is no RSA key in PEM form"))?;
        Ok(Self {
            project_id: read.project_id,
            email: read.client_email,
            key_id: read.private_key_id,
            key,
            token_url: read.token_uri,
        })
    }
}
