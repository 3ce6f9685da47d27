//! Group sessions beside the seats that were booked of them and those that are held.

use belfry_domain::booking::Status;
use belfry_store::ledger::Ledger;

/// Each session counts exactly the seats that somebody has or is offered, never more than there are; open seats are at
/// its time, and there are none of one that was called off.
pub fn agrees(ledger: &Ledger) {
    for session in &ledger.sessions {
        let seats = ledger.bookings.iter();
        let seats = seats.filter(|booking| booking.session_id == Some(session.id));
        let mut had = 0;
        for seat in seats {
            let status: Status = seat.status.parse().unwrap();
            assert_eq!(seat.expert_id, session.expert_id, "{seat:?}");
            if !matches!(status, Status::Cancelled | Status::Rejected) {
                had += 1;
            }
            if status.is_open() {
                assert_eq!(session.status, "open", "{seat:?} of {session:?}");
                let (at, of) = (seat.starts_at, session.starts_at);
                assert_eq!((at, seat.ends_at), (of, session.ends_at), "{seat:?}");
            }
        }
        let held = ledger.holds.iter();
        let held = held.filter(|hold| hold.session_id == Some(session.id));
        assert_eq!(session.taken, had + held.count() as i64, "{session:?}");
        assert!(session.taken <= session.seats, "{session:?}");
    }
}
