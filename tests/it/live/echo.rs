//! The server as an echo: what conformance suites talk to.
//!
//! A conformance suite sends texts and wants them back. The product has no echo, but it has a ping that
//! returns its `ref`. This stands between the two, frame by frame and piece by piece: it puts the text of
//! a message inside a ping and takes it out of the pong again. Heads, masks, fragments, control frames, the
//! closing handshake and the cuts between the bytes pass as they are, so that all of them meet the server.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

use belfry_domain::id::UserId;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::house::Node;
use super::tab::{Hand, read_frame};

/// Around the text of a message, to make it a ping.
const BEFORE: &[u8] = br#"{"type":"ping","ref":""#;
const AFTER: &[u8] = br#""}"#;

/// Answers as an echo server, until dropped by its runtime. Every connection is one of `user` on `node`.
pub async fn serve(node: Rc<Node>, user: UserId) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    actix_rt::spawn(async move {
        while let Ok((suite, _)) = listener.accept().await {
            actix_rt::spawn(between(suite, node.clone(), user));
        }
    });
    address
}

/// Texts on their way: as they were, for the server gets some bytes in disguise.
type Sent = Rc<RefCell<VecDeque<Vec<u8>>>>;

async fn between(mut suite: TcpStream, node: Rc<Node>, user: UserId) {
    suite.set_nodelay(true).unwrap();
    let mut server = TcpStream::connect(node.address).await.unwrap();
    server.set_nodelay(true).unwrap();
    let request = head(&mut suite).await;
    let (_, rest) = request.split_once("\r\n").unwrap();
    let request = format!("GET {} HTTP/1.1\r\n{rest}", node.socket_path(user, None));
    server.write_all(request.as_bytes()).await.unwrap();
    let answer = head(&mut server).await;
    let mut server = Hand { stream: server };
    let welcome = server.frame().await.unwrap();
    assert!(welcome.1.starts_with(br#"{"type":"welcome""#));
    suite.write_all(answer.as_bytes()).await.unwrap();
    let (from_suite, to_suite) = suite.into_split();
    let (from_server, to_server) = server.stream.into_split();
    let sent = Sent::default();
    let there = Disguise::new(sent.clone()).pump(from_suite, to_server);
    let back = reveal(from_server, to_suite, sent);
    // Either side may go whenever it likes.
    let _ = futures::future::join(there, back).await;
}

/// The head of a request or an answer.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// From the suite to the server.
struct Disguise {
    sent: Sent,
    /// The head of a frame that is not all here.
    head: Vec<u8>,
    frame: Option<Frame>,
    /// The text of the message under way, as far as it has passed.
    text: Option<Vec<u8>>,
}

/// The frame whose payload is passing.
struct Frame {
    left: u64,
    /// Mask, and how much was masked with it on either side; `None` for what passes as it is.
    mask: Option<Mask>,
    last: bool,
}

struct Mask {
    key: [u8; 4],
    read: usize,
    written: usize,
}

impl Mask {
    fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            out.push(byte ^ self.key[self.written % 4]);
            self.written += 1;
        }
    }
}

impl Disguise {
    fn new(sent: Sent) -> Self {
        Self {
            sent,
            head: Vec::new(),
            frame: None,
            text: None,
        }
    }

    async fn pump(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> Option<()> {
        let mut piece = vec![0; 64 * 1024];
        loop {
            let length = from
                .read(&mut piece)
                .await
                .ok()
                .filter(|length| *length > 0)?;
            let mut out = Vec::new();
            let mut rest = &piece[..length];
            while !rest.is_empty() {
                rest = self.pass(rest, &mut out);
            }
            to.write_all(&out).await.ok()?;
        }
    }

    /// Passes what belongs to one frame; answers the rest.
    fn pass<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let Some(frame) = &mut self.frame else {
            self.head.push(bytes[0]);
            self.begin(out);
            return &bytes[1..];
        };
        let (now, later) = bytes.split_at(bytes.len().min(frame.left as usize));
        frame.left -= now.len() as u64;
        match (&mut frame.mask, &mut self.text) {
            (Some(mask), Some(text)) => {
                for byte in now {
                    let byte = byte ^ mask.key[mask.read % 4];
                    mask.read += 1;
                    text.push(byte);
                    mask.write(&[disguised(byte)], out);
                }
            }
            _ => out.extend_from_slice(now),
        }
        self.end_if_over(out);
        later
    }

