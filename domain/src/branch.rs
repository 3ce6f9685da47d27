//! Branches: where experts work, when the house there is open, and how it lets itself be booked when nobody in
//! particular is asked for (B1, B6, B7).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::booking_rules::BookingRules;
use crate::expert::Presence;
use crate::field::FieldError;
use crate::id::BranchId;
use crate::schedule::{Hours, Override, Window, validate_weekly};

/// When a branch is open, on the clock and calendar of its own zone. Whoever works there can be booked inside these
/// hours and their own: the narrower of the two counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The zone whose clock and calendar the hours follow.
    pub time_zone: Tz,
    /// A branch that is not active is closed, whatever its hours say.
    pub active: bool,
    /// Hours that come back every week; `None`: none of its own, so those of its experts count.
    pub weekly: Option<Vec<Window>>,
    /// Dates that do not follow the week; empty hours: closed.
    pub overrides: BTreeMap<NaiveDate, Vec<Hours>>,
}

impl Opening {
    /// Most dates that differ from the week.
    pub const MOST_OVERRIDES: usize = 400;

    /// Always open.
    pub fn always(time_zone: Tz) -> Opening {
        Opening {
            time_zone,
            active: true,
            weekly: None,
            overrides: BTreeMap::new(),
        }
    }

    /// Everything that is wrong with the week (`/weekly/…`); empty when it is sound. Dates are checked as they are
    /// read, see [`overrides`].
    pub fn validate(&self) -> Vec<FieldError> {
        self.weekly
            .as_deref()
            .map_or_else(Vec::new, validate_weekly)
    }
}

/// Dates that differ, as they are named in a list.
///
/// # Errors
/// Everything that is wrong with them, with pointers under `/overrides`.
pub fn overrides(
    listed: Vec<Override>,
) -> Result<BTreeMap<NaiveDate, Vec<Hours>>, Vec<FieldError>> {
    let most = Opening::MOST_OVERRIDES;
    if listed.len() > most {
        let detail = format!("Name at most {most} dates.");
        return Err(vec![FieldError::new(
            "/overrides",
            FieldError::TOO_LONG,
            detail,
        )]);
    }
    let mut faults = Vec::new();
    let mut dates = BTreeMap::new();
    for (index, day) in listed.into_iter().enumerate() {
        let pointer = format!("/overrides/{index}");
        let wrong = day.validate().into_iter();
        faults.extend(wrong.map(|fault| fault.under(&pointer)));
        if dates.insert(day.date, day.intervals).is_some() {
            let detail = "This date is already in the list.";
            faults.push(FieldError::new(
                format!("{pointer}/date"),
                FieldError::DUPLICATE,
                detail,
            ));
        }
    }
    if faults.is_empty() {
        Ok(dates)
    } else {
        Err(faults)
    }
}

/// How an expert is found for somebody who asks for nobody in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Whoever is furthest below their fair share, with regard to the day, the client and who is there.
    #[default]
    Smart,
    /// Whoever was given something longest ago.
    RoundRobin,
    /// Whoever has the fewest bookings on that date.
    LeastLoaded,
}

impl Strategy {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::Smart => "smart",
            Strategy::RoundRobin => "round_robin",
            Strategy::LeastLoaded => "least_loaded",
        }
    }
}

/// How a branch lets itself be booked (B7). What an expert asks for beyond it counts, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BranchSettings {
    /// The length meant when none is named.
    pub default_minutes: u16,
    /// The last bookable date is today, on the branch's experts' calendars, plus this many days.
    pub horizon_days: u16,
    /// A booking is made at least this many minutes before it starts.
    pub min_notice_minutes: u32,
    /// How long somebody may wait in the branch's queue.
    pub queue_timeout_minutes: u32,
    /// How many may wait in it at once; 0: the branch has none.
    pub most_waiting: u16,
    /// How long an expert is kept for somebody whose turn it is, in minutes.
    pub offer_minutes: u16,
    /// Most bookings on one date that an expert may have to be given another one; none: as many as fit.
    pub max_load: Option<u16>,
    /// Starts sooner than so many minutes from now go to experts who are not offline; 0: to anybody.
    pub presence_minutes: u32,
    /// How an expert is found.
    pub strategy: Strategy,
    /// After so many days, work that was done counts half towards an expert's share.
    pub half_life_days: u16,
}

impl Default for BranchSettings {
    fn default() -> BranchSettings {
        BranchSettings {
            default_minutes: 60,
            horizon_days: 7,
            min_notice_minutes: 30,
            queue_timeout_minutes: 120,
            most_waiting: 50,
            offer_minutes: 5,
            max_load: Some(3),
            presence_minutes: 60,
            strategy: Strategy::Smart,
            half_life_days: 14,
        }
    }
}

