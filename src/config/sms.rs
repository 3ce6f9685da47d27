//! Settings of the channels that reach phones: text messages and Telegram.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use belfry_domain::zns::Approved;
use chrono_tz::Tz;
use serde::Deserialize;

use crate::secret::Secret;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telegram {
    pub token: Secret,
    pub api_url: String,
    pub mode: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    pub providers: Vec<String>,
    pub esms: Esms,
    pub speedsms: SpeedSms,
    pub http_sms: HttpSms,
    pub zns: Zns,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Esms {
    pub url: String,
    pub api_key: Secret,
    pub secret_key: Secret,
    pub brandname: String,
    pub sms_type: String,
    pub sandbox: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeedSms {
    pub url: String,
    pub token: Secret,
    pub sms_type: i64,
    pub sender: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSms {
    pub url: String,
    pub method: String,
    pub content_type: String,
    pub body: String,
    pub headers: BTreeMap<String, Secret>,
    pub success_pointer: String,
    pub success_value: String,
    pub id_pointer: String,
    pub recognises_repeats: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zns {
    pub url: String,
    pub oauth_url: String,
    pub app_id: String,
    pub secret_key: Secret,
    pub refresh_token: Secret,
    pub time_zone: Tz,
    pub templates: Vec<Approved>,
}

/// The providers that there are.
const PROVIDERS: [&str; 4] = ["zns", "esms", "speedsms", "http_sms"];

impl Telegram {
    pub(super) fn check(&self) -> Result<()> {
        ensure!(
            matches!(self.mode.as_str(), "poll" | "webhook"),
            "[telegram] mode must be \"poll\" or \"webhook\""
        );
        Ok(())
    }
}

impl Sms {
    pub(super) fn check(&self) -> Result<()> {
        for (place, name) in self.providers.iter().enumerate() {
            ensure!(
                PROVIDERS.contains(&name.as_str()),
                "[sms] providers: {name} is none of {}",
                PROVIDERS.join(", ")
            );
            ensure!(
                !self.providers[..place].contains(name),
                "[sms] providers: {name} is there twice"
            );
            for (setting, value) in self.needed(name) {
                ensure!(!value.is_empty(), "[sms.{name}] {setting} is needed");
            }
        }
        Ok(())
    }

    /// Without which a provider sends nothing.
    fn needed(&self, provider: &str) -> Vec<(&'static str, &str)> {
        let (esms, zns) = (&self.esms, &self.zns);
        match provider {
            "esms" => vec![
                ("api_key", esms.api_key.expose()),
                ("secret_key", esms.secret_key.expose()),
            ],
            "speedsms" => vec![("token", self.speedsms.token.expose())],
            "http_sms" => vec![("url", self.http_sms.url.as_str())],
            _ => vec![
                ("app_id", zns.app_id.as_str()),
                ("secret_key", zns.secret_key.expose()),
                ("refresh_token", zns.refresh_token.expose()),
            ],
        }
    }
}
