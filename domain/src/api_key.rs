//! Keys for machines: what one may do, and what one looks like (C1.8).

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Instant;
use crate::account::UnknownName;
use crate::id::{ApiKeyId, UserId};

/// How every key begins, so that people and scanners recognise one where it should not be.
pub const PREFIX: &str = "bfk_";
/// Characters of a key that stay visible after it was shown, the prefix among them.
pub const VISIBLE: usize = PREFIX.len() + 6;
/// Characters after the prefix: 32 random bytes in base64url.
const SECRET: usize = 43;

macro_rules! scopes {
    ($($(#[$meta:meta])* $scope:ident = $name:literal;)+) => {
        /// What a key may do; never more than the account that it acts for.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Scope {
            $($(#[$meta])* #[serde(rename = $name)] $scope,)+
        }

        impl Scope {
            /// Every scope.
            pub const ALL: &'static [Self] = &[$(Self::$scope),+];

            /// The name used in the API and the database.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$scope => $name,)+
                }
            }
        }

        impl FromStr for Scope {
            type Err = UnknownName;
            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text {
                    $($name => Ok(Self::$scope),)+
                    _ => Err(UnknownName),
                }
            }
        }
    };
}

scopes! {
    /// Reads the own account: profile, preferences, devices.
    ProfileRead = "profile:read";
    /// Changes the own account.
    ProfileWrite = "profile:write";
    /// Reads hours, exceptions and time off of experts.
    ExpertsRead = "experts:read";
    /// Changes experts, their hours and their presence.
    ExpertsWrite = "experts:write";
    /// Reads bookings, their history and agendas.
    BookingsRead = "bookings:read";
    /// Holds, books, and takes every step of a booking.
    BookingsWrite = "bookings:write";
    /// Reads the own inbox.
    InboxRead = "inbox:read";
    /// Marks entries of the own inbox as read, and deletes them.
    InboxWrite = "inbox:write";
    /// Opens live connections.
    LiveRead = "live:read";
    /// Reads accounts of others.
    PeopleRead = "people:read";
    /// Changes roles and branches, disables accounts.
    PeopleWrite = "people:write";
    /// Reads what was sent to whom, why, and by whom it was carried.
    MessagesRead = "messages:read";
    /// Sends again what is stuck, and lifts suppressions.
    MessagesWrite = "messages:write";
    /// Reads rules, texts and webhooks.
    SettingsRead = "settings:read";
    /// Changes rules, texts, webhooks and branches.
    SettingsWrite = "settings:write";
    /// Reads who changed what.
    AuditRead = "audit:read";
    /// Reads figures over time.
    ReportsRead = "reports:read";
}

/// A key as it is remembered; what opens the door is kept as a hash only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKey {
    pub id: ApiKeyId,
    /// For whom it acts.
    pub user_id: UserId,
    pub name: String,
    /// Its first [`VISIBLE`] characters.
    pub prefix: String,
    pub scopes: Vec<Scope>,
    pub created_at: Instant,
    pub expires_at: Option<Instant>,
    pub last_used_at: Option<Instant>,
    pub revoked_at: Option<Instant>,
    pub version: i64,
}

impl ApiKey {
    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: Instant) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it may do what this scope is for.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// Whether a text could be a key at all; what could not need not be looked up.
pub fn is_well_formed(text: &str) -> bool {
    let base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.strip_prefix(PREFIX)
        .is_some_and(|secret| secret.len() == SECRET && secret.bytes().all(base64url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_read_back_by_its_name() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(*scope));
            let json = serde_json::to_string(scope).unwrap();
            assert_eq!(json, format!("\"{}\"", scope.as_str()));
        }
        assert_eq!("bookings".parse::<Scope>(), Err(UnknownName));
    }

    #[test]
    fn a_key_has_its_form_to_the_letter() {
        let fits = format!("{PREFIX}{}", "aB3-_".repeat(9).get(..SECRET).unwrap());
        assert!(is_well_formed(&fits));
        for odd in [
            fits[..fits.len() - 1].to_owned(),
            format!("{fits}a"),
            fits.replace(PREFIX, "bfk-"),
            format!("{}+", &fits[..fits.len() - 1]),
            String::new(),
            PREFIX.to_owned(),
        ] {
            assert!(!is_well_formed(&odd), "{odd}");
        }
    }
}
