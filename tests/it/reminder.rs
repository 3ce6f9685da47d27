//! Reminders, missed bookings and vanishing notifications as people see them (C4.4, C4.6, C5.1).

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{Person, Town};

on_both_engines!(
    both_sides_are_reminded_once_and_whom_nobody_answered_is_told,
    what_was_read_vanishes_after_three_days_and_the_rest_stays,
);

/// What a person was told, newest first.
async fn told(person: &Person) -> Vec<Value> {
    let page = person.get("/notifications?limit=100").await.expect(200);
    page.body["items"].as_array().unwrap().clone()
}

/// How often a person was told this of a booking.
async fn times(person: &Person, kind: &str, booking: &str) -> usize {
    let all = told(person).await;
    all.iter()
        .filter(|item| item["kind"] == kind && item["data"]["booking_id"] == booking)
        .count()
}

/// Waits until a person was told this of a booking.
async fn hears(person: &Person, kind: &str, booking: &str) {
    eventually(&format!("told of {kind}"), async || {
        times(person, kind, booking).await > 0
    })
    .await;
}

async fn both_sides_are_reminded_once_and_whom_nobody_answered_is_told(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let (careful, forgotten) = (town.client().await, town.client().await);
    let agreed = careful
        .book(&expert, "2027-03-01T15:00:00Z")
        .await
        .expect(201);
    let agreed = agreed.text("id");
    let open = forgotten
        .book(&expert, "2027-03-01T14:00:00Z")
        .await
        .expect(201);
    let open = open.text("id");
    expert
        .post(&format!("/bookings/{agreed}/confirm"), json!({}))
        .await
        .expect(200);

    town.clock.set("2027-03-01T13:00:00Z".parse().unwrap());
    let (expert, careful, forgotten) = (
        town.again(expert).await,
        town.again(careful).await,
        town.again(forgotten).await,
    );
    // A booking that waits for its answer is reminded of as well.
    hears(&forgotten, "booking.reminder", &open).await;
    hears(&expert, "booking.reminder", &open).await;
    assert_eq!(
        times(&careful, "booking.reminder", &agreed).await,
        0,
        "two hours are left"
    );

    // At its minute, though the next sweep is ten minutes away.
    town.clock.set("2027-03-01T14:00:00Z".parse().unwrap());
    let (expert, careful, forgotten) = (
        town.again(expert).await,
        town.again(careful).await,
        town.again(forgotten).await,
    );
    hears(&careful, "booking.reminder", &agreed).await;
    hears(&expert, "booking.reminder", &agreed).await;

    // The sweep at ten past tells of the one that nobody answered, and reminds of nothing again.
    town.clock.set("2027-03-01T14:10:00Z".parse().unwrap());
    hears(&forgotten, "booking.missed", &open).await;
    hears(&expert, "booking.missed", &open).await;
    for (person, booking) in [(&careful, &agreed), (&forgotten, &open)] {
        assert_eq!(times(person, "booking.reminder", booking).await, 1);
        assert_eq!(times(&expert, "booking.reminder", booking).await, 1);
    }
    let missed = forgotten
        .get(&format!("/bookings/{open}"))
        .await
        .expect(200);
    assert_eq!(missed.body["status"], "missed");
    let history = forgotten
        .get(&format!("/bookings/{open}/history"))
        .await
        .expect(200);
    let last = history.body["items"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(last["actor"]["role"], "system");
    assert_eq!(last["to_status"], "missed");
    town.close().await;
}

async fn what_was_read_vanishes_after_three_days_and_the_rest_stays(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let booking = client
        .book(&expert, "2027-03-12T10:00:00Z")
        .await
        .expect(201);
    let booking = booking.text("id");
    hears(&client, "booking.created", &booking).await;
    hears(&expert, "booking.created", &booking).await;
    let id = told(&client).await[0]["id"].as_str().unwrap().to_owned();
    client
        .post(&format!("/notifications/{id}/read"), json!({}))
        .await
        .expect(204);

    town.clock.advance(TimeDelta::days(3));
    let client = town.again(client).await;
    assert_eq!(told(&client).await.len(), 1, "three days are not over");

    town.clock.advance(TimeDelta::minutes(10));
    let (expert, client) = (town.again(expert).await, town.again(client).await);
    // It was read three days ago.
    eventually("it is gone", async || told(&client).await.is_empty()).await;
    assert_eq!(
        told(&expert).await.len(),
        1,
        "the expert has not read it yet"
    );
    town.close().await;
}
