//! Requests that are no good HTTP, or two things at once. What two readers could understand differently is
//! refused, and nothing behind it on the same connection is taken for a request.

use serde_json::Value;

use super::wire::{Wire, get, login};
use crate::engine::Fresh;
use crate::town::Town;

const BODY: &str = r#"{"email":"a@b.test","password":"x"}"#;

/// The answers to `request` with a request for `/metrics` smuggled in behind it.
async fn with_rider(town: &Town, request: &str) -> Vec<u16> {
    let request = format!("{request}{}", get("/metrics"));
    let mut wire = Wire::say(town, request).await;
    let heard = wire.hear_out().await;
    assert!(
        heard.iter().all(|answer| answer.header("content-type")
            != Some("text/plain; version=0.0.4; charset=utf-8")),
        "the rider was let in"
    );
    heard.iter().map(|answer| answer.status).collect()
}

#[actix_rt::test]
async fn a_length_that_two_could_read_differently_is_refused() {
    let fresh = Fresh::sqlite().await;
    let town = Town::open(&fresh).await;
    let chunks = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    let length = BODY.len();
    for (headers, body) in [
        (
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n".to_owned(),
            chunks.as_str(),
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n".to_owned(),
            &chunks,
        ),
        (
            format!("Content-Length: {length}\r\nContent-Length: 3\r\n"),
            BODY,
        ),
        (format!("Content-Length: {length}, {length}\r\n"), BODY),
        (format!("Content-Length: +{length}\r\n"), BODY),
        (format!("Content-Length: 0x{length:x}\r\n"), BODY),
        (format!("Content-Length : {length}\r\n"), BODY),
        ("Content-Length: -1\r\n".to_owned(), BODY),
        ("Content-Length: 99999999999999999999\r\n".to_owned(), BODY),
        ("Content-Length: \r\n".to_owned(), BODY),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(),
            &chunks,
        ),
        (
            "Transfer-Encoding: chunked, identity\r\n".to_owned(),
            &chunks,
        ),
        ("Transfer-Encoding: xchunked\r\n".to_owned(), &chunks),
        ("Transfer-Encoding: \u{b}chunked\r\n".to_owned(), &chunks),
        ("Transfer-Encoding : chunked\r\n".to_owned(), &chunks),
        (
            "X-A: b\r\n Transfer-Encoding: chunked\r\n".to_owned(),
            &chunks,
        ),
    ] {
        let statuses = with_rider(&town, &login(&headers, body)).await;
        assert_eq!(statuses, [400], "{headers}");
    }
    let old = login("Transfer-Encoding: chunked\r\n", &chunks).replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(with_rider(&town, &old).await, [400]);
    town.close().await;
}

#[actix_rt::test]
async fn chunks_that_are_none_end_the_connection() {
    let fresh = Fresh::sqlite().await;
    let town = Town::open(&fresh).await;
    let size = format!("{:x}", BODY.len());
    for chunks in [
        format!("zz\r\n{BODY}\r\n0\r\n\r\n"),
        format!("-1\r\n{BODY}\r\n0\r\n\r\n"),
        format!("0x{size}\r\n{BODY}\r\n0\r\n\r\n"),
        format!("FFFFFFFFFFFFFFFFF\r\n{BODY}\r\n0\r\n\r\n"),
        format!("{size}\r\n{BODY}XX0\r\n\r\n"),
        format!("{size}\n{BODY}\n0\n\n"),
        format!("{size}\r{BODY}\r\n0\r\n\r\n"),
        format!("\r\n{BODY}\r\n0\r\n\r\n"),
    ] {
        let request = login("Transfer-Encoding: chunked\r\n", &chunks);
        let statuses = with_rider(&town, &request).await;
        assert!(
            statuses.iter().all(|status| *status == 400),
            "{chunks}: {statuses:?}"
        );
    }
    town.close().await;
}

#[actix_rt::test]
async fn what_is_no_request_is_answered_400_or_closed() {
    let fresh = Fresh::sqlite().await;
    let town = Town::open(&fresh).await;
    let long = "a".repeat(200_000);
    let many: String = (0..200).map(|n| format!("X-{n}: a\r\n")).collect();
    let head = "GET /healthz HTTP/1.1\r\nHost: belfry.test\r\n";
    for (request, status) in [
        ("\0\x01\x02 garbage\r\n\r\n".to_owned(), 400),
        (
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}".to_owned() + &"a".repeat(60) + "\r\n\r\n",
            400,
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        ("GET /healthz\r\n\r\n".to_owned(), 400),
        ("GET /healthz HTTP/1.2\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("GET /healthz HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
            400,
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: a\rX-B: c\r\n\r\n".to_owned(),
            400,
        ),
        (format!("{head}X-A: a\0b\r\n\r\n"), 400),
        (format!("{head}X-A: b\r\n c\r\n\r\n"), 400),
        (format!("{head}X A: b\r\n\r\n"), 400),
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(100_000)),
            400,
        ),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 431),
        (format!("{head}X-A: {long}\r\n\r\n"), 431),
        (format!("{head}{many}\r\n"), 431),
    ] {
        let mut wire = Wire::say(&town, &request).await;
        let heard = wire.hear_out().await;
        // A connection with unread bytes is reset, and the answer may be lost with it.
        let lost = heard.is_empty() && request.len() > 100_000;
        let statuses: Vec<u16> = heard.iter().map(|answer| answer.status).collect();
        assert!(
            lost || statuses == [status],
            "{:.60}: {statuses:?}",
            request
        );
    }
    // Behind a good request the same, and the good one is answered.
    let request = format!("{}\0 garbage\r\n\r\n{}", get("/healthz"), get("/metrics"));
    let heard = Wire::say(&town, request).await.hear_out().await;
    let statuses: Vec<u16> = heard.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 400]);
    town.close().await;
}

#[actix_rt::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let fresh = Fresh::sqlite().await;
    let town = Town::open(&fresh).await;
    let count = format!("Content-Length: {}\r\n", BODY.len());
    let request = [
        get("/healthz"),
        login(&count, BODY),
        // The body of a request that nobody reads is no request.
        get("/readyz").replace(
            "\r\n\r\n",
            &format!("\r\nContent-Length: {}\r\n\r\n", get("/metrics").len()),
        ) + &get("/metrics"),
        get("/nothing"),
        get("/api/v1/experts").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
    ];
    let heard = Wire::say(&town, request.concat()).await.hear_out().await;
    let statuses: Vec<u16> = heard.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 401, 200, 404, 200]);
    let ready: Value = serde_json::from_slice(&heard[2].body).unwrap();
    assert_eq!(ready["status"], "ready");
    town.close().await;
}
