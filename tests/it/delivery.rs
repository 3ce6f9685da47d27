//! Delivery: claimed once, settled once, tried again, and never lost from sight.

use std::sync::atomic::Ordering;
use std::time::Duration;

use belfry_domain::channel::Channel;
use belfry_domain::delivery::{DeliveryStatus, Jitter, MOST_ROUNDS, Receipt, Try, Verdict};
use belfry_domain::id::DeliveryId;
use belfry_store::delivery::{Filter, Lost, Resent, Settlement};
use chrono::TimeDelta;

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::spine::{Answer, Scripted, Spine};

on_both_engines!(
    a_planned_mail_leaves_and_its_attempt_is_on_record,
    two_couriers_send_each_mail_once,
    no_more_are_under_way_than_allowed,
    a_sender_that_dies_leaves_its_mail_in_doubt_until_somebody_decides,
    where_repeats_are_recognised_a_dead_senders_message_is_simply_repeated,
    an_answer_after_the_lease_changes_nothing,
    a_failing_mail_is_tried_less_and_less_often_until_it_is_dead,
    a_provider_that_wants_a_pause_gets_it,
    a_mail_whose_time_is_over_is_not_sent,
    a_channel_that_breaks_down_takes_nothing_with_it,
    what_stops_finishes_what_it_began,
    the_list_finds_by_status_text_and_place,
);

/// What is about an address or a text, and never about the provider.
mod blameless;
/// The real server, killed between a claim and its end.
mod crash;
/// A second way where the first has failed.
mod fallback;
/// A flood of one class leaves room for the others.
mod flood;
/// What may not leave is held or dropped, whatever the reason for which it is tried.
mod gates;
/// What administrators see and do.
mod outbox;
/// Messages as a plan would have them.
pub mod plan;
/// Several providers, their order, pauses and breakers.
mod providers;

const LEASE: Duration = Duration::from_secs(60);

fn sent() -> Verdict {
    let receipt = Receipt::Sent { provider_id: None };
    let now = chrono::DateTime::UNIX_EPOCH;
    let tried = Try {
        rounds: 0,
        now,
        jitter: Jitter::of(0.5),
        next: None,
        alone: true,
        not_before: now,
        repeat: None,
    };
    Verdict::of(Ok(receipt), tried)
}

async fn a_planned_mail_leaves_and_its_attempt_is_on_record(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let channel = Scripted::new(Answer::Take, false);
    let courier = spine.courier(channel.clone());
    let ids = spine.mails(1).await;
    courier.nudge();
    spine.all_become(&ids, DeliveryStatus::Sent).await;
    let found = spine.store().delivery(ids[0]).await.unwrap().unwrap();
    assert_eq!(found.item.sent_at, Some(spine.house.now()));
    assert_eq!(found.attempts.len(), 1);
    let attempt = &found.attempts[0];
    assert_eq!(attempt.number, 1);
    assert_eq!(attempt.outcome.as_deref(), Some("sent"));
    assert_eq!(attempt.provider_id, Some(format!("taken-{}", ids[0])));
    assert!(attempt.finished_at.is_some());
    assert!(found.content.text.contains("/reset?token=ey"));
}

async fn two_couriers_send_each_mail_once(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let channel = Scripted::new(Answer::Take, false);
    let couriers = [
        spine.courier(channel.clone()),
        spine.courier(channel.clone()),
    ];
    let ids = spine.mails(60).await;
    couriers.iter().for_each(|courier| courier.nudge());
    spine.all_become(&ids, DeliveryStatus::Sent).await;
    let times = channel.taken_times();
    assert_eq!(times.len(), 60);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
}

async fn no_more_are_under_way_than_allowed(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let channel = Scripted::new(Answer::Take, false);
    channel.gate.forget_permits(usize::MAX);
    let courier = spine.courier(channel.clone());
    let ids = spine.mails(30).await;
    courier.nudge();
    eventually("eight are inside", async || {
        channel.most_inside.load(Ordering::SeqCst) >= 8
    })
    .await;
    channel.gate.add_permits(30);
    spine.all_become(&ids, DeliveryStatus::Sent).await;
    assert_eq!(channel.most_inside.load(Ordering::SeqCst), 8);
}

/// Takes one mail as a courier that dies right after.
async fn claim_and_die(spine: &Spine<'_>) -> DeliveryId {
    let ids = spine.mails(1).await;
    let now = spine.house.now();
    let claimed = spine.claim(Channel::Email, 10, now).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].id, claimed[0].attempt), (ids[0], 1));
    ids[0]
}

