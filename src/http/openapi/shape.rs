//! Shapes in the document of what is declared in rooms that know no HTTP. Nothing is ever made of these types;
//! `tests/it/contract` holds them against what the routes take and answer.
#![expect(dead_code, reason = "only their shape is read")]

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Branches, and whom they choose.
mod branch;

pub use branch::*;

#[derive(Deserialize, ToSchema)]
#[schema(as = Role)]
#[serde(rename_all = "snake_case")]
pub enum RoleShape {
    User,
    Expert,
    Manager,
    Admin,
}

/// What an API key may do.
#[derive(Deserialize, ToSchema)]
#[schema(as = Scope)]
pub enum ScopeShape {
    #[serde(rename = "profile:read")]
    ProfileRead,
    #[serde(rename = "profile:write")]
    ProfileWrite,
    #[serde(rename = "experts:read")]
    ExpertsRead,
    #[serde(rename = "experts:write")]
    ExpertsWrite,
    #[serde(rename = "bookings:read")]
    BookingsRead,
    #[serde(rename = "bookings:write")]
    BookingsWrite,
    #[serde(rename = "inbox:read")]
    InboxRead,
    #[serde(rename = "inbox:write")]
    InboxWrite,
    #[serde(rename = "live:read")]
    LiveRead,
    #[serde(rename = "people:read")]
    PeopleRead,
    #[serde(rename = "people:write")]
    PeopleWrite,
    #[serde(rename = "messages:read")]
    MessagesRead,
    #[serde(rename = "messages:write")]
    MessagesWrite,
    #[serde(rename = "settings:read")]
    SettingsRead,
    #[serde(rename = "settings:write")]
    SettingsWrite,
    #[serde(rename = "audit:read")]
    AuditRead,
    #[serde(rename = "reports:read")]
    ReportsRead,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Status)]
#[serde(rename_all = "snake_case")]
pub enum StatusShape {
    Pending,
    Confirmed,
    InProgress,
    Rejected,
    Cancelled,
    Completed,
    Missed,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Mode)]
#[serde(rename_all = "snake_case")]
pub enum ModeShape {
    Online,
    Offline,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Every)]
#[serde(rename_all = "snake_case")]
pub enum EveryShape {
    Day,
    Week,
    Month,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = GroupSessionStatus)]
#[serde(rename_all = "snake_case")]
pub enum GroupSessionStatusShape {
    Open,
    Cancelled,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = WaitingStatus)]
#[serde(rename_all = "snake_case")]
pub enum WaitingStatusShape {
    Waiting,
    Offered,
    Accepted,
    Declined,
    Expired,
    Left,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = VisitState)]
#[serde(rename_all = "snake_case")]
pub enum VisitStateShape {
    Waiting,
    Offered,
    Called,
    Serving,
    Done,
    Left,
    NoShow,
    TimedOut,
    Transferred,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Presence)]
#[serde(rename_all = "snake_case")]
pub enum PresenceShape {
    Online,
    Busy,
    Offline,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Missing)]
#[serde(rename_all = "snake_case")]
pub enum MissingShape {
    LengthNotOffered,
    InThePast,
    Notice,
    Horizon,
    OutsideHours,
    Holiday,
    BranchClosed,
    TimeOff,
    Imported,
    DayCap,
    WeekCap,
    Taken,
    Held,
    Buffer,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Channel)]
#[serde(rename_all = "snake_case")]
pub enum ChannelShape {
    Email,
    Telegram,
    Sms,
    Fcm,
    WebPush,
    Webhook,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Way)]
#[serde(rename_all = "snake_case")]
pub enum WayShape {
    Email,
    Telegram,
    Sms,
    Push,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Audience)]
#[serde(rename_all = "snake_case")]
pub enum AudienceShape {
    Client,
    Expert,
    Manager,
    Followers,
    Holder,
    Administrators,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Category)]
