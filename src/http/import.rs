//! Calendars that an expert keeps elsewhere, for the expert, the expert's manager and admins (C2.7).

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use belfry_domain::field::FieldError;
use belfry_domain::id::{ImportId, UserId};
use belfry_domain::text;
use belfry_store::import::{Conflict, Import};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::channel::calendar::{Access, address};
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::expert::run_expert;
use crate::http::idempotency::{Created, KeyHeader, once};
use crate::http::input::{Body, Faults, Id};
use crate::http::limit::Policy;
use crate::http::problem::Problem;

/// Longest address, and longest name or password of an account elsewhere.
const MOST_URL: usize = 2048;
const MOST_CREDENTIAL: usize = 300;

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// A calendar file at an address.
    Ics,
    /// All calendars of an account on a CalDAV server, or one of them.
    Caldav,
}

impl ImportKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ics => "ics",
            Self::Caldav => "caldav",
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportIn {
    kind: ImportKind,
    #[schema(min_length = 1, max_length = 80, example = "Private")]
    name: String,
    /// Where it is; https or webcal, and in no private network. It is shown to nobody again.
    #[schema(
        min_length = 1,
        max_length = 2048,
        example = "https://calendar.example.com/private-1234.ics"
    )]
    url: String,
    #[schema(max_length = 300)]
    username: Option<String>,
    /// Better one that was made for this house alone. It is shown to nobody again.
    #[schema(max_length = 300)]
    password: Option<String>,
}

/// A calendar kept elsewhere, and how reading it goes.
#[derive(Serialize, ToSchema)]
pub struct ImportOut {
    #[schema(value_type = Uuid)]
    id: ImportId,
    kind: String,
    name: String,
    /// The server that it is on.
    host: String,
    /// When it was last read; `null` before the first time.
    read_at: Option<DateTime<Utc>>,
    /// When it is read again.
    next_at: DateTime<Utc>,
    /// Why it cannot be read at the moment, and since how many tries; `null` when it can.
    fault: Option<String>,
    failures: i64,
    /// When that was tried last.
    failed_at: Option<DateTime<Utc>>,
    /// Events in it, and how many of them were not quite understood.
    events: i64,
    odd: i64,
    /// Bookings ahead on which its busy time falls.
    conflicts: Vec<ConflictOut>,
    created_at: DateTime<Utc>,
}

/// A booking on which busy time of a calendar falls. Nothing was done about it.
#[derive(Serialize, ToSchema)]
pub struct ConflictOut {
    #[schema(value_type = Uuid)]
    booking_id: belfry_domain::id::BookingId,
    code: String,
    client_name: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

/// An expert's calendars, oldest first.
#[derive(Serialize, ToSchema)]
pub struct ImportsOut {
    items: Vec<ImportOut>,
}

impl ImportOut {
    fn new(import: Import, conflicts: &[Conflict]) -> Self {
        let own = conflicts.iter().filter(|one| one.import_id == import.id);
        Self {
            id: import.id,
            kind: import.kind,
            name: import.name,
            host: import.host,
            read_at: import.read_at,
            next_at: import.next_at,
            fault: import.fault,
            failures: import.failures,
            failed_at: import.failed_at,
            events: import.events,
            odd: import.odd,
            conflicts: own
                .map(|one| ConflictOut {
                    booking_id: one.booking_id,
                    code: one.code.clone(),
                    client_name: one.client_name.clone(),
                    starts_at: one.starts_at,
                    ends_at: one.ends_at,
                })
                .collect(),
            created_at: import.created_at,
        }
    }
}

/// The calendars that an expert keeps elsewhere.
#[utoipa::path(get, path = "/api/v1/experts/{id}/imports", tag = "Schedules", params(("id" = Uuid, Path)),
    responses((status = 200, body = ImportsOut)))]
pub async fn list(app: Data<App>, signed: Signed, id: Id<UserId>) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let store = &app.world.store;
    let imports = store.imports(id.0).await?;
    let now = app.world.clock.now();
    let conflicts = store.calendar_conflicts(id.0, now).await?;
    let items = imports.into_iter();
    let items = items.map(|import| ImportOut::new(import, &conflicts));
    Ok(HttpResponse::Ok().json(ImportsOut {
        items: items.collect(),
    }))
}

