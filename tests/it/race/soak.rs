//! Hundreds of mixed wishes over two nodes. The seed is printed; `BELFRY_TEST_SEED` repeats a run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::{Answer, Person, Town};

on_both_engines!(after_hundreds_of_mixed_wishes_everything_agrees);

const CLIENTS: usize = 8;
const WISHES: usize = 45;
const PER_DAY: usize = 5;
const PER_WEEK: usize = 12;

/// A booking that was acknowledged, and whose it is.
struct Known {
    id: String,
    client: usize,
    expert: usize,
}

struct Soak<'a> {
    town: &'a Town,
    experts: Vec<Person>,
    clients: Vec<Person>,
    known: RefCell<Vec<Known>>,
    /// How often each wish ended how.
    count: RefCell<BTreeMap<String, usize>>,
}

async fn after_hundreds_of_mixed_wishes_everything_agrees(fresh: &Fresh) {
    let seed = std::env::var("BELFRY_TEST_SEED").ok();
    let seed: u64 = seed.map_or_else(|| rand::rng().random(), |seed| seed.parse().unwrap());
    println!("BELFRY_TEST_SEED={seed}");
    let town = Town::open_two(fresh).await;
    let rules = json!({
        "buffer_after_minutes": 15, "max_per_day": PER_DAY, "max_per_week": PER_WEEK,
    });
    let mut experts = Vec::new();
    for _ in 0..3 {
        experts.push(town.expert_with(rules.clone(), None).await);
    }
    let soak = Soak {
        experts,
        clients: town.crowd(CLIENTS).await,
        known: RefCell::default(),
        count: RefCell::default(),
        town: &town,
    };
    join_all((0..CLIENTS).map(|client| soak.wish(client, seed))).await;
    println!("{:?}", soak.count.borrow());

    let acknowledged: BTreeSet<String> = soak.known.borrow().iter().map(|k| k.id.clone()).collect();
    assert!(acknowledged.len() > 20, "the soak books at all");
    let terms = Terms {
        buffers: (0, 15),
        ..Terms::at(town.now())
    };
    let ledger = ledger::sound(&town.store, terms, &acknowledged).await;
    let mut days = BTreeMap::new();
    let mut weeks = BTreeMap::new();
    for booking in &ledger.bookings {
        if !["cancelled", "rejected"].contains(&&*booking.status) {
            let date = booking.starts_at.date_naive();
            let week = chrono::Datelike::iso_week(&date);
            *days.entry((booking.expert_id, date)).or_insert(0) += 1;
            *weeks.entry((booking.expert_id, week)).or_insert(0) += 1;
        }
    }
    // Only clients move and book here, so nobody may go beyond a cap.
    assert!(days.values().all(|count| *count <= PER_DAY), "{days:?}");
    assert!(weeks.values().all(|count| *count <= PER_WEEK), "{weeks:?}");
    soak.nodes_remember_what_the_tables_say().await;
    town.close().await;
}

