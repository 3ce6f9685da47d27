//! Browsers, through a stand-in of a push service.

use belfry::channel::{Guard, Vapid, WebPush};
use belfry::config::Settings;
use belfry_actors::Provider;
use belfry_domain::delivery::{DeadCause, Receipt, SendError};
use serde_json::{Value, json};

use super::{here, message};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::standin::Reply;
use crate::standin::http_sms::HttpSms;
use crate::standin::web_push::{Browser, PushService};
use crate::town::{Person, Town};

on_both_engines!(
    a_booking_reaches_the_browser_in_the_persons_language,
    a_browser_that_is_gone_is_forgotten_and_the_next_way_taken,
    every_node_shows_the_same_key_for_good,
);

fn provider(services: &[String]) -> WebPush {
    let mut settings = Settings::defaults().unwrap();
    here(&mut settings);
    settings.push.web.services = services.to_vec();
    let vapid = Vapid::new(&Vapid::fresh_key(), &settings.push.web.subject).unwrap();
    WebPush::new(&settings.push.web, vapid, Guard::new(true)).unwrap()
}

async fn push(provider: &WebPush, browser: &Browser) -> Result<Receipt, SendError> {
    let keys = browser.device()["keys"].clone();
    provider.send(&message(&browser.endpoint, keys)).await
}

fn class(result: &Result<Receipt, SendError>) -> &'static str {
    match result {
        Ok(_) => "sent",
        Err(SendError::DeadAddress {
            cause: DeadCause::Gone,
            ..
        }) => "gone",
        Err(SendError::DeadAddress {
            cause: DeadCause::Invalid,
            ..
        }) => "invalid",
        Err(SendError::DeadAddress { .. }) => "dead",
        Err(SendError::Refused(_)) => "refused",
        Err(SendError::Unserved(_)) => "unserved",
        Err(SendError::Transient(_)) => "transient",
        Err(SendError::Limited { .. }) => "limited",
        Err(SendError::Postponed { .. }) => "postponed",
        Err(SendError::Unconfigured(_)) => "unconfigured",
        Err(SendError::Ambiguous(_)) => "ambiguous",
    }
}

#[actix_rt::test]
async fn every_answer_means_what_the_table_says_over_the_wire() {
    let service = PushService::start().await;
    let known = provider(&["127.0.0.1".to_owned()]);
    let stranger = provider(&[]);
    let table = [
        (Reply::status(200), "sent", "sent"),
        (Reply::status(201), "sent", "sent"),
        (Reply::status(202), "sent", "sent"),
        (Reply::status(404), "gone", "gone"),
        (Reply::status(410), "gone", "gone"),
        (Reply::status(413), "refused", "refused"),
        (
            Reply::status(429).with("retry-after", "3600"),
            "limited",
            "postponed",
        ),
        (Reply::status(401), "unconfigured", "postponed"),
        (Reply::status(403), "unconfigured", "postponed"),
        (Reply::status(500), "transient", "postponed"),
        (Reply::status(503), "transient", "postponed"),
        (Reply::Cut, "ambiguous", "ambiguous"),
        // Not followed, wherever it leads.
        (
            Reply::status(307).with("location", "http://127.0.0.1:1/"),
            "refused",
            "refused",
        ),
    ];
    for (reply, by_known, by_stranger) in table {
        let browser = service.subscribe();
        service.will(&browser, reply.clone());
        let results = [
            push(&known, &browser).await,
            push(&stranger, &browser).await,
        ];
        let classes = [class(&results[0]), class(&results[1])];
        assert_eq!(classes, [by_known, by_stranger], "{reply:?}");
    }
    let mut nobody = service.subscribe();
    nobody.endpoint = "http://127.0.0.1:1/push".to_owned();
    assert_eq!(class(&push(&known, &nobody).await), "transient");
    assert_eq!(class(&push(&stranger, &nobody).await), "postponed");
}

