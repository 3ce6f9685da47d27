//! Steps on bookings from a chat, with the rights and the refusals of the API.

use belfry::telegram::Press;
use belfry_domain::delivery::ActionStep::{self, Cancel, Confirm, Reject};
use serde_json::{Value, json};

use super::{link, open, told};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::standin::telegram::{Shown, Telegram};
use crate::town::{Person, Town};

on_both_engines!(
    a_button_confirms_a_booking_and_the_message_shows_it,
    a_rejection_asks_why_and_the_client_reads_it,
    a_client_calls_off_by_pressing_twice,
    a_button_acts_for_whose_chat_it_is_and_for_nobody_else,
    a_button_does_not_agree_to_a_time_that_was_never_shown,
);

const START: &str = "2027-03-02T10:00:00Z";

/// A house whose expert, in Vietnamese, and client have chats 71 and 72, and a booking that waits to be confirmed.
struct Scene {
    telegram: Telegram,
    town: Town,
    expert: Person,
    client: Person,
    booking: String,
    /// The request as the expert was told it.
    request: Shown,
}

impl Scene {
    async fn set(fresh: &Fresh) -> Self {
        let telegram = Telegram::start().await;
        let town = open(fresh, &telegram).await;
        let (expert, client) = (town.expert().await, town.client().await);
        let locale = json!({ "locale": "vi" });
        expert.patch("/me", locale).await.expect(200);
        link(&telegram, &expert, 71).await;
        link(&telegram, &client, 72).await;
        let booked = client.book(&expert, START).await.expect(201);
        let request = told(&telegram, 71, "Person 1").await;
        Self {
            booking: booked.text("id"),
            request,
            telegram,
            town,
            expert,
            client,
        }
    }

    async fn booking(&self) -> Value {
        let path = format!("/bookings/{}", self.booking);
        self.client.get(&path).await.expect(200).body
    }

    /// What a button for this step carries.
    fn carried(&self, step: ActionStep) -> String {
        let press = Press {
            step,
            booking: self.booking.parse().unwrap(),
            starts_at: Some(START.parse().unwrap()),
            sure: false,
        };
        press.to_string()
    }

    /// Presses a button of the request and answers what the bot said to that.
    async fn presses(&self, step: ActionStep) -> Value {
        self.presses_as(71, self.request.id, &self.carried(step))
            .await
    }

    async fn presses_as(&self, person: i64, message: i64, data: &str) -> Value {
        let press = self.telegram.presses(person, message, data);
        eventually("an answer to the press", async || {
            self.telegram.told(&press)
        })
        .await
    }

    /// The request as it is shown now.
    fn shown(&self) -> Shown {
        let shown = self.telegram.shown(71).into_iter();
        shown.into_iter().find(|m| m.id == self.request.id).unwrap()
    }
}

async fn a_button_confirms_a_booking_and_the_message_shows_it(fresh: &Fresh) {
    let scene = Scene::set(fresh).await;
    let before = scene.request.text().replace("<b>", "").replace("</b>", "");
    let told_them = scene.presses(Confirm).await;
    assert_eq!(told_them["text"], "✅ Đã xác nhận");
    assert_eq!(scene.booking().await["status"], "confirmed");
    let shown = scene.shown();
    assert_eq!(shown.text(), format!("{before}\n\n✅ Đã xác nhận"));
    assert_eq!(shown.body["entities"][0]["type"], "bold");
    let labels: Vec<String> = shown
        .buttons()
        .into_iter()
        .map(|(label, _)| label)
        .collect();
    assert_eq!(labels, ["Mở lịch hẹn"]);
    // The history names the one who pressed.
    let path = format!("/bookings/{}/history", scene.booking);
    let history = scene.expert.get(&path).await.expect(200).text;
    assert!(history.contains(&scene.expert.id), "{history}");
    // Pressing what somebody else's screen still shows is refused as in the API.
    let again = scene.presses(Reject).await;
    assert_eq!(again["show_alert"], true);
    assert_eq!(scene.booking().await["status"], "confirmed");
    scene.town.close().await;
}

