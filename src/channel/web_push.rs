//! Push to browsers: Web Push with encrypted content (RFC 8030, 8291) from a server that says who it is (RFC 8292).
//!
//! Every browser brings the address of a push service of its own choice, so the guard judges each call, and
//! only well-known services can say something about all of our pushes: what any other one answers concerns
//! its own device alone, or a stranger could bring the channel to a halt.

use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use belfry_actors::{Capabilities, Outgoing, Provider};
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{DeadCause, Receipt, SendError};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::channel::call::{body, failed, retry_after, shortened};
use crate::channel::guard::{Forbidden, Guard, forbidden};
use crate::channel::push::Push;
use crate::config;
pub use keys::SubscriptionKeys;
pub use vapid::Vapid;

/// A browser's half of the encryption.
mod keys;
/// Who we are to push services.
mod vapid;

/// Longest content before it is encrypted; services take 4096 bytes of what it becomes, some in a coding of their
/// own around it.
const MOST_BYTES: usize = 3000;
/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Shortest pause for a service that wants one and does not say how long.
const PAUSE: TimeDelta = TimeDelta::seconds(60);

/// Sends pushes to browsers.
pub struct WebPush {
    http: reqwest::Client,
    guard: Guard,
    vapid: Vapid,
    services: Vec<String>,
}

impl WebPush {
    /// A channel in the name of `vapid`. Calls nobody yet.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(settings: &config::WebPush, vapid: Vapid, guard: Guard) -> Result<Self> {
        Ok(Self {
            http: guard.client(PATIENCE).context("[push.web]")?,
            guard,
            vapid,
            services: settings.services.clone(),
        })
    }

    /// Whether the host is one of the configured services.
    fn is_known(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.services.iter().any(|service| {
            let below = service.strip_prefix('*');
            below.map_or(host == service, |below| host.ends_with(below))
        })
    }
}

#[async_trait]
impl Provider for WebPush {
    fn channel(&self) -> Channel {
        Channel::WebPush
    }

    fn name(&self) -> &str {
        "web_push"
    }

    fn capabilities(&self) -> Capabilities {
        // A repeat takes the place of what is on the screen, but one that was put away is shown again.
        Capabilities {
            recognises_repeats: false,
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Receipt, SendError> {
        let invalid = |detail: &str| SendError::DeadAddress {
            cause: DeadCause::Invalid,
            detail: detail.to_owned(),
        };
        let url: Url = message
            .address
            .parse()
            .map_err(|_| invalid("the endpoint is no address"))?;
        let keys = SubscriptionKeys::deserialize(&message.content.details)
            .map_err(|_| invalid("the device's keys are missing"))?;
        let encrypted = keys
            .encrypt(compose(message))
            .map_err(|_| invalid("the device's keys fit nothing"))?;
        let place = Place {
            known: self.is_known(&url),
            now: message.at,
        };
        self.guard
            .check_form(&url)
            .map_err(|forbidden| place.stopped(forbidden))?;
        let push = Push::of(message);
        let request = self
            .http
            .post(url.clone())
            .header("authorization", self.vapid.header(&url, message.at)?)
            .header("content-encoding", "aes128gcm")
            .header("content-type", "application/octet-stream")
            .header("ttl", push.lifetime)
            .header("urgency", "high")
            // At most 32 characters of base64url: a repeat replaces what still waits for the device.
            .header("topic", message.id.uuid().simple().to_string())
            .body(encrypted);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Err(match forbidden(&error) {
                    Some(forbidden) => place.stopped(forbidden),
                    None => place.own(failed(&error), None),
                });
            }
        };
        let status = response.status().as_u16();
        let pause = retry_after(response.headers(), message.at);
        if (200..300).contains(&status) {
            let location = response.headers().get("location");
            let name = location.and_then(|value| value.to_str().ok());
            return Ok(Receipt::Sent {
                provider_id: name.map(shortened),
            });
        }
        let detail = shortened(&format!("{status} {}", body(response).await));
        Err(place.judge(status, detail, pause))
    }
}

/// What our service worker shows, see `static/sw.js`.
fn compose(message: &Outgoing) -> String {
    Push::fitted(message, MOST_BYTES, |push| {
        json!({
            "title": push.title,
            "body": push.text,
            "url": push.url,
            "tag": push.tag,
            "lang": message.content.language,
        })
        .to_string()
    })
}

