//! Each provider by itself over a real connection: what it takes, what it says no to, and what is known when a
//! connection breaks.

use belfry::channel::{
    Esms as EsmsProvider, HttpSms as HttpProvider, SpeedSms as SpeedProvider, Zns as ZnsProvider,
};
use belfry::config::{Settings, Sms};
use belfry_actors::{Outgoing, Provider};
use belfry_domain::Instant;
use belfry_domain::delivery::{Content, DeadCause, Receipt, SendError};
use belfry_domain::id::DeliveryId;
use chrono::TimeDelta;
use serde_json::json;

use super::{DIGITS, PHONE};
use crate::engine::{Fresh, on_both_engines};
use crate::standin::Reply;
use crate::standin::esms::Esms;
use crate::standin::http_sms::HttpSms;
use crate::standin::speedsms::SpeedSms;
use crate::standin::zns::Zns;

on_both_engines!(
    one_token_is_made_for_all_who_send_at_once_and_kept_over_restarts,
    a_token_that_ends_early_is_renewed_and_one_that_cannot_be_is_said_so,
    another_refresh_token_in_the_settings_begins_anew,
);

fn now() -> Instant {
    "2027-03-01T12:00:00Z".parse().unwrap()
}

fn message(text: &str) -> Outgoing {
    Outgoing {
        id: DeliveryId::at(now()),
        attempt: 1,
        kind: "booking.confirmed".to_owned(),
        address: PHONE.to_owned(),
        subject: "Title".to_owned(),
        content: Content {
            to_name: "Ánh".to_owned(),
            text: text.to_owned(),
            language: "vi-VN".to_owned(),
            data: json!({ "code": "123456", "starts_at": "2027-03-02T10:00:00Z" }),
            ..Content::default()
        },
        at: now(),
    }
}

fn settings(change: impl FnOnce(&mut Sms)) -> Sms {
    let mut settings = Settings::defaults().unwrap().sms;
    change(&mut settings);
    settings
}

fn named(result: &Result<Receipt, SendError>) -> String {
    match result {
        Ok(Receipt::Sent { provider_id }) => {
            format!("sent {}", provider_id.as_deref().unwrap_or("-"))
        }
        Ok(Receipt::Kept) => "kept".to_owned(),
        Err(SendError::DeadAddress { cause, .. }) => cause.as_str().to_owned(),
        Err(SendError::Refused(_)) => "refused".to_owned(),
        Err(SendError::Unserved(_)) => "unserved".to_owned(),
        Err(SendError::Transient(_)) => "transient".to_owned(),
        Err(SendError::Limited { .. }) => "limited".to_owned(),
        Err(SendError::Unconfigured(_)) => "unconfigured".to_owned(),
        Err(SendError::Ambiguous(_)) => "ambiguous".to_owned(),
        Err(SendError::Postponed { .. }) => "postponed".to_owned(),
    }
}

#[actix_rt::test]
async fn esms_by_its_protocol() {
    let server = Esms::start().await;
    let provider = EsmsProvider::new(settings(|s| server.settings(s)).esms).unwrap();
    let sends = async |message: &Outgoing| named(&provider.send(message).await);
    let first = message("Đã xác nhận");
    assert_eq!(sends(&first).await, "sent sms-1");
    assert_eq!(sends(&first).await, "sent -", "a repeat is known");
    assert_eq!(sends(&message("plain")).await, "sent sms-2");
    let flags: Vec<_> = server
        .asked()
        .iter()
        .map(|asked| asked.json()["IsUnicode"].clone())
        .collect();
    assert_eq!(flags, ["1", "1", "0"]);
    let labelled = message("[QC] Sale");
    assert_eq!(sends(&labelled).await, "sent sms-3");
    assert_eq!(
        server.taken()[2],
        (DIGITS.to_owned(), "[QC] Sale".to_owned())
    );
    for (code, expected) in [
        ("99", DeadCause::Blocked.as_str()),
        ("103", "unconfigured"),
        ("146", "refused"),
    ] {
        server.will(DIGITS, code);
        assert_eq!(sends(&message("x")).await, expected, "{code}");
    }
    let mut wrong = settings(|s| server.settings(s)).esms;
    wrong.secret_key = belfry::secret::Secret::new("wrong".to_owned());
    let wrong = EsmsProvider::new(wrong).unwrap();
    assert_eq!(named(&wrong.send(&message("x")).await), "unconfigured");
    let cut_off = message("cut off");
    server.hang_up();
    server.forget(DIGITS);
    assert_eq!(sends(&cut_off).await, "ambiguous");
    assert_eq!(sends(&cut_off).await, "sent -", "it had been taken");
    let mut away = settings(|s| server.settings(s)).esms;
    away.url = "http://127.0.0.1:1".to_owned();
    let away = EsmsProvider::new(away).unwrap();
    let nobody = named(&away.send(&message("x")).await);
    assert_eq!(nobody, "transient", "nobody listens");
}

