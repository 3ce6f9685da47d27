//! The ways out of the house.

/// Calls to the web services of providers.
pub mod call;
/// Mail by SMTP.
pub mod email;
/// Text messages through eSMS.
mod esms;
/// Text messages through any gateway that takes an HTTP request.
mod http_sms;
/// Mail without a mail server: kept in the database.
pub mod kept;
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

use std::sync::Arc;

use anyhow::Result;
use belfry_actors::Provider;
use belfry_store::Store;

use crate::config;

pub use email::Email;
pub use esms::Esms;
pub use http_sms::HttpSms;
pub use kept::Kept;
pub use smtp::Patience;
pub use speedsms::SpeedSms;
pub use zns::Zns;

/// The mail channel for these settings: through the server at `smtp_url`, or kept if that is empty. `from`
/// is the sender, `connections` how many stay open between mails.
///
/// # Errors
/// When the address of the server or of the sender is malformed.
pub fn email(smtp_url: &str, from: &str, connections: usize) -> Result<Arc<dyn Provider>> {
    Ok(if smtp_url.is_empty() {
        Arc::new(Kept)
    } else {
        Arc::new(Email::new(smtp_url, from, connections)?)
    })
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
    let provider = |name: &String| -> Result<Arc<dyn Provider>> {
        Ok(match name.as_str() {
            "zns" => Arc::new(Zns::new(settings.zns.clone(), store.clone())?),
            "esms" => Arc::new(Esms::new(settings.esms.clone())?),
            "speedsms" => Arc::new(SpeedSms::new(settings.speedsms.clone())?),
            "http_sms" => Arc::new(HttpSms::new(settings.http_sms.clone())?),
            _ => anyhow::bail!("[sms] providers: there is no {name}"),
        })
    };
    settings.providers.iter().map(provider).collect()
}
