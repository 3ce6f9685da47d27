//! Actors that sleep when nobody asks them, and are woken by whoever does.

use std::hash::Hash;
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::prelude::*;
use dashmap::DashMap;

use crate::{Busy, Line, Place};

/// Longest a caller waits for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// An actor as its callers hold it.
pub(crate) trait Held: Clone {
    type Actor: Actor;

    fn actor(&self) -> &Addr<Self::Actor>;

    /// Those who wait for it to answer.
    fn line(&self) -> &Line;
}

/// The entry of a directory, started if there is none or its actor has gone to sleep.
pub(crate) fn awake<K, H>(directory: &DashMap<K, H>, id: K, start: impl Fn() -> H) -> H
where
    K: Copy + Eq + Hash,
    H: Held,
{
    if let Some(entry) = directory.get(&id)
        && entry.actor().connected()
    {
        return entry.clone();
    }
    directory
        .entry(id)
        .and_modify(|entry| {
            if !entry.actor().connected() {
                *entry = start();
            }
        })
        .or_insert_with(&start)
        .clone()
}

/// Asks the actor of an entry; one that has just gone to sleep is woken once.
///
/// # Errors
/// `Busy` when its line is full or it does not answer.
pub(crate) async fn ask<H, M>(
    who: &'static str,
    entry: impl Fn() -> H,
    message: impl Fn(Place) -> M,
) -> Result<M::Result, Busy>
where
    H: Held,
    H::Actor: Handler<M>,
    <H::Actor as Actor>::Context: ToEnvelope<H::Actor, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    for _ in 0..2 {
        let entry = entry();
        let place = entry.line().enter()?;
        let sent = entry.actor().send(message(place));
        match sent.timeout(PATIENCE).await {
            Ok(answer) => return Ok(answer),
            Err(MailboxError::Closed) => {}
            Err(MailboxError::Timeout) => break,
        }
    }
    Err(Busy(who))
}
