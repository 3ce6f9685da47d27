//! A WebSocket session: an actor that owns the raw socket.
//!
//! Every poll of the actor ends with [`Socket::turn`], which reads what has come and writes what has
//! gathered in one call. Nothing waits inside: a client that stops reading leaves its frames in a bounded
//! queue, and messages, heartbeats and the closing go on.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use actix_rt::net::TcpStream;
use belfry_actors::{Close, Connection, Frame, Push};
use belfry_domain::inbox::Offset;
use bytes::{Bytes, BytesMut};
use rand::Rng;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::command::{self, Asked, Command, Done, Refusal, Work};
use super::incoming::{Incoming, Message};
use super::outgoing::Outgoing;
use super::{Grant, Live, pulse};

/// Reads in one turn, so that a busy client leaves room for the others of its worker.
const READS: usize = 4;
/// How long a closing handshake may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// The same for a reader that was too slow: it is given time to find out why.
const SLOW_FAREWELL: Duration = Duration::from_secs(30);
/// Pings that may stay unanswered.
const MISSED: u8 = 2;

/// Heads of the control frames a server sends (RFC 6455 §5.5).
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

thread_local! {
    /// What was just read; one for all sessions of a worker.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 16 * 1024]);
}

/// One WebSocket.
pub struct Socket {
    stream: TcpStream,
    live: Live,
    grant: Grant,
    after: Option<Offset>,
    /// From the start of the actor to its end.
    connection: Option<Connection>,
    incoming: Incoming,
    outgoing: Outgoing,
    stage: Stage,
    /// A command is under way; the next is read when it is done.
    busy: bool,
    missed: u8,
    next_ping: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Until the welcome: nothing is sent before it, and nothing is read.
    Arriving,
    Open,
    /// The close frame is queued: nothing follows it.
    Closing,
    /// The close frame has left. What still comes is thrown away, because closing a socket with unread
    /// bytes would take the close frame back.
    Lingering,
    Over,
}

/// Wakes a session to look at the time.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub struct Beat;

impl Socket {
    /// A session on `stream`; `unread` came right behind the upgrade request.
    pub fn new(
        stream: TcpStream,
        unread: BytesMut,
        live: Live,
        grant: Grant,
        after: Option<Offset>,
    ) -> Self {
        Self {
            stream,
            live,
            grant,
            after,
            connection: None,
            incoming: Incoming::new(unread),
            outgoing: Outgoing::default(),
            stage: Stage::Arriving,
            busy: false,
            missed: 0,
            next_ping: Instant::now(),
        }
    }

    /// Reads, then writes, as far as the socket lets.
    fn turn(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        let failed = matches!(self.read(ctx, task), Poll::Ready(Err(_)))
            || matches!(self.write(ctx, task), Poll::Ready(Err(_)));
        if failed || self.stage == Stage::Over {
            self.stage = Stage::Over;
            ctx.stop();
        }
    }

    fn read(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        for _ in 0..READS {
            self.take_messages(ctx);
            if self.busy || self.stage == Stage::Arriving {
                return Poll::Pending;
            }
            let come = SCRATCH.with_borrow_mut(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                ready!(Pin::new(&mut self.stream).poll_read(task, &mut buffer))?;
                let come = buffer.filled();
                if self.stage == Stage::Open {
                    self.incoming.extend(come);
                }
                Poll::Ready(Ok::<usize, io::Error>(come.len()))
            });
            if ready!(come)? == 0 {
                self.stage = Stage::Over;
                return Poll::Ready(Ok(()));
            }
            self.missed = 0;
        }
        // There may be more; the others of this worker come first.
        task.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    /// Handles the messages that have come, up to one that takes time.
    fn take_messages(&mut self, ctx: &mut Context<Self>) {
        while self.stage == Stage::Open && !self.busy {
            match self.incoming.next() {
                Ok(None) => return,
                Ok(Some(Message::Text(text))) => self.ask(&text, ctx),
                Ok(Some(Message::Ping(payload))) => self.queue(control(PONG, &payload), ctx),
                Ok(Some(Message::Pong)) => {}
                Ok(Some(Message::Close)) => self.close(Close::Normal, ctx),
                Err(why) => self.close(why, ctx),
            }
        }
    }

