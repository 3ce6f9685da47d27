//! Webhooks in a running house: who hears of what, what becomes of failures, and new secrets (C6.3).

use belfry::config::Settings;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::contract::UNKNOWN;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::standin::{Asked, Reply, StandIn};
use crate::town::{Person, Town};

on_both_engines!(
    every_endpoint_hears_of_the_events_that_it_wants,
    a_failing_endpoint_is_tried_again_and_holds_up_nobody,
    a_lost_endpoint_is_switched_off_and_administrators_hear_of_it,
    what_failed_is_sent_again_when_the_endpoint_is_back,
    a_new_secret_signs_beside_the_old_one,
    what_is_typed_is_checked,
);

fn here(settings: &mut Settings) {
    settings.outbound.allow_loopback = true;
}

async fn add(admin: &Person, endpoint: &StandIn, events: &[&str]) -> Value {
    let body = json!({ "url": endpoint.url(), "events": events });
    admin.post("/admin/webhooks", body).await.expect(201).body
}

fn path(webhook: &Value) -> String {
    format!("/admin/webhooks/{}", webhook["id"].as_str().unwrap())
}

/// Whether a receiver with this secret believes what came; it does not look at the clock.
fn signed(secret: &Value, asked: &Asked) -> bool {
    let receiver = standardwebhooks::Webhook::new(secret.as_str().unwrap()).unwrap();
    let seconds = asked.header("webhook-timestamp").parse().unwrap();
    let wanted = receiver.sign(asked.header("webhook-id"), seconds, &asked.body);
    let wanted = wanted.unwrap();
    let mut given = asked.header("webhook-signature").split(' ');
    given.any(|signature| signature == wanted)
}

/// The types of what an endpoint was told, in order of their names.
fn types(asked: &[Asked]) -> Vec<String> {
    let types = asked.iter().map(|asked| asked.json()["type"].clone());
    let mut types: Vec<String> = types
        .map(|kind| kind.as_str().unwrap().to_owned())
        .collect();
    types.sort();
    types
}

/// Lets the clock go on in steps that tokens survive, with the couriers looking up.
async fn pass(town: &Town, seconds: i64) {
    town.clock.advance(TimeDelta::seconds(seconds));
}

