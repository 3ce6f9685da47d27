//! A WebSocket session: an actor that owns the raw socket.
//!
//! Every poll of the actor ends with [`Socket::turn`], which reads what has come and writes what has
//! gathered in one call. Nothing waits inside: a client that stops reading leaves its frames in a bounded
//! queue, and messages, heartbeats and the closing go on.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use actix::fut::ActorFuture;
use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture,
};
use actix_codec::Decoder;
use actix_http::ws::{Codec, Item};
use actix_rt::net::TcpStream;
use belfry_actors::{Close, Connection, Frame, Push};
use belfry_domain::inbox::Offset;
use bytes::{Bytes, BytesMut};
use rand::Rng;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::command::{self, Asked, Command, Done, Refusal, Work};
use super::{Grant, Live, pulse, ws};

/// Largest message from a client, in one frame or several.
pub const LARGEST_MESSAGE: usize = 16 * 1024;
/// Buffers given to the kernel in one call.
const SLICES: usize = 64;
/// Reads in one turn, so that a busy client leaves room for the others of its worker.
const READS: usize = 4;
/// How long a closing handshake may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// The same for a reader that was too slow: it is given time to find out why.
const SLOW_FAREWELL: Duration = Duration::from_secs(30);
/// Pings that may stay unanswered.
const MISSED: u8 = 2;

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
    codec: Codec,
    /// Read but not yet a whole frame, or waiting for the command under way.
    unread: BytesMut,
    /// The beginning of a message that comes in several frames.
    fragments: Option<BytesMut>,
    outgoing: VecDeque<Bytes>,
    /// How much of the first of them has left.
    written: usize,
    stage: Stage,
    /// A command is under way; the next is read when it is done.
    busy: bool,
    missed: u8,
    next_ping: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The close frame is queued: nothing follows it.
    Closing,
    /// The close frame has left. What still comes is thrown away, because closing a socket with unread
    /// bytes would take the close frame back.
    Lingering,
    Over,
}

