//! Apps, through a stand-in of Firebase Cloud Messaging that speaks HTTP/2 alone.

use std::collections::BTreeMap;

use belfry::channel::Fcm;
use belfry_actors::Provider;
use belfry_domain::delivery::{DeadCause, Receipt, SendError};
use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::json;

use super::message;
use crate::standin::fcm::{Fate, Fcm as StandIn};

/// How a call ended, as one word.
fn class(result: &Result<Receipt, SendError>) -> String {
    match result {
        Ok(Receipt::Sent {
            provider_id: Some(_),
        }) => "sent".to_owned(),
        Ok(_) => "sent without a name".to_owned(),
        Err(SendError::DeadAddress { cause, .. }) => match cause {
            DeadCause::Unregistered => "unregistered".to_owned(),
            other => format!("dead {other:?}").to_lowercase(),
        },
        Err(SendError::Limited { until, .. }) => {
            let at = message("", json!({})).at;
            format!("limited {}", (*until - at).num_seconds())
        }
        Err(other) => {
            let name = format!("{other:?}");
            name.split('(').next().unwrap().to_lowercase()
        }
    }
}

#[actix_rt::test]
async fn a_message_has_what_a_device_shows_and_what_its_app_looks_up() {
    let google = StandIn::start().await;
    let fcm = Fcm::new(&google.settings()).unwrap();
    let by_token = message("token-1", json!({ "kind": "fcm_token" }));
    let by_fid = message("fid-1", json!({ "kind": "fcm_fid" }));
    assert_eq!(class(&fcm.send(&by_token).await), "sent");
    assert_eq!(class(&fcm.send(&by_fid).await), "sent");
    let shown = &google.shown("token-1")[0];
    assert_eq!(shown["token"], "token-1");
    assert_eq!(shown["notification"]["title"], "Đặt lịch mới");
    assert_eq!(shown["notification"]["body"], "Thứ Ba, 10:00");
    let data = json!({
        "booking_id": "1", "code": "BLF-1", "minutes": "60", "kind": "booking.created",
        "url": "https://belfry.test/bookings/1",
    });
    assert_eq!(shown["data"], data);
    assert_eq!(shown["android"]["ttl"], "259200s");
    let tag = json!(by_token.id.to_string());
    assert_eq!(shown["android"]["notification"]["tag"], tag);
    assert_eq!(shown["apns"]["headers"]["apns-collapse-id"], tag);
    assert_eq!(shown["webpush"]["notification"]["tag"], tag);
    let shown = &google.shown("fid-1")[0];
    assert_eq!(shown["fid"], "fid-1");
    assert!(shown.get("token").is_none());
}

#[actix_rt::test]
async fn a_message_that_would_be_too_large_loses_facts_before_words() {
    let google = StandIn::start().await;
    let fcm = Fcm::new(&google.settings()).unwrap();
    let mut long = message("token-1", json!({}));
    long.content.data = json!({ "a": "x".repeat(300), "b": vec!["y"; 2000] });
    long.content.text = "\"".repeat(3000);
    assert_eq!(class(&fcm.send(&long).await), "sent");
    let shown = &google.shown("token-1")[0];
    let text = shown["notification"]["body"].as_str().unwrap();
    assert!(text.starts_with("\"\"") && text.ends_with('…'), "{text}");
    assert!(text.len() > 500);
    let names: Vec<_> = shown["data"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["kind", "url"]);
}

#[actix_rt::test]
async fn every_code_means_what_the_table_says_over_the_wire() {
    let google = StandIn::start().await;
    let fcm = Fcm::new(&google.settings()).unwrap();
    let table = [
        (Fate::Fault(404, "UNREGISTERED", None), "unregistered"),
        (Fate::Fault(403, "SENDER_ID_MISMATCH", None), "dead invalid"),
        (Fate::Fault(400, "INVALID_ARGUMENT", None), "refused"),
        (Fate::Field("message.data[0].value"), "refused"),
        (Fate::Field("message.token"), "dead invalid"),
        (Fate::Fault(429, "QUOTA_EXCEEDED", None), "limited 60"),
        (
            Fate::Fault(429, "QUOTA_EXCEEDED", Some(3600)),
            "limited 3600",
        ),
        (Fate::Fault(500, "INTERNAL", None), "transient"),
        (Fate::Fault(503, "UNAVAILABLE", None), "transient"),
        (Fate::Fault(503, "UNAVAILABLE", Some(120)), "limited 120"),
        (
            Fate::Fault(401, "THIRD_PARTY_AUTH_ERROR", None),
            "unconfigured",
        ),
        (Fate::TakenAndCut, "ambiguous"),
    ];
    for (fate, meaning) in table {
        google.will("token-1", fate.clone());
        let result = fcm.send(&message("token-1", json!({}))).await;
        assert_eq!(class(&result), meaning, "{fate:?}");
    }
    google.will("token-1", Fate::TakenButFault(503, "UNAVAILABLE"));
    let again = message("token-1", json!({}));
    let before = google.shown("token-1").len();
    assert_eq!(class(&fcm.send(&again).await), "transient");
    assert_eq!(class(&fcm.send(&again).await), "sent");
    // The device has shown both under one tag: the second took the place of the first.
    let tags: Vec<_> = google.shown("token-1")[before..]
        .iter()
        .map(|shown| shown["android"]["notification"]["tag"].clone())
        .collect();
    assert_eq!(
        tags,
        [json!(again.id.to_string()), json!(again.id.to_string())]
    );
}

