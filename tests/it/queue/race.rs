//! Many who do something about one line at once, over two nodes: one has it, and the tables agree (B5).

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;

use super::{be, does, expert, join, sound, visit};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::town::Town;

on_both_engines!(
    of_fifty_experts_who_take_one_visitor_one_has_them,
    of_fifty_joins_at_once_one_stands_and_numbers_are_given_once,
    whatever_is_done_about_one_offer_at_once_is_done_once,
);

async fn of_fifty_experts_who_take_one_visitor_one_has_them(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let client = town.client().await;
    let experts = join_all((0..10).map(|_| expert(&town, &branch, false))).await;
    let id = join(&client, &branch).await.expect(201).text("id");
    let tries = (0..50).map(|number| {
        let who = experts[number % 10].at(&town, number % 2);
        let id = &id;
        async move { (number % 10, does(&who, id, "accept").await) }
    });
    let answers = join_all(tries).await;
    let won: Vec<usize> = answers
        .iter()
        .filter(|(_, a)| a.status == 200)
        .map(|(who, _)| *who)
        .collect();
    assert_eq!(won.len(), 1, "one has them");
    for (_, answer) in answers
        .into_iter()
        .filter(|(_, answer)| answer.status != 200)
    {
        answer.problem(409, "visit-taken");
    }
    assert_eq!(
        visit(&client, &id).await["expert"]["id"],
        experts[won[0]].id
    );
    // One expert who takes ten at once has one of them.
    let crowd = town.crowd(10).await;
    let joined = join_all(crowd.iter().map(|person| join(person, &branch))).await;
    let ids: Vec<String> = joined
        .into_iter()
        .map(|a| a.expect(201).text("id"))
        .collect();
    let idle = experts
        .iter()
        .enumerate()
        .find(|(who, _)| *who != won[0])
        .unwrap()
        .1;
    let answers = join_all(
        ids.iter()
            .enumerate()
            .map(async |(number, id)| does(&idle.at(&town, number % 2), id, "accept").await),
    )
    .await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.problem(409, "expert-occupied");
    }
    sound(&town).await;
    town.close().await;
}

async fn of_fifty_joins_at_once_one_stands_and_numbers_are_given_once(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({ "most_waiting": 20 })).await;
    let client = town.client().await;
    let joins = (0..50).map(|number| {
        let (person, branch) = (client.at(&town, number % 2), &branch);
        async move { join(&person, branch).await }
    });
    let answers = join_all(joins).await;
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        let refused = answer.problem(409, "already-in-queue");
        assert!(refused.body["visit"]["id"].is_string());
    }
    let crowd = town.crowd(40).await;
    let answers = join_all(crowd.iter().map(|person| join(person, &branch))).await;
    let numbers: BTreeSet<i64> = answers
        .iter()
        .filter_map(|a| a.body["number"].as_i64())
        .collect();
    assert_eq!(numbers.len(), 19, "as many as may wait, each with a number");
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "queue-full");
    }
    sound(&town).await;
    town.close().await;
}

async fn whatever_is_done_about_one_offer_at_once_is_done_once(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let (one, other) = (
        expert(&town, &branch, true).await,
        expert(&town, &branch, false).await,
    );
    for round in 0..6 {
        let client = town.client().await;
        let id = join(&client, &branch).await.expect(201).text("id");
        super::comes_to(&client, &id, "offered").await;
        // Nobody else is offered whoever is put back.
        be(&one, "offline").await;
        let acts = [
            (&client, "accept-offer"),
            (&client, "decline-offer"),
            (&client, "leave"),
            (&other, "accept"),
            (&one, "no-show"),
        ];
        let acts = acts.into_iter().cycle().skip(round).take(10).enumerate();
        let answers = join_all(acts.map(|(number, (person, act))| {
            let (person, id) = (person.at(&town, number % 2), &id);
            async move { (act, does(&person, id, act).await) }
        }))
        .await;
        for (act, answer) in &answers {
            let known = ["wrong-state", "offer-gone", "visit-taken"]
                .map(|slug| json!(format!("/problems/{slug}")));
            let refused = answer.status == 409 && known.contains(&answer.body["type"]);
            assert!(answer.status == 200 || refused, "{act}: {}", answer.text);
        }
        let accepted = answers
            .iter()
            .filter(|(act, a)| *act == "accept-offer" && a.status == 200);
        assert!(accepted.count() <= 1);
        let now = visit(&admin, &id).await;
        for _ in 0..2 {
            if ["waiting", "called"].contains(&now["state"].as_str().unwrap()) {
                does(&admin, &id, "leave").await;
            }
        }
        sound(&town).await;
        be(&one, "online").await;
    }
    town.close().await;
}
