//! The conventions of the contract, held against somebody who means no good.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::contract::body::pointed_at;
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Town};

on_both_engines!(
    forged_cursors_are_refused,
    a_limit_is_a_plain_number_in_its_bounds,
    dates_at_the_edge_of_the_calendar_break_nothing,
    a_tag_that_was_never_given_out_is_stale,
    names_may_be_in_any_script_but_must_show_something,
    codes_in_searches_are_text,
);

const LISTS: [&str; 8] = [
    "/experts",
    "/branches",
    "/bookings",
    "/notifications",
    "/admin/users",
    "/admin/deliveries",
    "/admin/parked-events",
    "/experts/ID/reviews",
];

async fn forged_cursors_are_refused(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert) = (town.admin().await, town.expert().await);
    let own = [
        "/experts/ID/time-off",
        "/experts/ID/agenda",
        "/experts/ID/overrides",
    ];
    let id = &expert.id;
    let far = "+262142-12-31T23:59:59Z";
    let cursors = [
        json!([far, id]),
        json!(["-262143-01-01T00:00:00Z", id]),
        json!(["0000-01-01T00:00:00Z", id]),
        json!([far, 0]),
        json!("+262142-12-31"),
        json!("-262143-01-01"),
        json!([["x", "y"], id]),
        json!(["a\u{0}b", id]),
        json!({ "a": 1 }),
        json!(1.5),
        json!(u64::MAX),
        json!(true),
        json!(null),
        json!([]),
    ];
    for path in LISTS.iter().chain(&own) {
        let path = path.replace("ID", id);
        for cursor in &cursors {
            let after = URL_SAFE_NO_PAD.encode(cursor.to_string());
            let answer = admin.get(&format!("{path}?after={after}")).await;
            // A list that begins with names may well continue after an odd one.
            let by_name = path == "/experts" || path == "/branches";
            if !(by_name && cursor[0].is_string() && answer.status == 200) {
                pointed_at(answer, "/after", "invalid");
            }
        }
        for after in ["", "%00", "a", "====", "%F0%9F%92%A9", &"A".repeat(8000)] {
            let answer = admin.get(&format!("{path}?after={after}")).await;
            pointed_at(answer, "/after", "invalid");
        }
    }
    // A place that is none of theirs shows them nothing more.
    let client = town.client().await;
    let start = URL_SAFE_NO_PAD.encode(json!(["2200-01-01T00:00:00Z", id]).to_string());
    expert
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(422);
    admin
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    let page = client
        .get(&format!("/bookings?after={start}"))
        .await
        .expect(200);
    assert_eq!(page.body["items"], json!([]));
    let offset = URL_SAFE_NO_PAD.encode(i64::MAX.to_string());
    for offset in [offset, URL_SAFE_NO_PAD.encode(i64::MIN.to_string())] {
        client
            .get(&format!("/notifications?after={offset}"))
            .await
            .expect(200);
    }
    town.close().await;
}

async fn a_limit_is_a_plain_number_in_its_bounds(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert) = (town.admin().await, town.expert().await);
    for path in LISTS {
        let path = path.replace("ID", &expert.id);
        for limit in ["1", "100"] {
            admin
                .get(&format!("{path}?limit={limit}"))
                .await
                .expect(200);
        }
        for limit in [
            "0",
            "-1",
            "101",
            "9223372036854775807",
            "9223372036854775808",
            "1e2",
            "0x10",
            "10.0",
            "",
            "ten",
            "%2010",
            "1&limit=2",
        ] {
            admin
                .get(&format!("{path}?limit={limit}"))
                .await
                .problem(422, "validation");
        }
        admin
            .get(&format!("{path}?offset=5"))
            .await
            .problem(422, "validation");
    }
    town.close().await;
}

