//! The public contract: the document and what the server really does are one.

/// What becomes of bodies, queries and ids that make no sense.
pub mod body;
/// Committed, generated and served are the same document, and every call of it is there.
pub mod document;
/// Who may call what.
pub mod rights;
/// What signs somebody in.
mod token;
/// What every answer has.
mod wire;

/// An id that nothing has.
pub const UNKNOWN: &str = "01890000-0000-7000-8000-000000000000";
