//! PostgreSQL stopped, started again, and hanging: requests are refused at once and told when to come back,
//! and when it answers again everything goes on without a restart (C3.2, C3.9, C4.1, C4.4).

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use belfry_store::Store;
use chrono::TimeDelta;
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::servers::{Postgres, at_hand};
use super::{PATIENCE, entries, tab, until_ready};
use crate::eventually::eventually;
use crate::ledger::{self, Terms};
use crate::live::tab::Tab;
use crate::town::{Answer, Person, Town};

/// A node over a PostgreSQL of the test's own, experts, and clients who book without a pause.
struct Stage {
    town: Town,
    experts: Vec<Person>,
    clients: Vec<Person>,
    /// Ids of the bookings that somebody was told of.
    booked: RefCell<BTreeSet<String>>,
    refused: Cell<usize>,
}

impl Stage {
    async fn set(postgres: &Postgres) -> Self {
        let store = Store::connect_postgres(&postgres.url(), 8).await.unwrap();
        store.migrate().await.unwrap();
        let mut town = Town::over(&store, None);
        town.add_node().await;
        let experts = vec![town.expert().await, town.expert().await];
        let clients = town.crowd(4).await;
        Self {
            town,
            experts,
            clients,
            booked: RefCell::default(),
            refused: Cell::new(0),
        }
    }

    /// Books every half hour of a date with one expert, each client one after the other: what is refused is
    /// asked for again under the same key, until it is made.
    async fn book_all(&self, date: &str) {
        let work = self
            .clients
            .iter()
            .enumerate()
            .map(|(number, client)| async move {
                for place in (number..16).step_by(self.clients.len()) {
                    let expert = &self.experts[place % self.experts.len()];
                    let minutes = 9 * 60 + 30 * place;
                    let starts_at = format!("{date}T{:02}:{:02}:00Z", minutes / 60, minutes % 60);
                    self.book(client, expert, &starts_at).await;
                }
            });
        join_all(work).await;
    }

    async fn book(&self, client: &Person, expert: &Person, starts_at: &str) {
        let key = uuid::Uuid::now_v7().to_string();
        let body = json!({
            "expert_id": expert.id, "starts_at": starts_at, "minutes": 30, "mode": "online",
        });
        let made = async {
            loop {
                let headers = [("idempotency-key", key.as_str())];
                let sent = client.send(Method::POST, "/bookings", Some(body.clone()), &headers);
                let answer = sent.await;
                match answer.status {
                    201 => return answer.text("id"),
                    // A try that was cut off may still be under way, as far as the house knows, for a minute.
                    409 if answer.body["type"] == "/problems/idempotency-key-running" => {
                        self.town.clock.advance(TimeDelta::seconds(61));
                    }
                    _ => self.insist_on_a_pause(answer),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let made = tokio::time::timeout(2 * PATIENCE, made).await;
        let made = made.unwrap_or_else(|_| panic!("{starts_at} is never booked"));
        self.booked.borrow_mut().insert(made);
    }

    /// The answer of a house whose database is away.
    fn insist_on_a_pause(&self, answer: Answer) {
        let answer = answer.problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some(), "{}", answer.text);
        self.refused.set(self.refused.get() + 1);
    }

    /// So many requests are refused, far faster than each could wait for a connection.
    async fn refuses_at_once(&self, many: usize) {
        let asking = async {
            for _ in 0..many {
                let answer = self.clients[0].get("/bookings").await;
                self.insist_on_a_pause(answer);
            }
        };
        let asked = tokio::time::timeout(PATIENCE, asking).await;
        asked.expect("refusals do not wait for the database one by one");
    }

    /// Nobody was lost, nobody doubled, and the clockwork goes on: reminders are issued and mails kept.
    async fn end_whole(self, mut tabs: Vec<Tab>) {
        let booked = self.booked.take();
        for tab in &mut tabs {
            let each = booked.len() / self.clients.len();
            entries(tab, 0, each as i64).await;
        }
        let terms = Terms::at(self.town.now());
        ledger::sound(&self.town.store, terms, &booked).await;
        // An hour before the first booking its reminder is due, and both sides hear of it.
        self.town.clock.set("2027-03-08T08:01:00Z".parse().unwrap());
        let store = &self.town.store;
        eventually("the reminder is issued", async || {
            let ledger = store.ledger().await.unwrap();
            ledger.reminders.iter().any(|r| r.issued_at.is_some())
        })
        .await;
        eventually("every mail has found its end", async || {
            let ledger = store.ledger().await.unwrap();
            ledger.deliveries.iter().all(|d| d.status == "kept")
        })
        .await;
        let ledger = ledger::sound(store, Terms::at(self.town.now()), &booked).await;
        println!(
            "{} bookings promised and there, {} requests refused meanwhile, {} mails",
            ledger.bookings.len(),
            self.refused.get(),
            ledger.deliveries.len()
        );
        self.town.close().await;
    }
}

#[derive(Clone, Copy)]
enum Outage {
    Stopped,
    Hanging,
}

async fn survived(outage: Outage) {
    if !at_hand() {
        return;
    }
    let mut postgres = Postgres::running();
    let stage = Stage::set(&postgres).await;
    let mut tabs = Vec::new();
    for client in &stage.clients {
        tabs.push(tab(&stage.town, client, 0, None).await);
    }
    stage.book_all("2027-03-08").await;
    let door = stage.town.stranger();
    let before = stage.booked.borrow().len();
    let gone_and_back = async {
        eventually("bookings are under way", async || {
            stage.booked.borrow().len() > before + 2
        })
        .await;
        match outage {
            Outage::Stopped => postgres.stop_at_once(),
            Outage::Hanging => postgres.freeze(),
        }
        until_ready(&door, Some("database")).await;
        // Nobody is believed any longer without having been read again.
        stage.town.clock.advance(TimeDelta::seconds(6));
        stage.refuses_at_once(200).await;
        match outage {
            Outage::Stopped => postgres.start(),
            Outage::Hanging => postgres.thaw(),
        }
        until_ready(&door, None).await;
    };
    futures::join!(gone_and_back, stage.book_all("2027-03-09"));
    stage.book_all("2027-03-10").await;
    stage.end_whole(tabs).await;
}

#[actix_rt::test]
async fn a_restart_of_the_database_is_survived_by_everybody() {
    survived(Outage::Stopped).await;
}

#[actix_rt::test]
async fn a_database_that_hangs_is_survived_by_everybody() {
    survived(Outage::Hanging).await;
}
