//! Seats that come free go to whoever has waited longest, held for them alone (C3.11).

use chrono::TimeDelta;
use serde_json::json;

use super::{TEN, TWO, offer, seen, sound, take};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{Answer, Person, Town};
use crate::waiting::{comes_to, place, told as told_of_waiting};

on_both_engines!(
    a_seat_that_comes_free_is_offered_in_turn,
    an_offered_seat_that_runs_out_is_declined_or_booked_counts_once,
    who_waits_for_a_session_moves_with_it_and_ends_with_it,
    who_took_a_seat_by_themselves_waits_no_longer,
);

async fn join(person: &Person, session: &serde_json::Value) -> Answer {
    let id = session["id"].as_str().unwrap();
    let path = format!("/sessions/{id}/waiting-list");
    person.post(&path, json!({ "note": "knee" })).await
}

async fn a_seat_that_comes_free_is_offered_in_turn(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let (first, second, third) = (
        town.client().await,
        town.client().await,
        town.client().await,
    );
    let session = offer(&expert, TEN, 1).await.expect(201).body;
    let seat = take(&first, &session).await.expect(201).text("id");
    let two = join(&second, &session).await.expect(201);
    assert_eq!(two.body["session"]["id"], session["id"]);
    let two = two.text("id");
    join(&second, &session)
        .await
        .problem(409, "already-waiting");
    join(&expert, &session).await.problem(403, "forbidden");
    town.clock.advance(TimeDelta::seconds(1));
    let three = join(&third, &session).await.expect(201);
    assert_eq!(three.body["ahead"], 1);
    let three = three.text("id");

    let cancel = format!("/bookings/{seat}/cancel");
    first.post(&cancel, json!({})).await.expect(200);
    let offered = comes_to(&second, &two, "offered").await;
    assert_eq!(offered["offer"]["starts_at"], TEN);
    let entry = told_of_waiting(&second, "waitlist.offered", &two).await;
    let body = entry["body"].as_str().unwrap();
    assert!(body.starts_with("Yoga for beginners: Tue 2 Mar"), "{body}");
    // Nobody else has it meanwhile.
    take(&first, &session).await.problem(409, "session-full");
    take(&third, &session).await.problem(409, "session-full");
    sound(&town).await;
    let accept = format!("/waiting-list/{two}/accept");
    let booked = second.post(&accept, json!({})).await.expect(201);
    assert_eq!(booked.body["session"]["id"], session["id"]);
    assert_eq!(booked.body["note"], "knee");
    second
        .post(&accept, json!({}))
        .await
        .problem(409, "offer-gone");
    sound(&town).await;
    // More seats are room, too.
    let path = format!("/sessions/{}", session["id"].as_str().unwrap());
    expert.patch(&path, json!({ "seats": 2 })).await.expect(200);
    comes_to(&third, &three, "offered").await;
    assert_eq!(seen(&third, &session).await["left"], 0);
    sound(&town).await;
    town.close().await;
}

async fn an_offered_seat_that_runs_out_is_declined_or_booked_counts_once(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let (first, second, third) = (
        town.client().await,
        town.client().await,
        town.client().await,
    );
    let session = offer(&expert, TEN, 1).await.expect(201).body;
    let one = join(&first, &session).await.expect(201).text("id");
    comes_to(&first, &one, "offered").await;
    town.clock.advance(TimeDelta::seconds(1));
    let two = join(&second, &session).await.expect(201).text("id");
    town.clock.advance(TimeDelta::seconds(1));
    let three = join(&third, &session).await.expect(201).text("id");
    let decline = format!("/waiting-list/{one}/decline");
    first.post(&decline, json!({})).await.expect(200);
    comes_to(&second, &two, "offered").await;
    sound(&town).await;
    // The second lets it pass.
    town.clock.advance(TimeDelta::minutes(31));
    let (second, third) = (town.again(second).await, town.again(third).await);
    comes_to(&second, &two, "expired").await;
    comes_to(&third, &three, "offered").await;
    sound(&town).await;
    // The third takes what is held for them by booking it.
    take(&second, &session).await.problem(409, "session-full");
    let booked = take(&third, &session).await.expect(201);
    let place = third
        .get(&format!("/waiting-list/{three}"))
        .await
        .expect(200);
    assert_eq!(place.body["status"], "accepted");
    assert_eq!(place.body["booking_id"], booked.body["id"]);
    sound(&town).await;
    town.close().await;
}

async fn who_waits_for_a_session_moves_with_it_and_ends_with_it(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let (first, second) = (town.client().await, town.client().await);
    let session = offer(&expert, TEN, 1).await.expect(201).body;
    let path = format!("/sessions/{}", session["id"].as_str().unwrap());
    let one = join(&first, &session).await.expect(201).text("id");
    comes_to(&first, &one, "offered").await;
    let two = join(&second, &session).await.expect(201).text("id");
    expert
        .patch(&path, json!({ "starts_at": TWO }))
        .await
        .expect(200);
    let offered = comes_to(&first, &one, "offered").await;
    assert_eq!(offered["offer"]["starts_at"], TWO);
    sound(&town).await;
    let reason = json!({ "reason": "ill" });
    let cancel = format!("{path}/cancel");
    expert.post(&cancel, reason).await.expect(200);
    comes_to(&first, &one, "expired").await;
    comes_to(&second, &two, "expired").await;
    told_of_waiting(&second, "waitlist.expired", &two).await;
    join(&second, &session).await.problem(409, "session-closed");
    let accept = format!("/waiting-list/{one}/accept");
    first
        .post(&accept, json!({}))
        .await
        .problem(409, "offer-gone");
    sound(&town).await;
    town.close().await;
}

/// Two who wait for a seat, and their places on the list; the second has taken the seat that came free before anybody
/// looked at the list. `None` where the look after the last one had joined came late, and saw it.
async fn seat_taken_unseen(town: &Town) -> Option<[(Person, String); 2]> {
    let expert = town.expert().await;
    let (first, second, third) = (
        town.client().await,
        town.client().await,
        town.client().await,
    );
    let session = offer(&expert, TEN, 1).await.expect(201).body;
    let seat = take(&first, &session).await.expect(201).text("id");
    let two = join(&second, &session).await.expect(201).text("id");
    town.clock.advance(TimeDelta::seconds(1));
    let three = join(&third, &session).await.expect(201).text("id");
    // As by a node that died right after the commit: nobody looks at the list before the seat is taken again.
    town.cancelled_unheard(&seat).await;
    let taken = take(&third, &session).await;
    if taken.status == 409 {
        return None;
    }
    taken.expect(201);
    Some([(second, two), (third, three)])
}

async fn who_took_a_seat_by_themselves_waits_no_longer(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let unseen = async || seat_taken_unseen(&town).await;
    let [(second, two), (third, three)] = eventually("nobody looks in between", unseen).await;
    town.clock.advance(TimeDelta::seconds(20));
    comes_to(&third, &three, "left").await;
    assert_eq!(place(&second, &two).await["status"], "waiting");
    sound(&town).await;
    town.close().await;
}
