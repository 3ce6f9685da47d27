//! Settings of the channels that reach phones: text messages and Telegram.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use belfry_domain::zns::Approved;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::secret::{Secret, masked};

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Telegram {
    pub token: Secret,
    pub api_url: String,
    pub mode: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    pub providers: Vec<SmsProvider>,
    pub esms: Esms,
    pub speedsms: SpeedSms,
    pub http_sms: HttpSms,
    pub zns: Zns,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Esms {
    pub url: String,
    pub api_key: Secret,
    pub secret_key: Secret,
    pub brandname: String,
    pub sms_type: String,
    pub sandbox: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SpeedSms {
    pub url: String,
    pub token: Secret,
    pub sms_type: i64,
    pub sender: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSms {
    /// Gateways take their keys in the address, or in what they are sent.
    #[serde(serialize_with = "masked")]
    pub url: String,
    pub method: String,
    pub content_type: String,
    #[serde(serialize_with = "masked")]
    pub body: String,
    pub headers: BTreeMap<String, Secret>,
    pub success_pointer: String,
    pub success_value: String,
    pub id_pointer: String,
    pub recognises_repeats: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
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

/// Who can carry text messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SmsProvider {
    Zns,
    Esms,
    #[serde(rename = "speedsms")]
    SpeedSms,
    HttpSms,
}

impl SmsProvider {
    /// The name in the settings, in the outbox and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zns => "zns",
            Self::Esms => "esms",
            Self::SpeedSms => "speedsms",
            Self::HttpSms => "http_sms",
        }
    }
}

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
        for (place, provider) in self.providers.iter().enumerate() {
            let name = provider.as_str();
            ensure!(
                !self.providers[..place].contains(provider),
                "[sms] providers: {name} is there twice"
            );
            for (setting, value) in self.needed(*provider) {
                ensure!(!value.is_empty(), "[sms.{name}] {setting} is needed");
            }
        }
        Ok(())
    }

    /// Without which a provider sends nothing.
    fn needed(&self, provider: SmsProvider) -> Vec<(&'static str, &str)> {
        let (esms, zns) = (&self.esms, &self.zns);
        match provider {
            SmsProvider::Esms => vec![
                ("api_key", esms.api_key.expose()),
                ("secret_key", esms.secret_key.expose()),
            ],
            SmsProvider::SpeedSms => vec![("token", self.speedsms.token.expose())],
            SmsProvider::HttpSms => vec![("url", self.http_sms.url.as_str())],
            SmsProvider::Zns => vec![
                ("app_id", zns.app_id.as_str()),
                ("secret_key", zns.secret_key.expose()),
                ("refresh_token", zns.refresh_token.expose()),
            ],
        }
    }
}
