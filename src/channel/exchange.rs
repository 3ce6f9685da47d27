//! What an exchange over HTTP came to, as far as that does not depend on who was asked.

use std::error::Error;

use belfry_domain::Instant;
use belfry_domain::delivery::SendError;
use chrono::{DateTime, TimeDelta};
use reqwest::Response;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// What is read of an answer, in bytes; the rest is thrown away with the connection.
const MOST_READ: usize = 16 * 1024;
/// What is kept of an answer for people to read, in characters.
const MOST_KEPT: usize = 300;
/// Longest pause that is granted to whoever asks for one.
const LONGEST_PAUSE: TimeDelta = TimeDelta::days(1);

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

/// The whole chain of an error, without the address that it happened at: addresses of devices are secrets.
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

/// Until when the answer asks to wait, given as seconds or as a date; a day at most.
pub(super) fn retry_after(headers: &HeaderMap, now: Instant) -> Option<Instant> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let until = match value.parse::<u32>() {
        Ok(seconds) => now + TimeDelta::seconds(i64::from(seconds)),
        Err(_) => DateTime::parse_from_rfc2822(value).ok()?.to_utc(),
    };
    Some(until.clamp(now, now + LONGEST_PAUSE))
}

/// The beginning of an answer's body.
pub(super) async fn body(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MOST_READ - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == MOST_READ {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As much of a text as is kept, on one line.
pub(super) fn shortened(text: &str) -> String {
    let line: String = text.chars().take(MOST_KEPT).collect();
    line.replace(char::is_control, " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

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
