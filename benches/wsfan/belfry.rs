//! Belfry: opened with a ticket, ready when welcomed; published by Redis on `user:{id}`. What all sessions
//! take together is a topic.
use super::{Adapter, Opts, Out};
use crate::publish::{resp_publish, PubCodec};
use base64::{engine::general_purpose::URL_SAFE_NO_PAD as B64, Engine};
use hmac::{Hmac, Mac};
use std::time::{SystemTime, UNIX_EPOCH};

/// `--token jwt:SECRET` names the server's `[auth] secret`.
pub struct Belfry(pub Opts);

const TOPIC: &str = "expert:00000000-0000-7000-8000-0000ffffffff:slots";

/// The person of a number, as `wsfan.sh` writes them.
fn person(number: u32) -> String {
    format!("00000000-0000-7000-8000-{number:012x}")
}

fn ticket(secret: &str, number: u32) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = format!(
        r#"{{"aud":"live","sub":"{}","exp":{}}}"#,
        person(number),
        now + 30
    );
    let body = format!(
        "{}.{}",
        B64.encode(br#"{"alg":"HS256","typ":"JWT"}"#),
        B64.encode(claims)
    );
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("{body}.{}", B64.encode(mac.finalize().into_bytes()))
}

impl Adapter for Belfry {
    fn path(&self, user: u32, _both: bool) -> String {
        let secret = self.0.token.strip_prefix("jwt:").unwrap_or_default();
        format!("/ws?ticket={}", ticket(secret, user))
    }

    fn on_open(&self, _user: u32, both: bool, out: &mut Out) -> bool {
        if both {
            out.text(format!(r#"{{"type":"subscribe","topic":"{TOPIC}","ref":1}}"#).as_bytes());
        }
        false
    }

    fn on_frame(&self, _: u32, both: bool, _: &mut u8, payload: &[u8], _: &mut Out) -> bool {
        let due: &[u8] = if both { br#"{"type":"ok""# } else { br#"{"type":"welcome""# };
        payload.starts_with(due)
    }

    fn codec(&self) -> Box<dyn PubCodec> {
        Box::new(Publish)
    }
}

struct Publish;

impl PubCodec for Publish {
    fn unicast(&mut self, user: u32, payload: &[u8], out: &mut Vec<u8>) {
        resp_publish(&format!("user:{}", person(user)), payload, out);
    }

    fn broadcast(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let mut frame = format!(r#"{{"type":"event","topic":"{TOPIC}","event":"#).into_bytes();
        frame.extend_from_slice(payload);
        frame.push(b'}');
        resp_publish(&format!("topic:{TOPIC}"), &frame, out);
    }

    fn reply(&self, bytes: &[u8]) -> (Vec<u8>, u64) {
        (Vec::new(), bytes.iter().filter(|&&byte| byte == b'-').count() as u64)
    }
}
