//! What a person may have of what is kept about them, and their being forgotten (C1.9).

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::web::Data;
use belfry_actors::expert::Refused;
use belfry_domain::account::Role;
use belfry_domain::booking::{Side, Step};
use belfry_domain::field::FieldError;
use belfry_domain::id::{BookingId, UserId};
use belfry_domain::queue::Step as QueueStep;
use belfry_domain::waiting::Status;
use belfry_store::queue::VisitStep;
use belfry_store::{audit, person};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::failed;
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::input::{Body, Id};
use crate::http::limit::Policy;
use crate::http::problem::Problem;

/// What somebody is called who was forgotten.
const NAME: &str = "Erased person";
/// How often, and how long after one another, it is looked whether a booking's end was told.
const LOOKS: u32 = 40;
const LOOK: Duration = Duration::from_millis(25);
/// Why their bookings are called off.
const REASON: &str = "The account was erased.";

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseIn {
    /// The present password, so that nobody is erased by whoever finds an open page.
    #[schema(max_length = 200)]
    password: String,
}

/// Everything that is kept about the caller, as a file: an object with a list for each kind of thing. No API key will
/// do.
#[utoipa::path(get, path = "/api/v1/me/export", tag = "Accounts",
    responses((status = 200, body = serde_json::Value)))]
pub async fn export(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let all = app.world.store.everything_about(signed.0.id).await?;
    let all = all.ok_or_else(|| Problem::new("not-found"))?;
    let exported =
        json!({ "exported_at": app.world.clock.now(), "user_id": signed.0.id, "data": all });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"belfry.json\""))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(exported))
}

/// Erases the caller for good. Bookings ahead are called off; what is past stays without a name or a word of theirs.
/// The only administrator cannot leave. No API key will do.
#[utoipa::path(delete, path = "/api/v1/me", tag = "Accounts", request_body = EraseIn,
    responses((status = 204)))]
pub async fn erase_me(app: Data<App>, signed: Signed, body: Body) -> Result<HttpResponse, Problem> {
    let input: EraseIn = body.read()?;
    let email = &signed.0.email;
    app.limiter.take(Policy::AccountLogin, email).await?;
    let found = app.world.store.account_by_email(email).await?;
    let hash = found.as_ref().map(|(_, hash)| hash.as_str());
    let fits = app.passwords.verify(&input.password, hash).await;
    if !fits.map_err(failed)? {
        let detail = "This is not the password of this account.";
        return Err(Problem::field("/password", FieldError::INVALID, detail));
    }
    app.limiter.give_back(Policy::AccountLogin, email).await;
    forget(&app, &signed, signed.0.id).await
}

/// Erases a person for good, as `DELETE /me` does; admins. One who was erased stays so.
#[utoipa::path(delete, path = "/api/v1/admin/users/{id}", tag = "Administration", params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn erase(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    if id.0 == signed.0.id {
        // Their own account people erase with their password.
        return Err(Problem::new("conflict"));
    }
    forget(&app, &signed, id.0).await
}

async fn forget(app: &App, signed: &Signed, id: UserId) -> Result<HttpResponse, Problem> {
    let store = &app.world.store;
    let account = store.account(id).await?;
    let account = account.ok_or_else(|| Problem::new("not-found"))?;
    if account.role == Role::Admin && !store.has_other_admin(id).await? {
        return Err(Problem::new("last-administrator"));
    }
    let open = store.open_bookings_of(id).await?;
    for session in store.open_sessions_of(id, app.world.clock.now()).await? {
        let cancelled =
            app.experts
                .cancel_session(session, REASON.to_owned(), signed.actor(), None);
        // One that has begun meanwhile keeps its place in the past.
        let _ = cancelled.await?;
    }
    for &booking in &open {
        let doer = signed.actor();
        let reason = Some(REASON.to_owned());
        let done = app
            .experts
            .step(booking, Step::Cancel, Side::Staff, doer, reason, None);
        match done.await {
            // What has begun is not called off any more; it keeps its place in the past.
            Ok(_) | Err(Refused::Rule { .. }) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    for place in store.open_waiting_of(id).await? {
        // Who is no longer waiting has nothing to leave.
        let _ = app
            .experts
            .end_waiting(place, Status::Left, signed.actor(), None)
            .await?;
    }
    for visit in store.open_visits_of(id).await? {
        // Who is being served goes on; the visit loses its name with the account.
        let left = VisitStep::of(visit, QueueStep::Leave, signed.actor());
        let _ = app.queues.step(&left).await?;
    }
    told(app, &open).await?;
    let now = app.world.clock.now();
    let mut tx = store.begin().await?;
    // Two of them may have asked at the same moment.
    if account.role == Role::Admin && !person::another_admin_stays(&mut tx, id).await? {
        return Err(Problem::new("last-administrator"));
    }
    person::erase(&mut tx, id, NAME, now).await?;
    let (before, after) = (json!({ "role": account.role }), json!({ "erased": true }));
    let entry = signed.entry(now, "user.erased", format!("user/{id}"), before, after);
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    app.gate.forget(id);
    app.experts.rescheduled(id).await;
    if let Some(branch) = account.branch_id {
        app.branches.changed(branch);
    }
    app.supervisor.disable(id);
    Ok(HttpResponse::NoContent().finish())
}

/// Waits until everybody concerned was told, while it is still known who they had to do with, and nothing is on its way
/// into the inbox of somebody who is forgotten. A planner that does not get to it tells the others later.
async fn told(app: &App, bookings: &[BookingId]) -> Result<(), Problem> {
    let mut looks = LOOKS;
    for booking in bookings {
        while looks > 0 && app.world.store.is_untold(*booking).await? {
            looks -= 1;
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}
