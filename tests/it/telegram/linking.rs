//! Whose chat it is: codes, and what ends a connection.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{link, open, told};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::standin::telegram::Telegram;
use crate::town::{Person, Town};

on_both_engines!(
    a_code_works_once_and_for_one_chat,
    a_code_that_has_expired_or_was_replaced_connects_nobody,
    another_persons_code_takes_the_chat_over_and_only_by_its_owners_own_hand,
    what_was_connected_is_disconnected_from_either_end,
    a_group_is_nobodys_chat,
);

async fn linked(person: &Person) -> Value {
    person.get("/me/telegram").await.expect(200).body["linked"].clone()
}

async fn code_of(person: &Person) -> String {
    let made = person.post("/me/telegram", json!({})).await.expect(201);
    let (code, url) = (made.text("code"), made.text("url"));
    assert_eq!(url, format!("https://t.me/belfry_test_bot?start={code}"));
    assert!(code.len() <= 64 && code.len() >= 22, "{code}");
    code
}

async fn tries(telegram: &Telegram, chat: i64, code: &str, answer: &str) {
    let before = telegram.shown(chat).len();
    telegram.writes(chat, &format!("/start {code}"));
    let look = async || telegram.shown(chat).get(before).cloned();
    let answered = eventually("an answer to the code", look).await;
    assert!(answered.text().contains(answer), "{}", answered.text());
}

const FAILED: &str = "đã hết hạn hoặc đã được dùng";

async fn open_town(fresh: &Fresh) -> (Telegram, Town) {
    let telegram = Telegram::start().await;
    let town = open(fresh, &telegram).await;
    (telegram, town)
}

async fn a_code_works_once_and_for_one_chat(fresh: &Fresh) {
    let (telegram, town) = open_town(fresh).await;
    let person = town.client().await;
    let code = code_of(&person).await;
    tries(&telegram, 1, &code, "Connected, Person 0.").await;
    // Somebody who has seen the code is too late.
    tries(&telegram, 2, &code, FAILED).await;
    tries(&telegram, 2, "guessed", FAILED).await;
    assert_eq!(linked(&person).await, true);
    let chat = town.store.owner_of_chat("2").await.unwrap();
    assert_eq!(chat, None);
    // It is kept as a hash alone.
    let owner = town.store.owner_of_chat("1").await.unwrap();
    assert_eq!(
        owner.map(|owner| owner.to_string()),
        Some(person.id.clone())
    );
    town.close().await;
}

async fn a_code_that_has_expired_or_was_replaced_connects_nobody(fresh: &Fresh) {
    let (telegram, town) = open_town(fresh).await;
    let person = town.client().await;
    let code = code_of(&person).await;
    town.clock.advance(TimeDelta::minutes(10));
    tries(&telegram, 1, &code, FAILED).await;
    let replaced = code_of(&person).await;
    let code = code_of(&person).await;
    tries(&telegram, 1, &replaced, FAILED).await;
    assert_eq!(linked(&person).await, false);
    tries(&telegram, 1, &code, "Connected").await;
    assert_eq!(linked(&person).await, true);
    town.close().await;
}

async fn another_persons_code_takes_the_chat_over_and_only_by_its_owners_own_hand(fresh: &Fresh) {
    let (telegram, town) = open_town(fresh).await;
    let (ann, ben) = (town.client().await, town.client().await);
    link(&telegram, &ann, 1).await;
    link(&telegram, &ben, 1).await;
    assert_eq!(
        (linked(&ann).await, linked(&ben).await),
        (json!(false), json!(true))
    );
    // A person has one chat.
    link(&telegram, &ben, 2).await;
    assert_eq!(town.store.owner_of_chat("1").await.unwrap(), None);
    town.close().await;
}

async fn what_was_connected_is_disconnected_from_either_end(fresh: &Fresh) {
    let (telegram, town) = open_town(fresh).await;
    let person = town.client().await;
    let code = code_of(&person).await;
    tries(&telegram, 1, &code, "Connected").await;
    telegram.writes(1, "/stop");
    told(&telegram, 1, "Disconnected").await;
    assert_eq!(linked(&person).await, false);
    // The code that was used is void with the connection.
    tries(&telegram, 1, &code, FAILED).await;

    link(&telegram, &person, 1).await;
    person.delete("/me/telegram").await.expect(204);
    assert_eq!(linked(&person).await, false);
    telegram.writes(1, "/stop");
    told(&telegram, 1, "chưa kết nối với tài khoản nào").await;

    link(&telegram, &person, 1).await;
    telegram.blocks(1, true);
    eventually("a blocked bot counts as connected no more", async || {
        linked(&person).await == false
    })
    .await;
    town.close().await;
}

async fn a_group_is_nobodys_chat(fresh: &Fresh) {
    let (telegram, town) = open_town(fresh).await;
    let person = town.client().await;
    let code = code_of(&person).await;
    telegram.writes_in_group(-5, 1, &format!("/start@belfry_test_bot {code}"));
    told(&telegram, -5, "riêng").await;
    assert_eq!(linked(&person).await, false);
    // What is said among people is not answered.
    telegram.writes_in_group(-5, 1, "hello everybody");
    tries(&telegram, 1, &code, "Connected").await;
    assert_eq!(telegram.shown(-5).len(), 1);
    town.close().await;
}
