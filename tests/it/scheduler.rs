//! The clockwork: reminders, missed bookings, expired holds, archive, and who does the work.

use std::time::Duration;

use belfry_actors::scheduler::{Nudge, Retire, Tick};
use belfry_domain::booking::{Booking, Hold, Status};
use belfry_domain::event::EventType;
use belfry_domain::id::HoldId;
use belfry_store::booking::{BookingFilter, Scope};
use belfry_store::occupancy::NewHold;
use belfry_store::retention::Stale;
use belfry_store::telegram::Taken;
use chrono::TimeDelta;
use chrono_tz::Tz;
use tokio::sync::mpsc;

use crate::engine::{Fresh, on_both_engines};
use house::{House, change};

/// A store, a clock moved by hand, and schedulers over both.
pub(crate) mod house;

on_both_engines!(
    a_reminder_is_issued_once_however_many_look,
    two_bookings_of_one_client_are_two_reminders,
    a_booking_later_than_an_offset_gets_none_for_it,
    a_cancelled_booking_is_not_reminded_of,
    a_moved_booking_is_reminded_of_at_its_new_time,
    what_has_begun_is_not_announced_any_more,
    nobody_answering_makes_a_booking_missed,
    an_expired_hold_frees_its_time,
    ended_bookings_are_archived_in_time,
    logs_are_pruned_but_never_before_they_were_planned,
    what_was_said_in_chats_is_forgotten_when_nobody_can_come_back_to_it,
    one_node_sweeps_until_it_dies_or_retires,
    a_reminder_leaves_at_its_minute_between_two_sweeps,
    the_cron_expression_says_when_to_sweep,
    the_sweep_follows_the_clock_of_its_zone,
    a_nudge_makes_the_scheduler_look_at_once,
);

async fn signal(signalled: &mut mpsc::UnboundedReceiver<()>) {
    tokio::time::timeout(Duration::from_secs(20), signalled.recv())
        .await
        .expect("the scheduler acted in time")
        .expect("the scheduler runs");
}

async fn a_reminder_is_issued_once_however_many_look(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    for number in 1..=20 {
        house
            .book(&client, Status::Confirmed, 3000 + number * 60, &[3000])
            .await;
    }
    house.advance(1500);
    let looks = (0..6).map(|_| {
        let (store, now) = (house.store.clone(), house.now());
        actix_rt::spawn(async move {
            let mut issued = 0;
            for _ in 0..5 {
                issued += store.issue_reminders(now, 7).await.unwrap().announced;
            }
            issued
        })
    });
    let mut issued = 0;
    for look in looks.collect::<Vec<_>>() {
        issued += look.await.unwrap();
    }
    assert_eq!(issued, 20);
    assert_eq!(house.store.next_reminder().await.unwrap(), None);
}

async fn two_bookings_of_one_client_are_two_reminders(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    house.book(&client, Status::Pending, 60, &[60, 30]).await;
    house.book(&client, Status::Confirmed, 120, &[60, 30]).await;
    let node = house.node("one");
    assert_eq!(node.tick(house.now()).await.reminders, 1);
    house.advance(30);
    assert_eq!(node.tick(house.now()).await.reminders, 1);
    house.advance(29);
    assert_eq!(node.tick(house.now()).await.reminders, 0);
    house.advance(1);
    assert_eq!(node.tick(house.now()).await.reminders, 1);
    house.advance(30);
    assert_eq!(node.tick(house.now()).await.reminders, 1);
    house.advance(600);
    assert_eq!(node.tick(house.now()).await.reminders, 0);
}

async fn a_booking_later_than_an_offset_gets_none_for_it(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    house.book(&client, Status::Confirmed, 45, &[60, 30]).await;
    let due = house.store.next_reminder().await.unwrap();
    assert_eq!(due, Some(house.now() + TimeDelta::minutes(15)));
    house.advance(15);
    assert_eq!(house.node("one").tick(house.now()).await.reminders, 1);
    assert_eq!(house.store.next_reminder().await.unwrap(), None);
}

async fn a_cancelled_booking_is_not_reminded_of(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    let booking = house.book(&client, Status::Confirmed, 120, &[60]).await;
    assert!(
        house.store.next_reminder().await.unwrap().is_some(),
        "one was planned"
    );
    let cancel = |b: &Booking| Ok(change(b, Status::Cancelled, EventType::BookingCancelled));
    let cancelled = house
        .store
        .change_booking(booking.id, None, cancel, house.now())
        .await;
    assert_eq!(cancelled.unwrap().unwrap().status, Status::Cancelled);
    house.advance(61);
    assert_eq!(house.node("one").tick(house.now()).await.reminders, 0);
}

