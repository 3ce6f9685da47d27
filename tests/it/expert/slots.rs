//! Free slots: days, zones, lengths, and the tag that changes when they do (C2.3).

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;

use super::{UNKNOWN, pointer};
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

on_both_engines!(
    every_day_asked_for_is_listed_in_the_zone_asked_for,
    slots_come_in_the_length_asked_for,
    a_question_for_slots_is_checked,
    slots_keep_their_tag_until_they_change,
    a_tag_is_known_in_a_list_and_when_a_proxy_weakened_it,
    whatever_takes_or_gives_time_changes_the_slots_at_once,
);

fn dates(answer: &Answer) -> Vec<String> {
    let days = answer.body["days"].as_array().unwrap().iter();
    days.map(|day| day["date"].as_str().unwrap().to_owned())
        .collect()
}

async fn every_day_asked_for_is_listed_in_the_zone_asked_for(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let path = format!("/experts/{}/slots", expert.id);
    let week = town
        .stranger()
        .get(&format!("{path}?from=2027-03-05&days=4"))
        .await
        .expect(200);
    assert_eq!(
        (&week.body["expert_id"], &week.body["time_zone"]),
        (&json!(expert.id), &json!("UTC"))
    );
    assert_eq!(
        dates(&week),
        ["2027-03-05", "2027-03-06", "2027-03-07", "2027-03-08"]
    );
    assert_eq!(
        week.body["days"][1],
        json!({ "date": "2027-03-06", "slots": [] })
    );
    let first = json!({ "starts_at": "2027-03-05T09:00:00Z", "ends_at": "2027-03-05T10:00:00Z" });
    assert_eq!(week.body["days"][0]["slots"][0], first);

    // 16:00 UTC is already tomorrow at Kiritimati, fourteen hours ahead.
    let far = format!("{path}?from=2027-03-02&days=2&time_zone=Pacific/Kiritimati");
    let far = town.stranger().get(&far).await.expect(200);
    assert_eq!(far.body["time_zone"], "Pacific/Kiritimati");
    let starts = |day: usize| {
        let slots = far.body["days"][day]["slots"].as_array().unwrap();
        let first = slots[0]["starts_at"].as_str().unwrap().to_owned();
        (first, slots.len())
    };
    assert_eq!(starts(1).0, "2027-03-02T10:00:00Z");
    assert_eq!(starts(0).0, "2027-03-01T12:00:00Z");
    let most = town
        .stranger()
        .get(&format!("{path}?from=2027-03-02&days=62"))
        .await
        .expect(200);
    assert_eq!(dates(&most).len(), 62);
    let bare = town.stranger().get(&path).await.expect(200);
    assert_eq!(dates(&bare)[0], "2027-03-01", "today, when left out");
    town.close().await;
}

async fn slots_come_in_the_length_asked_for(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let ask = async |minutes: &str| {
        let path = format!(
            "/experts/{}/slots?from=2027-03-02&days=1&minutes={minutes}",
            expert.id
        );
        let answer = town.stranger().get(&path).await.expect(200);
        answer.body["days"][0]["slots"].as_array().unwrap().len()
    };
    assert_eq!(
        (ask("60").await, ask("30").await, ask("45").await),
        (15, 16, 0)
    );
    town.close().await;
}

async fn a_question_for_slots_is_checked(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    for (query, at, code) in [
        ("days=0", "/days", "out_of_range"),
        ("days=63", "/days", "out_of_range"),
        ("days=many", "/days", "invalid"),
        ("minutes=0", "/minutes", "out_of_range"),
        ("minutes=1441", "/minutes", "out_of_range"),
        ("time_zone=Mars/Olympus", "/time_zone", "unknown_zone"),
        ("time_zone=", "/time_zone", "unknown_zone"),
        ("from=yesterday", "/from", "invalid"),
        ("from=2027-3-2", "/from", "invalid"),
        ("from=2027-02-29", "/from", "invalid"),
        ("from=9999-12-31", "/from", "invalid"),
        ("form=2027-03-02", "/form", "unknown_field"),
    ] {
        let path = format!("/experts/{}/slots?{query}", expert.id);
        pointer(town.stranger().get(&path).await, at, code);
    }
    for nobody in [UNKNOWN.to_owned(), town.client().await.id] {
        let path = format!("/experts/{nobody}/slots?from=2027-03-02&days=1");
        town.stranger().get(&path).await.problem(404, "not-found");
    }
    town.close().await;
}

