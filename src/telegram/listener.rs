//! How updates come in: Telegram is asked for them by one node at a time, or calls any of them itself.
//!
//! Nothing that happens here reaches the rest of the house: a round that fails or breaks down is followed by a pause
//! and the next one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use belfry_domain::Instant;
use chrono::TimeDelta;
use teloxide::ApiError;
use teloxide::payloads::{
    DeleteWebhook, GetUpdates, GetUpdatesSetters, SetWebhook, SetWebhookSetters,
};
use teloxide::types::AllowedUpdate;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use super::Chats;
use crate::channel::telegram::{Fault, Refusal};
use crate::secret::Secret;

/// Who of several nodes asks for updates, and how long one that fell silent keeps the others waiting.
const LEASE: &str = "telegram";
const LEASE_LENGTH: TimeDelta = TimeDelta::seconds(90);
/// How long Telegram may hold back its answer while there is nothing to tell, and how long it may take in all.
const PATIENCE: u32 = 25;
const WHOLE: Duration = Duration::from_secs(40);
/// How often the others look whether it is their turn.
const TURN: Duration = Duration::from_secs(5);
/// Pauses after a failure: growing from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// What the house wants to hear of.
const WANTED: [AllowedUpdate; 3] = [
    AllowedUpdate::Message,
    AllowedUpdate::CallbackQuery,
    AllowedUpdate::MyChatMember,
];

/// By which way updates come.
#[derive(Clone, Debug)]
pub enum Inlet {
    /// Telegram is asked.
    Poll,
    /// Telegram calls `url` and shows the secret.
    Webhook { url: Url, secret: Secret },
}

