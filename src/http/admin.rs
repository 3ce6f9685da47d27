//! What administrators decide about people.

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::account::{Account, Role};
use belfry_domain::field::FieldError;
use belfry_domain::id::{BranchId, UserId};
use belfry_domain::text;
use belfry_store::person::another_admin_stays;
use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::account::UserOut;
use crate::http::auth::Signed;
use crate::http::csv;
use crate::http::etag::{IfMatch, MOST_TRIES, versioned};
use crate::http::input::{Body, Faults, Id, Query, nullable};
use crate::http::openapi::shape::RoleShape;
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleQuery {
    /// Text in name or address.
    #[param(max_length = 100)]
    query: Option<String>,
    #[param(value_type = Option<RoleShape>)]
    role: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GovernIn {
    #[schema(value_type = Option<RoleShape>, example = "expert")]
    role: Option<Role>,
    disabled: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Uuid>)]
    branch_id: Option<Option<Uuid>>,
}

/// A person as administrators see them.
#[derive(Serialize, ToSchema)]
pub struct PersonOut {
    #[serde(flatten)]
    user: UserOut,
    disabled: bool,
    /// Books without an account.
    guest: bool,
}

impl From<&Account> for PersonOut {
    fn from(account: &Account) -> Self {
        Self {
            user: account.into(),
            disabled: account.disabled,
            guest: account.guest,
        }
    }
}

/// Lists people, newest first; admins.
#[utoipa::path(get, path = "/api/v1/admin/users", tag = "Administration", params(PeopleQuery),
    responses((status = 200, body = Page<PersonOut>)))]
pub async fn list_people(
    app: Data<App>,
    signed: Signed,
    query: Query<PeopleQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let query = query.0;
    let limit = limit(query.limit)?;
    let after = cursor::<UserId>(query.after.as_deref())?;
    let (text, role) = people_filter(query.query.as_deref(), query.role.as_deref())?;
    let found = app
        .world
        .store
        .list_accounts(text.as_deref(), role, after, limit + 1)
        .await?;
    Ok(HttpResponse::Ok().json(page(found, limit, |a| a.id, |a| PersonOut::from(&a))))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleFileQuery {
    /// Text in name or address.
    #[param(max_length = 100)]
    query: Option<String>,
    #[param(value_type = Option<RoleShape>)]
    role: Option<String>,
}

const COLUMNS: [&str; 10] = [
    "name",
    "email",
    "role",
    "phone",
    "locale",
    "time_zone",
    "disabled",
    "guest",
    "created_at",
    "id",
];

/// The same as a file for spreadsheets (RFC 4180), at most fifty thousand lines of it; admins. It is sent as it is read.
#[utoipa::path(get, path = "/api/v1/admin/users.csv", tag = "Administration", params(PeopleFileQuery),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub async fn people_file(
    app: Data<App>,
    signed: Signed,
    query: Query<PeopleFileQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let (text, role) = people_filter(query.0.query.as_deref(), query.0.role.as_deref())?;
    let store = app.world.store.clone();
    let read = move |after, rows| {
        let (store, text) = (store.clone(), text.clone());
        async move {
            store
                .list_accounts(text.as_deref(), role, after, rows)
                .await
        }
    };
    csv::streamed("people.csv", COLUMNS, line, |account| account.id, read).await
}

fn line(account: &Account) -> [String; 10] {
    [
        account.name.clone(),
        account.email.clone(),
        account.role.as_str().to_owned(),
        account.phone.clone().unwrap_or_default(),
        account.locale.clone(),
        account.time_zone.name().to_owned(),
        account.disabled.to_string(),
        account.guest.to_string(),
        account
            .created_at
            .to_rfc3339_opts(SecondsFormat::Secs, true),
        account.id.to_string(),
    ]
}

fn people_filter(
    query: Option<&str>,
    role: Option<&str>,
) -> Result<(Option<String>, Option<Role>), Problem> {
    let mut faults = Faults::default();
    let text = faults.take_some(query, |v| text::checked("/query", v, 0, 100, false));
    let role = faults.take_some(role, |name| {
        let unknown = |_| FieldError::new("/role", FieldError::INVALID, "This is not a role.");
        name.parse::<Role>().map_err(unknown)
    });
    faults.check()?;
    Ok((text, role))
}

