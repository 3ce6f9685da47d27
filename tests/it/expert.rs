//! Experts from the outside: the list, the profile, presence, reviews (C2.2, C3.10).

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

/// Why times are free or not.
mod explain;
/// Free slots: days, zones, lengths, tags.
mod slots;

on_both_engines!(
    an_expert_shows_what_the_contract_names,
    experts_are_found_by_text_tag_and_branch,
    pages_of_experts_stay_whole_while_experts_join,
    limits_and_cursors_of_lists_are_checked,
    an_account_becomes_an_expert_and_stops_being_one,
    presence_is_set_by_those_who_answer_for_the_expert,
    a_public_profile_is_edited_by_those_who_answer_for_the_expert,
    reviews_are_listed_newest_first,
);

const UNKNOWN: &str = "01890000-0000-7000-8000-000000000000";

async fn describe(expert: &Person, headline: &str, tags: Value) {
    let path = format!("/experts/{}", expert.id);
    let body = json!({ "headline": headline, "tags": tags });
    expert.patch(&path, body).await.expect(200);
}

async fn branch(admin: &Person, name: &str) -> String {
    let body = json!({ "name": name, "time_zone": "UTC" });
    admin.post("/branches", body).await.expect(201).text("id")
}

fn ids(answer: &Answer) -> Vec<String> {
    let items = answer.body["items"].as_array().unwrap().iter();
    items
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn pointer(answer: Answer, expected: &str, code: &str) {
    let answer = answer.problem(422, "validation");
    assert_eq!(
        answer.body["errors"][0]["pointer"], expected,
        "{}",
        answer.text
    );
    assert_eq!(answer.body["errors"][0]["code"], code, "{}", answer.text);
}

async fn an_expert_shows_what_the_contract_names(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let shown = town
        .stranger()
        .get(&format!("/experts/{}", expert.id))
        .await
        .expect(200);
    let contract = [
        "id",
        "name",
        "headline",
        "description",
        "avatar_url",
        "tags",
        "time_zone",
        "rating",
        "review_count",
        "presence",
        "booking_rules",
    ];
    for name in contract {
        assert!(
            shown.body.get(name).is_some(),
            "{name} is missing: {}",
            shown.text
        );
    }
    assert!(shown.body.get("email").is_none() && shown.body.get("phone").is_none());
    assert_eq!(
        (&shown.body["rating"], &shown.body["review_count"]),
        (&Value::Null, &json!(0))
    );
    assert_eq!(shown.body["presence"], "offline");
    let rules = json!({
        "minutes": [60, 30], "interval_minutes": 30, "buffer_before_minutes": 0, "buffer_after_minutes": 0,
        "min_notice_minutes": 0, "horizon_days": 60, "max_per_day": null, "max_per_week": null,
        "auto_confirm": false, "cancel_notice_minutes": 60,
    });
    assert_eq!(shown.body["booking_rules"], rules);
    assert!(shown.header("etag").is_some());
    for odd in [UNKNOWN, "nobody", "1", "%00", "%ff"] {
        town.stranger()
            .get(&format!("/experts/{odd}"))
            .await
            .problem(404, "not-found");
    }
    town.close().await;
}

async fn experts_are_found_by_text_tag_and_branch(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let here = branch(&admin, "Here").await;
    let ann = town.expert_with(json!({}), Some(&here)).await;
    let ben = town.expert().await;
    ben.patch("/me", json!({ "name": "Đặng Văn Ở" }))
        .await
        .expect(200);
    ann.patch("/me", json!({ "name": "Ann Summers" }))
        .await
        .expect(200);
    describe(&ann, "Tax law, 100% sure", json!(["tax", "Luật"])).await;
    describe(&ben, "Family law", json!(["taxi"])).await;
    let found = async |query: &str| {
        ids(&town
            .stranger()
            .get(&format!("/experts?{query}"))
            .await
            .expect(200))
    };
    let (only_ann, only_ben) = (vec![ann.id.clone()], vec![ben.id.clone()]);
    assert_eq!(found("query=summers").await, only_ann);
    assert_eq!(found("query=FAMILY").await, only_ben);
    // Letters beyond ASCII have two forms as well.
    assert_eq!(found("query=đẶng%20v").await, only_ben);
    assert_eq!(found("query=ở").await, only_ben);
    assert_eq!(found("query=LU%E1%BA%ACT").await, only_ann);
    for wild in ["*", "?", "[a-z]", "%5C", "^"] {
        assert_eq!(found(&format!("query={wild}")).await, Vec::<String>::new());
    }
    assert_eq!(found("query=law").await.len(), 2);
    assert_eq!(found("query=100%25").await, only_ann);
    assert_eq!(found("query=%25").await, only_ann);
    assert_eq!(found("query=l_w").await, Vec::<String>::new());
    assert_eq!(found("tag=tax").await, only_ann);
    assert_eq!(found("tag=Lu%E1%BA%ADt").await, only_ann);
    assert_eq!(found("tag=ta").await, Vec::<String>::new());
    assert_eq!(found(&format!("branch_id={here}")).await, only_ann);
    assert_eq!(
        found(&format!("branch_id={here}&tag=taxi")).await,
        Vec::<String>::new()
    );
    pointer(
        town.stranger().get("/experts?query=%00").await,
        "/query",
        "control_character",
    );
    pointer(
        town.stranger().get("/experts?branch_id=7").await,
        "/branch_id",
        "invalid",
    );
    pointer(
        town.stranger().get("/experts?tags=tax").await,
        "/tags",
        "unknown_field",
    );
    town.close().await;
}

async fn pages_of_experts_stay_whole_while_experts_join(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let mut known = Vec::new();
    for name in ["C", "A", "E", "B", "D"] {
        let expert = town.expert().await;
        expert
            .patch("/me", json!({ "name": name }))
            .await
            .expect(200);
        known.push((name, expert.id));
    }
    known.sort();
    let expected: Vec<_> = known.into_iter().map(|(_, id)| id).collect();
    let mut seen = Vec::new();
    let mut path = "/experts?limit=2".to_owned();
    loop {
        let page = town.stranger().get(&path).await.expect(200);
        seen.extend(ids(&page));
        let Some(next) = page.body["next"].as_str() else {
            break;
        };
        path = format!("/experts?limit=2&after={next}");
        // Somebody joins before what was seen, which shifts every page that is counted by number.
        let joins = town.expert().await;
        joins.patch("/me", json!({ "name": "0" })).await.expect(200);
    }
    assert_eq!(seen, expected);
    town.close().await;
}

async fn limits_and_cursors_of_lists_are_checked(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let stranger = town.stranger();
    for (query, at, code) in [
        ("limit=0", "/limit", "out_of_range"),
        ("limit=101", "/limit", "out_of_range"),
        ("limit=-1", "/limit", "out_of_range"),
        ("limit=ten", "/limit", "invalid"),
        ("limit=99999999999999999999", "/limit", "invalid"),
        ("limit=1&limit=2", "/limit", "duplicate"),
        ("after=nonsense", "/after", "invalid"),
        // ["\u0000", id]
        (
            "after=WyJcdTAwMDAiLCIwMTg5MDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDAiXQ",
            "/after",
            "invalid",
        ),
    ] {
        pointer(stranger.get(&format!("/experts?{query}")).await, at, code);
    }
    stranger.get("/experts?limit=1").await.expect(200);
    stranger.get("/experts?limit=100").await.expect(200);
    town.close().await;
}

async fn an_account_becomes_an_expert_and_stops_being_one(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, person) = (town.admin().await, town.client().await);
    person
        .patch("/me", json!({ "time_zone": "Asia/Tokyo" }))
        .await
        .expect(200);
    let (public, account) = (
        format!("/experts/{}", person.id),
        format!("/admin/users/{}", person.id),
    );
    person.get(&public).await.problem(404, "not-found");
    let made = admin
        .patch(&account, json!({ "role": "expert" }))
        .await
        .expect(200);
    assert_eq!(
        (&made.body["role"], &made.body["id"]),
        (&json!("expert"), &json!(person.id))
    );
    // The token from before the promotion works on.
    let schedule = person.get(&format!("{public}/schedule")).await.expect(200);
    assert_eq!(schedule.body["weekly"], json!([]));
    assert_eq!(schedule.body["time_zone"], "Asia/Tokyo");
    person.get(&public).await.expect(200);
    let slots = town
        .stranger()
        .get(&format!("{public}/slots?days=3"))
        .await
        .expect(200);
    let days = slots.body["days"].as_array().unwrap();
    assert!(days.len() == 3 && days.iter().all(|day| day["slots"] == json!([])));

    admin
        .patch(&account, json!({ "role": "user" }))
        .await
        .expect(200);
    for path in [
        public.clone(),
        format!("{public}/slots?days=1"),
        format!("{public}/reviews"),
    ] {
        town.stranger().get(&path).await.problem(404, "not-found");
    }
    person
        .get(&format!("{public}/schedule"))
        .await
        .problem(404, "not-found");
    assert_eq!(
        ids(&town.stranger().get("/experts").await.expect(200)),
        Vec::<String>::new()
    );
    admin
        .patch(&account, json!({ "role": "expert" }))
        .await
        .expect(200);
    town.stranger().get(&public).await.expect(200);
    admin
        .patch(&account, json!({ "disabled": true }))
        .await
        .expect(200);
    town.stranger().get(&public).await.problem(404, "not-found");
    let wish =
        json!({ "expert_id": person.id, "starts_at": "2027-03-02T10:00:00Z", "mode": "online" });
    admin
        .post("/bookings", wish)
        .await
        .problem(404, "not-found");
    admin
        .patch(&format!("/admin/users/{UNKNOWN}"), json!({}))
        .await
        .problem(404, "not-found");
    town.close().await;
}