async fn dates_at_the_edge_of_the_calendar_break_nothing(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let id = &expert.id;
    for zone in [
        "Pacific/Kiritimati",
        "Pacific/Niue",
        "Pacific/Apia",
        "America/St_Johns",
        "UTC",
    ] {
        for from in [
            "1970-01-01",
            "2200-12-31",
            "2011-12-30",
            "2027-03-28",
            "2028-02-29",
        ] {
            let path = format!("/experts/{id}/slots?from={from}&days=62&time_zone={zone}");
            let answer = expert.get(&path).await.expect(200);
            assert_eq!(answer.body["days"].as_array().unwrap().len(), 62);
            for list in ["agenda", "overrides"] {
                let path = format!("/experts/{id}/{list}?from={from}&days=366");
                expert.get(&path).await.expect(200);
            }
        }
    }
    for from in [
        "1969-12-31",
        "2201-01-01",
        "0000-00-00",
        "2027-02-29",
        "2027-3-2",
        "+2027-03-02",
        "2027-03-02T00:00:00Z",
        "%00",
        "99999-01-01",
    ] {
        for path in ["slots", "agenda", "overrides"] {
            let answer = expert
                .get(&format!("/experts/{id}/{path}?from={from}"))
                .await;
            pointed_at(answer, "/from", "invalid");
        }
    }
    for days in [
        "0",
        "63",
        "-1",
        "65536",
        "65537",
        "4294967297",
        "18446744073709551617",
    ] {
        expert
            .get(&format!("/experts/{id}/slots?days={days}"))
            .await
            .problem(422, "validation");
    }
    let schedule = expert
        .get(&format!("/experts/{id}/schedule"))
        .await
        .expect(200);
    for (first, last) in [
        ("-262143-01-01", "+262142-12-31"),
        ("0001-01-01", "9999-12-31"),
    ] {
        let mut body = schedule.body.clone();
        for window in body["weekly"].as_array_mut().unwrap() {
            window["valid_from"] = json!(first);
            window["valid_until"] = json!(last);
        }
        let answer = expert.put(&format!("/experts/{id}/schedule"), body).await;
        assert!([200, 422].contains(&answer.status), "{}", answer.text);
        let slots = expert.slots(&expert, "2027-03-02", 1).await;
        assert!(!slots.is_empty());
    }
    let whole = json!({ "starts_at": "1970-01-01T00:00:00Z", "ends_at": "2200-12-31T23:59:59Z" });
    expert
        .post(&format!("/experts/{id}/time-off"), whole)
        .await
        .expect(201);
    assert_eq!(
        expert.slots(&expert, "2027-03-02", 62).await,
        Vec::<String>::new()
    );
    town.close().await;
}

async fn a_tag_that_was_never_given_out_is_stale(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (client, expert) = (town.client().await, town.expert().await);
    let booking = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201)
        .text("id");
    let tags: [&[u8]; 7] = [
        b"\"0\"",
        b"\"999\"",
        b"nonsense",
        b"\"-1\"",
        b"\"",
        b"\xff",
        b"\"9223372036854775808\"",
    ];
    for tag in tags {
        for (method, path, body) in [
            (
                Method::PATCH,
                format!("/bookings/{booking}"),
                json!({ "note": "x" }),
            ),
            (
                Method::POST,
                format!("/bookings/{booking}/cancel"),
                json!({}),
            ),
            (Method::PATCH, "/me".to_owned(), json!({ "name": "x" })),
        ] {
            let request = client
                .request(method, &path)
                .header("if-match", tag)
                .json(&body);
            let answer = Answer::of(request.send().await.unwrap()).await;
            answer.problem(412, "stale");
        }
    }
    let left = client
        .get(&format!("/bookings/{booking}"))
        .await
        .expect(200);
    assert_eq!(
        (left.text("status").as_str(), &left.body["note"]),
        ("pending", &Value::Null)
    );
    town.close().await;
}

async fn names_may_be_in_any_script_but_must_show_something(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    for name in [
        "Nguyễn Thị Ánh",
        "שרה כהן",
        "محمد",
        "नमस्ते",
        "王小明",
        "👩\u{200d}💻 Ann",
        "O'Neil \"Q\"; <b>&\\",
        "e\u{301}e\u{301}",
    ] {
        let body = json!({ "name": name });
        let answer = client.patch("/me", body).await.expect(200);
        assert_eq!(answer.text("name"), name);
    }
    for name in [
        "",
        " ",
        "\u{a0}",
        "\u{200d}",
        "\u{3164}\u{3164}",
        "\u{2800}",
        "\u{ad}",
    ] {
        let answer = client.patch("/me", json!({ "name": name })).await;
        pointed_at(answer, "/name", "required");
    }
    for name in [
        "a\u{202e}b",
        "a\u{2066}b",
        "a\u{61c}b",
        "a\u{2028}b",
        "a\u{2029}b",
        "a\u{85}b",
        "a\u{1b}[2Jb",
        "a\r\nBcc: x",
        "a\u{0}b",
        "a\u{feff}b",
    ] {
        let answer = client.patch("/me", json!({ "name": name })).await;
        pointed_at(answer, "/name", "control_character");
    }
    town.close().await;
}

async fn codes_in_searches_are_text(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert) = (town.admin().await, town.expert().await);
    let client = town.client().await;
    client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    town.clock.advance(TimeDelta::seconds(1));
    for odd in [
        "%25",
        "_",
        "%27%20OR%201=1--",
        "%5C",
        "!",
        "!%25",
        "%22",
        "*",
        "%27%27",
        "$1",
        "%3A%3Atext",
    ] {
        for path in ["/experts", "/bookings", "/admin/users", "/admin/deliveries"] {
            let page = admin.get(&format!("{path}?query={odd}")).await.expect(200);
            assert_eq!(page.body["items"], json!([]), "{path} {odd}");
        }
    }
    town.close().await;
}
