//! Finding bookings.

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::account::{Caller, Role};
use belfry_domain::booking::{Booking, Status};
use belfry_domain::field::FieldError;
use belfry_domain::id::{BookingId, BranchId, GroupSessionId, UserId};
use belfry_domain::{Instant, text, to_micros};
use belfry_store::booking::{BookingFilter, Scope};
use chrono::{SecondsFormat, TimeDelta};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::BookingOut;
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::csv;
use crate::http::input::{Faults, Query};
use crate::http::openapi::shape::SortShape;
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// One or more, with commas.
    pub status: Option<String>,
    /// Instant or date (in the caller's zone): `from <= starts_at`.
    pub from: Option<String>,
    /// Instant or date (in the caller's zone): `starts_at < to`.
    pub to: Option<String>,
    pub expert_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    /// Only those of experts of this branch.
    pub branch_id: Option<Uuid>,
    /// Only seats of this group session.
    pub session_id: Option<Uuid>,
    /// Text in code, note and names.
    #[param(max_length = 100)]
    pub query: Option<String>,
    /// `-starts_at` (latest first, when left out) or `starts_at`.
    #[param(inline, value_type = Option<SortShape>)]
    pub sort: Option<String>,
    pub limit: Option<i64>,
    pub after: Option<String>,
}

/// The caller's bookings, as client or as expert; a manager's branch; all of them for admins.
#[utoipa::path(get, path = "/api/v1/bookings", tag = "Bookings", params(ListQuery),
    responses((status = 200, body = crate::http::page::Page<BookingOut>)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(found(&app, &signed, query.0).await?))
}

/// The bookings that somebody sees and asks for.
///
/// # Errors
/// What is wrong with the question, or the store's own.
pub async fn found(
    app: &App,
    signed: &Signed,
    query: ListQuery,
) -> Result<Page<BookingOut>, Problem> {
    let limit = limit(query.limit)?;
    let after = cursor::<(Instant, BookingId)>(query.after.as_deref())?;
    let filter = filter_of(&query, signed)?;
    let caller = signed.caller();
    let scope = scope_of(&caller);
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
    Ok(page(found, limit, |b| (b.starts_at, b.id), show))
}

/// The bookings, and the places on waiting lists, that somebody sees.
pub fn scope_of(caller: &Caller) -> Scope {
    match (caller.role, caller.branch_id) {
        (Role::Admin, _) => Scope::House,
        (Role::Manager, Some(branch)) => Scope::Branch(branch, caller.id),
        _ => Scope::Person(caller.id),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FileQuery {
    /// One or more, with commas.
    status: Option<String>,
    /// Instant or date (in the caller's zone): `from <= starts_at`.
    from: Option<String>,
    /// Instant or date (in the caller's zone): `starts_at < to`.
    to: Option<String>,
    expert_id: Option<Uuid>,
    client_id: Option<Uuid>,
    /// Only those of experts of this branch.
    branch_id: Option<Uuid>,
    /// Only seats of this group session.
    session_id: Option<Uuid>,
    /// Text in code, note and names.
    #[param(max_length = 100)]
    query: Option<String>,
    /// `-starts_at` (latest first, when left out) or `starts_at`.
    #[param(inline, value_type = Option<SortShape>)]
    sort: Option<String>,
}

/// The same as a file for spreadsheets (RFC 4180), at most fifty thousand lines of it. It is sent as it is read.
#[utoipa::path(get, path = "/api/v1/bookings.csv", tag = "Bookings", params(FileQuery),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub async fn file(
    app: Data<App>,
    signed: Signed,
    query: Query<FileQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.0;
    let wanted = ListQuery {
        status: query.status,
        from: query.from,
        to: query.to,
        expert_id: query.expert_id,
        client_id: query.client_id,
        branch_id: query.branch_id,
        session_id: query.session_id,
        query: query.query,
        sort: query.sort,
        limit: None,
        after: None,
    };
    let filter = filter_of(&wanted, &signed)?;
    let scope = scope_of(&signed.caller());
    let store = app.world.store.clone();
    let read = move |after, rows| {
        let (store, filter) = (store.clone(), filter.clone());
        async move { store.list_bookings(scope, &filter, after, rows).await }
    };
    csv::streamed("bookings.csv", COLUMNS, line, place_of, read).await
}

const COLUMNS: [&str; 12] = [
    "code",
    "status",
    "starts_at",
    "ends_at",
    "expert",
    "client",
    "mode",
    "place",
    "note",
    "reason",
    "created_at",
    "id",
];

fn place_of(booking: &Booking) -> (Instant, BookingId) {
    (booking.starts_at, booking.id)
}

fn line(booking: &Booking) -> [String; 12] {
    let instant = |at: Instant| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        booking.code.to_string(),
        booking.status.as_str().to_owned(),
        instant(booking.starts_at),
        instant(booking.ends_at),
        booking.expert.name.clone(),
        booking.client.name.clone(),
        booking.mode.as_str().to_owned(),
        text(&booking.place),
        text(&booking.note),
        text(&booking.reason),
        instant(booking.created_at),
        booking.id.to_string(),
    ]
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
        client_id: query.client_id.map(UserId::from),
        branch_id: query.branch_id.map(BranchId::from),
        session_id: query.session_id.map(GroupSessionId::from),
        query: faults.take_some(query.query.as_deref(), |v| {
            text::checked("/query", v, 0, 100, false)
        }),
        ascending: match query.sort.as_deref() {
            None | Some("-starts_at") => false,
            Some("starts_at") => true,
            Some(_) => {
                let detail = "Sort by starts_at or -starts_at.";
                faults.refuse("/sort", detail);
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