async fn presence_is_set_by_those_who_answer_for_the_expert(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, admin) = (town.expert().await, town.admin().await);
    let path = format!("/experts/{}/presence", expert.id);
    for (who, presence) in [(&expert, "online"), (&admin, "busy"), (&expert, "offline")] {
        town.clock.advance(TimeDelta::seconds(1));
        let set = who
            .put(&path, json!({ "presence": presence }))
            .await
            .expect(200);
        let since = town
            .now()
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        assert_eq!(set.body, json!({ "presence": presence, "since": since }));
        let shown = town
            .stranger()
            .get(&format!("/experts/{}", expert.id))
            .await;
        assert_eq!(shown.body["presence"], presence);
    }
    pointer(
        expert.put(&path, json!({ "presence": "asleep" })).await,
        "/presence",
        "invalid",
    );
    pointer(expert.put(&path, json!({})).await, "/presence", "required");
    town.client()
        .await
        .put(&path, json!({ "presence": "online" }))
        .await
        .problem(403, "forbidden");
    town.close().await;
}

async fn a_public_profile_is_edited_by_those_who_answer_for_the_expert(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let path = format!("/experts/{}", expert.id);
    let tag = expert.get(&path).await.header("etag").unwrap().to_owned();
    let edit = json!({ "headline": "Tax", "description": "Long.", "tags": ["a", "b"] });
    let done = expert.patch(&path, edit.clone()).await.expect(200);
    for (name, value) in edit.as_object().unwrap() {
        assert_eq!(&done.body[name], value);
    }
    let stale = [("if-match", tag.as_str())];
    expert
        .send(Method::PATCH, &path, Some(edit), &stale)
        .await
        .problem(412, "stale");
    for (body, at, code) in [
        (
            json!({ "tags": ["fine", "\u{0}"] }),
            "/tags/1",
            "control_character",
        ),
        (json!({ "tags": vec!["x"; 21] }), "/tags", "too_long"),
        (json!({ "tags": "x" }), "/tags", "invalid"),
        (
            json!({ "headline": "x".repeat(121) }),
            "/headline",
            "too_long",
        ),
        (json!({ "name": "x" }), "/name", "unknown_field"),
    ] {
        pointer(expert.patch(&path, body).await, at, code);
    }
    town.close().await;
}

