//! What a house at rest must look like in its tables, whatever happened to it before.

use crate::eventually::eventually;
use std::collections::{BTreeMap, BTreeSet};

use belfry_domain::Instant;
use belfry_domain::booking::{Status, Step};
use belfry_store::Store;
use belfry_store::ledger::{BookingLine, EventLine, Ledger};
use chrono::TimeDelta;
use uuid::Uuid;

/// Whether visits agree with their periods, their experts' time and their events.
pub mod queue;
/// Whether group sessions agree with their seats.
mod session;
/// Whether waiting lists agree with holds and bookings.
mod waiting;

/// What the check needs to know of the house.
#[derive(Clone, Debug)]
pub struct Terms {
    pub now: Instant,
    /// Minutes before and after a booking that its expert's time is gone.
    pub buffers: (i64, i64),
    /// The same for experts with buffers of their own.
    pub buffers_of: BTreeMap<Uuid, (i64, i64)>,
    pub reminder_offsets: &'static [i64],
}

impl Terms {
    /// No buffers, and the default reminder.
    pub fn at(now: Instant) -> Self {
        Self {
            now,
            buffers: (0, 0),
            buffers_of: BTreeMap::new(),
            reminder_offsets: &[60],
        }
    }
}

/// Waits until nothing is under way, then insists that everything agrees. `acknowledged` are the ids of
/// bookings that somebody was told of.
pub async fn sound(store: &Store, terms: Terms, acknowledged: &BTreeSet<String>) -> Ledger {
    let ledger = at_rest(store).await;
    nobody_is_in_two_places(&ledger);
    taken_time_is_that_of_open_bookings_and_live_holds(&ledger, &terms);
    for id in acknowledged {
        let id: Uuid = id.parse().unwrap();
        let there = ledger.bookings.iter().any(|booking| booking.id == id);
        assert!(there, "booking {id} was acknowledged and is not there");
    }
    history_has_no_gap(&ledger);
    every_step_is_told_once(&ledger);
    reminders_follow_their_bookings(&ledger, &terms);
    inboxes_have_no_gap(&ledger);
    waiting::agrees(&ledger, terms.now);
    queue::agrees(&ledger);
    session::agrees(&ledger);
    ledger
}

/// The tables once every event is planned and no new one comes: they are read one after the other, and who gives
/// places on may still be at it when everybody has their answer.
async fn at_rest(store: &Store) -> Ledger {
    eventually("nothing is under way", async || {
        planned(store).await;
        let before = store.ledger().await.unwrap().events.len();
        let ledger = store.ledger().await.unwrap();
        let unplanned = |event: &EventLine| event.planned_at.is_none() && event.fault.is_none();
        let unplanned = ledger.events.iter().any(unplanned);
        (ledger.events.len() == before && !unplanned).then_some(ledger)
    })
    .await
}

/// Waits until no event is left that nobody was told of.
pub async fn planned(store: &Store) {
    eventually("every event is planned", async || {
        store.oldest_unplanned().await.unwrap().is_none()
    })
    .await;
}

fn nobody_is_in_two_places(ledger: &Ledger) {
    for (place, one) in ledger.occupancies.iter().enumerate() {
        for other in &ledger.occupancies[place + 1..] {
            let overlap = one.subject_id == other.subject_id
                && one.starts_at < other.ends_at
                && other.starts_at < one.ends_at;
            assert!(!overlap, "{one:?} overlaps {other:?}");
        }
    }
}

