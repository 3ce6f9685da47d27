//! Pushes to apps and browsers as the settings name them, and webhooks, which are always there.

use std::sync::Arc;

use anyhow::Result;
use belfry_actors::Provider;
use belfry_store::Store;

use super::{Fcm, Guard, Vapid, WebPush, Webhooks};
use crate::config::Settings;

/// What is known of these ways where devices and endpoints are registered.
#[derive(Clone)]
pub struct Outbound {
    /// Judges addresses that people name.
    pub guard: Guard,
    /// With which browsers subscribe; `None` where they are sent nothing.
    pub web_key: Option<String>,
    /// Whether apps are sent anything.
    pub fcm: bool,
}

/// Sets up what the settings name. Calls nobody yet.
///
/// # Errors
/// When a setting does not fit, or the database fails.
pub async fn outbound(
    settings: &Settings,
    store: &Store,
) -> Result<(Outbound, Vec<Arc<dyn Provider>>)> {
    let push = &settings.push;
    let guard = Guard::new(settings.outbound.allow_loopback);
    let mut providers: Vec<Arc<dyn Provider>> =
        vec![Arc::new(Webhooks::new(store.clone(), guard.clone())?)];
    let fcm = !push.fcm.service_account.expose().is_empty();
    if fcm {
        providers.push(Arc::new(Fcm::new(&push.fcm)?));
    }
    let mut web_key = None;
    if !push.web.subject.is_empty() {
        // One key for good: every browser's subscription holds to the one it was made for.
        let key = store
            .setting_or_insert("push.web.key", &Vapid::fresh_key())
            .await?;
        let vapid = Vapid::new(&key, &push.web.subject)?;
        web_key = Some(vapid.public_key().to_owned());
        providers.push(Arc::new(WebPush::new(&push.web, vapid, guard.clone())?));
    }
    let outbound = Outbound {
        guard,
        web_key,
        fcm,
    };
    Ok((outbound, providers))
}
