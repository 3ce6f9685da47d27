//! The AsyncAPI document tells what really happens.

use belfry::http::asyncapi::DOCUMENT;
use belfry_domain::account::Role;
use belfry_domain::topic::Topic;
use serde_json::{Value, json};

use super::house::{House, news};
use super::tab::Tab;
use crate::engine::Fresh;

/// Every object schema of the document that describes frames of this type.
fn schemas(document: &Value, kind: &str) -> Vec<Value> {
    let all = document["components"]["schemas"].as_object().unwrap();
    all.values()
        .flat_map(|schema| match schema["oneOf"].as_array() {
            Some(choices) => choices.clone(),
            None => vec![schema.clone()],
        })
        .filter(|schema| schema["properties"]["type"]["const"] == kind)
        .collect()
}

/// Whether the frame has every required member of the schema and no other than its properties.
fn fits(frame: &Value, schema: &Value) -> bool {
    let members = frame.as_object().unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let required = schema["required"].as_array().unwrap();
    required
        .iter()
        .all(|name| members.contains_key(name.as_str().unwrap()))
        && members.keys().all(|name| properties.contains_key(name))
}

#[actix_rt::test]
async fn every_frame_is_described() {
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, user) = (house.node(), house.user().await);
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    assert_eq!(document["asyncapi"], "3.0.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    house.commit(user).await;
    let expert = house.person(Role::Expert).await;
    let topic = Topic::ExpertSlots(expert);
    let (mut tab, welcome) = Tab::open(&node, user, Some(0)).await;
    for frame in [
        json!({"type": "subscribe", "topic": topic.to_string(), "ref": 1}),
        json!({"type": "unsubscribe", "topic": "order:7"}),
        json!({"type": "authenticate", "token": format!("{user} 60")}),
        json!({"type": "read", "up_to": 1}),
        json!({"type": "read", "id": user}),
    ] {
        let kind = frame["type"].as_str().unwrap().to_owned();
        let described = schemas(&document, &kind);
        assert!(
            described.iter().any(|schema| fits(&frame, schema)),
            "{frame}"
        );
        tab.say(frame).await;
    }
    let mut frames = vec![welcome];
    // The replay, two refusals and the news of what was read come in no certain order.
    let count = |frames: &[Value], kind| frames.iter().filter(|f| f["type"] == kind).count();
    while count(&frames, "error") < 2
        || ["read", "caught_up", "ok"]
            .iter()
            .any(|kind| count(&frames, kind) == 0)
    {
        frames.push(tab.next().await);
    }
    node.supervisor.topic(topic, &news("slots.changed"));
    frames.push(tab.next_of("event").await);
    tab.say(json!({"type": "ping"})).await;
    frames.push(tab.next_of("pong").await);
    let mut kinds: Vec<&str> = frames.iter().map(|f| f["type"].as_str().unwrap()).collect();
    for (frame, kind) in frames.iter().zip(&kinds) {
        let described = schemas(&document, kind);
        assert!(
            described.iter().any(|schema| fits(frame, schema)),
            "{frame}"
        );
        if *kind == "notification" {
            let notification = &document["components"]["schemas"]["Notification"];
            assert!(fits(&frame["notification"], notification), "{frame}");
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    let told = [
        "caught_up",
        "error",
        "event",
        "notification",
        "ok",
        "pong",
        "read",
        "welcome",
    ];
    assert_eq!(kinds, told);
}
