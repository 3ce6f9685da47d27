//! Booking without an account (C3.14): the booking and the mail about it, the link that manages it, and what becomes
//! of it when somebody proves the address.

use belfry_domain::delivery::{Content, DeliveryStatus};
use belfry_store::delivery::Filter;
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::ledger::{self, Terms};
use crate::town::{Answer, Person, Town};

/// Proving the address.
mod claim;
/// All bookings of an address by a mailed code.
mod otp;
/// Many at once.
mod race;
/// What is refused, and who may turn guests away.
mod refused;
/// What somebody gets who types another one's address.
mod stranger;

on_both_engines!(
    a_guest_books_and_the_mail_opens_the_booking,
    the_link_cancels_moves_and_ends_some_time_after_the_booking,
    a_link_is_for_one_booking,
    the_code_and_the_address_or_phone_open_it_too,
    a_guest_is_reminded_until_they_ask_not_to_be,
    a_guest_is_not_in_two_places_and_has_so_many_open_bookings,
    a_repeated_key_answers_the_first_booking_to_whoever_sent_it,
);

/// A Tuesday in the experts' hours.
const TEN: &str = "2027-03-02T10:00:00Z";
const ANN: &str = "ann@guests.test";

/// What a visitor sends.
fn wish(expert: &Person, starts_at: &str, name: &str, email: &str) -> Value {
    json!({
        "expert_id": expert.id, "starts_at": starts_at, "mode": "online",
        "guest": { "name": name, "email": email },
    })
}

async fn visit(town: &Town, expert: &Person, starts_at: &str, email: &str) -> Answer {
    let body = wish(expert, starts_at, "Ann Guest", email);
    town.stranger().post("/bookings", body).await
}

/// Whoever follows a link, or the answer to a booking.
fn holder(town: &Town, token: &str) -> Person {
    let mut person = town.stranger();
    person.token = Some(token.to_owned());
    person
}

/// Checks the tables, in which this booking is the only one that was promised.
async fn is_sound(town: &Town, made: &Answer) {
    let promised = [made.text("id")].into();
    ledger::sound(&town.store, Terms::at(town.now()), &promised).await;
}

/// The one mail of this kind to an address that `which` picks, once it was taken care of.
async fn mailed(town: &Town, email: &str, kind: &str) -> Content {
    mails(town, email, kind, 1).await.remove(0)
}

/// So many mails of this kind to an address, newest first.
async fn mails(town: &Town, email: &str, kind: &str, count: usize) -> Vec<Content> {
    let filter = Filter {
        status: Some(DeliveryStatus::Kept),
        query: Some(email.to_owned()),
        ..Filter::default()
    };
    eventually(&format!("{kind} is mailed to {email}"), async || {
        let kept = town.store.deliveries(&filter, None, 100).await.unwrap();
        let of_kind: Vec<_> = kept.into_iter().filter(|item| item.kind == kind).collect();
        if of_kind.len() < count {
            return None;
        }
        assert_eq!(of_kind.len(), count, "{kind} to {email}");
        let mut found = Vec::new();
        for item in of_kind {
            let detail = town.store.delivery(item.id).await.unwrap().unwrap();
            found.push(detail.content);
        }
        Some(found)
    })
    .await
}

/// The token of the link in a mail.
fn link(mail: &Content) -> String {
    let url = mail.url.as_deref().unwrap();
    let (_, token) = url.split_once("/b/").expect("the link of a guest");
    assert!(mail.text.contains(url), "{}", mail.text);
    token.to_owned()
}

async fn a_guest_books_and_the_mail_opens_the_booking(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let mut body = wish(&expert, TEN, "Ann Guest", " Ann@Guests.test ");
    body["guest"]["phone"] = json!("+84 912 345 678");
    body["note"] = json!("About the contract.");
    let made = town.stranger().post("/bookings", body).await.expect(201);
    assert_eq!(made.body["status"], "pending");
    assert_eq!(made.body["client"]["name"], "Ann Guest");
    assert!(
        made.body["actions"]
            .as_array()
            .unwrap()
            .contains(&json!("reschedule"))
    );

    let mail = mailed(&town, ANN, "booking.created").await;
    assert!(mail.text.contains("Ann Guest"), "{}", mail.text);
    assert!(mail.text.contains(&made.text("code")), "{}", mail.text);
    let file = &mail.attachments[0].text.replace("\r\n ", "");
    assert!(file.contains(mail.url.as_deref().unwrap()), "{file}");
    assert!(file.contains(ANN), "{file}");
    assert_eq!(link(&mail), made.text("manage_token"));

    let body = json!({ "token": link(&mail) });
    let found = town.stranger().post("/bookings/lookup/link", body).await;
    assert_eq!(found.expect(200).text("id"), made.text("id"));
    // The expert sees who comes, as with any booking.
    let path = format!("/bookings/{}", made.text("id"));
    let seen = expert.get(&path).await.expect(200);
    assert_eq!(seen.body["client"]["name"], "Ann Guest");
    let history = expert.get(&format!("{path}/history")).await.expect(200);
    assert_eq!(history.body["items"][0]["actor"]["name"], "Ann Guest");
    let found = expert.get("/bookings?query=guest").await.expect(200);
    assert_eq!(found.body["items"][0]["id"], seen.body["id"]);
    // The expert's own mail leads to the page for those who sign in.
    let mail = mailed(&town, &expert.email, "booking.created").await;
    assert!(mail.url.unwrap().ends_with(&path));
    is_sound(&town, &made).await;
    town.close().await;
}

