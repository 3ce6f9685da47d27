//! The main story over two nodes, as both sides hear of it: in the inbox, in their language, and by mail with
//! a calendar file that each step brings up to date (C3.4, C4.3, C4.4, C5.2).

use std::collections::BTreeSet;

use belfry_domain::delivery::{Content, DeliveryStatus};
use belfry_store::delivery::Filter;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::ledger::{self, Terms};
use crate::town::{Person, Town};

on_both_engines!(
    both_sides_hear_every_step_in_their_language_and_by_mail,
    a_move_asks_again_and_the_calendar_follows,
    a_booking_made_later_than_the_offset_is_not_reminded_of,
    what_nobody_answered_gives_its_time_back_on_every_node,
);

const TEN: &str = "2027-03-02T10:00:00Z";

/// What a person was told, oldest first, once it is so many things.
async fn told(person: &Person, count: usize) -> Vec<Value> {
    let mut items = eventually(&format!("{count} things are told"), async || {
        let page = person.get("/notifications?limit=100").await.expect(200);
        let items = page.body["items"].as_array().unwrap().clone();
        if items.len() < count {
            return Err(items);
        }
        Ok(items)
    })
    .await;
    items.reverse();
    assert_eq!(items.len(), count, "{items:#?}");
    items
}

/// The one mail of this kind to a person, once it was taken care of.
async fn mailed(town: &Town, person: &Person, kind: &str) -> (String, Content) {
    let filter = Filter {
        status: Some(DeliveryStatus::Kept),
        query: Some(person.email.clone()),
        ..Filter::default()
    };
    eventually(
        &format!("{kind} is mailed to {}", person.email),
        async || {
            let kept = town.store.deliveries(&filter, None, 100).await.unwrap();
            let of_kind: Vec<_> = kept.into_iter().filter(|item| item.kind == kind).collect();
            if let [item] = &of_kind[..] {
                let detail = town.store.delivery(item.id).await.unwrap().unwrap();
                return Some((item.subject.clone(), detail.content));
            }
            assert!(of_kind.len() < 2, "{kind} was mailed twice: {of_kind:#?}");
            None
        },
    )
    .await
}

/// Method, sequence, status and identity of the calendar file of a mail.
fn calendar(content: &Content) -> (String, i64, String, String) {
    let file = &content.attachments[0];
    let line = |name: &str| {
        let found = file.text.lines().find_map(|line| line.strip_prefix(name));
        found
            .unwrap_or_else(|| panic!("no {name} in {}", file.text))
            .to_owned()
    };
    let method = line("METHOD:");
    let said = format!("method={method}");
    assert!(file.content_type.contains(&said), "{}", file.content_type);
    let sequence = line("SEQUENCE:").parse().unwrap();
    (method, sequence, line("STATUS:"), line("UID:"))
}

async fn step(person: &Person, id: &str, step: &str, body: Value) {
    person
        .post(&format!("/bookings/{id}/{step}"), body)
        .await
        .expect(200);
}

async fn both_sides_hear_every_step_in_their_language_and_by_mail(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await.at(&town, 1));
    expert
        .patch("/me", json!({ "locale": "zh" }))
        .await
        .expect(200);
    client
        .patch("/me", json!({ "locale": "vi" }))
        .await
        .expect(200);
    let booking = client.book(&expert, TEN).await.expect(201);
    let id = booking.text("id");
    for (person, title) in [(&expert, "的预约请求"), (&client, "Đã gửi yêu cầu hẹn với")]
    {
        let entry = &told(person, 1).await[0];
        assert_eq!(
            (&entry["kind"], &entry["offset"]),
            (&json!("booking.created"), &json!(1))
        );
        assert!(entry["title"].as_str().unwrap().contains(title), "{entry}");
        let data = &entry["data"];
        assert_eq!(
            (&data["booking_id"], &data["code"], &data["starts_at"]),
            (&json!(id), &booking.body["code"], &json!(TEN))
        );
        let (_, content) = mailed(&town, person, "booking.created").await;
        let (method, _, status, _) = calendar(&content);
        assert_eq!((&*method, &*status), ("REQUEST", "TENTATIVE"));
    }
    let (_, first) = mailed(&town, &client, "booking.created").await;
    let (_, requested, _, uid) = calendar(&first);

    step(&expert, &id, "confirm", json!({})).await;
    let (_, second) = mailed(&town, &client, "booking.confirmed").await;
    let (method, confirmed, status, same) = calendar(&second);
    assert_eq!(
        (&*method, &*status, same),
        ("REQUEST", "CONFIRMED", uid.clone())
    );
    assert!(confirmed > requested);

    // At its minute each side is reminded, once.
    town.clock.set("2027-03-02T09:00:00Z".parse().unwrap());
    let (expert, client) = (town.again(expert).await, town.again(client).await);
    for person in [&expert, &client] {
        let kinds: Vec<_> = told(person, 3).await;
        assert_eq!(kinds[2]["kind"], "booking.reminder");
        mailed(&town, person, "booking.reminder").await;
    }
    town.clock.set("2027-03-02T11:00:00Z".parse().unwrap());
    let (expert, client) = (town.again(expert).await, town.again(client).await);
    step(&expert, &id, "complete", json!({})).await;
    let kinds: BTreeSet<String> = told(&client, 5).await[3..]
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap().to_owned())
        .collect();
    let expected = ["booking.completed", "booking.review_asked"];
    assert_eq!(kinds, expected.map(str::to_owned).into());
    assert_eq!(told(&expert, 4).await[3]["kind"], "booking.completed");
    ledger::sound(&town.store, Terms::at(town.now()), &[id].into()).await;
    town.close().await;
}

