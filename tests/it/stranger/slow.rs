//! Clients that take all the time in the world.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::wire::{Wire, get, login};
use crate::account::profile::PNG;
use crate::engine::Fresh;
use crate::town::{Answer, Town};

/// A town in which nobody has long.
async fn hasty(fresh: &Fresh) -> Town {
    Town::open_with(fresh, |settings| {
        settings.http.head_seconds = 1;
        settings.http.body_seconds = 1;
        settings.http.workers = 2;
    })
    .await
}

/// Sends a byte now and then until the server has closed.
async fn trickle(wire: &mut Wire) {
    let (mut reader, mut writer) = wire.stream.split();
    let writing = async {
        use tokio::io::AsyncWriteExt;
        while writer.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let reading = async {
        use tokio::io::AsyncReadExt;
        let mut heard = Vec::new();
        // A reset ends it as well.
        let _ = reader.read_to_end(&mut heard).await;
    };
    let closed = async {
        tokio::select! { () = writing => {}, () = reading => {} }
    };
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, closed)
        .await
        .expect("the server closes");
}

#[actix_rt::test]
async fn a_head_that_never_ends_is_answered_408() {
    let fresh = Fresh::sqlite().await;
    let town = hasty(&fresh).await;
    for begun in ["", "G", "GET / HTTP/1.1\r\nHost: belfry.test\r\nX-A: "] {
        let mut wire = Wire::say(&town, begun).await;
        let heard = wire.hear_out().await;
        assert_eq!(heard.len(), 1, "{begun}");
        assert_eq!(heard[0].status, 408);
    }
    town.close().await;
}

#[actix_rt::test]
async fn a_second_head_has_no_longer_than_the_first() {
    let fresh = Fresh::sqlite().await;
    let town = hasty(&fresh).await;
    let mut wire = Wire::say(&town, get("/healthz")).await;
    assert_eq!(wire.hear().await.unwrap().status, 200);
    wire.send("GET /healthz HTTP/1.1\r\nX-A: ").await;
    trickle(&mut wire).await;
    town.close().await;
}

#[actix_rt::test]
async fn a_body_that_does_not_come_is_answered_408() {
    let fresh = Fresh::sqlite().await;
    let town = hasty(&fresh).await;
    let (house, mut waiting) = (&town, Vec::new());
    for (headers, begun) in [
        ("Content-Length: 2000\r\n", ""),
        ("Content-Length: 2000\r\n", "{\"email\": "),
        ("Content-Length: 60000\r\n", "{\"email\": "),
        ("Transfer-Encoding: chunked\r\n", "500\r\n{\"email\": "),
        ("Transfer-Encoding: chunked\r\n", ""),
    ] {
        waiting.push(async move {
            let mut wire = Wire::say(house, login(headers, begun)).await;
            let heard = wire.hear().await.unwrap();
            assert_eq!(heard.status, 408, "{headers}{begun}");
            let kind = heard.header("content-type");
            assert_eq!(kind, Some("application/problem+json"));
            let problem: Value = serde_json::from_slice(&heard.body).unwrap();
            assert_eq!(problem["type"], "/problems/request-timeout");
            assert_eq!(heard.header("connection"), Some("close"));
            assert!(wire.is_closed().await);
        });
    }
    join_all(waiting).await;
    town.close().await;
}

