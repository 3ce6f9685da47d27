//! The only reader of the time of day.

use std::sync::atomic::{AtomicI64, Ordering};

use belfry_domain::{Instant, to_micros};
use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The current instant, cut to microseconds.
    fn now(&self) -> Instant;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        to_micros(Utc::now())
    }
}

/// A clock that stands still until it is moved, so that a test can let an hour pass at once.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Instant) -> Self {
        Self(AtomicI64::new(now.timestamp_micros()))
    }

    /// Moves the clock by `step`.
    pub fn advance(&self, step: TimeDelta) {
        self.0
            .fetch_add(step.num_microseconds().unwrap_or(0), Ordering::SeqCst);
    }

    /// Sets the clock to `now`.
    pub fn set(&self, now: Instant) {
        self.0.store(now.timestamp_micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }
}
