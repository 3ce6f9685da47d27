//! What a caller is still sending when the answer is already known.
//!
//! Closing a connection with unread bytes resets it, and the caller may lose the very answer that says why.
//! So the rest of a large body is read, within limits, before a refusal is sent.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::web::Bytes;
use futures::{Stream, StreamExt};

/// A body up to this size fits into the buffers on the way.
const SMALL: u64 = 16 * 1024;
/// Most bytes read for nothing; whoever sends more finds the connection closed.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Longest that a caller is listened to for nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body that handler and layer can both read.
#[derive(Clone)]
pub struct Leftover(Rc<RefCell<Shared>>);

struct Shared {
    payload: Payload,
    ended: bool,
}

impl Leftover {
    /// Keeps a hand on the body of `request`, if it is a large one.
    pub fn of(request: &mut ServiceRequest) -> Option<Self> {
        let headers = request.headers();
        let length = headers.get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.unwrap_or(0) <= SMALL && !headers.contains_key(TRANSFER_ENCODING) {
            return None;
        }
        let leftover = Self(Rc::new(RefCell::new(Shared {
            payload: request.take_payload(),
            ended: false,
        })));
        request.set_payload(Payload::Stream {
            payload: Box::pin(leftover.clone()),
        });
        Some(leftover)
    }

    /// Whether nothing more comes.
    pub fn has_ended(&self) -> bool {
        self.0.borrow().ended
    }

    /// An answer's `body` that holds the rest until it has been sent. The server closes a connection whose request
    /// somebody still holds; one that was dropped it would read to its end, and for those who do not want it to
    /// that never comes.
    pub fn held_by(self, body: impl MessageBody + 'static) -> BoxBody {
        BoxBody::new(Holding {
            body: body.boxed(),
            _leftover: self,
        })
    }

    /// Reads the rest and forgets it.
    pub async fn drain(&mut self) {
        let mut left = MOST_BYTES;
        let all = async {
            while let Some(Ok(bytes)) = self.next().await {
                left = left.saturating_sub(bytes.len());
                if left == 0 {
                    return;
                }
            }
        };
        // Out of patience is out of luck: the connection closes on a caller who is still sending.
        let _ = tokio::time::timeout(PATIENCE, all).await;
    }
}

struct Holding {
    body: BoxBody,
    _leftover: Leftover,
}

impl MessageBody for Holding {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

impl Stream for Leftover {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut shared = self.0.borrow_mut();
        let next = Pin::new(&mut shared.payload).poll_next(cx);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            shared.ended = true;
        }
        next
    }
}
