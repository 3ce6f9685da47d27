//! Free slots of a whole branch, and how many there are on each day (B1).

use reqwest::Method;
use serde_json::{Value, json};

use super::{open_branch, wish};
use crate::contract::body::pointed_at;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{Person, Town};

on_both_engines!(
    a_start_is_free_when_somebody_is_and_says_how_many,
    what_one_expert_books_or_changes_is_counted_anew_on_every_node,
    skills_and_lengths_choose_who_is_counted,
    notice_horizon_load_and_presence_of_the_branch_are_kept,
    whoever_joins_or_leaves_is_counted_or_not,
    an_answer_keeps_its_tag_until_it_changes,
);

/// The free starts of a day with how many are free.
async fn free(person: &Person, branch: &str, query: &str) -> Vec<(String, u64)> {
    let path = format!("/branches/{branch}/slots?{query}");
    let answer = person.get(&path).await.expect(200);
    let days = answer.body["days"].as_array().unwrap().iter();
    days.flat_map(|day| day["slots"].as_array().unwrap())
        .map(|slot| {
            let start = slot["starts_at"].as_str().unwrap().to_owned();
            (start, slot["experts"].as_u64().unwrap())
        })
        .collect()
}

const TUESDAY: &str = "from=2027-03-02&days=1";

async fn at(person: &Person, branch: &str, time: &str) -> u64 {
    let start = format!("2027-03-02T{time}:00Z");
    let found = free(person, branch, TUESDAY).await;
    found
        .iter()
        .find(|(other, _)| *other == start)
        .map_or(0, |(_, experts)| *experts)
}

async fn a_start_is_free_when_somebody_is_and_says_how_many(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    let nobody = free(&client, &branch, TUESDAY).await;
    assert_eq!(nobody, [], "nobody works here yet");
    let one = town.expert_with(json!({}), Some(&branch)).await;
    let _other = town.expert_with(json!({}), Some(&branch)).await;
    town.expert().await;
    client.book(&one, "2027-03-02T10:00:00Z").await.expect(201);
    eventually("the booking is counted", async || {
        at(&client, &branch, "09:00").await == 2
    })
    .await;
    let all = free(&client, &branch, TUESDAY).await;
    assert_eq!(all.len(), 15);
    let counts: Vec<u64> = all.iter().map(|(_, experts)| *experts).collect();
    assert_eq!(
        counts[..5],
        [2, 1, 1, 1, 2],
        "from half past nine to half past ten"
    );
    let month = format!("/branches/{branch}/days?from=2027-03-01&days=62");
    let month = client.get(&month).await.expect(200);
    let days = month.body["days"].as_array().unwrap();
    assert_eq!(days.len(), 62);
    // What is left of today at noon: nobody is there, so nobody is met within the hour.
    assert_eq!(days[0], json!({ "date": "2027-03-01", "slots": 7 }));
    assert_eq!(days[1], json!({ "date": "2027-03-02", "slots": 15 }));
    assert_eq!(days[5], json!({ "date": "2027-03-06", "slots": 0 }));
    assert_eq!(days[31]["slots"], 0, "beyond the branch's horizon");
    let unknown = format!("/branches/{}/slots", client.id);
    client.get(&unknown).await.problem(404, "not-found");
    for (query, pointer) in [
        ("days=63", "/days"),
        ("from=soon", "/from"),
        ("minutes=0", "/minutes"),
    ] {
        let path = format!("/branches/{branch}/slots?{query}");
        let answer = client.get(&path).await.expect(422);
        assert_eq!(answer.body["errors"][0]["pointer"], pointer);
    }
    town.close().await;
}

async fn what_one_expert_books_or_changes_is_counted_anew_on_every_node(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let there = client.at(&town, 1);
    assert_eq!(at(&there, &branch, "10:00").await, 1);
    assert_eq!(at(&client, &branch, "10:00").await, 1);
    let booked = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    assert_eq!(
        at(&client, &branch, "10:00").await,
        0,
        "as soon as it is answered"
    );
    let hears = town.has_redis();
    if hears {
        eventually("the other node counts the booking", async || {
            at(&there, &branch, "10:00").await == 0
        })
        .await;
    }
    let path = format!("/bookings/{}/cancel", booked.text("id"));
    client.post(&path, json!({})).await.expect(200);
    assert_eq!(at(&client, &branch, "10:00").await, 1);
    if hears {
        eventually("the other node counts the cancellation", async || {
            at(&there, &branch, "10:00").await == 1
        })
        .await;
    }
    let path = format!("/experts/{}/overrides/2027-03-02", expert.id);
    expert
        .put(&path, json!({ "intervals": [] }))
        .await
        .expect(200);
    assert_eq!(free(&client, &branch, TUESDAY).await, []);
    if hears {
        eventually("the other node counts the day off", async || {
            free(&there, &branch, TUESDAY).await.is_empty()
        })
        .await;
    }
    town.close().await;
}

