//! Who changed what, before and after (C6.2).

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::town::{Person, Town};

on_both_engines!(
    a_change_is_told_with_how_it_was_and_how_it_is,
    the_log_is_searched_by_several_conditions_at_once,
    the_log_is_read_page_by_page,
);

async fn log(admin: &Person, query: &str) -> Vec<Value> {
    let path = format!("/admin/audit?limit=100{query}");
    let answer = admin.get(&path).await.expect(200);
    answer.body["items"].as_array().unwrap().clone()
}

async fn a_change_is_told_with_how_it_was_and_how_it_is(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, person) = (town.admin().await, town.client().await);
    let path = format!("/admin/users/{}", person.id);
    admin
        .patch(&path, json!({ "role": "expert" }))
        .await
        .expect(200);
    let [entry] = &log(&admin, "").await[..] else {
        panic!("one change, one entry");
    };
    assert_eq!(entry["at"], "2027-03-01T12:00:00Z");
    assert_eq!(
        entry["actor"],
        json!({ "id": admin.id, "name": "Person 0" })
    );
    assert_eq!(entry["api_key"], json!(null));
    assert_eq!(entry["action"], "user.governed");
    assert_eq!(entry["subject"], format!("user/{}", person.id));
    // What was not touched is the same on both sides.
    assert_eq!(
        entry["before"],
        json!({ "role": "user", "disabled": false, "branch_id": null })
    );
    assert_eq!(
        entry["after"],
        json!({ "role": "expert", "disabled": false, "branch_id": null })
    );
    // A refusal changes nothing and is not told.
    admin
        .patch(&path, json!({ "branch_id": admin.id }))
        .await
        .problem(422, "validation");
    assert_eq!(log(&admin, "").await.len(), 1);
    town.close().await;
}

async fn the_log_is_searched_by_several_conditions_at_once(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, other, person) = (town.admin().await, town.admin().await, town.client().await);
    let path = format!("/admin/users/{}", person.id);
    admin
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    town.clock.advance(TimeDelta::days(1));
    let other = town.again(other).await;
    let branch = json!({ "name": "Bến Thành 100%", "time_zone": "UTC" });
    other.post("/branches", branch).await.expect(201);
    town.clock.advance(TimeDelta::days(1));
    let other = town.again(other).await;
    other
        .patch(&path, json!({ "disabled": false }))
        .await
        .expect(200);
    let admin = town.again(admin).await;
    let count = async |query: &str| log(&admin, query).await.len();
    assert_eq!(count("").await, 3);
    assert_eq!(count(&format!("&actor_id={}", other.id)).await, 2);
    assert_eq!(count("&action=user").await, 2);
    assert_eq!(count("&action=user.governed").await, 2);
    assert_eq!(count("&action=use").await, 0);
    assert_eq!(count("&subject=user").await, 2);
    assert_eq!(count(&format!("&subject=user/{}", person.id)).await, 2);
    assert_eq!(
        count(&format!("&action=user&actor_id={}", other.id)).await,
        1
    );
    assert_eq!(count("&from=2027-03-02").await, 2);
    assert_eq!(count("&from=2027-03-02&until=2027-03-03").await, 1);
    assert_eq!(count("&until=2027-03-01T12:00:00Z").await, 0);
    assert_eq!(count("&until=2027-03-01T12:00:01Z").await, 1);
    // Text is found in what was changed, whatever the case, and a sign is a sign.
    assert_eq!(count("&query=b%E1%BA%BEN%20th").await, 1);
    assert_eq!(count("&query=100%25").await, 1);
    assert_eq!(count("&query=1%250").await, 0);
    assert_eq!(count("&query=person%201").await, 2);
    for (query, pointer) in [
        ("&actor_id=x", "/actor_id"),
        ("&from=yesterday", "/from"),
        ("&action=a%00b", "/action"),
        ("&colour=red", "/colour"),
    ] {
        let path = format!("/admin/audit?limit=5{query}");
        let answer = admin.get(&path).await.problem(422, "validation");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer);
    }
    town.close().await;
}

async fn the_log_is_read_page_by_page(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    for place in 0..7 {
        let branch = json!({ "name": format!("Branch {place}"), "time_zone": "UTC" });
        admin.post("/branches", branch).await.expect(201);
        town.clock.advance(TimeDelta::seconds(1));
    }
    let mut names = Vec::new();
    let mut path = "/admin/audit?limit=3".to_owned();
    loop {
        let page = admin.get(&path).await.expect(200);
        let items = page.body["items"].as_array().unwrap().iter();
        names.extend(items.map(|entry| entry["after"]["name"].as_str().unwrap().to_owned()));
        // What comes in meanwhile moves nothing.
        let branch = json!({ "name": "Late", "time_zone": "UTC" });
        admin.post("/branches", branch).await.expect(201);
        let Some(next) = page.body["next"].as_str() else {
            break;
        };
        path = format!("/admin/audit?limit=3&after={next}");
    }
    let newest_first: Vec<String> = (0..7)
        .rev()
        .map(|place| format!("Branch {place}"))
        .collect();
    assert_eq!(names, newest_first);
    town.close().await;
}
