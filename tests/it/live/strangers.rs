//! Clients that keep no rules, and the ends of a connection.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::house::{House, PATIENCE};
use super::tab::{Hand, Tab, frame};
use crate::engine::Fresh;

#[actix_rt::test]
async fn a_bad_frame_closes_its_own_socket_and_no_other() {
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, user) = (house.node(), house.user().await);
    let (mut bystander, _) = Tab::open(&node, user, None).await;
    let large = format!(r#"{{"type":"ping","ref":"{}"}}"#, "x".repeat(16 * 1024));
    for (message, code) in [
        (Message::binary(vec![1, 2, 3]), 4400),
        (Message::text("hello"), 4400),
        (Message::text("[]"), 4400),
        (Message::text("{}"), 4400),
        (Message::text(r#"{"type":1}"#), 4400),
        (Message::text(r#"{"type":"ping""#), 4400),
        (Message::text(large), 1009),
    ] {
        let (mut tab, _) = Tab::open(&node, user, None).await;
        tab.send(message).await;
        assert_eq!(tab.closed().await, code);
    }
    let ping = br#"{"type":"ping"}"#;
    let half = vec![b'x'; 9 * 1024];
    for (bytes, code) in [
        // Unmasked, reserved bits, an unknown opcode, a continuation of nothing, text inside a message.
        ([&[0x81, ping.len() as u8][..], ping].concat(), 4400),
        (frame(0xc1, ping), 4400),
        (frame(0xa1, ping), 4400),
        (frame(0x91, ping), 4400),
        (frame(0x83, ping), 4400),
        (frame(0x80, ping), 4400),
        ([frame(0x01, b"{"), frame(0x81, b"}")].concat(), 4400),
        // No UTF-8.
        (frame(0x81, b"{\"type\":\"\xff\"}"), 4400),
        // Too large in several frames, and by its announced length alone.
        ([frame(0x01, &half), frame(0x80, &half)].concat(), 1009),
        (vec![0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], 1009),
    ] {
        let mut hand = Hand::open(&node, user, &bytes).await;
        assert_eq!(hand.closed().await, code, "{:x?}", &bytes[..2]);
    }
    // What is understood but not possible is answered, and the connection stays.
    bystander
        .say(json!({"type": "dance", "ref": {"a": 1}}))
        .await;
    let refusal = bystander.next().await;
    assert_eq!(refusal["code"], "unknown_type");
    assert_eq!(refusal["ref"], json!({"a": 1}));
    assert_eq!(bystander.settled().await, Vec::<Value>::new());
}

#[actix_rt::test]
async fn frames_in_pieces_and_control_frames_between_them_are_understood() {
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, user) = (house.node(), house.user().await);
    // Part of it travels with the request itself, the rest byte by byte.
    let mut bytes = frame(0x01, br#"{"type":"pi"#);
    bytes.extend(frame(0x89, b"are you there"));
    bytes.extend(frame(0x80, br#"ng","ref":5}"#));
    let mut hand = Hand::open(&node, user, &bytes[..4]).await;
    for byte in &bytes[4..] {
        hand.stream.write_all(&[*byte]).await.unwrap();
    }
    let mut answers = Vec::new();
    while answers.len() < 3 {
        answers.push(hand.frame().await.unwrap());
    }
    assert!(answers.contains(&(10, b"are you there".to_vec())));
    assert!(answers.contains(&(1, br#"{"type":"pong","ref":5}"#.to_vec())));
    // A goodbye is returned.
    hand.stream
        .write_all(&frame(0x88, &1000u16.to_be_bytes()))
        .await
        .unwrap();
    assert_eq!(hand.closed().await, 1000);
    assert!(hand.frame().await.is_none());
    node.connected(0).await;
}

#[actix_rt::test]
async fn a_reader_that_stops_is_dropped_and_hinders_nobody() {
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, user) = (house.node(), house.user().await);
    let mut stalled = Hand::open(&node, user, &[]).await;
    // Its welcome has come: from now on it reads nothing.
    assert_eq!(stalled.frame().await.unwrap().0, 1);
    let (mut tab, _) = Tab::open(&node, user, None).await;
    let payload = json!({"filling": "x".repeat(60_000)}).to_string();
    for _ in 0..200 {
        node.publish(user, &payload);
        assert_eq!(tab.next().await["topic"], "user");
    }
    assert_eq!(tab.settled().await, Vec::<Value>::new());
    // When it reads again it learns why, after what was on its way.
    assert_eq!(stalled.closed().await, 4409);
    node.connected(1).await;
}

#[actix_rt::test]
async fn a_reader_of_events_that_stops_is_dropped_and_hinders_nobody() {
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, user) = (house.node(), house.user().await);
    let mut stalled = BufReader::new(TcpStream::connect(node.address).await.unwrap());
    let request = format!(
        "GET /api/v1/live/events?ticket={} HTTP/1.1\r\nHost: belfry\r\n\r\n",
        node.ticket(user)
    );
    stalled.write_all(request.as_bytes()).await.unwrap();
    let mut line = String::new();
    while !line.contains("welcome") {
        line.clear();
        assert_ne!(stalled.read_line(&mut line).await.unwrap(), 0);
    }
    // From now on it reads nothing.
    let (mut tab, _) = Tab::open(&node, user, None).await;
    node.connected(2).await;
    let payload = json!({"filling": "x".repeat(60_000)}).to_string();
    for _ in 0..200 {
        node.publish(user, &payload);
        assert_eq!(tab.next().await["topic"], "user");
    }
    assert_eq!(tab.settled().await, Vec::<Value>::new());
    node.connected(1).await;
    // When it reads again it learns why, after what was on its way, of which only so much is kept.
    let rest = async {
        let mut read = 0;
        while !line.contains("4409") {
            line.clear();
            read += stalled.read_line(&mut line).await.unwrap();
        }
        read
    };
    let read = timeout(PATIENCE, rest).await.expect("a word of the end");
    assert!(read < 200 * payload.len());
    assert!(tab.settled().await.is_empty());
}

#[actix_rt::test]
async fn only_a_good_ticket_opens_a_socket() {
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, user) = (house.node(), house.user().await);
    let old = node.socket_path(user, None);
    house.clock.advance(TimeDelta::seconds(31));
    for (path, status, slug) in [
        ("/ws".to_owned(), 401, "unauthenticated"),
        ("/ws?ticket=abc".to_owned(), 401, "unauthenticated"),
        (old, 401, "unauthenticated"),
        (
            format!("/ws?ticket={}&after=x", node.ticket(user)),
            422,
            "validation",
        ),
        (
            format!("/ws?ticket={}&after=-1", node.ticket(user)),
            422,
            "validation",
        ),
        ("/elsewhere".to_owned(), 404, "not-found"),
    ] {
        let (code, problem) = Tab::refused(node.address, &path).await;
        assert_eq!(code, status, "{path}");
        assert_eq!(problem["type"], format!("/problems/{slug}"));
        assert_eq!(problem["status"], status);
        assert!(problem["request_id"].is_string());
    }
    let plain = crate::engine::http()
        .get(format!("http://{}/ws", node.address))
        .send()
        .await
        .unwrap();
    assert_eq!(plain.status(), 426);
    // Ordinary requests go on beside the sockets.
    let other = crate::engine::http()
        .get(format!("http://{}/nowhere", node.address))
        .send()
        .await
        .unwrap();
    assert_eq!(other.status(), 404);
}

#[actix_rt::test]
async fn a_connection_lasts_as_long_as_its_token() {
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, user) = (house.beating_node(1), house.user().await);
    let path = format!("/ws?ticket={}", node.ticket_until(user, 60));
    let mut idle = Tab::at(node.address, &path).await;
    let mut renewed = Tab::at(node.address, &path).await;
    renewed.next_of("welcome").await;
    renewed
        .say(json!({"type": "authenticate", "token": "nonsense", "ref": 1}))
        .await;
    assert_eq!(renewed.next().await["code"], "bad_token");
    let stranger = house.user().await;
    renewed
        .say(json!({"type": "authenticate", "token": format!("{stranger} 600")}))
        .await;
    assert_eq!(renewed.next().await["code"], "bad_token");
    renewed
        .say(json!({"type": "authenticate", "token": format!("{user} 600"), "ref": 2}))
        .await;
    assert_eq!(renewed.next().await, json!({"type": "ok", "ref": 2}));
    house.clock.advance(TimeDelta::seconds(61));
    assert_eq!(idle.closed().await, 4401);
    assert_eq!(renewed.settled().await, Vec::<Value>::new());
}

#[actix_rt::test]
async fn who_answers_no_heartbeat_is_let_go() {
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, user) = (house.beating_node(1), house.user().await);
    // A tab answers pings by itself while it reads; a hand does not.
    let (mut tab, _) = Tab::open(&node, user, None).await;
    let mut hand = Hand::open(&node, user, &[]).await;
    let code = tokio::select! {
        code = hand.closed() => code,
        frame = tab.try_next() => panic!("{frame:?}"),
    };
    assert_eq!(code, 4408);
    assert_eq!(tab.settled().await, Vec::<Value>::new());
}
