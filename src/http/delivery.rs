//! The outbox: every message that went out or should have, for administrators.

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::Instant;
use belfry_domain::delivery::{Attachment, DeliveryStatus};
use belfry_domain::field::FieldError;
use belfry_domain::id::{DeliveryId, EventId, UserId};
use belfry_domain::text;
use belfry_store::audit::{self, AuditEntry};
use belfry_store::delivery::{self, Attempt, Filter, Item, ItemDetail, Resent};
use belfry_store::planning::{self, Parked};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::input::{Faults, Id, Query};
use crate::http::openapi::shape::DeliveryStatusShape;
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    #[param(value_type = Option<DeliveryStatusShape>)]
    status: Option<String>,
    #[param(max_length = 20)]
    channel: Option<String>,
    /// Text in address or subject.
    #[param(max_length = 100)]
    query: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ParkedQuery {
    limit: Option<i64>,
    after: Option<String>,
}

/// A message to one address.
#[derive(Serialize, ToSchema)]
pub struct DeliveryOut {
    #[schema(value_type = Uuid)]
    id: DeliveryId,
    channel: String,
    address: String,
    #[schema(value_type = DeliveryStatusShape, example = "sent")]
    status: DeliveryStatus,
    subject: String,
    kind: String,
    /// How often it was tried.
    attempt: i64,
    /// When it is tried next, if it will be.
    next_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    sent_at: Option<DateTime<Utc>>,
    last_error: Option<String>,
    user: Addressee,
}

/// Who a message is for.
#[derive(Serialize, ToSchema)]
pub struct Addressee {
    #[schema(value_type = Uuid)]
    id: UserId,
    name: String,
}

/// A message with what was sent, and every try.
#[derive(Serialize, ToSchema)]
pub struct DeliveryDetailOut {
    #[serde(flatten)]
    delivery: DeliveryOut,
    text: String,
    html: String,
    attachments: Vec<AttachmentOut>,
    attempts: Vec<AttemptOut>,
}

/// A file that goes with a message.
#[derive(Serialize, ToSchema)]
pub struct AttachmentOut {
    name: String,
    content_type: String,
    text: String,
}

/// One try.
#[derive(Serialize, ToSchema)]
pub struct AttemptOut {
    number: i64,
    started_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    /// `sent kept retry limited dead_address refused exhausted ambiguous lost expired`, `null` while it is
    /// under way.
    outcome: Option<String>,
    provider_id: Option<String>,
    error: Option<String>,
}

/// An event that could not be planned.
#[derive(Serialize, ToSchema)]
pub struct ParkedOut {
    id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    time: DateTime<Utc>,
    fault: String,
}

impl From<Item> for DeliveryOut {
    fn from(item: Item) -> Self {
        let waits = matches!(
            item.status,
            DeliveryStatus::Pending | DeliveryStatus::Retrying
        );
        Self {
            id: item.id,
            channel: item.channel,
            address: item.address,
            status: item.status,
            subject: item.subject,
            kind: item.kind,
            attempt: item.attempt,
            next_at: waits.then_some(item.next_at),
            created_at: item.created_at,
            sent_at: item.sent_at,
            last_error: item.last_error,
            user: Addressee {
                id: item.user_id,
                name: item.user_name,
            },
        }
    }
}

impl From<ItemDetail> for DeliveryDetailOut {
    fn from(found: ItemDetail) -> Self {
        let file = |file: Attachment| AttachmentOut {
            name: file.name,
            content_type: file.content_type,
            text: file.text,
        };
        let attempt = |attempt: Attempt| AttemptOut {
            number: attempt.number,
            started_at: attempt.started_at,
            finished_at: attempt.finished_at,
            outcome: attempt.outcome,
            provider_id: attempt.provider_id,
            error: attempt.error,
        };
        Self {
            delivery: found.item.into(),
            text: found.content.text,
            html: found.content.html,
            attachments: found.content.attachments.into_iter().map(file).collect(),
            attempts: found.attempts.into_iter().map(attempt).collect(),
        }
    }
}

impl From<Parked> for ParkedOut {
    fn from(parked: Parked) -> Self {
        Self {
            id: parked.id,
            kind: parked.kind,
            subject: parked.subject,
            time: parked.time,
            fault: parked.fault,
        }
    }
}

