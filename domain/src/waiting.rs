//! The waiting list: who waits for a place with an expert, and which place is whose turn (C3.11).
//!
//! Somebody waits for one place: a length, some dates, perhaps hours of the day. When a slot comes free that
//! fits, it is offered to whoever has waited longest, held for nobody else, until the offer runs out.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{Days, NaiveDate, TimeDelta, Timelike};
use chrono_tz::Tz;
use thiserror::Error;

use crate::Instant;
use crate::account::UnknownName;
use crate::booking::{Mode, Party};
use crate::field::FieldError;
use crate::gate::Quiet;
use crate::group_session::SessionRef;
use crate::id::{BookingId, BranchId, HoldId, UserId, WaitingId};
use crate::schedule::Schedule;
use crate::slot::{Availability, Slot, Taken};
use crate::wall::{self, WallTime};

/// Dates that one wish may span.
pub const MOST_DAYS: u16 = 62;

/// Where somebody stands on the list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// Nothing that fits has come free.
    Waiting,
    /// A slot is held for them until their offer runs out.
    Offered,
    /// They took it: there is a booking.
    Accepted,
    /// They did not want it.
    Declined,
    /// The offer ran out, or the dates went by without one.
    Expired,
    /// They wait no longer: they left, or found a place by themselves.
    Left,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Offered,
        Self::Accepted,
        Self::Declined,
        Self::Expired,
        Self::Left,
    ];

    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Left => "left",
        }
    }

    /// Whether it can still come to a booking.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Offered)
    }

    /// The one table of moves: whether `next` may follow.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Waiting => matches!(next, Self::Offered | Self::Expired | Self::Left),
            Self::Offered => matches!(
                next,
                Self::Accepted | Self::Declined | Self::Expired | Self::Left
            ),
            _ => false,
        }
    }
}

impl FromStr for Status {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or(UnknownName)
    }
}

/// What somebody waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wish {
    pub minutes: u16,
    /// The first date, on the calendar of `time_zone`.
    pub from: NaiveDate,
    /// The last one.
    pub until: NaiveDate,
    /// Not starting before this time of the day.
    pub earliest: Option<WallTime>,
    /// Ending by this time of the day.
    pub latest: Option<WallTime>,
    pub time_zone: Tz,
    pub mode: Mode,
    pub note: Option<String>,
}

impl Wish {
    /// From the beginning of the first date until the end of the last.
    pub fn bounds(&self) -> (Instant, Instant) {
        (
            wall::day_bounds(self.time_zone, self.from).0,
            wall::day_bounds(self.time_zone, self.until).1,
        )
    }

    /// Everything that keeps an expert with this schedule from ever being found for it; empty when it is sound.
    pub fn check(&self, schedule: &Schedule, now: Instant) -> Vec<FieldError> {
        let mut faults = Vec::new();
        let mut fault = |pointer: &str, code, detail: &str| {
            faults.push(FieldError::new(pointer, code, detail));
        };
        let today = wall::local_date(self.time_zone, now);
        let horizon = wall::local_date(schedule.time_zone, now)
            + Days::new(u64::from(schedule.rules.horizon_days) + 1);
        if self.until < self.from {
            let detail = "The last date is not before the first.";
            fault("/until", FieldError::INVALID, detail);
        } else if (self.until - self.from).num_days() >= i64::from(MOST_DAYS) {
            let detail = format!("At most {MOST_DAYS} dates in a row.");
            fault("/until", FieldError::INVALID, &detail);
        } else if self.until < today {
            fault("/until", FieldError::IN_THE_PAST, "This date is over.");
        } else if self.from > horizon {
            let detail = "The expert cannot be booked that far ahead.";
            fault("/from", "horizon", detail);
        }
        let offered = schedule.rules.offers(self.minutes);
        if !offered {
            let detail = "The expert does not offer this length.";
            fault("/minutes", "length_not_offered", detail);
        }
        let length = if offered { self.minutes } else { 0 };
        let first = self.earliest.unwrap_or(WallTime::MIDNIGHT).minutes();
        let last = self.latest.unwrap_or(WallTime::END_OF_DAY).minutes();
        if first + length > last {
            let detail = "There is no room between these times.";
            fault("/latest", FieldError::INVALID, detail);
        }
        faults
    }

