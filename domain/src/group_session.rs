//! Group sessions: time that an expert offers to several people at once (C3.11).
//!
//! The session takes the expert's time, once. A seat of it is a booking like any other that takes its client's time
//! alone, and moves only with the session.

use std::str::FromStr;

use chrono_tz::Tz;
use thiserror::Error;

use crate::Instant;
use crate::account::{Caller, UnknownName};
use crate::booking::{self, Booking, Mode, Party};
use crate::id::{BranchId, GroupSessionId};

/// Seats that a session may have.
pub const MOST_SEATS: u16 = 500;

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// It takes place.
    Open,
    /// It was called off, with all its seats.
    Cancelled,
}

impl Status {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for Status {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "open" => Ok(Self::Open),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(UnknownName),
        }
    }
}

/// The session that a booking is a seat of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionRef {
    pub id: GroupSessionId,
    pub title: String,
}

/// A group session.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupSession {
    pub id: GroupSessionId,
    pub expert: Party,
    pub expert_branch: Option<BranchId>,
    pub title: String,
    pub description: Option<String>,
    pub status: Status,
    pub starts_at: Instant,
    pub ends_at: Instant,
    /// The expert's zone when it was offered.
    pub time_zone: Tz,
    pub mode: Mode,
    pub place: Option<String>,
    pub link: Option<String>,
    pub seats: i64,
    /// Booked, or held for somebody who waits.
    pub taken: i64,
    /// Whether a seat is confirmed as soon as it is booked.
    pub auto_confirm: bool,
    /// Why it was called off.
    pub reason: Option<String>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// What is to be different; `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SessionEdit {
    pub title: Option<String>,
    pub description: Option<Option<String>>,
    pub starts_at: Option<Instant>,
    pub minutes: Option<u16>,
    pub mode: Option<Mode>,
    pub place: Option<Option<String>>,
    pub link: Option<Option<String>>,
    pub seats: Option<i64>,
    pub auto_confirm: Option<bool>,
}

impl GroupSession {
    /// Whole minutes from start to end.
    pub fn minutes(&self) -> i64 {
        (self.ends_at - self.starts_at).num_minutes()
    }

    /// Seats that nobody has.
    pub fn left(&self) -> i64 {
        (self.seats - self.taken).max(0)
    }

    /// It as its seats name it.
    pub fn reference(&self) -> SessionRef {
        SessionRef {
            id: self.id,
            title: self.title.clone(),
        }
    }

    /// Whether `caller` may change it and see who comes.
    pub fn is_run_by(&self, caller: &Caller) -> bool {
        caller.runs_expert(self.expert.id, self.expert_branch)
    }

    /// Decides whether it may still be booked or changed.
    ///
    /// # Errors
    /// `Closed` once it was called off or has begun.
    pub fn ahead(&self, now: Instant) -> Result<(), SessionError> {
        if self.status == Status::Open && now < self.starts_at {
            Ok(())
        } else {
            Err(SessionError::Closed)
        }
    }

    /// The session after an edit.
    ///
    /// # Errors
    /// `Closed`; `SeatsTaken` when there would be fewer seats than are taken; `InThePast` for a new start that is.
    pub fn edited(&self, edit: &SessionEdit, now: Instant) -> Result<Self, SessionError> {
        self.ahead(now)?;
        let mut after = self.clone();
        let minutes = edit.minutes.map_or(self.minutes(), i64::from);
        let set = |field: &mut Option<String>, to: &Option<Option<String>>| {
            if let Some(to) = to {
                field.clone_from(to);
            }
        };
        set(&mut after.description, &edit.description);
        set(&mut after.place, &edit.place);
        set(&mut after.link, &edit.link);
        after.title = edit.title.clone().unwrap_or(after.title);
        after.mode = edit.mode.unwrap_or(after.mode);
        after.auto_confirm = edit.auto_confirm.unwrap_or(after.auto_confirm);
        after.seats = edit.seats.unwrap_or(after.seats);
        after.starts_at = edit.starts_at.unwrap_or(after.starts_at);
        after.ends_at = after.starts_at + chrono::TimeDelta::minutes(minutes);
        if after.seats < self.taken {
            return Err(SessionError::SeatsTaken { taken: self.taken });
        }
        if after.starts_at <= now {
            return Err(SessionError::InThePast);
        }
        Ok(after)
    }

    /// The session once it is called off.
    ///
    /// # Errors
    /// `Closed` once it was, or has begun.
    pub fn cancelled(&self, reason: String, now: Instant) -> Result<Self, SessionError> {
        self.ahead(now)?;
        Ok(Self {
            status: Status::Cancelled,
            reason: Some(reason),
            ..self.clone()
        })
    }

    /// An open seat of it as it is from now on, since the session is as it is now: called off with it, or at its time
    /// and met as it is.
    pub fn followed_by(&self, seat: &Booking, now: Instant) -> Booking {
        let mut after = seat.clone();
        after.version += 1;
        after.sequence += 1;
        after.updated_at = now;
        if self.status == Status::Cancelled {
            after.status = booking::Status::Cancelled;
            after.reason.clone_from(&self.reason);
            return after;
        }
        // A new time is promised anew.
        if (seat.starts_at, seat.ends_at) != (self.starts_at, self.ends_at) {
            after.promised_start = None;
        }
        after.starts_at = self.starts_at;
        after.ends_at = self.ends_at;
        after.mode = self.mode;
        after.place.clone_from(&self.place);
        after.link.clone_from(&self.link);
        after
    }

