//! The inbox over REST. What is read here is read on every open page, too.

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::field::FieldError;
use belfry_domain::id::NotificationId;
use belfry_domain::inbox::{Notification, Offset, Read};
use belfry_store::inbox::Deleted;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::input::{Id, Query};
use crate::http::openapi::shape::MadeSortShape;
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `true`: only those nobody read yet.
    unread: Option<bool>,
    /// In the order in which they came; the newest first when left out.
    #[param(value_type = Option<MadeSortShape>)]
    sort: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

/// One entry of the caller's inbox.
#[derive(Serialize, ToSchema)]
pub struct NotificationOut {
    id: Uuid,
    /// Rises by one with every entry of one person.
    offset: Offset,
    #[schema(example = "booking")]
    category: String,
    #[schema(example = "booking.confirmed")]
    kind: String,
    title: String,
    body: String,
    /// For bookings at least `booking_id`, `code` and `starts_at`.
    #[schema(value_type = Object)]
    data: Value,
    read_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<Notification> for NotificationOut {
    fn from(entry: Notification) -> Self {
        Self {
            id: entry.id.uuid(),
            offset: entry.offset,
            category: entry.category,
            kind: entry.kind,
            title: entry.title,
            body: entry.body,
            data: entry.data,
            read_at: entry.read_at,
            created_at: entry.created_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct UnreadOut {
    unread: i64,
}

/// Lists the caller's inbox, newest first unless it is asked for otherwise.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "Inbox", params(ListQuery),
    responses((status = 200, body = Page<NotificationOut>)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.0;
    let limit = limit(query.limit)?;
    let seen: Option<Offset> = cursor(query.after.as_deref())?;
    let unread = query.unread.unwrap_or(false);
    let (store, user) = (&app.world.store, signed.0.id);
    let rows = match query.sort.as_deref() {
        None | Some("-created_at") => store.inbox_page(user, unread, seen, limit + 1).await?,
        Some("created_at") => {
            store
                .inbox_page_from_oldest(user, unread, seen, limit + 1)
                .await?
        }
        Some(_) => {
            let detail = "sort is created_at or -created_at.";
            return Err(Problem::field("/sort", FieldError::INVALID, detail));
        }
    };
    let page = page(rows, limit, |row| row.offset, NotificationOut::from);
    Ok(HttpResponse::Ok().json(page))
}

/// Counts what the caller has not read.
#[utoipa::path(get, path = "/api/v1/notifications/unread-count", tag = "Inbox",
    responses((status = 200, body = UnreadOut)))]
pub async fn unread_count(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let unread = app.world.store.inbox_unread(signed.0.id).await?;
    Ok(HttpResponse::Ok().json(UnreadOut { unread }))
}

/// Marks one entry read.
#[utoipa::path(post, path = "/api/v1/notifications/{id}/read", tag = "Inbox",
    params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn read(
    app: Data<App>,
    signed: Signed,
    id: Id<NotificationId>,
) -> Result<HttpResponse, Problem> {
    let read = Read::One(id.0);
    if app.supervisor.mark_read(signed.0.id, read).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Problem::new("not-found"))
    }
}

/// Marks the whole inbox read.
#[utoipa::path(post, path = "/api/v1/notifications/read-all", tag = "Inbox",
    responses((status = 204)))]
pub async fn read_all(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let read = Read::UpTo(Offset::MAX);
    app.supervisor.mark_read(signed.0.id, read).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes one entry.
#[utoipa::path(delete, path = "/api/v1/notifications/{id}", tag = "Inbox",
    params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn delete(
    app: Data<App>,
    signed: Signed,
    id: Id<NotificationId>,
) -> Result<HttpResponse, Problem> {
    let user = signed.0.id;
    match app.world.store.delete_notification(user, id.0).await? {
        Deleted::Missing => return Err(Problem::new("not-found")),
        Deleted::Read => {}
        // Open pages count it as unread until they hear otherwise.
        Deleted::Unread => app.supervisor.read(user, Read::One(id.0)),
    }
    Ok(HttpResponse::NoContent().finish())
}
