//! What is counted of bookings and of the experts' hours (B9).

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::json;

use super::series;
use crate::branch::{open_branch, wish};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{Person, Town};

on_both_engines!(
    every_wish_counts_once_by_what_became_of_it,
    a_retry_and_a_form_that_is_wrong_are_no_wishes,
    a_series_counts_with_each_booking_or_once_when_it_is_refused,
    utilisation_is_measured_by_the_sweep_by_branch,
);

async fn figures(door: &Person) -> BTreeMap<String, f64> {
    series(&door.get("/metrics").await.expect(200).text).0
}

/// The wishes that were counted since `before`, by name and label. The figures are the process's own: where several
/// tests share one, others count too, and only what must at least be there can be told.
async fn since(door: &Person, before: &BTreeMap<String, f64>) -> Vec<(String, f64)> {
    let after = figures(door).await.into_iter();
    let ours = after.filter_map(|(name, value)| {
        let short = name.strip_prefix("belfry_bookings_")?;
        let counts = short.starts_with("created_total") || short.starts_with("refused_total");
        let more = value - before.get(&name).copied().unwrap_or_default();
        (counts && more > 0.0).then(|| (short.to_owned(), more))
    });
    ours.collect()
}

/// Each test has a process of its own.
fn alone() -> bool {
    std::env::var_os("NEXTEST").is_some()
}

#[track_caller]
fn counted(found: &[(String, f64)], expected: &[(&str, f64)]) {
    let expected: Vec<(String, f64)> = expected
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect();
    if alone() {
        assert_eq!(found, expected);
        return;
    }
    for (name, count) in expected {
        let there = found
            .iter()
            .any(|(found, more)| *found == name && *more >= count);
        assert!(there, "{name} {count}: {found:?}");
    }
}

async fn every_wish_counts_once_by_what_became_of_it(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    town.expert_with(json!({}), Some(&branch)).await;
    let (client, other) = (town.client().await, town.client().await);
    let third = town.client().await;
    let door = town.stranger();
    let (ten, eleven) = ("2027-03-02T10:00:00Z", "2027-03-02T11:00:00Z");
    let before = figures(&door).await;
    client.book(&expert, ten).await.expect(201);
    other.book(&expert, ten).await.problem(409, "slot-taken");
    client.book(&expert, ten).await.problem(409, "slot-taken");
    client
        .book(&expert, "2027-03-02T03:00:00Z")
        .await
        .problem(422, "slot-not-offered");
    counted(
        &since(&door, &before).await,
        &[
            ("created_total{by=\"expert\"}", 1.0),
            ("refused_total{reason=\"slot-not-offered\"}", 1.0),
            ("refused_total{reason=\"slot-taken\"}", 2.0),
        ],
    );

    // Whoever is asked first, one wish at a branch is one.
    let before = figures(&door).await;
    for person in [&other, &third] {
        person
            .post("/bookings", wish(&branch, eleven))
            .await
            .expect(201);
    }
    let late = town.client().await;
    let refused = late.post("/bookings", wish(&branch, eleven)).await;
    refused.problem(409, "slot-taken");
    let twice = other
        .post("/bookings", wish(&branch, "2027-03-02T10:30:00Z"))
        .await;
    assert_eq!(twice.status, 409, "{}", twice.text);
    let found = since(&door, &before).await;
    let reason = twice.body["type"]
        .as_str()
        .unwrap()
        .replace("/problems/", "");
    let mut expected = vec![
        ("created_total{by=\"branch\"}".to_owned(), 2.0),
        ("refused_total{reason=\"slot-taken\"}".to_owned(), 1.0),
    ];
    match expected.iter_mut().find(|(name, _)| name.contains(&reason)) {
        Some((_, count)) => *count += 1.0,
        None => expected.push((format!("refused_total{{reason=\"{reason}\"}}"), 1.0)),
    }
    expected.sort_by(|one, two| one.0.cmp(&two.0));
    let expected: Vec<(&str, f64)> = expected.iter().map(|(n, c)| (n.as_str(), *c)).collect();
    counted(&found, &expected);
    town.close().await;
}

