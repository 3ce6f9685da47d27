//! Group sessions: they take the expert's time once, their seats are bookings that follow them, and nobody has a seat
//! too many (C3.11).

use std::collections::BTreeSet;

use belfry_store::ledger::Ledger;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::ledger::{self, Terms};
use crate::town::{Answer, Person, Town};

/// Many at once for the same seats.
mod race;
/// Seats that come free, and those who wait for them.
mod wait;

on_both_engines!(
    a_session_takes_its_experts_time_once_and_each_seat_its_clients,
    a_session_that_moves_takes_its_seats_along_or_stays,
    a_session_that_is_called_off_ends_every_seat_and_says_why,
    what_is_asked_of_a_session_is_checked,
    a_seat_is_met_confirmed_and_counted_as_any_booking,
    a_guest_and_whoever_a_manager_books_in_have_seats_too,
    an_expert_who_is_erased_leaves_no_session_behind,
);

const TEN: &str = "2027-03-02T10:00:00Z";
const TWO: &str = "2027-03-02T14:00:00Z";

fn draft(starts_at: &str, seats: i64) -> Value {
    json!({
        "title": "Yoga for beginners", "description": "Bring a mat.", "starts_at": starts_at, "minutes": 60,
        "seats": seats, "mode": "offline", "place": "Hall 2", "link": "https://meet.example.com/yoga",
        "auto_confirm": true,
    })
}

async fn offer(expert: &Person, starts_at: &str, seats: i64) -> Answer {
    let path = format!("/experts/{}/sessions", expert.id);
    expert.post(&path, draft(starts_at, seats)).await
}

/// What somebody asks for who takes a seat.
fn wish(session: &Value) -> Value {
    json!({
        "expert_id": session["expert"]["id"], "starts_at": session["starts_at"], "mode": session["mode"],
        "session_id": session["id"],
    })
}

async fn take(person: &Person, session: &Value) -> Answer {
    person.post("/bookings", wish(session)).await
}

async fn seen(person: &Person, session: &Value) -> Value {
    let path = format!("/sessions/{}", session["id"].as_str().unwrap());
    person.get(&path).await.expect(200).body
}

async fn sound(town: &Town) -> Ledger {
    ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await
}

/// Waits until somebody was told this of a booking.
async fn told(person: &Person, kind: &str, booking: &str) -> Value {
    eventually(&format!("told of {kind}"), async || {
        let page = person.get("/notifications?limit=100").await.expect(200);
        let items = page.body["items"].as_array().unwrap().clone();
        let told = |item: &Value| item["kind"] == kind && item["data"]["booking_id"] == booking;
        items.into_iter().find(told)
    })
    .await
}

async fn a_session_takes_its_experts_time_once_and_each_seat_its_clients(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let (first, second, third) = (
        town.client().await,
        town.client().await,
        town.client().await,
    );
    let other = town.expert().await;
    let session = offer(&expert, TEN, 2).await.expect(201).body;
    assert_eq!(session["left"], 2);
    // The slots of it are gone, and nothing else lies on it.
    let slots = first.slots(&expert, "2027-03-02", 1).await;
    assert!(!slots.contains(&TEN.to_owned()), "{slots:?}");
    let half = "2027-03-02T10:30:00Z";
    first.book(&expert, half).await.problem(409, "slot-taken");
    offer(&expert, half, 5).await.problem(409, "slot-taken");
    // A booking that is there refuses a session.
    second.book(&expert, TWO).await.expect(201);
    offer(&expert, "2027-03-02T13:30:00Z", 5)
        .await
        .problem(409, "slot-taken");

    let seat = take(&first, &session).await.expect(201);
    assert_eq!(seat.body["session"]["title"], "Yoga for beginners");
    assert_eq!(seat.body["status"], "confirmed");
    assert_eq!(seat.body["place"], "Hall 2");
    assert_eq!(seat.body["link"], "https://meet.example.com/yoga");
    take(&first, &session).await.problem(409, "client-busy");
    // Busy elsewhere at that time.
    third.book(&other, TEN).await.expect(201);
    take(&third, &session).await.problem(409, "client-busy");
    assert_eq!(seen(&first, &session).await["left"], 1);
    let last = take(&second, &session).await.expect(201);
    let full = take(&town.client().await, &session).await;
    let full = full.problem(409, "session-full");
    let id = session["id"].as_str().unwrap();
    let list = format!("/api/v1/sessions/{id}/waiting-list");
    assert_eq!(full.body["waiting_list"], list);
    sound(&town).await;

    // One who leaves makes room.
    let path = format!("/bookings/{}/cancel", last.text("id"));
    second.post(&path, json!({})).await.expect(200);
    assert_eq!(seen(&first, &session).await["left"], 1);
    take(&town.client().await, &session).await.expect(201);
    sound(&town).await;
    town.close().await;
}

