//! The disk full under SQLite: what must be written is refused and told when to come back, what is read is read,
//! and when there is space again everything goes on without a restart (C3.2, C3.9).

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use belfry_actors::{Clock, SystemClock};
use reqwest::Method;
use serde_json::json;

use super::process::{Server, half_hour, open_always, people};
use crate::engine::Fresh;
use crate::eventually::eventually;
use crate::ledger::{self, Terms};
use crate::town::{Answer, Person};

/// Bookings asked for before, during and after.
const EACH: i64 = 12;

/// A way to leave no room, and to give it back.
trait Shortage {
    fn begin(&self, server: &Server);
    fn end(&self, server: &Server);
}

/// The process may not make any file longer than a byte, which needs no rights and fails on every write.
struct Limit;

impl Limit {
    fn set(server: &Server, limit: &str) {
        let set = Command::new("prlimit")
            .args([
                "--pid",
                &server.id().to_string(),
                &format!("--fsize={limit}"),
            ])
            .status();
        assert!(set.unwrap().success(), "prlimit --fsize={limit}");
    }
}

impl Shortage for Limit {
    fn begin(&self, server: &Server) {
        Self::set(server, "1:unlimited");
    }
    fn end(&self, server: &Server) {
        Self::set(server, "unlimited:unlimited");
    }
}

/// A small disk with a big file on it.
struct Disk(PathBuf);

impl Disk {
    /// `None` where nobody may mount one.
    fn mount() -> Option<Self> {
        let name = format!("belfry-disk-{}", uuid::Uuid::now_v7().simple());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m", "belfry"])
            .arg(&folder)
            .output();
        let disk = Self(folder);
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(disk)
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Shortage for Disk {
    fn begin(&self, _: &Server) {
        let mut ballast = fs::File::create(self.ballast()).unwrap();
        for size in [64 * 1024, 512, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }
    fn end(&self, _: &Server) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Not mounted at all where that was not allowed.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
        let _ = fs::remove_dir(&self.0);
    }
}

struct Wish {
    key: String,
    place: i64,
}

async fn ask(client: &Person, expert: &str, wish: &Wish) -> Answer {
    let body = json!({
        "expert_id": expert, "minutes": 30, "mode": "online", "starts_at": half_hour(wish.place),
    });
    let headers = [("idempotency-key", wish.key.as_str())];
    let path = "/bookings";
    client.send(Method::POST, path, Some(body), &headers).await
}

fn wishes(from: i64) -> Vec<Wish> {
    let wish = |place| Wish {
        key: uuid::Uuid::now_v7().to_string(),
        place,
    };
    (from..from + EACH).map(wish).collect()
}

async fn survived(fresh: &Fresh, shortage: &impl Shortage) {
    let people = people(&fresh.store, 1).await;
    let server = Server::start(&fresh.place(), &[]).await;
    let (expert, client) = (server.person(&people[0]), server.person(&people[1]));
    open_always(&expert).await;
    let mut booked = BTreeSet::new();
    for wish in wishes(0) {
        booked.insert(ask(&client, &expert.id, &wish).await.expect(201).text("id"));
    }
    shortage.begin(&server);
    let (mut refused, mut made) = (Vec::new(), 0);
    let mut next = EACH;
    // There may be room left in what the files already had: for some, and not for many.
    while refused.len() < EACH as usize && next < 7 * EACH {
        let wish = wishes(next).remove(0);
        next += 1;
        let answer = ask(&client, &expert.id, &wish).await;
        if answer.status == 201 {
            booked.insert(answer.text("id"));
            made += 1;
            continue;
        }
        let answer = answer.problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some(), "{}", answer.text);
        refused.push(wish);
    }
    assert!(!refused.is_empty(), "the disk is full");
    // What is there is read as ever, and what was refused left nothing behind.
    let mine = client.get("/bookings?limit=100").await.expect(200);
    assert_eq!(mine.body["items"].as_array().unwrap().len(), booked.len());
    client
        .get(&format!("/experts/{}", expert.id))
        .await
        .expect(200);
    let slots = client.slots(&expert, &half_hour(0)[..10], 4).await;
    for wish in &refused {
        assert!(slots.contains(&half_hour(wish.place)), "{slots:?}");
    }
    client.get("/readyz").await.expect(200);
    shortage.end(&server);
    for wish in refused.iter().chain(&wishes(next)) {
        let mut last = None;
        eventually("what was refused is booked", async || {
            let answer = ask(&client, &expert.id, wish).await;
            // Only such an answer tells a caller to come back.
            if answer.status != 201 {
                answer.problem(503, "unavailable");
                return false;
            }
            last = Some(answer.text("id"));
            true
        })
        .await;
        booked.insert(last.unwrap());
    }
    let terms = Terms::at(SystemClock.now());
    let ledger = ledger::sound(&fresh.store, terms, &booked).await;
    assert_eq!(
        ledger.bookings.len(),
        booked.len(),
        "nothing was made unheard"
    );
    eventually("every mail has found its end", async || {
        let ledger = fresh.store.ledger().await.unwrap();
        ledger.deliveries.iter().all(|line| line.status == "kept")
    })
    .await;
    println!(
        "{} bookings promised and there; with the disk full {} were refused, {made} still found room",
        booked.len(),
        refused.len()
    );
}

#[actix_rt::test]
async fn a_disk_that_takes_nothing_more_costs_nothing_that_was_promised() {
    survived(&Fresh::sqlite().await, &Limit).await;
}

#[actix_rt::test]
async fn a_full_disk_is_survived_without_a_restart() {
    let Some(disk) = Disk::mount() else {
        return eprintln!("NOT TRIED: no disk may be mounted here; see the test beside this one");
    };
    let folder: &Path = &disk.0.join("data");
    fs::create_dir(folder).unwrap();
    let fresh = Fresh::sqlite_in(folder.to_owned()).await;
    survived(&fresh, &disk).await;
    drop(fresh);
}
