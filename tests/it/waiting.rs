//! Waiting lists: what comes free is offered to whoever has waited longest, held for them alone, and goes on to the
//! next (C3.11).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::ledger::{self, Terms};
use crate::town::{Answer, Person, Town};

/// Whatever gives time back leads to an offer.
mod causes;
/// Many who wait, and everything at once.
mod race;

on_both_engines!(
    what_comes_free_is_offered_in_turn_and_accepted_by_converting_the_hold,
    an_offer_that_runs_out_goes_to_the_next_and_then_to_everybody,
    dates_that_go_by_end_the_waiting,
    a_wish_is_checked_and_made_once,
    an_offer_is_no_hold_of_ones_own_and_is_taken_up_by_any_booking_over_it,
    what_is_promised_is_kept_whatever_the_rules_say_since,
    who_found_a_place_by_themselves_waits_no_longer,
    staff_puts_somebody_on_a_list_and_nobody_else_does,
);

/// A Tuesday on which [`host`] has this hour alone.
const TUESDAY: &str = "2027-03-02";
const TEN: &str = "2027-03-02T10:00:00Z";

/// An expert who has one hour on Tuesday.
async fn host(town: &Town, rules: Value) -> Person {
    let expert = town.expert_with(rules, None).await;
    open(&expert, json!([{ "from": "10:00", "until": "11:00" }])).await;
    expert
}

/// Sets the expert's hours on Tuesday.
async fn open(expert: &Person, intervals: Value) {
    let path = format!("/experts/{}/overrides/{TUESDAY}", expert.id);
    let body = json!({ "intervals": intervals });
    expert.put(&path, body).await.expect(200);
}

async fn join(person: &Person, expert: &Person) -> Answer {
    let wish = json!({ "from": TUESDAY, "mode": "online", "note": "knee" });
    let path = format!("/experts/{}/waiting-list", expert.id);
    person.post(&path, wish).await
}

pub async fn place(person: &Person, id: &str) -> Value {
    let path = format!("/waiting-list/{id}");
    person.get(&path).await.expect(200).body
}

/// Waits until somebody's place has this status, and answers it.
pub async fn comes_to(person: &Person, id: &str, status: &str) -> Value {
    eventually(&format!("it is {status}"), async || {
        let place = place(person, id).await;
        if place["status"] != status {
            return Err(place);
        }
        Ok(place)
    })
    .await
}

/// Waits until somebody was told this of their place.
pub async fn told(person: &Person, kind: &str, id: &str) -> Value {
    eventually(&format!("told of {kind}"), async || {
        let page = person.get("/notifications?limit=100").await.expect(200);
        let items = page.body["items"].as_array().unwrap().clone();
        let mut items = items.into_iter();
        let told = |item: &Value| item["kind"] == kind && item["data"]["waiting_id"] == id;
        items.find(told)
    })
    .await
}

async fn cancel(person: &Person, booking: &Answer) {
    let path = format!("/bookings/{}/cancel", booking.text("id"));
    let reason = json!({ "reason": "ill" });
    person.post(&path, reason).await.expect(200);
}

async fn sound(town: &Town) {
    ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await;
}

