//! Reading what a caller sends: bodies and query strings, with every fault named.

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, web};
use belfry_domain::field::FieldError;
use belfry_domain::{Instant, to_micros};
use chrono::{DateTime, Datelike, Utc};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::http::App;
use crate::http::idempotency;
use crate::http::problem::Problem;

/// Largest JSON body that is read.
const MOST_BYTES: usize = 64 * 1024;

/// A body that has arrived but is not yet judged: faults show only when it is read, so that a caller
/// who may not do this at all hears that first.
pub struct Body {
    arrived: Result<web::Bytes, Problem>,
}

impl Body {
    /// Parses the body as a JSON object of the shape `T`.
    ///
    /// # Errors
    /// `malformed` for what is not JSON, `validation` with a pointer for what does not fit,
    /// `payload-too-large`, `unsupported-media-type`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let malformed = || Problem::new("malformed");
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| malformed())?;
        // Judged as JSON first, so that what is wrong with the form is not hidden by the content. The
        // shape is read from the text itself: a tree would have dropped members that occur twice.
        serde_json::from_str::<IgnoredAny>(text).map_err(|_| malformed())?;
        if !text.trim_start().starts_with('{') {
            let detail = "A JSON object is expected.";
            return Err(Problem::field("", FieldError::INVALID, detail));
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let pointer = pointer_of(error.path());
            let error = error.into_inner();
            let text = error.to_string();
            let text = text
                .rsplit_once(" at line ")
                .map_or(&*text, |(text, _)| text);
            // The form was judged above. What is left of its faults sits inside strings; anything else is
            // a value of another kind, such as a number in place of a name.
            let in_string = ["escape", "surrogate", "unicode", "control character"];
            if error.is_syntax() && in_string.iter().any(|word| text.contains(word)) {
                return malformed();
            }
            let text = match text {
                "expected value" => "A value of another kind is expected.",
                other => other,
            };
            fault(pointer, text).into()
        })
    }

    /// As [`Body::read`]; an absent body reads as `{}`.
    ///
    /// # Errors
    /// As [`Body::read`].
    pub fn read_or_empty<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if self.arrived.as_ref().is_ok_and(|bytes| bytes.is_empty()) {
            return Self {
                arrived: Ok(web::Bytes::from_static(b"{}")),
            }
            .read();
        }
        self.read()
    }

    /// What was asked for, the same for the same wish however it was written; for what could not be read, the body as
    /// it came.
    ///
    /// # Errors
    /// As [`Body::bytes`].
    pub fn print<T: Serialize>(&self, read: &Result<T, Problem>) -> Result<Vec<u8>, Problem> {
        let bytes = self.bytes()?;
        Ok(match read {
            Ok(read) => idempotency::print(read),
            Err(_) => bytes.to_vec(),
        })
    }

    /// The body as it came.
    ///
    /// # Errors
    /// `payload-too-large`, `unsupported-media-type`, `malformed` when the connection broke.
    pub fn bytes(&self) -> Result<&web::Bytes, Problem> {
        self.arrived.as_ref().map_err(Clone::clone)
    }
}

/// Longest pointer and longest text of a fault: a name made up by the caller is not echoed in full.
const MOST_ECHOED: usize = 200;

/// The fault in words of serde's.
fn fault(pointer: String, text: &str) -> FieldError {
    let mut fault = named(pointer, text);
    while fault.pointer.len() > MOST_ECHOED {
        // The place that holds it is pointed at.
        let end = fault.pointer.rfind('/').unwrap_or_default();
        fault.pointer.truncate(end);
    }
    if let Some((end, _)) = fault.detail.char_indices().nth(MOST_ECHOED) {
        fault.detail.truncate(end);
        fault.detail.push('…');
    }
    fault
}

fn named(pointer: String, text: &str) -> FieldError {
    let known = [
        ("missing field `", FieldError::REQUIRED),
        ("unknown field `", FieldError::UNKNOWN_FIELD),
        ("duplicate field `", FieldError::DUPLICATE),
    ];
    for (start, code) in known {
        if let Some(name) = quoted_after(text, start) {
            let name = escaped(name);
            // The path already ends in the name of a member that was being read.
            let ends = code != FieldError::REQUIRED && pointer.ends_with(&format!("/{name}"));
            let pointer = if ends {
                pointer
            } else {
                format!("{pointer}/{name}")
            };
            return FieldError::new(pointer, code, text);
        }
    }
    let is_number = text.starts_with("invalid value: integer") || text == "number out of range";
    let code = if is_number {
        FieldError::OUT_OF_RANGE
    } else {
        FieldError::INVALID
    };
    FieldError::new(pointer, code, text)
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escaped(key)),
            // The variant is the value, not a place in it.
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect()
}

/// A member's name inside a pointer (RFC 6901 §3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn quoted_after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.split('`').next()
}

