//! Lists on the wire: `limit`, `after`, and the opaque cursor of the next page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belfry_domain::Instant;
use belfry_domain::field::FieldError;
use belfry_domain::id::{
    ApiKeyId, AuditId, BookingId, BranchId, DeliveryId, EventId, GroupSessionId, TimeOffId, UserId,
    WaitingId, WebhookId,
};
use chrono::{Datelike, NaiveDate};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::http::input::YEARS;

use crate::http::problem::Problem;

/// One page of a list.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass it as `after` to get the next page; `null` on the last.
    pub next: Option<String>,
}

/// Checks `limit`: 1 to 100, 10 when left out.
///
/// # Errors
/// `validation` at `/limit`.
pub fn limit(asked: Option<i64>) -> Result<i64, Problem> {
    match asked {
        None => Ok(10),
        Some(limit @ 1..=100) => Ok(limit),
        Some(_) => Err(FieldError::out_of_range("/limit", 1, 100).into()),
    }
}

/// What a list continues after.
pub trait Key: DeserializeOwned {
    /// Whether no part of it is an instant or a date that no calendar here reaches: a database would fail on it.
    fn is_within_calendars(&self) -> bool {
        true
    }
}

impl Key for i64 {}
impl Key for String {}
impl Key for Uuid {}
impl Key for UserId {}
impl Key for ApiKeyId {}
impl Key for AuditId {}
impl Key for BookingId {}
impl Key for BranchId {}
impl Key for DeliveryId {}
impl Key for EventId {}
impl Key for GroupSessionId {}
impl Key for TimeOffId {}
impl Key for WaitingId {}
impl Key for WebhookId {}

impl Key for Instant {
    fn is_within_calendars(&self) -> bool {
        YEARS.contains(&self.year())
    }
}

impl Key for NaiveDate {
    fn is_within_calendars(&self) -> bool {
        YEARS.contains(&self.year())
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    fn is_within_calendars(&self) -> bool {
        self.0.is_within_calendars() && self.1.is_within_calendars()
    }
}

/// Reads a cursor that [`page`] wrote.
///
/// # Errors
/// `validation` at `/after` for anything else.
pub fn cursor<K: Key>(after: Option<&str>) -> Result<Option<K>, Problem> {
    after
        .map(|text| {
            URL_SAFE_NO_PAD
                .decode(text)
                .ok()
                // PostgreSQL keeps no NUL, so no cursor of ours holds one.
                .filter(|bytes| !bytes.windows(6).any(|escape| escape == br"\u0000"))
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .filter(K::is_within_calendars)
                .ok_or_else(|| {
                    Problem::field(
                        "/after",
                        FieldError::INVALID,
                        "This is not a cursor of this list.",
                    )
                })
        })
        .transpose()
}

/// Makes a page from up to `limit + 1` rows; the extra one only tells that there is more. `key` is what
/// the store continues after.
pub fn page<R, T, K: Serialize>(
    mut rows: Vec<R>,
    limit: i64,
    key: impl Fn(&R) -> K,
    show: impl FnMut(R) -> T,
) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows
        .last()
        .filter(|_| more)
        .and_then(|row| serde_json::to_vec(&key(row)).ok())
        .map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    Page {
        items: rows.into_iter().map(show).collect(),
        next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_of_the_next_only_when_there_is_one() {
        let full = page(vec![1, 2, 3], 2, |n| *n, |n| n);
        assert_eq!(full.items, [1, 2]);
        assert_eq!(cursor::<i64>(full.next.as_deref()).unwrap(), Some(2));
        assert!(page(vec![1, 2], 2, |n| *n, |n| n).next.is_none());
        assert!(cursor::<i64>(Some("no")).is_err());
        assert!(limit(Some(0)).is_err() && limit(Some(101)).is_err());
    }
}
