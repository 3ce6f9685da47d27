//! Figures over time: the weekly roll-up, the first page of the console, and files for spreadsheets (C5.5, C6.1).

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::town::{Person, Town};

on_both_engines!(
    a_week_is_rolled_up_and_made_anew_when_it_changes,
    a_week_is_of_the_experts_clock,
    managers_see_their_branch_and_nobody_else_sees_anything,
    the_overview_counts_what_stands_and_what_went,
    a_file_holds_what_the_list_shows,
    a_file_of_people_holds_whom_the_list_shows,
    the_list_is_filtered_by_client_and_branch,
);

/// The weeks as told, after the scheduler has done its part.
async fn weeks(town: &Town, caller: &Person, query: &str) -> Vec<Value> {
    town.store.roll_up_weeks(town.now()).await.unwrap();
    let path = format!("/admin/reports/weekly?limit=100&until=2027-05-01{query}");
    let answer = caller.get(&path).await.expect(200);
    answer.body["items"].as_array().unwrap().clone()
}

fn counts(week: &Value) -> (String, Vec<(String, i64)>) {
    let counts = week["counts"].as_object().unwrap();
    let some = counts.iter().filter(|(_, n)| **n != 0);
    let some = some.map(|(status, n)| (status.clone(), n.as_i64().unwrap()));
    (week["week"].as_str().unwrap().to_owned(), some.collect())
}

fn one(week: &str, status: &str, n: i64) -> (String, Vec<(String, i64)>) {
    (week.to_owned(), vec![(status.to_owned(), n)])
}

async fn a_week_is_rolled_up_and_made_anew_when_it_changes(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    assert_eq!(weeks(&town, &admin, "").await, [] as [Value; 0]);
    let first = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    client
        .book(&expert, "2027-03-03T10:00:00Z")
        .await
        .expect(201);
    let told = weeks(&town, &admin, "").await;
    let [week] = &told[..] else {
        panic!("one week: {told:?}");
    };
    assert_eq!(counts(week), one("2027-W09", "pending", 2));
    assert_eq!(week["starts_on"], "2027-03-01");
    assert_eq!(week["expert"]["id"], json!(expert.id));
    assert_eq!(
        (&week["total"], &week["booked_minutes"]),
        (&json!(2), &json!(120))
    );
    // Once more changes nothing.
    assert_eq!(weeks(&town, &admin, "").await, told);
    // A move takes it out of the week it was in, long after the roll-up was made.
    town.clock.advance(TimeDelta::hours(20));
    let client = town.again(client).await;
    let path = format!("/bookings/{}/reschedule", first.text("id"));
    client
        .post(&path, json!({ "starts_at": "2027-03-10T10:00:00Z" }))
        .await
        .expect(200);
    let admin = town.again(admin).await;
    let told: Vec<_> = weeks(&town, &admin, "").await.iter().map(counts).collect();
    assert_eq!(
        told,
        [one("2027-W10", "pending", 1), one("2027-W09", "pending", 1)]
    );
    // A late word about them counts in the week of the booking, not in that of the word: nobody confirmed, so the
    // sweep lets both be missed.
    town.clock.advance(TimeDelta::days(20));
    let admin = town.again(admin).await;
    let late = [one("2027-W10", "missed", 1), one("2027-W09", "missed", 1)];
    let started = std::time::Instant::now();
    let told = loop {
        let told: Vec<_> = weeks(&town, &admin, "").await.iter().map(counts).collect();
        if told == late {
            break told;
        }
        assert!(started.elapsed().as_secs() < 30, "{told:?}");
        tokio::task::yield_now().await;
    };
    // Of two who roll up at once, neither loses or doubles anything.
    let now = town.now();
    let (a, b) = tokio::join!(town.store.roll_up_weeks(now), town.store.roll_up_weeks(now));
    a.unwrap();
    b.unwrap();
    assert_eq!(
        weeks(&town, &admin, "")
            .await
            .iter()
            .map(counts)
            .collect::<Vec<_>>(),
        told
    );
    // Page by page it is the same.
    let page = admin
        .get("/admin/reports/weekly?limit=1&until=2027-05-01")
        .await
        .expect(200);
    let next = page.text("next");
    let path = format!("/admin/reports/weekly?limit=1&until=2027-05-01&after={next}");
    let rest = admin.get(&path).await.expect(200);
    assert_eq!(counts(&rest.body["items"][0]), told[1]);
    assert_eq!(rest.body["next"], json!(null));
    town.close().await;
}

