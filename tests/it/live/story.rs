//! The live inbox behind the real door: what a booking sends, to whom, and what was read.

use serde_json::{Value, json};

use super::tab::Tab;
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Person, Town};

on_both_engines!(
    both_sides_see_a_booking_at_once_and_the_inbox_agrees,
    a_booking_is_followed_by_those_whom_it_concerns,
    whoever_looks_at_one_of_a_series_hears_of_a_step_with_all_of_them,
    a_lost_seat_is_seen_on_the_open_page,
    a_disabled_person_is_let_go_at_once,
    a_token_that_cannot_be_checked_is_not_called_bad,
);

const TEN: &str = "2027-03-02T10:00:00Z";

/// A live connection of this person at the door of node `node`.
async fn open(town: &Town, person: &Person, node: usize, after: Option<i64>) -> (Tab, Value) {
    let ticket = person.post("/live/ticket", json!({})).await.expect(200);
    assert_eq!(ticket.body["expires_in"], 30);
    let after = after.map_or(String::new(), |after| format!("&after={after}"));
    let path = format!("/ws?ticket={}{after}", ticket.text("ticket"));
    let mut tab = Tab::at(town.nodes[node].address, &path).await;
    let welcome = tab.next().await;
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(welcome["user_id"], person.id);
    (tab, welcome)
}

/// Whether the nodes of this town hear each other.
fn wired(fresh: &Fresh) -> bool {
    fresh.store.engine() == "postgres" && std::env::var("BELFRY_TEST_REDIS_URL").is_ok()
}

async fn both_sides_see_a_booking_at_once_and_the_inbox_agrees(fresh: &Fresh) {
    let mut town = Town::open(fresh).await;
    if wired(fresh) {
        town.add_node().await;
    }
    let far = town.nodes.len() - 1;
    let (expert, client) = (town.expert().await, town.client().await);
    let (mut desk, welcome) = open(&town, &expert, far, None).await;
    assert_eq!(
        (&welcome["offset"], &welcome["unread"]),
        (&json!(0), &json!(0))
    );
    let (mut tab, _) = open(&town, &client, 0, None).await;
    let booking = client.book(&expert, TEN).await.expect(201);
    for (seen, person) in [(desk.next().await, &expert), (tab.next().await, &client)] {
        assert_eq!(seen["type"], "notification");
        assert_eq!(seen["offset"], 1);
        assert_eq!(seen["notification"]["kind"], "booking.created");
        assert_eq!(
            seen["notification"]["data"]["booking_id"],
            booking.body["id"]
        );
        let page = person.get("/notifications").await.expect(200);
        assert_eq!(page.body["items"], json!([seen["notification"]]));
        assert_eq!(page.body["next"], Value::Null);
        let count = person.get("/notifications/unread-count").await.expect(200);
        assert_eq!(count.body, json!({"unread": 1}));
    }
    let id = booking.text("id");
    let confirm = format!("/bookings/{id}/confirm");
    expert.post(&confirm, json!({})).await.expect(200);
    let confirmed = tab.next().await;
    assert_eq!(confirmed["notification"]["kind"], "booking.confirmed");
    // Read over REST on one node, seen on the sockets of all.
    let entry = confirmed["notification"]["id"].as_str().unwrap();
    let read = format!("/notifications/{entry}/read");
    client
        .at(&town, far)
        .post(&read, json!({}))
        .await
        .expect(204);
    if wired(fresh) || far == 0 {
        assert_eq!(tab.next().await, json!({"type": "read", "id": entry}));
    }
    client
        .post("/notifications/read-all", json!({}))
        .await
        .expect(204);
    assert_eq!(tab.next_of("read").await["up_to"], 2);
    let unread = client.get("/notifications?unread=true").await.expect(200);
    assert_eq!(unread.body["items"], json!([]));
    // Somebody else's entry is not there.
    expert
        .post(&read, json!({}))
        .await
        .problem(404, "not-found");
    let path = format!("/notifications/{entry}");
    expert.delete(&path).await.problem(404, "not-found");
    client.delete(&path).await.expect(204);
    client.delete(&path).await.problem(404, "not-found");
    town.stranger()
        .get("/notifications")
        .await
        .problem(401, "unauthenticated");
    town.stranger()
        .post("/live/ticket", json!({}))
        .await
        .problem(401, "unauthenticated");
    // Back after a pause: everything missed, in order, then the end.
    drop(desk);
    for _ in 0..3 {
        let note = json!({"note": "a little later"});
        client
            .patch(&format!("/bookings/{id}"), note)
            .await
            .expect(200);
    }
    let (mut desk, _) = open(&town, &expert, 0, Some(1)).await;
    let mut last = 1;
    loop {
        let frame = desk.next().await;
        if frame["type"] == "caught_up" && frame["offset"] == json!(last) && last >= 2 {
            break;
        }
        if frame["type"] == "notification" {
            last += 1;
            assert_eq!(frame["offset"], last);
        }
    }
    town.close().await;
}

