//! Several providers of a channel: their order, what happens when one fails, asks for a pause, or turns us away
//! (C5.2).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use belfry_actors::courier::ProviderState;
use belfry_actors::{Courier, Provider, Rate};
use belfry_domain::channel::Channel;
use belfry_domain::delivery::DeliveryStatus;
use chrono::TimeDelta;

use super::plan::{message, plan};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::spine::{Answer, Scripted, Spine};

on_both_engines!(
    the_next_provider_has_it_at_once_when_one_fails,
    after_the_last_one_it_waits_and_begins_with_the_first,
    a_pause_stops_one_credential_alone_and_survives_a_restart,
    a_provider_that_fails_is_not_called_until_one_message_finds_it_well,
    a_credential_that_is_turned_away_costs_no_message,
    a_credential_is_used_no_faster_than_it_may_be,
    an_address_is_written_to_no_faster_than_it_may_be,
    a_lost_message_is_repeated_where_the_repeat_is_recognised,
);

fn two(first: Answer, second: Answer) -> (Arc<Scripted>, Arc<Scripted>) {
    let named = |name, answer| Scripted::named(Channel::Email, name, answer);
    (named("first", first), named("second", second))
}

fn courier(spine: &Spine<'_>, first: &Arc<Scripted>, second: &Arc<Scripted>) -> Courier {
    spine.courier_of(vec![first.clone() as Arc<dyn Provider>, second.clone()])
}

async fn states(courier: &Courier) -> Vec<ProviderState> {
    courier.providers().await
}

/// Waits until a provider is in this state.
async fn becomes(courier: &Courier, place: usize, state: &str) -> ProviderState {
    eventually(&format!("it is {state}"), async || {
        let found = states(courier).await.remove(place);
        if found.state != state || found.under_way != 0 {
            return Err(found);
        }
        Ok(found)
    })
    .await
}

async fn the_next_provider_has_it_at_once_when_one_fails(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    for failing in [
        Answer::Fail,
        Answer::Unconfigured,
        Answer::Limit(spine.house.now() + TimeDelta::minutes(1)),
    ] {
        let (first, second) = two(failing, Answer::Take);
        let courier = courier(&spine, &first, &second);
        let id = spine.mails(1).await[0];
        courier.nudge();
        spine.all_become(&[id], DeliveryStatus::Sent).await;
        let found = spine.store().delivery(id).await.unwrap().unwrap();
        assert_eq!(found.item.provider.as_deref(), Some("second"));
        let by: Vec<_> = found
            .attempts
            .iter()
            .map(|a| a.provider.clone().unwrap())
            .collect();
        assert_eq!(by, ["first", "second"]);
        assert_eq!(found.attempts[1].outcome.as_deref(), Some("sent"));
        assert_eq!(spine.house.now(), found.item.sent_at.unwrap(), "at once");
        courier.stop(Duration::from_secs(10)).await;
        // The pause of the last one is over for the next house.
        spine.house.advance(2);
    }
}

async fn after_the_last_one_it_waits_and_begins_with_the_first(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let (first, second) = two(Answer::Fail, Answer::Fail);
    let courier = courier(&spine, &first, &second);
    let id = spine.mails(1).await[0];
    courier.nudge();
    let item = spine.tried(id, 2).await;
    assert_eq!(item.status, DeliveryStatus::Retrying);
    let wait = item.next_at - spine.house.now();
    assert!(
        wait >= TimeDelta::seconds(12) && wait <= TimeDelta::seconds(18),
        "{wait}"
    );
    first.answers(Answer::Take);
    spine.house.clock.set(item.next_at);
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Sent).await;
    let found = spine.store().delivery(id).await.unwrap().unwrap();
    assert_eq!(found.attempts[2].provider.as_deref(), Some("first"));
    assert_eq!((first.calls(), second.calls()), (2, 1));
}

async fn a_pause_stops_one_credential_alone_and_survives_a_restart(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let until = spine.house.now() + TimeDelta::hours(1);
    let (first, second) = two(Answer::Limit(until), Answer::Take);
    let one = courier(&spine, &first, &second);
    let ids = spine.mails(1).await;
    one.nudge();
    spine.all_become(&ids, DeliveryStatus::Sent).await;
    assert_eq!(becomes(&one, 0, "paused").await.until, Some(until));
    first.answers(Answer::Take);
    let more = spine.mails(20).await;
    one.nudge();
    spine.all_become(&more, DeliveryStatus::Sent).await;
    assert_eq!((first.calls(), second.calls()), (1, 21));

    // Another node, and one that starts again, know nothing of it but from the database.
    one.stop(Duration::from_secs(10)).await;
    let other = courier(&spine, &first, &second);
    spine.house.clock.set(until - TimeDelta::seconds(1));
    let more = spine.mails(20).await;
    other.nudge();
    spine.all_become(&more, DeliveryStatus::Sent).await;
    assert_eq!((first.calls(), second.calls()), (1, 41));
    // Nor does a courier that has nobody else: it does not even claim.
    let alone = spine.courier(first.clone());
    other.stop(Duration::from_secs(10)).await;
    let waiting = spine.mails(1).await;
    alone.nudge();
    let paused = becomes(&alone, 0, "paused").await;
    assert_eq!(paused.pause.as_deref(), Some("slow down"));
    assert_eq!(spine.status(waiting[0]).await, DeliveryStatus::Pending);
    assert_eq!(first.calls(), 1, "not one call before");
    spine.house.clock.set(until);
    alone.nudge();
    spine.all_become(&waiting, DeliveryStatus::Sent).await;
    assert_eq!(first.calls(), 2);
}

