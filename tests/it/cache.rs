//! Free slots from a node that does not hold the expert's actor (C2.3).

use crate::engine::{Fresh, on_both_engines};
use crate::town::Town;

on_both_engines!(
    a_node_without_the_actor_answers_from_the_cache_and_never_stale,
    without_redis_every_node_asks_its_own_actor,
);

const TEN: &str = "2027-03-02T10:00:00Z";

async fn a_node_without_the_actor_answers_from_the_cache_and_never_stale(fresh: &Fresh) {
    let mut town = Town::open_two(fresh).await;
    if !town.has_redis() {
        return eprintln!("BELFRY_TEST_REDIS_URL is not set: there is no cache");
    }
    town.add_node().await;
    for _ in 0..6 {
        let (expert, client) = (town.expert().await, town.client().await);
        let id = expert.id.parse().unwrap();
        let lives = |node: usize| town.nodes[node].experts.lives_here(id);
        assert_eq!([lives(0), lives(1), lives(2)], [true, false, false]);
        // The second node reads for itself and keeps what it read; the third finds it.
        let read = town.stranger_at(1).slots(&expert, "2027-03-02", 7).await;
        assert!(read.contains(&TEN.to_owned()));
        assert_eq!([lives(1), lives(2)], [true, false]);
        let found = town.stranger_at(2).slots(&expert, "2027-03-02", 7).await;
        assert_eq!(found, read);
        assert!(!lives(2), "the answer came from the cache");
        let tag = |answer: &crate::town::Answer| answer.header("etag").map(str::to_owned);
        let path = format!("/experts/{}/slots?from=2027-03-02&days=7", expert.id);
        let (own, kept) = (
            town.stranger_at(1).get(&path).await,
            town.stranger_at(2).get(&path).await,
        );
        assert_eq!(tag(&own), tag(&kept));
        assert!(!lives(2));
        // Once the booking was acknowledged, nobody finds the slot any more.
        client.book(&expert, TEN).await.expect(201);
        let after = town.stranger_at(2).slots(&expert, "2027-03-02", 7).await;
        assert!(!after.contains(&TEN.to_owned()), "{after:?}");
    }
    town.close().await;
}

async fn without_redis_every_node_asks_its_own_actor(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let read = town.stranger().slots(&expert, "2027-03-02", 1).await;
    assert!(read.contains(&TEN.to_owned()));
    assert!(town.nodes[0].experts.lives_here(expert.id.parse().unwrap()));
    town.close().await;
}
