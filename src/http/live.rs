//! Live connections: a person's inbox as it grows, and the topics they listen to.
//!
//! A WebSocket session is an actor that owns its socket (`live/socket.rs`); where a WebSocket cannot pass,
//! the same stream comes as server-sent events (`live/events.rs`). Both are admitted by a ticket.

use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use actix_codec::Framed;
use actix_http::body::BodySize;
use actix_http::ws::handshake as ws_handshake;
use actix_http::{Request, RequestHead, Response, ResponseBuilder, h1, header};
use actix_rt::net::TcpStream;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use actix_web_actors::ws;
use belfry_actors::{Supervisor, topic};
use belfry_domain::Instant;
use belfry_domain::field::FieldError;
use belfry_domain::id::{ApiKeyId, UserId, uuid_at};
use belfry_domain::inbox::Offset;
use bytes::{Bytes, BytesMut};
use futures::SinkExt;
use futures::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tracing::{debug, warn};
use utoipa::ToSchema;

use crate::http::App;
use crate::http::auth::{Admitted, admitted};
use crate::http::problem::{self, Problem};
use crate::http::ticket::{Grant, TICKET_SECONDS, Tickets};
use command::{Done, Refusal, Work};
use socket::Socket;

/// What a client may say.
pub(crate) mod command;
/// The stream for those whom no WebSocket reaches.
pub mod events;
/// From the bytes of a client to its messages.
pub(crate) mod incoming;
/// What waits to be written to a socket.
mod outgoing;
/// One ticking task per worker.
mod pulse;
/// A session that owns its socket.
mod socket;

/// How long the answer to an upgrade may take to leave.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client's command may take.
const WORK: Duration = Duration::from_secs(5);

/// Checks an access token: whose it is and what it is good for, `None` for one that is not valid.
pub type CheckToken =
    dyn Fn(String) -> LocalBoxFuture<'static, Result<Option<Grant>, Unknown>> + Send + Sync;

/// Whether a token is valid cannot be found out at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unknown;

/// What live connections need. Cloning shares it.
#[derive(Clone)]
pub struct Live(Arc<Parts>);

struct Parts {
    supervisor: Supervisor,
    tickets: Tickets,
    check_token: Box<CheckToken>,
}

impl Live {
    /// Connections of `supervisor`, opened by `tickets`, prolonged by tokens that `check_token` accepts.
    pub fn new(supervisor: Supervisor, tickets: Tickets, check_token: Box<CheckToken>) -> Self {
        Self(Arc::new(Parts {
            supervisor,
            tickets,
            check_token,
        }))
    }

    /// The directory of connections.
    pub fn supervisor(&self) -> &Supervisor {
        &self.0.supervisor
    }

    /// Signs and checks the tickets.
    pub fn tickets(&self) -> &Tickets {
        &self.0.tickets
    }

    fn now(&self) -> Instant {
        self.0.supervisor.world().clock.now()
    }

    /// Whether a key is to the database what it was when it let somebody in; yes while the database cannot say.
    async fn key_holds(self, key: ApiKeyId) -> bool {
        let found = self.supervisor().world().store.api_key(key).await;
        found.map_or(true, |key| key.is_some_and(|key| key.is_live(self.now())))
    }

    /// Does what a client asked that takes time.
    async fn carry_out(self, user: UserId, work: Work) -> Result<Done, Refusal> {
        let supervisor = self.supervisor();
        let store = &supervisor.world().store;
        let done = async {
            match work {
                Work::Subscribe(topic) => Ok(topic::may_listen(store, user, topic)
                    .await?
                    .then_some(Done::Allowed(topic))
                    .ok_or(Refusal::Forbidden)),
                Work::Read(read) => Ok(supervisor
                    .mark_read(user, read)
                    .await?
                    .then_some(Done::Read)
                    .ok_or(Refusal::NotFound)),
                Work::Authenticate(token) => Ok(match (self.0.check_token)(token).await {
                    Ok(Some(grant)) if grant.user == user => Ok(Done::Authenticated(grant)),
                    Ok(_) => Err(Refusal::BadToken),
                    Err(Unknown) => Err(Refusal::Unavailable),
                }),
            }
        };
        match timeout(WORK, done).await {
            Ok(Ok(answer)) => answer,
            Ok(Err::<_, belfry_store::StoreError>(error)) => {
                warn!(%error, "a live command failed");
                Err(Refusal::Unavailable)
            }
            Err(_) => {
                warn!("a live command took too long");
                Err(Refusal::Unavailable)
            }
        }
    }
}

/// How a live connection is asked for.
#[derive(Deserialize)]
struct Query {
    ticket: Option<String>,
    after: Option<String>,
}

