//! Servers of a test's own, which it may treat badly: others lean on those of `scripts/services.sh`.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Sends a signal to processes.
pub fn signal(name: &str, processes: &[u32]) {
    let processes: Vec<String> = processes.iter().map(u32::to_string).collect();
    let sent = Command::new("kill")
        .arg(format!("-{name}"))
        .args(&processes)
        .status();
    assert!(sent.unwrap().success(), "kill -{name} {processes:?}");
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

fn wait_for_port(port: u16) {
    for _ in 0..1500 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("nobody listens on port {port}");
}
