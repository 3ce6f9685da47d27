//! Bookings: their statuses and the one table of allowed moves.

use std::str::FromStr;

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Instant;
use crate::account::{Caller, Role, UnknownName};
use crate::id::{BookingId, BranchId, HoldId, UserId};

/// Where a booking stands.
///
/// ```text
///             confirm              complete
///  pending ─────────────► confirmed ────────► completed
///     │ reject   ▲ move      │ miss
///     ├────────► rejected    ├──────────────► missed
///     │ miss                 │ cancel
///     ├────────► missed      └──────────────► cancelled
///     │ cancel
///     └────────► cancelled
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for the expert's answer; the time is taken.
    Pending,
    /// The expert agreed.
    Confirmed,
    /// Being served right now (branches that serve walk-ins).
    InProgress,
    /// The expert refused.
    Rejected,
    /// Called off by either side.
    Cancelled,
    /// It took place.
    Completed,
    /// It did not take place: the client did not come, or nobody confirmed in time.
    Missed,
}

impl Status {
    /// Every status, in the order of a booking's life.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Confirmed,
        Self::InProgress,
        Self::Rejected,
        Self::Cancelled,
        Self::Completed,
        Self::Missed,
    ];

    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::InProgress => "in_progress",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::Missed => "missed",
        }
    }

    /// The table of allowed moves: where `step` leads from here.
    ///
    /// # Errors
    /// [`BookingError::WrongStatus`] when the step is not allowed from this status.
    pub fn after(self, step: Step) -> Result<Self, BookingError> {
        match (self, step) {
            (Self::Pending, Step::Confirm) => Ok(Self::Confirmed),
            (Self::Pending, Step::Reject) => Ok(Self::Rejected),
            (Self::Pending | Self::Confirmed | Self::InProgress, Step::Cancel) => {
                Ok(Self::Cancelled)
            }
            (Self::Confirmed | Self::InProgress, Step::Complete) => Ok(Self::Completed),
            (Self::Pending | Self::Confirmed, Step::Miss) => Ok(Self::Missed),
            _ => Err(BookingError::WrongStatus { status: self }),
        }
    }

    /// Whether the booking still takes up its people's time.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Confirmed | Self::InProgress)
    }
}

impl FromStr for Status {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or(UnknownName)
    }
}

/// What somebody does to a booking that changes its status.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    Confirm,
    Reject,
    Cancel,
    Complete,
    Miss,
}

impl Step {
    /// The imperative used in paths and in a booking's `actions`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reject => "reject",
            Self::Cancel => "cancel",
            Self::Complete => "complete",
            Self::Miss => "miss",
        }
    }
}

/// How the two meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Over a link.
    Online,
    /// At a place.
    Offline,
}

impl Mode {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }
}

impl FromStr for Mode {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "online" => Ok(Self::Online),
            "offline" => Ok(Self::Offline),
            _ => Err(UnknownName),
        }
    }
}

/// One of the two people of a booking, as the other sees them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Party {
    pub id: UserId,
    pub name: String,
}

/// A booking with the names of its people.
#[derive(Clone, PartialEq, Debug)]
pub struct Booking {
    pub id: BookingId,
    /// Six digits, unique among bookings that are not archived.
    pub code: String,
    pub status: Status,
    pub expert: Party,
    pub expert_branch: Option<BranchId>,
    pub client: Party,
    pub starts_at: Instant,
    pub ends_at: Instant,
    /// The expert's zone when it was booked.
    pub time_zone: Tz,
    pub mode: Mode,
    pub place: Option<String>,
    pub link: Option<String>,
    pub note: Option<String>,
    /// Why it was rejected, cancelled or missed.
    pub reason: Option<String>,
    /// iCalendar SEQUENCE of the last invitation.
    pub sequence: i64,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub confirmed_at: Option<Instant>,
    pub review: Option<Review>,
}

/// What a client says afterwards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Review {
    pub stars: i64,
    pub text: Option<String>,
    pub created_at: Instant,
}

/// A slot held while the form is filled; it shows as taken until it expires.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    pub id: HoldId,
    pub expert_id: UserId,
    pub client_id: UserId,
    pub starts_at: Instant,
    pub ends_at: Instant,
    pub expires_at: Instant,
}

