//! Every text in every language, with the worst that people can type.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use belfry_domain::Instant;
use belfry_domain::booking::{Mode, Status};
use belfry_domain::channel::{Channel, Way};
use belfry_domain::event::{
    AccountFacts, BookingFacts, DigestFacts, DigestItem, Event, EventType, Person, WebhookFacts,
};
use belfry_domain::gate::{Class, Policy};
use belfry_domain::id::{BookingId, EventId, UserId, VisitId};
use belfry_domain::notification::{
    Address, Category, Facts, Links, Message, People, Plan, Planning, Recipient, Sides, plan,
};
use belfry_domain::preference::{Preferences, Ways};
use belfry_domain::rule::{Rule, RuleBook};
use belfry_domain::template::Templates;
use belfry_domain::{sample, sms};

const HOSTILE: &str = "<script>alert(1)</script>\"'&{{ 7*7 }}{% raw %}";

fn now() -> Instant {
    "2026-12-01T01:00:00Z".parse().unwrap()
}

static TEXTS: LazyLock<Templates> = LazyLock::new(|| Templates::builtin().unwrap());
static RULES: LazyLock<RuleBook> = LazyLock::new(|| RuleBook::defaults().unwrap());

struct Pages;

impl Links for Pages {
    fn booking(&self, booking: BookingId) -> String {
        format!("https://belfry.test/bookings/{booking}?a=1&b=2")
    }
    fn guest_booking(&self, booking: BookingId, client: UserId) -> String {
        format!("https://belfry.test/b/{booking}.{client}")
    }
    fn lookup(&self) -> String {
        "https://belfry.test/lookup".to_owned()
    }
    fn code(&self, _: UserId, number: i64) -> String {
        format!("{number:08}")
    }
    fn inbox(&self) -> String {
        "https://belfry.test/inbox".to_owned()
    }
    fn waiting_list(&self) -> String {
        "https://belfry.test/waiting".to_owned()
    }
    fn visit(&self, visit: VisitId) -> String {
        format!("https://belfry.test/visits/{visit}")
    }
    fn expert(&self, expert: UserId) -> String {
        format!("https://belfry.test/experts/{expert}")
    }
    fn verify(&self, user: UserId, _: &str, _: Instant) -> String {
        format!("https://belfry.test/verify?token={user}")
    }
    fn reset(&self, _: UserId, epoch: i64, _: Instant) -> String {
        format!("https://belfry.test/reset?token={epoch}")
    }
    fn unsubscribe(&self, user: UserId, category: Category, _: Instant) -> String {
        format!(
            "https://belfry.test/unsubscribe/{user}.{}",
            category.as_str()
        )
    }
}

fn mail(name: &str) -> String {
    format!("{}@example.com", name.to_lowercase().replace(' ', "."))
}

fn address(channel: Channel, address: &str) -> Address {
    Address {
        channel,
        address: address.to_owned(),
        details: serde_json::Value::Null,
        suppressed: None,
    }
}

struct Case {
    facts: BookingFacts,
    people: People,
}

impl Case {
    fn new(locale: &str) -> Self {
        let (client, expert) = (UserId::at(now()), UserId::at(now()));
        let person = |id, name: &str, zone: chrono_tz::Tz| {
            let recipient = Recipient {
                id,
                name: name.to_owned(),
                email: mail(name),
                locale: locale.to_owned(),
                time_zone: zone,
                disabled: false,
                guest: false,
                preferences: Preferences::default(),
                addresses: vec![address(Channel::Email, &mail(name))],
            };
            (id, recipient)
        };
        let people = BTreeMap::from([
            person(client, "Ann Client", chrono_tz::Europe::Berlin),
            person(expert, "Minh Expert", chrono_tz::Asia::Ho_Chi_Minh),
        ]);
        let facts = BookingFacts {
            booking_id: BookingId::at(now()),
            code: "004217".to_owned(),
            status: Status::Pending,
            starts_at: "2026-12-01T02:00:00Z".parse().unwrap(),
            ends_at: "2026-12-01T03:00:00Z".parse().unwrap(),
            time_zone: "Asia/Ho_Chi_Minh".to_owned(),
            promised_start: None,
            expert: Person {
                id: expert,
                name: "Minh Expert".to_owned(),
            },
            client: Person {
                id: client,
                name: "Ann Client".to_owned(),
            },
            mode: Mode::Online,
            place: None,
            link: None,
            note: None,
            reason: None,
            sequence: 0,
            offset_minutes: None,
            previous_starts_at: None,
            series: None,
            session: None,
            actor_id: Some(client),
            actor_name: "Ann Client".to_owned(),
            actor_role: "user".to_owned(),
        };
        Self { facts, people }
    }

