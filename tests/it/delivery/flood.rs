//! A flood of one class leaves room for the others: what delays a booking's notice does not grow with it (C5.2).

use std::sync::atomic::Ordering;
use std::time::Duration;

use belfry_domain::channel::Channel;
use belfry_domain::delivery::DeliveryStatus;
use belfry_domain::gate::Class;
use belfry_store::flood;

use super::plan::{message, plan};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::spine::{Answer, Scripted, Spine};

on_both_engines!(
    a_notice_passes_a_flood_of_advertisements,
    claims_take_the_classes_in_their_order,
);

const FLOOD: i64 = 100_000;

async fn a_notice_passes_a_flood_of_advertisements(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let provider = Scripted::new(Answer::Take, false);
    provider.gate.forget_permits(usize::MAX);
    let client = spine.house.client().await;
    let to = |address: &str| message(&spine, client.id, Channel::Email, address);
    let mut sample = to("everybody@belfry.test");
    sample.class = Class::Marketing;
    let sample = plan(&spine, vec![sample]).await["everybody@belfry.test"];
    let now = spine.house.now();
    flood::copy(spine.store(), sample, FLOOD, Class::Marketing, None, now)
        .await
        .unwrap();
    let courier = spine.courier(provider.clone());
    courier.nudge();
    // Three quarters of the places are theirs, and stay so: they hang.
    eventually("six are inside", async || {
        provider.most_inside.load(Ordering::SeqCst) >= 6
    })
    .await;
    // Its own places are free for a notice, whatever the flood does, one after the other.
    for turn in 1..=2 {
        let address = format!("notice-{turn}@belfry.test");
        let notice = plan(&spine, vec![to(&address)]).await[&address];
        courier.nudge();
        eventually("the notice is inside", async || {
            provider.calls() >= 6 + turn
        })
        .await;
        assert_eq!(spine.status(notice).await, DeliveryStatus::Sending);
    }
    let inside = provider.most_inside.load(Ordering::SeqCst);
    assert_eq!(inside, 8, "two notices beside six advertisements");
    provider.gate.add_permits(10);
    assert!(courier.stop(Duration::from_secs(20)).await);
    let left = flood::count(spine.store()).await.unwrap();
    let pending = left
        .iter()
        .find(|(status, _)| status == "pending")
        .unwrap()
        .1;
    assert!(pending > FLOOD - 100, "{left:?}");
}

async fn claims_take_the_classes_in_their_order(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let client = spine.house.client().await;
    for class in [Class::Marketing, Class::Service, Class::Transactional] {
        for place in 0..4 {
            let address = format!("{}-{place}@belfry.test", class.as_str());
            let mut message = message(&spine, client.id, Channel::Email, &address);
            message.class = class;
            plan(&spine, vec![message]).await;
            spine.house.advance(1);
        }
    }
    let claimed = spine.claim(Channel::Email, 10, spine.house.now()).await;
    let order: Vec<_> = claimed
        .iter()
        .map(|c| c.address.split('@').next().unwrap())
        .collect();
    assert_eq!(
        order,
        [
            "transactional-0",
            "transactional-1",
            "transactional-2",
            "transactional-3",
            "service-0",
            "service-1",
            "service-2",
            "service-3",
            "marketing-0",
            "marketing-1",
        ]
    );
}
