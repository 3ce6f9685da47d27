//! How an expert lets their time be booked, apart from the hours themselves.

use serde::{Deserialize, Serialize};

use crate::field::FieldError;

/// The slot rules of one expert. The defaults are what a new expert starts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BookingRules {
    /// The lengths on offer, in minutes; the first is the one meant when none is named.
    pub minutes: Vec<u16>,
    /// Starts are multiples of this many minutes from 00:00 on the expert's clock.
    pub interval_minutes: u16,
    /// Minutes kept clear of other bookings before each booking.
    pub buffer_before_minutes: u16,
    /// Minutes kept clear of other bookings after each booking.
    pub buffer_after_minutes: u16,
    /// A booking is made at least this many minutes before it starts.
    pub min_notice_minutes: u32,
    /// The last bookable date is today, on the expert's calendar, plus this many days.
    pub horizon_days: u16,
    /// Most bookings on one local date.
    pub max_per_day: Option<u16>,
    /// Most bookings in one ISO week of local dates.
    pub max_per_week: Option<u16>,
    /// Whether a booking is confirmed at once, without the expert's word.
    pub auto_confirm: bool,
    /// A client cancels at least this many minutes before the start.
    pub cancel_notice_minutes: u32,
}

impl Default for BookingRules {
    fn default() -> BookingRules {
        BookingRules {
            minutes: vec![60],
            interval_minutes: 30,
            buffer_before_minutes: 0,
            buffer_after_minutes: 0,
            min_notice_minutes: 30,
            horizon_days: 60,
            max_per_day: None,
            max_per_week: None,
            auto_confirm: false,
            cancel_notice_minutes: 60,
        }
    }
}

impl BookingRules {
    /// Most lengths on offer at once.
    pub const MOST_LENGTHS: usize = 8;
    /// A day: the longest length, interval and buffer, in minutes.
    pub const MOST_MINUTES: u16 = 1440;
    /// The furthest horizon, in days.
    pub const MOST_HORIZON_DAYS: u16 = 730;
    /// The longest notice: as far as the furthest horizon, in minutes.
    pub const MOST_NOTICE_MINUTES: u32 = 730 * 1440;

    /// The length meant when a client names none; none while there is nothing on offer.
    pub fn default_minutes(&self) -> Option<u16> {
        self.minutes.first().copied()
    }

    /// Whether this length, in minutes, is on offer.
    pub fn offers(&self, minutes: u16) -> bool {
        self.minutes.contains(&minutes)
    }

    /// Everything that is wrong with these rules, with pointers from their own root; empty when they are sound.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = self.validate_lengths();
        let day = Self::MOST_MINUTES;
        let mut within = |field: &str, value: u32, least: u32, most: u32| {
            if !(least..=most).contains(&value) {
                errors.push(FieldError::out_of_range(format!("/{field}"), least, most));
            }
        };
        within(
            "interval_minutes",
            self.interval_minutes.into(),
            1,
            day.into(),
        );
        within(
            "buffer_before_minutes",
            self.buffer_before_minutes.into(),
            0,
            day.into(),
        );
        within(
            "buffer_after_minutes",
            self.buffer_after_minutes.into(),
            0,
            day.into(),
        );
        let notice = Self::MOST_NOTICE_MINUTES;
        within("min_notice_minutes", self.min_notice_minutes, 0, notice);
        within(
            "cancel_notice_minutes",
            self.cancel_notice_minutes,
            0,
            notice,
        );
        let horizon = Self::MOST_HORIZON_DAYS;
        within("horizon_days", self.horizon_days.into(), 1, horizon.into());
        for (field, cap) in [
            ("max_per_day", self.max_per_day),
            ("max_per_week", self.max_per_week),
        ] {
            within(field, cap.unwrap_or(1).into(), 1, u16::MAX.into());
        }
        errors
    }

    fn validate_lengths(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.minutes.is_empty() {
            let detail = "Name at least one length.";
            errors.push(FieldError::new("/minutes", FieldError::TOO_SHORT, detail));
        }
        if self.minutes.len() > Self::MOST_LENGTHS {
            let detail = format!("Name at most {} lengths.", Self::MOST_LENGTHS);
            errors.push(FieldError::new("/minutes", FieldError::TOO_LONG, detail));
        }
        for (index, minutes) in self.minutes.iter().enumerate() {
            let pointer = format!("/minutes/{index}");
            if !(1..=Self::MOST_MINUTES).contains(minutes) {
                errors.push(FieldError::out_of_range(pointer, 1, Self::MOST_MINUTES));
            } else if self.minutes[..index].contains(minutes) {
                let detail = "This length is already in the list.";
                errors.push(FieldError::new(pointer, FieldError::DUPLICATE, detail));
            }
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(change: impl FnOnce(&mut BookingRules)) -> Vec<(String, &'static str)> {
        let mut rules = BookingRules::default();
        change(&mut rules);
        let faults = rules.validate().into_iter();
        faults.map(|fault| (fault.pointer, fault.code)).collect()
    }

    #[test]
    fn the_defaults_are_sound_and_stand_in_for_what_is_left_out() {
        assert_eq!(faults(|_| ()), []);
        let read: BookingRules = serde_json::from_str(r#"{"minutes": [30, 60]}"#).unwrap();
        assert_eq!(read.minutes, [30, 60]);
        assert_eq!(read.default_minutes(), Some(30));
        assert_eq!(
            read.interval_minutes,
            BookingRules::default().interval_minutes
        );
    }

    #[test]
    fn every_limit_holds_on_both_sides() {
        let widest = |rules: &mut BookingRules| {
            *rules = BookingRules {
                minutes: vec![1, 2, 3, 4, 5, 6, 7, 1440],
                interval_minutes: 1440,
                buffer_before_minutes: 1440,
                buffer_after_minutes: 1440,
                min_notice_minutes: 1_051_200,
                horizon_days: 730,
                max_per_day: Some(1),
                max_per_week: Some(u16::MAX),
                auto_confirm: true,
                cancel_notice_minutes: 1_051_200,
            };
        };
        assert_eq!(faults(widest), []);
        let beyond = |rules: &mut BookingRules| {
            *rules = BookingRules {
                minutes: vec![0, 1441],
                interval_minutes: 0,
                buffer_before_minutes: 1441,
                buffer_after_minutes: 1441,
                min_notice_minutes: 1_051_201,
                horizon_days: 731,
                max_per_day: Some(0),
                max_per_week: Some(0),
                auto_confirm: true,
                cancel_notice_minutes: 1_051_201,
            };
        };
        let found = faults(beyond);
        assert_eq!(found.len(), 10, "{found:?}");
        assert!(
            found
                .iter()
                .all(|(_, code)| *code == FieldError::OUT_OF_RANGE)
        );
        let none = faults(|rules| rules.horizon_days = 0);
        assert_eq!(
            none,
            [("/horizon_days".to_owned(), FieldError::OUT_OF_RANGE)]
        );
    }

    #[test]
    fn lengths_are_a_short_list_without_repeats() {
        let named = |pointer: &str, code| [(pointer.to_owned(), code)];
        let empty = faults(|rules| rules.minutes.clear());
        assert_eq!(empty, named("/minutes", FieldError::TOO_SHORT));
        let long = faults(|rules| rules.minutes = (1..=9).collect());
        assert_eq!(long, named("/minutes", FieldError::TOO_LONG));
        let twice = faults(|rules| rules.minutes = vec![30, 60, 30]);
        assert_eq!(twice, named("/minutes/2", FieldError::DUPLICATE));
    }
}
