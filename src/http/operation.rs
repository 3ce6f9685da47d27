//! Health, readiness, figures.

use actix_web::HttpResponse;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web::Data;
use serde_json::json;

use crate::http::App;
use crate::telemetry;

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "Operation", responses((status = 200)), security(()))]
pub async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// What requests need.
pub struct Readiness {
    database: bool,
    bus: bool,
}

impl Readiness {
    /// Looks at it.
    pub async fn of(app: &App) -> Self {
        Self {
            database: app.world.store.ping().await.is_ok(),
            bus: app.world.bus.is_up().await,
        }
    }

    /// Whether nothing is missing.
    pub fn is_ready(&self) -> bool {
        self.database && self.bus
    }
}

/// Whether requests can be served; 503 with what is missing.
#[utoipa::path(get, path = "/readyz", tag = "Operation", responses((status = 200), (status = 503)), security(()))]
pub async fn ready(app: Data<App>) -> HttpResponse {
    let found = Readiness::of(&app).await;
    // The server does not listen before its migrations are done.
    let parts = json!({ "database": found.database, "bus": found.bus, "migrations": true });
    if found.is_ready() {
        return HttpResponse::Ok().json(json!({ "status": "ready", "parts": parts }));
    }
    HttpResponse::ServiceUnavailable()
        .insert_header((RETRY_AFTER, "2"))
        .json(json!({ "status": "unavailable", "parts": parts }))
}

/// Figures in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "Operation", responses((status = 200, content_type = "text/plain")), security(()))]
pub async fn figures(app: Data<App>) -> HttpResponse {
    app.figures.refresh().await;
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(telemetry::render())
}