    fn ask(&mut self, text: &[u8], ctx: &mut Context<Self>) {
        match command::parse(text) {
            None => self.close(Close::BadFrame, ctx),
            Some(asked) => self.obey(asked, ctx),
        }
    }

    fn obey(&mut self, asked: Asked, ctx: &mut Context<Self>) {
        let Asked { reference, command } = asked;
        let answer = match command {
            Err(refusal) => Err(refusal),
            Ok(Command::Ping) => return self.push(&Frame::pong(reference.as_deref())),
            Ok(Command::Unsubscribe(topic)) => {
                if let Some(connection) = &mut self.connection {
                    connection.leave(topic);
                }
                Ok(())
            }
            Ok(Command::Work(work)) => return self.begin(work, reference, ctx),
        };
        self.answer(answer, reference.as_deref());
    }

    /// Begins what takes time. Nothing more is read until it is done, so a client can keep no more than one
    /// store call busy.
    fn begin(&mut self, work: Work, reference: Option<Box<RawValue>>, ctx: &mut Context<Self>) {
        self.busy = true;
        let work = self.live.clone().carry_out(self.grant.user, work);
        ctx.spawn(work.into_actor(self).map(move |done, socket, ctx| {
            socket.busy = false;
            let answer = done.and_then(|done| socket.settle(done));
            socket.answer(answer, reference.as_deref());
            // Something new to poll makes the context poll everything again, the reading too.
            ctx.spawn(actix::fut::ready(()));
        }));
    }

    fn settle(&mut self, done: Done) -> Result<(), Refusal> {
        match done {
            Done::Allowed(topic) => {
                let listens = match &mut self.connection {
                    Some(connection) => connection.listen(topic),
                    None => true,
                };
                listens.then_some(()).ok_or(Refusal::TooManyTopics)
            }
            Done::Authenticated(grant) => {
                self.grant = grant;
                Ok(())
            }
            Done::Read => Ok(()),
        }
    }

    fn answer(&self, answer: Result<(), Refusal>, reference: Option<&RawValue>) {
        match (answer, reference) {
            (Ok(()), None) => {}
            (Ok(()), Some(reference)) => self.push(&Frame::ok(reference)),
            (Err(refusal), reference) => {
                self.push(&Frame::error(refusal.code(), refusal.detail(), reference));
            }
        }
    }

    /// Queues a frame behind all that was pushed before.
    fn push(&self, frame: &Frame) {
        if let Some(connection) = &self.connection {
            connection.session().push(frame);
        }
    }

    /// Queues bytes of the protocol itself.
    fn queue(&mut self, bytes: Bytes, ctx: &mut Context<Self>) {
        let fits = self
            .connection
            .as_ref()
            .is_none_or(|connection| connection.session().hold(bytes.len()));
        self.outgoing.push(bytes);
        if !fits {
            self.close(Close::Slow, ctx);
        }
    }

    /// Begins the closing handshake, which lasts for a bounded time.
    fn close(&mut self, why: Close, ctx: &mut Context<Self>) {
        if !matches!(self.stage, Stage::Arriving | Stage::Open) {
            return;
        }
        self.stage = Stage::Closing;
        if why == Close::Slow {
            // Its queue is what it could not take; only a frame already begun must be ended.
            self.outgoing.keep_begun();
        }
        if let Some(connection) = &self.connection {
            connection.session().close(why);
        }
        let mut payload = why.code().to_be_bytes().to_vec();
        payload.extend_from_slice(why.reason().as_bytes());
        self.outgoing.push(control(CLOSE, &payload));
        self.incoming.forget();
        let patience = match why {
            Close::Slow => SLOW_FAREWELL,
            _ => FAREWELL,
        };
        self.end_after(patience, ctx);
    }

    fn end_after(&self, patience: Duration, ctx: &mut Context<Self>) {
        ctx.run_later(patience, |socket, ctx| {
            socket.stage = Stage::Over;
            ctx.stop();
        });
    }

