//! Somebody or something by its id and name.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A person, a branch or a key.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct NamedOut {
    pub id: Uuid,
    pub name: String,
}
