//! What stands between a message and its reader: each gate lets it pass, holds it until an instant, or closes.
//!
//! The same gates are asked when a message is planned and again when it is about to be sent, so that a
//! choice made meanwhile counts, and neither a retry nor a second way slips past the quiet hours.

use chrono::{Days, TimeDelta, Timelike};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Instant;
use crate::channel::{Channel, Way};
use crate::notification::Category;
use crate::preference::{Preferences, QuietHours};
use crate::wall::{self, Edge, WallTime};

/// How the law sees a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Belongs to something the reader did or is part of.
    Transactional,
    /// Helps with it, without being needed for it.
    Service,
    /// Wants to sell something.
    Marketing,
}

impl Class {
    /// Every class, in the order in which they are served.
    pub const ALL: [Self; 3] = [Self::Transactional, Self::Service, Self::Marketing];

    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transactional => "transactional",
            Self::Service => "service",
            Self::Marketing => "marketing",
        }
    }
}

impl std::str::FromStr for Class {
    type Err = crate::account::UnknownName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|class| class.as_str() == text);
        found.ok_or(crate::account::UnknownName)
    }
}

/// What the house asks of every message, whoever reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Advertisements leave between these times on the reader's clock (in Vietnam by Decree 91/2020: 07:00 to 22:00).
    pub marketing_from: WallTime,
    pub marketing_until: WallTime,
    /// Stands first in an advertisement by text message (`[QC]` by the same decree).
    pub marketing_label: String,
    /// When a day's gathered messages leave, on the reader's clock.
    pub digest_at: WallTime,
    /// The channels that have a provider; nothing is planned for the others, where it would wait for ever.
    pub channels: Vec<Channel>,
}

impl Default for Policy {
    fn default() -> Self {
        let at = |hour| WallTime::new(hour, 0).unwrap_or(WallTime::MIDNIGHT);
        Self {
            marketing_from: at(7),
            marketing_until: at(22),
            marketing_label: "[QC]".to_owned(),
            digest_at: at(8),
            channels: Channel::ALL.to_vec(),
        }
    }
}

/// A reader, as far as the gates look at them.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub disabled: bool,
    pub preferences: &'a Preferences,
    pub time_zone: Tz,
}

/// A message, as far as the gates look at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sending {
    pub way: Way,
    pub category: Category,
    pub class: Class,
    /// Must reach its reader whatever they chose, such as a link they asked for.
    pub critical: bool,
    /// After this instant it is not worth sending any more.
    pub not_after: Option<Instant>,
}

/// Every gate, in the order in which they are asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The rule's condition.
    Condition,
    /// The account can be written to.
    Account,
    /// There is an address.
    Address,
    /// The address takes messages.
    Suppression,
    /// The reader wants this way, and this category by it.
    Preference,
    /// Who did it need not be told of it.
    Own,
    /// The law's hours for advertisements.
    MarketingHours,
    /// The reader's quiet hours.
    QuietHours,
    /// The reader wants one message a day.
    Digest,
    /// It is still worth sending.
    Expiry,
    /// The ways before it have failed.
    Fallback,
}

impl Gate {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Condition => "condition",
            Self::Account => "account",
            Self::Address => "address",
            Self::Suppression => "suppression",
            Self::Preference => "preference",
            Self::Own => "own",
            Self::MarketingHours => "marketing_hours",
            Self::QuietHours => "quiet_hours",
            Self::Digest => "digest",
            Self::Expiry => "expiry",
            Self::Fallback => "fallback",
        }
    }
}

/// What one gate said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Check {
    pub gate: Gate,
    pub passed: bool,
    /// Stable word for why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when it is held, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
}

impl Check {
    /// A gate that let the message pass.
    pub fn open(gate: Gate) -> Self {
        Self {
            gate,
            passed: true,
            reason: None,
            until: None,
        }
    }

    /// A gate that did not, and why.
    pub fn shut(gate: Gate, reason: impl Into<String>) -> Self {
        Self {
            gate,
            passed: false,
            reason: Some(reason.into()),
            until: None,
        }
    }

    fn held(gate: Gate, until: Instant) -> Self {
        Self {
            gate,
            passed: false,
            reason: Some("held".to_owned()),
            until: Some(until),
        }
    }
}

/// What the gates came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It may leave now.
    Pass,
    /// It may leave at this instant, if the gates still say so.
    Hold(Instant),
    /// It never leaves.
    Drop,
}

/// Asks the gates whether a message may leave at `now`; `suppressed` is why nothing goes to its address, if
/// nothing does. Every answer is added to `trace`, up to the first gate that closes.
pub fn ask(
    reader: Reader<'_>,
    sending: Sending,
    suppressed: Option<&str>,
    policy: &Policy,
    now: Instant,
    trace: &mut Vec<Check>,
) -> Verdict {
    let mut ask = |gate, refusal: Option<&str>| {
        trace.push(match refusal {
            None => Check::open(gate),
            Some(reason) => Check::shut(gate, reason),
        });
        refusal.is_some()
    };
    if ask(Gate::Account, reader.disabled.then_some("disabled"))
        || ask(Gate::Suppression, suppressed)
        || ask(Gate::Preference, unwanted(reader.preferences, sending))
    {
        return Verdict::Drop;
    }
    let hours = Hours::of(reader, sending, policy);
    let Some(at) = hours.next(now) else {
        trace.push(Check::shut(Gate::QuietHours, "no_lawful_hour"));
        return Verdict::Drop;
    };
    if at > now {
        let gate = hours.closed_at(now).unwrap_or(Gate::QuietHours);
        trace.push(Check::held(gate, at));
    } else {
        if sending.class == Class::Marketing {
            trace.push(Check::open(Gate::MarketingHours));
        }
        trace.push(Check::open(Gate::QuietHours));
    }
    match sending.not_after {
        Some(end) if end <= at => {
            trace.push(Check::shut(Gate::Expiry, "too_late"));
            Verdict::Drop
        }
        _ if at > now => Verdict::Hold(at),
        _ => Verdict::Pass,
    }
}

