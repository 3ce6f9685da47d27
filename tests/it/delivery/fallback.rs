//! A second way where the first has failed: once, and only then (T9).

use std::sync::Arc;

use belfry_actors::{Courier, Provider};
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{DeadCause, DeliveryStatus};
use belfry_domain::id::DeliveryId;
use belfry_store::address::{self, NewAddress};
use chrono::TimeDelta;
use serde_json::json;

use super::plan::{message, plan, standby};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::spine::{Answer, Scripted, Spine};

on_both_engines!(
    the_next_way_is_tried_when_the_first_is_dead_and_not_before,
    no_other_way_is_tried_when_one_has_arrived_or_may_have,
    of_two_ways_at_once_the_last_to_fail_wakes_the_next,
    a_dead_address_is_written_to_no_more,
    an_address_that_was_registered_again_meanwhile_is_kept,
    nothing_is_planned_for_a_channel_that_is_not_set_up,
);

/// Couriers of mail, text messages and web push that know each other.
struct Ways {
    email: Arc<Scripted>,
    sms: Arc<Scripted>,
    push: Arc<Scripted>,
    couriers: Vec<Courier>,
}

impl Ways {
    fn new(spine: &Spine<'_>, email: Answer, sms: Answer, push: Answer) -> Self {
        let email = Scripted::named(Channel::Email, "mail", email);
        let sms = Scripted::named(Channel::Sms, "text", sms);
        let push = Scripted::named(Channel::WebPush, "push", push);
        let providers: [Arc<dyn Provider>; 3] = [email.clone(), sms.clone(), push.clone()];
        let couriers = providers.map(|provider| spine.courier_of(vec![provider]));
        Courier::acquaint(&couriers);
        Self {
            email,
            sms,
            push,
            couriers: couriers.into(),
        }
    }

    fn nudge(&self) {
        self.couriers.iter().for_each(Courier::nudge);
    }

    fn calls(&self) -> [usize; 3] {
        [&self.email, &self.sms, &self.push].map(|provider| provider.calls())
    }
}

/// A mail, a text message after it, and a push after that, to somebody new who wants all of them.
async fn three(spine: &Spine<'_>) -> [DeliveryId; 3] {
    let client = spine.house.client().await;
    wants_everything(spine, &client).await;
    let endpoint = subscribed(spine, &client).await;
    let to = |channel, address: &str| message(spine, client.id, channel, address);
    let mail = format!("{}@belfry.test", client.id);
    let phone = format!("+84{}", client.id);
    let planned = plan(
        spine,
        vec![
            to(Channel::Email, &mail),
            standby(to(Channel::Sms, &phone), 1),
            standby(to(Channel::WebPush, &endpoint), 2),
        ],
    )
    .await;
    [planned[&mail], planned[&phone], planned[&endpoint]]
}

pub(super) async fn wants_everything(spine: &Spine<'_>, client: &belfry_domain::booking::Party) {
    let chosen = belfry_domain::preference::Preferences {
        channels: belfry_domain::preference::Ways::ALL,
        ..Default::default()
    };
    super::gates::choose(spine, client.id, &chosen).await;
}

/// A browser of the person's.
async fn subscribed(spine: &Spine<'_>, client: &belfry_domain::booking::Party) -> String {
    let endpoint = format!("https://push.belfry.test/{}", client.id);
    register(spine, client, &endpoint).await;
    endpoint
}