async fn a_move_asks_again_and_the_calendar_follows(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await.at(&town, 1));
    let id = client.book(&expert, TEN).await.expect(201).text("id");
    step(&expert, &id, "confirm", json!({})).await;
    let (_, content) = mailed(&town, &client, "booking.confirmed").await;
    let (_, confirmed, _, uid) = calendar(&content);

    let noon = json!({ "starts_at": "2027-03-02T12:00:00Z" });
    step(&client, &id, "reschedule", noon).await;
    let (_, content) = mailed(&town, &expert, "booking.rescheduled").await;
    let (method, moved, status, same) = calendar(&content);
    assert_eq!(
        (&*method, &*status, same),
        ("REQUEST", "TENTATIVE", uid.clone())
    );
    assert!(moved > confirmed);
    assert!(content.attachments[0].text.contains("20270302T120000"));

    let reason = "The boiler has burst";
    step(&expert, &id, "cancel", json!({ "reason": reason })).await;
    let (_, content) = mailed(&town, &client, "booking.cancelled").await;
    let (method, cancelled, status, same) = calendar(&content);
    assert_eq!((&*method, &*status, same), ("CANCEL", "CANCELLED", uid));
    assert!(cancelled > moved);
    assert!(content.text.contains(reason), "{}", content.text);
    assert!(content.html.contains(reason), "{}", content.html);
    let last = told(&client, 4).await.pop().unwrap();
    assert_eq!(
        (&last["kind"], &last["data"]["reason"]),
        (&json!("booking.cancelled"), &json!(reason))
    );

    // What was called off is not reminded of.
    town.clock.set("2027-03-02T11:10:00Z".parse().unwrap());
    let client = town.again(client).await;
    let later = client
        .book(&expert, "2027-03-02T14:00:00Z")
        .await
        .expect(201);
    told(&client, 5).await;
    ledger::sound(
        &town.store,
        Terms::at(town.now()),
        &[id, later.text("id")].into(),
    )
    .await;
    town.close().await;
}

async fn a_booking_made_later_than_the_offset_is_not_reminded_of(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    // Half an hour ahead, and one whose minute comes.
    client
        .book(&expert, "2027-03-01T12:30:00Z")
        .await
        .expect(201);
    let other = client
        .book(&expert, "2027-03-01T14:00:00Z")
        .await
        .expect(201);
    told(&client, 2).await;
    town.clock.set("2027-03-01T13:00:00Z".parse().unwrap());
    let client = town.again(client).await;
    // The reminder of the second; and the first, which nobody answered, was missed by the sweep.
    let entries = told(&client, 4).await;
    let mut late: Vec<_> = entries[2..].iter().collect();
    late.sort_by_key(|entry| entry["kind"].to_string());
    assert_eq!(
        (&late[0]["kind"], &late[1]["kind"]),
        (&json!("booking.missed"), &json!("booking.reminder"))
    );
    assert_eq!(late[1]["data"]["booking_id"], other.body["id"]);
    ledger::sound(&town.store, Terms::at(town.now()), &BTreeSet::new()).await;
    town.close().await;
}

async fn what_nobody_answered_gives_its_time_back_on_every_node(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    client
        .book(&expert, "2027-03-01T13:00:00Z")
        .await
        .expect(201);
    let half_past = "2027-03-01T13:30:00Z".to_owned();
    let doors = [town.stranger_at(0), town.stranger_at(1)];
    let path = format!(
        "/experts/{}/slots?from=2027-03-01&days=1&minutes=30",
        expert.id
    );
    for door in &doors {
        assert!(!door.get(&path).await.expect(200).text.contains(&half_past));
    }
    town.clock.set("2027-03-01T13:10:00Z".parse().unwrap());
    let client = town.again(client).await;
    told(&client, 2).await;
    // Without Redis the second node hears nothing of the first.
    let hearing = if town.has_redis() { 2 } else { 1 };
    for door in &doors[..hearing] {
        eventually("half of the missed hour is free", async || {
            door.get(&path).await.expect(200).text.contains(&half_past)
        })
        .await;
    }
    let wish = json!({
        "expert_id": expert.id, "starts_at": half_past, "minutes": 30, "mode": "online",
    });
    client.post("/bookings", wish).await.expect(201);
    town.close().await;
}
