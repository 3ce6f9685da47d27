//! The access token of an official account. It is good for about a day, and each renewal spends the refresh token
//! it is made with: so all nodes share both through the database, and one of them renews at a time.

use std::time::Duration;

use anyhow::{Context, Result};
use belfry_domain::Instant;
use belfry_domain::delivery::SendError;
use belfry_store::{Store, StoreError};
use chrono::TimeDelta;
use reqwest::Client;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

use crate::channel::call::call;
use crate::config;

/// Where tokens are renewed, below the address of the service.
const RENEW: &str = "v4/oa/access_token";
/// Where both tokens are kept, and who of several may renew them.
const KEY: &str = "zns.token";
/// How long before its end a token is renewed.
const AHEAD: TimeDelta = TimeDelta::minutes(5);
/// How long somebody may take to renew it.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How often, and how many times, the others look whether it is done.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS: u32 = 40;

/// Gives out the access token.
pub(super) struct Tokens {
    client: Client,
    url: Url,
    settings: config::Zns,
    store: Store,
}

/// Both tokens as they are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    access_token: String,
    refresh_token: String,
    expires_at: Instant,
    /// Of the configured refresh token that all this began with: another one begins anew.
    seed: String,
}

fn at_fault(error: StoreError) -> SendError {
    SendError::Transient(error.to_string())
}

impl Tokens {
    /// Tokens of the account that the settings name.
    ///
    /// # Errors
    /// When the address is malformed.
    pub(super) fn new(settings: config::Zns, client: Client, store: Store) -> Result<Self> {
        let base = Url::parse(&settings.oauth_url).context("[sms.zns] oauth_url")?;
        Ok(Self {
            url: base.join(RENEW).context("[sms.zns] oauth_url")?,
            client,
            settings,
            store,
        })
    }

    /// An access token that is good at `now`.
    ///
    /// # Errors
    /// `Unconfigured` when Zalo gives none, `Transient` when that may pass.
    pub(super) async fn get(&self, now: Instant) -> Result<String, SendError> {
        match self.kept().await? {
            Some(kept) if kept.expires_at - AHEAD > now => Ok(kept.access_token),
            Some(kept) => self.renew(&kept.access_token, now).await,
            None => self.renew("", now).await,
        }
    }

    /// The token after `spent`, made now unless somebody has.
    ///
    /// # Errors
    /// As [`Tokens::get`].
    pub(super) async fn renew(&self, spent: &str, now: Instant) -> Result<String, SendError> {
        // Each call is a holder of its own: the same node may send several messages at once.
        let holder = Uuid::now_v7().to_string();
        for look in 0..LOOKS {
            if let Some(kept) = self.kept().await?
                && kept.access_token != spent
            {
                return Ok(kept.access_token);
            }
            let lease = self.store.take_lease(KEY, &holder, now + LEASE, now).await;
            if lease.map_err(at_fault)? {
                let made = self.make(spent, now).await;
                self.store
                    .release_lease(KEY, &holder)
                    .await
                    .map_err(at_fault)?;
                return made;
            }
            tracing::debug!(look, "somebody else renews the token of Zalo");
            tokio::time::sleep(LOOK).await;
        }
        Err(SendError::Transient(
            "the token is being renewed elsewhere".to_owned(),
        ))
    }

    /// Spends the refresh token, unless somebody did just before the lease was taken. Only whoever has it may.
    async fn make(&self, spent: &str, now: Instant) -> Result<String, SendError> {
        let old = self.kept_text().await?;
        let kept = old.as_deref().and_then(|text| self.read(text));
        if let Some(kept) = kept.as_ref().filter(|kept| kept.access_token != spent) {
            return Ok(kept.access_token.clone());
        }
        let refresh_token = match &kept {
            Some(kept) => kept.refresh_token.as_str(),
            None => self.settings.refresh_token.expose(),
        };
        let form = [
            ("refresh_token", refresh_token),
            ("app_id", self.settings.app_id.as_str()),
            ("grant_type", "refresh_token"),
        ];
        let body = serde_urlencoded::to_string(form);
        let body = body.map_err(|error| SendError::Unconfigured(error.to_string()))?;
        let request = self
            .client
            .post(self.url.clone())
            .header("secret_key", self.settings.secret_key.expose())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        // Whatever became of a lost call, no message was sent by it.
        let answer = call(request).await.map_err(|fault| match fault {
            SendError::Ambiguous(detail) => SendError::Transient(detail),
            fault => fault,
        })?;
        let text = |name: &str| answer.body[name].as_str().map(str::to_owned);
        let (Some(access_token), Some(refresh_token)) =
            (text("access_token"), text("refresh_token"))
        else {
            let detail = format!("no token: {} {}", answer.status, answer.body);
            return Err(match answer.outage(now) {
                Some(SendError::Ambiguous(_)) => SendError::Transient(detail),
                Some(outage) => outage,
                None => SendError::Unconfigured(detail),
            });
        };
        let kept = Kept {
            expires_at: now + TimeDelta::seconds(seconds(&answer.body["expires_in"])),
            access_token,
            refresh_token,
            seed: self.seed(),
        };
        let text = serde_json::to_string(&kept);
        let text = text.map_err(|error| SendError::Transient(error.to_string()))?;
        let replaced = self.store.replace_setting(KEY, old.as_deref(), &text).await;
        if !replaced.map_err(at_fault)? {
            tracing::warn!("somebody renewed the token of Zalo without the lease");
        }
        Ok(kept.access_token)
    }

    async fn kept_text(&self) -> Result<Option<String>, SendError> {
        self.store.setting(KEY).await.map_err(at_fault)
    }

    async fn kept(&self) -> Result<Option<Kept>, SendError> {
        let text = self.kept_text().await?;
        Ok(text.and_then(|text| self.read(&text)))
    }

    /// What was kept, if it began with the refresh token that is configured now.
    fn read(&self, text: &str) -> Option<Kept> {
        let kept: Kept = serde_json::from_str(text).ok()?;
        (kept.seed == self.seed()).then_some(kept)
    }

    fn seed(&self) -> String {
        let hash = Sha256::digest(self.settings.refresh_token.expose());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A length as Zalo writes it, in quotes; an hour where it says nothing.
fn seconds(value: &Value) -> i64 {
    let seconds = match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    };
    seconds.unwrap_or(3600).clamp(600, 100 * 24 * 3600)
}
