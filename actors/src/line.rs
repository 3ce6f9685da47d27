//! Lines that have an end.
//!
//! Whoever wants a turn takes a place first; when all places are taken the answer is [`Busy`], at once. A mailbox
//! does not do that: each copy of an actor's address has a place of its own in it, and `do_send` asks nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use metrics::counter;

use crate::Busy;

/// A line before somebody who serves one after the other. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Line(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    before: &'static str,
    most: usize,
    inside: AtomicUsize,
}

/// A place in a line, given up when dropped.
#[derive(Debug)]
pub struct Place {
    line: Line,
    since: Instant,
}

impl Line {
    /// A line of at most `most` places before whom it is named after.
    pub fn new(before: &'static str, most: usize) -> Self {
        Self(Arc::new(Inner {
            before,
            most,
            inside: AtomicUsize::new(0),
        }))
    }

    /// Takes the last place.
    ///
    /// # Errors
    /// `Busy` when there is none.
    pub fn enter(&self) -> Result<Place, Busy> {
        let place = Place {
            line: self.clone(),
            since: Instant::now(),
        };
        if self.0.inside.fetch_add(1, Ordering::Relaxed) < self.0.most {
            return Ok(place);
        }
        counter!("belfry_refused_total", "by" => self.0.before).increment(1);
        Err(Busy(self.0.before))
    }

    /// How many stand in it.
    pub fn length(&self) -> usize {
        self.0.inside.load(Ordering::Relaxed)
    }
}

impl Place {
    /// Whether it was taken longer ago than anybody waits.
    pub fn is_older_than(&self, patience: Duration) -> bool {
        self.since.elapsed() > patience
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.0.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_line_refuses_until_somebody_leaves() {
        let line = Line::new("somebody", 2);
        let first = line.enter().unwrap();
        let _second = line.enter().unwrap();
        assert!(line.enter().is_err());
        assert_eq!(line.length(), 2, "a refusal takes no place");
        drop(first);
        assert!(line.enter().is_ok());
    }
}
