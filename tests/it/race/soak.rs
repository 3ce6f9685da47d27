//! Hundreds of mixed wishes over two nodes, while schedules change and the clock goes on; afterwards every
//! answer is judged by what stood at its moment (C3.2, C3.8, C3.13).
//!
//! The seed is printed; `BELFRY_TEST_SEED` repeats what is wished for, though not how it interleaves.
//! `BELFRY_TEST_CALLS` says how many wishes there are: with more of them come more people.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::{Duration, Instant as Moment};

use futures::future::{join, join_all};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::{Person, Town};
use offer::Offer;
use record::{Call, Record, Version, Wish};

/// One answer, and what stood while it was given.
mod bench;
/// Schedules that change meanwhile.
mod change;
/// Whether every answer was right.
mod judge;
/// What an expert offers, in other words.
mod offer;
/// What was asked and answered, and what follows of it.
mod record;
/// What clients and experts ask for.
mod wish;

on_both_engines!(of_hundreds_of_mixed_wishes_every_answer_is_right);

/// Wishes when nobody says otherwise.
const CALLS: usize = 600;
/// Clients for so many wishes, and never more than these.
const CALLS_PER_CLIENT: usize = 60;
const MOST_CLIENTS: usize = 64;
/// Wishes in a minute of the house's clock, and most minutes of a run: longer than a hold lasts, past the starts
/// of some bookings, and past full sweeps.
const PER_MINUTE: usize = 8;
const MOST_MINUTES: usize = 240;
/// The Monday on which it all begins, as a day since 1970.
const MONDAY: i64 = 20_878;

/// A booking that was acknowledged, as it was last heard of.
#[derive(Clone)]
struct Known {
    id: String,
    client: usize,
    expert: usize,
    version: i64,
    is_open: bool,
}

struct Soak<'a> {
    town: &'a Town,
    experts: Vec<Person>,
    clients: Vec<Person>,
    per_client: usize,
    per_minute: usize,
    asked: Cell<usize>,
    known: RefCell<Vec<Known>>,
    calls: RefCell<Vec<Call>>,
    offers: RefCell<Vec<Vec<Version>>>,
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

async fn of_hundreds_of_mixed_wishes_every_answer_is_right(fresh: &Fresh) {
    let seed = setting("BELFRY_TEST_SEED").unwrap_or_else(|| rand::rng().random());
    let calls = setting("BELFRY_TEST_CALLS").map_or(CALLS, |calls| calls as usize);
    println!("BELFRY_TEST_SEED={seed} BELFRY_TEST_CALLS={calls}");
    let begun = Moment::now();
    // Nobody has to sign in again while the clock goes on.
    let town = Town::open_two_with(fresh, |settings| settings.auth.access_minutes = 1440).await;
    let clients = (calls / CALLS_PER_CLIENT).clamp(2, MOST_CLIENTS);
    let mut soak = Soak {
        experts: Vec::new(),
        clients: town.crowd(clients).await,
        per_client: calls / clients,
        per_minute: (calls / MOST_MINUTES).max(PER_MINUTE),
        asked: Cell::new(0),
        known: RefCell::default(),
        calls: RefCell::default(),
        offers: RefCell::default(),
        town: &town,
    };
    let mut rng = StdRng::seed_from_u64(seed);
    for number in 0..3 + clients / 16 {
        let expert = town.expert().await;
        let offer = Offer::first(number, &mut rng);
        soak.experts.push(expert);
        soak.offers.borrow_mut().push(Vec::new());
        soak.put(number, 0, offer).await;
    }
    let running = Cell::new(true);
    let wishing = async {
        join_all((0..clients).map(|client| soak.client(client, seed))).await;
        running.set(false);
    };
    let changing = (0..soak.experts.len()).map(|expert| soak.expert(expert, seed, &running));
    join(wishing, join_all(changing)).await;

    let Soak {
        experts,
        calls,
        offers,
        ..
    } = soak;
    let (calls, offers) = (calls.into_inner(), offers.into_inner());
    let made = |call: &&Call| matches!(call.wish, Wish::Book(_)) && call.status == 201;
    let acknowledged: BTreeSet<String> = calls
        .iter()
        .filter(made)
        .map(|call| call.body["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(acknowledged.len() > 20, "the soak books at all");
    let buffers = experts.iter().zip(&offers).map(|(expert, versions)| {
        let id = expert.id.parse().unwrap();
        (id, versions[0].offer.buffers)
    });
    let terms = Terms {
        buffers_of: buffers.collect(),
        ..Terms::at(town.now())
    };
    let ledger = ledger::sound(&town.store, terms, &acknowledged).await;
    let (asked, changes) = (calls.len(), offers.iter().map(Vec::len).sum::<usize>());
    let record = Record::of(calls, offers, &ledger, begun);
    let findings = judge::judge(&record, town.has_redis());
    println!(
        "{asked} wishes of {clients} clients, {} bookings made, {changes} versions of schedules; answers \
         that were right: {:?}; {} alternatives were free; {} answers before another node was heard, the \
         longest {:?} after it; wrong: {}",
        acknowledged.len(),
        findings.right,
        findings.alternatives,
        findings.unheard,
        findings.longest_unheard,
        findings.wrong.len(),
    );
    for wrong in findings.wrong.iter().take(5) {
        println!("WRONG {wrong}");
    }
    assert!(findings.wrong.is_empty(), "of seed {seed}");
    nodes_remember_what_the_tables_say(&town, &experts).await;
    town.close().await;
}

/// What each node offers from memory is what a node that has just read the tables offers.
async fn nodes_remember_what_the_tables_say(town: &Town, experts: &[Person]) {
    if !town.has_redis() {
        return eprintln!("BELFRY_TEST_REDIS_URL is not set: the nodes do not hear each other");
    }
    for expert in experts {
        let truth = town.read_afresh(expert, "2027-03-01", 10).await;
        for node in 0..2 {
            let door = town.stranger_at(node);
            let mut offered = Vec::new();
            for _ in 0..500 {
                offered = door.slots(expert, "2027-03-01", 10).await;
                if offered == truth {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(offered, truth, "node {node} remembers otherwise");
        }
    }
}
