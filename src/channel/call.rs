//! Calls to the web services of providers: bounded in time and size, and honest about whether a request
//! that failed may have been served.

use std::error::Error;
use std::time::Duration;

use anyhow::{Context, Result};
use belfry_domain::Instant;
use belfry_domain::delivery::SendError;
use chrono::TimeDelta;
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a call may take in all; what a provider has not answered by then it may yet serve.
pub const WHOLE: Duration = Duration::from_secs(30);
/// A connection idle for longer is not used again: many front ends drop it after a minute.
const IDLE: Duration = Duration::from_secs(45);
/// Most bytes read of an answer.
const MOST: usize = 256 * 1024;
/// Most characters of an answer that is no JSON, where it is shown.
const EXCERPT: usize = 200;
/// How long a provider is left alone that wants a pause and does not say how long.
const PAUSE: TimeDelta = TimeDelta::seconds(60);
/// The longest pause that is believed.
const LONGEST: TimeDelta = TimeDelta::days(1);

/// A client for one provider. Follows no redirect: a credential belongs to its address alone.
///
/// # Errors
/// When the system has no trusted certificates.
pub fn client() -> Result<Client> {
    crate::tls::install();
    Client::builder()
        .user_agent(concat!("Belfry/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .pool_idle_timeout(IDLE)
        .redirect(Policy::none())
        .build()
        .context("making a web client")
}

/// What a provider answered.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    pub status: u16,
    /// How long the provider wants to be left alone.
    pub retry_after: Option<Duration>,
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
pub fn pause(now: Instant, length: Option<Duration>) -> Instant {
    let asked = length.map(|length| TimeDelta::from_std(length).unwrap_or(LONGEST));
    now + asked.unwrap_or(PAUSE).clamp(TimeDelta::seconds(1), LONGEST)
}

/// Sends a request and reads the answer, whatever its status.
///
/// # Errors
/// [`SendError::Transient`] while nothing had left, [`SendError::Ambiguous`] from then on.
pub async fn call(request: RequestBuilder) -> Result<Answer, SendError> {
    let mut response = request.send().await.map_err(lost)?;
    let status = response.status().as_u16();
    let header = response.headers().get(RETRY_AFTER);
    let seconds = header.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => break,
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            // The status has said enough where it is no success.
            Err(_) if status >= 300 => break,
            Err(error) => return Err(SendError::Ambiguous(told(error))),
        }
        if body.len() > MOST {
            return Err(SendError::Ambiguous("an answer without end".to_owned()));
        }
    }
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| {
        let text = String::from_utf8_lossy(&body);
        Value::String(text.trim().chars().take(EXCERPT).collect())
    });
    Ok(Answer {
        status,
        retry_after: seconds.map(Duration::from_secs),
        body,
    })
}

/// What a request without an answer means.
fn lost(error: reqwest::Error) -> SendError {
    if error.is_connect() || error.is_builder() {
        SendError::Transient(told(error))
    } else {
        SendError::Ambiguous(told(error))
    }
}

/// An error with its causes and without its address, which may hold a credential.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_tells_whether_the_service_or_the_message_is_at_fault() {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let answer = |status, seconds: Option<u64>| Answer {
            status,
            retry_after: seconds.map(Duration::from_secs),
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
}
