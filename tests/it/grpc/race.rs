//! Many who want the same hour at once, some over REST and some over gRPC: one has it (C3.2).

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;
use tonic::Code;

use super::{Caller, details, open_two, refused, wish};
use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};

on_both_engines!(of_fifty_over_both_ways_one_has_the_hour,);

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