async fn every_endpoint_hears_of_the_events_that_it_wants(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let (all, some, other) = (
        StandIn::start(|_| Reply::status(200)).await,
        StandIn::start(|_| Reply::status(200)).await,
        StandIn::start(|_| Reply::status(200)).await,
    );
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    let one = add(&admin, &all, &["booking.*"]).await;
    let two = add(&admin, &some, &["booking.confirmed", "booking.rejected"]).await;
    add(&admin, &other, &["booking.missed"]).await;
    let booking = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    let confirm = format!("/bookings/{}/confirm", booking.text("id"));
    expert.post(&confirm, json!({})).await.expect(200);
    let heard = all.asked_times(2).await;
    assert_eq!(types(&heard), ["booking.confirmed", "booking.created"]);
    for asked in &heard {
        assert!(signed(&one["secret"], asked) && !signed(&two["secret"], asked));
        let body = asked.json();
        assert_eq!(body["data"]["booking_id"], booking.body["id"]);
        assert_eq!(body["data"]["code"], booking.body["code"]);
        assert_eq!(
            body["data"]["subject"],
            json!(format!("booking/{}", booking.text("id")))
        );
        assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(types(&some.asked_times(1).await), ["booking.confirmed"]);
    assert!(other.asked().is_empty());
    // The log names each, and so does the outbox, where it is nobody's.
    let log = eventually("both are sent", async || {
        let log = admin
            .get(&format!("{}/deliveries", path(&one)))
            .await
            .expect(200);
        let items = log.body["items"].as_array().unwrap().clone();
        let sent = items.iter().filter(|item| item["status"] == "sent").count();
        (sent == 2).then_some(items)
    })
    .await;
    let ids: Vec<_> = heard
        .iter()
        .map(|asked| asked.header("webhook-id"))
        .collect();
    for item in &log {
        assert!(ids.contains(&item["id"].as_str().unwrap()));
        assert_eq!(item["user"], Value::Null);
        assert_eq!(item["channel"], "webhook");
    }
    town.close().await;
}

async fn a_failing_endpoint_is_tried_again_and_holds_up_nobody(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let (failing, well) = (
        StandIn::start(|_| Reply::status(200)).await,
        StandIn::start(|_| Reply::status(200)).await,
    );
    let admin = town.admin().await;
    let (failed, fine) = (
        add(&admin, &failing, &["*"]).await,
        add(&admin, &well, &["*"]).await,
    );
    failing.next([
        Reply::status(429).with("retry-after", "60"),
        Reply::status(500),
    ]);
    let first = admin
        .post(&format!("{}/test", path(&failed)), json!({}))
        .await
        .expect(202);
    failing.asked_times(1).await;
    // The other one hears at once, although this one asked for a pause.
    admin
        .post(&format!("{}/test", path(&fine)), json!({}))
        .await
        .expect(202);
    well.asked_times(1).await;
    let delivery = format!("/admin/deliveries/{}", first.text("delivery_id"));
    let attempts = async |count: usize| {
        eventually("the attempts have ended", async || {
            let found = admin.get(&delivery).await.expect(200).body;
            let attempts = found["attempts"].as_array().unwrap().clone();
            let ended = attempts
                .iter()
                .all(|attempt| attempt["outcome"].is_string());
            let settled = ended && found["status"] != "sending";
            (attempts.len() == count && settled).then_some(found)
        })
        .await
    };
    assert_eq!(attempts(1).await["status"], "retrying");
    pass(&town, 59).await;
    admin
        .post(&format!("{}/test", path(&fine)), json!({}))
        .await
        .expect(202);
    well.asked_times(2).await;
    assert_eq!(failing.asked().len(), 1, "it has its pause");
    pass(&town, 1).await;
    admin
        .post(&format!("{}/test", path(&fine)), json!({}))
        .await
        .expect(202);
    attempts(2).await;
    // Five minutes, and a tenth more at most, after the second failure.
    pass(&town, 331).await;
    admin
        .post(&format!("{}/test", path(&fine)), json!({}))
        .await
        .expect(202);
    assert_eq!(attempts(3).await["status"], "sent");
    let asked = failing.asked();
    let ids: Vec<_> = asked
        .iter()
        .map(|asked| asked.header("webhook-id"))
        .collect();
    assert_eq!(ids, vec![first.text("delivery_id"); 3]);
    assert!(asked.iter().all(|asked| signed(&failed["secret"], asked)));
    town.close().await;
}

async fn a_lost_endpoint_is_switched_off_and_administrators_hear_of_it(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let gone = StandIn::start(|_| Reply::status(410)).await;
    let admin = town.admin().await;
    let webhook = add(&admin, &gone, &["*"]).await;
    admin
        .post(&format!("{}/test", path(&webhook)), json!({}))
        .await
        .expect(202);
    let notice = eventually("a notice", async || {
        let inbox = admin.get("/notifications").await.expect(200);
        let mut items = inbox.body["items"].as_array().unwrap().clone().into_iter();
        items.find(|item| item["kind"] == "webhook.disabled")
    })
    .await;
    assert!(
        notice["body"].as_str().unwrap().contains(&gone.url()),
        "{notice}"
    );
    let off = admin.get(&path(&webhook)).await.expect(200);
    assert_eq!(off.body["enabled"], false);
    assert_eq!(off.body["disabled_cause"], "gone");
    admin
        .post(&format!("{}/test", path(&webhook)), json!({}))
        .await
        .problem(409, "conflict");
    let on = admin
        .patch(&path(&webhook), json!({ "enabled": true }))
        .await
        .expect(200);
    assert_eq!(on.body["disabled_cause"], Value::Null);
    assert_eq!(gone.asked().len(), 1, "it is not told of its own end");
    town.close().await;
}

async fn what_failed_is_sent_again_when_the_endpoint_is_back(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let endpoint = StandIn::start(|_| Reply::status(200)).await;
    let admin = town.admin().await;
    let well = StandIn::start(|_| Reply::status(200)).await;
    let webhook = add(&admin, &endpoint, &["booking.*"]).await;
    let other = add(&admin, &well, &["booking.missed"]).await;
    let (expert, client) = (town.expert().await, town.client().await);
    // Switched off, everything on its way is given up.
    endpoint.next([Reply::status(500), Reply::status(500)]);
    for start in ["2027-03-02T10:00:00Z", "2027-03-02T12:00:00Z"] {
        client.book(&expert, start).await.expect(201);
    }
    endpoint.asked_times(2).await;
    let off = json!({ "enabled": false });
    admin.patch(&path(&webhook), off).await.expect(200);
    let log = format!("{}/deliveries", path(&webhook));
    let statuses = async |status: &str, count: usize| {
        eventually(&format!("{count} are {status}"), async || {
            let found = admin
                .get(&format!("{log}?status={status}"))
                .await
                .expect(200);
            found.body["items"].as_array().unwrap().len() == count
        })
        .await;
    };
    statuses("retrying", 2).await;
    pass(&town, 10).await;
    // A message to anybody wakes the courier.
    admin
        .post(&format!("{}/test", path(&other)), json!({}))
        .await
        .expect(202);
    statuses("dead", 2).await;
    let replay = format!("{}/replay", path(&webhook));
    let since = json!({ "since": "2027-03-01T00:00:00Z" });
    admin
        .post(&replay, since.clone())
        .await
        .problem(409, "conflict");
    let on = json!({ "enabled": true });
    admin.patch(&path(&webhook), on).await.expect(200);
    let later = json!({ "since": "2027-03-01T13:00:00Z" });
    let none = admin.post(&replay, later).await.expect(200);
    assert_eq!(none.body["count"], 0);
    let both = admin.post(&replay, since).await.expect(200);
    assert_eq!(both.body["count"], 2);
    statuses("sent", 2).await;
    assert_eq!(endpoint.asked().len(), 4);
    town.close().await;
}

async fn a_new_secret_signs_beside_the_old_one(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let endpoint = StandIn::start(|_| Reply::status(200)).await;
    let admin = town.admin().await;
    let webhook = add(&admin, &endpoint, &["*"]).await;
    let shown = admin.get(&path(&webhook)).await.expect(200);
    assert!(!shown.text.contains("whsec_"), "{}", shown.text);
    let rotate = format!("{}/rotate", path(&webhook));
    let fresh_secret = admin.post(&rotate, json!({})).await.expect(200).body["secret"].clone();
    assert_ne!(fresh_secret, webhook["secret"]);
    let test = format!("{}/test", path(&webhook));
    admin.post(&test, json!({})).await.expect(202);
    let asked = endpoint.asked_times(1).await;
    assert!(signed(&fresh_secret, &asked[0]) && signed(&webhook["secret"], &asked[0]));
    pass(&town, 24 * 3600).await;
    let admin = town.again(admin).await;
    admin.post(&test, json!({})).await.expect(202);
    let asked = endpoint.asked_times(2).await;
    assert!(signed(&fresh_secret, &asked[1]) && !signed(&webhook["secret"], &asked[1]));
    town.close().await;
}

async fn what_is_typed_is_checked(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let post = async |url: &str, events: Value| {
        let body = json!({ "url": url, "events": events });
        let answer = admin.post("/admin/webhooks", body).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        answer.body["errors"][0]["pointer"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for url in [
        "",
        "nowhere",
        "http://93.184.215.14/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://user:word@93.184.215.14/",
    ] {
        assert_eq!(post(url, json!(["*"])).await, "/url", "{url}");
    }
    let sound = "https://93.184.215.14/belfry";
    assert_eq!(post(sound, json!([])).await, "/events");
    assert_eq!(post(sound, json!(["*", "bookings.*"])).await, "/events/1");
    let body = json!({ "url": sound, "events": ["*"], "description": "Desk" });
    let made = admin.post("/admin/webhooks", body).await.expect(201).body;
    let etag = admin.get(&path(&made)).await.expect(200);
    let etag = etag.header("etag").unwrap().to_owned();
    let edit = json!({ "description": "Front desk" });
    let edited = admin.patch(&path(&made), edit.clone()).await.expect(200);
    assert_eq!(edited.body["description"], "Front desk");
    assert_eq!(edited.body["url"], sound);
    let headers = [("if-match", etag.as_str())];
    admin
        .send(reqwest::Method::PATCH, &path(&made), Some(edit), &headers)
        .await
        .problem(412, "stale");
    let listed = admin.get("/admin/webhooks").await.expect(200);
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    admin.delete(&path(&made)).await.expect(204);
    admin.delete(&path(&made)).await.problem(404, "not-found");
    let nothing = format!("/admin/webhooks/{UNKNOWN}/rotate");
    admin
        .post(&nothing, json!({}))
        .await
        .problem(404, "not-found");
    town.close().await;
}
