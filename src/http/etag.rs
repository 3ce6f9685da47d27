//! Versions on the wire: `ETag` of single resources and `If-Match` of edits (RFC 9110 §13.1).

use actix_web::dev::Payload;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde::Serialize;

use crate::http::problem::Problem;

/// `If-Match` in the document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its shape is read")]
pub struct IfMatchHeader {
    /// The `ETag` that the edit was made for; 412 when it is no longer the present one.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// The versions an edit was made for; `None` when the caller does not care.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IfMatch(Option<Vec<i64>>);

impl IfMatch {
    /// Reads the header's text.
    pub fn read(header: Option<&str>) -> Self {
        Self(match header.map(str::trim) {
            None | Some("*") => None,
            // A tag that this server never gave out matches nothing.
            Some(list) => Some(tags(list).map(|tag| tag.parse().unwrap_or(NEVER)).collect()),
        })
    }

    /// An edit for one version, or for any.
    pub fn of(version: Option<i64>) -> Self {
        Self(version.map(|version| vec![version]))
    }

    /// Refuses an edit made for another version.
    ///
    /// # Errors
    /// `stale`.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        match &self.0 {
            Some(expected) if !expected.contains(&version) => Err(Problem::new("stale")),
            _ => Ok(()),
        }
    }

    /// The one version that the edit was made for. Of several it is the newest: the older ones are gone.
    pub fn version(&self) -> Option<i64> {
        self.0
            .as_ref()
            .map(|expected| expected.iter().copied().max().unwrap_or(NEVER))
    }
}

/// How often an edit that names no version is made anew, when somebody else was faster.
pub const MOST_TRIES: usize = 5;

/// A version that this server never gives out.
const NEVER: i64 = -1;

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // One that is not even text names no version either.
        let header = request
            .headers()
            .get(IF_MATCH)
            .map(|value| value.to_str().unwrap_or_default());
        std::future::ready(Ok(Self::read(header)))
    }
}

/// The tags of a list, without their quotes. Proxies that compress mark them as weak on the way; what is
/// named stays the same version.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"'))
}

/// Whether the caller says, by `If-None-Match`, that it has the version with this tag (RFC 9110 §13.1.2).
pub fn is_known(request: &HttpRequest, tag: &str) -> bool {
    request
        .headers()
        .get_all(IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .any(|list| list.trim() == "*" || tags(list).any(|known| known == tag.trim_matches('"')))
}

/// 200 with JSON that was made before, or 304 when the caller has it; a cache on the way asks each time.
pub fn unless_known(request: &HttpRequest, tag: &str, body: &Bytes) -> HttpResponse {
    let known = is_known(request, tag);
    let mut answer = match known {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    answer
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, "no-cache"));
    match known {
        true => answer.finish(),
        false => answer.content_type("application/json").body(body.clone()),
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
