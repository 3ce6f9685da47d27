//! The link in a mail by which its reader stops mails of its kind: with one click in the mail program
//! (RFC 8058), or on a small page that needs no scripts and no log-in.

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use belfry_domain::account::language_of;
use belfry_domain::id::UserId;
use belfry_domain::notification::Category;

use crate::http::App;
use crate::http::problem::{Problem, language};

/// Tries to write a choice while the same person changes it elsewhere.
const TRIES: usize = 5;

/// The page that offers the button, or says that nothing more comes.
///
/// # Errors
/// When the database fails.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    token: Path<String>,
) -> Result<HttpResponse, Problem> {
    let Some((user, category)) = meant(&app, &token).await? else {
        return Ok(bad(&app, &request));
    };
    let (chosen, _) = app.world.store.preferences(user.id).await?;
    Ok(if chosen.has_stopped_mail(category) {
        done(&app, &user.locale, category)
    } else {
        offer(&app, &user.locale, category)
    })
}

/// Stops the mails, whoever asks: the link is the proof.
///
/// # Errors
/// When the database fails.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    token: Path<String>,
) -> Result<HttpResponse, Problem> {
    let Some((user, category)) = meant(&app, &token).await? else {
        return Ok(bad(&app, &request));
    };
    stop(&app, user.id, category).await?;
    Ok(done(&app, &user.locale, category))
}

/// Switches mails of a category off for a person; what cannot be switched off stays on.
///
/// # Errors
/// When the database fails.
pub async fn stop(app: &App, user: UserId, category: Category) -> Result<(), Problem> {
    let store = &app.world.store;
    for _ in 0..TRIES {
        let (mut chosen, version) = store.preferences(user).await?;
        if chosen.has_stopped_mail(category) {
            return Ok(());
        }
        chosen.stop_mail(category);
        let now = app.world.clock.now();
        if store
            .put_preferences(user, &chosen, Some(version), now)
            .await?
        {
            return Ok(());
        }
    }
    Err(Problem::wait("unavailable", 1))
}

/// Whom and what a link is for.
async fn meant(
    app: &App,
    token: &str,
) -> Result<Option<(belfry_domain::account::Account, Category)>, Problem> {
    let now = app.world.clock.now();
    let Some((user, category)) = app.tokens.read_unsubscribe(token, now) else {
        return Ok(None);
    };
    let account = app.world.store.account(user).await?;
    Ok(account.map(|account| (account, category)))
}

fn offer(app: &App, locale: &str, category: Category) -> HttpResponse {
    let word = |key| app.templates.word(locale, key);
    let question = app
        .templates
        .phrase(locale, "stop.ask", &named(app, locale, category));
    let body = format!(
        "<p>{}</p><form method=\"post\"><button class=\"button primary\" type=\"submit\">{}</button></form>",
        word("stop.other"),
        word("stop.button")
    );
    page(StatusCode::OK, locale, &question, &body)
}

fn done(app: &App, locale: &str, category: Category) -> HttpResponse {
    let word = |key| app.templates.word(locale, key);
    let said = app
        .templates
        .phrase(locale, "stop.done", &named(app, locale, category));
    let body = format!(
        "<p>{}</p><p>{} <a href=\"/me\">{}</a></p>",
        word("stop.other"),
        word("stop.back"),
        word("stop.open")
    );
    page(StatusCode::OK, locale, &said, &body)
}

fn bad(app: &App, request: &HttpRequest) -> HttpResponse {
    let locale = language(request);
    let word = |key| app.templates.word(locale, key);
    let body = format!(
        "<p>{}</p><p><a href=\"/me\">{}</a></p>",
        word("stop.bad_detail"),
        word("stop.open")
    );
    page(StatusCode::GONE, locale, word("stop.bad"), &body)
}

/// What mails of a category are called.
fn named(app: &App, locale: &str, category: Category) -> String {
    let key = format!("category.{}", category.as_str());
    app.templates.word(language_of(locale), &key).to_owned()
}

/// A page of the house's own words: nothing in it was typed by anybody.
fn page(status: StatusCode, locale: &str, title: &str, body: &str) -> HttpResponse {
    let html = format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <meta name=\"robots\" content=\"noindex\">\
         <link rel=\"stylesheet\" href=\"/static/css/tokens.css\"><link rel=\"stylesheet\" href=\"/static/css/base.css\">\
         <link rel=\"stylesheet\" href=\"/static/css/parts.css\">\
         </head><body><main class=\"plain\"><h1>{title}</h1>{body}</main></body></html>",
        language_of(locale)
    );
    HttpResponseBuilder::new(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(html)
}
