//! Waiting for what comes about in its own time.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Only a failure waits so long.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

/// What a look at something may answer: whether it is so, what is there, or how it stands instead.
pub trait Look {
    type Found;
    /// What was found, or how it stands instead.
    fn found(self) -> Result<Self::Found, String>;
}

impl Look for bool {
    type Found = ();
    fn found(self) -> Result<(), String> {
        self.then_some(()).found()
    }
}

impl<T> Look for Option<T> {
    type Found = T;
    fn found(self) -> Result<T, String> {
        self.ok_or_else(|| "never".to_owned())
    }
}

impl<T, E: Debug> Look for Result<T, E> {
    type Found = T;
    fn found(self) -> Result<T, String> {
        self.map_err(|instead| format!("{instead:#?}"))
    }
}

/// Looks again and again until something is so, and answers what is there then.
pub async fn eventually<L: Look>(what: &str, look: impl AsyncFnMut() -> L) -> L::Found {
    within(PATIENCE, what, look).await
}

/// The same for what takes its time.
pub async fn within<L: Look>(
    patience: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> L,
) -> L::Found {
    let begun = Instant::now();
    loop {
        match look().await.found() {
            Ok(found) => return found,
            Err(instead) => assert!(begun.elapsed() < patience, "{what}: {instead}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
