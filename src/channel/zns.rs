//! Template messages to phone numbers by Zalo (ZNS). What went wrong stands in the body of a 200.
//!
//! Zalo carries approved texts only, and only to people who have Zalo and take such messages. What it cannot
//! carry to somebody for such a reason is no fault of the message, nor of Zalo: it is [`SendError::Unserved`], so
//! that the next provider of the channel has it at once.

/// The access token, which all nodes share.
mod token;

use anyhow::{Context, Result};
use async_trait::async_trait;
use belfry_actors::{Capabilities, Outgoing, Provider};
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{DeadCause, Receipt, SendError};
use belfry_domain::wall::{self, Edge};
use belfry_domain::zns::{Approvals, Scene};
use belfry_store::Store;
use chrono_tz::Tz;
use reqwest::Client;
use serde_json::{Value, json};
use url::Url;

use crate::channel::call::{self, Answer, call};
use crate::channel::sms::digits;
use crate::config::{self, SmsProvider};
use token::Tokens;

/// Its name among the providers.
const NAME: &str = SmsProvider::Zns.as_str();
/// Where messages are taken, below the address of the service.
const SEND: &str = "message/template";
/// When Zalo takes messages again after a night, in minutes of the day.
const MORNING: u16 = 6 * 60;

/// One official account.
pub struct Zns {
    client: Client,
    url: Url,
    approvals: Approvals,
    tokens: Tokens,
    zone: Tz,
}

impl Zns {
    /// Sends the approved texts with this account, whose tokens are kept in `store`.
    ///
    /// # Errors
    /// When an address is malformed or an expression cannot be read.
    pub fn new(settings: config::Zns, store: Store) -> Result<Self> {
        let base = Url::parse(&settings.url).context("[sms.zns] url")?;
        let client = call::client()?;
        Ok(Self {
            url: base.join(SEND).context("[sms.zns] url")?,
            approvals: Approvals::parse(settings.templates.clone(), settings.time_zone)
                .map_err(|fault| anyhow::anyhow!("[sms.zns] templates: {fault}"))?,
            zone: settings.time_zone,
            tokens: Tokens::new(settings, client.clone(), store)?,
            client,
        })
    }

    fn body(&self, message: &Outgoing) -> Result<Value, SendError> {
        let content = &message.content;
        let text = self.approvals.find(&message.kind, &content.language);
        let text = text
            .ok_or_else(|| SendError::Unserved(format!("no approved text for {}", message.kind)))?;
        let scene = Scene {
            to_name: &content.to_name,
            title: &message.subject,
            text: &content.text,
            url: content.url.as_deref(),
            language: &content.language,
            data: &content.data,
        };
        let data = self.approvals.fill(text, &scene);
        Ok(json!({
            "phone": digits(&message.address),
            "template_id": text.template_id,
            "template_data": data.map_err(SendError::Unserved)?,
            "tracking_id": message.id.to_string(),
        }))
    }

    async fn post(&self, body: &Value, token: &str) -> Result<Answer, SendError> {
        let request = self.client.post(self.url.clone()).json(body);
        call(request.header("access_token", token)).await
    }
}

#[async_trait]
impl Provider for Zns {
    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        // The tracking id comes back in its reports, but two messages may have the same.
        Capabilities {
            recognises_repeats: false,
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let body = self.body(message)?;
        let token = self.tokens.get(message.at).await?;
        let mut answer = self.post(&body, &token).await?;
        if code(&answer) == Some(TOKEN_INVALID) {
            // Ended before its time, and nothing was taken: a fresh one may do.
            let token = self.tokens.renew(&token, message.at).await?;
            answer = self.post(&body, &token).await?;
        }
        judge(&answer, message.at, self.zone)
    }
}

/// The access token is not, or no longer, good.
const TOKEN_INVALID: i64 = -124;

fn code(answer: &Answer) -> Option<i64> {
    answer.body["error"].as_i64()
}

/// What an answer means to a message sent at `now`.
fn judge(answer: &Answer, now: Instant, zone: Tz) -> Result<Receipt, SendError> {
    let words = answer.body["message"].as_str().unwrap_or_default();
    let Some(code) = code(answer) else {
        return Err(answer.outage(now).unwrap_or_else(|| {
            let detail = format!("{} {}", answer.status, answer.body);
            if answer.is_success() {
                SendError::Ambiguous(detail)
            } else {
                SendError::Unconfigured(detail)
            }
        }));
    };
    let detail = format!("{code} {words}");
    Err(match code {
        0 => {
            return Ok(Receipt::Sent {
                provider_id: answer.body["data"]["msg_id"].as_str().map(str::to_owned),
            });
        }
        -108 => SendError::DeadAddress {
            cause: DeadCause::Invalid,
            detail,
        },
        // The app, the account, its keys, its rights and its balance.
        -106..=-101 | -115 | -120 | TOKEN_INVALID | -126 | -138..=-135 | -145 => {
            SendError::Unconfigured(detail)
        }
        // What fills the gaps, in four digits where Zalo says more.
        -111 | -112 | -116 | -121 | -122 | -130 | -132 | -1129..=-1120 => {
            SendError::Refused(detail)
        }
        // No messages by night, and so many a day.
        -133 => SendError::Limited {
            until: morning(now, zone),
            detail,
        },
        -144 => SendError::Limited {
            until: midnight(now, zone),
            detail,
        },
        // This text may not be used.
        -109 | -113 | -117 | -131 | -146 | -147 => SendError::Unserved(detail),
        // This person has no Zalo, an old one, or wants nothing by it.
        -110 | -114 | -118 | -119 | -141..=-139 => SendError::Unserved(detail),
        _ => SendError::Transient(detail),
    })
}

