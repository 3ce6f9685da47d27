//! Slots, branches and presence: what gRPC answers is what REST answers.

use belfry::grpc::v1;
use serde_json::{Value, json};
use tonic::Code;

use super::{Caller, open, refused, written};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};

on_both_engines!(
    an_experts_slots_are_those_of_rest,
    a_branchs_slots_and_counts_are_those_of_rest,
    a_branch_is_read_whole_and_listed,
    presence_is_said_by_who_may_and_read_by_everybody,
);

async fn an_experts_slots_are_those_of_rest(fresh: &Fresh) {
    let town = open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    let caller = Caller::at(&town, 0, &town.stranger());
    let ask = |from: &str, days| v1::ListExpertSlotsRequest {
        expert_id: expert.id.clone(),
        from: Some(from.to_owned()),
        days,
        time_zone: Some("Asia/Ho_Chi_Minh".to_owned()),
        minutes: Some(30),
    };
    let found = caller
        .slots()
        .list_expert_slots(ask("2027-03-02", Some(3)))
        .await;
    let found = found.unwrap().into_inner();
    let slot = |slot: &v1::Slot| json!({ "starts_at": written(slot.starts_at.as_ref()), "ends_at": written(slot.ends_at.as_ref()) });
    let days = found.days.iter().map(|day| {
        let slots: Vec<Value> = day.slots.iter().map(slot).collect();
        json!({ "date": day.date, "slots": slots })
    });
    let shown = json!({
        "expert_id": found.expert_id, "time_zone": found.time_zone, "days": days.collect::<Vec<_>>(),
    });
    let path = format!(
        "/experts/{}/slots?from=2027-03-02&days=3&time_zone=Asia/Ho_Chi_Minh&minutes=30",
        expert.id
    );
    let rest = town.stranger().get(&path).await.expect(200);
    assert_eq!(shown, rest.body);
    assert!(found.days.iter().any(|day| !day.slots.is_empty()));
    let wrong = caller
        .slots()
        .list_expert_slots(ask("tomorrow", Some(63)))
        .await;
    refused(wrong, Code::InvalidArgument, "validation");
    town.close().await;
}

async fn a_branchs_slots_and_counts_are_those_of_rest(fresh: &Fresh) {
    let town = open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    for _ in 0..2 {
        town.expert_with(json!({}), Some(&branch)).await;
    }
    let caller = Caller::at(&town, 0, &town.stranger());
    let from = Some("2027-03-02".to_owned());
    let found = caller
        .slots()
        .list_branch_slots(v1::ListBranchSlotsRequest {
            branch_id: branch.clone(),
            from: from.clone(),
            days: Some(2),
            ..Default::default()
        })
        .await;
    let found = found.unwrap().into_inner();
    let slot = |slot: &v1::BranchSlot| {
        json!({ "starts_at": written(slot.starts_at.as_ref()), "ends_at": written(slot.ends_at.as_ref()),
            "experts": slot.experts })
    };
    let days = found.days.iter().map(|day| {
        let slots: Vec<Value> = day.slots.iter().map(slot).collect();
        json!({ "date": day.date, "slots": slots })
    });
    let shown = json!({ "branch_id": found.branch_id, "time_zone": found.time_zone, "minutes": found.minutes,
        "days": days.collect::<Vec<_>>() });
    let path = format!("/branches/{branch}/slots?from=2027-03-02&days=2");
    let rest = town.stranger().get(&path).await.expect(200);
    assert_eq!(shown, rest.body);
    assert_eq!(found.days[0].slots[0].experts, 2);

    let counts = caller
        .slots()
        .count_branch_slots(v1::CountBranchSlotsRequest {
            branch_id: branch.clone(),
            from,
            days: Some(31),
            ..Default::default()
        })
        .await;
    let counts = counts.unwrap().into_inner();
    let days = counts.days.iter();
    let days: Vec<Value> = days
        .map(|day| json!({ "date": day.date, "slots": day.slots }))
        .collect();
    let path = format!("/branches/{branch}/days?from=2027-03-02&days=31");
    let rest = town.stranger().get(&path).await.expect(200);
    assert_eq!(json!(days), rest.body["days"]);
    assert!(counts.days[0].slots > 0);
    town.close().await;
}

