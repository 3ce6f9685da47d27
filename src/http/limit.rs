//! Rate limits per address and per account: in process, or through Redis for all nodes together.
//!
//! Both count with GCRA: a minute's worth may come at once, then one per `60 / limit` seconds. Answers
//! carry the `RateLimit` fields of draft-ietf-httpapi-ratelimit-headers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use dashmap::DashMap;

use crate::config::Limits;
use crate::http::App;
use crate::http::problem::Problem;
use crate::tether::Tether;

/// What is limited.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Policy {
    /// Every request of an address.
    Requests,
    /// New accounts from an address.
    Register,
    /// Log-ins from an address.
    Login,
    /// Log-ins to an account that failed; one that succeeds gives its share back.
    AccountLogin,
    /// Look-ups by code from an address.
    Lookup,
    /// Every request with an API key.
    ApiKey,
    /// Looks at one calendar feed.
    Feed,
    /// Readings at once of one calendar that is kept elsewhere.
    Import,
    /// Bookings without an account from an address.
    Guest,
    /// Bookings without an account for one mail address.
    GuestEmail,
}

impl Policy {
    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Register => "register",
            Self::Login => "login",
            Self::AccountLogin => "account-login",
            Self::Lookup => "lookup",
            Self::ApiKey => "api-key",
            Self::Feed => "calendar-feed",
            Self::Import => "calendar-import",
            Self::Guest => "guest",
            Self::GuestEmail => "guest-email",
        }
    }

    fn per_minute(self, limits: &Limits) -> u32 {
        match self {
            Self::Requests => limits.requests,
            Self::Register => limits.register,
            Self::Login => limits.login,
            Self::AccountLogin => limits.account_login,
            Self::Lookup => limits.lookup,
            Self::ApiKey => limits.api_key,
            Self::Feed => limits.calendar_feed,
            Self::Import => limits.calendar_import,
            Self::Guest => limits.guest,
            Self::GuestEmail => limits.guest_email,
        }
    }
}

/// Counts and refuses.
#[derive(Clone)]
pub struct Limiter {
    limits: Limits,
    local: Arc<Local>,
    tether: Option<Tether>,
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

/// Gives one step back: KEYS[1] the key, ARGV the emission interval in microseconds.
const GIVE_BACK: &str = r"
local due = tonumber(redis.call('GET', KEYS[1]))
if not due then return 0 end
local now = redis.call('TIME')
local left = due - tonumber(ARGV[1]) - (now[1] * 1000000 + now[2])
if left <= 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], string.format('%.0f', due - tonumber(ARGV[1])), 'PX', math.ceil(left / 1000))
end
return 0
";

/// The same steps within this process. A key is remembered until its share is whole again.
#[derive(Default)]
struct Local(DashMap<(Policy, String), Instant>);

impl Local {
    fn take(&self, policy: Policy, key: &str, rate: u32, now: Instant) -> Option<Duration> {
        let interval = interval(rate);
        let mut due = self.0.entry((policy, key.to_owned())).or_insert(now);
        let ahead = due.saturating_duration_since(now);
        if let Some(wait) = ahead.checked_sub(interval * (rate - 1))
            && !wait.is_zero()
        {
            return Some(wait);
        }
        *due = now + ahead + interval;
        None
    }

    fn give_back(&self, policy: Policy, key: &str, rate: u32) {
        if let Some(mut due) = self.0.get_mut(&(policy, key.to_owned())) {
            *due = due.checked_sub(interval(rate)).unwrap_or(*due);
        }
    }
}

/// How long it takes until one of so many a minute is there again.
fn interval(rate: u32) -> Duration {
    Duration::from_secs(60) / rate
}

