//! The real server as a process of its own, which may be told to die at a named point.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant as Moment};

use crate::engine::Fresh;
use crate::eventually::eventually;
use crate::mail::server::MailServer;

/// A server process; killed when dropped.
pub struct Server {
    process: Child,
    pub base: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    /// Starts a process over `fresh` that mails through `mail` and dies when it has come by the point named
    /// in `crash_at` so often; waits until it is ready.
    pub async fn start(fresh: &Fresh, mail: &MailServer, crash_at: Option<&str>) -> Self {
        Self::start_with(fresh, mail, "BELFRY_CRASH_AT", crash_at).await
    }

    /// Starts one that writes the points it comes by into a file.
    pub async fn start_traced(fresh: &Fresh, mail: &MailServer, file: &Path) -> Self {
        Self::start_with(fresh, mail, "BELFRY_CRASH_TRACE", file.to_str()).await
    }

    async fn start_with(
        fresh: &Fresh,
        mail: &MailServer,
        variable: &str,
        value: Option<&str>,
    ) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
        command
            .arg("serve")
            .args(["--listen", &address.to_string()])
            .args(fresh.place())
            .env("BELFRY_LIMITS__ENABLED", "false")
            .env(
                "BELFRY_EMAIL__SMTP_URL",
                format!("smtp://127.0.0.1:{}", mail.port()),
            )
            .env("BELFRY_EMAIL__FROM", "Belfry <mail@belfry.test>")
            // What was under way when the process died is given up within the run.
            .env("BELFRY_EMAIL__LEASE_SECONDS", "4")
            .env("BELFRY_SCHEDULER__LEASE_SECONDS", "2")
            .env("BELFRY_SCHEDULER__SWEEP", "*/3 * * * * *")
            .env("BELFRY_REMINDERS__OFFSETS_MINUTES", "1,2")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let redis = std::env::var("BELFRY_TEST_REDIS_URL").ok();
        if let Some(redis) = redis.filter(|_| fresh.store.engine() == "postgres") {
            command.args(["--redis-url", &redis]);
        }
        if let Some(value) = value {
            command.env(variable, value);
        }
        let mut server = Self {
            process: command.spawn().unwrap(),
            base: format!("http://{address}"),
        };
        let http = crate::engine::http();
        eventually("the server becomes ready", async || {
            let ready = http.get(format!("{}/readyz", server.base)).send().await;
            // One that is told to die may do so before anybody asks for anything.
            ready.is_ok_and(|answer| answer.status() == 200) || server.is_dead()
        })
        .await;
        server
    }

    pub fn is_dead(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Waits until the process has died by itself, and kills it after `patience`. Answers whether it had.
    pub async fn outlast(&mut self, patience: Duration) -> bool {
        let begun = Moment::now();
        while begun.elapsed() < patience {
            if self.is_dead() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.kill();
        false
    }
}

/// The names of all points that the sources have. A digest's is left out: it closes on the hour, which no run of seconds
/// waits for; those of visits are another story's (`super::queue`).
pub fn points() -> Vec<String> {
    let mut names = BTreeSet::new();
    for folder in ["store/src", "actors/src", "src"] {
        collect(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut names,
        );
    }
    assert!(names.len() > 20, "{names:?}");
    names.remove("digest.closing");
    // Lines have a story of their own.
    names.retain(|name| !name.starts_with("visit."));
    names.into_iter().collect()
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let named = text.split("crash::point(\"").skip(1);
            names.extend(named.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
}
