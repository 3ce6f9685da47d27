//! The channels that have words of their own, and the sections these words come in.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::account::UnknownName;

/// Where words are read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// The inbox. Its words serve wherever a channel has none of its own.
    Inbox,
    Email,
    Sms,
    Telegram,
    /// A push to an app or a browser.
    Push,
}

/// One text of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section {
    pub name: &'static str,
    /// Whether the channel's words are incomplete without it.
    pub required: bool,
    /// Whether it is one line.
    pub line: bool,
    /// Most characters of what comes out of it; a text message has a measure of its own.
    pub most: usize,
}

const fn section(name: &'static str, most: usize) -> Section {
    Section {
        name,
        required: true,
        line: true,
        most,
    }
}

/// Most characters of a push.
pub const PUSH_TITLE: usize = 65;
pub const PUSH_BODY: usize = 180;

impl Medium {
    /// Every one of them.
    pub const ALL: [Self; 5] = [
        Self::Inbox,
        Self::Email,
        Self::Sms,
        Self::Telegram,
        Self::Push,
    ];

    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Telegram => "telegram",
            Self::Push => "push",
        }
    }

    /// The sections of its words.
    pub fn sections(self) -> &'static [Section] {
        const MULTILINE: bool = false;
        match self {
            Self::Inbox => const { &[section("title", 300), section("body", 1000)] },
            Self::Email => {
                const {
                    &[
                        section("subject", 300),
                        Section {
                            required: false,
                            ..section("title", 300)
                        },
                        Section {
                            line: MULTILINE,
                            ..section("lead", 10_000)
                        },
                        section("action", 60),
                    ]
                }
            }
            Self::Sms => const { &[section("text", super::MOST_CHARACTERS)] },
            Self::Telegram => {
                const {
                    &[
                        section("title", 300),
                        Section {
                            line: MULTILINE,
                            ..section("text", 3000)
                        },
                    ]
                }
            }
            Self::Push => const { &[section("title", PUSH_TITLE), section("body", PUSH_BODY)] },
        }
    }

    /// The section of that name.
    pub fn section(self, name: &str) -> Option<&'static Section> {
        self.sections().iter().find(|section| section.name == name)
    }

    /// Which of the inbox's sections serves for one that is not there.
    pub(super) fn generic(self, section: &str) -> Option<&'static str> {
        match (self, section) {
            (Self::Email | Self::Telegram | Self::Push, "title") | (Self::Email, "subject") => {
                Some("title")
            }
            (Self::Telegram, "text") | (Self::Push, "body") | (Self::Email, "lead") => Some("body"),
            _ => None,
        }
    }
}

impl FromStr for Medium {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|medium| medium.as_str() == text)
            .ok_or(UnknownName)
    }
}
