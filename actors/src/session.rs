//! A live connection as the registry sees it: somewhere to push frames to, never a transport.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix::{Message, Recipient};
use belfry_domain::id::{ApiKeyId, UserId};
use uuid::Uuid;

use crate::frame::Frame;

/// Bytes that may wait for a reader before it counts as too slow.
const QUEUE_LIMIT: usize = 1024 * 1024;
/// A replay goes on only while fewer bytes than this wait.
const REPLAY_LIMIT: usize = 128 * 1024;

/// Why a connection is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Close {
    /// The client said goodbye.
    Normal,
    /// A message larger than allowed.
    TooLarge,
    /// The server cannot go on with this connection; a new one may work.
    Failed,
    /// The server is going down.
    GoingDown,
    /// What the client sent is no frame of the contract.
    BadFrame,
    /// The token ran out.
    Expired,
    /// The account is disabled or gone.
    Disabled,
    /// The client answered no heartbeat.
    Silent,
    /// The client reads too slowly; it may resume.
    Slow,
}

impl Close {
    /// The WebSocket close code.
    pub fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::TooLarge => 1009,
            Self::Failed => 1011,
            Self::GoingDown => 1012,
            Self::BadFrame => 4400,
            Self::Expired => 4401,
            Self::Disabled => 4403,
            Self::Silent => 4408,
            Self::Slow => 4409,
        }
    }

    /// The code in words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::TooLarge => "message too large",
            Self::Failed => "internal error",
            Self::GoingDown => "server going down",
            Self::BadFrame => "bad frame",
            Self::Expired => "token ran out",
            Self::Disabled => "account disabled",
            Self::Silent => "no heartbeat",
            Self::Slow => "reader too slow",
        }
    }
}

/// What a transport is told.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub enum Push {
    /// Send this before anything else. What comes earlier is not for this connection.
    Welcome(Frame),
    /// Send this.
    Frame(Frame),
    /// Say why and end.
    Close(Close),
    /// An API key of this person has ended, or all have: end if it is what this connection is held by.
    KeyEnded(Option<ApiKeyId>),
}

/// One live connection.
pub struct Session {
    id: Uuid,
    user: UserId,
    to: Recipient<Push>,
    queued: AtomicUsize,
    closing: AtomicBool,
}

impl Session {
    pub(crate) fn new(id: Uuid, user: UserId, to: Recipient<Push>) -> Self {
        Self {
            id,
            user,
            to,
            queued: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
        }
    }

    /// Unique among all connections of all nodes.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Whose connection it is.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Hands a frame to the transport without waiting. A connection on which more than 1 MiB already waits
    /// is closed as too slow instead; its client resumes from where it was.
    pub fn push(&self, frame: &Frame) {
        if self.closing.load(Ordering::Relaxed) {
            return;
        }
        if self.hold(frame.wire().len()) {
            self.to.do_send(Push::Frame(frame.clone()));
        } else {
            self.close(Close::Slow);
        }
    }

    /// Ends the connection, once.
    pub fn close(&self, why: Close) {
        if !self.closing.swap(true, Ordering::Relaxed) {
            self.to.do_send(Push::Close(why));
        }
    }

    /// Tells the transport, which knows what it is held by, that a key or all keys have ended.
    pub(crate) fn key_ended(&self, key: Option<ApiKeyId>) {
        if !self.closing.load(Ordering::Relaxed) {
            self.to.do_send(Push::KeyEnded(key));
        }
    }

    /// The transport has gone: nothing is pushed any more.
    pub(crate) fn end(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Counts bytes that the transport queues by itself; whether there was room for them.
    pub fn hold(&self, bytes: usize) -> bool {
        self.queued.fetch_add(bytes, Ordering::Relaxed) + bytes <= QUEUE_LIMIT
    }

    /// Told by the transport when bytes have left. Some were never counted: a farewell, and what the transport queued
    /// before it knew of this session.
    pub fn left(&self, bytes: usize) {
        let rest = |queued: usize| Some(queued.saturating_sub(bytes));
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        // It always has a new value.
        let _ = self.queued.fetch_update(set, fetch, rest);
    }

    /// Whether the reader keeps up well enough for more of a replay.
    pub(crate) fn has_room(&self) -> bool {
        self.queued.load(Ordering::Relaxed) < REPLAY_LIMIT
    }

    /// Hands over the first frame. The transport decides by it what came too early, because only there
    /// everything passes in one order.
    pub(crate) fn welcome(&self, frame: Frame) {
        self.hold(frame.wire().len());
        self.to.do_send(Push::Welcome(frame));
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Context, Handler};

    use super::*;

    struct Transport;

    impl Actor for Transport {
        type Context = Context<Self>;
    }

    impl Handler<Push> for Transport {
        type Result = ();

        fn handle(&mut self, _: Push, _: &mut Self::Context) {}
    }

    #[actix::test]
    async fn bytes_that_were_never_counted_leave_no_debt() {
        let to = Transport.start().recipient();
        let session = Session::new(Uuid::nil(), Uuid::nil().into(), to);
        assert!(session.hold(100));
        session.left(126);
        assert!(session.hold(QUEUE_LIMIT), "all of the room is there");
        assert!(!session.hold(1));
    }
}
