//! Settings: the commented default file, an own file over it, the environment over both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::channel::Channel;
use belfry_domain::setting::HouseSettings;
use belfry_domain::wall::WallTime;
use chrono_tz::Tz;
use config::{Config, File, FileFormat, Source};
use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use source::{list_of, note_names, value_of};

/// Mail servers.
mod email;
/// The provider through which administrators sign in.
mod oidc;
/// The channels that reach phones.
mod sms;
/// What a file and the environment say.
mod source;

pub use email::Email;
pub use oidc::Oidc;
pub use sms::{Esms, HttpSms, Sms, SmsProvider, SpeedSms, Telegram, Zns};

/// The manual of all settings, compiled in.
pub const DEFAULT: &str = include_str!("config/default.toml");

/// Every setting. The meaning of each is in [`DEFAULT`].
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub http: Http,
    pub grpc: Grpc,
    pub database: Database,
    pub auth: Auth,
    pub limits: Limits,
    pub booking: Booking,
    pub waiting_list: WaitingList,
    pub presence: Presence,
    pub reminders: Reminders,
    pub scheduler: Scheduler,
    pub email: Email,
    pub couriers: Couriers,
    pub push: Push,
    pub outbound: Outbound,
    pub marketing: Marketing,
    pub digest: Digest,
    pub telegram: Telegram,
    pub sms: Sms,
    pub live: Live,
    pub retention: Retention,
    /// What does not come from the defaults, by section and name.
    #[serde(skip)]
    origins: BTreeMap<String, Origin>,
}

/// Where a setting's value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Default,
    File,
    Environment,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub public_url: String,
    pub workers: usize,
    pub trust_forwarded_for: bool,
    pub head_seconds: u64,
    pub body_seconds: u64,
    pub answer_seconds: u64,
    pub drain_seconds: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    pub listen: String,
    pub workers: usize,
    pub watches: usize,
}

