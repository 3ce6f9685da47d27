//! What is kept in the database so that it cannot be read there: credentials of other people's servers, under a key
//! that is made of the house's secret (AES-256-GCM).

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use sha2::{Digest, Sha256};

use crate::secret::{Secret, fresh};

/// Bytes of chance before each text.
const NONCE: usize = 12;

/// Closes and opens.
#[derive(Clone)]
pub struct Seal(Aes256Gcm);

impl Seal {
    /// Under a key for this purpose alone.
    pub fn new(secret: &Secret, purpose: &str) -> Self {
        // The secret is as random as a key, so a digest that is used for nothing else will do.
        let digest = Sha256::new()
            .chain_update(b"belfry seal\0")
            .chain_update(purpose)
            .chain_update([0])
            .chain_update(secret.expose());
        let digest = digest.finalize();
        Self(Aes256Gcm::new(&digest))
    }

    /// Closes a text that belongs to `about`: moved to something else, it cannot be opened. `None` only for a text
    /// of many gigabytes.
    pub fn close(&self, about: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let nonce = fresh::<NONCE>();
        let payload = Payload {
            msg: text,
            aad: about,
        };
        let closed = self.0.encrypt(&nonce.into(), payload).ok()?;
        Some([&nonce[..], &closed].concat())
    }

    /// What was closed; `None` when it was closed under another secret, for something else, or was changed.
    pub fn open(&self, about: &[u8], closed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, msg) = closed.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg, aad: about };
        self.0.decrypt(&(*nonce).into(), payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_closed_is_opened_by_its_own_key_and_place_alone() {
        let secret = |text: &str| Secret::new(text.repeat(8));
        let seal = Seal::new(&secret("abcd"), "one");
        let closed = seal.close(b"here", b"pass word").unwrap();
        assert!(!closed.windows(4).any(|part| part == b"pass"));
        assert_eq!(seal.open(b"here", &closed).unwrap(), b"pass word");
        assert_eq!(seal.open(b"there", &closed), None);
        assert_eq!(
            Seal::new(&secret("abcd"), "two").open(b"here", &closed),
            None
        );
        assert_eq!(
            Seal::new(&secret("abce"), "one").open(b"here", &closed),
            None
        );
        for place in 0..closed.len() {
            let mut changed = closed.clone();
            changed[place] ^= 1;
            assert_eq!(seal.open(b"here", &changed), None, "{place}");
            assert_eq!(seal.open(b"here", &closed[..place]), None, "{place}");
        }
        // Never the same twice.
        assert_ne!(seal.close(b"here", b"pass word").unwrap(), closed);
    }
}