/// On which side of a booking the caller stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The person who booked.
    Client,
    /// The expert, the expert's manager, or an admin.
    Staff,
}

/// A change of the things a booking may change in place; `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Edit {
    pub note: Option<Option<String>>,
    pub mode: Option<Mode>,
    pub place: Option<Option<String>>,
    pub link: Option<Option<String>>,
}

impl Booking {
    /// The side `caller` stands on, or `None` for a stranger. Staff rights win when both apply.
    pub fn side_of(&self, caller: &Caller) -> Option<Side> {
        if caller.runs_expert(self.expert.id, self.expert_branch) {
            Some(Side::Staff)
        } else if caller.id == self.client.id {
            Some(Side::Client)
        } else {
            None
        }
    }

    /// Whole minutes from start to end.
    pub fn minutes(&self) -> i64 {
        (self.ends_at - self.starts_at).num_minutes()
    }

    /// Decides a step by somebody on `side` and answers the new status.
    ///
    /// # Errors
    /// `NotAllowed` for a client's step that only staff may take; `WrongStatus` by the table of moves;
    /// `TooLate` for a client's cancel within `cancel_notice` of the start; `TooEarly` for an outcome
    /// before the start; `ReasonRequired` for a refusal without one.
    pub fn step(
        &self,
        step: Step,
        side: Side,
        reason: Option<&str>,
        cancel_notice: TimeDelta,
        now: Instant,
    ) -> Result<Status, BookingError> {
        if side == Side::Client && step != Step::Cancel {
            return Err(BookingError::NotAllowed);
        }
        let status = self.status.after(step)?;
        let needs_reason = step == Step::Reject || (step == Step::Cancel && side == Side::Staff);
        if needs_reason && reason.is_none() {
            return Err(BookingError::ReasonRequired);
        }
        match step {
            Step::Cancel if side == Side::Client && now > self.starts_at - cancel_notice => {
                Err(BookingError::TooLate)
            }
            Step::Complete | Step::Miss if now < self.starts_at => Err(BookingError::TooEarly),
            _ => Ok(status),
        }
    }

    /// Decides whether somebody on `side` may move the booking to another time, and answers the
    /// status it has afterwards: a client's move of a confirmed booking asks the expert again unless
    /// the expert confirms by rule.
    ///
    /// # Errors
    /// `WrongStatus` once it has ended; `TooLate` for a client within `cancel_notice` of the start, and
    /// for anybody once it has begun.
    pub fn reschedule(
        &self,
        side: Side,
        auto_confirm: bool,
        cancel_notice: TimeDelta,
        now: Instant,
    ) -> Result<Status, BookingError> {
        if !matches!(self.status, Status::Pending | Status::Confirmed) {
            return Err(BookingError::WrongStatus {
                status: self.status,
            });
        }
        let notice = if side == Side::Client {
            cancel_notice
        } else {
            TimeDelta::zero()
        };
        if now > self.starts_at - notice {
            return Err(BookingError::TooLate);
        }
        Ok(match side {
            Side::Staff => self.status,
            Side::Client if auto_confirm => Status::Confirmed,
            Side::Client => Status::Pending,
        })
    }

    /// Decides whether `edit` may be made by somebody on `side`.
    ///
    /// # Errors
    /// `WrongStatus` once it has ended, `TooLate` once it has begun, `NotAllowed` for a client who sets
    /// the place or the link.
    pub fn edit(&self, edit: &Edit, side: Side, now: Instant) -> Result<(), BookingError> {
        if !matches!(self.status, Status::Pending | Status::Confirmed) {
            return Err(BookingError::WrongStatus {
                status: self.status,
            });
        }
        if side == Side::Client && (edit.place.is_some() || edit.link.is_some()) {
            return Err(BookingError::NotAllowed);
        }
        if now >= self.starts_at {
            return Err(BookingError::TooLate);
        }
        Ok(())
    }

