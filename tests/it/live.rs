//! Live connections: welcome, resume, several tabs and nodes, and clients that keep no rules.

use std::time::Duration;

use belfry::http::server;
use belfry_domain::account::Role;
use belfry_domain::inbox::Read;
use belfry_domain::topic::Topic;
use futures::StreamExt;
use rand::Rng;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use house::{House, PATIENCE, commit, news};
use tab::Tab;

/// The Autobahn suite.
mod autobahn;
/// Everybody at once, after a restart.
mod comeback;
/// The AsyncAPI document tells what really happens.
mod document;
/// The server as an echo.
mod echo;
/// Clients that mean harm.
mod hostile;
/// Nodes with sockets and nothing behind them but the store.
pub mod house;
/// The bus goes and comes back.
mod outage;
/// The live inbox behind the real door.
mod story;
/// Clients that keep no rules, and the ends of a connection.
mod strangers;
/// Clients.
pub mod tab;

on_both_engines!(
    the_welcome_comes_first_and_then_what_is_new,
    a_resume_replays_in_order_and_tells_its_end,
    a_socket_cut_at_any_moment_misses_nothing_and_repeats_nothing,
    every_tab_on_every_node_learns_what_was_read,
    an_entry_that_was_not_announced_comes_before_the_next,
    what_other_services_publish_is_sent_on,
    a_topic_is_heard_by_those_who_may,
    a_disabled_account_is_disconnected_everywhere,
    events_resume_where_they_broke,
);

async fn the_welcome_comes_first_and_then_what_is_new(fresh: &Fresh) {
    let house = House::new(fresh);
    let (node, user) = (house.node(), house.user().await);
    house.commit(user).await;
    let (mut tab, welcome) = Tab::open(&node, user, None).await;
    assert_eq!(welcome["offset"], 1);
    assert_eq!(welcome["unread"], 1);
    assert_eq!(welcome["heartbeat_seconds"], 25);
    assert!(welcome["session_id"].is_string());
    let second = house.commit(user).await;
    node.supervisor
        .announce(user, std::slice::from_ref(&second));
    let told = tab.next().await;
    assert_eq!(told["type"], "notification");
    assert_eq!(told["offset"], 2);
    assert_eq!(told["notification"], serde_json::to_value(&second).unwrap());
    // Announced twice, by mistake or by two nodes: told once.
    node.supervisor.announce(user, &[second]);
    assert_eq!(tab.settled().await, Vec::<Value>::new());
}

async fn a_resume_replays_in_order_and_tells_its_end(fresh: &Fresh) {
    let house = House::new(fresh);
    let (node, user) = (house.node(), house.user().await);
    for _ in 0..230 {
        house.commit(user).await;
    }
    let (mut tab, welcome) = Tab::open(&node, user, Some(5)).await;
    assert_eq!(welcome["offset"], 230);
    for offset in 6..=230 {
        assert_eq!(tab.next().await["offset"], offset);
    }
    let end = json!({"type": "caught_up", "offset": 230});
    assert_eq!(tab.next().await, end);
    // Nothing to replay is told, too; so is a place beyond the end.
    for after in [230, 7_000] {
        let (mut tab, _) = Tab::open(&node, user, Some(after)).await;
        assert_eq!(tab.next().await, end);
    }
    // A deleted entry leaves a hole that nobody waits for.
    let page = fresh.store.inbox_page(user, false, None, 2).await.unwrap();
    for notification in &page {
        fresh
            .store
            .delete_notification(user, notification.id)
            .await
            .unwrap();
    }
    let (mut tab, _) = Tab::open(&node, user, Some(227)).await;
    assert_eq!(tab.next().await["offset"], 228);
    assert_eq!(tab.next().await, end);
}

async fn a_socket_cut_at_any_moment_misses_nothing_and_repeats_nothing(fresh: &Fresh) {
    const ENTRIES: i64 = 300;
    let house = House::new(fresh);
    let (here, there, user) = (house.node(), house.node(), house.user().await);
    let (store, now) = (fresh.store.clone(), house.now());
    let (first, second) = (here.supervisor.clone(), there.supervisor.clone());
    actix_rt::spawn(async move {
        for count in 0..ENTRIES {
            let notification = commit(&store, user, now).await;
            // Announced by either node, and now and then by nobody.
            let told = std::slice::from_ref(&notification);
            match count % 7 {
                0..3 => first.announce(user, told),
                3..6 => second.announce(user, told),
                _ => {}
            }
        }
        // The last one is told, so that nobody waits for the sweep.
        let last = store.inbox_since(user, ENTRIES - 1, 1).await.unwrap();
        first.announce(user, &last);
    });
    let mut seen = 0;
    let mut cuts = 0;
    while seen < ENTRIES {
        let node = if cuts % 2 == 0 { &here } else { &there };
        let (mut tab, _) = Tab::open(node, user, Some(seen)).await;
        let stays_for = rand::rng().random_range(0..25);
        for _ in 0..stays_for {
            if seen == ENTRIES {
                break;
            }
            let frame = tab.next().await;
            match frame["type"].as_str() {
                Some("notification") => {
                    assert_eq!(frame["offset"], seen + 1);
                    assert_eq!(frame["notification"]["offset"], seen + 1);
                    seen += 1;
                }
                Some("caught_up") => assert!(frame["offset"].as_i64().unwrap() <= seen),
                _ => panic!("{frame}"),
            }
        }
        // Dropped without a word, with whatever is on the way.
        drop(tab);
        cuts += 1;
    }
    assert!(cuts > 10, "{cuts} cuts prove little");
}

