//! `Idempotency-Key`: the first answer to a key is the answer to every repetition, whatever became of the
//! process that gave it (C3.9).

use std::collections::BTreeSet;

use belfry_actors::expert::{BookRequest, HoldRequest, Refused};
use belfry_domain::account::Role;
use belfry_domain::booking::{Actor, Mode, Party};
use belfry_domain::id::UserId;
use belfry_store::StoreError;
use belfry_store::idempotency::{IdempotencyKey, NextAction};
use chrono::TimeDelta;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::{Answer, PASSWORD, Person, Town};

on_both_engines!(
    of_many_with_one_key_one_books_and_all_hear_of_it,
    a_refusal_is_the_answer_to_its_key_too,
    a_key_belongs_to_one_caller_and_one_request,
    a_key_has_1_to_255_characters,
    what_a_dead_process_made_is_answered_to_the_retry,
    what_nobody_waits_for_any_more_is_not_made,
    a_hold_and_a_review_are_repeated_without_harm,
    a_registration_is_repeated_with_fresh_tokens_and_none_is_kept,
);

const TEN: &str = "2027-03-02T10:00:00Z";

fn wish(expert: &Person) -> Value {
    json!({ "expert_id": expert.id, "starts_at": TEN, "mode": "online" })
}

async fn post(person: &Person, key: &str, path: &str, body: &Value) -> Answer {
    let headers = [("idempotency-key", key)];
    person
        .send(Method::POST, path, Some(body.clone()), &headers)
        .await
}

#[track_caller]
fn replayed(answer: &Answer) {
    let header = answer.header("idempotent-replayed");
    assert_eq!(header, Some("true"), "{}", answer.text);
}

async fn of_many_with_one_key_one_books_and_all_hear_of_it(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let body = wish(&expert);
    let tries = (0..24).map(|place| {
        let (client, body) = (client.at(&town, place % 2), &body);
        async move { post(&client, "once", "/bookings", body).await }
    });
    let mut ids = BTreeSet::new();
    let mut first = 0;
    for answer in join_all(tries).await {
        if answer.status == 201 {
            ids.insert(answer.text("id"));
            first += usize::from(answer.header("idempotent-replayed").is_none());
        } else {
            assert!(answer.header("retry-after").is_some());
            answer.problem(409, "idempotency-key-running");
        }
    }
    assert_eq!((ids.len(), first), (1, 1));
    let again = post(&client, "once", "/bookings", &body).await.expect(201);
    replayed(&again);
    ids.insert(again.text("id"));
    let ledger = ledger::sound(&town.store, Terms::at(town.now()), &ids).await;
    assert_eq!((ids.len(), ledger.bookings.len()), (1, 1));
    town.close().await;
}

async fn a_refusal_is_the_answer_to_its_key_too(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let other = town.client().await;
    let taken = other.book(&expert, TEN).await.expect(201).text("id");
    let first = post(&client, "late", "/bookings", &wish(&expert)).await;
    let first = first.problem(409, "slot-taken");
    other
        .post(&format!("/bookings/{taken}/cancel"), json!({}))
        .await
        .expect(200);
    let there = client.at(&town, 1);
    let again = post(&there, "late", "/bookings", &wish(&expert)).await;
    replayed(&again);
    assert_eq!(first.body, again.problem(409, "slot-taken").body);
    // Another wish is another key.
    let fresh_wish = post(&client, "later", "/bookings", &wish(&expert)).await;
    fresh_wish.expect(201);

    let mut senseless = wish(&expert);
    senseless["minutes"] = json!(0);
    let first = post(&client, "senseless", "/bookings", &senseless).await;
    let again = post(&client, "senseless", "/bookings", &senseless).await;
    replayed(&again);
    assert_eq!(
        first.problem(422, "validation").body,
        again.problem(422, "validation").body
    );
    town.close().await;
}