async fn a_session_that_moves_takes_its_seats_along_or_stays(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let other = town.expert().await;
    let (first, second) = (town.client().await, town.client().await);
    let session = offer(&expert, TEN, 5).await.expect(201).body;
    let path = format!("/sessions/{}", session["id"].as_str().unwrap());
    let one = take(&first, &session).await.expect(201).text("id");
    take(&second, &session).await.expect(201);
    let busy = second.book(&other, TWO).await.expect(201).text("id");
    let before = seen(&expert, &session).await;
    let refused = expert.patch(&path, json!({ "starts_at": TWO })).await;
    let refused = refused.problem(409, "clients-busy");
    assert_eq!(refused.body["clients"].as_array().unwrap().len(), 1);
    assert_eq!(refused.body["clients"][0]["id"], second.id);
    assert_eq!(seen(&expert, &session).await, before);
    sound(&town).await;
    let cancel = format!("/bookings/{busy}/cancel");
    second.post(&cancel, json!({})).await.expect(200);
    let moved = expert
        .patch(&path, json!({ "starts_at": TWO, "place": "Hall 3" }))
        .await;
    assert_eq!(moved.expect(200).body["starts_at"], TWO);
    let seat = first
        .get(&format!("/bookings/{one}"))
        .await
        .expect(200)
        .body;
    assert_eq!(seat["starts_at"], TWO);
    assert_eq!(seat["ends_at"], "2027-03-02T15:00:00Z");
    assert_eq!(seat["place"], "Hall 3");
    assert_eq!(seat["version"], 2);
    let entry = told(&first, "booking.rescheduled", &one).await;
    assert_eq!(entry["data"]["previous_starts_at"], TEN);
    let body = entry["body"].as_str().unwrap();
    assert!(
        body.starts_with("Yoga for beginners: Now Tue 2 Mar"),
        "{body}"
    );
    let file = first.get(&format!("/bookings/{one}/calendar.ics")).await;
    assert!(file.text.contains("SEQUENCE:1"), "{}", file.text);
    assert!(
        file.text.contains("SUMMARY:Yoga for beginners"),
        "{}",
        file.text
    );
    // What it left is free, what it took is not.
    let slots = first.slots(&expert, "2027-03-02", 1).await;
    assert!(slots.contains(&TEN.to_owned()) && !slots.contains(&TWO.to_owned()));
    // A new place alone is an edit that everybody hears of.
    let place = json!({ "place": "Hall 4" });
    expert.patch(&path, place).await.expect(200);
    told(&first, "booking.edited", &one).await;
    sound(&town).await;
    town.close().await;
}

async fn a_session_that_is_called_off_ends_every_seat_and_says_why(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let people = town.crowd(4).await;
    let session = offer(&expert, TEN, 4).await.expect(201).body;
    let mut seats = Vec::new();
    for person in &people {
        seats.push(take(person, &session).await.expect(201).text("id"));
    }
    let path = format!("/sessions/{}/cancel", session["id"].as_str().unwrap());
    let silent = expert.post(&path, json!({})).await;
    let silent = silent.problem(422, "validation");
    assert_eq!(silent.body["errors"][0]["pointer"], "/reason");
    let reason = json!({ "reason": "The hall is flooded." });
    let off = expert.post(&path, reason.clone()).await.expect(200);
    assert_eq!(off.body["status"], "cancelled");
    assert_eq!(off.body["taken"], 0);
    for (person, seat) in people.iter().zip(&seats) {
        let booking = person.get(&format!("/bookings/{seat}")).await.expect(200);
        assert_eq!(booking.body["status"], "cancelled");
        assert_eq!(booking.body["reason"], "The hall is flooded.");
        let entry = told(person, "booking.cancelled", seat).await;
        let body = entry["body"].as_str().unwrap();
        assert!(body.contains("The hall is flooded."), "{body}");
    }
    expert
        .post(&path, reason)
        .await
        .problem(409, "session-closed");
    take(&people[0], &session)
        .await
        .problem(409, "session-closed");
    let slots = people[0].slots(&expert, "2027-03-02", 1).await;
    assert!(slots.contains(&TEN.to_owned()), "{slots:?}");
    sound(&town).await;
    town.close().await;
}

