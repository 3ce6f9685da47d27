//! Somebody who types another one's address learns nothing by it, and gets nothing of theirs.

use serde_json::{Value, json};

use super::{ANN, TEN, mails, visit, wish};
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

on_both_engines!(
    an_address_with_an_account_is_answered_like_any_other,
    nobody_books_in_another_ones_name_unseen,
    an_accounts_own_bookings_do_not_show_in_refusals,
    a_name_and_a_phone_typed_before_are_not_shown,
    one_address_and_one_door_are_limited,
);

/// Everything of an answer but what is of this booking alone.
fn shape(answer: Answer) -> (u16, Vec<String>, Value) {
    let mut body = answer.body;
    for own in ["id", "code", "manage_token", "request_id"] {
        if let Some(body) = body.as_object_mut() {
            body.remove(own);
        }
    }
    if body.get("client").is_some() {
        let id = body["client"]["id"].take();
        let id: uuid::Uuid = id.as_str().unwrap().parse().unwrap();
        // Nothing of when somebody was first known.
        assert_eq!(id.get_timestamp().map(|at| at.to_unix().0), Some(0));
    }
    let skipped = ["date", "x-request-id", "connection", "content-length"];
    let headers = answer.headers.iter();
    let headers = headers.filter(|(name, _)| !skipped.contains(&name.as_str()));
    let mut headers: Vec<_> = headers
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    (answer.status, headers, body)
}

/// A client with an address that was proved, one whose was not, and one who was disabled.
async fn people(town: &Town) -> [Person; 3] {
    let (proved, open, gone) = (
        town.client().await,
        town.client().await,
        town.client().await,
    );
    let id = proved.id.parse().unwrap();
    assert!(
        town.store
            .verify_email(id, &proved.email, town.now())
            .await
            .unwrap()
    );
    let admin = town.admin().await;
    let path = format!("/admin/users/{}", gone.id);
    admin
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    [proved, open, gone]
}

async fn an_address_with_an_account_is_answered_like_any_other(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let people = people(&town).await;
    let known = people.iter().map(|person| person.email.as_str());
    let mut faces = Vec::new();
    for email in known.chain([ANN]) {
        // An expert each, so that nothing but the address differs.
        let expert = town.expert().await;
        let made = visit(&town, &expert, TEN, email).await.expect(201);
        let (status, headers, mut body) = shape(made);
        body["expert"].take();
        let taken = visit(&town, &expert, TEN, email).await;
        let (second, _, mut refused) = shape(taken);
        refused["alternatives"].take();
        let hash = town.nodes[0].passwords.runs();
        faces.push((status, headers, body, second, refused));
        assert_eq!(town.nodes[0].passwords.runs(), hash);
    }
    faces.dedup();
    assert_eq!(faces.len(), 1, "{faces:#?}");
    town.close().await;
}

async fn nobody_books_in_another_ones_name_unseen(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, [victim, ..]) = (town.expert().await, people(&town).await);
    let made = visit(&town, &expert, TEN, &victim.email).await.expect(201);
    assert_ne!(made.body["client"]["id"], json!(victim.id));
    assert_eq!(made.body["client"]["name"], "Ann Guest");
    let name = victim.get("/me").await.expect(200).text("name");
    let mail = mails(&town, &victim.email, "booking.created", 1)
        .await
        .remove(0);
    assert!(
        mail.text.contains("Ann Guest") && !mail.text.contains(&name),
        "{}",
        mail.text
    );
    // What the stranger holds opens that booking and nothing of the account.
    let stranger = super::holder(&town, &made.text("manage_token"));
    stranger.get("/me").await.problem(401, "unauthenticated");
    let own = victim
        .book(&expert, "2027-03-02T12:00:00Z")
        .await
        .expect(201);
    stranger
        .get(&format!("/bookings/{}", own.text("id")))
        .await
        .problem(404, "not-found");
    // It is not the victim's unless they make it theirs, and what the stranger holds ends with that.
    victim
        .get(&format!("/bookings/{}", made.text("id")))
        .await
        .problem(404, "not-found");
    victim.post("/bookings/claim", json!({})).await.expect(200);
    stranger
        .get(&format!("/bookings/{}", made.text("id")))
        .await
        .problem(401, "unauthenticated");
    town.close().await;
}

async fn an_accounts_own_bookings_do_not_show_in_refusals(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, other) = (town.expert().await, town.expert().await);
    let [victim, ..] = people(&town).await;
    victim.book(&expert, TEN).await.expect(201);
    // Were they one person, this would say that the victim is busy then.
    visit(&town, &other, TEN, &victim.email).await.expect(201);
    town.close().await;
}

async fn a_name_and_a_phone_typed_before_are_not_shown(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let mut body = wish(&expert, TEN, "Ann Of The House", ANN);
    body["guest"]["phone"] = json!("+84912345678");
    let first = town.stranger().post("/bookings", body).await.expect(201);
    let second = visit(&town, &expert, "2027-03-02T12:00:00Z", ANN)
        .await
        .expect(201);
    let stranger = super::holder(&town, &second.text("manage_token"));
    let path = format!("/bookings/{}", second.text("id"));
    for answer in [
        stranger.get(&path).await,
        stranger.post(&format!("{path}/cancel"), json!({})).await,
        stranger.get(&format!("{path}/history")).await,
        stranger.get(&format!("{path}/calendar.ics")).await,
    ] {
        let text = answer.expect(200).text;
        assert!(
            !text.contains("Of The House") && !text.contains("912345678"),
            "{text}"
        );
    }
    // A phone typed with one booking opens no other one.
    for (code, status) in [(first.text("code"), 200), (second.text("code"), 404)] {
        let body = json!({ "code": code, "phone": "+84912345678" });
        town.stranger()
            .post("/bookings/lookup", body)
            .await
            .expect(status);
    }
    // Nor did the second name change the first booking.
    let seen = expert.get(&format!("/bookings/{}", first.text("id"))).await;
    assert_eq!(seen.expect(200).body["client"]["name"], "Ann Of The House");
    town.close().await;
}

async fn one_address_and_one_door_are_limited(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| {
        settings.limits.enabled = true;
        settings.limits.guest = 8;
        settings.limits.guest_email = 3;
    })
    .await;
    let expert = town.expert().await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(visit(&town, &expert, TEN, ANN).await.status);
    }
    assert_eq!(answers, [201, 409, 409, 429]);
    for number in 0..4 {
        let email = format!("guest{number}@guests.test");
        let answer = visit(&town, &expert, TEN, &email).await;
        answer.problem(409, "slot-taken");
    }
    let refused = visit(&town, &expert, TEN, "guest9@guests.test").await;
    let refused = refused.problem(429, "too-many-requests");
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"guest\";q=8;w=60")
    );
    assert!(refused.header("retry-after").is_some());
    town.close().await;
}
