//! Every error answer: one catalogue, one mapping from the nouns' errors, RFC 9457 on the wire.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use belfry_actors::Busy;
use belfry_domain::account::{AccountError, LANGUAGES, language_of};
use belfry_domain::booking::BookingError;
use belfry_domain::field::FieldError;
use belfry_domain::group_session::SessionError;
use belfry_domain::queue::QueueError;
use belfry_domain::waiting::WaitingError;
use belfry_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// One kind of problem as documented at `/problems/{slug}`.
#[derive(Deserialize)]
pub struct Entry {
    pub status: u16,
    en: (String, String),
    vi: (String, String),
    zh: (String, String),
}

impl Entry {
    /// Title and detail in a language of [`LANGUAGES`].
    pub fn texts(&self, language: &str) -> &(String, String) {
        match language {
            "vi" => &self.vi,
            "zh" => &self.zh,
            _ => &self.en,
        }
    }
}

/// Every kind of problem by slug. Constant data, parsed once.
pub static CATALOGUE: LazyLock<BTreeMap<String, Entry>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("problems.json")).expect("the problem catalogue is valid")
});

/// An error answer before a language is chosen for it.
#[derive(Clone, Debug)]
pub struct Problem {
    slug: &'static str,
    /// Replaces `{name}` in the detail.
    words: Vec<(&'static str, String)>,
    errors: Vec<FieldError>,
    extra: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of the catalogue.
    pub fn new(slug: &'static str) -> Self {
        Self {
            slug,
            words: Vec::new(),
            errors: Vec::new(),
            extra: Map::new(),
            headers: Vec::new(),
        }
    }

    /// 422 with the faults of the fields.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new("validation")
        }
    }

    /// 422 with one fault.
    pub fn field(pointer: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::new(pointer, code, detail)])
    }

    /// 429 or 503 with the seconds to wait.
    pub fn wait(slug: &'static str, seconds: u64) -> Self {
        Self::new(slug).header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds a member to the answer.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.extra.insert(name.to_owned(), value);
        self
    }

    /// Adds a header to the answer.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The seconds to wait, where waiting helps.
    pub fn retry_after(&self) -> Option<u64> {
        let named = self.headers.iter().find(|(name, _)| name == RETRY_AFTER)?;
        named.1.to_str().ok()?.parse().ok()
    }

    /// The stable name.
    pub fn slug(&self) -> &'static str {
        self.slug
    }

    /// What a status of the framework itself is called.
    pub fn of_status(status: StatusCode) -> Self {
        Self::new(match status.as_u16() {
            401 => "unauthenticated",
            403 => "forbidden",
            404 => "not-found",
            405 => "method-not-allowed",
            408 => "request-timeout",
            409 => "conflict",
            412 => "stale",
            413 => "payload-too-large",
            415 => "unsupported-media-type",
            422 => "validation",
            426 => "upgrade-required",
            429 => "too-many-requests",
            503 => "unavailable",
            400..=499 => "malformed",
            _ => "internal",
        })
    }

    /// What to tell people in `language`.
    pub fn detail(&self, language: &str) -> Cow<'_, str> {
        let detail = Cow::Borrowed(self.texts(language).1);
        self.words.iter().fold(detail, |text, (name, word)| {
            Cow::Owned(text.replace(&format!("{{{name}}}"), word))
        })
    }

    /// The answer's body in `language`, as JSON.
    pub fn body(&self, language: &str, request_id: &str) -> String {
        let body = BodyOut {
            kind: format_args!("/problems/{}", self.slug),
            title: self.texts(language).0,
            status: self.status_code().as_u16(),
            detail: &self.detail(language),
            request_id,
            errors: &self.errors,
            extra: &self.extra,
        };
        // Plain values with string keys always have a JSON form.
        serde_json::to_string(&body).unwrap_or_default()
    }

    /// Title and detail in a language of [`LANGUAGES`].
    fn texts(&self, language: &str) -> (&'static str, &'static str) {
        let texts = CATALOGUE.get(self.slug).map(|entry| entry.texts(language));
        texts.map_or(("", ""), |(title, detail)| (title, detail))
    }
}

/// RFC 9457 on the wire.
#[derive(Serialize)]
struct BodyOut<'a> {
    #[serde(rename = "type")]
    kind: fmt::Arguments<'a>,
    title: &'a str,
    status: u16,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        CATALOGUE
            .get(self.slug)
            .and_then(|entry| StatusCode::from_u16(entry.status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The body is written by the outer layer, which knows the request's language and id.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code()).finish();
        if self.slug == "unauthenticated" {
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        for (name, value) in &self.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response.extensions_mut().insert(self.clone());
        response
    }
}

/// The language to answer in, by the request's `Accept-Language`.
pub fn language(request: &HttpRequest) -> &'static str {
    let header = request.headers().get("accept-language");
    preferred(header.and_then(|header| header.to_str().ok()))
}

/// The first supported language of an `Accept-Language`, in order of its weights.
pub fn preferred(header: Option<&str>) -> &'static str {
    let Some(header) = header else {
        return LANGUAGES[0];
    };
    let mut wanted: Vec<(&str, f32)> = header
        .split(',')
        .filter_map(|item| {
            let mut parts = item.split(';');
            let tag = parts.next()?.trim();
            let weight = parts
                .find_map(|p| p.trim().strip_prefix("q="))
                .map_or(1.0, |q| q.parse().unwrap_or(0.0));
            let known = language_of(tag) != LANGUAGES[0] || tag.to_lowercase().starts_with("en");
            known.then_some((tag, weight))
        })
        .collect();
    wanted.sort_by(|a, b| b.1.total_cmp(&a.1));
    wanted
        .first()
        .map_or(LANGUAGES[0], |(tag, _)| language_of(tag))
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Abandoned => {
                tracing::warn!(%error, "store unavailable");
                Self::wait("unavailable", 2)
            }
            _ => {
                tracing::error!(%error, "store failed");
                Self::new("internal")
            }
        }
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        tracing::warn!(%busy, "refused for load");
        Self::wait("unavailable", 1)
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        Self::new(error.code())
    }
}

