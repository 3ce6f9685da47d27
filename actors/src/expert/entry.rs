//! An expert's actor as its callers hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use actix::prelude::*;
use chrono::TimeDelta;

use super::ExpertActor;
use super::ahead::Stamp;
use super::mailbox::Notice;
use super::refusals::Refusals;
use crate::Line;
use crate::wake::Held;

/// An expert's actor on this node.
#[derive(Clone)]
pub(super) struct Entry {
    pub actor: Addr<ExpertActor>,
    /// Those who wait for it to answer.
    pub line: Line,
    pub shared: Arc<Shared>,
}

/// What an actor and its callers both look at.
#[derive(Default)]
pub(super) struct Shared {
    /// Whether a word that memory is behind stands in the mailbox; one is enough for many.
    pub stale: AtomicBool,
    pub refusals: Refusals,
    pub stamp: Stamp,
    notice: AtomicU32,
}

impl Shared {
    /// Keeps the cancel notice that was just read.
    pub fn know_notice(&self, minutes: u32) {
        self.notice
            .store(minutes.saturating_add(1), Ordering::Release);
    }

    /// From here on the notice must be read again.
    pub fn forget_notice(&self) {
        self.notice.store(0, Ordering::Release);
    }

    pub fn notice(&self) -> Option<TimeDelta> {
        let minutes = self.notice.load(Ordering::Acquire).checked_sub(1)?;
        Some(TimeDelta::minutes(i64::from(minutes)))
    }
}

impl Held for Entry {
    type Actor = ExpertActor;

    fn actor(&self) -> &Addr<ExpertActor> {
        &self.actor
    }

    fn line(&self) -> &Line {
        &self.line
    }
}

impl Entry {
    /// Brings the actor news.
    pub fn tell(&self, notice: Notice) {
        self.shared.refusals.tell();
        self.shared.stamp.turn();
        self.actor.do_send(notice);
    }

    /// Lets the actor read again, unless it is about to.
    pub fn tell_stale(&self) {
        self.shared.forget_notice();
        if !self.shared.stale.swap(true, Ordering::AcqRel) {
            self.tell(Notice::Stale);
        }
    }
}
