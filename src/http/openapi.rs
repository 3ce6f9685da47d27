//! The contract as a document (OpenAPI 3.1), generated from the handlers, and a page to read it.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Object, Ref, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

/// Shapes of what is declared elsewhere.
pub mod shape;

use super::{
    account, admin, api_key, audit, booking, branch, delivery, device, expert, explain, feed,
    group_session, import, inbox, live, oidc, operation, parked, preference, provider, queue,
    report, rule, schedule, series, setting, suppression, telegram, template, waiting, webhook,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Belfry", description = "Books people's time and tells everybody concerned at once.", license(name = "MIT OR Apache-2.0")),
    paths(
        account::register, account::login, account::refresh, account::logout, account::mailed_link::forgot_password,
        account::mailed_link::reset_password, account::mailed_link::verify_email, oidc::get, oidc::start, oidc::callback, oidc::link::list, oidc::link::unlink,
        account::profile::get_me, account::profile::update_me,
        account::person::export, account::person::erase_me, account::person::erase,
        account::profile::set_avatar, account::profile::delete_avatar, account::profile::get_avatar,
        preference::get, preference::put, preference::ways,
        telegram::get, telegram::create_code, telegram::unlink,
        feed::get, feed::create, feed::remove, feed::file,
        device::register, device::list, device::forget, device::key,
        expert::list, expert::get, expert::update, expert::slots, expert::set_presence, expert::reviews,
        schedule::get, schedule::put, schedule::list_overrides, schedule::put_override,
        schedule::delete_override, schedule::list_time_off, schedule::create_time_off,
        schedule::delete_time_off, schedule::agenda, schedule::explain::get,
        schedule::holiday::get, schedule::holiday::put,
        import::list, import::create, import::remove, import::refresh,
        branch::list, branch::create, branch::get, branch::update, branch::slots, branch::days,
        queue::join, queue::get, queue::check_in, queue::visit::get, queue::visit::history, queue::visit::leave,
        queue::visit::accept_offer, queue::visit::decline_offer, queue::visit::accept, queue::visit::start,
        queue::visit::finish, queue::visit::skip, queue::visit::recall, queue::visit::no_show, queue::visit::transfer,
        branch::day::get, branch::statistics::get, branch::statistics::file,
        booking::hold, booking::release, booking::create, booking::list::list, booking::list::file, booking::lookup::find,
        booking::lookup::by_link, booking::lookup::cancel, booking::guest::claim, booking::otp::ask, booking::otp::show,
        booking::get, booking::steps::edit, booking::steps::confirm, booking::steps::reject,
        booking::steps::cancel, booking::steps::complete, booking::steps::miss, booking::steps::keep,
        booking::steps::reschedule, booking::follow, booking::unfollow, booking::assignment::get, booking::history, booking::calendar, booking::steps::review,
        group_session::create, group_session::list, group_session::get, group_session::edit, group_session::cancel,
        group_session::wait,
        series::preview, series::create, series::get, series::confirm, series::reject, series::cancel,
        waiting::join, waiting::list, waiting::get, waiting::leave, waiting::accept, waiting::decline, waiting::history,
        inbox::list, inbox::unread_count, inbox::read, inbox::read_all, inbox::delete,
        live::create_ticket, live::events::stream,
        admin::list_people, admin::people_file, admin::get_person, admin::govern_person,
        setting::house, setting::get, setting::put, setting::configured,
        api_key::list, api_key::create, api_key::get, api_key::revoke, audit::list,
        explain::list_events, explain::explain,
        report::overview::overview, report::weekly, report::weekly_file,
        rule::list, rule::get, rule::versions, rule::create, rule::put, rule::reset, rule::rehearse,
        delivery::list, delivery::get, delivery::retry, delivery::retry_all, parked::list, parked::replan,
        provider::list, suppression::list, suppression::lift, suppression::bounce,
        template::list, template::get, template::put, template::delete, template::preview,
        webhook::list, webhook::create, webhook::get, webhook::edit, webhook::remove, webhook::rotate,
        webhook::log::test, webhook::log::deliveries, webhook::log::replay,
        operation::health, operation::ready, operation::figures,
    ),
    security(("bearer" = [])),
    modifiers(&Shared),
)]
struct Document;

