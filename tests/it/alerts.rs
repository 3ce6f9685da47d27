//! The alert rules name figures that are there, and the figures say what is true (C6).

use std::collections::{BTreeMap, BTreeSet};

use belfry::http::figures::Figures;
use belfry::telemetry;
use belfry_domain::booking::{Hold, Status};
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Jitter, SendError, Try, Verdict};
use belfry_domain::id::{HoldId, ImportId};
use belfry_store::delivery::Settlement;
use belfry_store::idempotency::IdempotencyKey;
use belfry_store::import::Import;
use belfry_store::occupancy::NewHold;
use chrono::TimeDelta;
use yaml_rust2::{Yaml, YamlLoader};

use crate::engine::{Fresh, on_both_engines};
use crate::spine::Spine;
use crate::town::Town;

/// What is counted of bookings.
mod bookings;
/// The dashboard.
mod dashboard;

on_both_engines!(
    every_figure_that_a_rule_names_is_there_and_described,
    the_figures_tell_how_long_everything_waits,
);

const RULES: &str = include_str!("../../deploy/prometheus/belfry.rules.yml");

/// Prometheus' own.
const FOREIGN: [&str; 1] = ["up"];

/// There with the first refusal of the store, whose pool it names, and with the first call over gRPC.
const LATER: [&str; 2] = [
    "belfry_store_refused_total",
    "belfry_grpc_request_seconds_count",
];

/// Counted from the first visit to a waiting queue on.
const AWAITED: [&str; 2] = ["belfry_queue_wait_seconds", "belfry_queue_waiting"];

/// The names of figures in an expression.
fn named(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("belfry_") || FOREIGN.contains(word));
    ours.map(str::to_owned).collect()
}

fn rules() -> Vec<Yaml> {
    let documents = YamlLoader::load_from_str(RULES).unwrap();
    assert_eq!(documents.len(), 1);
    let groups = documents[0]["groups"].as_vec().unwrap();
    let rules = groups.iter().flat_map(|group| {
        assert!(group["name"].as_str().is_some());
        group["rules"].as_vec().unwrap().clone()
    });
    rules.collect()
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_to_do() {
    let mut names = BTreeSet::new();
    for rule in rules() {
        let text = |value: &Yaml| value.as_str().map(str::to_owned);
        let name = text(&rule["alert"]).unwrap();
        assert!(names.insert(name.clone()), "{name} is there twice");
        assert!(!named(&text(&rule["expr"]).unwrap()).is_empty(), "{name}");
        let lasts = text(&rule["for"]).unwrap();
        assert!(lasts.ends_with('m') && lasts.len() > 1, "{name}: {lasts}");
        let severity = text(&rule["labels"]["severity"]).unwrap();
        assert!(["critical", "warning"].contains(&&*severity), "{name}");
        for annotation in ["summary", "description"] {
            let said = text(&rule["annotations"][annotation]).unwrap_or_default();
            assert!(said.len() > 20, "{name} has no {annotation}");
        }
    }
    assert!(names.len() > 15, "{names:?}");
}

/// The series of a page of figures by their name with labels, and the names that are described.
fn series(page: &str) -> (BTreeMap<String, f64>, BTreeSet<String>) {
    let mut values = BTreeMap::new();
    let mut described = BTreeSet::new();
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            described.insert(help.split(' ').next().unwrap().to_owned());
        } else if !line.is_empty() && !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            values.insert(name.to_owned(), value.parse().unwrap());
        }
    }
    (values, described)
}

fn name_of(series: &str) -> &str {
    series.split('{').next().unwrap_or(series)
}

async fn every_figure_that_a_rule_names_is_there_and_described(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let door = town.stranger();
    // The figures of requests are there from the second request on.
    door.get("/metrics").await.expect(200);
    let page = door.get("/metrics").await.expect(200);
    let (values, described) = series(&page.text);
    let there: BTreeSet<&str> = values.keys().map(|series| name_of(series)).collect();
    for rule in rules() {
        for name in named(rule["expr"].as_str().unwrap()) {
            let known = LATER.contains(&&*name) && described_in_catalogue(&name);
            assert!(
                known || there.contains(&*name) || FOREIGN.contains(&&*name),
                "{name} of {:?} is not there:\n{}",
                rule["alert"],
                page.text
            );
        }
    }
    for name in there {
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|part| name.strip_suffix(part))
            .unwrap_or(name);
        assert!(
            described.contains(name) || described.contains(base),
            "{name} is not described"
        );
    }
    town.close().await;
}

fn described_in_catalogue(name: &str) -> bool {
    let mut all = telemetry::catalogue::ALL.iter();
    all.any(|figure| name.strip_suffix("_count").unwrap_or(name) == figure.name)
}

