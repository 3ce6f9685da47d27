//! Calls to Telegram's Bot API, with teloxide's words for what is asked and answered.
//!
//! teloxide's own client was rejected: it keeps whoever asked waiting ten seconds after each fault of the server and
//! drops the status, by which a message that may have been taken differs from one that was not.

use std::time::Duration;

use anyhow::{Context, Result};
use belfry_domain::Instant;
use belfry_domain::delivery::{DeadCause, SendError};
use reqwest::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use teloxide::ApiError;
use teloxide::requests::Payload;
use url::Url;

use crate::channel::call::{self, Answer, RetryAfter, call, pause};
use crate::secret::Secret;

/// One bot at one server of the Bot API.
#[derive(Clone)]
pub struct Bot {
    client: Client,
    /// Ends in the token.
    base: Url,
}

/// Why a call came to nothing.
#[derive(Debug)]
pub enum Fault {
    /// Nobody answered, or not Telegram.
    Lost(SendError),
    /// Telegram said no.
    Refused(Refusal),
}

/// Telegram's no.
#[derive(Clone, PartialEq, Debug)]
pub struct Refusal {
    /// As an HTTP status.
    pub code: u16,
    pub error: ApiError,
    /// In Telegram's words.
    pub words: String,
    /// How long the whole bot must be silent.
    pub retry_after: Option<RetryAfter>,
    /// Where the chat has moved.
    pub moved_to: Option<i64>,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost(error) => write!(f, "{error:?}"),
            Self::Refused(refusal) => write!(f, "{} {}", refusal.code, refusal.words),
        }
    }
}

impl Bot {
    /// The bot with this token, reached at `api_url`.
    ///
    /// # Errors
    /// When the address is malformed.
    pub fn new(api_url: &str, token: &Secret) -> Result<Self> {
        let mut base = Url::parse(api_url).context("[telegram] api_url")?;
        base.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("[telegram] api_url must begin with https://"))?
            .pop_if_empty()
            .push(&format!("bot{}", token.expose()));
        Ok(Self {
            client: call::client()?,
            base,
        })
    }

    /// Makes a call and waits for its answer, for as long as any call may take.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn ask<P>(&self, payload: &P) -> Result<P::Output, Fault>
    where
        P: Payload + Serialize + Sync,
        P::Output: DeserializeOwned,
    {
        self.ask_within(payload, call::WHOLE).await
    }

    /// As [`Bot::ask`], with its own idea of how long the answer may take.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn ask_within<P>(&self, payload: &P, limit: Duration) -> Result<P::Output, Fault>
    where
        P: Payload + Serialize + Sync,
        P::Output: DeserializeOwned,
    {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(P::NAME);
        }
        let request = self.client.post(url).json(payload).timeout(limit);
        let answer = call(request).await.map_err(Fault::Lost)?;
        if answer.body["ok"] == true {
            // As text again: teloxide reads updates from nothing else.
            let result = serde_json::from_str(&answer.body["result"].to_string());
            let unread = |error| SendError::Ambiguous(format!("unreadable answer: {error}"));
            return result.map_err(|error| Fault::Lost(unread(error)));
        }
        Err(refused(&answer))
    }
}

/// What an answer says that is no yes.
fn refused(answer: &Answer) -> Fault {
    let body = &answer.body;
    let Some(words) = body["description"].as_str() else {
        let detail = format!("{} {body}", answer.status);
        return Fault::Lost(match answer.outage(Instant::default()) {
            // Not Telegram's own words, so no limit of Telegram's.
            Some(SendError::Limited { .. }) => SendError::Transient(detail),
            Some(outage) => outage,
            None if answer.is_success() => SendError::Ambiguous(detail),
            None => SendError::Unconfigured(detail),
        });
    };
    let parameters = &body["parameters"];
    let code = body["error_code"].as_u64();
    let error = serde_json::from_value(Value::from(words));
    Fault::Refused(Refusal {
        code: code
            .and_then(|code| u16::try_from(code).ok())
            .unwrap_or(answer.status),
        error: error.unwrap_or_else(|_| ApiError::Unknown(words.to_owned())),
        words: words.to_owned(),
        retry_after: parameters["retry_after"]
            .as_u64()
            .map(|seconds| Duration::from_secs(seconds).into())
            .or(answer.retry_after),
        moved_to: parameters["migrate_to_chat_id"].as_i64(),
    })
}

