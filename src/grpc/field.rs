//! Reading what callers send: ids, instants and enumerations of messages, each with its fault.

use std::str::FromStr;

use belfry_domain::field::FieldError;
use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::http::input::{Faults, YEARS};
use crate::http::problem::Problem;

/// The id of what a call is about; `not-found` when it is none: nobody's thing has such a name.
///
/// # Errors
/// `not-found`.
pub fn named<T: FromStr>(id: &str) -> Result<T, Problem> {
    id.parse().map_err(|_| Problem::new("not-found"))
}

/// Keeps an id that a message mentions, or its fault.
pub fn id(faults: &mut Faults, pointer: &str, id: Option<&str>) -> Option<Uuid> {
    let invalid = || FieldError::new(pointer, FieldError::INVALID, "This is not an id.");
    faults.take_some(id, |id| id.parse().map_err(|_| invalid()))
}

/// Keeps an instant that must be there, or its fault.
pub fn instant(faults: &mut Faults, pointer: &str, at: Option<&Timestamp>) -> DateTime<Utc> {
    let required = || FieldError::new(pointer, FieldError::REQUIRED, "Say when.");
    let at = at.ok_or_else(required).and_then(|at| {
        let nanos = u32::try_from(at.nanos).ok();
        let at = nanos.and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos));
        at.ok_or_else(|| FieldError::out_of_range(pointer, YEARS.start(), YEARS.end()))
    });
    faults.take(at).unwrap_or_default()
}

/// The same as text, if it is there.
pub fn instant_text(faults: &mut Faults, pointer: &str, at: Option<&Timestamp>) -> Option<String> {
    at.map(|at| instant(faults, pointer, Some(at)).to_rfc3339())
}

/// Keeps a value of an enumeration that must be named, or its fault.
pub fn named_value<T: TryFrom<i32> + Default + PartialEq>(
    faults: &mut Faults,
    pointer: &str,
    value: i32,
) -> T {
    let unknown = || FieldError::new(pointer, FieldError::INVALID, "There is no such value.");
    let required = || FieldError::new(pointer, FieldError::REQUIRED, "Name a value.");
    let value = T::try_from(value).map_err(|_| unknown());
    let value = value.and_then(|value| match value == T::default() {
        true => Err(required()),
        false => Ok(value),
    });
    faults.take(value).unwrap_or_default()
}

/// An instant as messages have it.
pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: at.timestamp(),
        nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}
