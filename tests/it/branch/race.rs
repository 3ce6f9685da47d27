//! Many who want the same moment at a branch, on one node and on two: everybody for whom there is an expert has one
//! (B2, C3.2).

use std::collections::BTreeSet;

use belfry_domain::account::Role;
use futures::future::join_all;
use serde_json::json;

use super::{open_branch, wish};
use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::{Town, guests};

on_both_engines!(
    fifty_at_once_have_fifty_experts,
    fifty_at_once_over_two_nodes_have_fifty_experts,
    of_sixty_at_once_ten_are_told_that_nobody_is_left,
    a_days_load_is_kept_by_racers_on_two_nodes,
);

const EXPERTS: usize = 50;
const TEN: &str = "2027-03-02T10:00:00Z";

/// So many experts of a branch, who work round the clock.
async fn staff(town: &Town, branch: &str, size: usize) {
    let now = town.now();
    let mut schedule = belfry_domain::schedule::Schedule::empty(chrono_tz::UTC);
    let week = ["monday", "tuesday", "wednesday", "thursday", "friday"];
    let week = week.map(|day| json!({ "weekday": day, "from": "09:00", "until": "17:00" }));
    schedule.weekly = serde_json::from_value(json!(week)).unwrap();
    for (account, _) in guests(&town.store, size, Role::Expert, now).await {
        let mut tx = town.store.begin().await.unwrap();
        let branch = Some(Some(branch.parse().unwrap()));
        let govern =
            belfry_store::account::govern(&mut tx, account.id, None, None, branch, None, now);
        govern.await.unwrap();
        let rules = &schedule.rules;
        let made = belfry_store::expert::insert(&mut tx, account.id, chrono_tz::UTC, rules, now);
        made.await.unwrap();
        tx.commit().await.unwrap();
        let put = town.store.put_schedule(account.id, &schedule, None);
        assert!(put.await.unwrap());
    }
}

async fn everybody_is_served(town: Town) {
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    staff(&town, &branch, EXPERTS).await;
    let crowd = town.crowd(EXPERTS).await;
    let wishes = crowd
        .iter()
        .map(|person| person.post("/bookings", wish(&branch, TEN)));
    let made = join_all(wishes).await;
    let (mut ids, mut experts) = (BTreeSet::new(), BTreeSet::new());
    for answer in made {
        let answer = answer.expect(201);
        ids.insert(answer.text("id"));
        experts.insert(answer.body["expert"]["id"].to_string());
    }
    assert_eq!((ids.len(), experts.len()), (EXPERTS, EXPERTS));
    let book = ledger::sound(&town.store, Terms::at(town.now()), &ids).await;
    assert_eq!(book.bookings.len(), EXPERTS);
    let mut fallen = 0;
    for id in &ids {
        let why = admin
            .get(&format!("/bookings/{id}/assignment"))
            .await
            .expect(200);
        let attempt = why.body["attempt"].as_i64().unwrap();
        let passed_on = why.body["passed_on"].as_array().unwrap();
        assert_eq!(
            passed_on.len() as i64,
            attempt,
            "who was asked before is kept"
        );
        for one in passed_on {
            assert!(experts.contains(&one["expert_id"].to_string()), "{one}");
            assert_ne!(one["expert_id"], why.body["expert_id"]);
            assert!(one["name"].is_string());
        }
        fallen += attempt;
    }
    println!(
        "{} on {} nodes: {EXPERTS} of {EXPERTS} served, {fallen} times the next one",
        town.store.engine(),
        town.nodes.len()
    );
    if town.nodes.len() == 1 {
        assert_eq!(fallen, 0, "one node never sends two to the same expert");
    }
    town.close().await;
}

async fn fifty_at_once_have_fifty_experts(fresh: &Fresh) {
    everybody_is_served(Town::open(fresh).await).await;
}

async fn fifty_at_once_over_two_nodes_have_fifty_experts(fresh: &Fresh) {
    everybody_is_served(Town::open_two(fresh).await).await;
}

async fn of_sixty_at_once_ten_are_told_that_nobody_is_left(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    staff(&town, &branch, EXPERTS).await;
    let crowd = town.crowd(EXPERTS + 10).await;
    let wishes = crowd
        .iter()
        .map(|person| person.post("/bookings", wish(&branch, TEN)));
    let mut ids = BTreeSet::new();
    let mut refused = 0;
    for answer in join_all(wishes).await {
        match answer.status {
            201 => drop(ids.insert(answer.text("id"))),
            _ => {
                let taken = answer.problem(409, "slot-taken");
                assert_eq!(taken.body["alternatives"].as_array().unwrap().len(), 3);
                refused += 1;
            }
        }
    }
    assert_eq!((ids.len(), refused), (EXPERTS, 10));
    ledger::sound(&town.store, Terms::at(town.now()), &ids).await;
    town.close().await;
}

async fn a_days_load_is_kept_by_racers_on_two_nodes(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({ "max_load": 2 })).await;
    staff(&town, &branch, 3).await;
    let crowd = town.crowd(24).await;
    let wishes = crowd.iter().enumerate().map(|(number, person)| {
        let start = format!("2027-03-02T{:02}:00:00Z", 9 + number % 8);
        let body = wish(&branch, &start);
        async move { person.post("/bookings", body).await }
    });
    let made = join_all(wishes).await;
    let ids: BTreeSet<String> = made
        .into_iter()
        .filter(|answer| {
            assert!(matches!(answer.status, 201 | 409), "{}", answer.text);
            answer.status == 201
        })
        .map(|answer| answer.text("id"))
        .collect();
    let book = ledger::sound(&town.store, Terms::at(town.now()), &ids).await;
    assert_eq!(book.bookings.len(), 6, "two for each of three");
    town.close().await;
}
