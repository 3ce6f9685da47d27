//! Experts as the public sees them.

use std::str::FromStr;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::Instant;
use crate::account::UnknownName;
use crate::booking_rules::BookingRules;
use crate::id::{BranchId, UserId};

/// Whether an expert is at work right now, as the expert says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Online,
    Busy,
    Offline,
}

impl Presence {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }
}

impl FromStr for Presence {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "online" => Ok(Self::Online),
            "busy" => Ok(Self::Busy),
            "offline" => Ok(Self::Offline),
            _ => Err(UnknownName),
        }
    }
}

/// An expert's public profile.
#[derive(Clone, PartialEq, Debug)]
pub struct Expert {
    pub id: UserId,
    pub name: String,
    pub branch_id: Option<BranchId>,
    pub headline: String,
    pub description: String,
    pub avatar_tag: Option<String>,
    pub tags: Vec<String>,
    pub time_zone: Tz,
    pub stars_sum: i64,
    pub review_count: i64,
    pub presence: Presence,
    pub presence_since: Instant,
    pub booking_rules: BookingRules,
    pub version: i64,
}

impl Expert {
    /// Mean stars with two decimals, `None` before the first review.
    pub fn rating(&self) -> Option<f64> {
        rating(self.stars_sum, self.review_count)
    }
}

/// Mean of so many stars with two decimals, `None` where there are no reviews.
pub(crate) fn rating(stars_sum: i64, review_count: i64) -> Option<f64> {
    (review_count > 0).then(|| (stars_sum as f64 / review_count as f64 * 100.0).round() / 100.0)
}
