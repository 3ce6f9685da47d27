//! What a person wants to be told on which channel.

use serde::{Deserialize, Serialize};

use crate::channel::Way;
use crate::field::FieldError;
use crate::notification::Category;
use crate::wall::WallTime;

/// A switch per way besides the inbox, which is always kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ways {
    pub email: bool,
    pub telegram: bool,
    pub sms: bool,
    pub push: bool,
}

impl Ways {
    /// Every switch on.
    pub const ALL: Self = Self {
        email: true,
        telegram: true,
        sms: true,
        push: true,
    };

    /// Whether a way is switched on.
    pub fn has(&self, way: Way) -> bool {
        match way {
            Way::Email => self.email,
            Way::Telegram => self.telegram,
            Way::Sms => self.sms,
            Way::Push => self.push,
        }
    }

    /// Switches a way on or off.
    pub fn set(&mut self, way: Way, on: bool) {
        *match way {
            Way::Email => &mut self.email,
            Way::Telegram => &mut self.telegram,
            Way::Sms => &mut self.sms,
            Way::Push => &mut self.push,
        } = on;
    }
}

/// Switches per category. What is about the account itself is not among them: a link that was asked for is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Categories {
    pub booking: Ways,
    pub reminder: Ways,
    pub review: Ways,
}

impl Categories {
    /// The switches of a category; `None` for what has none of its own.
    pub fn of(&self, category: Category) -> Option<&Ways> {
        match category {
            Category::Account | Category::Digest => None,
            Category::Booking => Some(&self.booking),
            Category::Reminder => Some(&self.reminder),
            Category::Review => Some(&self.review),
        }
    }
}

impl Preferences {
    /// Whether mails of a category are stopped: they, or those that a day's message gathers, are switched off.
    pub fn has_stopped_mail(&self, category: Category) -> bool {
        let mut changed = *self;
        changed.stop_mail(category);
        !self.channels.email || changed == *self
    }

    /// Stops mails of a category. What is about the account cannot be stopped.
    pub fn stop_mail(&mut self, category: Category) {
        let Categories {
            booking,
            reminder,
            review,
        } = &mut self.categories;
        let switches = [
            (Category::Booking, booking),
            (Category::Reminder, reminder),
            (Category::Review, review),
        ];
        for (of, ways) in switches {
            if of == category || (category == Category::Digest && of.is_gathered()) {
                ways.email = false;
            }
        }
    }
}

/// The hours in which a person does not want to be disturbed, on their own clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    pub from: WallTime,
    /// Not after `from`: on the next day.
    pub until: WallTime,
}

impl QuietHours {
    /// Checks that the hours begin on the clock and are not empty.
    ///
    /// # Errors
    /// `invalid` at `/quiet_hours/from` or `/quiet_hours/until`.
    pub fn checked(self) -> Result<Self, FieldError> {
        if self.from == WallTime::END_OF_DAY {
            let detail = "Quiet hours begin at 23:59 at the latest.";
            return Err(FieldError::new(
                "/quiet_hours/from",
                FieldError::INVALID,
                detail,
            ));
        }
        if self.from == self.until {
            let detail = "Quiet hours end at another time than they begin.";
            return Err(FieldError::new(
                "/quiet_hours/until",
                FieldError::INVALID,
                detail,
            ));
        }
        Ok(self)
    }
}

/// Whether messages come one by one or gathered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digest {
    /// Each at its time.
    #[default]
    Off,
    /// Once a day.
    Daily,
}

/// Everything that a person chose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Preferences {
    /// What is off here is off for every category.
    pub channels: Ways,
    pub categories: Categories,
    pub quiet_hours: Option<QuietHours>,
    pub digest: Digest,
}

impl Default for Preferences {
    /// Mail and push; the others need an address first.
    fn default() -> Self {
        Self {
            channels: Ways {
                telegram: false,
                sms: false,
                ..Ways::ALL
            },
            categories: Categories {
                booking: Ways::ALL,
                reminder: Ways::ALL,
                review: Ways::ALL,
            },
            quiet_hours: None,
            digest: Digest::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_have_a_length() {
        let hours = |from: &str, until: &str| {
            let (from, until) = (from.parse().unwrap(), until.parse().unwrap());
            QuietHours { from, until }
                .checked()
                .map_err(|fault| fault.pointer.to_string())
        };
        assert!(hours("22:00", "07:00").is_ok());
        assert!(hours("00:00", "24:00").is_ok());
        assert_eq!(hours("24:00", "07:00"), Err("/quiet_hours/from".into()));
        assert_eq!(hours("07:00", "07:00"), Err("/quiet_hours/until".into()));
    }
}
