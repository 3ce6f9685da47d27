//! The keeper of a line killed under load: nobody who joined is lost, the order stays, and whoever is left, or comes
//! back, goes on with the line (B3).

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use belfry_actors::{Clock, SystemClock};
use belfry_domain::account::Role;
use belfry_domain::booking_rules::BookingRules;
use futures::future::join_all;
use futures::join;
use reqwest::Method;
use serde_json::{Value, json};

use super::PATIENCE;
use super::server::Server;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::within;
use crate::ledger;
use crate::mail::server::MailServer;
use crate::town::{Person, guests};

on_both_engines!(a_killed_keeper_loses_nobody_and_keeps_the_order);

const DESKS: usize = 3;
const CLIENTS: usize = 12;
/// Where the keeper dies, and how often it comes by until then.
const POINTS: [&str; 4] = [
    "visit.stepping:7",
    "visit.joined:5",
    "visit.stepped:9",
    "visit.joining:6",
];

/// People at a branch.
struct Branch {
    id: String,
    desks: Vec<Person>,
    clients: Vec<Person>,
    joined: RefCell<BTreeSet<String>>,
    over: Cell<bool>,
}

fn at(person: &Person, base: &str) -> Person {
    let mut there = Person::stranger(base);
    (there.id, there.token) = (person.id.clone(), person.token.clone());
    there
}

/// What is asked of a server that may be dead by now.
async fn ask(person: &Person, method: Method, path: &str) -> Option<(u16, Value)> {
    let request = person.request(method, path).json(&json!({}));
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.ok()?))
}

