//! A connection whose client must begin soon: whoever connects and says nothing would otherwise be waited for without
//! end. Afterwards HTTP/2 asks by itself whether somebody is there.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// HTTP/2's preface and the head of the frame that must follow it (RFC 9113 §3.4).
const BEGINNING: usize = 24 + 9;
/// Bytes sent and never acknowledged, or a window closed this long, end a connection.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// A stream that fails with `TimedOut` when its client does not begin in time.
pub struct Prompt {
    stream: TcpStream,
    /// How much of the beginning has not come yet, and until when it may.
    awaited: Option<(usize, Pin<Box<Sleep>>)>,
}

impl Prompt {
    /// Lets the client begin within `limit`.
    pub fn new(stream: TcpStream, limit: Duration) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection gathers its small packets");
        }
        #[cfg(target_os = "linux")]
        if let Err(error) = SockRef::from(&stream).set_tcp_user_timeout(Some(USER_TIMEOUT)) {
            tracing::warn!(%error, "a connection has no time-out for unacknowledged bytes");
        }
        Self {
            stream,
            awaited: Some((BEGINNING, Box::pin(sleep(limit)))),
        }
    }
}

impl Connected for Prompt {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(task, buffer);
        if let Some((left, limit)) = &mut self.awaited {
            *left = left.saturating_sub(buffer.filled().len() - before);
            if *left == 0 {
                self.awaited = None;
            } else if limit.as_mut().poll(task).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(task, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}
