//! Administrators who sign in through an OpenID Connect provider (C1.7): a real one, and one that lies.
//!
//! The real one is the package `oidc-provider`, run by node (`tests/oidc`); `scripts/install.sh oidc` installs it.

use belfry::config::Settings;
use belfry::secret::Secret;
use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::json;

use crate::engine::{Fresh, on_both_engines};
use crate::town::{Person, Town};

/// A browser, as far as signing in goes: cookies and redirects.
mod browser;
/// Browsers that come back late, twice, or from elsewhere.
mod comeback;
/// Who is let in as whom.
mod guest_list;
/// A provider whose word must not be believed.
mod liar;
/// The real provider.
mod provider;

use browser::Browser;
use provider::RealProvider;

on_both_engines!(
    an_administrator_signs_in_and_stays_signed_in,
    new_keys_of_the_provider_need_nobodys_attention,
    a_provider_that_is_down_is_said_to_be,
    without_a_provider_there_is_nothing_to_sign_in_through,
    a_sign_in_is_removed_where_a_password_exists,
    what_is_known_of_a_sign_in_is_given_and_forgotten,
);

/// Where the world sees the house; [`Browser`] knows which door that is.
const HOUSE: &str = "http://house.test";
const SECRET: &str = "a secret of the test: with / and %";

/// A house that signs administrators in through this provider.
async fn town(fresh: &Fresh, issuer: &str, change: impl FnOnce(&mut Settings)) -> Town {
    let issuer = issuer.to_owned();
    let town = Town::open_with(fresh, |settings| {
        settings.http.public_url = HOUSE.to_owned();
        let oidc = &mut settings.auth.oidc;
        oidc.issuer = issuer;
        oidc.client_id = "belfry".to_owned();
        oidc.client_secret = Secret::new(SECRET.to_owned());
        oidc.name = "The Office".to_owned();
        change(settings);
    })
    .await;
    // The provider goes by the clock on the wall.
    town.clock.set(belfry_domain::to_micros(Utc::now()));
    town
}

/// An administrator who has proved the address.
async fn proved_admin(town: &Town) -> Person {
    let admin = town.admin().await;
    let id = admin.id.parse().unwrap();
    let store = &town.store;
    assert!(
        store
            .verify_email(id, &admin.email, town.now())
            .await
            .unwrap()
    );
    admin
}

/// What the log says that was done to this person in this way.
async fn logged(admin: &Person, id: &str, action: &str) -> Vec<serde_json::Value> {
    let path = format!("/admin/audit?subject=user/{id}&action={action}");
    let log = admin.get(&path).await.expect(200);
    log.body["items"].as_array().unwrap().clone()
}

async fn an_administrator_signs_in_and_stays_signed_in(fresh: &Fresh) {
    let Some(provider) = RealProvider::start().await else {
        return;
    };
    let mut town = town(fresh, &provider.issuer, |_| {}).await;
    // What one node began another one ends.
    town.add_node().await;
    let admin = proved_admin(&town).await;
    let told = town.stranger().get("/auth/oidc").await.expect(200);
    assert_eq!(
        told.body,
        json!({ "available": true, "name": "The Office" })
    );
    let mut browser = Browser::at(&town);
    let begun = browser.start().await.expect(200);
    let cookie = begun.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=600"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let who = format!("1;{}", admin.email.to_uppercase());
    let back = browser.visit(&begun.text("url"), &who).await;
    browser.door = format!("http://{}", town.nodes[1].address);
    let session = browser.hand_over(&back).await.expect(200);
    assert_eq!(session.body["user"]["id"], json!(admin.id));
    assert!(
        browser.house_cookies().is_empty(),
        "the cookie is taken back"
    );
    // It is a session like any other: it works, goes on, and ends.
    let mut signed = town.stranger();
    signed.token = Some(session.text("access_token"));
    signed.get("/admin/users").await.expect(200);
    let body = json!({ "refresh_token": session.text("refresh_token") });
    let next = signed.post("/auth/refresh", body).await.expect(200);
    let body = json!({ "refresh_token": next.text("refresh_token") });
    signed.post("/auth/logout", body.clone()).await.expect(204);
    let ended = signed.post("/auth/refresh", body).await;
    ended.problem(401, "bad-refresh-token");
    // The second time the account is known, and nothing more is linked.
    town.clock.advance(TimeDelta::minutes(1));
    browser.sign_in(&who).await.expect(200);
    let linked = logged(&admin, &admin.id, "user.linked").await;
    assert_eq!(linked.len(), 1);
    assert_eq!(linked[0]["after"], json!({ "issuer": provider.issuer }));
    let ways = admin.get("/me/sign-ins").await.expect(200);
    assert_eq!(ways.body["password"], json!(true));
    let way = &ways.body["items"][0];
    assert_eq!(way["name"], "The Office");
    assert_eq!(way["email"], json!(admin.email));
    assert!(way["used_at"].as_str() > way["linked_at"].as_str(), "{way}");
    town.close().await;
}

