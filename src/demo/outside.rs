//! What the demo's world outside looks like: servers that hear of events, one of which is gone, and addresses that
//! take nothing any more. All of them are under `.test`, where nobody lives.

use anyhow::Result;
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::event::{Event, WebhookFacts};
use belfry_domain::id::{UserId, WebhookId};
use belfry_domain::webhook::Hook;
use belfry_store::suppression::{self, Suppression};
use belfry_store::webhook::{self, DisabledCause, SigningSecret, Webhook};
use belfry_store::{Store, StoreError};
use chrono::TimeDelta;

use crate::channel::fresh_secret;

/// Where they lead, what they are called, what they want; the first one is gone.
const WEBHOOKS: [(&str, &str, &str); 2] = [
    (
        "https://crm.belfry.test/hooks/bookings",
        "The old CRM",
        "booking.*",
    ),
    (
        "https://security.belfry.test/in",
        "Security desk",
        "account.password_forgotten",
    ),
];

/// Channel, address, cause, what was said, and hours ago.
const DEAD: [(Channel, &str, &str, &str, i64); 5] = [
    (
        Channel::Email,
        "lan.pham@mail.belfry.test",
        "bounced",
        "5.1.1 smtp; 550 5.1.1 The email account that you tried to reach does not exist",
        3,
    ),
    (
        Channel::Email,
        "tom@office.belfry.test",
        "complained",
        "abuse SomeGenerator/1.0",
        30,
    ),
    (
        Channel::Telegram,
        "5550100200",
        "blocked",
        "403 Forbidden: bot was blocked by the user",
        55,
    ),
    (
        Channel::WebPush,
        "https://push.belfry.test/send/f3Jk-22x",
        "gone",
        "410 Gone",
        80,
    ),
    (
        Channel::Sms,
        "+84900000000",
        "invalid",
        "-108 Phone number is invalid",
        121,
    ),
];

/// Adds all of it.
pub async fn add(store: &Store, admin: UserId, now: Instant) -> Result<()> {
    for (place, (url, description, events)) in WEBHOOKS.into_iter().enumerate() {
        let made = now - TimeDelta::days(20 - place as i64);
        let webhook = Webhook {
            hook: Hook {
                id: WebhookId::at(made),
                url: url.to_owned(),
                events: events.parse().into_iter().collect(),
            },
            description: description.to_owned(),
            secrets: vec![SigningSecret {
                secret: fresh_secret(),
                until: None,
            }],
            enabled: true,
            disabled_cause: None,
            failing_since: None,
            created_by: admin,
            created_at: made,
            updated_at: made,
            version: 1,
        };
        let mut tx = store.begin().await?;
        webhook::insert(&mut tx, &webhook).await?;
        if place == 0 {
            // Tried once more after it was gone, which its log shows.
            webhook::insert_test(&mut tx, &webhook.hook, now - TimeDelta::hours(2)).await?;
        }
        tx.commit().await?;
        if place == 0 {
            lose(store, &webhook, now).await?;
        }
    }
    let mut tx = store.begin().await?;
    for (channel, address, cause, detail, hours) in DEAD {
        let suppression = Suppression {
            channel,
            address: address.to_owned(),
            cause: cause.to_owned(),
            detail: detail.to_owned(),
            at: now - TimeDelta::hours(hours),
        };
        suppression::suppress(&mut tx, &suppression).await?;
    }
    Ok(tx.commit().await?)
}

async fn lose(store: &Store, webhook: &Webhook, now: Instant) -> Result<bool, StoreError> {
    let facts = WebhookFacts {
        webhook_id: webhook.hook.id,
        url: webhook.hook.url.clone(),
        cause: DisabledCause::Gone.as_str().to_owned(),
    };
    let tell = Event::of_webhook(&facts, webhook.version + 1, now);
    store.webhook_gone(webhook.hook.id, &tell, now).await
}