    /// Whether a slot on its dates lies in its hours. Hours of the day are what the clock shows, so a slot over
    /// midnight ends after every `latest`.
    pub fn takes(&self, slot: Slot) -> bool {
        let (from, until) = self.bounds();
        let local = slot.starts_at.with_timezone(&self.time_zone);
        let shown = (local.hour() * 60 + local.minute()) as u16;
        let ends = shown.saturating_add(self.minutes);
        from <= slot.starts_at
            && slot.starts_at < until
            && self.earliest.is_none_or(|at| shown >= at.minutes())
            && self.latest.is_none_or(|at| ends <= at.minutes())
    }
}

/// A slot that is held for somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    pub hold_id: HoldId,
    pub starts_at: Instant,
    pub ends_at: Instant,
    pub expires_at: Instant,
}

/// Somebody's place on the list.
#[derive(Clone, PartialEq, Debug)]
pub struct Waiting {
    pub id: WaitingId,
    pub status: Status,
    pub expert: Party,
    pub expert_branch: Option<BranchId>,
    pub client: Party,
    /// The group session of which a seat is waited for, if it is one.
    pub session: Option<SessionRef>,
    pub wish: Wish,
    /// The last one they had.
    pub offer: Option<Offer>,
    pub booking_id: Option<BookingId>,
    /// How many others wait longer, while it waits.
    pub ahead: i64,
    pub joined_at: Instant,
    pub ended_at: Option<Instant>,
    pub version: i64,
}

/// Why a command about the list was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum WaitingError {
    #[error("these dates are waited for already")]
    AlreadyWaiting,
    #[error("too many places are waited for at once")]
    TooMany,
    #[error("the session has begun or was called off")]
    SessionClosed,
    #[error("there is no offer any more")]
    OfferGone,
    #[error("it was changed meanwhile")]
    Stale,
    #[error("no such place on the list")]
    NotFound,
}

impl WaitingError {
    /// The stable code of the public contract.
    pub fn code(self) -> &'static str {
        match self {
            Self::AlreadyWaiting => "already-waiting",
            Self::TooMany => "too-many-waits",
            Self::SessionClosed => "session-closed",
            Self::OfferGone => "offer-gone",
            Self::Stale => "stale",
            Self::NotFound => "not-found",
        }
    }
}

/// Somebody who waits, as far as it decides what they can be offered.
#[derive(Clone, PartialEq, Debug)]
pub struct Waiter {
    pub id: WaitingId,
    pub client: Party,
    pub wish: Wish,
    /// When they are not to be disturbed.
    pub quiet: Quiet,
}

/// A slot whose turn it is to be offered.
#[derive(Clone, PartialEq, Debug)]
pub struct Turn {
    pub waiter: Waiter,
    pub slot: Slot,
    pub expires_at: Instant,
}

/// The next offer: the first of `waiters` (longest waiting first) for whom something is free, and the earliest slot
/// that fits. `busy` is each client's own time, which no offer may overlap; `answer` is how long they have.
pub fn turn(
    time: &Availability<'_>,
    waiters: &[Waiter],
    busy: &BTreeMap<UserId, Vec<Taken>>,
    answer: TimeDelta,
) -> Option<Turn> {
    waiters.iter().find_map(|waiter| {
        let wish = &waiter.wish;
        let expires_at = offered_until(waiter.quiet, answer, time.now);
        let taken = busy.get(&waiter.client.id).map_or(&[][..], Vec::as_slice);
        let overlaps = |slot: &Slot| {
            let mut own = taken.iter();
            own.any(|own| own.starts_at < slot.ends_at && slot.starts_at < own.ends_at)
        };
        // Dates that have gone by have no slots, so they are not walked.
        let first = wish.from.max(wall::local_date(wish.time_zone, time.now));
        let days = (wish.until - first).num_days() + 1;
        let days = u16::try_from(days).unwrap_or(0).min(MOST_DAYS);
        let free = time.free_slots(wish.minutes, first, days, wish.time_zone);
        let slot = free
            .into_iter()
            .flat_map(|day| day.slots)
            .find(|slot| wish.takes(*slot) && expires_at <= slot.starts_at && !overlaps(slot))?;
        Some(Turn {
            waiter: waiter.clone(),
            slot,
            expires_at,
        })
    })
}

