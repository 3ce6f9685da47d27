//! Keys that are nearly right, which must be as wrong as any other.

use std::time::Instant;

use belfry_domain::api_key::PREFIX;

use super::machine;
use crate::engine::{Fresh, on_both_engines};
use crate::stranger::enumeration::seen;
use crate::town::Town;

on_both_engines!(a_key_that_is_nearly_right_is_as_wrong_as_any,);

/// The key with another letter at a place.
fn changed(key: &str, place: usize) -> String {
    let mut letters: Vec<char> = key.chars().collect();
    // Both are there in every place of a key, so it stays well-formed.
    letters[place] = if letters[place] == 'A' { 'Q' } else { 'A' };
    letters.into_iter().collect()
}

/// Keys are not compared letter by letter, they are found by their hashes: what is seen of a refusal says nothing about
/// how much was right, and [`the_times_of_keys_that_are_nearly_right`] prints its shadow.
async fn a_key_that_is_nearly_right_is_as_wrong_as_any(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let (mut machine, _) = machine(&admin, &["profile:read"]).await;
    let key = machine.token.clone().unwrap();
    let last = key.len() - 1;
    let mut refusals = Vec::new();
    for place in (PREFIX.len()..=last).step_by(6).chain([last]) {
        machine.token = Some(changed(&key, place));
        let answer = machine.get("/me").await;
        assert_eq!(answer.status, 401, "{place}: {}", answer.text);
        refusals.push(seen(answer));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    // It was right all the while.
    machine.token = Some(key);
    machine.get("/me").await.expect(200);
    town.close().await;
}

#[actix_rt::test]
#[ignore = "prints times and judges nothing"]
async fn the_times_of_keys_that_are_nearly_right() {
    let fresh = Fresh::sqlite().await;
    let town = Town::open(&fresh).await;
    let admin = town.admin().await;
    let (mut machine, _) = machine(&admin, &["profile:read"]).await;
    let key = machine.token.clone().unwrap();
    let places = [PREFIX.len(), key.len() / 2, key.len() - 1];
    let mut times = [const { Vec::new() }; 3];
    for round in 0..1500 {
        machine.token = Some(changed(&key, places[round % 3]));
        let started = Instant::now();
        machine.get("/me").await.problem(401, "unauthenticated");
        times[round % 3].push(started.elapsed().as_secs_f64() * 1000.0);
    }
    for (place, mut times) in places.into_iter().zip(times) {
        times.sort_by(f64::total_cmp);
        let (half, most) = (times[250], times[475]);
        println!("right up to letter {place:2}: p50 {half:.2} ms, p95 {most:.2} ms");
    }
    town.close().await;
}
