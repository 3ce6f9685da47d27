//! Made-up events of every type, to try a rule or a text on before it is kept: both statuses, both modes, with
//! and without everything that may be missing.

use chrono::{Days, TimeDelta};
use uuid::Uuid;

use crate::Instant;
use crate::booking::{Mode, Status};
use crate::channel::Way;
use crate::event::{
    AccountFacts, BookingFacts, BranchFacts, DigestFacts, DigestItem, Event, EventType, Person,
    SeriesFacts, SeriesStep, SessionFacts, VisitFacts, WaitingFacts, WebhookFacts,
};
use crate::id::{BookingId, EventId, UserId};
use crate::notification::Facts;
use crate::queue::State;

/// Events of this type as they might happen at `now`, each with its facts.
pub fn events(kind: EventType, now: Instant) -> Vec<(Event, Facts)> {
    let facts = match kind {
        EventType::AccountRegistered
        | EventType::AccountPasswordForgotten
        | EventType::GuestCodeAsked => {
            vec![Facts::Account(AccountFacts {
                user_id: person(1),
                auth_epoch: 1,
            })]
        }
        EventType::DigestClosed => vec![digest(1, now), digest(5, now)],
        EventType::WebhookDisabled => vec![webhook("gone"), webhook("failing")],
        EventType::WaitlistJoined => vec![waiting("waiting", false, now)],
        EventType::WaitlistOffered => vec![waiting("offered", true, now)],
        EventType::WaitlistExpired => [false, true]
            .map(|offered| waiting("expired", offered, now))
            .to_vec(),
        kind if kind.is_of_visit() => visits(kind, now),
        _ => bookings(kind, now),
    };
    facts
        .into_iter()
        .map(|facts| (event(kind, &facts, now), facts))
        .collect()
}

fn event(kind: EventType, facts: &Facts, now: Instant) -> Event {
    let data = match facts {
        Facts::Booking(facts) => serde_json::to_value(facts),
        Facts::Account(facts) => serde_json::to_value(facts),
        Facts::Digest(facts) => serde_json::to_value(facts),
        Facts::Webhook(facts) => serde_json::to_value(facts),
        Facts::Waiting(facts) => serde_json::to_value(facts),
        Facts::Visit(facts) => serde_json::to_value(facts),
    };
    Event {
        id: EventId::at(now),
        kind,
        subject: "sample/1".to_owned(),
        subject_version: 1,
        time: now,
        // Facts are plain structs with string keys: they always have a JSON form.
        data: data.unwrap_or_default(),
    }
}

fn webhook(cause: &str) -> Facts {
    Facts::Webhook(WebhookFacts {
        webhook_id: Uuid::from_u128(7).into(),
        url: "https://example.com/belfry".to_owned(),
        cause: cause.to_owned(),
    })
}

/// A place on a list, with a slot that is or was offered, or without.
fn waiting(status: &str, offered: bool, now: Instant) -> Facts {
    let starts_at = now + TimeDelta::hours(26);
    let date = starts_at.date_naive();
    let named = |number, name: &str| Person {
        id: person(number),
        name: name.to_owned(),
    };
    Facts::Waiting(Box::new(WaitingFacts {
        waiting_id: Uuid::from_u128(8).into(),
        status: status.to_owned(),
        expert: named(2, "Minh Trần"),
        client: named(1, "Ann Lee"),
        minutes: 60,
        from: date,
        until: if offered { date } else { date + Days::new(6) },
        time_zone: "Asia/Ho_Chi_Minh".to_owned(),
        mode: Mode::Online,
        note: None,
        starts_at: offered.then_some(starts_at),
        ends_at: offered.then(|| starts_at + TimeDelta::minutes(60)),
        expires_at: offered.then(|| now + TimeDelta::minutes(30)),
        session: None,
        actor_id: None,
        actor_name: "Belfry".to_owned(),
        actor_role: "system".to_owned(),
    }))
}

/// A visit of somebody who walked in, and one for an appointment.
fn visits(kind: EventType, now: Instant) -> Vec<Facts> {
    let state = match kind {
        EventType::VisitOffered => State::Offered,
        EventType::VisitCalled => State::Called,
        EventType::VisitServed => State::Done,
        EventType::VisitLeft => State::Left,
        EventType::VisitNoShow => State::NoShow,
        EventType::VisitTimedOut => State::TimedOut,
        EventType::VisitTransferred => State::Transferred,
        _ => State::Waiting,
    };
    let named = |number, name: &str| Person {
        id: person(number),
        name: name.to_owned(),
    };
    let branch = |number, name: &str| BranchFacts {
        id: Uuid::from_u128(number).into(),
        name: name.to_owned(),
    };
    let of = |booked: bool| {
        let has_expert = booked || state.has_expert() || state == State::Done;
        Facts::Visit(Box::new(VisitFacts {
            visit_id: Uuid::from_u128(9).into(),
            number: 17,
            state: state.as_str().to_owned(),
            branch: branch(10, "District 1"),
            client: Some(named(1, "Ann Lee")),
            name: "Ann Lee".to_owned(),
            expert: has_expert.then(|| named(2, "Minh Trần")),
            booking_id: booked.then(|| Uuid::from_u128(4).into()),
            skill: None,
            note: None,
            minutes: 60,
            joined_at: now - TimeDelta::minutes(20),
            offer_expires_at: (state == State::Offered).then(|| now + TimeDelta::minutes(5)),
            misses: 0,
            previous_id: None,
            next_id: (state == State::Transferred).then(|| Uuid::from_u128(11).into()),
            moved_to: (state == State::Transferred).then(|| branch(12, "District 3")),
            actor_id: None,
            actor_name: "Belfry".to_owned(),
            actor_role: "system".to_owned(),
        }))
    };
    [false, true].map(of).to_vec()
}

