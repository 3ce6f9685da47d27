//! The calendar that somebody subscribes to: their bookings, as client or as expert, for programs that look at it
//! again and again (C2.7).

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{Lines, Method, Wording, described, event, status};
use crate::booking::{Booking, Party};
use crate::event::{BookingFacts, Told};
use crate::id::UserId;
use crate::notification::Links;
use crate::template::Templates;

/// How far back a feed reaches, how far ahead, and how many bookings it holds at most: the earliest of them.
pub const FEED_BACK: TimeDelta = TimeDelta::days(31);
pub const FEED_AHEAD: TimeDelta = TimeDelta::days(732);
pub const FEED_MOST: i64 = 2500;

/// How long a program may rest before it looks again. Some know the one property, some the other.
const REFRESH: [&str; 2] = [
    "REFRESH-INTERVAL;VALUE=DURATION:PT15M",
    "X-PUBLISHED-TTL:PT15M",
];

/// Whose feed it is, and in which words.
pub struct Feed<'a> {
    pub reader: UserId,
    pub locale: &'a str,
    pub zone: Tz,
    pub templates: &'a Templates,
    /// What the house is called.
    pub house: &'a str,
    pub links: &'a dyn Links,
}

impl Feed<'_> {
    /// The file with these bookings. The same bookings always give the same file.
    ///
    /// It has no `METHOD`: nobody is asked anything, and a program that is subscribed replaces what it knew.
    pub fn write(&self, bookings: &[Booking]) -> String {
        let mut file = Lines::calendar();
        file.text("X-WR-CALNAME", self.house);
        file.line(&format!("X-WR-TIMEZONE:{}", self.zone.name()));
        for line in REFRESH {
            file.line(line);
        }
        for booking in bookings {
            self.entry(&mut file, booking);
        }
        file.end()
    }

    fn entry(&self, file: &mut Lines, booking: &Booking) {
        let facts = BookingFacts::of(
            booking,
            Told {
                reason: booking.reason.clone(),
                ..Told::by(crate::booking::Actor::system())
            },
        );
        let other = &self.other(booking).name;
        let (summary, description) = described(self.templates, self.locale, other, &facts);
        let page = self.links.booking(booking.id);
        let wording = Wording {
            summary: &summary,
            description: &description,
            page: Some(&page),
        };
        let status = status(booking.status, Method::of(booking.status));
        event(file, &facts, status, wording, booking.updated_at, |_| {});
    }

    fn other<'b>(&self, booking: &'b Booking) -> &'b Party {
        if booking.expert.id == self.reader {
            &booking.client
        } else {
            &booking.expert
        }
    }
}
