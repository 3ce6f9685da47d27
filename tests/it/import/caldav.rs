//! A real CalDAV server, Radicale, and servers that only look like one.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use reqwest::{Client, Method};
use serde_json::json;

use super::{NINE, TEN, add, here, missing, read, refresh, serving, until};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::standin::{Reply, StandIn};
use crate::town::Town;

on_both_engines!(
    the_calendars_of_an_account_are_found_and_read,
    a_server_that_means_harm_does_none,
);

/// Radicale with one account, `ann` with the password `secret word`.
struct Radicale {
    process: Child,
    url: String,
    http: Client,
    _folder: Folder,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

impl Drop for Radicale {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Radicale {
    async fn start() -> Option<Self> {
        let top = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let python = top.join("target/tools/bin/python");
        if !top.join("target/tools/bin/radicale").exists() {
            eprintln!("`scripts/install.sh tools` was not run: not tried with Radicale");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("belfry-caldav-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("users"), "ann:secret word\n").unwrap();
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let options = [
            ("server-hosts", format!("127.0.0.1:{port}")),
            ("auth-type", "htpasswd".to_owned()),
            (
                "auth-htpasswd-filename",
                folder.join("users").display().to_string(),
            ),
            ("auth-htpasswd-encryption", "plain".to_owned()),
            ("auth-delay", "0".to_owned()),
            (
                "storage-filesystem-folder",
                folder.join("data").display().to_string(),
            ),
        ];
        let mut command = Command::new(python);
        command.args(["-m", "radicale", "--config", ""]);
        for (name, value) in options {
            command.arg(format!("--{name}={value}"));
        }
        let process = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let radicale = Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
            http: crate::engine::http(),
            _folder: Folder(folder),
        };
        eventually("Radicale answers", async || {
            radicale.http.get(&radicale.url).send().await.is_ok()
        })
        .await;
        Some(radicale)
    }

    async fn ask(&self, method: &str, path: &str, body: &str) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{path}", self.url);
        let request = self
            .http
            .request(method, url)
            .basic_auth("ann", Some("secret word"));
        let answer = request.body(body.to_owned()).send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{}: {}",
            path,
            answer.status()
        );
    }

    async fn put(&self, path: &str, lines: &str) {
        let uid = path.replace('/', "-");
        let file = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//T//T//EN\r\n{}END:VCALENDAR\r\n",
            lines
                .split("EVENT\n")
                .filter(|lines| !lines.is_empty())
                .map(|lines| format!(
                    "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20270101T000000Z\r\n{}END:VEVENT\r\n",
                    lines.replace('\n', "\r\n")
                ))
                .collect::<String>()
        );
        self.ask("PUT", path, &file).await;
    }
}

