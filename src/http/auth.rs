//! Who is calling: the access token or the API key, the account behind it, and what its role may do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use belfry_actors::World;
use belfry_domain::Instant;
use belfry_domain::account::{Account, Caller, Role};
use belfry_domain::api_key::{self, ApiKey, Scope};
use belfry_domain::booking::Actor;
use belfry_domain::id::{ApiKeyId, UserId};
use belfry_store::audit::{AuditEntry, Author};
use chrono::TimeDelta;
use dashmap::DashMap;
use serde::Serialize;

use crate::http::App;
use crate::http::limit::Policy;
use crate::http::problem::Problem;
use crate::http::scope::scope_of;
use crate::secret;
use crate::token::Tokens;

/// How long a node believes what it read of an account or a key: the longest that a change made on another
/// node goes unnoticed.
const BELIEVED: TimeDelta = TimeDelta::seconds(5);
/// How much older the last use of a key may look than it is.
const UNNOTED: TimeDelta = TimeDelta::minutes(1);

/// What was read, and when.
type Believed<T> = (Instant, Arc<T>);

/// Checks access tokens and API keys, and remembers the accounts behind them for a moment.
#[derive(Clone)]
pub struct Gate {
    world: World,
    tokens: Tokens,
    /// How long a live connection of a key lasts before the key is shown again.
    session: TimeDelta,
    known: Arc<DashMap<UserId, Believed<Account>>>,
    /// By their hashes.
    keys: Arc<DashMap<Vec<u8>, Believed<ApiKey>>>,
    /// Keys that ended here, for as long as a reading from before may still arrive.
    ended: Arc<DashMap<ApiKeyId, Instant>>,
}

/// Somebody who was let in.
pub struct Admitted {
    pub account: Arc<Account>,
    /// Until when what they showed is good.
    pub ends: Instant,
    /// The key, if they are a machine.
    pub key: Option<Arc<ApiKey>>,
}

impl Admitted {
    /// Whether what they showed is good for this, as far as a key's scopes go.
    pub fn may(&self, scope: Scope) -> bool {
        self.key.as_ref().is_none_or(|key| key.may(scope))
    }
}

impl Gate {
    /// Reads accounts from the world's store. A live connection of a key lasts for `session`.
    pub fn new(world: World, tokens: Tokens, session: TimeDelta) -> Self {
        Self {
            world,
            tokens,
            session,
            known: Arc::default(),
            keys: Arc::default(),
            ended: Arc::default(),
        }
    }

    /// The account behind an access token or an API key, and the instant it ends.
    ///
    /// # Errors
    /// `unauthenticated`, `account-disabled`, or the store's own.
    pub async fn admit(&self, token: &str) -> Result<Admitted, Problem> {
        let now = self.world.clock.now();
        if token.starts_with(api_key::PREFIX) {
            return self.admit_key(token, now).await;
        }
        let refused = || Problem::new("unauthenticated");
        let access = self.tokens.read_access(token, now).ok_or_else(refused)?;
        let account = self.account(access.sub, now).await?.ok_or_else(refused)?;
        if account.disabled {
            return Err(Problem::new("account-disabled"));
        }
        if account.auth_epoch != access.epoch {
            return Err(refused());
        }
        let ends = Instant::from_timestamp(access.exp, 0).ok_or_else(refused)?;
        Ok(Admitted {
            account,
            ends,
            key: None,
        })
    }

    /// A key is found by its hash, so how long the answer takes says nothing about how much of it was right.
    async fn admit_key(&self, shown: &str, now: Instant) -> Result<Admitted, Problem> {
        let refused = || Problem::new("unauthenticated");
        if !api_key::is_well_formed(shown) {
            return Err(refused());
        }
        let key = self.key(secret::hash(shown), now).await?;
        let key = key.filter(|key| key.is_live(now) && !self.ended.contains_key(&key.id));
        let key = key.ok_or_else(refused)?;
        let account = self.account(key.user_id, now).await?.ok_or_else(refused)?;
        if account.disabled {
            return Err(Problem::new("account-disabled"));
        }
        if account.role != Role::Admin {
            return Err(refused());
        }
        let ends = now + self.session;
        Ok(Admitted {
            account,
            ends: key.expires_at.map_or(ends, |end| end.min(ends)),
            key: Some(key),
        })
    }

    async fn key(&self, hash: Vec<u8>, now: Instant) -> Result<Option<Arc<ApiKey>>, Problem> {
        if let Some(entry) = self.keys.get(&hash)
            && entry.0 + BELIEVED > now
        {
            return Ok(Some(entry.1.clone()));
        }
        let Some(key) = self.world.store.api_key_by_hash(&hash).await? else {
            return Ok(None);
        };
        if key.is_live(now) && key.last_used_at.is_none_or(|used| used + UNNOTED <= now) {
            let (store, id) = (self.world.store.clone(), key.id);
            // Whether it can be noted must not decide whether the caller is answered.
            tokio::spawn(async move {
                if let Err(error) = store.api_key_used(id, now).await {
                    tracing::warn!(%error, key = %id, "the use of a key was not noted");
                }
            });
        }
        let key = Arc::new(key);
        self.keys.insert(hash, (now, key.clone()));
        Ok(Some(key))
    }

