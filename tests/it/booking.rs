//! Bookings from the outside: the main story, its refusals, and who may do what (C3.1–C3.10).

use chrono::TimeDelta;
use serde_json::json;

use crate::engine::{Fresh, on_both_engines};
use crate::town::{Person, Town};

/// What a booking carries besides its time.
mod details;
/// Refusals that are told again without asking again.
mod refusals;

on_both_engines!(
    a_client_books_a_free_slot_and_it_is_gone,
    a_taken_slot_answers_with_the_three_nearest_free_ones,
    alternatives_are_not_in_the_past,
    a_client_cannot_be_in_two_places,
    a_repeated_key_answers_the_first_booking,
    the_expert_confirms_and_completes_and_the_client_reviews_once,
    a_client_cancels_up_to_the_notice,
    a_move_keeps_identity_and_history,
    a_hold_takes_the_slot_until_it_expires,
    strangers_see_nothing,
    a_code_opens_the_booking_with_the_right_address_only,
);

/// A Tuesday in the expert's hours, and the following half hours.
const TEN: &str = "2027-03-02T10:00:00Z";

async fn booked(town: &Town) -> (Person, Person, String) {
    let (expert, client) = (town.expert().await, town.client().await);
    let booking = client.book(&expert, TEN).await.expect(201);
    let id = booking.text("id");
    (expert, client, id)
}

async fn a_client_books_a_free_slot_and_it_is_gone(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let before = client.slots(&expert, "2027-03-02", 1).await;
    assert!(before.contains(&TEN.to_owned()), "{before:?}");

    let booking = client.book(&expert, TEN).await.expect(201);
    assert_eq!(booking.body["status"], "pending");
    assert_eq!(booking.body["ends_at"], "2027-03-02T11:00:00Z");
    assert_eq!(booking.text("code").len(), 6);

    // The hour itself and the half hours that would run into it are gone; its neighbours stay.
    let after = client.slots(&expert, "2027-03-02", 1).await;
    let gone: Vec<_> = before.iter().filter(|slot| !after.contains(slot)).collect();
    assert_eq!(gone, ["2027-03-02T09:30:00Z", TEN, "2027-03-02T10:30:00Z"]);
    town.close().await;
}

async fn a_taken_slot_answers_with_the_three_nearest_free_ones(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, _, _) = booked(&town).await;
    let refused = town
        .client()
        .await
        .book(&expert, TEN)
        .await
        .problem(409, "slot-taken");
    let starts: Vec<_> = refused.body["alternatives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["starts_at"].clone())
        .collect();
    assert_eq!(
        starts,
        [
            "2027-03-02T09:00:00Z",
            "2027-03-02T11:00:00Z",
            "2027-03-02T11:30:00Z"
        ]
    );
    town.close().await;
}

async fn alternatives_are_not_in_the_past(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let two = "2027-03-01T14:00:00Z";
    client.book(&expert, two).await.expect(201);
    let other = town.crowd(1).await.remove(0);
    let offered = async || {
        let refused = other.book(&expert, two).await.problem(409, "slot-taken");
        let alternatives = refused.body["alternatives"].as_array().unwrap();
        let starts = alternatives.iter().map(|slot| slot["starts_at"].clone());
        starts.collect::<Vec<_>>()
    };
    assert_eq!(offered().await[0], "2027-03-01T13:00:00Z");
    // Nothing but the time has changed.
    town.clock.advance(TimeDelta::minutes(61));
    let [next, later, latest] = [
        "2027-03-01T15:00:00Z",
        "2027-03-01T15:30:00Z",
        "2027-03-01T16:00:00Z",
    ];
    assert_eq!(offered().await, [next, later, latest]);
    town.close().await;
}