impl Soak<'_> {
    async fn wish(&self, client: usize, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed ^ (client as u64) << 32);
        for _ in 0..WISHES {
            let (what, answer) = self.one(client, &mut rng).await;
            let fine = matches!(answer.status, 200 | 201 | 204 | 404 | 409 | 422 | 429);
            assert!(fine, "{what}: {} {}", answer.status, answer.text);
            let outcome = match answer.body["type"].as_str() {
                Some(problem) => format!("{what} {problem}"),
                None => format!("{what} {}", answer.status),
            };
            *self.count.borrow_mut().entry(outcome).or_default() += 1;
        }
    }

    async fn one(&self, client: usize, rng: &mut StdRng) -> (&'static str, Answer) {
        let node = rng.random_range(0..2);
        let me = self.clients[client].at(self.town, node);
        let expert = rng.random_range(0..self.experts.len());
        let wish = json!({
            "expert_id": self.experts[expert].id,
            "starts_at": start(rng),
            "minutes": if rng.random_bool(0.5) { 60 } else { 30 },
        });
        match rng.random_range(0..100) {
            0..35 => ("book", self.book(&me, client, expert, wish).await),
            35..45 => ("hold", me.post("/holds", wish).await),
            45..55 => {
                let hold = me.post("/holds", wish.clone()).await;
                if hold.status != 201 {
                    return ("hold", hold);
                }
                let other = self.clients[client].at(self.town, rng.random_range(0..2));
                let booked = self.book(&other, client, expert, wish).await;
                // It was held: only the client's own other booking or a cap may stand in the way.
                assert_ne!(
                    booked.body["type"], "/problems/slot-taken",
                    "{}",
                    booked.text
                );
                ("book held", booked)
            }
            55..60 => {
                let hold = me.post("/holds", wish).await;
                if hold.status != 201 {
                    return ("hold", hold);
                }
                let path = format!("/holds/{}", hold.text("id"));
                let other = self.clients[client].at(self.town, rng.random_range(0..2));
                ("release", other.delete(&path).await)
            }
            60..75 => {
                let Some((id, ..)) = self.pick(rng, |known| known.client == client) else {
                    return ("book", self.book(&me, client, expert, wish).await);
                };
                let body = json!({ "starts_at": start(rng) });
                let path = format!("/bookings/{id}/reschedule");
                ("move", me.post(&path, body).await)
            }
            roll => {
                let Some((id, owner, host)) = self.pick(rng, |_| true) else {
                    return ("book", self.book(&me, client, expert, wish).await);
                };
                let host = self.experts[host].at(self.town, node);
                let owner = self.clients[owner].at(self.town, node);
                let (who, step) = match roll {
                    75..85 => (host, "confirm"),
                    85..90 => (host, "reject"),
                    90..95 => (host, "cancel"),
                    _ => (owner, "cancel"),
                };
                let path = format!("/bookings/{id}/{step}");
                (
                    step,
                    who.post(&path, json!({ "reason": "so it goes" })).await,
                )
            }
        }
    }

    async fn book(&self, me: &Person, client: usize, expert: usize, mut wish: Value) -> Answer {
        wish["mode"] = json!("online");
        let answer = me.post("/bookings", wish).await;
        if answer.status == 201 {
            let id = answer.text("id");
            self.known.borrow_mut().push(Known { id, client, expert });
        }
        answer
    }

    fn pick(
        &self,
        rng: &mut StdRng,
        which: impl Fn(&Known) -> bool,
    ) -> Option<(String, usize, usize)> {
        let known = self.known.borrow();
        let fitting: Vec<&Known> = known.iter().filter(|known| which(known)).collect();
        let place = rng.random_range(0..fitting.len().max(1));
        fitting
            .get(place)
            .map(|known| (known.id.clone(), known.client, known.expert))
    }

    /// What each node offers from memory is what a node that has just read the tables offers.
    async fn nodes_remember_what_the_tables_say(&self) {
        if !self.town.has_redis() {
            return eprintln!("BELFRY_TEST_REDIS_URL is not set: the nodes do not hear each other");
        }
        for expert in &self.experts {
            let truth = self.town.read_afresh(expert, "2027-03-02", 10).await;
            for node in 0..2 {
                let door = self.town.stranger_at(node);
                let mut offered = Vec::new();
                for _ in 0..500 {
                    offered = door.slots(expert, "2027-03-02", 10).await;
                    if offered == truth {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                assert_eq!(offered, truth, "node {node} remembers otherwise");
            }
        }
    }
}

/// A half hour of a working day in the experts' first two weeks; few enough to collide.
fn start(rng: &mut StdRng) -> String {
    let day = [2, 3, 4, 8, 9][rng.random_range(0..5)];
    let hour = rng.random_range(9..15);
    let half = ["00", "30"][rng.random_range(0..2)];
    format!("2027-03-{day:02}T{hour:02}:{half}:00Z")
}