async fn what_is_asked_of_a_session_is_checked(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let person = town.client().await;
    let path = format!("/experts/{}/sessions", expert.id);
    person
        .post(&path, draft(TEN, 2))
        .await
        .problem(403, "forbidden");
    for (field, value) in [
        ("title", json!("")),
        ("minutes", json!(0)),
        ("seats", json!(0)),
        ("seats", json!(501)),
        ("starts_at", json!("2027-03-01T11:00:00Z")),
        ("link", json!("javascript:alert(1)")),
        ("place", json!("x".repeat(301))),
    ] {
        let mut faulty = draft(TEN, 2);
        faulty[field] = value;
        let refused = expert.post(&path, faulty).await;
        let refused = refused.problem(422, "validation");
        let pointer = format!("/{field}");
        assert_eq!(refused.body["errors"][0]["pointer"], pointer);
    }
    let key = [("idempotency-key", "once")];
    let made = expert
        .send(Method::POST, &path, Some(draft(TEN, 2)), &key)
        .await;
    let again = expert
        .send(Method::POST, &path, Some(draft(TEN, 2)), &key)
        .await;
    let session = made.expect(201).body;
    assert_eq!(again.expect(201).body, session);
    // The link is for those who come.
    assert_eq!(seen(&person, &session).await["link"], Value::Null);
    assert_eq!(seen(&expert, &session).await["link"], session["link"]);
    let listed = person.get(&format!("{path}?from=2027-03-01&days=7")).await;
    let listed = listed.expect(200).body["items"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["link"], Value::Null);
    for (field, value) in [
        ("starts_at", json!(TWO)),
        ("mode", json!("online")),
        ("minutes", json!(30)),
        ("expert_id", json!(person.id)),
        ("session_id", json!(person.id)),
        ("hold_id", json!(person.id)),
    ] {
        let mut faulty = wish(&session);
        faulty[field] = value;
        let refused = person.post("/bookings", faulty).await;
        let refused = refused.problem(422, "validation");
        let pointer = format!("/{field}");
        assert_eq!(refused.body["errors"][0]["pointer"], pointer);
    }
    take(&person, &session).await.expect(201);
    take(&town.client().await, &session).await.expect(201);
    let one = format!("/sessions/{}", session["id"].as_str().unwrap());
    let fewer = expert.patch(&one, json!({ "seats": 1 })).await;
    assert_eq!(fewer.problem(409, "seats-taken").body["taken"], 2);
    let body = Some(json!({ "seats": 3 }));
    let stale = [("if-match", "\"7\"")];
    expert
        .send(Method::PATCH, &one, body.clone(), &stale)
        .await
        .problem(412, "stale");
    let fresh_tag = [("if-match", "\"1\"")];
    let more = expert.send(Method::PATCH, &one, body, &fresh_tag).await;
    assert_eq!(more.expect(200).body["left"], 1);
    town.clock.set(TEN.parse().unwrap());
    let (expert, person) = (town.again(expert).await, town.again(person).await);
    expert
        .patch(&one, json!({ "seats": 9 }))
        .await
        .problem(409, "session-closed");
    take(&person, &session).await.problem(409, "session-closed");
    sound(&town).await;
    town.close().await;
}