async fn every_tab_on_every_node_learns_what_was_read(fresh: &Fresh) {
    let house = House::new(fresh);
    let (here, there, user) = (house.node(), house.node(), house.user().await);
    let first = house.commit(user).await;
    for _ in 0..3 {
        house.commit(user).await;
    }
    let (mut one, _) = Tab::open(&here, user, None).await;
    let (mut two, _) = Tab::open(&here, user, None).await;
    let (mut far, _) = Tab::open(&there, user, None).await;
    let (mut other, _) = Tab::open(&here, house.user().await, None).await;
    one.say(json!({"type": "read", "id": first.id, "ref": 1}))
        .await;
    let read = json!({"type": "read", "id": first.id});
    assert_eq!(two.next().await, read);
    assert_eq!(one.next_of("read").await, read);
    let everybody = [&mut one, &mut two];
    // Never further than the inbox goes.
    let sure = here.supervisor.mark_read(user, Read::UpTo(1_000)).await;
    assert!(sure.unwrap());
    for tab in everybody {
        let up_to = json!({"type": "read", "up_to": 4});
        assert_eq!(tab.next_of("read").await, up_to);
    }
    assert_eq!(fresh.store.inbox_unread(user).await.unwrap(), 0);
    // Nodes without a wire between them hear nothing of each other.
    if fresh.store.engine() == "postgres" && std::env::var("BELFRY_TEST_REDIS_URL").is_ok() {
        assert_eq!(far.next().await, read);
        assert_eq!(far.next().await["up_to"], 4);
    }
    // Somebody else's is not there, and nobody else heard anything.
    other
        .say(json!({"type": "read", "id": first.id, "ref": "x"}))
        .await;
    let refusal = other.next().await;
    assert_eq!(refusal["code"], "not_found");
    assert_eq!(refusal["ref"], "x");
}

async fn an_entry_that_was_not_announced_comes_before_the_next(fresh: &Fresh) {
    let house = House::new(fresh);
    let (node, user) = (house.node(), house.user().await);
    let (mut tab, _) = Tab::open(&node, user, None).await;
    let (mut late, _) = Tab::open(&node, user, None).await;
    house.commit(user).await;
    house.commit(user).await;
    let third = house.commit(user).await;
    node.supervisor.announce(user, &[third]);
    for tab in [&mut tab, &mut late] {
        for offset in 1..=3 {
            assert_eq!(tab.next().await["offset"], offset);
        }
    }
    // An offset that no commit gave is believed by nobody.
    let told = r#"{"type":"notification","offset":99,"notification":{"id":"forged"}}"#;
    node.publish(user, told);
    let fourth = house.commit(user).await;
    node.supervisor.announce(user, &[fourth]);
    assert_eq!(tab.next().await["offset"], 4);
    assert_eq!(tab.settled().await, Vec::<Value>::new());
}

async fn what_other_services_publish_is_sent_on(fresh: &Fresh) {
    let house = House::new(fresh);
    let (node, user) = (house.node(), house.user().await);
    let (mut tab, _) = Tab::open(&node, user, None).await;
    let frame = json!({"type": "event", "topic": "order:7", "event": news("order.paid")});
    for payload in ["no JSON", "[1,2]", "\"text\"", "7", "{\"broken\":"] {
        node.publish(user, payload);
    }
    node.publish(user, &frame.to_string());
    node.publish(user, &json!({"hello": [1, 2]}).to_string());
    assert_eq!(tab.next().await, frame);
    let wrapped = json!({"type": "event", "topic": "user", "event": {"hello": [1, 2]}});
    assert_eq!(tab.next().await, wrapped);
}

