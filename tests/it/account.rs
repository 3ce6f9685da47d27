//! Accounts from the outside: opening one, signing in, being governed (C1.1, C1.3, C1.5).

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, PASSWORD, Person, Town};

/// Rate limits, for one node and for several.
mod limit;
/// The own profile and its picture.
pub mod profile;
/// Staying signed in, signing out, getting back in.
mod session;

on_both_engines!(
    a_new_account_answers_with_a_session,
    an_address_has_one_account_in_any_letter_case,
    of_two_who_register_one_address_at_once_one_wins,
    every_faulty_field_of_a_registration_is_named,
    a_repeated_registration_answers_the_same_account,
    a_wrong_password_and_an_unknown_account_look_the_same,
    a_disabled_account_is_out_at_once_and_comes_back_with_a_new_login,
    a_new_role_counts_at_once,
    of_decisions_about_one_version_of_a_person_one_counts,
    answers_speak_the_language_that_is_asked_for,
);

fn names(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Pointers and codes of a 422, in order.
fn faults(answer: Answer) -> Vec<(String, String)> {
    let answer = answer.problem(422, "validation");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let errors = answer.body["errors"].as_array().unwrap().iter();
    errors
        .map(|e| (text(&e["pointer"]), text(&e["code"])))
        .collect()
}

fn without_request_id(answer: Answer) -> Value {
    let mut body = answer.body;
    body.as_object_mut().unwrap().remove("request_id").unwrap();
    body
}

async fn refresh(person: &Person, token: &str) -> Answer {
    person
        .post("/auth/refresh", json!({ "refresh_token": token }))
        .await
}

async fn a_new_account_answers_with_a_session(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let body = json!({
        "email": " Ann@Example.Org ", "password": PASSWORD, "name": "Ann", "phone": "+84 912 345 678",
        "locale": "vi-VN", "time_zone": "Asia/Ho_Chi_Minh",
    });
    let session = town
        .stranger()
        .post("/auth/register", body)
        .await
        .expect(201);
    assert_eq!(
        names(&session.body),
        [
            "access_token",
            "expires_in",
            "refresh_token",
            "token_type",
            "user"
        ]
    );
    assert_eq!(session.body["token_type"], "Bearer");
    assert_eq!(session.body["expires_in"], 900);
    let user = &session.body["user"];
    let contract = [
        "avatar_url",
        "created_at",
        "description",
        "email",
        "email_verified",
        "gender",
        "id",
        "locale",
        "name",
        "phone",
        "role",
        "time_zone",
    ];
    for name in contract {
        assert!(user.get(name).is_some(), "{name} is missing: {user}");
    }
    assert_eq!(user["email"], "ann@example.org");
    assert_eq!(user["phone"], "+84912345678");
    assert_eq!(user["role"], "user");
    assert_eq!(user["locale"], "vi-VN");
    assert_eq!(user["time_zone"], "Asia/Ho_Chi_Minh");
    assert_eq!(user["email_verified"], false);
    assert_eq!(user["created_at"], "2027-03-01T12:00:00Z");
    assert_eq!(
        (&user["gender"], &user["avatar_url"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        user["id"].as_str().unwrap().as_bytes()[14],
        b'7',
        "a UUIDv7"
    );

    let mut ann = town.stranger();
    ann.token = Some(session.text("access_token"));
    assert_eq!(&ann.get("/me").await.expect(200).body, user);
    town.close().await;
}

async fn an_address_has_one_account_in_any_letter_case(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let body =
        json!({ "email": client.email.to_uppercase(), "password": PASSWORD, "name": "Other" });
    town.stranger()
        .post("/auth/register", body)
        .await
        .problem(409, "email-taken");
    let body = json!({ "email": client.email.to_uppercase(), "password": PASSWORD });
    let session = town.stranger().post("/auth/login", body).await.expect(200);
    assert_eq!(session.body["user"]["id"], client.id);
    town.close().await;
}

async fn of_two_who_register_one_address_at_once_one_wins(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let body = json!({ "email": "twice@belfry.test", "password": PASSWORD, "name": "Twice" });
    let stranger = town.stranger();
    let (a, b) = tokio::join!(
        stranger.post("/auth/register", body.clone()),
        stranger.post("/auth/register", body)
    );
    let (won, lost) = if a.status == 201 { (a, b) } else { (b, a) };
    won.expect(201);
    lost.problem(409, "email-taken");
    town.close().await;
}

async fn every_faulty_field_of_a_registration_is_named(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let stranger = town.stranger();
    let good = json!({ "email": "a@b.test", "password": PASSWORD, "name": "A" });
    let cases = [
        ("email", json!("nobody"), "invalid"),
        ("email", json!("a\u{0}@b.test"), "control_character"),
        ("email", json!(7), "invalid"),
        (
            "email",
            json!(format!("{}@b.test", "a".repeat(250))),
            "too_long",
        ),
        ("password", json!("short"), "too_short"),
        ("password", json!("x".repeat(201)), "too_long"),
        ("name", json!("  "), "required"),
        ("name", json!("A\u{7}"), "control_character"),
        ("name", json!("A\u{202e}B"), "control_character"),
        ("name", json!("x".repeat(101)), "too_long"),
        ("phone", json!("12345"), "invalid"),
        ("locale", json!("english please"), "invalid"),
        ("time_zone", json!("Mars/Olympus"), "unknown_zone"),
        ("role", json!("admin"), "unknown_field"),
    ];
    for (name, value, code) in cases {
        let mut body = good.clone();
        body[name] = value;
        let found = faults(stranger.post("/auth/register", body).await);
        assert_eq!(found, [(format!("/{name}"), code.to_owned())]);
    }
    for name in ["email", "password", "name"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(name);
        let found = faults(stranger.post("/auth/register", body).await);
        assert_eq!(found, [(format!("/{name}"), "required".to_owned())]);
    }
    let all = json!({ "email": "x", "password": "y", "name": "", "phone": "1", "time_zone": "Z" });
    let found = faults(stranger.post("/auth/register", all).await);
    let pointers: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(
        pointers,
        ["/email", "/password", "/name", "/phone", "/time_zone"]
    );
    town.close().await;
}

async fn a_repeated_registration_answers_the_same_account(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let body = json!({ "email": "k@belfry.test", "password": PASSWORD, "name": "K" });
    let send = async |body: &Value, key: &str| {
        let headers = [("idempotency-key", key)];
        let stranger = town.stranger();
        stranger
            .send(Method::POST, "/auth/register", Some(body.clone()), &headers)
            .await
    };
    let first = send(&body, "k").await.expect(201);
    let again = send(&body, "k").await.expect(201);
    // The tokens are others: none is kept.
    assert_eq!(first.body["user"], again.body["user"]);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let mut other = body.clone();
    other["name"] = json!("L");
    send(&other, "k")
        .await
        .problem(422, "idempotency-key-reused");
    send(&body, "l").await.problem(409, "email-taken");
    send(&body, &"k".repeat(256))
        .await
        .problem(422, "validation");
    town.close().await;
}

async fn a_wrong_password_and_an_unknown_account_look_the_same(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let try_in = async |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        town.stranger()
            .post("/auth/login", body)
            .await
            .problem(401, "bad-credentials")
    };
    let wrong = try_in(&client.email, "not the password").await;
    for unknown in ["nobody@belfry.test", "no address", ""] {
        let answer = try_in(unknown, PASSWORD).await;
        assert_eq!(answer.headers.len(), wrong.headers.len());
        assert_eq!(without_request_id(answer), wrong_body(&wrong));
    }
    let body = json!({ "email": "a\u{0}b", "password": PASSWORD });
    let found = faults(town.stranger().post("/auth/login", body).await);
    assert_eq!(
        found,
        [("/email".to_owned(), "control_character".to_owned())]
    );
    town.close().await;
}

fn wrong_body(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    body.as_object_mut().unwrap().remove("request_id").unwrap();
    body
}

async fn a_disabled_account_is_out_at_once_and_comes_back_with_a_new_login(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    client.get("/me").await.expect(200);
    let path = format!("/admin/users/{}", client.id);
    let answer = admin
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    assert_eq!(answer.body["disabled"], true);
    client.get("/me").await.problem(403, "account-disabled");
    refresh(&client, &client.refresh_token)
        .await
        .problem(401, "bad-refresh-token");
    let right = json!({ "email": client.email, "password": PASSWORD });
    client
        .post("/auth/login", right)
        .await
        .problem(403, "account-disabled");
    // Only who knows the password hears that the account is disabled.
    let wrong = json!({ "email": client.email, "password": "not the password" });
    client
        .post("/auth/login", wrong)
        .await
        .problem(401, "bad-credentials");

    admin
        .patch(&path, json!({ "disabled": false }))
        .await
        .expect(200);
    client.get("/me").await.problem(401, "unauthenticated");
    town.again(client).await.get("/me").await.expect(200);
    town.close().await;
}

async fn a_new_role_counts_at_once(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    client.get("/admin/users").await.problem(403, "forbidden");
    let path = format!("/admin/users/{}", client.id);
    admin
        .patch(&path, json!({ "role": "admin" }))
        .await
        .expect(200);
    client.get("/admin/users").await.expect(200);
    assert_eq!(client.get("/me").await.body["role"], "admin");
    admin
        .patch(&path, json!({ "role": "user" }))
        .await
        .expect(200);
    client.get("/admin/users").await.problem(403, "forbidden");
    let own = format!("/admin/users/{}", admin.id);
    for change in [json!({ "role": "user" }), json!({ "disabled": true })] {
        admin.patch(&own, change).await.problem(422, "validation");
    }
    assert_eq!(
        faults(admin.patch(&path, json!({ "role": "king" })).await),
        [("/role".to_owned(), "invalid".to_owned())]
    );
    town.close().await;
}

async fn of_decisions_about_one_version_of_a_person_one_counts(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let path = format!("/admin/users/{}", client.id);
    let seen = admin.get(&path).await.expect(200);
    let tag = [("if-match", seen.header("etag").unwrap())];
    let roles = ["admin", "manager", "expert", "admin", "manager", "expert"];
    let decided = roles.map(|role| {
        let change = json!({ "role": role });
        admin.send(Method::PATCH, &path, Some(change), &tag)
    });
    let decided = join_all(decided).await;
    let (won, lost): (Vec<_>, Vec<_>) = decided
        .into_iter()
        .partition(|answer: &Answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        answer.problem(412, "stale");
    }
    assert_eq!(admin.get(&path).await.body["role"], won[0].body["role"]);
    let log = admin
        .get("/admin/audit?action=user.governed")
        .await
        .expect(200);
    let entries = log.body["items"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{}", log.text);

    // Those that name no version come one after the other, and each tells what was before it.
    let change = json!({ "role": "user" });
    join_all((0..3).map(|_| admin.patch(&path, change.clone()))).await;
    let log = admin
        .get("/admin/audit?action=user.governed")
        .await
        .expect(200);
    let entries = log.body["items"].as_array().unwrap();
    let from = |role: &Value| {
        let told = entries.iter();
        told.filter(|entry| entry["before"]["role"] == *role)
            .count()
    };
    assert_eq!(entries.len(), 4, "{}", log.text);
    assert_eq!((from(&won[0].body["role"]), from(&json!("user"))), (1, 3));
    town.close().await;
}

async fn answers_speak_the_language_that_is_asked_for(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let ask = async |language: &str| {
        let headers = [("accept-language", language)];
        let answer = town
            .stranger()
            .send(Method::GET, "/me", None, &headers)
            .await;
        let answer = answer.problem(401, "unauthenticated");
        (
            answer.text("title"),
            answer.text("detail"),
            answer.header("content-language").map(str::to_owned),
        )
    };
    let (english, _, tag) = ask("en").await;
    assert_eq!(
        (english.as_str(), tag.as_deref()),
        ("Sign in first", Some("en"))
    );
    let (title, detail, tag) = ask("fr;q=0.9, vi-VN;q=0.8, en;q=0.2").await;
    assert_eq!(
        (title.as_str(), tag.as_deref()),
        ("Hãy đăng nhập", Some("vi"))
    );
    assert!(detail.contains("mã truy cập"), "{detail}");
    let (title, _, tag) = ask("zh-CN,zh;q=0.9").await;
    assert_eq!((title.as_str(), tag.as_deref()), ("请先登录", Some("zh")));
    assert_eq!(ask("fr").await.0, english);
    town.close().await;
}
