//! What is wrong with an address or a text is never held against the provider that says so: on every channel, by its
//! true protocol, more dead addresses and refused texts than would open a breaker, and the next message leaves.

use std::sync::Arc;
use std::time::Duration;

use belfry::channel::telegram::{Bot, Telegram as TelegramProvider};
use belfry::channel::{
    Email, Esms as EsmsProvider, Fcm as FcmProvider, Guard, HttpSms as HttpProvider,
    SpeedSms as SpeedProvider, Vapid, WebPush, Webhooks, Zns as ZnsProvider, fresh_secret,
};
use belfry::config::{Settings, Sms};
use belfry_actors::{Courier, Provider};
use belfry_domain::booking::Party;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{Content, DeliveryStatus};
use belfry_domain::id::{UserId, WebhookId};
use belfry_domain::notification::Message;
use belfry_domain::webhook::{Hook, content, rule_id};
use belfry_store::address::{self, NewAddress};
use belfry_store::webhook::{self, SigningSecret, Webhook};
use serde_json::{Value, json};

use super::fallback::wants_everything;
use super::plan::{message, plan};
use crate::engine::{Fresh, on_both_engines};
use crate::mail::server::{MailServer, Mood};
use crate::spine::Spine;
use crate::standin::esms::Esms;
use crate::standin::fcm::{Fate, Fcm};
use crate::standin::http_sms::HttpSms;
use crate::standin::speedsms::SpeedSms;
use crate::standin::telegram::Telegram;
use crate::standin::web_push::PushService;
use crate::standin::zns::Zns;
use crate::standin::{Reply, StandIn};

on_both_engines!(
    mail,
    telegram,
    zalo,
    esms,
    speedsms,
    any_gateway,
    apps,
    browsers,
    webhooks,
);

/// Of each kind: together more than open a breaker, were they held against it.
const SOME: usize = 7;

/// One provider with its courier, and somebody who wants everything.
struct Trial<'a> {
    spine: Spine<'a>,
    courier: Courier,
    client: Party,
}

impl<'a> Trial<'a> {
    async fn of(fresh: &'a Fresh, provider: impl Provider + 'static) -> Self {
        let spine = Spine::new(fresh).await;
        let courier = spine.courier_of(vec![Arc::new(provider)]);
        let client = spine.house.client().await;
        wants_everything(&spine, &client).await;
        Self {
            spine,
            courier,
            client,
        }
    }

    fn to(&self, channel: Channel, address: &str) -> Message {
        Message {
            kind: "booking.confirmed".to_owned(),
            content: Content {
                to_name: "Ánh".to_owned(),
                text: "Confirmed".to_owned(),
                html: "<p>Confirmed</p>".to_owned(),
                language: "vi".to_owned(),
                data: json!({ "code": "123456", "starts_at": "2027-03-02T10:00:00Z" }),
                ..Content::default()
            },
            ..message(&self.spine, self.client.id, channel, address)
        }
    }

    /// The same to a chat or device, which is somebody's first.
    async fn known(&self, channel: Channel, address: &str, details: Value) -> Message {
        let new = NewAddress {
            user_id: self.client.id,
            channel,
            address,
            details: &details,
            label: "",
        };
        let mut tx = self.spine.store().begin().await.unwrap();
        let now = self.spine.house.now();
        address::put(&mut tx, &new, now).await.unwrap();
        tx.commit().await.unwrap();
        let mut message = self.to(channel, address);
        message.content.details = details;
        message
    }

    /// Sends these, which all come to this, and are not held against the provider.
    async fn come_to(&self, messages: Vec<Message>, status: DeliveryStatus) {
        let planned = plan(&self.spine, messages).await;
        let ids: Vec<_> = planned.into_values().collect();
        self.courier.nudge();
        self.spine.all_become(&ids, status).await;
        let states = self.courier.providers().await;
        assert_eq!(states.len(), 1);
        assert_eq!(states[0].state, "ready", "{:?}", states[0]);
        assert_eq!(states[0].until, None);
    }

    /// Sends one that arrives, which ends the trial.
    async fn end_with(self, message: Message) {
        self.come_to(vec![message], DeliveryStatus::Sent).await;
        let state = &self.courier.providers().await[0];
        let ends: u64 = state.counts.values().sum();
        assert!(ends > 10, "it would have opened: {:?}", state.counts);
        assert!(self.courier.stop(Duration::from_secs(10)).await);
    }
}

/// Digits of phones that nobody else has.
fn phones(from: usize) -> impl Iterator<Item = String> {
    (from..from + SOME).map(|number| format!("8490{number:07}"))
}