fn unwanted(preferences: &Preferences, sending: Sending) -> Option<&'static str> {
    if sending.critical || sending.category == Category::Account {
        return None;
    }
    if !preferences.channels.has(sending.way) {
        return Some("channel_off");
    }
    let wanted = preferences.categories.of(sending.category);
    wanted
        .is_some_and(|ways| !ways.has(sending.way))
        .then_some("category_off")
}

/// When a day's gathered messages leave: the next time the reader's clock shows the house's hour for it, out of
/// their quiet hours.
pub fn digest_closes(reader: Reader<'_>, policy: &Policy, now: Instant) -> Instant {
    let zone = reader.time_zone;
    let today = wall::local_date(zone, now);
    let on = |date| wall::at(zone, date, policy.digest_at.minutes(), Edge::Start);
    let closes = match on(today) {
        at if at > now => at,
        _ => on(today + Days::new(1)),
    };
    match reader.preferences.quiet_hours {
        Some(quiet) => quiet_end(quiet, zone, closes).unwrap_or(closes),
        None => closes,
    }
}

/// How much later than the others somebody's held messages leave, at most a minute, so that what was held does
/// not leave all at once. The same for all of a person's messages, which keeps their order.
pub fn spread(person: Uuid) -> TimeDelta {
    TimeDelta::milliseconds((person.as_u128() % 60_000) as i64)
}

/// The hours in which a message may leave.
struct Hours<'a> {
    zone: Tz,
    quiet: Option<QuietHours>,
    marketing: Option<&'a Policy>,
}

impl<'a> Hours<'a> {
    fn of(reader: Reader<'_>, sending: Sending, policy: &'a Policy) -> Self {
        let quiet = reader.preferences.quiet_hours;
        Self {
            zone: reader.time_zone,
            quiet: quiet.filter(|_| !sending.critical),
            marketing: (sending.class == Class::Marketing).then_some(policy),
        }
    }

    /// The gate that is closed at this instant, if one is.
    fn closed_at(&self, at: Instant) -> Option<Gate> {
        if self.marketing_opens(at).is_some() {
            Some(Gate::MarketingHours)
        } else if self.quiet_ends(at).is_some() {
            Some(Gate::QuietHours)
        } else {
            None
        }
    }

    /// The earliest instant from `now` on at which neither is closed; `None` when they leave no room.
    fn next(&self, now: Instant) -> Option<Instant> {
        let mut at = now;
        // Each closes once a day at most, so two days show whether there is room.
        for _ in 0..6 {
            match self.marketing_opens(at).or_else(|| self.quiet_ends(at)) {
                Some(later) => at = later,
                None => return Some(at),
            }
        }
        None
    }

    fn quiet_ends(&self, at: Instant) -> Option<Instant> {
        quiet_end(self.quiet?, self.zone, at)
    }

    fn marketing_opens(&self, at: Instant) -> Option<Instant> {
        let policy = self.marketing?;
        let (from, until) = (policy.marketing_from, policy.marketing_until);
        if from == until {
            return None;
        }
        let closed = QuietHours {
            from: until,
            until: from,
        };
        quiet_end(closed, self.zone, at)
    }
}

/// When somebody is not to be disturbed, on their own clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quiet(Option<(QuietHours, Tz)>);

impl Quiet {
    /// Never.
    pub fn none() -> Self {
        Self(None)
    }

    /// In these hours, if in any, on the clock of a zone.
    pub fn of(hours: Option<QuietHours>, zone: Tz) -> Self {
        Self(hours.map(|hours| (hours, zone)))
    }

    /// When the quiet hours that `at` lies in end; `None` if it lies in none.
    pub fn ends_after(self, at: Instant) -> Option<Instant> {
        let (hours, zone) = self.0?;
        quiet_end(hours, zone, at)
    }
}

/// When the stretch in which `at` lies ends; `None` if it lies in none.
fn quiet_end(hours: QuietHours, zone: Tz, at: Instant) -> Option<Instant> {
    let local = at.with_timezone(&zone);
    let shown = (local.hour() * 60 + local.minute()) as u16;
    let (from, until) = (hours.from.minutes(), hours.until.minutes());
    let date = local.date_naive();
    let ends_on = if from < until {
        (from..until).contains(&shown).then_some(date)
    } else if shown >= from {
        Some(date + Days::new(1))
    } else {
        (shown < until).then_some(date)
    }?;
    let end = wall::at(zone, ends_on, until, Edge::End);
    // Where a clock change makes the end come first, it has come.
    (end > at).then_some(end)
}
