//! Identifiers: newtypes over UUIDv7 (RFC 9562 §5.7), so that two kinds cannot be swapped and keys
//! arrive in time order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::{NoContext, Timestamp, Uuid};

use crate::Instant;

/// A fresh UUIDv7 for something made at `now`.
pub fn uuid_at(now: Instant) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(
        NoContext,
        seconds,
        now.timestamp_subsec_nanos(),
    ))
}

/// The least UUIDv7 of the millisecond of `instant`: every id made before it is smaller, none made after.
pub fn uuid_floor(instant: Instant) -> Uuid {
    let millis = u64::try_from(instant.timestamp_millis()).unwrap_or(0);
    Uuid::from_u64_pair((millis << 16) | 0x7000, 0x8000_0000_0000_0000)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id for something made at `now`.
            pub fn at(now: Instant) -> Self {
                Self(uuid_at(now))
            }

            /// The value as the database keeps it.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )+};
}

ids! {
    /// A person with an account; an expert's id is the person's id.
    UserId;
    /// A branch (store, practice) that experts and managers belong to.
    BranchId;
    /// A booking, kept through every move.
    BookingId;
    /// A slot held while the form is filled.
    HoldId;
    /// Somebody's place on an expert's waiting list.
    WaitingId;
    /// One person's time at a branch.
    VisitId;
    /// Time that an expert offers to several people at once.
    GroupSessionId;
    /// Bookings that repeat.
    SeriesId;
    /// A stretch an expert takes off.
    TimeOffId;
    /// An event on the spine.
    EventId;
    /// An entry of somebody's inbox.
    NotificationId;
    /// One message to one address by one channel.
    DeliveryId;
    /// A place where somebody can be reached, such as a chat or a browser.
    AddressId;
    /// A calendar kept elsewhere, from which busy time is read.
    ImportId;
    /// A server of somebody else's that hears of events.
    WebhookId;
    /// A key by which a machine acts for somebody.
    ApiKeyId;
    /// An account as an OpenID Connect provider knows it.
    OidcLinkId;
    /// An entry of the audit log.
    AuditId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_parts_older_ids_from_younger_ones() {
        let at = |millis: i64| {
            chrono::DateTime::from_timestamp_millis(1_800_000_000_000 + millis).unwrap()
        };
        let floor = uuid_floor(at(5));
        assert!(uuid_at(at(4)) < floor);
        assert!(uuid_at(at(5)) >= floor);
        assert!(uuid_at(at(6)) > floor);
    }
}
