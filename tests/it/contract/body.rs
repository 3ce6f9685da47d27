//! What becomes of bodies, queries and ids that make no sense.

use reqwest::Method;
use serde_json::json;

use super::UNKNOWN;
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, PASSWORD, Person, Town};

on_both_engines!(
    a_body_that_is_no_json_is_malformed,
    a_body_of_another_shape_is_pointed_at,
    text_that_no_database_keeps_never_gets_there,
    instants_beyond_every_calendar_are_out_of_range,
    signing_in_comes_before_the_body,
    odd_ids_name_nothing,
);

pub async fn send_bytes(
    person: &Person,
    path: &str,
    kind: Option<&str>,
    body: impl Into<Vec<u8>>,
) -> Answer {
    let mut request = person.request(Method::POST, path).body(body.into());
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    Answer::of(request.send().await.unwrap()).await
}

pub const JSON: Option<&str> = Some("application/json");

async fn a_body_that_is_no_json_is_malformed(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let cases: [&[u8]; 8] = [
        b"",
        b"{",
        b"{\"email\": \"a@b.test\",}",
        b"{\"email\": 'a@b.test'}",
        b"{} {}",
        b"\xff\xfe{\x00}\x00",
        b"{\"email\": \"\xc3\x28\"}",
        b"{\"email\": NaN}",
    ];
    for body in cases {
        send_bytes(&client, "/auth/login", JSON, body)
            .await
            .problem(400, "malformed");
        send_bytes(&client, "/holds", JSON, body)
            .await
            .problem(400, "malformed");
    }
    let half = br#"{"email": "\ud800", "password": "x"}"#;
    send_bytes(&client, "/auth/login", JSON, *half)
        .await
        .problem(400, "malformed");
    town.close().await;
}