impl Fault {
    /// What it means to a message that was sent at `now`.
    pub fn judge(self, now: Instant) -> SendError {
        let refusal = match self {
            Self::Lost(error) => return error,
            Self::Refused(refusal) => refusal,
        };
        let detail = format!("{} {}", refusal.code, refusal.words);
        let dead = |cause| SendError::DeadAddress {
            cause,
            detail: detail.clone(),
        };
        match (refusal.code, &refusal.error) {
            (429, _) => SendError::Limited {
                until: pause(now, refusal.retry_after),
                detail,
            },
            (403, ApiError::UserDeactivated | ApiError::CantTalkWithBots) => dead(DeadCause::Gone),
            (403, _) | (_, ApiError::BotKicked) => dead(DeadCause::Blocked),
            (401 | 404, _) => SendError::Unconfigured(detail),
            (400, ApiError::ChatNotFound | ApiError::UserNotFound | ApiError::GroupDeactivated) => {
                dead(DeadCause::Gone)
            }
            (400, ApiError::Unknown(words)) if words.contains("PEER_ID_INVALID") => {
                dead(DeadCause::Gone)
            }
            (400..500, _) if refusal.code != 409 => SendError::Refused(detail),
            _ => SendError::Transient(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;

    fn said(code: u16, words: &str, parameters: Value) -> SendError {
        let answer = Answer {
            status: code,
            retry_after: None,
            body: json!({ "ok": false, "error_code": code, "description": words, "parameters": parameters }),
        };
        refused(&answer).judge(Instant::default())
    }

    /// Telegram's own words for each refusal, with what becomes of the message and the address.
    #[test]
    fn every_refusal_means_what_the_table_says() {
        let class = |code, words| match said(code, words, json!({})) {
            SendError::DeadAddress { cause, .. } => cause.as_str(),
            SendError::Refused(_) => "refused",
            SendError::Unserved(_) => "unserved",
            SendError::Transient(_) => "transient",
            SendError::Limited { .. } => "limited",
            SendError::Unconfigured(_) => "unconfigured",
            SendError::Ambiguous(_) => "ambiguous",
            SendError::Postponed { .. } => "postponed",
        };
        for (code, words, expected) in [
            (403, "Forbidden: bot was blocked by the user", "blocked"),
            (
                403,
                "Forbidden: bot was kicked from the group chat",
                "blocked",
            ),
            (403, "Forbidden: user is deactivated", "gone"),
            (400, "Bad Request: chat not found", "gone"),
            (400, "Bad Request: user not found", "gone"),
            (400, "Bad Request: PEER_ID_INVALID", "gone"),
            (400, "Bad Request: message is too long", "refused"),
            (400, "Bad Request: can't parse entities: x", "refused"),
            (400, "Bad Request: BUTTON_DATA_INVALID", "refused"),
            (413, "Request Entity Too Large", "refused"),
            (401, "Unauthorized", "unconfigured"),
            (404, "Not Found", "unconfigured"),
            (
                409,
                "Conflict: terminated by other getUpdates request",
                "transient",
            ),
            (429, "Too Many Requests: retry after 5", "limited"),
            (500, "Internal Server Error", "transient"),
        ] {
            assert_eq!(class(code, words), expected, "{code} {words}");
        }
    }

    #[test]
    fn a_limit_lasts_as_long_as_telegram_says() {
        let wait = json!({ "retry_after": 3600 });
        let SendError::Limited { until, .. } = said(429, "Too Many Requests", wait) else {
            panic!("429 is a limit");
        };
        assert_eq!(until, Instant::default() + TimeDelta::hours(1));
    }

    #[test]
    fn an_answer_that_is_not_telegrams_is_judged_by_its_status() {
        let said = |status| {
            let answer = Answer {
                status,
                retry_after: None,
                body: json!("<html>"),
            };
            refused(&answer).judge(Instant::default())
        };
        assert!(matches!(said(502), SendError::Ambiguous(_)));
        assert!(matches!(said(503), SendError::Transient(_)));
        assert!(matches!(said(429), SendError::Transient(_)));
        assert!(matches!(said(200), SendError::Ambiguous(_)));
        assert!(matches!(said(403), SendError::Unconfigured(_)));
    }

    #[test]
    fn the_token_is_part_of_the_address() {
        let token = Secret::new("12:ab".to_owned());
        for (api_url, expected) in [
            (
                "https://api.telegram.org",
                "https://api.telegram.org/bot12:ab",
            ),
            (
                "http://127.0.0.1:8081/api/",
                "http://127.0.0.1:8081/api/bot12:ab",
            ),
        ] {
            assert_eq!(Bot::new(api_url, &token).unwrap().base.as_str(), expected);
        }
        assert!(Bot::new("mailto:a@b", &token).is_err());
    }
}
