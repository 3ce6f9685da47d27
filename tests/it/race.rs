//! Many at once for the same time: exactly one has it, the others are told the truth, and the tables agree
//! afterwards (C3.2, C3.8, C3.13).

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::{Answer, Town};

/// Hundreds of mixed wishes over two nodes.
mod soak;

on_both_engines!(
    of_three_hundred_clients_at_once_one_gets_the_slot,
    of_three_hundred_clients_over_two_nodes_one_gets_the_slot,
    a_client_at_two_experts_at_once_wins_one,
    overlapping_lengths_never_share_a_minute_nor_a_buffer,
    a_hold_and_a_booking_never_share_a_slot,
    a_client_books_what_it_held_on_another_node,
    a_client_never_holds_more_than_allowed,
    of_many_moves_into_one_slot_one_succeeds,
    answers_to_one_booking_leave_a_history_without_gaps,
    a_day_takes_no_more_than_its_cap,
    a_week_takes_no_more_than_its_cap,
);

/// A Tuesday in the experts' hours.
const TEN: &str = "2027-03-02T10:00:00Z";

/// How many answers were made, refused as taken, and refused for another conflict; nothing else is allowed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    made: usize,
    taken: usize,
    busy: usize,
}

fn count(answers: &[Answer]) -> Count {
    let mut count = Count::default();
    for answer in answers {
        match (answer.status, answer.body["type"].as_str()) {
            (200 | 201, _) => count.made += 1,
            (409, Some("/problems/slot-taken")) => {
                let alternatives = answer.body["alternatives"].as_array();
                assert!(
                    alternatives.is_some_and(|a| a.len() == 3),
                    "{}",
                    answer.text
                );
                count.taken += 1;
            }
            (409, Some("/problems/client-busy")) => count.busy += 1,
            _ => panic!("{} {}", answer.status, answer.text),
        }
    }
    count
}

fn made(answers: &[Answer]) -> BTreeSet<String> {
    let made = answers.iter().filter(|answer| answer.status == 201);
    made.map(|answer| answer.text("id")).collect()
}

async fn all_at_once(town: &Town, size: usize) {
    let expert = town.expert().await;
    let crowd = town.crowd(size).await;
    let answers = join_all(crowd.iter().map(|person| person.book(&expert, TEN))).await;
    let expected = Count {
        made: 1,
        taken: size - 1,
        busy: 0,
    };
    assert_eq!(count(&answers), expected);
    let terms = Terms::at(town.now());
    ledger::sound(&town.store, terms, &made(&answers)).await;
}

async fn of_three_hundred_clients_at_once_one_gets_the_slot(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    all_at_once(&town, 300).await;
    town.close().await;
}

async fn of_three_hundred_clients_over_two_nodes_one_gets_the_slot(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    all_at_once(&town, 300).await;
    town.close().await;
}

async fn a_client_at_two_experts_at_once_wins_one(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let experts = [town.expert().await, town.expert().await];
    let mut booked = BTreeSet::new();
    for (place, person) in town.crowd(12).await.iter().enumerate() {
        let at = format!("2027-03-{:02}T{:02}:00:00Z", 2 + place / 6, 9 + place % 6);
        let (here, there) = (person.at(&town, 0), person.at(&town, 1));
        let wishes = futures::join!(here.book(&experts[0], &at), there.book(&experts[1], &at));
        let answers = [wishes.0, wishes.1];
        let expected = Count {
            made: 1,
            taken: 0,
            busy: 1,
        };
        assert_eq!(count(&answers), expected);
        booked.extend(made(&answers));
    }
    ledger::sound(&town.store, Terms::at(town.now()), &booked).await;
    town.close().await;
}