    /// Decides whether `caller` may review it now.
    ///
    /// # Errors
    /// `NotAllowed` for anybody but the client, `WrongStatus` before completion, `AlreadyReviewed` the
    /// second time.
    pub fn reviewable_by(&self, caller: &Caller) -> Result<(), BookingError> {
        if caller.id != self.client.id {
            return Err(BookingError::NotAllowed);
        }
        if self.status != Status::Completed {
            return Err(BookingError::WrongStatus {
                status: self.status,
            });
        }
        if self.review.is_some() {
            return Err(BookingError::AlreadyReviewed);
        }
        Ok(())
    }

    /// The last instant at which the client may still cancel or move it.
    pub fn cancel_until(&self, cancel_notice: TimeDelta) -> Instant {
        self.starts_at - cancel_notice
    }

    /// What `caller` may do now, as verbs: the same decisions as the commands take.
    pub fn actions(
        &self,
        caller: &Caller,
        cancel_notice: TimeDelta,
        now: Instant,
    ) -> Vec<&'static str> {
        let Some(side) = self.side_of(caller) else {
            return Vec::new();
        };
        let mut actions: Vec<&'static str> = [
            Step::Confirm,
            Step::Reject,
            Step::Cancel,
            Step::Complete,
            Step::Miss,
        ]
        .into_iter()
        .filter(|step| {
            self.step(*step, side, Some("any"), cancel_notice, now)
                .is_ok()
        })
        .map(Step::as_str)
        .collect();
        if self.reschedule(side, false, cancel_notice, now).is_ok() {
            actions.push("reschedule");
        }
        if self.edit(&Edit::default(), side, now).is_ok() {
            actions.push("edit");
        }
        if self.reviewable_by(caller).is_ok() {
            actions.push("review");
        }
        actions
    }
}

/// Who did something to a booking, as its history keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// `None` for the system itself.
    pub id: Option<UserId>,
    pub name: String,
    /// A [`Role`] name or `system`.
    pub role: String,
}

impl Actor {
    /// What the house does by itself.
    pub fn system() -> Self {
        Self {
            id: None,
            name: "Belfry".to_owned(),
            role: "system".to_owned(),
        }
    }

    /// A person acting under a role.
    pub fn person(id: UserId, name: String, role: Role) -> Self {
        Self {
            id: Some(id),
            name,
            role: role.as_str().to_owned(),
        }
    }
}

/// Why a booking command was refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BookingError {
    #[error("the slot was taken by somebody else")]
    SlotTaken,
    #[error("the client has another booking at that time")]
    ClientBusy,
    #[error("the time is not offered: {0}")]
    NotOffered(&'static str),
    #[error("not allowed while the booking is {}", status.as_str())]
    WrongStatus { status: Status },
    #[error("it is too late for that")]
    TooLate,
    #[error("it is too early for that")]
    TooEarly,
    #[error("a reason is required")]
    ReasonRequired,
    #[error("this side of the booking may not do that")]
    NotAllowed,
    #[error("it has been reviewed")]
    AlreadyReviewed,
    #[error("it was changed meanwhile")]
    Stale,
    #[error("too many slots are held at once")]
    TooManyHolds,
    #[error("no such booking")]
    NotFound,
}

