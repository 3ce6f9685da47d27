//! What may not leave is held or dropped, whatever the reason for which it is tried: the gates are asked again at
//! the claim, with what the reader wants then (T13).

use std::sync::Arc;
use std::time::Duration;

use belfry_actors::Provider;
use belfry_domain::booking::Party;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::DeliveryStatus;
use belfry_domain::gate::Class;
use belfry_domain::id::{DeliveryId, UserId};
use belfry_domain::notification::Message;
use belfry_domain::preference::{Preferences, QuietHours};
use belfry_store::delivery::Item;
use chrono::TimeDelta;

use super::plan::{message, plan};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::spine::{Answer, Scripted, Spine};

on_both_engines!(
    quiet_hours_hold_what_fails_over_and_what_is_retried,
    what_is_critical_leaves_in_quiet_hours,
    what_was_held_leaves_in_order_and_not_all_at_once,
    a_choice_made_after_planning_counts,
    an_account_that_was_disabled_is_not_written_to,
    advertisements_leave_in_the_laws_hours_alone,
);

/// Writes what somebody wants.
pub async fn choose(spine: &Spine<'_>, user: UserId, chosen: &Preferences) {
    let now = spine.house.now();
    let put = spine.store().put_preferences(user, chosen, None, now).await;
    assert!(put.unwrap());
}

/// Somebody who sleeps from one until two, which the clock shows an hour from now.
async fn sleeper(spine: &Spine<'_>) -> Party {
    let client = spine.house.client().await;
    let hours = QuietHours {
        from: "13:00".parse().unwrap(),
        until: "14:00".parse().unwrap(),
    };
    let chosen = Preferences {
        quiet_hours: Some(hours),
        ..Preferences::default()
    };
    choose(spine, client.id, &chosen).await;
    client
}

async fn mail(spine: &Spine<'_>, user: UserId, change: impl FnOnce(&mut Message)) -> DeliveryId {
    let address = "reader@belfry.test";
    let mut message = message(spine, user, Channel::Email, address);
    change(&mut message);
    plan(spine, vec![message]).await[address]
}

async fn item(spine: &Spine<'_>, id: DeliveryId) -> Item {
    spine.store().delivery(id).await.unwrap().unwrap().item
}

/// Waits until a courier has put it back.
async fn held(spine: &Spine<'_>, id: DeliveryId, reason: &str) -> Item {
    eventually(&format!("held: {reason}"), async || {
        let item = item(spine, id).await;
        if item.reason.as_deref() != Some(reason) {
            return Err(item);
        }
        Ok(item)
    })
    .await
}

fn at(spine: &Spine<'_>, clock: &str) {
    let at = format!("2027-03-01T{clock}Z");
    spine.house.clock.set(at.parse().unwrap());
}

async fn quiet_hours_hold_what_fails_over_and_what_is_retried(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let client = sleeper(&spine).await;
    let first = Scripted::named(Channel::Email, "first", Answer::Fail);
    let second = Scripted::named(Channel::Email, "second", Answer::Fail);
    let providers: Vec<Arc<dyn Provider>> = vec![first.clone(), second.clone()];
    let courier = spine.courier_of(providers);

    // It fails at the first provider when the quiet hours have begun: the second one is not called.
    at(&spine, "12:59:58");
    first.gate.forget_permits(usize::MAX);
    let over = mail(&spine, client.id, |_| {}).await;
    courier.nudge();
    eventually("the first is called", async || first.calls() > 0).await;
    at(&spine, "13:00:00");
    first.gate.add_permits(1000);
    let waiting = held(&spine, over, "quiet_hours").await;
    assert_eq!((first.calls(), second.calls()), (1, 0));
    assert_eq!(
        (waiting.status, waiting.attempt),
        (DeliveryStatus::Retrying, 1)
    );
    let two: belfry_domain::Instant = "2027-03-01T14:00:00Z".parse().unwrap();
    let late = waiting.next_at - two;
    assert!(
        late >= TimeDelta::zero() && late < TimeDelta::minutes(1),
        "{late}"
    );

    // Neither is one that is due again within them.
    at(&spine, "12:59:50");
    let again = mail(&spine, client.id, |_| {}).await;
    courier.nudge();
    let tried = spine.tried(again, 2).await;
    spine
        .house
        .clock
        .set(tried.next_at.max("2027-03-01T13:00:00Z".parse().unwrap()));
    courier.nudge();
    held(&spine, again, "quiet_hours").await;
    at(&spine, "13:59:59");
    courier.nudge();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((first.calls(), second.calls()), (2, 1));

    // Both leave when they are over, each where it was.
    first.answers(Answer::Take);
    second.answers(Answer::Take);
    at(&spine, "14:01:00");
    courier.nudge();
    spine.all_become(&[over, again], DeliveryStatus::Sent).await;
    assert_eq!((first.calls(), second.calls()), (3, 2));
}

