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
    /// A stretch an expert takes off.
    TimeOffId;
    /// An event on the spine.
    EventId;
    /// An entry of somebody's inbox.
    NotificationId;
    /// One message to one address by one channel.
    DeliveryId;
}