async fn a_sender_that_dies_leaves_its_mail_in_doubt_until_somebody_decides(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let id = claim_and_die(&spine).await;
    let channel = Scripted::new(Answer::Take, false);
    let courier = spine.courier(channel.clone());
    courier.nudge();
    assert_eq!(spine.status(id).await, DeliveryStatus::Sending);
    spine.house.clock.advance(TimeDelta::seconds(61));
    courier.nudge();
    let item = spine.tried(id, 1).await;
    assert_eq!(item.status, DeliveryStatus::Ambiguous);
    assert!(
        channel.taken_ids().is_empty(),
        "it is not sent again by itself"
    );
    let attempts = spine.store().delivery(id).await.unwrap().unwrap().attempts;
    assert_eq!(attempts[0].outcome.as_deref(), Some("lost"));

    let now = spine.house.now();
    let before = DeliveryStatus::Ambiguous;
    assert_eq!(spine.resend(id, now).await, Resent::Due { before });
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Sent).await;
    let again = spine.resend(id, now).await;
    assert_eq!(again, Resent::NotNow(DeliveryStatus::Sent));
    let unknown = spine.resend(DeliveryId::at(now), now).await;
    assert_eq!(unknown, Resent::Missing);
}

async fn where_repeats_are_recognised_a_dead_senders_message_is_simply_repeated(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let id = claim_and_die(&spine).await;
    let courier = spine.courier(Scripted::new(Answer::Take, true));
    spine.house.clock.advance(TimeDelta::seconds(61));
    courier.nudge();
    let item = spine.tried(id, 1).await;
    assert_eq!(item.status, DeliveryStatus::Retrying);
    spine.house.clock.advance(TimeDelta::seconds(20));
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Sent).await;
}

async fn an_answer_after_the_lease_changes_nothing(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let id = claim_and_die(&spine).await;
    let (store, until) = (spine.store(), spine.house.now() + LEASE);
    // While it lasts the lease can be extended; what the reaper took stays taken.
    store
        .extend_leases(&[(id, 1)], until + LEASE)
        .await
        .unwrap();
    let judge = |lost: &Lost| {
        let verdict = Verdict::lost(None, lost.rounds, until, Jitter::of(0.5));
        ("scripted".into(), verdict)
    };
    let early = until + TimeDelta::seconds(1);
    let reaped = store
        .reap_deliveries(Channel::Email, 10, early, judge)
        .await;
    assert!(reaped.unwrap().is_empty());
    let late = until + TimeDelta::seconds(61);
    let reaped = store.reap_deliveries(Channel::Email, 10, late, judge).await;
    assert_eq!(reaped.unwrap().len(), 1);
    store.extend_leases(&[(id, 1)], late + LEASE).await.unwrap();
    assert_eq!(spine.status(id).await, DeliveryStatus::Ambiguous);

    let answer = |attempt| Settlement {
        id,
        attempt,
        provider: "scripted".into(),
        verdict: sent(),
        claimed_at: late,
        has_standby: false,
        paused_until: None,
    };
    let settle = async |ends: &[Settlement]| {
        let settled = store.settle_deliveries(Channel::Email, ends, late).await;
        settled.unwrap().counted
    };
    assert_eq!(settle(&[answer(1)]).await, [false]);
    assert_eq!(spine.status(id).await, DeliveryStatus::Ambiguous);

    spine.resend(id, late).await;
    let claimed = spine.claim(Channel::Email, 10, late).await;
    assert_eq!(claimed[0].attempt, 2);
    let counted = settle(&[answer(1), answer(2), answer(2)]).await;
    assert_eq!(counted, [false, true, false]);
    assert_eq!(spine.status(id).await, DeliveryStatus::Sent);
}

async fn a_failing_mail_is_tried_less_and_less_often_until_it_is_dead(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let channel = Scripted::new(Answer::Fail, false);
    let courier = spine.courier(channel.clone());
    let id = spine.mails(1).await[0];
    let mut waits = Vec::new();
    for attempt in 1..MOST_ROUNDS {
        courier.nudge();
        let item = spine.tried(id, attempt).await;
        assert_eq!(item.status, DeliveryStatus::Retrying);
        assert_eq!(item.last_error.as_deref(), Some("try later"));
        waits.push(item.next_at - spine.house.now());
        spine.house.clock.set(item.next_at);
    }
    courier.nudge();
    let item = spine.tried(id, MOST_ROUNDS).await;
    assert_eq!(item.status, DeliveryStatus::Dead);
    assert!(waits[0] >= TimeDelta::seconds(12) && waits[0] <= TimeDelta::seconds(18));
    assert!(waits[..5].is_sorted(), "{waits:?}");

    channel.answers(Answer::Take);
    let now = spine.house.now();
    let resent = spine.resend(id, now).await;
    let before = DeliveryStatus::Dead;
    assert_eq!(resent, Resent::Due { before });
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Sent).await;
    let attempts = spine.store().delivery(id).await.unwrap().unwrap().attempts;
    assert_eq!(attempts.len() as i64, MOST_ROUNDS + 1);
    assert_eq!(attempts[9].outcome.as_deref(), Some("exhausted"));
}

