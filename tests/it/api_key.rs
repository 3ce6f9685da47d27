//! Keys for machines: what they open, for whom, and until when (C1.8).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use belfry::http::scope::scope_of;
use belfry::secret;
use belfry_domain::api_key::Scope;
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::contract::{UNKNOWN, document};
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

/// Live connections that a key holds.
mod live;
/// Keys that are nearly right.
mod nearly;

on_both_engines!(
    a_key_opens_what_its_scopes_name_and_nothing_else,
    a_key_is_shown_once_and_acts_for_who_made_it,
    a_key_is_refused_once_it_has_ended,
    a_key_ends_with_its_makers_rights_for_good,
    what_is_no_key_opens_nothing,
    a_key_that_cannot_be_made_says_why,
    every_key_has_a_share_and_idempotency_of_its_own,
);

/// Calls that need somebody, and that no key may do whatever its scopes.
const PEOPLE_ONLY: [&str; 13] = [
    "DELETE /api/v1/admin/users/{id}",
    "DELETE /api/v1/me",
    "GET /api/v1/me/export",
    "GET /api/v1/me/calendar-feed",
    "POST /api/v1/me/calendar-feed",
    "POST /api/v1/me/telegram",
    "POST /api/v1/me/devices",
    "GET /api/v1/me/sign-ins",
    "DELETE /api/v1/me/sign-ins/{id}",
    "GET /api/v1/admin/api-keys",
    "POST /api/v1/admin/api-keys",
    "GET /api/v1/admin/api-keys/{id}",
    "DELETE /api/v1/admin/api-keys/{id}",
];
/// A call of a mail server, which has a secret of its own.
const BOUNCES: &str = "POST /api/v1/mail/bounces";

async fn made(admin: &Person, body: Value) -> Answer {
    admin.post("/admin/api-keys", body).await.expect(201)
}

/// The administrator's machine with these scopes.
async fn machine(admin: &Person, scopes: &[&str]) -> (Person, String) {
    let body = json!({ "name": scopes.join(" "), "scopes": scopes });
    let answer = made(admin, body).await;
    let mut machine = admin.clone();
    machine.token = Some(answer.text("key"));
    (machine, answer.text("id"))
}

/// A path with something in every place; what is asked for does not exist.
fn filled(path: &str) -> String {
    let mut path = path
        .replace("{date}", "2027-03-02")
        .replace("{kind}/{channel}/{language}", "booking.kept/inbox/en")
        .replace("{channel}/{address}", "email/nobody@belfry.test");
    while let (Some(start), Some(end)) = (path.find('{'), path.find('}')) {
        path.replace_range(start..=end, UNKNOWN);
    }
    path
}

async fn a_key_opens_what_its_scopes_name_and_nothing_else(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let calls: Vec<(Method, String)> = document::calls()
        .into_iter()
        .filter(|call| !call.public)
        .map(|call| (call.method.parse().unwrap(), call.path))
        .filter(|(method, path)| format!("{method} {path}") != BOUNCES)
        .collect();
    let closed: BTreeSet<String> = calls
        .iter()
        .filter(|(method, path)| scope_of(method.as_str(), path).is_none())
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    assert_eq!(closed, PEOPLE_ONLY.map(str::to_owned).into());
    let mut opened = BTreeSet::new();
    for scope in Scope::ALL {
        let (machine, _) = machine(&admin, &[scope.as_str()]).await;
        for (method, path) in &calls {
            let wanted = scope_of(method.as_str(), path);
            let filled = filled(path);
            let body = (*method != Method::GET).then(|| json!({}));
            let answer = machine.send(method.clone(), &filled, body, &[]).await;
            let name = format!("{} with {}", answer.text, scope.as_str());
            if wanted == Some(*scope) {
                assert!(
                    ![401, 403, 405].contains(&answer.status),
                    "{method} {path}: {name}"
                );
                assert!(answer.status < 500, "{method} {path}: {name}");
                opened.insert(*scope);
            } else {
                assert_eq!(answer.status, 403, "{method} {path}: {name}");
                let answer = answer.problem(403, "insufficient-scope");
                assert_eq!(answer.body["scope"], json!(wanted), "{method} {path}");
                let challenge = answer.header("www-authenticate").unwrap().to_owned();
                assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""));
            }
        }
    }
    let all: BTreeSet<Scope> = Scope::ALL.iter().copied().collect();
    assert_eq!(opened, all, "a scope that opens nothing");
    town.close().await;
}

