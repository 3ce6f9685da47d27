//! A day of a branch, on its own clock, for who runs it.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::open_branch;
use crate::contract::body::pointed_at;
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Person, Town};

on_both_engines!(
    a_day_says_who_is_there_when_on_the_branchs_clock,
    who_came_for_an_appointment_and_what_is_over_stay_on_their_day,
    a_date_is_as_long_as_the_branchs_clock_makes_it,
    only_who_runs_a_branch_sees_its_day,
);

async fn day(person: &Person, branch: &str, date: &str) -> Value {
    let path = format!("/branches/{branch}/day?date={date}");
    person.get(&path).await.expect(200).body
}

fn stretch(from: &str, until: &str) -> Value {
    json!({ "starts_at": from, "ends_at": until })
}

async fn a_day_says_who_is_there_when_on_the_branchs_clock(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    // Seven hours ahead of UTC: open from eight to twelve UTC on Tuesdays.
    let body = json!({ "name": "There", "time_zone": "Asia/Ho_Chi_Minh",
        "weekly": [{ "weekday": "tuesday", "from": "15:00", "until": "19:00" }],
        "overrides": [{ "date": "2027-03-09", "intervals": [] }] });
    let branch = admin.post("/branches", body).await.expect(201).text("id");
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let idle = town.expert_with(json!({}), Some(&branch)).await;
    let elsewhere = town.expert().await;
    let off = json!({ "starts_at": "2027-03-02T10:00:00Z", "ends_at": "2027-03-02T11:00:00Z", "reason": "Dentist" });
    for person in [&expert, &elsewhere] {
        let path = format!("/experts/{}/time-off", person.id);
        person.post(&path, off.clone()).await.expect(201);
        let path = format!("/experts/{}/sessions", person.id);
        let draft = json!({ "title": "Yoga", "starts_at": "2027-03-02T12:00:00Z", "minutes": 60, "seats": 3, "mode": "online" });
        person.post(&path, draft).await.expect(201);
    }
    let path = format!("/experts/{}/overrides/2027-03-02", idle.id);
    idle.put(&path, json!({ "intervals": [] }))
        .await
        .expect(200);

    let manager = town.manager(Some(&branch)).await;
    let tuesday = day(&manager, &branch, "2027-03-02").await;
    assert_eq!(tuesday["branch"], json!({ "id": branch, "name": "There" }));
    assert_eq!(tuesday["time_zone"], "Asia/Ho_Chi_Minh");
    assert_eq!(
        (&tuesday["starts_at"], &tuesday["ends_at"]),
        (
            &json!("2027-03-01T17:00:00Z"),
            &json!("2027-03-02T17:00:00Z")
        )
    );
    let open = stretch("2027-03-02T08:00:00Z", "2027-03-02T12:00:00Z");
    assert_eq!(tuesday["opening"], json!([open]));
    let experts = tuesday["experts"].as_array().unwrap();
    assert_eq!(experts.len(), 2, "those of the branch alone: {experts:?}");
    let of = |person: &Person| {
        let found = experts.iter().find(|one| one["expert"]["id"] == person.id);
        found.unwrap().clone()
    };
    // The narrower hours, and what is taken off is told beside them.
    let hours = stretch("2027-03-02T09:00:00Z", "2027-03-02T12:00:00Z");
    assert_eq!(of(&expert)["hours"], json!([hours]));
    let mut away = stretch("2027-03-02T10:00:00Z", "2027-03-02T11:00:00Z");
    away["cause"] = json!("time_off");
    away["reason"] = json!("Dentist");
    assert_eq!(of(&expert)["away"], json!([away]));
    assert_eq!(
        (
            &of(&expert)["presence"],
            &of(&idle)["hours"],
            &of(&idle)["away"]
        ),
        (&json!("offline"), &json!([]), &json!([]))
    );
    let sessions = tuesday["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!(
        (&sessions[0]["expert"]["id"], &sessions[0]["seats"]),
        (&json!(expert.id), &json!(3))
    );
    // The day before and the day after have none of it.
    for date in ["2027-03-01", "2027-03-03"] {
        let other = day(&manager, &branch, date).await;
        assert_eq!(
            (&other["opening"], &other["sessions"]),
            (&json!([]), &json!([]))
        );
        assert_eq!(other["experts"][0]["away"], json!([]));
    }
    let closed = day(&manager, &branch, "2027-03-09").await;
    assert_eq!(
        (&closed["opening"], &closed["experts"][0]["hours"]),
        (&json!([]), &json!([]))
    );
    // A public holiday is told apart from a day without hours.
    let path = format!("/branches/{branch}");
    let always = json!({ "time_zone": "UTC", "weekly": null, "overrides": [] });
    admin.patch(&path, always).await.expect(200);
    let path = format!("/experts/{}/holidays", expert.id);
    expert
        .put(&path, json!({ "region": "GB-ENG" }))
        .await
        .expect(200);
    let friday = day(&manager, &branch, "2027-03-26").await;
    assert_eq!(friday["opening"], Value::Null, "no hours of its own");
    let holidays: Vec<(bool, usize)> = friday["experts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["holiday"] == true,
                one["hours"].as_array().unwrap().len(),
            )
        })
        .collect();
    assert!(
        holidays.contains(&(true, 0)) && holidays.contains(&(false, 1)),
        "{holidays:?}"
    );
    town.close().await;
}

