//! Push to apps through Firebase Cloud Messaging (HTTP v1).
//!
//! One client with long-lived HTTP/2 connections carries everything: a connection for each call costs seconds at
//! the tail. Requests that the server did not begin with (a closing connection, a refused stream) are
//! repeated by the client; no others are, for a device shows a second push.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use belfry_actors::{Capabilities, Outgoing, Provider, Rate};
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Receipt, SendError};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::channel::call::{self, body, failed, retry_after, shortened};
use crate::channel::push::Push;
use crate::config;
use account::ServiceAccount;
use answer::{Answer, judge};
use grant::{Grant, Grants};

/// Who we are to Google.
mod account;
/// What FCM's answers mean.
mod answer;
/// Tokens for the calls.
mod grant;

/// Longest message, in bytes of what is shown and of its data.
const MOST_BYTES: usize = 4000;
/// Calls under way at once: servers let a connection carry a hundred, and one that waits inside the client for
/// its turn is lost with the connection without a word whether it left.
const MOST_STREAMS: usize = 90;
/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends pushes for one Firebase project.
pub struct Fcm {
    http: reqwest::Client,
    url: String,
    grants: Grants,
    streams: Semaphore,
}

impl Fcm {
    /// A channel for the project of the configured service account. Must be called inside a running runtime;
    /// calls nobody yet.
    ///
    /// # Errors
    /// When the account cannot be read.
    pub fn new(settings: &config::Fcm) -> Result<Self> {
        let account = ServiceAccount::read(settings.service_account.expose())
            .context("[push.fcm] service_account")?;
        let http = call::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(PATIENCE)
            .pool_idle_timeout(Duration::from_secs(300))
            .http2_keep_alive_interval(Duration::from_secs(30))
            .http2_keep_alive_timeout(Duration::from_secs(10));
        // Without TLS nobody can agree on a version first.
        let plain = settings.base_url.starts_with("http://");
        let http = if plain {
            http.http2_prior_knowledge()
        } else {
            http
        };
        let http = http.build().context("[push.fcm]")?;
        let base = settings.base_url.trim_end_matches('/');
        let url = format!("{base}/v1/projects/{}/messages:send", account.project_id);
        let grants = Grants::start(http.clone(), account, &settings.token_url)?;
        Ok(Self {
            http,
            url,
            grants,
            streams: Semaphore::new(MOST_STREAMS),
        })
    }

    async fn post(&self, message: &str, grant: &Grant, now: Instant) -> Answer {
        // Never closed, so the wait always ends.
        let _turn = self.streams.acquire().await;
        let request = self
            .http
            .post(&self.url)
            .bearer_auth(&**grant)
            .header("content-type", "application/json; charset=utf-8")
            .body(message.to_owned());
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Answer::Failed(failed(&error)),
        };
        let status = response.status().as_u16();
        let pause = retry_after(response.headers(), now);
        judge(status, &body(response).await, pause, now)
    }
}

#[async_trait]
impl Provider for Fcm {
    fn channel(&self) -> Channel {
        Channel::Fcm
    }

    fn name(&self) -> &str {
        "fcm"
    }

    fn capabilities(&self) -> Capabilities {
        // A repeat takes the place of what is on the screen, but one that was put away is shown again.
        Capabilities {
            recognises_repeats: false,
        }
    }

    /// Half of what a project is granted in a minute (600,000), so that two nodes share it, and what a device is
    /// granted (240).
    fn rate(&self) -> Rate {
        Rate {
            per_second: NonZeroU32::new(5000),
            burst: None,
            per_address: Some(Duration::from_millis(250)),
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let (text, now) = (compose(message), message.at);
        let grant = self.grants.get(now, None).await?;
        let answer = match self.post(&text, &grant, now).await {
            // It may have been revoked, or cut short by a clock: a fresh one tells.
            Answer::Unauthorised(_) => {
                let grant = self.grants.get(now, Some(grant)).await?;
                self.post(&text, &grant, now).await
            }
            answer => answer,
        };
        match answer {
            Answer::Taken(name) => Ok(Receipt::Sent { provider_id: name }),
            Answer::Unauthorised(detail) => Err(SendError::Unconfigured(detail)),
            Answer::Failed(error) => Err(error),
        }
    }
}

/// The message as FCM takes it. The tag, and what Apple calls the collapse id, are the delivery's: a repeat replaces
/// the first. (Android's own collapse key is left out: a device that is away keeps four of them, and would
/// lose the fifth notification.)
fn compose(message: &Outgoing) -> String {
    #[derive(Deserialize, Default)]
    struct Details {
        #[serde(default)]
        kind: String,
    }
    let details = Details::deserialize(&message.content.details).unwrap_or_default();
    let to = match details.kind.as_str() {
        "fcm_fid" => "fid",
        _ => "token",
    };
    let facts = facts(&message.content.data);
    let encode = |push: &Push, facts: &Map<String, Value>| {
        let mut data = facts.clone();
        data.insert("kind".to_owned(), json!(message.kind));
        if let Some(url) = &push.url {
            data.insert("url".to_owned(), json!(url));
        }
        let expires = message.at.timestamp() + push.lifetime;
        let link = push.url.as_ref().filter(|url| url.starts_with("https://"));
        json!({ "message": {
            to: message.address,
            "notification": { "title": push.title, "body": push.text },
            "data": data,
            "android": {
                "ttl": format!("{}s", push.lifetime),
                "priority": "HIGH",
                "notification": { "tag": push.tag },
            },
            "apns": {
                "headers": {
                    "apns-collapse-id": push.tag,
                    "apns-expiration": expires.to_string(),
                    "apns-priority": "10",
                },
                "payload": { "aps": { "sound": "default" } },
            },
            "webpush": {
                "headers": { "TTL": push.lifetime.to_string(), "Urgency": "high" },
                "notification": { "tag": push.tag, "lang": message.content.language },
                "fcm_options": link.map_or(json!({}), |url| json!({ "link": url })),
            },
        } })
        .to_string()
    };
    let whole = encode(&Push::of(message), &facts);
    if whole.len() <= MOST_BYTES {
        return whole;
    }
    // What is shown comes before what programs may look up.
    Push::fitted(message, MOST_BYTES, |push| encode(push, &Map::new()))
}

/// The event's facts as FCM takes data: text by name.
fn facts(data: &Value) -> Map<String, Value> {
    let named = data.as_object().into_iter().flatten();
    let told = named.filter_map(|(name, value)| {
        let text = match value {
            Value::Null => return None,
            Value::String(text) => shortened(text),
            other => other.to_string(),
        };
        Some((name.clone(), Value::String(text)))
    });
    told.collect()
}
