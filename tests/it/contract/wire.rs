//! What every answer has.

use belfry::http::problem::CATALOGUE;
use reqwest::Method;
use serde_json::{Value, json};

use super::body::{JSON, pointed_at, send_bytes};
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, PASSWORD, Town};

on_both_engines!(
    refusals_of_the_framework_have_the_same_shape,
    a_request_id_is_kept_when_it_is_harmless,
    an_idempotency_key_is_any_plain_text,
    every_answer_is_protected,
    the_files_of_another_release_are_answered_and_not_kept,
    get_has_a_head,
    every_kind_of_problem_has_its_page,
    the_house_tells_how_it_is,
);

async fn refusals_of_the_framework_have_the_same_shape(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    for path in [
        "/nothing",
        "/api/v2/me",
        "/me/",
        "/static/nothing.js",
        "/nothing/at/all",
    ] {
        client.get(path).await.problem(404, "not-found");
    }
    for (method, path, allowed) in [
        (Method::POST, "/me", &["GET", "PATCH"][..]),
        (Method::POST, "/experts", &["GET", "HEAD"]),
        (Method::OPTIONS, "/experts", &["GET", "HEAD"]),
        (Method::GET, "/auth/login", &["POST"]),
        (Method::PUT, "/healthz", &["GET"]),
        (Method::PATCH, "/bookings", &["GET", "POST"]),
    ] {
        let answer = client
            .send(method, path, None, &[])
            .await
            .problem(405, "method-not-allowed");
        let allow = answer.header("allow").unwrap().to_owned();
        assert!(
            allowed.iter().all(|method| allow.contains(method)),
            "{path}: {allow}"
        );
    }
    let json = json!({ "email": client.email, "password": PASSWORD }).to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        send_bytes(&client, "/auth/login", Some(kind), json.clone())
            .await
            .problem(415, "unsupported-media-type");
    }
    for kind in [
        None,
        JSON,
        Some("application/json; charset=utf-8"),
        Some("Application/JSON"),
    ] {
        send_bytes(&client, "/auth/login", kind, json.clone())
            .await
            .expect(200);
    }
    for size in [64 * 1024 + 1, 1024 * 1024, 8 * 1024 * 1024] {
        send_bytes(&client, "/auth/login", JSON, vec![b' '; size])
            .await
            .problem(413, "payload-too-large");
    }
    town.close().await;
}

async fn a_request_id_is_kept_when_it_is_harmless(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let ask = async |id: &str| {
        let headers = [("x-request-id", id)];
        let answer = town
            .stranger()
            .send(Method::GET, "/me", None, &headers)
            .await;
        let answer = answer.problem(401, "unauthenticated");
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!(answer.body["request_id"], id);
        id
    };
    assert_eq!(ask("trace-0123.abc_DEF").await, "trace-0123.abc_DEF");
    for odd in [
        "short",
        "with a space",
        "<script>alert(1)</script>",
        "a\tb-cdefgh",
        "x%0d%0aset-cookie:a=b",
        &"a".repeat(129),
    ] {
        let given = ask(odd).await;
        assert!(given.parse::<uuid::Uuid>().is_ok(), "{given}");
    }
    assert_ne!(ask("").await, ask("").await);
    town.close().await;
}

async fn an_idempotency_key_is_any_plain_text(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let path = format!("/experts/{}/time-off", expert.id);
    let body = json!({ "starts_at": "2027-04-01T00:00:00Z", "ends_at": "2027-04-02T00:00:00Z" });
    let send = async |key: &[u8]| {
        let request = expert
            .request(Method::POST, &path)
            .json(&body)
            .header("idempotency-key", key);
        Answer::of(request.send().await.unwrap()).await
    };
    let long = "k".repeat(255);
    for key in [
        "'; DROP TABLE users; --",
        "%0d%0aset-cookie:a=b",
        "\"quoted\"",
        &long,
    ] {
        let first = send(key.as_bytes()).await.expect(201);
        let again = send(key.as_bytes()).await.expect(201);
        assert_eq!(
            (first.text, again.header("idempotent-replayed")),
            (again.text.clone(), Some("true"))
        );
        assert!(again.header("set-cookie").is_none());
    }
    for key in [
        "".as_bytes(),
        "ключ".as_bytes(),
        b"\xff",
        "k".repeat(256).as_bytes(),
    ] {
        pointed_at(send(key).await, "/idempotency-key", "invalid");
    }
    town.close().await;
}

