//! Text messages through eSMS. What went wrong stands in the body of a 200.

use anyhow::{Context, Result};
use async_trait::async_trait;
use belfry_actors::{Capabilities, Outgoing, Provider};
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{DeadCause, Receipt, SendError};
use belfry_domain::sms::{Encoding, measure};
use reqwest::Client;
use serde_json::{Value, json};
use url::Url;

use crate::channel::call::{self, Answer, call};
use crate::channel::sms::{count, digits};
use crate::config::{self, SmsProvider};

/// Its name among the providers.
const NAME: &str = SmsProvider::Esms.as_str();
/// Where messages are taken, below the address of the service.
const SEND: &str = "MainService.svc/json/SendMultipleMessage_V4_post_json/";

/// One account at eSMS.
pub struct Esms {
    client: Client,
    url: Url,
    settings: config::Esms,
}

impl Esms {
    /// Sends with these credentials.
    ///
    /// # Errors
    /// When the address is malformed.
    pub fn new(settings: config::Esms) -> Result<Self> {
        let base = Url::parse(&settings.url).context("[sms.esms] url")?;
        Ok(Self {
            client: call::client()?,
            url: base.join(SEND).context("[sms.esms] url")?,
            settings,
        })
    }

    fn body(&self, message: &Outgoing, text: &str) -> Value {
        let unicode = match measure(text).0 {
            Encoding::Gsm => "0",
            Encoding::Unicode => "1",
        };
        json!({
            "ApiKey": self.settings.api_key.expose(),
            "SecretKey": self.settings.secret_key.expose(),
            "Phone": digits(&message.address),
            "Content": text,
            "Brandname": self.settings.brandname,
            "SmsType": self.settings.sms_type,
            // The documents call it by both names.
            "IsUnicode": unicode,
            "Unicode": unicode,
            "Sandbox": if self.settings.sandbox { "1" } else { "0" },
            "campaignid": message.kind,
            "RequestId": message.id.to_string(),
        })
    }
}

#[async_trait]
impl Provider for Esms {
    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        // A RequestId is taken once within 24 hours, which is longer than anything is tried.
        Capabilities {
            recognises_repeats: true,
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let text = message.content.text.trim();
        let body = self.body(message, text);
        let answer = call(self.client.post(self.url.clone()).json(&body)).await?;
        let receipt = judge(&answer, message.at)?;
        count(NAME, text);
        Ok(receipt)
    }
}

/// What an answer means to a message sent at `now`.
fn judge(answer: &Answer, now: Instant) -> Result<Receipt, SendError> {
    if let Some(outage) = answer.outage(now) {
        return Err(outage);
    }
    // A number or the same in quotes, as the documents have both.
    let code = match &answer.body["CodeResult"] {
        Value::String(code) => code.clone(),
        Value::Number(code) => code.to_string(),
        _ => String::new(),
    };
    let detail = format!(
        "{code} {}",
        answer.body["ErrorMessage"].as_str().unwrap_or_default()
    );
    let dead = |cause| SendError::DeadAddress {
        cause,
        detail: detail.clone(),
    };
    Err(match code.as_str() {
        // 124: this RequestId was taken before, by an attempt that did not hear so.
        "100" | "124" => {
            return Ok(Receipt::Sent {
                provider_id: answer.body["SMSID"].as_str().map(str::to_owned),
            });
        }
        "99" => dead(DeadCause::Blocked),
        "108" => dead(DeadCause::Invalid),
        // Keys, prices, balance, brand name, kind of message, address, network: all of them the account's.
        "101" | "102" | "103" | "104" | "107" | "118" | "140" | "300" => {
            SendError::Unconfigured(detail)
        }
        // The brand name has no way into this number's network, and does reach others.
        "177" => SendError::Unserved(detail),
        // The text is none of those agreed with the networks, or is malformed.
        "110" | "120" | "146" => SendError::Refused(detail),
        "" if answer.is_success() => {
            SendError::Ambiguous(format!("no CodeResult in {}", answer.body))
        }
        "" => SendError::Unconfigured(format!("{} {}", answer.status, answer.body)),
        // A code that nobody has documented says no all the same.
        _ => SendError::Transient(detail),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: Value) -> Result<Receipt, SendError> {
        let answer = Answer {
            status: 200,
            retry_after: None,
            body,
        };
        judge(&answer, Instant::default())
    }

    /// The documented codes, each with what becomes of the message.
    #[test]
    fn every_code_means_what_the_table_says() {
        let class = |code: &str| match said(json!({ "CodeResult": code, "SMSID": "x" })) {
            Ok(Receipt::Sent { .. }) => "sent",
            Err(SendError::DeadAddress {
                cause: DeadCause::Blocked,
                ..
            }) => "blocked",
            Err(SendError::DeadAddress {
                cause: DeadCause::Invalid,
                ..
            }) => "invalid",
            Err(SendError::Unconfigured(_)) => "unconfigured",
            Err(SendError::Refused(_)) => "refused",
            Err(SendError::Unserved(_)) => "unserved",
            Err(SendError::Transient(_)) => "transient",
            other => panic!("{code}: {other:?}"),
        };
        for (code, expected) in [
            ("99", "blocked"),
            ("100", "sent"),
            ("101", "unconfigured"),
            ("102", "unconfigured"),
            ("103", "unconfigured"),
            ("104", "unconfigured"),
            ("107", "unconfigured"),
            ("108", "invalid"),
            ("110", "refused"),
            ("118", "unconfigured"),
            ("120", "refused"),
            ("124", "sent"),
            ("140", "unconfigured"),
            ("146", "refused"),
            ("177", "unserved"),
            ("300", "unconfigured"),
            ("9999", "transient"),
        ] {
            assert_eq!(class(code), expected, "{code}");
        }
        assert!(said(json!({ "CodeResult": 100 })).is_ok(), "as a number");
        assert!(matches!(
            said(json!("<html>")),
            Err(SendError::Ambiguous(_))
        ));
    }
}
