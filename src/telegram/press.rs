//! What a button under a message carries: at most 64 bytes, which Telegram gives back when it is pressed.

use std::fmt;
use std::str::FromStr;

use belfry_domain::Instant;
use belfry_domain::delivery::ActionStep;
use belfry_domain::id::BookingId;
use uuid::Uuid;

/// A step on a booking, as its reader saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Press {
    pub step: ActionStep,
    pub booking: BookingId,
    /// The start that the message told: whoever presses agrees to that one, and to no other.
    pub starts_at: Option<Instant>,
    /// Whether the reader was asked back and means it.
    pub sure: bool,
}

const STEPS: [(char, ActionStep); 3] = [
    ('c', ActionStep::Confirm),
    ('r', ActionStep::Reject),
    ('x', ActionStep::Cancel),
];

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (letter, _) = STEPS
            .into_iter()
            .find(|(_, step)| *step == self.step)
            .unwrap_or(STEPS[0]);
        let sure = if self.sure { "!" } else { "" };
        write!(f, "{letter}{sure}:{}:", self.booking.uuid().simple())?;
        match self.starts_at {
            Some(at) => write!(f, "{}", at.timestamp()),
            None => Ok(()),
        }
    }
}

/// A text that no button of ours carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoPress;

impl FromStr for Press {
    type Err = NoPress;

    fn from_str(text: &str) -> Result<Self, NoPress> {
        let mut parts = text.split(':');
        let mut part = || parts.next().ok_or(NoPress);
        let (step, booking, starts_at) = (part()?, part()?, part()?);
        let (letter, sure) = match step.strip_suffix('!') {
            Some(letter) => (letter, true),
            None => (step, false),
        };
        let known = STEPS
            .into_iter()
            .find(|(known, _)| letter == known.to_string());
        let (_, step) = known.ok_or(NoPress)?;
        let starts_at = match starts_at {
            "" => None,
            seconds => {
                let seconds = seconds.parse().map_err(|_| NoPress)?;
                Some(Instant::from_timestamp(seconds, 0).ok_or(NoPress)?)
            }
        };
        if parts.next().is_some() {
            return Err(NoPress);
        }
        Ok(Self {
            step,
            booking: Uuid::try_parse(booking).map_err(|_| NoPress)?.into(),
            starts_at,
            sure,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_button_carries_is_read_back_and_fits() {
        for (_, step) in STEPS {
            for starts_at in [None, Instant::from_timestamp(253_402_300_799, 0)] {
                for sure in [false, true] {
                    let press = Press {
                        step,
                        booking: BookingId::at(Instant::default()),
                        starts_at,
                        sure,
                    };
                    let text = press.to_string();
                    assert!(text.len() <= 64, "{text}");
                    assert_eq!(text.parse(), Ok(press));
                }
            }
        }
    }

    #[test]
    fn anything_else_is_no_press() {
        let id = Uuid::nil().simple();
        for text in ["", "c", "c:", "c::", "q:1:", ":::", "c:zz:1"] {
            assert_eq!(text.parse::<Press>(), Err(NoPress), "{text}");
        }
        for text in [
            format!("q:{id}:"),
            format!("c:{id}:x"),
            format!("c:{id}:1:2"),
        ] {
            assert_eq!(text.parse::<Press>(), Err(NoPress), "{text}");
        }
    }
}