impl Branch {
    async fn open(fresh: &Fresh, base: &str) -> Self {
        let now = SystemClock.now();
        let store = &fresh.store;
        let admin = guests(store, 1, Role::Admin, now).await.remove(0);
        let admin = Person::with_token(base, &admin.0, &admin.1);
        let body = json!({ "name": "Here", "time_zone": "UTC", "settings": { "default_minutes": 1, "most_waiting": 1000 } });
        let id = admin.post("/branches", body).await.expect(201).text("id");
        let desks = guests(store, DESKS, Role::Expert, now).await;
        let clients = guests(store, CLIENTS, Role::User, now).await;
        let mut tx = store.begin().await.unwrap();
        for (desk, _) in &desks {
            let branch = Some(Some(id.parse().unwrap()));
            belfry_store::account::govern(&mut tx, desk.id, None, None, branch, None, now)
                .await
                .unwrap();
            let rules = BookingRules::default();
            belfry_store::expert::insert(&mut tx, desk.id, chrono_tz::UTC, &rules, now)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        let person = |(account, token): (_, String)| Person::with_token(base, &account, &token);
        let branch = Self {
            id,
            desks: desks.into_iter().map(person).collect(),
            clients: clients.into_iter().map(person).collect(),
            joined: RefCell::default(),
            over: Cell::new(false),
        };
        for desk in &branch.desks {
            let path = format!("/experts/{}/presence", desk.id);
            desk.put(&path, json!({ "presence": "online" }))
                .await
                .expect(200);
        }
        branch
    }

    /// Clients join, come when they are asked and join again; experts serve them; until it is over.
    async fn live(&self, base: &str) {
        let clients = self.clients.iter().map(async |client| {
            let client = at(client, base);
            let queue = format!("/branches/{}/queue", self.id);
            while !self.over.get() {
                let joined = ask(&client, Method::POST, &queue).await;
                let id = match &joined {
                    Some((201, visit)) => visit["id"].as_str(),
                    Some((409, problem)) => problem["visit"]["id"].as_str(),
                    _ => None,
                };
                if let Some(id) = id {
                    if matches!(joined, Some((201, _))) {
                        self.joined.borrow_mut().insert(id.to_owned());
                    }
                    let path = format!("/visits/{id}/accept-offer");
                    ask(&client, Method::POST, &path).await;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let desks = self.desks.iter().map(async |desk| {
            let desk = at(desk, base);
            let queue = format!("/branches/{}/queue", self.id);
            while !self.over.get() {
                let shown = ask(&desk, Method::GET, &queue).await;
                let visits = shown.map(|(_, shown)| shown["visits"].clone());
                for visit in visits.iter().filter_map(Value::as_array).flatten() {
                    let step = match visit["state"].as_str() {
                        Some("called") => "start",
                        Some("serving") => "finish",
                        _ => continue,
                    };
                    if visit["expert"]["id"] == desk.id.as_str() {
                        let path = format!("/visits/{}/{step}", visit["id"].as_str().unwrap());
                        ask(&desk, Method::POST, &path).await;
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        join!(join_all(clients), join_all(desks));
    }

    /// What the tables say at rest: everybody who was told that they joined is there, each was offered an expert once
    /// and in the order in which they joined.
    async fn check(&self, fresh: &Fresh) -> usize {
        let book = fresh.store.ledger().await.unwrap();
        ledger::queue::agrees(&book);
        let there: BTreeSet<String> = book.visits.iter().map(|v| v.id.to_string()).collect();
        let joined = self.joined.borrow();
        let lost: Vec<&String> = joined.difference(&there).collect();
        assert!(lost.is_empty(), "{lost:?} joined and are not there");
        // Whoever joined first was asked first. Numbers are given under the lock of the line, in the order of the commits;
        // of two whose instants say otherwise, either may have been seen first.
        let asked: Vec<_> = book
            .visits
            .iter()
            .filter_map(|visit| {
                let mut periods = book.visit_periods.iter();
                let offered = periods.find(|p| p.visit_id == visit.id && p.state == "offered")?;
                Some((visit.joined_at, visit.number, offered.began_at))
            })
            .collect();
        for one in &asked {
            let later = asked
                .iter()
                .filter(|other| other.0 > one.0 && other.1 > one.1);
            let swapped: Vec<_> = later.filter(|other| other.2 < one.2).collect();
            assert!(swapped.is_empty(), "{swapped:?} were asked before {one:?}");
        }
        asked.len()
    }
}

async fn a_killed_keeper_loses_nobody_and_keeps_the_order(fresh: &Fresh) {
    let mail = MailServer::start().await;
    let mut server = Server::start(fresh, &mail, None).await;
    let branch = Branch::open(fresh, &server.base).await;
    server.kill();
    let two = fresh.store.engine() == "postgres" && std::env::var("BELFRY_TEST_REDIS_URL").is_ok();
    let rounds = std::env::var("BELFRY_TEST_ROUNDS").map_or(POINTS.len(), |n| n.parse().unwrap());
    let mut offered = 0;
    for round in 0..rounds {
        let at = POINTS[round % POINTS.len()];
        let mut dying = Server::start(fresh, &mail, Some(at)).await;
        // Another one lives on where two can share a database.
        let mut living = None;
        if two {
            living = Some(Server::start(fresh, &mail, None).await);
        }
        branch.over.set(false);
        let bases = (dying.base.clone(), living.as_ref().map(|s| s.base.clone()));
        let death = async {
            assert!(dying.outlast(PATIENCE).await, "{at} is come by");
            if two {
                // The lease of the dead one runs out, and the line goes on.
                let before = offers(fresh).await;
                within(2 * PATIENCE, "the line goes on", async || {
                    offers(fresh).await > before + 2
                })
                .await;
            }
            branch.over.set(true);
        };
        let beside = async {
            if let Some(base) = &bases.1 {
                branch.live(base).await;
            }
        };
        join!(death, branch.live(&bases.0), beside);
        // At rest: nobody offers anything while the tables are read.
        if let Some(living) = &mut living {
            living.kill();
        }
        offered = branch.check(fresh).await;
    }
    // Whoever still waits is served by the one that comes back.
    let server = Server::start(fresh, &mail, None).await;
    branch.over.set(false);
    let finish = async {
        let before = offers(fresh).await;
        within(2 * PATIENCE, "the line goes on", async || {
            offers(fresh).await > before + 2
        })
        .await;
        branch.over.set(true);
    };
    join!(finish, branch.live(&server.base));
    drop(server);
    let all = branch.check(fresh).await;
    println!(
        "{}: the keeper died {rounds} times at {POINTS:?}; {} joined and none was lost, {all} offers in order, {} since",
        fresh.store.engine(),
        branch.joined.borrow().len(),
        all - offered,
    );
}

async fn offers(fresh: &Fresh) -> usize {
    let book = fresh.store.ledger().await.unwrap();
    let events = book.events.iter();
    events.filter(|event| event.kind == "visit.offered").count()
}