    /// Names of 100 characters without a break, markup everywhere, everything present.
    fn hostile(locale: &str) -> Self {
        let mut case = Self::new(locale);
        let name = format!("{HOSTILE}{}", "W".repeat(60));
        case.facts.expert.name.clone_from(&name);
        case.facts.client.name.clone_from(&name);
        case.facts.actor_name.clone_from(&name);
        for person in case.people.values_mut() {
            person.name.clone_from(&name);
        }
        case.facts.note = Some(format!("{HOSTILE}\r\nsecond line\n{}", "x".repeat(1900)));
        case.facts.reason = Some(HOSTILE.to_owned());
        case.facts.place = Some(HOSTILE.to_owned());
        case.facts.link = Some("javascript:alert(1)".to_owned());
        case.facts.previous_starts_at = Some("2026-11-30T02:00:00Z".parse().unwrap());
        case.facts.offset_minutes = Some(60);
        case.facts.promised_start = Some("2026-12-01T08:00:00".parse().unwrap());
        case
    }

    fn plan(&self, kind: EventType) -> Plan {
        self.plan_by(kind, &RULES)
    }

    fn plan_by(&self, kind: EventType, rules: &RuleBook) -> Plan {
        let (data, facts) = match kind {
            EventType::AccountRegistered
            | EventType::AccountPasswordForgotten
            | EventType::GuestCodeAsked => {
                let facts = AccountFacts {
                    user_id: self.facts.client.id,
                    auth_epoch: 3,
                };
                (serde_json::to_value(&facts).unwrap(), Facts::Account(facts))
            }
            EventType::DigestClosed => {
                let facts = DigestFacts {
                    window_id: uuid::Uuid::nil(),
                    user_id: self.facts.client.id,
                    way: Way::Email,
                    items: vec![DigestItem {
                        kind: "booking.created".to_owned(),
                        title: self.facts.expert.name.clone(),
                        body: HOSTILE.to_owned(),
                        url: Some("javascript:alert(1)".to_owned()),
                        at: now(),
                    }],
                };
                (serde_json::to_value(&facts).unwrap(), Facts::Digest(facts))
            }
            EventType::WebhookDisabled => {
                let facts = WebhookFacts {
                    webhook_id: uuid::Uuid::nil().into(),
                    url: format!("https://example.com/{HOSTILE}"),
                    cause: "gone".to_owned(),
                };
                (serde_json::to_value(&facts).unwrap(), Facts::Webhook(facts))
            }
            kind if kind.is_of_waiting() => {
                let Facts::Waiting(mut facts) = sample::events(kind, now()).remove(0).1 else {
                    unreachable!()
                };
                facts.expert = self.facts.expert.clone();
                facts.client = self.facts.client.clone();
                facts.note.clone_from(&self.facts.note);
                facts.actor_id = self.facts.actor_id;
                (serde_json::to_value(&facts).unwrap(), Facts::Waiting(facts))
            }
            kind if kind.is_of_visit() => {
                let Facts::Visit(mut facts) = sample::events(kind, now()).remove(1).1 else {
                    unreachable!()
                };
                facts.client = Some(self.facts.client.clone());
                facts.expert = Some(self.facts.expert.clone());
                facts.actor_id = self.facts.actor_id;
                (serde_json::to_value(&facts).unwrap(), Facts::Visit(facts))
            }
            _ => (
                serde_json::to_value(&self.facts).unwrap(),
                Facts::Booking(Box::new(self.facts.clone())),
            ),
        };
        let event = Event {
            id: EventId::at(now()),
            kind,
            subject: "booking/1".to_owned(),
            subject_version: 1,
            time: now(),
            data,
        };
        assert_eq!(Facts::of(&event).unwrap(), facts, "facts survive the row");
        let planning = Planning {
            rules,
            people: &self.people,
            sides: &Sides {
                administrators: vec![self.facts.client.id],
                ..Sides::default()
            },
            templates: &TEXTS,
            links: &Pages,
            policy: &Policy::default(),
            now: now(),
        };
        plan(&event, &facts, &planning).unwrap()
    }
}

#[test]
fn every_text_renders_in_every_language_with_hostile_and_with_bare_data() {
    for locale in ["en", "vi-VN", "zh", "zh-Hant-TW", "fr", "x"] {
        for kind in EventType::ALL {
            for status in [Status::Pending, Status::Confirmed, Status::Cancelled] {
                for mode in [Mode::Online, Mode::Offline] {
                    for mut case in [Case::new(locale), Case::hostile(locale)] {
                        (case.facts.status, case.facts.mode) = (status, mode);
                        check_every_actor(&mut case, *kind);
                    }
                }
            }
        }
    }
}

