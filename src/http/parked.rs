//! Events that could not be planned, for administrators.

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::Instant;
use belfry_domain::id::EventId;
use belfry_store::audit;
use belfry_store::planning::{self, Parked};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::input::{Id, Query};
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ParkedQuery {
    limit: Option<i64>,
    after: Option<String>,
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

/// Lists events that could not be planned, newest first; admins.
#[utoipa::path(get, path = "/api/v1/admin/parked-events", tag = "Administration", params(ParkedQuery),
    responses((status = 200, body = Page<ParkedOut>)))]
pub async fn list(
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
    let entry = signed.entry(
        app.world.clock.now(),
        "event.replanned",
        format!("event/{}", id.0),
        json!({ "fault": fault }),
        json!({ "fault": null }),
    );
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    (app.committed)();
    Ok(HttpResponse::NoContent().finish())
}
