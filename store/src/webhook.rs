//! Webhooks: where they lead, what they want, how they do.

use std::fmt;

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::event::Event;
use belfry_domain::gate::Class;
use belfry_domain::id::{DeliveryId, EventId, UserId, WebhookId};
use belfry_domain::notification::Category;
use belfry_domain::webhook::{FAILING, Hook, Pattern, TEST, content, rule_id, test_body};
use const_format::formatcp;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::versions::{Book, edited};
use crate::{Store, StoreError, Tx, delivery, event};

/// An endpoint as administrators know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Webhook {
    pub hook: Hook,
    pub description: String,
    /// Newest first.
    pub secrets: Vec<SigningSecret>,
    pub enabled: bool,
    /// Why it was switched off by itself.
    pub disabled_cause: Option<String>,
    /// Since when every attempt has failed.
    pub failing_since: Option<Instant>,
    pub created_by: UserId,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub version: i64,
}

/// What signs, `whsec_` and base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret {
    pub secret: String,
    /// It signs until then; `None` for the present one.
    pub until: Option<Instant>,
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecret(until {:?})", self.until)
    }
}

/// Why an endpoint was switched off by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DisabledCause {
    /// It said that it is gone.
    Gone,
    /// Everything failed for days.
    Failing,
}

impl DisabledCause {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    url: String,
    description: String,
    events: Json<Vec<Pattern>>,
    secrets: Json<Vec<SigningSecret>>,
    enabled: bool,
    disabled_cause: Option<String>,
    failing_since: Option<Instant>,
    created_by: Uuid,
    created_at: Instant,
    updated_at: Instant,
    version: i64,
}

const COLUMNS: &str = "id, url, description, events, secrets, enabled, disabled_cause, failing_since, \
     created_by, created_at, updated_at, version";

impl From<Row> for Webhook {
    fn from(row: Row) -> Self {
        Self {
            hook: Hook {
                id: row.id.into(),
                url: row.url,
                events: row.events.0,
            },
            description: row.description,
            secrets: row.secrets.0,
            enabled: row.enabled,
            disabled_cause: row.disabled_cause,
            failing_since: row.failing_since,
            created_by: row.created_by.into(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

impl Store {
    /// Every endpoint that hears of events.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hooks(&self) -> Result<Vec<Hook>, StoreError> {
        let rows: Vec<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!(
                "SELECT {COLUMNS} FROM webhooks WHERE enabled ORDER BY id"
            ))
            .fetch_all(pool)
            .await?
        });
        Ok(rows
            .into_iter()
            .map(|row| Webhook::from(row).hook)
            .collect())
    }

    /// A page of the endpoints, newest first, after the one with id `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhooks(
        &self,
        after: Option<WebhookId>,
        limit: i64,
    ) -> Result<Vec<Webhook>, StoreError> {
        let rows: Vec<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!(
                "SELECT {COLUMNS} FROM webhooks WHERE ($1 IS NULL OR id < $1) \
                 ORDER BY id DESC LIMIT $2"
            ))
            .bind(after.map(WebhookId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(Webhook::from).collect())
    }

    /// The endpoint with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let row: Option<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!("SELECT {COLUMNS} FROM webhooks WHERE id = $1"))
                .bind(id.uuid())
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(Webhook::from))
    }

    /// Notes that something arrived: it does not fail any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook_succeeded(&self, id: WebhookId) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "UPDATE webhooks SET failing_since = NULL \
                 WHERE id = $1 AND failing_since IS NOT NULL",
            )
            .bind(id.uuid())
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Notes that an attempt failed at `now`. One that has failed for too long is switched off; then `tell` is
    /// appended, and the answer is true.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook_failed(
        &self,
        id: WebhookId,
        tell: &Event,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(
                "UPDATE webhooks SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL",
            )
            .bind(id.uuid())
            .bind(now)
            .execute(&mut *c)
            .await?;
        });
        let cut = now - FAILING;
        let off = disable(&mut tx, id, DisabledCause::Failing, Some(cut), tell, now).await?;
        tx.commit().await?;
        Ok(off)
    }

    /// Switches an endpoint off that says it is gone; answers whether this call did it, and then appends `tell`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook_gone(
        &self,
        id: WebhookId,
        tell: &Event,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let off = disable(&mut tx, id, DisabledCause::Gone, None, tell, now).await?;
        tx.commit().await?;
        Ok(off)
    }
}

