//! Text that would like to be something else: a header, a log line, a calendar entry, a path, an address.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use belfry::secret::Secret;
use reqwest::Method;
use serde_json::{Value, json};

use super::wire::{Wire, get};
use crate::engine::{Fresh, on_both_engines};
use crate::mail::server::MailServer;
use crate::town::{PASSWORD, Town};

on_both_engines!(
    names_stay_inside_their_headers_and_calendar_lines,
    links_in_mails_lead_to_the_house_whatever_host_was_asked,
);

/// Unfolds a calendar file and checks the form of its lines.
fn calendar_lines(file: &str) -> Vec<String> {
    for line in file.split("\r\n") {
        assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "{line:?}");
    }
    let unfolded = file.replace("\r\n ", "");
    unfolded.lines().map(str::to_owned).collect()
}

async fn names_stay_inside_their_headers_and_calendar_lines(fresh: &Fresh) {
    let server = MailServer::start().await;
    let address = format!("smtp://127.0.0.1:{}", server.port());
    let town = Town::open_with(fresh, |settings| {
        settings.email.smtp_url = Secret::new(address);
    })
    .await;
    let (client, expert) = (town.client().await, town.expert().await);
    let name = "Ann\" <x@y.test>; Bcc: z@y.test, \\";
    client
        .patch("/me", json!({ "name": name }))
        .await
        .expect(200);
    let note = "x\r\nEND:VEVENT\nBEGIN:VALARM\nACTION:AUDIO\nATTENDEE:mailto:z@y.test\n\\n;,\nEND:VCALENDAR";
    let booking = json!({
        "expert_id": expert.id, "starts_at": "2027-03-02T10:00:00Z", "mode": "online", "note": note,
    });
    let booking = client.post("/bookings", booking).await.expect(201);
    let path = format!("/bookings/{}/calendar.ics", booking.text("id"));
    let file = client.get(&path).await.expect(200).text;
    let lines = calendar_lines(&file);
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    // The one who takes part is the client, and nobody the note names.
    assert_eq!(
        (count("BEGIN:"), count("END:"), count("ATTENDEE")),
        (2, 2, 1),
        "{file}"
    );
    assert_eq!(count("ATTENDEE:"), 0, "{file}");
    assert_eq!(
        (
            count("BEGIN:VALARM"),
            count("ACTION"),
            count("DESCRIPTION:")
        ),
        (0, 0, 1),
        "{file}"
    );
    // The welcome to each, and the booking to both.
    let mails = server.mails(4).await;
    let to_client: Vec<_> = mails
        .iter()
        .filter(|mail| mail.to == client.email)
        .collect();
    assert!(to_client.len() >= 2);
    for mail in &mails {
        assert!(
            [&client.email, &expert.email].contains(&&mail.to),
            "{}",
            mail.to
        );
        let (head, _) = mail.text.split_once("\r\n\r\n").unwrap();
        for line in head.split("\r\n") {
            let name = line.split(':').next().unwrap().to_lowercase();
            assert!(
                !["bcc", "cc", "reply-to", "sender"].contains(&name.as_str()),
                "{head}"
            );
        }
    }
    town.close().await;
}

async fn links_in_mails_lead_to_the_house_whatever_host_was_asked(fresh: &Fresh) {
    let server = MailServer::start().await;
    let address = format!("smtp://127.0.0.1:{}", server.port());
    let town = Town::open_with(fresh, |settings| {
        settings.email.smtp_url = Secret::new(address);
        settings.http.public_url = "https://book.belfry.test".to_owned();
    })
    .await;
    let client = town.client().await;
    server.mails(1).await;
    let headers = [
        ("host", "evil.test"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "ftp"),
        ("forwarded", "host=evil.test;proto=ftp"),
        ("x-original-url", "//evil.test/"),
        ("origin", "https://evil.test"),
        ("referer", "https://evil.test/"),
    ];
    let body = Some(json!({ "email": client.email }));
    let answer = client
        .send(Method::POST, "/auth/password/forgot", body, &headers)
        .await
        .expect(202);
    assert!(!format!("{:?}", answer.headers).contains("evil"));
    let mails = server.mails(2).await;
    assert!(mails.iter().all(|mail| !mail.text.contains("evil.test")));
    let mail = &mails[1].text.replace("=3D", "=");
    assert!(
        mail.contains("https://book.belfry.test/reset?token"),
        "{mail}"
    );
    town.close().await;
}

