//! A mail server that keeps what it is sent and fails on demand.

use crate::eventually::eventually;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the server is today.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    Well,
    /// Nothing listens, and what was connected is cut off.
    Down,
    Greylisting,
    NobodyHere,
    /// Refuses after having read the text.
    NoSpam,
    /// Keeps the mail but hangs up before saying so.
    HangUpAfterText,
    /// Turns everybody away at the door.
    Busy,
    /// Every mailbox is full for the moment.
    Full,
    /// Goes silent at a place of the conversation, and keeps the connection open.
    Silent(Place),
}

/// A place of the conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Greeting,
    Sender,
    Recipient,
    /// The request to send the text.
    Data,
    /// After the text has arrived.
    Text,
}

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub to: String,
    /// Everything after DATA, soft line breaks of quoted-printable undone.
    pub text: String,
    /// Everything after DATA, as it came.
    pub raw: String,
}

struct Shared {
    mood: Mutex<Mood>,
    received: Mutex<Vec<Received>>,
    conversations: Mutex<Vec<JoinHandle<()>>>,
    /// Nobody hears the end of a conversation about these people.
    silent_about: Mutex<HashSet<String>>,
}

impl Shared {
    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    /// Waits where the server is silent, for as long as it is.
    async fn pass(&self, place: Place) {
        while self.mood() == Mood::Silent(place) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

pub struct MailServer {
    port: u16,
    shared: Arc<Shared>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            mood: Mutex::new(Mood::Well),
            received: Mutex::default(),
            conversations: Mutex::default(),
            silent_about: Mutex::default(),
        });
        let listening = Mutex::new(Some(tokio::spawn(listen(listener, shared.clone()))));
        Self {
            port,
            shared,
            listening,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub async fn set(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
        if mood == Mood::Down {
            let listening = self.listening.lock().unwrap().take().unwrap();
            let conversations = std::mem::take(&mut *self.shared.conversations.lock().unwrap());
            for task in conversations.into_iter().chain([listening]) {
                task.abort();
                task.await.ok();
            }
        } else if self.listening.lock().unwrap().is_none() {
            let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
            let task = tokio::spawn(listen(listener, self.shared.clone()));
            *self.listening.lock().unwrap() = Some(task);
        }
    }

    /// From now on mails to this address hang before their text is asked for.
    pub fn be_silent_about(&self, address: &str) {
        let mut silent = self.shared.silent_about.lock().unwrap();
        silent.insert(address.to_owned());
    }

    /// Waits for so many mails and answers all there are.
    pub async fn mails(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} mails come"), async || {
            let received = self.shared.received.lock().unwrap().clone();
            (received.len() >= count).then_some(received)
        })
        .await
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let conversation = converse(stream, shared.clone());
        let task = tokio::spawn(async move {
            conversation.await.ok();
        });
        shared.conversations.lock().unwrap().push(task);
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut to = String::new();
    if shared.mood() == Mood::Busy {
        return write.write_all(b"421 4.3.2 too busy\r\n").await;
    }
    shared.pass(Place::Greeting).await;
    write.write_all(b"220 mail.test ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let mood = shared.mood();
        let upper = line.to_ascii_uppercase();
        let answer = if upper.starts_with("EHLO") {
            "250-mail.test\r\n250 ENHANCEDSTATUSCODES"
        } else if upper.starts_with("MAIL") {
            shared.pass(Place::Sender).await;
            "250 2.1.0 ok"
        } else if upper.starts_with("RCPT") {
            shared.pass(Place::Recipient).await;
            to = line[line.find('<').unwrap() + 1..line.find('>').unwrap()].to_owned();
            let is_silent = shared.silent_about.lock().unwrap().contains(&to);
            if is_silent {
                std::future::pending::<()>().await;
            }
            match mood {
                Mood::Greylisting => "451 4.7.1 come back later",
                Mood::NobodyHere => "550 5.1.1 no such user",
                Mood::Full => "452 4.2.2 mailbox full",
                _ if to.starts_with("gone-") => "550 5.1.1 no such user",
                _ => "250 2.1.5 ok",
            }
        } else if upper == "DATA" {
            shared.pass(Place::Data).await;
            write.write_all(b"354 go ahead\r\n").await?;
            let mut text = String::new();
            loop {
                // Whoever hangs up in the middle has sent nothing.
                let Some(line) = lines.next_line().await? else {
                    return Ok(());
                };
                if line == "." {
                    break;
                }
                text.push_str(line.strip_prefix('.').unwrap_or(&line));
                text.push_str("\r\n");
            }
            if mood == Mood::NoSpam {
                "554 5.7.1 looks like spam"
            } else {
                let raw = text;
                let text = raw.replace("=\r\n", "").replace("=0D=0A", "\r\n");
                let to = to.clone();
                let received = Received { to, text, raw };
                shared.received.lock().unwrap().push(received);
                shared.pass(Place::Text).await;
                if mood == Mood::HangUpAfterText {
                    return Ok(());
                }
                "250 2.0.0 ok: queued as 42"
            }
        } else if upper == "QUIT" {
            write.write_all(b"221 bye\r\n").await?;
            return Ok(());
        } else {
            "250 2.0.0 ok"
        };
        write.write_all(answer.as_bytes()).await?;
        write.write_all(b"\r\n").await?;
    }
    Ok(())
}