async fn a_client_cannot_be_in_two_places(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (_, client, _) = booked(&town).await;
    let other = town.expert().await;
    client
        .book(&other, "2027-03-02T10:30:00Z")
        .await
        .problem(409, "client-busy");
    assert!(
        client
            .slots(&other, "2027-03-02", 1)
            .await
            .contains(&TEN.to_owned())
    );
    client
        .book(&other, "2027-03-02T11:00:00Z")
        .await
        .expect(201);
    town.close().await;
}

async fn a_repeated_key_answers_the_first_booking(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let body = json!({ "expert_id": expert.id, "starts_at": TEN, "mode": "online" });
    let send = async |body: &serde_json::Value| {
        let key = [("idempotency-key", "one")];
        client
            .send(reqwest::Method::POST, "/bookings", Some(body.clone()), &key)
            .await
    };
    let first = send(&body).await.expect(201);
    let again = send(&body).await.expect(201);
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let mut other = body.clone();
    other["mode"] = json!("offline");
    send(&other).await.problem(422, "idempotency-key-reused");
    town.close().await;
}

async fn the_expert_confirms_and_completes_and_the_client_reviews_once(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client, id) = booked(&town).await;
    client
        .post(&format!("/bookings/{id}/confirm"), json!({}))
        .await
        .problem(403, "forbidden");
    let confirmed = expert
        .post(&format!("/bookings/{id}/confirm"), json!({}))
        .await
        .expect(200);
    assert_eq!(confirmed.body["status"], "confirmed");
    assert!(confirmed.body["confirmed_at"].is_string());
    expert
        .post(&format!("/bookings/{id}/complete"), json!({}))
        .await
        .problem(409, "too-early");

    town.clock.set(TEN.parse().unwrap());
    let expert = town.again(expert).await;
    let client = town.again(client).await;
    expert
        .post(&format!("/bookings/{id}/complete"), json!({}))
        .await
        .expect(200);
    expert
        .post(&format!("/bookings/{id}/miss"), json!({}))
        .await
        .problem(409, "wrong-status");

    let review = json!({ "stars": 4, "text": "Good." });
    client
        .post(&format!("/bookings/{id}/review"), json!({ "stars": 6 }))
        .await
        .problem(422, "validation");
    expert
        .post(&format!("/bookings/{id}/review"), review.clone())
        .await
        .problem(403, "forbidden");
    client
        .post(&format!("/bookings/{id}/review"), review.clone())
        .await
        .expect(201);
    client
        .post(&format!("/bookings/{id}/review"), review)
        .await
        .problem(409, "already-reviewed");
    let profile = town
        .stranger()
        .get(&format!("/experts/{}", expert.id))
        .await
        .expect(200);
    assert_eq!(
        (&profile.body["rating"], &profile.body["review_count"]),
        (&json!(4.0), &json!(1))
    );
    town.close().await;
}

async fn a_client_cancels_up_to_the_notice(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client, id) = booked(&town).await;
    let later = client
        .book(&expert, "2027-03-02T14:00:00Z")
        .await
        .expect(201)
        .text("id");
    town.clock.set("2027-03-02T09:00:01Z".parse().unwrap());
    let (client, expert) = (town.again(client).await, town.again(expert).await);
    let reason = json!({ "reason": "ill" });
    client
        .post(&format!("/bookings/{id}/cancel"), reason.clone())
        .await
        .problem(409, "too-late");
    let cancelled = client
        .post(&format!("/bookings/{later}/cancel"), reason)
        .await
        .expect(200);
    assert_eq!(
        (&cancelled.body["status"], &cancelled.body["reason"]),
        (&json!("cancelled"), &json!("ill"))
    );
    let refused = expert
        .post(&format!("/bookings/{id}/cancel"), json!({}))
        .await;
    assert_eq!(
        refused.problem(422, "validation").body["errors"][0]["pointer"],
        "/reason"
    );
    let free = client.slots(&expert, "2027-03-02", 1).await;
    assert!(
        free.contains(&"2027-03-02T14:00:00Z".to_owned()),
        "{free:?}"
    );
    town.close().await;
}

