//! Signed tokens: access to the API, and the links in mails (JWT, HS256, one secret for all nodes).

use belfry_domain::Instant;
use belfry_domain::account::Account;
use belfry_domain::id::{BookingId, UserId};
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

/// What the link to a guest's booking says. It has no end of its own: it works until some time after the booking,
/// wherever that is moved.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct BookingLink {
    sub: BookingId,
    client: UserId,
    aud: String,
}

const ACCESS: &str = "api";
const BOOKING: &str = "booking";

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

    /// The token that stands for the client of a booking who has no account, for this booking alone.
    pub fn booking(&self, booking: BookingId, client: UserId) -> String {
        self.sign(&BookingLink {
            sub: booking,
            client,
            aud: BOOKING.to_owned(),
        })
    }

    /// Checks signature and purpose of such a token: which booking, and as whom.
    pub fn read_booking(&self, token: &str) -> Option<(BookingId, UserId)> {
        self.claims::<BookingLink>(token, BOOKING, &["aud", "sub"])
            .map(|said| (said.sub, said.client))
    }

    /// The code that shows a guest's bookings: eight digits that follow from the guest, the number and the secret.
    pub fn code(&self, guest: UserId, number: i64) -> String {
        let (guest, number) = (guest.uuid(), number.to_be_bytes());
        let digest = self.secret.mac(&[b"code:", guest.as_bytes(), &number]);
        let mut start = [0; 8];
        start.copy_from_slice(&digest[..8]);
        format!("{:08}", u64::from_be_bytes(start) % 100_000_000)
    }

    /// The id of the guest with this address. It follows from the address, so that it does not tell since when the
    /// guest is known.
    pub fn guest(&self, email: &str) -> UserId {
        let mut bytes = [0; 10];
        let digest = self.secret.mac(&[b"guest:", email.as_bytes()]);
        bytes.copy_from_slice(&digest[..10]);
        uuid::Builder::from_unix_timestamp_millis(0, &bytes)
            .into_uuid()
            .into()
    }

    fn sign<T: Serialize>(&self, claims: &T) -> String {
        // HS256 over a plain struct cannot fail; an empty token would be refused everywhere.
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
            .unwrap_or_default()
    }

    fn read<T: DeserializeOwned + Clone>(&self, token: &str, audience: &str) -> Option<T> {
        self.claims(token, audience, &["exp", "aud", "sub"])
    }

    fn claims<T: DeserializeOwned + Clone>(
        &self,
        token: &str,
        audience: &str,
        required: &[&str],
    ) -> Option<T> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[audience]);
        rules.set_required_spec_claims(required);
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
    fn a_guests_link_is_for_one_booking_and_nothing_else() {
        let tokens = Tokens::new(Secret::new("s".repeat(32)));
        let (booking, guest) = (BookingId::at(now()), tokens.guest("ann@example.com"));
        let token = tokens.booking(booking, guest);
        assert_eq!(tokens.read_booking(&token), Some((booking, guest)));
        assert!(tokens.read_access(&token, now()).is_none());
        assert!(tokens.read_link(Purpose::Verify, &token, now()).is_none());
        let stop = tokens.unsubscribe(guest, Category::Booking, now());
        assert!(tokens.read_booking(&stop).is_none());
        let other = Tokens::new(Secret::new("t".repeat(32)));
        assert!(other.read_booking(&token).is_none());
    }

    #[test]
    fn a_guests_id_follows_from_the_address_and_the_secret() {
        let tokens = Tokens::new(Secret::new("s".repeat(32)));
        let other = Tokens::new(Secret::new("t".repeat(32)));
        let id = tokens.guest("ann@example.com");
        assert_eq!(id, tokens.guest("ann@example.com"));
        assert_ne!(id, tokens.guest("bob@example.com"));
        assert_ne!(id, other.guest("ann@example.com"));
        assert_eq!(id.uuid().get_version_num(), 7);
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        // alg "none", aud "api".
        let token = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiIwMTk5MDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDAiLCJlcG9jaCI6MCwiZXhwIjo5OTk5OTk5OTk5LCJhdWQiOiJhcGkifQ.";
        let tokens = Tokens::new(Secret::new("s".repeat(32)));
        assert!(tokens.read_access(token, now()).is_none());
    }
}