async fn what_comes_free_is_offered_in_turn_and_accepted_by_converting_the_hold(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = host(&town, json!({})).await;
    let (first, second, third) = (
        town.client().await,
        town.client().await,
        town.client().await,
    );
    let booking = first.book(&expert, TEN).await.expect(201);
    let two = join(&second, &expert).await.expect(201);
    assert_eq!(two.body["status"], "waiting");
    let two = two.text("id");
    town.clock.advance(TimeDelta::seconds(1));
    let three = join(&third, &expert).await.expect(201);
    assert_eq!(three.body["ahead"], 1);
    let three = three.text("id");
    told(&expert, "waitlist.joined", &two).await;

    cancel(&first, &booking).await;
    let offered = comes_to(&second, &two, "offered").await;
    assert_eq!(offered["offer"]["starts_at"], TEN);
    assert_eq!(offered["offer"]["expires_at"], "2027-03-01T12:30:01Z");
    let entry = told(&second, "waitlist.offered", &two).await;
    assert_eq!(entry["data"]["expires_at"], "2027-03-01T12:30:01Z");
    assert_eq!(
        entry["body"],
        "Tue 2 Mar, 10:00 (GMT). It is held for you alone until Mon 1 Mar, 12:30 (GMT)."
    );
    // Nobody else has it meanwhile, and the next in line is offered nothing.
    assert!(third.slots(&expert, TUESDAY, 1).await.is_empty());
    third.book(&expert, TEN).await.problem(409, "slot-taken");
    assert_eq!(place(&third, &three).await["status"], "waiting");
    third
        .post(&format!("/waiting-list/{three}/accept"), json!({}))
        .await
        .problem(409, "offer-gone");
    sound(&town).await;

    let accept = format!("/waiting-list/{two}/accept");
    let key = [("idempotency-key", "mine")];
    let booked = second
        .send(Method::POST, &accept, Some(json!({})), &key)
        .await;
    let booked = booked.expect(201);
    assert_eq!(booked.body["starts_at"], TEN);
    assert_eq!(booked.body["note"], "knee");
    let again = second
        .send(Method::POST, &accept, Some(json!({})), &key)
        .await;
    assert_eq!(again.expect(201).text("id"), booked.text("id"));
    second
        .post(&accept, json!({}))
        .await
        .problem(409, "offer-gone");
    let accepted = place(&second, &two).await;
    assert_eq!(accepted["status"], "accepted");
    assert_eq!(accepted["booking_id"], booked.body["id"]);
    let history = second.get(&format!("/waiting-list/{two}/history")).await;
    let steps = history.expect(200).body["items"]
        .as_array()
        .unwrap()
        .clone();
    let steps: Vec<&str> = steps
        .iter()
        .map(|s| s["status"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["waiting", "offered", "accepted"]);

    cancel(&second, &booked).await;
    comes_to(&third, &three, "offered").await;
    let decline = format!("/waiting-list/{three}/decline");
    third.post(&decline, json!({})).await.expect(200);
    third
        .post(&decline, json!({}))
        .await
        .problem(409, "offer-gone");
    // Nobody waits any more: it is everybody's.
    assert_eq!(first.slots(&expert, TUESDAY, 1).await, [TEN]);
    first.book(&expert, TEN).await.expect(201);
    sound(&town).await;
    town.close().await;
}

async fn an_offer_that_runs_out_goes_to_the_next_and_then_to_everybody(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = host(&town, json!({})).await;
    let (first, second) = (town.client().await, town.client().await);
    let one = join(&first, &expert).await.expect(201).text("id");
    // It was free: nobody needs to cancel first.
    comes_to(&first, &one, "offered").await;
    town.clock.advance(TimeDelta::seconds(1));
    let two = join(&second, &expert).await.expect(201).text("id");
    let (first, second) = (town.again(first).await, town.again(second).await);
    town.clock.set("2027-03-01T12:30:00Z".parse().unwrap());
    let (first, second) = (town.again(first).await, town.again(second).await);
    comes_to(&first, &one, "expired").await;
    let entry = told(&first, "waitlist.expired", &one).await;
    assert_eq!(
        entry["title"],
        format!(
            "The offer of a place with {} has run out",
            name(&town, &expert).await
        )
    );
    let offered = comes_to(&second, &two, "offered").await;
    assert_eq!(offered["offer"]["expires_at"], "2027-03-01T13:00:00Z");
    first
        .post(&format!("/waiting-list/{one}/accept"), json!({}))
        .await
        .problem(409, "offer-gone");
    sound(&town).await;
    town.clock.set("2027-03-01T13:00:00Z".parse().unwrap());
    let second = town.again(second).await;
    comes_to(&second, &two, "expired").await;
    assert_eq!(second.slots(&expert, TUESDAY, 1).await, [TEN]);
    sound(&town).await;
    town.close().await;
}

async fn name(town: &Town, person: &Person) -> String {
    let id = person.id.parse().unwrap();
    town.store.account(id).await.unwrap().unwrap().name
}

async fn dates_that_go_by_end_the_waiting(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = host(&town, json!({})).await;
    let (first, second) = (town.client().await, town.client().await);
    first.book(&expert, TEN).await.expect(201);
    let two = join(&second, &expert).await.expect(201).text("id");
    town.clock.set("2027-03-03T00:00:00Z".parse().unwrap());
    let second = town.again(second).await;
    let ended = comes_to(&second, &two, "expired").await;
    assert_eq!(ended["offer"], Value::Null);
    let entry = told(&second, "waitlist.expired", &two).await;
    assert_eq!(entry["body"], "Tue 2 Mar. You can wait for other dates.");
    town.close().await;
}

async fn a_wish_is_checked_and_made_once(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| {
        settings.waiting_list.places_per_person = 2
    })
    .await;
    let expert = host(&town, json!({})).await;
    let person = town.client().await;
    let path = format!("/experts/{}/waiting-list", expert.id);
    let faulty = [
        (json!({ "from": "2027-02-28", "mode": "online" }), "/until"),
        (
            json!({ "from": "2027-03-02", "until": "2027-03-01", "mode": "online" }),
            "/until",
        ),
        (
            json!({ "from": "2027-03-02", "until": "2027-05-03", "mode": "online" }),
            "/until",
        ),
        (json!({ "from": "2027-06-02", "mode": "online" }), "/from"),
        (json!({ "from": "2027-13-02", "mode": "online" }), "/from"),
        (
            json!({ "from": TUESDAY, "minutes": 45, "mode": "online" }),
            "/minutes",
        ),
        (
            json!({ "from": TUESDAY, "earliest": "10:00", "latest": "10:30", "mode": "online" }),
            "/latest",
        ),
        (
            json!({ "from": TUESDAY, "time_zone": "Mars/Olympus", "mode": "online" }),
            "/time_zone",
        ),
    ];
    for (wish, pointer) in faulty {
        let answer = person
            .post(&path, wish.clone())
            .await
            .problem(422, "validation");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{wish}");
    }
    // Saturdays, on which nothing is offered.
    let wish = json!({ "from": "2027-03-06", "until": "2027-03-07", "mode": "online" });
    let key = [("idempotency-key", "once")];
    let made = person
        .send(Method::POST, &path, Some(wish.clone()), &key)
        .await;
    let again = person.send(Method::POST, &path, Some(wish), &key).await;
    assert_eq!(made.expect(201).text("id"), again.expect(201).text("id"));
    let same = json!({ "from": "2027-03-07", "mode": "offline" });
    person
        .post(&path, same)
        .await
        .problem(409, "already-waiting");
    let other = json!({ "from": "2027-03-13", "mode": "online" });
    let other = person.post(&path, other).await.expect(201).text("id");
    let more = json!({ "from": "2027-03-20", "mode": "online" });
    person
        .post(&path, more.clone())
        .await
        .problem(409, "too-many-waits");
    let leave = format!("/waiting-list/{other}");
    let stale = [("if-match", "\"9\"")];
    person
        .send(Method::DELETE, &leave, None, &stale)
        .await
        .problem(412, "stale");
    person.delete(&leave).await.expect(204);
    person.delete(&leave).await.expect(204);
    person.post(&path, more).await.expect(201);
    expert
        .post(&path, json!({}))
        .await
        .problem(403, "forbidden");
    let mine = person.get("/waiting-list?open=true").await.expect(200);
    assert_eq!(mine.body["items"].as_array().unwrap().len(), 2);
    let page = person.get("/waiting-list?limit=2").await.expect(200);
    let next = page.text("next");
    let rest = person
        .get(&format!("/waiting-list?after={next}"))
        .await
        .expect(200);
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 1);
    let theirs = expert.get("/waiting-list?open=true").await.expect(200);
    assert_eq!(theirs.body["items"], mine.body["items"]);
    sound(&town).await;
    town.close().await;
}