async fn who_came_for_an_appointment_and_what_is_over_stay_on_their_day(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let client = town.client().await;
    let off = json!({ "starts_at": "2027-03-01T14:00:00Z", "ends_at": "2027-03-01T14:30:00Z" });
    let path = format!("/experts/{}/time-off", expert.id);
    expert.post(&path, off).await.expect(201);
    let booking = client.book(&expert, "2027-03-01T12:30:00Z").await;
    let booking = booking.expect(201).text("id");
    let manager = town.manager(Some(&branch)).await;
    let now = manager.get(&format!("/branches/{branch}/day")).await;
    let now = now.expect(200).body;
    assert_eq!(
        (&now["date"], &now["arrivals"]),
        (&json!("2027-03-01"), &json!([]))
    );
    let came = async || {
        let path = format!("/bookings/{booking}/check-in");
        client.post(&path, json!({})).await.expect(201)
    };
    let first = came().await;
    let arrived = day(&manager, &branch, "2027-03-01").await;
    let expected = json!([{ "booking_id": booking, "visit_id": first.text("id"), "number": first.body["number"],
        "state": "waiting", "came_at": first.body["joined_at"] }]);
    assert_eq!(arrived["arrivals"], expected);
    // Whoever left and came again has come once.
    let path = format!("/visits/{}/leave", first.text("id"));
    client.post(&path, json!({})).await.expect(200);
    town.clock.advance(TimeDelta::minutes(1));
    let second = came().await;
    let again = day(&manager, &branch, "2027-03-01").await;
    let arrivals = again["arrivals"].as_array().unwrap();
    assert_eq!(arrivals.len(), 1, "{arrivals:?}");
    assert_eq!(arrivals[0]["visit_id"], second.body["id"]);

    town.clock.advance(TimeDelta::days(1));
    let manager = town.again(manager).await;
    let yesterday = day(&manager, &branch, "2027-03-01").await;
    assert_eq!(yesterday["experts"][0]["away"][0]["cause"], "time_off");
    assert_eq!(yesterday["arrivals"][0]["booking_id"], booking);
    let today = manager.get(&format!("/branches/{branch}/day")).await;
    let today = today.expect(200).body;
    assert_eq!(
        (&today["date"], &today["arrivals"]),
        (&json!("2027-03-02"), &json!([]))
    );
    town.close().await;
}

async fn a_date_is_as_long_as_the_branchs_clock_makes_it(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let week = json!([{ "weekday": "sunday", "from": "00:00", "until": "24:00" }]);
    let body = json!({ "name": "Here", "time_zone": "Europe/London", "weekly": week });
    let branch = admin.post("/branches", body).await.expect(201).text("id");
    // The clock goes forward in the night of the first date and back in that of the second.
    for (date, from, until) in [
        ("2027-03-28", "2027-03-28T00:00:00Z", "2027-03-28T23:00:00Z"),
        ("2027-10-31", "2027-10-30T23:00:00Z", "2027-11-01T00:00:00Z"),
    ] {
        let shown = day(&admin, &branch, date).await;
        assert_eq!(
            (&shown["starts_at"], &shown["ends_at"]),
            (&json!(from), &json!(until))
        );
        assert_eq!(shown["opening"], json!([stretch(from, until)]));
    }
    town.close().await;
}

async fn only_who_runs_a_branch_sees_its_day(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let other = open_branch(&admin, json!({})).await;
    let manager = town.manager(Some(&branch)).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let path = format!("/branches/{branch}/day");
    manager.get(&path).await.expect(200);
    let elsewhere = manager.get(&format!("/branches/{other}/day")).await;
    elsewhere.problem(403, "forbidden");
    expert.get(&path).await.problem(403, "forbidden");
    town.client()
        .await
        .get(&path)
        .await
        .problem(403, "forbidden");
    let nowhere = admin.get(&format!("/branches/{}/day", admin.id)).await;
    nowhere.problem(404, "not-found");
    for date in ["2027-02-30", "tomorrow", "2027-3-1"] {
        let wrong = manager.get(&format!("{path}?date={date}")).await;
        pointed_at(wrong, "/date", "invalid");
    }
    town.close().await;
}
