//! Calls to the web services of others: bounded in time and size, and honest about whether a request that failed
//! may have been served.

use std::error::Error;
use std::time::Duration;

use anyhow::{Context, Result};
use belfry_domain::Instant;
use belfry_domain::delivery::SendError;
use chrono::{DateTime, TimeDelta};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response};
use serde_json::Value;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a call may take in all; what a provider has not answered by then it may yet serve.
pub const WHOLE: Duration = Duration::from_secs(30);
/// A connection idle for longer is not used again: many front ends drop it after a minute.
const IDLE: Duration = Duration::from_secs(45);
/// Most bytes read of an answer that must be read whole.
const MOST: usize = 256 * 1024;
/// Most bytes read of one that is only looked into.
const MOST_LOOKED_INTO: usize = 16 * 1024;
/// Most characters of an answer that are kept for people to read.
const EXCERPT: usize = 300;
/// How long a provider is left alone that wants a pause and does not say how long.
const PAUSE: TimeDelta = TimeDelta::seconds(60);
/// The longest pause that is believed.
const LONGEST: TimeDelta = TimeDelta::days(1);

/// What every client of the house is made from. It follows no redirect: a credential belongs to its address alone.
pub(super) fn builder() -> ClientBuilder {
    crate::tls::install();
    Client::builder()
        .user_agent(concat!("Belfry/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
}

/// A client for one provider.
///
/// # Errors
/// When the system has no trusted certificates.
pub fn client() -> Result<Client> {
    builder()
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .pool_idle_timeout(IDLE)
        .build()
        .context("making a web client")
}

/// How long a server wants to be left alone (RFC 9110 §10.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetryAfter {
    Length(TimeDelta),
    Until(Instant),
}

impl RetryAfter {
    /// What the header of that name says, if it says something.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        Some(match value.parse::<u32>() {
            Ok(seconds) => Self::Length(TimeDelta::seconds(seconds.into())),
            Err(_) => Self::Until(DateTime::parse_from_rfc2822(value).ok()?.to_utc()),
        })
    }

    /// Until when, said at `now`; a day at most.
    pub fn until(self, now: Instant) -> Instant {
        let until = match self {
            Self::Length(length) => now + length.clamp(TimeDelta::zero(), LONGEST),
            Self::Until(until) => until,
        };
        until.clamp(now, now + LONGEST)
    }
}

impl From<Duration> for RetryAfter {
    fn from(length: Duration) -> Self {
        Self::Length(TimeDelta::from_std(length).unwrap_or(LONGEST))
    }
}

/// Until when an answer to a call made at `now` asks to wait, if it does.
pub(super) fn retry_after(headers: &HeaderMap, now: Instant) -> Option<Instant> {
    RetryAfter::of(headers).map(|after| after.until(now))
}

/// What a provider answered.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    pub status: u16,
    /// How long the provider wants to be left alone.
    pub retry_after: Option<RetryAfter>,
    /// The body, if it is JSON; else a text of its first characters.
    pub body: Value,
}

impl Answer {
    /// Whether the status says that the request was served.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What an answer to a call made at `now` means whose status says that something is wrong with the service
    /// rather than with the message; `None` where the body decides.
    pub fn outage(&self, now: Instant) -> Option<SendError> {
        let detail = || format!("{} {}", self.status, self.body);
        match self.status {
            429 => Some(SendError::Limited {
                until: pause(now, self.retry_after),
                detail: detail(),
            }),
            // Something in front of the service gave up waiting for it.
            502 | 504 => Some(SendError::Ambiguous(detail())),
            500.. => Some(SendError::Transient(detail())),
            408 | 425 => Some(SendError::Transient(detail())),
            300..400 => Some(SendError::Unconfigured(detail())),
            _ => None,
        }
    }
}

/// When a provider may be called again that asked at `now` for a pause, of its own length or of a minute.
pub fn pause(now: Instant, asked: Option<RetryAfter>) -> Instant {
    let until = asked.map_or(now + PAUSE, |after| after.until(now));
    until.max(now + TimeDelta::seconds(1))
}