    fn write(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let sent = ready!(self.outgoing.poll_write(&mut self.stream, task))?;
            if let Some(connection) = &self.connection {
                connection.session().left(sent);
            }
        }
        if self.stage == Stage::Closing {
            ready!(Pin::new(&mut self.stream).poll_shutdown(task))?;
            self.stage = Stage::Lingering;
            self.end_after(FAREWELL, ctx);
        }
        Poll::Pending
    }
}

/// A control frame (RFC 6455 §5.5); a longer payload than allowed is cut.
fn control(head: u8, payload: &[u8]) -> Bytes {
    let payload = &payload[..payload.len().min(125)];
    let mut bytes = Vec::with_capacity(2 + payload.len());
    bytes.extend_from_slice(&[head, payload.len() as u8]);
    bytes.extend_from_slice(payload);
    Bytes::from(bytes)
}

/// The actor's one lasting future: it is polled at the end of each poll of the actor.
struct Turn;

impl ActorFuture<Socket> for Turn {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        socket: &mut Socket,
        ctx: &mut Context<Socket>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        socket.turn(ctx, task);
        Poll::Pending
    }
}

impl Actor for Socket {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let address = ctx.address();
        let supervisor = self.live.supervisor();
        let heartbeat = supervisor.heartbeat();
        self.connection =
            Some(supervisor.connect(self.grant.user, self.after, address.clone().recipient()));
        // Spread over the first interval, so that many who came at once are not pinged at once.
        let first = heartbeat.mul_f64(rand::rng().random_range(0.5..=1.0));
        self.next_ping = Instant::now() + first;
        pulse::wake(address.downgrade(), self.next_look());
        self.ask_for_key(ctx);
        ctx.spawn(Turn);
    }
}

impl Socket {
    /// Ends the connection if the key that it is held by has ended without a word of it coming here.
    fn ask_for_key(&self, ctx: &mut Context<Self>) {
        let Some(key) = self.grant.key else { return };
        let asked = self.live.clone().key_holds(key).into_actor(self);
        ctx.spawn(asked.map(move |holds, socket, ctx| {
            if !holds && socket.grant.is_by(Some(key)) {
                socket.close(Close::Expired, ctx);
            }
        }));
    }

    /// When the next ping or the end of the token is due.
    fn next_look(&self) -> Duration {
        let ping = self.next_ping.saturating_duration_since(Instant::now());
        let ends = self.grant.session_ends - self.live.now();
        ping.min(ends.to_std().unwrap_or_default())
    }
}

impl Handler<Push> for Socket {
    type Result = ();

    fn handle(&mut self, push: Push, ctx: &mut Self::Context) {
        match (push, self.stage) {
            (Push::Welcome(frame), Stage::Arriving) => {
                self.stage = Stage::Open;
                self.outgoing.push(frame.into_wire());
            }
            (Push::Frame(frame), Stage::Open) => self.outgoing.push(frame.into_wire()),
            (Push::Frame(frame) | Push::Welcome(frame), _) => {
                if let Some(connection) = &self.connection {
                    connection.session().left(frame.wire().len());
                }
            }
            (Push::Close(why), _) => self.close(why, ctx),
            (Push::KeyEnded(key), _) if self.grant.is_by(key) => self.close(Close::Expired, ctx),
            (Push::KeyEnded(_), _) => {}
        }
    }
}

impl Handler<Beat> for Socket {
    type Result = ();

    fn handle(&mut self, _: Beat, ctx: &mut Self::Context) {
        if !matches!(self.stage, Stage::Arriving | Stage::Open) {
            return;
        }
        if self.grant.session_ends <= self.live.now() {
            return self.close(Close::Expired, ctx);
        }
        let now = Instant::now();
        if self.next_ping <= now {
            if self.missed == MISSED {
                return self.close(Close::Silent, ctx);
            }
            self.missed += 1;
            self.next_ping = now + self.live.supervisor().heartbeat();
            self.queue(Bytes::from_static(&[PING, 0]), ctx);
            self.ask_for_key(ctx);
        }
        pulse::wake(ctx.address().downgrade(), self.next_look());
    }
}
