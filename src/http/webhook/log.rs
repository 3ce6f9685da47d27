//! What was sent to an endpoint, and sending it again.

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::Instant;
use belfry_domain::delivery::DeliveryStatus;
use belfry_domain::field::FieldError;
use belfry_domain::id::{DeliveryId, WebhookId};
use belfry_domain::webhook::rule_id;
use belfry_store::delivery::{Filter, Item};
use belfry_store::webhook;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::found;
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::delivery::{DeliveryOut, resend_all};
use crate::http::input::{Body, Id, Query, instant};
use crate::http::openapi::shape::DeliveryStatusShape;
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayIn {
    /// Everything that was planned then or later.
    since: DateTime<Utc>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WebhookLogQuery {
    #[param(value_type = Option<DeliveryStatusShape>)]
    status: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

/// What was put on its way.
#[derive(Serialize, ToSchema)]
pub struct TestOut {
    /// Its delivery, see the outbox; also its `webhook-id`.
    #[schema(value_type = Uuid)]
    delivery_id: DeliveryId,
}

#[derive(Serialize, ToSchema)]
pub struct ReplayOut {
    /// Messages that are sent again.
    count: u64,
}

/// Sends an event of the type `webhook.test`; admins.
#[utoipa::path(post, path = "/api/v1/admin/webhooks/{id}/test", tag = "Administration",
    params(("id" = Uuid, Path)), responses((status = 202, body = TestOut)))]
pub async fn test(
    app: Data<App>,
    signed: Signed,
    id: Id<WebhookId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let webhook = found(&app, id.0).await?;
    if !webhook.enabled {
        return Err(Problem::new("conflict"));
    }
    let now = app.world.clock.now();
    let mut tx = app.world.store.begin().await?;
    let delivery_id = webhook::insert_test(&mut tx, &webhook.hook, now).await?;
    tx.commit().await?;
    app.couriers.iter().for_each(|courier| courier.nudge());
    Ok(HttpResponse::Accepted().json(TestOut { delivery_id }))
}

/// What was sent to an endpoint, newest first; admins. One message is sent again as in the outbox.
#[utoipa::path(get, path = "/api/v1/admin/webhooks/{id}/deliveries", tag = "Administration",
    params(WebhookLogQuery, ("id" = Uuid, Path)), responses((status = 200, body = Page<DeliveryOut>)))]
pub async fn deliveries(
    app: Data<App>,
    signed: Signed,
    id: Id<WebhookId>,
    query: Query<WebhookLogQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let limit = limit(query.0.limit)?;
    let after = cursor::<(Instant, DeliveryId)>(query.0.after.as_deref())?;
    let unknown = |_| Problem::field("/status", FieldError::INVALID, "This is not a status.");
    let status = query.0.status.as_deref().map(str::parse::<DeliveryStatus>);
    let filter = Filter {
        status: status.transpose().map_err(unknown)?,
        rule_id: Some(rule_id(id.0)),
        ..Filter::default()
    };
    // One that was removed has left its log behind.
    let found = app
        .world
        .store
        .deliveries(&filter, after, limit + 1)
        .await?;
    let key = |item: &Item| (item.created_at, item.id);
    Ok(HttpResponse::Ok().json(page(found, limit, key, DeliveryOut::from)))
}

/// Sends everything again that failed since an instant; admins. What ended in doubt may arrive twice.
#[utoipa::path(post, path = "/api/v1/admin/webhooks/{id}/replay", tag = "Administration",
    params(("id" = Uuid, Path)), request_body = ReplayIn, responses((status = 200, body = ReplayOut)))]
pub async fn replay(
    app: Data<App>,
    signed: Signed,
    id: Id<WebhookId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let input: ReplayIn = body.read()?;
    let since = instant("/since", input.since)?;
    let webhook = found(&app, id.0).await?;
    if !webhook.enabled {
        return Err(Problem::new("conflict"));
    }
    let mut count = 0;
    for status in [DeliveryStatus::Dead, DeliveryStatus::Ambiguous] {
        let filter = Filter {
            status: Some(status),
            rule_id: Some(rule_id(id.0)),
            made_since: Some(since),
            ..Filter::default()
        };
        let subject = format!("webhook/{}", id.0);
        count += resend_all(&app, &signed, &subject, &filter).await?;
    }
    Ok(HttpResponse::Ok().json(ReplayOut { count }))
}
