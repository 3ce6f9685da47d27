//! The ways out of the house: what carries a message, and what a person switches on and off.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::account::UnknownName;

/// What carries a message to one kind of address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Mail to an address.
    Email,
    /// A message in a Telegram chat.
    Telegram,
    /// A text message, or a template message of Zalo, to a phone number.
    Sms,
    /// A push through Firebase Cloud Messaging to an app.
    Fcm,
    /// A push to a browser (RFC 8030).
    WebPush,
    /// A signed request to somebody's server.
    Webhook,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 6] = [
        Self::Email,
        Self::Telegram,
        Self::Sms,
        Self::Fcm,
        Self::WebPush,
        Self::Webhook,
    ];

    /// The name used in the API and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Telegram => "telegram",
            Self::Sms => "sms",
            Self::Fcm => "fcm",
            Self::WebPush => "web_push",
            Self::Webhook => "webhook",
        }
    }

    /// Whether its addresses are devices, which are registered and forgotten one by one.
    pub const fn is_device(self) -> bool {
        matches!(self, Self::Fcm | Self::WebPush)
    }

    /// What a person switches to have it or not; a webhook is nobody's.
    pub fn way(self) -> Option<Way> {
        Some(match self {
            Self::Email => Way::Email,
            Self::Telegram => Way::Telegram,
            Self::Sms => Way::Sms,
            Self::Fcm | Self::WebPush => Way::Push,
            Self::Webhook => return None,
        })
    }
}

impl FromStr for Channel {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.as_str() == text)
            .ok_or(UnknownName)
    }
}

/// What a person switches on and off: one or several channels that feel the same to them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Email,
    Telegram,
    Sms,
    /// Apps and browsers alike.
    Push,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Email, Self::Telegram, Self::Sms, Self::Push];

    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Telegram => "telegram",
            Self::Sms => "sms",
            Self::Push => "push",
        }
    }
}

impl FromStr for Way {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|way| way.as_str() == text)
            .ok_or(UnknownName)
    }
}
