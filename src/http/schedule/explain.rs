//! Why times of a day are free or not, for those who answer for the expert (C2.8).

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_actors::expert::DayQuery;
use belfry_domain::id::UserId;
use belfry_domain::slot::Missing;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::expert::{date, number, run_expert};
use crate::http::input::{Faults, Id, Query};
use crate::http::openapi::shape::MissingShape;
use crate::http::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    /// On the expert's calendar.
    #[param(format = Date, required = true)]
    date: Option<String>,
    /// Length; the expert's first when left out.
    #[param(minimum = 1, maximum = 1440)]
    minutes: Option<i64>,
}

/// Every start that the grid has on a date.
#[derive(Serialize, ToSchema)]
pub struct ExplainedOut {
    #[schema(value_type = Uuid)]
    expert_id: UserId,
    date: NaiveDate,
    time_zone: &'static str,
    minutes: u16,
    slots: Vec<ExplainedSlotOut>,
}

#[derive(Serialize, ToSchema)]
pub struct ExplainedSlotOut {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    /// The first thing that stands against it; `null`: it is free.
    #[schema(value_type = Option<MissingShape>, example = "notice")]
    missing: Option<&'static str>,
}

/// Why times of a date are free or not: every start of the grid, with the first reason against it.
#[utoipa::path(get, path = "/api/v1/experts/{id}/slots/explain", tag = "Schedules", params(("id" = Uuid, Path), ExplainQuery),
    responses((status = 200, body = ExplainedOut)))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    query: Query<ExplainQuery>,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let mut faults = Faults::default();
    let asked = query.0.date.as_deref().unwrap_or_default();
    let on = faults.take(date("/date", asked));
    let minutes = faults.take_some(query.0.minutes, |v| number("/minutes", v, 1, 1440));
    faults.check()?;
    let date = on.unwrap_or_default();
    let day = app
        .experts
        .explain_day(id.0, DayQuery { date, minutes })
        .await?;
    let slots = day
        .starts
        .into_iter()
        .map(|(slot, missing)| ExplainedSlotOut {
            starts_at: slot.starts_at,
            ends_at: slot.ends_at,
            missing: missing.map(Missing::code),
        });
    Ok(HttpResponse::Ok().json(ExplainedOut {
        expert_id: id.0,
        date: day.date,
        time_zone: day.time_zone.name(),
        minutes: day.minutes,
        slots: slots.collect(),
    }))
}
