//! Messages as a plan would have them, written by the way that plans are.

use std::collections::BTreeMap;

use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Content, DeliveryStatus};
use belfry_domain::gate::Class;
use belfry_domain::id::{DeliveryId, UserId};
use belfry_domain::notification::{Category, Message, Plan};
use belfry_store::delivery::Filter;
use belfry_store::planning::Outcome;

use crate::spine::Spine;

/// A message that leaves at once.
pub fn message(spine: &Spine<'_>, user: UserId, channel: Channel, address: &str) -> Message {
    Message {
        rule_id: "booking.created/client".to_owned(),
        user_id: Some(user),
        channel,
        address: address.to_owned(),
        kind: "booking.created".to_owned(),
        category: Category::Booking,
        class: Class::Transactional,
        critical: false,
        rank: 0,
        status: DeliveryStatus::Pending,
        send_at: spine.house.now(),
        subject: "A booking".to_owned(),
        content: Content::default(),
    }
}

/// The same, standing by as the `rank`-th way after others.
pub fn standby(message: Message, rank: i64) -> Message {
    Message {
        rank,
        status: DeliveryStatus::Standby,
        ..message
    }
}

/// Writes these as the plan of one event, and answers their ids by address.
pub async fn plan(spine: &Spine<'_>, messages: Vec<Message>) -> BTreeMap<String, DeliveryId> {
    let store = spine.store();
    let event = spine.forgotten(&spine.house.expert);
    spine.append(&event).await;
    let turn = store.begin_planning(100).await.unwrap();
    assert_eq!(turn.events.len(), 1);
    let outcome = Outcome {
        id: event.id,
        plan: Ok(Plan {
            messages,
            ..Plan::default()
        }),
    };
    let now = spine.house.now();
    store
        .finish_planning(turn, vec![outcome], now)
        .await
        .unwrap();
    let of_event = Filter {
        event_id: Some(event.id),
        ..Filter::default()
    };
    let mine = store.deliveries(&of_event, None, 1000).await.unwrap();
    mine.into_iter()
        .map(|item| (item.address, item.id))
        .collect()
}
