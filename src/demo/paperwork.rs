//! What an administrator's desk has after a few weeks: keys that machines have, and a log of what was changed.

use anyhow::Result;
use belfry_domain::Instant;
use belfry_domain::api_key::{ApiKey, PREFIX, Scope};
use belfry_domain::id::{ApiKeyId, UserId};
use belfry_store::audit::{AuditEntry, Author};
use belfry_store::{Store, api_key, audit};
use chrono::TimeDelta;
use serde_json::json;

use crate::secret;

/// Writes it. Nobody has the keys: what opens the door was never shown.
pub async fn keep(
    store: &Store,
    admin: UserId,
    experts: impl Iterator<Item = UserId>,
    now: Instant,
) -> Result<()> {
    let author = |key| Author { user: admin, key };
    let mut tx = store.begin().await?;
    let mut website = None;
    for (name, days_ago, scopes, lasts, ended) in [
        (
            "Website",
            21,
            vec![
                Scope::ExpertsRead,
                Scope::BookingsRead,
                Scope::BookingsWrite,
            ],
            Some(365),
            false,
        ),
        (
            "Warehouse report",
            14,
            vec![Scope::BookingsRead],
            Some(30),
            false,
        ),
        ("Old till", 40, vec![Scope::BookingsWrite], None, true),
    ] {
        let made = now - TimeDelta::days(days_ago);
        let key = ApiKey {
            id: ApiKeyId::at(made),
            user_id: admin,
            name: name.to_owned(),
            prefix: format!("{PREFIX}{}", &hex(&secret::fresh::<3>())),
            scopes,
            created_at: made,
            expires_at: lasts.map(|days| made + TimeDelta::days(days)),
            last_used_at: None,
            revoked_at: None,
            version: 1,
        };
        api_key::insert(&mut tx, &key, &secret::fresh::<32>()).await?;
        let shown = json!({ "name": key.name, "prefix": key.prefix, "scopes": key.scopes });
        let subject = format!("api_key/{}", key.id);
        let entry = AuditEntry::new(
            author(None),
            made,
            "api_key.created",
            subject.clone(),
            (),
            &shown,
        );
        audit::append(&mut tx, &entry).await?;
        if ended {
            let at = made + TimeDelta::days(9);
            api_key::revoke(&mut tx, key.id, at).await?;
            let entry = AuditEntry::new(author(None), at, "api_key.revoked", subject, &shown, ());
            audit::append(&mut tx, &entry).await?;
        }
        website = website.or(Some(key.id));
    }
    for (place, expert) in experts.enumerate() {
        let at = now - TimeDelta::days(30) + TimeDelta::minutes(7 * place as i64);
        let before = json!({ "role": "user", "disabled": false });
        let after = json!({ "role": "expert", "disabled": false });
        let subject = format!("user/{expert}");
        let entry = AuditEntry::new(author(None), at, "user.governed", subject, before, after);
        audit::append(&mut tx, &entry).await?;
    }
    let at = now - TimeDelta::hours(20);
    let (before, after) = (
        json!({ "status": "dead" }),
        json!({ "status": "retrying", "count": 3 }),
    );
    let subject = "deliveries".to_owned();
    let entry = AuditEntry::new(
        author(website),
        at,
        "deliveries.retried",
        subject,
        before,
        after,
    );
    audit::append(&mut tx, &entry).await?;
    Ok(tx.commit().await?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
