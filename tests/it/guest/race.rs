//! Many at once: guests are held to what everybody is held to.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;

use super::{ANN, TEN, visit, wish};
use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::{Answer, Person, Town};

on_both_engines!(
    of_fifty_guests_at_once_one_gets_the_slot,
    one_guest_twice_at_once_is_one_person_in_one_place,
    one_guest_never_has_more_open_bookings_than_allowed,
    bookings_and_their_claim_at_once_lose_nothing,
);

fn made(answers: &[Answer]) -> BTreeSet<String> {
    let made = answers.iter().filter(|answer| answer.status == 201);
    made.map(|answer| answer.text("id")).collect()
}

/// The kinds of refusal.
fn refusals(answers: &[Answer]) -> Vec<String> {
    let refused = answers.iter().filter(|answer| answer.status != 201);
    refused.map(|answer| answer.text("type")).collect()
}

async fn of_fifty_guests_at_once_one_gets_the_slot(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    let wishes = (0..50).map(|number| {
        let body = wish(&expert, TEN, "Guest", &format!("guest{number}@guests.test"));
        let at = town.stranger_at(number % 2);
        async move { at.post("/bookings", body).await }
    });
    let answers = join_all(wishes).await;
    assert_eq!(made(&answers).len(), 1);
    assert_eq!(refusals(&answers), vec!["/problems/slot-taken"; 49]);
    ledger::sound(&town.store, Terms::at(town.now()), &made(&answers)).await;
    town.close().await;
}

async fn one_guest_twice_at_once_is_one_person_in_one_place(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let experts = join_all((0..4).map(|_| town.expert())).await;
    let wishes = experts.iter().enumerate().map(|(number, expert)| {
        let at = town.stranger_at(number % 2);
        let body = wish(expert, TEN, &format!("Name {number}"), ANN);
        async move { at.post("/bookings", body).await }
    });
    let answers = join_all(wishes).await;
    assert_eq!(made(&answers).len(), 1);
    assert_eq!(refusals(&answers), vec!["/problems/client-busy"; 3]);
    ledger::sound(&town.store, Terms::at(town.now()), &made(&answers)).await;
    town.close().await;
}

async fn one_guest_never_has_more_open_bookings_than_allowed(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    let wishes = (0..12).map(|number| {
        let (day, hour) = (2 + number / 6, 9 + number % 6);
        let body = wish(
            &expert,
            &format!("2027-03-{day:02}T{hour:02}:00:00Z"),
            "Ann",
            ANN,
        );
        let at = town.stranger_at(number % 2);
        async move { at.post("/bookings", body).await }
    });
    let answers = join_all(wishes).await;
    assert_eq!(made(&answers).len(), 5);
    assert_eq!(refusals(&answers), vec!["/problems/too-many-open"; 7]);
    ledger::sound(&town.store, Terms::at(town.now()), &made(&answers)).await;
    town.close().await;
}

async fn bookings_and_their_claim_at_once_lose_nothing(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    let client: Person = town.client().await;
    let mail = super::mailed(&town, &client.email, "account.registered").await;
    let (_, token) = mail.url.as_deref().unwrap().split_once("token=").unwrap();
    let body = json!({ "token": token });
    client.post("/auth/email/verify", body).await.expect(204);
    let client = town.again(client).await;
    let email = client.email.clone();
    let first = visit(&town, &expert, "2027-03-04T10:00:00Z", &email)
        .await
        .expect(201);
    let cancelling = super::holder(&town, &first.text("manage_token"));
    let path = format!("/bookings/{}/cancel", first.text("id"));
    let wishes = (0..4).map(|number| {
        let at = format!("2027-03-02T{:02}:00:00Z", 9 + number);
        let (town, expert, email) = (&town, &expert, &email);
        async move { visit(town, expert, &at, email).await }
    });
    let claims = (0..6).map(|number| {
        let at = client.at(&town, number % 2);
        async move { at.post("/bookings/claim", json!({})).await.expect(200) }
    });
    let (answers, _, cancelled) = futures::join!(
        join_all(wishes),
        join_all(claims),
        cancelling.post(&path, json!({}))
    );
    assert_eq!(made(&answers).len(), 4);
    assert!(
        [200, 401, 404].contains(&cancelled.status),
        "{}",
        cancelled.text
    );
    client.post("/bookings/claim", json!({})).await.expect(200);
    let page = client.get("/bookings?limit=100").await.expect(200);
    assert_eq!(page.body["items"].as_array().unwrap().len(), 5);
    ledger::sound(&town.store, Terms::at(town.now()), &made(&answers)).await;
    town.close().await;
}
