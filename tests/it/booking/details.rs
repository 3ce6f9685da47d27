//! What a booking carries: its note and mode as they are edited, its calendar file (C3.4, C3.5).

use reqwest::Method;
use serde_json::json;

use super::{TEN, booked};
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Person, Town};

on_both_engines!(
    an_edit_that_changes_nothing_is_not_told,
    an_edit_for_one_of_several_versions_is_taken,
    the_calendar_file_goes_the_way_of_the_booking,
    holding_too_many_slots_says_when_to_try_again,
);

async fn events(person: &Person, id: &str) -> usize {
    let path = format!("/bookings/{id}/history");
    let history = person.get(&path).await.expect(200);
    history.body["items"].as_array().unwrap().len()
}

async fn an_edit_that_changes_nothing_is_not_told(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (_, client, id) = booked(&town).await;
    let path = format!("/bookings/{id}");
    let edited = client.patch(&path, json!({ "note": "knee" })).await;
    let tag = edited.expect(200).header("etag").unwrap().to_owned();
    assert_eq!(events(&client, &id).await, 2);
    for same in [json!({}), json!({ "note": "knee", "mode": "online" })] {
        let answer = client.patch(&path, same).await.expect(200);
        assert_eq!(answer.header("etag"), Some(&*tag));
    }
    assert_eq!(events(&client, &id).await, 2);
    let stale = [("if-match", "\"1\"")];
    client
        .send(Method::PATCH, &path, Some(json!({})), &stale)
        .await
        .problem(412, "stale");
    town.close().await;
}

async fn an_edit_for_one_of_several_versions_is_taken(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (_, client, id) = booked(&town).await;
    let path = format!("/bookings/{id}");
    let note = async |text: &str, tags: &str| {
        let (body, tags) = (json!({ "note": text }), [("if-match", tags)]);
        client.send(Method::PATCH, &path, Some(body), &tags).await
    };
    // A proxy that compresses marks a tag as weak.
    note("a", "W/\"1\"").await.expect(200);
    note("b", "\"1\", \"2\"").await.expect(200);
    note("c", "\"1\", \"2\"").await.problem(412, "stale");
    note("d", "\"three\"").await.problem(412, "stale");
    note("e", "*").await.expect(200);
    town.close().await;
}

async fn the_calendar_file_goes_the_way_of_the_booking(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client, id) = booked(&town).await;
    let (mut uid, mut last) = (None, -1);
    let mut file = async |method: &str, status: &str| {
        let answer = client.get(&format!("/bookings/{id}/calendar.ics")).await;
        let lines: Vec<String> = answer.expect(200).text.lines().map(str::to_owned).collect();
        let value = |name: &str| {
            let start = format!("{name}:");
            let found = lines.iter().find_map(|line| line.strip_prefix(&start));
            found
                .unwrap_or_else(|| panic!("no {name}: {lines:?}"))
                .to_owned()
        };
        assert_eq!((&*value("METHOD"), &*value("STATUS")), (method, status));
        assert_eq!(uid.get_or_insert(value("UID")), &value("UID"));
        let sequence: i64 = value("SEQUENCE").parse().unwrap();
        assert!(sequence > last, "{sequence} after {last}");
        last = sequence;
    };
    file("REQUEST", "TENTATIVE").await;
    let step = |name: &str| format!("/bookings/{id}/{name}");
    expert.post(&step("confirm"), json!({})).await.expect(200);
    file("REQUEST", "CONFIRMED").await;
    let later = json!({ "starts_at": "2027-03-02T14:00:00Z" });
    client.post(&step("reschedule"), later).await.expect(200);
    file("REQUEST", "TENTATIVE").await;
    client.post(&step("cancel"), json!({})).await.expect(200);
    file("CANCEL", "CANCELLED").await;
    town.close().await;
}

async fn holding_too_many_slots_says_when_to_try_again(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let hold = async |starts_at: &str| {
        let body = json!({ "expert_id": expert.id, "starts_at": starts_at, "minutes": 60 });
        client.post("/holds", body).await
    };
    for hour in ["11", "12", "13"] {
        let starts_at = format!("2027-03-02T{hour}:00:00Z");
        hold(&starts_at).await.expect(201);
    }
    let refused = hold(TEN).await.problem(429, "too-many-holds");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=300).contains(&wait));
    town.close().await;
}
