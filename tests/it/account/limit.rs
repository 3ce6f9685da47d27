//! Rate limits: by address and by account, for one node and, with Redis between them, for all of them.

use reqwest::Method;
use serde_json::json;

use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, PASSWORD, Person, Town};

on_both_engines!(
    logins_to_one_account_are_limited_from_wherever_they_come,
    logins_that_succeed_do_not_count,
    logins_from_one_address_are_limited_whatever_the_account,
    every_request_of_an_address_counts,
    two_nodes_share_their_limits_through_redis,
);

/// Behind a proxy, so that a test can come from several addresses. Addresses and accounts are new in every test,
/// since all of them share one Redis.
async fn town(fresh: &Fresh, login: u32, account: u32, requests: u32) -> Town {
    Town::open_with(fresh, |settings| {
        settings.http.trust_forwarded_for = true;
        settings.limits.enabled = true;
        settings.limits.login = login;
        settings.limits.account_login = account;
        settings.limits.requests = requests;
    })
    .await
}

fn somewhere() -> String {
    format!("{:x}", uuid::Uuid::now_v7())
}

async fn try_in(door: &Person, from: &str, email: &str) -> Answer {
    let body = json!({ "email": email, "password": "not the password" });
    let headers = [("x-forwarded-for", from)];
    door.send(Method::POST, "/auth/login", Some(body), &headers)
        .await
}

#[track_caller]
fn refused(answer: Answer, policy: &str, most: u32) {
    let answer = answer.problem(429, "too-many-requests");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    let name = |text: &str| format!("\"{policy}\";{text}");
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some(&*name(&format!("q={most};w=60")))
    );
    assert_eq!(
        answer.header("ratelimit"),
        Some(&*name(&format!("r=0;t={seconds}")))
    );
}

async fn logins_to_one_account_are_limited_from_wherever_they_come(fresh: &Fresh) {
    let town = town(fresh, 1000, 3, 1000).await;
    let (door, account) = (town.stranger(), format!("{}@belfry.test", somewhere()));
    for _ in 0..3 {
        try_in(&door, &somewhere(), &account)
            .await
            .problem(401, "bad-credentials");
    }
    refused(
        try_in(&door, &somewhere(), &account.to_uppercase()).await,
        "account-login",
        3,
    );
    let other = format!("{}@belfry.test", somewhere());
    try_in(&door, &somewhere(), &other)
        .await
        .problem(401, "bad-credentials");
    town.close().await;
}

async fn logins_that_succeed_do_not_count(fresh: &Fresh) {
    let town = town(fresh, 1000, 3, 1000).await;
    let (door, account) = (town.stranger(), format!("{}@belfry.test", somewhere()));
    let body = json!({ "email": account, "password": PASSWORD, "name": "Ann" });
    door.post("/auth/register", body.clone()).await.expect(201);
    let login = json!({ "email": account, "password": PASSWORD });
    for _ in 0..8 {
        door.post("/auth/login", login.clone()).await.expect(200);
    }
    for _ in 0..3 {
        try_in(&door, &somewhere(), &account)
            .await
            .problem(401, "bad-credentials");
    }
    // Whoever guesses learns nothing from the right password either.
    refused(door.post("/auth/login", login).await, "account-login", 3);
    town.close().await;
}

async fn logins_from_one_address_are_limited_whatever_the_account(fresh: &Fresh) {
    let town = town(fresh, 3, 1000, 1000).await;
    let (door, here) = (town.stranger(), somewhere());
    let account = || format!("{}@belfry.test", somewhere());
    for _ in 0..3 {
        try_in(&door, &here, &account())
            .await
            .problem(401, "bad-credentials");
    }
    refused(try_in(&door, &here, &account()).await, "login", 3);
    try_in(&door, &somewhere(), &account())
        .await
        .problem(401, "bad-credentials");
    town.close().await;
}

async fn every_request_of_an_address_counts(fresh: &Fresh) {
    let town = town(fresh, 1000, 1000, 2).await;
    let (door, here) = (town.stranger(), somewhere());
    let headers = [("x-forwarded-for", here.as_str())];
    let ask = async || door.send(Method::GET, "/experts", None, &headers).await;
    ask().await.expect(200);
    ask().await.expect(200);
    refused(ask().await, "requests", 2);
    town.close().await;
}

async fn two_nodes_share_their_limits_through_redis(fresh: &Fresh) {
    let mut town = town(fresh, 1000, 2, 1000).await;
    town.add_node().await;
    let account = format!("{}@belfry.test", somewhere());
    for node in [0, 1] {
        let door = town.stranger_at(node);
        try_in(&door, &somewhere(), &account)
            .await
            .problem(401, "bad-credentials");
    }
    let shared =
        fresh.store.engine() == "postgres" && std::env::var("BELFRY_TEST_REDIS_URL").is_ok();
    for node in [0, 1] {
        let third = try_in(&town.stranger_at(node), &somewhere(), &account).await;
        if shared {
            refused(third, "account-login", 2);
        } else {
            // Without Redis every node counts for itself.
            third.problem(401, "bad-credentials");
        }
    }
    town.close().await;
}