#[actix_rt::test]
async fn speedsms_by_its_protocol() {
    let server = SpeedSms::start().await;
    let provider = SpeedProvider::new(settings(|s| server.settings(s)).speedsms).unwrap();
    let sends = async || named(&provider.send(&message("Đã xác nhận")).await);
    assert_eq!(sends().await, "sent 1001");
    server.hang_up();
    assert_eq!(sends().await, "ambiguous");
    assert_eq!(server.taken().len(), 2);
    for (code, expected) in [
        ("105", "invalid"),
        ("300", "unconfigured"),
        ("113", "refused"),
        ("500", "transient"),
        ("invalid", "invalid"),
    ] {
        server.will(DIGITS, code);
        assert_eq!(sends().await, expected, "{code}");
    }
    let mut wrong = settings(|s| server.settings(s)).speedsms;
    wrong.token = belfry::secret::Secret::new("wrong".to_owned());
    let wrong = SpeedProvider::new(wrong).unwrap();
    assert_eq!(named(&wrong.send(&message("x")).await), "unconfigured");
}

#[actix_rt::test]
async fn any_gateway_by_its_settings() {
    let server = HttpSms::start().await;
    let provider = HttpProvider::new(settings(|s| server.settings(s)).http_sms).unwrap();
    let text = "Đã xác nhận & \"100%\" = {{id}}";
    let sends = async || named(&provider.send(&message(text)).await);
    assert_eq!(sends().await, "sent 7");
    assert_eq!(server.taken(), [(DIGITS.to_owned(), text.to_owned())]);
    for (reply, expected) in [
        (
            Reply::json(200, json!({ "result": "no credit" })),
            "transient",
        ),
        (Reply::text(200, "<html>"), "ambiguous"),
        (Reply::status(400), "refused"),
        (Reply::status(403), "unconfigured"),
        (
            Reply::status(307).with("location", "http://127.0.0.1:1/"),
            "unconfigured",
        ),
        (Reply::status(503), "transient"),
        (Reply::status(504), "ambiguous"),
        (Reply::Cut, "ambiguous"),
    ] {
        let told = format!("{reply:?}");
        server.server.next([reply]);
        assert_eq!(sends().await, expected, "{told}");
    }
    server
        .server
        .next([Reply::status(429).with("retry-after", "90")]);
    let Err(SendError::Limited { until, .. }) = provider.send(&message(text)).await else {
        panic!("429 is a limit");
    };
    assert_eq!(until, now() + TimeDelta::seconds(90));
}

fn zns(server: &Zns, fresh: &Fresh) -> ZnsProvider {
    ZnsProvider::new(settings(|s| server.settings(s)).zns, fresh.store.clone()).unwrap()
}

async fn one_token_is_made_for_all_who_send_at_once_and_kept_over_restarts(fresh: &Fresh) {
    let server = Zns::start().await;
    let (one, other) = (zns(&server, fresh), zns(&server, fresh));
    let messages: Vec<Outgoing> = (0..12).map(|_| message("x")).collect();
    let sends = messages
        .iter()
        .enumerate()
        .map(|(place, message)| match place % 2 {
            0 => one.send(message),
            _ => other.send(message),
        });
    for sent in futures::future::join_all(sends).await {
        assert!(named(&sent).starts_with("sent zns-"), "{sent:?}");
    }
    assert_eq!((server.taken().len(), server.renewed()), (12, 1));
    let restarted = zns(&server, fresh);
    assert!(restarted.send(&message("x")).await.is_ok());
    assert_eq!(server.renewed(), 1);
    // A day later it is renewed before it ends.
    let later = Outgoing {
        at: now() + TimeDelta::seconds(90_000 - 60),
        ..message("x")
    };
    assert!(restarted.send(&later).await.is_ok());
    assert_eq!(server.renewed(), 2);
}

async fn a_token_that_ends_early_is_renewed_and_one_that_cannot_be_is_said_so(fresh: &Fresh) {
    let server = Zns::start().await;
    let provider = zns(&server, fresh);
    let sends = async || named(&provider.send(&message("x")).await);
    assert_eq!(sends().await, "sent zns-1");
    server.revoke();
    assert_eq!(sends().await, "sent zns-2");
    assert_eq!(server.renewed(), 2);
    for (code, expected) in [
        (-108, "invalid"),
        (-115, "unconfigured"),
        (-118, "unserved"),
        (-112, "refused"),
        (-144, "limited"),
    ] {
        server.will(DIGITS, code);
        assert_eq!(sends().await, expected, "{code}");
    }
    let unnamed = Outgoing {
        kind: "booking.created".to_owned(),
        ..message("x")
    };
    let tried = server.tried();
    assert_eq!(named(&provider.send(&unnamed).await), "unserved");
    assert_eq!(server.tried(), tried, "nothing was asked without a text");
}

async fn another_refresh_token_in_the_settings_begins_anew(fresh: &Fresh) {
    let server = Zns::start().await;
    assert!(zns(&server, fresh).send(&message("x")).await.is_ok());
    let mut changed = settings(|s| server.settings(s)).zns;
    changed.refresh_token = belfry::secret::Secret::new("refresh-stale".to_owned());
    let stale = ZnsProvider::new(changed.clone(), fresh.store.clone()).unwrap();
    assert_eq!(named(&stale.send(&message("x")).await), "unconfigured");
    changed.refresh_token = belfry::secret::Secret::new("refresh-1".to_owned());
    let anew = ZnsProvider::new(changed, fresh.store.clone()).unwrap();
    assert!(anew.send(&message("x")).await.is_ok());
    assert_eq!(server.renewed(), 2);
}
