//! Clients: a browser tab, and a hand that writes bytes no browser would.

use std::net::SocketAddr;

use belfry_domain::id::UserId;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::house::{Node, PATIENCE};

/// A client that keeps the rules.
pub struct Tab {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Tab {
    /// Connects and hears the welcome.
    pub async fn open(node: &Node, user: UserId, after: Option<i64>) -> (Self, Value) {
        let mut tab = Self::at(node.address, &node.socket_path(user, after)).await;
        let welcome = tab.next().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        assert_eq!(welcome["user_id"], user.to_string());
        (tab, welcome)
    }

    pub async fn at(address: SocketAddr, path: &str) -> Self {
        let (socket, _) = connect_async(format!("ws://{address}{path}"))
            .await
            .unwrap();
        Self { socket }
    }

    /// The status of a refused handshake and its problem document.
    pub async fn refused(address: SocketAddr, path: &str) -> (u16, Value) {
        match connect_async(format!("ws://{address}{path}")).await {
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                (
                    response.status().as_u16(),
                    serde_json::from_slice(&body).unwrap(),
                )
            }
            other => panic!("{other:?}"),
        }
    }

    /// The next JSON frame.
    pub async fn next(&mut self) -> Value {
        match self.message().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("a text frame was due, not {other:?}"),
        }
    }

    /// The next JSON frame of this type; others are passed over.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// The next JSON frame, if the connection still gives one.
    pub async fn try_next(&mut self) -> Option<Value> {
        match self.message().await {
            Some(Message::Text(text)) => Some(serde_json::from_str(&text).unwrap()),
            _ => None,
        }
    }

    /// The code with which the server closes; frames before it are passed over.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match self.message().await {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(Message::Text(_)) => {}
                other => panic!("a close frame was due, not {other:?}"),
            }
        }
    }

    async fn message(&mut self) -> Option<Message> {
        loop {
            let message = timeout(PATIENCE, self.socket.next());
            match message.await.expect("the server says nothing") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    pub async fn say(&mut self, frame: Value) {
        self.send(Message::text(frame.to_string())).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Everything said before has been heard, and everything pushed before has come.
    pub async fn settled(&mut self) -> Vec<Value> {
        self.say(json!({"type": "ping", "ref": "settled"})).await;
        let mut before = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["type"] == "pong" {
                return before;
            }
            before.push(frame);
        }
    }
}

/// A client that writes what it likes.
pub struct Hand {
    pub stream: TcpStream,
}

impl Hand {
    /// Shakes hands on a connection whose window is small, with `behind` right behind the request.
    pub async fn open(node: &Node, user: UserId, behind: &[u8]) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(node.address).await.unwrap();
        let mut hand = Self { stream };
        let mut bytes = Self::request(node, user).into_bytes();
        bytes.extend_from_slice(behind);
        hand.stream.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(hand.stream.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"));
        hand
    }

    /// Asks for a WebSocket of `user`.
    pub fn request(node: &Node, user: UserId) -> String {
        format!(
            "GET {} HTTP/1.1\r\nHost: belfry\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            node.socket_path(user, None)
        )
    }

    /// Opcode and payload of the next frame; `None` when the connection has ended.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let frame = timeout(PATIENCE, read_frame(&mut self.stream));
        frame.await.expect("the server says nothing")
    }

    /// The next JSON frame; other frames are passed over.
    pub async fn next_text(&mut self) -> Value {
        loop {
            match self.frame().await {
                Some((1, text)) => return serde_json::from_slice(&text).unwrap(),
                Some((9 | 10, _)) => {}
                other => panic!("a text frame was due, not {other:?}"),
            }
        }
    }

    /// The code with which the server closes.
    pub async fn closed(&mut self) -> u16 {
        let code = self.try_closed().await;
        code.expect("a close frame before the end of the connection")
    }

    /// The code with which the server closes, if it says one before the connection ends.
    pub async fn try_closed(&mut self) -> Option<u16> {
        loop {
            match self.frame().await? {
                (8, payload) => return Some(u16::from_be_bytes([payload[0], payload[1]])),
                _ => continue,
            }
        }
    }
}

/// Opcode and payload of the server's next frame; `None` when the connection has ended.
pub async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let head = stream.read_u8().await.ok()?;
    let length = match stream.read_u8().await.ok()? {
        126 => usize::from(stream.read_u16().await.ok()?),
        127 => stream.read_u64().await.ok()? as usize,
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head & 0x0f, payload))
}

/// A masked client frame with the zero mask.
pub fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![head];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length @ 126..65536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}