/// Sends a request and reads the answer, whatever its status.
///
/// # Errors
/// [`SendError::Transient`] while nothing had left, [`SendError::Ambiguous`] from then on.
pub async fn call(request: RequestBuilder) -> Result<Answer, SendError> {
    let mut response = request.send().await.map_err(|error| failed(&error))?;
    let status = response.status().as_u16();
    let retry_after = RetryAfter::of(response.headers());
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => break,
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            // The status has said enough where it is no success.
            Err(_) if status >= 300 => break,
            Err(error) => return Err(SendError::Ambiguous(told(&error))),
        }
        if body.len() > MOST {
            return Err(SendError::Ambiguous("an answer without end".to_owned()));
        }
    }
    let body = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(shortened(&String::from_utf8_lossy(&body))));
    Ok(Answer {
        status,
        retry_after,
        body,
    })
}

/// What a call without an answer means for its message: nothing was sent when there was no connection, or when
/// the server says that it did not begin with it; anything else may have arrived.
pub(super) fn failed(error: &reqwest::Error) -> SendError {
    let text = told(error);
    if error.is_connect() || error.is_builder() || is_unprocessed(error) {
        SendError::Transient(text)
    } else {
        SendError::Ambiguous(text)
    }
}

/// Whether an HTTP/2 server said that it did not process the request: the stream was refused, or lies beyond the
/// last one that a closing connection still serves (RFC 9113 §8.7). The client repeats such requests by itself,
/// on a new connection; this is one whose repeats ended alike.
fn is_unprocessed(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<h2::Error>() {
            let closing = fault.is_go_away() && fault.reason() == Some(h2::Reason::NO_ERROR);
            let refused = fault.is_reset() && fault.reason() == Some(h2::Reason::REFUSED_STREAM);
            return fault.is_remote() && (closing || refused);
        }
        cause = error.source();
    }
    false
}

/// The whole chain of an error, without the address that it happened at: it may hold a credential, or be the address of a device.
pub(super) fn told(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    match (error.is_timeout(), text.is_empty()) {
        (true, _) => "no answer in time".to_owned(),
        (false, true) => "the call failed".to_owned(),
        (false, false) => shortened(&text),
    }
}

/// The beginning of an answer's body.
pub(super) async fn body(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MOST_LOOKED_INTO - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == MOST_LOOKED_INTO {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As much of a text as is kept, on one line.
pub(super) fn shortened(text: &str) -> String {
    let line: String = text.chars().take(EXCERPT).collect();
    line.replace(char::is_control, " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_tells_whether_the_service_or_the_message_is_at_fault() {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let answer = |status, seconds: Option<i64>| Answer {
            status,
            retry_after: seconds.map(|n| RetryAfter::Length(TimeDelta::seconds(n))),
            body: json!({}),
        };
        let outage = |status| answer(status, None).outage(now);
        for status in [200, 201, 400, 401, 403, 404] {
            assert_eq!(outage(status), None, "{status}");
        }
        for status in [408, 425, 500, 501, 503, 599] {
            let outage = outage(status);
            assert!(matches!(outage, Some(SendError::Transient(_))), "{status}");
        }
        for status in [502, 504] {
            let outage = outage(status);
            assert!(matches!(outage, Some(SendError::Ambiguous(_))), "{status}");
        }
        assert!(matches!(outage(302), Some(SendError::Unconfigured(_))));
        for (seconds, pause) in [(None, 60), (Some(3600), 3600), (Some(0), 1)] {
            let Some(SendError::Limited { until, .. }) = answer(429, seconds).outage(now) else {
                panic!("429 is a limit");
            };
            assert_eq!(until, now + TimeDelta::seconds(pause));
        }
    }

    #[test]
    fn a_pause_is_read_as_seconds_or_as_a_date_and_has_an_end() {
        let now: Instant = "2027-03-01T12:00:00Z".parse().unwrap();
        let seconds = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
            retry_after(&headers, now).map(|until| (until - now).num_seconds())
        };
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 3600 "), Some(3600));
        assert_eq!(seconds("Mon, 01 Mar 2027 12:05:00 GMT"), Some(300));
        assert_eq!(seconds("Mon, 01 Mar 2027 11:00:00 GMT"), Some(0));
        assert_eq!(seconds("4294967295"), Some(86400));
        for nonsense in ["-1", "soon", "99999999999999999999", ""] {
            assert_eq!(seconds(nonsense), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
