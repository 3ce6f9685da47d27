use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belfry_domain::Instant;
use belfry_domain::delivery::SendError;
use chrono::TimeDelta;
use dashmap::DashMap;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use url::Url;
use web_push_native::p256::SecretKey;
use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint;
use web_push_native::p256::pkcs8::EncodePrivateKey;

use crate::secret;

/// How long a signature is good; services take a day at most.
const LIFETIME: TimeDelta = TimeDelta::hours(12);
/// A signature with less time left is made anew.
const AHEAD: TimeDelta = TimeDelta::hours(1);
/// Services whose signature is remembered; a stranger may bring any number of them.
const MOST_ORIGINS: usize = 256;

/// Says who sends a push, by a key that is the same on every node and for good: a browser's subscription holds to
/// the key that it was made for.
#[derive(Clone)]
pub struct Vapid(Arc<Inner>);

struct Inner {
    subject: String,
    key: EncodingKey,
    public: String,
    signed: DashMap<String, (String, Instant)>,
}

impl Vapid {
    /// A key that nobody has yet, as [`Vapid::new`] takes it.
    pub fn fresh_key() -> String {
        loop {
            let bytes = secret::fresh::<32>();
            if SecretKey::from_slice(&bytes).is_ok() {
                return URL_SAFE_NO_PAD.encode(bytes);
            }
        }
    }

    /// Signs with `key`; `subject` is how push services reach who runs this house, `mailto:` or `https:`.
    ///
    /// # Errors
    /// When either is malformed.
    pub fn new(key: &str, subject: &str) -> Result<Self> {
        ensure!(
            subject.starts_with("mailto:") || subject.starts_with("https://"),
            "[push.web] subject must begin with mailto: or https://"
        );
        let bytes = URL_SAFE_NO_PAD.decode(key).context("the key of web push")?;
        let secret = SecretKey::from_slice(&bytes).context("the key of web push")?;
        let point = secret.public_key().to_encoded_point(false);
        let der = secret.to_pkcs8_der().context("the key of web push")?;
        Ok(Self(Arc::new(Inner {
            subject: subject.to_owned(),
            key: EncodingKey::from_ec_der(der.as_bytes()),
            public: URL_SAFE_NO_PAD.encode(point.as_bytes()),
            signed: DashMap::new(),
        })))
    }

    /// The public half, as browsers take it when they subscribe.
    pub fn public_key(&self) -> &str {
        &self.0.public
    }

    /// The `Authorization` of a push to this endpoint.
    pub(super) fn header(&self, endpoint: &Url, now: Instant) -> Result<String, SendError> {
        let origin = endpoint.origin().ascii_serialization();
        if let Some(kept) = self.0.signed.get(&origin)
            && now < kept.1 - AHEAD
        {
            return Ok(kept.0.clone());
        }
        let header = self.sign(&origin, now)?;
        if self.0.signed.len() >= MOST_ORIGINS {
            self.0.signed.clear();
        }
        let until = now + LIFETIME;
        self.0.signed.insert(origin, (header.clone(), until));
        Ok(header)
    }

    fn sign(&self, origin: &str, now: Instant) -> Result<String, SendError> {
        #[derive(Serialize)]
        struct Claims<'a> {
            aud: &'a str,
            exp: i64,
            sub: &'a str,
        }
        let claims = Claims {
            aud: origin,
            exp: (now + LIFETIME).timestamp(),
            sub: &self.0.subject,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.0.key)
            .map_err(|error| SendError::Unconfigured(format!("the key does not sign: {error}")))?;
        Ok(format!("vapid t={token}, k={}", self.0.public))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_signature_serves_an_origin_until_it_nears_its_end() {
        let vapid = Vapid::new(&Vapid::fresh_key(), "mailto:ops@belfry.test").unwrap();
        let now: Instant = "2027-03-01T12:00:00Z".parse().unwrap();
        let at = |path: &str, hours| {
            let url = path.parse().unwrap();
            vapid.header(&url, now + TimeDelta::hours(hours)).unwrap()
        };
        let first = at("https://push.example/a", 0);
        assert_eq!(at("https://push.example/b?c", 10), first);
        assert_ne!(at("https://push.example:8443/a", 0), first);
        assert_ne!(at("https://push.example/a", 11), first);
    }

    #[test]
    fn a_subject_is_an_address_one_can_write_to() {
        for subject in ["", "ops@belfry.test", "http://belfry.test"] {
            assert!(
                Vapid::new(&Vapid::fresh_key(), subject).is_err(),
                "{subject}"
            );
        }
        assert!(Vapid::new("short", "mailto:ops@belfry.test").is_err());
    }
}
