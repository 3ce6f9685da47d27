//! Every refusal: the problem that REST answers, in gRPC's words.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::http::problem::Problem;

/// Whose reasons they are (`google.rpc.ErrorInfo.domain`).
pub const DOMAIN: &str = "belfry";
/// Members of a problem that have a place of their own in a refusal, or say what its code says.
const PLACED: [&str; 6] = ["type", "title", "status", "detail", "request_id", "errors"];

/// Why a call is not done.
pub enum Refusal {
    Problem(Problem),
    /// What was answered to the first call with the same key, as it was kept.
    Kept(String),
}

impl<P: Into<Problem>> From<P> for Refusal {
    fn from(problem: P) -> Self {
        Self::Problem(problem.into())
    }
}

/// The problem in words of `language`.
pub fn status(problem: &Problem, language: &'static str, request_id: &str) -> Status {
    let body = problem.body(language, request_id);
    from_body(&body, problem.retry_after())
}

/// The refusal that the body of a problem tells.
pub fn from_body(body: &str, retry_after: Option<u64>) -> Status {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let slug = text("type").trim_start_matches("/problems/");
    let mut details = ErrorDetails::new();
    details.set_error_info(slug, DOMAIN, others(&body));
    details.set_request_info(text("request_id"), "");
    let faults = body["errors"].as_array().map_or(&[][..], Vec::as_slice);
    if !faults.is_empty() {
        details.set_bad_request(faults.iter().map(violation).collect::<Vec<_>>());
    }
    if let Some(seconds) = retry_after {
        details.set_retry_info(Some(Duration::from_secs(seconds)));
    }
    let code = code(slug, body["status"].as_u64().unwrap_or_default());
    Status::with_error_details(code, text("detail"), details)
}

/// Members of this one kind of problem; those that are no plain text as JSON.
fn others(body: &Value) -> HashMap<String, String> {
    let members = body.as_object().into_iter().flatten();
    members
        .filter(|(name, _)| !PLACED.contains(&name.as_str()))
        .map(|(name, value)| {
            let text = value.as_str().map(str::to_owned);
            (name.clone(), text.unwrap_or_else(|| value.to_string()))
        })
        .collect()
}

fn violation(fault: &Value) -> FieldViolation {
    let text = |name: &str| fault[name].as_str().unwrap_or_default();
    let pointer = text("pointer").trim_start_matches('/');
    FieldViolation {
        field: pointer.replace('/', "."),
        description: text("detail").to_owned(),
        reason: text("code").to_owned(),
        localized_message: None,
    }
}

/// What a status of HTTP is in gRPC. Of what HTTP calls a conflict, an edit that came too late and a call whose first
/// try is under way are worth another look (`ABORTED`); the others need something else to happen first.
fn code(slug: &str, status: u64) -> Code {
    match (slug, status) {
        ("stale" | "conflict" | "idempotency-key-running", _) => Code::Aborted,
        (_, 401) => Code::Unauthenticated,
        (_, 403) => Code::PermissionDenied,
        (_, 404) => Code::NotFound,
        (_, 405 | 415) => Code::Unimplemented,
        (_, 408) => Code::DeadlineExceeded,
        (_, 409 | 410 | 412) => Code::FailedPrecondition,
        (_, 413 | 429) => Code::ResourceExhausted,
        (_, 400..=499) => Code::InvalidArgument,
        (_, 503) => Code::Unavailable,
        _ => Code::Internal,
    }
}

/// What the machinery of gRPC refuses by itself, before anybody here is asked.
pub fn of_code(code: Code) -> Problem {
    match code {
        // A message beyond the limit.
        Code::OutOfRange => Problem::new("payload-too-large"),
        // A message that cannot be read; our own failures say so themselves.
        Code::Internal | Code::InvalidArgument => Problem::new("malformed"),
        Code::Cancelled | Code::DeadlineExceeded => Problem::new("request-timeout"),
        Code::Unimplemented => Problem::new("method-not-allowed"),
        _ => Problem::new("internal"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::CATALOGUE;

    #[test]
    fn every_kind_of_problem_has_a_code_that_says_whose_turn_it_is() {
        for (slug, entry) in CATALOGUE.iter() {
            let code = code(slug, entry.status.into());
            let ours = matches!(code, Code::Internal | Code::Unavailable);
            assert_eq!(ours, entry.status >= 500, "{slug}: {code:?}");
            assert_ne!(code, Code::Ok, "{slug}");
        }
    }

    #[test]
    fn a_kept_refusal_is_told_as_it_was() {
        let problem = Problem::field("/guest/name", "required", "Say who.");
        let problem = problem.with("alternatives", serde_json::json!([1]));
        let first = status(&problem, "vi", "abc");
        let again = from_body(&problem.body("vi", "abc"), None);
        assert_eq!(first.details(), again.details());
        let details = again.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((&*info.reason, &*info.domain), ("validation", DOMAIN));
        assert_eq!(info.metadata["alternatives"], "[1]");
        let fault = &details.bad_request().unwrap().field_violations[0];
        assert_eq!((&*fault.field, &*fault.reason), ("guest.name", "required"));
        assert_eq!(details.request_info().unwrap().request_id, "abc");
    }
}
