//! Requests of `openidconnect`, sent by the house's own client: bounded in time and size, without redirects.

use std::error::Error;
use std::io;

use openidconnect::{HttpRequest, HttpResponse};

use crate::channel::call;

/// Most bytes of an answer that are read.
const MOST_BYTES: usize = 512 * 1024;

/// An error with all that it was caused by, on one line.
pub(super) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    call::shortened(&text)
}

/// One request of the library by the house's own client, which follows no redirect.
pub(super) async fn send(
    http: reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, io::Error> {
    let (head, body) = request.into_parts();
    let request = http.request(head.method, head.uri.to_string());
    let request = request.headers(head.headers).body(body);
    let failed = |error: reqwest::Error| io::Error::other(call::told(&error));
    let mut answer = request.send().await.map_err(failed)?;
    if answer.status().is_server_error() {
        return Err(io::Error::other(format!("answered {}", answer.status())));
    }
    let mut made = openidconnect::http::Response::builder().status(answer.status());
    if let Some(headers) = made.headers_mut() {
        headers.clone_from(answer.headers());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err(io::Error::other("an answer without end"));
        }
        bytes.extend_from_slice(&chunk);
    }
    made.body(bytes).map_err(io::Error::other)
}
