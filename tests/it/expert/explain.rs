//! Why times of a day are free or not (C2.8).

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

on_both_engines!(
    every_start_of_a_day_is_offered_or_explained,
    what_is_asked_for_is_checked,
);

async fn explained(person: &Person, expert: &Person, query: &str) -> Answer {
    let path = format!("/experts/{}/slots/explain?{query}", expert.id);
    person.get(&path).await
}

/// What stands against the start at this time of the day; empty when it is free.
fn against<'a>(answer: &'a Answer, time: &str) -> &'a str {
    let slots = answer.body["slots"].as_array().unwrap();
    let at = |slot: &&Value| slot["starts_at"].as_str().unwrap()[11..16] == *time;
    let slot = slots.iter().find(at);
    slot.unwrap_or_else(|| panic!("{time}: {}", answer.text))["missing"]
        .as_str()
        .unwrap_or_default()
}

async fn every_start_of_a_day_is_offered_or_explained(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let rules =
        json!({ "min_notice_minutes": 60, "buffer_after_minutes": 30, "interval_minutes": 60 });
    let expert = town.expert_with(rules, None).await;
    let (client, other) = (town.client().await, town.client().await);
    let off = json!({ "starts_at": "2027-03-01T16:00:00Z", "ends_at": "2027-03-01T17:00:00Z" });
    let path = format!("/experts/{}/time-off", expert.id);
    expert.post(&path, off).await.expect(201);
    client
        .book(&expert, "2027-03-01T14:00:00Z")
        .await
        .expect(201);
    // It is noon.
    let day = explained(&expert, &expert, "date=2027-03-01")
        .await
        .expect(200);
    assert_eq!(day.body["minutes"], 60);
    assert_eq!(day.body["time_zone"], "UTC");
    assert_eq!(day.body["slots"].as_array().unwrap().len(), 24);
    for (time, missing) in [
        ("11:00", "in_the_past"),
        ("12:00", "notice"),
        ("13:00", "buffer"),
        ("14:00", "taken"),
        ("15:00", "buffer"),
        ("16:00", "time_off"),
        ("17:00", "outside_hours"),
    ] {
        assert_eq!(against(&day, time), missing, "{time}");
    }
    let hold =
        json!({ "expert_id": expert.id, "starts_at": "2027-03-02T10:00:00Z", "minutes": 60 });
    other.post("/holds", hold).await.expect(201);
    let next = explained(&expert, &expert, "date=2027-03-02")
        .await
        .expect(200);
    assert_eq!(against(&next, "10:00"), "held");
    assert_eq!(against(&next, "11:00"), "buffer");
    // Together with the slots that everybody sees, it is the whole grid.
    let free: Vec<String> = next.body["slots"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|slot| slot["missing"].is_null())
        .map(|slot| slot["starts_at"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(free, client.slots(&expert, "2027-03-02", 1).await);
    assert!(!free.is_empty() && free.len() < 24);
    town.clock.advance(TimeDelta::minutes(6));
    let later = explained(&expert, &expert, "date=2027-03-02")
        .await
        .expect(200);
    assert_eq!(against(&later, "10:00"), "", "the hold has run out");
    let far = explained(&expert, &expert, "date=2028-03-02")
        .await
        .expect(200);
    assert_eq!(against(&far, "10:00"), "horizon");
    let length = explained(&expert, &expert, "date=2027-03-02&minutes=45").await;
    assert_eq!(against(&length.expect(200), "10:00"), "length_not_offered");
    town.close().await;
}

async fn what_is_asked_for_is_checked(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    for query in [
        "",
        "date=today",
        "date=2027-02-30",
        "date=2027-03-02&minutes=0",
        "date=2027-03-02&minutes=2000",
        "date=2027-03-02&days=3",
    ] {
        let answer = explained(&expert, &expert, query).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.text);
    }
    explained(&client, &expert, "date=2027-03-02")
        .await
        .problem(403, "forbidden");
    explained(&expert, &client, "date=2027-03-02")
        .await
        .problem(404, "not-found");
    town.close().await;
}
