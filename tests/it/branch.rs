//! Branches: what they say of themselves, and their hours (B1, B6, B7).

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::contract::body::pointed_at;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{Answer, Person, Town};

/// Whom a booking at a branch is given to.
mod assignment;
/// A day of a branch.
mod day;
/// What those who run a branch know of a booking.
mod desk;
/// Many at once, on one node and on two.
mod race;
/// Free slots of a whole branch.
mod slots;
/// How a branch fares.
mod statistics;

on_both_engines!(
    a_branch_says_what_it_is_and_starts_with_the_defaults_of_the_business,
    a_branch_is_edited_by_who_runs_it_and_nobody_elses_edit_is_overwritten,
    what_is_wrong_with_a_branch_is_pointed_at,
    branches_are_found_by_name_and_address,
    the_narrower_hours_count_for_direct_bookings_too,
    a_branch_is_rated_by_the_reviews_of_its_experts,
);

/// A new branch, open as its experts are; horizon and notice wide, so that the tests' dates are within.
pub async fn open_branch(admin: &Person, settings: Value) -> String {
    let mut body = json!({ "name": "Here", "time_zone": "UTC", "address": "1 High Street",
        "settings": { "horizon_days": 30, "max_load": null, "min_notice_minutes": 0 } });
    for (name, value) in settings.as_object().into_iter().flatten() {
        body["settings"][name] = value.clone();
    }
    admin.post("/branches", body).await.expect(201).text("id")
}

/// What is asked of a branch.
pub fn wish(branch: &str, starts_at: &str) -> Value {
    json!({ "branch_id": branch, "starts_at": starts_at, "mode": "offline" })
}