/// Checks the ticket and reads where the stream goes on from; a place named in a header goes before one in
/// the address.
fn admit(
    live: &Live,
    query: &str,
    last_seen: Option<&str>,
) -> Result<(Grant, Option<Offset>), Problem> {
    let query = web::Query::<Query>::from_query(query)
        .map_err(|_| Problem::new("malformed"))?
        .into_inner();
    let grant = query
        .ticket
        .and_then(|ticket| live.tickets().check(&ticket, live.now()))
        .ok_or_else(|| Problem::new("unauthenticated"))?;
    let after = last_seen
        .or(query.after.as_deref())
        .map(|text| {
            text.parse()
                .ok()
                .filter(|offset| *offset >= 0)
                .ok_or_else(|| {
                    let detail = "This is not an offset of the inbox.";
                    Problem::field("/after", FieldError::INVALID, detail)
                })
        })
        .transpose()?;
    Ok((grant, after))
}

/// Answers every request that asks to leave HTTP; only `/ws` may, and only for a WebSocket.
pub async fn upgrade(live: Live, request: Request, framed: Framed<TcpStream, h1::Codec>) {
    let id = uuid_at(live.now()).to_string();
    let head = request.head();
    let admitted = match head.uri.path() {
        "/ws" => match ws_handshake(head) {
            Ok(response) => admit(&live, head.uri.query().unwrap_or_default(), None)
                .map(|(grant, after)| (response, grant, after)),
            Err(_) => Err(Problem::new("upgrade-required")),
        },
        _ => Err(Problem::new("not-found")),
    };
    let answered = match admitted {
        Ok((response, grant, after)) => accept(framed, response, &id).await.map(|(io, unread)| {
            Socket::new(io, unread, live, grant, after).start();
        }),
        Err(problem) => refuse(framed, &problem, head, &id).await,
    };
    if let Err(error) = answered {
        debug!(%error, "an upgrade could not be answered");
    }
}

type Answered<T> = Result<T, Box<dyn std::error::Error>>;

/// Sends the handshake and takes the socket out of HTTP, with what the client sent right behind its request.
async fn accept(
    mut framed: Framed<TcpStream, h1::Codec>,
    mut response: ResponseBuilder,
    id: &str,
) -> Answered<(TcpStream, BytesMut)> {
    let response = response
        .insert_header(("x-request-id", id))
        .message_body(())?;
    let sent = framed.send(h1::Message::Item((response, BodySize::None)));
    timeout(HANDSHAKE, sent).await??;
    let parts = framed.into_parts();
    Ok((parts.io, parts.read_buf))
}

async fn refuse(
    mut framed: Framed<TcpStream, h1::Codec>,
    problem: &Problem,
    head: &RequestHead,
    id: &str,
) -> Answered<()> {
    let language = head.headers().get(header::ACCEPT_LANGUAGE);
    let language = problem::preferred(language.and_then(|value| value.to_str().ok()));
    let body = Bytes::from(problem.body(language, id));
    let response = Response::build(problem.status_code())
        .insert_header((header::CONTENT_TYPE, "application/problem+json"))
        .insert_header((header::CONTENT_LANGUAGE, language))
        .insert_header(("x-request-id", id))
        .force_close()
        .message_body(())?;
    let sent = async {
        let size = BodySize::Sized(body.len() as u64);
        framed.feed(h1::Message::Item((response, size))).await?;
        framed.feed(h1::Message::Chunk(Some(body))).await?;
        // Closing a `Framed` does not write what it still holds.
        SinkExt::<h1::Message<(Response<()>, BodySize)>>::flush(&mut framed).await?;
        framed.into_parts().io.shutdown().await
    };
    timeout(HANDSHAKE, sent).await??;
    Ok(())
}

impl From<&Admitted> for Grant {
    fn from(admitted: &Admitted) -> Self {
        Self {
            user: admitted.account.id,
            session_ends: admitted.ends,
            key: admitted.key.as_ref().map(|key| key.id),
        }
    }
}

/// A ticket, and how long it works.
#[derive(Serialize, ToSchema)]
pub struct TicketOut {
    ticket: String,
    /// Seconds.
    #[schema(example = 30)]
    expires_in: i64,
}

/// Admits the caller to a live connection; `/asyncapi.json` describes what happens there.
#[utoipa::path(post, path = "/api/v1/live/ticket", tag = "Live",
    responses((status = 200, body = TicketOut)))]
pub async fn create_ticket(
    app: web::Data<App>,
    live: web::Data<Live>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let admitted = admitted(&app, &request).await?;
    let grant = Grant::from(&admitted);
    let ticket = live.tickets().issue(grant, live.now());
    let out = TicketOut {
        ticket: ticket.ok_or_else(|| Problem::new("internal"))?,
        expires_in: TICKET_SECONDS,
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(out))
}

/// A request for `/ws` that asks for no upgrade.
pub async fn not_upgraded() -> Result<HttpResponse, Problem> {
    Err(Problem::new("upgrade-required"))
}
