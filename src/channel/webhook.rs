//! Webhooks: events to servers of others, signed by Standard Webhooks 1.0.0 (C6.3).
//!
//! Each endpoint is a matter of its own: whatever one answers holds up no other, so its faults are never those of
//! the channel. Its row is read at each attempt, so that a new address, a new secret or a switch counts at once.

use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belfry_actors::{Capabilities, Outgoing, Provider};
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Receipt, SendError};
use belfry_domain::event::{Event, WebhookFacts};
use belfry_domain::id::WebhookId;
use belfry_domain::webhook::retry_at;
use belfry_store::webhook::{DisabledCause, SigningSecret, Webhook};
use belfry_store::{Store, StoreError};
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;
use url::Url;

use crate::channel::call::{body, retry_after, shortened, told};
use crate::channel::guard::{Guard, forbidden};
use crate::secret;

/// How long an endpoint may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a secret begins with, and how many random bytes follow.
const PREFIX: &str = "whsec_";
const SECRET_BYTES: usize = 32;

/// Sends events to the endpoints that administrators named.
pub struct Webhooks {
    http: reqwest::Client,
    guard: Guard,
    store: Store,
}

impl Webhooks {
    /// A channel to the endpoints of `store`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(store: Store, guard: Guard) -> Result<Self> {
        let http = guard.client(PATIENCE).context("webhooks")?;
        Ok(Self { http, guard, store })
    }

    /// Calls the endpoint once; the error says why that was no success, and whether the endpoint is gone.
    async fn call(&self, webhook: &Webhook, message: &Outgoing) -> Result<(), Failure> {
        let url: Url = webhook
            .hook
            .url
            .parse()
            .map_err(|_| Failure::of("this is no address"))?;
        self.guard
            .check_form(&url)
            .map_err(|forbidden| Failure::of(forbidden.to_string()))?;
        let content = &message.content.text;
        let (id, seconds) = (message.id.to_string(), message.at.timestamp());
        let signed = signatures(&webhook.secrets, &id, seconds, content, message.at)
            .ok_or_else(|| Failure::of("its secret does not sign"))?;
        let request = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signed)
            .body(content.clone());
        let response = request.send().await.map_err(|error| {
            Failure::of(match forbidden(&error) {
                Some(forbidden) => forbidden.to_string(),
                None => told(&error),
            })
        })?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(());
        }
        let pause = retry_after(response.headers(), message.at);
        Err(Failure {
            gone: status == 410,
            wish: pause.filter(|_| matches!(status, 429 | 502 | 503 | 504)),
            detail: shortened(&format!("{status} {}", body(response).await)),
        })
    }
}

/// Why a call was no success.
struct Failure {
    gone: bool,
    /// When the endpoint wants to be called again.
    wish: Option<Instant>,
    detail: String,
}

impl Failure {
    fn of(detail: impl Into<String>) -> Self {
        Self {
            gone: false,
            wish: None,
            detail: detail.into(),
        }
    }
}

#[async_trait]
impl Provider for Webhooks {
    fn channel(&self) -> Channel {
        Channel::Webhook
    }

    fn name(&self) -> &str {
        "webhook"
    }

    fn capabilities(&self) -> Capabilities {
        // The id is the same at every attempt, and receivers are told to go by it.
        Capabilities {
            recognises_repeats: true,
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        #[derive(Deserialize)]
        struct Details {
            webhook_id: WebhookId,
        }
        let details = Details::deserialize(&message.content.details)
            .map_err(|_| SendError::Refused("it names no webhook".to_owned()))?;
        let id = details.webhook_id;
        let unread = |error: StoreError| SendError::Transient(error.to_string());
        let refused = |detail: &str| Err(SendError::Refused(detail.to_owned()));
        let webhook = match self.store.webhook(id).await.map_err(unread)? {
            None => return refused("the webhook was removed"),
            Some(webhook) if !webhook.enabled => return refused("the webhook is switched off"),
            Some(webhook) => webhook,
        };
        let result = self.call(&webhook, message).await;
        self.note(&webhook, &result, message.at).await;
        match result {
            Ok(()) => Ok(Receipt::Sent { provider_id: None }),
            Err(Failure {
                gone: true, detail, ..
            }) => Err(SendError::Refused(detail)),
            Err(failure) => Err(SendError::Postponed {
                until: Some(retry_at(
                    message.attempt,
                    message.at,
                    rand::random(),
                    failure.wish,
                )),
                detail: failure.detail,
            }),
        }
    }
}

impl Webhooks {
    /// Keeps how the endpoint does. What cannot be kept now is told by the next attempt.
    async fn note(&self, webhook: &Webhook, result: &Result<(), Failure>, now: Instant) {
        let id = webhook.hook.id;
        let tell = |cause: DisabledCause| {
            let facts = WebhookFacts {
                webhook_id: id,
                url: webhook.hook.url.clone(),
                cause: cause.as_str().to_owned(),
            };
            Event::of_webhook(&facts, webhook.version + 1, now)
        };
        let (gone, failing) = (DisabledCause::Gone, DisabledCause::Failing);
        let noted = match result {
            Ok(()) if webhook.failing_since.is_none() => return,
            Ok(()) => self.store.webhook_succeeded(id).await.map(|()| false),
            Err(failure) if failure.gone => self.store.webhook_gone(id, &tell(gone), now).await,
            Err(_) => self.store.webhook_failed(id, &tell(failing), now).await,
        };
        match noted {
            Ok(true) => tracing::warn!(webhook = %id, "webhook {id} was switched off"),
            Ok(false) => {}
            Err(error) => tracing::warn!(webhook = %id, %error, "how a webhook does was not kept"),
        }
    }
}

/// A secret that nobody has yet.
pub fn fresh_secret() -> String {
    format!(
        "{PREFIX}{}",
        STANDARD.encode(secret::fresh::<SECRET_BYTES>())
    )
}

/// A signature by each secret that counts at `now`, as the header takes them; `None` when a secret is malformed.
fn signatures(
    secrets: &[SigningSecret],
    id: &str,
    seconds: i64,
    content: &str,
    now: Instant,
) -> Option<String> {
    let counts = secrets
        .iter()
        .filter(|secret| secret.until.is_none_or(|until| now < until));
    let signed = counts.map(|secret| {
        let key = STANDARD.decode(secret.secret.strip_prefix(PREFIX)?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(format!("{id}.{seconds}.{content}").as_bytes());
        Some(format!(
            "v1,{}",
            STANDARD.encode(mac.finalize().into_bytes())
        ))
    });
    let signed: Option<Vec<String>> = signed.collect();
    signed.map(|signed| signed.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_signed_alike() {
        let now: Instant = "2021-02-25T05:37:05Z".parse().unwrap();
        let secret = |text: &str, until| SigningSecret {
            secret: text.to_owned(),
            until,
        };
        let present = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", None);
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let content = "{\"test\": 2432232314}";
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let sign = |secrets: &[SigningSecret]| {
            signatures(secrets, id, 1_614_265_330, content, now).unwrap()
        };
        assert_eq!(sign(std::slice::from_ref(&present)), expected);
        let old = secret(&fresh_secret(), Some(now + chrono::TimeDelta::hours(1)));
        let over = secret(&fresh_secret(), Some(now));
        let both = sign(&[present, old, over]);
        assert_eq!(both.split(' ').count(), 2);
        assert!(both.starts_with(expected));
    }
}