async fn overlapping_lengths_never_share_a_minute_nor_a_buffer(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let rules = json!({ "buffer_before_minutes": 10, "buffer_after_minutes": 5 });
    let expert = town.expert_with(rules, None).await;
    let crowd = town.crowd(60).await;
    let wishes = crowd.iter().enumerate().map(|(place, person)| {
        let minutes = if place % 3 == 0 { 60 } else { 30 };
        let (hour, half) = (9 + place % 4, if place % 2 == 0 { "00" } else { "30" });
        let body = json!({
            "expert_id": expert.id, "starts_at": format!("2027-03-02T{hour:02}:{half}:00Z"),
            "minutes": minutes, "mode": "online",
        });
        person.post("/bookings", body)
    });
    let answers = join_all(wishes).await;
    let count = count(&answers);
    assert!(count.made >= 2, "{count:?}");
    let terms = Terms {
        buffers: (10, 5),
        ..Terms::at(town.now())
    };
    ledger::sound(&town.store, terms, &made(&answers)).await;
    town.close().await;
}

async fn a_hold_and_a_booking_never_share_a_slot(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    let crowd = town.crowd(40).await;
    let wishes = crowd.iter().enumerate().map(async |(place, person)| {
        if place % 2 == 0 {
            person.book(&expert, TEN).await
        } else {
            let wish = json!({ "expert_id": expert.id, "starts_at": TEN, "minutes": 60 });
            person.post("/holds", wish).await
        }
    });
    let answers = join_all(wishes).await;
    let expected = Count {
        made: 1,
        taken: 39,
        busy: 0,
    };
    assert_eq!(count(&answers), expected);
    ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await;
    town.close().await;
}

async fn a_client_books_what_it_held_on_another_node(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    let person = town.client().await;
    let (here, there) = (person.at(&town, 0), person.at(&town, 1));
    // The other node has the expert in memory, without the hold.
    assert!(!there.slots(&expert, "2027-03-02", 1).await.is_empty());
    let wish = json!({ "expert_id": expert.id, "starts_at": TEN, "minutes": 60 });
    here.post("/holds", wish).await.expect(201);
    let booking = there.book(&expert, TEN).await.expect(201);
    // Moving onto one's own hold is no different.
    let noon = "2027-03-02T12:00:00Z";
    let wish = json!({ "expert_id": expert.id, "starts_at": noon, "minutes": 60 });
    here.post("/holds", wish).await.expect(201);
    let path = format!("/bookings/{}/reschedule", booking.text("id"));
    there
        .post(&path, json!({ "starts_at": noon }))
        .await
        .expect(200);
    let none = BTreeSet::new();
    let ledger = ledger::sound(&town.store, Terms::at(town.now()), &none).await;
    assert!(ledger.holds.is_empty(), "{:?}", ledger.holds);
    town.close().await;
}

async fn a_client_never_holds_more_than_allowed(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    let person = town.client().await;
    let wishes = (9..17).map(|hour| {
        let starts_at = format!("2027-03-02T{hour:02}:00:00Z");
        let wish = json!({ "expert_id": expert.id, "starts_at": starts_at, "minutes": 60 });
        let person = person.at(&town, hour % 2);
        async move { person.post("/holds", wish).await }
    });
    let answers = join_all(wishes).await;
    let held = answers.iter().filter(|answer| answer.status == 201).count();
    for refused in answers.into_iter().filter(|answer| answer.status != 201) {
        refused.problem(429, "too-many-holds");
    }
    assert_eq!(held, 3);
    let none = BTreeSet::new();
    let ledger = ledger::sound(&town.store, Terms::at(town.now()), &none).await;
    assert_eq!(ledger.holds.len(), 3);
    town.close().await;
}

async fn of_many_moves_into_one_slot_one_succeeds(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    let crowd = town.crowd(8).await;
    let mut bookings = Vec::new();
    for (person, hour) in crowd.iter().zip(9..) {
        let at = format!("2027-03-03T{hour:02}:00:00Z");
        bookings.push(person.book(&expert, &at).await.expect(201).text("id"));
    }
    let moves = crowd.iter().zip(&bookings).map(async |(person, id)| {
        let wish = json!({ "starts_at": TEN });
        person
            .post(&format!("/bookings/{id}/reschedule"), wish)
            .await
    });
    let answers = join_all(moves).await;
    let expected = Count {
        made: 1,
        taken: 7,
        busy: 0,
    };
    assert_eq!(count(&answers), expected);
    let all = bookings.into_iter().collect();
    ledger::sound(&town.store, Terms::at(town.now()), &all).await;
    town.close().await;
}