/// Who answers, and when.
struct Place {
    /// Whether it is one of the well-known services.
    known: bool,
    now: Instant,
}

impl Place {
    /// What an answer other than success means.
    fn judge(&self, status: u16, detail: String, pause: Option<Instant>) -> SendError {
        let dead = |cause, detail| SendError::DeadAddress { cause, detail };
        match status {
            404 | 410 => dead(DeadCause::Gone, detail),
            429 => {
                let until = pause.unwrap_or(self.now + PAUSE);
                self.own(SendError::Limited { until, detail }, pause)
            }
            // Our signature, not the device: a subscription made under another key ends by itself.
            401 | 403 => self.own(SendError::Unconfigured(detail), pause),
            // A push service that has moved would tell the browser.
            300..500 => SendError::Refused(detail),
            _ => match pause {
                Some(until) => self.own(SendError::Limited { until, detail }, pause),
                None => self.own(SendError::Transient(detail), None),
            },
        }
    }

    /// What the guard stopped. A name that leads inside for a moment is no reason to give a device up.
    fn stopped(&self, forbidden: Forbidden) -> SendError {
        match forbidden {
            Forbidden::Unknown => self.own(SendError::Transient(forbidden.to_string()), None),
            Forbidden::Form | Forbidden::Inside => SendError::Refused(forbidden.to_string()),
        }
    }

    /// The fault of a well-known service as it is; that of any other one as a matter between it and its device.
    fn own(&self, fault: SendError, pause: Option<Instant>) -> SendError {
        let detail = match fault {
            _ if self.known => return fault,
            SendError::Transient(detail)
            | SendError::Unconfigured(detail)
            | SendError::Limited { detail, .. } => detail,
            other => return other,
        };
        SendError::Postponed {
            until: pause,
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(known: bool) -> Place {
        Place {
            known,
            now: "2027-03-01T12:00:00Z".parse().unwrap(),
        }
    }

    fn class(place: &Place, status: u16, pause: Option<Instant>) -> String {
        let seconds = |until: Instant| (until - place.now).num_seconds();
        match place.judge(status, String::new(), pause) {
            SendError::DeadAddress { cause, .. } => format!("dead {cause:?}"),
            SendError::Limited { until, .. } => format!("limited {}", seconds(until)),
            SendError::Postponed {
                until: Some(until), ..
            } => format!("postponed {}", seconds(until)),
            SendError::Postponed { until: None, .. } => "postponed".to_owned(),
            other => {
                let name = format!("{other:?}");
                name.split('(').next().unwrap_or_default().to_lowercase()
            }
        }
    }

    #[test]
    fn the_table_of_answers_is_exactly_this() {
        let hour = Some(place(true).now + TimeDelta::hours(1));
        // Status, from a well-known service, from it with Retry-After, from any other one without and with.
        let table = [
            (404, "dead Gone", "dead Gone", "dead Gone", "dead Gone"),
            (410, "dead Gone", "dead Gone", "dead Gone", "dead Gone"),
            (400, "refused", "refused", "refused", "refused"),
            (413, "refused", "refused", "refused", "refused"),
            (307, "refused", "refused", "refused", "refused"),
            (
                401,
                "unconfigured",
                "unconfigured",
                "postponed",
                "postponed 3600",
            ),
            (
                403,
                "unconfigured",
                "unconfigured",
                "postponed",
                "postponed 3600",
            ),
            (
                429,
                "limited 60",
                "limited 3600",
                "postponed",
                "postponed 3600",
            ),
            (
                500,
                "transient",
                "limited 3600",
                "postponed",
                "postponed 3600",
            ),
            (
                502,
                "transient",
                "limited 3600",
                "postponed",
                "postponed 3600",
            ),
            (
                503,
                "transient",
                "limited 3600",
                "postponed",
                "postponed 3600",
            ),
        ];
        for (status, known, known_paused, other, other_paused) in table {
            assert_eq!(class(&place(true), status, None), known, "{status}");
            assert_eq!(class(&place(true), status, hour), known_paused, "{status}");
            assert_eq!(class(&place(false), status, None), other, "{status}");
            assert_eq!(class(&place(false), status, hour), other_paused, "{status}");
        }
    }
}