#[actix_rt::test]
async fn nothing_outside_the_app_is_served_and_nobody_is_sent_elsewhere() {
    let fresh = Fresh::sqlite().await;
    let town = Town::open(&fresh).await;
    let root = env!("CARGO_MANIFEST_DIR");
    for path in [
        "/static/../Cargo.toml",
        "/static/%2e%2e/Cargo.toml",
        "/static/..%2fCargo.toml",
        "/static/%2e%2e%2fCargo.toml",
        "/static/..%5cCargo.toml",
        "/static/..\\Cargo.toml",
        "/static/js/../../Cargo.toml",
        "/static/./../Cargo.toml",
        "/static//etc/passwd",
        "/static/%2fetc/passwd",
        "/static/index.html%00.js",
        "/static/%c0%ae%c0%ae/Cargo.toml",
        "/static/%252e%252e/Cargo.toml",
        "/static/",
        "/static/js",
        "/docs/../../Cargo.toml",
        "/docs/%2e%2e%2fCargo.toml",
        "/problems/..%2f..%2fCargo.toml",
        &format!("/static/{root}/Cargo.toml"),
        &format!("/static/%2f{}/Cargo.toml", &root[1..]),
    ] {
        let mut wire = Wire::say(&town, get(path)).await;
        let heard = wire.hear().await.unwrap();
        let body = String::from_utf8_lossy(&heard.body);
        assert!(
            [400, 404].contains(&heard.status),
            "{path}: {}",
            heard.status
        );
        assert!(
            !body.contains("[workspace]") && !body.contains("root:"),
            "{path}"
        );
    }
    for path in [
        "//evil.test",
        "//evil.test/%2e%2e",
        "/\\evil.test",
        "/docs//evil.test",
        "/docs?x=//evil.test",
        "/%09/evil.test",
        "/.evil.test",
        "http://evil.test/docs",
        "/login?next=//evil.test",
    ] {
        let request =
            get(path).replace("Host: belfry.test", "Host: evil.test\r\nAccept: text/html");
        let heard = Wire::say(&town, request).await.hear().await.unwrap();
        let place = heard.header("location").unwrap_or("/");
        assert!(
            place.starts_with('/') && !place.starts_with("//"),
            "{path} leads to {place}"
        );
        assert!(
            !place.contains("evil") && !String::from_utf8_lossy(&heard.body).contains("evil"),
            "{path}"
        );
    }
    town.close().await;
}

/// A server process that writes its log as machines read it.
async fn logged(fresh: &Fresh, requests: impl AsyncFnOnce(&str)) -> String {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let path = std::env::temp_dir().join(format!("belfry-log-{}", uuid::Uuid::now_v7()));
    let log = std::fs::File::create(&path).unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .args(["serve", "--listen", &address.to_string()])
        .args(fresh.place())
        .env("RUST_LOG", "debug,sqlx=debug,hyper=off")
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(process.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert!(line.contains("ready"), "{line}");
    requests(&format!("http://{address}")).await;
    process.kill().unwrap();
    process.wait().unwrap();
    let log = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    log
}

#[actix_rt::test]
async fn the_log_is_one_json_object_a_line_and_tells_no_secrets() {
    let fresh = Fresh::sqlite().await;
    let secret = "a-password-nobody-writes-down";
    let mut tokens = Vec::new();
    let log = logged(&fresh, async |base: &str| {
        let http = crate::engine::http();
        let register = json!({ "email": "log@belfry.test", "password": secret, "name": "Log \"} {\" \u{1f600} \\" });
        let session = http.post(format!("{base}/api/v1/auth/register")).json(&register).send().await.unwrap();
        let session: Value = session.json().await.unwrap();
        for name in ["access_token", "refresh_token"] {
            tokens.push(session[name].as_str().unwrap().to_owned());
        }
        let ticket = http.post(format!("{base}/api/v1/live/ticket")).bearer_auth(&tokens[0]).send().await.unwrap();
        let ticket: Value = ticket.json().await.unwrap();
        let ticket = ticket["ticket"].as_str().unwrap().to_owned();
        for path in ["/%0a%0d{\"level\":\"ERROR\"}", "/a%1b[31mb", "/%00", "/%e2%80%a8x", "/\u{202e}x", "/api/v1/me?x=%0ay"] {
            let mut request = http.get(format!("{base}{path}"));
            for (name, value) in [("x-request-id", &b"a\tb\xff-cdefghij"[..]), ("user-agent", b"a\tb\xe2\x80\xa8c\xff"), ("accept-language", b"\xff\t")] {
                request = request.header(name, value);
            }
            request.bearer_auth("odd\ttoken").send().await.unwrap();
        }
        let events = format!("{base}/api/v1/live/events?ticket={ticket}x");
        http.get(events).send().await.unwrap();
        for (path, body) in [
            ("login", json!({ "email": "log@belfry.test\n{}", "password": secret })),
            ("login", json!({ "email": "log@belfry.test", "password": secret })),
            ("refresh", json!({ "refresh_token": tokens[1] })),
            ("refresh", json!({ "refresh_token": tokens[1] })),
        ] {
            http.post(format!("{base}/api/v1/auth/{path}")).json(&body).send().await.unwrap();
        }
        tokens.push(ticket);
    })
    .await;
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.len() > 10, "{log}");
    for line in &lines {
        let record: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            record["level"].is_string() && record["timestamp"].is_string(),
            "{line}"
        );
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
    }
    assert!(log.contains("\"message\":\"answered\""));
    for told in tokens.iter().map(String::as_str).chain([secret, PASSWORD]) {
        assert!(!log.contains(told), "the log tells {told}");
    }
}
