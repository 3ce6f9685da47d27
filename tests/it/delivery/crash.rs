//! The real server, killed at each point between a claim and its end while first ways fail: every second way is
//! tried once, or not at all where the first one may have arrived (T1, T9).

use std::collections::BTreeMap;
use std::time::Duration;

use belfry_actors::{Clock, SystemClock};
use belfry_domain::channel::Channel;
use belfry_domain::delivery::DeliveryStatus;

use super::plan::{message, plan, standby};
use crate::crash::server::Server;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::mail::server::MailServer;
use crate::spine::Spine;

on_both_engines!(a_second_way_is_tried_once_whenever_the_server_dies);

/// First ways that fail, each with a second one; and first ways that arrive.
const FAILING: usize = 90;
const ARRIVING: usize = 10;
/// Longest wait until the server comes by its point.
const PATIENCE: Duration = Duration::from_secs(30);

async fn a_second_way_is_tried_once_whenever_the_server_dies(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    spine.house.clock.set(SystemClock.now());
    let client = spine.house.client().await;
    let to = |address: &str| message(&spine, client.id, Channel::Email, address);
    let mut ways = Vec::new();
    for place in 0..FAILING + ARRIVING {
        let first = if place < FAILING { "gone" } else { "here" };
        let (first, second) = (
            format!("{first}-{place}@belfry.test"),
            format!("second-{place}@belfry.test"),
        );
        let planned = plan(&spine, vec![to(&first), standby(to(&second), 1)]).await;
        ways.push((
            first.clone(),
            planned[&first],
            second.clone(),
            planned[&second],
        ));
    }
    let mail = MailServer::start().await;
    let points = [
        "courier.claiming:2",
        "courier.claimed:2",
        "courier.sent:3",
        "courier.settling:2",
        "courier.settled:2",
    ];
    for point in points {
        let mut server = Server::start(fresh, &mail, Some(point)).await;
        assert!(server.outlast(PATIENCE).await, "{point} is come by");
    }
    let server = Server::start(fresh, &mail, None).await;
    let over = |status: DeliveryStatus| {
        use DeliveryStatus::{Ambiguous, Dead, Sent, Skipped};
        matches!(status, Ambiguous | Dead | Sent | Skipped)
    };
    let states: BTreeMap<_, _> = eventually("all have found their end", async || {
        let listed = spine.listed().await;
        let ended = listed.iter().all(|item| over(item.status));
        ended.then(|| listed.into_iter().map(|item| (item.id, item)).collect())
    })
    .await;
    drop(server);
    let arrived = mail.mails(0).await;
    let came = |address: &str| arrived.iter().filter(|mail| mail.to == address).count();
    let mut tally: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (first, first_id, second, second_id) in &ways {
        let (one, other) = (states[first_id].status, states[second_id].status);
        *tally.entry((one.as_str(), other.as_str())).or_default() += 1;
        assert!(came(first) <= 1 && came(second) <= 1, "{first}, {second}");
        match (one, other) {
            // Nobody knows whether a first way arrived: no second one is tried.
            (DeliveryStatus::Ambiguous | DeliveryStatus::Sent, DeliveryStatus::Skipped) => {
                assert_eq!(came(second), 0, "{second}");
            }
            (DeliveryStatus::Dead, DeliveryStatus::Sent) => assert_eq!(came(second), 1, "{second}"),
            (DeliveryStatus::Dead, DeliveryStatus::Ambiguous) => {}
            ends => panic!("{first}, {second}: {ends:?}"),
        }
    }
    println!("five deaths; ends of first and second ways: {tally:?}");
    let sent = tally.get(&("dead", "sent"));
    // Each death leaves no more in doubt than one courier has at once.
    assert!(
        sent.is_some_and(|count| *count >= FAILING - 5 * 8),
        "{tally:?}"
    );
}