async fn a_rejection_asks_why_and_the_client_reads_it(fresh: &Fresh) {
    let scene = Scene::set(fresh).await;
    scene.presses(Reject).await;
    let asked = told(&scene.telegram, 71, "Vì sao bạn từ chối").await;
    assert_eq!(asked.body["reply_markup"]["force_reply"], true);
    assert_eq!(scene.booking().await["status"], "pending");

    scene.telegram.replies(71, asked.id, &"x".repeat(501));
    told(&scene.telegram, 71, "tối đa 500 ký tự").await;
    assert_eq!(scene.booking().await["status"], "pending");

    scene.telegram.replies(71, asked.id, "Tôi bị ốm <3");
    told(&scene.telegram, 71, "❌ Đã từ chối").await;
    let booking = scene.booking().await;
    assert_eq!(
        (&booking["status"], &booking["reason"]),
        (&json!("rejected"), &json!("Tôi bị ốm <3"))
    );
    assert!(
        scene
            .shown()
            .text()
            .ends_with("❌ Đã từ chối\nLý do: Tôi bị ốm <3")
    );
    told(&scene.telegram, 72, "Tôi bị ốm &lt;3").await;

    // The question is closed: an answer to it is a message like any other.
    scene.telegram.replies(71, asked.id, "once more");
    told(&scene.telegram, 71, "/stop").await;
    scene.town.close().await;
}

async fn a_client_calls_off_by_pressing_twice(fresh: &Fresh) {
    let scene = Scene::set(fresh).await;
    scene.presses(Confirm).await;
    let confirmed = told(&scene.telegram, 72, "Person 0").await;
    let first = scene.carried(Cancel);
    let told_them = scene.presses_as(72, confirmed.id, &first).await;
    assert_eq!(told_them["text"], "Really call it off? Press once more.");
    assert_eq!(scene.booking().await["status"], "confirmed");
    let shown = scene.telegram.shown(72);
    let now = shown.into_iter().find(|m| m.id == confirmed.id).unwrap();
    let (label, sure) = now.buttons()[0].clone();
    assert_eq!(label, "Yes, call it off");
    scene.presses_as(72, confirmed.id, &sure).await;
    assert_eq!(scene.booking().await["status"], "cancelled");
    scene.town.close().await;
}

async fn a_button_acts_for_whose_chat_it_is_and_for_nobody_else(fresh: &Fresh) {
    let scene = Scene::set(fresh).await;
    let confirm = scene.carried(Confirm);
    // Somebody without an account, somebody else's account, and the client, who may not confirm.
    scene.telegram.writes(73, "hello");
    let hello = told(&scene.telegram, 73, "Kết nối Telegram").await;
    let nobody = scene.presses_as(73, hello.id, &confirm).await;
    assert!(
        nobody["text"].as_str().unwrap().contains("chưa kết nối"),
        "{nobody}"
    );
    let other = scene.town.expert().await;
    link(&scene.telegram, &other, 73).await;
    let stranger = scene.presses_as(73, hello.id, &confirm).await;
    let own = scene.telegram.shown(72).into_iter().next().unwrap();
    let client = scene.presses_as(72, own.id, &confirm).await;
    // A message in one chat pressed by somebody from another.
    let elsewhere = scene.presses_as(73, scene.request.id, &confirm).await;
    let forged = scene.presses_as(71, scene.request.id, "c:not-an-id:").await;
    for refused in [&nobody, &stranger, &client, &elsewhere, &forged] {
        assert_eq!(refused["show_alert"], true, "{refused}");
    }
    assert_eq!(scene.booking().await["status"], "pending");
    // The account was disabled meanwhile.
    let admin = scene.town.admin().await;
    let path = format!("/admin/users/{}", scene.expert.id);
    admin
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    let disabled = scene.presses(Confirm).await;
    assert_eq!(disabled["show_alert"], true);
    assert_eq!(scene.booking().await["status"], "pending");
    scene.town.close().await;
}

async fn a_button_does_not_agree_to_a_time_that_was_never_shown(fresh: &Fresh) {
    let scene = Scene::set(fresh).await;
    let path = format!("/bookings/{}/reschedule", scene.booking);
    let later = json!({ "starts_at": "2027-03-02T11:00:00Z" });
    scene.client.post(&path, later).await.expect(200);
    let told_them = scene.presses(Confirm).await;
    assert!(
        told_them["text"]
            .as_str()
            .unwrap()
            .starts_with("Thời gian đã thay đổi"),
        "{told_them}"
    );
    assert_eq!(scene.booking().await["status"], "pending");
    let labels: Vec<String> = scene
        .shown()
        .buttons()
        .into_iter()
        .map(|(label, _)| label)
        .collect();
    assert_eq!(labels, ["Mở lịch hẹn"], "only the page is left to open");
    scene.town.close().await;
}
