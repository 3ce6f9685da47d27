//! The same wrong request over both ways is the same problem: its code, its faulty fields, its words and its other
//! members.

use belfry::grpc::v1;
use reqwest::Method;
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::{Caller, at, details, open, wish};
use crate::contract::UNKNOWN;
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

/// Of waiting queues.
mod queue;

on_both_engines!(
    a_wrong_wish_is_the_same_problem_over_both_ways,
    a_wrong_step_is_the_same_problem_over_both_ways,
    a_wrong_question_is_the_same_problem_over_both_ways,
    who_asks_too_often_is_told_so_over_both_ways,
);

const TEN: &str = "2027-03-02T10:00:00Z";

/// What gRPC calls a status of HTTP.
fn code_of(answer: &Answer) -> Code {
    match (answer.status, answer.body["type"].as_str().unwrap()) {
        (_, "/problems/stale" | "/problems/idempotency-key-running") => Code::Aborted,
        (401, _) => Code::Unauthenticated,
        (403, _) => Code::PermissionDenied,
        (404, _) => Code::NotFound,
        (409, _) => Code::FailedPrecondition,
        (422, _) => Code::InvalidArgument,
        (429, _) => Code::ResourceExhausted,
        (503, _) => Code::Unavailable,
        other => panic!("{other:?}"),
    }
}

/// Insists that both say the same.
#[track_caller]
fn agree<T: std::fmt::Debug>(what: &str, rest: &Answer, grpc: Result<T, Status>) {
    assert!(rest.status >= 400, "{what}: {}", rest.text);
    let status = grpc.expect_err(what);
    let details = details(&status);
    let info = details.error_info().unwrap();
    let told = format!("{what}: {} and {status:?}", rest.text);
    assert_eq!(
        rest.text("type"),
        format!("/problems/{}", info.reason),
        "{told}"
    );
    assert_eq!(status.code(), code_of(rest), "{told}");
    assert_eq!(status.message(), rest.text("detail"), "{told}");
    let faults = |pointer: &str, code: &str| (pointer.replace('/', "."), code.to_owned());
    let mut over_rest: Vec<_> = rest.body["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|fault| {
            let text = |name: &str| fault[name].as_str().unwrap();
            faults(text("pointer").trim_start_matches('/'), text("code"))
        })
        .collect();
    let violations = details.bad_request().map(|b| b.field_violations.clone());
    let mut over_grpc: Vec<_> = violations
        .unwrap_or_default()
        .iter()
        .map(|violation| faults(&violation.field, &violation.reason))
        .collect();
    over_rest.sort();
    over_grpc.sort();
    assert_eq!(over_rest, over_grpc, "{told}");
    let own = ["type", "title", "status", "detail", "request_id", "errors"];
    for (name, value) in rest.body.as_object().unwrap() {
        if !own.contains(&name.as_str()) {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(info.metadata[name], text, "{told}");
        }
    }
    assert!(details.request_info().is_some(), "{told}");
    let paused = details.retry_info().and_then(|info| info.retry_delay);
    assert_eq!(
        paused.is_some(),
        rest.header("retry-after").is_some(),
        "{told}"
    );
}

type Wrong = (
    &'static str,
    fn(&mut v1::CreateBookingRequest),
    fn(&mut Value),
);

/// How a wish may be wrong, in either form.
const WISHES: [Wrong; 14] = [
    (
        "nobody is named",
        |m| m.expert_id = None,
        |b| b["expert_id"] = Value::Null,
    ),
    (
        "an expert and a branch",
        |m| m.branch_id = Some(UNKNOWN.to_owned()),
        |b| b["branch_id"] = json!(UNKNOWN),
    ),
    (
        "an id that is none",
        |m| m.expert_id = Some("x".to_owned()),
        |b| b["expert_id"] = json!("x"),
    ),
    (
        "an expert unknown",
        |m| m.expert_id = Some(UNKNOWN.to_owned()),
        |b| b["expert_id"] = json!(UNKNOWN),
    ),
    (
        "a skill of an expert",
        |m| m.skill = Some("law".to_owned()),
        |b| b["skill"] = json!("law"),
    ),
    (
        "no length",
        |m| m.minutes = Some(0),
        |b| b["minutes"] = json!(0),
    ),
    (
        "a length that is not offered",
        |m| m.minutes = Some(45),
        |b| b["minutes"] = json!(45),
    ),
    (
        "far from any calendar",
        |m| m.starts_at = at("2201-01-01T00:00:00Z"),
        |b| b["starts_at"] = json!("2201-01-01T00:00:00Z"),
    ),
    (
        "when nobody works",
        |m| m.starts_at = at("2027-03-02T03:00:00Z"),
        |b| b["starts_at"] = json!("2027-03-02T03:00:00Z"),
    ),
    (
        "what is gone by",
        |m| m.starts_at = at("2027-02-01T10:00:00Z"),
        |b| b["starts_at"] = json!("2027-02-01T10:00:00Z"),
    ),
    (
        "a note without an end",
        |m| m.note = Some("n".repeat(2001)),
        |b| b["note"] = json!("n".repeat(2001)),
    ),
    (
        "a bell in a note",
        |m| m.note = Some("\u{7}".to_owned()),
        |b| b["note"] = json!("\u{7}"),
    ),
    (
        "for somebody else",
        |m| m.client_id = Some(UNKNOWN.to_owned()),
        |b| b["client_id"] = json!(UNKNOWN),
    ),
    (
        "a session unknown",
        |m| m.session_id = Some(UNKNOWN.to_owned()),
        |b| b["session_id"] = json!(UNKNOWN),
    ),
];