async fn a_provider_that_wants_a_pause_gets_it(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let until = spine.house.now() + TimeDelta::hours(1);
    let channel = Scripted::new(Answer::Limit(until), false);
    let courier = spine.courier(channel.clone());
    let first = spine.mails(1).await[0];
    courier.nudge();
    let item = spine.tried(first, 1).await;
    assert_eq!(item.next_at, until);
    channel.answers(Answer::Take);
    let second = spine.mails(1).await[0];
    courier.nudge();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(
        spine.status(second).await,
        DeliveryStatus::Pending,
        "others wait as well"
    );
    spine.house.clock.set(until);
    courier.nudge();
    spine
        .all_become(&[first, second], DeliveryStatus::Sent)
        .await;
}

async fn a_mail_whose_time_is_over_is_not_sent(fresh: &Fresh) {
    use belfry_domain::booking::Actor;
    use belfry_domain::event::{Event, EventType, Told};
    let spine = Spine::new(fresh).await;
    let booking = spine.booking(60).await;
    spine.desk(Vec::new()).run().await.unwrap();
    let told = Told::by(Actor::system());
    let now = spine.house.now();
    let reminder = Event::of_booking(EventType::BookingReminderDue, &booking, told, now);
    spine.append(&reminder).await;
    spine.desk(Vec::new()).run().await.unwrap();
    spine.house.advance(61);
    let channel = Scripted::new(Answer::Take, false);
    let courier = spine.courier(channel.clone());
    courier.nudge();
    let ids = |kind: &'static str| {
        let listed = spine.listed();
        async move {
            let items = listed.await.into_iter();
            items
                .filter(|item| item.kind == kind)
                .map(|item| item.id)
                .collect::<Vec<_>>()
        }
    };
    let reminders = ids("booking.reminder").await;
    assert_eq!(reminders.len(), 2);
    spine.all_become(&reminders, DeliveryStatus::Skipped).await;
    let invitations = ids("booking.created").await;
    spine.all_become(&invitations, DeliveryStatus::Sent).await;
}

async fn a_channel_that_breaks_down_takes_nothing_with_it(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let channel = Scripted::new(Answer::Panic, false);
    let courier = spine.courier(channel.clone());
    let broken = spine.mails(1).await;
    courier.nudge();
    spine.all_become(&broken, DeliveryStatus::Ambiguous).await;
    channel.answers(Answer::Take);
    let next = spine.mails(1).await;
    courier.nudge();
    spine.all_become(&next, DeliveryStatus::Sent).await;
}

async fn what_stops_finishes_what_it_began(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let channel = Scripted::new(Answer::Take, false);
    channel.gate.forget_permits(usize::MAX);
    let courier = spine.courier(channel.clone());
    let ids = spine.mails(20).await;
    courier.nudge();
    eventually("eight are inside", async || {
        channel.most_inside.load(Ordering::SeqCst) >= 8
    })
    .await;
    assert!(!courier.stop(Duration::from_millis(50)).await);
    channel.gate.add_permits(100);
    assert!(courier.stop(Duration::from_secs(10)).await);
    let listed = spine.listed().await;
    let count = |status| listed.iter().filter(|item| item.status == status).count();
    assert_eq!(count(DeliveryStatus::Sent), 8);
    assert_eq!(count(DeliveryStatus::Pending), ids.len() - 8);
}

async fn the_list_finds_by_status_text_and_place(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let ids = spine.mails(5).await;
    let channel = Scripted::new(Answer::Lose, false);
    let courier = spine.courier(channel);
    courier.nudge();
    spine.all_become(&ids, DeliveryStatus::Ambiguous).await;
    spine.booking(600).await;
    courier.stop(Duration::from_secs(5)).await;
    spine.desk(Vec::new()).run().await.unwrap();

    let find = async |filter: Filter| {
        let items = spine.store().deliveries(&filter, None, 100).await;
        items.unwrap().len()
    };
    let with = |status, channel: Option<&str>, query: Option<&str>| Filter {
        status,
        channel: channel.map(str::to_owned),
        user_id: None,
        event_id: None,
        query: query.map(str::to_owned),
        ..Filter::default()
    };
    assert_eq!(find(Filter::default()).await, 7);
    assert_eq!(
        find(with(Some(DeliveryStatus::Ambiguous), None, None)).await,
        5
    );
    assert_eq!(
        find(with(Some(DeliveryStatus::Pending), None, None)).await,
        2
    );
    assert_eq!(find(with(None, Some("sms"), None)).await, 0);
    assert_eq!(
        find(with(None, Some("email"), Some("NEW PASSWORD"))).await,
        5
    );
    assert_eq!(find(with(None, None, Some("belfry.test"))).await, 7);
    assert_eq!(find(with(None, None, Some("100%"))).await, 0);

    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let any = Filter::default();
        let page = spine.store().deliveries(&any, after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.created_at, last.id));
        walked.extend(page.iter().map(|item| item.id));
    }
    let all: Vec<_> = spine.listed().await.iter().map(|item| item.id).collect();
    assert_eq!(walked, all);
}
