use belfry_domain::Instant;
use belfry_domain::delivery::{DeadCause, SendError};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::Value;

use crate::channel::call::shortened;

/// Shortest pause after a quota was used up.
const PAUSE: TimeDelta = TimeDelta::seconds(60);

/// What came of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Under this name.
    Taken(Option<String>),
    /// The token did not let it through.
    Unauthorised(String),
    Failed(SendError),
}

#[derive(Deserialize, Default)]
struct Body {
    name: Option<String>,
    #[serde(default)]
    error: Fault,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Fault {
    status: String,
    details: Vec<Value>,
}

impl Fault {
    /// FCM's own code. Only this says whose fault it was; texts change.
    fn code(&self) -> &str {
        let codes = self.details.iter().map(|detail| &detail["errorCode"]);
        codes.filter_map(Value::as_str).next().unwrap_or_default()
    }

    /// Whether the address itself is named as what is invalid.
    fn is_about_address(&self) -> bool {
        let violations = self.details.iter().map(|detail| &detail["fieldViolations"]);
        let fields = violations.filter_map(Value::as_array).flatten();
        let mut fields = fields.filter_map(|violation| violation["field"].as_str());
        fields.any(|field| matches!(field, "message.token" | "message.fid"))
    }
}

/// Judges an answer by its typed code, by its status where there is none. `pause` is what it asked for at `now`.
pub(super) fn judge(status: u16, body: &str, pause: Option<Instant>, now: Instant) -> Answer {
    let read: Body = serde_json::from_str(body).unwrap_or_default();
    if (200..300).contains(&status) {
        return Answer::Taken(read.name);
    }
    let fault = read.error;
    let detail = shortened(&match fault.code() {
        "" => format!("{status} {body}"),
        code => format!("{status} {code}"),
    });
    let dead = |cause, detail| SendError::DeadAddress { cause, detail };
    let later = |detail| match pause {
        Some(until) => SendError::Limited { until, detail },
        None => SendError::Transient(detail),
    };
    Answer::Failed(match (fault.code(), status) {
        ("UNREGISTERED" | "UNREGISTERED_FID", _) => dead(DeadCause::Unregistered, detail),
        // The app was built for another project: this address never was ours.
        ("SENDER_ID_MISMATCH", _) => dead(DeadCause::Invalid, detail),
        ("INVALID_ARGUMENT", _) if fault.is_about_address() => dead(DeadCause::Invalid, detail),
        // A message that is wrong must not cost anybody the device.
        ("INVALID_ARGUMENT", _) => SendError::Refused(detail),
        ("QUOTA_EXCEEDED", _) | (_, 429) => SendError::Limited {
            until: pause.unwrap_or(now + PAUSE),
            detail,
        },
        ("UNAVAILABLE" | "INTERNAL", _) => later(detail),
        ("THIRD_PARTY_AUTH_ERROR", _) | (_, 401) => return Answer::Unauthorised(detail),
        // A bare 404 is a wrong address of ours, and no word about the device.
        (_, 403 | 404 | 300..400) => SendError::Unconfigured(detail),
        (_, 400..500) => SendError::Refused(detail),
        // FCM says of itself that it did not take it; something in between cannot know.
        (_, 500) => later(detail),
        _ if pause.is_some() || !fault.status.is_empty() => later(detail),
        _ => SendError::Ambiguous(detail),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Instant {
        "2027-03-01T12:00:00Z".parse().unwrap()
    }

    fn fault(code: &str) -> String {
        let details = json!([{
            "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
            "errorCode": code,
        }]);
        json!({ "error": { "status": "X", "message": "any", "details": details } }).to_string()
    }

    /// The class of an answer as one word.
    fn class(status: u16, body: &str, pause: Option<Instant>) -> String {
        match judge(status, body, pause, now()) {
            Answer::Taken(_) => "taken".to_owned(),
            Answer::Unauthorised(_) => "unauthorised".to_owned(),
            Answer::Failed(SendError::DeadAddress { cause, .. }) => format!("dead {cause:?}"),
            Answer::Failed(SendError::Limited { until, .. }) => {
                format!("limited {}", (until - now()).num_seconds())
            }
            Answer::Failed(error) => {
                let name = format!("{error:?}");
                name.split('(').next().unwrap_or_default().to_lowercase()
            }
        }
    }

    #[test]
    fn the_table_of_answers_is_exactly_this() {
        let hour = Some(now() + TimeDelta::hours(1));
        let typed = [
            (
                404,
                "UNREGISTERED",
                "dead Unregistered",
                "dead Unregistered",
            ),
            (
                404,
                "UNREGISTERED_FID",
                "dead Unregistered",
                "dead Unregistered",
            ),
            (403, "SENDER_ID_MISMATCH", "dead Invalid", "dead Invalid"),
            (400, "INVALID_ARGUMENT", "refused", "refused"),
            (429, "QUOTA_EXCEEDED", "limited 60", "limited 3600"),
            (503, "UNAVAILABLE", "transient", "limited 3600"),
            (500, "INTERNAL", "transient", "limited 3600"),
            (
                401,
                "THIRD_PARTY_AUTH_ERROR",
                "unauthorised",
                "unauthorised",
            ),
        ];
        for (status, code, plain, paused) in typed {
            assert_eq!(class(status, &fault(code), None), plain, "{code}");
            assert_eq!(class(status, &fault(code), hour), paused, "{code}");
        }
        for (status, plain) in [
            (200, "taken"),
            (302, "unconfigured"),
            (400, "refused"),
            (401, "unauthorised"),
            (403, "unconfigured"),
            (404, "unconfigured"),
            (413, "refused"),
            (429, "limited 60"),
            (500, "transient"),
            (502, "ambiguous"),
            (503, "ambiguous"),
            (504, "ambiguous"),
        ] {
            assert_eq!(class(status, "<html>", None), plain, "{status}");
        }
        assert_eq!(class(503, "<html>", hour), "limited 3600");
    }

    #[test]
    fn an_argument_that_is_invalid_costs_the_device_only_if_it_is_the_device() {
        let named = |field: &str| {
            let details = json!([
                { "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                  "errorCode": "INVALID_ARGUMENT" },
                { "@type": "type.googleapis.com/google.rpc.BadRequest",
                  "fieldViolations": [{ "field": field, "description": "Invalid" }] },
            ]);
            let error = json!({ "status": "INVALID_ARGUMENT", "details": details });
            class(400, &json!({ "error": error }).to_string(), None)
        };
        assert_eq!(named("message.token"), "dead Invalid");
        assert_eq!(named("message.fid"), "dead Invalid");
        assert_eq!(named("message.data[0].value"), "refused");
        assert_eq!(named("message.tokens"), "refused");
    }

    #[test]
    fn what_a_text_says_means_nothing() {
        let text = r#"{"error":{"status":"INVALID_ARGUMENT","message":"UNREGISTERED token",
            "details":[{"reason":"registration-token-not-registered"}]}}"#;
        assert_eq!(class(400, text, None), "refused");
        assert_eq!(
            class(404, "Requested entity was not found.", None),
            "unconfigured"
        );
    }
}
