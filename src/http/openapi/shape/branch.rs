//! Shapes of branches in the document.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::HoursShape;

/// What one date has in place of its weekday's hours.
#[derive(Deserialize, ToSchema)]
#[schema(as = Override)]
#[serde(deny_unknown_fields)]
pub struct OverrideShape {
    date: NaiveDate,
    /// Empty: closed that day.
    #[schema(max_items = 24)]
    intervals: Vec<HoursShape>,
}

/// How a branch finds an expert for a booking.
#[derive(Deserialize, ToSchema)]
#[schema(as = Strategy)]
#[serde(rename_all = "snake_case")]
pub enum StrategyShape {
    Smart,
    RoundRobin,
    LeastLoaded,
}

/// How a branch lets itself be booked. What an expert asks for beyond it counts, too.
#[derive(Deserialize, ToSchema)]
#[schema(as = BranchSettings)]
pub struct BranchSettingsShape {
    /// The length meant when none is named.
    default_minutes: u16,
    /// The last bookable date is today plus this many days.
    horizon_days: u16,
    min_notice_minutes: u32,
    /// How long somebody may wait in the queue of the branch.
    queue_timeout_minutes: u32,
    /// How many may wait in it at once; 0: the branch has none.
    most_waiting: u16,
    /// How long an expert is kept for somebody whose turn it is.
    offer_minutes: u16,
    /// Most bookings on one date that an expert may have to be given another one; `null`: no limit.
    max_load: Option<u16>,
    /// Starts sooner than this go to experts who are not offline; 0: to anybody.
    presence_minutes: u32,
    strategy: StrategyShape,
    /// After so many days, work that was done counts half towards an expert's share.
    half_life_days: u16,
}

/// Free slots of a branch by day.
#[derive(Deserialize, ToSchema)]
#[schema(as = BranchSlots)]
pub struct BranchSlotsShape {
    branch_id: Uuid,
    time_zone: String,
    minutes: u16,
    /// Every date asked for, those without a slot too.
    days: Vec<BranchDayShape>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = BranchDay)]
pub struct BranchDayShape {
    date: NaiveDate,
    slots: Vec<BranchSlotShape>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = BranchSlot)]
pub struct BranchSlotShape {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    /// How many experts are free then.
    experts: u32,
}

/// How many free starts a branch has on each day.
#[derive(Deserialize, ToSchema)]
#[schema(as = BranchCounts)]
pub struct BranchCountsShape {
    branch_id: Uuid,
    time_zone: String,
    minutes: u16,
    days: Vec<BranchCountShape>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = BranchCount)]
pub struct BranchCountShape {
    date: NaiveDate,
    slots: u32,
}

/// One part of a score.
#[derive(Deserialize, ToSchema)]
#[schema(as = Scored)]
pub struct ScoredShape {
    part: PartShape,
    value: f64,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Part)]
#[serde(rename_all = "snake_case")]
pub enum PartShape {
    /// How far below their fair share.
    Share,
    /// How full the date is.
    Load,
    /// Bookings without a pause between them.
    Adjoining,
    /// The client knows them.
    Previous,
    /// Whether they are there.
    Presence,
    /// Minutes since they were given something.
    Waited,
}
