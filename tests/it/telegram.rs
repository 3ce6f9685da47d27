//! Telegram from both ends (T8, C5.2): a house with a bot, and people who write to it at a stand-in for Telegram.

/// Steps on bookings from a chat.
mod buttons;
/// How updates come in, whatever happens on the way.
mod inlet;
/// Whose chat it is.
mod linking;
/// What becomes of a message that Telegram does not take.
mod refused;

use serde_json::{Value, json};

use crate::engine::{Fresh, http, on_both_engines};
use crate::eventually::eventually;
use crate::standin::telegram::{Shown, Telegram};
use crate::town::{Answer, Person, Town};

on_both_engines!(
    a_booking_is_told_in_the_chat_of_each_side_in_its_language,
    a_house_without_a_bot_says_so,
    a_telegram_that_is_gone_does_not_hurt_the_house,
);

/// A house with a bot at this stand-in.
pub async fn open(fresh: &Fresh, telegram: &Telegram) -> Town {
    Town::open_with(fresh, |settings| {
        telegram.settings(&mut settings.telegram);
        settings.http.public_url = "https://book.belfry.test".to_owned();
    })
    .await
}

/// Connects this person's chat of that number.
pub async fn link(telegram: &Telegram, person: &Person, chat: i64) {
    let code = person.post("/me/telegram", json!({})).await.expect(201);
    telegram.writes(chat, &format!("/start {}", code.text("code")));
    eventually("the chat is connected", async || {
        let state = person.get("/me/telegram").await.expect(200);
        state.body["linked"] == true && state.body["label"] == format!("@anh{chat}")
    })
    .await;
}

/// Calls the house as Telegram does, showing a secret or none.
pub async fn call(town: &Town, secret: Option<&str>, update: Value) -> Answer {
    let url = format!("http://{}/hooks/telegram", town.nodes[0].address);
    let mut request = http().post(url).json(&update);
    if let Some(secret) = secret {
        request = request.header("x-telegram-bot-api-secret-token", secret);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// Waits for a message in a chat that contains this.
pub async fn told(telegram: &Telegram, chat: i64, words: &str) -> Shown {
    let what = format!("“{words}” in chat {chat}");
    let look = async || {
        let shown = telegram.shown(chat);
        shown.into_iter().find(|shown| shown.text().contains(words))
    };
    eventually(&what, look).await
}

async fn a_booking_is_told_in_the_chat_of_each_side_in_its_language(fresh: &Fresh) {
    let telegram = Telegram::start().await;
    let town = open(fresh, &telegram).await;
    let (expert, client) = (town.expert().await, town.client().await);
    for (person, locale) in [(&expert, "vi"), (&client, "zh")] {
        person
            .patch(
                "/me",
                json!({ "locale": locale, "name": format!("<b>{locale} & co</b>") }),
            )
            .await
            .expect(200);
    }
    link(&telegram, &expert, 71).await;
    link(&telegram, &client, 72).await;
    let chosen = expert.get("/me/preferences").await.expect(200);
    assert_eq!(chosen.body["channels"]["telegram"], true);
    // The one who books is told by others; who is booked hears it in the chat.
    let booked = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    let asked = told(&telegram, 71, "&lt;b&gt;zh &amp; co&lt;/b&gt;").await;
    assert_eq!(asked.body["parse_mode"], "HTML");
    let page = format!("https://book.belfry.test/bookings/{}", booked.text("id"));
    let open = ("Mở lịch hẹn".to_owned(), page);
    assert_eq!(asked.buttons().last(), Some(&open));

    let path = format!("/bookings/{}/confirm", booked.text("id"));
    expert.post(&path, json!({})).await.expect(200);
    let confirmed = told(&telegram, 72, "vi &amp; co").await;
    assert!(
        confirmed
            .buttons()
            .iter()
            .any(|(label, _)| label == "打开预约")
    );
    town.close().await;
}

async fn a_house_without_a_bot_says_so(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let person = town.client().await;
    let state = person.get("/me/telegram").await.expect(200);
    let expected = json!({ "available": false, "linked": false, "label": null, "linked_at": null });
    assert_eq!(state.body, expected);
    person
        .post("/me/telegram", json!({}))
        .await
        .problem(409, "telegram-off");
    let called = call(&town, None, json!({ "update_id": 1 })).await;
    called.problem(409, "telegram-off");
    person.delete("/me/telegram").await.expect(204);
    town.close().await;
}

async fn a_telegram_that_is_gone_does_not_hurt_the_house(fresh: &Fresh) {
    let telegram = Telegram::start().await;
    let mut gone = None;
    telegram.settings(gone.insert(belfry::config::Settings::defaults().unwrap().telegram));
    drop(telegram);
    let town = Town::open_with(fresh, |settings| settings.telegram = gone.unwrap()).await;
    let (expert, client) = (town.expert().await, town.client().await);
    client
        .post("/me/telegram", json!({}))
        .await
        .problem(503, "unavailable");
    client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    town.close().await;
}
