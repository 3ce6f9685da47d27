//! How many wishes for a booking were served, and why the others were not (B9).
//!
//! Each wish counts once, where its caller has the answer: one at a branch when its last expert has been asked, an
//! offer that is accepted as such. A retry that is answered with the booking it had made is no new wish. A series that
//! is booked counts with each of its bookings, one that is refused once.

use belfry_domain::booking::Booking;
use belfry_store::StoreError;
use metrics::counter;

use super::Refused;
use super::desk::Together;

/// What was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// An expert by name.
    Expert,
    /// A branch.
    Branch,
    /// Times of an expert that repeat.
    Series,
    /// A seat of a session.
    Session,
    /// A place that was offered from a waiting list.
    Offer,
}

impl Asked {
    fn as_str(self) -> &'static str {
        match self {
            Self::Expert => "expert",
            Self::Branch => "branch",
            Self::Series => "series",
            Self::Session => "session",
            Self::Offer => "offer",
        }
    }
}

/// Counts what became of a wish, and passes it on.
pub(crate) fn tally(asked: Asked, outcome: Result<Booking, Refused>) -> Result<Booking, Refused> {
    match &outcome {
        Ok(_) => made(asked, 1),
        Err(refused) => failed(reason(refused)),
    }
    outcome
}

/// Counts what became of a wish for a series, and passes it on.
pub(crate) fn tally_series(outcome: Result<Together, Refused>) -> Result<Together, Refused> {
    match &outcome {
        Ok(Ok((_, bookings))) => made(Asked::Series, bookings.len() as u64),
        Ok(Err(_)) => failed("series-not-free"),
        Err(refused) => failed(reason(refused)),
    }
    outcome
}

fn made(asked: Asked, bookings: u64) {
    counter!("belfry_bookings_created_total", "by" => asked.as_str()).increment(bookings);
}

fn failed(reason: &'static str) {
    counter!("belfry_bookings_refused_total", "reason" => reason).increment(1);
}

/// The code of the public contract, or whose fault it was.
fn reason(refused: &Refused) -> &'static str {
    match refused {
        Refused::Rule { error, .. } => error.code(),
        Refused::NoExpert | Refused::NoBranch => "not-found",
        Refused::Busy(_) | Refused::Store(StoreError::Unavailable(_) | StoreError::Abandoned) => {
            "unavailable"
        }
        Refused::Store(_) => "failed",
    }
}
