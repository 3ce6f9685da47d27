//! Raw bytes to a node and back.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::town::Town;

/// Only a failure waits this long.
const LIMIT: Duration = Duration::from_secs(30);

/// A connection to a node, spoken to by hand.
pub struct Wire {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Heard {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Wire {
    /// Connects to the first node.
    pub async fn open(town: &Town) -> Self {
        Self {
            stream: TcpStream::connect(town.nodes[0].address).await.unwrap(),
            unread: Vec::new(),
        }
    }

    /// Connects and sends.
    pub async fn say(town: &Town, bytes: impl AsRef<[u8]>) -> Self {
        let mut wire = Self::open(town).await;
        wire.send(bytes).await;
        wire
    }

    /// Sends; a server that has closed by now is no failure here.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let sent = timeout(LIMIT, self.stream.write_all(bytes.as_ref())).await;
        sent.expect("the server takes bytes or closes").is_ok()
    }

    /// More bytes; `false` at the end.
    async fn more(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.unread);
        let read = timeout(LIMIT, read).await;
        // Reset is an end, too.
        read.expect("the server answers or closes").unwrap_or(0) > 0
    }

    /// The next answer; `None` when the connection ends before one.
    pub async fn hear(&mut self) -> Option<Heard> {
        let end = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                break end;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8(self.unread[..end].to_vec()).unwrap();
        self.unread.drain(..end + 4);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut heard = Heard {
            status,
            head,
            body: Vec::new(),
        };
        let length = heard.header("content-length").unwrap_or("0");
        let length: usize = length.parse().unwrap();
        while self.unread.len() < length && self.more().await {}
        heard.body = self.unread.drain(..length).collect();
        Some(heard)
    }

    /// Every answer until the connection ends.
    pub async fn hear_out(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        while let Some(answer) = self.hear().await {
            heard.push(answer);
        }
        heard
    }

    /// Whether the server closes now; whatever it says before that is thrown away.
    pub async fn is_closed(&mut self) -> bool {
        self.unread.clear();
        while self.more().await {
            self.unread.clear();
        }
        true
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// A request without a body.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: belfry.test\r\n\r\n")
}

/// A log-in with more headers and whatever follows.
pub fn login(headers: &str, rest: &str) -> String {
    format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: belfry.test\r\nContent-Type: application/json\r\n\
         {headers}\r\n{rest}"
    )
}
