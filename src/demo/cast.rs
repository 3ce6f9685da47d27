//! Who is in the demo, and what they say.

use belfry_domain::booking_rules::BookingRules;
use belfry_domain::branch::{Branch, BranchSettings, Opening};
use belfry_domain::id::BranchId;
use belfry_domain::schedule::{Schedule, Weekday, Window};
use belfry_domain::wall::WallTime;
use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

/// Where the branches are, and how to reach them.
const ADDRESSES: [(&str, &str); 2] = [
    (
        "12 Nguyễn Huệ, Quận 1, Thành phố Hồ Chí Minh",
        "+842838221234",
    ),
    ("4 Wapping Lane, London E1W 2RH", "+442079460123"),
];

/// A branch. The first has hours of its own; the other one is open whenever its experts are, who work all over the
/// world.
pub fn branch(id: BranchId, place: usize, name: &str, time_zone: Tz) -> Branch {
    let (address, phone) = ADDRESSES[place % ADDRESSES.len()];
    let time = |hour: u16| WallTime::new(hour, 0);
    let day = |weekday: Weekday| {
        Some(Window {
            weekday,
            from: time(6)?,
            until: time(22)?,
            valid_from: None,
            valid_until: None,
        })
    };
    Branch {
        id,
        name: name.to_owned(),
        address: address.to_owned(),
        phone: Some(phone.to_owned()),
        opening: Opening {
            weekly: (place == 0).then(|| WEEKDAYS.iter().copied().filter_map(day).collect()),
            ..Opening::always(time_zone)
        },
        settings: BranchSettings {
            horizon_days: 30,
            max_load: Some(6),
            ..BranchSettings::default()
        },
        stars_sum: 0,
        review_count: 0,
        version: 1,
    }
}

/// Names and zones.
pub const BRANCHES: [(&str, &str); 2] = [
    ("Saigon House", "Asia/Ho_Chi_Minh"),
    ("Harbour House", "Europe/London"),
];

/// An expert and the hours they keep.
pub struct Expert {
    pub name: &'static str,
    pub locale: &'static str,
    pub zone: &'static str,
    pub branch: usize,
    pub headline: &'static str,
    pub about: &'static str,
    pub tags: &'static [&'static str],
    pub place: &'static str,
    /// Weekdays on which they work, Monday is 0.
    days: &'static [u32],
    /// Hours of a day, in minutes from midnight.
    hours: &'static [(u16, u16)],
    length: u16,
    auto_confirm: bool,
}

impl Expert {
    /// The week they keep.
    pub fn schedule(&self) -> Schedule {
        let zone = self.zone.parse().unwrap_or(chrono_tz::UTC);
        let weekly = self.days.iter().flat_map(|day| {
            self.hours.iter().filter_map(|(from, until)| {
                let weekday = WEEKDAYS.get(*day as usize).copied()?;
                let time = |minutes: u16| {
                    format!("{:02}:{:02}", minutes / 60, minutes % 60)
                        .parse()
                        .ok()
                };
                Some(Window {
                    weekday,
                    from: time(*from)?,
                    until: time(*until)?,
                    valid_from: None,
                    valid_until: None,
                })
            })
        });
        let rules = BookingRules {
            minutes: vec![self.length, self.length * 2],
            interval_minutes: 30,
            auto_confirm: self.auto_confirm,
            ..BookingRules::default()
        };
        Schedule {
            weekly: weekly.collect(),
            rules,
            ..Schedule::empty(zone)
        }
    }

    /// Starts, in minutes from midnight, that somebody may have booked on `date`.
    pub fn starts(&self, date: NaiveDate) -> Vec<u16> {
        if !self.days.contains(&date.weekday().num_days_from_monday()) {
            return Vec::new();
        }
        let step = usize::from(self.length.max(60));
        self.hours
            .iter()
            .flat_map(|(from, until)| (*from..=until.saturating_sub(self.length)).step_by(step))
            .collect()
    }
}

const WEEKDAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];
const OFFICE: &[(u16, u16)] = &[(540, 720), (780, 1020)];
const EARLY: &[(u16, u16)] = &[(420, 660)];
const LATE: &[(u16, u16)] = &[(840, 1200)];
const MON_FRI: &[u32] = &[0, 1, 2, 3, 4];