async fn an_offer_is_no_hold_of_ones_own_and_is_taken_up_by_any_booking_over_it(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| settings.booking.holds_per_person = 1).await;
    let expert = host(&town, json!({})).await;
    let other = town.expert().await;
    let person = town.client().await;
    let id = join(&person, &expert).await.expect(201).text("id");
    comes_to(&person, &id, "offered").await;
    let hold = town.store.ledger().await.unwrap().holds[0].id;
    let path = format!("/holds/{hold}");
    person.delete(&path).await.problem(404, "not-found");
    let wish = json!({ "expert_id": expert.id, "starts_at": TEN, "minutes": 60 });
    person.post("/holds", wish).await.problem(409, "slot-taken");
    let wish = json!({ "expert_id": other.id, "starts_at": "2027-03-02T12:00:00Z", "minutes": 60 });
    person.post("/holds", wish).await.expect(201);
    let booked = person.book(&expert, TEN).await.expect(201);
    let accepted = place(&person, &id).await;
    assert_eq!(accepted["status"], "accepted");
    assert_eq!(accepted["booking_id"], booked.body["id"]);
    sound(&town).await;
    town.close().await;
}

async fn what_is_promised_is_kept_whatever_the_rules_say_since(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let rules = json!({ "max_per_day": 1, "min_notice_minutes": 1315 });
    let expert = host(&town, rules).await;
    open(&expert, json!([{ "from": "10:00", "until": "12:00" }])).await;
    let (person, rival) = (town.client().await, town.client().await);
    let wish = json!({ "from": TUESDAY, "latest": "11:00", "mode": "online" });
    let path = format!("/experts/{}/waiting-list", expert.id);
    let id = person.post(&path, wish).await.expect(201).text("id");
    comes_to(&person, &id, "offered").await;
    // The one place of the day is promised, so nobody else has it.
    let eleven = "2027-03-02T11:00:00Z";
    let refused = rival.book(&expert, eleven).await;
    refused.problem(422, "slot-not-offered");
    // By now it is too soon by the rules, and closed besides.
    town.clock.advance(TimeDelta::minutes(10));
    open(&expert, json!([])).await;
    let accept = format!("/waiting-list/{id}/accept");
    person.post(&accept, json!({})).await.expect(201);
    sound(&town).await;
    town.close().await;
}

