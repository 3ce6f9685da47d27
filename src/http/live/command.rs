//! What a client may say on a live connection.

use std::borrow::Cow;

use belfry_domain::inbox::{Offset, Read};
use belfry_domain::topic::Topic;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http::ticket::Grant;

/// One thing a client asks.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    Ping,
    Unsubscribe(Topic),
    Work(Work),
}

/// What cannot be answered at once.
#[derive(Clone, PartialEq, Debug)]
pub enum Work {
    Subscribe(Topic),
    Read(Read),
    Authenticate(String),
}

/// What work has brought.
#[derive(Clone, PartialEq, Debug)]
pub enum Done {
    /// The topic may be listened to.
    Allowed(Topic),
    /// It was read and everybody told.
    Read,
    /// The connection may go on by this.
    Authenticated(Grant),
}

/// A frame that is understood so far that it can be answered.
#[derive(Debug)]
pub struct Asked {
    /// Echoed in the answer.
    pub reference: Option<Box<RawValue>>,
    pub command: Result<Command, Refusal>,
}

/// Why a frame is refused with an `error` frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    UnknownType,
    UnknownTopic,
    Invalid,
    Forbidden,
    NotFound,
    TooManyTopics,
    BadToken,
    Unavailable,
}

impl Refusal {
    /// The stable code of the public contract.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownType => "unknown_type",
            Self::UnknownTopic => "unknown_topic",
            Self::Invalid => "invalid",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::TooManyTopics => "too_many_topics",
            Self::BadToken => "bad_token",
            Self::Unavailable => "unavailable",
        }
    }

    /// The code in words.
    pub fn detail(self) -> &'static str {
        match self {
            Self::UnknownType => "There is no such type of frame.",
            Self::UnknownTopic => "There is no such topic.",
            Self::Invalid => "The frame lacks a member or has one of the wrong kind.",
            Self::Forbidden => "You may not listen to this topic.",
            Self::NotFound => "There is no such notification in your inbox.",
            Self::TooManyTopics => "One connection cannot listen to more topics.",
            Self::BadToken => "The token is not valid, or is somebody else's.",
            Self::Unavailable => "This cannot be done at the moment. Try again soon.",
        }
    }
}

/// The members of every frame, each left as it is until its type is known.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(rename = "ref")]
    reference: Option<Box<RawValue>>,
    #[serde(borrow)]
    topic: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    up_to: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
}

/// Reads a text frame; `None` for what is not a JSON object with a string `type`.
pub fn parse(text: &[u8]) -> Option<Asked> {
    let text = std::str::from_utf8(text).ok()?;
    // The derived reader would take an array, too.
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let members: Members = serde_json::from_str(text).ok()?;
    let command = match &*members.kind {
        "subscribe" => topic(&members).map(Work::Subscribe).map(Command::Work),
        "unsubscribe" => topic(&members).map(Command::Unsubscribe),
        "read" => read(&members).map(Work::Read).map(Command::Work),
        "authenticate" => string(members.token)
            .map(Work::Authenticate)
            .map(Command::Work),
        "ping" => Ok(Command::Ping),
        _ => Err(Refusal::UnknownType),
    };
    Some(Asked {
        reference: members.reference,
        command,
    })
}

fn topic(members: &Members) -> Result<Topic, Refusal> {
    string(members.topic)?
        .parse()
        .map_err(|_| Refusal::UnknownTopic)
}

fn read(members: &Members) -> Result<Read, Refusal> {
    match (members.id, members.up_to) {
        (Some(id), None) => string(Some(id))?
            .parse()
            .map(Read::One)
            .map_err(|_| Refusal::NotFound),
        (None, Some(up_to)) => {
            let offset: Offset = up_to.get().parse().map_err(|_| Refusal::Invalid)?;
            if offset < 0 {
                return Err(Refusal::Invalid);
            }
            Ok(Read::UpTo(offset))
        }
        _ => Err(Refusal::Invalid),
    }
}

fn string(raw: Option<&RawValue>) -> Result<String, Refusal> {
    let raw = raw.ok_or(Refusal::Invalid)?;
    serde_json::from_str(raw.get()).map_err(|_| Refusal::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Refusal {
        parse(text.as_bytes()).unwrap().command.unwrap_err()
    }

    #[test]
    fn commands_are_read_with_their_reference() {
        let asked = parse(br#" {"type":"read","up_to":7,"ref":{"n":1}} "#).unwrap();
        assert_eq!(asked.command, Ok(Command::Work(Work::Read(Read::UpTo(7)))));
        assert_eq!(asked.reference.unwrap().get(), r#"{"n":1}"#);
        let asked = parse(br#"{"type":"p\u0069ng","ref":null}"#).unwrap();
        assert_eq!(asked.command, Ok(Command::Ping));
        assert!(asked.reference.is_none());
    }

    #[test]
    fn what_is_no_object_with_a_string_type_is_no_frame() {
        for text in [
            &b""[..],
            b"hello",
            b"null",
            b"7",
            b"[]",
            br#"["ping",null,null,null,null,null]"#,
            b"{}",
            br#"{"type":7}"#,
            br#"{"type":null}"#,
            br#"{"type":"ping""#,
            b"{\"type\":\"ping\",\"x\":\"\xff\"}",
            br#"{"type":"ping"} {"type":"ping"}"#,
        ] {
            assert!(parse(text).is_none(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn wrong_members_are_refused_by_name() {
        assert_eq!(refused(r#"{"type":"dance"}"#), Refusal::UnknownType);
        assert_eq!(refused(r#"{"type":"subscribe"}"#), Refusal::Invalid);
        assert_eq!(
            refused(r#"{"type":"subscribe","topic":5}"#),
            Refusal::Invalid
        );
        assert_eq!(
            refused(r#"{"type":"subscribe","topic":"moon"}"#),
            Refusal::UnknownTopic
        );
        assert_eq!(refused(r#"{"type":"read"}"#), Refusal::Invalid);
        assert_eq!(
            refused(r#"{"type":"read","id":"x","up_to":1}"#),
            Refusal::Invalid
        );
        assert_eq!(refused(r#"{"type":"read","up_to":1.5}"#), Refusal::Invalid);
        assert_eq!(refused(r#"{"type":"read","up_to":-1}"#), Refusal::Invalid);
        assert_eq!(refused(r#"{"type":"read","id":"x"}"#), Refusal::NotFound);
        assert_eq!(
            refused(r#"{"type":"authenticate","token":null}"#),
            Refusal::Invalid
        );
    }
}