async fn a_week_is_of_the_experts_clock(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    // Monday morning in Auckland is still Sunday in Greenwich.
    let schedule = json!({
        "time_zone": "Pacific/Auckland",
        "weekly": [{ "weekday": "monday", "from": "08:00", "until": "12:00" }],
        "booking_rules": { "minutes": [60], "interval_minutes": 60, "min_notice_minutes": 0, "horizon_days": 60 },
    });
    expert
        .put(&format!("/experts/{}/schedule", expert.id), schedule)
        .await
        .expect(200);
    client
        .book(&expert, "2027-03-14T19:00:00Z")
        .await
        .expect(201);
    let told: Vec<_> = weeks(&town, &admin, "").await.iter().map(counts).collect();
    assert_eq!(told, [one("2027-W11", "pending", 1)]);
    for (query, pointer) in [
        ("from=2027-03-08&until=2027-03-01", "/until"),
        ("from=2024-03-08&until=2027-03-01", "/until"),
        ("from=today", "/from"),
        ("branch_id=x", "/branch_id"),
    ] {
        for path in ["weekly", "weekly.csv"] {
            let path = format!("/admin/reports/{path}?{query}");
            let answer = admin.get(&path).await.problem(422, "validation");
            assert_eq!(answer.body["errors"][0]["pointer"], pointer);
        }
    }
    town.close().await;
}

async fn managers_see_their_branch_and_nobody_else_sees_anything(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = async |name: &str| {
        let body = json!({ "name": name, "time_zone": "UTC" });
        admin.post("/branches", body).await.expect(201).text("id")
    };
    let (here, there) = (branch("Here").await, branch("There").await);
    let ours = town.expert_with(json!({}), Some(&here)).await;
    let theirs = town.expert_with(json!({}), Some(&there)).await;
    let (manager, client) = (town.manager(Some(&here)).await, town.client().await);
    client.book(&ours, "2027-03-02T10:00:00Z").await.expect(201);
    client
        .book(&theirs, "2027-03-03T10:00:00Z")
        .await
        .expect(201);
    assert_eq!(weeks(&town, &admin, "").await.len(), 2);
    assert_eq!(
        weeks(&town, &admin, &format!("&branch_id={there}"))
            .await
            .len(),
        1
    );
    assert_eq!(
        weeks(&town, &admin, &format!("&expert_id={}", ours.id))
            .await
            .len(),
        1
    );
    let told = weeks(&town, &manager, "").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["branch"], json!({ "id": here, "name": "Here" }));
    assert_eq!(
        weeks(&town, &manager, &format!("&branch_id={here}")).await,
        told
    );
    let file = manager
        .get("/admin/reports/weekly.csv?until=2027-05-01")
        .await
        .expect(200);
    assert_eq!(file.text.lines().count(), 2, "{}", file.text);
    let overview = manager.get("/admin/overview").await.expect(200);
    assert_eq!(overview.body["bookings_this_week"]["pending"], 1);
    assert_eq!(
        (&overview.body["deliveries"], &overview.body["waiting"]),
        (&json!(null), &json!(null))
    );
    for path in ["overview", "reports/weekly", "reports/weekly.csv"] {
        let asked = format!("/admin/{path}?branch_id={there}");
        manager.get(&asked).await.problem(403, "forbidden");
        let lost = town.manager(None).await;
        lost.get(&format!("/admin/{path}"))
            .await
            .problem(403, "forbidden");
        for other in [&ours, &client] {
            other
                .get(&format!("/admin/{path}"))
                .await
                .problem(403, "forbidden");
        }
    }
    town.close().await;
}

