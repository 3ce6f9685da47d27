//! Messages gathered for a day: one window for a person and a way, closed once, with everything in it (C4.5).

use belfry_domain::Instant;
use belfry_domain::booking::{Actor, Booking, Party, Status};
use belfry_domain::channel::Channel;
use belfry_domain::delivery::DeliveryStatus;
use belfry_domain::event::{Event, EventType, Told};
use belfry_domain::preference::{Digest, Preferences, QuietHours};
use belfry_store::delivery::Item;
use belfry_store::explain::Filter;
use chrono::TimeDelta;

use crate::engine::{Fresh, on_both_engines};
use crate::spine::Spine;

on_both_engines!(
    two_events_of_one_moment_are_one_message_with_both,
    closing_a_window_twice_or_on_two_nodes_changes_nothing,
    what_comes_after_the_close_waits_for_the_next_day,
    a_reminder_and_a_link_are_never_gathered,
    a_day_without_messages_is_silent,
    quiet_hours_hold_a_mail_and_let_it_go_at_their_end,
);

async fn choose(spine: &Spine<'_>, person: &Party, chosen: Preferences) {
    let now = spine.house.now();
    let kept = spine
        .store()
        .put_preferences(person.id, &chosen, None, now)
        .await;
    assert!(kept.unwrap());
}

fn daily() -> Preferences {
    Preferences {
        digest: Digest::Daily,
        ..Preferences::default()
    }
}

/// A booking of a client who wants one message a day.
async fn gathered_booking(spine: &Spine<'_>) -> Booking {
    let booking = spine.booking(60 * 24 * 3).await;
    choose(spine, &booking.client, daily()).await;
    booking
}

async fn confirmed(spine: &Spine<'_>, booking: &mut Booking) {
    booking.version += 1;
    let told = Told::by(Actor::system());
    let event = Event::of_booking(
        EventType::BookingConfirmed,
        booking,
        told,
        spine.house.now(),
    );
    spine.append(&event).await;
}

async fn mails_to(spine: &Spine<'_>, person: &Party) -> Vec<Item> {
    let listed = spine.listed().await.into_iter();
    listed
        .filter(|item| item.user.as_ref().is_some_and(|user| user.0 == person.id))
        .collect()
}

/// Moves the clock past every window that is open, closes them and plans what comes of it.
async fn next_morning(spine: &Spine<'_>) -> u64 {
    spine.house.advance(25 * 60);
    let closed = spine
        .store()
        .close_digests(100, spine.house.now())
        .await
        .unwrap();
    spine.desk(Vec::new()).run().await.unwrap();
    closed
}

async fn two_events_of_one_moment_are_one_message_with_both(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let client = spine.house.client().await;
    choose(&spine, &client, daily()).await;
    for begins_in in [60 * 48, 60 * 50, 60 * 52, 60 * 54] {
        spine
            .house
            .book(&client, Status::Pending, begins_in, &[])
            .await;
    }
    // Two planners at once put them into one window.
    let (one, other) = (spine.desk(Vec::new()), spine.desk(Vec::new()));
    let (first, second) = tokio::join!(one.run(), other.run());
    assert_eq!(first.unwrap().events + second.unwrap().events, 4);
    assert_eq!(mails_to(&spine, &client).await, []);
    assert_eq!(
        mails_to(&spine, &spine.house.expert).await.len(),
        4,
        "the other side is told at once"
    );
    assert_eq!(next_morning(&spine).await, 1);
    let mails = mails_to(&spine, &client).await;
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (&*mails[0].kind, mails[0].status),
        ("digest.closed", DeliveryStatus::Pending)
    );
    let detail = spine.store().delivery(mails[0].id).await.unwrap().unwrap();
    let expert = &spine.house.expert.name;
    let lines = detail
        .content
        .text
        .matches(&format!("Booking requested with {expert}"))
        .count();
    assert_eq!(lines, 4, "{}", detail.content.text);
}

