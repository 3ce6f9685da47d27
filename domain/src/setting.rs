//! What administrators set for the house while it runs. What belongs to the machines stays with whoever operates them.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::account;
use crate::booking_rules::BookingRules;
use crate::field::FieldError;
use crate::text;

/// The name of a house that gave itself none.
pub const NAME: &str = "Belfry";
/// Longest name, in characters: it stands in text messages and at the top of every page.
pub const MOST_NAME: usize = 24;
/// Longest contact, in characters.
pub const MOST_CONTACT: usize = 120;
/// The earliest reminder: thirty days ahead, in minutes.
pub const MOST_OFFSET_MINUTES: u32 = 30 * 1440;
/// Most reminders of one booking.
pub const MOST_REMINDERS: usize = 6;

/// What administrators set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HouseSettings {
    /// What the house is called on pages and in messages.
    pub name: String,
    /// Where people turn with a question: an address, a number, a page. `None`: nobody is named.
    pub contact: Option<String>,
    /// Language of a new account that names none.
    pub locale: String,
    /// Zone of a new account that names none.
    pub time_zone: Tz,
    /// What a new expert starts with.
    pub booking_rules: BookingRules,
    /// Minutes before the start at which both sides are reminded, for what is booked or moved from now on.
    pub reminder_offsets_minutes: Vec<u32>,
    /// Whether people may open accounts by themselves.
    pub registration: bool,
    /// Whether people may book without an account.
    pub guest_bookings: bool,
}

impl Default for HouseSettings {
    fn default() -> Self {
        Self {
            name: NAME.to_owned(),
            contact: None,
            locale: account::LANGUAGES[0].to_owned(),
            time_zone: Tz::UTC,
            booking_rules: BookingRules::default(),
            reminder_offsets_minutes: vec![60],
            registration: true,
            guest_bookings: true,
        }
    }
}

impl HouseSettings {
    /// The same with whatever surrounds a text or repeats itself taken away, or everything that is wrong with it.
    ///
    /// # Errors
    /// Each fault with a pointer into the document.
    pub fn checked(mut self) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        match text::checked("/name", &self.name, 1, MOST_NAME, false) {
            Ok(name) => self.name = name,
            Err(fault) => faults.push(fault),
        }
        if let Some(contact) = self.contact.take() {
            match text::checked("/contact", &contact, 0, MOST_CONTACT, false) {
                Ok(contact) => self.contact = Some(contact).filter(|contact| !contact.is_empty()),
                Err(fault) => faults.push(fault),
            }
        }
        match account::locale("/locale", &self.locale) {
            Ok(locale) => self.locale = locale,
            Err(fault) => faults.push(fault),
        }
        let wrong = self.booking_rules.validate().into_iter();
        faults.extend(wrong.map(|fault| fault.under("/booking_rules")));
        let offsets = &self.reminder_offsets_minutes;
        let pointer = "/reminder_offsets_minutes";
        if offsets.len() > MOST_REMINDERS {
            let detail = format!("Name at most {MOST_REMINDERS} reminders.");
            faults.push(FieldError::new(pointer, FieldError::TOO_LONG, detail));
        }
        for (at, minutes) in offsets.iter().enumerate() {
            let pointer = format!("{pointer}/{at}");
            if !(1..=MOST_OFFSET_MINUTES).contains(minutes) {
                faults.push(FieldError::out_of_range(pointer, 1, MOST_OFFSET_MINUTES));
            } else if offsets[..at].contains(minutes) {
                let detail = "This reminder is already in the list.";
                faults.push(FieldError::new(pointer, FieldError::DUPLICATE, detail));
            }
        }
        if faults.is_empty() {
            Ok(self)
        } else {
            Err(faults)
        }
    }

    /// The offsets as they are reckoned with.
    pub fn reminder_offsets(&self) -> Vec<i64> {
        self.reminder_offsets_minutes
            .iter()
            .map(|minutes| i64::from(*minutes))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_at_its_place_and_what_is_right_is_tidied() {
        let sound = HouseSettings {
            name: "  The Clinic ".to_owned(),
            contact: Some(String::new()),
            ..HouseSettings::default()
        };
        let sound = sound.checked().unwrap();
        assert_eq!((sound.name.as_str(), sound.contact), ("The Clinic", None));
        let faults = HouseSettings {
            name: " ".to_owned(),
            contact: Some("x".repeat(MOST_CONTACT + 1)),
            locale: "xx-1".to_owned(),
            booking_rules: BookingRules {
                horizon_days: 0,
                ..BookingRules::default()
            },
            reminder_offsets_minutes: vec![60, 60, 0],
            ..HouseSettings::default()
        };
        let faults = faults.checked().unwrap_err();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        let wanted = [
            "/name",
            "/contact",
            "/locale",
            "/booking_rules/horizon_days",
            "/reminder_offsets_minutes/1",
            "/reminder_offsets_minutes/2",
        ];
        assert_eq!(pointers, wanted);
    }
}
