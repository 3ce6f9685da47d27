//! Proving the address: what was booked without an account becomes the account's.

use serde_json::json;

use super::{ANN, TEN, holder, is_sound, mailed, mails, visit};
use crate::engine::{Fresh, on_both_engines};
use crate::ledger::{self, Terms};
use crate::town::{PASSWORD, Person, Town};

on_both_engines!(
    a_new_password_by_mail_opens_an_account_with_the_bookings,
    a_registration_gets_them_once_the_address_is_proved,
    an_account_takes_over_what_its_owner_booked_without_it,
    a_booking_at_the_same_time_stays_with_its_link,
);

async fn ids(person: &Person) -> Vec<String> {
    let page = person.get("/bookings?sort=starts_at").await.expect(200);
    let items = page.body["items"].as_array().unwrap().iter();
    items
        .map(|b| b["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn signed_in(town: &Town, email: &str) -> Person {
    let mut person = town.stranger();
    person.email = email.to_owned();
    town.again(person).await
}

/// Opens the link that proves the address of a new account.
async fn prove(town: &Town, email: &str) {
    let mail = mailed(town, email, "account.registered").await;
    let (_, token) = mail.url.as_deref().unwrap().split_once("token=").unwrap();
    let body = json!({ "token": token });
    town.stranger()
        .post("/auth/email/verify", body)
        .await
        .expect(204);
}

async fn a_new_password_by_mail_opens_an_account_with_the_bookings(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let made = visit(&town, &expert, TEN, ANN).await.expect(201);
    let link = holder(&town, &made.text("manage_token"));
    let path = format!("/bookings/{}", made.text("id"));
    // There is nothing to sign in to yet, by whatever name.
    for email in [ANN, "guest:ann@guests.test"] {
        for password in ["", PASSWORD] {
            let body = json!({ "email": email, "password": password });
            town.stranger()
                .post("/auth/login", body)
                .await
                .problem(401, "bad-credentials");
        }
    }
    let body = json!({ "email": ANN });
    town.stranger()
        .post("/auth/password/forgot", body)
        .await
        .expect(202);
    let mail = mailed(&town, ANN, "account.password_forgotten").await;
    let (_, token) = mail.url.as_deref().unwrap().split_once("token=").unwrap();
    let body = json!({ "token": token, "password": PASSWORD });
    let reset = async || {
        town.stranger()
            .post("/auth/password/reset", body.clone())
            .await
    };
    reset().await.expect(204);
    reset().await.problem(410, "bad-link");

    let ann = signed_in(&town, ANN).await;
    assert_eq!(ids(&ann).await, [made.text("id")]);
    let me = ann.get("/me").await.expect(200);
    assert_eq!(
        (&me.body["name"], &me.body["email_verified"]),
        (&json!("Ann Guest"), &json!(true))
    );
    let own = ann.get(&path).await.expect(200);
    assert_eq!(own.body["client"]["id"], json!(ann.id));
    // What opens without a password opened it for the guest, not for the account.
    link.get(&path).await.problem(401, "unauthenticated");
    ann.post(&format!("{path}/cancel"), json!({}))
        .await
        .expect(200);
    // The mail about that leads into the account.
    let mail = mailed(&town, ANN, "booking.cancelled").await;
    assert!(!mail.text.contains("/b/"), "{}", mail.text);
    // Whoever books by the address again is a guest again.
    let next = visit(&town, &expert, TEN, ANN).await.expect(201);
    assert_eq!(next.body["client"]["id"], made.body["client"]["id"]);
    assert_eq!(ids(&ann).await, [made.text("id")]);
    is_sound(&town, &made).await;
    town.close().await;
}

async fn a_registration_gets_them_once_the_address_is_proved(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let made = visit(&town, &expert, TEN, ANN).await.expect(201);
    let body = json!({ "email": ANN, "password": PASSWORD, "name": "Somebody" });
    let session = town
        .stranger()
        .post("/auth/register", body)
        .await
        .expect(201);
    let mut person = town.stranger();
    person.token = Some(session.text("access_token"));
    // Anybody may register by any address: until it is proved they get nothing.
    assert!(ids(&person).await.is_empty());
    person
        .get(&format!("/bookings/{}", made.text("id")))
        .await
        .problem(404, "not-found");
    person
        .post("/bookings/claim", json!({}))
        .await
        .problem(409, "email-unverified");
    prove(&town, ANN).await;
    assert_eq!(ids(&person).await, [made.text("id")]);
    let seen = person.get(&format!("/bookings/{}", made.text("id"))).await;
    assert_eq!(
        seen.expect(200).body["client"]["name"],
        "Ann Guest",
        "as it was booked"
    );
    is_sound(&town, &made).await;
    town.close().await;
}

async fn an_account_takes_over_what_its_owner_booked_without_it(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    prove(&town, &client.email).await;
    let client = town.again(client).await;
    let made = visit(&town, &expert, TEN, &client.email).await.expect(201);
    // They hear of it, wherever it was booked, and it is theirs when they say so.
    mails(&town, &client.email, "booking.created", 1).await;
    assert!(ids(&client).await.is_empty());
    let answer = client.post("/bookings/claim", json!({})).await.expect(200);
    assert_eq!(answer.body, json!({ "claimed": 1 }));
    let answer = client.post("/bookings/claim", json!({})).await.expect(200);
    assert_eq!(answer.body, json!({ "claimed": 0 }));
    assert_eq!(ids(&client).await, [made.text("id")]);
    // Their time is taken now.
    let other = town.expert().await;
    client.book(&other, TEN).await.problem(409, "client-busy");
    is_sound(&town, &made).await;
    town.close().await;
}

async fn a_booking_at_the_same_time_stays_with_its_link(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, other) = (town.expert().await, town.expert().await);
    let client = town.client().await;
    prove(&town, &client.email).await;
    let client = town.again(client).await;
    let own = client.book(&expert, TEN).await.expect(201);
    let guest = visit(&town, &other, TEN, &client.email).await.expect(201);
    let later = visit(&town, &other, "2027-03-02T14:00:00Z", &client.email).await;
    let later = later.expect(201);
    let answer = client.post("/bookings/claim", json!({})).await.expect(200);
    assert_eq!(answer.body, json!({ "claimed": 1 }));
    assert_eq!(ids(&client).await, [own.text("id"), later.text("id")]);
    let link = holder(&town, &guest.text("manage_token"));
    let path = format!("/bookings/{}/cancel", guest.text("id"));
    link.post(&path, json!({})).await.expect(200);
    let made = [own.text("id"), guest.text("id"), later.text("id")];
    ledger::sound(&town.store, Terms::at(town.now()), &made.into()).await;
    town.close().await;
}