    /// Sends the head on once it is whole, with the length that the payload will have.
    fn begin(&mut self, out: &mut Vec<u8>) {
        let [first, second, rest @ ..] = &self.head[..] else {
            return;
        };
        let long = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if rest.len() < long + 4 {
            return;
        }
        assert!(second & 0x80 != 0, "the suite masks everything");
        let length = match long {
            0 => u64::from(second & 0x7f),
            _ => rest[..long]
                .iter()
                .fold(0, |sum, digit| sum << 8 | u64::from(*digit)),
        };
        let key = [rest[long], rest[long + 1], rest[long + 2], rest[long + 3]];
        let last = first & 0x80 != 0;
        let of_text = first & 0x0f == 1 || first & 0x0f == 0 && self.text.is_some();
        if !of_text {
            out.extend_from_slice(&self.head);
            self.frame = Some(Frame {
                left: length,
                mask: None,
                last,
            });
        } else {
            let begins = first & 0x0f == 1;
            let before = if begins { BEFORE } else { b"" };
            let after = if last { AFTER } else { b"" };
            let whole = length as usize + before.len() + after.len();
            out.push(*first);
            match whole {
                0..126 => out.push(0x80 | whole as u8),
                126..65_536 => {
                    out.push(0x80 | 126);
                    out.extend((whole as u16).to_be_bytes());
                }
                _ => {
                    out.push(0x80 | 127);
                    out.extend((whole as u64).to_be_bytes());
                }
            }
            out.extend(key);
            let mut mask = Mask {
                key,
                read: 0,
                written: 0,
            };
            mask.write(before, out);
            if begins {
                self.text = Some(Vec::new());
            }
            self.frame = Some(Frame {
                left: length,
                mask: Some(mask),
                last,
            });
        }
        self.head.clear();
        self.end_if_over(out);
    }

    fn end_if_over(&mut self, out: &mut Vec<u8>) {
        let Some(frame) = self.frame.take_if(|frame| frame.left == 0) else {
            return;
        };
        if let (Some(mut mask), true) = (frame.mask, frame.last) {
            mask.write(AFTER, out);
            self.sent.borrow_mut().push_back(self.text.take().unwrap());
        }
    }
}

/// A byte that JSON would want escaped, as another that it does not: the length and the validity of the text
/// stay what they are.
fn disguised(byte: u8) -> u8 {
    match byte {
        0..0x20 | b'"' | b'\\' => b'?',
        other => other,
    }
}

/// From the server to the suite.
async fn reveal(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, sent: Sent) -> Option<()> {
    loop {
        let (opcode, payload) = read_frame(&mut from).await?;
        let payload = match opcode {
            1 => {
                let pong: Value = serde_json::from_slice(&payload).unwrap();
                assert_eq!(pong["type"], "pong", "{pong}");
                let text = sent.borrow_mut().pop_front().unwrap();
                let disguised: Vec<u8> = text.iter().copied().map(disguised).collect();
                assert_eq!(pong["ref"].as_str().unwrap().as_bytes(), disguised);
                text
            }
            _ => payload,
        };
        // A server of ours sends nothing in fragments.
        let mut out = vec![0x80 | opcode];
        match payload.len() {
            length @ 0..126 => out.push(length as u8),
            length => {
                out.push(126);
                out.extend((length as u16).to_be_bytes());
            }
        }
        out.extend(payload);
        to.write_all(&out).await.ok()?;
    }
}
