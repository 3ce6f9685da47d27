//! How updates come in: once each, by one node at a time, over restarts, or by a webhook.

use serde_json::{Value, json};

use belfry_store::Store;

use super::{call, link, open, told};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::standin::telegram::Telegram;
use crate::town::Town;

on_both_engines!(
    what_was_said_while_the_house_was_closed_is_answered_once,
    several_nodes_answer_once,
    telegram_may_call_with_its_secret_and_is_heard_once,
    an_update_that_nobody_understands_is_passed_over,
);

const HELP: &str = "/stop –";

/// Another house over the same database, by connections of its own.
async fn open_beside(fresh: &Fresh, telegram: &Telegram) -> Town {
    let [kind, place] = fresh.place();
    let store = match kind.as_str() {
        "--data-dir" => Store::open_sqlite(&std::path::Path::new(&place).join("belfry.db")).await,
        _ => Store::connect_postgres(&place, 8).await,
    };
    Town::open_over(fresh, store.unwrap(), |settings| {
        telegram.settings(&mut settings.telegram);
    })
    .await
}

async fn what_was_said_while_the_house_was_closed_is_answered_once(fresh: &Fresh) {
    let telegram = Telegram::start().await;
    let town = open(fresh, &telegram).await;
    let person = town.client().await;
    link(&telegram, &person, 1).await;
    town.close().await;
    telegram.writes(1, "/help");
    let said = telegram.waiting();
    let town = open_beside(fresh, &telegram).await;
    told(&telegram, 1, HELP).await;
    eventually("everything confirmed", async || telegram.is_heard()).await;
    // Telegram lost what was confirmed and says it again.
    for update in said {
        telegram.give_again(update);
    }
    telegram.writes(1, "/stop");
    told(&telegram, 1, "Disconnected").await;
    let answers = telegram.shown(1);
    let helped = answers
        .iter()
        .filter(|shown| shown.text().contains(HELP))
        .count();
    assert_eq!(helped, 1, "{answers:#?}");
    town.close().await;
}

async fn several_nodes_answer_once(fresh: &Fresh) {
    let telegram = Telegram::start().await;
    let town = open(fresh, &telegram).await;
    let beside = open_beside(fresh, &telegram).await;
    let person = town.client().await;
    link(&telegram, &person, 1).await;
    for _ in 0..10 {
        telegram.writes(1, "/help");
    }
    eventually("ten answers", async || telegram.shown(1).len() > 10).await;
    // The one that listened goes away, and the other takes over.
    town.close().await;
    telegram.writes(1, "/stop");
    told(&telegram, 1, "Disconnected").await;
    assert_eq!(telegram.shown(1).len(), 12);
    beside.close().await;
}

async fn telegram_may_call_with_its_secret_and_is_heard_once(fresh: &Fresh) {
    let telegram = Telegram::start().await;
    let town = Town::open_with(fresh, |settings| {
        telegram.settings(&mut settings.telegram);
        settings.telegram.mode = "webhook".to_owned();
        settings.http.public_url = "https://book.belfry.test".to_owned();
    })
    .await;
    let hook: Value = eventually("the webhook", async || telegram.webhook()).await;
    assert_eq!(hook["url"], "https://book.belfry.test/hooks/telegram");
    let secret = hook["secret_token"].as_str().unwrap().to_owned();
    telegram.writes(1, "/help");
    let update = telegram.take_updates().remove(0);
    for shown in [Some("guessed"), None] {
        let refused = call(&town, shown, update.clone()).await;
        refused.problem(401, "unauthenticated");
    }
    assert!(telegram.shown(1).is_empty());
    for _ in 0..3 {
        call(&town, Some(&secret), update.clone()).await.expect(200);
    }
    assert_eq!(telegram.shown(1).len(), 1);
    call(&town, Some(&secret), json!({ "hello": 1 }))
        .await
        .problem(400, "malformed");
    town.close().await;
}

async fn an_update_that_nobody_understands_is_passed_over(fresh: &Fresh) {
    let telegram = Telegram::start().await;
    let town = open(fresh, &telegram).await;
    telegram.give_again(json!({ "update_id": 1, "message": { "of": "another kind" } }));
    telegram.give_again(json!({ "update_id": 2, "from_the_future": { "x": 1 } }));
    telegram.writes(1, "/help");
    told(&telegram, 1, "Kết nối Telegram").await;
    town.close().await;
}