fn person(number: u128) -> UserId {
    Uuid::from_u128(number).into()
}

fn bookings(kind: EventType, now: Instant) -> Vec<Facts> {
    let statuses = match kind {
        EventType::BookingCreated
        | EventType::BookingRescheduled
        | EventType::BookingEdited
        | EventType::BookingClockMoved
        | EventType::BookingKept
        | EventType::CalendarConflict
        | EventType::BookingReminderDue => vec![Status::Pending, Status::Confirmed],
        EventType::BookingConfirmed => vec![Status::Confirmed],
        EventType::BookingRejected => vec![Status::Rejected],
        EventType::BookingCancelled => vec![Status::Cancelled],
        EventType::BookingMissed => vec![Status::Missed],
        _ => vec![Status::Completed],
    };
    let (client, expert) = (person(1), person(2));
    let mut found = Vec::new();
    for status in statuses {
        for actor in [Some(client), Some(expert), Some(person(3)), None] {
            for (full, mode) in [
                (false, Mode::Online),
                (false, Mode::Offline),
                (true, Mode::Online),
                (true, Mode::Offline),
            ] {
                let facts = booking(status, actor, full, now);
                found.push(Facts::Booking(Box::new(BookingFacts { mode, ..facts })));
            }
        }
    }
    found
}

/// A booking with everything in it, or with nothing that may be missing.
fn booking(status: Status, actor: Option<UserId>, full: bool, now: Instant) -> BookingFacts {
    let text = |text: &str| full.then(|| text.to_owned());
    let starts_at = now + TimeDelta::hours(26);
    BookingFacts {
        booking_id: BookingId::from(Uuid::from_u128(7)),
        code: "004217".to_owned(),
        status,
        starts_at,
        ends_at: starts_at + TimeDelta::minutes(60),
        time_zone: "Asia/Ho_Chi_Minh".to_owned(),
        promised_start: full.then(|| (starts_at + TimeDelta::hours(6)).naive_utc()),
        expert: Person {
            id: person(2),
            name: "Minh Trần".to_owned(),
        },
        client: Person {
            id: person(1),
            name: "Ann Lee".to_owned(),
        },
        mode: if full { Mode::Offline } else { Mode::Online },
        place: text("12 Lê Lợi, Quận 1"),
        link: text("https://meet.example.com/room"),
        note: text("I would like to talk about the contract."),
        reason: text("Something came up."),
        sequence: 1,
        offset_minutes: full.then_some(60),
        previous_starts_at: full.then(|| starts_at - TimeDelta::hours(24)),
        session: full.then(|| SessionFacts {
            id: Uuid::from_u128(10).into(),
            title: "Yoga for beginners".to_owned(),
        }),
        series: (!full && actor == Some(person(1))).then(|| series(starts_at)),
        actor_id: actor,
        actor_name: match actor {
            Some(id) if id == person(1) => "Ann Lee",
            Some(id) if id == person(2) => "Minh Trần",
            Some(_) => "Front desk",
            None => "Belfry",
        }
        .to_owned(),
        actor_role: "user".to_owned(),
    }
}

/// Five Tuesdays, done with at once.
fn series(starts_at: Instant) -> SeriesFacts {
    let step = |number: i64| SeriesStep {
        booking_id: Uuid::from_u128(20 + number as u128).into(),
        version: 1,
        sequence: 0,
        starts_at: starts_at + TimeDelta::weeks(number),
        ends_at: starts_at + TimeDelta::weeks(number) + TimeDelta::hours(1),
    };
    SeriesFacts {
        id: Uuid::from_u128(11).into(),
        number: 1,
        of: 5,
        together: (0..5).map(step).collect(),
    }
}

fn digest(count: usize, now: Instant) -> Facts {
    let item = |number: usize| DigestItem {
        kind: "booking.confirmed".to_owned(),
        title: format!("Booking {number} confirmed"),
        body: "Tomorrow at 09:00.".to_owned(),
        url: None,
        at: now,
    };
    Facts::Digest(DigestFacts {
        window_id: Uuid::from_u128(9),
        user_id: person(1),
        way: Way::Email,
        items: (1..=count).map(item).collect(),
    })
}