async fn a_key_is_shown_once_and_acts_for_who_made_it(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let body =
        json!({ "name": "Website", "scopes": ["settings:write", "profile:read", "profile:read"] });
    let headers = [("idempotency-key", "the website's key")];
    let send = async || {
        let body = Some(body.clone());
        admin
            .send(Method::POST, "/admin/api-keys", body, &headers)
            .await
    };
    let first = send().await.expect(201);
    let key = first.text("key");
    assert_eq!(
        first.body["scopes"],
        json!(["profile:read", "settings:write"])
    );
    assert!(key.starts_with(&first.text("prefix")) && key.starts_with("bfk_"));
    assert_eq!(first.body["user_id"], json!(admin.id));
    // What answers a repetition was kept, so it cannot hold the key.
    let again = send().await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(
        (&again.body["id"], &again.body["key"]),
        (&first.body["id"], &json!(null))
    );
    let list = admin.get("/admin/api-keys").await.expect(200);
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1);
    assert!(!list.text.contains(&key));
    let kept = town
        .store
        .api_key_by_hash(&secret::hash(&key))
        .await
        .unwrap();
    assert_eq!(kept.unwrap().id.to_string(), first.text("id"));

    let mut machine = town.stranger();
    machine.token = Some(key.clone());
    assert_eq!(
        machine.get("/me").await.expect(200).body["id"],
        json!(admin.id)
    );
    let path = format!("/admin/api-keys/{}", first.text("id"));
    // Noted aside, so that no answer waits for it.
    let started = Instant::now();
    while admin.get(&path).await.expect(200).body["last_used_at"] != "2027-03-01T12:00:00Z" {
        assert!(started.elapsed() < Duration::from_secs(30), "never noted");
        tokio::task::yield_now().await;
    }
    let branch = json!({ "name": "Harbour", "time_zone": "UTC" });
    machine.post("/branches", branch).await.expect(201);
    let log = admin
        .get("/admin/audit?action=branch.opened")
        .await
        .expect(200);
    let entry = &log.body["items"][0];
    assert_eq!(entry["actor"]["id"], json!(admin.id));
    assert_eq!(
        entry["api_key"],
        json!({ "id": first.body["id"], "name": "Website" })
    );
    assert_eq!(entry["after"]["name"], "Harbour");
    let log = admin.get("/admin/audit?subject=api_key").await.expect(200);
    assert_eq!(log.body["items"][0]["action"], "api_key.created");
    assert!(!log.text.contains(&key));
    town.close().await;
}

async fn a_key_is_refused_once_it_has_ended(fresh: &Fresh) {
    let town = Town::open_two_with(fresh, |_| {}).await;
    let admin = town.admin().await;
    let (machine, id) = machine(&admin, &["profile:read"]).await;
    let other = machine.at(&town, 1);
    machine.get("/me").await.expect(200);
    other.get("/me").await.expect(200);
    let path = format!("/admin/api-keys/{id}");
    admin.delete(&path).await.expect(204);
    // At once here, and within five seconds there.
    machine.get("/me").await.problem(401, "unauthenticated");
    town.clock.advance(TimeDelta::seconds(5));
    other.get("/me").await.problem(401, "unauthenticated");
    // Once more changes nothing, and it stays in the list.
    let ended = admin.get(&path).await.expect(200).text("revoked_at");
    admin.delete(&path).await.expect(204);
    assert_eq!(admin.get(&path).await.expect(200).text("revoked_at"), ended);
    let log = admin
        .get("/admin/audit?action=api_key.revoked")
        .await
        .expect(200);
    assert_eq!(log.body["items"].as_array().unwrap().len(), 1);
    admin
        .delete(&format!("/admin/api-keys/{UNKNOWN}"))
        .await
        .problem(404, "not-found");

    let ends = town.now() + TimeDelta::seconds(3);
    let body = json!({ "name": "Short", "scopes": ["profile:read"], "expires_at": ends });
    let mut short = town.stranger();
    short.token = Some(made(&admin, body).await.text("key"));
    short.get("/me").await.expect(200);
    // Also while this node still believes what it read of it.
    town.clock.advance(TimeDelta::seconds(3));
    short.get("/me").await.problem(401, "unauthenticated");
    town.close().await;
}

async fn a_key_ends_with_its_makers_rights_for_good(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, maker) = (town.admin().await, town.admin().await);
    let path = format!("/admin/users/{}", maker.id);
    let (first, _) = machine(&maker, &["profile:read"]).await;
    first.get("/me").await.expect(200);
    admin
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    first.get("/me").await.problem(401, "unauthenticated");
    admin
        .patch(&path, json!({ "disabled": false }))
        .await
        .expect(200);
    first.get("/me").await.problem(401, "unauthenticated");
    let maker = town.again(maker).await;
    let (second, _) = machine(&maker, &["profile:read"]).await;
    second.get("/me").await.expect(200);
    // Signing out everywhere ends what people hold, not what machines hold.
    maker
        .post("/auth/logout", json!({ "everywhere": true }))
        .await
        .expect(204);
    second.get("/me").await.expect(200);
    admin
        .patch(&path, json!({ "role": "user" }))
        .await
        .expect(200);
    town.clock.advance(TimeDelta::seconds(5));
    second.get("/me").await.problem(401, "unauthenticated");
    admin
        .patch(&path, json!({ "role": "admin" }))
        .await
        .expect(200);
    second.get("/me").await.problem(401, "unauthenticated");
    town.close().await;
}