async fn a_key_belongs_to_one_caller_and_one_request(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let other = town.client().await;
    let first = post(&client, "mine", "/bookings", &wish(&expert)).await;
    let first = first.expect(201).text("id");
    // The same key of somebody else is a wish of its own.
    let refused = post(&other, "mine", "/bookings", &wish(&expert)).await;
    assert!(refused.header("idempotent-replayed").is_none());
    refused.problem(409, "slot-taken");
    // The same key for another place or another wish is a mistake.
    let hold = json!({ "expert_id": expert.id, "starts_at": TEN });
    let elsewhere = post(&client, "mine", "/holds", &hold).await;
    elsewhere.problem(422, "idempotency-key-reused");
    let mut changed = wish(&expert);
    changed["note"] = json!("on the second thought");
    let changed = post(&client, "mine", "/bookings", &changed).await;
    changed.problem(422, "idempotency-key-reused");
    let again = post(&client, "mine", "/bookings", &wish(&expert)).await;
    assert_eq!(again.expect(201).text("id"), first);
    town.close().await;
}

async fn a_key_has_1_to_255_characters(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    for key in ["", "   ", &"k".repeat(256)] {
        let refused = post(&client, key, "/bookings", &wish(&expert)).await;
        refused.problem(422, "validation");
    }
    let longest = post(&client, &"k".repeat(255), "/bookings", &wish(&expert)).await;
    longest.expect(201);
    town.close().await;
}

/// A key as a request claims it, and then nothing.
async fn claimed(
    town: &Town,
    person: &Person,
    key: &str,
    path: &str,
    body: &Value,
) -> IdempotencyKey {
    let key = IdempotencyKey {
        caller: person.id.clone(),
        key: key.to_owned(),
    };
    let mut hasher = Sha256::new();
    hasher.update("POST");
    hasher.update(format!("/api/v1{path}"));
    hasher.update(serde_json::to_vec(body).unwrap());
    let (hash, now) = (hasher.finalize(), town.now());
    let until = now + TimeDelta::seconds(60);
    let action = town.store.begin_idempotent(&key, &hash, until, now).await;
    assert_eq!(action.unwrap(), NextAction::Start);
    key
}

fn request(client: &Person, key: IdempotencyKey) -> BookRequest {
    let id: UserId = client.id.parse().unwrap();
    BookRequest {
        client: Party {
            id,
            name: "Person".to_owned(),
        },
        holder: id,
        starts_at: TEN.parse().unwrap(),
        minutes: None,
        mode: Mode::Online,
        note: None,
        guest: None,
        actor: Actor::person(id, "Person".to_owned(), Role::User),
        key: Some(key),
        branch: None,
        offer: None,
    }
}

async fn what_a_dead_process_made_is_answered_to_the_retry(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let expert_id = expert.id.parse().unwrap();
    let body = wish(&expert);
    let key = claimed(&town, &client, "died", "/bookings", &body).await;
    // Until it is known to be dead, it is under way.
    let early = post(&client, "died", "/bookings", &body).await;
    early.problem(409, "idempotency-key-running");
    let made = town.nodes[0].experts.book(expert_id, request(&client, key));
    let made = made.await.unwrap();
    // It dies here, after the commit and before it keeps its answer.
    let retried = post(&client.at(&town, 1), "died", "/bookings", &body).await;
    replayed(&retried);
    assert_eq!(retried.expect(201).text("id"), made.id.to_string());
    let again = post(&client, "died", "/bookings", &body).await;
    assert_eq!(again.expect(201).text("id"), made.id.to_string());

    let noon = "2027-03-02T12:00:00Z";
    let body = json!({ "expert_id": expert.id, "starts_at": noon });
    let key = claimed(&town, &client, "held", "/holds", &body).await;
    let wanted = HoldRequest {
        client: client.id.parse().unwrap(),
        starts_at: noon.parse().unwrap(),
        minutes: None,
        key: Some(key),
    };
    let held = town.nodes[0].experts.hold(expert_id, wanted).await.unwrap();
    let retried = post(&client.at(&town, 1), "held", "/holds", &body).await;
    assert_eq!(retried.expect(201).text("id"), held.id.to_string());

    // One that died before it made anything may be started over once its time is up.
    let mut body = wish(&expert);
    body["starts_at"] = json!("2027-03-02T14:00:00Z");
    claimed(&town, &client, "never", "/bookings", &body).await;
    town.clock.advance(TimeDelta::seconds(61));
    let retried = post(&client, "never", "/bookings", &body).await.expect(201);
    assert!(retried.header("idempotent-replayed").is_none());
    ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await;
    town.close().await;
}

