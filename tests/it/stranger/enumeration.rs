//! Finding out who has an account: the same answers and the same work whether there is one or not. Work is
//! counted, for time is only its shadow; [`the_times_of_known_and_unknown_accounts`] prints that as well.

use std::time::Instant;

use serde_json::{Value, json};

use crate::contract::UNKNOWN;
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, PASSWORD, Person, Town};

on_both_engines!(
    every_log_in_costs_one_hash_and_every_failure_looks_the_same,
    a_registration_costs_one_hash_whether_the_address_is_taken_or_not,
    asking_for_a_new_password_says_nothing,
    a_code_with_a_wrong_address_is_like_no_code,
    what_is_somebody_elses_is_like_nothing,
);

/// Everything of an answer that a stranger sees, without what differs from request to request.
pub fn seen(answer: Answer) -> (u16, Vec<String>, Value) {
    let mut body = answer.body;
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id", "connection"].contains(&name.as_str()));
    let mut headers: Vec<String> = headers
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    (answer.status, headers, body)
}

async fn log_in(town: &Town, email: &str) -> Answer {
    let body = json!({ "email": email, "password": "not the password" });
    town.stranger().post("/auth/login", body).await
}

async fn every_log_in_costs_one_hash_and_every_failure_looks_the_same(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (client, admin, gone) = (town.client().await, town.admin().await, town.client().await);
    let path = format!("/admin/users/{}", gone.id);
    admin
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    let passwords = &town.nodes[0].passwords;
    let mut faces = Vec::new();
    for email in [
        &client.email,
        &admin.email,
        &gone.email,
        "nobody@belfry.test",
        "no address",
        "",
    ] {
        let before = passwords.runs();
        let answer = log_in(&town, email).await.problem(401, "bad-credentials");
        assert_eq!(passwords.runs(), before + 1, "{email}");
        faces.push(seen(answer));
    }
    faces.dedup();
    assert_eq!(faces.len(), 1, "{faces:#?}");
    town.close().await;
}

async fn a_registration_costs_one_hash_whether_the_address_is_taken_or_not(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let passwords = &town.nodes[0].passwords;
    for (email, status) in [(client.email.as_str(), 409), ("new@belfry.test", 201)] {
        let before = passwords.runs();
        let body = json!({ "email": email, "password": PASSWORD, "name": "New" });
        town.stranger()
            .post("/auth/register", body)
            .await
            .expect(status);
        assert_eq!(passwords.runs(), before + 1, "{email}");
    }
    town.close().await;
}

async fn asking_for_a_new_password_says_nothing(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (client, admin, gone) = (town.client().await, town.admin().await, town.client().await);
    let path = format!("/admin/users/{}", gone.id);
    admin
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    let passwords = town.nodes[0].passwords.runs();
    let mut faces = Vec::new();
    for email in [&client.email, &gone.email, "nobody@belfry.test"] {
        let body = json!({ "email": email });
        let answer = town.stranger().post("/auth/password/forgot", body).await;
        faces.push(seen(answer.expect(202)));
    }
    faces.dedup();
    assert_eq!(faces.len(), 1, "{faces:#?}");
    assert_eq!(town.nodes[0].passwords.runs(), passwords);
    town.close().await;
}

/// A client with a booking, somebody else, the expert, and what the booking was answered.
async fn strangers(town: &Town) -> (Person, Person, Person, Answer) {
    let (client, other) = (town.client().await, town.client().await);
    let expert = town.expert().await;
    let booking = client.book(&expert, "2027-03-02T10:00:00Z").await;
    (client, other, expert, booking.expect(201))
}

