//! Appointments whose clients stand in the line: the booking follows its visit, and the visit its booking (B3).

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{comes_to, does, expert, sound, visit};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{Person, Town};

on_both_engines!(
    who_is_called_is_confirmed_and_who_was_served_had_their_appointment,
    who_is_not_expected_any_more_waits_no_longer,
    nobody_is_missed_who_stands_in_the_line,
);

/// A town with a branch, an expert there who confirms by hand, and a client who booked 12:30 and has come at 12:00.
async fn checked_in(fresh: &Fresh) -> (Town, Person, Person, String, String) {
    let town = Town::open(fresh).await;
    let branch = open_branch(&town.admin().await, json!({})).await;
    let (desk, client) = (expert(&town, &branch, false).await, town.client().await);
    let booking = client.book(&desk, "2027-03-01T12:30:00Z").await.expect(201);
    assert_eq!(booking.body["status"], "pending");
    let booking = booking.text("id");
    let path = format!("/bookings/{booking}/check-in");
    let there = client.post(&path, json!({})).await.expect(201);
    (town, desk, client, booking, there.text("id"))
}

async fn booked(person: &Person, id: &str) -> Value {
    let path = format!("/bookings/{id}");
    person.get(&path).await.expect(200).body
}

async fn who_is_called_is_confirmed_and_who_was_served_had_their_appointment(fresh: &Fresh) {
    let (town, desk, client, booking, place) = checked_in(fresh).await;
    // A little early, as both are there.
    town.clock.advance(TimeDelta::minutes(25));
    let (desk, client) = (town.again(desk).await, town.again(client).await);
    does(&desk, &place, "accept").await.expect(200);
    let after = booked(&client, &booking).await;
    assert_eq!(after["status"], "confirmed");
    does(&desk, &place, "start").await.expect(200);
    assert_eq!(booked(&client, &booking).await["status"], "confirmed");
    does(&desk, &place, "finish").await.expect(200);
    let after = booked(&client, &booking).await;
    assert_eq!(after["status"], "completed");
    let path = format!("/bookings/{booking}/history");
    let history = desk.get(&path).await.expect(200).body;
    let last = history["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["actor"]["id"], desk.id, "{history}");
    // Once, and with everything that follows: it may be reviewed.
    does(&desk, &place, "finish")
        .await
        .problem(409, "wrong-state");
    let path = format!("/bookings/{booking}/review");
    client.post(&path, json!({ "stars": 5 })).await.expect(201);
    sound(&town).await;
    town.close().await;
}

async fn who_is_not_expected_any_more_waits_no_longer(fresh: &Fresh) {
    let (town, desk, client, booking, place) = checked_in(fresh).await;
    let path = format!("/bookings/{booking}/reject");
    let why = json!({ "reason": "I am ill" });
    desk.post(&path, why).await.expect(200);
    let left = comes_to(&client, &place, "left").await;
    assert_eq!(left["ended_at"], "2027-03-01T12:00:00Z");
    let again = client
        .post(&format!("/bookings/{booking}/check-in"), json!({}))
        .await;
    let again = again.problem(409, "wrong-status");
    assert_eq!(again.body["booking_status"], "rejected");
    // A move takes them out of today's line too.
    let other = client.book(&desk, "2027-03-01T14:00:00Z").await.expect(201);
    let other = other.text("id");
    let path = format!("/bookings/{other}/check-in");
    let place = client.post(&path, json!({})).await.expect(201).text("id");
    let path = format!("/bookings/{other}/reschedule");
    let to = json!({ "starts_at": "2027-03-01T15:00:00Z" });
    client.post(&path, to).await.expect(200);
    assert_eq!(visit(&client, &place).await["state"], "left");
    // Who is with the expert already stays there, whatever the expert writes down meanwhile.
    let path = format!("/bookings/{other}/check-in");
    let place = client.post(&path, json!({})).await.expect(201).text("id");
    does(&desk, &place, "accept").await.expect(200);
    does(&desk, &place, "start").await.expect(200);
    let path = format!("/bookings/{other}/cancel");
    let why = json!({ "reason": "another time is better" });
    desk.post(&path, why).await.expect(200);
    assert_eq!(visit(&client, &place).await["state"], "serving");
    does(&desk, &place, "finish").await.expect(200);
    assert_eq!(booked(&client, &other).await["status"], "cancelled");
    sound(&town).await;
    town.close().await;
}

async fn nobody_is_missed_who_stands_in_the_line(fresh: &Fresh) {
    let (town, desk, client, booking, place) = checked_in(fresh).await;
    town.clock.advance(TimeDelta::minutes(40));
    let (desk, client) = (town.again(desk).await, town.again(client).await);
    town.sweep().await;
    assert_eq!(booked(&client, &booking).await["status"], "pending");
    // Who has left the line is not there.
    does(&client, &place, "leave").await.expect(200);
    // The house sweeps by itself as well.
    eventually("it is missed", async || {
        town.sweep().await;
        (booked(&desk, &booking).await["status"] == "missed").then_some(())
    })
    .await;
    sound(&town).await;
    town.close().await;
}