fn check_every_actor(case: &mut Case, kind: EventType) {
    let strangers = UserId::at(now());
    let actors = [
        Some(case.facts.client.id),
        Some(case.facts.expert.id),
        Some(strangers),
        None,
    ];
    for actor in actors {
        case.facts.actor_id = actor;
        let plan = case.plan(kind);
        let expected = RULES.on(kind).filter(|rule| rule.draft.inbox).count();
        assert_eq!(plan.entries.len(), expected, "{kind:?}");
        for entry in &plan.entries {
            assert!(!entry.title.is_empty() && !entry.body.is_empty());
            assert!(!entry.title.contains('\n'));
            assert!(!entry.title.contains("none"), "{}", entry.title);
            let keys = match kind {
                EventType::WebhookDisabled => ["webhook_id", "url", "cause"],
                kind if kind.is_of_waiting() => ["waiting_id", "starts_at", "expires_at"],
                kind if kind.is_of_visit() => ["visit_id", "number", "branch"],
                _ => ["booking_id", "code", "starts_at"],
            };
            for key in keys {
                assert!(entry.data.get(key).is_some(), "{key}");
            }
        }
        for message in &plan.messages {
            let html = &message.content.html;
            assert!(!html.contains("<script"), "{html}");
            assert!(!html.contains("href=\"javascript:"), "{html}");
            assert!(!html.contains("href=\"\""), "{html}");
            assert!(!html.contains("{{") || html.contains("{{ 7*7 }}"));
            assert!(!html.contains("49{%"), "typed text was run as a template");
            assert!(!message.subject.contains(['\r', '\n']));
            assert!(!message.content.text.trim().is_empty());
            assert!(message.content.text.contains("https://belfry.test/"));
        }
    }
}

#[test]
fn both_sides_hear_of_every_booking_event_and_each_in_their_own_words() {
    let plan = Case::new("en").plan(EventType::BookingCreated);
    let titles: Vec<&str> = plan.entries.iter().map(|e| e.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Booking requested with Minh Expert",
            "Booking request from Ann Client"
        ]
    );
    assert_eq!(
        plan.entries[0].body,
        "Tue 1 Dec, 03:00 (GMT+1) = 09:00 (GMT+7). Minh Expert will answer soon."
    );
    assert_eq!(
        plan.entries[1].body,
        "Tue 1 Dec, 09:00 (GMT+7) = 03:00 (GMT+1). Please confirm or decline."
    );
    assert_eq!(plan.messages.len(), 2);
    let text = &plan.messages[0].content.text;
    assert!(text.contains("When: Tuesday, 1 December 2026, 03:00–04:00 (GMT+1)"));
    assert!(text.contains("For Minh Expert: Tuesday, 1 December 2026, 09:00–10:00 (GMT+7)"));
}

#[test]
fn what_one_did_oneself_is_said_so() {
    let mut case = Case::new("en");
    case.facts.status = Status::Cancelled;
    case.facts.reason = Some("ill".to_owned());
    let plan = case.plan(EventType::BookingCancelled);
    assert_eq!(
        plan.entries[0].title,
        "You cancelled the booking with Minh Expert"
    );
    assert_eq!(plan.entries[1].title, "Ann Client cancelled the booking");
    assert!(plan.entries[1].body.ends_with("Reason: ill"));
}

