//! What is wrong with one field of an input, in a form that both a person and a program can use.

use serde::Serialize;

/// One fault in an input. A check collects all of them, so that a form is corrected in one go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the faulty value inside the input, for example `/weekly/2/until`.
    pub pointer: String,
    /// Stable word for the kind of fault; one of the constants of this type.
    pub code: &'static str,
    /// One English sentence for a person.
    pub detail: String,
}

impl FieldError {
    /// The value is missing or blank.
    pub const REQUIRED: &'static str = "required";
    /// A text or list is shorter than allowed.
    pub const TOO_SHORT: &'static str = "too_short";
    /// A text or list is longer than allowed.
    pub const TOO_LONG: &'static str = "too_long";
    /// No such member is known here.
    pub const UNKNOWN_FIELD: &'static str = "unknown_field";
    /// A number or instant lies outside its limits.
    pub const OUT_OF_RANGE: &'static str = "out_of_range";
    /// The value does not have the form it should have, or contradicts another one.
    pub const INVALID: &'static str = "invalid";
    /// The value occurs twice where each may occur once.
    pub const DUPLICATE: &'static str = "duplicate";
    /// Two stretches of time that must be apart overlap.
    pub const OVERLAP: &'static str = "overlap";
    /// An instant that must lie ahead has gone by.
    pub const IN_THE_PAST: &'static str = "in_the_past";
    /// Not the name of a zone of the IANA time zone database.
    pub const UNKNOWN_ZONE: &'static str = "unknown_zone";
    /// A text holds a control character.
    pub const CONTROL_CHARACTER: &'static str = "control_character";

    /// A fault at `pointer`, with one of the codes above.
    pub fn new(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> FieldError {
        FieldError {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }

    /// `out_of_range`, with both limits (inclusive) spelt out.
    pub fn out_of_range(
        pointer: impl Into<String>,
        least: impl std::fmt::Display,
        most: impl std::fmt::Display,
    ) -> FieldError {
        FieldError::new(
            pointer,
            FieldError::OUT_OF_RANGE,
            format!("Must be from {least} to {most}."),
        )
    }

    /// The same fault seen from an outer document in which the input sits at `prefix`.
    pub fn under(mut self, prefix: &str) -> FieldError {
        self.pointer.insert_str(0, prefix);
        self
    }
}