impl Grpc {
    /// Where to listen; `None` when nobody calls this way.
    ///
    /// # Errors
    /// When it is no address.
    pub fn address(&self) -> Result<Option<SocketAddr>> {
        let listen = self.listen.trim();
        let address = (!listen.is_empty()).then(|| listen.parse()).transpose();
        address.context("[grpc] listen is no address with a port, such as 127.0.0.1:50051")
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub connections: u32,
    pub waiting: usize,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub secret: Secret,
    pub access_minutes: u32,
    pub refresh_days: u32,
    pub hashing: usize,
    pub hashing_waiting: usize,
    pub oidc: Oidc,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub enabled: bool,
    pub requests: u32,
    pub register: u32,
    pub login: u32,
    pub lookup: u32,
    pub guest: u32,
    pub guest_email: u32,
    pub account_login: u32,
    pub api_key: u32,
    pub calendar_feed: u32,
    pub calendar_import: u32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Booking {
    pub hold_minutes: u32,
    pub holds_per_person: u32,
    pub guest_bookings: u32,
    pub rules: BookingRules,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WaitingList {
    pub offer_minutes: u32,
    pub places_per_person: u32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    pub offline_after_minutes: u32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reminders {
    pub offsets_minutes: Vec<u32>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduler {
    pub sweep: String,
    pub time_zone: Tz,
    pub lease_seconds: u32,
}

/// How the couriers of the channels beside mail work.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Couriers {
    pub telegram: Pace,
    pub sms: Pace,
    pub fcm: Pace,
    pub web_push: Pace,
    pub webhook: Pace,
}

/// How a courier works.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    pub workers: usize,
    pub lease_seconds: u32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    pub fcm: Fcm,
    pub web: WebPush,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fcm {
    pub service_account: Secret,
    pub base_url: String,
    pub token_url: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebPush {
    pub subject: String,
    pub services: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    pub allow_loopback: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Marketing {
    pub from: WallTime,
    pub until: WallTime,
    pub label: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    pub at: WallTime,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    pub heartbeat_seconds: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub bookings_days: u32,
    pub read_notifications_days: u32,
    pub logs_days: u32,
}

impl Settings {
    /// Reads the defaults, then `file`, then the environment variables given.
    ///
    /// # Errors
    /// When the file cannot be read, a name is unknown or a value does not fit.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULT, FileFormat::Toml));
        let defaults = builder.build_cloned()?;
        let mut origins = BTreeMap::new();
        if let Some(path) = file {
            let source = File::from(path).format(FileFormat::Toml);
            let alone = Config::builder().add_source(source.clone()).build()?;
            for (name, value) in alone.collect()? {
                note_names(name, value, &mut origins);
            }
            builder = builder.add_source(source);
        }
        for (name, text) in environment {
            // Names without a section are command-line options.
            let Some(path) = name
                .strip_prefix("BELFRY_")
                .filter(|path| path.contains("__"))
            else {
                continue;
            };
            let key = path.replace("__", ".").to_lowercase();
            let value = if defaults.get_array(&key).is_ok() {
                list_of(&name, &text)
            } else {
                value_of(&name, &text)
            };
            origins.insert(key.clone(), Origin::Environment);
            builder = builder
                .set_override(&key, value)
                .with_context(|| format!("environment variable {name}"))?;
        }
        let mut settings: Self = builder.build()?.try_deserialize()?;
        settings.origins = origins;
        settings.check()?;
        Ok(settings)
    }

    /// Where the value of a setting comes from, by section and name.
    pub fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).copied().unwrap_or(Origin::Default)
    }

    /// What holds where administrators have set nothing.
    pub fn usual(&self) -> HouseSettings {
        HouseSettings {
            booking_rules: self.booking.rules.clone(),
            reminder_offsets_minutes: self.reminders.offsets_minutes.clone(),
            guest_bookings: self.booking.guest_bookings > 0,
            ..HouseSettings::default()
        }
    }

    /// How the courier of a channel works.
    pub fn pace(&self, channel: Channel) -> Pace {
        match channel {
            Channel::Email => Pace {
                workers: self.email.workers,
                lease_seconds: self.email.lease_seconds,
            },
            Channel::Telegram => self.couriers.telegram,
            Channel::Sms => self.couriers.sms,
            Channel::Fcm => self.couriers.fcm,
            Channel::WebPush => self.couriers.web_push,
            Channel::Webhook => self.couriers.webhook,
        }
    }

    /// The defaults alone.
    ///
    /// # Errors
    /// Never, unless the default file itself is broken.
    pub fn defaults() -> Result<Self> {
        Self::load(None, std::iter::empty())
    }

    fn check(&self) -> Result<()> {
        let secret = self.auth.secret.expose();
        anyhow::ensure!(
            secret.is_empty() || secret.len() >= 32,
            "[auth] secret must have at least 32 characters"
        );
        anyhow::ensure!(
            self.auth.access_minutes > 0,
            "[auth] access_minutes must be at least 1"
        );
        anyhow::ensure!(
            self.http.head_seconds > 0
                && self.http.body_seconds > 0
                && self.http.answer_seconds > 0,
            "[http] head_seconds, body_seconds and answer_seconds must be at least 1"
        );
        anyhow::ensure!(
            self.live.heartbeat_seconds > 0,
            "[live] heartbeat_seconds must be at least 1"
        );
        anyhow::ensure!(
            self.waiting_list.offer_minutes > 0,
            "[waiting_list] offer_minutes must be at least 1"
        );
        anyhow::ensure!(
            self.presence.offline_after_minutes > 0,
            "[presence] offline_after_minutes must be at least 1"
        );
        anyhow::ensure!(
            self.scheduler.lease_seconds > 0,
            "[scheduler] lease_seconds must be at least 1"
        );
        for channel in Channel::ALL {
            let section = match channel {
                Channel::Email => "email".to_owned(),
                other => format!("couriers.{}", other.as_str()),
            };
            let pace = self.pace(channel);
            anyhow::ensure!(
                pace.workers > 0 && pace.lease_seconds > 0,
                "[{section}] workers and lease_seconds must be at least 1"
            );
        }
        let bounces = self.email.bounce_secret.expose();
        anyhow::ensure!(
            bounces.is_empty() || bounces.len() >= 16,
            "[email] bounce_secret must have at least 16 characters"
        );
        self.grpc.address()?;
        anyhow::ensure!(self.grpc.workers > 0, "[grpc] workers must be at least 1");
        self.auth.oidc.check()?;
        self.telegram.check()?;
        self.sms.check()?;
        // What the house starts from must be what its administrators could have set.
        if let Some(fault) = self.usual().checked().err().into_iter().flatten().next() {
            let at = match fault.pointer.strip_prefix("/booking_rules") {
                Some(rule) => format!("[booking.rules] {rule}"),
                None => "[reminders] offsets_minutes".to_owned(),
            };
            anyhow::bail!("{at}: {}", fault.detail);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Settings> {
        let owned = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Settings::load(None, owned.collect::<Vec<_>>().into_iter())
    }

    #[test]
    fn the_default_file_is_complete_and_valid() {
        let settings = Settings::defaults().unwrap();
        assert_eq!(settings.reminders.offsets_minutes, [60]);
        assert_eq!(settings.booking.rules.minutes, [60]);
        assert_eq!(settings.scheduler.time_zone, Tz::UTC);
    }

    #[test]
    fn the_environment_wins_and_lists_come_in_three_forms() {
        for form in ["[1440,60]", "1440, 60", "1440,60"] {
            let settings = load(&[("BELFRY_REMINDERS__OFFSETS_MINUTES", form)]).unwrap();
            assert_eq!(settings.reminders.offsets_minutes, [1440, 60], "{form}");
        }
        for (form, minutes) in [
            ("[45,90]", &[45, 90][..]),
            ("45, 90", &[45, 90]),
            ("45", &[45]),
        ] {
            let settings = load(&[("BELFRY_BOOKING__RULES__MINUTES", form)]).unwrap();
            assert_eq!(settings.booking.rules.minutes, minutes, "{form}");
        }
        let none = load(&[("BELFRY_REMINDERS__OFFSETS_MINUTES", "")]).unwrap();
        assert!(none.reminders.offsets_minutes.is_empty());
        for wrong in ["60,soon", "60,60", "0"] {
            assert!(load(&[("BELFRY_REMINDERS__OFFSETS_MINUTES", wrong)]).is_err());
        }
        let settings = load(&[
            ("BELFRY_REMINDERS__OFFSETS_MINUTES", "15"),
            ("BELFRY_LIMITS__ENABLED", "false"),
            ("BELFRY_BOOKING__RULES__MIN_NOTICE_MINUTES", "0"),
            (
                "BELFRY_AUTH__SECRET",
                "01234567890123456789012345678901234567890",
            ),
            ("BELFRY_LISTEN", "127.0.0.1:1"),
        ])
        .unwrap();
        assert_eq!(settings.reminders.offsets_minutes, [15]);
        assert!(!settings.limits.enabled);
        assert_eq!(settings.booking.rules.min_notice_minutes, 0);
        assert_eq!(
            settings.auth.secret.expose(),
            "01234567890123456789012345678901234567890"
        );
    }

    #[test]
    fn unknown_names_and_short_secrets_are_refused() {
        assert!(load(&[("BELFRY_LIMITS__ENABELD", "false")]).is_err());
        assert!(load(&[("BELFRY_AUTH__SECRET", "short")]).is_err());
        assert!(load(&[("BELFRY_COURIERS__SMS__WORKERS", "0")]).is_err());
        assert!(load(&[("BELFRY_EMAIL__LEASE_SECONDS", "0")]).is_err());
        assert!(load(&[("BELFRY_SCHEDULER__TIME_ZONE", "Europe/Brelin")]).is_err());
        assert!(load(&[("BELFRY_GRPC__LISTEN", "50051")]).is_err());
        assert!(load(&[("BELFRY_GRPC__LISTEN", "[::1]:50051")]).is_ok());
    }

    #[test]
    fn a_sign_in_that_cannot_work_or_is_not_safe_is_refused_at_the_start() {
        let issuer = ("BELFRY_AUTH__OIDC__ISSUER", "https://login.test/house");
        let client = ("BELFRY_AUTH__OIDC__CLIENT_ID", "belfry");
        assert!(load(&[issuer, client]).is_ok());
        let emails = (
            "BELFRY_AUTH__OIDC__ADMIN_EMAILS",
            "Ann@House.test, bob@house.test",
        );
        let settings = load(&[issuer, client, emails]).unwrap();
        let admins = settings.auth.oidc.admins();
        assert_eq!(admins.emails, ["ann@house.test", "bob@house.test"]);
        for (changed, word) in [
            (("ISSUER", "http://login.test/house"), "https"),
            (("ISSUER", "login.test"), "issuer"),
            (("CLIENT_ID", ""), "client_id"),
            (("NAME", " "), "name"),
            (("ADMIN_GROUPS", "ops"), "groups_claim"),
            (("ADMIN_EMAILS", "ann"), "ann is no address"),
        ] {
            let name = format!("BELFRY_AUTH__OIDC__{}", changed.0);
            let told = load(&[issuer, client, (&name, changed.1)]).unwrap_err();
            assert!(told.to_string().contains(word), "{changed:?}: {told}");
        }
        let here = ("BELFRY_AUTH__OIDC__ISSUER", "http://localhost:8081");
        assert!(load(&[here, client]).is_ok());
    }

    #[test]
    fn a_provider_without_its_credentials_is_refused_at_the_start() {
        let refused = |variables: &[(&str, &str)]| load(variables).unwrap_err().to_string();
        let named = |names: &str| refused(&[("BELFRY_SMS__PROVIDERS", names)]);
        assert!(named("esms").contains("[sms.esms] api_key"));
        assert!(named("zns").contains("[sms.zns] app_id"));
        assert!(named("speedsms").contains("[sms.speedsms] token"));
        assert!(named("http_sms").contains("[sms.http_sms] url"));
        assert!(named("pigeon").contains("pigeon"));
        let token = ("BELFRY_SMS__SPEEDSMS__TOKEN", "t");
        assert!(load(&[("BELFRY_SMS__PROVIDERS", "speedsms"), token]).is_ok());
        let twice = [("BELFRY_SMS__PROVIDERS", "speedsms,speedsms"), token];
        assert!(refused(&twice).contains("twice"));
        assert!(refused(&[("BELFRY_TELEGRAM__MODE", "push")]).contains("[telegram] mode"));
    }
}
