//! Text messages through any gateway that takes an HTTP request: what it is sent and how it says yes are
//! settings.

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use belfry_actors::{Capabilities, Outgoing, Provider};
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Receipt, SendError};
use belfry_domain::sms::{Encoding, measure};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde_json::Value;
use url::Url;

use crate::channel::call::{self, Answer, call};
use crate::channel::sms::{count, digits};
use crate::config::{self, SmsProvider};

/// Its name among the providers.
const NAME: &str = SmsProvider::HttpSms.as_str();

/// All but what stands for itself in a query and a form (RFC 3986, unreserved).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One gateway.
pub struct HttpSms {
    client: Client,
    method: Method,
    headers: HeaderMap,
    escape: Escape,
    settings: config::HttpSms,
}

/// How a value is written so that it cannot become anything but a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Escape {
    /// Inside quotes.
    Json,
    /// Percent-encoded.
    Form,
    /// As character data or an attribute.
    Xml,
    /// As it is.
    None,
}

impl Escape {
    fn of(content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let kind = kind.to_ascii_lowercase();
        if kind.ends_with("json") {
            Self::Json
        } else if kind.ends_with("x-www-form-urlencoded") {
            Self::Form
        } else if kind.ends_with("xml") {
            Self::Xml
        } else {
            Self::None
        }
    }