async fn every_answer_is_protected(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    for path in [
        "/me",
        "/experts",
        "/nothing",
        "/healthz",
        "/problems/stale",
        "/openapi.json",
        "/docs/",
        "/static/index.html",
    ] {
        let answer = client.get(path).await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(
            answer.header("referrer-policy"),
            Some("same-origin"),
            "{path}"
        );
        assert!(answer.header("x-request-id").is_some(), "{path}");
        assert!(answer.header("server").is_none(), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
        let script = policy
            .split(';')
            .find(|part| part.trim().starts_with("script-src"));
        assert!(
            !script.unwrap_or_default().contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(
            policy.contains("unsafe-inline"),
            path == "/docs/",
            "{path}: {policy}"
        );
    }
    town.close().await;
}

/// Whoever has the page of a release before asks for its files until the page is read anew.
async fn the_files_of_another_release_are_answered_and_not_kept(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let visitor = town.stranger();
    let page = reqwest::get(format!("http://{}/login", town.nodes[0].address))
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    let (_, rest) = page.split_once("src=\"/static/@").unwrap();
    let (release, _) = rest.split_once('/').unwrap();
    let own = format!("/static/@{release}/js/main.js");
    assert!(page.contains(&own), "{page}");
    let own = visitor.get(&own).await.expect(200);
    let before = visitor.get("/static/@before/js/main.js").await.expect(200);
    assert_eq!(before.text, own.text);
    assert_eq!(before.header("cache-control"), Some("no-cache"));
    for path in [
        "/static/@before",
        "/static/@before/",
        "/static/@before/@before/js/main.js",
    ] {
        visitor.get(path).await.problem(404, "not-found");
    }
    town.close().await;
}

async fn get_has_a_head(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let html = [("accept", "text/html")];
    for path in [
        "/healthz",
        "/readyz",
        "/problems/stale",
        "/docs/",
        "/static/index.html",
        "/experts",
        "/me",
    ] {
        let get = client.get(path).await.expect(200);
        let head = client.send(Method::HEAD, path, None, &[]).await.expect(200);
        assert_eq!(head.text, "", "{path}");
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
        assert_eq!(head.header("etag"), get.header("etag"), "{path}");
    }
    for path in ["/docs/", "/problems/stale"] {
        client
            .send(Method::HEAD, path, None, &html)
            .await
            .expect(200);
    }
    client
        .send(Method::HEAD, "/nothing", None, &[])
        .await
        .expect(404);
    client
        .send(Method::HEAD, "/auth/login", None, &[])
        .await
        .expect(405);
    town.close().await;
}

async fn every_kind_of_problem_has_its_page(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let stranger = town.stranger();
    for slug in CATALOGUE.keys() {
        let page = stranger.get(&format!("/problems/{slug}")).await.expect(200);
        assert!(
            page.header("content-type")
                .unwrap()
                .starts_with("text/html")
        );
        assert!(
            page.text.contains(&format!("/problems/{slug}")),
            "{}",
            page.text
        );
    }
    let vietnamese = [("accept-language", "vi")];
    let page = stranger
        .send(Method::GET, "/problems/stale", None, &vietnamese)
        .await
        .expect(200);
    assert!(page.text.contains("<html lang=\"vi\">") && page.text.contains("Nội dung đã thay đổi"));
    stranger
        .get("/problems/nothing")
        .await
        .problem(404, "not-found");
    town.close().await;
}

async fn the_house_tells_how_it_is(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let stranger = town.stranger();
    stranger.get("/healthz").await.expect(200);
    let ready = stranger.get("/readyz").await.expect(200);
    assert_eq!(
        ready.body["parts"],
        json!({ "database": true, "bus": true, "migrations": true })
    );
    let figures = stranger.get("/metrics").await.expect(200);
    assert!(
        figures
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    let upgrade = stranger.get("/ws").await.problem(426, "upgrade-required");
    assert_ne!(upgrade.body["detail"], Value::Null);
    town.close().await;
}