async fn a_seat_is_met_confirmed_and_counted_as_any_booking(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let rules = json!({ "max_per_day": 1, "buffer_after_minutes": 15 });
    let expert = town.expert_with(rules, None).await;
    let (first, second) = (town.client().await, town.client().await);
    let mut asked = draft(TEN, 3);
    asked["auto_confirm"] = json!(false);
    let path = format!("/experts/{}/sessions", expert.id);
    let session = expert.post(&path, asked).await.expect(201).body;
    let one = take(&first, &session).await.expect(201);
    assert_eq!(one.body["status"], "pending");
    let two = take(&second, &session).await.expect(201).text("id");
    let one = one.text("id");
    let step = |id: &str, step: &str| format!("/bookings/{id}/{step}");
    let reason = json!({ "reason": "Not this time." });
    expert
        .post(&step(&one, "confirm"), json!({}))
        .await
        .expect(200);
    expert.post(&step(&two, "reject"), reason).await.expect(200);
    assert_eq!(seen(&first, &session).await["left"], 2);
    // A seat moves with its session alone, and is met as the session is.
    let seat = first
        .get(&format!("/bookings/{one}"))
        .await
        .expect(200)
        .body;
    let actions = seat["actions"].as_array().unwrap();
    assert!(!actions.contains(&json!("reschedule")), "{actions:?}");
    first
        .post(&step(&one, "reschedule"), json!({ "starts_at": TWO }))
        .await
        .problem(409, "moves-with-session");
    expert
        .patch(&format!("/bookings/{one}"), json!({ "place": "Home" }))
        .await
        .problem(409, "moves-with-session");
    let note = json!({ "note": "left-handed" });
    let noted = first.patch(&format!("/bookings/{one}"), note).await;
    assert_eq!(noted.expect(200).body["note"], "left-handed");
    // Who comes.
    let id = session["id"].as_str().unwrap();
    let seats = format!("/bookings?session_id={id}&status=confirmed");
    let seats = expert.get(&seats).await.expect(200);
    assert_eq!(seats.body["items"].as_array().unwrap().len(), 1);
    let agenda = format!("/experts/{}/agenda?from=2027-03-02&days=1", expert.id);
    let agenda = expert.get(&agenda).await.expect(200);
    assert_eq!(agenda.body["items"][0]["session"]["id"], id);
    // Seats are besides what the caps allow, and the buffer of a session is clear.
    second
        .book(&expert, "2027-03-02T11:00:00Z")
        .await
        .problem(409, "slot-taken");
    second.book(&expert, TWO).await.expect(201);
    let terms = Terms {
        buffers: (0, 15),
        ..Terms::at(town.now())
    };
    ledger::sound(&town.store, terms, &BTreeSet::new()).await;
    town.clock.set("2027-03-02T11:00:00Z".parse().unwrap());
    let expert = town.again(expert).await;
    expert
        .post(&step(&one, "complete"), json!({}))
        .await
        .expect(200);
    let monday = "2027-03-01".parse().unwrap();
    town.store.roll_up_week(monday).await.unwrap();
    town.close().await;
}

async fn a_guest_and_whoever_a_manager_books_in_have_seats_too(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let (admin, person) = (town.admin().await, town.client().await);
    let session = offer(&expert, TEN, 2).await.expect(201).body;
    let mut guest = wish(&session);
    guest["guest"] = json!({ "name": "Gast", "email": "gast@belfry.test" });
    let booked = town.stranger().post("/bookings", guest).await.expect(201);
    assert_eq!(booked.body["session"]["id"], session["id"]);
    let mut named = wish(&session);
    named["client_id"] = json!(person.id);
    let booked = admin.post("/bookings", named).await.expect(201);
    assert_eq!(booked.body["client"]["id"], person.id);
    take(&admin, &session).await.problem(409, "session-full");
    sound(&town).await;
    town.close().await;
}

async fn an_expert_who_is_erased_leaves_no_session_behind(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, person) = (town.admin().await, town.expert().await, town.client().await);
    let session = offer(&expert, TEN, 2).await.expect(201).body;
    let seat = take(&person, &session).await.expect(201).text("id");
    let export = expert.get("/me/export").await.expect(200).body;
    let sessions = export["data"]["group_sessions"].as_array().unwrap().clone();
    assert_eq!(sessions[0]["title"], "Yoga for beginners");
    admin
        .delete(&format!("/admin/users/{}", expert.id))
        .await
        .expect(204);
    let seat = person.get(&format!("/bookings/{seat}")).await.expect(200);
    assert_eq!(seat.body["status"], "cancelled");
    let after = seen(&person, &session).await;
    assert_eq!(
        (&after["status"], &after["place"]),
        (&json!("cancelled"), &Value::Null)
    );
    town.close().await;
}