/// Switches an endpoint off if it is on, and has failed since `failing_since` at least where that is given.
async fn disable(
    tx: &mut Tx,
    id: WebhookId,
    cause: DisabledCause,
    failing_since: Option<Instant>,
    tell: &Event,
    now: Instant,
) -> Result<bool, StoreError> {
    let changed = on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE webhooks SET enabled = FALSE, disabled_cause = $2, updated_at = $3, \
               version = version + 1 \
             WHERE id = $1 AND enabled AND ($4 IS NULL OR failing_since <= $4)",
        )
        .bind(id.uuid())
        .bind(cause.as_str())
        .bind(now)
        .bind(failing_since)
        .execute(&mut *c)
        .await?
        .rows_affected()
    });
    if changed == 1 {
        edited(tx, Book::Webhooks).await?;
        event::append(tx, std::slice::from_ref(tell)).await?;
    }
    Ok(changed == 1)
}

/// Adds an endpoint.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, webhook: &Webhook) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "INSERT INTO webhooks ({COLUMNS}) \
             VALUES ($1, $2, $3, $4, $5, $6, NULL, NULL, $7, $8, $8, 1)"
        ))
        .bind(webhook.hook.id.uuid())
        .bind(&webhook.hook.url)
        .bind(&webhook.description)
        .bind(Json(&webhook.hook.events))
        .bind(Json(&webhook.secrets))
        .bind(webhook.enabled)
        .bind(webhook.created_by.uuid())
        .bind(webhook.created_at)
        .execute(&mut *c)
        .await?;
    });
    edited(tx, Book::Webhooks).await
}

/// Writes an endpoint as it is to be from now on; `false` when it is no longer in the version it was read in.
/// One that is switched on starts with a clean slate.
///
/// # Errors
/// When the database fails.
pub async fn update(tx: &mut Tx, webhook: &Webhook, now: Instant) -> Result<bool, StoreError> {
    let changed = on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE webhooks SET url = $3, description = $4, events = $5, secrets = $6, \
               failing_since = CASE WHEN $7 AND NOT enabled THEN NULL ELSE failing_since END, \
               disabled_cause = CASE WHEN $7 THEN NULL ELSE disabled_cause END, \
               enabled = $7, updated_at = $8, version = version + 1 \
             WHERE id = $1 AND version = $2",
        )
        .bind(webhook.hook.id.uuid())
        .bind(webhook.version)
        .bind(&webhook.hook.url)
        .bind(&webhook.description)
        .bind(Json(&webhook.hook.events))
        .bind(Json(&webhook.secrets))
        .bind(webhook.enabled)
        .bind(now)
        .execute(&mut *c)
        .await?
        .rows_affected()
    });
    if changed == 1 {
        edited(tx, Book::Webhooks).await?;
    }
    Ok(changed == 1)
}

/// Removes an endpoint; `false` when there is none. What was sent to it stays in the log.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &mut Tx, id: WebhookId) -> Result<bool, StoreError> {
    let changed = on_tx!(tx, |c| {
        sqlx::query::<DB>("DELETE FROM webhooks WHERE id = $1")
            .bind(id.uuid())
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    if changed == 1 {
        edited(tx, Book::Webhooks).await?;
    }
    Ok(changed == 1)
}

/// Puts an event of the type `webhook.test` on its way to an endpoint.
///
/// # Errors
/// When the database fails.
pub async fn insert_test(tx: &mut Tx, hook: &Hook, now: Instant) -> Result<DeliveryId, StoreError> {
    let id = DeliveryId::at(now);
    let content = content(hook.id, test_body(hook.id, now));
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO deliveries (id, event_id, rule_id, user_id, channel, address, kind, subject, content, \
               status, attempt, next_at, created_at, updated_at, category, class, rank) \
             VALUES ($1, $2, $3, NULL, $4, $5, $6, $6, $7, 'pending', 0, $8, $8, $8, $9, $10, 0)",
        )
        .bind(id.uuid())
        .bind(EventId::at(now).uuid())
        .bind(rule_id(hook.id))
        .bind(Channel::Webhook.as_str())
        .bind(&hook.url)
        .bind(TEST)
        .bind(Json(&content))
        .bind(now)
        .bind(Category::Account.as_str())
        .bind(Class::Service.as_str())
        .execute(&mut *c)
        .await?;
    });
    delivery::await_turn(tx, vec![id.uuid()]).await?;
    Ok(id)
}
