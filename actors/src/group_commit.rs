//! Bookings share their commits.
//!
//! A commit waits for the disk, and the wait is as long for one booking as for many. Those that come while
//! others are being written gather, and are written together as soon as a writer is free (group commit). Nobody
//! waits for company: the first one goes at once.

use std::collections::VecDeque;

use actix::prelude::*;
use belfry_domain::booking::Booking;
use belfry_store::booking::{Decided, Grouped, NewBooking};
use belfry_store::{Store, StoreError};
use futures::channel::oneshot;
use futures::future::join_all;

/// Bookings in one transaction at most: beyond this a longer one gains nothing and keeps others waiting.
const GROUP: usize = 32;
/// Bookings that may wait for a writer.
const WAITING: usize = 4096;

/// The handle of a node's group commit. Cloning shares it.
#[derive(Clone)]
pub struct GroupCommit {
    store: Store,
    actor: Addr<Writer>,
}

impl GroupCommit {
    /// Starts writing into `store`. Must be called inside a running actix system.
    pub fn start(store: Store) -> Self {
        let actor = Writer {
            store: store.clone(),
            waiting: VecDeque::new(),
            writing: 0,
        };
        Self {
            store,
            actor: actor.start(),
        }
    }

    /// Makes a booking as [`Store::insert_booking`] does, in company if there is any.
    ///
    /// # Errors
    /// As there.
    pub async fn book(&self, new: NewBooking) -> Decided<Booking> {
        // What is counted under somebody's lock goes alone, and so does what takes up an offer.
        let is_counted = !new.caps.is_empty() || new.guest.is_some();
        if is_counted || !new.offers.is_empty() || new.needs_offer {
            return self.store.insert_booking(&new).await;
        }
        let (reply, answer) = oneshot::channel();
        self.actor.do_send(Entry { new, reply });
        // Unanswered only if its writing panicked.
        answer.await.unwrap_or(Err(StoreError::Abandoned))
    }
}

/// Gathers what waits and sends it to the database in groups.
struct Writer {
    store: Store,
    waiting: VecDeque<Entry>,
    /// Groups under way.
    writing: usize,
}

/// A booking to be written, and who waits for it.
#[derive(Message)]
#[rtype(result = "()")]
struct Entry {
    new: NewBooking,
    reply: oneshot::Sender<Decided<Booking>>,
}

impl Actor for Writer {
    type Context = Context<Self>;
}

impl Handler<Entry> for Writer {
    type Result = ();

    fn handle(&mut self, entry: Entry, ctx: &mut Context<Self>) {
        if self.waiting.len() >= WAITING {
            metrics::counter!("belfry_refused_total", "by" => "group_commit").increment(1);
            // Whoever asked may have left.
            let _ = entry.reply.send(Err(StoreError::Abandoned));
            return;
        }
        self.waiting.push_back(entry);
        self.write(ctx);
    }
}

impl Writer {
    fn write(&mut self, ctx: &mut Context<Self>) {
        while self.writing < self.store.writers() && !self.waiting.is_empty() {
            let size = self.waiting.len().min(GROUP);
            // Whoever has left was told that nothing is known of it: then it had better not be.
            let group = self.waiting.drain(..size);
            let group: Vec<Entry> = group.filter(|entry| !entry.reply.is_canceled()).collect();
            if group.is_empty() {
                continue;
            }
            self.writing += 1;
            // A task of its own, so that a panic stays there.
            let written = actix::spawn(write(self.store.clone(), group));
            ctx.spawn(written.into_actor(self).map(|_, actor, ctx| {
                actor.writing -= 1;
                actor.write(ctx);
            }));
        }
    }
}

/// Writes a group and answers everybody in it.
async fn write(store: Store, group: Vec<Entry>) {
    metrics::histogram!("belfry_bookings_per_commit").record(group.len() as f64);
    let news: Vec<&NewBooking> = group.iter().map(|entry| &entry.new).collect();
    let decided = match &news[..] {
        [new] => vec![store.insert_booking(new).await],
        _ => match store.insert_bookings(&news).await {
            Ok(Grouped::Decided(decided)) => decided.into_iter().map(Ok).collect(),
            Err(error @ StoreError::Unavailable(_)) => {
                news.iter().map(|_| Err(error.again())).collect()
            }
            // One of them may be to blame: each is tried by itself, and only that one fails.
            Ok(Grouped::Apart) | Err(_) => {
                join_all(news.iter().map(|new| store.insert_booking(new))).await
            }
        },
    };
    for (entry, decided) in group.into_iter().zip(decided) {
        // Whoever asked may have left.
        let _ = entry.reply.send(decided);
    }
}
