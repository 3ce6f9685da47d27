//! What may be done to a booking, by whom and until when.

use chrono::TimeDelta;

use super::{Booking, BookingError, Edit, Side, Status, Step};
use crate::Instant;
use crate::account::Caller;
use crate::queue::{QueueError, State};

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
        if step.needs_reason(side) && reason.is_none() {
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

    /// The booking after a step that led to `status`, for this reason.
    pub fn stepped(&self, status: Status, reason: Option<&str>, now: Instant) -> Self {
        let mut after = self.clone();
        after.status = status;
        after.reason = reason.map(str::to_owned).or(after.reason);
        match status {
            Status::Confirmed => {
                after.confirmed_at = Some(now);
                // Whoever confirms has the time that the clock shows now before their eyes.
                after.promised_start = None;
                after.sequence += 1;
            }
            Status::Rejected | Status::Cancelled => after.sequence += 1,
            _ => {}
        }
        after
    }

    /// Decides whether its client may be put into the line of its branch.
    ///
    /// # Errors
    /// `WrongStatus` once it is over, and for a seat, whose people are served together.
    pub fn check_in(&self) -> Result<(), QueueError> {
        let ahead = matches!(self.status, Status::Pending | Status::Confirmed);
        if ahead && self.session.is_none() {
            Ok(())
        } else {
            let status = self.status;
            Err(QueueError::WrongStatus { status })
        }
    }

    /// The step that a visit for it brings about by what became of the visit, and the status it leads to: an expert who
    /// calls its client agrees to it, and with a client who was served it took place. `None` where it stays as it is.
    pub fn followed(&self, visit: State) -> Option<(Step, Status)> {
        let step = match visit {
            State::Called => Step::Confirm,
            State::Done => Step::Complete,
            _ => return None,
        };
        let status = self.status.after(step).ok()?;
        Some((step, status))
    }

    /// Decides whether somebody on `side` may move the booking to another time, and answers the
    /// status it has afterwards: a client's move of a confirmed booking asks the expert again unless
    /// the expert confirms by rule.
    ///
    /// # Errors
    /// `MovesWithSession` for a seat; `WrongStatus` once it has ended; `TooLate` for a client within `cancel_notice` of the start, and
    /// for anybody once it has begun.
    pub fn reschedule(
        &self,
        side: Side,
        auto_confirm: bool,
        cancel_notice: TimeDelta,
        now: Instant,
    ) -> Result<Status, BookingError> {
        if self.session.is_some() {
            return Err(BookingError::MovesWithSession);
        }
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
    /// the place or the link, `MovesWithSession` for a seat, which is met as its session is.
    pub fn edit(&self, edit: &Edit, side: Side, now: Instant) -> Result<(), BookingError> {
        if !matches!(self.status, Status::Pending | Status::Confirmed) {
            return Err(BookingError::WrongStatus {
                status: self.status,
            });
        }
        let met = edit.mode.is_some() || edit.place.is_some() || edit.link.is_some();
        if self.session.is_some() && met {
            return Err(BookingError::MovesWithSession);
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
        if self.keep(now).is_ok() {
            actions.push("keep");
        }
        if self.reviewable_by(caller).is_ok() {
            actions.push("review");
        }
        actions
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::account::Role;
    use crate::booking::{Mode, Party};
    use crate::id::{BookingId, UserId};

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
            promised_start: None,
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
            series: None,
            session: None,
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
    fn a_clock_that_shows_another_time_is_marked_until_it_is_as_promised() {
        let booking = booking(Status::Confirmed);
        let shown = booking.wall_start();
        assert_eq!(booking.held_against_its_clock(shown), None);
        let hour = TimeDelta::hours(1);
        let moved = booking.held_against_its_clock(shown - hour).unwrap();
        assert_eq!(moved.promised_start, Some(shown - hour));
        assert_eq!(moved.keep(at(599)), Ok(()));
        assert_eq!(moved.keep(at(600)), Err(BookingError::TooLate));
        // Still newer rules: what was promised first counts, not what was said in between.
        let again = moved.held_against_its_clock(shown - hour * 2).unwrap();
        assert_eq!(again.promised_start, Some(shown - hour));
        let promised = Booking {
            promised_start: Some(shown),
            ..moved
        };
        let back = promised.held_against_its_clock(shown - hour).unwrap();
        assert_eq!(back.promised_start, None);
        assert_eq!(back.keep(at(0)), Err(BookingError::Stale));
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
