//! Series: bookings that repeat are looked at before they are made, made together, told of once, and answered or called
//! off together (C3.11).

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::ledger::{self, Terms};
use crate::town::{Answer, Person, Town};

/// Times left out, and other times instead.
mod chosen;
/// Many at once for the same weeks.
mod race;

on_both_engines!(
    a_series_is_looked_at_made_once_and_told_of_once,
    what_is_not_free_refuses_all_or_is_left_out,
    a_series_is_answered_and_called_off_together_or_from_one_on,
    a_series_stays_at_its_time_when_the_clocks_change,
    what_is_asked_of_a_series_is_checked,
);

/// Four Tuesdays at ten.
const TUESDAYS: [&str; 4] = [
    "2027-03-02T10:00:00Z",
    "2027-03-09T10:00:00Z",
    "2027-03-16T10:00:00Z",
    "2027-03-23T10:00:00Z",
];

fn wish(expert: &Person, count: u16) -> Value {
    json!({
        "expert_id": expert.id, "starts_at": TUESDAYS[0], "mode": "online", "note": "my knee",
        "rule": { "every": "week", "count": count },
    })
}

async fn repeat(person: &Person, expert: &Person) -> Answer {
    person.post("/series", wish(expert, 4)).await
}

async fn sound(town: &Town) {
    ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await;
}

fn all<'a>(series: &'a Value, field: &str) -> Vec<&'a str> {
    let bookings = series["bookings"].as_array().unwrap().iter();
    bookings.map(|b| b[field].as_str().unwrap()).collect()
}

/// What somebody was told of this kind, once there is something.
async fn told(person: &Person, kind: &str) -> Vec<Value> {
    eventually(&format!("told of {kind}"), async || {
        let page = person.get("/notifications?limit=100").await.expect(200);
        let mut items = page.body["items"].as_array().unwrap().clone();
        items.retain(|item| item["kind"] == kind);
        (!items.is_empty()).then_some(items)
    })
    .await
}

async fn a_series_is_looked_at_made_once_and_told_of_once(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let person = town.client().await;
    let seen = person.post("/series/preview", wish(&expert, 4)).await;
    let seen = seen.expect(200).body;
    assert_eq!(seen["free"], 4);
    assert_eq!(seen["rrule"], "FREQ=WEEKLY;BYDAY=TU;INTERVAL=1;COUNT=4");
    assert!(town.store.ledger().await.unwrap().bookings.is_empty());
    let key = [("idempotency-key", "once")];
    let body = Some(wish(&expert, 4));
    let made = person
        .send(Method::POST, "/series", body.clone(), &key)
        .await;
    let again = person.send(Method::POST, "/series", body, &key).await;
    let series = made.expect(201).body;
    assert_eq!(again.expect(201).body, series);
    assert_eq!(all(&series, "starts_at"), TUESDAYS);
    assert_eq!(series["bookings"][2]["series"]["number"], 3);
    assert_eq!(series["bookings"][2]["series"]["of"], 4);
    sound(&town).await;
    // Once, and not once for each.
    for side in [&person, &expert] {
        let entries = told(side, "booking.created").await;
        assert_eq!(entries.len(), 1, "{entries:?}");
        let body = entries[0]["body"].as_str().unwrap();
        let also = "Tue 2 Mar, 10:00 (GMT), and 3 more times until Tue 23 Mar, 10:00 (GMT).";
        assert!(body.starts_with(also), "{body}");
    }
    let path = format!("/series/{}", series["id"].as_str().unwrap());
    assert_eq!(
        expert.get(&path).await.expect(200).body["rrule"],
        seen["rrule"]
    );
    let kept = person.get("/me/export").await.expect(200).body;
    let kept = &kept["data"]["series"];
    assert_eq!(
        (&kept[0]["id"], &kept[0]["rule"]),
        (&series["id"], &seen["rrule"])
    );
    town.client()
        .await
        .get(&path)
        .await
        .problem(404, "not-found");
    // Each is a booking like any other, and one that is moved stays one of them.
    let one = series["bookings"][1]["id"].as_str().unwrap();
    let later = json!({ "starts_at": "2027-03-10T11:00:00Z" });
    let moved = person
        .post(&format!("/bookings/{one}/reschedule"), later)
        .await;
    let moved = moved.expect(200).body;
    assert_eq!(
        (&moved["id"], &moved["series"]["number"]),
        (&json!(one), &json!(2))
    );
    sound(&town).await;
    town.close().await;
}

