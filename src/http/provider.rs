//! Those who take our messages, and how they fare.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_actors::courier::ProviderState;
use belfry_domain::channel::Channel;
use chrono::{DateTime, Utc};
use futures::future::join_all;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::problem::Problem;

/// All providers.
#[derive(Serialize, ToSchema)]
pub struct ProvidersOut {
    items: Vec<ProviderOut>,
}

/// How a provider fares on the node that answers.
#[derive(Serialize, ToSchema)]
pub struct ProviderOut {
    #[schema(value_type = String, example = "email")]
    channel: Channel,
    #[schema(example = "smtp")]
    provider: String,
    /// `ready`, `paused` (it asked for it), `broken` (it failed too often, or turned us away) or `probing` (one
    /// message finds out whether it is well again).
    #[schema(example = "ready")]
    state: &'static str,
    /// When it is called again, where it is not now.
    until: Option<DateTime<Utc>>,
    /// What it said when it asked for a pause.
    pause: Option<String>,
    /// How many messages may leave at once now; `null` for any number.
    tokens: Option<usize>,
    under_way: usize,
    last_error: Option<String>,
    last_error_at: Option<DateTime<Utc>>,
    /// How attempts ended since the node started, by outcome.
    counts: BTreeMap<&'static str, u64>,
}

impl From<ProviderState> for ProviderOut {
    fn from(state: ProviderState) -> Self {
        let (last_error_at, last_error) = state.last_error.unzip();
        Self {
            channel: state.channel,
            provider: state.provider.to_string(),
            state: state.state,
            until: state.until,
            pause: state.pause,
            tokens: state.tokens,
            under_way: state.under_way,
            last_error,
            last_error_at,
            counts: state.counts,
        }
    }
}

/// How the providers fare on the node that answers, by channel in their order; admins.
#[utoipa::path(get, path = "/api/v1/admin/providers", tag = "Administration",
    responses((status = 200, body = ProvidersOut)))]
pub async fn list(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let states = join_all(app.couriers.iter().map(|courier| courier.providers())).await;
    let items = states.into_iter().flatten().map(ProviderOut::from);
    Ok(HttpResponse::Ok().json(ProvidersOut {
        items: items.collect(),
    }))
}
