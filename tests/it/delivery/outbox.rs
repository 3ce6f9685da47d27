//! What administrators see and do: who was called, how the providers fare, everything sent again at once.

use belfry_domain::channel::Channel;
use belfry_domain::delivery::{DeadCause, DeliveryStatus};
use chrono::TimeDelta;
use serde_json::json;

use super::plan::{message, plan};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::spine::{Answer, Scripted, Spine};
use crate::town::Town;

on_both_engines!(
    all_dead_letters_of_a_kind_are_sent_again_and_answered_for,
    the_list_finds_by_person_and_event,
    administrators_see_how_the_providers_fare,
    a_message_is_read_with_its_attempts_as_they_were_at_one_moment,
);

async fn all_dead_letters_of_a_kind_are_sent_again_and_answered_for(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let provider = Scripted::new(Answer::Refuse, false);
    let courier = spine.courier(provider.clone());
    let client = spine.house.client().await;
    let mut ids = Vec::new();
    // More than one lot.
    let mut planned = Vec::new();
    for place in 0..620 {
        let address = format!(
            "{}-{place}@belfry.test",
            if place < 600 { "many" } else { "few" }
        );
        planned.push(message(&spine, client.id, Channel::Email, &address));
    }
    for (address, id) in plan(&spine, planned).await {
        ids.push((address, id));
    }
    courier.nudge();
    let dead: Vec<_> = ids.iter().map(|(_, id)| *id).collect();
    spine.all_become(&dead, DeliveryStatus::Dead).await;
    // These have died of their addresses, to which nothing goes any more.
    provider.answers(Answer::Dead(DeadCause::Bounced));
    let bounced = (0..3).map(|place| {
        let address = format!("bounced-{place}@belfry.test");
        message(&spine, client.id, Channel::Email, &address)
    });
    let bounced = plan(&spine, bounced.collect()).await;
    courier.nudge();
    let bounced_ids: Vec<_> = bounced.values().copied().collect();
    spine.all_become(&bounced_ids, DeliveryStatus::Dead).await;
    let doubtful = {
        provider.answers(Answer::Lose);
        let id = spine.mails(1).await[0];
        courier.nudge();
        spine.all_become(&[id], DeliveryStatus::Ambiguous).await;
        id
    };
    assert!(courier.stop(std::time::Duration::from_secs(10)).await);

    let town = Town::open(fresh).await;
    town.clock.set(spine.house.now() + TimeDelta::minutes(1));
    let admin = town.admin().await;
    let retry = async |body| admin.post("/admin/deliveries/retry", body).await;
    retry(json!({ "status": "sent" }))
        .await
        .problem(422, "validation");
    retry(json!({ "user_id": "nobody" }))
        .await
        .problem(422, "validation");
    let retried = async |body| retry(body).await.expect(200).body;
    let came_to = |count, suppressed| json!({ "count": count, "suppressed": suppressed });
    let texts = json!({ "channel": "sms" });
    assert_eq!(retried(texts).await, came_to(0, 0));
    let many = json!({ "channel": "email", "query": "many-" });
    assert_eq!(retried(many.clone()).await, came_to(600, 0));
    assert_eq!(retried(many).await, came_to(0, 0), "each once");
    let of_user = json!({ "user_id": client.id });
    assert_eq!(retried(of_user.clone()).await, came_to(20, 3));
    // Those are left as they are, and go once their address is lifted.
    for (address, id) in &bounced {
        let path = format!("/admin/deliveries/{id}");
        let left = admin.get(&path).await.expect(200).body;
        assert_eq!(left["status"], "dead");
        if address.starts_with("bounced-0") {
            let lift = format!("/admin/suppressions/email/{address}");
            admin.delete(&lift).await.expect(204);
        }
    }
    assert_eq!(retried(of_user).await, came_to(1, 2));
    let in_doubt = admin.get(&format!("/admin/deliveries/{doubtful}")).await;
    assert_eq!(
        in_doubt.expect(200).body["status"],
        "ambiguous",
        "only who asks for it repeats it"
    );
    let repeated = retry(json!({ "status": "ambiguous" })).await.expect(200);
    assert_eq!(repeated.body, came_to(1, 0));
    town.close().await;
}

async fn the_list_finds_by_person_and_event(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let mut planned = Vec::new();
    for _ in 0..3 {
        let client = spine.house.client().await;
        let address = format!("{}@belfry.test", client.id);
        let message = message(&spine, client.id, Channel::Email, &address);
        let id = plan(&spine, vec![message]).await[&address];
        planned.push((client.id, id));
    }
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    for (user, id) in planned {
        let found = admin
            .get(&format!("/admin/deliveries?user_id={user}"))
            .await
            .expect(200);
        let items = found.body["items"].as_array().unwrap().clone();
        assert_eq!(items.len(), 1);
        assert_eq!(items[0]["id"], id.to_string());
        let event = items[0]["event_id"].as_str().unwrap();
        let found = admin
            .get(&format!("/admin/deliveries?event_id={event}"))
            .await
            .expect(200);
        assert_eq!(found.body["items"].as_array().unwrap().len(), 1);
    }
    admin
        .get("/admin/deliveries?event_id=x")
        .await
        .problem(422, "validation");
    town.close().await;
}

async fn administrators_see_how_the_providers_fare(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let found = admin.get("/admin/providers").await.expect(200);
    let mail = &found.body["items"][0];
    assert_eq!(
        (mail["channel"].as_str(), mail["provider"].as_str()),
        (Some("email"), Some("kept"))
    );
    assert_eq!(mail["state"], "ready");
    // The administrator's own registration was kept.
    eventually("the mail is counted", async || {
        let found = admin.get("/admin/providers").await.expect(200);
        found.body["items"][0]["counts"]["kept"].as_u64() >= Some(1)
    })
    .await;
    town.close().await;
}

async fn a_message_is_read_with_its_attempts_as_they_were_at_one_moment(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let courier = spine.courier(Scripted::new(Answer::Take, false));
    let client = spine.house.client().await;
    let mails = (0..200).map(|place| {
        let address = format!("{place}@belfry.test");
        message(&spine, client.id, Channel::Email, &address)
    });
    let ids = plan(&spine, mails.collect()).await.into_values();
    let mut waiting: Vec<_> = ids.collect();
    courier.nudge();
    let mut reads = 0;
    while let Some(id) = waiting.last().copied() {
        let found = spine.store().delivery(id).await.unwrap().unwrap();
        let under_way = found.attempts.iter().any(|one| one.finished_at.is_none());
        let sending = found.item.status == DeliveryStatus::Sending;
        assert_eq!(sending, under_way, "{found:?}");
        if found.item.status == DeliveryStatus::Sent {
            waiting.pop();
        }
        reads += 1;
        assert!(reads < 1_000_000, "never sent");
    }
}
