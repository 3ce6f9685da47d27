//! A load client for a running server, over keep-alive HTTP/1.1: bookings, refusals, a plain route, slots, and a mix
//! of what the clients of a branch do.
//!
//! `cargo run --release --example load -- --url http://127.0.0.1:8080 --admin EMAIL:PASSWORD book me refuse slots`
//!
//! The server must run with `BELFRY_LIMITS__ENABLED=false`. Each scenario prints one line of JSON: answers per
//! second, latencies in milliseconds, answers by status.

mod client;
mod mixed;
mod people;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use client::{Answer, Client};
use mixed::Visitor;
use people::People;

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Scenario {
    /// POST /bookings on free slots, all different.
    Book,
    /// POST /bookings on one slot that is taken.
    Refuse,
    /// POST /live/ticket: what a route costs that checks one token and signs another.
    Ticket,
    /// GET /me: a token and one row.
    Me,
    /// GET /experts/{id}/slots for 31 days.
    Slots,
    /// The same with the ETag of the answer before.
    SlotsUnchanged,
    /// Slots, bookings without a person, their status and the queue of a branch, in turn (see mixed.rs).
    Mixed,
}

#[derive(Parser)]
struct Options {
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An administrator's address and password.
    #[arg(long, default_value = "admin@belfry.test:belfry-demo-2026")]
    admin: String,
    #[arg(long, default_value_t = 50)]
    experts: u64,
    /// A multiple of --experts, so that no client is asked to be in two places.
    #[arg(long, default_value_t = 100)]
    clients: u64,
    #[arg(long, default_value_t = 16)]
    connections: u64,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// A shell command to run when everybody is there and nothing was measured yet.
    #[arg(long)]
    once_invited: Option<String>,
    /// Scenarios in the order to run them.
    #[arg(required = true)]
    scenarios: Vec<Scenario>,
}

/// Minutes of one slot; the experts that this client makes offer nothing else, day and night.
pub const SLOT_MINUTES: i64 = 15;

#[actix_rt::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    ensure!(
        options.clients.is_multiple_of(options.experts),
        "--clients must be a multiple of --experts"
    );
    let people = Arc::new(people::invite(&options).await?);
    if let Some(command) = &options.once_invited {
        let status = Command::new("sh").args(["-c", command]).status()?;
        ensure!(status.success(), "{command}: {status}");
    }
    let numbers = Arc::new(AtomicU64::new(0));
    for scenario in &options.scenarios {
        let outcome = run(*scenario, &options, &people, &numbers).await?;
        println!("{}", outcome.report(*scenario));
    }
    Ok(())
}

/// The answers of one scenario.
#[derive(Default)]
struct Outcome {
    micros: Vec<u64>,
    /// The same of a mix by request.
    parts: BTreeMap<&'static str, Vec<u64>>,
    statuses: BTreeMap<u16, u64>,
    elapsed: Duration,
}

impl Outcome {
    fn report(mut self, scenario: Scenario) -> Value {
        self.micros.sort_unstable();
        let at = |share: f64| quantile(&self.micros, share);
        let parts: BTreeMap<&str, Value> = std::mem::take(&mut self.parts)
            .into_iter()
            .map(|(name, mut micros)| {
                micros.sort_unstable();
                let (p50, p99) = (quantile(&micros, 0.5), quantile(&micros, 0.99));
                let told = json!({ "count": micros.len(), "p50_ms": p50, "p99_ms": p99 });
                (name, told)
            })
            .collect();
        let name = scenario
            .to_possible_value()
            .map(|value| value.get_name().to_owned());
        json!({
            "scenario": name,
            "per_second": (self.micros.len() as f64 / self.elapsed.as_secs_f64()).round(),
            "p50_ms": at(0.5),
            "p99_ms": at(0.99),
            "max_ms": at(1.0),
            "statuses": self.statuses,
            "parts": parts,
        })
    }
}

/// The latency in milliseconds that this share of the sorted ones does not exceed.
fn quantile(micros: &[u64], share: f64) -> Option<f64> {
    let place = (micros.len() as f64 * share) as usize;
    let found = micros.get(place.min(micros.len().saturating_sub(1)));
    found.map(|micros| *micros as f64 / 1000.0)
}

