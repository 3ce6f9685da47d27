//! All bookings of an address by a mailed code (C3.7).

use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::{Value, json};

use super::{ANN, TEN, holder, mails, visit};
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Town};

on_both_engines!(
    a_mailed_code_shows_all_bookings_of_the_address_once,
    a_code_ends_after_ten_minutes_five_tries_or_a_newer_one,
    of_many_with_the_right_code_one_is_shown_the_bookings,
    nobody_learns_who_has_booked,
);

async fn ask(town: &Town, email: &str) -> Answer {
    let body = json!({ "email": email });
    town.stranger().post("/bookings/lookup/otp", body).await
}

async fn show(town: &Town, email: &str, code: &str) -> Answer {
    let body = json!({ "email": email, "code": code });
    town.stranger()
        .post("/bookings/lookup/otp/show", body)
        .await
}

/// The code of the newest of so many mails.
async fn code(town: &Town, email: &str, count: usize) -> String {
    let mail = mails(town, email, "guest.code_asked", count)
        .await
        .remove(0);
    assert!(
        mail.url.as_deref().unwrap().ends_with("/lookup"),
        "{mail:?}"
    );
    let digits = mail.text.split(|c: char| !c.is_ascii_digit());
    let mut codes = digits.filter(|word| word.len() == 8);
    codes.next().expect("eight digits").to_owned()
}

/// Another code than this one.
fn wrong(code: &str) -> &'static str {
    if code == "00000000" {
        "00000001"
    } else {
        "00000000"
    }
}

async fn a_mailed_code_shows_all_bookings_of_the_address_once(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let first = visit(&town, &expert, TEN, ANN).await.expect(201);
    let second = visit(&town, &expert, "2027-03-02T14:00:00Z", ANN)
        .await
        .expect(201);
    visit(&town, &expert, "2027-03-02T15:00:00Z", "bob@guests.test")
        .await
        .expect(201);
    ask(&town, "Ann@Guests.test").await.expect(202);
    let code = code(&town, ANN, 1).await;
    let spaced = format!(" {} {} ", &code[..4], &code[4..]);
    let shown = show(&town, ANN, &spaced).await.expect(200);
    let items = shown.body["items"].as_array().unwrap();
    let ids: Vec<&Value> = items.iter().map(|item| &item["id"]).collect();
    assert_eq!(ids, [&second.body["id"], &first.body["id"]]);
    let ann = holder(&town, items[1]["manage_token"].as_str().unwrap());
    let path = format!("/bookings/{}/cancel", first.text("id"));
    ann.post(&path, json!({})).await.expect(200);
    show(&town, ANN, &code).await.problem(410, "bad-code");
    town.close().await;
}

async fn a_code_ends_after_ten_minutes_five_tries_or_a_newer_one(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    visit(&town, &expert, TEN, ANN).await.expect(201);
    ask(&town, ANN).await.expect(202);
    let first = code(&town, ANN, 1).await;
    town.clock.advance(TimeDelta::minutes(10));
    show(&town, ANN, &first).await.problem(410, "bad-code");

    ask(&town, ANN).await.expect(202);
    let second = code(&town, ANN, 2).await;
    assert_ne!(first, second);
    for _ in 0..5 {
        show(&town, ANN, wrong(&second))
            .await
            .problem(410, "bad-code");
    }
    show(&town, ANN, &second).await.problem(410, "bad-code");

    ask(&town, ANN).await.expect(202);
    let third = code(&town, ANN, 3).await;
    town.clock.advance(TimeDelta::seconds(1));
    ask(&town, ANN).await.expect(202);
    let fourth = code(&town, ANN, 4).await;
    show(&town, ANN, &third).await.problem(410, "bad-code");
    show(&town, "bob@guests.test", &fourth)
        .await
        .problem(410, "bad-code");
    show(&town, ANN, &fourth).await.expect(200);
    town.close().await;
}

async fn of_many_with_the_right_code_one_is_shown_the_bookings(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let expert = town.expert().await;
    visit(&town, &expert, TEN, ANN).await.expect(201);
    ask(&town, ANN).await.expect(202);
    let code = code(&town, ANN, 1).await;
    let tries = (0..8).map(|number| {
        let at = town.stranger_at(number % 2);
        let body = json!({ "email": ANN, "code": code });
        async move { at.post("/bookings/lookup/otp/show", body).await }
    });
    let answers = join_all(tries).await;
    let shown = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(shown.count(), 1, "{answers:#?}");
    town.close().await;
}

async fn nobody_learns_who_has_booked(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    visit(&town, &expert, TEN, ANN).await.expect(201);
    client
        .book(&expert, "2027-03-02T14:00:00Z")
        .await
        .expect(201);
    let mut faces = Vec::new();
    for email in [ANN, client.email.as_str(), "nobody@guests.test"] {
        let asked = ask(&town, email).await.expect(202);
        let shown = show(&town, email, "1234").await.problem(410, "bad-code");
        let mut body = shown.body;
        body.as_object_mut().unwrap().remove("request_id");
        faces.push((asked.text, body));
    }
    faces.dedup();
    assert_eq!(faces.len(), 1, "{faces:#?}");
    // Who has an account signs in; no code shows what is in it.
    code(&town, ANN, 1).await;
    let sent = town.store.ledger().await.unwrap().deliveries;
    let codes = sent.iter().filter(|sent| sent.kind == "guest.code_asked");
    assert_eq!(codes.count(), 1);
    for (body, pointer) in [
        (json!({ "email": "nobody" }), "/email"),
        (json!({ "email": ANN, "phone": "+84912345678" }), "/phone"),
    ] {
        let answer = town.stranger().post("/bookings/lookup/otp", body).await;
        let answer = answer.problem(422, "validation");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer);
    }
    town.close().await;
}