#[actix_rt::test]
async fn a_body_a_byte_at_a_time_ends_whoever_waits_for_it() {
    let fresh = Fresh::sqlite().await;
    let town = hasty(&fresh).await;
    let length = "Content-Length: 60000\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let at = |path: &str, headers: &str| login(headers, "").replace("/api/v1/auth/login", path);
    let requests = [
        login(length, ""),
        login(chunked, "f000\r\n"),
        // Answered before the body is there, and by nobody who reads it.
        at("/api/v1/bookings", length),
        format!("{}f000\r\n", at("/api/v1/bookings", chunked)),
        at("/healthz", length).replace("POST", "GET"),
        format!("{}f000\r\n", at("/healthz", chunked).replace("POST", "GET")),
        format!("{}f000\r\n", at("/nothing", chunked)),
        // A chunk's extension is read for nothing.
        login(chunked, "1;"),
        // Trailers, too.
        login(chunked, "0\r\nX-A: "),
    ];
    let ends = requests.into_iter().map(async |request| {
        let mut wire = Wire::say(&town, request).await;
        trickle(&mut wire).await;
    });
    join_all(ends).await;
    town.close().await;
}

#[actix_rt::test]
async fn a_picture_a_byte_at_a_time_is_not_waited_for() {
    let fresh = Fresh::sqlite().await;
    let town = hasty(&fresh).await;
    let client = town.client().await;
    let request = format!(
        "PUT /api/v1/me/avatar HTTP/1.1\r\nHost: belfry.test\r\nAuthorization: Bearer {}\r\n\
         Content-Type: image/png\r\nContent-Length: 2000000\r\n\r\n",
        client.token.as_ref().unwrap()
    );
    let mut wire = Wire::say(&town, request).await;
    wire.send(PNG).await;
    let heard = wire.hear().await.unwrap();
    assert_eq!(heard.status, 408);
    assert!(wire.is_closed().await);
    assert_eq!(client.get("/me").await.body["avatar_url"], Value::Null);
    town.close().await;
}

/// How many connections to these ports the kernel counts as established on the far side.
fn established_with(ports: &[u16]) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let lines = table.lines().skip(1).filter(|line| {
        let mut words = line.split_whitespace().skip(2);
        let (remote, state) = (words.next().unwrap(), words.next().unwrap());
        let port = remote.split(':').next_back().unwrap();
        state == "01" && ports.contains(&u16::from_str_radix(port, 16).unwrap())
    });
    lines.count()
}

#[actix_rt::test]
async fn readers_that_stop_are_given_up_and_hinder_nobody() {
    let fresh = Fresh::sqlite().await;
    let town = hasty(&fresh).await;
    let client = town.client().await;
    let mut picture = PNG.to_vec();
    picture.resize(2 * 1024 * 1024, 0);
    let put = client.request(Method::PUT, "/me/avatar").body(picture);
    Answer::of(put.send().await.unwrap()).await.expect(200);
    let request = get(&format!("/api/v1/users/{}/avatar", client.id));
    let mut stalled = Vec::new();
    for _ in 0..20 {
        // More than the buffers of both ends hold.
        stalled.push(Wire::say(&town, request.repeat(8)).await);
    }
    assert_eq!(
        established_with(&[stalled[0].stream.local_addr().unwrap().port()]),
        1
    );
    for _ in 0..20 {
        town.stranger().get("/experts").await.expect(200);
    }
    // The clients read nothing, so the server's side of the connections is looked at.
    let ports: Vec<u16> = stalled
        .iter()
        .map(|wire| wire.stream.local_addr().unwrap().port())
        .collect();
    let started = Instant::now();
    while established_with(&ports) > 0 {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "a stalled reader stays"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    town.close().await;
}

#[actix_rt::test]
async fn hundreds_of_silent_connections_leave_room_and_are_let_go() {
    let fresh = Fresh::sqlite().await;
    let town = hasty(&fresh).await;
    let client = town.client().await;
    let mut crowd = Vec::new();
    for number in 0..400 {
        let begun = [
            "",
            "GET /",
            "POST /api/v1/auth/login HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
        ];
        crowd.push(Wire::say(&town, begun[number % 3]).await);
    }
    client.get("/me").await.expect(200);
    let hold = json!({ "name": "Still here" });
    client.patch("/me", hold).await.expect(200);
    for mut wire in crowd {
        assert!(wire.is_closed().await);
    }
    client.get("/me").await.expect(200);
    town.close().await;
}
