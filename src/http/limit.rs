//! Rate limits per address and per account: in process, or through Redis for all nodes together.
//!
//! Both count with GCRA: a minute's worth may come at once, then one per `60 / limit` seconds. Answers
//! carry the `RateLimit` fields of draft-ietf-httpapi-ratelimit-headers.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use redis::aio::ConnectionManager;

use crate::config::Limits;
use crate::http::problem::Problem;

/// What is limited.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Policy {
    /// Every request of an address.
    Requests,
    /// New accounts from an address.
    Register,
    /// Log-ins from an address.
    Login,
    /// Log-ins to an account.
    AccountLogin,
    /// Look-ups by code from an address.
    Lookup,
}

impl Policy {
    const ALL: [Self; 5] = [
        Self::Requests,
        Self::Register,
        Self::Login,
        Self::AccountLogin,
        Self::Lookup,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Register => "register",
            Self::Login => "login",
            Self::AccountLogin => "account-login",
            Self::Lookup => "lookup",
        }
    }

    fn per_minute(self, limits: &Limits) -> u32 {
        match self {
            Self::Requests => limits.requests,
            Self::Register => limits.register,
            Self::Login => limits.login,
            Self::AccountLogin => limits.account_login,
            Self::Lookup => limits.lookup,
        }
    }
}

type Local = RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock>;

/// Counts and refuses.
#[derive(Clone)]
pub struct Limiter {
    limits: Limits,
    local: Arc<Vec<Local>>,
    shared: Option<ConnectionManager>,
}

/// One GCRA step: KEYS[1] the key, ARGV emission interval and burst tolerance in microseconds. Answers 0, or the
/// microseconds to wait.
const SCRIPT: &str = r"
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local interval = tonumber(ARGV[1])
local tolerance = tonumber(ARGV[2])
local due = tonumber(redis.call('GET', KEYS[1]) or now)
if due < now then due = now end
if due - now > tolerance then return due - now - tolerance end
redis.call('SET', KEYS[1], string.format('%.0f', due + interval), 'PX', math.ceil((due + interval - now) / 1000))
return 0
";

impl Limiter {
    /// Counts here, or in Redis where there is one.
    pub fn new(limits: &Limits, shared: Option<ConnectionManager>) -> Self {
        let local = Policy::ALL
            .into_iter()
            .map(|policy| {
                let rate = NonZeroU32::new(policy.per_minute(limits)).unwrap_or(NonZeroU32::MIN);
                RateLimiter::keyed(Quota::per_minute(rate))
            })
            .collect();
        Self {
            limits: limits.clone(),
            local: Arc::new(local),
            shared,
        }
    }

    /// Takes one from `key`'s share.
    ///
    /// # Errors
    /// `too-many-requests` with `Retry-After` and the limit's fields.
    pub async fn take(&self, policy: Policy, key: &str) -> Result<(), Problem> {
        if !self.limits.enabled {
            return Ok(());
        }
        let wait = match &self.shared {
            Some(redis) => match self.take_shared(redis.clone(), policy, key).await {
                Ok(wait) => wait,
                Err(error) => {
                    // Limits fall back to this node's own count while Redis is away.
                    tracing::warn!(%error, "rate limit not shared");
                    self.take_local(policy, key)
                }
            },
            None => self.take_local(policy, key),
        };
        match wait {
            None => Ok(()),
            Some(wait) => Err(self.refusal(policy, wait)),
        }
    }

    fn take_local(&self, policy: Policy, key: &str) -> Option<Duration> {
        let limiter = &self.local[policy as usize];
        limiter
            .check_key(&key.to_owned())
            .err()
            .map(|refused| refused.wait_time_from(DefaultClock::default().now()))
    }

    async fn take_shared(
        &self,
        mut redis: ConnectionManager,
        policy: Policy,
        key: &str,
    ) -> redis::RedisResult<Option<Duration>> {
        let rate = i64::from(policy.per_minute(&self.limits).max(1));
        let interval = 60_000_000 / rate;
        let wait: i64 = redis::Script::new(SCRIPT)
            .key(format!("belfry:limit:{}:{key}", policy.name()))
            .arg(interval)
            .arg(interval * (rate - 1))
            .invoke_async(&mut redis)
            .await?;
        Ok(u64::try_from(wait)
            .ok()
            .filter(|wait| *wait > 0)
            .map(Duration::from_micros))
    }

    fn refusal(&self, policy: Policy, wait: Duration) -> Problem {
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
        let rate = policy.per_minute(&self.limits);
        let field = |text: String| HeaderValue::from_str(&text).ok();
        let mut problem = Problem::wait("too-many-requests", seconds);
        let fields = [
            (
                "ratelimit-policy",
                format!("\"{}\";q={rate};w=60", policy.name()),
            ),
            (
                "ratelimit",
                format!("\"{}\";r=0;t={seconds}", policy.name()),
            ),
        ];
        for (name, text) in fields {
            if let Some(value) = field(text) {
                problem = problem.header(HeaderName::from_static(name), value);
            }
        }
        problem
    }

    /// Forgets addresses that have their full share again.
    pub fn sweep(&self) {
        for limiter in self.local.iter() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}