async fn a_branch_is_read_whole_and_listed(fresh: &Fresh) {
    let town = open(fresh).await;
    let admin = town.admin().await;
    let body = json!({ "name": "Here", "time_zone": "Asia/Ho_Chi_Minh", "phone": "+842838221234",
        "weekly": [{ "weekday": "monday", "from": "08:00", "until": "24:00", "valid_from": "2027-01-01" }],
        "overrides": [{ "date": "2027-03-08", "intervals": [] },
            { "date": "2027-03-09", "intervals": [{ "from": "09:30", "until": "10:00" }] }],
        "settings": { "max_load": null, "strategy": "round_robin" } });
    let rest = admin.post("/branches", body).await.expect(201);
    open_branch(&admin, json!({})).await;
    let caller = Caller::at(&town, 0, &town.stranger());
    let get = v1::GetBranchRequest {
        id: rest.text("id"),
    };
    let found = caller
        .branches()
        .get_branch(get)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(branch_json(&found), rest.body);
    let list = async |after| {
        let asked = v1::ListBranchesRequest {
            limit: Some(1),
            after,
            ..Default::default()
        };
        let page = caller.branches().list_branches(asked).await;
        page.unwrap().into_inner()
    };
    let first = list(None).await;
    let second = list(first.next.clone()).await;
    assert!(first.next.is_some() && second.next.is_none());
    let rest = town.stranger().get("/branches").await.expect(200);
    let both = [&first.items[0], &second.items[0]].map(branch_json);
    assert_eq!(json!(both), rest.body["items"]);
    for id in ["", "no", crate::contract::UNKNOWN] {
        let nobody = v1::GetBranchRequest { id: id.to_owned() };
        let nobody = caller.branches().get_branch(nobody).await;
        refused(nobody, Code::NotFound, "not-found");
    }
    town.close().await;
}

fn branch_json(branch: &v1::Branch) -> Value {
    let window = |window: &v1::Window| {
        let mut shown =
            json!({ "weekday": window.weekday, "from": window.from, "until": window.until });
        for (name, date) in [
            ("valid_from", &window.valid_from),
            ("valid_until", &window.valid_until),
        ] {
            if let Some(date) = date {
                shown[name] = json!(date);
            }
        }
        shown
    };
    let hours = |hours: &v1::Hours| json!({ "from": hours.from, "until": hours.until });
    let day = |day: &v1::DateHours| json!({ "date": day.date, "intervals": day.intervals.iter().map(hours).collect::<Vec<_>>() });
    let settings = branch.settings.as_ref().unwrap();
    json!({
        "id": branch.id, "name": branch.name, "address": branch.address, "phone": branch.phone,
        "time_zone": branch.time_zone, "active": branch.active,
        "weekly": branch.weekly.as_ref().map(|week| week.windows.iter().map(window).collect::<Vec<_>>()),
        "overrides": branch.overrides.iter().map(day).collect::<Vec<_>>(),
        "settings": {
            "default_minutes": settings.default_minutes, "horizon_days": settings.horizon_days,
            "min_notice_minutes": settings.min_notice_minutes,
            "queue_timeout_minutes": settings.queue_timeout_minutes, "max_load": settings.max_load,
            "presence_minutes": settings.presence_minutes, "strategy": settings.strategy,
            "half_life_days": settings.half_life_days, "most_waiting": settings.most_waiting,
            "offer_minutes": settings.offer_minutes,
        },
        "rating": branch.rating, "review_count": branch.review_count, "version": branch.version,
    })
}

async fn presence_is_said_by_who_may_and_read_by_everybody(fresh: &Fresh) {
    let town = open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let set = |presence: v1::Presence| v1::SetPresenceRequest {
        expert_id: expert.id.clone(),
        presence: presence.into(),
    };
    let her = Caller::at(&town, 0, &expert);
    let said = her
        .presence()
        .set_presence(her.say(set(v1::Presence::Busy)))
        .await;
    let said = said.unwrap().into_inner();
    assert_eq!(said.presence(), v1::Presence::Busy);
    let path = format!("/experts/{}", expert.id);
    assert_eq!(client.get(&path).await.expect(200).body["presence"], "busy");
    let caller = Caller::at(&town, 0, &town.stranger());
    let get = v1::GetPresenceRequest {
        expert_id: expert.id.clone(),
    };
    let seen = caller.presence().get_presence(get).await.unwrap();
    assert_eq!(seen.get_ref(), &said);
    let him = Caller::at(&town, 0, &client);
    let forbidden = him
        .presence()
        .set_presence(him.say(set(v1::Presence::Online)))
        .await;
    refused(forbidden, Code::PermissionDenied, "forbidden");
    let unsaid = her.say(set(v1::Presence::Unspecified));
    let unsaid = her.presence().set_presence(unsaid).await;
    refused(unsaid, Code::InvalidArgument, "validation");
    town.close().await;
}