/// The next start of a day on the clock of a zone.
fn midnight(now: Instant, zone: Tz) -> Instant {
    wall::at(zone, wall::local_date(zone, now), 1440, Edge::Start)
}

/// The end of the night on the clock of a zone.
fn morning(now: Instant, zone: Tz) -> Instant {
    let today = wall::local_date(zone, now);
    let morning = wall::at(zone, today, MORNING, Edge::Start);
    if morning > now {
        morning
    } else {
        wall::at(zone, today, 1440 + MORNING, Edge::Start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = chrono_tz::Asia::Ho_Chi_Minh;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn said(status: u16, body: Value, now: Instant) -> Result<Receipt, SendError> {
        let answer = Answer {
            status,
            retry_after: None,
            body,
        };
        judge(&answer, now, ZONE)
    }

    /// The documented codes, each with what becomes of the message.
    #[test]
    fn every_code_means_what_the_table_says() {
        let now = at("2027-03-01T12:00:00Z");
        let class = |code: i64| {
            let body = json!({ "error": code, "message": "no" });
            match said(200, body, now) {
                Err(SendError::DeadAddress {
                    cause: DeadCause::Invalid,
                    ..
                }) => "invalid",
                Err(SendError::Unconfigured(_)) => "unconfigured",
                Err(SendError::Refused(_)) => "refused",
                Err(SendError::Limited { .. }) => "limited",
                Err(SendError::Unserved(_)) => "another",
                Err(SendError::Transient(_)) => "transient",
                other => panic!("{code}: {other:?}"),
            }
        };
        let table: [(&str, &[i64]); 6] = [
            ("invalid", &[-108]),
            (
                "unconfigured",
                &[
                    -101, -102, -103, -104, -105, -106, -115, -120, -124, -126, -135, -136, -137,
                    -138, -145,
                ],
            ),
            (
                "refused",
                &[
                    -111, -112, -1121, -1122, -1123, -116, -121, -122, -130, -132,
                ],
            ),
            ("limited", &[-133, -144]),
            (
                "another",
                &[
                    -109, -110, -113, -114, -117, -118, -119, -131, -139, -140, -141, -146, -147,
                ],
            ),
            ("transient", &[-100, -107, -9999]),
        ];
        for (expected, codes) in table {
            for code in codes {
                assert_eq!(class(*code), expected, "{code}");
            }
        }
        let taken = json!({ "error": 0, "message": "Success", "data": { "msg_id": "m1" } });
        let sent = Receipt::Sent {
            provider_id: Some("m1".to_owned()),
        };
        assert_eq!(said(200, taken, now), Ok(sent));
        let html = || json!("<html>");
        assert!(matches!(
            said(200, html(), now),
            Err(SendError::Ambiguous(_))
        ));
        assert!(matches!(
            said(503, html(), now),
            Err(SendError::Transient(_))
        ));
    }

    #[test]
    fn pauses_end_when_the_day_or_the_night_does() {
        let until = |code: i64, now: &str| match said(200, json!({ "error": code }), at(now)) {
            Err(SendError::Limited { until, .. }) => until,
            other => panic!("{other:?}"),
        };
        // 19:00 and 23:30 there, then 03:00 and 05:59.
        for (now, midnight, morning) in [
            (
                "2027-03-01T12:00:00Z",
                "2027-03-01T17:00:00Z",
                "2027-03-01T23:00:00Z",
            ),
            (
                "2027-03-01T16:30:00Z",
                "2027-03-01T17:00:00Z",
                "2027-03-01T23:00:00Z",
            ),
            (
                "2027-03-01T20:00:00Z",
                "2027-03-02T17:00:00Z",
                "2027-03-01T23:00:00Z",
            ),
            (
                "2027-03-01T22:59:00Z",
                "2027-03-02T17:00:00Z",
                "2027-03-01T23:00:00Z",
            ),
        ] {
            assert_eq!(until(-144, now), at(midnight), "{now}");
            assert_eq!(until(-133, now), at(morning), "{now}");
        }
    }
}
