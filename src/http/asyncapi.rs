//! The contract of the live connections as a document (AsyncAPI 3.0), kept as a file.

use actix_web::HttpResponse;

/// The document.
pub const DOCUMENT: &str = include_str!("../../docs/asyncapi.json");

/// Serves the document.
pub async fn get() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(DOCUMENT)
}
