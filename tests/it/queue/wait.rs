//! What people are told of how long they wait, and how good it was (B3).

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{be, comes_to, does, expert, join, sound, visit};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{Person, Town};

on_both_engines!(
    who_waits_is_told_how_long_and_it_shrinks_as_time_goes,
    where_nobody_is_there_nothing_is_foretold,
);

fn minutes(estimate: &Value, name: &str) -> i64 {
    estimate[name].as_i64().unwrap()
}

async fn line(person: &Person, branch: &str) -> Value {
    let path = format!("/branches/{branch}/queue");
    person.get(&path).await.expect(200).body
}

async fn who_waits_is_told_how_long_and_it_shrinks_as_time_goes(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let desk = expert(&town, &branch, true).await;
    let (first, next, last) = (
        town.client().await,
        town.client().await,
        town.client().await,
    );
    let served = join(&first, &branch).await.expect(201).text("id");
    comes_to(&first, &served, "offered").await;
    does(&first, &served, "accept-offer").await.expect(200);
    does(&desk, &served, "start").await.expect(200);
    town.clock.advance(TimeDelta::seconds(15));
    let second = join(&next, &branch).await.expect(201).text("id");
    town.clock.advance(TimeDelta::seconds(15));
    let third = join(&last, &branch).await.expect(201).text("id");
    town.clock.advance(TimeDelta::seconds(15));
    let (at_second, at_third) = (visit(&next, &second).await, visit(&last, &third).await);
    let (soon, late) = (&at_second["estimate"], &at_third["estimate"]);
    for estimate in [soon, late] {
        assert!(
            minutes(estimate, "p50_minutes") < minutes(estimate, "p90_minutes"),
            "{estimate}"
        );
    }
    assert!(minutes(soon, "p50_minutes") < minutes(late, "p50_minutes"));
    let newcomer = line(&last, &branch).await;
    let newcomer = &newcomer["estimate"];
    assert!(minutes(late, "p50_minutes") <= minutes(newcomer, "p50_minutes"));
    // Whoever is called waits no longer.
    assert_eq!(visit(&first, &served).await["estimate"], Value::Null);
    let staff = line(&admin, &branch).await;
    let shown = staff["visits"].as_array().unwrap();
    assert!(shown.iter().any(|visit| visit["estimate"].is_object()));

    town.clock.advance(TimeDelta::minutes(12));
    let sooner = visit(&next, &second).await;
    let sooner = &sooner["estimate"];
    assert!(
        minutes(sooner, "p90_minutes") < minutes(soon, "p90_minutes"),
        "{sooner} after {soon}"
    );
    does(&desk, &served, "finish").await.expect(200);
    comes_to(&next, &second, "offered").await;
    does(&next, &second, "accept-offer").await.expect(200);
    let statistics = format!("/branches/{branch}/statistics");
    let told = admin.get(&statistics).await.expect(200).body;
    let told = &told["estimates"];
    assert!(told["count"].as_i64().unwrap() >= 1, "{told}");
    assert!(told["mean_error_minutes"].as_f64().is_some(), "{told}");
    let within = told["within_p90"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&within), "{told}");
    sound(&town).await;
    town.close().await;
}

async fn where_nobody_is_there_nothing_is_foretold(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let desk = expert(&town, &branch, false).await;
    let client = town.client().await;
    let id = join(&client, &branch).await.expect(201).text("id");
    assert_eq!(visit(&client, &id).await["estimate"], Value::Null);
    assert_eq!(line(&client, &branch).await["estimate"], Value::Null);
    let statistics = format!("/branches/{branch}/statistics");
    let told = admin.get(&statistics).await.expect(200).body;
    let none = json!({ "count": 0, "mean_error_minutes": null, "within_p90": null });
    assert_eq!(told["estimates"], none);
    be(&desk, "online").await;
    town.clock.advance(TimeDelta::seconds(15));
    eventually("a newcomer's wait is known", async || {
        line(&client, &branch).await["estimate"].is_object()
    })
    .await;
    town.close().await;
}
