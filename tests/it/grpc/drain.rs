//! The real server stopped by SIGTERM while calls are under way: what it acknowledged is there, and it ends in time
//! although somebody still watches its health.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use belfry::grpc::v1;
use belfry_actors::{Clock, SystemClock};
use belfry_domain::account::Role;
use belfry_domain::booking_rules::BookingRules;
use chrono::{NaiveTime, TimeDelta};
use futures::future::join_all;
use prost_types::Timestamp;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::{Caller, LIMIT};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::ledger::{self, Terms};
use crate::town::{Person, Town, guests};

on_both_engines!(what_was_acknowledged_before_the_end_is_there,);

const CLIENTS: usize = 40;
/// Bookings made before the server is told to stop.
const WARM: usize = 20;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free() -> SocketAddr {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    free.local_addr().unwrap()
}

async fn what_was_acknowledged_before_the_end_is_there(fresh: &Fresh) {
    let now = SystemClock.now();
    let (rest, grpc) = (free(), free());
    let process = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .arg("serve")
        .args(["--listen", &rest.to_string()])
        .args(fresh.place())
        .env("BELFRY_GRPC__LISTEN", grpc.to_string())
        .env("BELFRY_LIMITS__ENABLED", "false")
        .env("BELFRY_HTTP__DRAIN_SECONDS", "30")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut server = Server(process.unwrap());
    let door = format!("http://{rest}");
    let http = crate::engine::http();
    eventually("the server is ready", async || {
        let ready = http.get(format!("{door}/readyz")).send().await;
        match ready {
            Ok(answer) if answer.status() == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let hosts = guests(&fresh.store, 1, Role::Expert, now).await;
    let (host, token) = &hosts[0];
    let mut tx = fresh.store.begin().await.unwrap();
    let rules = BookingRules::default();
    let made = belfry_store::expert::insert(&mut tx, host.id, chrono_tz::UTC, &rules, now);
    made.await.unwrap();
    tx.commit().await.unwrap();
    let person = Person::with_token(&door, host, token);
    let path = format!("/experts/{}/schedule", host.id);
    person.put(&path, crate::always::open()).await.expect(200);

    let clients = guests(&fresh.store, CLIENTS, Role::User, now).await;
    let first = (now.date_naive() + TimeDelta::days(2)).and_time(NaiveTime::MIN);
    let first = first.and_utc().timestamp();
    let (next, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let wishes = clients.iter().map(async |(account, token)| {
        let person = Person::with_token(&door, account, token);
        let caller = Caller::of(grpc, &person);
        let mut acknowledged = BTreeSet::new();
        loop {
            let hour = next.fetch_add(1, Ordering::Relaxed) as i64;
            let message = v1::CreateBookingRequest {
                expert_id: Some(host.id.to_string()),
                starts_at: Some(Timestamp {
                    seconds: first + hour * 3600,
                    nanos: 0,
                }),
                mode: v1::BookingMode::Online.into(),
                ..Default::default()
            };
            match caller.book(message).await {
                Ok(booking) => {
                    acknowledged.insert(booking.into_inner().id);
                    made.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => return acknowledged,
            }
        }
    });
    let watching = async {
        let caller = Caller::of(grpc, &person);
        let mut health = HealthClient::with_origin(caller.channel.clone(), caller.origin.clone());
        let asked = HealthCheckRequest::default();
        let mut watched = health.watch(asked).await.unwrap().into_inner();
        while let Ok(Some(_)) = watched.message().await {}
    };
    let id = server.0.id().to_string();
    let stopping = async {
        eventually("bookings are made", async || {
            let made = made.load(Ordering::Relaxed);
            if made >= WARM { Ok(()) } else { Err(made) }
        })
        .await;
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.unwrap().success());
    };
    let all = futures::future::join3(join_all(wishes), watching, stopping);
    let (acknowledged, (), ()) = tokio::time::timeout(LIMIT, all).await.expect("an end");
    let ended = eventually("the server has ended", async || {
        server.0.try_wait().unwrap().ok_or("it runs")
    });
    assert!(ended.await.success());
    let acknowledged: BTreeSet<String> = acknowledged.into_iter().flatten().collect();
    assert!(acknowledged.len() >= WARM);
    // Another node does what was left to do, such as telling people.
    let mut town = Town::over(&fresh.store, None);
    town.add_node().await;
    ledger::sound(&town.store, Terms::at(now), &acknowledged).await;
    println!(
        "{}: {} bookings acknowledged over gRPC before the end, all there",
        fresh.store.engine(),
        acknowledged.len()
    );
    town.close().await;
}