/// Until when an offer made at `now` stands. Whoever is not to be disturbed has all their time after the quiet hours:
/// the word of it leaves then, and a clock that runs while they sleep would only pass them over. A slot that begins
/// before that is not offered to them, but to the next.
pub fn offered_until(quiet: Quiet, answer: TimeDelta, now: Instant) -> Instant {
    quiet.ends_after(now).unwrap_or(now) + answer
}

#[cfg(test)]
mod tests {
    use chrono::Datelike;

    use super::*;
    use crate::preference::QuietHours;
    use crate::schedule::{Weekday, Window};

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn clock(text: &str) -> WallTime {
        text.parse().unwrap()
    }

    /// Nine to twelve on Tuesdays, in hours.
    fn schedule() -> Schedule {
        let mut schedule = Schedule::empty(Tz::UTC);
        schedule.weekly = vec![Window {
            weekday: Weekday::Tuesday,
            from: clock("09:00"),
            until: clock("12:00"),
            valid_from: None,
            valid_until: None,
        }];
        schedule.rules.minutes = vec![60];
        schedule.rules.interval_minutes = 60;
        schedule.rules.min_notice_minutes = 0;
        schedule.rules.horizon_days = 60;
        schedule
    }

    fn waiter(number: u128, change: impl FnOnce(&mut Waiter)) -> Waiter {
        let date = NaiveDate::from_ymd_opt(2027, 3, 2).unwrap();
        assert_eq!(date.weekday(), chrono::Weekday::Tue);
        let mut waiter = Waiter {
            id: uuid::Uuid::from_u128(number).into(),
            client: Party {
                id: uuid::Uuid::from_u128(100 + number).into(),
                name: format!("Person {number}"),
            },
            wish: Wish {
                minutes: 60,
                from: date,
                until: date,
                earliest: None,
                latest: None,
                time_zone: Tz::UTC,
                mode: Mode::Online,
                note: None,
            },
            quiet: Quiet::none(),
        };
        change(&mut waiter);
        waiter
    }