#[serde(rename_all = "snake_case")]
pub enum CategoryShape {
    Account,
    Booking,
    Reminder,
    Review,
    Digest,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Class)]
#[serde(rename_all = "snake_case")]
pub enum ClassShape {
    Transactional,
    Service,
    Marketing,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Gate)]
#[serde(rename_all = "snake_case")]
pub enum GateShape {
    Condition,
    Account,
    Address,
    Suppression,
    Preference,
    Own,
    MarketingHours,
    QuietHours,
    Digest,
    Expiry,
    Fallback,
}

/// What one gate said.
#[derive(Deserialize, ToSchema)]
#[schema(as = Check)]
pub struct CheckShape {
    gate: GateShape,
    passed: bool,
    /// Stable word for why it did not pass; left out when it did.
    reason: Option<String>,
    /// Until when the message is held; left out when it is not.
    until: Option<DateTime<Utc>>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = WayOutcome)]
#[serde(rename_all = "snake_case")]
pub enum WayOutcomeShape {
    Planned,
    Held,
    Standby,
    Gathered,
    Closed,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = CalendarMethod)]
#[serde(rename_all = "snake_case")]
pub enum MethodShape {
    Request,
    Cancel,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = LinkedPage)]
#[serde(rename_all = "snake_case")]
pub enum LinkedPageShape {
    Booking,
    AnotherTime,
    WaitingList,
    Visit,
    Verify,
    Reset,
    Inbox,
}

/// On this event, this side is told this, so.
#[derive(Deserialize, ToSchema)]
#[schema(as = Rule)]
pub struct RuleShape {
    /// The type of event, such as `booking.created`.
    #[schema(example = "booking.created")]
    on: String,
    audience: AudienceShape,
    /// An expression over the event's facts, such as `mode == "online" and minutes_to_start < 120`; without one the
    /// rule always applies.
    #[schema(max_length = 1000)]
    condition: Option<String>,
    /// The name of the texts.
    #[schema(example = "booking.created")]
    kind: String,
    category: CategoryShape,
    class: ClassShape,
    /// Sent whatever the reader chose, also in their quiet hours.
    critical: bool,
    /// Whether it leaves an entry in the inbox.
    inbox: bool,
    /// The ways it is sent by, all at once.
    channels: Vec<WayShape>,
    /// The ways by which also the person who did it is told.
    own: Vec<WayShape>,
    /// The ways it is sent by when those before have failed, one after the other.
    fallback: Vec<WayShape>,
    /// How long after the event messages leave. The inbox does not wait.
    #[schema(minimum = 0, maximum = 43200)]
    delay_minutes: i64,
    /// The calendar file that goes with a mail.
    calendar: Option<MethodShape>,
    /// Where a button leads.
    page: LinkedPageShape,
    enabled: bool,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = DeliveryStatus)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatusShape {
    Standby,
    Pending,
    Sending,
    Retrying,
    Sent,
    Kept,
    Dead,
    Ambiguous,
    Skipped,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Digest)]
#[serde(rename_all = "snake_case")]
pub enum DigestShape {
    Off,
    Daily,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Sort)]
pub enum SortShape {
    #[serde(rename = "-starts_at")]
    LatestFirst,
    #[serde(rename = "starts_at")]
    EarliestFirst,
}

/// By when it was made; the minus sign is for the newest first.
#[derive(Deserialize, ToSchema)]
#[schema(as = MadeSort)]
pub enum MadeSortShape {
    #[serde(rename = "-created_at")]
    NewestFirst,
    #[serde(rename = "created_at")]
    OldestFirst,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Weekday)]
