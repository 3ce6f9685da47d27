//! Streams that go on for as long as somebody watches: what is so now, and again whenever it has really changed.
//!
//! Nothing is sent from memory: a word on the bus, or a few seconds, is a reason to look, and what is seen decides
//! whether there is something to say, and whether the watcher may still hear it. So a word that is lost costs seconds,
//! and what changes twice before anybody looks is said once.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use belfry_domain::topic::Topic;
use futures::Stream;
use futures::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tonic::{Response, Status};

use super::call::Call;
use crate::http::problem::Problem;

/// How long after the last look there is another one that nobody gave a reason for. It finds what is not told: rights
/// that ended, estimates that changed with the time.
const LOOK: Duration = Duration::from_secs(5);
/// How long a watcher is left alone between two looks, however much happens.
const PAUSE: Duration = Duration::from_millis(200);

/// What a watcher reads.
pub type MessageStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What a look comes to.
pub enum Seen<T> {
    /// Nothing that would have to be said.
    Same,
    News(T),
    /// There will be no more.
    Last(T),
}

/// Something that is watched.
pub trait Watched: Send + 'static {
    type Message: Send + 'static;

    /// Looks, and remembers what is said of it.
    ///
    /// # Errors
    /// Why the caller may not watch, or no longer.
    fn look(
        &mut self,
        call: &Call,
    ) -> impl Future<Output = Result<Seen<Self::Message>, Problem>> + Send;
}

/// Room for those who watch. Cloning shares it.
#[derive(Clone)]
pub struct Watches {
    room: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
}

impl Watches {
    /// Room for `most` at once, until `closing` says so.
    pub fn new(most: usize, closing: watch::Receiver<bool>) -> Self {
        Self {
            room: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            closing,
        }
    }

    /// Watches what words on `topic` are about, from a first look on.
    ///
    /// # Errors
    /// What the first look refuses, or that there is no room.
    pub async fn begin<W: Watched>(
        &self,
        call: Call,
        topic: Topic,
        mut watched: W,
    ) -> Result<Response<MessageStream<W::Message>>, Status> {
        let room = self.room.clone().try_acquire_owned();
        let Ok(room) = room else {
            return Err(call.refused(&Problem::wait("unavailable", 5)));
        };
        // From now on no change goes unheard.
        let following = call.app.supervisor.follow(topic);
        let seen = watched.look(&call).await;
        let first = seen.map_err(|problem| call.refused(&problem))?;
        metrics::gauge!("belfry_grpc_watches").increment(1);
        let watching = Watching {
            call,
            watched,
            following,
            closing: self.closing.clone(),
            looked_at: Instant::now(),
            first: Some(first),
            over: false,
            _room: Room(room),
        };
        let stream = unfold(watching, |mut watching| async move {
            let said = watching.next().await?;
            Some((said, watching))
        });
        Ok(Response::new(Box::pin(stream)))
    }
}

/// A place among those who watch.
struct Room(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

impl Drop for Room {
    fn drop(&mut self) {
        metrics::gauge!("belfry_grpc_watches").decrement(1);
    }
}

/// Somebody who watches.
struct Watching<W: Watched> {
    call: Call,
    watched: W,
    following: belfry_actors::topic::Following,
    closing: watch::Receiver<bool>,
    looked_at: Instant,
    /// What was seen before the stream was answered.
    first: Option<Seen<W::Message>>,
    over: bool,
    _room: Room,
}

impl<W: Watched> Watching<W> {
    async fn next(&mut self) -> Option<Result<W::Message, Status>> {
        if let Some(first) = self.first.take()
            && let Some(said) = self.say(first)
        {
            return Some(Ok(said));
        }
        while !self.over {
            if !self.wait().await {
                self.over = true;
                return Some(Err(self.call.refused(&Problem::wait("unavailable", 1))));
            }
            let seen = self.watched.look(&self.call).await;
            self.looked_at = Instant::now();
            match seen {
                Ok(seen) => {
                    if let Some(said) = self.say(seen) {
                        return Some(Ok(said));
                    }
                }
                // What cannot be read now is looked at again.
                Err(problem) if problem.is_failure() => {
                    tracing::debug!(slug = problem.slug(), "a watcher could not look");
                }
                Err(problem) => {
                    self.over = true;
                    return Some(Err(self.call.refused(&problem)));
                }
            }
        }
        None
    }

    fn say(&mut self, seen: Seen<W::Message>) -> Option<W::Message> {
        match seen {
            Seen::Same => None,
            Seen::News(message) => Some(message),
            Seen::Last(message) => {
                self.over = true;
                Some(message)
            }
        }
    }

    /// Waits for a reason to look; `false` when the house closes.
    async fn wait(&mut self) -> bool {
        let reason = async {
            tokio::select! {
                () = self.following.news() => sleep_until(self.looked_at + PAUSE).await,
                () = sleep_until(self.looked_at + LOOK) => {}
            }
        };
        let closing = async {
            // Its sender being gone says the same.
            let _ = self.closing.wait_for(|closing| *closing).await;
        };
        tokio::select! {
            () = closing => false,
            () = reason => true,
        }
    }
}
