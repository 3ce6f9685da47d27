//! Mail over a real connection to a mail server that fails on demand.

use std::time::Duration;

use belfry::channel::{Email, Kept};
use belfry_domain::booking::{Actor, Booking, Status};
use belfry_domain::delivery::DeliveryStatus;
use belfry_domain::event::{Event, EventType, Told};
use belfry_domain::id::DeliveryId;
use std::sync::Arc;

use crate::engine::{Fresh, on_both_engines};
use crate::spine::Spine;
use server::{MailServer, Mood};

/// Signatures, checked by somebody else's code.
mod dkim;
/// A mail server that keeps what it is sent and fails on demand.
pub(crate) mod server;

on_both_engines!(
    both_sides_get_an_invitation_and_later_its_withdrawal,
    mail_waits_while_the_server_is_down_and_leaves_when_it_is_back,
    a_passing_refusal_is_retried_and_a_lasting_one_is_not,
    a_connection_lost_after_the_text_leaves_doubt,
    without_a_server_mail_is_kept_to_be_read,
    a_second_server_takes_what_the_first_one_does_not,
);

fn channel(server: &MailServer) -> Arc<Email> {
    let address = format!("smtp://127.0.0.1:{}", server.port());
    Arc::new(Email::new(&address, "Belfry <mail@belfry.test>", 4).unwrap())
}

fn changed(booking: &Booking, status: Status, sequence: i64) -> Booking {
    Booking {
        status,
        sequence,
        version: booking.version + sequence,
        ..booking.clone()
    }
}

async fn both_sides_get_an_invitation_and_later_its_withdrawal(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let server = MailServer::start().await;
    let courier = spine.courier(channel(&server));
    let desk = spine.desk(vec![courier]);
    let booking = spine.booking(600).await;
    let tell = |kind, after: Booking| {
        Event::of_booking(kind, &after, Told::by(Actor::system()), spine.house.now())
    };
    let confirmed = changed(&booking, Status::Confirmed, 1);
    spine
        .append(&tell(EventType::BookingConfirmed, confirmed))
        .await;
    let cancelled = changed(&booking, Status::Cancelled, 2);
    spine
        .append(&tell(EventType::BookingCancelled, cancelled))
        .await;
    desk.run().await.unwrap();
    let mails = server.mails(6).await;
    let uid = format!("UID:{}@belfry", booking.id);
    for person in [&booking.client, &booking.expert] {
        let address = format!("{}@belfry.test", person.id);
        for (method, status, sequence) in [
            ("REQUEST", "TENTATIVE", 0),
            ("REQUEST", "CONFIRMED", 1),
            ("CANCEL", "CANCELLED", 2),
        ] {
            let wanted = |mail: &&server::Received| {
                mail.to == address
                    && mail.text.contains(&uid)
                    && mail.text.contains(&format!("METHOD:{method}\r\n"))
                    && mail.text.contains(&format!("STATUS:{status}\r\n"))
                    && mail.text.contains(&format!("SEQUENCE:{sequence}\r\n"))
            };
            let found: Vec<_> = mails.iter().filter(wanted).collect();
            assert_eq!(found.len(), 1, "{method} {status} {sequence} to {address}");
            let mail = &found[0].text;
            let kind = format!("text/calendar; charset=utf-8; method={method}");
            assert_eq!(
                mail.matches(&kind).count(),
                2,
                "beside the text and as a file"
            );
            assert!(mail.contains("Auto-Submitted: auto-generated"));
            assert!(mail.contains("@belfry.test>"), "Message-ID");
        }
    }
}

async fn mail_waits_while_the_server_is_down_and_leaves_when_it_is_back(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let server = MailServer::start().await;
    let courier = spine.courier(channel(&server));
    let first = spine.mails(1).await;
    courier.nudge();
    spine.all_become(&first, DeliveryStatus::Sent).await;

    server.set(Mood::Down).await;
    let second = spine.mails(3).await;
    courier.nudge();
    spine.all_become(&second, DeliveryStatus::Retrying).await;

    server.set(Mood::Well).await;
    spine.house.advance(1);
    courier.nudge();
    spine.all_become(&second, DeliveryStatus::Sent).await;
    assert_eq!(server.mails(4).await.len(), 4);
}

async fn a_passing_refusal_is_retried_and_a_lasting_one_is_not(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let server = MailServer::start().await;
    let courier = spine.courier(channel(&server));
    let outcome = async |id: DeliveryId| {
        let item = spine.store().delivery(id).await.unwrap().unwrap();
        let last = item.attempts.last().unwrap().clone();
        (last.outcome.unwrap(), last.error.unwrap_or_default())
    };

    server.set(Mood::Greylisting).await;
    let id = spine.mails(1).await[0];
    courier.nudge();
    let item = spine.tried(id, 1).await;
    assert_eq!(item.status, DeliveryStatus::Retrying);
    assert!(outcome(id).await.1.contains("451"));
    server.set(Mood::Well).await;
    spine.house.advance(1);
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Sent).await;

    for (mood, word) in [
        (Mood::NobodyHere, "dead_address"),
        (Mood::NoSpam, "refused"),
    ] {
        server.set(mood).await;
        let id = spine.mails(1).await[0];
        courier.nudge();
        spine.all_become(&[id], DeliveryStatus::Dead).await;
        assert_eq!(outcome(id).await.0, word);
    }
}

async fn a_connection_lost_after_the_text_leaves_doubt(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let server = MailServer::start().await;
    let courier = spine.courier(channel(&server));
    server.set(Mood::HangUpAfterText).await;
    let id = spine.mails(1).await[0];
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Ambiguous).await;
    server.set(Mood::Well).await;
    spine.house.advance(600);
    courier.nudge();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(spine.status(id).await, DeliveryStatus::Ambiguous);
    assert_eq!(server.mails(1).await.len(), 1, "it had arrived");
}

async fn without_a_server_mail_is_kept_to_be_read(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let courier = spine.courier(Arc::new(Kept));
    let ids = spine.mails(3).await;
    courier.nudge();
    spine.all_become(&ids, DeliveryStatus::Kept).await;
    let kept = spine.store().delivery(ids[0]).await.unwrap().unwrap();
    assert!(kept.content.html.contains("<h1"));
    assert_eq!(kept.attempts[0].outcome.as_deref(), Some("kept"));
}

async fn a_second_server_takes_what_the_first_one_does_not(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let (first, second) = (MailServer::start().await, MailServer::start().await);
    let address = |server: &MailServer| {
        let address = format!("smtp://127.0.0.1:{}", server.port());
        belfry::secret::Secret::new(address)
    };
    let mut settings = belfry::config::Settings::defaults().unwrap().email;
    settings.smtp_url = address(&first);
    settings.smtp_urls = vec![address(&second)];
    let courier = spine.courier_of(belfry::channel::email(&settings).unwrap());
    first.set(Mood::Busy).await;
    let id = spine.mails(1).await[0];
    courier.nudge();
    spine.all_become(&[id], DeliveryStatus::Sent).await;
    assert_eq!(second.mails(1).await.len(), 1);
    let found = spine.store().delivery(id).await.unwrap().unwrap();
    let by: Vec<_> = found
        .attempts
        .iter()
        .map(|attempt| (attempt.provider.as_deref(), attempt.outcome.as_deref()))
        .collect();
    assert_eq!(
        by,
        [
            (Some("smtp"), Some("retry")),
            (Some("smtp-2"), Some("sent"))
        ]
    );
}