#[test]
fn a_missed_booking_is_mailed_to_whoever_did_not_mark_it() {
    let mut case = Case::new("en");
    case.facts.actor_id = Some(case.facts.expert.id);
    let mailed = |case: &Case| {
        case.plan(EventType::BookingMissed)
            .messages
            .iter()
            .filter_map(|m| m.user_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(mailed(&case), [case.facts.client.id]);
    case.facts.actor_id = None;
    assert_eq!(mailed(&case), [case.facts.client.id, case.facts.expert.id]);
}

#[test]
fn completion_asks_the_client_for_a_review() {
    let mut case = Case::new("vi");
    case.facts.status = Status::Completed;
    let plan = case.plan(EventType::BookingCompleted);
    let kinds: Vec<_> = plan.entries.iter().map(|e| (e.user_id, &*e.kind)).collect();
    assert_eq!(
        kinds,
        [
            (case.facts.client.id, "booking.completed"),
            (case.facts.expert.id, "booking.completed"),
            (case.facts.client.id, "booking.review_asked"),
        ]
    );
    assert_eq!(plan.messages.len(), 1);
    assert_eq!(plan.messages[0].kind, "booking.review_asked");
}

#[test]
fn a_reminder_says_how_long_is_left_and_ends_with_the_start() {
    let mut case = Case::new("en");
    case.facts.status = Status::Confirmed;
    case.facts.actor_id = None;
    let plan = case.plan(EventType::BookingReminderDue);
    assert_eq!(plan.entries[0].title, "In 1 hour: Minh Expert");
    assert_eq!(plan.entries[1].title, "In 1 hour: Ann Client");
    for message in &plan.messages {
        assert_eq!(message.content.not_after, Some(case.facts.starts_at));
        assert!(message.content.attachments.is_empty());
    }
}

#[test]
fn a_clock_that_moved_is_told_as_what_was_agreed_and_what_is_shown() {
    let mut case = Case::new("en");
    case.facts.actor_id = None;
    case.facts.promised_start = Some("2026-12-01T08:00:00".parse().unwrap());
    let plan = case.plan(EventType::BookingClockMoved);
    assert_eq!(
        plan.entries[0].title,
        "The clock time of the booking with Minh Expert changed"
    );
    assert_eq!(
        plan.entries[0].body,
        "The rules for clocks in Ho Chi Minh changed. Agreed for Tue 1 Dec, 08:00 there, it now begins when the \
         clock there shows Tue 1 Dec, 09:00. Keep it or move it."
    );
    let mailed: Vec<_> = plan.messages.iter().filter_map(|m| m.user_id).collect();
    assert_eq!(mailed, [case.facts.client.id, case.facts.expert.id]);
    // The instant is the same, so there is nothing for a calendar to do.
    assert!(
        plan.messages
            .iter()
            .all(|m| m.content.attachments.is_empty())
    );
    case.facts.promised_start = None;
    let plan = case.plan(EventType::BookingClockMoved);
    assert!(
        plan.entries[1]
            .body
            .ends_with("It begins at Tue 1 Dec, 09:00 there again, as agreed.")
    );
}

#[test]
fn an_account_event_is_mailed_with_its_link_and_stays_out_of_the_inbox() {
    let case = Case::new("en");
    let plan = case.plan(EventType::AccountPasswordForgotten);
    assert!(plan.entries.is_empty());
    assert_eq!(plan.messages.len(), 1);
    let html = &plan.messages[0].content.html;
    assert!(html.contains("https:&#x2f;&#x2f;belfry.test") || html.contains("https://belfry.test"));
    assert!(plan.messages[0].content.text.contains("/reset?token=3"));
}

#[test]
fn nobody_writes_to_a_disabled_account_or_to_one_that_is_gone() {
    let mut case = Case::new("en");
    let client = case.facts.client.id;
    case.people.get_mut(&client).unwrap().disabled = true;
    let plan = case.plan(EventType::BookingConfirmed);
    assert_eq!(plan.entries.len(), 2);
    assert_eq!(plan.messages.len(), 1);
    case.people.remove(&client);
    let plan = case.plan(EventType::BookingConfirmed);
    assert_eq!(plan.entries.len(), 1);
    assert!(plan.messages[0].content.attachments.is_empty());
}

#[test]
fn an_advertisement_begins_with_its_label_on_every_channel_and_still_fits() {
    let label = Policy::default().marketing_label;
    let mut case = Case::hostile("vi");
    let reader = case.people.get_mut(&case.facts.client.id).unwrap();
    for channel in [
        Channel::Telegram,
        Channel::Sms,
        Channel::Fcm,
        Channel::WebPush,
    ] {
        reader.addresses.push(address(channel, "somewhere"));
    }
    reader.preferences.channels = Ways::ALL;
    case.facts.actor_id = None;
    let rules = RULES.all().iter().map(|rule| {
        let mut draft = rule.draft.clone();
        draft.class = Class::Marketing;
        draft.channels.append(&mut draft.fallback);
        Rule::new(rule.id.clone(), 1, draft)
    });
    let plan = case.plan_by(EventType::BookingCreated, &RuleBook::new(rules.collect()));
    let advertised: Vec<_> = plan
        .messages
        .iter()
        .filter(|message| message.user_id == Some(case.facts.client.id))
        .collect();
    assert_eq!(advertised.len(), 5);
    for message in advertised {
        let first = match message.channel {
            Channel::Sms => &message.content.text,
            _ => &message.subject,
        };
        assert!(first.starts_with(&label), "{:?}: {first}", message.channel);
        assert_eq!(first.matches(&label).count(), 1);
        if message.channel == Channel::Sms {
            assert!(sms::fits(first), "{first}");
        }
    }
    let usual = case.plan(EventType::BookingCreated);
    let labelled = |message: &&Message| message.subject.contains(&label);
    assert_eq!(usual.messages.iter().filter(labelled).count(), 0);
}