async fn a_code_with_a_wrong_address_is_like_no_code(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (client, other, expert, booking) = strangers(&town).await;
    let code = booking.text("code");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let mut faces = Vec::new();
    for path in ["/bookings/lookup", "/bookings/lookup/cancel"] {
        for (code, email) in [
            (code.as_str(), other.email.as_str()),
            (&code, "nobody@belfry.test"),
            (&code, &expert.email),
            (wrong, &client.email),
            (wrong, "nobody@belfry.test"),
            ("not a code", &client.email),
        ] {
            let body = json!({ "code": code, "email": email });
            let answer = town.stranger().post(path, body).await;
            faces.push(seen(answer.problem(404, "not-found")));
        }
    }
    faces.dedup();
    assert_eq!(faces.len(), 1, "{faces:#?}");
    let body = json!({ "code": code, "email": client.email });
    let found = town
        .stranger()
        .post("/bookings/lookup", body)
        .await
        .expect(200);
    assert_eq!(found.text("status"), "pending");
    town.close().await;
}

async fn what_is_somebody_elses_is_like_nothing(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (client, other, expert, booking) = strangers(&town).await;
    let booking = booking.text("id");
    let wish =
        json!({ "expert_id": expert.id, "starts_at": "2027-03-03T10:00:00Z", "minutes": 60 });
    let hold = client.post("/holds", wish).await.expect(201).text("id");
    let calls = [
        ("GET", "/bookings/ID", &booking),
        ("GET", "/bookings/ID/history", &booking),
        ("GET", "/bookings/ID/calendar.ics", &booking),
        ("POST", "/bookings/ID/cancel", &booking),
        ("POST", "/bookings/ID/confirm", &booking),
        ("POST", "/bookings/ID/reschedule", &booking),
        ("POST", "/bookings/ID/review", &booking),
        ("PATCH", "/bookings/ID", &booking),
        ("DELETE", "/holds/ID", &hold),
        ("GET", "/admin/users/ID", &client.id),
        ("PATCH", "/admin/users/ID", &client.id),
    ];
    let ask = async |person: &Person, method: &str, path: &str| {
        let body = (method != "GET").then(|| json!({ "odd": true }));
        seen(person.send(method.parse().unwrap(), path, body, &[]).await)
    };
    for (method, path, id) in calls {
        let theirs = ask(&other, method, &path.replace("ID", id)).await;
        let nothing = ask(&other, method, &path.replace("ID", UNKNOWN)).await;
        assert_eq!(theirs, nothing, "{method} {path}");
        assert!([403, 404].contains(&theirs.0), "{method} {path}");
    }
    town.close().await;
}

/// Not judged, for a busy machine judges nothing: prints how long known and unknown accounts take.
#[actix_rt::test]
#[ignore = "measures and prints; see docs/TESTING.md"]
async fn the_times_of_known_and_unknown_accounts() {
    let fresh = Fresh::sqlite().await;
    let town = Town::open(&fresh).await;
    let (client, expert) = (town.client().await, town.expert().await);
    let code = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201)
        .text("code");
    let password = "not the password";
    let cases = [
        ("login", "/auth/login", json!({ "password": password })),
        (
            "register",
            "/auth/register",
            json!({ "password": PASSWORD, "name": "New" }),
        ),
        ("forgot", "/auth/password/forgot", json!({})),
        ("lookup", "/bookings/lookup", json!({ "code": code })),
    ];
    println!(
        "{:10}{:>10}{:>10}{:>10}{:>10}   ms",
        "", "known p50", "p95", "unknown", "p95"
    );
    for (name, path, body) in cases {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..400 {
            let email = match (round % 2, name) {
                // The code is the client's: for a lookup somebody else's address is the known one.
                (0, "lookup") => expert.email.clone(),
                (0, _) => client.email.clone(),
                _ => format!("nobody{round}@belfry.test"),
            };
            let mut body = body.clone();
            body["email"] = json!(email);
            let started = Instant::now();
            town.stranger().post(path, body).await;
            times[round % 2].push(started.elapsed().as_secs_f64() * 1000.0);
        }
        times
            .iter_mut()
            .for_each(|times| times.sort_by(f64::total_cmp));
        let [known, unknown] = &times;
        println!(
            "{name:10}{:10.2}{:10.2}{:10.2}{:10.2}",
            known[100], known[190], unknown[100], unknown[190]
        );
    }
    town.close().await;
}
