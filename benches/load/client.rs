//! One keep-alive HTTP/1.1 connection, as bare as it can be: what is measured is the server.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the server said.
pub struct Answer {
    pub status: u16,
    pub etag: Option<String>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{}: {}", self.status, String::from_utf8_lossy(&self.body)))
    }
}

/// A connection that is used again and again.
pub struct Client {
    host: String,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub async fn connect(url: &str) -> Result<Self> {
        let host = url
            .strip_prefix("http://")
            .context("only http:// addresses")?
            .trim_end_matches('/')
            .to_owned();
        let stream = TcpStream::connect(&host)
            .await
            .with_context(|| host.clone())?;
        stream.set_nodelay(true)?;
        Ok(Self {
            host,
            stream,
            buffer: Vec::with_capacity(64 * 1024),
        })
    }

    /// Sends one request and waits for its whole answer.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        etag: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.host);
        if let Some(token) = token {
            request += &format!("authorization: Bearer {token}\r\n");
        }
        if let Some(etag) = etag {
            request += &format!("if-none-match: {etag}\r\n");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            request += "content-type: application/json\r\n";
        }
        request += &format!("content-length: {}\r\n\r\n{body}", body.len());
        self.stream.write_all(request.as_bytes()).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<Answer> {
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).into_owned();
        let status: u16 = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .with_context(|| format!("no status in {text:?}"))?;
        let length = match header(&text, "content-length") {
            Some(length) => length.parse::<usize>()?,
            None if status == 204 || status == 304 => 0,
            None => bail!("an answer without content-length: {text}"),
        };
        while self.buffer.len() < head + length {
            self.more().await?;
        }
        Ok(Answer {
            status,
            etag: header(&text, "etag").map(str::to_owned),
            body: self.buffer[head..head + length].to_vec(),
        })
    }

    async fn more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