#[actix_rt::test]
async fn one_token_serves_everybody_until_it_nears_its_end_or_is_revoked() {
    let google = StandIn::start().await;
    let fcm = Fcm::new(&google.settings()).unwrap();
    let at = |minutes| {
        let mut message = message("token-1", json!({}));
        message.at += TimeDelta::minutes(minutes);
        message
    };
    let first = [at(0), at(0), at(0), at(0)];
    let sent = join_all(first.iter().map(|message| fcm.send(message))).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    assert_eq!(google.counts().2, 1);
    fcm.send(&at(54)).await.unwrap();
    assert_eq!(google.counts().2, 1);
    fcm.send(&at(56)).await.unwrap();
    assert_eq!(google.counts().2, 2, "fetched ahead");
    google.revoke();
    fcm.send(&at(57)).await.unwrap();
    assert_eq!(google.counts().2, 3, "fetched when it was refused");
    // What cannot be fetched in time is not needed yet.
    google.refuse_grants(true);
    fcm.send(&at(57 + 56)).await.unwrap();
    google.revoke();
    assert_eq!(class(&fcm.send(&at(57)).await), "unconfigured");
    google.refuse_grants(false);
    fcm.send(&at(57)).await.unwrap();
    assert_eq!(google.counts().1, 1, "over one connection");
}

#[actix_rt::test]
async fn of_five_hundred_only_those_are_repeated_that_were_not_begun() {
    let google = StandIn::start().await;
    let fcm = Fcm::new(&google.settings()).unwrap();
    let addresses: Vec<String> = (0..500).map(|number| format!("token-{number}")).collect();
    google.will("token-7", Fate::Fault(404, "UNREGISTERED", None));
    google.will("token-100", Fate::RefuseStream(1));
    google.will("token-200", Fate::GoAway(1));
    google.will("token-300", Fate::TakenButFault(503, "UNAVAILABLE"));
    google.will("token-400", Fate::RefuseStream(9));
    let messages: Vec<_> = addresses
        .iter()
        .map(|address| message(address, json!({})))
        .collect();
    let results = join_all(messages.iter().map(|message| fcm.send(message))).await;
    let mut odd = BTreeMap::new();
    for (address, result) in addresses.iter().zip(&results) {
        if class(result) != "sent" {
            odd.insert(address.as_str(), class(result));
        }
    }
    let expected = [
        ("token-300", "transient".to_owned()),
        ("token-400", "transient".to_owned()),
        ("token-7", "unregistered".to_owned()),
    ];
    assert_eq!(odd, BTreeMap::from(expected));
    for address in &addresses {
        let times = usize::from(!["token-7", "token-400"].contains(&address.as_str()));
        assert_eq!(google.shown(address).len(), times, "{address}");
    }
    let (asked, connections, granted) = google.counts();
    assert_eq!(
        asked, 499,
        "each once, but for the one that was always refused"
    );
    assert_eq!(granted, 1);
    assert!((2..=6).contains(&connections), "{connections} connections");
}

#[test]
fn a_key_file_that_is_none_is_refused_without_being_repeated() {
    for text in ["{}", "{\"private_key\":\"hush\"}", "/no/such/file"] {
        let settings = belfry::config::Fcm {
            service_account: belfry::secret::Secret::new(text.to_owned()),
            base_url: "http://127.0.0.1:1".to_owned(),
            token_url: String::new(),
        };
        let error = Fcm::new(&settings).err().unwrap();
        assert!(!format!("{error:#}").contains("hush"), "{error:#}");
    }
}
