//! The real server process, killed under load and started again on what it left behind: nothing that was
//! acknowledged is lost, and every retry hears the truth (C3.2, C3.9, C4.3).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use belfry_actors::{Clock, SystemClock};
use belfry_domain::Instant;
use belfry_domain::account::Role;
use belfry_domain::booking_rules::BookingRules;
use chrono::TimeDelta;
use futures::future::join_all;
use rand::Rng;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::guests;

on_both_engines!(a_killed_server_keeps_its_promises_when_it_comes_back);

const ROUNDS: usize = 2;
const CLIENTS: usize = 10;

/// A server process; killed when dropped.
struct Server {
    process: Child,
    base: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    async fn start(fresh: &Fresh, http: &reqwest::Client) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let process = Command::new(env!("CARGO_BIN_EXE_belfry"))
            .arg("serve")
            .args(["--listen", &address.to_string()])
            .args(fresh.place())
            .env("BELFRY_LIMITS__ENABLED", "false")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            base: format!("http://{address}"),
        };
        for _ in 0..1000 {
            let ready = http.get(format!("{}/readyz", server.base)).send().await;
            if ready.is_ok_and(|answer| answer.status() == 200) {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the server does not become ready");
    }
}

/// A wish that was sent, and what came back, if anything did.
struct Wish {
    client: usize,
    key: String,
    body: Value,
    acknowledged: Option<String>,
}

struct Load<'a> {
    http: reqwest::Client,
    base: &'a str,
    tokens: &'a [String],
    experts: &'a [String],
    first: Instant,
    wishes: RefCell<Vec<Wish>>,
}

impl Load<'_> {
    /// Books one time after the other until the server is gone.
    async fn client(&self, client: usize) {
        loop {
            let (expert, place) = {
                let mut rng = rand::rng();
                let expert = rng.random_range(0..self.experts.len());
                (expert, rng.random_range(0..400))
            };
            let wish = Wish {
                client,
                key: uuid::Uuid::now_v7().to_string(),
                body: json!({
                    "expert_id": self.experts[expert],
                    "starts_at": self.first + TimeDelta::minutes(30 * place),
                    "minutes": 30,
                    "mode": "online",
                }),
                acknowledged: None,
            };
            let answer = self.send(&wish).await;
            let (alive, acknowledged) = match &answer {
                Some((201, body)) => (true, Some(id(body))),
                Some((409, _)) => (true, None),
                Some((status, body)) => panic!("{status} {body}"),
                None => (false, None),
            };
            // A refusal promises nothing.
            if acknowledged.is_some() || !alive {
                self.wishes.borrow_mut().push(Wish {
                    acknowledged,
                    ..wish
                });
            }
            if !alive {
                return;
            }
        }
    }

    /// Status and body of the answer; `None` when the server went away.
    async fn send(&self, wish: &Wish) -> Option<(u16, Value)> {
        let sent = self
            .http
            .post(format!("{}/api/v1/bookings", self.base))
            .bearer_auth(&self.tokens[wish.client])
            .header("idempotency-key", &wish.key)
            .json(&wish.body)
            .send();
        let answer = sent.await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.ok()?))
    }
}

fn id(booking: &Value) -> String {
    booking["id"].as_str().unwrap().to_owned()
}