/// Adds a calendar that an expert keeps elsewhere. Its busy time is read in the background, first within seconds;
/// what is busy there is not offered here. Bookings there are already stay as they are.
#[utoipa::path(post, path = "/api/v1/experts/{id}/imports", tag = "Schedules", params(KeyHeader, ("id" = Uuid, Path)),
    request_body = ImportIn, responses((status = 201, body = ImportOut)))]
pub async fn create(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let make = async |_key| {
        let import = checked(&app, id.0, body.read()?).await?;
        if !app.world.store.insert_import(&import).await? {
            return Err(Problem::new("too-many-imports"));
        }
        app.importer.nudge();
        Ok(Created::new(&ImportOut::new(import, &[])))
    };
    let lost = async |_| Err(Problem::new("conflict"));
    once(&app, &request, signed.claimant(), &body, make, lost).await
}

/// What was typed, as it is kept.
async fn checked(app: &App, expert: UserId, input: ImportIn) -> Result<Import, Problem> {
    let mut faults = Faults::default();
    let name = faults.take(text::checked("/name", &input.name, 1, 80, false));
    let url = faults.take(text::checked("/url", &input.url, 1, MOST_URL, false));
    let mut credential = |pointer: &str, typed: Option<&str>| {
        let typed = faults.take_some(typed, |v| {
            text::checked(pointer, v, 0, MOST_CREDENTIAL, false)
        });
        typed.filter(|typed| !typed.is_empty())
    };
    let username = credential("/username", input.username.as_deref());
    let password = credential("/password", input.password.as_deref());
    if password.is_some() && username.is_none() {
        let detail = "A password needs a user name.";
        let fault = FieldError::new("/username", FieldError::REQUIRED, detail);
        faults.extend(vec![fault]);
    }
    faults.check()?;
    let url = url.unwrap_or_default();
    let invalid = |detail: String| Problem::field("/url", FieldError::INVALID, detail);
    let parsed = address(&url).map_err(|_| invalid("This is not an address.".to_owned()))?;
    let check = app.outbound.guard.check(&parsed).await;
    check.map_err(|forbidden| invalid(forbidden.to_string()))?;
    let now = app.world.clock.now();
    let id = ImportId::at(now);
    let access = Access {
        url,
        username,
        password,
    };
    let sealed = access.close(&app.seal, id);
    Ok(Import {
        id,
        expert_id: expert,
        kind: input.kind.as_str().to_owned(),
        name: name.unwrap_or_default(),
        sealed: sealed.ok_or_else(|| Problem::new("internal"))?,
        host: parsed.host_str().unwrap_or_default().to_owned(),
        mark: None,
        next_at: now,
        failures: 0,
        read_at: None,
        failed_at: None,
        fault: None,
        events: 0,
        odd: 0,
        created_at: now,
        version: 1,
    })
}

/// Removes a calendar; what was busy because of it is free again.
#[utoipa::path(delete, path = "/api/v1/experts/{id}/imports/{import_id}", tag = "Schedules",
    params(("id" = Uuid, Path), ("import_id" = Uuid, Path)), responses((status = 204)))]
pub async fn remove(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    if !app.world.store.delete_import(id.0, named(&path)?).await? {
        return Err(Problem::new("not-found"));
    }
    app.experts.rescheduled(id.0).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Has a calendar read again as soon as there is time, usually within seconds.
#[utoipa::path(post, path = "/api/v1/experts/{id}/imports/{import_id}/refresh", tag = "Schedules",
    params(("id" = Uuid, Path), ("import_id" = Uuid, Path)), responses((status = 202)))]
pub async fn refresh(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let import = named(&path)?;
    // Somebody else's server is called each time.
    let key = import.to_string();
    app.limiter.take(Policy::Import, &key).await?;
    let now = app.world.clock.now();
    let store = &app.world.store;
    if !store.hasten_import(id.0, import, now).await? {
        return Err(Problem::new("not-found"));
    }
    app.importer.nudge();
    Ok(HttpResponse::Accepted().finish())
}

fn named(path: &(String, String)) -> Result<ImportId, Problem> {
    path.1.parse().map_err(|_| Problem::new("not-found"))
}