async fn the_overview_counts_what_stands_and_what_went(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    let today = client
        .book(&expert, "2027-03-01T15:00:00Z")
        .await
        .expect(201);
    client
        .book(&expert, "2027-03-05T10:00:00Z")
        .await
        .expect(201);
    client
        .book(&expert, "2027-03-09T10:00:00Z")
        .await
        .expect(201);
    let path = format!("/bookings/{}/confirm", today.text("id"));
    expert.post(&path, json!({})).await.expect(200);
    // An hour of Friday is off: 5 days of 8 hours, and one less.
    let off = json!({ "starts_at": "2027-03-05T16:00:00Z", "ends_at": "2027-03-05T18:00:00Z" });
    expert
        .post(&format!("/experts/{}/time-off", expert.id), off)
        .await
        .expect(201);
    let answer = admin
        .get("/admin/overview?from=2027-03-01&days=7")
        .await
        .expect(200);
    let told = &answer.body;
    assert_eq!(
        (&told["today"], &told["days"]),
        (&json!("2027-03-01"), &json!(7))
    );
    assert_eq!(told["bookings_today"]["confirmed"], 1);
    assert_eq!(told["bookings_today"]["pending"], 0);
    assert_eq!(told["bookings_this_week"]["pending"], 1);
    let days = told["bookings"].as_array().unwrap();
    assert_eq!(days.len(), 7);
    assert_eq!(days[0]["date"], "2027-03-01");
    assert_eq!(days[0]["counts"]["confirmed"], 1);
    assert_eq!(days[4]["counts"]["pending"], 1);
    assert_eq!(days[6]["counts"]["pending"], 0);
    let busy = &told["experts"][0];
    assert_eq!(busy["expert"]["id"], json!(expert.id));
    assert_eq!(
        (&busy["booked_minutes"], &busy["open_minutes"]),
        (&json!(120), &json!(39 * 60))
    );
    let none = json!({ "dead": 0, "ambiguous": 0, "parked": 0 });
    for name in ["dead", "ambiguous", "parked"] {
        assert_eq!(told["waiting"][name], none[name]);
    }
    // Mails are kept by a house without a mail server; the couriers need a moment.
    let started = std::time::Instant::now();
    loop {
        let answer = admin
            .get("/admin/overview?from=2027-03-01&days=1")
            .await
            .expect(200);
        let mails: Vec<Value> = answer.body["deliveries"].as_array().unwrap().clone();
        let mail = mails.iter().find(|one| one["channel"] == "email");
        if mail.is_some_and(|mail| mail["arrived"].as_i64() > Some(2) && mail["waiting"] == 0) {
            assert_eq!(mail.unwrap()["date"], "2027-03-01");
            break;
        }
        assert!(started.elapsed().as_secs() < 30, "{}", answer.text);
        tokio::task::yield_now().await;
    }
    for (query, pointer) in [
        ("days=0", "/days"),
        ("days=93", "/days"),
        ("from=2027-13-01", "/from"),
    ] {
        let answer = admin
            .get(&format!("/admin/overview?{query}"))
            .await
            .problem(422, "validation");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer);
    }
    town.close().await;
}

