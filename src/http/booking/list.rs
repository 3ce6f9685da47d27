//! Finding bookings.

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::account::Role;
use belfry_domain::booking::{Booking, Status};
use belfry_domain::field::FieldError;
use belfry_domain::id::{BookingId, UserId};
use belfry_domain::{Instant, text, to_micros};
use belfry_store::booking::{BookingFilter, Scope};
use chrono::TimeDelta;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::BookingOut;
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::input::{Faults, Query};
use crate::http::openapi::shape::SortShape;
use crate::http::page::{cursor, limit, page};
use crate::http::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// One or more, with commas.
    status: Option<String>,
    /// Instant or date (in the caller's zone): `from <= starts_at`.
    from: Option<String>,
    /// Instant or date (in the caller's zone): `starts_at < to`.
    to: Option<String>,
    expert_id: Option<Uuid>,
    /// Text in code, note and names.
    #[param(max_length = 100)]
    query: Option<String>,
    /// `-starts_at` (latest first, when left out) or `starts_at`.
    #[param(inline, value_type = Option<SortShape>)]
    sort: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

/// The caller's bookings, as client or as expert; a manager's branch; all of them for admins.
#[utoipa::path(get, path = "/api/v1/bookings", tag = "Bookings", params(ListQuery),
    responses((status = 200, body = crate::http::page::Page<BookingOut>)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.0;
    let limit = limit(query.limit)?;
    let after = cursor::<(Instant, BookingId)>(query.after.as_deref())?;
    let filter = filter_of(&query, &signed)?;
    let caller = signed.caller();
    let scope = match (caller.role, caller.branch_id) {
        (Role::Admin, _) => Scope::House,
        (Role::Manager, Some(branch)) => Scope::Branch(branch, caller.id),
        _ => Scope::Person(caller.id),
    };
    let found = app
        .world
        .store
        .list_bookings(scope, &filter, after, limit + 1)
        .await?;
    let now = app.world.clock.now();
    let experts: Vec<UserId> = found.iter().map(|booking| booking.expert.id).collect();
    let notices = app.world.store.cancel_notices(&experts).await?;
    let show = |booking: Booking| {
        let minutes = notices.get(&booking.expert.id).copied().unwrap_or_default();
        BookingOut::new(booking, Some(&caller), TimeDelta::minutes(minutes), now)
    };
    Ok(HttpResponse::Ok().json(page(found, limit, |b| (b.starts_at, b.id), show)))
}

fn filter_of(query: &ListQuery, signed: &Signed) -> Result<BookingFilter, Problem> {
    let mut faults = Faults::default();
    let statuses = query
        .status
        .as_deref()
        .unwrap_or_default()
        .split(',')
        .map(str::trim);
    let statuses: Vec<Option<Status>> = statuses
        .filter(|name| !name.is_empty())
        .map(|name| {
            let unknown =
                || FieldError::new("/status", FieldError::INVALID, "This is not a status.");
            faults.take(name.parse().map_err(|_| unknown()))
        })
        .collect();
    let zone = signed.0.time_zone;
    let filter = BookingFilter {
        statuses: statuses.into_iter().flatten().collect(),
        from: faults.take_some(query.from.as_deref(), |v| instant_or_date("/from", v, zone)),
        to: faults.take_some(query.to.as_deref(), |v| instant_or_date("/to", v, zone)),
        expert_id: query.expert_id.map(UserId::from),
        query: faults.take_some(query.query.as_deref(), |v| {
            text::checked("/query", v, 0, 100, false)
        }),
        ascending: match query.sort.as_deref() {
            None | Some("-starts_at") => false,
            Some("starts_at") => true,
            Some(_) => {
                let detail = "Sort by starts_at or -starts_at.";
                faults.extend(vec![FieldError::new("/sort", FieldError::INVALID, detail)]);
                false
            }
        },
    };
    faults.check()?;
    Ok(filter)
}

/// Reads an instant, or a date as its beginning in `zone`.
///
/// # Errors
/// `invalid` at `pointer` for what is neither.
pub fn instant_or_date(
    pointer: &str,
    value: &str,
    zone: chrono_tz::Tz,
) -> Result<Instant, FieldError> {
    if let Ok(instant) = chrono::DateTime::parse_from_rfc3339(value) {
        return Ok(to_micros(instant.to_utc()));
    }
    let date = crate::http::expert::date(pointer, value)?;
    Ok(belfry_domain::wall::day_bounds(zone, date).0)
}