    fn write(self, value: &str) -> String {
        match self {
            Self::Json => {
                let quoted = Value::from(value).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            Self::Form => utf8_percent_encode(value, RESERVED).to_string(),
            Self::Xml => value
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&apos;"),
            Self::None => value.to_owned(),
        }
    }
}

/// Replaces each `{{name}}` by its value. What stands in a value is not looked at again.
fn fill(pattern: &str, escape: Escape, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let known = after.split_once("}}").and_then(|(name, after)| {
            let value = values.iter().find(|(known, _)| *known == name.trim())?;
            Some((value.1, after))
        });
        match known {
            Some((value, after)) => {
                filled.push_str(&escape.write(value));
                rest = after;
            }
            None => {
                filled.push_str("{{");
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

impl HttpSms {
    /// Sends as the settings say.
    ///
    /// # Errors
    /// When the address, the method or a header is malformed, or the number or the text goes nowhere.
    pub fn new(settings: config::HttpSms) -> Result<Self> {
        let tried = fill(
            &settings.url,
            Escape::Form,
            &[("phone", "1"), ("text", "a")],
        );
        let tried = Url::parse(&tried).context("[sms.http_sms] url")?;
        ensure!(
            matches!(tried.scheme(), "http" | "https"),
            "[sms.http_sms] url must begin with https:// or http://"
        );
        for [one, other] in [["{{phone}}", "{{digits}}"], ["{{text}}", "{{text}}"]] {
            let has = |pattern: &str| pattern.contains(one) || pattern.contains(other);
            ensure!(
                has(&settings.url) || has(&settings.body),
                "[sms.http_sms] neither url nor body names {one}"
            );
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            let fault = || format!("[sms.http_sms.headers] {name}");
            let mut value = HeaderValue::from_str(value.expose()).with_context(fault)?;
            value.set_sensitive(true);
            headers.insert(HeaderName::try_from(name).with_context(fault)?, value);
        }
        let method = Method::from_bytes(settings.method.as_bytes());
        Ok(Self {
            client: call::client()?,
            method: method.context("[sms.http_sms] method")?,
            headers,
            escape: Escape::of(&settings.content_type),
            settings,
        })
    }

    /// What an answer means to a message that was sent at `now`.
    fn judge(&self, answer: &Answer, now: Instant) -> Result<Receipt, SendError> {
        if let Some(outage) = answer.outage(now) {
            return Err(outage);
        }
        let detail = format!("{} {}", answer.status, answer.body);
        if !answer.is_success() {
            return Err(match answer.status {
                401 | 402 | 403 | 404 | 405 | 407 | 415 => SendError::Unconfigured(detail),
                _ => SendError::Refused(detail),
            });
        }
        if !self.settings.success_pointer.is_empty() {
            match answer.body.pointer(&self.settings.success_pointer) {
                Some(value) if words(value) == self.settings.success_value => {}
                // It says no, without a way of saying why that is known here.
                Some(_) => return Err(SendError::Transient(detail)),
                None => return Err(SendError::Ambiguous(detail)),
            }
        }
        let id = &self.settings.id_pointer;
        let id = (!id.is_empty()).then(|| answer.body.pointer(id)).flatten();
        Ok(Receipt::Sent {
            provider_id: id.map(words),
        })
    }
}

/// A value as it would be typed into the settings.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[async_trait]
impl Provider for HttpSms {
    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            recognises_repeats: self.settings.recognises_repeats,
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let text = message.content.text.trim();
        let (id, digits) = (message.id.to_string(), digits(&message.address));
        let unicode = match measure(text).0 {
            Encoding::Gsm => "0",
            Encoding::Unicode => "1",
        };
        let values = [
            ("phone", message.address.as_str()),
            ("digits", &digits),
            ("text", text),
            ("id", &id),
            ("unicode", unicode),
        ];
        let url = fill(&self.settings.url, Escape::Form, &values);
        let request = self.client.request(self.method.clone(), url);
        let mut request = request.headers(self.headers.clone());
        if !self.settings.body.is_empty() {
            let body = fill(&self.settings.body, self.escape, &values);
            let content_type = self.settings.content_type.as_str();
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        let receipt = self.judge(&call(request).await?, message.at)?;
        count(NAME, text);
        Ok(receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_typed_gets_out_of_its_place() {
        let typed = "\"},{\"x\":\"{{id}} <b>&'\n";
        let values = [("text", typed), ("id", "7")];
        let json = fill(
            "{\"t\":\"{{text}}\",\"i\":\"{{ id }}\"}",
            Escape::Json,
            &values,
        );
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read, serde_json::json!({ "t": typed, "i": "7" }));

        let form = fill("t={{text}}&i={{id}}", Escape::Form, &values);
        let read: Vec<(String, String)> = serde_urlencoded::from_str(&form).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read, [pair("t", typed), pair("i", "7")]);

        let xml = fill("<t a='{{text}}'/>", Escape::Xml, &values);
        assert!(
            !xml[7..xml.len() - 3].contains(['<', '>', '\'', '"']),
            "{xml}"
        );
        assert_eq!(fill("{{other}} {{", Escape::None, &values), "{{other}} {{");
    }

    #[test]
    fn the_escape_follows_the_media_type() {
        for (kind, escape) in [
            ("application/json", Escape::Json),
            ("application/vnd.gateway+json; charset=utf-8", Escape::Json),
            ("application/x-www-form-urlencoded", Escape::Form),
            ("text/xml", Escape::Xml),
            ("text/plain", Escape::None),
        ] {
            assert_eq!(Escape::of(kind), escape, "{kind}");
        }
    }

    fn gateway(change: impl FnOnce(&mut config::HttpSms)) -> Result<HttpSms> {
        let mut settings = config::Settings::defaults().unwrap().sms.http_sms;
        settings.url = "https://sms.test/send".to_owned();
        change(&mut settings);
        HttpSms::new(settings)
    }

    #[test]
    fn settings_that_send_nothing_to_nobody_are_refused() {
        assert!(gateway(|_| {}).is_ok());
        assert!(gateway(|s| s.url = "sms.test".to_owned()).is_err());
        assert!(gateway(|s| s.url = "file:///etc/passwd".to_owned()).is_err());
        assert!(gateway(|s| s.body = "{{text}}".to_owned()).is_err());
        assert!(gateway(|s| s.body = "{{phone}}".to_owned()).is_err());
        assert!(gateway(|s| s.method = "P OST".to_owned()).is_err());
    }

    #[test]
    fn an_answer_means_what_the_settings_make_of_it() {
        let gateway = gateway(|s| {
            s.success_pointer = "/status".to_owned();
            s.success_value = "0".to_owned();
            s.id_pointer = "/data/id".to_owned();
        });
        let gateway = gateway.unwrap();
        let said = |status, body: Value| {
            let answer = Answer {
                status,
                retry_after: None,
                body,
            };
            gateway.judge(&answer, Instant::default())
        };
        let yes = serde_json::json!({ "status": 0, "data": { "id": 12 } });
        let sent = Receipt::Sent {
            provider_id: Some("12".to_owned()),
        };
        assert_eq!(said(200, yes), Ok(sent));
        let no = serde_json::json!({ "status": 5 });
        assert!(matches!(said(200, no), Err(SendError::Transient(_))));
        let neither = serde_json::json!("ok");
        assert!(matches!(said(200, neither), Err(SendError::Ambiguous(_))));
        let body = || serde_json::json!({});
        assert!(matches!(said(400, body()), Err(SendError::Refused(_))));
        assert!(matches!(said(401, body()), Err(SendError::Unconfigured(_))));
        assert!(matches!(said(429, body()), Err(SendError::Limited { .. })));
        assert!(matches!(said(503, body()), Err(SendError::Transient(_))));
        assert!(matches!(said(504, body()), Err(SendError::Ambiguous(_))));
    }
}