/// One person; admins.
#[utoipa::path(get, path = "/api/v1/admin/users/{id}", tag = "Administration", params(("id" = Uuid, Path)),
    responses((status = 200, body = PersonOut)))]
pub async fn get_person(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let account = person(&app, id.0).await?;
    Ok(versioned(account.version, &PersonOut::from(&account)))
}

async fn person(app: &App, id: UserId) -> Result<Account, Problem> {
    app.world
        .store
        .account(id)
        .await?
        .ok_or_else(|| Problem::new("not-found"))
}

/// Changes a person's role or branch, or disables the account; admins. A new expert starts with an empty
/// week.
#[utoipa::path(patch, path = "/api/v1/admin/users/{id}", tag = "Administration", params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)),
    request_body = GovernIn, responses((status = 200, body = PersonOut)))]
pub async fn govern_person(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    for _ in 0..MOST_TRIES {
        let before = person(&app, id.0).await?;
        let input: GovernIn = body.read()?;
        if_match.check(before.version)?;
        if govern(&app, &signed, &before, input).await? {
            let account = person(&app, id.0).await?;
            return Ok(versioned(account.version, &PersonOut::from(&account)));
        }
        if person(&app, id.0).await?.version == before.version {
            // Whoever was forgotten does not come back.
            return Err(Problem::new("not-found"));
        }
    }
    Err(Problem::new("conflict"))
}

/// Decides about the person as they were read; `false` when they are another by now.
async fn govern(
    app: &App,
    signed: &Signed,
    before: &Account,
    input: GovernIn,
) -> Result<bool, Problem> {
    let ends = input.disabled == Some(true) || input.role.is_some_and(|role| role != Role::Admin);
    if before.id == signed.0.id && ends {
        let detail = "Nobody can take the own administration away; ask another administrator.";
        return Err(Problem::field("/role", FieldError::INVALID, detail));
    }
    if before.guest && input.role.is_some_and(|role| role != before.role) {
        let detail = "A guest has no account; it can be given a role once they have opened one.";
        return Err(Problem::field("/role", FieldError::INVALID, detail));
    }
    let branch = input.branch_id.map(|branch| branch.map(BranchId::from));
    if let Some(Some(id)) = branch
        && app.world.store.branch(id).await?.is_none()
    {
        let detail = "There is no such branch.";
        return Err(Problem::field("/branch_id", FieldError::INVALID, detail));
    }
    let now = app.world.clock.now();
    let store = &app.world.store;
    let mut tx = store.begin().await?;
    // Two of them may end each other's administration at the same moment.
    if before.role == Role::Admin && ends && !another_admin_stays(&mut tx, before.id).await? {
        return Err(Problem::new("last-administrator"));
    }
    let expected = Some(before.version);
    let decided = belfry_store::account::govern(
        &mut tx,
        before.id,
        input.role,
        input.disabled,
        branch,
        expected,
        now,
    );
    if !decided.await? {
        tx.rollback().await?;
        return Ok(false);
    }
    if input.role == Some(Role::Expert) {
        // Read where they lie: what another node was told a moment ago holds here, too.
        let kept = app.world.settings.refresh(store).await?;
        let rules = &kept.settings.booking_rules;
        belfry_store::expert::insert(&mut tx, before.id, before.time_zone, rules, now).await?;
    }
    let entry = signed.entry(
        now,
        "user.governed",
        format!("user/{}", before.id),
        json!({ "role": before.role, "disabled": before.disabled, "branch_id": before.branch_id }),
        json!({
            "role": input.role.unwrap_or(before.role),
            "disabled": input.disabled.unwrap_or(before.disabled),
            "branch_id": branch.unwrap_or(before.branch_id),
        }),
    );
    belfry_store::audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    app.gate.forget(before.id);
    app.experts.rescheduled(before.id).await;
    for branch in [before.branch_id, branch.flatten()].into_iter().flatten() {
        app.branches.changed(branch);
    }
    if input.disabled == Some(true) {
        app.supervisor.disable(before.id);
    } else if input.role.is_some_and(|role| role != Role::Admin) {
        app.supervisor.end_keys(before.id, None);
    }
    Ok(true)
}