impl Limiter {
    /// Counts here, or in Redis where there is one.
    pub fn new(limits: &Limits, tether: Option<Tether>) -> Self {
        Self {
            limits: limits.clone(),
            local: Arc::default(),
            tether,
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
        let shared = match &self.tether {
            Some(tether) => self.take_shared(tether, policy, key).await,
            None => None,
        };
        // While Redis is away each node counts by itself.
        let wait = shared.unwrap_or_else(|| self.take_local(policy, key));
        match wait {
            None => Ok(()),
            Some(wait) => Err(self.refusal(policy, wait)),
        }
    }

    /// Gives back what was taken, when it turned out not to count.
    pub async fn give_back(&self, policy: Policy, key: &str) {
        if !self.limits.enabled {
            return;
        }
        // Either may have counted it, for Redis may have been away then or now.
        self.local.give_back(policy, key, self.rate(policy));
        if let Some(tether) = &self.tether
            && let Some(mut redis) = tether.connection()
        {
            let script = redis::Script::new(GIVE_BACK);
            let mut step = script.key(shared_key(policy, key));
            step.arg(micros(self.rate(policy)));
            // Not given back is given back by time.
            let _: Option<i64> = tether.answered(step.invoke_async(&mut redis)).await;
        }
    }

    /// At least one a minute, so that a mistake in the settings locks nobody out.
    fn rate(&self, policy: Policy) -> u32 {
        policy.per_minute(&self.limits).max(1)
    }

    fn take_local(&self, policy: Policy, key: &str) -> Option<Duration> {
        self.local
            .take(policy, key, self.rate(policy), Instant::now())
    }

    /// The wait by the count of all nodes; `None` when Redis does not tell.
    async fn take_shared(
        &self,
        tether: &Tether,
        policy: Policy,
        key: &str,
    ) -> Option<Option<Duration>> {
        let mut redis = tether.connection()?;
        let rate = self.rate(policy);
        let interval = micros(rate);
        let script = redis::Script::new(SCRIPT);
        let mut step = script.key(shared_key(policy, key));
        step.arg(interval).arg(interval * i64::from(rate - 1));
        let wait: i64 = tether.answered(step.invoke_async(&mut redis)).await?;
        let wait = u64::try_from(wait).ok().filter(|wait| *wait > 0);
        Some(wait.map(Duration::from_micros))
    }

    fn refusal(&self, policy: Policy, wait: Duration) -> Problem {
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
        let rate = self.rate(policy);
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

    /// Forgets those that have their full share again.
    pub fn sweep(&self) {
        let now = Instant::now();
        self.local.0.retain(|_, due| *due > now);
        self.local.0.shrink_to_fit();
    }
}

fn shared_key(policy: Policy, key: &str) -> String {
    format!("belfry:limit:{}:{key}", policy.name())
}

fn micros(rate: u32) -> i64 {
    60_000_000 / i64::from(rate)
}

/// The address a request comes from, as rate limits know it.
pub fn address(app: &App, request: &HttpRequest) -> String {
    let forwarded = request.headers().get("x-forwarded-for");
    let forwarded = forwarded.and_then(|value| value.to_str().ok());
    address_of(app, forwarded, request.peer_addr())
}

/// The address of a peer, or the one that a proxy names, if proxies are believed.
pub fn address_of(app: &App, forwarded: Option<&str>, peer: Option<SocketAddr>) -> String {
    let forwarded = forwarded
        .filter(|_| app.settings.http.trust_forwarded_for)
        .and_then(|list| list.rsplit(',').next())
        .map(|last| last.trim().to_owned());
    forwarded
        .or_else(|| peer.map(|peer| peer.ip().to_string()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_may_come_at_once_and_then_one_by_one() {
        let (local, now) = (Local::default(), Instant::now());
        let take = |seconds| {
            let at = now + Duration::from_secs(seconds);
            local.take(Policy::AccountLogin, "ann", 3, at)
        };
        assert_eq!([take(0), take(0), take(0)], [None; 3]);
        assert_eq!(take(0), Some(Duration::from_secs(20)));
        assert_eq!(take(5), Some(Duration::from_secs(15)));
        assert_eq!(take(20), None);
        assert_eq!(take(20), Some(Duration::from_secs(20)));
        // Others have their own share.
        assert_eq!(local.take(Policy::Login, "ann", 3, now), None);
        assert_eq!(local.take(Policy::AccountLogin, "bob", 3, now), None);
    }

    #[test]
    fn what_is_given_back_was_never_taken() {
        let (local, now) = (Local::default(), Instant::now());
        let take = || local.take(Policy::AccountLogin, "ann", 3, now);
        for _ in 0..50 {
            assert_eq!(take(), None);
            local.give_back(Policy::AccountLogin, "ann", 3);
        }
        assert_eq!([take(), take(), take()], [None; 3]);
        assert!(take().is_some());
    }
}
