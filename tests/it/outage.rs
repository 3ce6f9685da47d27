//! What the house does while something it leans on is gone or hangs, and after it is back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::eventually::eventually;
use crate::live::tab::Tab;
use crate::town::{Person, Town};

/// A node stopped in the middle of its work, and woken when another one has taken over.
mod cut_off;
/// The disk full under SQLite.
mod disk;
/// A mail server that turns everybody away, or goes silent in the middle of a conversation.
mod mail;
/// PostgreSQL stopped, started again, and hanging.
mod postgres;
/// The real server process.
mod process;
/// Redis killed, hanging, and not there at the start.
mod redis;
/// Servers of a test's own, which it may treat badly.
mod servers;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the node at which `door` stands says that it is ready, or that a part is missing.
async fn until_ready(door: &Person, missing: Option<&str>) {
    let what = missing.map_or("ready".to_owned(), |part| format!("{part} is missing"));
    eventually(&what, async || {
        let answer = door.get("/readyz").await;
        match missing {
            None => answer.status == 200,
            Some(part) => {
                answer.status == 503
                    && answer.header("retry-after").is_some()
                    && answer.body["parts"][part] == false
            }
        }
    })
    .await;
}

/// A figure of the process, summed over its labels that contain `label`.
async fn figure(door: &Person, name: &str, label: &str) -> f64 {
    let text = door.get("/metrics").await.text;
    let lines = text.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label)
    });
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// A tab of `person` at a node, resuming after an offset if there is one.
async fn tab(town: &Town, person: &Person, node: usize, after: Option<i64>) -> Tab {
    let ticket = person.at(town, node).post("/live/ticket", json!({})).await;
    let ticket = ticket.expect(200).text("ticket");
    let after = after.map_or(String::new(), |after| format!("&after={after}"));
    let path = format!("/ws?ticket={ticket}{after}");
    let mut tab = Tab::at(town.nodes[node].address, &path).await;
    assert_eq!(tab.next().await["type"], "welcome");
    tab
}

/// Reads until the inbox has come up to `offset`, entry by entry from `after` on, and answers what else came.
async fn entries(tab: &mut Tab, after: i64, offset: i64) -> Vec<Value> {
    let (mut place, mut others) = (after, Vec::new());
    while place < offset {
        let frame = tab.next().await;
        if frame["type"] == "notification" {
            assert_eq!(frame["offset"], place + 1, "nothing missing, nothing twice");
            place += 1;
        } else {
            others.push(frame);
        }
    }
    others
}
