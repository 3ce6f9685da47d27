//! Webhooks: what endpoints are told, how it is signed, and what becomes of those that fail (C6.3).

/// Webhooks in a running house.
mod house;

use std::time::SystemTime;

use belfry::channel::{Guard, Webhooks, fresh_secret};
use belfry_actors::{Outgoing, Provider};
use belfry_domain::Instant;
use belfry_domain::delivery::{Receipt, SendError};
use belfry_domain::id::{DeliveryId, UserId, WebhookId};
use belfry_domain::webhook::{Hook, content};
use belfry_store::webhook::{self, SigningSecret, Webhook};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::standin::{Asked, Reply, StandIn};

on_both_engines!(
    what_arrives_is_verified_by_somebody_elses_code,
    an_old_secret_signs_along_until_its_end,
    only_success_is_success,
    an_endpoint_that_only_fails_is_switched_off_after_five_days,
    an_endpoint_that_leads_inside_is_never_called,
);

/// The time of day: receivers refuse what was signed long ago or ahead.
fn now() -> Instant {
    belfry_domain::to_micros(SystemTime::now().into())
}

/// An endpoint at this address.
async fn hook(fresh: &Fresh, url: &str, secrets: Vec<SigningSecret>) -> WebhookId {
    let at = now();
    let webhook = Webhook {
        hook: Hook {
            id: WebhookId::at(at),
            url: url.to_owned(),
            events: vec!["*".parse().unwrap()],
        },
        description: String::new(),
        secrets,
        enabled: true,
        disabled_cause: None,
        failing_since: None,
        created_by: UserId::at(at),
        created_at: at,
        updated_at: at,
        version: 1,
    };
    let mut tx = fresh.store.begin().await.unwrap();
    webhook::insert(&mut tx, &webhook).await.unwrap();
    tx.commit().await.unwrap();
    webhook.hook.id
}

fn secret(until: Option<Instant>) -> SigningSecret {
    SigningSecret {
        secret: fresh_secret(),
        until,
    }
}

fn message(id: WebhookId, attempt: i64, at: Instant) -> Outgoing {
    let body = json!({ "type": "booking.created", "data": { "note": "Chào \"bạn\"" } });
    Outgoing {
        id: DeliveryId::at(at),
        attempt,
        kind: "booking.created".to_owned(),
        address: String::new(),
        subject: "booking.created".to_owned(),
        content: content(id, body.to_string()),
        at,
    }
}

/// Whether a receiver with this secret believes what came.
fn verified(secret: &SigningSecret, asked: &Asked) -> bool {
    let mut headers = http::HeaderMap::new();
    for (name, value) in &asked.headers {
        let name: http::HeaderName = name.parse().unwrap();
        headers.insert(name, value.parse().unwrap());
    }
    let receiver = standardwebhooks::Webhook::new(&secret.secret).unwrap();
    receiver.verify(&asked.body, &headers).is_ok()
}

async fn what_arrives_is_verified_by_somebody_elses_code(fresh: &Fresh) {
    let endpoint = StandIn::start(|_| Reply::status(204)).await;
    let secret = secret(None);
    let id = hook(fresh, &endpoint.url(), vec![secret.clone()]).await;
    let webhooks = Webhooks::new(fresh.store.clone(), Guard::new(true)).unwrap();
    let sent = message(id, 1, now());
    let receipt = webhooks.send(&sent).await.unwrap();
    assert_eq!(receipt, Receipt::Sent { provider_id: None });
    let first = endpoint.asked_times(1).await;
    let asked = &first[0];
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(asked.header("webhook-id"), sent.id.to_string());
    assert_eq!(asked.json()["data"]["note"], "Chào \"bạn\"");
    assert!(verified(&secret, asked));
    let mut forged = asked.clone();
    forged.body.push(b' ');
    assert!(!verified(&secret, &forged));
    // Sent again, it has the same id and another time.
    let later = Outgoing {
        attempt: 2,
        at: sent.at + TimeDelta::seconds(5),
        ..sent.clone()
    };
    webhooks.send(&later).await.unwrap();
    let again = &endpoint.asked()[1];
    assert_eq!(again.header("webhook-id"), asked.header("webhook-id"));
    assert_ne!(
        again.header("webhook-timestamp"),
        asked.header("webhook-timestamp")
    );
    assert!(verified(&secret, again));
    // What was signed long ago is believed by nobody.
    let old = message(id, 1, now() - TimeDelta::minutes(6));
    webhooks.send(&old).await.unwrap();
    assert!(!verified(&secret, &endpoint.asked()[2]));
}

async fn an_old_secret_signs_along_until_its_end(fresh: &Fresh) {
    let endpoint = StandIn::start(|_| Reply::status(200)).await;
    let at = now();
    let (present, old) = (secret(None), secret(Some(at + TimeDelta::minutes(1))));
    let secrets = vec![present.clone(), old.clone()];
    let id = hook(fresh, &endpoint.url(), secrets).await;
    let webhooks = Webhooks::new(fresh.store.clone(), Guard::new(true)).unwrap();
    webhooks.send(&message(id, 1, at)).await.unwrap();
    let after = message(id, 1, at + TimeDelta::minutes(1));
    webhooks.send(&after).await.unwrap();
    let asked = endpoint.asked();
    assert!(verified(&present, &asked[0]) && verified(&old, &asked[0]));
    assert!(verified(&present, &asked[1]) && !verified(&old, &asked[1]));
    assert!(!verified(&secret(None), &asked[0]));
}

