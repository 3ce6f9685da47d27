//! Messages that come back after they were taken: what that means for the next way of their rule.

use super::Content;
use crate::Instant;
use crate::gate::Class;

/// How a message came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Returned {
    /// Its address is bad for good.
    Bounced,
    /// Those who carried it have given it up, without fault of the address.
    Undelivered,
    /// It waits somewhere, and may yet arrive.
    Delayed,
    /// It arrived, and its reader called it unwanted.
    Complained,
}

impl Returned {
    /// The stable word that is kept with the delivery as its reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Undelivered => "undelivered",
            Self::Delayed => "delayed",
            Self::Complained => "complained",
        }
    }

    /// Whether it is certain that it reached nobody.
    pub const fn is_lost(self) -> bool {
        matches!(self, Self::Bounced | Self::Undelivered)
    }
}

/// Why no other way is tried for a message that came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moot {
    /// It was a service to its reader, or an advertisement: not worth being told late by another way.
    Class,
    /// Its reader saw it in the inbox.
    Read,
    /// What it is about has begun.
    Past,
}

impl Moot {
    /// The stable word that is kept with the delivery as its reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Class => "came_back_class",
            Self::Read => "came_back_read",
            Self::Past => "came_back_past",
        }
    }
}

/// Whether the next way is worth trying at `now` for a message that came back; `read` when its reader saw the
/// same in the inbox.
///
/// # Errors
/// Why it is not.
pub fn worth_another_way(
    class: Class,
    content: &Content,
    read: bool,
    now: Instant,
) -> Result<(), Moot> {
    let starts_at = content.data["starts_at"].as_str();
    let starts_at = starts_at.and_then(|at| at.parse::<Instant>().ok());
    let ends = [content.not_after, starts_at];
    if class != Class::Transactional {
        Err(Moot::Class)
    } else if read {
        Err(Moot::Read)
    } else if ends.into_iter().flatten().any(|end| end <= now) {
        Err(Moot::Past)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;

    #[test]
    fn another_way_is_tried_for_what_matters_is_unread_and_lies_ahead() {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let starting = |minutes| Content {
            data: json!({ "starts_at": now + TimeDelta::minutes(minutes) }),
            ..Content::default()
        };
        let judge = |class, content: &Content, read| worth_another_way(class, content, read, now);
        let soon = starting(1);
        assert_eq!(judge(Class::Transactional, &soon, false), Ok(()));
        assert_eq!(judge(Class::Transactional, &soon, true), Err(Moot::Read));
        assert_eq!(judge(Class::Service, &soon, false), Err(Moot::Class));
        assert_eq!(judge(Class::Marketing, &soon, false), Err(Moot::Class));
        let begun = starting(0);
        assert_eq!(judge(Class::Transactional, &begun, false), Err(Moot::Past));
        let timeless = Content::default();
        assert_eq!(judge(Class::Transactional, &timeless, false), Ok(()));
        let stale = Content {
            not_after: Some(now),
            ..timeless
        };
        assert_eq!(judge(Class::Transactional, &stale, false), Err(Moot::Past));
    }
}