async fn what_is_critical_leaves_in_quiet_hours(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let client = sleeper(&spine).await;
    let courier = spine.courier(Scripted::new(Answer::Take, false));
    at(&spine, "13:30:00");
    let plain = mail(&spine, client.id, |_| {}).await;
    let critical = mail(&spine, client.id, |message| message.critical = true).await;
    courier.nudge();
    spine.all_become(&[critical], DeliveryStatus::Sent).await;
    held(&spine, plain, "quiet_hours").await;
}

async fn what_was_held_leaves_in_order_and_not_all_at_once(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let provider = Scripted::new(Answer::Take, false);
    let courier = spine.courier(provider.clone());
    at(&spine, "13:30:00");
    let mut of_each = Vec::new();
    for _ in 0..12 {
        let client = sleeper(&spine).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(mail(&spine, client.id, |_| {}).await);
            spine.house.clock.advance(TimeDelta::milliseconds(10));
        }
        of_each.push(ids);
    }
    courier.nudge();
    let mut times = std::collections::BTreeSet::new();
    for ids in &of_each {
        let mut of_one = Vec::new();
        for id in ids {
            of_one.push(held(&spine, *id, "quiet_hours").await.next_at);
        }
        assert!(of_one.iter().all(|at| *at == of_one[0]), "{of_one:?}");
        times.insert(of_one[0]);
    }
    assert!(times.len() > 6, "spread: {times:?}");
    let over: belfry_domain::Instant = "2027-03-01T14:00:00Z".parse().unwrap();
    let minute = over..over + TimeDelta::minutes(1);
    assert!(times.iter().all(|at| minute.contains(at)), "{times:?}");
    spine.house.clock.set(over + TimeDelta::minutes(1));
    // One place, so that the order of leaving can be seen.
    courier.stop(Duration::from_secs(10)).await;
    let claimed = spine.claim(Channel::Email, 100, spine.house.now()).await;
    let order: Vec<DeliveryId> = claimed.iter().map(|claimed| claimed.id).collect();
    assert_eq!(order.len(), 36);
    for ids in &of_each {
        let places: Vec<_> = ids
            .iter()
            .map(|id| order.iter().position(|o| o == id))
            .collect();
        assert!(places.is_sorted(), "{places:?}");
    }
    assert_eq!(provider.calls(), 0);
}

async fn a_choice_made_after_planning_counts(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let provider = Scripted::new(Answer::Take, false);
    let courier = spine.courier(provider.clone());
    let client = spine.house.client().await;
    let unwanted = mail(&spine, client.id, |_| {}).await;
    let mut chosen = Preferences::default();
    chosen.categories.booking.email = false;
    choose(&spine, client.id, &chosen).await;
    courier.nudge();
    spine.all_become(&[unwanted], DeliveryStatus::Skipped).await;
    let dropped = item(&spine, unwanted).await;
    assert_eq!(dropped.reason.as_deref(), Some("category_off"));
    assert_eq!(dropped.attempt, 0);
    assert_eq!(provider.calls(), 0);
}

async fn an_account_that_was_disabled_is_not_written_to(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let provider = Scripted::new(Answer::Take, false);
    let courier = spine.courier(provider.clone());
    let client = spine.house.client().await;
    let id = mail(&spine, client.id, |_| {}).await;
    let mut tx = spine.store().begin().await.unwrap();
    let now = spine.house.now();
    belfry_store::account::govern(&mut tx, client.id, None, Some(true), None, None, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Skipped).await;
    assert_eq!(item(&spine, id).await.reason.as_deref(), Some("disabled"));
    assert_eq!(provider.calls(), 0);
}

async fn advertisements_leave_in_the_laws_hours_alone(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let courier = spine.courier(Scripted::new(Answer::Take, false));
    let client = spine.house.client().await;
    at(&spine, "22:00:00");
    let advertisement = mail(&spine, client.id, |message| {
        message.class = Class::Marketing
    })
    .await;
    let notice = mail(&spine, client.id, |_| {}).await;
    courier.nudge();
    spine.all_become(&[notice], DeliveryStatus::Sent).await;
    let waiting = held(&spine, advertisement, "marketing_hours").await;
    let seven: belfry_domain::Instant = "2027-03-02T07:00:00Z".parse().unwrap();
    assert!(waiting.next_at >= seven && waiting.next_at < seven + TimeDelta::minutes(1));
    spine.house.clock.set(waiting.next_at);
    courier.nudge();
    spine
        .all_become(&[advertisement], DeliveryStatus::Sent)
        .await;
}