async fn a_retry_and_a_form_that_is_wrong_are_no_wishes(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let door = town.stranger();
    let before = figures(&door).await;
    let body =
        json!({ "expert_id": expert.id, "starts_at": "2027-03-02T10:00:00Z", "mode": "online" });
    for _ in 0..3 {
        let key = [("idempotency-key", "once")];
        client
            .send(reqwest::Method::POST, "/bookings", Some(body.clone()), &key)
            .await
            .expect(201);
    }
    let nobody = json!({ "starts_at": "2027-03-02T10:00:00Z", "mode": "online" });
    client
        .post("/bookings", nobody)
        .await
        .problem(422, "validation");
    counted(
        &since(&door, &before).await,
        &[("created_total{by=\"expert\"}", 1.0)],
    );
    town.close().await;
}

async fn a_series_counts_with_each_booking_or_once_when_it_is_refused(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let (client, other) = (town.client().await, town.client().await);
    let door = town.stranger();
    let before = figures(&door).await;
    let wish = json!({
        "expert_id": expert.id,
        "starts_at": "2027-03-02T10:00:00Z",
        "rule": { "every": "week", "count": 3 },
        "mode": "online",
    });
    client.post("/series", wish.clone()).await.expect(201);
    let refused = other.post("/series", wish).await;
    refused.problem(409, "series-not-free");
    counted(
        &since(&door, &before).await,
        &[
            ("created_total{by=\"series\"}", 3.0),
            ("refused_total{reason=\"series-not-free\"}", 1.0),
        ],
    );
    town.close().await;
}

async fn utilisation_is_measured_by_the_sweep_by_branch(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    // Nobody of this branch, whose time must not be counted with theirs.
    let stranger = town.expert().await;
    let client = town.client().await;
    client
        .book(&expert, "2027-03-01T15:00:00Z")
        .await
        .expect(201);
    let later = client
        .book(&expert, "2027-03-03T10:00:00Z")
        .await
        .expect(201);
    client
        .book(&stranger, "2027-03-03T12:00:00Z")
        .await
        .expect(201);
    let door = town.stranger();
    let series = |what: &str, name: &str, days: u8| {
        format!(
            "belfry_branch_{what}_minutes{{branch=\"{name}\",branch_id=\"{branch}\",days=\"{days}\"}}"
        )
    };
    let told = async |name: &str| {
        let figures = figures(&door).await;
        let of = |what, days| figures.get(&series(what, name, days)).copied();
        [
            of("booked", 1),
            of("open", 1),
            of("booked", 7),
            of("open", 7),
        ]
    };
    assert_eq!(told("Here").await, [None; 4], "nothing was measured yet");
    let becomes = async |name: &str, expected: [f64; 4]| {
        town.clock.advance(TimeDelta::minutes(11));
        eventually("it was measured", async || {
            let told = told(name).await;
            match told == expected.map(Some) {
                true => Ok(()),
                false => Err(told),
            }
        })
        .await;
    };
    // From nine to five, on five of seven days.
    becomes("Here", [60.0, 480.0, 120.0, 2400.0]).await;
    let admin = town.again(admin).await;
    let client = town.again(client).await;
    let path = format!("/bookings/{}/cancel", later.text("id"));
    client.post(&path, json!({})).await.expect(200);
    let edit = json!({ "name": "There", "overrides": [{ "date": "2027-03-02", "intervals": [] }] });
    admin
        .patch(&format!("/branches/{branch}"), edit)
        .await
        .expect(200);
    becomes("There", [60.0, 480.0, 60.0, 1920.0]).await;
    assert_eq!(
        told("Here").await,
        [Some(0.0); 4],
        "it is called otherwise now"
    );
    town.close().await;
}