    /// Whether it lies at another time than `other`.
    pub fn moved_from(&self, other: &Self) -> bool {
        (self.starts_at, self.ends_at) != (other.starts_at, other.ends_at)
    }

    /// Whether a seat of it looks different from one of `other`'s.
    pub fn met_otherwise(&self, other: &Self) -> bool {
        (self.mode, &self.place, &self.link) != (other.mode, &other.place, &other.link)
    }
}

/// Why a command about a session was refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SessionError {
    #[error("the expert's time is taken")]
    SlotTaken,
    #[error("some who have a seat are busy then")]
    ClientsBusy(Vec<Party>),
    #[error("{taken} seats are taken")]
    SeatsTaken { taken: i64 },
    #[error("the session is over, has begun or was called off")]
    Closed,
    #[error("this start is in the past")]
    InThePast,
    #[error("it was changed meanwhile")]
    Stale,
    #[error("no such session")]
    NotFound,
}

impl SessionError {
    /// The stable code of the public contract.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SlotTaken => "slot-taken",
            Self::ClientsBusy(_) => "clients-busy",
            Self::SeatsTaken { .. } => "seats-taken",
            Self::Closed => "session-closed",
            Self::InThePast => "validation",
            Self::Stale => "stale",
            Self::NotFound => "not-found",
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::id::{BookingId, UserId};

    fn at(hours: i64) -> Instant {
        chrono::DateTime::from_timestamp(1_800_000_000 + hours * 3600, 0).unwrap()
    }

    fn session() -> GroupSession {
        GroupSession {
            id: GroupSessionId::at(at(0)),
            expert: Party {
                id: UserId::at(at(0)),
                name: "Expert".to_owned(),
            },
            expert_branch: None,
            title: "Yoga".to_owned(),
            description: None,
            status: Status::Open,
            starts_at: at(10),
            ends_at: at(11),
            time_zone: Tz::UTC,
            mode: Mode::Offline,
            place: Some("Hall".to_owned()),
            link: None,
            seats: 10,
            taken: 4,
            auto_confirm: true,
            reason: None,
            version: 1,
            created_at: at(0),
            updated_at: at(0),
        }
    }

    fn seat(session: &GroupSession) -> Booking {
        Booking {
            id: BookingId::at(at(0)),
            code: String::new(),
            status: booking::Status::Confirmed,
            expert: session.expert.clone(),
            expert_branch: None,
            client: session.expert.clone(),
            session: Some(session.reference()),
            starts_at: session.starts_at,
            ends_at: session.ends_at,
            time_zone: session.time_zone,
            promised_start: Some(at(9).naive_utc()),
            mode: session.mode,
            place: session.place.clone(),
            link: None,
            note: None,
            reason: None,
            sequence: 0,
            version: 1,
            created_at: at(0),
            updated_at: at(0),
            confirmed_at: None,
            review: None,
            series: None,
        }
    }

    #[test]
    fn seats_are_never_fewer_than_are_taken() {
        let seats = |seats| SessionEdit {
            seats: Some(seats),
            ..SessionEdit::default()
        };
        let session = session();
        assert_eq!(
            session.edited(&seats(3), at(0)),
            Err(SessionError::SeatsTaken { taken: 4 })
        );
        assert_eq!(session.edited(&seats(4), at(0)).unwrap().left(), 0);
    }

    #[test]
    fn a_new_start_keeps_the_length_and_a_new_length_the_start() {
        let session = session();
        let later = SessionEdit {
            starts_at: Some(at(20)),
            ..SessionEdit::default()
        };
        let moved = session.edited(&later, at(0)).unwrap();
        assert_eq!((moved.starts_at, moved.ends_at), (at(20), at(21)));
        assert!(moved.moved_from(&session) && !moved.met_otherwise(&session));
        let longer = SessionEdit {
            minutes: Some(90),
            ..SessionEdit::default()
        };
        let longer = session.edited(&longer, at(0)).unwrap();
        assert_eq!(longer.ends_at, at(11) + TimeDelta::minutes(30));
    }

    #[test]
    fn a_seat_follows_its_session() {
        let session = session();
        let seat = seat(&session);
        let same = session.followed_by(&seat, at(1));
        assert_eq!(
            (same.version, same.sequence, same.updated_at),
            (2, 1, at(1))
        );
        assert_eq!(same.promised_start, seat.promised_start, "nothing moved");
        let later = GroupSession {
            starts_at: at(20),
            ends_at: at(21),
            place: None,
            ..session.clone()
        };
        let moved = later.followed_by(&seat, at(1));
        assert_eq!((moved.starts_at, moved.ends_at), (at(20), at(21)));
        assert_eq!((moved.promised_start, moved.place), (None, None));
        assert_eq!(moved.status, booking::Status::Confirmed);
        let off = session.cancelled("ill".to_owned(), at(1)).unwrap();
        let off = off.followed_by(&seat, at(1));
        assert_eq!(off.status, booking::Status::Cancelled);
        assert_eq!(off.reason.as_deref(), Some("ill"));
    }

    #[test]
    fn what_has_begun_or_was_called_off_stays() {
        let session = session();
        let nothing = SessionEdit::default();
        assert_eq!(session.edited(&nothing, at(10)), Err(SessionError::Closed));
        let off = session.cancelled("ill".to_owned(), at(9)).unwrap();
        assert_eq!(off.edited(&nothing, at(0)), Err(SessionError::Closed));
        assert_eq!(
            off.cancelled("ill".to_owned(), at(0)),
            Err(SessionError::Closed)
        );
        for status in [Status::Open, Status::Cancelled] {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
    }
}