async fn a_wrong_wish_is_the_same_problem_over_both_ways(fresh: &Fresh) {
    let town = open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let caller = Caller::at(&town, 0, &client);
    for language in ["en", "vi", "zh"] {
        let caller = caller.with("accept-language", language);
        for (what, spoil, spoil_json) in WISHES {
            let mut message = wish(&expert, TEN);
            spoil(&mut message);
            let mut body = super::wish_json(&expert, TEN);
            spoil_json(&mut body);
            let headers = [("accept-language", language)];
            let rest = client.send(Method::POST, "/bookings", Some(body), &headers);
            agree(what, &rest.await, caller.book(message).await);
        }
    }
    // What is left out altogether.
    let mut body = super::wish_json(&expert, TEN);
    body.as_object_mut().unwrap().remove("starts_at");
    let rest = client.post("/bookings", body).await;
    let message = v1::CreateBookingRequest {
        starts_at: None,
        ..wish(&expert, TEN)
    };
    let missing = caller.book(message).await;
    assert_eq!(rest.body["errors"][0]["code"], "required");
    let status = missing.unwrap_err();
    let violations = details(&status)
        .bad_request()
        .unwrap()
        .field_violations
        .clone();
    assert_eq!(
        (&*violations[0].field, &*violations[0].reason),
        ("starts_at", "required")
    );
    // An expert books themself; somebody has the hour already.
    let rest = expert.book(&expert, TEN).await;
    let own = Caller::at(&town, 0, &expert).book(wish(&expert, TEN)).await;
    agree("oneself", &rest, own);
    let other = town.client().await;
    other.book(&expert, TEN).await.expect(201);
    let rest = client.book(&expert, TEN).await;
    agree("taken", &rest, caller.book(wish(&expert, TEN)).await);
    let second = town.expert().await;
    client
        .book(&second, "2027-03-02T11:00:00Z")
        .await
        .expect(201);
    let rest = client.book(&expert, "2027-03-02T11:00:00Z").await;
    let busy = caller.book(wish(&expert, "2027-03-02T11:00:00Z")).await;
    agree("a client elsewhere", &rest, busy);
    let rest = town.stranger().book(&expert, TEN).await;
    let nobody = Caller::at(&town, 0, &town.stranger());
    agree("nobody", &rest, nobody.book(wish(&expert, TEN)).await);
    println!("{} wrong wishes in 3 languages agree", WISHES.len());
    town.close().await;
}

async fn a_wrong_step_is_the_same_problem_over_both_ways(fresh: &Fresh) {
    let town = open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let made = client.book(&expert, TEN).await.expect(201).text("id");
    let him = Caller::at(&town, 0, &client);
    let her = Caller::at(&town, 0, &expert);
    let path = |step: &str| format!("/bookings/{made}/{step}");
    let step =
        async |person: &Person, step: &str, body: Value| person.post(&path(step), body).await;
    let confirm = |id: &str| v1::ConfirmBookingRequest {
        id: id.to_owned(),
        ..Default::default()
    };

    let rest = step(&client, "confirm", json!({})).await;
    let own = him
        .bookings()
        .confirm_booking(him.say(confirm(&made)))
        .await;
    agree("a client confirms", &rest, own);

    let rest = step(&expert, "complete", json!({})).await;
    let early = v1::CompleteBookingRequest {
        id: made.clone(),
        ..Default::default()
    };
    let early = her.bookings().complete_booking(her.say(early)).await;
    agree("of one that nobody confirmed", &rest, early);

    let rest = step(&expert, "reject", json!({})).await;
    let silent = v1::RejectBookingRequest {
        id: made.clone(),
        ..Default::default()
    };
    let silent = her.bookings().reject_booking(her.say(silent)).await;
    agree("without a reason", &rest, silent);

    let long = "r".repeat(501);
    let rest = step(&client, "cancel", json!({ "reason": long })).await;
    let said = v1::CancelBookingRequest {
        id: made.clone(),
        reason: Some(long),
        version: None,
    };
    agree(
        "a long reason",
        &rest,
        him.bookings().cancel_booking(him.say(said)).await,
    );

    let headers = [("if-match", "\"7\"")];
    let path = path("reschedule");
    let body = json!({ "starts_at": "2027-03-02T12:00:00Z" });
    let rest = client.send(Method::POST, &path, Some(body), &headers).await;
    let late = |starts_at: &str, version| v1::RescheduleBookingRequest {
        id: made.clone(),
        starts_at: at(starts_at),
        minutes: None,
        version,
    };
    let stale = him.say(late("2027-03-02T12:00:00Z", Some(7)));
    agree(
        "an old version",
        &rest,
        him.bookings().reschedule_booking(stale).await,
    );

    let night = "2027-03-02T03:00:00Z";
    let rest = client.post(&path, json!({ "starts_at": night })).await;
    let moved = him
        .bookings()
        .reschedule_booking(him.say(late(night, None)))
        .await;
    agree("into the night", &rest, moved);

    for id in [UNKNOWN, "no"] {
        let rest = client.get(&format!("/bookings/{id}")).await;
        let get = him.say(v1::GetBookingRequest { id: id.to_owned() });
        agree(
            "an unknown one",
            &rest,
            him.bookings().get_booking(get).await,
        );
    }
    town.close().await;
}

