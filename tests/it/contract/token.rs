//! What signs somebody in, and what does not (C1.3).

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;

use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Town};

on_both_engines!(nothing_but_an_access_token_of_the_house_signs_anybody_in);

async fn nothing_but_an_access_token_of_the_house_signs_anybody_in(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let token = admin.token.clone().unwrap();
    let [head, claims, seal] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("{token}");
    };
    let ticket = admin.post("/live/ticket", json!({})).await.expect(200);
    // {"alg":"none","typ":"JWT"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let long = "a".repeat(60_000);
    let odd = [
        format!("Bearer {head}.{claims}."),
        format!("Bearer {none}.{claims}."),
        format!("Bearer {none}.{claims}.{seal}"),
        format!("Bearer {head}.{claims}.{}", &seal[1..]),
        format!("Bearer {head}.{claims}.{seal}.{seal}"),
        format!("Bearer {}", admin.refresh_token),
        format!("Bearer {}", ticket.text("ticket")),
        format!("Bearer {long}"),
        format!("Basic {token}"),
        format!("Bearer{token}"),
        format!("Bearer {token} {token}"),
        format!("Token {token}"),
        "Bearer ".to_owned(),
        "Bearer".to_owned(),
        String::new(),
        token.clone(),
    ];
    let send = async |value: &str| {
        let stranger = town.stranger();
        let headers = [("authorization", value)];
        stranger.send(Method::GET, "/me", None, &headers).await
    };
    for value in &odd {
        send(value).await.problem(401, "unauthenticated");
    }
    send(&format!("bearer {token}")).await.expect(200);
    // A second header is no second chance.
    let twice = town.stranger().request(Method::GET, "/me");
    let twice = twice.header("authorization", "Bearer nonsense");
    let twice = twice.header("authorization", format!("Bearer {token}"));
    Answer::of(twice.send().await.unwrap())
        .await
        .problem(401, "unauthenticated");
    town.clock.advance(TimeDelta::minutes(15));
    send(&format!("Bearer {token}"))
        .await
        .problem(401, "unauthenticated");
    town.close().await;
}
