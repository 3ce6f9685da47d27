//! A mail server that turns everybody away, or goes silent in the middle of a conversation: nothing waits for
//! ever, nothing is sent twice, and what can still be sent leaves (C4.3, C5.2).

use std::sync::Arc;
use std::time::Duration;

use belfry::channel::{Email, Patience};
use belfry_domain::delivery::{DeliveryStatus, MOST_ROUNDS};
use belfry_domain::id::DeliveryId;
use chrono::TimeDelta;

use crate::engine::{Fresh, on_both_engines};
use crate::mail::server::{MailServer, Mood, Place};
use crate::spine::{Answer, Scripted, Spine};

on_both_engines!(
    silence_before_the_text_costs_a_try_and_after_it_leaves_doubt,
    mails_that_hang_do_not_hold_up_the_others,
    a_server_that_turns_everybody_away_leaves_dead_letters_that_can_be_sent_again,
    a_mail_that_outlives_its_lease_is_not_taken_from_its_own_sender,
);

fn channel(server: &MailServer, seconds: u64) -> Arc<Email> {
    let address = format!("smtp://127.0.0.1:{}", server.port());
    let limit = Duration::from_secs(seconds);
    let patience = Patience {
        connect: limit,
        command: limit,
        text: limit,
    };
    let from = "Belfry <mail@belfry.test>";
    Arc::new(Email::with_patience(&address, from, 8, patience).unwrap())
}

async fn last_error(spine: &Spine<'_>, id: DeliveryId) -> String {
    let found = spine.store().delivery(id).await.unwrap().unwrap();
    let last = found.attempts.last().unwrap();
    last.error.clone().unwrap_or_default()
}

async fn silence_before_the_text_costs_a_try_and_after_it_leaves_doubt(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let server = MailServer::start().await;
    let courier = spine.courier(channel(&server, 2));
    for place in [
        Place::Greeting,
        Place::Sender,
        Place::Recipient,
        Place::Data,
    ] {
        // Nothing is left open from before, so that the greeting is waited for, too.
        server.set(Mood::Down).await;
        server.set(Mood::Silent(place)).await;
        let id = spine.mails(1).await[0];
        courier.nudge();
        spine.all_become(&[id], DeliveryStatus::Retrying).await;
        let error = last_error(&spine, id).await;
        assert!(error.contains("no answer within 2s"), "{place:?}: {error}");
        server.set(Mood::Well).await;
        spine.house.advance(1);
        courier.nudge();
        spine.all_become(&[id], DeliveryStatus::Sent).await;
    }
    assert_eq!(server.mails(4).await.len(), 4, "each arrived once");
    server.set(Mood::Silent(Place::Text)).await;
    let id = spine.mails(1).await[0];
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Ambiguous).await;
    // Everything else goes on, and what may have arrived is not sent again by itself.
    server.set(Mood::Well).await;
    spine.house.advance(24 * 60);
    let next = spine.mails(1).await;
    courier.nudge();
    spine.all_become(&next, DeliveryStatus::Sent).await;
    assert_eq!(spine.status(id).await, DeliveryStatus::Ambiguous);
    assert_eq!(server.mails(6).await.len(), 6);
}

async fn mails_that_hang_do_not_hold_up_the_others(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let server = MailServer::start().await;
    // They hang longer than this test waits for the others.
    let courier = spine.courier(channel(&server, 120));
    let hanging = spine.mails(5).await;
    let listed = spine.listed().await;
    let address = &listed
        .iter()
        .find(|item| item.id == hanging[0])
        .unwrap()
        .address;
    server.be_silent_about(address);
    courier.nudge();
    spine.all_become(&hanging, DeliveryStatus::Sending).await;
    let others = spine.mails(40).await;
    courier.nudge();
    spine.all_become(&others, DeliveryStatus::Sent).await;
    for id in hanging {
        assert_eq!(spine.status(id).await, DeliveryStatus::Sending);
    }
}

async fn a_server_that_turns_everybody_away_leaves_dead_letters_that_can_be_sent_again(
    fresh: &Fresh,
) {
    let spine = Spine::new(fresh).await;
    let server = MailServer::start().await;
    server.set(Mood::Busy).await;
    let courier = spine.courier(channel(&server, 20));
    let id = spine.mails(1).await[0];
    for attempt in 1..=MOST_ROUNDS {
        courier.nudge();
        let item = spine.tried(id, attempt).await;
        let is_last = attempt == MOST_ROUNDS;
        let expected = if is_last {
            DeliveryStatus::Dead
        } else {
            DeliveryStatus::Retrying
        };
        assert_eq!(item.status, expected, "after try {attempt}");
        // Longer than any pause.
        spine.house.advance(150);
    }
    assert!(last_error(&spine, id).await.contains("421"));
    server.set(Mood::Well).await;
    courier.nudge();
    let next = spine.mails(1).await;
    courier.nudge();
    spine.all_become(&next, DeliveryStatus::Sent).await;
    assert_eq!(spine.status(id).await, DeliveryStatus::Dead);
    spine.resend(id, spine.house.now()).await;
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Sent).await;
    assert_eq!(server.mails(2).await.len(), 2);
}

async fn a_mail_that_outlives_its_lease_is_not_taken_from_its_own_sender(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let channel = Scripted::new(Answer::Take, false);
    channel
        .gate
        .forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let courier = spine.courier(channel.clone());
    let ids = spine.mails(1).await;
    courier.nudge();
    spine.all_become(&ids, DeliveryStatus::Sending).await;
    // As after an outage of the database in which no lease could be extended.
    spine.house.clock.advance(TimeDelta::seconds(90));
    let next = spine.mails(1).await;
    courier.nudge();
    spine.all_become(&next, DeliveryStatus::Sending).await;
    assert_eq!(spine.status(ids[0]).await, DeliveryStatus::Sending);
    channel.gate.add_permits(2);
    spine.all_become(&ids, DeliveryStatus::Sent).await;
    spine.all_become(&next, DeliveryStatus::Sent).await;
    assert_eq!(channel.taken_ids().len(), 2);
}