    #[test]
    fn a_wish_for_which_nothing_can_be_found_is_told_where_it_is_wrong() {
        let wrong = |change: &dyn Fn(&mut Wish)| {
            let mut wish = waiter(1, |_| ()).wish;
            change(&mut wish);
            let faults = wish.check(&schedule(), at("2027-03-02T08:00:00Z"));
            let pointers = faults.into_iter().map(|fault| fault.pointer);
            pointers.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(wrong(&|_| ()), "");
        assert_eq!(wrong(&|w| w.until = w.from - Days::new(1)), "/until");
        assert_eq!(wrong(&|w| w.until = w.from + Days::new(61)), "");
        assert_eq!(wrong(&|w| w.until = w.from + Days::new(62)), "/until");
        let days_on = |days: i64| {
            wrong(&|w| {
                w.from += TimeDelta::days(days);
                w.until = w.from;
            })
        };
        assert_eq!((&*days_on(-1), &*days_on(61)), ("/until", ""));
        assert_eq!(days_on(62), "/from", "beyond the horizon and a day");
        let hours = |w: &mut Wish, earliest: &str, latest: &str| {
            (w.earliest, w.latest) = (Some(clock(earliest)), Some(clock(latest)));
        };
        assert_eq!(wrong(&|w| hours(w, "11:00", "12:00")), "");
        assert_eq!(wrong(&|w| hours(w, "11:01", "12:00")), "/latest");
        assert_eq!(wrong(&|w| w.minutes = 45), "/minutes");
    }

    fn turn_at(now: &str, waiters: &[Waiter], taken: &[(&str, &str)]) -> Option<(u128, String)> {
        let schedule = schedule();
        let taken: Vec<Taken> = taken
            .iter()
            .map(|(from, until)| Taken {
                starts_at: at(from),
                ends_at: at(until),
            })
            .collect();
        let time = Availability {
            schedule: &schedule,
            taken: &taken,
            counted: &[],
            now: at(now),
        };
        let turn = turn(&time, waiters, &BTreeMap::new(), TimeDelta::minutes(30))?;
        let starts = turn.slot.starts_at.format("%H:%M").to_string();
        Some((turn.waiter.id.uuid().as_u128(), starts))
    }

    const MONDAY: &str = "2027-03-01T12:00:00Z";

    #[test]
    fn the_longest_waiting_has_the_earliest_slot_that_fits() {
        let waiters = [waiter(1, |_| {}), waiter(2, |_| {})];
        assert_eq!(turn_at(MONDAY, &waiters, &[]), Some((1, "09:00".into())));
        let nine = ("2027-03-02T09:00:00Z", "2027-03-02T10:00:00Z");
        assert_eq!(
            turn_at(MONDAY, &waiters, &[nine]),
            Some((1, "10:00".into()))
        );
        let all = ("2027-03-02T09:00:00Z", "2027-03-02T12:00:00Z");
        assert_eq!(turn_at(MONDAY, &waiters, &[all]), None);
    }

    #[test]
    fn whoever_nothing_fits_does_not_keep_the_next_one_waiting() {
        let late = waiter(1, |w| w.wish.earliest = Some(clock("11:30")));
        let short = waiter(2, |w| w.wish.latest = Some(clock("10:30")));
        let waiters = [late, short];
        assert_eq!(turn_at(MONDAY, &waiters, &[]), Some((2, "09:00".into())));
        let nine = ("2027-03-02T09:00:00Z", "2027-03-02T10:00:00Z");
        assert_eq!(turn_at(MONDAY, &waiters, &[nine]), None);
    }

    #[test]
    fn the_clock_of_an_offer_does_not_run_in_quiet_hours() {
        let night = QuietHours {
            from: clock("22:00"),
            until: clock("08:45"),
        };
        let quiet = |w: &mut Waiter| w.quiet = Quiet::of(Some(night), Tz::UTC);
        let waiters = [waiter(1, quiet), waiter(2, |_| {})];
        // Until 09:15: too late for the slot at nine, which the next one would have; but ten is theirs.
        let at_night = "2027-03-02T03:00:00Z";
        assert_eq!(turn_at(at_night, &waiters, &[]), Some((1, "10:00".into())));
        let later = ("2027-03-02T10:00:00Z", "2027-03-02T12:00:00Z");
        assert_eq!(
            turn_at(at_night, &waiters, &[later]),
            Some((2, "09:00".into()))
        );
    }

    #[test]
    fn nothing_is_offered_over_the_clients_own_time() {
        let waiters = [waiter(1, |_| {})];
        let own = Taken {
            starts_at: at("2027-03-02T09:30:00Z"),
            ends_at: at("2027-03-02T10:30:00Z"),
        };
        let busy = BTreeMap::from([(waiters[0].client.id, vec![own])]);
        let schedule = schedule();
        let time = Availability {
            schedule: &schedule,
            taken: &[],
            counted: &[],
            now: at(MONDAY),
        };
        let turn = turn(&time, &waiters, &busy, TimeDelta::minutes(30)).unwrap();
        assert_eq!(turn.slot.starts_at, at("2027-03-02T11:00:00Z"));
        assert_eq!(turn.expires_at, at("2027-03-01T12:30:00Z"));
    }

    #[test]
    fn what_has_ended_never_moves_again() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            let moves = Status::ALL.iter().filter(|next| status.may_become(**next));
            assert_eq!(moves.count() > 0, status.is_open(), "{status:?}");
        }
    }
}