type Stretch = (Uuid, Uuid, Instant, Instant, &'static str);

fn taken_time_is_that_of_open_bookings_and_live_holds(ledger: &Ledger, terms: &Terms) {
    let buffered = |expert: Uuid, from: Instant, until: Instant| {
        let own = terms.buffers_of.get(&expert);
        let (before, after) = own.copied().unwrap_or(terms.buffers);
        (
            from - TimeDelta::minutes(before),
            until + TimeDelta::minutes(after),
        )
    };
    let mut expected: BTreeSet<Stretch> = BTreeSet::new();
    for b in ledger.bookings.iter().filter(|b| status(b).is_open()) {
        if b.session_id.is_none() {
            let (from, until) = buffered(b.expert_id, b.starts_at, b.ends_at);
            expected.insert((b.id, b.expert_id, from, until, "booking"));
        }
        expected.insert((b.id, b.client_id, b.starts_at, b.ends_at, "booking"));
    }
    for session in ledger.sessions.iter().filter(|s| s.status == "open") {
        let (from, until) = buffered(session.expert_id, session.starts_at, session.ends_at);
        expected.insert((session.id, session.expert_id, from, until, "booking"));
    }
    let holds = ledger.holds.iter().filter(|h| h.session_id.is_none());
    for hold in holds.filter(|h| h.expires_at > terms.now) {
        let (from, until) = buffered(hold.expert_id, hold.starts_at, hold.ends_at);
        expected.insert((hold.id, hold.expert_id, from, until, "hold"));
    }
    let live = |expires: Option<Instant>| expires.is_none_or(|at| at > terms.now);
    let found: BTreeSet<Stretch> = ledger
        .occupancies
        .iter()
        .filter(|o| live(o.expires_at) && o.kind != "service")
        .map(|o| {
            let kind = ["booking", "hold"].into_iter().find(|k| *k == o.kind);
            let kind = kind.expect("a kind this house knows");
            (o.source_id, o.subject_id, o.starts_at, o.ends_at, kind)
        })
        .collect();
    assert_eq!(found, expected, "taken time and its owners");
}

fn status(booking: &BookingLine) -> Status {
    booking.status.parse().unwrap()
}

fn history_has_no_gap(ledger: &Ledger) {
    for booking in &ledger.bookings {
        let steps = ledger.history.iter().filter(|s| s.booking_id == booking.id);
        let mut last: Option<String> = None;
        let mut version = 0;
        for step in steps {
            version += 1;
            assert_eq!(step.version, version, "versions of {booking:?}");
            assert_eq!(step.from_status, last, "what {step:?} came from");
            let allowed = match (&step.from_status, step.event.as_str()) {
                (None, "booking.created") => true,
                (Some(from), event) => may_follow(from, &step.to_status, event),
                _ => false,
            };
            assert!(allowed, "{step:?} is not in the table of moves");
            last = Some(step.to_status.clone());
        }
        assert_eq!(version, booking.version, "history of {booking:?}");
        assert_eq!(last.as_deref(), Some(booking.status.as_str()));
    }
}

fn may_follow(from: &str, to: &str, event: &str) -> bool {
    let (from, to): (Status, Status) = (from.parse().unwrap(), to.parse().unwrap());
    let step = match event {
        "booking.confirmed" => Step::Confirm,
        "booking.rejected" => Step::Reject,
        "booking.cancelled" => Step::Cancel,
        "booking.completed" => Step::Complete,
        "booking.missed" => Step::Miss,
        "booking.rescheduled" => return from.is_open() && to.is_open(),
        "booking.edited" | "booking.clock_moved" | "booking.kept" => {
            return from == to && from.is_open();
        }
        "booking.reviewed" => return from == to && from == Status::Completed,
        _ => return false,
    };
    from.after(step).is_ok_and(|after| after == to)
}

fn every_step_is_told_once(ledger: &Ledger) {
    let steps: Vec<(String, i64, &str)> = ledger
        .history
        .iter()
        .map(|s| (format!("booking/{}", s.booking_id), s.version, &*s.event))
        .collect();
    // One event may tell of a step of several bookings of a series.
    let together = ledger.events.iter().flat_map(|event| {
        let others = event.data["series"]["together"].as_array();
        let others = others.into_iter().flatten().skip(1);
        others.map(|step| {
            let id = step["booking_id"].as_str().unwrap();
            let version = step["version"].as_i64().unwrap();
            (format!("booking/{id}"), version, &*event.kind)
        })
    });
    let mut told: Vec<(String, i64, &str)> = ledger
        .events
        .iter()
        .filter(|e| e.subject.starts_with("booking/"))
        // These tell of no step.
        .filter(|e| !["booking.reminder", "calendar.conflict"].contains(&&*e.kind))
        .map(|e| (e.subject.clone(), e.subject_version, &*e.kind))
        .chain(together)
        .collect();
    told.sort();
    let mut steps = steps;
    steps.sort();
    assert_eq!(told, steps, "one event for each step of each booking");
    for event in &ledger.events {
        assert!(
            event.planned_at.is_some() && event.fault.is_none(),
            "{event:?}"
        );
    }
    // Each side of each event about a booking has at least one entry, and no rule speaks twice.
    let mut entries: BTreeMap<Uuid, BTreeSet<(Uuid, &str)>> = BTreeMap::new();
    for entry in &ledger.notifications {
        let fresh = entries
            .entry(entry.event_id)
            .or_default()
            .insert((entry.user_id, &entry.rule_id));
        assert!(fresh, "{entry:?} was planned twice");
    }
    for event in ledger
        .events
        .iter()
        .filter(|e| e.subject.starts_with("booking/"))
    {
        let readers: BTreeSet<Uuid> = entries
            .get(&event.id)
            .into_iter()
            .flatten()
            .map(|(user, _)| *user)
            .collect();
        let sides = if event.kind == "booking.reviewed" {
            1
        } else {
            2
        };
        assert_eq!(readers.len(), sides, "readers of {event:?}");
    }
}

fn reminders_follow_their_bookings(ledger: &Ledger, terms: &Terms) {
    for booking in &ledger.bookings {
        let mine = ledger
            .reminders
            .iter()
            .filter(|r| r.booking_id == booking.id);
        let waiting: BTreeSet<(i64, Instant, Instant)> = mine
            .clone()
            .filter(|r| r.issued_at.is_none())
            .map(|r| (r.offset_minutes, r.starts_at, r.due_at))
            .collect();
        if !status(booking).is_open() {
            assert!(waiting.is_empty(), "{booking:?} is over: {waiting:?}");
            continue;
        }
        for &offset in terms.reminder_offsets {
            let due = booking.starts_at - TimeDelta::minutes(offset);
            let issued = mine.clone().any(|r| {
                r.offset_minutes == offset
                    && r.starts_at == booking.starts_at
                    && r.issued_at.is_some()
            });
            let waits = waiting.contains(&(offset, booking.starts_at, due));
            // A booking made or moved after the offset has none; before it, exactly one.
            assert!(!(issued && waits), "{booking:?} is reminded of twice");
            if due > terms.now {
                assert!(waits, "{booking:?} is not reminded of");
            }
        }
        for (_, starts_at, _) in waiting {
            assert_eq!(starts_at, booking.starts_at, "reminders of {booking:?}");
        }
    }
}

fn inboxes_have_no_gap(ledger: &Ledger) {
    let mut offsets: BTreeMap<Uuid, i64> = BTreeMap::new();
    for entry in &ledger.notifications {
        let last = offsets.entry(entry.user_id).or_default();
        *last += 1;
        assert_eq!(entry.offset, *last, "offsets of {}", entry.user_id);
    }
}