async fn what_nobody_waits_for_any_more_is_not_made(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let key = claimed(&town, &client, "given-up", "/bookings", &wish(&expert)).await;
    // The caller was told to come back, and its key is free again, while the wish still stood in line.
    let until = town.now() + TimeDelta::seconds(60);
    town.store.release_idempotent(&key, until).await.unwrap();
    let late = town.nodes[0]
        .experts
        .book(expert.id.parse().unwrap(), request(&client, key))
        .await;
    assert!(
        matches!(late, Err(Refused::Store(StoreError::Abandoned))),
        "{late:?}"
    );
    let retried = post(&client, "given-up", "/bookings", &wish(&expert)).await;
    let id = retried.expect(201).text("id");
    let ledger = ledger::sound(&town.store, Terms::at(town.now()), &[id].into()).await;
    assert_eq!(ledger.bookings.len(), 1);
    town.close().await;
}

async fn a_hold_and_a_review_are_repeated_without_harm(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let body = json!({ "expert_id": expert.id, "starts_at": TEN, "minutes": 60 });
    let first = post(&client, "hold", "/holds", &body).await.expect(201);
    let again = post(&client, "hold", "/holds", &body).await.expect(201);
    replayed(&again);
    assert_eq!(first.body, again.body);

    let id = client.book(&expert, TEN).await.expect(201).text("id");
    expert
        .post(&format!("/bookings/{id}/confirm"), json!({}))
        .await
        .expect(200);
    town.clock.set(TEN.parse().unwrap());
    let (expert, client) = (town.again(expert).await, town.again(client).await);
    expert
        .post(&format!("/bookings/{id}/complete"), json!({}))
        .await
        .expect(200);
    let (path, review) = (format!("/bookings/{id}/review"), json!({ "stars": 4 }));
    let first = post(&client, "stars", &path, &review).await.expect(201);
    let again = post(&client, "stars", &path, &review).await.expect(201);
    replayed(&again);
    assert_eq!(first.body, again.body);
    let refused = post(&client, "more-stars", &path, &review).await;
    refused.problem(409, "already-reviewed");
    town.close().await;
}

async fn a_registration_is_repeated_with_fresh_tokens_and_none_is_kept(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let stranger = town.stranger();
    let body = json!({ "email": "nora@belfry.test", "password": PASSWORD, "name": "Nora" });
    let register = async || post(&stranger, "once", "/auth/register", &body).await;
    let first = register().await.expect(201);
    let second = register().await.expect(201);
    replayed(&second);
    assert_eq!(first.body["user"], second.body["user"]);
    assert_ne!(first.body["refresh_token"], second.body["refresh_token"]);
    for session in [&first, &second] {
        let mut nora = stranger.clone();
        nora.token = Some(session.text("access_token"));
        nora.get("/me").await.expect(200);
        let body = json!({ "refresh_token": session.text("refresh_token") });
        nora.post("/auth/refresh", body).await.expect(200);
    }
    let key = IdempotencyKey {
        caller: "address:127.0.0.1".to_owned(),
        key: "once".to_owned(),
    };
    let mut hash = Sha256::new();
    hash.update("POST/api/v1/auth/register");
    hash.update(serde_json::to_vec(&body).unwrap());
    let (now, store) = (town.now(), &town.store);
    let hash = hash.finalize();
    let kept = store.begin_idempotent(&key, &hash, now, now).await;
    let NextAction::Replay {
        status: 201,
        body: kept,
    } = kept.unwrap()
    else {
        panic!("the answer is kept");
    };
    assert_eq!(kept, format!("{{\"id\":{}}}", first.body["user"]["id"]));
    // Another password is another wish, and one that was right once opens nothing any more.
    let mut other = body.clone();
    other["password"] = json!("another password");
    let refused = post(&stranger, "once", "/auth/register", &other).await;
    refused.problem(422, "idempotency-key-reused");
    let id: UserId = first.body["user"]["id"].as_str().unwrap().parse().unwrap();
    let account = store.account(id).await.unwrap().unwrap();
    let hash = town.nodes[0]
        .passwords
        .hash("another password")
        .await
        .unwrap();
    let reset = store
        .reset_password(id, account.auth_epoch, &hash, now)
        .await;
    assert!(reset.unwrap().is_some());
    register().await.problem(401, "bad-credentials");
    town.close().await;
}