async fn a_topic_is_heard_by_those_who_may(fresh: &Fresh) {
    let house = House::new(fresh);
    let (node, user) = (house.node(), house.user().await);
    let expert = house.person(Role::Expert).await;
    let topic = Topic::ExpertSlots(expert);
    let (mut tab, _) = Tab::open(&node, user, None).await;
    let (mut silent, _) = Tab::open(&node, user, None).await;
    tab.say(json!({"type": "subscribe", "topic": topic.to_string(), "ref": 1}))
        .await;
    assert_eq!(tab.next().await, json!({"type": "ok", "ref": 1}));
    let heard =
        json!({"type": "event", "topic": topic.to_string(), "event": news("slots.changed")});
    // Listening begins as soon as the bus confirms it; until then news may be missed.
    let first = async {
        let mut again = tokio::time::interval(Duration::from_millis(50));
        loop {
            tokio::select! {
                _ = again.tick() => node.supervisor.topic(topic, &news("slots.changed")),
                frame = tab.next() => return frame,
            }
        }
    };
    assert_eq!(first.await, heard);
    tab.say(json!({"type": "unsubscribe", "topic": topic.to_string()}))
        .await;
    for frame in tab.settled().await {
        assert_eq!(frame, heard);
    }
    node.supervisor.topic(topic, &news("slots.changed"));
    assert_eq!(tab.settled().await, Vec::<Value>::new());
    assert_eq!(silent.settled().await, Vec::<Value>::new());
    for (topic, code) in [
        (format!("booking:{user}"), "forbidden"),
        ("order:7".to_owned(), "unknown_topic"),
        ("expert:everybody:slots".to_owned(), "unknown_topic"),
    ] {
        tab.say(json!({"type": "subscribe", "topic": topic, "ref": [1]}))
            .await;
        let refusal = tab.next().await;
        assert_eq!(refusal["code"], code);
        assert_eq!(refusal["ref"], json!([1]));
    }
}

async fn a_disabled_account_is_disconnected_everywhere(fresh: &Fresh) {
    let house = House::new(fresh);
    let (here, there, user) = (house.node(), house.node(), house.user().await);
    let (mut near, _) = Tab::open(&here, user, None).await;
    let (mut far, _) = Tab::open(&there, user, None).await;
    here.supervisor.disable(user);
    assert_eq!(near.closed().await, 4403);
    if fresh.store.engine() == "postgres" && std::env::var("BELFRY_TEST_REDIS_URL").is_ok() {
        assert_eq!(far.closed().await, 4403);
    }
    // A ticket from before opens nothing any more.
    let nobody = belfry_domain::id::UserId::at(house.now());
    let mut tab = Tab::at(here.address, &here.socket_path(nobody, None)).await;
    assert_eq!(tab.closed().await, 4403);
}

async fn events_resume_where_they_broke(fresh: &Fresh) {
    let house = House::new(fresh);
    let (node, user) = (house.node(), house.user().await);
    for _ in 0..3 {
        house.commit(user).await;
    }
    let client = crate::engine::http();
    let open = async |last: Option<&str>| {
        let path = format!("/api/v1/live/events?ticket={}", node.ticket(user));
        let mut request = client.get(format!("http://{}{path}", node.address));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Box::pin(response.bytes_stream())
    };
    let mut stream = open(Some("1")).await;
    let mut text = String::new();
    while !text.contains("caught_up") {
        let bytes = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap();
        text.push_str(std::str::from_utf8(&bytes.unwrap().unwrap()).unwrap());
    }
    let events: Vec<&str> = text.split("\n\n").skip(1).collect();
    // The welcome carries the place to go on from, not the newest one: what follows is not yet there.
    assert!(events[0].starts_with("id: 1\ndata: {\"type\":\"welcome\""));
    assert!(events[1].starts_with("id: 2\ndata: {\"type\":\"notification\",\"offset\":2"));
    assert!(events[2].starts_with("id: 3\ndata: {\"type\":\"notification\",\"offset\":3"));
    assert_eq!(
        events[3],
        "id: 3\ndata: {\"type\":\"caught_up\",\"offset\":3}"
    );
    // JSON of others may span lines; every line is data.
    node.publish(user, "{\"a\":\n1}");
    let mut more = String::new();
    while !more.ends_with("\n\n") {
        let bytes = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap();
        more.push_str(std::str::from_utf8(&bytes.unwrap().unwrap()).unwrap());
    }
    let lines = "data: {\"type\":\"event\",\"topic\":\"user\",\"event\":{\"a\":\ndata: 1}}\n\n";
    assert_eq!(more, lines);
    node.connected(1).await;
    drop(stream);
    // The server finds out by writing.
    let writing = async {
        loop {
            node.publish(user, "{}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = node.connected(0) => {}
        () = writing => {}
    }
}

#[actix_rt::test]
async fn a_drain_tells_everybody_to_come_back() {
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, user) = (house.node(), house.user().await);
    let mut tabs = Vec::new();
    for _ in 0..20 {
        tabs.push(Tab::open(&node, user, None).await.0);
    }
    let closings = futures::future::join_all(tabs.iter_mut().map(Tab::closed));
    let drain = server::drain(&node.server, &node.live, Duration::from_secs(5));
    let (codes, ()) = tokio::time::timeout(PATIENCE, futures::future::join(closings, drain))
        .await
        .unwrap();
    assert!(codes.iter().all(|code| *code == 1012));
    assert_eq!(node.supervisor.connected(), 0);
}
