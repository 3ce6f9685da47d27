//! Planning: every event is told once, in order, to both sides.

use std::collections::BTreeMap;

use belfry_actors::Desk;
use belfry_domain::booking::{Actor, Booking, Party, Status};
use belfry_domain::event::{Event, EventType, Told};
use belfry_domain::id::{EventId, UserId};
use belfry_domain::inbox::Notification;
use belfry_store::delivery::Filter;
use belfry_store::{Store, planning};
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::spine::Spine;

on_both_engines!(
    a_booking_is_told_to_both_sides_in_inbox_mail_and_live,
    two_planners_at_once_plan_every_event_exactly_once,
    an_event_waits_for_the_earlier_one_of_its_subject,
    a_poisoned_event_is_set_aside_and_holds_up_nobody,
    two_bookings_of_one_client_are_two_reminders_to_each_side,
    a_person_who_has_gone_is_told_nothing,
);

async fn inbox(store: &Store, user: UserId) -> Vec<Notification> {
    let mut entries = store.inbox_page(user, false, None, 1000).await.unwrap();
    entries.reverse();
    entries
}

async fn a_booking_is_told_to_both_sides_in_inbox_mail_and_live(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let booking = spine.booking(600).await;
    let report = spine.desk(Vec::new()).run().await.unwrap();
    assert_eq!((report.events, report.parked), (1, 0));
    assert_eq!((report.notifications, report.deliveries), (2, 2));
    for person in [&booking.client, &booking.expert] {
        let entries = inbox(spine.store(), person.id).await;
        assert_eq!(entries.len(), 1);
        let entry = &entries[0];
        assert_eq!((entry.offset, entry.kind.as_str()), (1, "booking.created"));
        assert_eq!(entry.data["booking_id"], json!(booking.id));
        assert_eq!(entry.data["code"], json!(booking.code));
        assert_eq!(entry.data["starts_at"], json!(booking.starts_at));
        let live = spine.tape.on(&format!("user:{}", person.id));
        assert_eq!(live.len(), 1);
        let frame: Value = serde_json::from_str(&live[0]).unwrap();
        assert_eq!(frame["offset"], 1);
        assert_eq!(frame["notification"], json!(entry));
    }
    let topic = spine.tape.on(&format!("topic:booking:{}", booking.id));
    assert_eq!(topic.len(), 1);
    assert!(
        topic[0].contains(r#""type":"booking.created""#),
        "{topic:?}"
    );
    assert!(spine.store().oldest_unplanned().await.unwrap().is_none());
}

async fn two_planners_at_once_plan_every_event_exactly_once(fresh: &Fresh) {
    const BOOKINGS: usize = 150;
    let spine = Spine::new(fresh).await;
    let (one, other) = (spine.desk(Vec::new()), spine.desk(Vec::new()));
    let book = async {
        for at in 1..=BOOKINGS {
            spine.booking(at as i64 * 60).await;
        }
    };
    let work = async |desk: Desk| {
        let mut planned = 0;
        while !all_told(&desk, BOOKINGS).await {
            planned += desk.run().await.unwrap().events;
        }
        planned
    };
    let (_, by_one, by_other) = tokio::join!(book, work(one), work(other));
    assert_eq!(by_one + by_other, BOOKINGS);
    let expert = inbox(spine.store(), spine.house.expert.id).await;
    let offsets: Vec<i64> = expert.iter().map(|entry| entry.offset).collect();
    assert_eq!(offsets, (1..=BOOKINGS as i64).collect::<Vec<_>>());
    let mut mails: BTreeMap<UserId, usize> = BTreeMap::new();
    for item in spine.listed().await {
        *mails.entry(item.user.unwrap().0).or_default() += 1;
    }
    assert_eq!(mails.remove(&spine.house.expert.id), Some(BOOKINGS));
    assert_eq!(mails.len(), BOOKINGS);
    assert!(mails.values().all(|count| *count == 1));
    let live = spine.tape.on(&format!("user:{}", spine.house.expert.id));
    assert_eq!(live.len(), BOOKINGS, "each is told once");
}

/// Whether both sides of so many bookings have been told.
async fn all_told(desk: &Desk, bookings: usize) -> bool {
    let any = Filter::default();
    let all = desk.world.store.deliveries(&any, None, 1000).await.unwrap();
    all.len() == 2 * bookings
}

async fn an_event_waits_for_the_earlier_one_of_its_subject(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let mut booking = spine.booking(600).await;
    booking.version = 2;
    booking.status = Status::Confirmed;
    let told = Told::by(Actor::system());
    let confirmed = Event::of_booking(
        EventType::BookingConfirmed,
        &booking,
        told,
        spine.house.now(),
    );
    spine.append(&confirmed).await;

    let turn = spine.store().begin_planning(10).await.unwrap();
    assert_eq!(turn.events.len(), 1, "the second one waits");
    assert_ne!(turn.events[0].id, confirmed.id);
    spine.store().abandon_planning(turn).await.unwrap();

    spine.desk(Vec::new()).run().await.unwrap();
    let kinds: Vec<String> = inbox(spine.store(), booking.client.id)
        .await
        .into_iter()
        .map(|entry| entry.kind)
        .collect();
    assert_eq!(kinds, ["booking.created", "booking.confirmed"]);
}

async fn a_poisoned_event_is_set_aside_and_holds_up_nobody(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let booking = spine.booking(600).await;
    spine.desk(Vec::new()).run().await.unwrap();
    let poison = Event {
        id: EventId::at(spine.house.now()),
        kind: EventType::BookingEdited,
        subject: format!("booking/{}", booking.id),
        subject_version: 2,
        time: spine.house.now(),
        data: json!({ "booking_id": 7 }),
    };
    spine.append(&poison).await;
    let after = Event::of_booking(
        EventType::BookingConfirmed,
        &Booking {
            version: 3,
            ..booking.clone()
        },
        Told::by(Actor::system()),
        spine.house.now(),
    );
    spine.append(&after).await;

    let report = spine.desk(Vec::new()).run().await.unwrap();
    assert_eq!((report.events, report.parked), (2, 1));
    assert_eq!(inbox(spine.store(), booking.client.id).await.len(), 2);
    let parked = spine.store().parked_events(None, 10).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].id, poison.id.uuid());
    assert!(parked[0].fault.contains("data"), "{}", parked[0].fault);

    let mut tx = spine.store().begin().await.unwrap();
    assert!(
        planning::replan(&mut tx, poison.id)
            .await
            .unwrap()
            .is_some()
    );
    assert!(planning::replan(&mut tx, after.id).await.unwrap().is_none());
    tx.commit().await.unwrap();
    let again = spine.desk(Vec::new()).run().await.unwrap();
    assert_eq!((again.events, again.parked), (1, 1));
}

