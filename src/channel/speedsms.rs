//! Text messages through SpeedSMS. What went wrong stands in the body of a 200.

use anyhow::{Context, Result};
use async_trait::async_trait;
use belfry_actors::{Capabilities, Outgoing, Provider};
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{DeadCause, Receipt, SendError};
use reqwest::Client;
use serde_json::{Value, json};
use url::Url;

use crate::channel::call::{self, Answer, call};
use crate::channel::sms::{count, digits};
use crate::config::{self, SmsProvider};

/// Its name among the providers.
const NAME: &str = SmsProvider::SpeedSms.as_str();
/// Where messages are taken, below the address of the service.
const SEND: &str = "index.php/sms/send";

/// One account at SpeedSMS.
pub struct SpeedSms {
    client: Client,
    url: Url,
    settings: config::SpeedSms,
}

impl SpeedSms {
    /// Sends with these credentials.
    ///
    /// # Errors
    /// When the address is malformed.
    pub fn new(settings: config::SpeedSms) -> Result<Self> {
        let base = Url::parse(&settings.url).context("[sms.speedsms] url")?;
        Ok(Self {
            client: call::client()?,
            url: base.join(SEND).context("[sms.speedsms] url")?,
            settings,
        })
    }
}

#[async_trait]
impl Provider for SpeedSms {
    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            recognises_repeats: false,
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let text = message.content.text.trim();
        let phone = digits(&message.address);
        let body = json!({
            "to": [phone],
            "content": text,
            "sms_type": self.settings.sms_type,
            "sender": self.settings.sender,
        });
        let request = self.client.post(self.url.clone()).json(&body);
        let request = request.basic_auth(self.settings.token.expose(), Some("x"));
        let receipt = judge(&call(request).await?, &phone, message.at)?;
        count(NAME, text);
        Ok(receipt)
    }
}

/// What an answer means to a message that was sent to `phone` at `now`.
fn judge(answer: &Answer, phone: &str, now: Instant) -> Result<Receipt, SendError> {
    let body = &answer.body;
    let code = body["code"].as_str().unwrap_or_default();
    let detail = format!("{code} {}", body["message"].as_str().unwrap_or_default());
    let refuses = |list: &Value| {
        let numbers = list.as_array().into_iter().flatten();
        numbers
            .filter_map(Value::as_str)
            .any(|n| digits(n) == phone)
    };
    let dead = |detail: String| SendError::DeadAddress {
        cause: DeadCause::Invalid,
        detail,
    };
    if refuses(&body["data"]["invalidPhone"]) || refuses(&body["invalidPhone"]) {
        return Err(dead(detail));
    }
    Err(match (body["status"].as_str(), code) {
        (Some("success"), _) => {
            let id = &body["data"]["tranId"];
            return Ok(Receipt::Sent {
                provider_id: match id {
                    Value::String(id) => Some(id.clone()),
                    Value::Number(id) => Some(id.to_string()),
                    _ => None,
                },
            });
        }
        // Address locked, account locked, account not for the API, no balance.
        (Some("error"), "007" | "008" | "009" | "300") => SendError::Unconfigured(detail),
        (Some("error"), "105") => dead(detail),
        // Parameters, encoding, length.
        (Some("error"), "101" | "110" | "113") => SendError::Refused(detail),
        (Some("error"), _) => SendError::Transient(detail),
        _ => match (answer.outage(now), answer.status) {
            (Some(outage), _) => outage,
            (None, 400..) => SendError::Unconfigured(format!("{} {body}", answer.status)),
            (None, _) => SendError::Ambiguous(format!("no status in {body}")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: &str = "84901234567";

    fn said(status: u16, body: Value) -> Result<Receipt, SendError> {
        let answer = Answer {
            status,
            retry_after: None,
            body,
        };
        judge(&answer, PHONE, Instant::default())
    }

    /// The documented codes, each with what becomes of the message.
    #[test]
    fn every_code_means_what_the_table_says() {
        let class = |code: &str| {
            let body = json!({ "status": "error", "code": code, "message": "no" });
            match said(200, body) {
                Err(SendError::DeadAddress {
                    cause: DeadCause::Invalid,
                    ..
                }) => "invalid",
                Err(SendError::Unconfigured(_)) => "unconfigured",
                Err(SendError::Refused(_)) => "refused",
                Err(SendError::Transient(_)) => "transient",
                other => panic!("{code}: {other:?}"),
            }
        };
        for (code, expected) in [
            ("007", "unconfigured"),
            ("008", "unconfigured"),
            ("009", "unconfigured"),
            ("101", "refused"),
            ("105", "invalid"),
            ("110", "refused"),
            ("113", "refused"),
            ("300", "unconfigured"),
            ("500", "transient"),
            ("999", "transient"),
        ] {
            assert_eq!(class(code), expected, "{code}");
        }
    }

    #[test]
    fn a_number_that_is_none_is_named_even_in_a_success() {
        let body = |invalid: &[&str]| {
            json!({ "status": "success", "code": "00",
                "data": { "tranId": 77, "totalSMS": 1, "invalidPhone": invalid } })
        };
        let sent = Receipt::Sent {
            provider_id: Some("77".to_owned()),
        };
        assert_eq!(said(200, body(&[])), Ok(sent));
        let refused = said(200, body(&[PHONE]));
        assert!(matches!(refused, Err(SendError::DeadAddress { .. })));
        assert!(matches!(
            said(401, json!("denied")),
            Err(SendError::Unconfigured(_))
        ));
        assert!(matches!(
            said(200, json!("<html>")),
            Err(SendError::Ambiguous(_))
        ));
    }
}