/// Lists messages, newest first; admins.
#[utoipa::path(get, path = "/api/v1/admin/deliveries", tag = "Administration", params(DeliveryQuery),
    responses((status = 200, body = Page<DeliveryOut>)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<DeliveryQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let query = query.0;
    let limit = limit(query.limit)?;
    let after = cursor::<(Instant, DeliveryId)>(query.after.as_deref())?;
    let mut faults = Faults::default();
    let filter = Filter {
        status: faults.take_some(query.status.as_deref(), |name| {
            let unknown =
                |_| FieldError::new("/status", FieldError::INVALID, "This is not a status.");
            name.parse::<DeliveryStatus>().map_err(unknown)
        }),
        channel: faults.take_some(query.channel.as_deref(), |name| {
            text::checked("/channel", name, 0, 20, false)
        }),
        query: faults.take_some(query.query.as_deref(), |typed| {
            text::checked("/query", typed, 0, 100, false)
        }),
    };
    faults.check()?;
    let found = app
        .world
        .store
        .deliveries(&filter, after, limit + 1)
        .await?;
    let key = |item: &Item| (item.created_at, item.id);
    Ok(HttpResponse::Ok().json(page(found, limit, key, DeliveryOut::from)))
}

/// One message with its content and every try; admins.
#[utoipa::path(get, path = "/api/v1/admin/deliveries/{id}", tag = "Administration", params(("id" = Uuid, Path)),
    responses((status = 200, body = DeliveryDetailOut)))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    id: Id<DeliveryId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    found(&app, id.0).await
}

/// Sends a dead or doubtful message once more; admins. A doubtful one may arrive twice.
#[utoipa::path(post, path = "/api/v1/admin/deliveries/{id}/retry", tag = "Administration",
    params(("id" = Uuid, Path)), responses((status = 200, body = DeliveryDetailOut)))]
pub async fn retry(
    app: Data<App>,
    signed: Signed,
    id: Id<DeliveryId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let now = app.world.clock.now();
    let mut tx = app.world.store.begin().await?;
    let before = match delivery::resend(&mut tx, id.0, now).await? {
        Resent::Due { before } => before,
        Resent::NotNow(_) => return Err(Problem::new("conflict")),
        Resent::Missing => return Err(Problem::new("not-found")),
    };
    let entry = AuditEntry {
        at: now,
        actor_id: Some(signed.0.id),
        action: "delivery.retried".to_owned(),
        subject: format!("delivery/{}", id.0),
        before: json!({ "status": before }),
        after: json!({ "status": DeliveryStatus::Retrying }),
    };
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    app.couriers.iter().for_each(|courier| courier.nudge());
    found(&app, id.0).await
}

/// Lists events that could not be planned, newest first; admins.
#[utoipa::path(get, path = "/api/v1/admin/parked-events", tag = "Administration", params(ParkedQuery),
    responses((status = 200, body = Page<ParkedOut>)))]
pub async fn list_parked(
    app: Data<App>,
    signed: Signed,
    query: Query<ParkedQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let limit = limit(query.0.limit)?;
    let after = cursor::<(Instant, EventId)>(query.0.after.as_deref())?;
    let found = app.world.store.parked_events(after, limit + 1).await?;
    let key = |parked: &Parked| (parked.time, EventId::from(parked.id));
    Ok(HttpResponse::Ok().json(page(found, limit, key, ParkedOut::from)))
}

/// Gives a parked event back to the planner; admins.
#[utoipa::path(post, path = "/api/v1/admin/parked-events/{id}/retry", tag = "Administration",
    params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn replan(
    app: Data<App>,
    signed: Signed,
    id: Id<EventId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let mut tx = app.world.store.begin().await?;
    let Some(fault) = planning::replan(&mut tx, id.0).await? else {
        return Err(Problem::new("not-found"));
    };
    let entry = AuditEntry {
        at: app.world.clock.now(),
        actor_id: Some(signed.0.id),
        action: "event.replanned".to_owned(),
        subject: format!("event/{}", id.0),
        before: json!({ "fault": fault }),
        after: json!({ "fault": null }),
    };
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    (app.committed)();
    Ok(HttpResponse::NoContent().finish())
}

async fn found(app: &App, id: DeliveryId) -> Result<HttpResponse, Problem> {
    let found = app.world.store.delivery(id).await?;
    let found = found.ok_or_else(|| Problem::new("not-found"))?;
    Ok(HttpResponse::Ok().json(DeliveryDetailOut::from(found)))
}