#[actix_rt::test]
async fn a_push_says_who_sends_it_and_only_its_browser_reads_it() {
    let service = PushService::start().await;
    let provider = provider(&["127.0.0.1".to_owned()]);
    let browser = service.subscribe();
    let receipt = push(&provider, &browser).await.unwrap();
    let name = Some(format!("{}/message", browser.path));
    assert_eq!(receipt, Receipt::Sent { provider_id: name });
    let asked = &service.server.asked()[0];
    assert_eq!(asked.header("ttl"), "259200");
    assert!(!asked.text().contains("10:00"), "it is encrypted");
    let shown = &service.read(&browser)[0];
    assert_eq!(shown["title"], "Đặt lịch mới");
    assert_eq!(shown["body"], "Thứ Ba, 10:00");
    assert_eq!(shown["url"], "https://belfry.test/bookings/1");
    assert_eq!(shown["lang"], "vi");
    let tag = shown["tag"].as_str().unwrap().replace('-', "");
    assert_eq!(asked.header("topic"), tag, "a repeat replaces the first");
}

#[actix_rt::test]
async fn the_longest_text_fits_what_push_services_take() {
    let service = PushService::start().await;
    let provider = provider(&["127.0.0.1".to_owned()]);
    for text in ["\"\\", "\u{1f514}", "ế", "x"] {
        let browser = service.subscribe();
        let mut long = message(&browser.endpoint, browser.device()["keys"].clone());
        long.subject = text.repeat(2000);
        long.content.text = text.repeat(5000);
        assert_eq!(class(&provider.send(&long).await), "sent", "{text}");
        let shown = &service.read(&browser)[0];
        assert!(shown["body"].as_str().unwrap().ends_with('…'), "{shown}");
    }
}

#[actix_rt::test]
async fn an_endpoint_that_leads_inside_is_never_called() {
    let service = PushService::start().await;
    let mut settings = Settings::defaults().unwrap();
    here(&mut settings);
    let vapid = Vapid::new(&Vapid::fresh_key(), &settings.push.web.subject).unwrap();
    let strict = WebPush::new(&settings.push.web, vapid, Guard::new(false)).unwrap();
    let mut browser = service.subscribe();
    assert_eq!(class(&push(&strict, &browser).await), "refused");
    for inside in [
        "https://localhost/push",
        "https://10.0.0.1/push",
        "https://[::1]/push",
    ] {
        browser.endpoint = inside.to_owned();
        assert_eq!(class(&push(&strict, &browser).await), "refused", "{inside}");
    }
    assert!(service.server.asked().is_empty());
}

#[actix_rt::test]
async fn keys_that_fit_nothing_end_the_device() {
    let service = PushService::start().await;
    let provider = provider(&["127.0.0.1".to_owned()]);
    let browser = service.subscribe();
    for keys in [
        Value::Null,
        json!({}),
        json!({ "p256dh": "BA", "auth": "BA" }),
    ] {
        let result = provider.send(&message(&browser.endpoint, keys)).await;
        assert_eq!(class(&result), "invalid");
    }
    assert!(service.server.asked().is_empty());
}

/// Waits until a browser was shown so much.
async fn shown(service: &PushService, browser: &Browser, times: usize) -> Vec<Value> {
    eventually(&format!("shown {times} times"), async || {
        let shown = service.read(browser);
        (shown.len() >= times).then_some(shown)
    })
    .await
}

