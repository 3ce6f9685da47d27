//! Many at once for the same seats and the same hours, over two nodes.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use super::{TEN, draft, offer, sound, take};
use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::Town;

on_both_engines!(
    of_two_hundred_who_want_ten_seats_ten_have_one,
    seats_are_taken_left_and_called_off_at_once_and_every_one_is_counted,
    sessions_and_bookings_that_want_the_same_hours_never_overlap,
);

async fn of_two_hundred_who_want_ten_seats_ten_have_one(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    let session = offer(&expert, TEN, 10).await.expect(201).body;
    let crowd = town.crowd(200).await;
    let answers = join_all(crowd.iter().map(|person| take(person, &session))).await;
    let mut seats = BTreeSet::new();
    let mut refused = 0;
    for answer in answers {
        if answer.status == 201 {
            seats.insert(answer.text("id"));
        } else {
            answer.problem(409, "session-full");
            refused += 1;
        }
    }
    println!(
        "{}: {} seats, {refused} refused",
        fresh.store.engine(),
        seats.len()
    );
    assert_eq!((seats.len(), refused), (10, 190));
    let book = ledger::sound(&town.store, Terms::at(town.now()), &seats).await;
    assert_eq!(book.sessions[0].taken, 10);
    town.close().await;
}

/// What somebody does who wants a seat: some leave it at once, some wait for one, and in the middle the expert moves the
/// session and in the end calls it off.
async fn seats_are_taken_left_and_called_off_at_once_and_every_one_is_counted(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    let session = offer(&expert, TEN, 6).await.expect(201).body;
    let path = format!("/sessions/{}", session["id"].as_str().unwrap());
    let crowd = town.crowd(48).await;
    let people = crowd.iter().enumerate().map(async |(number, person)| {
        for _ in 0..4 {
            if number % 4 == 3 {
                let wait = format!("{path}/waiting-list");
                let answer = person.post(&wait, json!({})).await;
                assert!(matches!(answer.status, 201 | 409), "{}", answer.text);
            }
            let seen: Value = person.get(&path).await.expect(200).body;
            let answer = take(person, &seen).await;
            let fits = matches!(answer.status, 201 | 409 | 422);
            assert!(fits, "{}", answer.text);
            if answer.status == 201 && number % 3 != 0 {
                let cancel = format!("/bookings/{}/cancel", answer.text("id"));
                let answer = person.post(&cancel, json!({})).await;
                assert!(matches!(answer.status, 200 | 409), "{}", answer.text);
            }
        }
    });
    let staff = async {
        for minute in ["15", "30", "00"] {
            let later = json!({ "starts_at": format!("2027-03-02T10:{minute}:00Z") });
            let answer = expert.patch(&path, later).await;
            assert!(matches!(answer.status, 200 | 409), "{}", answer.text);
        }
        let off = json!({ "reason": "ill" });
        expert
            .post(&format!("{path}/cancel"), off)
            .await
            .expect(200);
    };
    futures::join!(join_all(people), staff);
    for node in &town.nodes {
        // What was offered of it ends.
        let offered = node.experts.offer_places(expert.id.parse().unwrap());
        offered.await.unwrap();
    }
    let book = sound(&town).await;
    assert_eq!(book.sessions[0].taken, 0);
    assert!(book.waiting.iter().all(|place| place.status != "waiting"));
    town.close().await;
}

async fn sessions_and_bookings_that_want_the_same_hours_never_overlap(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    let crowd = town.crowd(40).await;
    let path = format!("/experts/{}/sessions", expert.id);
    let wishes = crowd.iter().enumerate().map(async |(number, person)| {
        let hour = 9 + number % 8;
        let minute = 30 * (number / 8 % 2);
        let starts_at = format!("2027-03-02T{hour:02}:{minute:02}:00Z");
        let answer = if number % 3 == 0 {
            let staff = expert.at(&town, number % 2);
            staff.post(&path, draft(&starts_at, 3)).await
        } else {
            person.book(&expert, &starts_at).await
        };
        // The last half hour is too short for a booking by the rules.
        assert!(matches!(answer.status, 201 | 409 | 422), "{}", answer.text);
        answer.status == 201
    });
    let had = join_all(wishes)
        .await
        .into_iter()
        .filter(|had| *had)
        .count();
    let book = ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await;
    assert_eq!(book.bookings.len() + book.sessions.len(), had);
    println!(
        "{}: {} bookings and {} sessions of 40 wishes",
        fresh.store.engine(),
        book.bookings.len(),
        book.sessions.len()
    );
    // One on the half hour stands in the way of two.
    assert!(had >= 4, "{had}");
    town.close().await;
}
