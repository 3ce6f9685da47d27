//! The cases that calendars are known to get wrong, one by one.

mod clock_change;
mod hours;
mod refusal;
mod search;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::{Availability, Counted, Day, Engaged, Missing, Refusal, Slot, Taken};
use crate::booking_rules::BookingRules;
use crate::schedule::{Hours, Schedule, Weekday, Window};

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn hours(from: &str, until: &str) -> Hours {
    Hours {
        from: from.parse().unwrap(),
        until: until.parse().unwrap(),
    }
}

fn window(weekday: Weekday, from: &str, until: &str) -> Window {
    let Hours { from, until } = hours(from, until);
    Window {
        weekday,
        from,
        until,
        valid_from: None,
        valid_until: None,
    }
}

fn taken(starts_at: &str, ends_at: &str) -> Taken {
    Taken {
        starts_at: instant(starts_at),
        ends_at: instant(ends_at),
    }
}

/// An expert and what is known of their time; the same hours every day, an hour each, on the hour.
struct Expert {
    schedule: Schedule,
    taken: Vec<Taken>,
    counted: Vec<Counted>,
    now: DateTime<Utc>,
}

impl Expert {
    fn in_zone(zone: Tz, now: &str) -> Expert {
        let mut schedule = Schedule::empty(zone);
        schedule.rules = BookingRules {
            minutes: vec![60],
            interval_minutes: 60,
            min_notice_minutes: 0,
            horizon_days: 365,
            ..BookingRules::default()
        };
        Expert {
            schedule,
            taken: Vec::new(),
            counted: Vec::new(),
            now: instant(now),
        }
    }

    fn daily(mut self, from: &str, until: &str) -> Expert {
        self.schedule
            .weekly
            .extend(WEEK.map(|weekday| window(weekday, from, until)));
        self
    }

    fn lengths(mut self, minutes: u16, interval_minutes: u16) -> Expert {
        self.schedule.rules.minutes = vec![minutes];
        self.schedule.rules.interval_minutes = interval_minutes;
        self
    }

    fn booked(mut self, stretches: &[(&str, &str)]) -> Expert {
        self.taken
            .extend(stretches.iter().map(|(start, end)| taken(start, end)));
        self
    }

    fn counting(mut self, starts: &[&str]) -> Expert {
        let counted = |start: &&str| Counted {
            starts_at: instant(start),
        };
        self.counted.extend(starts.iter().map(counted));
        self
    }

    fn availability(&self) -> Availability<'_> {
        Availability {
            schedule: &self.schedule,
            taken: &self.taken,
            counted: &self.counted,
            now: self.now,
        }
    }

    fn minutes(&self) -> u16 {
        self.schedule.rules.minutes[0]
    }

    fn days(&self, from: &str, days: u16, viewer: Tz) -> Vec<Day> {
        self.availability()
            .free_slots(self.minutes(), date(from), days, viewer)
    }

    /// The free starts of one date, as the expert's clock shows them, with the offset where the clock is changed.
    fn starts(&self, on: &str) -> String {
        let days = self.days(on, 1, self.schedule.time_zone);
        assert_eq!(days.len(), 1);
        self.shown(&days[0].slots, "%H:%M")
    }

    fn starts_with_offset(&self, on: &str) -> String {
        self.shown(
            &self.days(on, 1, self.schedule.time_zone)[0].slots,
            "%H:%M%:z",
        )
    }

    fn shown(&self, slots: &[Slot], form: &str) -> String {
        let local = |slot: &Slot| slot.starts_at.with_timezone(&self.schedule.time_zone);
        let shown = slots
            .iter()
            .map(|slot| local(slot).format(form).to_string());
        shown.collect::<Vec<_>>().join(" ")
    }

    fn check(&self, starts_at: &str) -> Result<(), Refusal> {
        self.availability()
            .check(instant(starts_at), self.minutes())
    }

    /// What stands against each start of a day, equal ones together.
    fn missing(&self, on: &str, engaged: &[Engaged]) -> String {
        let explained = self
            .availability()
            .explain_day(date(on), self.minutes(), engaged);
        let code = |missing: &Option<Missing>| missing.map_or("free", Missing::code);
        let codes: Vec<&str> = explained.iter().map(|(_, missing)| code(missing)).collect();
        let runs = codes.chunk_by(|a, b| a == b).map(|run| match run.len() {
            1 => run[0].to_owned(),
            many => format!("{}×{many}", run[0]),
        });
        runs.collect::<Vec<_>>().join(" ")
    }
}
