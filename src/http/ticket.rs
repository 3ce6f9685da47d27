//! Short-lived admission to a live connection.
//!
//! A browser cannot set a header on a WebSocket, and an access token does not belong into a URL, where logs
//! keep it. So a signed-in caller fetches a ticket that works for seconds only. It is a JWT of the shared
//! secret: any node can check it, and none has to remember it.

use belfry_domain::Instant;
use belfry_domain::id::{ApiKeyId, UserId};
use chrono::{DateTime, TimeDelta};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

/// Seconds a ticket works.
pub const TICKET_SECONDS: i64 = 30;

/// Seconds by which the clock of another issuer may be ahead.
const CLOCKS_APART: i64 = 5;

const AUDIENCE: &str = "live";

/// Signs and checks tickets.
#[derive(Clone)]
pub struct Tickets {
    sign: EncodingKey,
    check: DecodingKey,
    /// How long a connection lasts whose ticket does not say.
    default_session: TimeDelta,
}

/// What a ticket grants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    pub user: UserId,
    /// When the connection ends unless a fresh access token arrives before.
    pub session_ends: Instant,
    /// The API key that it is held by, with which it ends.
    pub key: Option<ApiKeyId>,
}

impl Grant {
    /// Whether it is held by this key, or by any.
    pub fn is_by(&self, key: Option<ApiKeyId>) -> bool {
        self.key.is_some_and(|own| key.is_none_or(|key| key == own))
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    sub: UserId,
    exp: i64,
    /// Seconds since 1970 at which the access token behind the ticket runs out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_exp: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<ApiKeyId>,
}

impl Tickets {
    /// Tickets of the shared `secret`. Other services may issue them too; theirs need not say how long the
    /// connection may last, which is `default_session` then.
    pub fn new(secret: &[u8], default_session: TimeDelta) -> Self {
        Self {
            sign: EncodingKey::from_secret(secret),
            check: DecodingKey::from_secret(secret),
            default_session,
        }
    }

    /// A ticket for this. `None` only if signing fails, which HS256 does not.
    pub fn issue(&self, grant: Grant, now: Instant) -> Option<String> {
        let claims = Claims {
            aud: AUDIENCE.to_owned(),
            sub: grant.user,
            exp: now.timestamp() + TICKET_SECONDS,
            session_exp: Some(grant.session_ends.timestamp()),
            key: grant.key,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.sign).ok()
    }

    /// What the ticket grants; `None` when it is not one of ours, not a ticket, or has run out.
    pub fn check(&self, ticket: &str, now: Instant) -> Option<Grant> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["aud", "sub", "exp"]);
        // The clock is an argument here, so the end is compared below.
        rules.validate_exp = false;
        let claims = decode::<Claims>(ticket, &self.check, &rules).ok()?.claims;
        // One that would work for longer was not made for an address, where logs keep it.
        let longest = TICKET_SECONDS + CLOCKS_APART;
        if !(1..=longest).contains(&(claims.exp.saturating_sub(now.timestamp()))) {
            return None;
        }
        let session_ends = match claims.session_exp {
            Some(seconds) => DateTime::from_timestamp(seconds, 0)?,
            None => now + self.default_session,
        };
        Some(Grant {
            user: claims.sub,
            session_ends,
            key: claims.key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn tickets(secret: &str) -> Tickets {
        Tickets::new(secret.as_bytes(), TimeDelta::minutes(15))
    }

    #[test]
    fn a_ticket_grants_until_it_runs_out() {
        let tickets = tickets("one secret of thirty-two letters");
        let user = UserId::at(now());
        let ends = now() + TimeDelta::minutes(9);
        let grant = Grant {
            user,
            session_ends: ends,
            key: Some(ApiKeyId::at(now())),
        };
        let ticket = tickets.issue(grant, now()).unwrap();
        let granted = |seconds| tickets.check(&ticket, now() + TimeDelta::seconds(seconds));
        assert_eq!(granted(0), Some(grant));
        assert_eq!(granted(29), Some(grant));
        assert_eq!(granted(30), None);
    }

    #[test]
    fn nothing_but_a_ticket_of_the_secret_grants() {
        let ours = tickets("one secret of thirty-two letters");
        let user = UserId::at(now());
        let claims = |aud: &str| Claims {
            aud: aud.to_owned(),
            sub: user,
            exp: now().timestamp() + 20,
            session_exp: None,
            key: None,
        };
        let signed = |claims: &Claims, algorithm| {
            encode(&Header::new(algorithm), claims, &ours.sign).unwrap()
        };
        let foreign = tickets("another secret of thirty letters");
        let grant = Grant {
            user,
            session_ends: now(),
            key: None,
        };
        let theirs = foreign.issue(grant, now()).unwrap();
        assert_eq!(ours.check(&theirs, now()), None);
        let wrong_use = signed(&claims("api"), Algorithm::HS256);
        assert_eq!(ours.check(&wrong_use, now()), None);
        let wrong_algorithm = signed(&claims(AUDIENCE), Algorithm::HS384);
        assert_eq!(ours.check(&wrong_algorithm, now()), None);
        for garbage in ["", "a.b.c", "…"] {
            assert_eq!(ours.check(garbage, now()), None);
        }
        let lasting = Claims {
            exp: now().timestamp() + 3600,
            ..claims(AUDIENCE)
        };
        assert_eq!(ours.check(&signed(&lasting, Algorithm::HS256), now()), None);
        // Issued by another service of the house: lasts as long as the default.
        let plain = signed(&claims(AUDIENCE), Algorithm::HS256);
        let grant = ours.check(&plain, now()).unwrap();
        assert_eq!(grant.session_ends, now() + TimeDelta::minutes(15));
    }
}
