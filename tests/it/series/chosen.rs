//! What somebody makes of a series whose times are not all free: times left out, other times instead, and times that
//! they hold themselves.

use serde_json::{Value, json};

use super::{TUESDAYS, all, sound, wish};
use crate::engine::{Fresh, on_both_engines};
use crate::town::Town;

on_both_engines!(
    whoever_was_slower_is_told_what_is_gone_and_chooses_for_each,
    what_somebody_holds_themselves_does_not_stand_in_their_way,
    exceptions_are_checked,
    one_alone_is_told_of_as_one,
);

async fn whoever_was_slower_is_told_what_is_gone_and_chooses_for_each(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let (person, rival) = (town.client().await, town.client().await);
    let seen = person.post("/series/preview", wish(&expert, 4)).await;
    assert_eq!(seen.expect(200).body["free"], 4);
    // Two of them go meanwhile.
    rival.book(&expert, TUESDAYS[1]).await.expect(201);
    rival.book(&expert, TUESDAYS[2]).await.expect(201);
    let refused = person.post("/series", wish(&expert, 4)).await;
    let refused = refused.problem(409, "series-not-free").body;
    let instead = refused["occurrences"][1]["alternatives"][0]["starts_at"].clone();
    assert_ne!(instead, json!(TUESDAYS[1]));
    let mut chosen = wish(&expert, 4);
    chosen["exceptions"] = json!([
        { "starts_at": TUESDAYS[1], "instead": instead },
        { "starts_at": TUESDAYS[2] },
    ]);
    let seen = person.post("/series/preview", chosen.clone()).await;
    let seen = seen.expect(200).body;
    assert_eq!(seen["free"], 3);
    assert_eq!(seen["occurrences"][1]["starts_at"], instead);
    assert_eq!(seen["occurrences"][1]["instead_of"], json!(TUESDAYS[1]));
    assert_eq!(seen["occurrences"][0]["instead_of"], Value::Null);
    let made = person
        .post("/series", chosen.clone())
        .await
        .expect(201)
        .body;
    let instead = instead.as_str().unwrap();
    assert_eq!(all(&made, "starts_at"), [TUESDAYS[0], instead, TUESDAYS[3]]);
    assert_eq!(made["bookings"][2]["series"]["of"], 3);
    sound(&town).await;
    // The same again clashes with what they have, as anybody else's would.
    let again = person.post("/series", chosen).await;
    let again = again.problem(409, "series-not-free").body;
    let against = |n: usize| again["occurrences"][n]["against"].clone();
    assert_eq!([against(0), against(1), against(2)], ["taken"; 3]);
    sound(&town).await;
    town.close().await;
}

async fn what_somebody_holds_themselves_does_not_stand_in_their_way(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let (person, rival) = (town.client().await, town.client().await);
    let hold = json!({ "expert_id": expert.id, "starts_at": TUESDAYS[0] });
    person.post("/holds", hold).await.expect(201);
    let theirs = rival.post("/series/preview", wish(&expert, 4)).await;
    let theirs = theirs.expect(200).body;
    assert_eq!(theirs["occurrences"][0]["against"], "taken");
    let own = person.post("/series/preview", wish(&expert, 4)).await;
    assert_eq!(own.expect(200).body["free"], 4);
    person.post("/series", wish(&expert, 4)).await.expect(201);
    let book = town.store.ledger().await.unwrap();
    assert!(book.holds.is_empty(), "the series took its place");
    sound(&town).await;
    // A hold of a time that was not had after all is let go by name.
    let later = "2027-03-02T14:00:00Z";
    let hold = json!({ "expert_id": expert.id, "starts_at": later });
    let hold = rival.post("/holds", hold).await.expect(201).body;
    let mut other = wish(&expert, 2);
    other["starts_at"] = json!(later);
    other["exceptions"] = json!([{ "starts_at": later, "instead": "2027-03-02T16:00:00Z" }]);
    other["hold_id"] = hold["id"].clone();
    rival.post("/series", other).await.expect(201);
    let book = town.store.ledger().await.unwrap();
    assert!(book.holds.is_empty());
    sound(&town).await;
    town.close().await;
}

async fn exceptions_are_checked(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let person = town.client().await;
    for (exceptions, pointer) in [
        (
            json!([{ "starts_at": "2027-03-02T11:00:00Z" }]),
            "/exceptions/0/starts_at",
        ),
        (
            json!([{ "starts_at": TUESDAYS[0] }, { "starts_at": TUESDAYS[0], "instead": null }]),
            "/exceptions/1/starts_at",
        ),
        (
            json!([{ "starts_at": TUESDAYS[0], "instead": TUESDAYS[1] }]),
            "/exceptions/0/instead",
        ),
        (
            json!([{ "starts_at": TUESDAYS[0] }, { "starts_at": TUESDAYS[1] }]),
            "/exceptions",
        ),
        (
            json!([{ "starts_at": TUESDAYS[0], "when": null }]),
            "/exceptions/0/when",
        ),
    ] {
        let mut asked = wish(&expert, 2);
        asked["exceptions"] = exceptions.clone();
        let refused = person.post("/series", asked).await;
        let refused = refused.problem(422, "validation");
        assert_eq!(
            refused.body["errors"][0]["pointer"], pointer,
            "{exceptions}"
        );
    }
    // Two that swap their times are the same two.
    let mut asked = wish(&expert, 2);
    asked["exceptions"] = json!([
        { "starts_at": TUESDAYS[0], "instead": TUESDAYS[1] },
        { "starts_at": TUESDAYS[1], "instead": TUESDAYS[0] },
    ]);
    let made = person.post("/series", asked).await.expect(201).body;
    assert_eq!(all(&made, "starts_at"), TUESDAYS[..2]);
    sound(&town).await;
    town.close().await;
}

async fn one_alone_is_told_of_as_one(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let person = town.client().await;
    let made = person.post("/series", wish(&expert, 2)).await.expect(201);
    let path = format!("/series/{}/cancel", made.text("id"));
    let off = json!({ "from": 2 });
    person.post(&path, off).await.expect(200);
    let told = super::told(&expert, "booking.created").await;
    let body = told[0]["body"].as_str().unwrap();
    assert!(body.contains(", and 1 more time until Tue 9 Mar"), "{body}");
    let told = super::told(&expert, "booking.cancelled").await;
    let body = told[0]["body"].as_str().unwrap();
    assert!(!body.contains("more time"), "{body}");
    sound(&town).await;
    town.close().await;
}