async fn what_is_no_key_opens_nothing(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let (machine, id) = machine(&admin, &["profile:read"]).await;
    let key = machine.token.clone().unwrap();
    let other = |place: usize| {
        let mut letters: Vec<char> = key.chars().collect();
        letters[place] = if letters[place] == 'A' { 'B' } else { 'A' };
        letters.into_iter().collect::<String>()
    };
    let mut answers = BTreeSet::new();
    for odd in [
        other(7),
        other(key.len() / 2),
        other(key.len() - 1),
        key[..key.len() - 1].to_owned(),
        format!("{key}A"),
        key.to_uppercase(),
        format!("bfk_{}", "ü".repeat(21)),
        "bfk_".to_owned(),
        format!("bfk_{}", "A".repeat(8000)),
        id,
    ] {
        let mut stranger = town.stranger();
        stranger.token = Some(odd);
        let answer = stranger.get("/me").await.problem(401, "unauthenticated");
        let mut body = answer.body.clone();
        body["request_id"] = json!(null);
        answers.insert(body.to_string());
    }
    // A key that is nearly right is answered like one that is made up.
    assert_eq!(answers.len(), 1);
    machine.get("/me").await.expect(200);
    // A key is no log-in: it neither ends nor renews what people hold.
    machine
        .post("/auth/logout", json!({ "everywhere": true }))
        .await
        .problem(403, "insufficient-scope");
    let refresh = json!({ "refresh_token": key });
    machine
        .post("/auth/refresh", refresh)
        .await
        .problem(401, "bad-refresh-token");
    town.close().await;
}

async fn a_key_that_cannot_be_made_says_why(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let at = |answer: &Answer| {
        answer.body["errors"][0]["pointer"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for (body, pointer) in [
        (json!({ "name": " ", "scopes": ["profile:read"] }), "/name"),
        (
            json!({ "name": "n".repeat(101), "scopes": ["profile:read"] }),
            "/name",
        ),
        (json!({ "name": "a", "scopes": [] }), "/scopes"),
        (
            json!({ "name": "a", "scopes": ["everything"] }),
            "/scopes/0",
        ),
        (
            json!({ "name": "a", "scopes": vec!["profile:read"; 31] }),
            "/scopes",
        ),
        (
            json!({ "name": "a", "scopes": ["profile:read"], "expires_at": "2027-03-01T12:00:00Z" }),
            "/expires_at",
        ),
        (
            json!({ "name": "a", "scopes": ["profile:read"], "expires_at": "9999-03-01T12:00:00Z" }),
            "/expires_at",
        ),
        (
            json!({ "name": "a", "scopes": ["profile:read"], "role": "admin" }),
            "/role",
        ),
    ] {
        let answer = admin
            .post("/admin/api-keys", body)
            .await
            .problem(422, "validation");
        assert_eq!(at(&answer), pointer, "{}", answer.text);
    }
    let list = admin.get("/admin/api-keys").await.expect(200);
    assert_eq!(list.body["items"], json!([]));
    town.close().await;
}

async fn every_key_has_a_share_and_idempotency_of_its_own(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| {
        settings.limits.enabled = true;
        settings.limits.api_key = 3;
    })
    .await;
    let admin = town.admin().await;
    let scopes = ["settings:write"];
    let (one, _) = machine(&admin, &scopes).await;
    let (two, _) = machine(&admin, &scopes).await;
    let open = async |caller: &Person, name: &str| {
        let body = Some(json!({ "name": name, "time_zone": "UTC" }));
        let headers = [("idempotency-key", "the same for all")];
        caller.send(Method::POST, "/branches", body, &headers).await
    };
    // The same key of three callers is three keys.
    let first = open(&one, "North").await.expect(201);
    let second = open(&two, "South").await.expect(201);
    let third = open(&admin, "East").await.expect(201);
    assert_eq!(
        3,
        BTreeSet::from([first.text("id"), second.text("id"), third.text("id")]).len()
    );
    assert_eq!(
        open(&one, "North").await.expect(201).text("id"),
        first.text("id")
    );
    open(&one, "West")
        .await
        .problem(422, "idempotency-key-reused");
    let refused = open(&one, "North").await.problem(429, "too-many-requests");
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"api-key\";q=3;w=60")
    );
    assert!(refused.header("retry-after").is_some());
    open(&two, "South").await.expect(201);
    open(&admin, "East").await.expect(201);
    town.close().await;
}