async fn a_killed_server_keeps_its_promises_when_it_comes_back(fresh: &Fresh) {
    let now = SystemClock.now();
    let hosts = guests(&fresh.store, 2, Role::Expert, now).await;
    let clients = guests(&fresh.store, CLIENTS, Role::User, now).await;
    let mut tx = fresh.store.begin().await.unwrap();
    for (host, _) in &hosts {
        let (zone, rules) = (chrono_tz::UTC, BookingRules::default());
        belfry_store::expert::insert(&mut tx, host.id, zone, &rules, now)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let experts: Vec<String> = hosts.iter().map(|(host, _)| host.id.to_string()).collect();
    let tokens: Vec<String> = clients.iter().map(|(_, token)| token.clone()).collect();
    // The second midnight from now: no reminder is due and no start passes while this runs.
    let first = (now.date_naive() + TimeDelta::days(2)).and_time(chrono::NaiveTime::MIN);
    let first = first.and_utc();

    let http = reqwest::Client::new();
    let mut promised: BTreeMap<String, Wish> = BTreeMap::new();
    let (mut unanswered, mut made_unheard) = (0, 0);
    let mut server = Server::start(fresh, &http).await;
    for (host, token) in &hosts {
        open_always(&http, &server.base, &host.id.to_string(), token).await;
    }
    for _ in 0..ROUNDS {
        let load = Load {
            http: reqwest::Client::new(),
            base: &server.base.clone(),
            tokens: &tokens,
            experts: &experts,
            first,
            wishes: RefCell::default(),
        };
        let killed = async {
            let moment = rand::rng().random_range(400..1200);
            tokio::time::sleep(Duration::from_millis(moment)).await;
            server.process.kill().unwrap();
            server.process.wait().unwrap();
        };
        futures::join!(killed, join_all((0..CLIENTS).map(|c| load.client(c))));
        let wishes = load.wishes.take();

        server = Server::start(fresh, &http).await;
        let load = Load {
            http: reqwest::Client::new(),
            base: &server.base.clone(),
            tokens: &tokens,
            experts: &experts,
            first,
            wishes: RefCell::default(),
        };
        let before = fresh.store.ledger().await.unwrap();
        let heard: BTreeSet<String> = wishes
            .iter()
            .filter_map(|wish| wish.acknowledged.clone())
            .chain(promised.keys().cloned())
            .collect();
        for wish in wishes {
            let (status, body) = load.send(&wish).await.expect("the server is back");
            if let Some(acknowledged) = &wish.acknowledged {
                assert_eq!(status, 201, "{body}");
                assert_eq!(
                    &id(&body),
                    acknowledged,
                    "the retry of what was acknowledged"
                );
                promised.insert(acknowledged.clone(), wish);
                continue;
            }
            unanswered += 1;
            let starts_at: Instant = wish.body["starts_at"].as_str().unwrap().parse().unwrap();
            let client = clients[wish.client].0.id.uuid();
            // Made for this very wish: nobody has heard of it yet.
            let made = before.bookings.iter().find(|b| {
                b.client_id == client
                    && b.starts_at == starts_at
                    && !heard.contains(&b.id.to_string())
            });
            match (status, made) {
                (201, Some(made)) => {
                    made_unheard += 1;
                    assert_eq!(id(&body), made.id.to_string(), "the retry of what was made");
                    promised.insert(made.id.to_string(), wish);
                }
                (201, None) => drop(promised.insert(id(&body), wish)),
                (409, None) => {}
                (_, made) => panic!("{status} {body} to a retry, though there is {made:?}"),
            }
        }
        let acknowledged: BTreeSet<String> = promised.keys().cloned().collect();
        let terms = Terms::at(SystemClock.now());
        let ledger = ledger::sound(&fresh.store, terms, &acknowledged).await;
        let messages: BTreeSet<_> = ledger
            .deliveries
            .iter()
            .filter(|message| message.kind == "booking.created")
            .map(|message| (message.event_id, message.user_id))
            .collect();
        assert_eq!(
            messages.len(),
            2 * ledger.bookings.len(),
            "a mail to each side"
        );
    }
    assert!(promised.len() > CLIENTS, "the load books at all");
    println!(
        "{ROUNDS} kills: {} bookings promised and there; {unanswered} wishes unanswered, {made_unheard} of \
         them made",
        promised.len()
    );
}

async fn open_always(http: &reqwest::Client, base: &str, expert: &str, token: &str) {
    let days = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let weekly: Vec<Value> = days
        .iter()
        .map(|day| json!({ "weekday": day, "from": "00:00", "until": "24:00" }))
        .collect();
    let schedule = json!({
        "time_zone": "UTC", "weekly": weekly,
        "booking_rules": { "minutes": [30], "interval_minutes": 30, "min_notice_minutes": 0 },
    });
    let answer = http
        .put(format!("{base}/api/v1/experts/{expert}/schedule"))
        .bearer_auth(token)
        .json(&schedule)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}
