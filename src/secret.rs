//! Text that must never reach a log: kept, compared, made, and hashed.

use std::fmt;

use hmac::{Hmac, Mac};
use rand::RngCore;
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A secret; its `Debug` form shows nothing of it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, to be used and not kept.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What only who has it can make of these parts (HMAC-SHA-256). The first one names what it is for, so that it is
    /// of no use for anything else.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) else {
            return [0; 32];
        };
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// Whether it is what somebody showed. Digests are compared, so that how long it takes says nothing about how
    /// much of it was right.
    pub fn is(&self, shown: &[u8]) -> bool {
        Sha256::digest(shown) == Sha256::digest(self.0.as_bytes())
    }
}

/// Random bytes that nobody can guess.
pub fn fresh<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// What is kept of a token or a code instead of it.
pub fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// What stands for a secret where settings are shown.
pub const MASK: &str = "••••••••";

/// Only whether there is one is ever written.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        masked(&self.0, serializer)
    }
}

/// Writes a text that may have a secret in it as one.
///
/// # Errors
/// The serializer's own.
pub fn masked<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if text.is_empty() { "" } else { MASK })
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
