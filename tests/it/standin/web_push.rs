//! A push service on this machine, and browsers that can read what it was given for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use web_push_native::p256::SecretKey;
use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint;

use super::{Asked, Reply, StandIn};

/// A push service that takes what RFC 8030, 8188 and 8292 allow.
pub struct PushService {
    pub server: StandIn,
    fates: Arc<Mutex<BTreeMap<String, Reply>>>,
}

/// A browser with a subscription.
pub struct Browser {
    secret: SecretKey,
    auth: [u8; 16],
    /// The path of its endpoint.
    pub path: String,
    pub endpoint: String,
}

impl PushService {
    pub async fn start() -> Self {
        let fates: Arc<Mutex<BTreeMap<String, Reply>>> = Arc::default();
        let told = fates.clone();
        let server = StandIn::start(move |asked| {
            let fate = told.lock().unwrap().get(&asked.path).cloned();
            insisting(asked).or(fate).unwrap_or_else(|| {
                Reply::status(201).with("location", &format!("{}/message", asked.path))
            })
        })
        .await;
        Self { server, fates }
    }

    /// A browser that subscribes here.
    pub fn subscribe(&self) -> Browser {
        let secret = loop {
            if let Ok(secret) = SecretKey::from_slice(&rand::random::<[u8; 32]>()) {
                break secret;
            }
        };
        let path = format!("/push/{}", uuid::Uuid::new_v4().simple());
        Browser {
            secret,
            auth: rand::random(),
            endpoint: format!("{}{path}", self.server.url()),
            path,
        }
    }

    /// What pushes to this browser are answered from now on.
    pub fn will(&self, browser: &Browser, reply: Reply) {
        let mut fates = self.fates.lock().unwrap();
        fates.insert(browser.path.clone(), reply);
    }

    /// What came for a browser, read with its keys.
    pub fn read(&self, browser: &Browser) -> Vec<Value> {
        let asked = self.server.asked();
        let mine = asked.iter().filter(|asked| asked.path == browser.path);
        mine.map(|asked| browser.read(asked)).collect()
    }
}

impl Browser {
    /// What it tells the house about itself.
    pub fn device(&self) -> Value {
        let point = self.secret.public_key().to_encoded_point(false);
        json!({
            "kind": "web_push",
            "address": self.endpoint,
            "keys": {
                "p256dh": URL_SAFE_NO_PAD.encode(point.as_bytes()),
                "auth": URL_SAFE_NO_PAD.encode(self.auth),
            },
        })
    }

    fn read(&self, asked: &Asked) -> Value {
        let plain = web_push_native::decrypt(asked.body.clone(), &self.secret, &self.auth.into());
        serde_json::from_slice(&plain.expect("it is encrypted for this browser")).unwrap()
    }
}

/// What a push service refuses whatever the device.
fn insisting(asked: &Asked) -> Option<Reply> {
    let lifetime = asked.header("ttl").parse::<u32>();
    let well_formed = asked.method == "POST"
        && lifetime.is_ok()
        && asked.header("content-encoding") == "aes128gcm"
        && ["very-low", "low", "normal", "high"].contains(&asked.header("urgency"))
        && asked.header("topic").len() <= 32;
    if !well_formed {
        return Some(Reply::text(400, "malformed"));
    }
    if asked.body.len() > 4096 {
        return Some(Reply::text(413, "too large"));
    }
    match signed_for(asked) {
        Some(()) => None,
        None => Some(Reply::text(403, "who are you?")),
    }
}

/// Checks who sends it (RFC 8292).
fn signed_for(asked: &Asked) -> Option<()> {
    let parameters = asked.header("authorization").strip_prefix("vapid ")?;
    let parameters: BTreeMap<&str, &str> = parameters
        .split(',')
        .filter_map(|parameter| parameter.trim().split_once('='))
        .collect();
    let key = URL_SAFE_NO_PAD.decode(parameters.get("k")?).ok()?;
    let (x, y) = key.strip_prefix(&[4])?.split_at_checked(32)?;
    let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    let key = DecodingKey::from_ec_components(&encode(x), &encode(y)).ok()?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[format!("http://{}", asked.header("host"))]);
    let claims = jsonwebtoken::decode::<Value>(parameters.get("t")?, &key, &validation).ok()?;
    claims.claims["sub"]
        .as_str()?
        .strip_prefix("mailto:")
        .map(drop)
}