async fn answers_to_one_booking_leave_a_history_without_gaps(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    for (person, hour) in town.crowd(6).await.iter().zip(9..) {
        let at = format!("2027-03-02T{hour:02}:00:00Z");
        let id = person.book(&expert, &at).await.expect(201).text("id");
        let wishes = (0..12).map(|place| {
            let (who, step) = match place % 4 {
                0 => (&expert, "confirm"),
                1 => (&expert, "reject"),
                2 => (person, "cancel"),
                _ => (&expert, "cancel"),
            };
            let (who, path) = (who.at(&town, place % 2), format!("/bookings/{id}/{step}"));
            async move { who.post(&path, json!({ "reason": "as it goes" })).await }
        });
        let mut ended = 0;
        for answer in join_all(wishes).await {
            match answer.status {
                200 if answer.body["status"] != "confirmed" => ended += 1,
                200 => {}
                _ => drop(answer.problem(409, "wrong-status")),
            }
        }
        assert_eq!(ended, 1, "a booking ends once");
    }
    ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await;
    town.close().await;
}

async fn a_day_takes_no_more_than_its_cap(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert_with(json!({ "max_per_day": 3 }), None).await;
    let crowd = town.crowd(32).await;
    let wishes = crowd
        .iter()
        .zip((9..17).cycle())
        .map(async |(person, hour)| {
            person
                .book(&expert, &format!("2027-03-02T{hour:02}:00:00Z"))
                .await
        });
    let answers = join_all(wishes).await;
    capped(&answers, 3, "day_cap");
    ledger::sound(&town.store, Terms::at(town.now()), &made(&answers)).await;
    town.close().await;
}

async fn a_week_takes_no_more_than_its_cap(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let rules = json!({ "max_per_day": 3, "max_per_week": 5 });
    let expert = town.expert_with(rules, None).await;
    let crowd = town.crowd(32).await;
    let wishes = crowd.iter().enumerate().map(async |(place, person)| {
        let (day, hour) = (2 + place % 4, 9 + place / 4);
        person
            .book(&expert, &format!("2027-03-{day:02}T{hour:02}:00:00Z"))
            .await
    });
    let answers = join_all(wishes).await;
    capped(&answers, 5, "cap");
    // One that moves within its week still counts once; one more in another week is free.
    let next_week = crowd[0].book(&expert, "2027-03-09T10:00:00Z").await;
    let next_week = next_week.expect(201).text("id");
    let path = format!("/bookings/{next_week}/reschedule");
    let into_full_week = json!({ "starts_at": "2027-03-05T16:00:00Z" });
    let refused = crowd[0].post(&path, into_full_week).await;
    refused.problem(422, "slot-not-offered");
    ledger::sound(&town.store, Terms::at(town.now()), &made(&answers)).await;
    town.close().await;
}

/// Insists that `most` were booked and all others refused as taken or by a cap.
fn capped(answers: &[Answer], most: usize, code: &str) {
    let mut made = 0;
    for answer in answers {
        match answer.status {
            201 => made += 1,
            409 => assert_eq!(
                answer.body["type"], "/problems/slot-taken",
                "{}",
                answer.text
            ),
            _ => {
                assert_eq!(answer.status, 422, "{}", answer.text);
                assert_eq!(answer.body["type"], "/problems/slot-not-offered");
                let errors: &Value = &answer.body["errors"];
                let told = errors[0]["code"].as_str().unwrap_or_default();
                assert!(told.ends_with(code), "{}", answer.text);
            }
        }
    }
    assert_eq!(made, most);
}
