//! What those who run a branch know of a booking: by its code, and everything that was done to it by whom (B8, C3.7).

use serde_json::{Value, json};

use super::{open_branch, wish};
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Person, Town};

on_both_engines!(
    a_booking_at_a_branch_is_found_by_its_code,
    whatever_was_done_at_a_branch_says_who_did_it,
);

async fn found(person: &Person, code: &str) -> Vec<Value> {
    let list = person
        .get(&format!("/bookings?query={code}"))
        .await
        .expect(200);
    list.body["items"].as_array().unwrap().clone()
}

async fn a_booking_at_a_branch_is_found_by_its_code(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let colleague = town.expert_with(json!({}), Some(&branch)).await;
    let manager = town.manager(Some(&branch)).await;
    let foreign = town
        .manager(Some(&open_branch(&admin, json!({})).await))
        .await;
    let client = town.client().await;
    // Only the first of the two is there.
    let closed = format!("/experts/{}/overrides/2027-03-02", colleague.id);
    colleague
        .put(&closed, json!({ "intervals": [] }))
        .await
        .expect(200);
    let body = wish(&branch, "2027-03-02T10:00:00Z");
    let booked = client.post("/bookings", body).await.expect(201);
    let code = booked.text("code");
    // Whoever stands at the desk says the code.
    for staff in [&manager, &expert, &admin] {
        let found = found(staff, &code).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["id"], booked.body["id"]);
    }
    for stranger in [&foreign, &colleague] {
        assert_eq!(found(stranger, &code).await, [] as [Value; 0]);
    }
    // Without an account it needs the address, too.
    let door = town.stranger();
    let lookup = json!({ "code": code, "email": client.email });
    let shown = door
        .post("/bookings/lookup", lookup.clone())
        .await
        .expect(200);
    assert_eq!(shown.body["id"], booked.body["id"]);
    let guessed = json!({ "code": code, "email": expert.email });
    door.post("/bookings/lookup", guessed)
        .await
        .problem(404, "not-found");
    let ended = door
        .post("/bookings/lookup/cancel", lookup)
        .await
        .expect(200);
    assert_eq!(ended.body["status"], "cancelled");
    town.close().await;
}

async fn whatever_was_done_at_a_branch_says_who_did_it(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let manager = town.manager(Some(&branch)).await;
    let client = town.client().await;
    let body = wish(&branch, "2027-03-02T10:00:00Z");
    let booked = client.post("/bookings", body).await.expect(201);
    let path = |rest: &str| format!("/bookings/{}/{rest}", booked.text("id"));
    manager.post(&path("confirm"), json!({})).await.expect(200);
    let later = json!({ "starts_at": "2027-03-02T14:00:00Z" });
    expert.post(&path("reschedule"), later).await.expect(200);
    let reason = json!({ "reason": "The pipes burst" });
    manager.post(&path("cancel"), reason).await.expect(200);
    let history = manager.get(&path("history")).await.expect(200);
    let steps: Vec<Value> = history.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            json!([
                step["event"],
                step["actor"]["id"],
                step["actor"]["role"],
                step["to_status"],
                step["reason"]
            ])
        })
        .collect();
    assert_eq!(
        steps,
        [
            json!(["booking.created", client.id, "user", "pending", null]),
            json!([
                "booking.confirmed",
                manager.id,
                "manager",
                "confirmed",
                null
            ]),
            json!([
                "booking.rescheduled",
                expert.id,
                "expert",
                "confirmed",
                null
            ]),
            json!([
                "booking.cancelled",
                manager.id,
                "manager",
                "cancelled",
                "The pipes burst"
            ]),
        ]
    );
    // Why it went to this expert, and that nobody was asked before, stands beside it.
    let why = manager.get(&path("assignment")).await.expect(200);
    assert_eq!(why.body["expert_id"], expert.id);
    assert_eq!(why.body["passed_on"], json!([]));
    assert_eq!(why.body["decided_at"], booked.body["created_at"]);
    town.close().await;
}
