//! Lines that are full: whoever does not fit is told at once, the others are served.

use belfry_actors::expert::BookRequest;
use belfry_actors::expert::{Refused, SlotQuery};
use belfry_domain::booking::{Actor, BookingError, Mode, Party};
use belfry_domain::id::UserId;
use belfry_store::{Bounds, Store, Tx};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use serde_json::json;
use tokio::time::timeout;

use super::NEVER;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{PASSWORD, Person, Town};

on_both_engines!(
    a_full_pool_is_503_at_once_and_others_are_served,
    an_experts_full_line_is_refused_at_once_and_others_are_served,
    more_log_ins_than_can_wait_are_503,
);

/// Takes every connection that writes.
async fn take_all(store: &Store) -> Vec<Tx> {
    let mut taken = Vec::new();
    for _ in 0..store.pools()[0].most {
        taken.push(store.begin().await.unwrap());
    }
    taken
}

async fn a_full_pool_is_503_at_once_and_others_are_served(fresh: &Fresh) {
    const WAITING: usize = 2;
    const CROWD: usize = 20;
    let store = fresh.store.clone().within(Bounds {
        waiting: WAITING,
        acquire: NEVER,
        transaction: NEVER,
        ..Bounds::default()
    });
    let town = Town::open_over(fresh, store.clone(), |settings| {
        settings.database.waiting = WAITING;
    })
    .await;
    let (expert, client) = (town.expert().await, town.client().await);
    let crowd = town.crowd(CROWD).await;
    // Who they are, and when the expert has time, is known from now on.
    for person in &crowd {
        person.get("/me").await.expect(200);
    }
    let free = client.slots(&expert, "2027-03-02", 1).await;

    let taken = take_all(&store).await;
    let mut calls: FuturesUnordered<_> = crowd
        .iter()
        .map(|person| person.post("/notifications/read-all", json!({ "up_to": 1 })))
        .collect();
    for _ in 0..CROWD - WAITING {
        let answer = timeout(NEVER, calls.next()).await.unwrap().unwrap();
        let answer = answer.problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    // The house's own workers, who are never refused, may stand in the line besides.
    let they_wait = async || store.pools()[0].waiting >= WAITING;
    eventually("as many wait as may", they_wait).await;
    client.get("/healthz").await.expect(200);
    assert_eq!(client.slots(&expert, "2027-03-02", 1).await, free);
    drop(taken);
    // One of them may only now come to its write, and find the house's own workers in the line.
    let mut served = 0;
    while let Some(answer) = timeout(NEVER, calls.next()).await.unwrap() {
        if answer.status == 503 {
            answer.problem(503, "unavailable");
        } else {
            answer.expect(204);
            served += 1;
        }
    }
    assert!(served > 0);
    client.book(&expert, &free[0]).await.expect(201);
    drop(calls);
    town.close().await;
}

fn wish(client: &Person, starts_at: &str) -> BookRequest {
    let id: UserId = client.id.parse().unwrap();
    BookRequest {
        client: Party {
            id,
            name: "Ada".to_owned(),
        },
        holder: id,
        starts_at: starts_at.parse().unwrap(),
        minutes: None,
        mode: Mode::Online,
        note: None,
        guest: None,
        actor: Actor::system(),
        key: None,
        branch: None,
        offer: None,
    }
}

async fn an_experts_full_line_is_refused_at_once_and_others_are_served(fresh: &Fresh) {
    /// As many as fit, see `actors/src/expert.rs`.
    const LINE: usize = 2048;
    const TOO_MANY: usize = 50;
    let town = Town::open(fresh).await;
    let (expert, other, client) = (
        town.expert().await,
        town.expert().await,
        town.client().await,
    );
    let free = client.slots(&expert, "2027-03-02", 1).await;
    let elsewhere = client.slots(&other, "2027-03-02", 1).await;
    let experts = town.nodes[0].experts.clone();
    let id: UserId = expert.id.parse().unwrap();

    let taken = take_all(&fresh.store).await;
    let mut asking: FuturesUnordered<_> = (0..LINE + TOO_MANY)
        .map(|_| experts.book(id, wish(&client, &free[0])))
        .collect();
    for _ in 0..TOO_MANY {
        let answer = timeout(NEVER, asking.next()).await.unwrap().unwrap();
        assert!(matches!(answer, Err(Refused::Busy(_))), "{answer:?}");
    }
    assert_eq!(client.slots(&other, "2027-03-02", 1).await, elsewhere);
    drop(taken);
    let (mut made, mut refused) = (0, 0);
    while let Some(answer) = timeout(NEVER, asking.next()).await.unwrap() {
        match answer {
            Ok(_) => made += 1,
            Err(Refused::Rule {
                error: BookingError::SlotTaken | BookingError::ClientBusy,
                ..
            }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((made, refused), (1, LINE - 1));
    drop(asking);
    // There is room again.
    let query = SlotQuery {
        from: Some("2027-03-02".parse().unwrap()),
        days: 1,
        time_zone: None,
        minutes: None,
    };
    experts.slots(id, query).await.unwrap();
    client.book(&expert, &free[4]).await.expect(201);
    town.close().await;
}

async fn more_log_ins_than_can_wait_are_503(fresh: &Fresh) {
    const CROWD: usize = 40;
    let town = Town::open_with(fresh, |settings| {
        settings.auth.hashing = 1;
        settings.auth.hashing_waiting = 2;
    })
    .await;
    let person = town.client().await;
    let body = json!({ "email": person.email, "password": PASSWORD });
    let calls = (0..CROWD).map(|_| person.post("/auth/login", body.clone()));
    let answers = timeout(NEVER, join_all(calls)).await.unwrap();
    let (mut served, mut refused) = (0, 0);
    for answer in answers {
        if answer.status == 503 {
            let answer = answer.problem(503, "unavailable");
            assert_eq!(answer.header("retry-after"), Some("1"));
            refused += 1;
        } else {
            answer.expect(200);
            served += 1;
        }
    }
    assert!(served >= 3, "those who fit are served: {served}");
    assert!(refused > 0, "{CROWD} do not fit");
    person.post("/auth/login", body).await.expect(200);
    town.close().await;
}