async fn new_keys_of_the_provider_need_nobodys_attention(fresh: &Fresh) {
    let Some(provider) = RealProvider::start().await else {
        return;
    };
    let town = town(fresh, &provider.issuer, |_| {}).await;
    let admin = proved_admin(&town).await;
    for _ in 0..2 {
        Browser::at(&town).sign_in(&admin.email).await.expect(200);
        // Within the minute for which the old ones are believed.
        provider.rotate().await;
    }
    town.close().await;
}

async fn a_provider_that_is_down_is_said_to_be(fresh: &Fresh) {
    // Nobody listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let town = town(fresh, &issuer, |_| {}).await;
    let answer = Browser::at(&town).start().await;
    assert!(answer.header("retry-after").is_some());
    answer.problem(503, "oidc-unreachable");
    town.close().await;
}

async fn without_a_provider_there_is_nothing_to_sign_in_through(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let stranger = town.stranger();
    let told = stranger.get("/auth/oidc").await.expect(200);
    assert_eq!(told.body, json!({ "available": false, "name": null }));
    let mut browser = Browser::at(&town);
    browser.start().await.problem(409, "oidc-off");
    let back = json!({ "state": "s", "code": "c" });
    browser.hand_over(&back).await.problem(409, "oidc-off");
    let client = town.client().await;
    let ways = client.get("/me/sign-ins").await.expect(200);
    assert_eq!(ways.body, json!({ "password": true, "items": [] }));
    town.close().await;
}

async fn a_sign_in_is_removed_where_a_password_exists(fresh: &Fresh) {
    let Some(provider) = RealProvider::start().await else {
        return;
    };
    let town = town(fresh, &provider.issuer, |settings| {
        settings.auth.oidc.admin_emails = vec!["New@House.test".to_owned()];
    })
    .await;
    let session = Browser::at(&town)
        .sign_in("7;new@house.test")
        .await
        .expect(200);
    let mut person = town.stranger();
    person.token = Some(session.text("access_token"));
    let ways = person.get("/me/sign-ins").await.expect(200);
    assert_eq!(ways.body["password"], json!(false));
    let path = format!(
        "/me/sign-ins/{}",
        ways.body["items"][0]["id"].as_str().unwrap()
    );
    person.delete(&path).await.problem(409, "last-sign-in");
    // A password that is none is not asked for in vain: it is wrong, and nothing breaks.
    let erase = Some(json!({ "password": "" }));
    let erased = person.send(Method::DELETE, "/me", erase, &[]).await;
    erased.problem(422, "validation");
    // Nobody else removes it.
    let other = town.client().await;
    other.delete(&path).await.problem(404, "not-found");
    let id = session.body["user"]["id"].as_str().unwrap();
    let account = town
        .store
        .account(id.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let hash = town.nodes[0]
        .passwords
        .hash("a password of their own")
        .await
        .unwrap();
    let reset = town
        .store
        .reset_password(account.id, account.auth_epoch, &hash, town.now());
    assert!(reset.await.unwrap().is_some());
    let body = json!({ "email": "new@house.test", "password": "a password of their own" });
    let session = person.post("/auth/login", body).await.expect(200);
    person.token = Some(session.text("access_token"));
    // A node believes for a moment what it read of the account before the reset.
    town.clock.advance(TimeDelta::seconds(6));
    person.delete(&path).await.expect(204);
    person.delete(&path).await.problem(404, "not-found");
    assert_eq!(logged(&person, id, "user.unlinked").await.len(), 1);
    // Somebody else to the provider, with the same address, comes in now.
    let session = Browser::at(&town)
        .sign_in("8;new@house.test")
        .await
        .expect(200);
    assert_eq!(session.body["user"]["id"], json!(id));
    town.close().await;
}

async fn what_is_known_of_a_sign_in_is_given_and_forgotten(fresh: &Fresh) {
    let Some(provider) = RealProvider::start().await else {
        return;
    };
    let town = town(fresh, &provider.issuer, |_| {}).await;
    let (admin, other) = (proved_admin(&town).await, town.admin().await);
    let who = format!("subject-of-somebody;{}", admin.email);
    Browser::at(&town).sign_in(&who).await.expect(200);
    let export = admin.get("/me/export").await.expect(200);
    let sign_in = &export.body["data"]["sign_ins"][0];
    assert_eq!(sign_in["subject"], "subject-of-somebody");
    let path = format!("/admin/users/{}", admin.id);
    other.delete(&path).await.expect(204);
    let link = town
        .store
        .oidc_link(&provider.issuer, "subject-of-somebody")
        .await;
    assert_eq!(link.unwrap(), None);
    let log = other.get("/admin/audit?limit=100").await.expect(200).text;
    assert!(log.contains("user.linked") && !log.contains("subject-of-somebody"));
    assert!(!log.contains(&admin.email), "{log}");
    let refused = Browser::at(&town).sign_in(&who).await;
    refused.problem(403, "oidc-not-allowed");
    town.close().await;
}