#[serde(rename_all = "snake_case")]
pub enum WeekdayShape {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// How an expert lets their time be booked; what is left out has its default.
#[derive(Deserialize, ToSchema)]
#[schema(as = BookingRules)]
#[serde(deny_unknown_fields)]
pub struct BookingRulesShape {
    /// The lengths on offer; the first is the one meant when none is named.
    #[schema(min_items = 1, max_items = 8, required = false)]
    minutes: Vec<Minutes>,
    /// Starts are multiples of this from 00:00 on the expert's clock.
    #[schema(minimum = 1, maximum = 1440, required = false)]
    interval_minutes: u16,
    #[schema(minimum = 0, maximum = 1440, required = false)]
    buffer_before_minutes: u16,
    #[schema(minimum = 0, maximum = 1440, required = false)]
    buffer_after_minutes: u16,
    #[schema(minimum = 0, maximum = 1051200, required = false)]
    min_notice_minutes: u32,
    #[schema(minimum = 1, maximum = 730, required = false)]
    horizon_days: u16,
    /// Most bookings on one local date; `null`: any number.
    #[schema(minimum = 1, maximum = 65535)]
    max_per_day: Option<u16>,
    /// Most bookings in one ISO week; `null`: any number.
    #[schema(minimum = 1, maximum = 65535)]
    max_per_week: Option<u16>,
    #[schema(required = false)]
    auto_confirm: bool,
    #[schema(minimum = 0, maximum = 1051200, required = false)]
    cancel_notice_minutes: u32,
}

/// What administrators set for the house.
#[derive(Deserialize, ToSchema)]
#[schema(as = HouseSettings)]
#[serde(deny_unknown_fields)]
pub struct HouseSettingsShape {
    /// What the house is called on pages and in messages.
    #[schema(min_length = 1, max_length = 24, pattern = "\\S")]
    name: String,
    /// Where people turn with a question: an address, a number, a page.
    #[schema(max_length = 120)]
    contact: Option<String>,
    /// Language of a new account that names none.
    #[schema(max_length = 35, example = "vi")]
    locale: String,
    /// Zone of a new account that names none.
    #[schema(example = "Asia/Ho_Chi_Minh")]
    time_zone: String,
    /// What a new expert starts with.
    booking_rules: BookingRulesShape,
    /// Minutes before the start at which both sides are reminded, for what is booked or moved from now on.
    #[schema(max_items = 6)]
    reminder_offsets_minutes: Vec<OffsetMinutes>,
    /// Whether people may open accounts by themselves.
    registration: bool,
    /// Whether people may book without an account.
    guest_bookings: bool,
}

/// Minutes before a start.
#[derive(Deserialize, ToSchema)]
#[schema(minimum = 1, maximum = 43200)]
pub struct OffsetMinutes(u32);

/// A length.
#[derive(Deserialize, ToSchema)]
#[schema(minimum = 1, maximum = 1440)]
pub struct Minutes(u16);

/// A time on the clock; `24:00` only as an end.
#[derive(Deserialize, ToSchema)]
#[schema(as = WallTime, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", example = "09:00")]
pub struct WallTimeShape(String);

/// A stretch of working time; an end that is not after the start lies on the next date.
#[derive(Deserialize, ToSchema)]
#[schema(as = Hours)]
#[serde(deny_unknown_fields)]
pub struct HoursShape {
    from: WallTimeShape,
    until: WallTimeShape,
}

/// Working hours that come back every week.
#[derive(Deserialize, ToSchema)]
#[schema(as = Window)]
#[serde(deny_unknown_fields)]
pub struct WindowShape {
    weekday: WeekdayShape,
    from: WallTimeShape,
    until: WallTimeShape,
    /// First date on which it counts; left out: since always.
    valid_from: Option<NaiveDate>,
    /// Last date on which it counts; left out: for ever.
    valid_until: Option<NaiveDate>,
}

/// Free slots by day.
#[derive(Deserialize, ToSchema)]
#[schema(as = Slots)]
pub struct SlotsShape {
    expert_id: Uuid,
    time_zone: String,
    /// Every date asked for, those without a slot too.
    days: Vec<DayShape>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Day)]
pub struct DayShape {
    date: NaiveDate,
    slots: Vec<SlotShape>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Slot)]
pub struct SlotShape {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}