async fn a_file_holds_what_the_list_shows(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    let note = "=cmd|' /C calc'!A0, \"quoted\"\nsecond line";
    let body = json!({ "expert_id": expert.id, "starts_at": "2027-03-02T10:00:00Z", "mode": "online", "note": note });
    let booked = client.post("/bookings", body).await.expect(201);
    client
        .book(&expert, "2027-03-03T10:00:00Z")
        .await
        .expect(201);
    let file = admin.get("/bookings.csv?sort=starts_at").await.expect(200);
    assert!(file.header("content-type").unwrap().starts_with("text/csv"));
    assert_eq!(
        file.header("content-disposition"),
        Some("attachment; filename=\"bookings.csv\"")
    );
    let mut reader = csv::Reader::from_reader(file.text.as_bytes());
    let lines: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(&lines[0][0], booked.text("code"));
    assert_eq!(&lines[0][2], "2027-03-02T10:00:00Z");
    // What begins like a formula is text; nothing else is changed.
    assert_eq!(&lines[0][8], format!("'{note}"));
    assert!(file.text.ends_with("\r\n"));
    let some = admin
        .get("/bookings.csv?from=2027-03-03&status=pending")
        .await
        .expect(200);
    assert_eq!(some.text.lines().count(), 2);
    let none = admin
        .get("/bookings.csv?status=confirmed")
        .await
        .expect(200);
    assert_eq!(none.text.lines().count(), 1);
    // Everybody has the file of what they see, and nobody another's.
    assert_eq!(
        client
            .get("/bookings.csv")
            .await
            .expect(200)
            .text
            .lines()
            .count(),
        4
    );
    let other = town.client().await;
    assert_eq!(
        other
            .get("/bookings.csv")
            .await
            .expect(200)
            .text
            .lines()
            .count(),
        1
    );
    client
        .get("/bookings.csv?sort=colour")
        .await
        .problem(422, "validation");
    let head = admin.send(Method::HEAD, "/bookings.csv", None, &[]).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    town.close().await;
}

async fn the_list_is_filtered_by_client_and_branch(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let body = json!({ "name": "Here", "time_zone": "UTC" });
    let here = admin.post("/branches", body).await.expect(201).text("id");
    let (ours, other) = (
        town.expert_with(json!({}), Some(&here)).await,
        town.expert().await,
    );
    let (ann, bob) = (town.client().await, town.client().await);
    ann.book(&ours, "2027-03-02T10:00:00Z").await.expect(201);
    ann.book(&other, "2027-03-03T10:00:00Z").await.expect(201);
    bob.book(&ours, "2027-03-02T14:00:00Z").await.expect(201);
    let count = async |caller: &Person, query: String| {
        let answer = caller.get(&format!("/bookings?{query}")).await.expect(200);
        answer.body["items"].as_array().unwrap().len()
    };
    assert_eq!(count(&admin, format!("client_id={}", ann.id)).await, 2);
    assert_eq!(count(&admin, format!("branch_id={here}")).await, 2);
    assert_eq!(
        count(&admin, format!("branch_id={here}&client_id={}", ann.id)).await,
        1
    );
    assert_eq!(
        count(
            &admin,
            format!("branch_id={here}&status=confirmed,pending&query=person")
        )
        .await,
        2
    );
    // A filter never shows more than there was to be seen.
    assert_eq!(count(&bob, format!("client_id={}", ann.id)).await, 0);
    assert_eq!(count(&bob, format!("branch_id={here}")).await, 1);
    town.close().await;
}

async fn a_file_of_people_holds_whom_the_list_shows(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert) = (town.admin().await, town.expert().await);
    // More than are read at once.
    let crowd = town.crowd(620).await;
    let lines = async |path: &str| {
        let file = admin.get(path).await.expect(200);
        assert_eq!(
            file.header("content-disposition"),
            Some("attachment; filename=\"people.csv\"")
        );
        let mut reader = csv::Reader::from_reader(file.text.as_bytes());
        let records = reader.records().map(Result::unwrap);
        records.collect::<Vec<csv::StringRecord>>()
    };
    let all = lines("/admin/users.csv").await;
    assert_eq!(all.len(), crowd.len() + 2);
    let emails: std::collections::BTreeSet<&str> = all.iter().map(|line| &line[1]).collect();
    assert!(
        crowd
            .iter()
            .all(|person| emails.contains(person.email.as_str()))
    );
    let experts = lines("/admin/users.csv?role=expert").await;
    assert_eq!(experts.len(), 1);
    assert_eq!(
        (&experts[0][1], &experts[0][2]),
        (expert.email.as_str(), "expert")
    );
    let path = format!("/admin/users.csv?query={}", crowd[7].email);
    assert_eq!(lines(&path).await.len(), 1);
    expert
        .get("/admin/users.csv")
        .await
        .problem(403, "forbidden");
    town.close().await;
}
