//! Answers about free slots that several nodes share, for experts whose actor lives elsewhere (C2.3).
//!
//! Every change of an expert's time gives the expert a new version before anybody hears of the change. An
//! answer is kept under the version that was current before the expert was read, so one that was read too
//! early is never found again.

use async_trait::async_trait;
use belfry_domain::Instant;
use belfry_domain::id::UserId;

use crate::expert::SlotsAnswer;

/// What the cache knows of a question.
#[derive(Debug, Default)]
pub struct Lookup {
    /// The version under which an answer that is read from now on may be kept; `None` when the cache is out
    /// of reach.
    pub version: Option<String>,
    /// An answer that was kept under that version; it may have outlived its time.
    pub answer: Option<SlotsAnswer>,
}

/// A cache beside the actors. A call takes a fraction of a second at most and never fails: what is out of
/// reach is not there.
#[async_trait]
pub trait SlotCache: Send + Sync {
    /// Looks a question up.
    async fn get(&self, expert: UserId, question: &str) -> Lookup;

    /// Keeps an answer under a version got earlier, at most until the answer's `good_until`.
    async fn put(
        &self,
        expert: UserId,
        version: &str,
        question: &str,
        answer: &SlotsAnswer,
        now: Instant,
    );

    /// Forgets every answer about an expert whose time has just changed. When the cache is out of reach, that
    /// is made up for as soon as it is back; until then other nodes that reach it may find an answer for a
    /// minute.
    async fn bump(&self, expert: UserId);
}
