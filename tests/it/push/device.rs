//! Registering, refreshing, moving and forgetting devices.

use belfry_domain::retention::UNSEEN_DEVICES_DAYS;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::here;
use crate::engine::{Fresh, on_both_engines};
use crate::standin::fcm::Fcm;
use crate::standin::web_push::PushService;
use crate::town::{Answer, Person, Town};

on_both_engines!(
    a_device_is_registered_refreshed_moved_and_forgotten,
    a_device_that_nothing_could_be_sent_to_is_refused,
    a_person_has_so_many_devices_at_most,
    a_device_that_is_not_seen_for_long_is_forgotten,
    a_house_without_push_takes_no_devices_in,
);

async fn town(fresh: &Fresh, google: &Fcm) -> Town {
    Town::open_with(fresh, |settings| {
        here(settings);
        settings.push.fcm = google.settings();
    })
    .await
}

async fn devices(person: &Person) -> Vec<Value> {
    let answer = person.get("/me/devices").await.expect(200);
    answer.body["items"].as_array().unwrap().clone()
}

fn invalid(answer: &Answer, pointer: &str) {
    assert_eq!(answer.status, 422, "{}", answer.text);
    let errors = answer.body["errors"].as_array().unwrap().iter();
    let pointers: Vec<_> = errors.map(|error| &error["pointer"]).collect();
    assert_eq!(pointers, [pointer], "{}", answer.text);
}

async fn a_device_is_registered_refreshed_moved_and_forgotten(fresh: &Fresh) {
    let (google, service) = (Fcm::start().await, PushService::start().await);
    let town = town(fresh, &google).await;
    let (ann, bob) = (town.client().await, town.client().await);
    let browser = service.subscribe();
    let mut device = browser.device();
    device["label"] = json!("Firefox, Linux");
    device["locale"] = json!("vi");
    device["time_zone"] = json!("Asia/Ho_Chi_Minh");
    let made = ann.post("/me/devices", device.clone()).await.expect(201);
    assert_eq!(made.body["kind"], "web_push");
    assert_eq!(made.body["address"], json!(browser.endpoint));
    assert_eq!(made.body["label"], "Firefox, Linux");
    assert_eq!(made.body["locale"], "vi");
    assert!(!made.text.contains("p256dh") && !made.text.contains("auth"));

    town.clock.advance(TimeDelta::minutes(5));
    let seen = ann.post("/me/devices", device.clone()).await.expect(200);
    assert_eq!(seen.body["id"], made.body["id"]);
    assert_eq!(seen.body["created_at"], made.body["created_at"]);
    assert_ne!(seen.body["last_seen_at"], made.body["last_seen_at"]);

    let app = json!({ "kind": "fcm_fid", "address": "fid-1", "app": "client" });
    let app = ann.post("/me/devices", app).await.expect(201);
    assert_eq!(app.body["kind"], "fcm_fid");
    assert_eq!(devices(&ann).await.len(), 2);

    let moved = bob.post("/me/devices", device).await.expect(201);
    assert_ne!(moved.body["id"], made.body["id"]);
    assert_eq!(devices(&ann).await.len(), 1, "it is somebody else's now");
    assert_eq!(devices(&bob).await.len(), 1);
    let path = format!("/me/devices/{}", made.text("id"));
    ann.delete(&path).await.problem(404, "not-found");
    let path = format!("/me/devices/{}", moved.text("id"));
    ann.delete(&path).await.problem(404, "not-found");
    bob.delete(&path).await.expect(204);
    bob.delete(&path).await.problem(404, "not-found");
    assert!(devices(&bob).await.is_empty());
    town.close().await;
}

async fn a_device_that_nothing_could_be_sent_to_is_refused(fresh: &Fresh) {
    let (google, service) = (Fcm::start().await, PushService::start().await);
    let town = town(fresh, &google).await;
    let ann = town.client().await;
    let sound = service.subscribe().device();
    let with = |pointer: &str, value: Value| {
        let mut device = sound.clone();
        *device.pointer_mut(pointer).unwrap() = value;
        device
    };
    for address in [
        "http://10.0.0.1/push",
        "https://10.0.0.1/push",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/push",
        "https://user:word@127.0.0.1/push",
        "ftp://127.0.0.1/push",
        "not an address",
    ] {
        let answer = ann
            .post("/me/devices", with("/address", json!(address)))
            .await;
        invalid(&answer, "/address");
    }
    for (pointer, value) in [
        ("/keys/p256dh", json!("BA")),
        ("/keys/auth", json!("c2hvcnQ")),
        ("/keys", Value::Null),
    ] {
        let answer = ann.post("/me/devices", with(pointer, value)).await;
        invalid(&answer, pointer);
    }
    let app = |address: &str| json!({ "kind": "fcm_token", "address": address });
    for address in ["", "two words", "đ"] {
        let answer = ann.post("/me/devices", app(address)).await;
        invalid(&answer, "/address");
    }
    let mut keyed = app("token-1");
    keyed["keys"] = sound["keys"].clone();
    invalid(&ann.post("/me/devices", keyed).await, "/keys");
    assert!(devices(&ann).await.is_empty());
    assert!(service.server.asked().is_empty());
    town.close().await;
}

async fn a_person_has_so_many_devices_at_most(fresh: &Fresh) {
    let google = Fcm::start().await;
    let town = town(fresh, &google).await;
    let ann = town.client().await;
    for number in 0..22 {
        town.clock.advance(TimeDelta::seconds(20));
        let device = json!({ "kind": "fcm_token", "address": format!("token-{number}") });
        ann.post("/me/devices", device).await.expect(201);
    }
    let kept = devices(&ann).await;
    assert_eq!(kept.len(), 20);
    assert_eq!(
        kept[0]["address"], "token-2",
        "those longest unseen are gone"
    );
    town.close().await;
}

async fn a_device_that_is_not_seen_for_long_is_forgotten(fresh: &Fresh) {
    let google = Fcm::start().await;
    let town = town(fresh, &google).await;
    let ann = town.client().await;
    let device = |address: &str| json!({ "kind": "fcm_token", "address": address });
    ann.post("/me/devices", device("old")).await.expect(201);
    town.clock.advance(TimeDelta::days(UNSEEN_DEVICES_DAYS - 1));
    let ann = town.again(ann).await;
    ann.post("/me/devices", device("new")).await.expect(201);
    assert_eq!(town.sweep().await.devices, 0);
    town.clock.advance(TimeDelta::days(2));
    let report = town.sweep().await;
    assert!(report.failed.is_empty(), "{report:?}");
    assert_eq!(report.devices, 1);
    let ann = town.again(ann).await;
    let left = devices(&ann).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["address"], "new");
    town.close().await;
}

async fn a_house_without_push_takes_no_devices_in(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let ann = town.client().await;
    let key = town.stranger().get("/push/key").await.expect(200);
    assert_eq!(key.body["public_key"], Value::Null);
    let browser = PushService::start().await.subscribe();
    let answer = ann.post("/me/devices", browser.device()).await;
    invalid(&answer, "/kind");
    let app = json!({ "kind": "fcm_token", "address": "token-1" });
    invalid(&ann.post("/me/devices", app).await, "/kind");
    town.close().await;
}
