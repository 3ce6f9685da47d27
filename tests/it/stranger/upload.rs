//! Bodies that are not what they say, or become more than they are.

use reqwest::Method;
use serde_json::{Value, json};

use super::wire::Wire;
use crate::account::profile::PNG;
use crate::contract::body::{JSON, pointed_at, send_bytes};
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

on_both_engines!(
    compressed_bodies_are_not_unpacked,
    a_picture_that_unpacks_to_more_than_it_is_stays_packed,
    a_picture_with_a_page_behind_it_is_served_as_a_picture,
    the_size_of_a_picture_is_counted_and_not_believed,
    json_that_would_eat_the_house_is_refused,
);

async fn put(person: &Person, bytes: &[u8]) -> Answer {
    let request = person.request(Method::PUT, "/me/avatar");
    let request = request
        .header("content-type", "image/png")
        .body(bytes.to_vec());
    Answer::of(request.send().await.unwrap()).await
}

async fn compressed_bodies_are_not_unpacked(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    for coding in ["gzip", "br", "deflate", "zstd", "identity, gzip", "x"] {
        for (method, path, body) in [
            (Method::PATCH, "/me", &b"{\"name\":\"Packed\"}"[..]),
            (Method::PUT, "/me/avatar", PNG),
        ] {
            let request = client.request(method, path).body(body.to_vec());
            let request = request.header("content-encoding", coding);
            let answer = Answer::of(request.send().await.unwrap()).await;
            answer.problem(415, "unsupported-media-type");
        }
    }
    let request = client.request(Method::PATCH, "/me");
    let request = request.header("content-encoding", "identity");
    let answer = request.json(&json!({ "name": "Plain" })).send().await;
    let answer = Answer::of(answer.unwrap()).await.expect(200);
    assert_eq!(
        (answer.text("name").as_str(), &answer.body["avatar_url"]),
        ("Plain", &Value::Null)
    );
    town.close().await;
}

/// The head of a picture of so many pixels, in each format.
fn heads(side: u32) -> [Vec<u8>; 3] {
    let mut png = PNG.to_vec();
    png[16..20].copy_from_slice(&side.to_be_bytes());
    png[20..24].copy_from_slice(&side.to_be_bytes());
    let short = u16::try_from(side).unwrap().to_be_bytes();
    let mut jpeg =
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08".to_vec();
    jpeg.extend([short, short].concat());
    jpeg.extend(b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xd9");
    let mut webp = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
    let canvas = (side - 1).to_le_bytes();
    webp.extend([&canvas[..3], &canvas[..3]].concat());
    webp.extend(b"VP8 \0\0\0\0");
    [png, jpeg, webp]
}

async fn a_picture_that_unpacks_to_more_than_it_is_stays_packed(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    for small in heads(4096) {
        put(&client, &small).await.expect(200);
    }
    for side in [4097, 16_384, 65_535] {
        for bomb in heads(side) {
            put(&client, &bomb).await.problem(422, "validation");
        }
    }
    town.close().await;
}

async fn a_picture_with_a_page_behind_it_is_served_as_a_picture(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let page = b"<!doctype html><script>alert(1)</script>";
    put(&client, page)
        .await
        .problem(415, "unsupported-media-type");
    put(&client, &[&b"PK\x03\x04"[..], PNG].concat())
        .await
        .problem(415, "unsupported-media-type");
    let url = put(&client, &[PNG, page].concat())
        .await
        .expect(200)
        .text("avatar_url");
    let wish = [("accept", "text/html")];
    let served = client
        .request(Method::GET, &url)
        .header(wish[0].0, wish[0].1);
    let served = served.send().await.unwrap();
    assert_eq!(served.headers()["content-type"], "image/png");
    assert_eq!(served.headers()["x-content-type-options"], "nosniff");
    let policy = served.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"));
    town.close().await;
}

async fn the_size_of_a_picture_is_counted_and_not_believed(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let head = format!(
        "PUT /api/v1/me/avatar HTTP/1.1\r\nHost: belfry.test\r\nContent-Type: image/png\r\n\
         Authorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        client.token.as_ref().unwrap()
    );
    let mut wire = Wire::say(&town, head).await;
    let block = [
        format!("{:x}\r\n", 64 * 1024).into_bytes(),
        vec![0; 64 * 1024],
        b"\r\n".to_vec(),
    ]
    .concat();
    let picture = [
        format!("{:x}\r\n", PNG.len()).into_bytes(),
        PNG.to_vec(),
        b"\r\n".to_vec(),
    ]
    .concat();
    wire.send(picture).await;
    for _ in 0..33 {
        wire.send(&block).await;
    }
    wire.send("0\r\n\r\n").await;
    assert_eq!(wire.hear().await.unwrap().status, 413);
    assert_eq!(client.get("/me").await.body["avatar_url"], Value::Null);
    // One that never ends is not read to its end.
    let head = format!(
        "PUT /api/v1/me/avatar HTTP/1.1\r\nHost: belfry.test\r\nContent-Type: image/png\r\n\
         Authorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        client.token.as_ref().unwrap()
    );
    let mut wire = Wire::say(&town, head).await;
    let ended = async { while wire.send(&block).await {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), ended)
        .await
        .expect("it is not read for ever");
    town.close().await;
}

async fn json_that_would_eat_the_house_is_refused(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let most = 60_000;
    let nested = |open: &str, close: &str| open.repeat(most / 8) + &close.repeat(most / 8);
    for body in [
        nested("[", "]"),
        "[".repeat(most),
        "{\"a\":".repeat(most / 5),
        format!("{{\"a\":{}}}", "[".repeat(most)),
    ] {
        let answer = send_bytes(&client, "/holds", JSON, body).await;
        assert!([400, 422].contains(&answer.status), "{}", answer.text);
    }
    let number = |digits: String| {
        format!(
            "{{\"expert_id\":\"{}\",\"starts_at\":\"2027-03-02T10:00:00Z\",\"minutes\":{digits}}}",
            client.id
        )
    };
    for digits in [
        "9".repeat(most),
        format!("1e{}", "9".repeat(most)),
        format!("0.{}1", "0".repeat(most)),
        "-1e400".to_owned(),
    ] {
        let answer = send_bytes(&client, "/holds", JSON, number(digits)).await;
        let answer = answer.problem(422, "validation");
        assert_eq!(answer.body["errors"][0]["pointer"], "/minutes");
        assert!(answer.text.len() < 2000, "the fault is repeated in full");
    }
    let many: Vec<String> = (0..5000).map(|n| format!("\"a{n}\":1")).collect();
    let many = format!("{{{}}}", many.join(","));
    pointed_at(
        send_bytes(&client, "/holds", JSON, many).await,
        "/a0",
        "unknown_field",
    );
    let twice = "{\"name\":\"A\",\"name\":\"B\"}";
    let request = client
        .request(Method::PATCH, "/me")
        .header("content-type", "application/json");
    let answer = Answer::of(request.body(twice).send().await.unwrap()).await;
    pointed_at(answer, "/name", "duplicate");
    // A name as long as the body is not echoed.
    let long = format!("{{\"{}\":1}}", "n".repeat(most));
    let answer = send_bytes(&client, "/holds", JSON, long).await;
    assert!(answer.problem(422, "validation").text.len() < 2000);
    town.close().await;
}
