//! What is refused, and who may turn guests away.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{ANN, TEN, holder, visit, wish};
use crate::engine::{Fresh, on_both_engines};
use crate::town::Town;

on_both_engines!(
    bad_input_names_every_fault_and_makes_nobody,
    a_house_may_want_accounts_only,
    guests_without_bookings_are_forgotten,
    an_administrator_sees_guests_and_may_turn_one_away,
    a_guest_is_forgotten_like_anybody_else,
);

async fn bad_input_names_every_fault_and_makes_nobody(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, admin) = (town.expert().await, town.admin().await);
    let stranger = town.stranger();
    let faults = async |guest: Value| {
        let mut body = wish(&expert, TEN, "Ann", ANN);
        body["guest"] = guest;
        let answer = stranger.post("/bookings", body).await;
        let answer = answer.problem(422, "validation");
        let errors = answer.body["errors"].as_array().unwrap().clone();
        let pointers = errors
            .iter()
            .map(|e| e["pointer"].as_str().unwrap().to_owned());
        pointers.collect::<Vec<_>>()
    };
    assert_eq!(
        faults(json!({ "name": "", "email": "nobody", "phone": "12", "time_zone": "Mars" })).await,
        [
            "/guest/name",
            "/guest/email",
            "/guest/phone",
            "/guest/time_zone"
        ]
    );
    assert_eq!(
        faults(json!({ "name": "A\u{0}b", "email": ANN })).await,
        ["/guest/name"]
    );
    assert_eq!(
        faults(json!({ "name": "A\r\nBcc: x@y.test", "email": ANN })).await,
        ["/guest/name"]
    );
    assert_eq!(
        faults(json!({ "name": "Ann", "email": "a@b.test\r\nBcc: x@y.test" })).await,
        ["/guest/email"]
    );
    assert_eq!(
        faults(json!({ "name": "Ann", "email": "guest:ann@guests.test" })).await,
        ["/guest/email"]
    );
    assert_eq!(faults(json!({ "name": "Ann" })).await, ["/guest/email"]);
    assert_eq!(
        faults(json!({ "name": "Ann", "email": ANN, "role": "admin" })).await,
        ["/guest/role"]
    );
    assert_eq!(faults(json!([])).await, ["/guest"]);
    // What needs an account is refused, not passed over.
    let mut body = wish(&expert, TEN, "Ann", ANN);
    body["client_id"] = json!(admin.id);
    body["hold_id"] = json!(admin.id);
    body["minutes"] = json!(0);
    let answer = stranger
        .post("/bookings", body)
        .await
        .problem(422, "validation");
    let pointers: Vec<_> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/client_id", "/hold_id", "/minutes"]);
    // Without a word about who it is, signing in comes first; with a token there is no guest.
    for body in [
        json!({}),
        json!({ "guest": null }),
        json!([]),
        json!("guest"),
    ] {
        stranger
            .post("/bookings", body)
            .await
            .problem(401, "unauthenticated");
    }
    for person in [&admin, &expert] {
        let answer = person
            .post("/bookings", wish(&expert, TEN, "Ann", ANN))
            .await;
        let answer = answer.problem(422, "validation");
        assert_eq!(answer.body["errors"][0]["pointer"], "/guest");
    }
    let found = admin
        .get("/admin/users?query=guests.test")
        .await
        .expect(200);
    assert_eq!(found.body["items"], json!([]));
    assert!(town.store.ledger().await.unwrap().bookings.is_empty());
    town.close().await;
}

async fn a_house_may_want_accounts_only(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| settings.booking.guest_bookings = 0).await;
    let expert = town.expert().await;
    let answer = visit(&town, &expert, TEN, ANN).await;
    answer.problem(401, "unauthenticated");
    town.close().await;
}

async fn guests_without_bookings_are_forgotten(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    visit(&town, &expert, TEN, ANN).await.expect(201);
    let refused = visit(&town, &expert, TEN, "bob@guests.test").await;
    refused.problem(409, "slot-taken");
    let known = async |email| town.store.guest_by_email(email).await.unwrap().is_some();
    let prune = async || {
        let before = town.now() - TimeDelta::hours(24);
        let stale = belfry_store::retention::Stale::Guests;
        town.store.prune(stale, before, 10).await.unwrap()
    };
    assert_eq!(prune().await, 0, "not before their time");
    assert!(known("bob@guests.test").await);
    town.clock.advance(TimeDelta::hours(25));
    prune().await;
    assert!(!known("bob@guests.test").await);
    assert!(known(ANN).await);
    town.close().await;
}

async fn an_administrator_sees_guests_and_may_turn_one_away(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, admin) = (town.expert().await, town.admin().await);
    let made = visit(&town, &expert, TEN, ANN).await.expect(201);
    let found = admin
        .get("/admin/users?query=guests.test")
        .await
        .expect(200);
    let guest = &found.body["items"][0];
    assert_eq!(
        (&guest["email"], &guest["guest"]),
        (&json!(ANN), &json!(true))
    );
    let path = format!("/admin/users/{}", guest["id"].as_str().unwrap());
    let refused = admin.patch(&path, json!({ "role": "admin" })).await;
    refused.problem(422, "validation");
    admin
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    let refused = visit(&town, &expert, "2027-03-02T12:00:00Z", ANN).await;
    refused.problem(403, "account-disabled");
    let ann = holder(&town, &made.text("manage_token"));
    ann.get(&format!("/bookings/{}", made.text("id")))
        .await
        .problem(403, "account-disabled");
    town.close().await;
}

async fn a_guest_is_forgotten_like_anybody_else(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, admin) = (town.expert().await, town.admin().await);
    let mut body = wish(&expert, TEN, "Zebra Guest", ANN);
    body["guest"]["phone"] = json!("+84912345678");
    let made = town.stranger().post("/bookings", body).await.expect(201);
    let id = made.body["client"]["id"].as_str().unwrap();
    let path = format!("/admin/users/{id}");
    admin.delete(&path).await.expect(204);
    let booking = format!("/bookings/{}", made.text("id"));
    let kept = admin.get(&booking).await.expect(200);
    assert_eq!(kept.body["status"], "cancelled");
    let history = admin.get(&format!("{booking}/history")).await.expect(200);
    let person = admin.get(&path).await;
    for text in [kept.text, history.text, person.text] {
        for word in ["Zebra", "+84912345678", ANN] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
    // The address is free for a new beginning.
    visit(&town, &expert, TEN, ANN).await.expect(201);
    town.close().await;
}
