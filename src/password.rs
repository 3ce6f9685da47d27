//! Passwords: Argon2id (RFC 9106) off the async threads, a few at a time.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
#[error("password hashing failed")]
pub struct PasswordFailure;

/// Hashes and checks passwords with bounded memory: each run takes 19 MiB.
#[derive(Clone)]
pub struct Passwords {
    seats: Arc<Semaphore>,
    /// Checked in place of an unknown account's hash, so that a stranger cannot tell the two by time.
    decoy: Arc<str>,
}

impl Passwords {
    /// Up to `at_once` runs side by side.
    ///
    /// # Errors
    /// When hashing does not work at all on this machine.
    pub fn new(at_once: usize) -> Result<Self, PasswordFailure> {
        Ok(Self {
            seats: Arc::new(Semaphore::new(at_once)),
            decoy: hash("no such account")?.into(),
        })
    }

    /// A PHC string for the password.
    ///
    /// # Errors
    /// When hashing fails.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordFailure> {
        let password = password.to_owned();
        self.run(move || hash(&password)).await
    }

    /// Whether the password fits the PHC string; `None` takes as long and never fits.
    ///
    /// # Errors
    /// When checking fails for another reason than a wrong password.
    pub async fn verify(
        &self,
        password: &str,
        stored: Option<&str>,
    ) -> Result<bool, PasswordFailure> {
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.decoy).to_owned();
        let password = password.to_owned();
        self.run(move || {
            let parsed = PasswordHash::new(&stored).map_err(|_| PasswordFailure)?;
            let fits = Argon2::default()
                .verify_password(password.as_bytes(), &parsed)
                .is_ok();
            Ok(fits && known)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordFailure> + Send + 'static,
    ) -> Result<T, PasswordFailure> {
        let _seat = self.seats.acquire().await.map_err(|_| PasswordFailure)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| PasswordFailure)?
    }
}

fn hash(password: &str) -> Result<String, PasswordFailure> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|_| PasswordFailure)
}