async fn a_move_keeps_identity_and_history(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client, id) = booked(&town).await;
    expert
        .post(&format!("/bookings/{id}/confirm"), json!({}))
        .await
        .expect(200);
    let to = json!({ "starts_at": "2027-03-02T10:30:00Z" });
    // Its own time does not stand in its way, and a client's move asks the expert again.
    let moved = client
        .post(&format!("/bookings/{id}/reschedule"), to)
        .await
        .expect(200);
    assert_eq!(moved.text("id"), id);
    assert_eq!(moved.body["status"], "pending");
    let to = json!({ "starts_at": "2027-03-02T08:00:00Z" });
    client
        .post(&format!("/bookings/{id}/reschedule"), to.clone())
        .await
        .problem(422, "slot-not-offered");
    let moved = expert
        .post(&format!("/bookings/{id}/reschedule"), to)
        .await
        .expect(200);
    assert_eq!(moved.body["status"], "pending");
    let history = client
        .get(&format!("/bookings/{id}/history"))
        .await
        .expect(200);
    let events: Vec<_> = history.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["event"].clone())
        .collect();
    assert_eq!(
        events,
        [
            "booking.created",
            "booking.confirmed",
            "booking.rescheduled",
            "booking.rescheduled"
        ]
    );
    assert_eq!(history.body["items"][0]["from_status"], json!(null));
    town.close().await;
}

async fn a_hold_takes_the_slot_until_it_expires(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client, other) = (
        town.expert().await,
        town.client().await,
        town.client().await,
    );
    let wish = json!({ "expert_id": expert.id, "starts_at": TEN, "minutes": 60 });
    let hold = client.post("/holds", wish).await.expect(201);
    assert_eq!(hold.body["expires_at"], "2027-03-01T12:05:00Z");
    assert!(
        !other
            .slots(&expert, "2027-03-02", 1)
            .await
            .contains(&TEN.to_owned())
    );
    other.book(&expert, TEN).await.problem(409, "slot-taken");
    other
        .delete(&format!("/holds/{}", hold.text("id")))
        .await
        .problem(404, "not-found");

    town.clock.advance(TimeDelta::minutes(6));
    assert!(
        other
            .slots(&expert, "2027-03-02", 1)
            .await
            .contains(&TEN.to_owned())
    );
    other.book(&expert, TEN).await.expect(201);
    town.close().await;
}

async fn strangers_see_nothing(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (_, _, id) = booked(&town).await;
    let stranger = town.client().await;
    for path in ["", "/history", "/calendar.ics"] {
        stranger
            .get(&format!("/bookings/{id}{path}"))
            .await
            .problem(404, "not-found");
        town.stranger()
            .get(&format!("/bookings/{id}{path}"))
            .await
            .problem(401, "unauthenticated");
    }
    for step in [
        "confirm",
        "reject",
        "cancel",
        "complete",
        "miss",
        "reschedule",
        "review",
    ] {
        stranger
            .post(&format!("/bookings/{id}/{step}"), json!({}))
            .await
            .problem(404, "not-found");
    }
    assert_eq!(
        stranger.get("/bookings").await.expect(200).body["items"],
        json!([])
    );
    town.close().await;
}

async fn a_code_opens_the_booking_with_the_right_address_only(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (_, client, id) = booked(&town).await;
    let code = client.get(&format!("/bookings/{id}")).await.text("code");
    let stranger = town.stranger();
    let wrong = json!({ "code": code, "email": "other@belfry.test" });
    stranger
        .post("/bookings/lookup", wrong)
        .await
        .problem(404, "not-found");
    let right = json!({ "code": code, "email": client.email });
    assert_eq!(
        stranger
            .post("/bookings/lookup", right.clone())
            .await
            .expect(200)
            .text("id"),
        id
    );
    let cancelled = stranger
        .post("/bookings/lookup/cancel", right)
        .await
        .expect(200);
    assert_eq!(cancelled.body["status"], "cancelled");
    town.close().await;
}
