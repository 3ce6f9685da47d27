//! What an expert offers, a second time and in other words: the rules that a soak's answers are judged by.
//! Time is counted in minutes since 1970, and each expert's clock is a fixed number of minutes ahead of UTC.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// Minutes of a day.
pub const DAY: i64 = 1440;
/// Zones whose clocks are never changed, and the minutes that they are ahead.
const ZONES: [(&str, i64); 3] = [("UTC", 0), ("Asia/Kolkata", 330), ("Asia/Tokyo", 540)];
const WEEKDAYS: [&str; 5] = ["monday", "tuesday", "wednesday", "thursday", "friday"];

/// A stretch of time, in minutes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub from: i64,
    pub until: i64,
}

impl Span {
    pub fn lasting(from: i64, minutes: i64) -> Self {
        Self {
            from,
            until: from + minutes,
        }
    }

    /// `starts_at` and `ends_at` of an answer.
    pub fn of(body: &Value) -> Self {
        Self {
            from: minute(&body["starts_at"]),
            until: minute(&body["ends_at"]),
        }
    }

    pub fn minutes(self) -> i64 {
        self.until - self.from
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.from < other.until && other.from < self.until
    }

    fn covers(self, other: Self) -> bool {
        self.from <= other.from && other.until <= self.until
    }
}

/// The minute that an answer names.
pub fn minute(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_default();
    let instant: belfry_domain::Instant = text.parse().unwrap_or_else(|_| panic!("{value}"));
    instant.timestamp().div_euclid(60)
}

/// A minute as the interface takes it.
pub fn text(minute: i64) -> String {
    let instant = chrono::DateTime::from_timestamp(minute * 60, 0).unwrap();
    instant.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Everything that decides what one expert offers, apart from what is taken.
#[derive(Clone, Debug)]
pub struct Offer {
    zone: usize,
    pub hours: Span,
    pub lengths: Vec<i64>,
    interval: i64,
    pub buffers: (i64, i64),
    notice: i64,
    pub per_day: Option<usize>,
    pub per_week: Option<usize>,
    auto_confirm: bool,
    /// By local day; none: closed.
    pub overrides: BTreeMap<i64, Option<Span>>,
    pub time_off: BTreeMap<String, Span>,
}

impl Offer {
    /// What the expert with this number begins with. Zone and buffers stay.
    pub fn first(number: usize, rng: &mut StdRng) -> Self {
        let buffers = [(0, 15), (10, 0), (5, 10), (0, 0)];
        let mut offer = Self {
            zone: number % ZONES.len(),
            hours: Span::lasting(0, 0),
            lengths: vec![30, 60],
            interval: 30,
            buffers: buffers[number % buffers.len()],
            notice: 0,
            per_day: None,
            per_week: None,
            auto_confirm: false,
            overrides: BTreeMap::new(),
            time_off: BTreeMap::new(),
        };
        offer.redraw(rng);
        offer
    }

    /// Draws other hours, lengths and caps.
    pub fn redraw(&mut self, rng: &mut StdRng) {
        let from = 60 * rng.random_range(8..11);
        self.hours = Span::lasting(from, 60 * rng.random_range(5..9));
        let lengths = [&[30, 60][..], &[60, 30, 90], &[45, 30]];
        self.lengths = lengths[rng.random_range(0..3)].to_vec();
        self.interval = [15, 30][rng.random_range(0..2)];
        self.notice = [0, 0, 45][rng.random_range(0..3)];
        self.per_day = rng.random_bool(0.8).then(|| rng.random_range(2..6));
        self.per_week = rng.random_bool(0.7).then(|| rng.random_range(5..14));
        self.auto_confirm = rng.random_bool(0.3);
    }

    /// Hours of one day that differ from the week's; none: closed.
    pub fn draw_hours(rng: &mut StdRng) -> Option<Span> {
        let from = 60 * rng.random_range(7..14);
        rng.random_bool(0.5).then(|| Span::lasting(from, 240))
    }

    /// Week and rules as the interface takes them.
    pub fn schedule(&self) -> Value {
        let weekly = WEEKDAYS.map(|day| {
            let (from, until) = (clock(self.hours.from), clock(self.hours.until));
            json!({ "weekday": day, "from": from, "until": until })
        });
        let rules = json!({
            "minutes": self.lengths, "interval_minutes": self.interval,
            "buffer_before_minutes": self.buffers.0, "buffer_after_minutes": self.buffers.1,
            "min_notice_minutes": self.notice, "horizon_days": 60,
            "max_per_day": self.per_day, "max_per_week": self.per_week,
            "auto_confirm": self.auto_confirm, "cancel_notice_minutes": CANCEL_NOTICE,
        });
        json!({ "time_zone": ZONES[self.zone].0, "weekly": weekly, "booking_rules": rules })
    }

    /// The local day of a minute.
    pub fn day(&self, minute: i64) -> i64 {
        (minute + ZONES[self.zone].1).div_euclid(DAY)
    }

    /// The ISO week of a minute; day 0 was a Thursday.
    pub fn week(&self, minute: i64) -> i64 {
        (self.day(minute) + 3).div_euclid(7)
    }

    /// A minute of a local day.
    pub fn at(&self, day: i64, minute: i64) -> i64 {
        day * DAY + minute - ZONES[self.zone].1
    }

    /// What a booking takes of the expert's time.
    pub fn stretch(&self, span: Span) -> Span {
        Span {
            from: span.from - self.buffers.0,
            until: span.until + self.buffers.1,
        }
    }

    /// The first reason against a start, caps and what is taken apart.
    pub fn reason(&self, span: Span, now: i64) -> Option<&'static str> {
        let day = self.day(span.from);
        let closed = (day + 3).rem_euclid(7) >= 5;
        let open = match self.overrides.get(&day) {
            Some(hours) => *hours,
            None => (!closed).then_some(self.hours),
        };
        let open = open.map(|hours| Span {
            from: self.at(day, hours.from),
            until: self.at(day, hours.until),
        });
        if !self.lengths.contains(&span.minutes()) {
            Some("length_not_offered")
        } else if span.from < now {
            Some("in_the_past")
        } else if span.from < now + self.notice {
            Some("notice")
        } else if day > self.day(now) + 60 {
            Some("horizon")
        } else if !open.is_some_and(|open| open.covers(span)) {
            Some("outside_hours")
        } else if (span.from + ZONES[self.zone].1).rem_euclid(DAY) % self.interval != 0 {
            Some("off_grid")
        } else if self.time_off.values().any(|off| off.overlaps(span)) {
            Some("time_off")
        } else {
            None
        }
    }
}

/// How long before the start clients may still cancel or move.
pub const CANCEL_NOTICE: i64 = 60;

fn clock(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
