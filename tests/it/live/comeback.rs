//! Everybody at once, after a restart of the real server process.
//!
//! `BELFRY_TEST_SOCKETS` says how many that is; ten thousand need an open-file limit of some more.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use belfry_actors::{Clock, SystemClock};
use belfry_domain::account::Role;
use belfry_domain::event::{Event, EventType};
use belfry_domain::id::{EventId, UserId};
use belfry_domain::notification::{Category, Entry, Plan};
use belfry_store::planning::Outcome;
use belfry_store::{Store, event};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::house::PATIENCE;
use super::tab::{frame, read_frame};
use crate::engine::{Fresh, on_both_engines};
use crate::town::guests;

on_both_engines!(everybody_who_comes_back_at_once_misses_nothing);

/// Connections unless said otherwise.
const SOCKETS: usize = 300;
/// Entries that everybody gets while the server is away.
const MISSED: i64 = 3;
/// Every so many of them use server-sent events.
const EVENTS: usize = 10;
/// What one connection may cost the server at its dearest moment, and what the server may need besides.
const KIB_EACH: usize = 96;
const KIB_BESIDES: usize = 64 * 1024;

/// A server process; killed when dropped.
struct Server {
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    async fn start(fresh: &Fresh, address: SocketAddr) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_belfry"))
            .arg("serve")
            .args(["--listen", &address.to_string()])
            .args(fresh.place())
            .env("BELFRY_LIMITS__ENABLED", "false")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process };
        let ready = async {
            while !asked(address, "/readyz").await.is_ok_and(|ready| ready) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, ready).await.expect("a server");
        server
    }

    /// Asks it to end in order and waits until it has.
    async fn stop(&mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        let ended = async {
            while self.process.try_wait().unwrap().is_none() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(3 * PATIENCE, ended).await.expect("an end");
    }

    /// A line of the kernel's account of the process, in KiB.
    fn memory(&self, name: &str) -> usize {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

/// Whether a question without a body is answered with 200, on a connection of its own.
async fn asked(address: SocketAddr, path: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: belfry\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

/// Somebody with a connection, and what they know.
struct Client {
    token: String,
    events: bool,
    /// Newest offset they were told.
    seen: Cell<i64>,
    /// Connections that came as far as the end of the replay.
    caught_up: Cell<usize>,
    /// Why other connections did not.
    turned_away: RefCell<Vec<String>>,
    read: Cell<bool>,
}

impl Client {
    /// Connects until that succeeds and stays until the server says goodbye; answers with which code.
    async fn stay(self: Rc<Self>, address: SocketAddr) -> u16 {
        let before = self.caught_up.get();
        loop {
            let code = self.connect(address).await;
            if self.caught_up.get() > before {
                return code.unwrap().expect("a goodbye");
            }
            {
                let mut turned_away = self.turned_away.borrow_mut();
                turned_away.push(format!("{code:?}"));
                assert!(turned_away.len() < 50, "{turned_away:?}");
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// One connection, from the ticket to the close code, if it was closed with one.
    async fn connect(&self, address: SocketAddr) -> io::Result<Option<u16>> {
        let mut stream = BufReader::new(TcpStream::connect(address).await?);
        let request = format!(
            "POST /api/v1/live/ticket HTTP/1.1\r\nHost: belfry\r\nAuthorization: Bearer {}\r\n\
             Content-Length: 0\r\n\r\n",
            self.token
        );
        stream.write_all(request.as_bytes()).await?;
        let (status, length) = head(&mut stream).await?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        if status != 200 {
            return Err(io::Error::other(format!("a ticket with {status}")));
        }
        let body: Value = serde_json::from_slice(&body)?;
        let query = format!(
            "ticket={}&after={}",
            body["ticket"].as_str().unwrap(),
            self.seen.get()
        );
        let (path, upgrade, due) = match self.events {
            true => ("/api/v1/live/events", "", 200),
            false => (
                "/ws",
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                101,
            ),
        };
        let request = format!("GET {path}?{query} HTTP/1.1\r\nHost: belfry\r\n{upgrade}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let (status, _) = head(&mut stream).await?;
        if status != due {
            return Err(io::Error::other(format!("a stream with {status}")));
        }
        if self.events {
            self.hear_events(stream).await
        } else {
            self.hear_frames(stream).await
        }
    }

    async fn hear_frames(&self, mut stream: BufReader<TcpStream>) -> io::Result<Option<u16>> {
        while let Some((opcode, payload)) = read_frame(&mut stream).await {
            match opcode {
                1 => self.hear(&serde_json::from_slice(&payload)?),
                8 => return Ok(Some(u16::from_be_bytes([payload[0], payload[1]]))),
                9 => stream.write_all(&frame(0x8a, &payload)).await?,
                other => panic!("opcode {other}"),
            }
        }
        Ok(None)
    }

    async fn hear_events(&self, stream: BufReader<TcpStream>) -> io::Result<Option<u16>> {
        let mut lines = stream.lines();
        let mut closing = false;
        while let Some(line) = lines.next_line().await? {
            closing |= line == "event: close";
            let Some(data) = line.strip_prefix("data: ") else {
                continue;
            };
            let data: Value = serde_json::from_str(data)?;
            if closing {
                return Ok(data["code"].as_u64().map(|code| code as u16));
            }
            self.hear(&data);
        }
        Ok(None)
    }

    fn hear(&self, frame: &Value) {
        match frame["type"].as_str().unwrap() {
            "welcome" => {}
            "notification" => {
                assert_eq!(frame["offset"], self.seen.get() + 1);
                self.seen.set(self.seen.get() + 1);
            }
            "caught_up" => {
                assert_eq!(frame["offset"], self.seen.get());
                self.caught_up.set(self.caught_up.get() + 1);
            }
            "read" => {
                assert_eq!(frame["up_to"], self.seen.get());
                self.read.set(true);
            }
            _ => panic!("{frame}"),
        }
    }
}

/// Status of an answer and the length of its body.
async fn head(stream: &mut BufReader<TcpStream>) -> io::Result<(u16, usize)> {
    let (mut status, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if status.is_none() {
            status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        } else if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        } else if line.is_empty() {
            return Ok((status.unwrap_or_default(), length));
        }
    }
}

/// Everybody at once; ends with everybody's close codes, once `until` is over.
async fn everybody(
    clients: &[Rc<Client>],
    address: SocketAddr,
    until: impl AsyncFnOnce(),
) -> Vec<u16> {
    let stays = clients.iter().map(|client| client.clone().stay(address));
    let stays: Vec<_> = stays.map(actix_rt::spawn).collect();
    until().await;
    let mut codes = Vec::with_capacity(stays.len());
    for stay in stays {
        codes.push(stay.await.unwrap());
    }
    codes
}

/// Waits until all of them are connected for the so many-th time and know everything.
async fn all_there(clients: &[Rc<Client>], times: usize) {
    let patience = PATIENCE + Duration::from_millis(20) * clients.len() as u32;
    let waiting = async {
        while clients.iter().any(|client| client.caught_up.get() < times) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = timeout(patience, waiting).await;
    let missing = || {
        clients
            .iter()
            .filter(|client| client.caught_up.get() < times)
    };
    waited.unwrap_or_else(|_| {
        let (missing, in_vain) = (missing().count(), in_vain(clients));
        panic!("{missing} are not back; tries in vain {in_vain:?}")
    });
}

/// Why how many connections did not come as far as the end of the replay.
fn in_vain(clients: &[Rc<Client>]) -> BTreeMap<String, usize> {
    let mut in_vain = BTreeMap::new();
    for why in clients.iter().flat_map(|client| client.turned_away.take()) {
        *in_vain.entry(why).or_default() += 1;
    }
    in_vain
}

/// One entry for everybody, as the planner writes them.
async fn commit_for_all(store: &Store, users: &[UserId]) {
    let now = SystemClock.now();
    for users in users.chunks(500) {
        let id = EventId::at(now);
        let event = Event {
            id,
            kind: EventType::BookingCreated,
            subject: format!("booking/{id}"),
            subject_version: 1,
            time: now,
            data: json!({}),
        };
        let mut tx = store.begin().await.unwrap();
        event::append(&mut tx, std::slice::from_ref(&event))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let entries = users.iter().map(|user| Entry {
            rule_id: "test".to_owned(),
            user_id: *user,
            category: Category::Booking,
            kind: "booking.created".to_owned(),
            title: "A new booking".to_owned(),
            body: "Tomorrow at ten".to_owned(),
            data: json!({"booking_id": id, "code": "123456", "starts_at": now}),
        });
        let plan = Plan {
            entries: entries.collect(),
            ..Plan::default()
        };
        let turn = store.begin_planning(1).await.unwrap();
        let outcome = Outcome { id, plan: Ok(plan) };
        store
            .finish_planning(turn, vec![outcome], now)
            .await
            .unwrap();
    }
}

async fn everybody_who_comes_back_at_once_misses_nothing(fresh: &Fresh) {
    let sockets = std::env::var("BELFRY_TEST_SOCKETS").map_or(SOCKETS, |n| n.parse().unwrap());
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    assert!(
        limit > sockets as u64 + 500,
        "only {limit} open files are allowed here"
    );
    let people = guests(&fresh.store, sockets, Role::User, SystemClock.now()).await;
    let users: Vec<UserId> = people.iter().map(|(account, _)| account.id).collect();
    let clients = people.into_iter().enumerate().map(|(place, (_, token))| {
        Rc::new(Client {
            token,
            events: place % EVENTS == 0,
            seen: Cell::new(0),
            caught_up: Cell::new(0),
            turned_away: RefCell::default(),
            read: Cell::new(false),
        })
    });
    let clients: Vec<Rc<Client>> = clients.collect();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);

    let mut server = Server::start(fresh, address).await;
    let codes = everybody(&clients, address, async || {
        all_there(&clients, 1).await;
        server.stop().await;
    });
    assert!(codes.await.iter().all(|code| *code == 1012));
    for _ in 0..MISSED {
        commit_for_all(&fresh.store, &users).await;
    }

    let mut server = Server::start(fresh, address).await;
    let before = server.memory("VmRSS");
    let begun = Instant::now();
    let over = Cell::new(false);
    // Somebody looks after the server all the while, on a new connection each time.
    let health = async {
        let (mut looks, mut longest) = (0, Duration::ZERO);
        while !over.get() {
            let begun = Instant::now();
            let healthy = timeout(PATIENCE, asked(address, "/healthz")).await;
            assert!(healthy.expect("an answer in time").unwrap());
            longest = longest.max(begun.elapsed());
            looks += 1;
            sleep(Duration::from_millis(20)).await;
        }
        (looks, longest)
    };
    let back = everybody(&clients, address, async || {
        all_there(&clients, 2).await;
        let (took, peak, now) = (
            begun.elapsed(),
            server.memory("VmHWM"),
            server.memory("VmRSS"),
        );
        over.set(true);
        // They do not only sit there.
        for client in clients.iter().take(25) {
            read_all(address, &client.token).await.unwrap();
        }
        let heard = async {
            while clients.iter().take(25).any(|client| !client.read.get()) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, heard)
            .await
            .expect("what was read is told");
        server.stop().await;
        let each = peak.saturating_sub(before) as f64 / sockets as f64;
        let stays = now.saturating_sub(before) as f64 / sockets as f64;
        let in_vain = in_vain(&clients);
        println!(
            "{sockets} connections were back after {took:.1?}, tries in vain {in_vain:?}; the server grew by \
             {each:.1} KiB for each at most and {stays:.1} KiB in the end",
        );
        assert!(
            peak - before < KIB_EACH * sockets + KIB_BESIDES,
            "{before} KiB to {peak} KiB"
        );
    });
    let (codes, (looks, longest)) = futures::future::join(back, health).await;
    println!("{looks} looks at its health meanwhile, the longest {longest:.1?}");
    assert!(codes.iter().all(|code| *code == 1012));
    assert!(clients.iter().all(|client| client.seen.get() == MISSED));
    assert!(looks > 0);
}

async fn read_all(address: SocketAddr, token: &str) -> io::Result<()> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    let request = format!(
        "POST /api/v1/notifications/read-all HTTP/1.1\r\nHost: belfry\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    assert_eq!(head(&mut stream).await?.0, 204);
    Ok(())
}
