//! Every behaviour from the outside, in one binary.

/// The rules of the house that a test can hold.
mod tidy;
