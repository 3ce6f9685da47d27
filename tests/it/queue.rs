//! The waiting queue of a branch: joining it, being called, and everything that staff do with it (B3, B5).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::ledger::{self, Terms};
use crate::town::{Answer, Person, Town};

/// Appointments whose clients stand in the line.
mod appointment;
/// What staff do with the line.
mod desk;
/// Many at once.
mod race;
/// What the line does by itself.
mod turn;
/// How long it takes.
mod wait;

on_both_engines!(
    whoever_joins_has_a_number_and_a_place_and_stands_there_once,
    without_an_account_the_secret_opens_the_visit,
    a_line_that_is_closed_or_full_takes_nobody,
    an_expert_takes_somebody_serves_them_and_has_the_time_taken,
    a_visit_is_seen_by_its_visitor_and_staff_alone,
);

/// An expert of a branch who is there, or is not.
pub async fn expert(town: &Town, branch: &str, online: bool) -> Person {
    let expert = town.expert_with(json!({}), Some(branch)).await;
    if online {
        be(&expert, "online").await;
    }
    expert
}

pub async fn be(expert: &Person, presence: &str) {
    let path = format!("/experts/{}/presence", expert.id);
    let said = expert.put(&path, json!({ "presence": presence })).await;
    said.expect(200);
}

pub async fn join(person: &Person, branch: &str) -> Answer {
    let path = format!("/branches/{branch}/queue");
    person.post(&path, json!({})).await
}

/// Three who join, one after the other, and their visits.
pub async fn three_in_line(town: &Town, branch: &str) -> ([Person; 3], Vec<String>) {
    let mut ids = Vec::new();
    let people = [
        town.client().await,
        town.client().await,
        town.client().await,
    ];
    for person in &people {
        ids.push(join(person, branch).await.expect(201).text("id"));
        town.clock.advance(TimeDelta::seconds(1));
    }
    (people, ids)
}

pub async fn visit(person: &Person, id: &str) -> Value {
    let path = format!("/visits/{id}");
    person.get(&path).await.expect(200).body
}

/// Does something with a visit.
pub async fn does(person: &Person, id: &str, step: &str) -> Answer {
    let path = format!("/visits/{id}/{step}");
    person.post(&path, json!({})).await
}

/// Waits until a visit is in this state, and answers it.
pub async fn comes_to(person: &Person, id: &str, state: &str) -> Value {
    eventually(&format!("it is {state}"), async || {
        let visit = visit(person, id).await;
        if visit["state"] != state {
            return Err(visit);
        }
        Ok(visit)
    })
    .await
}

/// Waits until somebody was told this of a visit.
pub async fn told(person: &Person, kind: &str, id: &str) -> Value {
    eventually(&format!("told of {kind}"), async || {
        let page = person.get("/notifications?limit=100").await.expect(200);
        let mut items = page.body["items"].as_array().unwrap().clone().into_iter();
        items.find(|item| item["kind"] == kind && item["data"]["visit_id"] == id)
    })
    .await
}

pub async fn sound(town: &Town) {
    ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await;
}

