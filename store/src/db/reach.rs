//! Whether PostgreSQL answers.
//!
//! A pool finds out by waiting, every caller for itself and each time anew. Here a watchman with a connection
//! of his own finds out for all: what is under way when the server is lost ends at once, what comes later is
//! refused without waiting, and when the server answers again everything goes on.

use std::io;
use std::time::Duration;

use metrics::gauge;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Error};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::threads;

/// How often the watchman asks.
const EVERY: Duration = Duration::from_millis(500);
/// How long an answer may take, and then a new connection. Much longer than on a machine that is merely busy.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of the server. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Reach(Option<watch::Receiver<bool>>);

impl Reach {
    /// Sets a watchman up for the server that `options` name. He takes it to answer until he knows better, and
    /// goes when nobody needs him any more. He looks from the store's own threads: on a busy one of the server
    /// he would take his own wait for the database's.
    pub(super) fn of(options: PgConnectOptions) -> Self {
        let (tell, known) = watch::channel(true);
        threads::spawn(watch_over(options, tell));
        Self(Some(known))
    }

    /// Of a file, which is always there.
    pub(super) fn of_a_file() -> Self {
        Self(None)
    }

    /// Ends when the server is lost, which it may be already.
    async fn lost(&self) -> Error {
        // A watchman who is gone went with the runtime, and so will whoever waits.
        if let Some(mut known) = self.0.clone()
            && known.wait_for(|up| !up).await.is_ok()
        {
            let why = "the server does not answer";
            return Error::Io(io::Error::new(io::ErrorKind::NotConnected, why));
        }
        std::future::pending().await
    }

    /// Does what needs the server, and gives up when the server is lost: then nobody knows what was done.
    pub(super) async fn hold<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            error = self.lost() => Err(error),
            done = work => done,
        }
    }
}

/// Asks the server again and again, and tells when its answer changes.
async fn watch_over(options: PgConnectOptions, tell: watch::Sender<bool>) {
    let mut connection = None;
    loop {
        tokio::select! {
            () = tell.closed() => return,
            () = sleep(EVERY) => {}
        }
        let answer = look(&options, &mut connection).await;
        let changed = tell.send_if_modified(|up| std::mem::replace(up, answer.is_ok()) != *up);
        gauge!("belfry_database_up").set(if answer.is_ok() { 1.0 } else { 0.0 });
        match answer {
            Ok(()) if changed => info!("PostgreSQL answers again"),
            Err(why) if changed => {
                warn!(why, "PostgreSQL does not answer; what needs it is refused")
            }
            _ => {}
        }
    }
}

/// Whether the server answers on the connection, or on a new one.
async fn look(
    options: &PgConnectOptions,
    connection: &mut Option<PgConnection>,
) -> Result<(), String> {
    // One connection may die alone: somebody ended it, or a firewall forgot it.
    if let Some(mut known) = connection.take()
        && let Ok(Ok(())) = timeout(PATIENCE, known.ping()).await
    {
        *connection = Some(known);
        return Ok(());
    }
    match timeout(PATIENCE, options.connect()).await {
        Ok(Ok(fresh)) => {
            *connection = Some(fresh);
            Ok(())
        }
        // A server that is there but has no connection to spare, or refuses this one, does answer.
        Ok(Err(Error::Database(error))) if !is_closed(error.code().as_deref()) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// Whether a server says that it is starting, stopping or recovering (SQLSTATE class 57, "operator
/// intervention").
fn is_closed(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.starts_with("57P"))
}