impl BranchSettings {
    /// Everything that is wrong with them, with pointers from their own root; empty when they are sound.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut within = |field: &str, value: u32, least: u32, most: u32| {
            if !(least..=most).contains(&value) {
                errors.push(FieldError::out_of_range(format!("/{field}"), least, most));
            }
        };
        let day = u32::from(BookingRules::MOST_MINUTES);
        let notice = BookingRules::MOST_NOTICE_MINUTES;
        let horizon = BookingRules::MOST_HORIZON_DAYS;
        within("default_minutes", self.default_minutes.into(), 1, day);
        within("horizon_days", self.horizon_days.into(), 1, horizon.into());
        within("min_notice_minutes", self.min_notice_minutes, 0, notice);
        within(
            "queue_timeout_minutes",
            self.queue_timeout_minutes,
            1,
            Self::MOST_QUEUE_MINUTES,
        );
        within(
            "most_waiting",
            self.most_waiting.into(),
            0,
            Self::MOST_WAITING.into(),
        );
        within(
            "offer_minutes",
            self.offer_minutes.into(),
            1,
            Self::MOST_OFFER_MINUTES.into(),
        );
        within(
            "max_load",
            self.max_load.unwrap_or(1).into(),
            1,
            u16::MAX.into(),
        );
        within("presence_minutes", self.presence_minutes, 0, day);
        within("half_life_days", self.half_life_days.into(), 1, 365);
        errors
    }

    /// The longest that somebody may wait in a queue, in minutes: a week.
    pub const MOST_QUEUE_MINUTES: u32 = 7 * 1440;
    /// The most who may wait in one queue.
    pub const MOST_WAITING: u16 = 1000;
    /// The longest that an expert is kept for somebody, in minutes.
    pub const MOST_OFFER_MINUTES: u16 = 120;

    /// What holds for an expert of this presence.
    pub fn terms(&self, presence: Presence) -> Terms {
        let away = presence == Presence::Offline;
        let there = if away { self.presence_minutes } else { 0 };
        Terms {
            horizon_days: self.horizon_days,
            min_notice_minutes: self.min_notice_minutes.max(there),
            max_per_day: self.max_load,
        }
    }
}

/// What a branch asks for, beyond the rules of the expert who is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Terms {
    pub horizon_days: u16,
    pub min_notice_minutes: u32,
    pub max_per_day: Option<u16>,
}

impl Terms {
    /// The rules of an expert under these terms: of each, the narrower counts.
    pub fn narrow(&self, rules: &BookingRules) -> BookingRules {
        let day = match (rules.max_per_day, self.max_per_day) {
            (Some(own), Some(load)) => Some(own.min(load)),
            (own, load) => own.or(load),
        };
        BookingRules {
            horizon_days: rules.horizon_days.min(self.horizon_days),
            min_notice_minutes: rules.min_notice_minutes.max(self.min_notice_minutes),
            max_per_day: day,
            ..rules.clone()
        }
    }
}

/// A place where experts work.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    pub id: BranchId,
    pub name: String,
    pub address: String,
    pub phone: Option<String>,
    pub opening: Opening,
    pub settings: BranchSettings,
    /// Of the reviews of its experts.
    pub stars_sum: i64,
    pub review_count: i64,
    pub version: i64,
}

impl Branch {
    /// Mean stars with two decimals, `None` before the first review.
    pub fn rating(&self) -> Option<f64> {
        crate::expert::rating(self.stars_sum, self.review_count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_business_and_stand_in_for_what_is_left_out() {
        let settings: BranchSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, BranchSettings::default());
        assert_eq!(settings.validate(), []);
        assert_eq!(
            (settings.default_minutes, settings.horizon_days),
            (60, 7),
            "an hour, a week ahead"
        );
        assert_eq!(settings.min_notice_minutes, 30);
        assert_eq!(settings.queue_timeout_minutes, 120);
        assert_eq!((settings.most_waiting, settings.offer_minutes), (50, 5));
        assert_eq!(settings.max_load, Some(3));
    }

    #[test]
    fn every_limit_holds_on_both_sides() {
        let beyond = BranchSettings {
            default_minutes: 0,
            horizon_days: 731,
            min_notice_minutes: 1_051_201,
            queue_timeout_minutes: 0,
            most_waiting: 1001,
            offer_minutes: 0,
            max_load: Some(0),
            presence_minutes: 1441,
            strategy: Strategy::RoundRobin,
            half_life_days: 0,
        };
        let faults = beyond.validate();
        assert_eq!(faults.len(), 9, "{faults:?}");
        let widest = BranchSettings {
            default_minutes: 1440,
            horizon_days: 730,
            min_notice_minutes: 1_051_200,
            queue_timeout_minutes: 10_080,
            most_waiting: 1000,
            offer_minutes: 120,
            max_load: None,
            presence_minutes: 1440,
            strategy: Strategy::LeastLoaded,
            half_life_days: 365,
        };
        assert_eq!(widest.validate(), []);
    }

    #[test]
    fn of_each_rule_the_narrower_counts() {
        let settings = BranchSettings::default();
        let strict = BookingRules {
            horizon_days: 3,
            min_notice_minutes: 90,
            max_per_day: Some(2),
            ..BookingRules::default()
        };
        let here = settings.terms(Presence::Online);
        assert_eq!(here.narrow(&strict), strict);
        let wide = here.narrow(&BookingRules::default());
        assert_eq!(
            (wide.horizon_days, wide.min_notice_minutes, wide.max_per_day),
            (7, 30, Some(3))
        );
        let away = settings.terms(Presence::Offline);
        assert_eq!(
            away.narrow(&BookingRules::default()).min_notice_minutes,
            60,
            "whoever is away is not met within the hour"
        );
        assert_eq!(settings.terms(Presence::Busy), here);
    }

    #[test]
    fn dates_are_checked_one_by_one() {
        let day = |date: &str, intervals| Override {
            date: date.parse().unwrap(),
            intervals,
        };
        let closed = overrides(vec![day("2027-01-01", Vec::new())]).unwrap();
        assert_eq!(closed.len(), 1);
        let late: Hours = serde_json::from_str(r#"{"from":"24:00","until":"01:00"}"#).unwrap();
        let wrong = vec![day("2027-01-01", Vec::new()), day("2027-01-01", vec![late])];
        let pointers: Vec<String> = overrides(wrong)
            .unwrap_err()
            .into_iter()
            .map(|fault| fault.pointer)
            .collect();
        assert_eq!(
            pointers,
            ["/overrides/1/intervals/0/from", "/overrides/1/date"]
        );
        let many = vec![day("2027-01-01", Vec::new()); 401];
        assert_eq!(overrides(many).unwrap_err().len(), 1);
    }
}
