//! Schedules from the outside: week and rules, overrides, time off, agenda, and who may (C2.1, C2.2, C2.4).

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

/// Public holidays.
mod holiday;

on_both_engines!(
    a_schedule_comes_back_as_it_was_put,
    an_edit_of_a_stale_schedule_is_refused,
    every_fault_of_a_schedule_is_pointed_at,
    those_who_answer_for_an_expert_and_nobody_else_may,
    a_window_may_run_past_midnight,
    a_date_has_other_hours_until_they_are_taken_back,
    every_fault_of_an_override_is_pointed_at,
    time_off_is_listed_until_it_is_over,
    every_fault_of_time_off_is_pointed_at,
    the_agenda_shows_the_days_asked_for,
);

const UNKNOWN: &str = "01890000-0000-7000-8000-000000000000";

fn schedule() -> Value {
    json!({
        "time_zone": "Europe/Berlin",
        "weekly": [
            { "weekday": "monday", "from": "09:00", "until": "12:00" },
            { "weekday": "monday", "from": "13:00", "until": "24:00" },
            { "weekday": "friday", "from": "22:00", "until": "02:00" },
        ],
        "booking_rules": {
            "minutes": [30, 60], "interval_minutes": 15, "buffer_before_minutes": 5, "buffer_after_minutes": 10,
            "min_notice_minutes": 120, "horizon_days": 90, "max_per_day": 8, "max_per_week": null,
            "auto_confirm": true, "cancel_notice_minutes": 1440,
        },
    })
}

async fn setting(town: &Town) -> (Person, String) {
    let expert = town.expert().await;
    let base = format!("/experts/{}", expert.id);
    (expert, base)
}

fn first_fault(answer: Answer) -> (String, String) {
    let answer = answer.problem(422, "validation");
    let fault = &answer.body["errors"][0];
    let text = |name: &str| fault[name].as_str().unwrap().to_owned();
    (text("pointer"), text("code"))
}

async fn a_schedule_comes_back_as_it_was_put(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, base) = setting(&town).await;
    let path = format!("{base}/schedule");
    let put = expert.put(&path, schedule()).await.expect(200);
    assert_eq!(put.body, schedule());
    let got = expert.get(&path).await.expect(200);
    assert_eq!(got.body, schedule());
    assert_eq!(got.header("etag"), put.header("etag"));
    assert_eq!(
        expert.put(&path, got.body).await.expect(200).body,
        schedule()
    );
    let shown = town.stranger().get(&base).await.expect(200);
    assert_eq!(shown.body["booking_rules"], schedule()["booking_rules"]);
    assert_eq!(shown.body["time_zone"], "Europe/Berlin");
    town.close().await;
}

async fn an_edit_of_a_stale_schedule_is_refused(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, base) = setting(&town).await;
    let path = format!("{base}/schedule");
    let tag = expert.get(&path).await.header("etag").unwrap().to_owned();
    let put = async || {
        let fresh = [("if-match", tag.as_str())];
        expert
            .send(Method::PUT, &path, Some(schedule()), &fresh)
            .await
    };
    put().await.expect(200);
    put().await.problem(412, "stale");
    town.close().await;
}