    /// Lets a key in no more, from this moment on.
    pub fn end_key(&self, id: ApiKeyId) {
        self.ended.insert(id, self.world.clock.now());
    }

    async fn account(&self, id: UserId, now: Instant) -> Result<Option<Arc<Account>>, Problem> {
        if let Some(entry) = self.known.get(&id)
            && entry.0 + BELIEVED > now
        {
            return Ok(Some(entry.1.clone()));
        }
        let Some(account) = self.world.store.account(id).await? else {
            return Ok(None);
        };
        let account = Arc::new(account);
        self.known.insert(id, (now, account.clone()));
        Ok(Some(account))
    }

    /// Forgets what is remembered of an account and its keys after it was changed here.
    pub fn forget(&self, id: UserId) {
        self.known.remove(&id);
        self.keys.retain(|_, (_, key)| key.user_id != id);
    }

    /// Drops what is no longer believed, so that memory follows the people who are here.
    pub fn sweep(&self) {
        let now = self.world.clock.now();
        self.known
            .retain(|_, (read_at, _)| *read_at + BELIEVED > now);
        self.keys
            .retain(|_, (read_at, _)| *read_at + BELIEVED > now);
        // No reading takes that long.
        self.ended.retain(|_, ended_at| *ended_at + UNNOTED > now);
    }
}

/// A signed-in caller, with the key if it is a machine.
#[derive(Clone)]
pub struct Signed(pub Arc<Account>, pub Option<ApiKeyId>);

impl Signed {
    /// Who is asking, as far as rights go.
    pub fn caller(&self) -> Caller {
        Caller {
            id: self.0.id,
            role: self.0.role,
            branch_id: self.0.branch_id,
        }
    }

    /// The caller as whoever does something.
    pub fn actor(&self) -> Actor {
        Actor::person(self.0.id, self.0.name.clone(), self.0.role)
    }

    /// The caller as far as `Idempotency-Key` goes; each API key is one of its own.
    pub fn claimant(&self) -> String {
        match self.1 {
            Some(key) => format!("key:{key}"),
            None => self.0.id.to_string(),
        }
    }

    /// What the caller changed, for the audit log; see [`AuditEntry::new`].
    pub fn entry(
        &self,
        at: Instant,
        action: &str,
        subject: String,
        before: impl Serialize,
        after: impl Serialize,
    ) -> AuditEntry {
        let author = Author {
            user: self.0.id,
            key: self.1,
        };
        AuditEntry::new(author, at, action, subject, before, after)
    }

    /// Refuses everybody but administrators.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn admin(&self) -> Result<(), Problem> {
        if self.0.role == Role::Admin {
            Ok(())
        } else {
            Err(Problem::new("forbidden"))
        }
    }
}

impl From<Admitted> for Signed {
    fn from(admitted: Admitted) -> Self {
        Self(admitted.account, admitted.key.map(|key| key.id))
    }
}

impl FromRequest for Signed {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = request.app_data::<Data<App>>();
            let app = app.ok_or_else(|| Problem::new("unauthenticated"))?;
            Ok(admitted(app, &request).await?.into())
        })
    }
}

/// Lets the caller of a route in.
///
/// # Errors
/// As [`admit`].
pub async fn admitted(app: &App, request: &HttpRequest) -> Result<Admitted, Problem> {
    let route = request.match_pattern().unwrap_or_default();
    admit(app, bearer(request), (request.method().as_str(), &route)).await
}

/// Lets in who shows this token for a route of REST, whatever brings the call. A key needs the scope of the route and a
/// share of its own limit.
///
/// # Errors
/// `unauthenticated`, `account-disabled`, `insufficient-scope`, `too-many-requests`, or the store's own.
pub async fn admit(
    app: &App,
    token: Option<&str>,
    (method, route): (&str, &str),
) -> Result<Admitted, Problem> {
    let token = token.ok_or_else(|| Problem::new("unauthenticated"))?;
    let admitted = app.gate.admit(token).await?;
    if let Some(key) = &admitted.key {
        match scope_of(method, route) {
            Some(scope) if key.may(scope) => {}
            wanted => return Err(out_of_scope(wanted)),
        }
        app.limiter
            .take(Policy::ApiKey, &key.id.to_string())
            .await?;
    }
    Ok(admitted)
}

/// RFC 6750 §3.1. Where no scope would do, none is named.
fn out_of_scope(wanted: Option<Scope>) -> Problem {
    let challenge = match wanted {
        Some(scope) => format!(
            "Bearer error=\"insufficient_scope\", scope=\"{}\"",
            scope.as_str()
        ),
        None => "Bearer error=\"insufficient_scope\"".to_owned(),
    };
    let problem = Problem::new("insufficient-scope").with("scope", serde_json::json!(wanted));
    match HeaderValue::from_str(&challenge) {
        Ok(value) => problem.header(WWW_AUTHENTICATE, value),
        Err(_) => problem,
    }
}

/// The token of an `Authorization: Bearer` header.
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    token_of(request.headers().get(AUTHORIZATION)?.to_str().ok()?)
}

/// The token of such a header's text.
pub fn token_of(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
