//! What fails, what means harm, and what must not get out.

use reqwest::Method;
use serde_json::{Value, json};

use super::{NINE, add_ics, at_nine, calendar, here, missing, read, refresh, serving};
use crate::engine::{Fresh, on_both_engines};
use crate::standin::Reply;
use crate::town::Town;

on_both_engines!(
    what_fails_is_said_and_what_was_read_stays,
    a_password_is_shown_to_its_own_server_alone,
    what_leads_inside_is_not_followed,
    what_is_typed_is_checked,
);

async fn what_fails_is_said_and_what_was_read_stays(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let expert = town.expert().await;
    let server = serving(at_nine()).await;
    let id = add_ics(&expert, &server).await;
    read(&expert).await;
    let circle = format!("{}/private.ics", server.url());
    let large = "X".repeat(10 * 1024 * 1024 + 1);
    let endless = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART:20200101T000000Z\nDURATION:PT1S\n\
                   RRULE:FREQ=SECONDLY\nEND:VEVENT\nEND:VCALENDAR\n";
    let many = calendar(&vec![("a", "20270302T090000Z", "20270302T100000Z"); 20_001]);
    let faults = [
        (vec![Reply::status(404)], "not_found"),
        (vec![Reply::status(401)], "unauthorized"),
        (vec![Reply::status(503)], "server_error"),
        (vec![Reply::status(429)], "limited"),
        (
            vec![Reply::text(200, "<html>Please sign in</html>")],
            "not_a_calendar",
        ),
        (vec![Reply::text(200, &large)], "too_large"),
        (vec![Reply::text(200, endless)], "too_much"),
        (vec![Reply::text(200, &many)], "too_much"),
        (
            vec![Reply::text(200, "no gzip").with("content-encoding", "gzip")],
            "refused",
        ),
        (vec![Reply::Cut], "unreachable"),
        (
            vec![Reply::status(302).with("location", &circle); 6],
            "too_many_redirects",
        ),
    ];
    let mut failures = 0;
    for (replies, fault) in faults {
        server.next(replies);
        let found = refresh(&town, &expert, &id).await;
        failures += 1;
        assert_eq!(found["fault"], fault);
        assert_eq!(found["failures"], failures, "{fault}");
        assert_eq!(missing(&expert, NINE).await, "imported", "{fault}");
    }
    let well = refresh(&town, &expert, &id).await;
    assert_eq!(
        (&well["fault"], &well["failures"]),
        (&Value::Null, &json!(0))
    );
    town.close().await;
}

async fn a_password_is_shown_to_its_own_server_alone(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let expert = town.expert().await;
    let server = serving(at_nine()).await;
    let elsewhere = serving(at_nine()).await;
    server.next([
        Reply::status(301).with("location", "/moved.ics"),
        Reply::status(302).with("location", &format!("{}/x.ics", elsewhere.url())),
    ]);
    let body = json!({
        "kind": "ics", "name": "Private", "url": format!("{}/private.ics", server.url()),
        "username": "ann", "password": "correct horse",
    });
    let path = format!("/experts/{}/imports", expert.id);
    let made = expert.post(&path, body).await.expect(201);
    read(&expert).await;
    let asked = server.asked();
    let shown: Vec<_> = asked
        .iter()
        .map(|asked| asked.header("authorization"))
        .collect();
    assert_eq!(shown, ["Basic YW5uOmNvcnJlY3QgaG9yc2U="; 2]);
    assert_eq!(asked[1].path, "/moved.ics");
    assert_eq!(elsewhere.asked()[0].header("authorization"), "");
    let listed = expert.get(&path).await.expect(200);
    for text in [made.text, listed.text] {
        assert!(
            !text.contains("correct horse") && !text.contains("ann\""),
            "{text}"
        );
    }
    // Nor does it stand in the database.
    let kept = town
        .store
        .imports(expert.id.parse().unwrap())
        .await
        .unwrap();
    let sealed = String::from_utf8_lossy(&kept[0].sealed).into_owned();
    assert!(sealed.len() > 20 && !sealed.contains("correct") && !sealed.contains("private"));
    town.close().await;
}

async fn what_leads_inside_is_not_followed(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let expert = town.expert().await;
    let server = serving(at_nine()).await;
    let id = add_ics(&expert, &server).await;
    read(&expert).await;
    for inside in [
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://[fd00::1]/",
        "file:///etc/passwd",
        "http://example.com/plain.ics",
        "https://user:word@127.0.0.1/",
    ] {
        server.next([Reply::status(307).with("location", inside)]);
        let found = refresh(&town, &expert, &id).await;
        assert_eq!(found["fault"], "forbidden_address", "{inside}");
    }
    town.close().await;
}

async fn what_is_typed_is_checked(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let path = format!("/experts/{}/imports", expert.id);
    let sound = json!({ "kind": "ics", "name": "Mine", "url": "webcal://93.184.215.14/a.ics" });
    let with = |name: &str, value: Value| {
        let mut body = sound.clone();
        body[name] = value;
        body
    };
    for (body, pointer) in [
        (with("url", json!("nowhere")), "/url"),
        (with("url", json!("http://93.184.215.14/")), "/url"),
        (with("url", json!("https://127.0.0.1/")), "/url"),
        (with("url", json!("https://u:p@93.184.215.14/")), "/url"),
        (with("url", json!("")), "/url"),
        (with("name", json!("")), "/name"),
        (with("kind", json!("paper")), "/kind"),
        (with("password", json!("alone")), "/username"),
        (with("other", json!(1)), "/other"),
    ] {
        let refused = expert
            .post(&path, body.clone())
            .await
            .problem(422, "validation");
        assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{body}");
    }
    client
        .post(&path, sound.clone())
        .await
        .problem(403, "forbidden");
    let twice = [("idempotency-key", "k")];
    for _ in 0..2 {
        expert
            .send(Method::POST, &path, Some(sound.clone()), &twice)
            .await
            .expect(201);
    }
    for _ in 1..10 {
        expert.post(&path, sound.clone()).await.expect(201);
    }
    expert
        .post(&path, sound)
        .await
        .problem(409, "too-many-imports");
    let listed = expert.get(&path).await.expect(200);
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 10);
    town.close().await;
}