impl From<BookingError> for Problem {
    fn from(error: BookingError) -> Self {
        let mut problem = Self::new(error.code());
        match error {
            BookingError::WrongStatus { status } => {
                problem.words.push(("status", status.as_str().to_owned()));
                problem = problem.with("booking_status", json!(status.as_str()));
            }
            // A share that comes back by itself within a hold's length; sooner when one is let go.
            BookingError::TooManyHolds => {
                problem = problem.header(RETRY_AFTER, HeaderValue::from_static("60"));
            }
            BookingError::ReasonRequired => problem.errors.push(FieldError::new(
                "/reason",
                FieldError::REQUIRED,
                "Say why; the other side will read it.",
            )),
            BookingError::NotOffered(reason) => problem.errors.push(FieldError::new(
                "/starts_at",
                reason,
                "The expert's hours and rules do not offer this time.",
            )),
            _ => {}
        }
        problem
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        let problem = Self::new(error.code());
        match error {
            SessionError::ClientsBusy(clients) => {
                let clients = clients.iter();
                let busy = clients.map(|client| json!({ "id": client.id, "name": client.name }));
                problem.with("clients", busy.collect())
            }
            SessionError::SeatsTaken { taken } => problem.with("taken", json!(taken)),
            SessionError::SlotTaken => problem.with("alternatives", json!([])),
            SessionError::InThePast => {
                let detail = "This start is in the past.";
                Self::field("/starts_at", FieldError::IN_THE_PAST, detail)
            }
            SessionError::Closed | SessionError::Stale | SessionError::NotFound => problem,
        }
    }
}

impl From<WaitingError> for Problem {
    fn from(error: WaitingError) -> Self {
        Self::new(error.code())
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        let problem = Self::new(error.code());
        match error {
            QueueError::Closed { reason } => problem.with("reason", json!(reason)),
            QueueError::WrongState { state } => problem.with("visit_state", json!(state.as_str())),
            QueueError::WrongStatus { status } => BookingError::WrongStatus { status }.into(),
            _ => problem,
        }
    }
}

impl From<Vec<FieldError>> for Problem {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::fields(errors)
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::fields(vec![error])
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_language_follows_the_weights() {
        let ask = |header: &str| {
            language(
                &TestRequest::default()
                    .insert_header(("accept-language", header))
                    .to_http_request(),
            )
        };
        assert_eq!(ask("fr, vi;q=0.5, zh-CN;q=0.8"), "zh");
        assert_eq!(ask("vi-VN,vi;q=0.9,en;q=0.8"), "vi");
        assert_eq!(ask("fr"), "en");
        assert_eq!(ask("en-GB, vi;q=0.9"), "en");
    }

    #[test]
    fn every_domain_code_is_in_the_catalogue() {
        let account = [
            AccountError::EmailTaken,
            AccountError::BadCredentials,
            AccountError::BadRefreshToken,
            AccountError::BadLink,
            AccountError::Disabled,
        ];
        let booking = [
            BookingError::SlotTaken,
            BookingError::ClientBusy,
            BookingError::NotOffered("notice"),
            BookingError::WrongStatus {
                status: belfry_domain::booking::Status::Missed,
            },
            BookingError::TooLate,
            BookingError::TooEarly,
            BookingError::ReasonRequired,
            BookingError::NotAllowed,
            BookingError::AlreadyReviewed,
            BookingError::Stale,
            BookingError::TooManyHolds,
            BookingError::OfferGone,
            BookingError::SessionFull,
            BookingError::SessionClosed,
            BookingError::MovesWithSession,
            BookingError::NotFound,
        ];
        let waiting = [
            WaitingError::AlreadyWaiting,
            WaitingError::TooMany,
            WaitingError::OfferGone,
            WaitingError::Stale,
            WaitingError::SessionClosed,
            WaitingError::NotFound,
        ];
        let sessions = [
            SessionError::SlotTaken,
            SessionError::ClientsBusy(Vec::new()),
            SessionError::SeatsTaken { taken: 1 },
            SessionError::Closed,
            SessionError::InThePast,
            SessionError::Stale,
            SessionError::NotFound,
        ];
        let queues = [
            QueueError::AlreadyInQueue { visit: None },
            QueueError::Closed { reason: "hours" },
            QueueError::Full,
            QueueError::Taken,
            QueueError::ExpertOccupied,
            QueueError::NotYet,
            QueueError::OfferGone,
            QueueError::WrongState {
                state: belfry_domain::queue::State::Done,
            },
            QueueError::WrongStatus {
                status: belfry_domain::booking::Status::Cancelled,
            },
            QueueError::Stale,
            QueueError::NotFound,
        ];
        let codes = account
            .iter()
            .map(AccountError::code)
            .chain(booking.iter().map(BookingError::code))
            .chain(waiting.map(WaitingError::code))
            .chain(sessions.iter().map(SessionError::code))
            .chain(queues.map(QueueError::code));
        for code in codes {
            assert!(CATALOGUE.contains_key(code), "{code} is undocumented");
        }
    }
}
