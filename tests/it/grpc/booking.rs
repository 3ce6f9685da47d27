//! Bookings from the wish to their end, each step over gRPC and then seen over REST.

use belfry::grpc::v1;
use chrono::TimeDelta;
use serde_json::json;
use tonic::Code;

use super::{Caller, at, open, refused, same, wish};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};

on_both_engines!(
    a_booking_lives_over_grpc_as_over_rest,
    a_held_slot_is_booked_by_its_hold,
    a_branch_finds_an_expert,
    a_booking_ends_in_each_way,
    lists_are_read_page_by_page_and_filtered,
    the_link_to_a_booking_opens_it_alone,
);

const TEN: &str = "2027-03-02T10:00:00Z";
const TWO: &str = "2027-03-02T14:00:00Z";

fn confirm(id: &str, version: Option<i64>) -> v1::ConfirmBookingRequest {
    v1::ConfirmBookingRequest {
        id: id.to_owned(),
        reason: None,
        version,
    }
}

async fn a_booking_lives_over_grpc_as_over_rest(fresh: &Fresh) {
    let town = open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let (her, him) = (Caller::at(&town, 0, &expert), Caller::at(&town, 0, &client));
    let message = v1::CreateBookingRequest {
        note: Some("Grüße, 您好".to_owned()),
        minutes: Some(30),
        ..wish(&expert, TEN)
    };
    let made = him.book(message).await.unwrap().into_inner();
    let path = format!("/bookings/{}", made.id);
    let rest = client.get(&path).await.expect(200);
    same(&made, &rest);
    assert_eq!(rest.body["status"], "pending");
    assert_eq!(rest.body["minutes"], 30);

    let get = v1::GetBookingRequest {
        id: made.id.clone(),
    };
    let seen = her.bookings().get_booking(her.say(get)).await.unwrap();
    same(seen.get_ref(), &expert.get(&path).await.expect(200));

    let stale = her.say(confirm(&made.id, Some(made.version + 1)));
    refused(
        her.bookings().confirm_booking(stale).await,
        Code::Aborted,
        "stale",
    );
    let agreed = her.say(confirm(&made.id, Some(made.version)));
    let agreed = her.bookings().confirm_booking(agreed).await.unwrap();
    same(agreed.get_ref(), &expert.get(&path).await.expect(200));

    let moved = v1::RescheduleBookingRequest {
        id: made.id.clone(),
        starts_at: at(TWO),
        minutes: None,
        version: None,
    };
    let moved = him.bookings().reschedule_booking(him.say(moved)).await;
    let moved = moved.unwrap().into_inner();
    assert_eq!(moved.starts_at, at(TWO));
    same(&moved, &client.get(&path).await.expect(200));

    let cancel = v1::CancelBookingRequest {
        id: made.id.clone(),
        reason: Some("Not today".to_owned()),
        version: None,
    };
    let ended = him
        .bookings()
        .cancel_booking(him.say(cancel))
        .await
        .unwrap();
    same(ended.get_ref(), &client.get(&path).await.expect(200));
    assert_eq!(ended.get_ref().status(), v1::BookingStatus::Cancelled);
    let history = client.get(&format!("{path}/history")).await.expect(200);
    let events = history.body["items"].as_array().unwrap().iter();
    let events: Vec<&str> = events.map(|item| item["event"].as_str().unwrap()).collect();
    let lived = [
        "booking.created",
        "booking.confirmed",
        "booking.rescheduled",
        "booking.cancelled",
    ];
    assert_eq!(events, lived);
    town.close().await;
}

