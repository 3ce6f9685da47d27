//! One `idempotency-key` over both ways: the first answer, however it was asked for, is the answer (C3.9).

use belfry::grpc::v1;
use reqwest::Method;
use serde_json::{Value, json};
use tonic::Code;

use super::queue::visit_json;
use super::{Caller, as_json, at, open_two, refused, wish, wish_json};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::{Answer, Person};

on_both_engines!(
    what_was_made_over_one_way_is_answered_over_the_other,
    a_refusal_is_kept_for_both_ways,
    a_key_for_something_else_is_refused_over_both_ways,
    a_hold_is_repeated_without_harm,
    a_line_is_joined_once_over_both_ways,
);

const TEN: &str = "2027-03-02T10:00:00Z";
const TWO: &str = "2027-03-02T14:00:00Z";

async fn post(person: &Person, key: &str, path: &str, body: &Value) -> Answer {
    let headers = [("idempotency-key", key)];
    let body = Some(body.clone());
    person.send(Method::POST, path, body, &headers).await
}

async fn what_was_made_over_one_way_is_answered_over_the_other(fresh: &Fresh) {
    let town = open_two(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let caller = Caller::at(&town, 1, &client);
    // REST first. The same instant may be written in another way.
    let first = post(&client, "a", "/bookings", &wish_json(&expert, TEN)).await;
    let first = first.expect(201);
    let again = caller
        .with("idempotency-key", "a")
        .book(wish(&expert, TEN))
        .await;
    let again = again.unwrap();
    assert_eq!(again.metadata().get("idempotent-replayed").unwrap(), "true");
    assert_eq!(as_json(again.get_ref()), first.body);
    let mut spaced = wish_json(&expert, "2027-03-02T11:00:00+01:00");
    spaced["note"] = Value::Null;
    let again = post(&client, "a", "/bookings", &spaced).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, first.body);

    // gRPC first.
    let keyed = caller.with("idempotency-key", "b");
    let second = keyed.book(wish(&expert, TWO)).await.unwrap();
    assert!(second.metadata().get("idempotent-replayed").is_none());
    let again = post(&client, "b", "/bookings", &wish_json(&expert, TWO)).await;
    let again = again.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, as_json(second.get_ref()));

    let ids = [first.text("id"), second.get_ref().id.clone()].into();
    let ledger = ledger::sound(&town.store, Terms::at(town.now()), &ids).await;
    assert_eq!(ledger.bookings.len(), 2);
    town.close().await;
}

async fn a_refusal_is_kept_for_both_ways(fresh: &Fresh) {
    let town = open_two(fresh).await;
    let (expert, client, other) = (
        town.expert().await,
        town.client().await,
        town.client().await,
    );
    let held = other.book(&expert, TEN).await.expect(201);
    let caller = Caller::at(&town, 0, &client);
    let keyed = caller.with("idempotency-key", "a");
    let keyed = keyed.with("accept-language", "vi");
    let first = keyed.book(wish(&expert, TEN)).await;
    let first = refused(first, Code::FailedPrecondition, "slot-taken");
    // The place is free again; the answer to this key stays.
    let path = format!("/bookings/{}/cancel", held.text("id"));
    other.post(&path, json!({})).await.expect(200);
    let again = keyed.book(wish(&expert, TEN)).await;
    let again = refused(again, Code::FailedPrecondition, "slot-taken");
    assert_eq!(again.metadata().get("idempotent-replayed").unwrap(), "true");
    assert_eq!(first.details(), again.details());
    assert_eq!(first.message(), again.message());
    let rest = post(&client, "a", "/bookings", &wish_json(&expert, TEN)).await;
    assert_eq!(rest.header("idempotent-replayed"), Some("true"));
    assert_eq!(rest.body["type"], "/problems/slot-taken");
    assert_eq!(rest.text("detail"), first.message());
    // And the other way round.
    let body = wish_json(&expert, "2027-03-02T03:00:00Z");
    post(&client, "b", "/bookings", &body)
        .await
        .problem(422, "slot-not-offered");
    let again = caller.with("idempotency-key", "b");
    let again = again.book(wish(&expert, "2027-03-02T03:00:00Z")).await;
    let again = refused(again, Code::InvalidArgument, "slot-not-offered");
    let details = super::details(&again);
    assert_eq!(details.bad_request().unwrap().field_violations.len(), 1);
    town.close().await;
}

