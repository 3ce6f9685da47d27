//! What must be true of the tables and the mails once the server has come back and been heard out.

use std::collections::{BTreeMap, BTreeSet};

use belfry_domain::Instant;
use belfry_store::ledger::{Ledger, ReminderLine};
use chrono::TimeDelta;

use super::load::Told;
use crate::mail::server::Received;

/// What became of reminders and mails.
#[derive(Default, Debug)]
pub struct Counts {
    pub reminders: usize,
    /// Due while the booking had begun already, or was changed.
    pub void: usize,
    pub latest: TimeDelta,
    pub sent: usize,
    /// May have been sent, of which so many had arrived.
    pub ambiguous: (usize, usize),
    pub other: usize,
}

/// Every acknowledged change is in the history as it was told.
pub fn what_was_told_is_there(ledger: &Ledger, told: &[Told]) {
    let history: BTreeMap<(String, i64), &str> = ledger
        .history
        .iter()
        .map(|line| {
            (
                (line.booking_id.to_string(), line.version),
                &*line.to_status,
            )
        })
        .collect();
    for told in told {
        let found = history.get(&(told.booking.clone(), told.version));
        assert_eq!(
            found.copied(),
            Some(&*told.status),
            "version {} of {}",
            told.version,
            told.booking
        );
    }
}

/// Each side of each event that sends mail has exactly one message for it.
pub fn both_sides_have_a_message(ledger: &Ledger) {
    let mut messages = BTreeSet::new();
    for message in &ledger.deliveries {
        let key = (message.event_id, message.user_id, &message.rule_id);
        assert!(messages.insert(key), "{message:?} is there twice");
    }
    let created = ledger.events.iter().filter(|e| e.kind == "booking.created");
    for event in created {
        let mine = ledger.deliveries.iter().filter(|d| d.event_id == event.id);
        assert_eq!(mine.count(), 2, "messages of {event:?}");
    }
}

/// Each reminder was announced exactly once, unless it had nothing true to say any more.
pub fn reminders_were_given_once(ledger: &Ledger, now: Instant, counts: &mut Counts) {
    let mut announced: BTreeMap<(String, i64, Instant), usize> = BTreeMap::new();
    for event in ledger
        .events
        .iter()
        .filter(|e| e.kind == "booking.reminder")
    {
        let booking = event.data["booking_id"].as_str().unwrap().to_owned();
        let offset = event.data["offset_minutes"].as_i64().unwrap();
        let starts_at = event.data["starts_at"].as_str().unwrap().parse().unwrap();
        *announced.entry((booking, offset, starts_at)).or_default() += 1;
    }
    let key = |line: &ReminderLine| {
        (
            line.booking_id.to_string(),
            line.offset_minutes,
            line.starts_at,
        )
    };
    let issued: BTreeMap<_, _> = ledger
        .reminders
        .iter()
        .filter_map(|line| Some((key(line), (line, line.issued_at?))))
        .collect();
    for (reminder, times) in &announced {
        assert_eq!(*times, 1, "{reminder:?} was given {times} times");
        let (line, at) = issued.get(reminder).expect("a reminder that was promised");
        counts.reminders += 1;
        counts.latest = counts.latest.max(*at - line.due_at);
    }
    for (reminder, (line, at)) in &issued {
        if announced.contains_key(reminder) {
            continue;
        }
        counts.void += 1;
        let booking = ledger.bookings.iter().find(|b| b.id == line.booking_id);
        let booking = booking.expect("a reminder has its booking");
        let open = matches!(&*booking.status, "pending" | "confirmed");
        let holds = open && booking.starts_at == line.starts_at;
        assert!(
            !holds || *at >= line.starts_at,
            "{line:?} of {booking:?} was swallowed"
        );
    }
    for line in ledger
        .reminders
        .iter()
        .filter(|line| line.issued_at.is_none())
    {
        assert!(line.due_at > now, "{line:?} was forgotten");
    }
}

/// No mail came twice, and what came is what the tables say.
pub fn mails_came_at_most_once(ledger: &Ledger, mails: &[Received], counts: &mut Counts) {
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for mail in mails {
        let named = mail.text.split("Message-ID: <").nth(1);
        let named = named.and_then(|rest| rest.split_once('@'));
        let (id, _) = named.expect("a mail has its Message-ID");
        *arrived.entry(id.to_owned()).or_default() += 1;
    }
    for (id, times) in &arrived {
        assert_eq!(*times, 1, "the mail {id} came {times} times");
    }
    for message in &ledger.deliveries {
        let came = arrived.remove(&message.id.to_string()).is_some();
        match &*message.status {
            "sent" => {
                assert!(came, "{message:?} did not come");
                counts.sent += 1;
            }
            "ambiguous" => {
                counts.ambiguous.0 += 1;
                counts.ambiguous.1 += usize::from(came);
            }
            _ => {
                assert!(!came, "{message:?} came");
                counts.other += 1;
            }
        }
    }
    assert!(arrived.is_empty(), "mails nobody knows of: {arrived:?}");
}