async fn every_fault_of_a_schedule_is_pointed_at(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, base) = setting(&town).await;
    let path = format!("{base}/schedule");
    let cases = [
        ("/time_zone", json!("Berlin"), "unknown_zone"),
        ("/time_zone", json!(null), "invalid"),
        ("/weekly", json!({}), "invalid"),
        ("/weekly/0/weekday", json!("funday"), "invalid"),
        ("/weekly/0/from", json!("9:00"), "invalid"),
        ("/weekly/0/from", json!("24:00"), "invalid"),
        ("/weekly/1/until", json!("25:00"), "invalid"),
        ("/weekly/1/until", json!(13), "invalid"),
        ("/weekly/2/room", json!("7"), "unknown_field"),
        ("/booking_rules/minutes", json!([]), "too_short"),
        ("/booking_rules/minutes/1", json!(0), "out_of_range"),
        ("/booking_rules/minutes/1", json!(1441), "out_of_range"),
        ("/booking_rules/minutes/0", json!(70000), "out_of_range"),
        ("/booking_rules/minutes/0", json!(-30), "out_of_range"),
        ("/booking_rules/minutes/0", json!(1.5), "invalid"),
        ("/booking_rules/minutes/0", json!("30"), "invalid"),
        ("/booking_rules/interval_minutes", json!(0), "out_of_range"),
        (
            "/booking_rules/interval_minutes",
            json!(1441),
            "out_of_range",
        ),
        ("/booking_rules/horizon_days", json!(0), "out_of_range"),
        ("/booking_rules/horizon_days", json!(731), "out_of_range"),
        ("/booking_rules/max_per_day", json!(0), "out_of_range"),
        ("/booking_rules/auto_confirm", json!("yes"), "invalid"),
        ("/booking_rules/buffer_minutes", json!(5), "unknown_field"),
        ("/bookings", json!(5), "unknown_field"),
    ];
    for (pointer, value, code) in cases {
        let mut body = schedule();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match body.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
            object => object[name] = value,
        }
        let found = first_fault(expert.put(&path, body).await);
        assert_eq!(found, (pointer.to_owned(), code.to_owned()));
    }
    let mut overlapping = schedule();
    overlapping["weekly"][1]["from"] = json!("11:59");
    let found = first_fault(expert.put(&path, overlapping).await);
    assert_eq!(found, ("/weekly/1".to_owned(), "overlap".to_owned()));
    let mut touching = schedule();
    touching["weekly"][1]["from"] = json!("12:00");
    expert.put(&path, touching).await.expect(200);
    for missing in ["time_zone", "weekly", "booking_rules"] {
        let mut body = schedule();
        body.as_object_mut().unwrap().remove(missing);
        let found = first_fault(expert.put(&path, body).await);
        assert_eq!(found, (format!("/{missing}"), "required".to_owned()));
    }
    town.close().await;
}

async fn those_who_answer_for_an_expert_and_nobody_else_may(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = async |name: &str| {
        let body = json!({ "name": name, "time_zone": "UTC" });
        admin.post("/branches", body).await.expect(201).text("id")
    };
    let (here, there) = (branch("Here").await, branch("There").await);
    let expert = town.expert_with(json!({}), Some(&here)).await;
    let own_manager = town.manager(Some(&here)).await;
    let (other_manager, idle_manager) =
        (town.manager(Some(&there)).await, town.manager(None).await);
    let (other_expert, user) = (
        town.expert_with(json!({}), Some(&here)).await,
        town.client().await,
    );
    let base = format!("/experts/{}", expert.id);
    let off = json!({ "starts_at": "2027-04-01T00:00:00Z", "ends_at": "2027-04-02T00:00:00Z" });
    let calls = [
        (Method::GET, "/schedule", None, 200),
        (Method::PUT, "/schedule", Some(schedule()), 200),
        (Method::GET, "/overrides", None, 200),
        (
            Method::PUT,
            "/overrides/2027-03-02",
            Some(json!({ "intervals": [] })),
            200,
        ),
        (Method::DELETE, "/overrides/2027-03-02", None, 204),
        (Method::GET, "/time-off", None, 200),
        (Method::POST, "/time-off", Some(off), 201),
        (Method::GET, "/agenda", None, 200),
    ];
    for (method, path, body, status) in calls {
        let ask = async |who: &Person| {
            who.send(method.clone(), &format!("{base}{path}"), body.clone(), &[])
                .await
        };
        for who in [&expert, &own_manager, &admin] {
            let answer = ask(who).await;
            // What one has taken away, the next finds gone.
            let is_gone = method == Method::DELETE && answer.status == 404;
            assert!(answer.status == status || is_gone, "{}", answer.text);
        }
        for who in [&other_expert, &other_manager, &idle_manager, &user] {
            ask(who).await.problem(403, "forbidden");
        }
        ask(&town.stranger()).await.problem(401, "unauthenticated");
        let nobody = format!("/experts/{UNKNOWN}{path}");
        admin
            .send(method, &nobody, body, &[])
            .await
            .problem(404, "not-found");
    }
    town.close().await;
}

async fn a_window_may_run_past_midnight(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, base) = setting(&town).await;
    let mut night = schedule();
    night["time_zone"] = json!("UTC");
    night["booking_rules"] =
        json!({ "minutes": [60], "interval_minutes": 60, "min_notice_minutes": 0 });
    expert
        .put(&format!("{base}/schedule"), night)
        .await
        .expect(200);
    let slots = expert.slots(&expert, "2027-03-05", 2).await;
    let hours: Vec<_> = slots.iter().map(|start| &start[8..13]).collect();
    assert_eq!(hours, ["05T22", "05T23", "06T00", "06T01"]);
    town.close().await;
}

