//! A node stopped in the middle of its work, with the sweeper's lease and mails in its hands, and woken when
//! another one has taken over: what it says then is refused, and nothing is done twice (C4.3, C5.1, C5.2).

use std::collections::{BTreeMap, BTreeSet};

use belfry_actors::{Clock, SystemClock};
use serde_json::json;

use super::figure;
use super::process::{Server, half_hour, open_always, people};
use crate::engine::{Fresh, psql};
use crate::eventually::eventually;
use crate::ledger::{self, Terms};
use crate::mail::server::{MailServer, Mood, Place};
use crate::town::{Answer, Person};

const BEFORE: i64 = 3;

async fn book(client: &Person, expert: &Person, place: i64) -> Answer {
    let body = json!({
        "expert_id": expert.id, "minutes": 30, "mode": "online", "starts_at": half_hour(place),
    });
    client.post("/bookings", body).await
}

/// How many deliveries have each status.
async fn statuses(fresh: &Fresh) -> BTreeMap<String, usize> {
    let ledger = fresh.store.ledger().await.unwrap();
    let mut statuses = BTreeMap::new();
    for line in ledger.deliveries {
        *statuses.entry(line.status).or_default() += 1;
    }
    statuses
}

#[actix_rt::test]
async fn a_node_that_wakes_up_late_finds_its_work_done_and_doubles_nothing() {
    let Some(fresh) = Fresh::postgres().await else {
        return;
    };
    let Ok(redis) = std::env::var("BELFRY_TEST_REDIS_URL") else {
        return eprintln!("BELFRY_TEST_REDIS_URL is not set: not tried with Redis");
    };
    let mails = MailServer::start().await;
    mails.set(Mood::Silent(Place::Data)).await;
    let smtp = format!("smtp://127.0.0.1:{}", mails.port());
    let settings = [
        ("BELFRY_REDIS_URL", redis),
        ("BELFRY_EMAIL__SMTP_URL", smtp),
        ("BELFRY_EMAIL__WORKERS", "16".to_owned()),
    ];
    let people = people(&fresh.store, 2).await;
    let asleep = Server::start(&fresh.place(), &settings).await;
    let (expert, client) = (asleep.person(&people[0]), asleep.person(&people[1]));
    open_always(&expert).await;
    let mut booked = BTreeSet::new();
    for place in 0..BEFORE {
        booked.insert(book(&client, &expert, place).await.expect(201).text("id"));
    }
    let claimed = 2 * BEFORE as usize;
    eventually("mails are under way", async || {
        statuses(&fresh).await.get("sending") == Some(&claimed)
    })
    .await;
    let late_door = asleep.stranger();
    eventually("the node leads", async || {
        figure(&late_door, "belfry_scheduler_leading", "").await == 1.0
    })
    .await;
    asleep.freeze();
    // What a minute would do, without waiting for it.
    let [_, database] = fresh.place();
    psql(
        &database,
        "UPDATE leases SET until = now() - interval '1 second'",
    );
    let ran_out = "UPDATE outstanding SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL";
    psql(&database, ran_out);
    mails.set(Mood::Well).await;

    let awake = Server::start(&fresh.place(), &settings).await;
    let other = awake.person(&people[2]);
    for place in BEFORE..2 * BEFORE {
        booked.insert(book(&other, &expert, place).await.expect(201).text("id"));
    }
    let door = awake.stranger();
    eventually("the other node leads", async || {
        figure(&door, "belfry_scheduler_leading", "").await == 1.0
    })
    .await;
    let settled = BTreeMap::from([
        ("ambiguous".to_owned(), claimed),
        ("sent".to_owned(), claimed),
    ]);
    eventually("every mail has found its end", async || {
        statuses(&fresh).await == settled
    })
    .await;
    assert_eq!(
        mails.mails(claimed).await.len(),
        claimed,
        "those of the other node alone"
    );

    asleep.thaw();
    // It goes on where it was, sends what it held, and is told that nobody waits for its word.
    eventually("late ends are refused", async || {
        figure(&late_door, "belfry_deliveries_total", "outcome=\"late\"").await == claimed as f64
    })
    .await;
    assert_eq!(
        statuses(&fresh).await,
        settled,
        "what was decided meanwhile stands"
    );
    eventually("it leads no longer", async || {
        figure(&late_door, "belfry_scheduler_leading", "").await == 0.0
    })
    .await;
    assert_eq!(figure(&door, "belfry_scheduler_leading", "").await, 1.0);
    // Its memory is as old as its sleep, but it does not sell what is gone.
    book(&client, &expert, BEFORE)
        .await
        .problem(409, "slot-taken");
    booked.insert(
        book(&client, &expert, 2 * BEFORE)
            .await
            .expect(201)
            .text("id"),
    );
    let all = 2 * claimed + 2;
    let received = mails.mails(all).await;
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for mail in &received {
        let name = mail
            .text
            .lines()
            .find(|line| line.starts_with("Message-ID:"));
        *names.entry(name.unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(names.len(), all);
    assert!(names.values().all(|times| *times == 1), "{names:?}");
    let terms = Terms::at(SystemClock.now());
    ledger::sound(&fresh.store, terms, &booked).await;
    println!(
        "{} bookings promised and there; {claimed} mails in doubt, none of {all} sent twice",
        booked.len()
    );
}
