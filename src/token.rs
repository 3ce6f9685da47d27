//! Signed tokens: access to the API, and the links in mails (JWT, HS256, one secret for all nodes).

use belfry_domain::Instant;
use belfry_domain::account::Account;
use belfry_domain::id::UserId;
use belfry_domain::notification::Category;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Signs and checks.
#[derive(Clone)]
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    secret: Secret,
}

/// What an access token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Access {
    pub sub: UserId,
    /// The account's epoch when it was given out; a later epoch voids it.
    pub epoch: i64,
    /// Seconds since 1970.
    pub exp: i64,
    aud: String,
}

/// What a link in a mail says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    pub sub: UserId,
    /// The address to prove, for verification.
    pub email: Option<String>,
    /// The epoch that the new password ends, for a reset: so it works once.
    pub epoch: Option<i64>,
    exp: i64,
    aud: String,
}

/// What a link is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Proves an e-mail address; good for a week.
    Verify,
    /// Sets a new password; good for an hour.
    Reset,
    /// Stops mails of a category; good for a year.
    Unsubscribe,
}

impl Purpose {
    fn audience(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    fn lifetime(self) -> TimeDelta {
        match self {
            Self::Verify => TimeDelta::days(7),
            Self::Reset => TimeDelta::hours(1),
            Self::Unsubscribe => TimeDelta::days(365),
        }
    }
}

/// What an unsubscribe link says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Unsubscribe {
    sub: UserId,
    category: Category,
    exp: i64,
    aud: String,
}

const ACCESS: &str = "api";

impl Tokens {
    /// Signs with `secret`.
    pub fn new(secret: Secret) -> Self {
        let bytes = secret.expose().as_bytes();
        Self {
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
            secret,
        }
    }

    /// The secret itself, for the tickets of the live part.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// An access token good for `minutes` from `now`.
    pub fn access(&self, account: &Account, minutes: u32, now: Instant) -> String {
        self.sign(&Access {
            sub: account.id,
            epoch: account.auth_epoch,
            exp: (now + TimeDelta::minutes(i64::from(minutes))).timestamp(),
            aud: ACCESS.to_owned(),
        })
    }

    /// Checks signature, purpose and time of an access token.
    pub fn read_access(&self, token: &str, now: Instant) -> Option<Access> {
        self.read::<Access>(token, ACCESS)
            .filter(|access| access.exp > now.timestamp())
    }

    /// The token of a link in a mail.
    pub fn link(
        &self,
        purpose: Purpose,
        user: UserId,
        email: Option<&str>,
        epoch: Option<i64>,
        now: Instant,
    ) -> String {
        self.sign(&Link {
            sub: user,
            email: email.map(str::to_owned),
            epoch,
            exp: (now + purpose.lifetime()).timestamp(),
            aud: purpose.audience().to_owned(),
        })
    }

    /// Checks signature, purpose and time of a link's token.
    pub fn read_link(&self, purpose: Purpose, token: &str, now: Instant) -> Option<Link> {
        self.read::<Link>(token, purpose.audience())
            .filter(|link| link.exp > now.timestamp())
    }

    /// The token of a link that stops mails of a category.
    pub fn unsubscribe(&self, user: UserId, category: Category, now: Instant) -> String {
        let purpose = Purpose::Unsubscribe;
        self.sign(&Unsubscribe {
            sub: user,
            category,
            exp: (now + purpose.lifetime()).timestamp(),
            aud: purpose.audience().to_owned(),
        })
    }

    /// Checks signature, purpose and time of such a token: whose mails, and of which category.
    pub fn read_unsubscribe(&self, token: &str, now: Instant) -> Option<(UserId, Category)> {
        self.read::<Unsubscribe>(token, Purpose::Unsubscribe.audience())
            .filter(|said| said.exp > now.timestamp())
            .map(|said| (said.sub, said.category))
    }

    fn sign<T: Serialize>(&self, claims: &T) -> String {
        // HS256 over a plain struct cannot fail; an empty token would be refused everywhere.
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
            .unwrap_or_default()
    }

    fn read<T: DeserializeOwned + Clone>(&self, token: &str, audience: &str) -> Option<T> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[audience]);
        rules.set_required_spec_claims(&["exp", "aud", "sub"]);
        // Time is compared with the house's clock by the callers above.
        rules.validate_exp = false;
        jsonwebtoken::decode::<T>(token, &self.decoding, &rules)
            .ok()
            .map(|data| data.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn a_link_serves_its_own_purpose_and_time_only() {
        let tokens = Tokens::new(Secret::new("s".repeat(32)));
        let user = UserId::at(now());
        let token = tokens.link(Purpose::Reset, user, None, Some(3), now());
        let read = |purpose, at| tokens.read_link(purpose, &token, at);
        assert_eq!(read(Purpose::Reset, now()).unwrap().epoch, Some(3));
        assert!(read(Purpose::Verify, now()).is_none());
        assert!(read(Purpose::Reset, now() + TimeDelta::minutes(61)).is_none());
        assert!(tokens.read_access(&token, now()).is_none());
        let other = Tokens::new(Secret::new("t".repeat(32)));
        assert!(other.read_link(Purpose::Reset, &token, now()).is_none());
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        // alg "none", aud "api".
        let token = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiIwMTk5MDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDAiLCJlcG9jaCI6MCwiZXhwIjo5OTk5OTk5OTk5LCJhdWQiOiJhcGkifQ.";
        let tokens = Tokens::new(Secret::new("s".repeat(32)));
        assert!(tokens.read_access(token, now()).is_none());
    }
}