async fn reviews_are_listed_newest_first(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (mut expert, mut client) = (town.expert().await, town.client().await);
    let mut bookings = Vec::new();
    for hour in ["09", "10", "11"] {
        let booking = client
            .book(&expert, &format!("2027-03-02T{hour}:00:00Z"))
            .await
            .expect(201);
        let id = booking.text("id");
        expert
            .post(&format!("/bookings/{id}/confirm"), json!({}))
            .await
            .expect(200);
        bookings.push(id);
    }
    town.clock.set("2027-03-02T12:00:00Z".parse().unwrap());
    (expert, client) = (town.again(expert).await, town.again(client).await);
    for (stars, id) in (3..).zip(&bookings) {
        expert
            .post(&format!("/bookings/{id}/complete"), json!({}))
            .await
            .expect(200);
        town.clock.advance(TimeDelta::seconds(1));
        let review = json!({ "stars": stars, "text": format!("{stars} of 5") });
        client
            .post(&format!("/bookings/{id}/review"), review)
            .await
            .expect(201);
    }
    let path = format!("/experts/{}/reviews?limit=2", expert.id);
    let first = town.stranger().get(&path).await.expect(200);
    let next = first.text("next");
    let rest = town
        .stranger()
        .get(&format!("{path}&after={next}"))
        .await
        .expect(200);
    let all = [&first, &rest]
        .map(|page| page.body["items"].as_array().unwrap().clone())
        .concat();
    let stars: Vec<_> = all
        .iter()
        .map(|review| review["stars"].as_i64().unwrap())
        .collect();
    assert_eq!(stars, [5, 4, 3]);
    assert_eq!(rest.body["next"], Value::Null);
    let shown = town
        .stranger()
        .get(&format!("/experts/{}", expert.id))
        .await;
    assert_eq!(
        (&shown.body["rating"], &shown.body["review_count"]),
        (&json!(4.0), &json!(3))
    );
    town.stranger()
        .get(&format!("/experts/{UNKNOWN}/reviews"))
        .await
        .problem(404, "not-found");
    town.close().await;
}