async fn whoever_joins_has_a_number_and_a_place_and_stands_there_once(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let (first, second) = (town.client().await, town.client().await);
    let one = join(&first, &branch).await.expect(201);
    assert_eq!(
        (&one.body["number"], &one.body["ahead"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(one.body["state"], "waiting");
    assert_eq!(one.body["client"]["id"], first.id);
    assert_eq!(one.body["times_out_at"], "2027-03-01T14:00:00Z");
    assert_eq!(one.body["secret"], Value::Null);
    assert_eq!(one.header("etag"), Some("\"1\""));
    town.clock.advance(TimeDelta::seconds(1));
    let path = format!("/branches/{branch}/queue");
    let key = [("idempotency-key", "mine")];
    let two = second
        .send(Method::POST, &path, Some(json!({})), &key)
        .await;
    let two = two.expect(201);
    assert_eq!(
        (&two.body["number"], &two.body["ahead"]),
        (&json!(2), &json!(1))
    );
    let again = second
        .send(Method::POST, &path, Some(json!({})), &key)
        .await;
    assert_eq!(again.expect(201).text("id"), two.text("id"));
    let twice = join(&second, &branch)
        .await
        .problem(409, "already-in-queue");
    assert_eq!(twice.body["visit"]["id"], two.body["id"]);
    let entry = told(&second, "visit.joined", &two.text("id")).await;
    assert_eq!(entry["title"], "You are number 2 at Here");
    // Numbers for everybody, names for staff.
    let shown = town.stranger().get(&path).await.expect(200).body;
    assert_eq!(shown["open"], true);
    assert_eq!(
        (&shown["waiting"], &shown["visits"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!(
        shown["board"][1],
        json!({ "number": 2, "state": "waiting", "expert": null })
    );
    let shown = admin.get(&path).await.expect(200).body;
    assert_eq!(shown["visits"][1]["name"], two.body["name"]);
    // Leaving makes room, also for themselves.
    does(&first, &one.text("id"), "leave").await.expect(200);
    assert_eq!(visit(&second, &two.text("id")).await["ahead"], 0);
    does(&first, &one.text("id"), "leave")
        .await
        .problem(409, "wrong-state");
    town.clock.advance(TimeDelta::seconds(1));
    let back = join(&first, &branch).await.expect(201);
    assert_eq!(
        (&back.body["number"], &back.body["ahead"]),
        (&json!(3), &json!(1))
    );
    let unknown = json!({ "colour": "red" });
    first.post(&path, unknown).await.problem(422, "validation");
    // The next day begins with one.
    town.clock.advance(TimeDelta::days(1));
    let third = town.client().await;
    assert_eq!(join(&third, &branch).await.expect(201).body["number"], 1);
    sound(&town).await;
    town.close().await;
}

async fn without_an_account_the_secret_opens_the_visit(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let path = format!("/branches/{branch}/queue");
    let stranger = town.stranger();
    stranger
        .post(&path, json!({}))
        .await
        .problem(422, "validation");
    let key = [("idempotency-key", "guest")];
    let body = json!({ "name": "Ann", "note": "knee" });
    let made = stranger
        .send(Method::POST, &path, Some(body.clone()), &key)
        .await;
    let made = made.expect(201);
    let secret = made.text("secret");
    let again = stranger.send(Method::POST, &path, Some(body), &key).await;
    let again = again.expect(201);
    assert_eq!(again.text("id"), made.text("id"));
    assert_eq!(again.body["secret"], Value::Null, "it is shown once");
    let id = made.text("id");
    let mut ann = town.stranger();
    stranger
        .get(&format!("/visits/{id}"))
        .await
        .problem(401, "unauthenticated");
    ann.token = Some(format!("{secret}x"));
    ann.get(&format!("/visits/{id}"))
        .await
        .problem(401, "unauthenticated");
    ann.token = Some(secret);
    assert_eq!(visit(&ann, &id).await["note"], "knee");
    assert_eq!(visit(&ann, &id).await["secret"], Value::Null);
    // It opens this visit and nothing else.
    ann.get("/me").await.problem(401, "unauthenticated");
    let client = town.client().await;
    let other = join(&client, &branch).await.expect(201).text("id");
    ann.get(&format!("/visits/{other}"))
        .await
        .problem(401, "unauthenticated");
    does(&ann, &id, "start").await.problem(403, "forbidden");
    client
        .post(&path, json!({ "name": "Bob" }))
        .await
        .problem(422, "validation");
    // Staff put people at the desk into the line.
    let at_desk = admin
        .post(&path, json!({ "name": "Carl" }))
        .await
        .expect(201);
    assert_eq!(at_desk.body["client"], Value::Null);
    assert!(at_desk.text("secret").starts_with("bfv_"));
    let expert = expert(&town, &branch, false).await;
    does(&expert, &id, "accept").await.expect(200);
    does(&ann, &id, "leave").await.expect(200);
    let history = ann.get(&format!("/visits/{id}/history")).await.expect(200);
    let items = history.body["items"].as_array().unwrap().clone();
    let states: Vec<&Value> = items.iter().map(|item| &item["state"]).collect();
    assert_eq!(states, ["waiting", "called", "left"]);
    assert_eq!(items[0]["actor"]["role"], "guest");
    assert_eq!(items[1]["expert"]["id"], expert.id);
    sound(&town).await;
    town.close().await;
}

async fn a_line_that_is_closed_or_full_takes_nobody(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({ "most_waiting": 1 })).await;
    let (first, second) = (town.client().await, town.client().await);
    join(&first, &branch).await.expect(201);
    join(&second, &branch).await.problem(409, "queue-full");
    let path = format!("/branches/{branch}/queue");
    let reason = async || town.stranger().get(&path).await.expect(200).body["reason"].clone();
    assert_eq!(reason().await, "full");
    let edit = async |body: Value| {
        admin
            .patch(&format!("/branches/{branch}"), body)
            .await
            .expect(200);
    };
    edit(json!({ "settings": { "most_waiting": 0 } })).await;
    let refused = join(&second, &branch).await.problem(409, "queue-closed");
    assert_eq!(refused.body["reason"], "off");
    // The clock shows noon of a Monday.
    let hours = json!([{ "weekday": "monday", "from": "08:00", "until": "12:00" }]);
    edit(json!({ "settings": { "most_waiting": 9 }, "weekly": hours })).await;
    let refused = join(&second, &branch).await.problem(409, "queue-closed");
    assert_eq!(
        (&refused.body["reason"], reason().await),
        (&json!("hours"), json!("hours"))
    );
    let hours = json!([{ "weekday": "monday", "from": "08:00", "until": "12:01" }]);
    edit(json!({ "weekly": hours })).await;
    join(&second, &branch).await.expect(201);
    edit(json!({ "active": false })).await;
    let third = town.client().await;
    let refused = join(&third, &branch).await.problem(409, "queue-closed");
    assert_eq!(refused.body["reason"], "inactive");
    town.close().await;
}

async fn an_expert_takes_somebody_serves_them_and_has_the_time_taken(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let (one, other) = (
        expert(&town, &branch, false).await,
        expert(&town, &branch, false).await,
    );
    let (first, second) = (town.client().await, town.client().await);
    let id = join(&first, &branch).await.expect(201).text("id");
    let next = join(&second, &branch).await.expect(201).text("id");
    let free = first.slots(&one, "2027-03-01", 1).await;
    assert!(
        free.contains(&"2027-03-01T12:00:00Z".to_owned()),
        "{free:?}"
    );
    let called = does(&one, &id, "accept").await.expect(200);
    assert_eq!(called.body["state"], "called");
    assert_eq!(called.body["expert"]["id"], one.id);
    let free = first.slots(&one, "2027-03-01", 1).await;
    assert_eq!(
        free.first().map(String::as_str),
        Some("2027-03-01T13:00:00Z")
    );
    second
        .book(&one, "2027-03-01T12:30:00Z")
        .await
        .problem(409, "slot-taken");
    let entry = told(&first, "visit.called", &id).await;
    assert!(
        entry["title"]
            .as_str()
            .unwrap()
            .starts_with("Number 1: please come to Person")
    );
    told(&one, "visit.called", &id).await;
    does(&other, &id, "accept")
        .await
        .problem(409, "visit-taken");
    does(&one, &next, "accept")
        .await
        .problem(409, "expert-occupied");
    let refused = does(&one, &id, "finish").await.problem(409, "wrong-state");
    assert_eq!(refused.body["visit_state"], "called");
    let stale = [("if-match", "\"1\"")];
    let path = format!("/visits/{id}/start");
    one.send(Method::POST, &path, None, &stale)
        .await
        .problem(412, "stale");
    town.clock.advance(TimeDelta::minutes(10));
    let (one, first) = (town.again(one).await, town.again(first).await);
    let serving = does(&one, &id, "start").await.expect(200);
    assert_eq!(serving.body["started_at"], "2027-03-01T12:10:00Z");
    does(&first, &id, "leave").await.problem(409, "wrong-state");
    let free = first.slots(&one, "2027-03-01", 1).await;
    assert_eq!(
        free.first().map(String::as_str),
        Some("2027-03-01T13:30:00Z")
    );
    sound(&town).await;
    town.clock.advance(TimeDelta::minutes(10));
    let (one, first) = (town.again(one).await, town.again(first).await);
    let done = does(&one, &id, "finish").await.expect(200);
    assert_eq!(
        (&done.body["state"], &done.body["ended_at"]),
        (&json!("done"), &json!("2027-03-01T12:20:00Z"))
    );
    let free = first.slots(&one, "2027-03-01", 1).await;
    assert_eq!(
        free.first().map(String::as_str),
        Some("2027-03-01T12:30:00Z")
    );
    told(&first, "visit.served", &id).await;
    let metrics = town.stranger().get("/metrics").await.expect(200).text;
    assert!(
        metrics.contains("belfry_queue_wait_seconds"),
        "the wait is measured"
    );
    // What comes soon is not in the way of who is taken by hand: what is free of it is taken.
    second
        .book(&one, "2027-03-01T13:00:00Z")
        .await
        .problem(401, "unauthenticated");
    let second = town.again(second).await;
    second.book(&one, "2027-03-01T13:00:00Z").await.expect(201);
    let manager = town.manager(Some(&branch)).await;
    let path = format!("/visits/{next}/accept");
    manager
        .post(&path, json!({}))
        .await
        .problem(422, "validation");
    manager
        .post(&path, json!({ "expert_id": admin.id }))
        .await
        .problem(422, "validation");
    manager
        .post(&path, json!({ "expert_id": one.id }))
        .await
        .expect(200);
    let free = second.slots(&one, "2027-03-01", 1).await;
    assert_eq!(
        free.first().map(String::as_str),
        Some("2027-03-01T14:00:00Z")
    );
    sound(&town).await;
    town.close().await;
}

async fn a_visit_is_seen_by_its_visitor_and_staff_alone(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let elsewhere = open_branch(&admin, json!({})).await;
    let (client, stranger) = (town.client().await, town.client().await);
    let id = join(&client, &branch).await.expect(201).text("id");
    let path = format!("/visits/{id}");
    let foreign = expert(&town, &elsewhere, false).await;
    for person in [&stranger, &foreign] {
        person.get(&path).await.problem(404, "not-found");
        does(person, &id, "accept").await.problem(404, "not-found");
        does(person, &id, "leave").await.problem(404, "not-found");
    }
    does(&client, &id, "accept").await.problem(403, "forbidden");
    let staff = expert(&town, &branch, false).await;
    does(&staff, &id, "accept-offer")
        .await
        .problem(403, "forbidden");
    let export = client.get("/me/export").await.expect(200);
    assert_eq!(export.body["data"]["visits"][0]["id"], id);
    client
        .send(
            Method::DELETE,
            "/me",
            Some(json!({ "password": crate::town::PASSWORD })),
            &[],
        )
        .await
        .expect(204);
    let gone = visit(&staff, &id).await;
    assert_eq!(
        (&gone["state"], &gone["name"]),
        (&json!("left"), &json!(""))
    );
    sound(&town).await;
    town.close().await;
}