async fn a_branch_says_what_it_is_and_starts_with_the_defaults_of_the_business(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let body = json!({ "name": "Here", "time_zone": "Asia/Ho_Chi_Minh", "phone": "+842838221234",
        "weekly": [{ "weekday": "monday", "from": "08:00", "until": "12:00" }],
        "overrides": [{ "date": "2027-03-08", "intervals": [] }] });
    let made = admin.post("/branches", body).await.expect(201);
    let path = format!("/branches/{}", made.text("id"));
    let shown = town.stranger().get(&path).await.expect(200);
    assert_eq!(shown.body, made.body);
    assert_eq!(shown.header("etag"), Some("\"1\""));
    assert_eq!(
        shown.body["settings"],
        json!({ "default_minutes": 60, "horizon_days": 7, "min_notice_minutes": 30, "queue_timeout_minutes": 120, "most_waiting": 50, "offer_minutes": 5,
            "max_load": 3, "presence_minutes": 60, "strategy": "smart", "half_life_days": 14 })
    );
    assert_eq!(
        (&shown.body["active"], &shown.body["rating"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(shown.body["overrides"][0]["date"], "2027-03-08");
    town.stranger()
        .get(&format!("/branches/{}", admin.id))
        .await
        .problem(404, "not-found");
    town.close().await;
}

async fn a_branch_is_edited_by_who_runs_it_and_nobody_elses_edit_is_overwritten(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let path = format!("/branches/{branch}");
    let manager = town.manager(Some(&branch)).await;
    let stranger = town
        .manager(Some(&open_branch(&admin, json!({})).await))
        .await;
    let edit = json!({ "address": "2 High Street", "settings": { "max_load": 5 } });
    stranger
        .patch(&path, edit.clone())
        .await
        .problem(403, "forbidden");
    let send = async |tag: &str, body: Value| {
        let headers = [("if-match", tag)];
        manager
            .send(Method::PATCH, &path, Some(body), &headers)
            .await
    };
    town.clock.advance(TimeDelta::seconds(1));
    let edited = send("\"1\"", edit.clone()).await.expect(200);
    assert_eq!(edited.header("etag"), Some("\"2\""));
    assert_eq!(edited.body["address"], "2 High Street");
    assert_eq!(edited.body["settings"]["max_load"], 5);
    assert_eq!(
        edited.body["settings"]["horizon_days"], 30,
        "what is left out stays"
    );
    send("\"1\"", edit).await.problem(412, "stale");
    let closed = json!({ "active": false });
    manager
        .patch(&path, closed.clone())
        .await
        .problem(403, "forbidden");
    town.clock.advance(TimeDelta::seconds(1));
    manager
        .patch(&path, json!({ "active": true }))
        .await
        .expect(200);
    town.clock.advance(TimeDelta::seconds(1));
    admin.patch(&path, closed).await.expect(200);
    let log = admin
        .get("/admin/audit?action=branch.edited&limit=100")
        .await
        .expect(200);
    let log = log.body["items"].as_array().unwrap();
    assert_eq!(log.len(), 3);
    assert_eq!(log[2]["actor"]["id"], manager.id);
    assert_eq!(log[2]["before"]["address"], "1 High Street");
    assert_eq!(log[2]["after"]["address"], "2 High Street");
    assert_eq!(log[0]["after"]["active"], false);
    town.close().await;
}

async fn what_is_wrong_with_a_branch_is_pointed_at(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let path = format!("/branches/{branch}");
    let nine = json!({ "from": "09:00", "until": "10:00" });
    for (body, pointer, code) in [
        (json!({ "name": "" }), "/name", "required"),
        (json!({ "name": null }), "/name", "invalid"),
        (json!({ "time_zone": "Moon" }), "/time_zone", "unknown_zone"),
        (json!({ "phone": "12" }), "/phone", "invalid"),
        (
            json!({ "settings": { "max_load": 0 } }),
            "/settings/max_load",
            "out_of_range",
        ),
        (
            json!({ "settings": { "strategy": "luck" } }),
            "/settings/strategy",
            "invalid",
        ),
        (
            json!({ "settings": { "colour": 1 } }),
            "/settings/colour",
            "unknown_field",
        ),
        (
            json!({ "weekly": [{ "weekday": "monday", "from": "24:00", "until": "01:00" }] }),
            "/weekly/0/from",
            "invalid",
        ),
        (
            json!({ "overrides": [{ "date": "2027-01-01", "intervals": [nine, nine] }] }),
            "/overrides/0/intervals/1",
            "overlap",
        ),
        (
            json!({ "overrides": [{ "date": "2027-01-01", "intervals": [], "reason": "snow" }] }),
            "/overrides/0/reason",
            "unknown_field",
        ),
    ] {
        pointed_at(admin.patch(&path, body).await, pointer, code);
    }
    let shown = admin.get(&path).await.expect(200);
    assert_eq!(shown.body["version"], 1, "nothing was kept");
    town.close().await;
}

async fn branches_are_found_by_name_and_address(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    for (name, address) in [("North", "1 Quay"), ("South", "2 Quay"), ("West", "Hill")] {
        let body = json!({ "name": name, "time_zone": "UTC", "address": address });
        admin.post("/branches", body).await.expect(201);
    }
    let names = async |query: &str| {
        let found = town.stranger().get(&format!("/branches{query}")).await;
        let found = found.expect(200);
        let items = found.body["items"].as_array().unwrap().clone();
        let names = items
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>(), found.body["next"].clone(), items)
    };
    assert_eq!(names("?query=quay").await.0, ["North", "South"]);
    assert_eq!(names("?query=west").await.0, ["West"]);
    let (first, next, items) = names("?limit=2").await;
    assert_eq!(first, ["North", "South"]);
    let rest = format!("?limit=2&after={}", next.as_str().unwrap());
    assert_eq!(names(&rest).await.0, ["West"]);
    let north = format!("/branches/{}", items[0]["id"].as_str().unwrap());
    admin
        .patch(&north, json!({ "active": false }))
        .await
        .expect(200);
    assert_eq!(names("").await.0, ["South", "West"]);
    assert_eq!(names("?closed=true").await.0, ["North", "South", "West"]);
    town.close().await;
}

async fn the_narrower_hours_count_for_direct_bookings_too(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    // Nine to five UTC, on weekdays.
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let all = client.slots(&expert, "2027-03-02", 2).await;
    assert_eq!(all.len(), 30);
    let path = format!("/branches/{branch}");
    // In a zone seven hours ahead: 08:00 to 12:00 UTC on Tuesdays, and not at all on the Wednesday.
    let hours = json!({ "time_zone": "Asia/Ho_Chi_Minh",
        "weekly": [{ "weekday": "tuesday", "from": "15:00", "until": "19:00" },
                   { "weekday": "wednesday", "from": "15:00", "until": "19:00" }],
        "overrides": [{ "date": "2027-03-03", "intervals": [] }] });
    admin.patch(&path, hours).await.expect(200);
    let narrow = client.slots(&expert, "2027-03-02", 2).await;
    let expected: Vec<String> = ["09:00", "09:30", "10:00", "10:30", "11:00"]
        .map(|time| format!("2027-03-02T{time}:00Z"))
        .into();
    assert_eq!(narrow, expected);
    let refused = client.book(&expert, "2027-03-02T11:30:00Z").await;
    let refused = refused.problem(422, "slot-not-offered");
    assert_eq!(refused.body["errors"][0]["code"], "branch_closed");
    client
        .book(&expert, "2027-03-02T11:00:00Z")
        .await
        .expect(201);
    let why = format!("/experts/{}/slots/explain?date=2027-03-03", expert.id);
    let why = expert.get(&why).await.expect(200);
    assert!(why.text.contains("branch_closed"), "{}", why.text);
    // The other node follows, too.
    if town.has_redis() {
        let elsewhere = client.at(&town, 1);
        eventually("the other node follows", async || {
            elsewhere.slots(&expert, "2027-03-03", 1).await.is_empty()
        })
        .await;
    }
    admin
        .patch(&path, json!({ "active": false }))
        .await
        .expect(200);
    assert_eq!(
        client.slots(&expert, "2027-03-02", 30).await,
        Vec::<String>::new()
    );
    admin
        .patch(
            &path,
            json!({ "active": true, "weekly": null, "overrides": [] }),
        )
        .await
        .expect(200);
    assert_eq!(client.slots(&expert, "2027-03-03", 1).await.len(), 15);
    town.close().await;
}

async fn a_branch_is_rated_by_the_reviews_of_its_experts(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    let mut booked = Vec::new();
    for (stars, hour) in [(5, 12), (4, 13)] {
        let rules = json!({ "auto_confirm": true });
        let expert = town.expert_with(rules, Some(&branch)).await;
        let start = format!("2027-03-01T{hour}:30:00Z");
        let id = client.book(&expert, &start).await.expect(201).text("id");
        booked.push((stars, expert, id));
    }
    town.clock.advance(TimeDelta::hours(3));
    let reader = town.again(client).await;
    for (stars, expert, id) in booked {
        let expert = town.again(expert).await;
        let path = format!("/bookings/{id}");
        let complete = expert.post(&format!("{path}/complete"), json!({})).await;
        complete.expect(200);
        let review = json!({ "stars": stars });
        let review = reader.post(&format!("{path}/review"), review).await;
        review.expect(201);
    }
    let shown: Answer = town
        .stranger()
        .get(&format!("/branches/{branch}"))
        .await
        .expect(200);
    assert_eq!(
        (&shown.body["rating"], &shown.body["review_count"]),
        (&json!(4.5), &json!(2))
    );
    town.close().await;
}