async fn a_held_slot_is_booked_by_its_hold(fresh: &Fresh) {
    let town = open(fresh).await;
    let (expert, client, other) = (
        town.expert().await,
        town.client().await,
        town.client().await,
    );
    let him = Caller::at(&town, 0, &client);
    let hold = |starts_at| v1::CreateHoldRequest {
        expert_id: expert.id.clone(),
        starts_at: at(starts_at),
        minutes: None,
    };
    let held = him.bookings().create_hold(him.say(hold(TEN))).await;
    let held = held.unwrap().into_inner();
    assert_eq!((held.starts_at, &held.expert_id), (at(TEN), &expert.id));
    other.book(&expert, TEN).await.problem(409, "slot-taken");
    let taken = Caller::at(&town, 0, &other).book(wish(&expert, TEN)).await;
    refused(taken, Code::FailedPrecondition, "slot-taken");
    let message = v1::CreateBookingRequest {
        hold_id: Some(held.id.clone()),
        ..wish(&expert, TEN)
    };
    him.book(message).await.unwrap();
    let release = |id: &str| v1::ReleaseHoldRequest { id: id.to_owned() };
    let gone = him
        .bookings()
        .release_hold(him.say(release(&held.id)))
        .await;
    refused(gone, Code::NotFound, "not-found");
    let held = him.bookings().create_hold(him.say(hold(TWO))).await;
    let id = held.unwrap().into_inner().id;
    him.bookings()
        .release_hold(him.say(release(&id)))
        .await
        .unwrap();
    other.book(&expert, TWO).await.expect(201);
    town.close().await;
}

async fn a_branch_finds_an_expert(fresh: &Fresh) {
    let town = open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let path = format!("/experts/{}", expert.id);
    expert
        .patch(&path, json!({ "tags": ["law"] }))
        .await
        .expect(200);
    let him = Caller::at(&town, 0, &client);
    let asked = |skill: &str| v1::CreateBookingRequest {
        branch_id: Some(branch.clone()),
        skill: Some(skill.to_owned()),
        starts_at: at(TEN),
        mode: v1::BookingMode::Offline.into(),
        ..Default::default()
    };
    refused(
        him.book(asked("tax")).await,
        Code::InvalidArgument,
        "slot-not-offered",
    );
    let made = him.book(asked("law")).await.unwrap().into_inner();
    assert_eq!(made.expert.as_ref().unwrap().id, expert.id);
    assert_eq!(made.place.as_deref(), Some("1 High Street"));
    let path = format!("/bookings/{}", made.id);
    same(&made, &client.get(&path).await.expect(200));
    town.close().await;
}

async fn a_booking_ends_in_each_way(fresh: &Fresh) {
    let town = open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let (her, him) = (Caller::at(&town, 0, &expert), Caller::at(&town, 0, &client));
    let make = async |starts_at: &str| {
        let made = him.book(wish(&expert, starts_at)).await.unwrap();
        made.into_inner().id
    };
    let (done, missed) = (make(TEN).await, make("2027-03-02T11:00:00Z").await);
    let rejected = make(TWO).await;
    let reject = |reason: Option<&str>| v1::RejectBookingRequest {
        id: rejected.clone(),
        reason: reason.map(str::to_owned),
        version: None,
    };
    let silent = her.bookings().reject_booking(her.say(reject(None))).await;
    assert_eq!(silent.unwrap_err().code(), Code::InvalidArgument);
    let said = her
        .bookings()
        .reject_booking(her.say(reject(Some("Full"))))
        .await;
    let said = said.unwrap().into_inner();
    assert_eq!(said.status(), v1::BookingStatus::Rejected);
    assert_eq!(said.reason.as_deref(), Some("Full"));

    for id in [&done, &missed] {
        let agreed = her
            .bookings()
            .confirm_booking(her.say(confirm(id, None)))
            .await;
        agreed.unwrap();
    }
    let complete = v1::CompleteBookingRequest {
        id: done.clone(),
        ..Default::default()
    };
    let early = her
        .bookings()
        .complete_booking(her.say(complete.clone()))
        .await;
    refused(early, Code::FailedPrecondition, "too-early");
    town.clock.advance(TimeDelta::hours(24));
    let (expert, client) = (town.again(expert).await, town.again(client).await);
    let her = Caller::at(&town, 0, &expert);
    let ended = her.bookings().complete_booking(her.say(complete)).await;
    assert_eq!(
        ended.unwrap().get_ref().status(),
        v1::BookingStatus::Completed
    );
    let miss = v1::MissBookingRequest {
        id: missed.clone(),
        ..Default::default()
    };
    let ended = her.bookings().miss_booking(her.say(miss)).await;
    assert_eq!(ended.unwrap().get_ref().status(), v1::BookingStatus::Missed);
    let review = json!({ "stars": 4, "text": "Well" });
    let path = format!("/bookings/{done}");
    client
        .post(&format!("{path}/review"), review)
        .await
        .expect(201);
    let him = Caller::at(&town, 0, &client);
    let get = v1::GetBookingRequest { id: done };
    let seen = him.bookings().get_booking(him.say(get)).await.unwrap();
    assert_eq!(seen.get_ref().review.as_ref().unwrap().stars, 4);
    same(seen.get_ref(), &client.get(&path).await.expect(200));
    town.close().await;
}

