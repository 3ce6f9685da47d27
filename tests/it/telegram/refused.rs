//! What becomes of a message that Telegram does not take, and of those behind it.

use chrono::TimeDelta;
use serde_json::Value;

use super::{link, open, told};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::standin::Reply;
use crate::standin::telegram::{Telegram, too_many};
use crate::town::{Person, Town};

on_both_engines!(
    a_bot_that_is_told_to_wait_an_hour_waits_an_hour_and_mails_do_not,
    a_bot_that_was_blocked_is_silent_from_then_on,
    a_message_that_may_have_arrived_is_not_sent_twice,
    a_chat_that_has_moved_is_followed,
);

/// A house whose expert has chat 71.
async fn set(fresh: &Fresh) -> (Telegram, Town, Person, Person) {
    let telegram = Telegram::start().await;
    let town = open(fresh, &telegram).await;
    let (expert, client) = (town.expert().await, town.client().await);
    link(&telegram, &expert, 71).await;
    (telegram, town, expert, client)
}

/// Deliveries by Telegram.
async fn deliveries(admin: &Person) -> Vec<Value> {
    let path = "/admin/deliveries?limit=100";
    let all = admin.get(path).await.expect(200).body["items"].clone();
    let all = all.as_array().unwrap().clone().into_iter();
    all.filter(|one| one["channel"] == "telegram").collect()
}

/// Waits until a delivery by Telegram stands like this.
async fn stands(admin: &Person, status: &str) -> Value {
    eventually(&format!("it is {status}"), async || {
        let all = deliveries(admin).await;
        let found = all.iter().find(|one| one["status"] == status).cloned();
        found.ok_or(all)
    })
    .await
}

async fn a_bot_that_is_told_to_wait_an_hour_waits_an_hour_and_mails_do_not(fresh: &Fresh) {
    let (telegram, town, expert, client) = set(fresh).await;
    let admin = town.admin().await;
    telegram.fail(too_many(3600));
    let before = telegram.sends();
    client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    stands(&admin, "retrying").await;
    assert_eq!(telegram.sends(), before + 1);
    client
        .book(&expert, "2027-03-02T11:00:00Z")
        .await
        .expect(201);
    // The mails about the second booking have left, the chat messages wait.
    let path = format!("/admin/deliveries?limit=100&query={}", expert.email);
    eventually("both mails are kept", async || {
        let mails = admin.get(&path).await.expect(200).body["items"].clone();
        let mails = mails.as_array().unwrap();
        let kept = mails
            .iter()
            .filter(|m| m["kind"] == "booking.created" && m["status"] == "kept");
        kept.count() == 2
    })
    .await;
    town.clock.advance(TimeDelta::seconds(3599));
    assert_eq!(telegram.sends(), before + 1, "not one call before");
    town.clock.advance(TimeDelta::seconds(60));
    let arrived = async || {
        // One message a second to a chat.
        town.clock.advance(TimeDelta::seconds(1));
        let shown = telegram.shown(71).into_iter();
        shown.filter(|m| m.text().contains("Person 1")).count() == 2
    };
    eventually("both messages after the hour", arrived).await;
    town.close().await;
}

async fn a_bot_that_was_blocked_is_silent_from_then_on(fresh: &Fresh) {
    let (telegram, town, expert, client) = set(fresh).await;
    let admin = town.admin().await;
    telegram.blocks(71, false);
    client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    stands(&admin, "dead").await;
    let state = expert.get("/me/telegram").await.expect(200);
    assert_eq!(state.body["linked"], false);
    let sends = telegram.sends();
    client
        .book(&expert, "2027-03-02T11:00:00Z")
        .await
        .expect(201);
    let inbox = async || {
        expert.get("/notifications").await.expect(200).body["items"]
            .as_array()
            .unwrap()
            .len()
    };
    eventually("both are told", async || inbox().await >= 2).await;
    assert_eq!(deliveries(&admin).await.len(), 1);
    assert_eq!(telegram.sends(), sends);
    town.close().await;
}

async fn a_message_that_may_have_arrived_is_not_sent_twice(fresh: &Fresh) {
    let (telegram, town, expert, client) = set(fresh).await;
    let admin = town.admin().await;
    telegram.hang_up();
    client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    stands(&admin, "ambiguous").await;
    assert_eq!(
        telegram
            .shown(71)
            .iter()
            .filter(|m| m.text().contains("Person 1"))
            .count(),
        1
    );
    // A fault of the server is tried again; nothing of it had arrived. To one chat goes a message a second.
    town.clock.advance(TimeDelta::seconds(2));
    telegram.fail(Reply::json(500, serde_json::json!({ "ok": false, "error_code": 500, "description": "Internal Server Error" })));
    client
        .book(&expert, "2027-03-02T11:00:00Z")
        .await
        .expect(201);
    stands(&admin, "retrying").await;
    town.clock.advance(TimeDelta::minutes(1));
    stands(&admin, "sent").await;
    town.close().await;
}

async fn a_chat_that_has_moved_is_followed(fresh: &Fresh) {
    let (telegram, town, expert, client) = set(fresh).await;
    telegram.moves(71, -1_000_071);
    client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    told(&telegram, -1_000_071, "Person 1").await;
    eventually("where the chat moved is kept", async || {
        town.store
            .owner_of_chat("-1000071")
            .await
            .unwrap()
            .is_some()
    })
    .await;
    town.close().await;
}
