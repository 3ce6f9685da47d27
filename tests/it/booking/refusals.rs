//! What is refused to many is refused only while it is true (C3.2, C3.13).

use serde_json::json;

use super::TEN;
use crate::engine::{Fresh, on_both_engines};
use crate::town::Town;

on_both_engines!(
    a_slot_refused_to_many_is_free_the_moment_it_is_given_back,
    a_slot_refused_to_many_is_free_the_moment_its_booking_moves,
    a_held_slot_is_refused_to_others_and_never_to_its_holder,
    a_refusal_follows_the_notice_and_the_hours,
);

const NOON: &str = "2027-03-02T12:00:00Z";

async fn a_slot_refused_to_many_is_free_the_moment_it_is_given_back(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let clients = town.crowd(3).await;
    for turn in 0..12 {
        let (owner, next) = (&clients[turn % 3], &clients[(turn + 1) % 3]);
        let booking = owner.book(&expert, TEN).await.expect(201).text("id");
        for other in [next, &clients[(turn + 2) % 3], next] {
            let refused = other.book(&expert, TEN).await.problem(409, "slot-taken");
            assert_eq!(
                refused.body["alternatives"][0]["starts_at"],
                "2027-03-02T09:00:00Z"
            );
        }
        let cancel = format!("/bookings/{booking}/cancel");
        owner.post(&cancel, json!({})).await.expect(200);
    }
    town.close().await;
}

async fn a_slot_refused_to_many_is_free_the_moment_its_booking_moves(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let [owner, first, second] = <[_; 3]>::try_from(town.crowd(3).await).ok().unwrap();
    let booking = owner.book(&expert, TEN).await.expect(201).text("id");
    for other in [&first, &second] {
        other.book(&expert, TEN).await.problem(409, "slot-taken");
    }
    // To its own owner the time of the booking is not taken.
    let reschedule = format!("/bookings/{booking}/reschedule");
    let half_an_hour_later = json!({ "starts_at": "2027-03-02T10:30:00Z" });
    owner
        .post(&reschedule, half_an_hour_later)
        .await
        .expect(200);
    first.book(&expert, TEN).await.problem(409, "slot-taken");
    owner
        .post(&reschedule, json!({ "starts_at": NOON }))
        .await
        .expect(200);
    first.book(&expert, TEN).await.expect(201);
    second.book(&expert, NOON).await.problem(409, "slot-taken");
    town.close().await;
}

async fn a_held_slot_is_refused_to_others_and_never_to_its_holder(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let [holder, first, second] = <[_; 3]>::try_from(town.crowd(3).await).ok().unwrap();
    let hold = json!({ "expert_id": expert.id, "starts_at": TEN, "minutes": 60 });
    holder.post("/holds", hold.clone()).await.expect(201);
    for other in [&first, &second] {
        other.book(&expert, TEN).await.problem(409, "slot-taken");
        other
            .post("/holds", hold.clone())
            .await
            .problem(409, "slot-taken");
    }
    holder.book(&expert, TEN).await.expect(201);
    for other in [&first, &second] {
        other.book(&expert, TEN).await.problem(409, "slot-taken");
        other
            .post("/holds", hold.clone())
            .await
            .problem(409, "slot-taken");
    }
    town.close().await;
}

async fn a_refusal_follows_the_notice_and_the_hours(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town
        .expert_with(json!({ "min_notice_minutes": 120 }), None)
        .await;
    let (owner, first, second) = (
        town.client().await,
        town.client().await,
        town.client().await,
    );
    owner.book(&expert, NOON).await.expect(201);
    for other in [&first, &second] {
        other.book(&expert, NOON).await.problem(409, "slot-taken");
    }
    let closed = format!("/experts/{}/overrides/2027-03-02", expert.id);
    let nothing = json!({ "intervals": [] });
    expert.put(&closed, nothing).await.expect(200);
    first
        .book(&expert, NOON)
        .await
        .problem(422, "slot-not-offered");
    expert.delete(&closed).await.expect(204);
    second.book(&expert, NOON).await.problem(409, "slot-taken");
    // Nothing but the time has changed.
    town.clock.set("2027-03-02T10:00:01Z".parse().unwrap());
    let first = town.again(first).await;
    let refused = first
        .book(&expert, NOON)
        .await
        .problem(422, "slot-not-offered");
    assert_eq!(refused.body["errors"][0]["code"], "notice");
    town.close().await;
}
