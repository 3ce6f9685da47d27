//! How a branch fares, on its own clock, for who runs it (B8).

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{open_branch, wish};
use crate::contract::body::pointed_at;
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Person, Town};

on_both_engines!(
    what_happened_is_counted_on_the_dates_of_the_branchs_clock,
    a_branch_in_which_nothing_happened_says_so,
    only_who_runs_a_branch_sees_how_it_fares,
);

async fn told(person: &Person, branch: &str, span: &str) -> Value {
    let path = format!("/branches/{branch}/statistics?{span}");
    person.get(&path).await.expect(200).body
}

fn counts(some: &[(&str, i64)]) -> Value {
    let names = [
        "pending",
        "confirmed",
        "in_progress",
        "rejected",
        "cancelled",
        "completed",
        "missed",
    ];
    let count = |name: &str| {
        some.iter()
            .find(|(one, _)| *one == name)
            .map_or(0, |(_, n)| *n)
    };
    names
        .iter()
        .map(|name| ((*name).to_owned(), json!(count(name))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

async fn what_happened_is_counted_on_the_dates_of_the_branchs_clock(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    // Seven hours ahead of UTC.
    let body = json!({ "name": "There", "time_zone": "Asia/Ho_Chi_Minh",
        "settings": { "horizon_days": 30, "max_load": null, "min_notice_minutes": 0 } });
    let branch = admin.post("/branches", body).await.expect(201).text("id");
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let idle = town.expert_with(json!({}), Some(&branch)).await;
    let elsewhere = town.expert().await;
    let (client, other) = (town.client().await, town.client().await);
    // The first is the evening of the second there, the other one the night of the third.
    let path = format!("/experts/{}/overrides/2027-03-02", expert.id);
    let hours =
        json!([{ "from": "15:00", "until": "17:00" }, { "from": "18:00", "until": "20:00" }]);
    expert
        .put(&path, json!({ "intervals": hours }))
        .await
        .expect(200);
    let late = client
        .book(&expert, "2027-03-02T16:00:00Z")
        .await
        .expect(201)
        .text("id");
    let night = client
        .book(&expert, "2027-03-02T18:00:00Z")
        .await
        .expect(201)
        .text("id");
    client
        .book(&elsewhere, "2027-03-03T09:00:00Z")
        .await
        .expect(201);
    // One o'clock on the second there.
    town.clock.advance(TimeDelta::hours(6));
    let (client, other) = (town.again(client).await, town.again(other).await);
    let (expert, idle) = (town.again(expert).await, town.again(idle).await);
    // Only one of the two is there on that morning.
    let path = format!("/experts/{}/overrides/2027-03-03", idle.id);
    idle.put(&path, json!({ "intervals": [] }))
        .await
        .expect(200);
    let given = client
        .post("/bookings", wish(&branch, "2027-03-03T10:00:00Z"))
        .await
        .expect(201);
    assert_eq!(given.body["expert"]["id"], expert.id);
    let off = other
        .book(&expert, "2027-03-04T10:00:00Z")
        .await
        .expect(201)
        .text("id");
    let step = async |person: &Person, id: &str, step: &str, body: Value| {
        person.post(&format!("/bookings/{id}/{step}"), body).await
    };
    for id in [&late, &night, &off] {
        step(&expert, id, "confirm", json!({})).await.expect(200);
    }
    step(&client, &given.text("id"), "cancel", json!({}))
        .await
        .expect(200);
    step(&expert, &off, "cancel", json!({ "reason": "ill" }))
        .await
        .expect(200);
    // Seven in the morning of the third.
    town.clock.advance(TimeDelta::hours(30));
    let (client, expert) = (town.again(client).await, town.again(expert).await);
    step(&expert, &late, "miss", json!({})).await.expect(200);
    step(&expert, &night, "complete", json!({}))
        .await
        .expect(200);
    let review = json!({ "stars": 4, "text": "Good talk" });
    step(&client, &night, "review", review).await.expect(201);

    let manager = town.manager(Some(&branch)).await;
    let week = told(&manager, &branch, "from=2027-03-01&to=2027-03-07").await;
    assert_eq!(week["branch"], json!({ "id": branch, "name": "There" }));
    assert_eq!(week["time_zone"], "Asia/Ho_Chi_Minh");
    assert_eq!(
        week["bookings"],
        counts(&[("completed", 1), ("missed", 1), ("cancelled", 2)])
    );
    let days = week["days"].as_array().unwrap();
    assert_eq!(days.len(), 7);
    let expected = [
        ("2027-03-01", vec![], 2),
        ("2027-03-02", vec![("missed", 1)], 2),
        ("2027-03-03", vec![("completed", 1), ("cancelled", 1)], 0),
        ("2027-03-04", vec![("cancelled", 1)], 0),
        ("2027-03-05", vec![], 0),
    ];
    for ((date, on_it, created), day) in expected.iter().zip(days) {
        let wanted = json!({ "date": date, "counts": counts(on_it), "created": created });
        assert_eq!(*day, wanted);
    }
    let experts = week["experts"].as_array().unwrap();
    let of = |person: &Person| {
        let found = experts.iter().find(|one| one["expert"]["id"] == person.id);
        found.unwrap().clone()
    };
    assert_eq!(experts.len(), 2, "nobody from elsewhere");
    let busy = of(&expert);
    assert_eq!(busy["counts"], week["bookings"]);
    // Four days from nine to five, and twice two hours.
    assert_eq!(
        (&busy["booked_minutes"], &busy["open_minutes"]),
        (&json!(120), &json!(4 * 480 + 240))
    );
    let sides = json!({ "by_client": 1, "by_staff": 1, "by_system": 0 });
    assert_eq!(busy["cancelled"], sides);
    assert_eq!(week["cancelled"], sides);
    let other = of(&idle);
    assert_eq!(other["counts"], counts(&[]));
    assert_eq!(
        (&other["booked_minutes"], &other["open_minutes"]),
        (&json!(0), &json!(4 * 480))
    );
    // 28, 30, 40 and 64 hours.
    assert_eq!(week["mean_lead_minutes"], 2430);
    let reviews = &week["reviews"];
    assert_eq!(
        (&reviews["count"], &reviews["mean"]),
        (&json!(1), &json!(4.0))
    );
    assert_eq!(reviews["stars"], json!([0, 0, 0, 1, 0]));
    assert_eq!(reviews["newest"][0]["text"], "Good talk");
    assert_eq!(reviews["newest"][0]["booking_id"], night);
    assert_eq!(
        week["assignments"],
        json!({ "given": 1, "passed_on": 0, "with_skill": 0, "only_one": 1,
            "by_strategy": [{ "strategy": "smart", "count": 1 }], "decided_by": [] })
    );

    // One date, from its midnight there to the next.
    let third = told(&manager, &branch, "from=2027-03-03&to=2027-03-03").await;
    assert_eq!(
        third["bookings"],
        counts(&[("completed", 1), ("cancelled", 1)])
    );
    assert_eq!(third["reviews"]["count"], 1);
    let second = told(&manager, &branch, "from=2027-03-02&to=2027-03-02").await;
    assert_eq!(second["bookings"], counts(&[("missed", 1)]));
    assert_eq!(second["days"][0]["created"], 2);
    assert_eq!(second["reviews"]["count"], 0);

    let path = format!("/branches/{branch}/statistics.csv?from=2027-03-01&to=2027-03-07");
    let file = manager.get(&path).await.expect(200);
    assert!(file.header("content-type").unwrap().starts_with("text/csv"));
    let mut lines = file.text.split("\r\n");
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let name = busy["expert"]["name"].as_str().unwrap();
    let line: Vec<&str> = lines
        .find(|line| line.contains(name))
        .unwrap()
        .split(',')
        .collect();
    let cell = |column: &str| line[head.iter().position(|name| *name == column).unwrap()];
    let cells = [
        "from",
        "cancelled",
        "cancelled_by_staff",
        "total",
        "booked_minutes",
        "open_minutes",
        "utilisation",
        "mean_lead_minutes",
    ];
    assert_eq!(
        cells.map(cell),
        ["2027-03-01", "2", "1", "4", "120", "2160", "0.0556", "2430"]
    );
    town.close().await;
}

async fn a_branch_in_which_nothing_happened_says_so(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let empty = told(&admin, &branch, "").await;
    assert_eq!(
        (&empty["from"], &empty["to"]),
        (&json!("2027-02-02"), &json!("2027-03-01"))
    );
    assert_eq!(empty["days"].as_array().unwrap().len(), 28);
    assert_eq!(empty["bookings"], counts(&[]));
    assert_eq!(empty["experts"], json!([]));
    assert_eq!(empty["mean_lead_minutes"], Value::Null);
    assert_eq!(
        empty["reviews"],
        json!({ "count": 0, "mean": null, "stars": [0, 0, 0, 0, 0], "newest": [] })
    );
    assert_eq!(empty["assignments"]["given"], 0);
    let path = format!("/branches/{branch}/statistics.csv");
    let file = admin.get(&path).await.expect(200).text;
    assert_eq!(file.split("\r\n").count(), 2, "{file:?}");
    // The longest span there is, over a date that a clock change makes shorter.
    let edit = json!({ "time_zone": "Europe/Berlin" });
    admin
        .patch(&format!("/branches/{branch}"), edit)
        .await
        .expect(200);
    let long = told(&admin, &branch, "from=2027-03-01&to=2027-05-31").await;
    assert_eq!(long["days"].as_array().unwrap().len(), 92);
    for (query, pointer, code) in [
        ("from=2027-03-01&to=2027-06-01", "/to", "out_of_range"),
        ("from=2027-03-02&to=2027-03-01", "/to", "invalid"),
        ("from=2027-02-30", "/from", "invalid"),
        ("to=today", "/to", "invalid"),
    ] {
        let refused = admin
            .get(&format!("/branches/{branch}/statistics?{query}"))
            .await;
        pointed_at(refused, pointer, code);
    }
    town.close().await;
}

async fn only_who_runs_a_branch_sees_how_it_fares(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let (branch, next) = (
        open_branch(&admin, json!({})).await,
        open_branch(&admin, json!({})).await,
    );
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let (own, foreign) = (
        town.manager(Some(&branch)).await,
        town.manager(Some(&next)).await,
    );
    let client = town.client().await;
    for file in ["statistics", "statistics.csv"] {
        let path = format!("/branches/{branch}/{file}");
        own.get(&path).await.expect(200);
        admin.get(&path).await.expect(200);
        for person in [&foreign, &expert, &client] {
            person.get(&path).await.problem(403, "forbidden");
        }
        town.stranger()
            .get(&path)
            .await
            .problem(401, "unauthenticated");
        let nowhere = format!("/branches/{}/{file}", admin.id);
        admin.get(&nowhere).await.problem(404, "not-found");
        own.get(&nowhere).await.problem(403, "forbidden");
    }
    town.close().await;
}