impl FromRequest for Body {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let is_json = kind.is_some_and(|kind| {
            let essence = kind
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase();
            essence == "application/json" || essence.ends_with("+json")
        });
        let typed = kind.is_some();
        let payload = payload.take();
        let arriving = read_all(request, payload, MOST_BYTES);
        Box::pin(async move {
            let arrived = match arriving.await {
                Ok(bytes) if !bytes.is_empty() && typed && !is_json => {
                    Err(Problem::new("unsupported-media-type"))
                }
                other => other,
            };
            Ok(Self { arrived })
        })
    }
}

/// Reads the body of `request`, at most `most` bytes. Compressed bodies are none of ours: what a few bytes
/// become is known only when the memory is used up.
///
/// # Errors
/// `payload-too-large`, `unsupported-media-type` for a content coding, `request-timeout`, `malformed` when
/// the connection broke.
pub fn read_all(
    request: &HttpRequest,
    mut payload: Payload,
    most: usize,
) -> impl Future<Output = Result<web::Bytes, Problem>> + 'static {
    use futures::StreamExt;
    let codings = request.headers().get_all(CONTENT_ENCODING);
    let coded = codings.into_iter().any(|coding| coding != "identity");
    let app = request.app_data::<web::Data<App>>();
    let limit = app.map_or(Duration::MAX, |app| {
        Duration::from_secs(app.settings.http.body_seconds)
    });
    async move {
        if coded {
            return Err(Problem::new("unsupported-media-type"));
        }
        let mut bytes = web::BytesMut::new();
        let all = async {
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|_| Problem::new("malformed"))?;
                if bytes.len() + chunk.len() > most {
                    return Err(Problem::new("payload-too-large"));
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(())
        };
        let late = |_| Problem::new("request-timeout");
        tokio::time::timeout(limit, all).await.map_err(late)??;
        Ok(bytes.freeze())
    }
}

/// A query string of the shape `T`; faults are `validation` at the parameter's name.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
        let reader = serde_urlencoded::Deserializer::new(pairs);
        std::future::ready(
            serde_path_to_error::deserialize(reader)
                .map(Self)
                .map_err(|error| {
                    let pointer = pointer_of(error.path());
                    fault(pointer, &error.into_inner().to_string()).into()
                }),
        )
    }
}

/// The id in a path, `not-found` when it is not one: nobody's thing has such a name.
pub struct Id<T>(pub T);

impl<T: std::str::FromStr> FromRequest for Id<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(
            request
                .match_info()
                .get("id")
                .and_then(|text| text.parse().ok())
                .map(Self)
                .ok_or_else(|| Problem::new("not-found")),
        )
    }
}

/// The years that calendars here reach.
pub const YEARS: RangeInclusive<i32> = 1970..=2200;

/// Checks an instant; kept with microseconds.
///
/// # Errors
/// `out_of_range` at `pointer` for years that no calendar here reaches.
pub fn instant(pointer: &str, value: DateTime<Utc>) -> Result<Instant, FieldError> {
    if YEARS.contains(&value.year()) {
        Ok(to_micros(value))
    } else {
        Err(FieldError::out_of_range(
            pointer,
            YEARS.start(),
            YEARS.end(),
        ))
    }
}

/// Collects the faults of several fields, so that a form is corrected in one go.
#[derive(Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    /// Keeps the value, or its fault for later.
    pub fn take<T>(&mut self, checked: Result<T, FieldError>) -> Option<T> {
        checked.map_err(|fault| self.0.push(fault)).ok()
    }

    /// As [`Faults::take`] for a field that may be absent.
    pub fn take_some<T, U>(
        &mut self,
        value: Option<U>,
        check: impl FnOnce(U) -> Result<T, FieldError>,
    ) -> Option<T> {
        value.and_then(|value| self.take(check(value)))
    }

    /// As [`Faults::take`] for what may have several faults.
    pub fn take_all<T>(&mut self, checked: Result<T, Vec<FieldError>>) -> Option<T> {
        checked.map_err(|faults| self.extend(faults)).ok()
    }

    /// Adds the fault that a value does not fit.
    pub fn refuse(&mut self, pointer: &str, detail: &str) {
        self.0
            .push(FieldError::new(pointer, FieldError::INVALID, detail));
    }

    /// Adds the fault that something was left out.
    pub fn miss(&mut self, pointer: &str, detail: &str) {
        self.0
            .push(FieldError::new(pointer, FieldError::REQUIRED, detail));
    }

    /// Adds faults found elsewhere.
    pub fn extend(&mut self, faults: Vec<FieldError>) {
        self.0.extend(faults);
    }

    /// Refuses if anything was faulty.
    ///
    /// # Errors
    /// `validation` with all faults.
    pub fn check(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::fields(self.0))
        }
    }
}

/// Distinguishes an absent member (`None`) from an explicit `null` (`Some(None)`).
///
/// # Errors
/// When the value does not fit.
pub fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    serde::Deserialize::deserialize(deserializer).map(Some)
}

/// A member that may be absent but not `null`.
///
/// # Errors
/// When the value does not fit.
pub fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