async fn a_provider_that_fails_is_not_called_until_one_message_finds_it_well(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let (first, second) = two(Answer::Fail, Answer::Take);
    let courier = courier(&spine, &first, &second);
    let ids = spine.mails(40).await;
    courier.nudge();
    spine.all_become(&ids, DeliveryStatus::Sent).await;
    let broken = becomes(&courier, 0, "broken").await;
    let calls = first.calls();
    assert!(
        (10..=17).contains(&calls),
        "{calls} calls, of which eight may be under way"
    );
    assert_eq!(broken.last_error.unwrap().1, "try later");

    // It is still ill: one message finds that out, the others are not held up.
    spine.house.clock.set(broken.until.unwrap());
    let more = spine.mails(20).await;
    courier.nudge();
    spine.all_become(&more, DeliveryStatus::Sent).await;
    let broken = becomes(&courier, 0, "broken").await;
    assert_eq!(first.calls(), calls + 1);
    assert_eq!(
        broken.until.unwrap() - spine.house.now(),
        TimeDelta::minutes(1)
    );

    // It is well: one message finds that out, and the next ones are its own again.
    first.answers(Answer::Take);
    spine.house.clock.set(broken.until.unwrap());
    let one = spine.mails(1).await;
    courier.nudge();
    spine.all_become(&one, DeliveryStatus::Sent).await;
    becomes(&courier, 0, "ready").await;
    let before = second.calls();
    let more = spine.mails(20).await;
    courier.nudge();
    spine.all_become(&more, DeliveryStatus::Sent).await;
    assert_eq!((first.calls(), second.calls()), (calls + 22, before));
}

async fn a_credential_that_is_turned_away_costs_no_message(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let provider = Scripted::named(Channel::Email, "first", Answer::Unconfigured);
    let courier = spine.courier(provider.clone());
    let id = spine.mails(1).await[0];
    for attempt in 1..=12 {
        courier.nudge();
        let item = spine.tried(id, attempt).await;
        assert_eq!(item.status, DeliveryStatus::Retrying);
        let broken = becomes(&courier, 0, "broken").await;
        assert!(item.next_at >= broken.until.unwrap());
        spine.house.clock.set(item.next_at);
    }
    provider.answers(Answer::Take);
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Sent).await;
}

async fn a_credential_is_used_no_faster_than_it_may_be(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let provider = Scripted::paced(Rate {
        per_second: NonZeroU32::new(2),
        burst: NonZeroU32::new(3),
        per_address: None,
    });
    let courier = spine.courier(provider.clone());
    let ids = spine.mails(7).await;
    courier.nudge();
    let taken = async |count: usize| {
        eventually(&format!("{count} calls have ended"), async || {
            courier.providers().await[0].under_way == 0 && provider.calls() >= count
        })
        .await;
        provider.calls()
    };
    assert_eq!(taken(3).await, 3);
    for (steps, count) in [(499, 3), (1, 4), (1000, 6)] {
        spine.house.clock.advance(TimeDelta::milliseconds(steps));
        courier.nudge();
        assert_eq!(taken(count).await, count, "after {steps} ms more");
    }
    assert!(provider.most_inside.load(Ordering::SeqCst) <= 3);
    spine.house.clock.advance(TimeDelta::seconds(1));
    courier.nudge();
    spine.all_become(&ids, DeliveryStatus::Sent).await;
    let tried = spine.listed().await;
    assert!(
        tried.iter().all(|item| item.attempt == 1),
        "waiting is no attempt"
    );
}

async fn an_address_is_written_to_no_faster_than_it_may_be(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let provider = Scripted::paced(Rate {
        per_address: Some(Duration::from_secs(1)),
        ..Rate::default()
    });
    let courier = spine.courier(provider.clone());
    let client = spine.house.client().await;
    let mut ids = Vec::new();
    for address in ["a@belfry.test", "a@belfry.test", "b@belfry.test"] {
        let message = message(&spine, client.id, Channel::Email, address);
        ids.extend(plan(&spine, vec![message]).await.into_values());
        spine.house.clock.advance(TimeDelta::milliseconds(1));
    }
    courier.nudge();
    spine
        .all_become(&[ids[0], ids[2]], DeliveryStatus::Sent)
        .await;
    let waiting = spine.store().delivery(ids[1]).await.unwrap().unwrap().item;
    assert_eq!(
        (waiting.status, waiting.attempt),
        (DeliveryStatus::Pending, 0)
    );
    spine.house.clock.advance(TimeDelta::seconds(1));
    courier.nudge();
    spine.all_become(&ids, DeliveryStatus::Sent).await;
    assert_eq!(provider.calls(), 3);
}

async fn a_lost_message_is_repeated_where_the_repeat_is_recognised(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let id = spine.mails(1).await[0];
    assert_eq!(
        spine
            .claim(Channel::Email, 1, spine.house.now())
            .await
            .len(),
        1
    );
    let folding = Scripted::new(Answer::Take, true);
    let before = Scripted::named(Channel::Email, "before", Answer::Take);
    let courier = spine.courier_of(vec![before.clone() as Arc<dyn Provider>, folding.clone()]);
    spine.house.clock.advance(TimeDelta::seconds(61));
    courier.nudge();
    let item = spine.tried(id, 1).await;
    assert_eq!(item.status, DeliveryStatus::Retrying);
    spine.house.clock.set(item.next_at);
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Sent).await;
    assert_eq!(
        (before.calls(), folding.calls()),
        (0, 1),
        "the other one would send it anew"
    );
}