async fn the_link_cancels_moves_and_ends_some_time_after_the_booking(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let made = visit(&town, &expert, TEN, ANN).await.expect(201);
    let ann = holder(&town, &link(&mailed(&town, ANN, "booking.created").await));
    let path = format!("/bookings/{}", made.text("id"));

    let seen = ann.get(&path).await.expect(200);
    let etag = seen.header("etag").unwrap().to_owned();
    let later = json!({ "starts_at": "2027-03-02T14:00:00Z" });
    let moved = ann
        .post(&format!("{path}/reschedule"), later)
        .await
        .expect(200);
    assert_eq!(moved.body["starts_at"], "2027-03-02T14:00:00Z");
    let stale = [("if-match", etag.as_str())];
    let cancel = format!("{path}/cancel");
    ann.send(Method::POST, &cancel, Some(json!({})), &stale)
        .await
        .problem(412, "stale");
    let file = ann.get(&format!("{path}/calendar.ics")).await.expect(200);
    assert!(
        file.text.contains("DTSTART:20270302T140000Z"),
        "{}",
        file.text
    );
    let history = ann.get(&format!("{path}/history")).await.expect(200);
    assert_eq!(history.body["items"].as_array().unwrap().len(), 2);
    // What is the expert's stays the expert's.
    for (step, body) in [
        ("confirm", json!({})),
        ("reject", json!({ "reason": "no" })),
    ] {
        ann.post(&format!("{path}/{step}"), body)
            .await
            .problem(401, "unauthenticated");
    }
    let reason = json!({ "reason": "Something came up." });
    let over = ann.post(&cancel, reason).await.expect(200);
    assert_eq!(over.body["status"], "cancelled");
    assert!(
        town.stranger()
            .slots(&expert, "2027-03-02", 1)
            .await
            .contains(&TEN.to_owned())
    );
    mailed(&town, ANN, "booking.cancelled").await;

    // A month after its end the link opens nothing any more.
    town.clock.advance(TimeDelta::days(31));
    ann.get(&path).await.expect(200);
    town.clock.advance(TimeDelta::hours(5));
    ann.get(&path).await.problem(401, "unauthenticated");
    let body = json!({ "token": ann.token });
    ann.post("/bookings/lookup/link", body)
        .await
        .problem(404, "not-found");
    town.close().await;
}

async fn a_link_is_for_one_booking(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let first = visit(&town, &expert, TEN, ANN).await.expect(201);
    let second = visit(&town, &expert, "2027-03-02T12:00:00Z", ANN).await;
    let second = second.expect(201);
    let ann = holder(&town, &first.text("manage_token"));
    for step in ["", "/history", "/calendar.ics"] {
        ann.get(&format!("/bookings/{}{step}", second.text("id")))
            .await
            .problem(404, "not-found");
    }
    for step in ["cancel", "reschedule", "keep"] {
        ann.post(
            &format!("/bookings/{}/{step}", second.text("id")),
            json!({}),
        )
        .await
        .problem(404, "not-found");
    }
    // Nor does it sign anybody in.
    for path in ["/me", "/bookings", "/notifications", "/me/preferences"] {
        ann.get(path).await.problem(401, "unauthenticated");
    }
    ann.post(
        "/bookings",
        wish(&expert, "2027-03-02T15:00:00Z", "Ann", ANN),
    )
    .await
    .problem(401, "unauthenticated");
    ann.post("/live/ticket", json!({}))
        .await
        .problem(401, "unauthenticated");
    // A link that was tampered with is none.
    let mut token = first.text("manage_token");
    token.pop();
    let forged = holder(&town, &token);
    forged
        .get(&format!("/bookings/{}", first.text("id")))
        .await
        .problem(401, "unauthenticated");
    town.close().await;
}

