//! What waits to be written to a socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_rt::net::TcpStream;
use bytes::Bytes;
use tokio::io::AsyncWrite;

/// Buffers given to the kernel in one call.
const SLICES: usize = 64;

/// Frames in order, shared with every other session that gets them.
#[derive(Default)]
pub struct Outgoing {
    frames: VecDeque<Bytes>,
    /// How much of the first of them has left.
    begun: usize,
}

impl Outgoing {
    pub fn push(&mut self, frame: Bytes) {
        self.frames.push_back(frame);
    }

    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Forgets everything but a frame that has already begun and must be ended.
    pub fn keep_begun(&mut self) {
        self.frames.truncate(usize::from(self.begun > 0));
    }

    /// Writes as much as the socket takes in one call; answers how much that was.
    pub fn poll_write(
        &mut self,
        stream: &mut TcpStream,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            let from = if count == 0 { self.begun } else { 0 };
            *slice = IoSlice::new(&frame[from..]);
            count += 1;
        }
        let sent = match &slices[..count] {
            // The plain call is the cheaper one, and one frame the usual case.
            [single] => ready!(Pin::new(stream).poll_write(task, single))?,
            several => ready!(Pin::new(stream).poll_write_vectored(task, several))?,
        };
        if sent == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.drop_sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn drop_sent(&mut self, sent: usize) {
        self.begun += sent;
        while let Some(first) = self.frames.front() {
            if self.begun < first.len() {
                return;
            }
            self.begun -= first.len();
            self.frames.pop_front();
        }
        // Most sessions are idle most of the time: an empty queue keeps no memory.
        self.frames = VecDeque::new();
    }
}
