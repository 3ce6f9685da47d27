//! A request that an outage cut off, and its key.

use std::process::Command;
use std::time::Duration;

use belfry_store::Bounds;
use reqwest::Method;
use serde_json::json;
use tokio::time::timeout;

use super::{Hanging, NEVER};
use crate::engine::Fresh;
use crate::town::Town;

/// How many keys are claimed and not answered.
fn claimed(url: &str) -> u32 {
    let question =
        "SELECT COUNT(*) FROM idempotency_keys WHERE status IS NULL AND resource_id IS NULL";
    let found = Command::new("psql")
        .args(["-qXAt", url, "-c", question])
        .output();
    let found = String::from_utf8(found.unwrap().stdout).unwrap();
    found.trim().parse().unwrap()
}

/// On PostgreSQL alone, where a network can go while a request is between its key and its booking.
#[actix_rt::test]
async fn the_key_of_a_request_that_an_outage_cut_off_is_free_when_the_outage_is_over() {
    let Some(fresh) = Fresh::postgres().await else {
        return;
    };
    let bounds = Bounds {
        statement: Duration::from_secs(2),
        ..Bounds::default()
    };
    let mut hanging = Hanging::over(&fresh, bounds).await;
    let town = Town::open_over(&fresh, hanging.store.clone(), |settings| {
        settings.http.answer_seconds = 60;
    })
    .await;
    let expert = town.expert_with(json!({ "max_per_day": 5 }), None).await;
    let client = town.client().await;
    let free = client.slots(&expert, "2027-03-02", 1).await;
    let [_, url] = fresh.place();
    // The booking is counted under the expert's lock, which somebody else has for a while.
    let lock = format!(
        "BEGIN; SELECT 1 FROM experts WHERE user_id = '{}' FOR UPDATE; SELECT pg_sleep(600)",
        expert.id
    );
    let mut other = Command::new("psql")
        .args(["-qXAt", &url, "-c", &lock])
        .spawn()
        .unwrap();
    let locked = async {
        let question = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
        loop {
            let found = Command::new("psql")
                .args(["-qXAt", &url, "-c", question])
                .output();
            if found.unwrap().stdout.starts_with(b"1") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(NEVER, locked).await.unwrap();
    let body = json!({ "expert_id": expert.id, "starts_at": free[0], "mode": "online" });
    let headers = [("idempotency-key", "cut-off")];
    let book = || client.send(Method::POST, "/bookings", Some(body.clone()), &headers);
    let cut_off = async {
        while claimed(&url) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        hanging.hang().await;
    };
    let (answer, ()) = timeout(NEVER, futures::future::join(book(), cut_off))
        .await
        .unwrap();
    answer.problem(503, "unavailable");
    other.kill().unwrap();
    other.wait().unwrap();
    crate::engine::psql(
        &url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
    );
    hanging.come_back();
    // The clock stands still, so that no lock ever runs out by itself.
    let mut answer = book().await;
    let made = async {
        while answer.status != 201 {
            assert!(matches!(answer.status, 409 | 503), "{}", answer.text);
            tokio::time::sleep(Duration::from_millis(100)).await;
            answer = book().await;
        }
    };
    timeout(NEVER, made).await.expect("the key is given back");
    town.close().await;
}
