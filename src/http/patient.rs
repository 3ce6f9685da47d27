//! A connection whose client has so long and no longer.
//!
//! The HTTP server limits how long the head of a connection's first request may take, and nothing after it: a
//! byte now and then would hold a second head, a body that nobody reads or an answer for as long as somebody
//! likes. Here the connection itself counts. A request must have been answered, or its answer must have begun,
//! within the limit after its first byte; what waits to be sent must be taken within the same time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A stream that fails with `TimedOut` when its client takes too long.
pub struct Patient<T> {
    stream: T,
    limit: Duration,
    /// Since when a request has been coming in to which nothing was answered yet.
    asking: Option<Instant>,
    /// Since when bytes have been waiting to be taken.
    taking: Option<Instant>,
    /// Rings no later than the limit of what is going on. It is not turned back when that is over: it rings for
    /// nothing then, which is cheaper than winding it for each request.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<T> Patient<T> {
    /// Bounds what goes over `stream`.
    pub fn new(stream: T, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            asking: None,
            taking: None,
            alarm: None,
        }
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &T {
        &self.stream
    }

    /// The stream alone, without limits from now on.
    pub fn into_inner(self) -> T {
        self.stream
    }

    /// Whether what began at `since` has taken too long; if not, the task is woken when it has.
    fn is_over(&mut self, since: Instant, task: &mut Context<'_>) -> bool {
        let end = since + self.limit;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if alarm.deadline() > end {
            alarm.as_mut().reset(end);
        }
        while alarm.as_mut().poll(task).is_ready() {
            if Instant::now() >= end {
                return true;
            }
            alarm.as_mut().reset(end);
        }
        false
    }

    /// Notes what became of a write.
    fn written(
        &mut self,
        done: Poll<io::Result<usize>>,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match done {
            Poll::Ready(Ok(_)) => self.asking = None,
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let since = *self.taking.get_or_insert_with(Instant::now);
                if self.is_over(since, task) {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        done
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let done = Pin::new(&mut this.stream).poll_read(task, buffer);
        if buffer.filled().len() > before && this.asking.is_none() {
            this.asking = Some(Instant::now());
        }
        let is_late = match (&done, this.asking) {
            (_, None) => false,
            (Poll::Ready(_), Some(since)) => since.elapsed() >= this.limit,
            (Poll::Pending, Some(since)) => this.is_over(since, task),
        };
        if is_late {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        done
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_write(task, bytes);
        this.written(done, task)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_write_vectored(task, slices);
        this.written(done, task)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when everything that was gathered has been written.
    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.taking = None;
        Pin::new(&mut this.stream).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Passes soon; nothing here depends on how soon.
    const SHORT: Duration = Duration::from_millis(50);
    /// Never passes.
    const LONG: Duration = Duration::from_secs(3600);

    #[actix_rt::test]
    async fn a_request_byte_by_byte_is_given_up_although_bytes_keep_coming() {
        let (mut client, server) = duplex(64);
        let mut server = Patient::new(server, SHORT);
        let trickle = tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
        });
        let failure = loop {
            if let Err(failure) = server.read_u8().await {
                break failure;
            }
        };
        assert_eq!(failure.kind(), io::ErrorKind::TimedOut);
        drop(server);
        trickle.await.unwrap();
    }

    #[actix_rt::test]
    async fn a_request_that_is_not_answered_is_given_up() {
        let (mut client, server) = duplex(64);
        let mut server = Patient::new(server, SHORT);
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'x');
        let failure = server.read_u8().await.unwrap_err();
        assert_eq!(failure.kind(), io::ErrorKind::TimedOut);
    }

    #[actix_rt::test]
    async fn an_answer_ends_the_time_of_its_request() {
        let (mut client, server) = duplex(64);
        let mut server = Patient::new(server, LONG);
        for _ in 0..3 {
            client.write_all(b"x").await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), b'x');
            assert!(server.asking.is_some());
            server.write_all(b"y").await.unwrap();
            assert!(server.asking.is_none());
            assert_eq!(client.read_u8().await.unwrap(), b'y');
        }
    }

    #[actix_rt::test]
    async fn who_asks_nothing_may_stay() {
        let (_client, server) = duplex(64);
        let mut server = Patient::new(server, SHORT);
        let waited = tokio::time::timeout(SHORT * 3, server.read_u8()).await;
        assert!(waited.is_err(), "{waited:?}");
    }

    #[actix_rt::test]
    async fn an_answer_that_nobody_takes_is_given_up() {
        let (mut client, server) = duplex(64);
        let mut server = Patient::new(server, SHORT);
        let failure = server.write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(failure.kind(), io::ErrorKind::TimedOut);
        // What is taken in time may go on.
        client.read_exact(&mut [0; 64]).await.unwrap();
        server.flush().await.unwrap();
        assert!(server.taking.is_none());
        server.write_all(b"y").await.unwrap();
    }
}
