//! The inbox: what a person was told, numbered per person so that a dropped connection can be resumed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Instant;
use crate::id::NotificationId;

/// Place of an entry in one person's inbox: 1 for the first, one more for each that follows.
pub type Offset = i64;

/// One entry of somebody's inbox, in the form it is answered and sent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Notification {
    pub id: NotificationId,
    pub offset: Offset,
    pub category: String,
    /// What it tells, such as `booking.confirmed`.
    pub kind: String,
    /// In the person's language.
    pub title: String,
    /// In the person's language.
    pub body: String,
    /// What a client needs to act on it: for bookings at least `booking_id`, `code`, `starts_at`.
    pub data: Value,
    pub read_at: Option<Instant>,
    pub created_at: Instant,
}

/// Where an inbox stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InboxHead {
    /// Offset of the newest entry ever made, 0 before the first. The entry itself may be deleted by now.
    pub offset: Offset,
    /// Entries nobody read yet.
    pub unread: i64,
}

/// What was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// One entry.
    One(NotificationId),
    /// Every entry up to and including this offset.
    UpTo(Offset),
}
