//! The real server process, which may be stopped and woken like any other.

use std::process::{Child, Command, Stdio};

use belfry_actors::{Clock, SystemClock};
use belfry_domain::account::{Account, Role};
use belfry_domain::booking_rules::BookingRules;
use belfry_store::Store;

use super::servers::{free_port, signal, wait_for_port};
use super::until_ready;
use crate::always;
use crate::town::{Person, guests};

/// A server process; killed when dropped.
pub struct Server {
    process: Child,
    base: String,
}

impl Server {
    /// Starts one with these options and settings, and waits until it is ready.
    pub async fn start(options: &[String], settings: &[(&str, String)]) -> Self {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        // A file that would become too big is then an error of the call and not the end of the process.
        let process = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .args([env!("CARGO_BIN_EXE_belfry"), "serve", "--listen", &address])
            .args(options)
            .env("BELFRY_LIMITS__ENABLED", "false")
            .envs(settings.iter().map(|(name, value)| (*name, value.as_str())))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            base: format!("http://{address}"),
        };
        wait_for_port(port);
        until_ready(&server.stranger(), None).await;
        server
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Somebody with a token at this server's door.
    pub fn person(&self, guest: &(Account, String)) -> Person {
        Person::with_token(&self.base, &guest.0, &guest.1)
    }

    pub fn stranger(&self) -> Person {
        Person::stranger(&self.base)
    }

    pub fn freeze(&self) {
        signal("STOP", &[self.id()]);
    }

    pub fn thaw(&self) {
        signal("CONT", &[self.id()]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// People with tokens, the first of them an expert who is free at any hour.
pub async fn people(store: &Store, clients: usize) -> Vec<(Account, String)> {
    let now = SystemClock.now();
    let mut people = guests(store, 1, Role::Expert, now).await;
    let mut tx = store.begin().await.unwrap();
    let (zone, rules) = (chrono_tz::UTC, BookingRules::default());
    belfry_store::expert::insert(&mut tx, people[0].0.id, zone, &rules, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    people.extend(guests(store, clients, Role::User, now).await);
    people
}

/// Opens an expert's week at every hour.
pub async fn open_always(expert: &Person) {
    let path = format!("/experts/{}/schedule", expert.id);
    expert.put(&path, always::open()).await.expect(200);
}

/// The start of the half hour `place`, counted from the second midnight from now: no reminder is due and no
/// start passes while a test runs.
pub fn half_hour(place: i64) -> String {
    let midnight = SystemClock.now().date_naive() + chrono::TimeDelta::days(2);
    let start = midnight.and_time(chrono::NaiveTime::MIN).and_utc();
    let start = start + chrono::TimeDelta::minutes(30 * place);
    start.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