/// What Telegram shows when it calls: the same on all nodes, and no use for anything else.
pub fn webhook_secret(house: &Secret) -> Secret {
    let tag = house.mac(&[b"telegram webhook"]);
    Secret::new(tag.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Inlet {
    /// What the settings name; `base` is the address of the house.
    ///
    /// # Errors
    /// When the mode is unknown, or Telegram would not call this address.
    pub fn of(mode: &str, base: &str, house: &Secret) -> Result<Self> {
        match mode {
            "poll" => Ok(Self::Poll),
            "webhook" => {
                let url = format!("{}/hooks/telegram", base.trim_end_matches('/'));
                let url = Url::parse(&url).context("[http] public_url")?;
                Ok(Self::Webhook {
                    url,
                    secret: webhook_secret(house),
                })
            }
            _ => anyhow::bail!("[telegram] mode must be \"poll\" or \"webhook\""),
        }
    }
}

/// The task that listens. Dropping it leaves it running; see [`Listener::stop`].
pub struct Listener {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Starts listening. Must be called inside a running actix system.
    pub fn start(chats: Arc<Chats>, inlet: Inlet) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = actix_rt::spawn(listen(chats, inlet, stopped));
        Self { stop, task }
    }

    /// Asks for nothing new and waits, at most `patience`, until what was heard is handled.
    pub async fn stop(self, patience: Duration) {
        // Nobody hears it when the task has ended by itself.
        let _ = self.stop.send(true);
        if tokio::time::timeout(patience, self.task).await.is_err() {
            tracing::warn!("an update of Telegram was still being handled; it is given again");
        }
    }
}

/// Rounds until it is told to stop. Each is a task of its own, so that one that breaks down ends alone.
async fn listen(chats: Arc<Chats>, inlet: Inlet, mut stopped: watch::Receiver<bool>) {
    let mut pause = FIRST_PAUSE;
    let mut offset = None;
    while !*stopped.borrow() {
        let round = actix_rt::spawn(round(chats.clone(), inlet.clone(), offset, stopped.clone()));
        let wait = match round.await {
            Ok(Ok(Round::Heard(next))) => {
                offset = next.or(offset);
                pause = FIRST_PAUSE;
                continue;
            }
            Ok(Ok(Round::NotOurTurn)) => {
                // Another node goes on from where it stands, and so shall we when it stops.
                offset = None;
                TURN
            }
            Ok(Ok(Round::Settled)) => {
                // Telegram calls by itself; nothing is left to do here.
                let _ = stopped.changed().await;
                break;
            }
            Ok(Err(wait)) => wait.unwrap_or_else(|| lengthen(&mut pause)),
            Err(panic) => {
                tracing::error!(%panic, "listening to Telegram broke down");
                lengthen(&mut pause)
            }
        };
        // Either is a reason to look again.
        let _ = tokio::time::timeout(wait, stopped.changed()).await;
    }
    let (store, node) = (&chats.world.store, &chats.world.node);
    if let Err(error) = store.release_lease(LEASE, node).await {
        tracing::warn!(%error, "the lease on Telegram runs out by itself");
    }
}

fn lengthen(pause: &mut Duration) -> Duration {
    let now = *pause;
    *pause = (now * 2).min(LAST_PAUSE);
    now
}

/// How a round ended that did not fail.
enum Round {
    /// From which update to go on.
    Heard(Option<i32>),
    NotOurTurn,
    Settled,
}

/// One round; a failure says how long to wait if it knows better than its caller.
async fn round(
    chats: Arc<Chats>,
    inlet: Inlet,
    offset: Option<i32>,
    stopped: watch::Receiver<bool>,
) -> Result<Round, Option<Duration>> {
    match inlet {
        Inlet::Poll => poll(&chats, offset, stopped).await,
        Inlet::Webhook { url, secret } => {
            let payload = SetWebhook::new(url)
                .allowed_updates(WANTED)
                .secret_token(secret.expose());
            let set = chats.bot.ask(&WebhookAsJson(payload)).await;
            set.map(|_| Round::Settled)
                .map_err(|fault| failed(&fault, chats.now()))
        }
    }
}

async fn poll(
    chats: &Chats,
    offset: Option<i32>,
    mut stopped: watch::Receiver<bool>,
) -> Result<Round, Option<Duration>> {
    let (store, node) = (&chats.world.store, &chats.world.node);
    let turn = async || {
        let now = chats.now();
        let taken = store.take_lease(LEASE, node, now + LEASE_LENGTH, now).await;
        taken.map_err(|error| {
            tracing::warn!(%error, "the lease on Telegram is not known");
            None
        })
    };
    if !turn().await? {
        return Ok(Round::NotOurTurn);
    }
    let mut payload = GetUpdates::new().timeout(PATIENCE).allowed_updates(WANTED);
    payload.offset = offset;
    let asked = tokio::select! {
        asked = chats.bot.ask_within(&payload, WHOLE) => asked,
        _ = stopped.changed() => return Ok(Round::Heard(None)),
    };
    let updates = match asked {
        Ok(updates) => updates,
        Err(fault) => {
            if let Fault::Refused(Refusal { error, words, .. }) = &fault
                && (*error == ApiError::CantGetUpdates || words.contains("webhook is active"))
            {
                tracing::info!("taking back Telegram's webhook, because updates are asked for");
                let freed = chats.bot.ask(&DeleteWebhook::new()).await;
                return freed
                    .map(|_| Round::Heard(None))
                    .map_err(|fault| failed(&fault, chats.now()));
            }
            return Err(failed(&fault, chats.now()));
        }
    };
    let mut next = None;
    for update in updates {
        let id = update.id.0;
        if let Err(error) = chats.take(update, true).await {
            tracing::warn!(%error, id, "an update of Telegram waits to be handled");
            return Err(None);
        }
        // Confirmed by the next round: until then it would be given again, and known.
        next = i32::try_from(id).ok().and_then(|id| id.checked_add(1));
        if *stopped.borrow() || !turn().await? {
            break;
        }
    }
    Ok(Round::Heard(next))
}

/// Says what went wrong and how long to wait, where Telegram says so.
fn failed(fault: &Fault, now: Instant) -> Option<Duration> {
    tracing::warn!(%fault, "Telegram was not heard");
    match fault {
        Fault::Refused(Refusal {
            retry_after: Some(wait),
            ..
        }) => (wait.until(now) - now).to_std().ok(),
        // A wrong token mends itself no sooner.
        Fault::Refused(Refusal {
            code: 401 | 404, ..
        }) => Some(LAST_PAUSE),
        _ => None,
    }
}

/// teloxide would send this one as a form, because a certificate may come with it; ours never does.
#[derive(serde::Serialize)]
#[serde(transparent)]
struct WebhookAsJson(SetWebhook);

impl teloxide::requests::Payload for WebhookAsJson {
    type Output = teloxide::types::True;
    const NAME: &'static str = "SetWebhook";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let mut pause = FIRST_PAUSE;
        let lengths: Vec<u64> = (0..8).map(|_| lengthen(&mut pause).as_secs()).collect();
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn the_secret_that_telegram_shows_is_derived_and_fits() {
        let secret = webhook_secret(&Secret::new("s".repeat(32)));
        let other = webhook_secret(&Secret::new("t".repeat(32)));
        assert_ne!(secret, other);
        assert_eq!(secret.expose().len(), 64);
        assert!(
            secret
                .expose()
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric())
        );
    }
}
