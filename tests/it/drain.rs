//! A server told to stop in the middle of everything: what it read it answers, what it made was acknowledged,
//! sockets are told to come back, its lease is given back; and told twice, it ends at once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use belfry_actors::{Clock, SystemClock};
use belfry_domain::Instant;
use belfry_domain::account::Role;
use belfry_domain::booking_rules::BookingRules;
use chrono::{NaiveTime, TimeDelta};
use futures::StreamExt;
use futures::future::{join, join_all};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::always;
use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::guests;

on_both_engines!(
    a_server_that_is_stopped_under_load_answers_what_it_read,
    a_stopping_server_waits_for_a_stalled_request_no_longer_than_it_may,
    a_second_signal_ends_a_stopping_server_at_once,
);

/// Only a failure takes so long.
const NEVER: Duration = Duration::from_secs(90);
const CLIENTS: usize = 150;
const SOCKETS: usize = 60;
/// Bookings made before the server is told to stop.
const WARM: usize = 60;

struct Server {
    process: Child,
    address: SocketAddr,
    log: mpsc::UnboundedReceiver<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    async fn start(fresh: &Fresh, drain_seconds: u64) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut process = Command::new(env!("CARGO_BIN_EXE_belfry"))
            .arg("serve")
            .args(["--listen", &address.to_string()])
            .args(fresh.place())
            .env("BELFRY_LIMITS__ENABLED", "false")
            .env("BELFRY_HTTP__DRAIN_SECONDS", drain_seconds.to_string())
            .env("RUST_LOG", "belfry=info")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (lines, log) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Read to the end, whoever listens: a full pipe would stop the server.
                let _ = lines.send(line);
            }
        });
        let server = Self {
            process,
            address,
            log,
        };
        let http = crate::engine::http();
        let ready = async {
            while !http
                .get(server.url("/readyz"))
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(NEVER, ready).await.expect("a server that is ready");
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn terminate(&self) {
        let sent = Command::new("kill")
            .args(["-TERM", &self.process.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Until it says so, a second signal may be taken for the first.
    async fn says_that_it_goes_down(&mut self) {
        let said = async {
            while let Some(line) = self.log.recv().await {
                if line.contains("going down") {
                    return;
                }
            }
            panic!("it ended without a word");
        };
        timeout(NEVER, said).await.unwrap();
    }

    async fn ends(&mut self) -> ExitStatus {
        let ended = async {
            loop {
                if let Some(status) = self.process.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(NEVER, ended).await.expect("a server that ends")
    }
}

/// An expert at work around the clock, so that nobody has to look for a time.
async fn open_expert(fresh: &Fresh, server: &Server, now: Instant) -> String {
    let hosts = guests(&fresh.store, 1, Role::Expert, now).await;
    let (host, token) = &hosts[0];
    let mut tx = fresh.store.begin().await.unwrap();
    let rules = BookingRules::default();
    belfry_store::expert::insert(&mut tx, host.id, chrono_tz::UTC, &rules, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let answer = crate::engine::http()
        .put(server.url(&format!("/api/v1/experts/{}/schedule", host.id)))
        .bearer_auth(token)
        .json(&always::open())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    host.id.to_string()
}

async fn a_server_that_is_stopped_under_load_answers_what_it_read(fresh: &Fresh) {
    let now = SystemClock.now();
    let mut server = Server::start(fresh, 30).await;
    let expert = open_expert(fresh, &server, now).await;
    let clients = guests(&fresh.store, CLIENTS, Role::User, now).await;
    let first = (now.date_naive() + TimeDelta::days(2)).and_time(NaiveTime::MIN);
    let first = first.and_utc();
    let http = crate::engine::http();

    let sockets = join_all(clients[..SOCKETS].iter().map(async |(_, token)| {
        let ticket = http
            .post(server.url("/api/v1/live/ticket"))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        let ticket: Value = ticket.json().await.unwrap();
        let ticket = ticket["ticket"].as_str().unwrap();
        let (mut socket, _) = connect_async(format!("ws://{}/ws?ticket={ticket}", server.address))
            .await
            .unwrap();
        let welcome = socket.next().await.unwrap().unwrap();
        assert!(welcome.to_text().unwrap().contains("welcome"));
        socket
    }))
    .await;
    // A close frame that says "come back", whatever came before it.
    let farewells = sockets.into_iter().map(async |mut socket| {
        let mut code = None;
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(Some(frame)) = message {
                code = Some(u16::from(frame.code));
            }
        }
        code
    });

    // Everybody wants the next time that nobody has asked for, until the server has gone.
    let (next, unanswered) = (Cell::new(0), Cell::new(0));
    let acknowledged = RefCell::new(BTreeSet::new());
    let wishes = clients.iter().map(async |(_, token)| {
        loop {
            let place = next.replace(next.get() + 1);
            let wish = json!({
                "expert_id": expert, "mode": "online", "minutes": 30,
                "starts_at": first + TimeDelta::minutes(30 * (place % 2000)),
            });
            let sent = http
                .post(server.url("/api/v1/bookings"))
                .bearer_auth(token)
                .header("idempotency-key", uuid::Uuid::now_v7().to_string())
                .json(&wish)
                .send();
            let Ok(answer) = sent.await else {
                return unanswered.set(unanswered.get() + 1);
            };
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.expect("an answer is whole");
            match status {
                201 => {
                    let id = body["id"].as_str().unwrap().to_owned();
                    acknowledged.borrow_mut().insert(id);
                }
                409 | 503 => {}
                _ => panic!("{status} {body}"),
            }
        }
    });
    let stopped = async {
        while acknowledged.borrow().len() < WARM {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.terminate();
    };
    let load = join(join_all(wishes), join(join_all(farewells), stopped));
    let (_, (farewells, ())) = timeout(NEVER, load).await.expect("nobody hangs");
    let status = server.ends().await;
    assert!(status.success(), "{status}");

    assert_eq!(
        unanswered.get(),
        CLIENTS,
        "everybody ends by finding it gone"
    );
    assert!(
        farewells.iter().all(|code| *code == Some(1012)),
        "{farewells:?}"
    );
    let acknowledged = acknowledged.into_inner();
    let made = fresh.store.ledger().await.unwrap().bookings.len();
    assert_eq!(
        made,
        acknowledged.len(),
        "nothing was made that nobody heard of"
    );
    let backlog = fresh.store.backlog(SystemClock.now()).await.unwrap();
    assert_eq!(backlog.lease_holder, None, "the lease is given back");
    assert_eq!(backlog.keys_running, 0, "every key has its answer");
    println!(
        "stopped under {CLIENTS} clients and {SOCKETS} sockets: {made} bookings, all acknowledged; 1012 to \
         all sockets"
    );

    // What was not told yet is told by the next one.
    let again = Server::start(fresh, 1).await;
    ledger::sound(&fresh.store, Terms::at(SystemClock.now()), &acknowledged).await;
    drop(again);
}

/// A request whose body never comes.
async fn stall(server: &Server) -> TcpStream {
    let mut wire = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: belfry.test\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n{";
    wire.write_all(head.as_bytes()).await.unwrap();
    // Answered on the same worker or another one: by then the head has been read, too.
    let http = crate::engine::http();
    for _ in 0..10 {
        http.get(server.url("/healthz")).send().await.unwrap();
    }
    wire
}

async fn a_stopping_server_waits_for_a_stalled_request_no_longer_than_it_may(fresh: &Fresh) {
    let mut server = Server::start(fresh, 1).await;
    let _wire = stall(&server).await;
    server.terminate();
    let status = server.ends().await;
    assert!(status.success(), "{status}");
}

async fn a_second_signal_ends_a_stopping_server_at_once(fresh: &Fresh) {
    // Longer than this test may take.
    let mut server = Server::start(fresh, 600).await;
    let _wire = stall(&server).await;
    server.terminate();
    server.says_that_it_goes_down().await;
    assert!(server.process.try_wait().unwrap().is_none(), "it waits");
    server.terminate();
    let status = server.ends().await;
    assert_eq!(status.code(), Some(3), "{status}");
}