async fn a_key_for_something_else_is_refused_over_both_ways(fresh: &Fresh) {
    let town = open_two(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let caller = Caller::at(&town, 0, &client).with("idempotency-key", "a");
    caller.book(wish(&expert, TEN)).await.unwrap();
    post(&client, "a", "/bookings", &wish_json(&expert, TWO))
        .await
        .problem(422, "idempotency-key-reused");
    let other = v1::CreateBookingRequest {
        note: Some("else".to_owned()),
        ..wish(&expert, TEN)
    };
    let other = caller.book(other).await;
    refused(other, Code::InvalidArgument, "idempotency-key-reused");
    // Another person's key of the same name is another one.
    let person = town.client().await;
    let theirs = Caller::at(&town, 0, &person).with("idempotency-key", "a");
    theirs.book(wish(&expert, TWO)).await.unwrap();
    for key in ["", &"k".repeat(256)] {
        let wrong = Caller::at(&town, 0, &client).with("idempotency-key", key);
        let wrong = wrong.book(wish(&expert, TWO)).await;
        refused(wrong, Code::InvalidArgument, "validation");
    }
    town.close().await;
}

async fn a_hold_is_repeated_without_harm(fresh: &Fresh) {
    let town = open_two(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let caller = Caller::at(&town, 0, &client).with("idempotency-key", "a");
    let hold = v1::CreateHoldRequest {
        expert_id: expert.id.clone(),
        starts_at: at(TEN),
        minutes: Some(60),
    };
    let first = caller
        .bookings()
        .create_hold(caller.say(hold.clone()))
        .await;
    let first = first.unwrap().into_inner();
    let again = caller.bookings().create_hold(caller.say(hold)).await;
    assert_eq!(first, again.unwrap().into_inner());
    let body = json!({ "expert_id": expert.id, "starts_at": TEN, "minutes": 60 });
    let rest = post(&client, "a", "/holds", &body).await.expect(201);
    assert_eq!(rest.text("id"), first.id);
    town.close().await;
}

async fn a_line_is_joined_once_over_both_ways(fresh: &Fresh) {
    let town = open_two(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let path = format!("/branches/{branch}/queue");
    let wish = |note: &str| v1::JoinQueueRequest {
        branch_id: branch.clone(),
        note: Some(note.to_owned()),
        ..Default::default()
    };
    let join = async |caller: Caller, note: &str| {
        let message = caller.say(wish(note));
        caller.queues().join_queue(message).await
    };
    // REST first, then gRPC, in other words for the same.
    let (one, other) = (town.client().await, town.client().await);
    let body = json!({ "note": "knee", "skill": null });
    let first = post(&one, "a", &path, &body).await.expect(201);
    let caller = Caller::at(&town, 1, &one).with("idempotency-key", "a");
    let again = join(caller.clone(), "knee").await.unwrap();
    assert_eq!(again.metadata().get("idempotent-replayed").unwrap(), "true");
    assert_eq!(visit_json(again.get_ref()), first.body);
    let reused = join(caller, "hand").await;
    refused(reused, Code::InvalidArgument, "idempotency-key-reused");
    // gRPC first; REST names the branch in another way.
    let caller = Caller::at(&town, 0, &other).with("idempotency-key", "b");
    let second = join(caller, "hand").await.unwrap();
    assert!(second.metadata().get("idempotent-replayed").is_none());
    let shouted = format!("/branches/{}/queue", branch.to_uppercase());
    let again = post(&other, "b", &shouted, &json!({ "note": "hand" })).await;
    let again = again.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, visit_json(second.get_ref()));
    // A refusal is kept, too.
    let caller = Caller::at(&town, 0, &one).with("idempotency-key", "c");
    let twice = refused(
        join(caller, "knee").await,
        Code::FailedPrecondition,
        "already-in-queue",
    );
    let rest = post(&one, "c", &path, &json!({ "note": "knee" })).await;
    assert_eq!(rest.header("idempotent-replayed"), Some("true"));
    let rest = rest.problem(409, "already-in-queue");
    let details = super::details(&twice);
    let told: Value =
        serde_json::from_str(&details.error_info().unwrap().metadata["visit"]).unwrap();
    assert_eq!(told, rest.body["visit"]);
    let line = admin.get(&path).await.expect(200);
    assert_eq!(line.body["waiting"], 2);
    town.close().await;
}