async fn skills_and_lengths_choose_who_is_counted(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({ "default_minutes": 30 })).await;
    let lawyer = town.expert_with(json!({}), Some(&branch)).await;
    let path = format!("/experts/{}", lawyer.id);
    lawyer
        .patch(&path, json!({ "tags": ["law", "tax law"] }))
        .await
        .expect(200);
    town.expert_with(json!({ "minutes": [60] }), Some(&branch))
        .await;
    let count = async |query: &str| {
        let found = free(&client, &branch, &format!("{TUESDAY}{query}")).await;
        found.first().map_or(0, |(_, experts)| *experts)
    };
    assert_eq!(count("").await, 1, "half an hour is the branch's length");
    assert_eq!(count("&minutes=60").await, 2);
    assert_eq!(count("&minutes=60&skill=law").await, 1);
    assert_eq!(
        count("&minutes=60&skill=tax").await,
        0,
        "a skill is a whole tag"
    );
    assert_eq!(count("&minutes=45").await, 0, "nobody offers that");
    lawyer.patch(&path, json!({ "tags": [] })).await.expect(200);
    assert_eq!(count("&minutes=60&skill=law").await, 0);
    town.close().await;
}

async fn notice_horizon_load_and_presence_of_the_branch_are_kept(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let terms = json!({ "min_notice_minutes": 60, "horizon_days": 7, "max_load": 2, "presence_minutes": 120 });
    let branch = open_branch(&admin, terms).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let first = async || {
        let found = free(&client, &branch, "from=2027-03-01&days=1").await;
        found.first().map(|(start, _)| start[11..16].to_owned())
    };
    // It is noon, and nobody is there.
    assert_eq!(first().await.as_deref(), Some("14:00"));
    let presence = format!("/experts/{}/presence", expert.id);
    expert
        .put(&presence, json!({ "presence": "busy" }))
        .await
        .expect(200);
    assert_eq!(
        first().await.as_deref(),
        Some("13:00"),
        "whoever is busy is there"
    );
    let last = async |from: &str| {
        free(&client, &branch, &format!("from={from}&days=1"))
            .await
            .len()
    };
    assert_eq!(
        (last("2027-03-08").await, last("2027-03-09").await),
        (15, 0)
    );
    let early = wish(&branch, "2027-03-01T12:30:00Z");
    let early = client
        .post("/bookings", early)
        .await
        .problem(422, "slot-not-offered");
    assert_eq!(early.body["errors"][0]["code"], "notice");
    let late = wish(&branch, "2027-03-09T12:30:00Z");
    let late = client
        .post("/bookings", late)
        .await
        .problem(422, "slot-not-offered");
    assert_eq!(late.body["errors"][0]["code"], "horizon");
    for time in ["09:00", "11:00"] {
        client
            .book(&expert, &format!("2027-03-02T{time}:00Z"))
            .await
            .expect(201);
    }
    assert_eq!(
        free(&client, &branch, TUESDAY).await,
        [],
        "two are enough for a day"
    );
    let third = wish(&branch, "2027-03-02T14:00:00Z");
    let third = client
        .post("/bookings", third)
        .await
        .problem(409, "slot-taken");
    assert_eq!(third.body["alternatives"].as_array().unwrap().len(), 3);
    // Who asks for the expert is not held back by the branch's load.
    client
        .book(&expert, "2027-03-02T14:00:00Z")
        .await
        .expect(201);
    town.close().await;
}

async fn whoever_joins_or_leaves_is_counted_or_not(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert().await;
    let there = client.at(&town, 1);
    assert_eq!(at(&client, &branch, "10:00").await, 0);
    assert_eq!(at(&there, &branch, "10:00").await, 0);
    let path = format!("/admin/users/{}", expert.id);
    for (body, expected) in [
        (json!({ "branch_id": branch }), 1),
        (json!({ "disabled": true }), 0),
        (json!({ "disabled": false }), 1),
        (json!({ "branch_id": null }), 0),
    ] {
        admin.patch(&path, body).await.expect(200);
        assert_eq!(at(&client, &branch, "10:00").await, expected);
        if town.has_redis() {
            eventually("the other node counts who works there", async || {
                at(&there, &branch, "10:00").await == expected
            })
            .await;
        }
    }
    town.close().await;
}

async fn an_answer_keeps_its_tag_until_it_changes(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    for view in ["slots", "days"] {
        let path = format!("/branches/{branch}/{view}?from=2027-03-02&days=7");
        let tag = client.get(&path).await.expect(200);
        let tag = tag.header("etag").unwrap().to_owned();
        let again = async || {
            let known: [(&str, &str); 1] = [("if-none-match", &tag)];
            client.send(Method::GET, &path, None::<Value>, &known).await
        };
        again().await.expect(304);
        let hour = if view == "slots" { "10" } else { "13" };
        client
            .book(&expert, &format!("2027-03-02T{hour}:00:00Z"))
            .await
            .expect(201);
        again().await.expect(200);
    }
    let answer = client
        .get(&format!(
            "/branches/{branch}/slots?skill={}",
            "x".repeat(41)
        ))
        .await;
    pointed_at(answer, "/skill", "too_long");
    town.close().await;
}