async fn who_found_a_place_by_themselves_waits_no_longer(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = host(&town, json!({})).await;
    let (first, second) = (town.client().await, town.client().await);
    first.book(&expert, TEN).await.expect(201);
    let wish = json!({ "from": TUESDAY, "until": "2027-03-03", "latest": "11:00", "minutes": 60, "mode": "online" });
    let path = format!("/experts/{}/waiting-list", expert.id);
    let closed = format!("/experts/{}/overrides/2027-03-03", expert.id);
    let hours = json!({ "intervals": [{ "from": "12:00", "until": "13:00" }] });
    expert.put(&closed, hours).await.expect(200);
    let id = second.post(&path, wish).await.expect(201).text("id");
    let noon = "2027-03-03T12:00:00Z";
    second.book(&expert, noon).await.expect(201);
    open(&expert, json!([{ "from": "09:00", "until": "11:00" }])).await;
    let left = comes_to(&second, &id, "left").await;
    assert_eq!(left["offer"], Value::Null);
    sound(&town).await;
    town.close().await;
}

async fn staff_puts_somebody_on_a_list_and_nobody_else_does(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = host(&town, json!({})).await;
    let (admin, taken) = (town.admin().await, town.client().await);
    let booked = taken.book(&expert, TEN).await.expect(201).text("id");
    let (ann, ben) = (town.client().await, town.client().await);
    let path = format!("/experts/{}/waiting-list", expert.id);
    let wish = |client: &str| json!({ "from": TUESDAY, "mode": "online", "client_id": client });
    ben.post(&path, wish(&ann.id))
        .await
        .problem(403, "forbidden");
    let answer = admin
        .post(&path, wish(&expert.id))
        .await
        .problem(422, "validation");
    assert_eq!(answer.body["errors"][0]["pointer"], "/client_id");
    let nobody = "0192d3a0-0000-7000-8000-000000000000";
    let answer = admin
        .post(&path, wish(nobody))
        .await
        .problem(422, "validation");
    assert_eq!(answer.body["errors"][0]["pointer"], "/client_id");

    let made = admin.post(&path, wish(&ann.id)).await.expect(201);
    assert_eq!(made.body["client"]["id"], json!(ann.id));
    let id = made.text("id");
    // It is hers: she sees it, is offered what comes free, and takes it.
    taken
        .post(&format!("/bookings/{booked}/cancel"), json!({}))
        .await
        .expect(200);
    comes_to(&ann, &id, "offered").await;
    let accepted = ann
        .post(&format!("/waiting-list/{id}/accept"), json!({}))
        .await;
    assert!(accepted.status < 300, "{}", accepted.text);
    let history = ann
        .get(&format!("/waiting-list/{id}/history"))
        .await
        .expect(200)
        .body;
    assert_eq!(history["items"][0]["actor"]["id"], json!(admin.id));
    town.close().await;
}
