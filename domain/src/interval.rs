//! Half-open stretches of whole seconds, and the two operations the slot engine is made of: merging them and
//! walking along them.

use chrono::{DateTime, Utc};

/// From `start` up to, not including, `end`; UTC seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub start: i64,
    pub end: i64,
}

impl Span {
    /// The whole seconds that the two instants touch: what is partly gone is gone.
    pub fn around(starts_at: DateTime<Utc>, ends_at: DateTime<Utc>) -> Span {
        Span {
            start: starts_at.timestamp(),
            end: ceil(ends_at),
        }
    }

    /// Whether there is no second in it.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// What both have in common; may be empty.
    pub fn within(self, other: Span) -> Span {
        Span {
            start: self.start.max(other.start),
            end: self.end.min(other.end),
        }
    }

    /// Whether the two have a second in common.
    pub fn overlaps(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether all of `inner` lies inside.
    pub fn covers(self, inner: Span) -> bool {
        self.start <= inner.start && inner.end <= self.end
    }
}

/// The first whole second that is not before `instant`.
pub(crate) fn ceil(instant: DateTime<Utc>) -> i64 {
    instant.timestamp() + i64::from(instant.timestamp_subsec_nanos() > 0)
}

/// Sorts the spans, drops empty ones, and makes one of those that overlap or touch.
pub(crate) fn merge(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| !span.is_empty());
    spans.sort_unstable();
    spans.dedup_by(|next, kept| {
        let joined = next.start <= kept.end;
        if joined {
            kept.end = kept.end.max(next.end);
        }
        joined
    });
    spans
}

/// What lies in a span of both lists, each in order and apart, as [`merge`] makes them.
pub(crate) fn common(left: &[Span], right: &[Span]) -> Vec<Span> {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    let mut both = Vec::new();
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        let span = one.within(**other);
        if !span.is_empty() {
            both.push(span);
        }
        if one.end <= other.end {
            left.next();
        } else {
            right.next();
        }
    }
    both
}

/// Walks along spans that are in order and apart, for questions that are in order too, so that a month of questions
/// passes each span once.
#[derive(Debug)]
pub(crate) struct Walk {
    spans: Vec<Span>,
    next: usize,
}

impl Walk {
    /// Stands before the first of `spans`.
    pub fn along(spans: Vec<Span>) -> Walk {
        Walk { spans, next: 0 }
    }

    /// Whether one of the spans overlaps `wanted`, which must not start before the one asked about last.
    pub fn meets(&mut self, wanted: Span) -> bool {
        while let Some(span) = self.spans.get(self.next) {
            if span.end > wanted.start {
                return span.overlaps(wanted);
            }
            self.next += 1;
        }
        false
    }
}
