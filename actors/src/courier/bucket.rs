//! How fast a credential may be used: tokens that refill at a steady rate.
//!
//! (The crate governor keeps such buckets for requests; it takes a token or refuses, and cannot say how many there
//! are. A courier must know before it claims.)

use belfry_domain::Instant;
use chrono::TimeDelta;

use crate::channel::Rate;

/// A bucket of tokens, full at first.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// How long a token takes to come back; `None` where there is no limit.
    every: Option<TimeDelta>,
    burst: i32,
    /// When it will be full again.
    full_at: Instant,
}

impl Bucket {
    pub(super) fn new(rate: &Rate) -> Self {
        let every = rate
            .per_second
            .map(|rate| TimeDelta::nanoseconds(1_000_000_000 / i64::from(rate.get())));
        let burst = rate.burst.or(rate.per_second);
        Self {
            every,
            burst: burst.map_or(1, |burst| i32::try_from(burst.get()).unwrap_or(i32::MAX)),
            full_at: Instant::UNIX_EPOCH,
        }
    }

    /// How many messages may leave at once now; `None` for any number.
    pub(super) fn tokens(&self, now: Instant) -> Option<usize> {
        let every = self.every?;
        let missing = (self.full_at - now).max(TimeDelta::zero());
        let left = (every * self.burst - missing).max(TimeDelta::zero());
        let tokens = left.num_nanoseconds()? / every.num_nanoseconds()?.max(1);
        Some(usize::try_from(tokens).unwrap_or_default())
    }

    /// Takes the token of one message.
    pub(super) fn take(&mut self, now: Instant) {
        if let Some(every) = self.every {
            self.full_at = self.full_at.max(now) + every;
        }
    }

    /// When there is a token again.
    pub(super) fn next_at(&self, now: Instant) -> Instant {
        match self.every {
            Some(every) => now.max(self.full_at - every * (self.burst - 1)),
            None => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn at(millis: i64) -> Instant {
        chrono::DateTime::from_timestamp_millis(1_800_000_000_000 + millis).unwrap()
    }

    fn bucket(per_second: u32, burst: u32) -> Bucket {
        Bucket::new(&Rate {
            per_second: NonZeroU32::new(per_second),
            burst: NonZeroU32::new(burst),
            per_address: None,
        })
    }

    #[test]
    fn a_burst_leaves_at_once_and_the_rest_at_the_rate() {
        let mut bucket = bucket(10, 3);
        assert_eq!(bucket.tokens(at(0)), Some(3));
        for _ in 0..3 {
            bucket.take(at(0));
        }
        assert_eq!(bucket.tokens(at(0)), Some(0));
        assert_eq!(bucket.next_at(at(0)), at(100));
        assert_eq!(bucket.tokens(at(99)), Some(0));
        assert_eq!(bucket.tokens(at(100)), Some(1));
        assert_eq!(bucket.tokens(at(10_000)), Some(3), "no more than the burst");
    }

    #[test]
    fn in_any_stretch_no_more_leave_than_burst_and_rate_allow() {
        let mut bucket = bucket(30, 5);
        let mut left = Vec::new();
        for milli in 0..3000 {
            while bucket.tokens(at(milli)) > Some(0) {
                bucket.take(at(milli));
                left.push(milli);
            }
        }
        for (place, from) in left.iter().enumerate() {
            let within = left[place..].iter().filter(|at| **at < from + 1000).count();
            assert!(within <= 35, "{within} within a second from {from}");
        }
        assert!((94..=95).contains(&left.len()), "{}", left.len());
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let mut bucket = bucket(0, 1);
        bucket.take(at(0));
        assert_eq!(bucket.tokens(at(0)), None);
        assert_eq!(bucket.next_at(at(0)), at(0));
    }
}
