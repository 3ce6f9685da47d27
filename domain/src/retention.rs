//! How long things are kept (C4.6, C5.4).

use chrono::TimeDelta;

use crate::Instant;

/// Hours in which a repeated `Idempotency-Key` gets its first answer again: a promise of the public
/// contract, hence no setting.
const IDEMPOTENCY_HOURS: i64 = 24;

/// Days after which a device that was not seen counts as gone. Google forgets one after as many.
pub const UNSEEN_DEVICES_DAYS: i64 = 270;

/// How long it is remembered that an update of Telegram's was handled: it gives up after a day.
pub const CHAT_UPDATES: TimeDelta = TimeDelta::days(3);
/// How long a question in a chat may be answered.
pub const CHAT_QUESTIONS: TimeDelta = TimeDelta::days(2);

/// How long things are kept, in days. 0 keeps nothing beyond the next sweep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// From the end of a booking until it is archived.
    pub bookings_days: u32,
    /// From reading a notification until it vanishes.
    pub read_notifications_days: u32,
    /// For events and the log of deliveries, and for notifications that nobody read.
    pub logs_days: u32,
}

/// The instants before which things are let go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cuts {
    pub bookings: Instant,
    pub read_notifications: Instant,
    pub logs: Instant,
    pub idempotency_keys: Instant,
    /// Devices that were last seen before are gone.
    pub unseen_devices: Instant,
    pub chat_updates: Instant,
    pub chat_questions: Instant,
}

impl Retention {
    /// What these lengths mean at `now`.
    pub fn cuts(&self, now: Instant) -> Cuts {
        // Beyond a century the calendar of a database ends sooner than anybody's patience.
        let days = |days: u32| now - TimeDelta::days(i64::from(days.min(36_500)));
        Cuts {
            bookings: days(self.bookings_days),
            read_notifications: days(self.read_notifications_days),
            logs: days(self.logs_days),
            idempotency_keys: now - TimeDelta::hours(IDEMPOTENCY_HOURS),
            unseen_devices: now - TimeDelta::days(UNSEEN_DEVICES_DAYS),
            chat_updates: now - CHAT_UPDATES,
            chat_questions: now - CHAT_QUESTIONS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_become_instants_however_long_they_are() {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let cuts = Retention {
            bookings_days: 30,
            read_notifications_days: 0,
            logs_days: u32::MAX,
        }
        .cuts(now);
        assert_eq!(cuts.bookings, now - TimeDelta::days(30));
        assert_eq!(cuts.read_notifications, now);
        assert!(cuts.logs < now - TimeDelta::days(36_000));
    }
}
