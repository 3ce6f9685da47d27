//! What a line does by itself: offers in its order, offers and waits that run out, another node that takes over (B3).

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{be, comes_to, does, expert, join, sound, three_in_line, told, visit};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::Town;

on_both_engines!(
    who_frees_up_is_offered_to_the_next_who_answers_or_is_passed_over,
    who_misses_goes_one_place_back_and_then_is_no_show,
    who_waits_too_long_is_let_go,
    an_expert_with_a_booking_soon_is_offered_to_nobody_who_walked_in,
    skills_and_wanted_experts_are_heeded,
    another_node_keeps_the_line_when_its_keeper_falls_silent,
);

async fn who_frees_up_is_offered_to_the_next_who_answers_or_is_passed_over(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let desk = expert(&town, &branch, false).await;
    let (people, ids) = three_in_line(&town, &branch).await;
    be(&desk, "online").await;
    let offered = comes_to(&people[0], &ids[0], "offered").await;
    assert_eq!(offered["expert"]["id"], desk.id);
    assert_eq!(offered["offer_expires_at"], "2027-03-01T12:05:03Z");
    let entry = told(&people[0], "visit.offered", &ids[0]).await;
    assert!(
        entry["title"].as_str().unwrap().contains("your turn"),
        "{entry}"
    );
    // Exclusive: nobody else is offered anything, and the time cannot be booked.
    assert_eq!(visit(&people[1], &ids[1]).await["state"], "waiting");
    people[1]
        .book(&desk, "2027-03-01T12:30:00Z")
        .await
        .problem(409, "slot-taken");
    does(&people[1], &ids[1], "accept-offer")
        .await
        .problem(409, "offer-gone");
    // Declined, it goes to the next; whoever declined is one place back and is not asked at once.
    let declined = does(&people[0], &ids[0], "decline-offer").await.expect(200);
    assert_eq!(
        (&declined.body["state"], &declined.body["ahead"]),
        (&json!("waiting"), &json!(2)),
        "{}",
        declined.text
    );
    assert_eq!(declined.body["not_before"], "2027-03-01T12:05:03Z");
    comes_to(&people[1], &ids[1], "offered").await;
    let called = does(&people[1], &ids[1], "accept-offer").await.expect(200);
    assert_eq!(called.body["state"], "called");
    does(&people[1], &ids[1], "accept-offer")
        .await
        .problem(409, "offer-gone");
    does(&desk, &ids[1], "start").await.expect(200);
    assert_eq!(
        visit(&people[2], &ids[2]).await["state"],
        "waiting",
        "one at a time"
    );
    sound(&town).await;
    does(&desk, &ids[1], "finish").await.expect(200);
    comes_to(&people[2], &ids[2], "offered").await;
    // The expert for whom they are kept need not wait for the answer.
    does(&desk, &ids[2], "accept").await.expect(200);
    sound(&town).await;
    town.close().await;
}

async fn who_misses_goes_one_place_back_and_then_is_no_show(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({ "offer_minutes": 2 })).await;
    let desk = expert(&town, &branch, false).await;
    let (first, second) = (town.client().await, town.client().await);
    let one = join(&first, &branch).await.expect(201).text("id");
    town.clock.advance(TimeDelta::seconds(1));
    let two = join(&second, &branch).await.expect(201).text("id");
    be(&desk, "online").await;
    comes_to(&first, &one, "offered").await;
    town.clock.advance(TimeDelta::minutes(2));
    comes_to(&second, &two, "offered").await;
    let missed = visit(&first, &one).await;
    assert_eq!(
        (&missed["state"], &missed["misses"]),
        (&json!("waiting"), &json!(1))
    );
    assert_eq!(missed["ahead"], 1, "one place back");
    does(&second, &two, "accept-offer").await.expect(200);
    does(&desk, &two, "start").await.expect(200);
    does(&desk, &two, "finish").await.expect(200);
    comes_to(&first, &one, "offered").await;
    town.clock.advance(TimeDelta::minutes(2));
    comes_to(&first, &one, "no_show").await;
    told(&first, "visit.no_show", &one).await;
    does(&first, &one, "accept-offer")
        .await
        .problem(409, "offer-gone");
    sound(&town).await;
    town.close().await;
}

async fn who_waits_too_long_is_let_go(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({ "queue_timeout_minutes": 10 })).await;
    let (first, second) = (town.client().await, town.client().await);
    let one = join(&first, &branch).await.expect(201).text("id");
    town.clock.advance(TimeDelta::minutes(5));
    let two = join(&second, &branch).await.expect(201).text("id");
    town.clock.advance(TimeDelta::minutes(5));
    comes_to(&first, &one, "timed_out").await;
    assert_eq!(visit(&second, &two).await["state"], "waiting");
    let entry = told(&first, "visit.timed_out", &one).await;
    assert_eq!(entry["title"], "Your wait at Here is over");
    sound(&town).await;
    town.close().await;
}