impl BookingError {
    /// The stable code of the public contract.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SlotTaken => "slot-taken",
            Self::ClientBusy => "client-busy",
            Self::NotOffered(_) => "slot-not-offered",
            Self::WrongStatus { .. } => "wrong-status",
            Self::TooLate => "too-late",
            Self::TooEarly => "too-early",
            Self::ReasonRequired => "validation",
            Self::NotAllowed => "forbidden",
            Self::AlreadyReviewed => "already-reviewed",
            Self::Stale => "stale",
            Self::TooManyHolds => "too-many-holds",
            Self::NotFound => "not-found",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Step; 5] = [
        Step::Confirm,
        Step::Reject,
        Step::Cancel,
        Step::Complete,
        Step::Miss,
    ];

    fn at(minutes: i64) -> Instant {
        chrono::DateTime::from_timestamp(1_800_000_000 + minutes * 60, 0).unwrap()
    }

    fn booking(status: Status) -> Booking {
        let party = |name: &str| Party {
            id: UserId::at(at(0)),
            name: name.to_owned(),
        };
        Booking {
            id: BookingId::at(at(0)),
            code: "000001".to_owned(),
            status,
            expert: party("Expert"),
            expert_branch: None,
            client: party("Client"),
            starts_at: at(600),
            ends_at: at(660),
            time_zone: Tz::UTC,
            mode: Mode::Online,
            place: None,
            link: None,
            note: None,
            reason: None,
            sequence: 0,
            version: 1,
            created_at: at(0),
            updated_at: at(0),
            confirmed_at: None,
            review: None,
        }
    }

    #[test]
    fn the_table_of_moves_is_exactly_this() {
        use Status::*;
        let allowed: Vec<(Status, Step, Status)> = Status::ALL
            .into_iter()
            .flat_map(|from| STEPS.into_iter().map(move |step| (from, step)))
            .filter_map(|(from, step)| from.after(step).ok().map(|to| (from, step, to)))
            .collect();
        assert_eq!(
            allowed,
            vec![
                (Pending, Step::Confirm, Confirmed),
                (Pending, Step::Reject, Rejected),
                (Pending, Step::Cancel, Cancelled),
                (Pending, Step::Miss, Missed),
                (Confirmed, Step::Cancel, Cancelled),
                (Confirmed, Step::Complete, Completed),
                (Confirmed, Step::Miss, Missed),
                (InProgress, Step::Cancel, Cancelled),
                (InProgress, Step::Complete, Completed),
            ]
        );
    }

    #[test]
    fn nothing_leaves_an_ended_status() {
        for status in Status::ALL.into_iter().filter(|s| !s.is_open()) {
            assert!(
                STEPS.into_iter().all(|step| status.after(step).is_err()),
                "{status:?}"
            );
        }
    }

    #[test]
    fn a_client_may_cancel_up_to_the_notice_and_not_later() {
        let (booking, hour) = (booking(Status::Confirmed), TimeDelta::minutes(60));
        assert!(
            booking
                .step(Step::Cancel, Side::Client, None, hour, at(540))
                .is_ok()
        );
        assert_eq!(
            booking.step(Step::Cancel, Side::Client, None, hour, at(541)),
            Err(BookingError::TooLate)
        );
        assert!(
            booking
                .step(Step::Cancel, Side::Staff, Some("ill"), hour, at(599))
                .is_ok()
        );
        assert_eq!(
            booking.step(Step::Cancel, Side::Staff, None, hour, at(0)),
            Err(BookingError::ReasonRequired)
        );
    }

    #[test]
    fn outcomes_wait_for_the_start() {
        let booking = booking(Status::Confirmed);
        let complete =
            |now| booking.step(Step::Complete, Side::Staff, None, TimeDelta::zero(), now);
        assert_eq!(complete(at(599)), Err(BookingError::TooEarly));
        assert_eq!(complete(at(600)), Ok(Status::Completed));
    }

    #[test]
    fn a_clients_move_asks_again_and_the_experts_does_not() {
        let (booking, hour) = (booking(Status::Confirmed), TimeDelta::minutes(60));
        assert_eq!(
            booking.reschedule(Side::Client, false, hour, at(0)),
            Ok(Status::Pending)
        );
        assert_eq!(
            booking.reschedule(Side::Client, true, hour, at(0)),
            Ok(Status::Confirmed)
        );
        assert_eq!(
            booking.reschedule(Side::Staff, false, hour, at(590)),
            Ok(Status::Confirmed)
        );
        assert_eq!(
            booking.reschedule(Side::Client, false, hour, at(590)),
            Err(BookingError::TooLate)
        );
    }

    #[test]
    fn actions_are_what_the_commands_would_allow() {
        let booking = booking(Status::Pending);
        let client = Caller {
            id: booking.client.id,
            role: Role::User,
            branch_id: None,
        };
        let expert = Caller {
            id: booking.expert.id,
            role: Role::Expert,
            branch_id: None,
        };
        let hour = TimeDelta::minutes(60);
        assert_eq!(
            booking.actions(&client, hour, at(0)),
            ["cancel", "reschedule", "edit"]
        );
        assert_eq!(
            booking.actions(&expert, hour, at(0)),
            ["confirm", "reject", "cancel", "reschedule", "edit"]
        );
        let stranger = Caller {
            id: UserId::at(at(1)),
            role: Role::User,
            branch_id: None,
        };
        assert!(booking.actions(&stranger, hour, at(0)).is_empty());
    }
}
