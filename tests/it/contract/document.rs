//! Committed, generated and served are the same document, and every call of it is there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::engine::Fresh;
use crate::town::Town;

/// One call of the document.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Call {
    pub path: String,
    pub method: String,
    /// Whether it can be made without a token.
    pub public: bool,
}

/// Every call of the document, in order of path.
pub fn calls() -> Vec<Call> {
    let document: Value =
        serde_json::from_str(&belfry::http::openapi::document().unwrap()).unwrap();
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let free = |one: &Value| {
                one.as_object()
                    .unwrap()
                    .keys()
                    .all(|scheme| scheme != "bearer")
            };
            calls.push(Call {
                path: path.clone(),
                method: method.to_uppercase(),
                public: operation["security"]
                    .as_array()
                    .is_some_and(|list| list.iter().any(free)),
            });
        }
    }
    calls
}

/// The calls of the public contract that this version answers.
const CONTRACT: &str = "
    POST /api/v1/auth/register
    POST /api/v1/auth/login
    POST /api/v1/auth/refresh
    POST /api/v1/auth/logout
    POST /api/v1/auth/password/forgot
    POST /api/v1/auth/password/reset
    POST /api/v1/auth/email/verify
    GET /api/v1/me
    PATCH /api/v1/me
    GET /api/v1/me/preferences
    PUT /api/v1/me/preferences
    PUT /api/v1/me/avatar
    DELETE /api/v1/me/avatar
    PATCH /api/v1/admin/users/{id}
    GET /api/v1/experts
    GET /api/v1/experts/{id}
    GET /api/v1/experts/{id}/slots
    GET /api/v1/experts/{id}/schedule
    PUT /api/v1/experts/{id}/schedule
    GET /api/v1/experts/{id}/overrides
    PUT /api/v1/experts/{id}/overrides/{date}
    DELETE /api/v1/experts/{id}/overrides/{date}
    GET /api/v1/experts/{id}/time-off
    POST /api/v1/experts/{id}/time-off
    DELETE /api/v1/experts/{id}/time-off/{time_off_id}
    GET /api/v1/experts/{id}/agenda
    PUT /api/v1/experts/{id}/presence
    POST /api/v1/holds
    DELETE /api/v1/holds/{id}
    GET /api/v1/bookings
    POST /api/v1/bookings
    GET /api/v1/bookings/{id}
    PATCH /api/v1/bookings/{id}
    POST /api/v1/bookings/{id}/confirm
    POST /api/v1/bookings/{id}/reject
    POST /api/v1/bookings/{id}/cancel
    POST /api/v1/bookings/{id}/complete
    POST /api/v1/bookings/{id}/miss
    POST /api/v1/bookings/{id}/keep
    POST /api/v1/bookings/{id}/reschedule
    GET /api/v1/bookings/{id}/history
    GET /api/v1/bookings/{id}/calendar.ics
    POST /api/v1/bookings/lookup
    POST /api/v1/bookings/lookup/cancel
    POST /api/v1/bookings/{id}/review
    GET /api/v1/notifications
    GET /api/v1/notifications/unread-count
    POST /api/v1/notifications/{id}/read
    POST /api/v1/notifications/read-all
    DELETE /api/v1/notifications/{id}
    POST /api/v1/live/ticket
    GET /api/v1/live/events
    GET /healthz
    GET /readyz
    GET /metrics
";

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let generated = belfry::http::openapi::document().unwrap();
    assert!(
        committed == generated,
        "run `belfry openapi > docs/openapi.json` and commit it"
    );
}

#[test]
fn every_call_of_the_contract_is_in_the_document() {
    let documented: BTreeSet<String> = calls()
        .iter()
        .map(|call| format!("{} {}", call.method, call.path))
        .collect();
    let promised = CONTRACT
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let missing: Vec<_> = promised
        .filter(|call| !documented.contains(*call))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_operation_says_what_it_does_and_how_it_refuses() {
    let document: Value =
        serde_json::from_str(&belfry::http::openapi::document().unwrap()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let text = operation["summary"].as_str().unwrap_or_default();
            assert!(text.len() > 5, "{method} {path} says nothing");
            let refusal = &operation["responses"]["default"]["content"]["application/problem+json"];
            assert!(refusal.is_object(), "{method} {path} never refuses");
            let named: BTreeSet<&str> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{'))
                .collect();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let described = parameters.filter(|one| one["in"] == "path").count();
            assert_eq!(
                described,
                named.len(),
                "{method} {path} leaves path parameters out"
            );
        }
    }
}

#[actix_rt::test]
async fn the_documents_are_served_with_a_page_to_read_them() {
    let fresh = Fresh::sqlite().await;
    let town = Town::open(&fresh).await;
    let stranger = town.stranger();
    let served = stranger.get("/openapi.json").await.expect(200);
    assert_eq!(served.text, belfry::http::openapi::document().unwrap());
    assert_eq!(served.header("content-type"), Some("application/json"));
    let events = stranger.get("/asyncapi.json").await.expect(200);
    assert!(events.body["asyncapi"].as_str().unwrap().starts_with("3."));
    let page = stranger.get("/docs").await.expect(200);
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    town.close().await;
}
