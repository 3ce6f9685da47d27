//! Servers of a test's own, which it may treat badly: others lean on those of `scripts/services.sh`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Sends a signal to processes, which must be there.
pub fn signal(name: &str, processes: &[u32]) {
    let sent = send(name, processes);
    assert!(sent, "kill -{name} {processes:?}");
}

fn send(name: &str, processes: &[u32]) -> bool {
    let processes = processes.iter().map(u32::to_string);
    let sent = Command::new("kill")
        .arg(format!("-{name}"))
        .args(processes)
        .stderr(Stdio::null())
        .status();
    sent.unwrap().success()
}

/// Whether there is a private server to be had; says so when there is not.
pub fn at_hand() -> bool {
    let there = std::env::var("BELFRY_TEST_REDIS_URL").is_ok();
    if !there {
        eprintln!("BELFRY_TEST_REDIS_URL is not set: not tried with Redis");
    }
    there
}

/// A Redis server. It forgets everything when it is killed.
pub struct Redis {
    process: Option<Child>,
    port: u16,
}

impl Redis {
    /// One that is not running yet.
    pub fn planned() -> Self {
        Self {
            process: None,
            port: free_port(),
        }
    }

    pub fn running() -> Self {
        let mut redis = Self::planned();
        redis.start();
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it on its port, and waits until it accepts connections.
    pub fn start(&mut self) {
        let process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.process = Some(process);
        wait_for_port(self.port);
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it is running");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Lets it hang: connections stay open and nothing is answered.
    pub fn freeze(&self) {
        signal("STOP", &[self.id()]);
    }

    pub fn thaw(&self) {
        signal("CONT", &[self.id()]);
    }

    fn id(&self) -> u32 {
        self.process.as_ref().expect("it is running").id()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}

/// A PostgreSQL server. What it acknowledged outlives it.
pub struct Postgres {
    folder: PathBuf,
    process: Option<Child>,
    port: u16,
}

impl Postgres {
    pub fn running() -> Self {
        let name = format!("belfry-postgres-{}", uuid::Uuid::now_v7().simple());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        if let Some((user, group)) = other_user() {
            chown(&folder, Some(user), Some(group)).unwrap();
        }
        let made = program("initdb")
            .args([
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ])
            .args(["--no-sync", "-D"])
            .arg(&folder)
            .current_dir(&folder)
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb");
        let mut postgres = Self {
            folder,
            process: None,
            port: free_port(),
        };
        postgres.start();
        postgres
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it on its port. It may still be recovering when it accepts connections.
    pub fn start(&mut self) {
        let log = fs::File::create(self.folder.join("log")).unwrap();
        // Only the machine's end would be outlived by fsync, and that is not what is tried.
        let process = program("postgres")
            .args(["-p", &self.port.to_string(), "-c", "fsync=off", "-D"])
            .arg(&self.folder)
            .args(["-c", "listen_addresses=127.0.0.1", "-k"])
            .arg(&self.folder)
            .current_dir(&self.folder)
            .stderr(log)
            .spawn();
        self.process = Some(process.unwrap());
        wait_for_port(self.port);
    }

    /// Ends every connection and the server without a word or a checkpoint.
    pub fn stop_at_once(&mut self) {
        let mut process = self.process.take().expect("it is running");
        signal("QUIT", &[process.id()]);
        process.wait().unwrap();
    }

    /// Lets every one of its processes hang: connections stay open, new ones are made by the kernel, and
    /// nothing is answered.
    pub fn freeze(&self) {
        // The first one alone starts others.
        signal("STOP", &[self.id()]);
        // One of them may have ended since it was found.
        send("STOP", &children(self.id()));
    }

    pub fn thaw(&self) {
        send("CONT", &children(self.id()));
        signal("CONT", &[self.id()]);
    }

    fn id(&self) -> u32 {
        self.process.as_ref().expect("it is running").id()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.thaw();
            self.stop_at_once();
        }
        // The folder is in a place that is cleared anyway.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A program of the newest PostgreSQL that is installed, which refuses to run as root.
fn program(name: &str) -> Command {
    let newest = fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is installed")
        .map(|entry| entry.unwrap().path().join("bin").join(name))
        .filter(|path| path.exists())
        .max_by_key(|path| version(path));
    let mut command = Command::new(newest.expect("PostgreSQL is installed"));
    if let Some((user, group)) = other_user() {
        command.uid(user).gid(group);
    }
    command
}

fn version(path: &Path) -> u32 {
    let mut parts = path.iter().filter_map(|part| part.to_str()?.parse().ok());
    parts.next().unwrap_or_default()
}

/// Who runs PostgreSQL when root runs the tests.
fn other_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse::<u32>()
            .unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap();
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        // The name in brackets may hold anything; the parent is the second word after it.
        let line = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let after = line.rsplit(')').next().unwrap_or_default();
        after.split_whitespace().nth(1) == Some(&parent.to_string())
    })
    .collect()
}

/// Waits until somebody listens on a port.
pub fn wait_for_port(port: u16) {
    for _ in 0..1500 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("nobody listens on port {port}");
}
