//! The own profile and its picture.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belfry_domain::field::FieldError;
use belfry_domain::id::UserId;
use belfry_domain::{account, text};
use belfry_store::account::{Avatar, Profile};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::UserOut;
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::etag::{IfMatch, is_known, versioned};
use crate::http::input::{Body, Faults, Id, given, nullable, read_all};
use crate::http::problem::Problem;

/// Largest picture, in bytes and in pixels to a side.
const MOST_AVATAR_BYTES: usize = 2 * 1024 * 1024;
/// What a picture may be called on the way; what it is, its content tells.
const DECLARED: [&str; 4] = [
    "image/png",
    "image/jpeg",
    "image/webp",
    "application/octet-stream",
];
const MOST_AVATAR_SIDE: usize = 4096;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileIn {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, example = "+84912345678")]
    phone: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 40)]
    gender: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "en")]
    locale: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "Asia/Ho_Chi_Minh")]
    time_zone: Option<String>,
}

/// The caller's own profile.
#[utoipa::path(get, path = "/api/v1/me", tag = "Accounts", responses((status = 200, body = UserOut)))]
pub async fn get_me(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    // Read afresh: what the gate remembers may be older than an edit made at another node.
    me_again(&app, signed.0.id).await
}

/// Changes the caller's own profile; members left out stay as they are.
#[utoipa::path(patch, path = "/api/v1/me", tag = "Accounts", params(crate::http::etag::IfMatchHeader), request_body = ProfileIn,
    responses((status = 200, body = UserOut)))]
pub async fn update_me(
    app: Data<App>,
    signed: Signed,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let input: ProfileIn = body.read()?;
    let mut faults = Faults::default();
    let profile = Profile {
        name: faults.take_some(input.name.as_deref(), |v| account::name("/name", v)),
        phone: faults.take_some(input.phone, |v| {
            v.map(|v| account::phone("/phone", &v)).transpose()
        }),
        gender: faults.take_some(input.gender, |v| {
            v.map(|v| text::checked("/gender", &v, 1, 40, false))
                .transpose()
        }),
        description: faults.take_some(input.description, |v| {
            text::checked("/description", &v.unwrap_or_default(), 0, 2000, true)
        }),
        locale: faults.take_some(input.locale.as_deref(), |v| account::locale("/locale", v)),
        time_zone: faults
            .take_some(input.time_zone.as_deref(), |v| {
                account::time_zone("/time_zone", v)
            })
            .map(|zone| zone.name().to_owned()),
    };
    faults.check()?;
    let (id, now) = (signed.0.id, app.world.clock.now());
    if !app
        .world
        .store
        .update_profile(id, &profile, if_match.version(), now)
        .await?
    {
        return Err(Problem::new("stale"));
    }
    me_again(&app, id).await
}

async fn me_again(app: &App, id: UserId) -> Result<HttpResponse, Problem> {
    app.gate.forget(id);
    let account = app
        .world
        .store
        .account(id)
        .await?
        .ok_or_else(|| Problem::new("not-found"))?;
    Ok(versioned(account.version, &UserOut::from(&account)))
}

/// Sets the caller's picture: PNG, JPEG or WebP, at most 2 MiB, judged by its content.
#[utoipa::path(put, path = "/api/v1/me/avatar", tag = "Accounts", params(crate::http::etag::IfMatchHeader),
    request_body(content = Vec<u8>, content_type = "image/png"), responses((status = 200, body = UserOut)))]
pub async fn set_avatar(
    app: Data<App>,
    signed: Signed,
    if_match: IfMatch,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    if_match.check(signed.0.version)?;
    let declared = request.headers().get(CONTENT_TYPE);
    if declared.is_some_and(|kind| !DECLARED.iter().any(|known| kind == known)) {
        return Err(Problem::new("unsupported-media-type"));
    }
    let bytes = read_all(&request, payload.into_inner(), MOST_AVATAR_BYTES).await?;
    let kind = infer::get(&bytes).map(|kind| kind.mime_type());
    let Some(content_type @ ("image/png" | "image/jpeg" | "image/webp")) = kind else {
        return Err(Problem::new("unsupported-media-type"));
    };
    let size = imagesize::blob_size(&bytes)
        .map_err(|_| Problem::field("", FieldError::INVALID, "This picture is damaged."))?;
    if size.width.max(size.height) > MOST_AVATAR_SIDE {
        return Err(Problem::field(
            "",
            FieldError::OUT_OF_RANGE,
            "At most 4096 pixels to a side.",
        ));
    }
    let tag = URL_SAFE_NO_PAD.encode(&Sha256::digest(&bytes)[..9]);
    let avatar = Avatar {
        content_type: content_type.to_owned(),
        bytes: bytes.to_vec(),
    };
    let now = app.world.clock.now();
    app.world
        .store
        .set_avatar(signed.0.id, Some((&avatar, &tag)), now)
        .await?;
    me_again(&app, signed.0.id).await
}

/// Removes the caller's picture.
#[utoipa::path(delete, path = "/api/v1/me/avatar", tag = "Accounts", params(crate::http::etag::IfMatchHeader), responses((status = 200, body = UserOut)))]
pub async fn delete_avatar(
    app: Data<App>,
    signed: Signed,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    if_match.check(signed.0.version)?;
    app.world
        .store
        .set_avatar(signed.0.id, None, app.world.clock.now())
        .await?;
    me_again(&app, signed.0.id).await
}

/// A person's picture.
#[utoipa::path(get, path = "/api/v1/users/{id}/avatar", tag = "Accounts",
    params(("id" = Uuid, Path)), responses((status = 200, content_type = "image/png")), security(()))]
pub async fn get_avatar(
    app: Data<App>,
    request: HttpRequest,
    id: Id<UserId>,
) -> Result<HttpResponse, Problem> {
    let avatar = app
        .world
        .store
        .avatar(id.0)
        .await?
        .ok_or_else(|| Problem::new("not-found"))?;
    let tag = format!(
        "\"{}\"",
        URL_SAFE_NO_PAD.encode(&Sha256::digest(&avatar.bytes)[..9])
    );
    if is_known(&request, &tag) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, tag))
            .finish());
    }
    Ok(HttpResponse::Ok()
        .content_type(avatar.content_type)
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, "public, max-age=86400"))
        .body(avatar.bytes))
}
