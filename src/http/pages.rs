//! The web app: its files, compiled in, and the one page behind every path of the app.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ETAG, VARY};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use crate::http::etag::is_known;
use crate::http::problem::{CATALOGUE, Problem, language};

use asset::Asset;
use packed::{Packed, packed};

/// Files as the app has them.
mod asset;
/// Files as they go over the wire.
mod packed;
/// What a page is going to need.
mod preload;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// First segments of the app's paths. Anything else is answered with the app's not-found page.
const PAGES: [&str; 23] = [
    "",
    "admin",
    "agenda",
    "auth",
    "b",
    "bookings",
    "branches",
    "design",
    "experts",
    "forgot",
    "live",
    "login",
    "lookup",
    "me",
    "notifications",
    "q",
    "register",
    "reset",
    "schedule",
    "sessions",
    "verify",
    "visits",
    "waiting",
];

/// What shows pushes while no page is open.
const SERVICE_WORKER: &str = "sw.js";

/// What pages may load and run: nothing but this server's own files, and the one import map by its hash.
pub fn content_security_policy() -> String {
    let import_map = asset::index()
        .and_then(|page| {
            let (_, rest) = page.split_once("<script type=\"importmap\">")?;
            let (map, _) = rest.split_once("</script>")?;
            Some(format!(
                " 'sha256-{}'",
                STANDARD.encode(Sha256::digest(map))
            ))
        })
        .unwrap_or_default();
    format!(
        "default-src 'self'; script-src 'self'{import_map}; style-src 'self'; img-src 'self' data: blob:; \
         connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )
}

/// A file of the app.
///
/// # Errors
/// `not-found`.
pub async fn file(request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (path, of_this_release) = asset::placed(&path);
    let asset = Asset::get(path).ok_or_else(|| Problem::new("not-found"))?;
    let Packed { coding, bytes } = packed(&request, &asset);
    let digest = STANDARD.encode(&asset.digest[..12]);
    // A tag is of the very bytes that were sent.
    let tag = format!("\"{digest}{coding}\"");
    // Vendored files carry their version in the name, and the folder of a release what is in it. What is read from the
    // disk while somebody works on it is asked for again each time, and so is what is named without a folder.
    let lasts = of_this_release && !cfg!(debug_assertions);
    let cache = if lasts || path.starts_with("vendor/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    if is_known(&request, &tag) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, tag))
            .insert_header((CACHE_CONTROL, cache))
            .insert_header((VARY, "accept-encoding"))
            .finish());
    }
    let mut answer = HttpResponse::Ok();
    if !coding.is_empty() {
        answer.insert_header((CONTENT_ENCODING, coding));
    }
    if path == SERVICE_WORKER {
        // It lies below /static/ and leads to pages beside it.
        answer.insert_header(("service-worker-allowed", "/"));
    }
    Ok(answer
        .content_type(asset.content_type)
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, cache))
        .insert_header((VARY, "accept-encoding"))
        .body(bytes))
}

/// The app for its own paths, for people's browsers; a problem for everybody else.
///
/// # Errors
/// `not-found`, `method-not-allowed`.
pub async fn app(request: HttpRequest) -> Result<HttpResponse, Problem> {
    use actix_web::http::Method;
    let path = request.path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let known = PAGES.contains(&first);
    let wants_html = request
        .headers()
        .get("accept")
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if matches!(first, "api" | "static") || !(known || wants_html) {
        return Err(Problem::new("not-found"));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::new("method-not-allowed"));
    }
    let page = preload::page(request.path()).ok_or_else(|| Problem::new("not-found"))?;
    let status = if known {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    Ok(HttpResponseBuilder::new(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(page.to_string()))
}

/// What one kind of problem means, for the person who follows its `type`.
///
/// # Errors
/// `not-found`.
pub async fn problem(request: HttpRequest, slug: Path<String>) -> Result<HttpResponse, Problem> {
    let entry = CATALOGUE
        .get(slug.as_str())
        .ok_or_else(|| Problem::new("not-found"))?;
    let language = language(&request);
    let (title, detail) = entry.texts(language);
    let html = format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"/static/css/tokens.css\"><link rel=\"stylesheet\" href=\"/static/css/base.css\">\
         </head><body><main class=\"plain\"><h1>{title}</h1><p>{detail}</p>\
         <p><code>{} /problems/{slug}</code></p></main></body></html>",
        entry.status
    );
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(html))
}