/// Wakes a session to look at the time.
#[derive(Message)]
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
            codec: Codec::new().max_size(LARGEST_MESSAGE),
            unread,
            fragments: None,
            outgoing: VecDeque::new(),
            written: 0,
            stage: Stage::Open,
            busy: false,
            missed: 0,
            next_ping: Instant::now(),
        }
    }

    /// Reads, then writes, as far as the socket lets.
    fn turn(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        let done = match self.read(ctx, task) {
            Poll::Ready(Err(_)) => true,
            _ => self.write(ctx, task).is_err(),
        };
        if done || self.stage == Stage::Over {
            self.stage = Stage::Over;
            ctx.stop();
        }
    }

    fn read(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        for _ in 0..READS {
            if self.stage == Stage::Open {
                self.take_frames(ctx);
                if self.busy {
                    return Poll::Pending;
                }
            }
            let come = SCRATCH.with_borrow_mut(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                std::task::ready!(Pin::new(&mut self.stream).poll_read(task, &mut buffer))?;
                let come = buffer.filled();
                if self.stage == Stage::Open {
                    self.unread.extend_from_slice(come);
                }
                Poll::Ready(Ok::<usize, io::Error>(come.len()))
            });
            match std::task::ready!(come)? {
                0 => {
                    self.stage = Stage::Over;
                    return Poll::Ready(Ok(()));
                }
                _ => self.missed = 0,
            }
        }
        // There may be more; the others of this worker come first.
        task.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    /// Handles the whole frames that have come, up to one that takes time.
    fn take_frames(&mut self, ctx: &mut Context<Self>) {
        while self.stage == Stage::Open && !self.busy && !self.unread.is_empty() {
            // The codec judges a frame by its size only once all of it is here.
            if announced(&self.unread) > LARGEST_MESSAGE as u64 {
                self.close(Close::TooLarge, ctx);
                break;
            }
            match self.codec.decode(&mut self.unread) {
                Ok(Some(frame)) => self.take(frame, ctx),
                Ok(None) => return,
                Err(_) => self.close(Close::BadFrame, ctx),
            }
        }
        if self.unread.is_empty() || self.stage != Stage::Open {
            self.unread = BytesMut::new();
        }
    }

    fn take(&mut self, frame: ws::Frame, ctx: &mut Context<Self>) {
        match frame {
            ws::Frame::Text(text) => self.ask(&text, ctx),
            ws::Frame::Continuation(Item::FirstText(text)) => {
                self.fragments = Some(BytesMut::from(&text[..]));
            }
            ws::Frame::Continuation(Item::Continue(text)) => self.gather(&text, ctx),
            ws::Frame::Continuation(Item::Last(text)) => {
                self.gather(&text, ctx);
                if let Some(text) = self.fragments.take() {
                    self.ask(&text, ctx);
                }
            }
            ws::Frame::Continuation(Item::FirstBinary(_)) | ws::Frame::Binary(_) => {
                self.close(Close::BadFrame, ctx);
            }
            ws::Frame::Ping(payload) => self.queue(control(0x8a, &payload), ctx),
            ws::Frame::Pong(_) => {}
            ws::Frame::Close(_) => self.close(Close::Normal, ctx),
        }
    }

    fn gather(&mut self, text: &[u8], ctx: &mut Context<Self>) {
        let Some(fragments) = &mut self.fragments else {
            return;
        };
        if fragments.len() + text.len() > LARGEST_MESSAGE {
            self.fragments = None;
            return self.close(Close::TooLarge, ctx);
        }
        fragments.extend_from_slice(text);
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
            Done::Authenticated(ends) => {
                self.grant.session_ends = ends;
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
        self.outgoing.push_back(bytes);
        if !fits {
            self.close(Close::Slow, ctx);
        }
    }

    /// Begins the closing handshake, which lasts for a bounded time.
    fn close(&mut self, why: Close, ctx: &mut Context<Self>) {
        if self.stage != Stage::Open {
            return;
        }
        self.stage = Stage::Closing;
        if why == Close::Slow {
            // Its queue is what it could not take; only a frame already begun must be ended.
            self.outgoing.truncate(usize::from(self.written > 0));
        }
        if let Some(connection) = &self.connection {
            connection.session().close(why);
        }
        let mut payload = why.code().to_be_bytes().to_vec();
        payload.extend_from_slice(why.reason().as_bytes());
        self.outgoing.push_back(control(0x88, &payload));
        self.unread = BytesMut::new();
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

    fn write(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut count = 0;
            for (slice, bytes) in slices.iter_mut().zip(&self.outgoing) {
                let from = if count == 0 { self.written } else { 0 };
                *slice = IoSlice::new(&bytes[from..]);
                count += 1;
            }
            let stream = Pin::new(&mut self.stream);
            match stream.poll_write_vectored(task, &slices[..count]) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(sent)) => self.sent(sent),
            }
        }
        // Most sessions are idle most of the time: an empty queue keeps no memory.
        self.outgoing = VecDeque::new();
        if self.stage == Stage::Closing {
            match Pin::new(&mut self.stream).poll_shutdown(task) {
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(())) => {
                    self.stage = Stage::Lingering;
                    self.end_after(FAREWELL, ctx);
                }
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    fn sent(&mut self, sent: usize) {
        if let Some(connection) = &self.connection {
            connection.session().left(sent);
        }
        self.written += sent;
        while let Some(first) = self.outgoing.front() {
            if self.written < first.len() {
                break;
            }
            self.written -= first.len();
            self.outgoing.pop_front();
        }
    }
}

/// The payload's length as the head of a frame announces it (RFC 6455 §5.2); 0 while it is not all here.
fn announced(bytes: &[u8]) -> u64 {
    let short = bytes.get(1).map_or(0, |byte| byte & 0x7f);
    let long = |length: usize| {
        let digits = bytes.get(2..2 + length)?;
        Some(
            digits
                .iter()
                .fold(0, |sum, digit| sum << 8 | u64::from(*digit)),
        )
    };
    match short {
        126 => long(2).unwrap_or(0),
        127 => long(8).unwrap_or(0),
        short => u64::from(short),
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
        ctx.spawn(Turn);
    }
}

impl Socket {
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
        match push {
            Push::Frame(frame) if self.stage == Stage::Open => {
                self.outgoing.push_back(frame.into_wire());
            }
            Push::Frame(_) => {}
            Push::Close(why) => self.close(why, ctx),
        }
    }
}

impl Handler<Beat> for Socket {
    type Result = ();

    fn handle(&mut self, _: Beat, ctx: &mut Self::Context) {
        if self.stage != Stage::Open {
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
            self.queue(Bytes::from_static(&[0x89, 0]), ctx);
        }
        pulse::wake(ctx.address().downgrade(), self.next_look());
    }
}
