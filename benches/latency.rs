//! How long after a command the other side's open page shows it: REST, commit, planner, bus, socket.
//!
//! `cargo run --release --example latency -- --url http://127.0.0.1:8080` against a server that runs with
//! `--demo` and `BELFRY_LIMITS__ENABLED=false`. A demo client edits the note of one booking again and again
//! while its expert's socket is open. Two times are told, in microseconds: from sending the request to the
//! frame, and from the answer to the frame (negative when the frame comes first).

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use futures::StreamExt;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::time::{interval, timeout};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

const PASSWORD: &str = "belfry-demo-2026";
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Parser)]
struct Options {
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    #[arg(long, default_value_t = 500)]
    count: u32,
    /// Milliseconds from one edit to the next.
    #[arg(long, default_value_t = 20)]
    every: u64,
}

struct Person {
    http: Client,
    url: String,
    token: String,
}

impl Person {
    async fn sign_in(url: &str, name: &str) -> Result<Self> {
        let mut person = Self {
            http: {
                belfry::tls::install();
                Client::new()
            },
            url: url.to_owned(),
            token: String::new(),
        };
        let credentials = json!({"email": format!("{name}@belfry.test"), "password": PASSWORD});
        let session = person
            .call(Method::POST, "/auth/login", &credentials)
            .await?;
        person.token = text(&session, "access_token")?;
        Ok(person)
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.url))
            .bearer_auth(&self.token)
            .json(body);
        let answer = request.send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status} {body}");
        Ok(serde_json::from_str(&body)?)
    }
}

fn text(value: &Value, member: &str) -> Result<String> {
    let text = value[member].as_str().context(member.to_owned())?;
    Ok(text.to_owned())
}

/// A client and an expert of the demo, and a booking of theirs that is yet to come.
async fn pair(url: &str) -> Result<(Person, Person, String)> {
    for client in 1..=20 {
        let Ok(client) = Person::sign_in(url, &format!("client{client}")).await else {
            continue;
        };
        let coming = "/bookings?status=pending,confirmed&sort=-starts_at";
        let page = client.call(Method::GET, coming, &json!({})).await?;
        let Some(booking) = page["items"].get(0) else {
            continue;
        };
        for expert in 1..=20 {
            let Ok(expert) = Person::sign_in(url, &format!("expert{expert}")).await else {
                break;
            };
            let me = expert.call(Method::GET, "/me", &json!({})).await?;
            if me["id"] == booking["expert"]["id"] {
                return Ok((client, expert, text(booking, "id")?));
            }
        }
    }
    bail!("the demo has no client with a booking to come")
}

#[actix_rt::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let (client, expert, booking) = pair(&options.url).await?;
    let ticket = expert
        .call(Method::POST, "/live/ticket", &json!({}))
        .await?;
    let address = options.url.replacen("http", "ws", 1);
    let ticket = text(&ticket, "ticket")?;
    let (mut socket, _) = connect_async(format!("{address}/ws?ticket={ticket}")).await?;

    let path = format!("/bookings/{booking}");
    let (mut from_request, mut from_answer) = (Vec::new(), Vec::new());
    let mut pace = interval(Duration::from_millis(options.every));
    for number in 0..options.count {
        pace.tick().await;
        let marks = format!("edit {number} of {}", std::process::id());
        let begun = Instant::now();
        let edit = json!({"note": marks});
        let answered = async {
            client.call(Method::PATCH, &path, &edit).await?;
            Ok::<_, anyhow::Error>(Instant::now())
        };
        let shown = async {
            loop {
                let message = timeout(PATIENCE, socket.next()).await?;
                if let Message::Text(frame) = message.context("the socket ended")?? {
                    let frame: Value = serde_json::from_str(&frame)?;
                    if frame["notification"]["data"]["booking_id"] == booking.as_str() {
                        return Ok(Instant::now());
                    }
                }
            }
        };
        let (answered, shown) = tokio::try_join!(answered, shown)?;
        let micros = |later: Instant, earlier: Instant| {
            let ahead = later.saturating_duration_since(earlier).as_micros() as i64;
            ahead - earlier.saturating_duration_since(later).as_micros() as i64
        };
        from_request.push(micros(shown, begun));
        from_answer.push(micros(shown, answered));
    }
    let line = json!({
        "scenario": "event-to-socket",
        "count": options.count,
        "request_to_frame_us": spread(from_request),
        "answer_to_frame_us": spread(from_answer),
    });
    println!("{line}");
    Ok(())
}

fn spread(mut times: Vec<i64>) -> Value {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    json!({"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1.0)})
}