async fn only_success_is_success(fresh: &Fresh) {
    let endpoint = StandIn::start(|_| Reply::status(200)).await;
    let id = hook(fresh, &endpoint.url(), vec![secret(None)]).await;
    let webhooks = Webhooks::new(fresh.store.clone(), Guard::new(true)).unwrap();
    let pause = |reply: Reply| reply.with("retry-after", "3600");
    // What it answers, and the least and the most seconds until it is called again.
    let table = [
        (Reply::status(301).with("location", "/elsewhere"), 5, 6),
        (Reply::status(400), 5, 6),
        (Reply::status(404), 5, 6),
        (Reply::status(500), 5, 6),
        (Reply::Cut, 5, 6),
        (pause(Reply::status(429)), 3600, 3600),
        (pause(Reply::status(502)), 3600, 3600),
        (pause(Reply::status(504)), 3600, 3600),
        // Nobody asked for that.
        (pause(Reply::status(400)), 5, 6),
    ];
    let at = now();
    for (reply, least, most) in table {
        endpoint.next([reply.clone()]);
        let result = webhooks.send(&message(id, 1, at)).await;
        let Err(SendError::Postponed {
            until: Some(until), ..
        }) = result
        else {
            panic!("{reply:?}: {result:?}");
        };
        let seconds = (until - at).num_seconds();
        assert!((least..=most).contains(&seconds), "{reply:?}: {seconds}");
    }
    let asked = endpoint.asked();
    assert!(
        asked.iter().all(|asked| asked.path == "/"),
        "nothing was followed"
    );
    let failing = fresh.store.webhook(id).await.unwrap().unwrap();
    assert_eq!(failing.failing_since, Some(at));
    webhooks.send(&message(id, 1, at)).await.unwrap();
    let well = fresh.store.webhook(id).await.unwrap().unwrap();
    assert_eq!(well.failing_since, None);
    // One that says it is gone is believed.
    endpoint.next([Reply::status(410)]);
    let result = webhooks.send(&message(id, 1, at)).await;
    assert!(matches!(result, Err(SendError::Refused(_))), "{result:?}");
    let gone = fresh.store.webhook(id).await.unwrap().unwrap();
    assert!(!gone.enabled);
    assert_eq!(gone.disabled_cause.as_deref(), Some("gone"));
    let times = endpoint.asked().len();
    let result = webhooks.send(&message(id, 1, at)).await;
    assert!(matches!(result, Err(SendError::Refused(_))), "{result:?}");
    assert_eq!(endpoint.asked().len(), times);
}

async fn an_endpoint_that_only_fails_is_switched_off_after_five_days(fresh: &Fresh) {
    let endpoint = StandIn::start(|_| Reply::status(500)).await;
    let id = hook(fresh, &endpoint.url(), vec![secret(None)]).await;
    let webhooks = Webhooks::new(fresh.store.clone(), Guard::new(true)).unwrap();
    let start = now();
    let state = async |hours: i64| {
        let at = start + TimeDelta::hours(hours);
        drop(webhooks.send(&message(id, 1, at)).await);
        let webhook = fresh.store.webhook(id).await.unwrap().unwrap();
        (webhook.enabled, webhook.disabled_cause)
    };
    assert_eq!(state(0).await, (true, None));
    assert_eq!(state(119).await, (true, None));
    // One success in between, and the days are counted from the next failure.
    endpoint.next([Reply::status(200)]);
    assert_eq!(state(119).await, (true, None));
    assert_eq!(state(121).await, (true, None));
    assert_eq!(state(240).await, (true, None));
    let off = (false, Some("failing".to_owned()));
    assert_eq!(state(242).await, off);
}

async fn an_endpoint_that_leads_inside_is_never_called(fresh: &Fresh) {
    let endpoint = StandIn::start(|_| Reply::status(200)).await;
    let strict = Webhooks::new(fresh.store.clone(), Guard::new(false)).unwrap();
    for url in [
        endpoint.url(),
        endpoint.url().replace("http:", "https:"),
        endpoint
            .url()
            .replace("http://127.0.0.1", "https://localhost"),
        "https://169.254.169.254/latest".to_owned(),
        "https://[::ffff:127.0.0.1]/".to_owned(),
    ] {
        let id = hook(fresh, &url, vec![secret(None)]).await;
        let result = strict.send(&message(id, 1, now())).await;
        assert!(matches!(result, Err(SendError::Postponed { .. })), "{url}");
    }
    assert!(endpoint.asked().is_empty());
    let unknown: Value = json!({});
    let nobody = Outgoing {
        content: belfry_domain::delivery::Content {
            details: unknown,
            ..Default::default()
        },
        ..message(WebhookId::at(now()), 1, now())
    };
    let result = strict.send(&nobody).await;
    assert!(matches!(result, Err(SendError::Refused(_))), "{result:?}");
}