async fn a_booking_reaches_the_browser_in_the_persons_language(fresh: &Fresh) {
    let service = PushService::start().await;
    let town = Town::open_with(fresh, here).await;
    let (expert, client) = (town.expert().await, town.client().await);
    expert
        .patch("/me", json!({ "locale": "vi" }))
        .await
        .expect(200);
    let (desk, phone) = (service.subscribe(), service.subscribe());
    for browser in [&desk, &phone] {
        expert
            .post("/me/devices", browser.device())
            .await
            .expect(201);
    }
    let booking = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    for browser in [&desk, &phone] {
        let shown = &shown(&service, browser, 1).await[0];
        assert_eq!(shown["lang"], "vi");
        let title = shown["title"].as_str().unwrap();
        assert_eq!(title, newest_title(&expert).await);
        let url = shown["url"].as_str().unwrap();
        assert!(
            url.ends_with(&format!("/bookings/{}", booking.text("id"))),
            "{url}"
        );
    }
    town.close().await;
}

async fn a_browser_that_is_gone_is_forgotten_and_the_next_way_taken(fresh: &Fresh) {
    let (service, gateway) = (PushService::start().await, HttpSms::start().await);
    let town = Town::open_with(fresh, |settings| {
        here(settings);
        gateway.settings(&mut settings.sms);
    })
    .await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    let me = json!({ "phone": "+84901234567" });
    expert.patch("/me", me).await.expect(200);
    let chosen =
        json!({ "channels": { "email": false, "telegram": false, "push": true, "sms": true } });
    expert.put("/me/preferences", chosen).await.expect(200);
    let browser = service.subscribe();
    expert
        .post("/me/devices", browser.device())
        .await
        .expect(201);
    // While it is there, it is told, and nothing else is.
    let book = async |starts_at: &str| client.book(&expert, starts_at).await.expect(201);
    book("2027-03-02T10:00:00Z").await;
    shown(&service, &browser, 1).await;
    settled(&admin, &browser.endpoint, "sent").await;
    assert_eq!(gateway.taken(), []);
    // It says that it is gone: the house forgets it, and the phone is told instead.
    service.will(&browser, Reply::status(410));
    book("2027-03-02T11:00:00Z").await;
    eventually("a text message", async || gateway.taken().len() == 1).await;
    let push = settled(&admin, &browser.endpoint, "dead").await;
    assert!(push["last_error"].as_str().unwrap().starts_with("410"));
    let devices = expert.get("/me/devices").await.expect(200);
    assert_eq!(devices.body["items"], json!([]));
    let path = "/admin/suppressions?channel=web_push";
    let held = admin.get(path).await.expect(200).body["items"].clone();
    assert_eq!(
        (&held[0]["address"], &held[0]["cause"]),
        (&json!(browser.endpoint), &json!("gone"))
    );
    // From then on the phone is told at once, and the browser is never asked again.
    book("2027-03-02T12:00:00Z").await;
    eventually("another text message", async || gateway.taken().len() == 2).await;
    let asked = service.server.asked();
    let calls = asked.iter().filter(|asked| asked.path == browser.path);
    assert_eq!(calls.count(), 2);
    town.close().await;
}

/// Waits until a message to this address stands like this.
async fn settled(admin: &Person, address: &str, status: &str) -> Value {
    let path = format!("/admin/deliveries?channel=web_push&status={status}");
    eventually(&format!("it is {status}"), async || {
        let found = admin.get(&path).await.expect(200).body["items"].clone();
        let mut found = found.as_array().unwrap().clone().into_iter();
        found.find(|one| one["address"] == address)
    })
    .await
}

/// The title of the expert's newest inbox entry.
async fn newest_title(expert: &Person) -> String {
    let inbox = expert.get("/notifications").await.expect(200);
    let title = inbox.body["items"][0]["title"].as_str().unwrap();
    assert!(!title.is_ascii(), "{title}");
    title.to_owned()
}

async fn every_node_shows_the_same_key_for_good(fresh: &Fresh) {
    let town = Town::open_two_with(fresh, here).await;
    let key = async |node| {
        let answer = town.stranger_at(node).get("/push/key").await.expect(200);
        answer.text("public_key")
    };
    let first = key(0).await;
    assert_eq!(first.len(), 87, "an uncompressed point in base64url");
    assert_eq!(key(1).await, first);
    town.close().await;
}