fn settings(change: impl FnOnce(&mut Sms)) -> Sms {
    let mut settings = Settings::defaults().unwrap().sms;
    change(&mut settings);
    settings
}

async fn mail(fresh: &Fresh) {
    let server = MailServer::start().await;
    let url = format!("smtp://127.0.0.1:{}", server.port());
    let email = Email::new(&url, "Belfry <mail@belfry.test>", 2).unwrap();
    let trial = Trial::of(fresh, email).await;
    for (mood, status) in [
        (Mood::NobodyHere, DeliveryStatus::Dead),
        (Mood::NoSpam, DeliveryStatus::Dead),
        (Mood::Full, DeliveryStatus::Retrying),
    ] {
        server.set(mood).await;
        let people = (0..SOME).map(|n| format!("{mood:?}-{n}@belfry.test").to_lowercase());
        let mails = people.map(|address| trial.to(Channel::Email, &address));
        trial.come_to(mails.collect(), status).await;
    }
    server.set(Mood::Well).await;
    let good = trial.to(Channel::Email, "good@belfry.test");
    trial.end_with(good).await;
}

async fn telegram(fresh: &Fresh) {
    let server = Telegram::start().await;
    let mut settings = Settings::defaults().unwrap().telegram;
    server.settings(&mut settings);
    let bot = Bot::new(&settings.api_url, &settings.token).unwrap();
    let trial = Trial::of(fresh, TelegramProvider::new(bot, fresh.store.clone())).await;
    // Chats that are not there, and some whose people have blocked the bot.
    let mut lost = Vec::new();
    for chat in 1000..1000 + 2 * SOME as i64 {
        if chat % 2 == 0 {
            server.writes(chat, "hello");
            server.blocks(chat, false);
        }
        let chat = chat.to_string();
        lost.push(trial.known(Channel::Telegram, &chat, json!({})).await);
    }
    trial.come_to(lost, DeliveryStatus::Dead).await;
    server.writes(71, "hello");
    let good = trial.known(Channel::Telegram, "71", json!({})).await;
    trial.end_with(good).await;
}

async fn zalo(fresh: &Fresh) {
    let server = Zns::start().await;
    let settings = settings(|s| server.settings(s)).zns;
    let trial = Trial::of(
        fresh,
        ZnsProvider::new(settings, fresh.store.clone()).unwrap(),
    )
    .await;
    // No number, no Zalo on it, a text that does not fit, one that Zalo has withdrawn.
    for (place, code) in [-108, -118, -1121, -131].into_iter().enumerate() {
        let mut refused = Vec::new();
        for phone in phones(100 * place) {
            server.will(&phone, code);
            refused.push(trial.to(Channel::Sms, &format!("+{phone}")));
        }
        trial.come_to(refused, DeliveryStatus::Dead).await;
    }
    // Nothing is approved for this kind.
    let other = phones(900).map(|phone| Message {
        kind: "booking.created".to_owned(),
        ..trial.to(Channel::Sms, &format!("+{phone}"))
    });
    trial.come_to(other.collect(), DeliveryStatus::Dead).await;
    let good = trial.to(Channel::Sms, "+84901234567");
    trial.end_with(good).await;
}

async fn esms(fresh: &Fresh) {
    let server = Esms::start().await;
    let provider = EsmsProvider::new(settings(|s| server.settings(s)).esms).unwrap();
    let trial = Trial::of(fresh, provider).await;
    // Nobody's number, one that wants none, a text that is not agreed, a network without the brand name.
    for (place, code) in ["108", "99", "146", "177"].into_iter().enumerate() {
        let mut refused = Vec::new();
        for phone in phones(100 * place) {
            server.will(&phone, code);
            refused.push(trial.to(Channel::Sms, &format!("+{phone}")));
        }
        trial.come_to(refused, DeliveryStatus::Dead).await;
    }
    let good = trial.to(Channel::Sms, "+84901234567");
    trial.end_with(good).await;
}

async fn speedsms(fresh: &Fresh) {
    let server = SpeedSms::start().await;
    let provider = SpeedProvider::new(settings(|s| server.settings(s)).speedsms).unwrap();
    let trial = Trial::of(fresh, provider).await;
    for (place, code) in ["105", "invalid", "113"].into_iter().enumerate() {
        let mut refused = Vec::new();
        for phone in phones(100 * place) {
            server.will(&phone, code);
            refused.push(trial.to(Channel::Sms, &format!("+{phone}")));
        }
        trial.come_to(refused, DeliveryStatus::Dead).await;
    }
    let good = trial.to(Channel::Sms, "+84901234567");
    trial.end_with(good).await;
}

