//! The messages of a live connection, each serialised once however many connections get it.

use belfry_domain::id::UserId;
use belfry_domain::inbox::{InboxHead, Notification, Offset, Read};
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Room for the longest head of an unmasked WebSocket frame (RFC 6455 §5.2).
const HEAD_ROOM: usize = 10;
/// A final text frame.
const FINAL_TEXT: u8 = 0x81;

/// One JSON message, ready to be written to a WebSocket. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    wire: Bytes,
    head: u8,
    position: Option<Offset>,
}

impl Frame {
    /// The whole WebSocket frame.
    pub fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// The whole WebSocket frame, given up.
    pub fn into_wire(self) -> Bytes {
        self.wire
    }

    /// The JSON text alone.
    pub fn json(&self) -> Bytes {
        self.wire.slice(usize::from(self.head)..)
    }

    /// Where a reader stands who has seen everything up to this message, if it says so.
    pub fn position(&self) -> Option<Offset> {
        self.position
    }

    /// The first message of every connection; `position` is where its stream goes on from.
    pub fn welcome(
        session: Uuid,
        user: UserId,
        head: InboxHead,
        position: Offset,
        heartbeat_seconds: u64,
    ) -> Self {
        Self::of(
            &Out::Welcome {
                session_id: session,
                user_id: user,
                offset: head.offset,
                unread: head.unread,
                heartbeat_seconds,
            },
            Some(position),
        )
    }

    /// An inbox entry.
    pub fn notification(notification: &Notification) -> Self {
        let offset = notification.offset;
        Self::of(
            &Out::Notification {
                offset,
                notification,
            },
            Some(offset),
        )
    }

    /// The end of a replay.
    pub fn caught_up(offset: Offset) -> Self {
        Self::of(&Out::CaughtUp { offset }, Some(offset))
    }

    /// A momentary event.
    pub fn event(topic: &str, event: &Value) -> Self {
        Self::of(&Out::Event { topic, event }, None)
    }

    /// Tells that entries were read, here or elsewhere.
    pub fn read(read: Read) -> Self {
        let out = match read {
            Read::One(id) => Out::ReadOne { id: id.uuid() },
            Read::UpTo(up_to) => Out::ReadUpTo { up_to },
        };
        Self::of(&out, None)
    }

    /// Refuses what the client asked.
    pub fn error(code: &str, detail: &str, reference: Option<&RawValue>) -> Self {
        Self::of(
            &Out::Error {
                code,
                detail,
                reference,
            },
            None,
        )
    }

    /// Answers a `ping`.
    pub fn pong(reference: Option<&RawValue>) -> Self {
        Self::of(&Out::Pong { reference }, None)
    }

    /// Tells that what the client asked with this `ref` is done.
    pub fn ok(reference: &RawValue) -> Self {
        Self::of(&Out::Ok { reference }, None)
    }

    fn of(out: &Out, position: Option<Offset>) -> Self {
        let mut buffer = Vec::with_capacity(HEAD_ROOM + 256);
        buffer.resize(HEAD_ROOM, 0);
        // Writing a derived structure with string keys to memory cannot fail.
        let written = serde_json::to_writer(&mut buffer, out);
        debug_assert!(written.is_ok());
        Self::sealed(buffer, position)
    }

    /// A message whose JSON is `text` between two literal parts.
    fn joined(before: &str, text: &str, after: &str, position: Option<Offset>) -> Self {
        let length = before.len() + text.len() + after.len();
        let mut buffer = Vec::with_capacity(HEAD_ROOM + length);
        buffer.resize(HEAD_ROOM, 0);
        for part in [before, text, after] {
            buffer.extend_from_slice(part.as_bytes());
        }
        Self::sealed(buffer, position)
    }

    /// Puts the frame's head right before the JSON that starts at [`HEAD_ROOM`].
    fn sealed(mut buffer: Vec<u8>, position: Option<Offset>) -> Self {
        let length = buffer.len() - HEAD_ROOM;
        let head = match length {
            0..126 => 2,
            126..65536 => 4,
            _ => HEAD_ROOM,
        };
        let start = HEAD_ROOM - head;
        buffer[start] = FINAL_TEXT;
        match head {
            2 => buffer[start + 1] = length as u8,
            4 => {
                buffer[start + 1] = 126;
                buffer[start + 2..HEAD_ROOM].copy_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                buffer[start + 1] = 127;
                buffer[start + 2..HEAD_ROOM].copy_from_slice(&(length as u64).to_be_bytes());
            }
        }
        Self {
            wire: Bytes::from(buffer).slice(start..),
            head: head as u8,
            position,
        }
    }
}

/// Server to client, as in the public contract.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Out<'a> {
    Welcome {
        session_id: Uuid,
        user_id: UserId,
        offset: Offset,
        unread: i64,
        heartbeat_seconds: u64,
    },
    Notification {
        offset: Offset,
        notification: &'a Notification,
    },
    CaughtUp {
        offset: Offset,
    },
    Event {
        topic: &'a str,
        event: &'a Value,
    },
    #[serde(rename = "read")]
    ReadOne {
        id: Uuid,
    },
    #[serde(rename = "read")]
    ReadUpTo {
        up_to: Offset,
    },
    Error {
        code: &'a str,
        detail: &'a str,
        #[serde(rename = "ref")]
        reference: Option<&'a RawValue>,
    },
    Pong {
        #[serde(rename = "ref")]
        reference: Option<&'a RawValue>,
    },
    Ok {
        #[serde(rename = "ref")]
        reference: &'a RawValue,
    },
}

