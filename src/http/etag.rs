//! Versions on the wire: `ETag` of single resources and `If-Match` of edits (RFC 9110 §13.1).

use actix_web::dev::Payload;
use actix_web::http::header::{ETAG, HeaderValue, IF_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde::Serialize;

use crate::http::problem::Problem;

/// The version an edit was made for; `None` when the caller does not care.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IfMatch(pub Option<i64>);

impl IfMatch {
    /// Refuses an edit made for another version.
    ///
    /// # Errors
    /// `stale`.
    pub fn check(self, version: i64) -> Result<(), Problem> {
        match self.0 {
            Some(expected) if expected != version => Err(Problem::new("stale")),
            _ => Ok(()),
        }
    }
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = request
            .headers()
            .get(IF_MATCH)
            .and_then(|value| value.to_str().ok());
        let version = match header.map(str::trim) {
            None | Some("*") => None,
            // A tag that this server never gave out matches nothing.
            Some(tag) => Some(tag.trim_matches('"').parse().unwrap_or(-1)),
        };
        std::future::ready(Ok(Self(version)))
    }
}

/// 200 with a single resource and its version.
pub fn versioned<T: Serialize>(version: i64, body: &T) -> HttpResponse {
    let mut response = HttpResponse::Ok().json(body);
    tag(&mut response, Some(version));
    response
}

/// Names the version in the answer; things without one have no tag.
pub fn tag(response: &mut HttpResponse, version: Option<i64>) {
    let tag = version.and_then(|version| HeaderValue::from_str(&format!("\"{version}\"")).ok());
    if let Some(tag) = tag {
        response.headers_mut().insert(ETAG, tag);
    }
}
