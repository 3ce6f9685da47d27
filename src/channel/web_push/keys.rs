use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
use web_push_native::p256::PublicKey;
use web_push_native::{Auth, Error, encrypt};

/// Browsers leave the padding out, some libraries keep it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys of a browser's subscription, in base64url.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SubscriptionKeys {
    /// A point of the curve P-256, not compressed.
    pub p256dh: String,
    /// 16 bytes.
    pub auth: String,
}

impl SubscriptionKeys {
    /// The name of the key that cannot be used, if one cannot.
    ///
    /// # Errors
    /// With that name.
    pub fn check(&self) -> Result<(), &'static str> {
        self.public().ok_or("p256dh")?;
        self.secret().ok_or("auth")?;
        Ok(())
    }

    fn public(&self) -> Option<PublicKey> {
        let bytes = BASE64.decode(&self.p256dh).ok()?;
        (bytes.len() == 65).then_some(())?;
        PublicKey::from_sec1_bytes(&bytes).ok()
    }

    fn secret(&self) -> Option<Auth> {
        let bytes: [u8; 16] = BASE64.decode(&self.auth).ok()?.try_into().ok()?;
        Some(bytes.into())
    }

    /// The content as only the browser can read it.
    ///
    /// # Errors
    /// When a key cannot be used.
    pub(super) fn encrypt(&self, content: String) -> Result<Vec<u8>, Fault> {
        let (public, secret) = (self.public().ok_or(Fault)?, self.secret().ok_or(Fault)?);
        encrypt(content.into_bytes(), &public, &secret).map_err(|_: Error| Fault)
    }
}

/// A key fits nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fault;

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of the example in RFC 8291 §5.
    fn example() -> SubscriptionKeys {
        SubscriptionKeys {
            p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
                .to_owned(),
            auth: "BTBZMqHH6r4Tts7J_aSIgg".to_owned(),
        }
    }

    #[test]
    fn keys_are_a_point_of_the_curve_and_sixteen_bytes() {
        assert_eq!(example().check(), Ok(()));
        let padded = SubscriptionKeys {
            auth: "BTBZMqHH6r4Tts7J_aSIgg==".to_owned(),
            ..example()
        };
        assert_eq!(padded.check(), Ok(()));
        let off_the_curve = example().p256dh.replace("Aiw4", "Aiw5");
        for p256dh in [off_the_curve.as_str(), "", "BA", "!", &example().auth] {
            let keys = SubscriptionKeys {
                p256dh: p256dh.to_owned(),
                ..example()
            };
            assert_eq!(keys.check(), Err("p256dh"), "{p256dh}");
        }
        for auth in ["", "BTBZMqHH6r4Tts7J_aSI", "BTBZMqHH6r4Tts7J_aSIggAA", "?"] {
            let keys = SubscriptionKeys {
                auth: auth.to_owned(),
                ..example()
            };
            assert_eq!(keys.check(), Err("auth"), "{auth}");
        }
    }
}