#[track_caller]
pub fn pointed_at(answer: Answer, pointer: &str, code: &str) {
    let answer = answer.problem(422, "validation");
    let fault = &answer.body["errors"][0];
    assert_eq!(
        (&fault["pointer"], &fault["code"]),
        (&json!(pointer), &json!(code)),
        "{}",
        answer.text
    );
    assert!(
        fault["detail"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
}

async fn a_body_of_another_shape_is_pointed_at(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let deep = format!(
        "{{\"email\": {}{}}}",
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let email = format!("\"email\": \"{}\"", client.email);
    let positions = format!("[\"{}\", \"{PASSWORD}\"]", client.email);
    let cases = [
        ("[]", "", "invalid"),
        ("null", "", "invalid"),
        ("\"text\"", "", "invalid"),
        // Members by position would be a second form of every body.
        (positions.as_str(), "", "invalid"),
        (deep.as_str(), "/email", "invalid"),
        ("{\"email\": {\"a\": 1}}", "/email", "invalid"),
        ("{\"email\": 1e999}", "/email", "out_of_range"),
        (&format!("{{{email}, {email}}}"), "/email", "duplicate"),
        (
            &format!("{{{email}, \"pass~/word\": 1}}"),
            "/pass~/word",
            "unknown_field",
        ),
        (&format!("{{{email}}}"), "/password", "required"),
    ];
    for (body, pointer, code) in cases {
        let pointer = if pointer.contains('~') {
            "/pass~0~1word"
        } else {
            pointer
        };
        pointed_at(
            send_bytes(&town.stranger(), "/auth/login", JSON, body).await,
            pointer,
            code,
        );
    }
    let long = json!({ "email": "a".repeat(60_000), "password": "x" });
    pointed_at(
        town.stranger().post("/auth/login", long).await,
        "/email",
        "too_long",
    );
    let mut booking =
        json!({ "expert_id": UNKNOWN, "starts_at": "2027-03-02T10:00:00Z", "mode": "online" });
    for (name, value, code) in [
        ("mode", json!(1), "invalid"),
        ("mode", json!(null), "invalid"),
        ("mode", json!([]), "invalid"),
        ("minutes", json!(0), "out_of_range"),
        ("minutes", json!(-1), "out_of_range"),
        ("minutes", json!(1441), "out_of_range"),
        ("minutes", json!(1u64 << 63), "out_of_range"),
        ("minutes", json!("60"), "invalid"),
        ("minutes", json!(60.5), "invalid"),
        ("mode", json!("telepathy"), "invalid"),
        ("note", json!("a\u{0}b"), "control_character"),
        ("note", json!("x".repeat(2001)), "too_long"),
        ("starts_at", json!("soon"), "invalid"),
        ("expert_id", json!("7"), "invalid"),
        ("hold_id", json!(7), "invalid"),
        ("guests", json!(2), "unknown_field"),
    ] {
        let good = booking.clone();
        booking[name] = value;
        pointed_at(
            client.post("/bookings", booking).await,
            &format!("/{name}"),
            code,
        );
        booking = good;
    }
    town.close().await;
}

async fn text_that_no_database_keeps_never_gets_there(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let lookup = json!({ "code": "\u{0}", "email": client.email });
    pointed_at(
        client.post("/bookings/lookup", lookup).await,
        "/code",
        "control_character",
    );
    pointed_at(
        client.get("/bookings?query=%00").await,
        "/query",
        "control_character",
    );
    pointed_at(
        client.get("/bookings?status=%00").await,
        "/status",
        "invalid",
    );
    pointed_at(client.get("/bookings?from=%00").await, "/from", "invalid");
    let token = json!({ "refresh_token": "\u{0}" });
    client
        .post("/auth/refresh", token)
        .await
        .problem(401, "bad-refresh-token");
    let admin = town.admin().await;
    pointed_at(
        admin.get("/admin/users?query=%00").await,
        "/query",
        "control_character",
    );
    town.close().await;
}

async fn instants_beyond_every_calendar_are_out_of_range(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let booking = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201)
        .text("id");
    for instant in [
        "+262142-12-31T23:59:59Z",
        "-262143-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "2201-01-01T00:00:00Z",
    ] {
        let answers = [
            client.book(&expert, instant).await,
            client
                .post(
                    "/holds",
                    json!({ "expert_id": expert.id, "starts_at": instant, "minutes": 60 }),
                )
                .await,
            client
                .post(
                    &format!("/bookings/{booking}/reschedule"),
                    json!({ "starts_at": instant }),
                )
                .await,
        ];
        for answer in answers {
            pointed_at(answer, "/starts_at", "out_of_range");
        }
    }
    client
        .get("/bookings?from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z")
        .await
        .expect(200);
    town.close().await;
}

async fn signing_in_comes_before_the_body(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let mut stranger = town.stranger();
    let path = format!("/bookings/{UNKNOWN}/cancel");
    let ways = ["/bookings", "/holds", "/branches", path.as_str()];
    for token in [None, Some("nonsense"), Some("a.b.c")] {
        stranger.token = token.map(str::to_owned);
        for path in ways {
            for (kind, body) in [
                (JSON, b"{".to_vec()),
                (Some("text/plain"), b"x".to_vec()),
                (JSON, vec![b'x'; 200_000]),
            ] {
                send_bytes(&stranger, path, kind, body)
                    .await
                    .problem(401, "unauthenticated");
            }
        }
    }
    town.close().await;
}

async fn odd_ids_name_nothing(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    for odd in [
        "1",
        "nonsense",
        "%00",
        "%ff",
        "..%2f..",
        UNKNOWN,
        &"9".repeat(3000),
    ] {
        for path in [
            "/bookings/ID",
            "/bookings/ID/history",
            "/experts/ID",
            "/experts/ID/slots",
            "/users/ID/avatar",
        ] {
            client
                .get(&path.replace("ID", odd))
                .await
                .problem(404, "not-found");
        }
        client
            .delete(&format!("/holds/{odd}"))
            .await
            .problem(404, "not-found");
        client
            .post(&format!("/bookings/{odd}/confirm"), json!({}))
            .await
            .problem(404, "not-found");
    }
    town.close().await;
}
