//! The ways out of the house.

/// Calendars on servers of others.
pub mod calendar;
/// Calls to the web services of others.
pub mod call;
/// Signatures on mails.
pub mod dkim;
/// Mail by SMTP.
pub mod email;
/// Text messages through eSMS.
mod esms;
/// Push to apps.
mod fcm;
/// Addresses that people name, and where they must not lead.
mod guard;
/// Text messages through any gateway that takes an HTTP request.
mod http_sms;
/// Mail without a mail server: kept in the database.
pub mod kept;
/// The provider through which administrators sign in.
pub mod oidc;
/// The ways out beside mail.
mod outbound;
/// What a push shows.
mod push;
/// What mail servers say about mails afterwards.
pub mod report;
/// What text messages have in common.
mod sms;
/// Connections to a mail server, and what its answers mean.
mod smtp;
/// Text messages through SpeedSMS.
mod speedsms;
/// Messages into Telegram chats.
pub mod telegram;
/// Template messages to phone numbers by Zalo.
mod zns;

/// Push to browsers.
mod web_push;
/// Events to servers of others.
mod webhook;

use std::sync::Arc;

use anyhow::{Context, Result};
use belfry_actors::Provider;
use belfry_store::Store;

use crate::config;
use crate::config::SmsProvider;

pub use dkim::Dkim;
pub use email::Email;
pub use esms::Esms;
pub use fcm::Fcm;
pub use guard::{Forbidden, Guard};
pub use http_sms::HttpSms;
pub use kept::Kept;
pub use oidc::{Oidc, OidcFailure};
pub use outbound::{Outbound, outbound};
pub use smtp::Patience;
pub use speedsms::SpeedSms;
pub use web_push::{SubscriptionKeys, Vapid, WebPush};
pub use webhook::{Webhooks, fresh_secret};
pub use zns::Zns;

/// The mail servers of these settings in their order, or the database if there are none.
///
/// # Errors
/// When the address of a server or of the sender is malformed, or the key to sign with cannot be read.
pub fn email(settings: &config::Email) -> Result<Vec<Arc<dyn Provider>>> {
    let servers = settings.servers();
    if servers.is_empty() {
        return Ok(vec![Arc::new(Kept)]);
    }
    let key = settings.dkim_key.expose();
    let dkim = match key {
        "" => None,
        key => {
            let dkim = Dkim::new(&settings.dkim_selector, &settings.dkim_domain, key);
            Some(Arc::new(dkim.context("[email] dkim_key")?))
        }
    };
    let providers = servers.into_iter().enumerate().map(|(at, url)| {
        let mut email = Email::new(url, &settings.from, settings.workers)?;
        if at > 0 {
            email = email.named(format!("smtp-{}", at + 1));
        }
        if let Some(dkim) = &dkim {
            email = email.signing(dkim.clone());
        }
        Ok(Arc::new(email) as Arc<dyn Provider>)
    });
    providers.collect()
}

/// The bot as a sender of messages; chats that have moved are kept in `store`.
pub fn telegram(bot: telegram::Bot, store: &Store) -> Arc<dyn Provider> {
    Arc::new(telegram::Telegram::new(bot, store.clone()))
}

/// Who carries text messages by these settings, in the order in which they are tried.
///
/// # Errors
/// When a setting does not fit.
pub fn sms(settings: &config::Sms, store: &Store) -> Result<Vec<Arc<dyn Provider>>> {
    let provider = |provider: &SmsProvider| -> Result<Arc<dyn Provider>> {
        Ok(match provider {
            SmsProvider::Zns => Arc::new(Zns::new(settings.zns.clone(), store.clone())?),
            SmsProvider::Esms => Arc::new(Esms::new(settings.esms.clone())?),
            SmsProvider::SpeedSms => Arc::new(SpeedSms::new(settings.speedsms.clone())?),
            SmsProvider::HttpSms => Arc::new(HttpSms::new(settings.http_sms.clone())?),
        })
    };
    settings.providers.iter().map(provider).collect()
}
