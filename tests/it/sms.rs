//! Text messages to phones (T8, C5.2): each provider by its true protocol, in the order that is set up.

/// Each provider by itself: what its answers mean, and what it does when a connection breaks.
mod providers;

use belfry::config::Sms;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::standin::esms::Esms;
use crate::standin::http_sms::HttpSms;
use crate::standin::speedsms::SpeedSms;
use crate::standin::zns::Zns;
use crate::town::{Person, Town};

on_both_engines!(
    a_booking_reaches_the_phone_by_esms_in_its_readers_language,
    a_booking_reaches_the_phone_by_speedsms_in_its_readers_language,
    a_booking_reaches_the_phone_by_any_gateway_in_its_readers_language,
    a_text_that_may_have_been_taken_is_repeated_where_that_is_recognised,
    zalo_carries_what_it_has_a_text_for_and_the_next_provider_the_rest,
    a_number_that_is_none_gets_nothing_more,
);

const PHONE: &str = "+84901234567";
const DIGITS: &str = "84901234567";

/// A house with these providers, and a client who wants text messages alone, in Vietnamese.
async fn set(fresh: &Fresh, settings: impl FnOnce(&mut Sms)) -> (Town, Person, Person) {
    let town = Town::open_with(fresh, |all| settings(&mut all.sms)).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let me = json!({ "locale": "vi", "phone": PHONE, "name": "Nguyễn Ánh" });
    client.patch("/me", me).await.expect(200);
    let alone =
        json!({ "channels": { "email": false, "telegram": false, "push": false, "sms": true } });
    client.put("/me/preferences", alone).await.expect(200);
    (town, expert, client)
}

/// Books for the client and lets the expert confirm it; answers the booking's code.
async fn confirmed(expert: &Person, client: &Person, start: &str) -> String {
    let booked = client.book(expert, start).await.expect(201);
    let path = format!("/bookings/{}/confirm", booked.text("id"));
    expert.post(&path, json!({})).await.expect(200);
    booked.text("code")
}

/// The text that confirms a booking, as it reached the phone by one provider.
async fn reaches(
    fresh: &Fresh,
    settings: impl FnOnce(&mut Sms),
    taken: impl Fn() -> Vec<(String, String)>,
) {
    let (town, expert, client) = set(fresh, settings).await;
    confirmed(&expert, &client, "2027-03-02T10:00:00Z").await;
    // With accents or without: the text decides by what it costs.
    let words = ["Hẹn gặp bạn", "xác nhận", "xac nhan"];
    let look = async || {
        taken()
            .into_iter()
            .find(|(_, text)| words.iter().any(|word| text.contains(word)))
    };
    let (to, _) = eventually("a text", look).await;
    assert_eq!(to, DIGITS);
    town.close().await;
}

async fn a_booking_reaches_the_phone_by_esms_in_its_readers_language(fresh: &Fresh) {
    let esms = Esms::start().await;
    reaches(fresh, |sms| esms.settings(sms), || esms.taken()).await;
}

async fn a_booking_reaches_the_phone_by_speedsms_in_its_readers_language(fresh: &Fresh) {
    let speedsms = SpeedSms::start().await;
    reaches(fresh, |sms| speedsms.settings(sms), || speedsms.taken()).await;
}

async fn a_booking_reaches_the_phone_by_any_gateway_in_its_readers_language(fresh: &Fresh) {
    let http = HttpSms::start().await;
    reaches(fresh, |sms| http.settings(sms), || http.taken()).await;
}

async fn zalo_carries_what_it_has_a_text_for_and_the_next_provider_the_rest(fresh: &Fresh) {
    let (zns, esms) = (Zns::start().await, Esms::start().await);
    let (town, expert, client) = set(fresh, |sms| {
        zns.settings(sms);
        esms.settings(sms);
    })
    .await;
    let admin = town.admin().await;
    let code = confirmed(&expert, &client, "2027-03-02T10:00:00Z").await;
    let (to, data) = eventually("a message by Zalo", async || zns.taken().pop()).await;
    assert_eq!(to, DIGITS);
    let expected = json!({ "customer": "Nguyễn Ánh", "code": code, "time": "17:00 02/03/2027" });
    assert_eq!(data, expected);
    let sent = stands(&admin, "sent").await;
    assert_eq!(sent["provider"], "zns");

    // Nobody with this number has Zalo.
    zns.will(DIGITS, -118);
    confirmed(&expert, &client, "2027-03-02T11:00:00Z").await;
    let by_text = async || esms.taken().len() == 1;
    eventually("the same by text message", by_text).await;
    assert_eq!(zns.taken().len(), 1);
    // There is no approved text for this.
    let tried = zns.tried();
    let booked = client
        .book(&expert, "2027-03-03T10:00:00Z")
        .await
        .expect(201);
    let path = format!("/bookings/{}/reject", booked.text("id"));
    expert
        .post(&path, json!({ "reason": "Bận" }))
        .await
        .expect(200);
    let by_text = async || esms.taken().len() == 2;
    eventually("the rejection by text message", by_text).await;
    assert_eq!(zns.tried(), tried);
    town.close().await;
}

async fn a_number_that_is_none_gets_nothing_more(fresh: &Fresh) {
    let speedsms = SpeedSms::start().await;
    let (town, expert, client) = set(fresh, |sms| speedsms.settings(sms)).await;
    let admin = town.admin().await;
    speedsms.will(DIGITS, "invalid");
    confirmed(&expert, &client, "2027-03-02T10:00:00Z").await;
    stands(&admin, "dead").await;
    let count = async || {
        let all = admin.get("/admin/deliveries?limit=100").await.expect(200);
        let all = all.body["items"].as_array().unwrap().iter();
        all.filter(|one| one["channel"] == "sms").count()
    };
    let before = count().await;
    confirmed(&expert, &client, "2027-03-02T11:00:00Z").await;
    let told = async || {
        let inbox = client.get("/notifications?limit=100").await.expect(200);
        let entries = inbox.body["items"].as_array().unwrap().iter();
        entries
            .filter(|entry| entry["kind"] == "booking.confirmed")
            .count()
    };
    eventually("both are told", async || told().await >= 2).await;
    assert_eq!(count().await, before);
    town.close().await;
}

async fn a_text_that_may_have_been_taken_is_repeated_where_that_is_recognised(fresh: &Fresh) {
    let esms = Esms::start().await;
    let (town, expert, client) = set(fresh, |sms| esms.settings(sms)).await;
    let admin = town.admin().await;
    esms.hang_up();
    confirmed(&expert, &client, "2027-03-02T10:00:00Z").await;
    eventually("the text", async || !esms.taken().is_empty()).await;
    stands(&admin, "retrying").await;
    town.clock.advance(TimeDelta::minutes(1));
    stands(&admin, "sent").await;
    assert_eq!(esms.taken().len(), 1, "the second try was known as one");
    let ids: Vec<Value> = esms
        .asked()
        .iter()
        .map(|asked| asked.json()["RequestId"].clone())
        .collect();
    assert!(
        ids.len() > 1 && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
    town.close().await;
}

/// Waits for the delivery to the phone of that status, the newest first.
async fn stands(admin: &Person, status: &str) -> Value {
    eventually(&format!("it is {status}"), async || {
        let all = admin.get("/admin/deliveries?limit=100").await.expect(200);
        let all = all.body["items"].as_array().unwrap().iter();
        let mut texts = all.filter(|one| one["channel"] == "sms");
        let newest = texts.next().cloned().unwrap_or_default();
        (newest["status"] == status)
            .then_some(newest.clone())
            .ok_or(newest)
    })
    .await
}