async fn the_code_and_the_address_or_phone_open_it_too(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let mut body = wish(&expert, TEN, "Ann", ANN);
    body["guest"]["phone"] = json!("+84912345678");
    let made = town.stranger().post("/bookings", body).await.expect(201);
    let stranger = town.stranger();
    let code = made.text("code");
    for right in [
        json!({ "email": ANN }),
        json!({ "phone": "+84 912 345 678" }),
    ] {
        let mut body = right;
        body["code"] = json!(code);
        let found = stranger.post("/bookings/lookup", body).await.expect(200);
        assert_eq!(found.text("id"), made.text("id"));
        assert!(found.body.get("manage_token").is_none());
    }
    for wrong in [
        json!({ "email": "bob@guests.test" }),
        json!({ "phone": "+84912345679" }),
    ] {
        let mut body = wrong;
        body["code"] = json!(code);
        let answer = stranger.post("/bookings/lookup", body).await;
        answer.problem(404, "not-found");
    }
    let body = json!({ "code": code, "email": ANN });
    let over = stranger
        .post("/bookings/lookup/cancel", body)
        .await
        .expect(200);
    assert_eq!(over.body["status"], "cancelled");
    town.close().await;
}

async fn a_guest_is_reminded_until_they_ask_not_to_be(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    visit(&town, &expert, TEN, ANN).await.expect(201);
    town.clock.set("2027-03-02T09:00:01Z".parse().unwrap());
    let mail = mailed(&town, ANN, "booking.reminder").await;
    link(&mail);
    // One click stops the next ones, without an account.
    let url = mail.unsubscribe.expect("a reminder can be stopped");
    let (_, path) = url.split_once("/unsubscribe/").unwrap();
    let base = format!("http://{}", town.nodes[0].address);
    let stop = reqwest::Client::new().post(format!("{base}/unsubscribe/{path}"));
    assert_eq!(stop.send().await.unwrap().status(), 200);
    visit(&town, &expert, "2027-03-02T14:00:00Z", ANN)
        .await
        .expect(201);
    town.clock.set("2027-03-02T13:00:01Z".parse().unwrap());
    // The expert is still reminded; by then the guest would have been, too.
    mails(&town, &expert.email, "booking.reminder", 2).await;
    mails(&town, ANN, "booking.reminder", 1).await;
    town.close().await;
}

async fn a_guest_is_not_in_two_places_and_has_so_many_open_bookings(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, other) = (town.expert().await, town.expert().await);
    visit(&town, &expert, TEN, ANN).await.expect(201);
    let twice = visit(&town, &other, TEN, "ANN@guests.test").await;
    twice.problem(409, "client-busy");
    for hour in [11, 12, 13, 14] {
        let at = format!("2027-03-02T{hour}:00:00Z");
        visit(&town, &expert, &at, ANN).await.expect(201);
    }
    let sixth = visit(&town, &other, "2027-03-03T10:00:00Z", ANN).await;
    sixth.problem(409, "too-many-open");
    // Others, and those whose bookings are over, still may.
    visit(&town, &other, "2027-03-03T10:00:00Z", "bob@guests.test")
        .await
        .expect(201);
    town.clock.set("2027-03-02T11:00:00Z".parse().unwrap());
    visit(&town, &other, "2027-03-03T12:00:00Z", ANN)
        .await
        .expect(201);
    town.close().await;
}

async fn a_repeated_key_answers_the_first_booking_to_whoever_sent_it(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let send = async |body: Value| {
        let key = [("idempotency-key", "one")];
        town.stranger()
            .send(Method::POST, "/bookings", Some(body), &key)
            .await
    };
    let first = send(wish(&expert, TEN, "Ann", ANN)).await.expect(201);
    let again = send(wish(&expert, TEN, "Ann", ANN)).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    send(wish(&expert, TEN, "Anna", ANN))
        .await
        .problem(422, "idempotency-key-reused");
    // The same key of somebody else is another one.
    let other = send(wish(
        &expert,
        "2027-03-02T12:00:00Z",
        "Bob",
        "bob@guests.test",
    ))
    .await;
    assert_ne!(other.expect(201).text("id"), first.text("id"));
    // Nor is it a signed-in person's.
    let client = town.client().await;
    let body =
        json!({ "expert_id": expert.id, "starts_at": "2027-03-02T14:00:00Z", "mode": "online" });
    let key = [("idempotency-key", "one")];
    let own = client
        .send(Method::POST, "/bookings", Some(body), &key)
        .await;
    assert_ne!(own.expect(201).text("id"), first.text("id"));
    town.close().await;
}