async fn run(
    scenario: Scenario,
    options: &Options,
    people: &Arc<People>,
    numbers: &Arc<AtomicU64>,
) -> Result<Outcome> {
    if scenario == Scenario::Refuse {
        // The slot that everybody wants from now on.
        let mut client = Client::connect(&options.url).await?;
        book(&mut client, people, 0, first_slot()).await?;
    }
    let started = Instant::now();
    let until = started + Duration::from_secs(options.seconds);
    let workers: Vec<_> = (0..options.connections)
        .map(|worker| {
            let (url, people, numbers) = (options.url.clone(), people.clone(), numbers.clone());
            actix_rt::spawn(
                async move { work(scenario, worker, &url, &people, &numbers, until).await },
            )
        })
        .collect();
    let mut outcome = Outcome::default();
    for worker in workers {
        let part = worker.await??;
        outcome.micros.extend(part.micros);
        for (name, micros) in part.parts {
            outcome.parts.entry(name).or_default().extend(micros);
        }
        for (status, count) in part.statuses {
            *outcome.statuses.entry(status).or_default() += count;
        }
    }
    outcome.elapsed = started.elapsed();
    Ok(outcome)
}

/// One connection, one request after the other.
async fn work(
    scenario: Scenario,
    worker: u64,
    url: &str,
    people: &People,
    numbers: &AtomicU64,
    until: Instant,
) -> Result<Outcome> {
    let mut client = Client::connect(url).await?;
    let mut outcome = Outcome::default();
    let token = people.client(worker);
    let today = Utc::now().date_naive();
    let mut etag: Option<String> = None;
    let mut visitor = Visitor::new(people, worker);
    while Instant::now() < until {
        let begun = Instant::now();
        let mut part = None;
        let answer = match scenario {
            Scenario::Mixed => {
                let (name, answer) = visitor.next(&mut client).await?;
                part = Some(name);
                answer
            }
            Scenario::Book => {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let place = i64::try_from(number / people.experts.len() as u64)?;
                let starts_at = first_slot() + TimeDelta::minutes(SLOT_MINUTES * (place + 1));
                book(&mut client, people, number, starts_at).await?
            }
            Scenario::Refuse => {
                // Somebody else each time, so that the expert's time is what is taken.
                let taken = people.experts.len() as u64 * (worker + 1);
                book(&mut client, people, taken, first_slot()).await?
            }
            Scenario::Ticket => {
                client
                    .send("POST", "/api/v1/live/ticket", Some(token), None, None)
                    .await?
            }
            Scenario::Me => {
                client
                    .send("GET", "/api/v1/me", Some(token), None, None)
                    .await?
            }
            Scenario::Slots | Scenario::SlotsUnchanged => {
                let known = etag
                    .as_deref()
                    .filter(|_| scenario == Scenario::SlotsUnchanged);
                let path = format!(
                    "/api/v1/experts/{}/slots?from={today}&days=31",
                    people.expert(worker)
                );
                client.send("GET", &path, None, known, None).await?
            }
        };
        let micros = u64::try_from(begun.elapsed().as_micros())?;
        outcome.micros.push(micros);
        if let Some(name) = part {
            outcome.parts.entry(name).or_default().push(micros);
        }
        *outcome.statuses.entry(answer.status).or_default() += 1;
        etag = answer.etag;
    }
    Ok(outcome)
}

/// Books the slot at `starts_at` of expert `number % experts` for client `number % clients`.
async fn book(
    client: &mut Client,
    people: &People,
    number: u64,
    starts_at: DateTime<Utc>,
) -> Result<Answer> {
    let body = json!({
        "expert_id": people.expert(number),
        "starts_at": starts_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "minutes": SLOT_MINUTES,
        "mode": "online",
    });
    client
        .send(
            "POST",
            "/api/v1/bookings",
            Some(people.client(number)),
            None,
            Some(&body),
        )
        .await
        .context("booking")
}

/// Midnight of the day after tomorrow.
fn first_slot() -> DateTime<Utc> {
    (Utc::now().date_naive() + chrono::Days::new(2))
        .and_time(chrono::NaiveTime::MIN)
        .and_utc()
}
