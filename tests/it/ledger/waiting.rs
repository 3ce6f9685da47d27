//! Waiting lists beside the holds and bookings that they led to.

use belfry_domain::Instant;
use belfry_domain::waiting::Status;
use belfry_store::ledger::Ledger;

/// Every offer that stands holds its slot for its person alone, every accepted one became their booking, nothing is
/// held for anybody else, and every place has gone by the table of moves, each step told once.
pub fn agrees(ledger: &Ledger, now: Instant) {
    for place in &ledger.waiting {
        let status: Status = place.status.parse().unwrap();
        let hold = ledger.holds.iter().find(|h| Some(h.id) == place.hold_id);
        match status {
            Status::Offered if place.offer_expires_at.is_some_and(|at| at > now) => {
                let hold = hold.unwrap_or_else(|| panic!("nothing is held for {place:?}"));
                assert_eq!(hold.client_id, place.client_id);
                assert_eq!(hold.waiting_id, Some(place.id));
                assert_eq!(Some(hold.starts_at), place.offer_starts_at);
            }
            Status::Offered => {}
            _ => assert!(hold.is_none(), "{hold:?} is still held for {place:?}"),
        }
        let mut bookings = ledger.bookings.iter();
        let booking = bookings.find(|b| Some(b.id) == place.booking_id);
        assert_eq!(booking.is_some(), status == Status::Accepted, "{place:?}");
        if let Some(booking) = booking {
            assert_eq!(booking.client_id, place.client_id, "{place:?}");
            assert_eq!(booking.expert_id, place.expert_id, "{place:?}");
        }
        let steps = ledger.waiting_steps.iter();
        let steps: Vec<_> = steps.filter(|step| step.waiting_id == place.id).collect();
        let statuses: Vec<Status> = steps.iter().map(|s| s.status.parse().unwrap()).collect();
        let versions: Vec<i64> = steps.iter().map(|step| step.version).collect();
        assert_eq!(versions, (1..=place.version).collect::<Vec<_>>());
        assert_eq!(statuses.first(), Some(&Status::Waiting), "{place:?}");
        assert_eq!(statuses.last(), Some(&status), "{place:?}");
        for pair in statuses.windows(2) {
            assert!(pair[0].may_become(pair[1]), "{pair:?} of {place:?}");
        }
        let subject = format!("waiting/{}", place.id);
        let told = ledger
            .events
            .iter()
            .filter(|event| event.subject == subject);
        let told: Vec<&str> = told.map(|event| event.kind.as_str()).collect();
        let expected = statuses.iter().filter_map(|status| match status {
            Status::Waiting => Some("waitlist.joined"),
            Status::Offered => Some("waitlist.offered"),
            Status::Expired => Some("waitlist.expired"),
            _ => None,
        });
        assert_eq!(told, expected.collect::<Vec<_>>(), "{place:?}");
    }
    for hold in ledger.holds.iter().filter(|hold| hold.expires_at > now) {
        let offered = ledger.waiting.iter();
        let offered = offered.filter(|place| place.hold_id == Some(hold.id));
        assert_eq!(offered.count(), usize::from(hold.waiting_id.is_some()));
    }
}
