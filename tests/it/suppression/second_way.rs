//! Mails that come back after they had been taken: the next way of their rule is tried while that is of use.

use belfry::secret::Secret;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{BOUNCE, COMPLAINT, DELAYED, SECRET, id, mails, posted};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::standin::http_sms::HttpSms;
use crate::standin::web_push::PushService;
use crate::town::{Person, Town};

on_both_engines!(
    a_mail_that_comes_back_is_followed_by_the_next_way_once,
    what_was_read_has_begun_or_may_yet_arrive_needs_no_other_way,
    a_way_beside_it_that_arrived_is_enough,
);

/// A house that sends text messages, and a client who wants them where mails fail.
async fn set(fresh: &Fresh, gateway: &HttpSms) -> (Town, Person, Person, Person) {
    let town = Town::open_with(fresh, |settings| {
        settings.email.from = "Belfry <mail@belfry.test>".to_owned();
        settings.email.bounce_secret = Secret::new(SECRET.to_owned());
        settings.push.web.subject = "mailto:ops@belfry.test".to_owned();
        settings.push.web.services = vec!["127.0.0.1".to_owned()];
        settings.outbound.allow_loopback = true;
        gateway.settings(&mut settings.sms);
    })
    .await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    let me = json!({ "phone": "+84901234567", "locale": "en" });
    client.patch("/me", me).await.expect(200);
    let all =
        json!({ "channels": { "email": true, "telegram": false, "push": true, "sms": true } });
    client.put("/me/preferences", all).await.expect(200);
    (town, admin, expert, client)
}

/// The mail about a booking that the expert has just confirmed.
async fn confirmed(admin: &Person, expert: &Person, client: &Person, day: u32) -> Value {
    let starts_at = format!("2027-03-{day:02}T10:00:00Z");
    let booking = client.book(expert, &starts_at).await.expect(201);
    let path = format!("/bookings/{}/confirm", booking.text("id"));
    expert.post(&path, json!({})).await.expect(200);
    eventually("a mail confirms it", async || {
        let mut mails = mails(admin, client, 1).await.into_iter();
        mails.find(|mail| {
            mail["kind"] == "booking.confirmed"
                && mail["status"] == "kept"
                && mail["reason"] == Value::Null
        })
    })
    .await
}

/// What is told of the event behind a mail, as the deliveries of one channel.
async fn told(admin: &Person, mail: &Value, channel: &str) -> Value {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (event, user) = (text(&mail["event_id"]), text(&mail["user"]["id"]));
    let path = format!("/admin/explain?event_id={event}&user_id={user}");
    let told = admin.get(&path).await.expect(200).body;
    let mut deliveries = told["deliveries"].as_array().unwrap().iter();
    let found = deliveries.find(|one| one["channel"] == channel);
    found.cloned().unwrap_or_default()
}

/// Waits until what is told by a channel of the event behind a mail was sent.
async fn sent(admin: &Person, mail: &Value, channel: &str) -> Value {
    eventually(&format!("it is sent by {channel}"), async || {
        let found = told(admin, mail, channel).await;
        (found["status"] == "sent").then_some(found)
    })
    .await
}

async fn a_mail_that_comes_back_is_followed_by_the_next_way_once(fresh: &Fresh) {
    let gateway = HttpSms::start().await;
    let (town, admin, expert, client) = set(fresh, &gateway).await;
    let mail = confirmed(&admin, &expert, &client, 2).await;
    let text = told(&admin, &mail, "sms").await;
    assert_eq!(
        (&text["status"], &text["reason"], &text["rank"]),
        (&json!("skipped"), &json!("not_needed"), &json!(1))
    );
    for _ in 0..2 {
        let answer = posted(&town, BOUNCE, id(&mail)).await;
        assert_eq!(answer["outcome"], "bounced");
    }
    eventually("a text message", async || gateway.taken().len() == 1).await;
    let text = sent(&admin, &mail, "sms").await;
    let gates = text["gates"].as_array().unwrap();
    assert_eq!(gates.len(), 1, "{gates:?}");
    assert_eq!(
        (&gates[0]["gate"], &gates[0]["reason"], &gates[0]["passed"]),
        (&json!("fallback"), &json!("came_back"), &json!(true))
    );
    assert_eq!(told(&admin, &mail, "email").await["reason"], "bounced");
    // Even much later the same report leads to nothing more.
    posted(&town, BOUNCE, id(&mail)).await;
    assert_eq!(told(&admin, &mail, "sms").await["status"], "sent");
    assert_eq!(gateway.taken().len(), 1);
    town.close().await;
}

async fn what_was_read_has_begun_or_may_yet_arrive_needs_no_other_way(fresh: &Fresh) {
    let gateway = HttpSms::start().await;
    let (town, admin, expert, client) = set(fresh, &gateway).await;
    let reason = async |mail: &Value| told(&admin, mail, "sms").await["reason"].clone();
    // It may yet arrive, and what was called unwanted has arrived.
    let waiting = confirmed(&admin, &expert, &client, 2).await;
    posted(&town, DELAYED, id(&waiting)).await;
    assert_eq!(reason(&waiting).await, "not_needed");
    // A full mailbox says nothing of the address, and yet the mail has reached nobody.
    client.post("/notifications/read-all", json!({})).await;
    let full = BOUNCE.replace("Status: 5.1.1", "Status: 5.2.2");
    let answer = posted(&town, &full, id(&waiting)).await;
    assert_eq!(
        (&answer["outcome"], &answer["suppressed"]),
        (&json!("soft_bounced"), &json!(false))
    );
    assert_eq!(reason(&waiting).await, "came_back_read");
    let late = confirmed(&admin, &expert, &client, 3).await;
    town.clock.advance(TimeDelta::days(3));
    let admin = town.again(admin).await;
    posted(&town, &full, id(&late)).await;
    let why = told(&admin, &late, "sms").await["reason"].clone();
    assert_eq!(why, "came_back_past");
    let (expert, client) = (town.again(expert).await, town.again(client).await);
    let unwanted = confirmed(&admin, &expert, &client, 10).await;
    posted(&town, COMPLAINT, id(&unwanted)).await;
    let text = told(&admin, &unwanted, "sms").await;
    assert_eq!(text["reason"], "not_needed");
    assert_eq!(gateway.taken(), []);
    town.close().await;
}

async fn a_way_beside_it_that_arrived_is_enough(fresh: &Fresh) {
    let gateway = HttpSms::start().await;
    let service = PushService::start().await;
    let (town, admin, expert, client) = set(fresh, &gateway).await;
    let browser = service.subscribe();
    let device = browser.device();
    client.post("/me/devices", device).await.expect(201);
    let mail = confirmed(&admin, &expert, &client, 2).await;
    sent(&admin, &mail, "web_push").await;
    posted(&town, BOUNCE, id(&mail)).await;
    let text = told(&admin, &mail, "sms").await;
    assert_eq!(
        (&text["status"], &text["reason"]),
        (&json!("skipped"), &json!("not_needed"))
    );
    assert_eq!(gateway.taken(), []);
    town.close().await;
}
