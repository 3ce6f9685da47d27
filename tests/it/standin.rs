//! Providers on this machine: real HTTP servers that write down what they were asked and answer as told.

/// Text messages by eSMS.
pub mod esms;
/// Firebase Cloud Messaging.
pub mod fcm;
/// Text messages by whoever takes an HTTP request.
pub mod http_sms;
/// Text messages by SpeedSMS.
pub mod speedsms;
/// The Bot API of Telegram, and the people who write to a bot.
pub mod telegram;
/// A push service of browsers.
pub mod web_push;
/// Template messages by Zalo.
pub mod zns;

use crate::eventually::eventually;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a provider was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    /// A header by its name in small letters; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What it does then.
#[derive(Clone, Debug)]
pub enum Reply {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// Takes the request and closes the connection without a word.
    Cut,
    /// Answers so much later.
    Late(Duration, Box<Reply>),
}

impl Reply {
    /// A bare status.
    pub fn status(status: u16) -> Self {
        Self::text(status, "")
    }

    /// A status with a text.
    pub fn text(status: u16, body: &str) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }

    /// A status with a JSON document.
    pub fn json(status: u16, body: Value) -> Self {
        Self::text(status, &body.to_string()).with("content-type", "application/json")
    }

    /// The same with one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

type Usual = dyn Fn(&Asked) -> Reply + Send + Sync;

struct Shared {
    asked: Mutex<Vec<Asked>>,
    script: Mutex<VecDeque<Reply>>,
    usual: Box<Usual>,
}

/// A provider that speaks HTTP/1.1.
pub struct StandIn {
    port: u16,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

impl StandIn {
    /// Starts one that does what `usual` says, unless it was told otherwise.
    pub async fn start(usual: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            asked: Mutex::default(),
            script: Mutex::default(),
            usual: Box::new(usual),
        });
        let listening = tokio::spawn(listen(listener, shared.clone()));
        Self {
            port,
            shared,
            listening,
        }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it does at the next requests, in this order, before it goes on as usual.
    pub fn next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.script.lock().unwrap().extend(replies);
    }

    /// Everything it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Waits until it was asked so often and answers everything.
    pub async fn asked_times(&self, times: usize) -> Vec<Asked> {
        eventually(&format!("asked {times} times"), async || {
            let asked = self.asked();
            if asked.len() < times {
                return Err(asked);
            }
            Ok(asked)
        })
        .await
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            // Whoever hangs up has heard enough.
            converse(stream, &shared).await.ok();
        });
    }
}

async fn converse(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(asked) = take(&mut read).await? {
        let told = shared.script.lock().unwrap().pop_front();
        let mut reply = told.unwrap_or_else(|| (shared.usual)(&asked));
        shared.asked.lock().unwrap().push(asked);
        while let Reply::Late(delay, later) = reply {
            tokio::time::sleep(delay).await;
            reply = *later;
        }
        let Reply::Answer {
            status,
            headers,
            body,
        } = reply
        else {
            return Ok(());
        };
        let mut head = format!(
            "HTTP/1.1 {status} As told\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        write
            .write_all(format!("{head}\r\n{body}").as_bytes())
            .await?;
    }
    Ok(())
}

/// Reads one request; `None` when there are no more.
async fn take(read: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    read.read_line(&mut line).await?;
    let mut words = line.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut headers = Vec::new();
    loop {
        line.clear();
        read.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked {
        method,
        path,
        headers,
        body: Vec::new(),
    };
    let length = asked.header("content-length").parse().unwrap_or(0);
    asked.body = vec![0; length];
    read.read_exact(&mut asked.body).await?;
    Ok(Some(asked))
}