async fn a_booking_is_followed_by_those_whom_it_concerns(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let booking = client.book(&expert, TEN).await.expect(201).text("id");
    let topic = format!("booking:{booking}");
    let follow = json!({"type": "subscribe", "topic": topic, "ref": 1});
    let (stranger, admin) = (town.client().await, town.admin().await);
    let manager = town.manager(None).await;
    for (person, may) in [
        (&expert, true),
        (&client, true),
        (&admin, true),
        (&manager, false),
        (&stranger, false),
    ] {
        let (mut tab, _) = open(&town, person, 0, None).await;
        tab.say(follow.clone()).await;
        let mut answer = tab.next().await;
        while answer["ref"] != 1 {
            answer = tab.next().await;
        }
        assert_eq!(answer["type"] == "ok", may, "{answer}");
        if !may {
            assert_eq!(answer["code"], "forbidden");
        }
    }
    town.close().await;
}

async fn whoever_looks_at_one_of_a_series_hears_of_a_step_with_all_of_them(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let wish = json!({
        "expert_id": expert.id, "starts_at": TEN, "mode": "online", "rule": { "every": "week", "count": 3 },
    });
    let series = client.post("/series", wish).await.expect(201).body;
    let last = series["bookings"][2]["id"].as_str().unwrap();
    let topic = format!("booking:{last}");
    let (mut page, _) = open(&town, &client, 0, None).await;
    page.say(json!({"type": "subscribe", "topic": topic, "ref": 1}))
        .await;
    page.next_of("ok").await;
    // The bus may confirm a little after the answer; the second step is surely heard.
    let path = format!("/series/{}", series["id"].as_str().unwrap());
    for verb in ["confirm", "cancel"] {
        let reason = json!({ "reason": "ill" });
        let path = format!("{path}/{verb}");
        expert.post(&path, reason).await.expect(200);
    }
    let event = page.next_of("event").await;
    assert_eq!(event["topic"], topic);
    town.close().await;
}

async fn a_lost_seat_is_seen_on_the_open_page(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client, looker) = (
        town.expert().await,
        town.client().await,
        town.client().await,
    );
    let (mut page, _) = open(&town, &looker, 0, None).await;
    let topic = format!("expert:{}:slots", expert.id);
    page.say(json!({"type": "subscribe", "topic": topic, "ref": 1}))
        .await;
    page.next_of("ok").await;
    // The bus may confirm a little after the answer; a later booking is surely heard.
    for hour in 9..16 {
        let starts_at = format!("2027-03-02T{hour:02}:00:00Z");
        client.book(&expert, &starts_at).await.expect(201);
    }
    let event = page.next_of("event").await;
    assert_eq!(event["topic"], topic);
    assert_eq!(event["event"]["type"], "slots.changed");
    town.close().await;
}

async fn a_disabled_person_is_let_go_at_once(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let (mut tab, _) = open(&town, &client, 0, None).await;
    let path = format!("/admin/users/{}", client.id);
    admin
        .patch(&path, json!({"disabled": true}))
        .await
        .expect(200);
    assert_eq!(tab.closed().await, 4403);
    town.close().await;
}

async fn a_token_that_cannot_be_checked_is_not_called_bad(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let (mut tab, _) = open(&town, &client, 0, None).await;
    let token = client.token.clone().unwrap();
    let say = json!({"type": "authenticate", "token": token, "ref": 1});
    tab.say(say.clone()).await;
    tab.next_of("ok").await;
    // What is remembered of the account is no longer believed, and the database is away.
    town.clock.advance(chrono::TimeDelta::seconds(6));
    town.store.close().await;
    tab.say(say).await;
    assert_eq!(tab.next_of("error").await["code"], "unavailable");
    tab.say(json!({"type": "authenticate", "token": "none", "ref": 2}))
        .await;
    assert_eq!(tab.next_of("error").await["code"], "bad_token");
    town.close().await;
}