async fn the_figures_tell_how_long_everything_waits(fresh: &Fresh) {
    telemetry::collect();
    let spine = Spine::new(fresh).await;
    let (store, house) = (spine.store(), &spine.house);
    let figures = async || {
        // New ones read at once; those of a house do so every few seconds.
        Figures::new(spine.world.clone()).refresh().await;
        series(&telemetry::render()).0
    };
    let oldest = [
        "belfry_events_oldest_unplanned_seconds",
        "belfry_deliveries_oldest_due_seconds{channel=\"email\"}",
        "belfry_reminders_oldest_due_seconds",
        "belfry_bookings_oldest_unanswered_seconds",
        "belfry_holds_oldest_expired_seconds",
        "belfry_imports_oldest_due_seconds",
    ];
    let at_rest = figures().await;
    for name in oldest {
        assert_eq!(at_rest[name], 0.0, "{name}");
    }

    // Two mails, one of which is refused; a sweep; an event that is set aside, and one that waits.
    let mails = spine.mails(2).await;
    let now = house.now();
    let claimed = spine.claim(Channel::Email, 1, now).await;
    let refused = Err(SendError::Refused("not like this".to_owned()));
    let tried = Try {
        rounds: 0,
        now,
        jitter: Jitter::of(0.0),
        next: None,
        alone: true,
        not_before: now,
        repeat: None,
    };
    let dead = Settlement {
        id: claimed[0].id,
        attempt: claimed[0].attempt,
        provider: "scripted".into(),
        verdict: Verdict::of(refused, tried),
        claimed_at: now,
        has_standby: false,
        paused_until: None,
    };
    let settled = store.settle_deliveries(Channel::Email, &[dead], now).await;
    settled.unwrap();
    assert!(mails.contains(&claimed[0].id));
    assert!(house.node("spine").tick(now).await.swept);
    let client = house.client().await;
    let parked = spine.forgotten(&client);
    spine.append(&parked).await;
    store.park_event(parked.id, "no words", now).await.unwrap();
    // It begins in ten hours, and both are reminded an hour before.
    house.book(&client, Status::Pending, 600, &[60]).await;
    let hold = Hold {
        id: HoldId::at(now),
        expert_id: house.expert.id,
        client_id: client.id,
        starts_at: now + TimeDelta::minutes(1200),
        ends_at: now + TimeDelta::minutes(1260),
        expires_at: now + TimeDelta::minutes(5),
    };
    let stretch = (hold.starts_at, hold.ends_at);
    let held = NewHold {
        hold,
        stretch,
        replaced: Vec::new(),
        most: 3,
        key: None,
    };
    store.insert_hold(&held, now).await.unwrap().unwrap();
    let key = IdempotencyKey {
        caller: "me".to_owned(),
        key: "k".to_owned(),
    };
    let locked = now + TimeDelta::minutes(700);
    store
        .begin_idempotent(&key, b"hash", locked, now)
        .await
        .unwrap();
    // A calendar to be read in ten minutes.
    let import = Import {
        id: ImportId::at(now),
        expert_id: house.expert.id,
        kind: "ics".to_owned(),
        name: "Private".to_owned(),
        sealed: Vec::new(),
        host: "example.com".to_owned(),
        mark: None,
        next_at: now + TimeDelta::minutes(10),
        failures: 0,
        read_at: None,
        failed_at: None,
        fault: None,
        events: 0,
        odd: 0,
        created_at: now,
        version: 1,
    };
    assert!(store.insert_import(&import).await.unwrap());

    let before = figures().await;
    assert_eq!(before["belfry_scheduler_leading"], 1.0);
    assert!(before["belfry_scheduler_lease_seconds"] > 0.0);
    house.advance(660);
    let after = figures().await;
    let minutes = [660.0, 660.0, 120.0, 60.0, 655.0, 650.0];
    for (name, minutes) in oldest.iter().zip(minutes) {
        assert_eq!(after[*name], minutes * 60.0, "{name}");
    }
    let expected = [
        ("belfry_events_unplanned", 1.0),
        ("belfry_events_parked", 1.0),
        ("belfry_deliveries_dead{channel=\"email\"}", 1.0),
        ("belfry_deliveries_ambiguous{channel=\"email\"}", 0.0),
        ("belfry_idempotency_keys_running", 1.0),
        ("belfry_sweep_age_seconds", 660.0 * 60.0),
        ("belfry_scheduler_leading", 0.0),
        ("belfry_bus_up", 1.0),
    ];
    for (name, value) in expected {
        assert_eq!(after[name], value, "{name}");
    }
    assert!(after["belfry_scheduler_lease_seconds"] < 0.0, "it ran out");

    // When everything is done, nothing waits any more.
    house.node("other").tick(house.now()).await;
    spine.desk(Vec::new()).run().await.unwrap();
    let due = spine.claim(Channel::Email, 100, house.now()).await;
    assert!(!due.is_empty());
    let later = house.now() + TimeDelta::minutes(1);
    let claimed = store.claim_imports(house.now(), later, 9).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let done = figures().await;
    for name in oldest {
        assert_eq!(done[name], 0.0, "{name}");
    }
    assert_eq!(done["belfry_sweep_age_seconds"], 0.0);
    assert_eq!(
        done["belfry_scheduler_leading"], 0.0,
        "another node leads now"
    );
}
