//! Whatever gives time back leads to an offer: told at once, or found by the scheduler's look.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;

use super::{TEN, TUESDAY, comes_to, host, join, open, place, sound};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{PASSWORD, Town};

on_both_engines!(
    whatever_gives_time_back_leads_to_an_offer,
    a_hold_that_runs_out_leads_to_an_offer,
    what_came_free_while_nobody_looked_is_found,
    whoever_is_forgotten_leaves_their_place_to_the_next,
);

async fn whatever_gives_time_back_leads_to_an_offer(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    for cause in [
        "reject", "move", "hold", "override", "time off", "decline", "leave",
    ] {
        let expert = host(&town, json!({})).await;
        let (first, second) = (town.client().await, town.client().await);
        let wait = async || {
            let id = join(&second, &expert).await.expect(201).text("id");
            assert_eq!(place(&second, &id).await["status"], "waiting", "{cause}");
            id
        };
        let id = match cause {
            "reject" | "move" => {
                let booking = first.book(&expert, TEN).await.expect(201).text("id");
                let id = wait().await;
                let (step, body) = match cause {
                    "reject" => ("reject", json!({ "reason": "ill" })),
                    _ => ("reschedule", json!({ "starts_at": "2027-03-04T10:00:00Z" })),
                };
                let path = format!("/bookings/{booking}/{step}");
                expert.post(&path, body).await.expect(200);
                id
            }
            "hold" => {
                let wish = json!({ "expert_id": expert.id, "starts_at": TEN, "minutes": 60 });
                let hold = first.post("/holds", wish).await.expect(201).text("id");
                let id = wait().await;
                first.delete(&format!("/holds/{hold}")).await.expect(204);
                id
            }
            "override" => {
                open(&expert, json!([])).await;
                let id = wait().await;
                open(&expert, json!([{ "from": "10:00", "until": "11:00" }])).await;
                id
            }
            "time off" => {
                let path = format!("/experts/{}/time-off", expert.id);
                let off = json!({ "starts_at": TEN, "ends_at": "2027-03-02T11:00:00Z" });
                let off = expert.post(&path, off).await.expect(201).text("id");
                let id = wait().await;
                expert.delete(&format!("{path}/{off}")).await.expect(204);
                id
            }
            _ => {
                let other = join(&first, &expert).await.expect(201).text("id");
                comes_to(&first, &other, "offered").await;
                town.clock.advance(TimeDelta::milliseconds(1));
                let id = wait().await;
                let path = format!("/waiting-list/{other}");
                if cause == "decline" {
                    let path = format!("{path}/decline");
                    first.post(&path, json!({})).await.expect(200);
                } else {
                    first.delete(&path).await.expect(204);
                }
                id
            }
        };
        let offered = comes_to(&second, &id, "offered").await;
        assert_eq!(offered["offer"]["starts_at"], TEN, "{cause}");
        // The database says so a moment before the expert's actor does.
        let nobody_elses = async || first.slots(&expert, TUESDAY, 1).await.is_empty();
        eventually(cause, nobody_elses).await;
    }
    sound(&town).await;
    town.close().await;
}

async fn a_hold_that_runs_out_leads_to_an_offer(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = host(&town, json!({})).await;
    let (first, second) = (town.client().await, town.client().await);
    let wish = json!({ "expert_id": expert.id, "starts_at": TEN, "minutes": 60 });
    first.post("/holds", wish).await.expect(201);
    let id = join(&second, &expert).await.expect(201).text("id");
    assert_eq!(place(&second, &id).await["status"], "waiting");
    town.clock.advance(TimeDelta::minutes(5));
    comes_to(&second, &id, "offered").await;
    sound(&town).await;
    town.close().await;
}

async fn what_came_free_while_nobody_looked_is_found(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = host(&town, json!({})).await;
    let (first, second) = (town.client().await, town.client().await);
    let booking = first.book(&expert, TEN).await.expect(201).text("id");
    let id = join(&second, &expert).await.expect(201).text("id");
    // As by a node that died right after the commit: nobody was nudged, and no other node has heard of it.
    town.cancelled_unheard(&booking).await;
    town.clock.advance(TimeDelta::seconds(20));
    comes_to(&second, &id, "offered").await;
    sound(&town).await;
    town.close().await;
}

/// C1.9: the place, the offer and the words go with the person.
async fn whoever_is_forgotten_leaves_their_place_to_the_next(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = host(&town, json!({})).await;
    let (first, second) = (town.client().await, town.client().await);
    open(&expert, json!([])).await;
    let leaving = join(&first, &expert).await.expect(201).text("id");
    town.clock.advance(TimeDelta::seconds(1));
    let staying = join(&second, &expert).await.expect(201).text("id");
    open(&expert, json!([{ "from": "10:00", "until": "11:00" }])).await;
    comes_to(&first, &leaving, "offered").await;
    let file = first.get("/me/export").await.expect(200);
    assert_eq!(file.body["data"]["waiting"][0]["note"], "knee");
    let password = Some(json!({ "password": PASSWORD }));
    let gone = first.send(Method::DELETE, "/me", password, &[]).await;
    gone.expect(204);
    comes_to(&second, &staying, "offered").await;
    let left = place(&expert, &leaving).await;
    assert_eq!(
        (&left["status"], &left["note"]),
        (&json!("left"), &json!(null))
    );
    sound(&town).await;
    town.close().await;
}