async fn any_gateway(fresh: &Fresh) {
    let gateway = HttpSms::start().await;
    let provider = HttpProvider::new(settings(|s| gateway.settings(s)).http_sms).unwrap();
    let trial = Trial::of(fresh, provider).await;
    let no = || Reply::json(400, json!({ "result": "no such number" }));
    gateway.server.next((0..2 * SOME).map(|_| no()));
    let refused = phones(0).chain(phones(100));
    let refused = refused.map(|phone| trial.to(Channel::Sms, &format!("+{phone}")));
    trial.come_to(refused.collect(), DeliveryStatus::Dead).await;
    let good = trial.to(Channel::Sms, "+84901234567");
    trial.end_with(good).await;
}

async fn apps(fresh: &Fresh) {
    let google = Fcm::start().await;
    let trial = Trial::of(fresh, FcmProvider::new(&google.settings()).unwrap()).await;
    for (name, fate) in [
        ("gone", Fate::Fault(404, "UNREGISTERED", None)),
        ("other", Fate::Fault(403, "SENDER_ID_MISMATCH", None)),
        ("text", Fate::Fault(400, "INVALID_ARGUMENT", None)),
    ] {
        let mut lost = Vec::new();
        for number in 0..SOME {
            let token = format!("{name}-{number}");
            google.will(&token, fate.clone());
            let details = json!({ "kind": "fcm_token" });
            lost.push(trial.known(Channel::Fcm, &token, details).await);
        }
        trial.come_to(lost, DeliveryStatus::Dead).await;
    }
    let details = json!({ "kind": "fcm_token" });
    let good = trial.known(Channel::Fcm, "good", details).await;
    trial.end_with(good).await;
}

async fn browsers(fresh: &Fresh) {
    let service = PushService::start().await;
    let mut settings = Settings::defaults().unwrap().push.web;
    settings.subject = "mailto:ops@belfry.test".to_owned();
    // As a well-known service, whose faults do count.
    settings.services = vec!["127.0.0.1".to_owned()];
    let vapid = Vapid::new(&Vapid::fresh_key(), &settings.subject).unwrap();
    let provider = WebPush::new(&settings, vapid, Guard::new(true)).unwrap();
    let trial = Trial::of(fresh, provider).await;
    for status in [404, 410, 400, 413] {
        let mut lost = Vec::new();
        for _ in 0..SOME {
            let browser = service.subscribe();
            service.will(&browser, Reply::status(status));
            let details = browser.device()["keys"].clone();
            let push = trial.known(Channel::WebPush, &browser.endpoint, details);
            lost.push(push.await);
        }
        trial.come_to(lost, DeliveryStatus::Dead).await;
    }
    let browser = service.subscribe();
    let details = browser.device()["keys"].clone();
    let good = trial.known(Channel::WebPush, &browser.endpoint, details);
    let good = good.await;
    trial.end_with(good).await;
}

async fn webhooks(fresh: &Fresh) {
    let provider = Webhooks::new(fresh.store.clone(), Guard::new(true)).unwrap();
    let trial = Trial::of(fresh, provider).await;
    let store = trial.spine.store();
    let mut servers = Vec::new();
    // One that fails concerns itself alone; a server that is gone ends its endpoint.
    for (status, end) in [
        (500, DeliveryStatus::Retrying),
        (400, DeliveryStatus::Retrying),
        (200, DeliveryStatus::Sent),
        (410, DeliveryStatus::Dead),
    ] {
        let server = StandIn::start(move |_| Reply::status(status)).await;
        let mut told = Vec::new();
        for number in 0..SOME {
            let at = trial.spine.house.now();
            let url = format!("{}/{number}", server.url());
            let id = WebhookId::at(at);
            let webhook = Webhook {
                hook: Hook {
                    id,
                    url: url.clone(),
                    // Of what never happens here.
                    events: vec!["booking.reviewed".parse().unwrap()],
                },
                description: String::new(),
                secrets: vec![SigningSecret {
                    secret: fresh_secret(),
                    until: None,
                }],
                enabled: true,
                disabled_cause: None,
                failing_since: None,
                created_by: UserId::at(at),
                created_at: at,
                updated_at: at,
                version: 1,
            };
            let mut tx = store.begin().await.unwrap();
            webhook::insert(&mut tx, &webhook).await.unwrap();
            tx.commit().await.unwrap();
            told.push(Message {
                rule_id: rule_id(id),
                user_id: None,
                content: content(id, "{}".to_owned()),
                ..trial.to(Channel::Webhook, &url)
            });
        }
        servers.push(server);
        trial.come_to(told, end).await;
    }
    assert!(trial.courier.stop(Duration::from_secs(10)).await);
}