/// What a message on a `user:{id}` or `topic:{topic}` channel turns out to be.
#[derive(Debug)]
pub(crate) enum Heard {
    /// An inbox entry: its place decides whether and when it is sent on.
    Durable(Offset, Frame),
    /// Changes what was sent before, so it must not overtake it.
    Ordered(Frame),
    /// To be sent on at once.
    Momentary(Frame),
    /// An object that is no frame, made an event of the topic `user`.
    Foreign(Frame),
    /// Not a JSON object, or too large.
    Unusable,
}

/// Messages longer than this are not sent on, whoever published them.
const LONGEST: usize = 256 * 1024;

impl Heard {
    /// Reads a message off the bus. Frames of the contract stay as they are, other JSON objects become an
    /// event of the topic `user`.
    pub(crate) fn parse(payload: &[u8]) -> Self {
        if payload.len() > LONGEST {
            return Self::Unusable;
        }
        let Ok(text) = std::str::from_utf8(payload) else {
            return Self::Unusable;
        };
        let Ok(probe) = serde_json::from_str::<Probe>(text) else {
            return Self::Unusable;
        };
        // Only the derived form of a structure from an array is no object; it begins otherwise.
        if !text.trim_start().starts_with('{') {
            return Self::Unusable;
        }
        match probe.kind.map(RawValue::get) {
            Some(r#""notification""#) if probe.notification.is_some() => {
                match probe.offset.and_then(|raw| raw.get().parse().ok()) {
                    Some(offset) => {
                        Self::Durable(offset, Frame::joined("", text, "", Some(offset)))
                    }
                    None => Self::wrapped(text),
                }
            }
            Some(r#""event""#) if probe.topic.is_some() && probe.event.is_some() => {
                Self::Momentary(Frame::joined("", text, "", None))
            }
            Some(r#""read""#) => Self::Ordered(Frame::joined("", text, "", None)),
            Some(r#""welcome""# | r#""caught_up""# | r#""error""# | r#""pong""#) => {
                Self::Momentary(Frame::joined("", text, "", None))
            }
            _ => Self::wrapped(text),
        }
    }

    fn wrapped(text: &str) -> Self {
        Self::Foreign(Frame::joined(
            r#"{"type":"event","topic":"user","event":"#,
            text,
            "}",
            None,
        ))
    }
}

/// The fields by which a frame is known, left unread.
#[derive(serde::Deserialize)]
struct Probe<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    offset: Option<&'a RawValue>,
    #[serde(borrow)]
    notification: Option<&'a RawValue>,
    #[serde(borrow)]
    topic: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(frame: &Frame) -> String {
        String::from_utf8(frame.json().to_vec()).unwrap()
    }

    #[test]
    fn frames_of_the_contract_pass_unchanged() {
        let event = r#"{"type":"event", "topic":"order:7","event":{"id":"1"}}"#;
        match Heard::parse(event.as_bytes()) {
            Heard::Momentary(frame) => assert_eq!(text(&frame), event),
            other => panic!("{other:?}"),
        }
        let durable = r#"{"type":"notification","offset":12,"notification":{}}"#;
        assert!(matches!(
            Heard::parse(durable.as_bytes()),
            Heard::Durable(12, _)
        ));
        assert!(matches!(
            Heard::parse(br#"{"type":"read","up_to":3}"#),
            Heard::Ordered(_)
        ));
    }

    #[test]
    fn other_objects_become_events_of_the_user() {
        for payload in [
            "{}",
            r#"{"a":[1]}"#,
            r#"{"type":7}"#,
            r#"{"type":"event"}"#,
            r#"{"type":"notification","offset":"x","notification":{}}"#,
        ] {
            match Heard::parse(payload.as_bytes()) {
                Heard::Foreign(frame) => assert_eq!(
                    text(&frame),
                    format!(r#"{{"type":"event","topic":"user","event":{payload}}}"#)
                ),
                other => panic!("{payload}: {other:?}"),
            }
        }
    }

    #[test]
    fn anything_else_is_unusable() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(LONGEST));
        for payload in [
            &b""[..],
            b"hello",
            b"[1]",
            b"[null,null,null,null,null]",
            b"7",
            b"{\"a\":",
            b"{\"a\":\"\xff\"}",
            b"{} {}",
            long.as_bytes(),
        ] {
            assert!(
                matches!(Heard::parse(payload), Heard::Unusable),
                "{}",
                String::from_utf8_lossy(payload)
            );
        }
    }

    #[test]
    fn the_head_tells_the_length_in_all_three_forms() {
        for (text, head) in [(10, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = Frame::joined("", &"x".repeat(text), "", None);
            let wire = frame.wire();
            assert_eq!((wire[0], wire.len()), (0x81, head + text));
            let told = match head {
                2 => u64::from(wire[1]),
                4 => u64::from(u16::from_be_bytes([wire[2], wire[3]])),
                _ => u64::from_be_bytes(wire[2..10].try_into().unwrap()),
            };
            assert_eq!(told, text as u64);
            assert_eq!(frame.json().len(), text);
        }
    }
}
