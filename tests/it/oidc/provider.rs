//! The real provider, as a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::{HOUSE, SECRET};

/// The package `oidc-provider`, at an address of its own.
pub struct RealProvider {
    pub issuer: String,
    process: Child,
}

impl RealProvider {
    /// Starts it, or says that it cannot be tried.
    pub async fn start() -> Option<Self> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc");
        if !std::path::Path::new(folder).join("node_modules").exists() {
            eprintln!("NOT TRIED: scripts/install.sh oidc installs the provider");
            return None;
        }
        let redirect = format!("{HOUSE}/auth/oidc/callback");
        let mut process = Command::new("node")
            .args(["provider.js", "0", &redirect, SECRET])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut lines = lines.map_while(Result::ok);
            let address = lines.find(|line| line.starts_with("http://"));
            ready.send(address).ok();
            // Whatever else it says is let go, so that it never waits for a reader.
            lines.for_each(drop);
        });
        let issuer = is_ready.await.unwrap().expect("the provider starts");
        Some(Self { issuer, process })
    }

    /// Gives it other keys.
    pub async fn rotate(&self) {
        let url = format!("{}/rotate", self.issuer);
        let answer = crate::engine::http().post(url).send().await.unwrap();
        assert_eq!(answer.status(), 204);
    }
}

impl Drop for RealProvider {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