async fn closing_a_window_twice_or_on_two_nodes_changes_nothing(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let booking = gathered_booking(&spine).await;
    spine.desk(Vec::new()).run().await.unwrap();
    spine.house.advance(25 * 60);
    let (store, now) = (spine.store(), spine.house.now());
    let closing = (0..8).map(|_| store.close_digests(100, now));
    let closed: u64 = futures::future::join_all(closing)
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    assert_eq!(closed, 1);
    spine.desk(Vec::new()).run().await.unwrap();
    assert_eq!(store.close_digests(100, now).await.unwrap(), 0);
    spine.desk(Vec::new()).run().await.unwrap();
    assert_eq!(mails_to(&spine, &booking.client).await.len(), 1);
}

async fn what_comes_after_the_close_waits_for_the_next_day(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let mut booking = gathered_booking(&spine).await;
    spine.desk(Vec::new()).run().await.unwrap();
    assert_eq!(next_morning(&spine).await, 1);
    confirmed(&spine, &mut booking).await;
    spine.desk(Vec::new()).run().await.unwrap();
    assert_eq!(mails_to(&spine, &booking.client).await.len(), 1);
    assert_eq!(next_morning(&spine).await, 1);
    let mails = mails_to(&spine, &booking.client).await;
    assert_eq!(mails.len(), 2);
    let newest = spine.store().delivery(mails[0].id).await.unwrap().unwrap();
    assert!(
        !newest.content.text.contains("requested"),
        "{}",
        newest.content.text
    );
}

async fn a_reminder_and_a_link_are_never_gathered(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let mut booking = gathered_booking(&spine).await;
    booking.version += 1;
    let told = Told {
        offset_minutes: Some(60),
        ..Told::by(Actor::system())
    };
    let now = spine.house.now();
    spine
        .append(&Event::of_booking(
            EventType::BookingReminderDue,
            &booking,
            told,
            now,
        ))
        .await;
    spine.append(&spine.forgotten(&booking.client)).await;
    spine.desk(Vec::new()).run().await.unwrap();
    let mut kinds: Vec<String> = mails_to(&spine, &booking.client)
        .await
        .into_iter()
        .map(|item| item.kind)
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["account.password_forgotten", "booking.reminder"]);
}

async fn a_day_without_messages_is_silent(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let booking = gathered_booking(&spine).await;
    spine.desk(Vec::new()).run().await.unwrap();
    assert_eq!(next_morning(&spine).await, 1);
    assert_eq!(next_morning(&spine).await, 0);
    assert_eq!(mails_to(&spine, &booking.client).await.len(), 1);
    assert_eq!(spine.store().next_digest().await.unwrap(), None);
}

async fn quiet_hours_hold_a_mail_and_let_it_go_at_their_end(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let booking = spine.booking(60 * 24 * 3).await;
    let now = spine.house.now();
    // Quiet from an hour ago until an hour from now, on a clock that shows UTC.
    let shown = |at: Instant| at.format("%H:%M").to_string().parse().unwrap();
    let quiet = QuietHours {
        from: shown(now - TimeDelta::hours(1)),
        until: shown(now + TimeDelta::hours(1)),
    };
    let chosen = Preferences {
        quiet_hours: Some(quiet),
        ..Preferences::default()
    };
    choose(&spine, &booking.client, chosen).await;
    spine.desk(Vec::new()).run().await.unwrap();
    let mails = mails_to(&spine, &booking.client).await;
    assert_eq!(mails.len(), 1);
    let wait = mails[0].next_at - now;
    assert!(
        wait > TimeDelta::minutes(58) && wait <= TimeDelta::minutes(62),
        "{wait}"
    );
    // Nobody takes it before, whoever looks.
    let due = spine
        .store()
        .deliveries_due(Channel::Email, spine.house.now())
        .await
        .unwrap()
        .send_at()
        .unwrap();
    assert_eq!(due, now, "the expert's is due at once");
    let events = spine
        .store()
        .events(&Filter::default(), None, 10)
        .await
        .unwrap();
    let told = spine.store().explain(events[0].id, booking.client.id).await;
    let decisions = told.unwrap().unwrap().decisions;
    let last = decisions[0].trace.ways[0].checks.last().unwrap().clone();
    assert_eq!(last.gate, belfry_domain::gate::Gate::QuietHours);
    assert!(!last.passed && last.until.is_some());
}
