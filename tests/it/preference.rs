//! What people want to be told on which channel (C4.5): kept as chosen, and heeded by the mail.

use belfry_domain::channel::Channel;
use belfry_store::suppression::{self, Suppression};
use reqwest::Method;
use serde_json::{Value, json};

use crate::contract::body::pointed_at;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::standin::http_sms::HttpSms;
use crate::standin::web_push::PushService;
use crate::town::{Person, Town};

on_both_engines!(
    whoever_never_chose_has_the_defaults,
    what_was_chosen_is_kept_whole,
    a_choice_that_makes_no_sense_is_refused_and_the_last_one_stays,
    mail_that_was_switched_off_is_not_sent_while_the_inbox_is_kept,
    everybody_sees_which_ways_lead_to_them_and_what_the_others_lack,
);

const PATH: &str = "/me/preferences";

fn all() -> Value {
    json!({ "email": true, "telegram": true, "sms": true, "push": true })
}

async fn whoever_never_chose_has_the_defaults(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    town.stranger()
        .get(PATH)
        .await
        .problem(401, "unauthenticated");
    let client = town.client().await;
    let defaults = json!({
        "channels": { "email": true, "telegram": false, "sms": false, "push": true },
        "categories": { "booking": all(), "reminder": all(), "review": all() },
        "quiet_hours": null,
        "digest": "off",
    });
    assert_eq!(client.get(PATH).await.expect(200).body, defaults);
    // What is left out is as if it had never been chosen.
    client
        .put(PATH, json!({ "digest": "daily" }))
        .await
        .expect(200);
    assert_eq!(client.put(PATH, json!({})).await.expect(200).body, defaults);
    town.close().await;
}

async fn what_was_chosen_is_kept_whole(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (client, other) = (town.client().await, town.client().await);
    let before = client.get(PATH).await.expect(200);
    let mut chosen = before.body.clone();
    chosen["channels"]["telegram"] = json!(true);
    chosen["channels"]["push"] = json!(false);
    chosen["categories"]["review"]["email"] = json!(false);
    chosen["quiet_hours"] = json!({ "from": "22:00", "until": "07:30" });
    chosen["digest"] = json!("daily");
    let tag = before.header("etag").unwrap();
    let put = async |body: &Value, tag: &str| {
        let headers = [("if-match", tag)];
        client
            .send(Method::PUT, PATH, Some(body.clone()), &headers)
            .await
    };
    assert_eq!(put(&chosen, tag).await.expect(200).body, chosen);
    let after = client.get(PATH).await.expect(200);
    assert_eq!(after.body, chosen);
    put(&before.body, tag).await.problem(412, "stale");
    assert_eq!(client.get(PATH).await.body, chosen);
    assert_eq!(other.get(PATH).await.expect(200).body, before.body);
    // A tag that was never given out does not fit where nothing was chosen yet.
    let headers = [("if-match", "\"7\"")];
    other
        .send(Method::PUT, PATH, Some(chosen), &headers)
        .await
        .problem(412, "stale");
    town.close().await;
}

async fn a_choice_that_makes_no_sense_is_refused_and_the_last_one_stays(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let kept = json!({ "digest": "daily" });
    let kept = client.put(PATH, kept).await.expect(200).body;
    let quiet =
        |from: &str, until: &str| json!({ "quiet_hours": { "from": from, "until": until } });
    for (body, pointer, code) in [
        (
            json!({ "channels": { "email": 1 } }),
            "/channels/email",
            "invalid",
        ),
        (
            json!({ "channels": { "email": null } }),
            "/channels/email",
            "invalid",
        ),
        (
            json!({ "channels": { "fax": true } }),
            "/channels/fax",
            "unknown_field",
        ),
        (
            json!({ "categories": { "moon": {} } }),
            "/categories/moon",
            "unknown_field",
        ),
        // What is about the account itself cannot be switched off.
        (
            json!({ "categories": { "account": {} } }),
            "/categories/account",
            "unknown_field",
        ),
        (quiet("22:00", "7:00"), "/quiet_hours/until", "invalid"),
        (quiet("25:00", "07:00"), "/quiet_hours/from", "invalid"),
        (quiet("07:00", "07:00"), "/quiet_hours/until", "invalid"),
        (
            json!({ "quiet_hours": { "from": "22:00" } }),
            "/quiet_hours/until",
            "required",
        ),
        (json!({ "digest": "hourly" }), "/digest", "invalid"),
        (json!({ "digest": null }), "/digest", "invalid"),
        (
            json!({ "quite_hours": null }),
            "/quite_hours",
            "unknown_field",
        ),
    ] {
        pointed_at(client.put(PATH, body).await, pointer, code);
    }
    assert_eq!(client.get(PATH).await.body, kept);
    town.close().await;
}