async fn an_expert_with_a_booking_soon_is_offered_to_nobody_who_walked_in(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({ "default_minutes": 30 })).await;
    let (busy, free) = (
        expert(&town, &branch, true).await,
        expert(&town, &branch, false).await,
    );
    let (client, waiter) = (town.client().await, town.client().await);
    let booking = client.book(&busy, "2027-03-01T12:30:00Z").await.expect(201);
    town.clock.advance(TimeDelta::seconds(1));
    let id = join(&waiter, &branch).await.expect(201).text("id");
    // The keeper looks after whoever came: it has offered nobody when the other one is there.
    be(&free, "online").await;
    let offered = comes_to(&waiter, &id, "offered").await;
    assert_eq!(offered["expert"]["id"], free.id);
    does(&waiter, &id, "accept-offer").await.expect(200);
    let other = town.client().await;
    let id = join(&other, &branch).await.expect(201).text("id");
    let path = format!("/bookings/{}/cancel", booking.text("id"));
    let ill = json!({ "reason": "ill" });
    busy.post(&path, ill).await.expect(200);
    let offered = comes_to(&other, &id, "offered").await;
    assert_eq!(offered["expert"]["id"], busy.id);
    sound(&town).await;
    town.close().await;
}

async fn skills_and_wanted_experts_are_heeded(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let (plain, skilled) = (
        expert(&town, &branch, false).await,
        expert(&town, &branch, false).await,
    );
    let path = format!("/experts/{}", skilled.id);
    skilled
        .patch(&path, json!({ "tags": ["law"] }))
        .await
        .expect(200);
    let path = format!("/branches/{branch}/queue");
    let (first, second, third) = (
        town.client().await,
        town.client().await,
        town.client().await,
    );
    let law = first
        .post(&path, json!({ "skill": "law" }))
        .await
        .expect(201)
        .text("id");
    town.clock.advance(TimeDelta::seconds(1));
    let wants = json!({ "expert_id": skilled.id });
    let wants = second.post(&path, wants).await.expect(201);
    assert_eq!(wants.body["wanted_expert"]["id"], skilled.id);
    town.clock.advance(TimeDelta::seconds(1));
    let any = join(&third, &branch).await.expect(201).text("id");
    first
        .post(&path, json!({ "expert_id": admin.id }))
        .await
        .problem(422, "validation");
    be(&plain, "online").await;
    let offered = comes_to(&third, &any, "offered").await;
    assert_eq!(
        offered["expert"]["id"], plain.id,
        "nobody whom it does not fit keeps the next one waiting"
    );
    be(&skilled, "online").await;
    comes_to(&first, &law, "offered").await;
    assert_eq!(visit(&second, &wants.text("id")).await["state"], "waiting");
    does(&first, &law, "leave").await.expect(200);
    comes_to(&second, &wants.text("id"), "offered").await;
    sound(&town).await;
    town.close().await;
}

/// A keeper that is gone without a word, as a process that was killed.
async fn another_node_keeps_the_line_when_its_keeper_falls_silent(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let lease = format!("branch:{branch}");
    let now = town.now();
    let dead = town
        .store
        .take_lease(&lease, "dead", now + TimeDelta::seconds(10), now)
        .await;
    assert!(dead.unwrap());
    let desk = expert(&town, &branch, true).await;
    let client = town.client().await;
    let id = join(&client, &branch).await.expect(201).text("id");
    // Whoever holds the lease alone offers anything; steps that people take go on.
    let second = town.client().await;
    let other = join(&second, &branch).await.expect(201).text("id");
    does(&second, &other, "leave").await.expect(200);
    assert_eq!(visit(&client, &id).await["state"], "waiting");
    town.clock.advance(TimeDelta::seconds(10));
    let offered = comes_to(&client, &id, "offered").await;
    assert_eq!(offered["expert"]["id"], desk.id);
    does(&client, &id, "leave").await.expect(200);
    eventually("the lease is given back when nobody waits", async || {
        let now = town.now();
        town.store
            .take_lease(&lease, "nobody", now, now)
            .await
            .unwrap()
    })
    .await;
    assert_eq!(
        visit(&client, &id).await["expert"]["id"],
        Value::String(desk.id.clone())
    );
    sound(&town).await;
    town.close().await;
}
