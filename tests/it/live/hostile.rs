//! Clients that mean harm, all at once, and a neighbour who must not notice.

use std::cell::Cell;
use std::rc::Rc;

use belfry_domain::id::UserId;
use futures::future::{LocalBoxFuture, join_all};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::house::{House, Node, PATIENCE};
use super::tab::{Hand, Tab, frame};
use crate::engine::Fresh;

/// What one of them does; it panics when the server takes it otherwise than it should.
type Attack = for<'a> fn(&'a Node, UserId) -> LocalBoxFuture<'a, ()>;

const ATTACKS: [(&str, Attack); 11] = [
    ("fragments without end", |node, user| {
        Box::pin(fragments_without_end(node, user))
    }),
    ("empty fragments", |node, user| {
        Box::pin(empty_fragments(node, user))
    }),
    ("control frames between", |node, user| {
        Box::pin(control_frames_between(node, user))
    }),
    ("pings and never a look", |node, user| {
        Box::pin(pings_and_never_a_look(node, user))
    }),
    ("commands and never a look", |node, user| {
        Box::pin(commands_and_never_a_look(node, user))
    }),
    ("subscriptions without end", |node, user| {
        Box::pin(subscriptions_without_end(node, user))
    }),
    ("lengths that are lies", |node, user| {
        Box::pin(lengths_that_are_lies(node, user))
    }),
    ("no mask", |node, user| Box::pin(no_mask(node, user))),
    ("byte by byte", |node, user| {
        Box::pin(byte_by_byte(node, user))
    }),
    ("half closed", |node, user| {
        Box::pin(half_closed(node, user))
    }),
    ("gone in the middle", |node, user| {
        Box::pin(gone_in_the_middle(node, user))
    }),
];

#[actix_rt::test]
async fn a_neighbour_of_hostile_clients_misses_nothing() {
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, neighbour, hostile) = (house.node(), house.user().await, house.user().await);
    let (mut tab, _) = Tab::open(&node, neighbour, None).await;
    let over = Rc::new(Cell::new(false));
    let attacks = async {
        join_all(ATTACKS.iter().map(|(name, attack)| {
            let node = &node;
            async move {
                for _ in 0..3 {
                    let attack = tokio::time::timeout(3 * PATIENCE, attack(node, hostile));
                    attack
                        .await
                        .unwrap_or_else(|_| panic!("{name} takes too long"));
                }
            }
        }))
        .await;
        over.set(true);
    };
    let living = async {
        let mut told = 0;
        while !over.get() || told < 50 {
            told += 1;
            let entry = house.commit(neighbour).await;
            node.supervisor.announce(neighbour, &[entry]);
            assert_eq!(tab.next().await["offset"], told);
        }
        told
    };
    let ((), told) = futures::future::join(attacks, living).await;
    assert_eq!(tab.settled().await, Vec::<Value>::new());
    println!(
        "{} attacks three times each; {told} entries came in order",
        ATTACKS.len()
    );
    drop(tab);
    node.connected(0).await;
}

async fn send(hand: &mut Hand, bytes: &[u8]) {
    // The server may have closed already; what it said is read afterwards.
    let _ = hand.stream.write_all(bytes).await;
}

async fn fragments_without_end(node: &Node, user: UserId) {
    let mut hand = Hand::open(node, user, &frame(0x01, b"x")).await;
    // A little more than a message may be.
    let bytes = frame(0x00, b"x").repeat(17 * 1024);
    send(&mut hand, &bytes).await;
    assert_eq!(hand.closed().await, 1009);
}

