//! From the bytes of a client to its messages.

use actix_codec::Decoder;
use actix_http::ws::{Codec, Item};
use belfry_actors::Close;
use bytes::{Bytes, BytesMut};

use super::ws;

/// Largest message from a client, in one frame or several.
pub const LARGEST_MESSAGE: usize = 16 * 1024;

/// What a client sent.
#[derive(PartialEq, Debug)]
pub enum Message {
    /// A whole message, in however many frames it came.
    Text(Bytes),
    /// Asks for a pong with the same payload.
    Ping(Bytes),
    Pong,
    Close,
}

/// Bytes that are not yet messages.
pub struct Incoming {
    codec: Codec,
    unread: BytesMut,
    /// The beginning of a message that comes in several frames.
    fragments: Option<BytesMut>,
}

impl Incoming {
    /// Begins with what came right behind the upgrade request.
    pub fn new(unread: BytesMut) -> Self {
        Self {
            codec: Codec::new().max_size(LARGEST_MESSAGE),
            unread,
            fragments: None,
        }
    }

    pub fn extend(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    pub fn forget(&mut self) {
        self.unread = BytesMut::new();
        self.fragments = None;
    }

    /// The next message, if all of it is here.
    ///
    /// # Errors
    /// Why the connection must be closed.
    pub fn next(&mut self) -> Result<Option<Message>, Close> {
        loop {
            if self.unread.is_empty() {
                // An idle session keeps no buffer.
                self.unread = BytesMut::new();
                return Ok(None);
            }
            // The codec judges a frame by its size only once all of it is here.
            if announced(&self.unread) > LARGEST_MESSAGE as u64 {
                return Err(Close::TooLarge);
            }
            match self.codec.decode(&mut self.unread) {
                Err(_) => return Err(Close::BadFrame),
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => {
                    if let Some(message) = self.take(frame)? {
                        return Ok(Some(message));
                    }
                }
            }
        }
    }

    fn take(&mut self, frame: ws::Frame) -> Result<Option<Message>, Close> {
        Ok(match frame {
            ws::Frame::Text(text) => Some(Message::Text(text)),
            ws::Frame::Ping(payload) => Some(Message::Ping(payload)),
            ws::Frame::Pong(_) => Some(Message::Pong),
            ws::Frame::Close(_) => Some(Message::Close),
            ws::Frame::Continuation(Item::FirstText(text)) => {
                self.fragments = Some(BytesMut::from(&text[..]));
                None
            }
            ws::Frame::Continuation(Item::Continue(text)) => {
                self.gather(&text)?;
                None
            }
            ws::Frame::Continuation(Item::Last(text)) => {
                self.gather(&text)?;
                self.fragments
                    .take()
                    .map(|text| Message::Text(text.freeze()))
            }
            ws::Frame::Binary(_) | ws::Frame::Continuation(Item::FirstBinary(_)) => {
                return Err(Close::BadFrame);
            }
        })
    }

    fn gather(&mut self, text: &[u8]) -> Result<(), Close> {
        let fragments = self.fragments.as_mut().ok_or(Close::BadFrame)?;
        if fragments.len() + text.len() > LARGEST_MESSAGE {
            return Err(Close::TooLarge);
        }
        fragments.extend_from_slice(text);
        Ok(())
    }
}

/// The payload's length as the head of a frame announces it (RFC 6455 §5.2); 0 while it is not all here.
fn announced(bytes: &[u8]) -> u64 {
    let long = |length: usize| {
        let digits = bytes.get(2..2 + length)?;
        Some(
            digits
                .iter()
                .fold(0, |sum, digit| (sum << 8) | u64::from(*digit)),
        )
    };
    match bytes.get(1).map_or(0, |byte| byte & 0x7f) {
        126 => long(2).unwrap_or(0),
        127 => long(8).unwrap_or(0),
        short => u64::from(short),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A masked frame of less than 64 KiB.
    fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [7, 77, 177, 250];
        let mut bytes = vec![head];
        match payload.len() {
            length @ 0..126 => bytes.push(0x80 | length as u8),
            length => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        bytes
    }

    proptest! {
        /// However the bytes are cut on their way, the same messages come out.
        #[test]
        fn messages_do_not_depend_on_how_their_bytes_arrive(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
            pieces in prop::collection::vec(1..40usize, 1..50),
        ) {
            let mut bytes = Vec::new();
            for text in &texts {
                let (first, rest) = text.split_at(text.len() / 2);
                bytes.extend(frame(0x01, first));
                bytes.extend(frame(0x89, b"between"));
                bytes.extend(frame(0x80, rest));
            }
            let mut incoming = Incoming::new(BytesMut::new());
            let mut come = Vec::new();
            let mut rest = &bytes[..];
            for piece in pieces.iter().cycle() {
                let (now, later) = rest.split_at((*piece).min(rest.len()));
                incoming.extend(now);
                while let Some(message) = incoming.next().unwrap() {
                    if let Message::Text(text) = message {
                        come.push(text.to_vec());
                    }
                }
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(come, texts);
            prop_assert_eq!(incoming.unread.capacity(), 0);
        }

        /// Garbage is refused or waited for, and never held beyond a message's size.
        #[test]
        fn garbage_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let mut incoming = Incoming::new(BytesMut::from(&bytes[..]));
            while let Ok(Some(_)) = incoming.next() {}
        }
    }
}
