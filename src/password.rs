//! Passwords: Argon2id (RFC 9106) off the async threads, a few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use belfry_actors::{Busy, Line};
use tokio::sync::Semaphore;

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFailure {
    /// Too many are waiting for it.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// It does not work at all.
    #[error("password hashing failed")]
    Broken,
}

/// Hashes and checks passwords with bounded memory: each run takes 19 MiB.
#[derive(Clone)]
pub struct Passwords {
    seats: Arc<Semaphore>,
    /// Those who are served and those who wait.
    line: Line,
    /// Checked in place of an unknown account's hash, so that a stranger cannot tell the two by time.
    decoy: Arc<str>,
    runs: Arc<AtomicU64>,
}

impl Passwords {
    /// Up to `at_once` runs side by side, while up to `waiting` wait.
    ///
    /// # Errors
    /// When hashing does not work at all on this machine.
    pub fn new(at_once: usize, waiting: usize) -> Result<Self, PasswordFailure> {
        Ok(Self {
            seats: Arc::new(Semaphore::new(at_once.max(1))),
            line: Line::new("passwords", at_once.max(1) + waiting),
            decoy: hash("no such account")?.into(),
            runs: Arc::default(),
        })
    }

    /// How many runs there have been: the work that a stranger could tell accounts apart by.
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// A PHC string for the password.
    ///
    /// # Errors
    /// When too many wait, or hashing fails.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordFailure> {
        let password = password.to_owned();
        self.run(move || hash(&password)).await
    }

    /// Whether the password fits the PHC string. `None`, and the empty one of an account that has no password, take as
    /// long and never fit.
    ///
    /// # Errors
    /// When too many wait, or checking fails for another reason than a wrong password.
    pub async fn verify(
        &self,
        password: &str,
        stored: Option<&str>,
    ) -> Result<bool, PasswordFailure> {
        let stored = stored.filter(|stored| !stored.is_empty());
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.decoy).to_owned();
        let password = password.to_owned();
        self.run(move || {
            let parsed = PasswordHash::new(&stored).map_err(|_| PasswordFailure::Broken)?;
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
        let broken = |_| PasswordFailure::Broken;
        let place = self.line.enter()?;
        self.runs.fetch_add(1, Ordering::Relaxed);
        let seats = self.seats.clone();
        let seat = seats.acquire_owned().await.map_err(broken)?;
        // Whoever asked may leave meanwhile. The work goes on, and so its seat is taken until it ends.
        let run = move || {
            let _taken = (place, seat);
            work()
        };
        let run = tokio::task::spawn_blocking(run);
        run.await.map_err(|_| PasswordFailure::Broken)?
    }
}

fn hash(password: &str) -> Result<String, PasswordFailure> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|_| PasswordFailure::Broken)
}