async fn lists_are_read_page_by_page_and_filtered(fresh: &Fresh) {
    let town = open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let him = Caller::at(&town, 0, &client);
    for hour in 9..14 {
        let starts_at = format!("2027-03-02T{hour:02}:00:00Z");
        him.book(wish(&expert, &starts_at)).await.unwrap();
    }
    let list = async |message: v1::ListBookingsRequest| {
        let listed = him.bookings().list_bookings(him.say(message)).await;
        listed.map(tonic::Response::into_inner)
    };
    let ascending = v1::BookingSort::StartsAtAscending.into();
    let mut after = None;
    let mut starts = Vec::new();
    loop {
        let page = list(v1::ListBookingsRequest {
            limit: Some(2),
            sort: ascending,
            after,
            ..Default::default()
        });
        let page = page.await.unwrap();
        starts.extend(page.items.iter().map(|booking| booking.starts_at));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let all: Vec<_> = (9..14)
        .map(|hour| at(&format!("2027-03-02T{hour:02}:00:00Z")))
        .collect();
    assert_eq!(starts, all);
    let rest = client.get("/bookings").await.expect(200);
    let page = list(v1::ListBookingsRequest::default()).await.unwrap();
    let shown: Vec<_> = page.items.iter().map(super::as_json).collect();
    assert_eq!(json!(shown), rest.body["items"]);
    let found = list(v1::ListBookingsRequest {
        statuses: vec![
            v1::BookingStatus::Pending.into(),
            v1::BookingStatus::Missed.into(),
        ],
        from: at("2027-03-02T10:00:00Z"),
        to: at("2027-03-02T12:00:00Z"),
        expert_id: Some(expert.id.clone()),
        ..Default::default()
    });
    assert_eq!(found.await.unwrap().items.len(), 2);
    let none = list(v1::ListBookingsRequest {
        statuses: vec![v1::BookingStatus::Cancelled.into()],
        ..Default::default()
    });
    assert!(none.await.unwrap().items.is_empty());
    let wrong = list(v1::ListBookingsRequest {
        statuses: vec![99],
        limit: Some(0),
        ..Default::default()
    });
    refused(wrong.await, Code::InvalidArgument, "validation");
    town.close().await;
}

async fn the_link_to_a_booking_opens_it_alone(fresh: &Fresh) {
    let town = open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let guest = json!({ "name": "Guest", "email": "guest@belfry.test" });
    let mut body = super::wish_json(&expert, TEN);
    body["guest"] = guest;
    let made = town.stranger().post("/bookings", body).await.expect(201);
    let other = client.book(&expert, TWO).await.expect(201).text("id");
    let mut link = town.stranger();
    link.token = Some(made.text("manage_token"));
    let caller = Caller::at(&town, 0, &link);
    let get = |id: String| caller.say(v1::GetBookingRequest { id });
    let seen = caller.bookings().get_booking(get(made.text("id"))).await;
    assert_eq!(seen.unwrap().get_ref().id, made.text("id"));
    let hidden = caller.bookings().get_booking(get(other)).await;
    refused(hidden, Code::NotFound, "not-found");
    let agree = caller.say(confirm(&made.text("id"), None));
    let agree = caller.bookings().confirm_booking(agree).await;
    refused(agree, Code::Unauthenticated, "unauthenticated");
    let cancel = v1::CancelBookingRequest {
        id: made.text("id"),
        ..Default::default()
    };
    let ended = caller.bookings().cancel_booking(caller.say(cancel)).await;
    assert_eq!(
        ended.unwrap().get_ref().status(),
        v1::BookingStatus::Cancelled
    );
    town.close().await;
}
