//! Who is calling: the access token, the account behind it, and what its role may do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use belfry_actors::World;
use belfry_domain::Instant;
use belfry_domain::account::{Account, Caller, Role};
use belfry_domain::id::UserId;
use chrono::TimeDelta;
use dashmap::DashMap;

use crate::http::App;
use crate::http::problem::Problem;
use crate::token::Tokens;

/// How long a node believes what it read of an account: the longest that a change made on another node
/// goes unnoticed.
const BELIEVED: TimeDelta = TimeDelta::seconds(5);

/// Checks access tokens and remembers the accounts behind them for a moment.
#[derive(Clone)]
pub struct Gate {
    world: World,
    tokens: Tokens,
    known: Arc<DashMap<UserId, (Instant, Arc<Account>)>>,
}

impl Gate {
    /// Reads accounts from the world's store.
    pub fn new(world: World, tokens: Tokens) -> Self {
        Self {
            world,
            tokens,
            known: Arc::default(),
        }
    }

    /// The account behind an access token and the instant the token ends.
    ///
    /// # Errors
    /// `unauthenticated`, `account-disabled`, or the store's own.
    pub async fn admit(&self, token: &str) -> Result<(Arc<Account>, Instant), Problem> {
        let now = self.world.clock.now();
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
        Ok((account, ends))
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

    /// Forgets what is remembered of an account after it was changed here.
    pub fn forget(&self, id: UserId) {
        self.known.remove(&id);
    }

    /// Drops what is no longer believed, so that memory follows the people who are here.
    pub fn sweep(&self) {
        let now = self.world.clock.now();
        self.known
            .retain(|_, (read_at, _)| *read_at + BELIEVED > now);
    }
}

/// A signed-in caller.
#[derive(Clone)]
pub struct Signed(pub Arc<Account>);

impl Signed {
    /// Who is asking, as far as rights go.
    pub fn caller(&self) -> Caller {
        Caller {
            id: self.0.id,
            role: self.0.role,
            branch_id: self.0.branch_id,
        }
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

impl FromRequest for Signed {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let app = request.app_data::<Data<App>>().cloned();
        let token = bearer(request).map(str::to_owned);
        Box::pin(async move {
            let (Some(app), Some(token)) = (app, token) else {
                return Err(Problem::new("unauthenticated"));
            };
            app.gate
                .admit(&token)
                .await
                .map(|(account, _)| Self(account))
        })
    }
}

/// The token of an `Authorization: Bearer` header.
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
