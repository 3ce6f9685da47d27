//! Many who want the same hour, or the same visitor, at once, some over REST and some over gRPC: one has it (C3.2, B5).

use std::collections::BTreeSet;

use belfry::grpc::v1;
use futures::future::join_all;
use serde_json::json;
use tonic::Code;

use super::queue::step;
use super::{Caller, details, open_two, refused, wish};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::queue::{does, expert, join, sound, visit};

on_both_engines!(
    of_fifty_over_both_ways_one_has_the_hour,
    of_experts_who_take_one_visit_over_both_ways_one_has_it,
);

const CROWD: usize = 50;
const TEN: &str = "2027-03-02T10:00:00Z";

async fn of_fifty_over_both_ways_one_has_the_hour(fresh: &Fresh) {
    let town = open_two(fresh).await;
    let expert = town.expert().await;
    let crowd = town.crowd(CROWD).await;
    let tries = crowd.iter().enumerate().map(|(place, person)| {
        let (town, expert) = (&town, &expert);
        async move {
            if place % 2 == 0 {
                let answer = person.book(expert, TEN).await;
                if answer.status == 201 {
                    return (Some(answer.text("id")), "REST");
                }
                let answer = answer.problem(409, "slot-taken");
                assert!(answer.body["alternatives"].is_array());
                return (None, "REST");
            }
            let caller = Caller::at(town, place / 2 % 2, person);
            match caller.book(wish(expert, TEN)).await {
                Ok(made) => (Some(made.into_inner().id), "gRPC"),
                Err(status) => {
                    let taken = refused::<()>(Err(status), Code::FailedPrecondition, "slot-taken");
                    let details = details(&taken);
                    let said = &details.error_info().unwrap().metadata["alternatives"];
                    let said: serde_json::Value = serde_json::from_str(said).unwrap();
                    assert!(said.is_array(), "{said}");
                    (None, "gRPC")
                }
            }
        }
    });
    let ended = join_all(tries).await;
    let won: Vec<_> = ended.iter().filter(|(id, _)| id.is_some()).collect();
    assert_eq!(won.len(), 1, "{won:?}");
    let ids: BTreeSet<String> = won.iter().filter_map(|(id, _)| id.clone()).collect();
    let ledger = ledger::sound(&town.store, Terms::at(town.now()), &ids).await;
    assert_eq!(ledger.bookings.len(), 1, "{}", json!(ids));
    println!(
        "{}: {CROWD} wanted one hour over both ways, one had it by {}",
        town.store.engine(),
        won[0].1
    );
    town.close().await;
}

async fn of_experts_who_take_one_visit_over_both_ways_one_has_it(fresh: &Fresh) {
    let town = open_two(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let experts = join_all((0..8).map(|_| expert(&town, &branch, false))).await;
    let crowd = town.crowd(5).await;
    let mut won_by = Vec::new();
    for (round, client) in crowd.iter().enumerate() {
        let id = join(client, &branch).await.expect(201).text("id");
        let tries = experts.iter().enumerate().map(|(place, expert)| {
            let (town, id) = (&town, &id);
            async move {
                let node = place / 2 % 2;
                if place % 2 == 0 {
                    let answer = does(&expert.at(town, node), id, "accept").await;
                    if answer.status == 200 {
                        return Some((expert.clone(), "REST"));
                    }
                    answer.problem(409, "visit-taken");
                    return None;
                }
                let caller = Caller::at(town, node, expert);
                match step!(caller, accept_visit, AcceptVisitRequest, id) {
                    Ok(_) => Some((expert.clone(), "gRPC")),
                    taken => {
                        refused(taken, Code::FailedPrecondition, "visit-taken");
                        None
                    }
                }
            }
        });
        let won: Vec<_> = join_all(tries).await.into_iter().flatten().collect();
        assert_eq!(won.len(), 1, "round {round}");
        let (winner, way) = &won[0];
        let taken = visit(client, &id).await;
        assert_eq!(
            (&taken["state"], &taken["expert"]["id"]),
            (&json!("called"), &json!(winner.id))
        );
        won_by.push(*way);
        for act in ["start", "finish"] {
            does(winner, &id, act).await.expect(200);
        }
    }
    sound(&town).await;
    println!(
        "{}: {} experts took one visit at once, {} times, one had it each time: by {won_by:?}",
        town.store.engine(),
        experts.len(),
        crowd.len()
    );
    town.close().await;
}
