//! Connecting the caller's Telegram chat, and what Telegram calls.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belfry_domain::channel::Channel;
use chrono::{DateTime, Utc};
use serde::Serialize;
use teloxide::types::Update;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::input::Body;
use crate::http::problem::Problem;
use crate::secret;
use crate::telegram::{Chats, webhook_secret};

/// Bytes of chance in a code.
const CODE_BYTES: usize = 16;
/// Where Telegram shows that it is Telegram.
const SECRET: &str = "x-telegram-bot-api-secret-token";

/// Whether the caller's chat is connected.
#[derive(Serialize, ToSchema)]
pub struct ChatOut {
    /// Whether the house has a bot at all.
    available: bool,
    linked: bool,
    /// How the caller is called there.
    label: Option<String>,
    linked_at: Option<DateTime<Utc>>,
}

/// What connects a chat: whoever opens the address and presses "Start" has theirs connected.
#[derive(Serialize, ToSchema)]
pub struct ChatCodeOut {
    code: String,
    url: String,
    expires_at: DateTime<Utc>,
}

fn chats(app: &App) -> Result<&Chats, Problem> {
    app.chats
        .as_deref()
        .ok_or_else(|| Problem::new("telegram-off"))
}

/// Whether the caller's Telegram chat is connected.
#[utoipa::path(get, path = "/api/v1/me/telegram", tag = "Accounts", responses((status = 200, body = ChatOut)))]
pub async fn get(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let store = &app.world.store;
    let chats = store
        .addresses_of(signed.0.id, Some(Channel::Telegram))
        .await?;
    let chat = chats.into_iter().next_back();
    Ok(HttpResponse::Ok().json(ChatOut {
        available: app.chats.is_some(),
        linked: chat.is_some(),
        linked_at: chat.as_ref().map(|chat| chat.created_at),
        label: chat.map(|chat| chat.label),
    }))
}

/// Makes a code that connects one chat, once, within ten minutes; an older one is void.
#[utoipa::path(post, path = "/api/v1/me/telegram", tag = "Accounts", responses((status = 201, body = ChatCodeOut)))]
pub async fn create_code(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let chats = chats(&app)?;
    let bot = chats.name().await.map_err(|fault| {
        tracing::warn!(%fault, "the bot's name is not known");
        Problem::wait("unavailable", 10)
    })?;
    let code = URL_SAFE_NO_PAD.encode(secret::fresh::<CODE_BYTES>());
    let expires_at = chats.make_code(signed.0.id, &code).await?;
    Ok(HttpResponse::Created().json(ChatCodeOut {
        url: format!("https://t.me/{bot}?start={code}"),
        code,
        expires_at,
    }))
}

/// Disconnects the caller's chat; nothing more is sent there.
#[utoipa::path(delete, path = "/api/v1/me/telegram", tag = "Accounts", responses((status = 204)))]
pub async fn unlink(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let now = app.world.clock.now();
    let store = &app.world.store;
    store.end_chats(signed.0.id, None, "unlinked", now).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes an update from Telegram, which gives it again unless it hears that it was taken.
pub async fn hook(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let chats = chats(&app)?;
    let shown = request.headers().get(SECRET).map(|value| value.as_bytes());
    let known = webhook_secret(app.tokens.secret());
    if !shown.is_some_and(|shown| known.is(shown)) {
        return Err(Problem::new("unauthenticated"));
    }
    let update: Update =
        serde_json::from_slice(body.bytes()?).map_err(|_| Problem::new("malformed"))?;
    if !chats.take(update, false).await? {
        return Err(Problem::wait("unavailable", 5));
    }
    Ok(HttpResponse::Ok().finish())
}