async fn what_is_not_free_refuses_all_or_is_left_out(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let rules = json!({ "max_per_week": 2, "horizon_days": 30 });
    let expert = town.expert_with(rules, None).await;
    let other = town.expert().await;
    let (person, rival) = (town.client().await, town.client().await);
    rival.book(&expert, TUESDAYS[1]).await.expect(201);
    person.book(&other, TUESDAYS[2]).await.expect(201);
    let mut asked = wish(&expert, 6);
    let refused = person.post("/series", asked.clone()).await;
    let refused = refused.problem(409, "series-not-free").body;
    let against: Vec<&Value> = refused["occurrences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["against"])
        .collect();
    let expected = [
        Value::Null,
        json!("taken"),
        json!("client_busy"),
        Value::Null,
        Value::Null,
        json!("horizon"),
    ];
    assert_eq!(against, expected.iter().collect::<Vec<_>>());
    let near = &refused["occurrences"][1]["alternatives"];
    assert_eq!(near.as_array().unwrap().len(), 3, "{near}");
    assert_eq!(town.store.ledger().await.unwrap().bookings.len(), 2);
    asked["skip"] = json!(true);
    let made = person.post("/series", asked).await.expect(201).body;
    assert_eq!(
        all(&made, "starts_at"),
        [TUESDAYS[0], TUESDAYS[3], "2027-03-30T10:00:00Z"]
    );
    assert_eq!(made["bookings"][2]["series"]["number"], 3);
    // A week that has as many as the expert takes refuses another one.
    let both = json!({
        "expert_id": expert.id, "starts_at": "2027-03-02T12:00:00Z", "mode": "online",
        "rule": { "every": "week", "weekdays": ["tuesday", "thursday"], "count": 2 },
    });
    let capped = rival.post("/series", both).await;
    let capped = capped.problem(409, "series-not-free").body;
    assert_eq!(capped["occurrences"][0]["against"], Value::Null);
    assert_eq!(capped["occurrences"][1]["against"], "week_cap");
    sound(&town).await;
    town.close().await;
}

async fn a_series_is_answered_and_called_off_together_or_from_one_on(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let (person, other) = (town.client().await, town.client().await);
    let series = repeat(&person, &expert).await.expect(201).body;
    let path = format!("/series/{}", series["id"].as_str().unwrap());
    person
        .post(&format!("{path}/confirm"), json!({}))
        .await
        .problem(403, "forbidden");
    let done = expert.post(&format!("{path}/confirm"), json!({})).await;
    assert_eq!(all(&done.expect(200).body, "status"), ["confirmed"; 4]);
    sound(&town).await;
    assert_eq!(told(&person, "booking.confirmed").await.len(), 1);
    // This one alone.
    let one = series["bookings"][0]["id"].as_str().unwrap();
    let cancel = format!("/bookings/{one}/cancel");
    person.post(&cancel, json!({})).await.expect(200);
    // This one and those that follow it.
    let off = json!({ "from": 3, "reason": "on a journey" });
    let off = person
        .post(&format!("{path}/cancel"), off)
        .await
        .expect(200);
    let statuses = ["cancelled", "confirmed", "cancelled", "cancelled"];
    assert_eq!(all(&off.body, "status"), statuses);
    sound(&town).await;
    let entries = told(&expert, "booking.cancelled").await;
    assert_eq!(entries.len(), 2, "{entries:?}");
    other.book(&expert, TUESDAYS[2]).await.expect(201);
    // All that are left; the expert says why.
    let silent = expert.post(&format!("{path}/cancel"), json!({})).await;
    silent.problem(422, "validation");
    let reason = json!({ "reason": "ill" });
    let rest = expert.post(&format!("{path}/cancel"), reason.clone()).await;
    assert_eq!(all(&rest.expect(200).body, "status"), ["cancelled"; 4]);
    expert
        .post(&format!("{path}/cancel"), reason.clone())
        .await
        .problem(409, "wrong-status");
    let refused = repeat(&person, &expert).await;
    // The third is somebody else's by now.
    let refused = refused.problem(409, "series-not-free").body;
    assert_eq!(refused["occurrences"][2]["against"], "taken");
    let mut shorter = wish(&expert, 2);
    shorter["mode"] = json!("offline");
    let shorter = person.post("/series", shorter).await.expect(201).body;
    let path = format!("/series/{}/reject", shorter["id"].as_str().unwrap());
    let rejected = expert.post(&path, reason).await.expect(200).body;
    assert_eq!(all(&rejected, "status"), ["rejected"; 2]);
    sound(&town).await;
    town.close().await;
}

async fn a_series_stays_at_its_time_when_the_clocks_change(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let schedule = json!({
        "time_zone": "Europe/Berlin",
        "weekly": [{ "weekday": "tuesday", "from": "09:00", "until": "17:00" }],
        "booking_rules": { "minutes": [60], "interval_minutes": 60, "buffer_before_minutes": 0,
            "buffer_after_minutes": 0, "min_notice_minutes": 0, "horizon_days": 90, "max_per_day": null,
            "max_per_week": null, "auto_confirm": false, "cancel_notice_minutes": 60 },
    });
    let path = format!("/experts/{}/schedule", expert.id);
    expert.put(&path, schedule).await.expect(200);
    let person = town.client().await;
    let mut asked = wish(&expert, 3);
    // 14:00 in Berlin, five days before the clocks go forward.
    asked["starts_at"] = json!("2027-03-23T13:00:00Z");
    let made = person.post("/series", asked).await.expect(201).body;
    let expected = [
        "2027-03-23T13:00:00Z",
        "2027-03-30T12:00:00Z",
        "2027-04-06T12:00:00Z",
    ];
    assert_eq!(all(&made, "starts_at"), expected);
    sound(&town).await;
    town.close().await;
}

async fn what_is_asked_of_a_series_is_checked(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let person = town.client().await;
    for (rule, pointer) in [
        (json!({ "every": "week" }), "/rule/count"),
        (
            json!({ "every": "week", "count": 3, "until": "2027-04-01" }),
            "/rule/count",
        ),
        (json!({ "every": "week", "count": 1 }), "/rule/count"),
        (json!({ "every": "week", "count": 53 }), "/rule/count"),
        (
            json!({ "every": "week", "count": 3, "interval": 13 }),
            "/rule/interval",
        ),
        (
            json!({ "every": "week", "until": "2027-03-01" }),
            "/rule/until",
        ),
        (json!({ "every": "week", "until": "2027-03-04" }), "/rule"),
        (
            json!({ "every": "day", "until": "2028-03-04" }),
            "/rule/until",
        ),
        (
            json!({ "every": "day", "count": 3, "weekdays": ["tuesday"] }),
            "/rule/weekdays",
        ),
        (
            json!({ "every": "week", "count": 3, "weekdays": ["friday"] }),
            "/rule/weekdays",
        ),
        (json!({ "every": "hour", "count": 3 }), "/rule/every"),
    ] {
        let mut asked = wish(&expert, 2);
        asked["rule"] = rule.clone();
        let refused = person.post("/series", asked).await;
        let refused = refused.problem(422, "validation");
        assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{rule}");
    }
    let mut named = wish(&expert, 2);
    named["client_id"] = json!(expert.id);
    person
        .post("/series", named)
        .await
        .problem(403, "forbidden");
    let own = expert.post("/series", wish(&expert, 2)).await;
    assert_eq!(
        own.problem(422, "validation").body["errors"][0]["pointer"],
        "/expert_id"
    );
    town.close().await;
}
