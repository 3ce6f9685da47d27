use std::ops::Deref;
use std::sync::Arc;

use anyhow::Result;
use belfry_domain::Instant;
use belfry_domain::delivery::SendError;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, Header};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use url::form_urlencoded;

use super::ServiceAccount;
use crate::channel::call::{body, shortened, told};

/// What the token is for.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// A grant with less time left is replaced before anybody needs to wait for that.
const AHEAD: TimeDelta = TimeDelta::minutes(5);
/// A grant with less time left may be refused on the way.
const LAST: TimeDelta = TimeDelta::seconds(10);
/// Callers that wait for the keeper; more stand in line for a place.
const WAITING: usize = 256;

/// A token that lets calls through for a while.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Grant(Arc<str>);

impl Deref for Grant {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// The tokens of one service account, shared by all calls: one task keeps the current one and fetches the next.
pub(super) struct Grants(mpsc::Sender<Ask>);

struct Ask {
    now: Instant,
    /// One that was refused although it should have lasted.
    refused: Option<Grant>,
    reply: oneshot::Sender<Result<Grant, SendError>>,
}

impl Grants {
    /// Starts the keeper. Must be called inside a running runtime; asks for a token when somebody needs one.
    /// `token_url` is asked instead of the account's own address, unless it is empty.
    pub(super) fn start(
        http: reqwest::Client,
        account: ServiceAccount,
        token_url: &str,
    ) -> Result<Self> {
        let url = match token_url {
            "" => account.token_url.clone(),
            url => url.to_owned(),
        };
        let (sender, asked) = mpsc::channel(WAITING);
        let keeper = Keeper {
            http,
            account,
            url,
            current: None,
        };
        tokio::spawn(keeper.serve(asked));
        Ok(Self(sender))
    }

    /// A token that is good at `now`, and another one than `refused`.
    pub(super) async fn get(
        &self,
        now: Instant,
        refused: Option<Grant>,
    ) -> Result<Grant, SendError> {
        let gone = |_| SendError::Transient("nobody fetches tokens".to_owned());
        let (reply, answer) = oneshot::channel();
        let ask = Ask {
            now,
            refused,
            reply,
        };
        self.0.send(ask).await.map_err(|_| gone(()))?;
        answer.await.map_err(|_| gone(()))?
    }
}

struct Keeper {
    http: reqwest::Client,
    account: ServiceAccount,
    url: String,
    current: Option<(Grant, Instant)>,
}

impl Keeper {
    async fn serve(mut self, mut asked: mpsc::Receiver<Ask>) {
        while let Some(ask) = asked.recv().await {
            let answer = self.answer(&ask).await;
            // Who came while a fetch failed has the same answer; each waiting for a fetch of its own would be
            // a long time.
            let mut waiting = vec![ask];
            if answer.is_err() {
                while let Ok(other) = asked.try_recv() {
                    waiting.push(other);
                }
            }
            for ask in waiting {
                // Whoever gave up no longer listens.
                drop(ask.reply.send(answer.clone()));
            }
        }
    }

    async fn answer(&mut self, ask: &Ask) -> Result<Grant, SendError> {
        if let (Some((current, _)), Some(refused)) = (&self.current, &ask.refused)
            && current == refused
        {
            self.current = None;
        }
        if let Some((grant, until)) = &self.current
            && ask.now < *until - AHEAD
        {
            return Ok(grant.clone());
        }
        match self.fetch(ask.now).await {
            Ok((grant, until)) => {
                self.current = Some((grant.clone(), until));
                Ok(grant)
            }
            Err(error) => match &self.current {
                Some((grant, until)) if ask.now < *until - LAST => Ok(grant.clone()),
                _ => Err(error),
            },
        }
    }

    /// Asks for a token by a signed assertion (RFC 7523).
    async fn fetch(&self, now: Instant) -> Result<(Grant, Instant), SendError> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: String,
            expires_in: i64,
        }
        let assertion = self.assertion(now)?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", &assertion)
            .finish();
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        // Nothing was sent to anybody yet, so whatever happens here may be repeated.
        let failed = |detail: String| SendError::Transient(format!("no token: {detail}"));
        let response = request.send().await.map_err(|error| failed(told(&error)))?;
        let status = response.status().as_u16();
        let text = body(response).await;
        match (status, serde_json::from_str::<Granted>(&text)) {
            (200, Ok(granted)) => {
                let lasts = TimeDelta::seconds(granted.expires_in.clamp(0, 24 * 3600));
                Ok((Grant(granted.access_token.into()), now + lasts))
            }
            (400..=403, _) => {
                let detail = format!("no token: {status} {}", shortened(&text));
                Err(SendError::Unconfigured(detail))
            }
            _ => Err(failed(format!("{status} {}", shortened(&text)))),
        }
    }

    fn assertion(&self, now: Instant) -> Result<String, SendError> {
        #[derive(Serialize)]
        struct Claims<'a> {
            iss: &'a str,
            scope: &'static str,
            aud: &'a str,
            iat: i64,
            exp: i64,
        }
        let mut header = Header::new(Algorithm::RS256);
        header.kid = self.account.key_id.clone();
        let claims = Claims {
            iss: &self.account.email,
            scope: SCOPE,
            aud: &self.url,
            iat: now.timestamp(),
            exp: now.timestamp() + 3600,
        };
        jsonwebtoken::encode(&header, &claims, &self.account.key)
            .map_err(|error| SendError::Unconfigured(format!("the key does not sign: {error}")))
    }
}