async fn empty_fragments(node: &Node, user: UserId) {
    let mut hand = Hand::open(node, user, &frame(0x01, br#"{"type":"#)).await;
    send(&mut hand, &frame(0x00, b"").repeat(20_000)).await;
    send(&mut hand, &frame(0x80, br#""ping","ref":1}"#)).await;
    assert_eq!(hand.next_text().await["type"], "welcome");
    assert_eq!(hand.next_text().await, json!({"type": "pong", "ref": 1}));
}

async fn control_frames_between(node: &Node, user: UserId) {
    const ROUNDS: usize = 500;
    let mut hand = Hand::open(node, user, b"").await;
    let text = json!({"type": "ping", "ref": "y".repeat(ROUNDS)}).to_string();
    let mut bytes = frame(0x01, b"");
    for (place, letter) in text.bytes().enumerate() {
        bytes.extend(frame(0x00, &[letter]));
        bytes.extend(frame(0x89, &place.to_be_bytes()));
        bytes.extend(frame(0x8a, b"nobody asked"));
    }
    bytes.extend(frame(0x80, b""));
    let mut pongs = 0_usize;
    let (mut reading, mut writing) = hand.stream.split();
    let sent = async {
        writing.write_all(&bytes).await.unwrap();
    };
    let heard = async {
        loop {
            match super::tab::read_frame(&mut reading).await.unwrap() {
                (10, payload) => {
                    assert_eq!(payload, pongs.to_be_bytes());
                    pongs += 1;
                }
                (1, payload) if payload.starts_with(br#"{"type":"welcome""#) => {}
                (1, payload) => return serde_json::from_slice::<Value>(&payload).unwrap(),
                other => panic!("{other:?}"),
            }
        }
    };
    let ((), pong) = futures::future::join(sent, heard).await;
    assert_eq!(pong["type"], "pong");
    assert_eq!(pongs, text.len());
}

/// Answers wait up to a bound; beyond it their reader is too slow.
async fn pings_and_never_a_look(node: &Node, user: UserId) {
    let mut hand = Hand::open(node, user, b"").await;
    let many = frame(0x89, &[b'p'; 125]).repeat(1_000);
    too_slow(&mut hand, &many).await;
}

async fn commands_and_never_a_look(node: &Node, user: UserId) {
    let mut hand = Hand::open(node, user, b"").await;
    let text = json!({"type": "ping", "ref": "z".repeat(900)}).to_string();
    let many = frame(0x81, text.as_bytes()).repeat(150);
    too_slow(&mut hand, &many).await;
}

/// Writes the same again until nothing more is taken or the connection is over, and then reads why.
async fn too_slow(hand: &mut Hand, bytes: &[u8]) {
    // Far more than the server queues and both kernels buffer.
    for _ in 0..200 {
        let written = tokio::time::timeout(PATIENCE, hand.stream.write_all(bytes)).await;
        if !matches!(written, Ok(Ok(()))) {
            break;
        }
    }
    // What was on its way when it was given up may have been answered with a reset.
    if let Some(code) = hand.try_closed().await {
        assert_eq!(code, 4409);
    }
}

async fn subscriptions_without_end(node: &Node, user: UserId) {
    let mut hand = Hand::open(node, user, b"").await;
    let mut bytes = Vec::new();
    for number in 0..300 {
        let topic = format!("expert:{}:slots", uuid::Uuid::now_v7());
        let text = json!({"type": "subscribe", "topic": topic, "ref": number}).to_string();
        bytes.extend(frame(0x81, text.as_bytes()));
    }
    send(&mut hand, &bytes).await;
    assert_eq!(hand.next_text().await["type"], "welcome");
    for number in 0..300 {
        let answer = hand.next_text().await;
        assert_eq!(answer["ref"], number);
        match number {
            0..64 => assert_eq!(answer["type"], "ok"),
            _ => assert_eq!(answer["code"], "too_many_topics"),
        }
    }
}

async fn lengths_that_are_lies(node: &Node, user: UserId) {
    for length in [
        u64::MAX,
        1 << 63,
        1 << 62,
        u64::from(u32::MAX),
        16 * 1024 + 1,
    ] {
        for head in [0x81, 0x01, 0x82] {
            let bytes = [&[head, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
            let mut hand = Hand::open(node, user, &bytes).await;
            assert_eq!(hand.closed().await, 1009, "{length} {head:x}");
        }
        let bytes = [&[0x89, 0xff][..], &length.to_be_bytes()].concat();
        let mut hand = Hand::open(node, user, &bytes).await;
        assert_eq!(hand.closed().await, 4400);
    }
}

async fn no_mask(node: &Node, user: UserId) {
    let mut hand = Hand::open(node, user, b"").await;
    send(&mut hand, b"\x81\x0f{\"type\":\"ping\"}").await;
    assert_eq!(hand.closed().await, 4400);
}

async fn byte_by_byte(node: &Node, user: UserId) {
    let mut hand = Hand::open(node, user, b"").await;
    assert_eq!(hand.next_text().await["type"], "welcome");
    for number in 0..20 {
        let text = json!({"type": "ping", "ref": number}).to_string();
        for byte in frame(0x81, text.as_bytes()) {
            send(&mut hand, &[byte]).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(hand.next_text().await["ref"], number);
    }
}

/// Whoever says no more is not waited for.
async fn half_closed(node: &Node, user: UserId) {
    let mut hand = Hand::open(node, user, &frame(0x81, b"{\"ty")[..7]).await;
    hand.stream.shutdown().await.unwrap();
    while hand.frame().await.is_some() {}
}

async fn gone_in_the_middle(node: &Node, user: UserId) {
    let hand = Hand::open(node, user, &frame(0x81, b"{\"type\":\"ping\"}")[..9]).await;
    // With a reset instead of a goodbye.
    hand.stream.set_zero_linger().unwrap();
    drop(hand);
    // A request that asks for a socket and does not wait for it.
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let request = Hand::request(node, user);
    stream.write_all(request.as_bytes()).await.unwrap();
    drop(stream);
    // One that never ends, and one that is not HTTP.
    for bytes in [
        &request.as_bytes()[..request.len() - 2],
        b"\x16\x03\x01\x02\x00\x01\x00",
    ] {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 101"));
    }
}

#[actix_rt::test]
async fn a_reader_that_stops_for_good_is_let_go() {
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let (node, user) = (house.node(), house.user().await);
    let (mut tab, _) = Tab::open(&node, user, None).await;
    // None of them ever reads again: one on a WebSocket, one on server-sent events.
    let hand = Hand::open(&node, user, b"").await;
    let mut events = TcpStream::connect(node.address).await.unwrap();
    let request = format!(
        "GET /api/v1/live/events?ticket={} HTTP/1.1\r\nHost: belfry\r\n\r\n",
        node.ticket(user)
    );
    events.write_all(request.as_bytes()).await.unwrap();
    node.connected(3).await;
    let payload = json!({"filling": "x".repeat(60_000)}).to_string();
    for _ in 0..200 {
        node.publish(user, &payload);
        assert_eq!(tab.next().await["topic"], "user");
    }
    // By the session, which gives a slow reader half a minute to find out, or by the kernel, which gives
    // unacknowledged bytes as long.
    node.connected_within(1, 4 * PATIENCE).await;
    assert_eq!(tab.settled().await, Vec::<Value>::new());
    drop((hand, events));
}