/// The experts.
pub const EXPERTS: [Expert; 8] = [
    Expert {
        name: "Nguyễn Thu Hà",
        locale: "vi",
        zone: "Asia/Ho_Chi_Minh",
        branch: 0,
        headline: "Nutritionist for families",
        about: "Twelve years of helping families eat well without counting every gram. First visit: we look at a normal week together.",
        tags: &["health", "nutrition"],
        place: "12 Nguyễn Huệ, District 1",
        days: MON_FRI,
        hours: OFFICE,
        length: 30,
        auto_confirm: false,
    },
    Expert {
        name: "Daniel Okafor",
        locale: "en",
        zone: "Europe/London",
        branch: 1,
        headline: "Tax adviser for freelancers",
        about: "Plain answers about tax returns, invoices and working across borders. Bring your last return and your questions.",
        tags: &["tax", "business"],
        place: "4 Harbour Street, London",
        days: &[0, 1, 3, 4],
        hours: OFFICE,
        length: 60,
        auto_confirm: true,
    },
    Expert {
        name: "陈美玲",
        locale: "zh",
        zone: "Asia/Singapore",
        branch: 0,
        headline: "Mandarin tutor, all levels",
        about: "Conversation first, grammar when it helps. Lessons follow what you need at work or at home this month.",
        tags: &["language", "mandarin"],
        place: "8 Temple Street, Singapore",
        days: &[0, 2, 4, 5],
        hours: LATE,
        length: 45,
        auto_confirm: true,
    },
    Expert {
        name: "Sofia Marchetti",
        locale: "en",
        zone: "Europe/Rome",
        branch: 1,
        headline: "Career coach",
        about: "For people between two jobs, or tired of the present one. We end each hour with one step for the week.",
        tags: &["career", "coaching"],
        place: "Via Garibaldi 21, Torino",
        days: MON_FRI,
        hours: LATE,
        length: 60,
        auto_confirm: false,
    },
    Expert {
        name: "Trần Quốc Bảo",
        locale: "vi",
        zone: "Asia/Ho_Chi_Minh",
        branch: 0,
        headline: "Physiotherapist, back and shoulders",
        about: "Hands-on treatment and a short plan of exercises that you will really do.",
        tags: &["health", "physiotherapy"],
        place: "12 Nguyễn Huệ, District 1",
        days: &[0, 1, 2, 3, 4, 5],
        hours: EARLY,
        length: 30,
        auto_confirm: false,
    },
    Expert {
        name: "Grace Mitchell",
        locale: "en",
        zone: "America/New_York",
        branch: 1,
        headline: "Immigration lawyer",
        about: "Work and family visas. The first half hour tells you where you stand and what it will take.",
        tags: &["law", "immigration"],
        place: "Online",
        days: MON_FRI,
        hours: OFFICE,
        length: 30,
        auto_confirm: false,
    },
    Expert {
        name: "Aarav Shrestha",
        locale: "en",
        zone: "Asia/Kathmandu",
        branch: 0,
        headline: "Trekking planner",
        about: "Routes, permits and what to pack, from somebody who walks them every season.",
        tags: &["travel"],
        place: "Thamel, Kathmandu",
        days: &[1, 2, 3, 6],
        hours: EARLY,
        length: 45,
        auto_confirm: true,
    },
    Expert {
        name: "Lena Vogt",
        locale: "en",
        zone: "Australia/Sydney",
        branch: 1,
        headline: "Pelvic-floor and pregnancy coach",
        about: "Calm, practical sessions before and after birth; partners are welcome.",
        tags: &["health", "coaching"],
        place: "77 Crown Street, Sydney",
        days: &[0, 1, 2, 4],
        hours: OFFICE,
        length: 60,
        auto_confirm: false,
    },
];

/// Names, languages and zones.
pub const CLIENTS: [(&str, &str, &str); 12] = [
    ("Lê Minh Anh", "vi", "Asia/Ho_Chi_Minh"),
    ("Oliver Hughes", "en", "Europe/London"),
    ("王晓东", "zh", "Asia/Shanghai"),
    ("Phạm Gia Hân", "vi", "Asia/Ho_Chi_Minh"),
    ("Emma Lindqvist", "en", "Europe/Stockholm"),
    ("Mateo Rivera", "en", "America/Los_Angeles"),
    ("Đỗ Khánh Linh", "vi", "Asia/Ho_Chi_Minh"),
    ("Priya Nair", "en", "Asia/Kolkata"),
    ("Jonas Weber", "en", "Europe/Berlin"),
    ("李佳怡", "zh", "Asia/Taipei"),
    ("Chloé Bernard", "en", "Europe/Paris"),
    ("Noah Campbell", "en", "Australia/Sydney"),
];

/// What clients write.
pub const NOTES: [&str; 6] = [
    "First visit, I will bring the papers.",
    "As discussed last time.",
    "Lần đầu em đến, có cần chuẩn bị gì không ạ?",
    "Short question about the contract, ten minutes may be enough.",
    "我想继续上次的话题。",
    "Could we look at the plan for the next three months?",
];

/// Why experts refuse and clients cancel.
pub const NO: &str = "I am at a congress that day; the week after is free.";
pub const CHANGED: &str = "Something came up at work.";

/// Stars and words.
pub const REVIEWS: [(i64, &str); 8] = [
    (5, "Clear, kind and on time. I left with a plan."),
    (5, "Rất tận tâm, giải thích dễ hiểu."),
    (4, "Very helpful; the line was bad for a few minutes."),
    (5, ""),
    (4, "讲解清楚，很有耐心。"),
    (3, "Good advice, but we started late."),
    (5, "Exactly what I needed."),
    (4, ""),
];