async fn a_tag_is_known_in_a_list_and_when_a_proxy_weakened_it(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let path = format!("/experts/{}/slots?from=2027-03-02&days=1", expert.id);
    let answer = expert.get(&path).await.expect(200);
    let tag = answer.header("etag").unwrap();
    for (known, status) in [
        (format!("W/{tag}"), 304),
        (format!("\"other\", {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        let headers = [("if-none-match", known.as_str())];
        expert
            .send(Method::GET, &path, None, &headers)
            .await
            .expect(status);
    }
    town.close().await;
}

/// Asks with the tag of the last answer; the new tag if the slots changed.
async fn changed(person: &Person, path: &str, tag: &mut String) -> bool {
    let answer = person
        .send(Method::GET, path, None, &[("if-none-match", tag)])
        .await;
    if answer.status == 304 {
        assert_eq!(
            (answer.text.as_str(), answer.header("etag")),
            ("", Some(tag.as_str()))
        );
        return false;
    }
    tag.clone_from(&answer.expect(200).header("etag").unwrap().to_owned());
    true
}

async fn slots_keep_their_tag_until_they_change(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let path = format!("/experts/{}/slots?from=2027-03-02&days=1", expert.id);
    let stranger = town.stranger();
    let mut tag = String::new();
    assert!(changed(&stranger, &path, &mut tag).await);
    assert!(!changed(&stranger, &path, &mut tag).await);
    town.clock.advance(TimeDelta::minutes(1));
    assert!(!changed(&stranger, &path, &mut tag).await);
    // Time alone takes the nine o'clock slot away.
    town.clock.set("2027-03-02T09:00:01Z".parse().unwrap());
    assert!(changed(&stranger, &path, &mut tag).await);
    let other_day = format!("/experts/{}/slots?from=2027-03-03&days=1", expert.id);
    assert!(changed(&stranger, &other_day, &mut tag).await);
    town.close().await;
}

async fn whatever_takes_or_gives_time_changes_the_slots_at_once(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let base = format!("/experts/{}", expert.id);
    let path = format!("{base}/slots?from=2027-03-02&days=1");
    let mut tag = String::new();
    changed(&client, &path, &mut tag).await;
    let full = client.slots(&expert, "2027-03-02", 1).await;
    macro_rules! moves {
        ($what:expr, $status:expr) => {{
            let answer = $what.await.expect($status);
            assert!(
                changed(&client, &path, &mut tag).await,
                "{}",
                stringify!($what)
            );
            answer
        }};
    }
    let wish =
        json!({ "expert_id": expert.id, "starts_at": "2027-03-02T09:00:00Z", "minutes": 60 });
    let hold = moves!(client.post("/holds", wish), 201).text("id");
    moves!(client.delete(&format!("/holds/{hold}")), 204);
    let booking = moves!(client.book(&expert, "2027-03-02T10:00:00Z"), 201).text("id");
    let later = json!({ "starts_at": "2027-03-02T12:00:00Z" });
    moves!(
        client.post(&format!("/bookings/{booking}/reschedule"), later),
        200
    );
    moves!(
        client.post(&format!("/bookings/{booking}/cancel"), json!({})),
        200
    );
    assert_eq!(client.slots(&expert, "2027-03-02", 1).await, full);
    let day = json!({ "intervals": [{ "from": "20:00", "until": "22:00" }] });
    moves!(
        expert.put(&format!("{base}/overrides/2027-03-02"), day),
        200
    );
    moves!(expert.delete(&format!("{base}/overrides/2027-03-02")), 204);
    let off = json!({ "starts_at": "2027-03-02T13:00:00Z", "ends_at": "2027-03-02T14:00:00Z" });
    let off = moves!(expert.post(&format!("{base}/time-off"), off), 201).text("id");
    moves!(expert.delete(&format!("{base}/time-off/{off}")), 204);
    assert_eq!(client.slots(&expert, "2027-03-02", 1).await, full);
    let mut schedule = expert
        .get(&format!("{base}/schedule"))
        .await
        .expect(200)
        .body;
    schedule["booking_rules"]["interval_minutes"] = json!(60);
    moves!(expert.put(&format!("{base}/schedule"), schedule), 200);
    town.close().await;
}