/// What every operation has in common: the problem shape and the bearer token.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let problem: Object = serde_json::from_value(serde_json::json!({
            "type": "object",
            "description": "RFC 9457 problem details.",
            "required": ["type", "title", "status", "detail", "request_id"],
            "properties": {
                "type": { "type": "string", "example": "/problems/slot-taken" },
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "detail": { "type": "string" },
                "request_id": { "type": "string" },
                "errors": { "type": "array", "items": { "type": "object", "properties": {
                    "pointer": { "type": "string" }, "code": { "type": "string" }, "detail": { "type": "string" } } } },
                "alternatives": { "type": "array", "items": { "type": "object", "properties": {
                    "starts_at": { "type": "string", "format": "date-time" },
                    "ends_at": { "type": "string", "format": "date-time" } } } },
                "clients": { "type": "array", "items": { "type": "object", "properties": {
                    "id": { "type": "string", "format": "uuid" }, "name": { "type": "string" } } } },
                "taken": { "type": "integer" },
                "waiting_list": { "type": "string", "example": "/api/v1/sessions/0192d3a0-0000-7000-8000-000000000000/waiting-list" },
                "booking_status": { "type": "string" },
                "visit_state": { "type": "string" },
                "visit": { "$ref": "#/components/schemas/VisitOut" }
            }
        }))
        .unwrap_or_default();
        components
            .schemas
            .insert("Problem".to_owned(), RefOr::T(problem.into()));
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let refused = ResponseBuilder::new()
            .description("Refused or failed; the type tells why.")
            .content("application/problem+json", content)
            .build();
        for (path, item) in &mut document.paths.paths {
            let operations = [
                ("get", &mut item.get),
                ("put", &mut item.put),
                ("post", &mut item.post),
                ("delete", &mut item.delete),
                ("patch", &mut item.patch),
            ];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                operation.operation_id = Some(name_of(method, path));
                let responses = &mut operation.responses.responses;
                responses.values_mut().for_each(describe);
                responses.insert("default".to_owned(), RefOr::T(refused.clone()));
                bound_limit(operation);
            }
        }
    }
}

/// A name of an operation that no other one has, such as `post_bookings_id_confirm`.
fn name_of(method: &str, path: &str) -> String {
    let path = path.trim_start_matches("/api/v1").replace(['{', '}'], "");
    format!("{method}{}", path.replace(['/', '-', '.'], "_"))
}

/// A response must say something in the document, and most say enough by their status.
fn describe(response: &mut RefOr<Response>) {
    if let RefOr::T(response) = response
        && response.description.is_empty()
    {
        response.description = "Done.".to_owned();
    }
}

/// Every list takes the same `limit`, see [`super::page::limit`].
fn bound_limit(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else {
            continue;
        };
        if parameter.name == "limit"
            && let Some(RefOr::T(Schema::Object(number))) = &mut parameter.schema
        {
            number.minimum = Some(1.into());
            number.maximum = Some(100.into());
            number.default = Some(10.into());
        }
    }
}

/// The document, with its members in a stable order.
///
/// # Errors
/// Never for the document as it is.
pub fn document() -> Result<String, serde_json::Error> {
    let mut document = Document::openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let mut text = serde_json::to_string_pretty(&serde_json::to_value(document)?)?;
    text.push('\n');
    Ok(text)
}

/// The OpenAPI document.
pub async fn get() -> HttpResponse {
    match document() {
        Ok(text) => HttpResponse::Ok()
            .content_type("application/json")
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// Leads to the page that shows the document.
pub async fn docs() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, "/docs/"))
        .finish()
}

/// The page that shows the document; all of its files come from this server.
pub fn viewer() -> SwaggerUi {
    SwaggerUi::new("/docs/{_:.*}").config(utoipa_swagger_ui::Config::from("/openapi.json"))
}

/// The viewer draws with style attributes; its page may do that, and no other.
pub const VIEWER_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }

    /// The names of the schemas in a source, from the attributes before each type.
    fn schemas(text: &str) -> Vec<String> {
        let mut named = Vec::new();
        let (mut is_one, mut other_name) = (false, None);
        for line in text.lines().map(str::trim_start) {
            let declared = line.trim_start_matches("pub ");
            let declared = declared
                .strip_prefix("struct ")
                .or_else(|| declared.strip_prefix("enum "));
            if line.starts_with("#[derive(") {
                (is_one, other_name) = (line.contains("ToSchema"), None);
            } else if let Some((_, name)) = line.split_once("schema(as = ") {
                other_name = name.split([')', ',']).next().map(str::to_owned);
            } else if let Some(name) = declared {
                let own = name.split(|c: char| !c.is_alphanumeric()).next();
                named.extend(is_one.then(|| {
                    other_name
                        .take()
                        .unwrap_or(own.unwrap_or_default().to_owned())
                }));
                is_one = false;
            }
        }
        named
    }

    #[test]
    fn no_two_schemas_have_one_name_for_the_document_would_keep_but_one_of_them() {
        let mut files = Vec::new();
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut files,
        );
        let mut known: BTreeMap<String, PathBuf> = BTreeMap::new();
        for file in files {
            for name in schemas(&fs::read_to_string(&file).unwrap()) {
                if let Some(other) = known.insert(name.clone(), file.clone()) {
                    panic!("{name} is in {} and {}", other.display(), file.display());
                }
            }
        }
        assert!(known.len() > 150, "{}", known.len());
        assert!(known.contains_key("SessionOut") && known.contains_key("Strategy"));
    }
}
