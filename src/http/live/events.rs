//! The same stream as server-sent events, for those whom no WebSocket reaches.
//!
//! The event id is the offset up to which the reader has everything, so that a browser's own
//! `Last-Event-ID` resumes where the stream broke.

use std::pin::Pin;
use std::task::{Context as Task, Poll};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, WrapFuture,
};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_actors::{Close, Connection, Frame, Push};
use belfry_domain::inbox::Offset;
use bytes::Bytes;
use futures::Stream;
use tokio::sync::mpsc;

use super::{Grant, Live, admit};
use crate::http::problem::Problem;

/// The browser's pause before it tries again, unless told otherwise.
const RETRY: &[u8] = b"retry: 2000\n\n";

/// Streams the caller's inbox as server-sent events; topics need the WebSocket. `after` or the header
/// `Last-Event-ID` resumes.
#[utoipa::path(get, path = "/api/v1/live/events", tag = "Live", security(()),
    params(("ticket" = String, Query), ("after" = Option<i64>, Query)),
    responses((status = 200, content_type = "text/event-stream")))]
pub async fn stream(live: Data<Live>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let last_seen = request.headers().get("last-event-id");
    let last_seen = last_seen.and_then(|value| value.to_str().ok());
    let (grant, after) = admit(&live, request.query_string(), last_seen)?;
    let (sender, lines) = mpsc::unbounded_channel();
    let teller = Teller {
        live: Live::clone(&live),
        grant,
        after,
        connection: None,
        welcomed: false,
        lines: sender,
    };
    let body = Body {
        lines,
        teller: teller.start(),
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // Compression and buffering proxies would hold events back.
        .insert_header((CONTENT_ENCODING, HeaderValue::from_static("identity")))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body))
}

/// The session behind one stream.
struct Teller {
    live: Live,
    grant: Grant,
    after: Option<Offset>,
    /// From the start of the actor to its end.
    connection: Option<Connection>,
    welcomed: bool,
    lines: mpsc::UnboundedSender<Line>,
}

/// Text for the reader, and the bytes of the frame it was made from.
struct Line(Bytes, usize);

/// Something of the reader's side was told to the session.
#[derive(Message)]
#[rtype(result = "()")]
enum Told {
    /// A frame of so many bytes has left.
    Left(usize),
    /// The reader has gone.
    Gone,
}

impl Teller {
    fn tell(&self, text: Bytes, bytes: usize, ctx: &mut Context<Self>) {
        if self.lines.send(Line(text, bytes)).is_err() {
            ctx.stop();
        }
    }

    /// Ends the stream if the key that it is held by has ended without a word of it coming here.
    fn ask_for_key(&self, ctx: &mut Context<Self>) {
        let Some(key) = self.grant.key else { return };
        let asked = self.live.clone().key_holds(key).into_actor(self);
        ctx.spawn(asked.map(|holds, teller, ctx| {
            if !holds {
                teller.handle(Push::Close(Close::Expired), ctx);
            }
        }));
    }
}

impl Actor for Teller {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let supervisor = self.live.supervisor();
        let address = ctx.address();
        self.connection =
            Some(supervisor.connect(self.grant.user, self.after, address.recipient()));
        self.tell(Bytes::from_static(RETRY), 0, ctx);
        ctx.run_interval(supervisor.heartbeat(), |teller, ctx| {
            teller.tell(Bytes::from_static(b":\n\n"), 0, ctx);
            teller.ask_for_key(ctx);
        });
        self.ask_for_key(ctx);
        let lasts = self.grant.session_ends - self.live.now();
        ctx.run_later(lasts.to_std().unwrap_or_default(), |teller, ctx| {
            teller.handle(Push::Close(Close::Expired), ctx);
        });
    }
}

impl Handler<Push> for Teller {
    type Result = ();

    fn handle(&mut self, push: Push, ctx: &mut Self::Context) {
        match push {
            Push::Welcome(frame) => {
                self.welcomed = true;
                self.tell(event(&frame), frame.wire().len(), ctx);
            }
            Push::Frame(frame) if self.welcomed => {
                self.tell(event(&frame), frame.wire().len(), ctx);
            }
            Push::Frame(frame) => {
                if let Some(connection) = &self.connection {
                    connection.session().left(frame.wire().len());
                }
            }
            Push::KeyEnded(key) => {
                if self.grant.is_by(key) {
                    self.handle(Push::Close(Close::Expired), ctx);
                }
            }
            Push::Close(why) => {
                let text = format!(
                    "event: close\ndata: {{\"code\":{},\"reason\":\"{}\"}}\n\n",
                    why.code(),
                    why.reason()
                );
                self.tell(Bytes::from(text), 0, ctx);
                ctx.stop();
            }
        }
    }
}

impl Handler<Told> for Teller {
    type Result = ();

    fn handle(&mut self, told: Told, ctx: &mut Self::Context) {
        match (told, &self.connection) {
            (Told::Left(bytes), Some(connection)) => connection.session().left(bytes),
            (Told::Left(_), None) => {}
            (Told::Gone, _) => ctx.stop(),
        }
    }
}

/// A frame as an event. Its JSON may hold line breaks when it came from elsewhere.
fn event(frame: &Frame) -> Bytes {
    let json = frame.json();
    let mut text = Vec::with_capacity(json.len() + 48);
    if let Some(position) = frame.position() {
        text.extend_from_slice(format!("id: {position}\n").as_bytes());
    }
    for line in json.split(|byte| matches!(byte, b'\n' | b'\r')) {
        text.extend_from_slice(b"data: ");
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.push(b'\n');
    Bytes::from(text)
}

/// The answer's body. Dropping it, as the server does when the reader has gone, ends the session.
struct Body {
    lines: mpsc::UnboundedReceiver<Line>,
    teller: Addr<Teller>,
}

impl Stream for Body {
    type Item = Result<Bytes, actix_web::Error>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        self.lines.poll_recv(task).map(|line| {
            line.map(|Line(text, bytes)| {
                if bytes > 0 {
                    self.teller.do_send(Told::Left(bytes));
                }
                Ok(text)
            })
        })
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.teller.do_send(Told::Gone);
    }
}
