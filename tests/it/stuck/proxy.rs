//! A network that can stop: a proxy before a server, whose connections can be left hanging without a word.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A way to a server. Ends when dropped.
pub struct Proxy {
    pub address: SocketAddr,
    /// Connections with a lower number pass nothing on.
    stuck_below: watch::Sender<usize>,
    accepted: Arc<AtomicUsize>,
    /// How long new connections take to be made.
    delay: watch::Sender<Duration>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Passes everything on to `server`.
    pub async fn to(server: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stuck_below, stuck) = watch::channel(0);
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = accepted.clone();
        let (delay, delayed) = watch::channel(Duration::ZERO);
        let task = tokio::spawn(async move {
            // Dropped with the task: its connections end with the proxy.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let (server, stuck) = (server.clone(), stuck.clone());
                let delay = *delayed.borrow();
                connections.spawn(async move {
                    tokio::time::sleep(delay).await;
                    let Ok(far) = TcpStream::connect(server).await else {
                        return;
                    };
                    near.set_nodelay(true).unwrap();
                    far.set_nodelay(true).unwrap();
                    let (near_read, near_write) = near.into_split();
                    let (far_read, far_write) = far.into_split();
                    tokio::select! {
                        () = pass(near_read, far_write, number, stuck.clone()) => {}
                        () = pass(far_read, near_write, number, stuck) => {}
                    }
                });
            }
        });
        Self {
            address,
            stuck_below,
            accepted,
            delay,
            task,
        }
    }

    /// From now on nothing gets through, on old connections or new ones, and nobody is told.
    pub fn hang(&self) {
        self.stuck_below.send_replace(usize::MAX);
    }

    /// What hung goes on where it stood.
    pub fn go_on(&self) {
        self.stuck_below.send_replace(0);
    }

    /// From now on a new connection takes so long.
    pub fn slow_down(&self, delay: Duration) {
        self.delay.send_replace(delay);
    }

    /// What hangs does so for ever, as if its host had gone; new connections get through.
    pub fn replace(&self) {
        let accepted = self.accepted.load(Ordering::SeqCst);
        self.stuck_below.send_replace(accepted);
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: usize,
    mut stuck: watch::Receiver<usize>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        if stuck.wait_for(|below| number >= *below).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
