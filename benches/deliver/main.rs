//! How fast deliveries leave by a provider that takes everything at once, straight over a database.
//!
//! `cargo run --release --example deliver -- --database-url postgres://… drain event flood`
//!
//! The database is filled; use an empty one. Each scenario prints a line of JSON. benches/deliver.sh runs all of it
//! beside the same statements in plain SQL.

mod house;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use belfry_domain::gate::Class;
use belfry_store::{Store, flood};
use chrono::Utc;
use clap::{Parser, ValueEnum};
use serde_json::json;

use house::{House, Null};

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Scenario {
    /// Only fills the database with deliveries that are due.
    Fill,
    /// From a full queue to an empty one: deliveries per second.
    Drain,
    /// From an event's commit to its provider, at a steady rate.
    Event,
    /// The same while a flood of advertisements is due, beside the same without.
    Flood,
}

#[derive(Clone, Parser)]
struct Options {
    /// PostgreSQL; without, SQLite in --data-dir.
    #[arg(long)]
    database_url: Option<String>,
    #[arg(long, default_value = "/tmp/belfry-deliver")]
    data_dir: PathBuf,
    /// Deliveries to drain, or in a flood.
    #[arg(long, default_value_t = 100_000)]
    count: i64,
    /// Messages on their way at once, by each courier.
    #[arg(long, default_value_t = 512)]
    workers: usize,
    /// Couriers that drain, as of so many nodes: each with a thread and connections of its own.
    #[arg(long, default_value_t = 2)]
    couriers: usize,
    /// Fills with messages as short as those pushed to a phone, in place of mails.
    #[arg(long)]
    short: bool,
    #[arg(long, default_value_t = 200)]
    events_per_second: u32,
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    #[arg(required = true)]
    scenarios: Vec<Scenario>,
}

impl Options {
    /// Connections of one node.
    async fn open(&self) -> Result<Store> {
        let store = match &self.database_url {
            Some(url) => Store::connect_postgres(url, 16).await?,
            None => {
                std::fs::create_dir_all(&self.data_dir)?;
                Store::open_sqlite(&self.data_dir.join("belfry.db")).await?
            }
        };
        Ok(store.patient())
    }
}

#[actix_rt::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let store = options.open().await?;
    store.migrate().await?;
    let house = House::open(store).await?;
    for scenario in &options.scenarios {
        match scenario {
            Scenario::Fill => {
                let class = Class::Transactional;
                house.fill(options.count, class, options.short).await?;
            }
            Scenario::Drain => drain(&house, &options).await?,
            Scenario::Event => {
                let courier = house.courier(Null::default(), options.workers);
                let waits = house.events(&courier, options.events_per_second, options.seconds);
                report("event", waits.await?);
                courier.stop(Duration::from_secs(10)).await;
            }
            Scenario::Flood => under_a_flood(&house, &options).await?,
        }
    }
    Ok(())
}

/// Lets everything leave that is due.
async fn drain(house: &House, options: &Options) -> Result<()> {
    let statuses: BTreeMap<String, i64> = flood::count(&house.world.store)
        .await?
        .into_iter()
        .collect();
    let due = statuses.get("pending").copied().unwrap_or_default();
    ensure!(due > 0, "nothing is due: fill first");
    let begun = Instant::now();
    let mut couriers = Vec::with_capacity(options.couriers);
    for _ in 0..options.couriers {
        let node = options.clone();
        let open = async move { node.open().await };
        couriers.push(house.node(open, options.workers).await?);
    }
    loop {
        let mut sent = 0;
        for courier in &couriers {
            let counts = &courier.providers().await[0].counts;
            sent += counts.get("sent").copied().unwrap_or_default();
        }
        if sent >= due as u64 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    for courier in couriers {
        courier.stop(Duration::from_secs(10)).await;
    }
    let line = json!({
        "scenario": "drain", "engine": house.world.store.engine(), "deliveries": due,
        "couriers": options.couriers, "workers": options.workers, "per_second": (due as f64 / seconds).round(),
    });
    println!("{line}");
    Ok(())
}

/// Events while advertisements wait, which their provider takes in ten milliseconds each.
async fn under_a_flood(house: &House, options: &Options) -> Result<()> {
    let slow = || Null::taking(Duration::from_millis(10));
    for (name, count) in [("without a flood", 0), ("in a flood", options.count)] {
        if count > 0 {
            house.fill(count, Class::Marketing, options.short).await?;
        }
        let courier = house.courier(slow(), 8);
        let waits = house.events(&courier, 20, options.seconds).await?;
        report(name, waits);
        courier.stop(Duration::from_secs(10)).await;
    }
    let left: BTreeMap<String, i64> = flood::count(&house.world.store)
        .await?
        .into_iter()
        .collect();
    println!("{}", json!({ "at": Utc::now(), "left": left }));
    Ok(())
}

fn report(scenario: &str, mut waits: Vec<Duration>) {
    waits.sort_unstable();
    let at = |share: f64| {
        let place = (waits.len() as f64 * share) as usize;
        let wait = waits.get(place.min(waits.len().saturating_sub(1)));
        wait.map(|wait| wait.as_secs_f64() * 1000.0)
    };
    let line = json!({
        "scenario": scenario, "events": waits.len(),
        "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0),
    });
    println!("{line}");
}
