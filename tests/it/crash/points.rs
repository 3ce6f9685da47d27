//! Every point at which the server may be told to die is one that it comes by under the load of these tests.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures::join;

use super::server::{self, Server};
use super::{PATIENCE, Stage};
use crate::engine::{Fresh, on_both_engines};

on_both_engines!(every_named_point_is_come_by);

/// How often each point was passed.
fn passed(trace: &Path) -> BTreeMap<String, usize> {
    let mut passed: BTreeMap<String, usize> = server::points()
        .into_iter()
        .map(|point| (point, 0))
        .collect();
    // Nothing is written before the first point.
    for line in std::fs::read_to_string(trace).unwrap_or_default().lines() {
        *passed.entry(line.to_owned()).or_default() += 1;
    }
    passed
}

async fn every_named_point_is_come_by(fresh: &Fresh) {
    let trace = std::env::temp_dir().join(format!("belfry-trace-{}", uuid::Uuid::now_v7()));
    let mut stage = Stage::set(fresh).await;
    let mut server = Server::start_traced(fresh, &stage.mail, &trace).await;
    let load = stage.load(&server.base);
    let watch = async {
        let begun = std::time::Instant::now();
        let lacking = || passed(&trace).values().any(|times| *times == 0);
        while lacking() && begun.elapsed() < 2 * PATIENCE {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        load.over.set(true);
    };
    join!(watch, load.run());
    let wishes = load.wishes.take();
    let (told, lost) = (load.told.take(), load.lost.get());
    let member = load.member.take();
    stage.member = member;
    server.kill();
    let passed = passed(&trace);
    // It is thrown away with the rest of the test.
    let _ = std::fs::remove_file(&trace);
    println!(
        "{}: {} points passed: {passed:?}",
        fresh.store.engine(),
        passed.len()
    );
    assert_eq!(lost, 0, "nothing has died");
    let never: Vec<&String> = passed
        .iter()
        .filter(|(_, times)| **times == 0)
        .map(|(point, _)| point)
        .collect();
    assert!(never.is_empty(), "never come by: {never:?}");
    stage.tally.told.extend(told);
    let mut server = Server::start(fresh, &stage.mail, None).await;
    stage.retry(&server.base, wishes).await;
    server.kill();
    stage.rest().await;
}
