//! What becomes of a message and of its device by each code of the two push services: given up, tried again or in
//! doubt; pruned or not; and whether anything is sent there afterwards (C5.2).

use std::sync::Arc;
use std::time::Duration;

use belfry::channel::{Fcm, Guard, Vapid, WebPush};
use belfry::config::Settings;
use belfry_actors::Provider;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Content, DeliveryStatus};
use belfry_domain::notification::Message;
use belfry_store::address::{self, NewAddress};
use belfry_store::suppression::{self, Filter, Suppression};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::here;
use crate::delivery::plan::{message, plan};
use crate::engine::{Fresh, on_both_engines};
use crate::spine::Spine;
use crate::standin::Reply;
use crate::standin::fcm::{Fate, Fcm as Google};
use crate::standin::web_push::PushService;

on_both_engines!(
    each_code_of_fcm_prunes_suppresses_and_retries_as_the_table_says,
    each_status_of_a_push_service_prunes_suppresses_and_retries_as_the_table_says,
);

/// Sends one message to somebody's new device and answers how it stands, why nothing goes to the device any more,
/// and whether it is still known.
async fn fate(
    spine: &Spine<'_>,
    provider: Arc<dyn Provider>,
    device: &str,
    details: Value,
) -> (DeliveryStatus, Option<String>, bool) {
    let channel = provider.channel();
    let client = spine.house.client().await;
    let new = NewAddress {
        user_id: client.id,
        channel,
        address: device,
        details: &details,
        label: "",
    };
    let mut tx = spine.store().begin().await.unwrap();
    address::put(&mut tx, &new, spine.house.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let push = || Message {
        content: Content {
            text: "10:00".to_owned(),
            details: details.clone(),
            ..Content::default()
        },
        ..message(spine, client.id, channel, device)
    };
    let courier = spine.courier_of(vec![provider]);
    let id = plan(spine, vec![push()]).await[device];
    courier.nudge();
    let first = spine.tried(id, 1).await.status;
    let filter = Filter {
        channel: Some(channel),
        query: Some(device.to_owned()),
        ..Filter::default()
    };
    let held = spine.store().suppressions(&filter, None, 10).await.unwrap();
    let cause = held.into_iter().next().map(|one| one.suppression.cause);
    let known = spine.store().addresses_of(client.id, None).await.unwrap();
    if cause.is_some() {
        // Nothing is ever sent there again.
        let next = plan(spine, vec![push()]).await[device];
        courier.nudge();
        spine.all_become(&[next], DeliveryStatus::Skipped).await;
    }
    assert!(courier.stop(Duration::from_secs(10)).await);
    // Past any pause that was asked for, and without this one among those that are due: the next code speaks for
    // itself.
    let over = Suppression {
        channel,
        address: device.to_owned(),
        cause: "over".to_owned(),
        detail: String::new(),
        at: spine.house.now(),
    };
    let mut tx = spine.store().begin().await.unwrap();
    suppression::suppress(&mut tx, &over).await.unwrap();
    tx.commit().await.unwrap();
    spine.house.clock.advance(TimeDelta::hours(2));
    (first, cause, !known.is_empty())
}

async fn each_code_of_fcm_prunes_suppresses_and_retries_as_the_table_says(fresh: &Fresh) {
    use DeliveryStatus::{Ambiguous, Dead, Retrying};
    let google = Google::start().await;
    let spine = Spine::new(fresh).await;
    let fault = |status, code| Fate::Fault(status, code, None);
    let table = [
        (fault(404, "UNREGISTERED"), Dead, Some("unregistered")),
        (fault(404, "UNREGISTERED_FID"), Dead, Some("unregistered")),
        (fault(403, "SENDER_ID_MISMATCH"), Dead, Some("invalid")),
        (Fate::Field("message.token"), Dead, Some("invalid")),
        (Fate::Field("message.data[0].value"), Dead, None),
        (fault(400, "INVALID_ARGUMENT"), Dead, None),
        (fault(429, "QUOTA_EXCEEDED"), Retrying, None),
        (fault(500, "INTERNAL"), Retrying, None),
        (fault(503, "UNAVAILABLE"), Retrying, None),
        (fault(401, "THIRD_PARTY_AUTH_ERROR"), Retrying, None),
        (Fate::TakenAndCut, Ambiguous, None),
    ];
    for (place, (code, status, cause)) in table.into_iter().enumerate() {
        let provider = Fcm::new(&google.settings()).unwrap();
        let device = format!("token-{place}.");
        google.will(&device, code.clone());
        let details = json!({ "kind": "fcm_token" });
        let fate = fate(&spine, Arc::new(provider), &device, details).await;
        let expected = (status, cause.map(str::to_owned), cause.is_none());
        assert_eq!(fate, expected, "{code:?}");
    }
}

async fn each_status_of_a_push_service_prunes_suppresses_and_retries_as_the_table_says(
    fresh: &Fresh,
) {
    use DeliveryStatus::{Ambiguous, Dead, Retrying};
    let service = PushService::start().await;
    let spine = Spine::new(fresh).await;
    let mut settings = Settings::defaults().unwrap();
    here(&mut settings);
    let table = [
        (Reply::status(404), Dead, Some("gone")),
        (Reply::status(410), Dead, Some("gone")),
        (Reply::status(400), Dead, None),
        (Reply::status(413), Dead, None),
        (Reply::status(401), Retrying, None),
        (Reply::status(403), Retrying, None),
        (Reply::status(429), Retrying, None),
        (Reply::status(500), Retrying, None),
        (Reply::status(503), Retrying, None),
        (Reply::Cut, Ambiguous, None),
    ];
    for (answer, status, cause) in table {
        let web = &settings.push.web;
        let vapid = Vapid::new(&Vapid::fresh_key(), &web.subject).unwrap();
        let provider = WebPush::new(web, vapid, Guard::new(true)).unwrap();
        assert_eq!(provider.channel(), Channel::WebPush);
        let browser = service.subscribe();
        service.will(&browser, answer.clone());
        let keys = browser.device()["keys"].clone();
        let fate = fate(&spine, Arc::new(provider), &browser.endpoint, keys).await;
        let expected = (status, cause.map(str::to_owned), cause.is_none());
        assert_eq!(fate, expected, "{answer:?}");
    }
}