async fn a_moved_booking_is_reminded_of_at_its_new_time(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    let booking = house.book(&client, Status::Confirmed, 60, &[60]).await;
    let node = house.node("one");
    assert_eq!(node.tick(house.now()).await.reminders, 1);
    let to = house.now() + TimeDelta::minutes(180);
    let shift = |b: &Booking| {
        let mut change = change(b, b.status, EventType::BookingRescheduled);
        change.after.starts_at = to;
        change.after.ends_at = to + TimeDelta::minutes(60);
        change.stretch = Some((to, to + TimeDelta::minutes(60)));
        change.reminder_offsets = vec![60];
        Ok(change)
    };
    house
        .store
        .change_booking(booking.id, None, shift, house.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(node.tick(house.now()).await.reminders, 0);
    house.advance(120);
    assert_eq!(
        node.tick(house.now()).await.reminders,
        1,
        "the new start is a new promise"
    );
}

async fn what_has_begun_is_not_announced_any_more(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    house.book(&client, Status::Confirmed, 120, &[60]).await;
    // The house was down over the hour before.
    house.advance(120);
    let issued = house.store.issue_reminders(house.now(), 10).await.unwrap();
    assert_eq!((issued.settled, issued.announced), (1, 0));
}

async fn nobody_answering_makes_a_booking_missed(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    let forgotten = house.book(&client, Status::Pending, 30, &[]).await;
    let agreed = house.book(&client, Status::Confirmed, 90, &[]).await;
    let node = house.node("one");
    house.advance(29);
    assert_eq!(node.tick(house.now()).await.missed, 0);
    house.advance(100);
    assert_eq!(node.tick(house.now()).await.missed, 1);
    assert_eq!(node.tick(house.now()).await.missed, 0);

    let after = house.store.booking(forgotten.id).await.unwrap().unwrap();
    assert_eq!(after.status, Status::Missed);
    assert_eq!(after.version, forgotten.version + 1);
    let history = house.store.booking_history(forgotten.id).await.unwrap();
    let last = history.last().unwrap();
    assert_eq!(last.actor_role, "system");
    assert_eq!(last.actor_id, None);
    assert_eq!(last.from_status.as_deref(), Some("pending"));
    assert_eq!(last.to_status, "missed");
    let taken = house
        .store
        .occupancies(house.expert.id, forgotten.starts_at, house.now())
        .await
        .unwrap();
    let sources: Vec<_> = taken.iter().map(|o| o.source_id).collect();
    assert_eq!(sources, [agreed.id.uuid()], "its time was given back");
    let kept = house.store.booking(agreed.id).await.unwrap().unwrap();
    assert_eq!(
        kept.status,
        Status::Confirmed,
        "the expert says how a confirmed one ended"
    );
}

async fn an_expired_hold_frees_its_time(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    for (begins_in, lasts) in [(60, 5), (180, 500)] {
        let now = house.now();
        let starts_at = now + TimeDelta::minutes(begins_in);
        let hold = Hold {
            id: HoldId::at(now),
            expert_id: house.expert.id,
            client_id: client.id,
            starts_at,
            ends_at: starts_at + TimeDelta::minutes(60),
            expires_at: now + TimeDelta::minutes(lasts),
        };
        let new = NewHold {
            stretch: (hold.starts_at, hold.ends_at),
            hold,
            replaced: Vec::new(),
            most: 3,
            key: None,
        };
        house.store.insert_hold(&new, now).await.unwrap().unwrap();
    }
    let node = house.node("one");
    assert_eq!(node.tick(house.now()).await.holds, 0);
    house.advance(5);
    assert_eq!(node.tick(house.now()).await.holds, 1);
    // Read as of a time at which both held: what is gone, is gone from the table.
    let before = house.now() - TimeDelta::minutes(5);
    let taken = house
        .store
        .occupancies(house.expert.id, before, before)
        .await
        .unwrap();
    assert_eq!(taken.len(), 1);
}

async fn ended_bookings_are_archived_in_time(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    let ended = house.book(&client, Status::Pending, 60, &[]).await;
    house.book(&client, Status::Confirmed, 180, &[]).await;
    let complete = |b: &Booking| Ok(change(b, Status::Completed, EventType::BookingCompleted));
    house
        .store
        .change_booking(ended.id, None, complete, house.now())
        .await
        .unwrap()
        .unwrap();
    let node = house.node("one");
    house.clock.set(ended.ends_at + TimeDelta::days(30));
    assert_eq!(node.tick(house.now()).await.archived, 0);
    house.advance(1);
    assert_eq!(node.tick(house.now()).await.archived, 1);
    let listed = house
        .store
        .list_bookings(Scope::House, &BookingFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(
        listed.len(),
        1,
        "the one that nobody ended stays on the list"
    );
    assert_eq!(listed[0].status, Status::Confirmed);
}

async fn logs_are_pruned_but_never_before_they_were_planned(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    house.book(&client, Status::Confirmed, 60, &[60]).await;
    house.clock.advance(TimeDelta::days(500));
    let report = house.node("one").tick(house.now()).await;
    assert!(report.swept);
    assert_eq!(
        report.failed,
        Vec::<&str>::new(),
        "every statement runs on this engine"
    );
    for stale in [
        Stale::Notifications,
        Stale::Events,
        Stale::Deliveries,
        Stale::IdempotencyKeys,
        Stale::RefreshTokens,
    ] {
        assert_eq!(
            house.store.prune(stale, house.now(), 100).await.unwrap(),
            0,
            "{stale:?}"
        );
    }
}

async fn what_was_said_in_chats_is_forgotten_when_nobody_can_come_back_to_it(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let (store, start) = (&house.store, house.now());
    let since = start - TimeDelta::minutes(1);
    assert_eq!(
        store.take_update(7, since, start).await.unwrap(),
        Taken::Now { tries: 1 }
    );
    store.finish_update(7, start).await.unwrap();
    let question = serde_json::json!({ "step": "reject" });
    store.put_question("71", 9, &question, start).await.unwrap();
    let known = async || {
        let update = store.take_update(7, since, house.now()).await.unwrap();
        let asked = store.question("71", 9, start).await.unwrap();
        (update == Taken::Done, asked.is_some())
    };
    for (hours, expected) in [(47, (true, true)), (2, (true, false)), (24, (false, false))] {
        house.clock.advance(TimeDelta::hours(hours));
        assert!(house.node("one").tick(house.now()).await.swept);
        assert_eq!(known().await, expected, "{hours} hours later");
    }
}

async fn one_node_sweeps_until_it_dies_or_retires(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let (first, second) = (house.node("first"), house.node("second"));
    assert!(first.tick(house.now()).await.swept);
    assert!(!second.tick(house.now()).await.swept);
    assert!(
        first.tick(house.now()).await.swept,
        "it keeps its own lease"
    );
    // The first dies; within two minutes the second has taken over.
    house.advance(1);
    assert!(second.tick(house.now()).await.swept);
    assert!(
        !first.tick(house.now()).await.swept,
        "it woke up again and is not needed"
    );
    second.retire().await;
    assert!(
        first.tick(house.now()).await.swept,
        "a lease given back is free at once"
    );
}

async fn a_reminder_leaves_at_its_minute_between_two_sweeps(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    house.book(&client, Status::Confirmed, 65, &[60]).await;
    let (scheduler, mut signalled) = house.scheduler(Nudge::default());
    assert_eq!(scheduler.send(Tick).await.unwrap().reminders, 0);
    house.advance(5);
    signal(&mut signalled).await;
    assert_eq!(house.store.next_reminder().await.unwrap(), None);
    scheduler.send(Retire).await.unwrap();
}

async fn the_cron_expression_says_when_to_sweep(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    let forgotten = house.book(&client, Status::Pending, 3, &[]).await;
    let (scheduler, mut signalled) = house.scheduler(Nudge::default());
    house.advance(10);
    signal(&mut signalled).await;
    let after = house.store.booking(forgotten.id).await.unwrap().unwrap();
    assert_eq!(after.status, Status::Missed);
    scheduler.send(Retire).await.unwrap();
}

async fn the_sweep_follows_the_clock_of_its_zone(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    let forgotten = house.book(&client, Status::Pending, 3, &[]).await;
    // No other zone's clock but those of Nepal shows this time within the hour.
    let zone = Tz::Asia__Kathmandu;
    let once = (house.now() + TimeDelta::minutes(10)).with_timezone(&zone);
    let once = once.format("%-S %-M %-H * * *").to_string();
    let (scheduler, mut signalled) = house.scheduler_by(&once, zone, Nudge::default());
    house.advance(10);
    signal(&mut signalled).await;
    let after = house.store.booking(forgotten.id).await.unwrap().unwrap();
    assert_eq!(after.status, Status::Missed);
    scheduler.send(Retire).await.unwrap();
}

async fn a_nudge_makes_the_scheduler_look_at_once(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    let nudge = Nudge::default();
    house.book(&client, Status::Pending, 60, &[60]).await;
    let (scheduler, mut signalled) = house.scheduler(nudge.clone());
    signal(&mut signalled).await;
    // The clock stands still: without a nudge there is no reason to look again.
    house.book(&client, Status::Pending, 120, &[120]).await;
    nudge.nudge();
    signal(&mut signalled).await;
    scheduler.send(Retire).await.unwrap();
}