/// Waits until this person was told `kind`, and answers the kinds of the mails to them so far: both are written
/// in one transaction.
async fn mailed_once_told(admin: &Person, person: &Person, kind: &str) -> Vec<String> {
    eventually(&format!("told {kind}"), async || {
        let inbox = person.get("/notifications?limit=100").await.expect(200);
        let items = inbox.body["items"].as_array().unwrap();
        items.iter().any(|item| item["kind"] == kind)
    })
    .await;
    let path = format!("/admin/deliveries?limit=100&query={}", person.email);
    let mails = admin.get(&path).await.expect(200);
    let mails = mails.body["items"].as_array().unwrap().iter();
    mails
        .map(|mail| mail["kind"].as_str().unwrap().to_owned())
        .collect()
}

async fn mail_that_was_switched_off_is_not_sent_while_the_inbox_is_kept(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    client
        .put(
            PATH,
            json!({ "categories": { "booking": { "email": false } } }),
        )
        .await
        .expect(200);
    let booking = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    let to_client = mailed_once_told(&admin, &client, "booking.created").await;
    assert_eq!(to_client, ["account.registered"]);
    // The other side chose otherwise.
    let to_expert = mailed_once_told(&admin, &expert, "booking.created").await;
    assert!(
        to_expert.contains(&"booking.created".to_owned()),
        "{to_expert:?}"
    );

    client
        .put(
            PATH,
            json!({ "categories": { "reminder": { "email": false } } }),
        )
        .await
        .expect(200);
    let confirm = format!("/bookings/{}/confirm", booking.text("id"));
    expert.post(&confirm, json!({})).await.expect(200);
    let to_client = mailed_once_told(&admin, &client, "booking.confirmed").await;
    assert!(
        to_client.contains(&"booking.confirmed".to_owned()),
        "{to_client:?}"
    );

    client
        .put(PATH, json!({ "channels": { "email": false } }))
        .await
        .expect(200);
    let cancel = format!("/bookings/{}/cancel", booking.text("id"));
    client.post(&cancel, json!({})).await.expect(200);
    let to_client = mailed_once_told(&admin, &client, "booking.cancelled").await;
    assert!(
        !to_client.contains(&"booking.cancelled".to_owned()),
        "{to_client:?}"
    );
    // A link that was asked for is sent all the same.
    let forgot = json!({ "email": client.email });
    client
        .post("/auth/password/forgot", forgot)
        .await
        .expect(202);
    eventually("the link is sent", async || {
        let told = mailed_once_told(&admin, &client, "booking.cancelled").await;
        told.contains(&"account.password_forgotten".to_owned())
    })
    .await;
    town.close().await;
}

async fn everybody_sees_which_ways_lead_to_them_and_what_the_others_lack(fresh: &Fresh) {
    let (service, gateway) = (PushService::start().await, HttpSms::start().await);
    let town = Town::open_with(fresh, |settings| {
        settings.push.web.subject = "mailto:ops@belfry.test".to_owned();
        settings.outbound.allow_loopback = true;
        gateway.settings(&mut settings.sms);
    })
    .await;
    let (admin, client) = (town.admin().await, town.client().await);
    town.stranger()
        .get("/me/ways")
        .await
        .problem(401, "unauthenticated");
    let ways = async || client.get("/me/ways").await.expect(200).body["items"].clone();
    let state = |way: &str, available: bool, connected: bool, held: Option<&str>| json!({ "way": way, "available": available, "connected": connected, "held": held });
    let expected = |sms, push, held| {
        json!([
            state("email", true, true, held),
            // There is no bot in this house.
            state("telegram", false, false, None),
            state("sms", true, sms, None),
            state("push", true, push, None),
        ])
    };
    assert_eq!(ways().await, expected(false, false, None));
    let phone = json!({ "phone": "+84901234567" });
    client.patch("/me", phone).await.expect(200);
    let device = service.subscribe().device();
    let device = client.post("/me/devices", device).await.expect(201);
    assert_eq!(ways().await, expected(true, true, None));
    let forget = format!("/me/devices/{}", device.text("id"));
    client.delete(&forget).await.expect(204);
    let mine = Suppression {
        channel: Channel::Email,
        address: client.email.clone(),
        cause: "bounced".to_owned(),
        detail: String::new(),
        at: town.now(),
    };
    let mut tx = town.store.begin().await.unwrap();
    suppression::suppress(&mut tx, &mine).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ways().await, expected(true, false, Some("bounced")));
    let lift = format!("/admin/suppressions/email/{}", client.email);
    admin.delete(&lift).await.expect(204);
    assert_eq!(ways().await, expected(true, false, None));
    town.close().await;
}