async fn a_date_has_other_hours_until_they_are_taken_back(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, base) = setting(&town).await;
    let usual = expert.slots(&expert, "2027-03-02", 1).await;
    let evening = json!({ "intervals": [{ "from": "18:00", "until": "20:00" }] });
    let put = expert
        .put(&format!("{base}/overrides/2027-03-02"), evening.clone())
        .await
        .expect(200);
    let entry = json!({ "date": "2027-03-02", "intervals": evening["intervals"] });
    assert_eq!(put.body, entry);
    assert_eq!(
        expert.slots(&expert, "2027-03-02", 1).await[0],
        "2027-03-02T18:00:00Z"
    );
    let closed = json!({ "intervals": [] });
    expert
        .put(&format!("{base}/overrides/2027-03-04"), closed)
        .await
        .expect(200);
    assert_eq!(
        expert.slots(&expert, "2027-03-04", 1).await,
        Vec::<String>::new()
    );

    let list = async |query: &str| {
        expert
            .get(&format!("{base}/overrides?{query}"))
            .await
            .expect(200)
    };
    let all = list("from=2027-03-01&days=7").await;
    let closed = json!({ "date": "2027-03-04", "intervals": [] });
    assert_eq!(all.body, json!({ "items": [entry, closed], "next": null }));
    assert_eq!(
        list("from=2027-03-01&days=3").await.body["items"],
        json!([entry])
    );
    let first = list("from=2027-03-01&days=7&limit=1").await;
    let rest = list(&format!(
        "from=2027-03-01&days=7&limit=1&after={}",
        first.text("next")
    ))
    .await;
    assert_eq!(rest.body, json!({ "items": [closed], "next": null }));

    expert
        .delete(&format!("{base}/overrides/2027-03-02"))
        .await
        .expect(204);
    expert
        .delete(&format!("{base}/overrides/2027-03-02"))
        .await
        .problem(404, "not-found");
    assert_eq!(expert.slots(&expert, "2027-03-02", 1).await, usual);
    town.close().await;
}

async fn every_fault_of_an_override_is_pointed_at(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, base) = setting(&town).await;
    let path = format!("{base}/overrides/2027-03-02");
    for (body, pointer, code) in [
        (json!({}), "/intervals", "required"),
        (
            json!({ "intervals": [{ "from": "09:00" }] }),
            "/intervals/0/until",
            "required",
        ),
        (
            json!({ "intervals": [{ "from": "x", "until": "10:00" }] }),
            "/intervals/0/from",
            "invalid",
        ),
        (
            json!({ "intervals": [{ "from": "09:00", "until": "10:00", "x": 1 }] }),
            "/intervals/0/x",
            "unknown_field",
        ),
        (
            json!({ "intervals": [{ "from": "09:00", "until": "10:00" }, { "from": "09:30", "until": "11:00" }] }),
            "/intervals/1",
            "overlap",
        ),
    ] {
        let found = first_fault(expert.put(&path, body).await);
        assert_eq!(found, (pointer.to_owned(), code.to_owned()));
    }
    for odd in ["tomorrow", "2027-02-30", "2027-3-2"] {
        let path = format!("{base}/overrides/{odd}");
        let found = first_fault(expert.put(&path, json!({ "intervals": [] })).await);
        assert_eq!(found.0, "/date");
    }
    for query in ["days=0", "days=367", "from=2027-13-01"] {
        first_fault(expert.get(&format!("{base}/overrides?{query}")).await);
    }
    town.close().await;
}

