//! Public holidays that an expert takes off, by their own choice (C2.1).

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::field::FieldError;
use belfry_domain::holiday::{Holiday, holidays, regions};
use belfry_domain::id::UserId;
use belfry_domain::wall;
use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::expert::run_expert;
use crate::http::input::{Body, Id};
use crate::http::problem::Problem;

/// Days ahead that are listed.
const AHEAD: u64 = 400;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HolidaysIn {
    /// One of the regions that are listed; `null`: none are taken off.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true, example = "VN", pattern = "^[A-Z]{2}(-[A-Z]{2,3})?$")]
    region: Option<String>,
}

/// Whose public holidays an expert takes off.
#[derive(Serialize, ToSchema)]
pub struct HolidaysOut {
    region: Option<String>,
    /// The next ones, in order.
    days: Vec<HolidayOut>,
    /// What there is to choose from.
    regions: Vec<RegionOut>,
}

#[derive(Serialize, ToSchema)]
pub struct HolidayOut {
    date: NaiveDate,
    /// In English.
    name: &'static str,
    /// In the language of the country, where that is Vietnamese or Chinese.
    local_name: Option<&'static str>,
    /// Whether the expert works nevertheless: the date has hours of its own.
    worked: bool,
}

#[derive(Serialize, ToSchema)]
pub struct RegionOut {
    /// ISO 3166, such as `VN` or `DE-BY`.
    code: &'static str,
    /// What a part of a country is called there.
    name: Option<&'static str>,
}

/// The public holidays that an expert takes off. A date with hours of its own (an override) is worked.
#[utoipa::path(get, path = "/api/v1/experts/{id}/holidays", tag = "Schedules", params(("id" = Uuid, Path)),
    responses((status = 200, body = HolidaysOut)))]
pub async fn get(app: Data<App>, signed: Signed, id: Id<UserId>) -> Result<HttpResponse, Problem> {
    let expert = run_expert(&app, &signed, id.0).await?;
    let store = &app.world.store;
    let region = store.holiday_region(id.0).await?;
    let today = wall::local_date(expert.time_zone, app.world.clock.now());
    let until = today + Days::new(AHEAD);
    let worked: Vec<NaiveDate> = store
        .overrides(id.0, today, until)
        .await?
        .into_iter()
        .filter(|day| !day.intervals.is_empty())
        .map(|day| day.date)
        .collect();
    let days = region.as_deref().and_then(holidays).unwrap_or_default();
    let near = |day: &Holiday| today <= day.date && day.date < until;
    let days = days.into_iter().filter(near).map(|day| HolidayOut {
        date: day.date,
        name: day.name,
        local_name: day.local_name,
        worked: worked.contains(&day.date),
    });
    let regions = regions().into_iter().map(|region| RegionOut {
        code: region.code,
        name: region.name,
    });
    Ok(HttpResponse::Ok().json(HolidaysOut {
        region,
        days: days.collect(),
        regions: regions.collect(),
    }))
}

/// Chooses whose public holidays an expert takes off. Bookings on them stay: the expert decides about each.
#[utoipa::path(put, path = "/api/v1/experts/{id}/holidays", tag = "Schedules", params(("id" = Uuid, Path)),
    request_body = HolidaysIn, responses((status = 200, body = HolidaysOut)))]
pub async fn put(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let input: HolidaysIn = body.read()?;
    let region = input.region.as_deref();
    if region.is_some_and(|code| holidays(code).is_none()) {
        let detail = "There are no holidays of this region here.";
        return Err(Problem::field("/region", FieldError::INVALID, detail));
    }
    app.world.store.put_holiday_region(id.0, region).await?;
    app.experts.rescheduled(id.0).await;
    get(app, signed, id).await
}
