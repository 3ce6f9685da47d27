//! Frames as a client writes them, and what becomes of them however they arrive.

use belfry_actors::Close;
use bytes::BytesMut;

use crate::http::live::incoming::{Incoming, LARGEST_MESSAGE, Message};

/// Frames as a client writes them, one behind the other.
#[derive(Default)]
pub struct Frames {
    pub bytes: Vec<u8>,
}

impl Frames {
    /// Adds a masked frame.
    pub fn add(mut self, head: u8, payload: &[u8]) -> Self {
        let mask = [7, 77, 177, 250];
        self.bytes.push(head);
        match payload.len() {
            length @ 0..126 => self.bytes.push(0x80 | length as u8),
            length @ 126..65_536 => {
                self.bytes.push(0x80 | 126);
                self.bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                self.bytes.push(0x80 | 127);
                self.bytes.extend((length as u64).to_be_bytes());
            }
        }
        self.bytes.extend(mask);
        let masks = mask.iter().cycle();
        self.bytes
            .extend(payload.iter().zip(masks).map(|(byte, mask)| byte ^ mask));
        self
    }
}

/// What becomes of bytes that arrive in pieces of these lengths: the messages, and why the connection is
/// closed if it is. What is held meanwhile is bounded.
pub fn outcome(bytes: &[u8], pieces: impl Iterator<Item = usize>) -> (Vec<Message>, Option<Close>) {
    let mut incoming = Incoming::new(BytesMut::new());
    let mut messages = Vec::new();
    let mut rest = bytes;
    for piece in pieces {
        let (now, later) = rest.split_at(piece.clamp(1, LARGEST_MESSAGE).min(rest.len()));
        incoming.extend(now);
        rest = later;
        loop {
            match incoming.next() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(close) => return (messages, Some(close)),
            }
        }
        // A frame not yet whole, what was read behind it, and a message in pieces, in buffers that double.
        assert!(
            incoming.held() <= 6 * LARGEST_MESSAGE,
            "{} bytes",
            incoming.held()
        );
        if rest.is_empty() {
            break;
        }
    }
    (messages, None)
}
