//! Series and single bookings that want the same weeks, over two nodes.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;

use super::{TUESDAYS, wish};
use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::Town;

on_both_engines!(series_and_single_bookings_never_overlap_and_no_series_is_torn);

async fn series_and_single_bookings_never_overlap_and_no_series_is_torn(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let rules = json!({ "max_per_week": 5 });
    let expert = town.expert_with(rules, None).await;
    let crowd = town.crowd(40).await;
    let wishes = crowd.iter().enumerate().map(async |(number, person)| {
        let answer = match number % 4 {
            // All four, or nothing.
            0 => person.post("/series", wish(&expert, 4)).await,
            // What is left of them, an hour later.
            1 => {
                let mut asked = wish(&expert, 4);
                asked["starts_at"] = json!("2027-03-02T11:00:00Z");
                asked["skip"] = json!(true);
                person.post("/series", asked).await
            }
            2 => person.book(&expert, "2027-03-16T11:00:00Z").await,
            _ => person.book(&expert, TUESDAYS[number / 4 % 4]).await,
        };
        assert!(
            matches!(answer.status, 201 | 409 | 422 | 503),
            "{}",
            answer.text
        );
        answer.status == 201
    });
    let had = join_all(wishes)
        .await
        .into_iter()
        .filter(|had| *had)
        .count();
    let book = ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await;
    let mut per_series = std::collections::BTreeMap::new();
    for booking in &book.bookings {
        if let Some(series) = booking.series_id {
            *per_series.entry(series).or_insert(0) += 1;
        }
    }
    println!(
        "{}: {had} of 40 wishes came to {} bookings, {} series: {:?}",
        fresh.store.engine(),
        book.bookings.len(),
        per_series.len(),
        per_series.values().collect::<Vec<_>>()
    );
    assert!(book.bookings.len() >= 4, "somebody had each Tuesday");
    // Each Tuesday at ten is one person's, and no week has more than five.
    for week in TUESDAYS {
        let at = week.parse::<belfry_domain::Instant>().unwrap();
        let of_it = book.bookings.iter().filter(|b| b.starts_at == at);
        assert!(of_it.count() <= 1, "{week}");
    }
    town.close().await;
}
