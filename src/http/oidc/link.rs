//! As whom a provider knows the caller, and making it forget.

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::id::OidcLinkId;
use belfry_store::audit;
use belfry_store::oidc::OidcLink;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::channel::Oidc;
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::input::Id;
use crate::http::problem::Problem;

/// The ways in which the caller can sign in.
#[derive(Serialize, ToSchema)]
pub struct SignInsOut {
    /// Whether by a password.
    password: bool,
    /// As whom a provider knows the caller.
    items: Vec<SignInOut>,
}

/// The caller as a provider knows them.
#[derive(Serialize, ToSchema)]
pub struct SignInOut {
    #[schema(value_type = Uuid)]
    id: OidcLinkId,
    issuer: String,
    /// What the provider is called, if it is still the one that the settings name.
    name: Option<String>,
    /// The address that it knows.
    email: Option<String>,
    linked_at: DateTime<Utc>,
    used_at: DateTime<Utc>,
}

/// The ways in which the caller can sign in.
#[utoipa::path(get, path = "/api/v1/me/sign-ins", tag = "Accounts",
    responses((status = 200, body = SignInsOut)))]
pub async fn list(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let store = &app.world.store;
    let links = store.oidc_links_of(signed.0.id).await?;
    let current = app.oidc.as_ref().map(Oidc::issuer);
    let name = &app.settings.auth.oidc.name;
    let shown = |link: OidcLink| SignInOut {
        id: link.id,
        name: (current == Some(&*link.issuer)).then(|| name.clone()),
        issuer: link.issuer,
        email: link.email,
        linked_at: link.linked_at,
        used_at: link.used_at,
    };
    Ok(HttpResponse::Ok().json(SignInsOut {
        password: store.has_password(signed.0.id).await?,
        items: links.into_iter().map(shown).collect(),
    }))
}

/// Makes a provider forget the caller here; whoever has no password keeps the way in. Somebody whom the provider knows
/// by the same proved address can be linked anew.
#[utoipa::path(delete, path = "/api/v1/me/sign-ins/{id}", tag = "Accounts", params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn unlink(
    app: Data<App>,
    signed: Signed,
    id: Id<OidcLinkId>,
) -> Result<HttpResponse, Problem> {
    let now = app.world.clock.now();
    let mut tx = app.world.store.begin().await?;
    let ended = belfry_store::oidc::unlink(&mut tx, signed.0.id, id.0).await?;
    let Some(link) = ended else {
        drop(tx);
        let links = app.world.store.oidc_links_of(signed.0.id).await?;
        let is_there = links.iter().any(|link| link.id == id.0);
        return Err(Problem::new(if is_there {
            "last-sign-in"
        } else {
            "not-found"
        }));
    };
    let before = json!({ "issuer": link.issuer });
    let subject = format!("user/{}", link.user_id);
    let entry = signed.entry(now, "user.unlinked", subject, before, ());
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