async fn register(spine: &Spine<'_>, client: &belfry_domain::booking::Party, endpoint: &str) {
    let new = NewAddress {
        user_id: client.id,
        channel: Channel::WebPush,
        address: endpoint,
        details: &json!({}),
        label: "a browser",
    };
    let mut tx = spine.store().begin().await.unwrap();
    address::put(&mut tx, &new, spine.house.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn the_next_way_is_tried_when_the_first_is_dead_and_not_before(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let ways = Ways::new(
        &spine,
        Answer::Fail,
        Answer::Dead(DeadCause::Invalid),
        Answer::Take,
    );
    let [mail, text, push] = three(&spine).await;
    ways.nudge();
    let item = spine.tried(mail, 1).await;
    assert_eq!(item.status, DeliveryStatus::Retrying);
    assert_eq!(
        spine.status(text).await,
        DeliveryStatus::Standby,
        "it may still arrive"
    );
    ways.email.answers(Answer::Dead(DeadCause::Bounced));
    spine.house.clock.set(item.next_at);
    ways.nudge();
    spine.all_become(&[mail, text], DeliveryStatus::Dead).await;
    spine.all_become(&[push], DeliveryStatus::Sent).await;
    assert_eq!(ways.calls(), [2, 1, 1]);
}

async fn no_other_way_is_tried_when_one_has_arrived_or_may_have(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    for (answer, status) in [
        (Answer::Take, DeliveryStatus::Sent),
        (Answer::Lose, DeliveryStatus::Ambiguous),
    ] {
        let ways = Ways::new(&spine, answer, Answer::Take, Answer::Take);
        let [mail, text, push] = three(&spine).await;
        ways.nudge();
        spine.all_become(&[mail], status).await;
        spine
            .all_become(&[text, push], DeliveryStatus::Skipped)
            .await;
        let skipped = spine.store().delivery(text).await.unwrap().unwrap().item;
        assert_eq!(skipped.reason.as_deref(), Some("not_needed"));
        assert_eq!(ways.calls(), [1, 0, 0]);
    }
}

async fn of_two_ways_at_once_the_last_to_fail_wakes_the_next(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let dead = Answer::Dead(DeadCause::Gone);
    let ways = Ways::new(&spine, dead.clone(), Answer::Take, dead);
    // Mail and push fail at the same moment, in two transactions that do not see each other.
    let mut last = Vec::new();
    for _ in 0..30 {
        let client = spine.house.client().await;
        wants_everything(&spine, &client).await;
        let endpoint = subscribed(&spine, &client).await;
        let phone = format!("+84{}", client.id);
        let to = |channel, address: &str| message(&spine, client.id, channel, address);
        let mail = format!("{}@belfry.test", client.id);
        let planned = plan(
            &spine,
            vec![
                to(Channel::Email, &mail),
                to(Channel::WebPush, &endpoint),
                standby(to(Channel::Sms, &phone), 1),
            ],
        )
        .await;
        last.push(planned[&phone]);
    }
    ways.nudge();
    spine.all_become(&last, DeliveryStatus::Sent).await;
    assert_eq!(ways.calls(), [30, 30, 30]);
}

async fn a_dead_address_is_written_to_no_more(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let ways = Ways::new(
        &spine,
        Answer::Take,
        Answer::Take,
        Answer::Dead(DeadCause::Unregistered),
    );
    let client = spine.house.client().await;
    let endpoint = subscribed(&spine, &client).await;
    let push = || message(&spine, client.id, Channel::WebPush, &endpoint);
    let first = plan(&spine, vec![push()]).await[&endpoint];
    ways.nudge();
    spine.all_become(&[first], DeliveryStatus::Dead).await;
    let known = spine.store().addresses_of(client.id, None).await.unwrap();
    assert_eq!(known, [], "the address has ended");
    let next = plan(&spine, vec![push()]).await[&endpoint];
    ways.nudge();
    spine.all_become(&[next], DeliveryStatus::Skipped).await;
    let skipped = spine.store().delivery(next).await.unwrap().unwrap();
    assert_eq!(skipped.item.reason.as_deref(), Some("unregistered"));
    assert_eq!(skipped.attempts, []);
    assert_eq!(ways.calls(), [0, 0, 1]);
    // Whoever registers it again is reached again.
    register(&spine, &client, &endpoint).await;
    ways.push.answers(Answer::Take);
    let back = plan(&spine, vec![push()]).await[&endpoint];
    ways.nudge();
    spine.all_become(&[back], DeliveryStatus::Sent).await;
}

async fn an_address_that_was_registered_again_meanwhile_is_kept(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let ways = Ways::new(
        &spine,
        Answer::Take,
        Answer::Take,
        Answer::Dead(DeadCause::Gone),
    );
    let client = spine.house.client().await;
    let endpoint = subscribed(&spine, &client).await;
    ways.push.gate.forget_permits(usize::MAX);
    let push = message(&spine, client.id, Channel::WebPush, &endpoint);
    let id = plan(&spine, vec![push]).await[&endpoint];
    ways.nudge();
    eventually("the push is on its way", async || ways.push.calls() > 0).await;
    spine.house.clock.advance(TimeDelta::seconds(1));
    register(&spine, &client, &endpoint).await;
    ways.push.gate.add_permits(1);
    spine.all_become(&[id], DeliveryStatus::Dead).await;
    let known = spine.store().addresses_of(client.id, None).await.unwrap();
    assert_eq!(known.len(), 1);
}

async fn nothing_is_planned_for_a_channel_that_is_not_set_up(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let mut of_each = Vec::new();
    for (channels, begins_in) in [(Channel::ALL.to_vec(), 600), (vec![Channel::Email], 720)] {
        let booking = spine.booking(begins_in).await;
        wants_everything(&spine, &booking.client).await;
        subscribed(&spine, &booking.client).await;
        let mut desk = spine.desk(Vec::new());
        desk.policy.channels = channels;
        desk.run().await.unwrap();
        let listed = spine.listed().await.into_iter();
        let mine = listed.filter(|item| {
            let owner = item.user.as_ref();
            owner.is_some_and(|owner| owner.0 == booking.client.id)
        });
        let mut channels: Vec<String> = mine.map(|item| item.channel).collect();
        channels.sort();
        of_each.push(channels);
    }
    assert_eq!(of_each, [vec!["email", "web_push"], vec!["email"]]);
}