async fn time_off_is_listed_until_it_is_over(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, base) = setting(&town).await;
    let path = format!("{base}/time-off");
    let take = async |from: &str, until: &str| {
        let body = json!({ "starts_at": from, "ends_at": until, "reason": "Holiday" });
        expert.post(&path, body).await.expect(201)
    };
    let later = take("2027-03-04T00:00:00Z", "2027-03-05T00:00:00Z").await;
    let soon = take("2027-03-02T09:00:00Z", "2027-03-02T12:00:00+01:00").await;
    let id = soon.text("id");
    let entry = json!({
        "id": id, "starts_at": "2027-03-02T09:00:00Z", "ends_at": "2027-03-02T11:00:00Z", "reason": "Holiday",
    });
    assert_eq!(soon.body, entry);
    let all = expert.get(&path).await.expect(200);
    assert_eq!(
        all.body,
        json!({ "items": [entry, later.body], "next": null })
    );
    assert_eq!(
        expert.slots(&expert, "2027-03-02", 1).await[0],
        "2027-03-02T11:00:00Z"
    );
    assert_eq!(
        expert.slots(&expert, "2027-03-04", 1).await,
        Vec::<String>::new()
    );

    let other = town.expert().await;
    let foreign = format!("/experts/{}/time-off/{id}", other.id);
    other.delete(&foreign).await.problem(404, "not-found");
    expert.delete(&format!("{path}/{id}")).await.expect(204);
    for gone in [id.as_str(), UNKNOWN, "nonsense"] {
        expert
            .delete(&format!("{path}/{gone}"))
            .await
            .problem(404, "not-found");
    }
    town.clock.set("2027-03-05T00:00:00Z".parse().unwrap());
    let expert = town.again(expert).await;
    assert_eq!(expert.get(&path).await.expect(200).body["items"], json!([]));
    town.close().await;
}

async fn every_fault_of_time_off_is_pointed_at(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, base) = setting(&town).await;
    let path = format!("{base}/time-off");
    let good = json!({ "starts_at": "2027-03-02T09:00:00Z", "ends_at": "2027-03-02T12:00:00Z" });
    for (pointer, value, code) in [
        ("/starts_at", json!("tomorrow"), "invalid"),
        ("/starts_at", json!("2027-03-02"), "invalid"),
        (
            "/starts_at",
            json!("+262142-01-01T00:00:00Z"),
            "out_of_range",
        ),
        ("/ends_at", json!("9999-12-31T00:00:00Z"), "out_of_range"),
        ("/ends_at", json!("2027-03-02T09:00:00Z"), "invalid"),
        ("/reason", json!("a\u{0}b"), "control_character"),
        ("/reason", json!("x".repeat(201)), "too_long"),
        ("/until", json!("2027-03-02T09:00:00Z"), "unknown_field"),
    ] {
        let mut body = good.clone();
        body[&pointer[1..]] = value;
        let found = first_fault(expert.post(&path, body).await);
        assert_eq!(found, (pointer.to_owned(), code.to_owned()));
    }
    let past = json!({ "starts_at": "2027-02-01T00:00:00Z", "ends_at": "2027-02-02T00:00:00Z" });
    let found = first_fault(expert.post(&path, past).await);
    assert_eq!(found, ("/ends_at".to_owned(), "in_the_past".to_owned()));
    town.close().await;
}

async fn the_agenda_shows_the_days_asked_for(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, base) = setting(&town).await;
    let client = town.client().await;
    let mut made = Vec::new();
    for start in [
        "2027-03-03T10:00:00Z",
        "2027-03-02T15:00:00Z",
        "2027-03-02T09:00:00Z",
        "2027-03-04T09:00:00Z",
    ] {
        made.push(client.book(&expert, start).await.expect(201).text("id"));
    }
    client
        .post(&format!("/bookings/{}/cancel", made[1]), json!({}))
        .await
        .expect(200);
    let agenda = async |query: &str| {
        expert
            .get(&format!("{base}/agenda?{query}"))
            .await
            .expect(200)
    };
    let ids = |answer: &Answer| -> Vec<String> {
        let items = answer.body["items"].as_array().unwrap().iter();
        items
            .map(|booking| booking["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let days = agenda("from=2027-03-02&days=2").await;
    assert_eq!(ids(&days), [made[2].clone(), made[0].clone()]);
    assert_eq!(days.body["items"][0]["client"]["name"], "Person 1");
    let first = agenda("from=2027-03-02&days=7&limit=2").await;
    let rest = agenda(&format!(
        "from=2027-03-02&days=7&limit=2&after={}",
        first.text("next")
    ))
    .await;
    assert_eq!(
        [ids(&first), ids(&rest)].concat(),
        [&made[2], &made[0], &made[3]].map(Clone::clone)
    );
    town.clock.advance(TimeDelta::minutes(5));
    first_fault(expert.get(&format!("{base}/agenda?days=0")).await);
    town.close().await;
}