async fn the_calendars_of_an_account_are_found_and_read(fresh: &Fresh) {
    let Some(radicale) = Radicale::start().await else {
        return;
    };
    let town = Town::open_with(fresh, here).await;
    let expert = town.expert().await;
    for name in ["work", "home"] {
        radicale
            .ask("MKCALENDAR", &format!("/ann/{name}/"), "")
            .await;
    }
    // Every Tuesday at nine since last year, but at ten on the second of March; and something once at home.
    let series = "DTSTART;TZID=Europe/London:20260106T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY\n\
                  EVENT\nRECURRENCE-ID;TZID=Europe/London:20270302T090000\nDTSTART;TZID=Europe/London:20270302T100000\n\
                  DURATION:PT1H\n";
    radicale.put("/ann/work/a.ics", series).await;
    radicale
        .put(
            "/ann/home/b.ics",
            "DTSTART:20270302T140000Z\nDURATION:PT1H\n",
        )
        .await;
    let body = |url: &str, password: &str| json!({ "kind": "caldav", "name": "Radicale", "url": url, "username": "ann", "password": password });
    // The server's name is enough.
    let id = add(&expert, body(&radicale.url, "secret word")).await;
    let found = read(&expert).await;
    assert_eq!(found["events"], 3, "{found}");
    let states = [
        (NINE, "free"),
        (TEN, "imported"),
        ("2027-03-02T14:00:00Z", "imported"),
        ("2027-03-09T09:00:00Z", "imported"),
        ("2027-03-09T10:00:00Z", "free"),
    ];
    for (time, state) in states {
        assert_eq!(missing(&expert, time).await, state, "{time}");
    }
    // Unchanged, then changed.
    refresh(&town, &expert, &id).await;
    assert_eq!(missing(&expert, TEN).await, "imported");
    radicale.ask("DELETE", "/ann/work/a.ics", "").await;
    let found = refresh(&town, &expert, &id).await;
    assert_eq!(
        (&found["events"], &found["fault"]),
        (&json!(1), &json!(null))
    );
    assert_eq!(missing(&expert, TEN).await, "free");
    assert_eq!(missing(&expert, "2027-03-02T14:00:00Z").await, "imported");
    let path = format!("/experts/{}/imports/{id}", expert.id);
    expert.delete(&path).await.expect(204);

    // One calendar by its own address.
    let home = format!("{}/ann/home/", radicale.url);
    let id = add(&expert, body(&home, "secret word")).await;
    assert_eq!(read(&expert).await["events"], 1);
    let path = format!("/experts/{}/imports/{id}", expert.id);
    expert.delete(&path).await.expect(204);

    // And nobody gets in with another word.
    add(&expert, body(&radicale.url, "guess")).await;
    let failed = until(&expert, |found| found["fault"].is_string()).await;
    assert_eq!(failed["fault"], "unauthorized");
    town.close().await;
}

async fn a_server_that_means_harm_does_none(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let expert = town.expert().await;
    let inside = serving(String::new()).await;
    let server = StandIn::start(|_| Reply::status(500)).await;
    let body = json!({ "kind": "caldav", "name": "Evil", "url": server.url(), "username": "ann", "password": "word" });
    let id = add(&expert, body).await;
    until(&expert, |found| found["fault"] == "server_error").await;
    let dav = |inner: &str| {
        let xml = format!(
            "<D:multistatus xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><D:response>\
             <D:href>/</D:href>{inner}</D:response></D:multistatus>"
        );
        Reply::text(207, &xml)
    };
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><D:multistatus xmlns:D=\"DAV:\">&c;</D:multistatus>";
    let deep = format!("<D:multistatus xmlns:D=\"DAV:\">{}", "<a>".repeat(200_000));
    let principal = |url: &str| {
        dav(&format!(
            "<D:current-user-principal><D:href>{url}</D:href></D:current-user-principal>"
        ))
    };
    let calendar = dav("<D:resourcetype><C:calendar/></D:resourcetype>");
    let data = |text: &str| dav(&format!("<C:calendar-data>{text}</C:calendar-data>"));
    let second = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART:20200101T000000Z\nDURATION:PT1S\n\
                  RRULE:FREQ=SECONDLY\nEND:VEVENT\nEND:VCALENDAR";
    for (replies, fault) in [
        (vec![Reply::text(207, bomb); 2], "not_caldav"),
        (vec![Reply::text(207, &deep); 2], "not_caldav"),
        (vec![Reply::text(200, "<html></html>"); 2], "not_caldav"),
        (
            vec![principal("http://169.254.169.254/")],
            "forbidden_address",
        ),
        (vec![principal("file:///etc/passwd")], "forbidden_address"),
        (vec![dav(""), dav(""), dav("")], "no_calendars"),
        (vec![calendar.clone(), data(second)], "too_much"),
        (vec![calendar.clone(), data("nonsense")], "not_a_calendar"),
        (vec![calendar, Reply::Cut], "unreachable"),
    ] {
        server.next(replies);
        let found = refresh(&town, &expert, &id).await;
        assert_eq!(found["fault"], fault);
    }
    // Sent on to somebody else's server, the password stays at home.
    server.next([principal(&format!("{}/me/", inside.url()))]);
    refresh(&town, &expert, &id).await;
    let asked = inside.asked();
    assert!(
        !asked.is_empty()
            && asked
                .iter()
                .all(|asked| asked.header("authorization").is_empty())
    );
    town.close().await;
}