async fn a_wrong_question_is_the_same_problem_over_both_ways(fresh: &Fresh) {
    let town = open(fresh).await;
    let client = town.client().await;
    let expert = town.expert().await;
    let caller = Caller::at(&town, 0, &client);
    let list = async |query: &str, message: v1::ListBookingsRequest| {
        let rest = client.get(&format!("/bookings?{query}")).await;
        let grpc = caller.bookings().list_bookings(caller.say(message)).await;
        agree(query, &rest, grpc);
    };
    let none = v1::ListBookingsRequest::default;
    list(
        "limit=101",
        v1::ListBookingsRequest {
            limit: Some(101),
            ..none()
        },
    )
    .await;
    list(
        "after=x",
        v1::ListBookingsRequest {
            after: Some("x".to_owned()),
            ..none()
        },
    )
    .await;
    list(
        "status=x",
        v1::ListBookingsRequest {
            statuses: vec![42],
            ..none()
        },
    )
    .await;
    list(
        "expert_id=x",
        v1::ListBookingsRequest {
            expert_id: Some("x".to_owned()),
            ..none()
        },
    )
    .await;
    let long = "q".repeat(101);
    let asked = v1::ListBookingsRequest {
        query: Some(long.clone()),
        ..none()
    };
    list(&format!("query={long}"), asked).await;

    let query = "from=x&days=0&time_zone=Mars&minutes=1441";
    let asked = v1::ListExpertSlotsRequest {
        expert_id: expert.id.clone(),
        from: Some("x".to_owned()),
        days: Some(0),
        time_zone: Some("Mars".to_owned()),
        minutes: Some(1441),
    };
    let path = format!("/experts/{}/slots?{query}", expert.id);
    let grpc = caller.slots().list_expert_slots(asked).await;
    agree("slots", &client.get(&path).await, grpc);
    for id in [UNKNOWN, "no"] {
        let rest = client.get(&format!("/branches/{id}/slots")).await;
        let asked = v1::ListBranchSlotsRequest {
            branch_id: id.to_owned(),
            ..Default::default()
        };
        agree(
            "no branch",
            &rest,
            caller.slots().list_branch_slots(asked).await,
        );
    }
    town.close().await;
}

async fn who_asks_too_often_is_told_so_over_both_ways(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| {
        settings.grpc.listen = "127.0.0.1:0".to_owned();
        settings.limits.enabled = true;
        settings.limits.requests = 20;
        settings.http.trust_forwarded_for = true;
    })
    .await;
    let stranger = town.stranger();
    let caller = Caller::at(&town, 0, &stranger).with("x-forwarded-for", "192.0.2.9");
    let ask = async || {
        let asked = caller.say(v1::ListBranchesRequest::default());
        caller.branches().list_branches(asked).await
    };
    let mut answered = 0;
    // What comes back while one asks is far less than what is asked.
    let refused = loop {
        match ask().await {
            Ok(_) => answered += 1,
            Err(status) => break status,
        }
        assert!(answered < 1000);
    };
    assert!(answered >= 20, "{answered}");
    let headers = [("x-forwarded-for", "192.0.2.9")];
    let rest = stranger
        .send(Method::GET, "/branches", None, &headers)
        .await;
    assert_eq!(rest.status, 429);
    agree::<()>("too often", &rest, Err(refused));
    // Somebody else has a share of their own.
    let other = Caller::at(&town, 0, &stranger).with("x-forwarded-for", "192.0.2.10");
    let asked = other.say(v1::ListBranchesRequest::default());
    other.branches().list_branches(asked).await.unwrap();
    town.close().await;
}