async fn two_bookings_of_one_client_are_two_reminders_to_each_side(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let client = spine.house.client().await;
    for begins_in in [60, 120] {
        let booking = spine
            .house
            .book(&client, Status::Confirmed, begins_in, &[])
            .await;
        let told = Told {
            offset_minutes: Some(60),
            ..Told::by(Actor::system())
        };
        let reminder = EventType::BookingReminderDue;
        let event = Event::of_booking(reminder, &booking, told, spine.house.now());
        spine.append(&event).await;
    }
    spine.desk(Vec::new()).run().await.unwrap();
    for person in [client.id, spine.house.expert.id] {
        let entries = inbox(spine.store(), person).await;
        let reminders = entries.iter().filter(|e| e.kind == "booking.reminder");
        assert_eq!(reminders.count(), 2);
        let mails = spine.listed().await;
        let reminders = mails.iter().filter(|mail| {
            mail.user.as_ref().is_some_and(|user| user.0 == person)
                && mail.kind == "booking.reminder"
        });
        assert_eq!(reminders.count(), 2);
    }
}

async fn a_person_who_has_gone_is_told_nothing(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let nobody = Party {
        id: UserId::at(spine.house.now()),
        name: "Nobody".to_owned(),
    };
    spine.append(&spine.forgotten(&nobody)).await;
    let report = spine.desk(Vec::new()).run().await.unwrap();
    assert_eq!((report.events, report.parked, report.deliveries), (1, 0, 0));
}
