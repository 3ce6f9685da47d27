//! Whom a booking at a branch is given to, and what is said about it (B2).

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use super::{open_branch, wish};
use crate::contract::body::pointed_at;
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

on_both_engines!(
    a_booking_at_a_branch_is_somebodys_and_says_why,
    work_is_shared_by_hours_and_each_strategy_keeps_its_word,
    a_client_comes_back_to_whom_they_know,
    a_wish_names_an_expert_or_a_branch,
    a_repeated_wish_is_one_booking,
    guests_and_managers_book_at_a_branch_too,
    whoever_nobody_can_serve_is_told_why,
);

async fn book(person: &Person, branch: &str, starts_at: &str) -> Answer {
    person.post("/bookings", wish(branch, starts_at)).await
}

async fn a_booking_at_a_branch_is_somebodys_and_says_why(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    let busy = town.expert_with(json!({}), Some(&branch)).await;
    let free = town.expert_with(json!({}), Some(&branch)).await;
    town.client()
        .await
        .book(&busy, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    let booked = book(&client, &branch, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    assert_eq!(booked.body["expert"]["id"], free.id);
    assert_eq!(booked.body["place"], "1 High Street", "where to come to");
    assert_eq!(
        booked.body["ends_at"], "2027-03-02T11:00:00Z",
        "the branch's length"
    );
    let path = format!("/bookings/{}/assignment", booked.text("id"));
    let why = free.get(&path).await.expect(200);
    assert_eq!(why.body["expert_id"], free.id);
    assert_eq!(why.body["branch"], json!({ "id": branch, "name": "Here" }));
    assert_eq!(
        (&why.body["strategy"], &why.body["attempt"]),
        (&json!("smart"), &json!(0))
    );
    let candidates = why.body["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 1, "the other one could not have had it");
    let parts: Vec<&str> = candidates[0]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scored| scored["part"].as_str().unwrap())
        .collect();
    assert_eq!(
        parts,
        ["share", "load", "adjoining", "previous", "presence"]
    );
    assert!(
        candidates[0]["name"]
            .as_str()
            .unwrap()
            .starts_with("Person")
    );
    admin.get(&path).await.expect(200);
    client.get(&path).await.problem(403, "forbidden");
    busy.get(&path).await.problem(404, "not-found");
    let chosen = client.book(&free, "2027-03-02T12:00:00Z").await.expect(201);
    let path = format!("/bookings/{}/assignment", chosen.text("id"));
    free.get(&path).await.expect(204);
    town.close().await;
}

/// Who was given bookings on ten mornings, and what is said about the last ones.
async fn given(
    town: &Town,
    admin: &Person,
    client: &Person,
    branch: &str,
) -> (Vec<String>, Vec<String>) {
    let (mut given, mut why) = (Vec::new(), Vec::new());
    for day in [2, 3, 4, 5, 8, 9, 10, 11, 12, 15] {
        town.clock.advance(TimeDelta::seconds(30));
        let made = book(client, branch, &format!("2027-03-{day:02}T10:00:00Z")).await;
        let made = made.expect(201);
        let path = format!("/bookings/{}/assignment", made.text("id"));
        why.push(admin.get(&path).await.expect(200).text);
        given.push(made.body["expert"]["id"].as_str().unwrap().to_owned());
    }
    (given, why)
}

async fn work_is_shared_by_hours_and_each_strategy_keeps_its_word(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let mut admin = town.admin().await;
    for strategy in ["smart", "round_robin", "least_loaded"] {
        // The clock has gone on for longer than a token lasts.
        admin = town.again(admin).await;
        let branch = open_branch(&admin, json!({ "strategy": strategy })).await;
        let full = town.expert_with(json!({}), Some(&branch)).await;
        let half = town.expert_with(json!({}), Some(&branch)).await;
        if strategy == "smart" {
            // Half the hours: from nine to one.
            let path = format!("/experts/{}/schedule", half.id);
            let mut schedule = half.get(&path).await.expect(200).body;
            for window in schedule["weekly"].as_array_mut().unwrap() {
                window["until"] = json!("13:00");
            }
            half.put(&path, schedule).await.expect(200);
        }
        let (given, why) = given(&town, &admin, &town.client().await, &branch).await;
        let of = |person: &Person| given.iter().filter(|id| **id == person.id).count();
        match strategy {
            "smart" => assert!((6..=7).contains(&of(&full)), "two thirds: {}", of(&full)),
            "round_robin" => assert!(
                given.windows(2).all(|pair| pair[0] != pair[1]),
                "in turn: {why:#?}"
            ),
            // On ten days that are all empty the lot decides, but a day with a booking is left to the other.
            _ => {
                let first = book(&town.client().await, &branch, "2027-03-16T10:00:00Z").await;
                let second = book(&town.client().await, &branch, "2027-03-16T13:00:00Z").await;
                let ids = [first, second].map(|a| a.expect(201).body["expert"]["id"].clone());
                assert_ne!(ids[0], ids[1]);
            }
        }
    }
    town.close().await;
}

async fn a_client_comes_back_to_whom_they_know(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    let known = town
        .expert_with(json!({ "auto_confirm": true }), Some(&branch))
        .await;
    let others = [
        town.expert_with(json!({}), Some(&branch)).await,
        town.expert_with(json!({}), Some(&branch)).await,
    ];
    let id = client
        .book(&known, "2027-03-01T13:00:00Z")
        .await
        .expect(201)
        .text("id");
    // The others have as much to do.
    for other in &others {
        town.client()
            .await
            .book(other, "2027-03-01T13:00:00Z")
            .await
            .expect(201);
    }
    town.clock.set("2027-03-01T13:30:00Z".parse().unwrap());
    let known = town.again(known).await;
    known
        .post(&format!("/bookings/{id}/complete"), json!({}))
        .await
        .expect(200);
    let client = town.again(client).await;
    let again = book(&client, &branch, "2027-03-03T10:00:00Z")
        .await
        .expect(201);
    assert_eq!(again.body["expert"]["id"], known.id);
    let why = known
        .get(&format!("/bookings/{}/assignment", again.text("id")))
        .await;
    let why = why.expect(200);
    let previous = &why.body["candidates"][0]["parts"][3];
    assert_eq!(previous, &json!({ "part": "previous", "value": 0.15 }));
    town.close().await;
}

async fn a_wish_names_an_expert_or_a_branch(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let base = json!({ "starts_at": "2027-03-02T10:00:00Z", "mode": "online" });
    let with = |more: Value| {
        let mut body = base.clone();
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let send = async |more: Value| client.post("/bookings", with(more)).await;
    pointed_at(send(json!({})).await, "/expert_id", "required");
    let both = json!({ "branch_id": branch, "expert_id": expert.id });
    pointed_at(send(both).await, "/branch_id", "invalid");
    let skill = json!({ "expert_id": expert.id, "skill": "law" });
    pointed_at(send(skill).await, "/skill", "invalid");
    send(json!({ "branch_id": expert.id }))
        .await
        .problem(404, "not-found");
    // Nobody is given to themself.
    let own = json!({ "branch_id": branch, "skill": null });
    let own = expert.post("/bookings", with(own)).await;
    own.problem(422, "slot-not-offered");
    town.close().await;
}

async fn a_repeated_wish_is_one_booking(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    for _ in 0..3 {
        town.expert_with(json!({}), Some(&branch)).await;
    }
    let body = wish(&branch, "2027-03-02T10:00:00Z");
    let send = async |node: usize| {
        let key = [("idempotency-key", "one")];
        let person = client.at(&town, node);
        person
            .send(Method::POST, "/bookings", Some(body.clone()), &key)
            .await
    };
    let first = send(0).await.expect(201);
    let again = send(1).await.expect(201);
    assert_eq!(first.text("id"), again.text("id"));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let mine = client.get("/bookings").await.expect(200);
    assert_eq!(mine.body["items"].as_array().unwrap().len(), 1);
    town.close().await;
}

async fn guests_and_managers_book_at_a_branch_too(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    town.expert_with(json!({}), Some(&branch)).await;
    let mut body = wish(&branch, "2027-03-02T10:00:00Z");
    body["guest"] = json!({ "name": "Gast", "email": "gast@belfry.test" });
    let booked = town.stranger().post("/bookings", body).await.expect(201);
    assert_eq!(booked.body["client"]["name"], "Gast");
    let manager = town.manager(Some(&branch)).await;
    let mut body = wish(&branch, "2027-03-02T13:00:00Z");
    body["client_id"] = json!(client.id);
    let booked = manager.post("/bookings", body).await.expect(201);
    assert_eq!(booked.body["client"]["id"], client.id);
    town.close().await;
}

async fn whoever_nobody_can_serve_is_told_why(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let refused = async |body: Value| {
        let refused = client.post("/bookings", body).await;
        let refused = refused.problem(422, "slot-not-offered");
        refused.body["errors"][0]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        refused(wish(&branch, "2027-03-02T06:00:00Z")).await,
        "outside_hours"
    );
    assert_eq!(
        refused(wish(&branch, "2027-03-02T10:10:00Z")).await,
        "off_grid"
    );
    let mut body = wish(&branch, "2027-03-02T10:00:00Z");
    body["skill"] = json!("law");
    assert_eq!(refused(body).await, "no_skill");
    town.client()
        .await
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    let taken = book(&client, &branch, "2027-03-02T10:00:00Z").await;
    let taken = taken.problem(409, "slot-taken");
    let near: Vec<&str> = taken.body["alternatives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|slot| slot["starts_at"].as_str().unwrap())
        .collect();
    assert_eq!(
        near,
        [
            "2027-03-02T09:00:00Z",
            "2027-03-02T11:00:00Z",
            "2027-03-02T11:30:00Z"
        ]
    );
    // The client's own other booking is no reason to ask the next expert.
    let busy = book(&client, &branch, "2027-03-02T13:00:00Z")
        .await
        .expect(201);
    town.expert_with(json!({}), Some(&branch)).await;
    admin
        .patch(&format!("/branches/{branch}"), json!({ "name": "There" }))
        .await
        .expect(200);
    let again = book(&client, &branch, "2027-03-02T13:00:00Z").await;
    again.problem(409, "client-busy");
    assert_eq!(busy.body["status"], "pending");
    town.close().await;
}
