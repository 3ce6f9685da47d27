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
    fragments: Option<Fragments>,
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
            if misuses_control(&self.unread) {
                return Err(Close::BadFrame);
            }
            match self.codec.decode(&mut self.unread) {
                Err(ws::ProtocolError::Overflow) => return Err(Close::TooLarge),
                Err(_) => return Err(Close::BadFrame),
                // The codec judges a frame by its size only once all of it is here. It judges the head
                // first, so that the answer does not depend on how the bytes were cut on their way.
                Ok(None) if announced(&self.unread) > LARGEST_MESSAGE as u64 => {
                    return Err(Close::TooLarge);
                }
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
                self.fragments = Some(Fragments::default());
                self.gather(&text)?;
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
                    .map(|fragments| Message::Text(fragments.text.freeze()))
            }
            ws::Frame::Binary(_) | ws::Frame::Continuation(Item::FirstBinary(_)) => {
                return Err(Close::BadFrame);
            }
        })
    }

    fn gather(&mut self, text: &[u8]) -> Result<(), Close> {
        self.fragments.as_mut().ok_or(Close::BadFrame)?.add(text)
    }
}

/// The beginning of a message that comes in several frames.
#[derive(Default)]
struct Fragments {
    text: BytesMut,
    /// How much of it is known to be UTF-8.
    valid: usize,
}

impl Fragments {
    fn add(&mut self, more: &[u8]) -> Result<(), Close> {
        if self.text.len() + more.len() > LARGEST_MESSAGE {
            return Err(Close::TooLarge);
        }
        self.text.extend_from_slice(more);
        match str::from_utf8(&self.text[self.valid..]) {
            Ok(text) => self.valid += text.len(),
            // A character may go on in the next frame; what cannot become one is refused at once.
            Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
            Err(_) => return Err(Close::BadFrame),
        }
        Ok(())
    }
}

/// Whether this is a control frame that is longer than allowed or one of several (RFC 6455 §5.5). The codec
/// finds out only once all of it is here.
fn misuses_control(bytes: &[u8]) -> bool {
    matches!(bytes, [head, length, ..] if head & 0x08 != 0 && (head & 0x80 == 0 || length & 0x7f > 125))
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

#[cfg(any(test, fuzzing))]
impl Incoming {
    /// Bytes of memory that wait to become messages.
    pub fn held(&self) -> usize {
        let fragments = self.fragments.as_ref();
        self.unread.capacity() + fragments.map_or(0, |fragments| fragments.text.capacity())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fuzz::{Frames, outcome};

    /// A frame as a client sends it, or as one should not.
    fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
        Frames::default().add(head, payload).bytes
    }

    /// Texts in two halves each, with a ping between them.
    fn halves(texts: &[String]) -> (Frames, Vec<Message>) {
        let mut frames = Frames::default();
        let mut messages = Vec::new();
        for text in texts {
            let (first, rest) = text.as_bytes().split_at(text.len() / 2);
            frames = frames
                .add(0x01, first)
                .add(0x89, b"between")
                .add(0x80, rest);
            messages.push(Message::Ping(Bytes::from_static(b"between")));
            messages.push(Message::Text(Bytes::copy_from_slice(text.as_bytes())));
        }
        (frames, messages)
    }

    /// Frames good and bad: every head, with and without a mask, lengths short, long and made up.
    fn anything() -> impl Strategy<Value = Vec<u8>> {
        let head = prop_oneof![
            4 => prop::sample::select(vec![0x81, 0x01, 0x00, 0x80, 0x89, 0x8a]),
            1 => any::<u8>(),
        ];
        let payload = prop_oneof![
            4 => "\\PC{0,40}".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..200),
            1 => (0..20_000usize).prop_map(|length| vec![b'x'; length]),
        ];
        let sound = (head, payload).prop_map(|(head, payload)| frame(head, &payload));
        let close = any::<(u16, Option<String>)>().prop_map(|(code, reason)| {
            let mut payload = code.to_be_bytes().to_vec();
            payload.extend(reason.unwrap_or_default().bytes().take(123));
            frame(0x88, &payload)
        });
        let announced =
            (any::<u8>(), any::<u8>(), any::<u64>()).prop_map(|(head, second, length)| {
                let mut bytes = vec![head, second];
                bytes.extend(length.to_be_bytes());
                bytes
            });
        let garbage = prop::collection::vec(any::<u8>(), 0..60);
        let one = prop_oneof![12 => sound, 1 => close, 1 => announced, 1 => garbage];
        prop::collection::vec(one, 0..8).prop_map(|frames| frames.concat())
    }

    proptest! {
        /// However the bytes are cut on their way, the same messages come out.
        #[test]
        fn messages_do_not_depend_on_how_their_bytes_arrive(
            texts in prop::collection::vec("\\PC{0,90}", 1..6),
            pieces in prop::collection::vec(1..40usize, 1..50),
        ) {
            let (frames, messages) = halves(&texts);
            let come = outcome(&frames.bytes, pieces.into_iter().cycle());
            prop_assert_eq!(come, (messages, None));
        }

        /// The same holds for what is not sound: it is refused for the same reason at any speed.
        #[test]
        fn a_refusal_does_not_depend_on_how_the_bytes_arrive(
            bytes in anything(),
            pieces in prop::collection::vec(1..3_000usize, 1..20),
        ) {
            let at_once = outcome(&bytes, std::iter::repeat(LARGEST_MESSAGE));
            prop_assert_eq!(&outcome(&bytes, pieces.into_iter().cycle()), &at_once);
            prop_assert_eq!(&outcome(&bytes, std::iter::repeat(1)), &at_once);
        }
    }

    #[test]
    fn a_frame_is_judged_by_its_head_before_its_length() {
        // Unmasked, and longer than allowed.
        let bytes = [&[0x81, 0x7f][..], &u64::MAX.to_be_bytes()].concat();
        let at_once = outcome(&bytes, std::iter::repeat(LARGEST_MESSAGE));
        assert_eq!(at_once, (vec![], Some(Close::BadFrame)));
        assert_eq!(outcome(&bytes, std::iter::repeat(1)), at_once);
    }

    #[test]
    fn control_frames_are_judged_by_their_head_alone() {
        for bytes in [[0x09, 0x80], [0x08, 0x80], [0x89, 0xfe], [0x8a, 0xff]] {
            let (_, close) = outcome(&bytes, std::iter::repeat(2));
            assert_eq!(close, Some(Close::BadFrame), "{bytes:x?}");
        }
    }

    #[test]
    fn text_that_cannot_become_utf8_is_refused_with_its_first_bad_frame() {
        let (begun, broken) = (frame(0x01, b"\xce\xba\xe1"), frame(0x00, b"\xf4\x90"));
        let (_, close) = outcome(&[begun.clone(), broken].concat(), std::iter::repeat(1));
        assert_eq!(close, Some(Close::BadFrame));
        // A character may be cut between frames.
        let whole = [begun, frame(0x80, b"\xbd\xb9")].concat();
        let text = Message::Text(Bytes::from_static(b"\xce\xba\xe1\xbd\xb9"));
        assert_eq!(outcome(&whole, std::iter::repeat(1)), (vec![text], None));
    }

    #[test]
    fn an_idle_session_keeps_no_buffer() {
        let mut incoming = Incoming::new(BytesMut::from(&frame(0x81, &[b'x'; 9_000])[..]));
        assert!(matches!(incoming.next(), Ok(Some(Message::Text(_)))));
        assert_eq!(incoming.next(), Ok(None));
        assert_eq!(incoming.held(), 0);
    }
}
