//! Many who wait for few places over two nodes, while they accept, decline, leave and let offers pass at once.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use belfry_domain::waiting::Status;
use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::json;

use super::{TUESDAY, join};
use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::{Person, Town};

on_both_engines!(
    of_fifty_who_wait_ten_have_a_place_whatever_they_do_at_once,
    of_many_accepts_of_one_offer_at_once_one_has_it,
    whatever_is_done_about_one_offer_at_once_is_done_once,
);

const WAITING: usize = 50;
const PLACES: usize = 10;

/// What somebody does about an offer.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Accepts,
    Books,
    Declines,
    Leaves,
    LetsItPass,
}

async fn of_fifty_who_wait_ten_have_a_place_whatever_they_do_at_once(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    let path = format!("/experts/{}/overrides/{TUESDAY}", expert.id);
    expert
        .put(&path, json!({ "intervals": [] }))
        .await
        .expect(200);
    let crowd = town.crowd(WAITING).await;
    let joined = join_all(crowd.iter().map(|person| join(person, &expert))).await;
    let ids: Vec<String> = joined
        .into_iter()
        .map(|a| a.expect(201).text("id"))
        .collect();
    // Ten hours at once, told on one node and looked for by both.
    let hours = json!({ "intervals": [{ "from": "08:00", "until": "18:00" }] });
    expert.put(&path, hours).await.expect(200);
    for node in &town.nodes {
        node.experts
            .look_at_waiting_list(expert.id.parse().unwrap());
    }
    let manners = [
        Manner::Accepts,
        Manner::Declines,
        Manner::LetsItPass,
        Manner::Books,
        Manner::Leaves,
    ];
    let (done, taken) = (Cell::new(false), Cell::new(0));
    let people = crowd.iter().zip(&ids).enumerate();
    let people = people.map(async |(number, (person, id))| {
        let act = Act {
            expert: &expert,
            person,
            path: format!("/waiting-list/{id}"),
            manner: manners[number % 5],
            impatient: number > 40,
            taken: &taken,
        };
        act.until_over().await
    });
    let clock = async {
        // What somebody lets pass runs out by the clock alone.
        while !done.get() {
            tokio::time::sleep(Duration::from_millis(300)).await;
            town.clock.advance(TimeDelta::minutes(3));
        }
    };
    let all = async {
        let made = join_all(people).await;
        done.set(true);
        made
    };
    let (made, ()) = futures::join!(all, clock);
    let made: BTreeSet<String> = made.into_iter().flatten().collect();
    let book = ledger::sound(&town.store, Terms::at(town.now()), &made).await;
    let accepted: Vec<_> = book
        .waiting
        .iter()
        .filter(|place| place.status == Status::Accepted.as_str())
        .collect();
    assert_eq!(
        book.bookings.len(),
        PLACES,
        "every place was taken in the end"
    );
    let offers = book.events.iter().filter(|e| e.kind == "waitlist.offered");
    let offers = offers.count();
    println!(
        "{}: {WAITING} waited for {PLACES} places, {offers} offers, {} accepted",
        fresh.store.engine(),
        accepted.len()
    );
    assert!(
        !accepted.is_empty() && offers > PLACES,
        "some were passed on"
    );
    town.close().await;
}

/// Somebody who waits.
struct Act<'a> {
    expert: &'a Person,
    person: &'a Person,
    path: String,
    manner: Manner,
    /// Leaves before anything is offered.
    impatient: bool,
    /// Places that are taken, by everybody.
    taken: &'a Cell<usize>,
}

impl Act<'_> {
    /// Waits for an offer and does something about it, until the waiting is over; answers the booking, if there is
    /// one.
    async fn until_over(&self) -> Option<String> {
        let begun = Instant::now();
        while self.taken.get() < PLACES {
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "the waiting never ends"
            );
            let place = self.person.get(&self.path).await.expect(200).body;
            match place["status"].as_str().unwrap() {
                "offered" => {
                    let starts_at = place["offer"]["starts_at"].as_str().unwrap();
                    if let Some(booking) = self.answer(starts_at).await {
                        self.taken.set(self.taken.get() + 1);
                        return Some(booking);
                    }
                }
                "waiting" if self.impatient && matches!(self.manner, Manner::Leaves) => {
                    self.person.delete(&self.path).await.expect(204);
                }
                "waiting" => {}
                _ => return None,
            }
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        None
    }

    /// Answers an offer, which may have run out by now.
    async fn answer(&self, starts_at: &str) -> Option<String> {
        let Self { person, path, .. } = self;
        let answer = match self.manner {
            Manner::Accepts => person.post(&format!("{path}/accept"), json!({})).await,
            Manner::Books => person.book(self.expert, starts_at).await,
            Manner::Declines => person.post(&format!("{path}/decline"), json!({})).await,
            Manner::Leaves => {
                person.delete(path).await.expect(204);
                return None;
            }
            Manner::LetsItPass => return None,
        };
        assert!(matches!(answer.status, 200 | 201 | 409), "{}", answer.text);
        (answer.status == 201).then(|| answer.text("id"))
    }
}

/// An offer somebody has, and what twelve calls about it at once on two
/// nodes answered: the ways of calling in turn.
async fn all_at_once(town: &Town, ways: &[Manner]) -> Vec<u16> {
    let expert = super::host(town, json!({})).await;
    let person = town.client().await;
    let id = join(&person, &expert).await.expect(201).text("id");
    super::comes_to(&person, &id, "offered").await;
    let path = format!("/waiting-list/{id}");
    let calls = (0..12).map(async |number: usize| {
        let person = person.at(town, number % 2);
        let answer = match ways[number % ways.len()] {
            Manner::Accepts => person.post(&format!("{path}/accept"), json!({})).await,
            Manner::Declines => person.post(&format!("{path}/decline"), json!({})).await,
            _ => person.delete(&path).await,
        };
        answer.status
    });
    join_all(calls).await
}

async fn of_many_accepts_of_one_offer_at_once_one_has_it(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let statuses = all_at_once(&town, &[Manner::Accepts]).await;
    let accepted = statuses.iter().filter(|status| **status == 201).count();
    assert_eq!(accepted, 1, "{statuses:?}");
    let book = ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await;
    assert_eq!(book.bookings.len(), 1, "{statuses:?}");
    town.close().await;
}

async fn whatever_is_done_about_one_offer_at_once_is_done_once(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let ways = [Manner::Declines, Manner::Leaves, Manner::Accepts];
    let statuses = all_at_once(&town, &ways).await;
    let accepted = statuses.iter().filter(|status| **status == 201).count();
    assert!(accepted <= 1, "{statuses:?}");
    let book = ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await;
    assert_eq!(book.bookings.len(), accepted, "{statuses:?}");
    town.close().await;
}
