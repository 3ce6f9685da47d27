//! Steps of a visit: judged under its lock, and written with everything that follows from them.

use belfry_domain::event::{Event, EventType};
use belfry_domain::queue::{Desk, Step, behind};
use chrono::TimeDelta;

use super::join::{NewVisit, enter, next_number};
use super::write::{lock, lock_line, note, place, update};
use super::*;
use crate::occupancy::{self, Stretch};
use crate::{crash, event};

/// Whoever may run a line, as they say.
#[derive(Clone, Copy, Debug)]
pub struct Guard<'a> {
    /// Of the lease.
    pub name: &'a str,
    pub holder: &'a str,
}

/// A step to be taken.
#[derive(Clone, Debug)]
pub struct VisitStep<'a> {
    pub id: VisitId,
    pub step: Step,
    pub actor: Actor,
    /// Only from this version.
    pub expected: Option<i64>,
    /// Only while this lease is held.
    pub guard: Option<Guard<'a>>,
    /// What the expert can do, where the visit may be put behind others.
    pub desk: Option<Desk>,
    /// The visit that goes on from this one.
    pub onward: Option<Box<NewVisit>>,
}

impl VisitStep<'_> {
    /// A step of nobody in particular.
    pub fn of(id: VisitId, step: Step, actor: Actor) -> Self {
        Self {
            id,
            step,
            actor,
            expected: None,
            guard: None,
            desk: None,
            onward: None,
        }
    }
}

/// A step that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    pub before: Visit,
    pub after: Visit,
    /// The visit that goes on from it.
    pub onward: Option<Visit>,
}

impl Taken {
    /// The experts whose calendar has changed.
    pub fn experts(&self) -> impl Iterator<Item = UserId> {
        let one = self.before.expert.as_ref().map(|expert| expert.id);
        let other = self.after.expert.as_ref().map(|expert| expert.id);
        one.into_iter().chain(other.filter(|id| Some(*id) != one))
    }
}

impl Store {
    /// Takes a step, or does nothing at all.
    ///
    /// # Errors
    /// When the database fails. Inside: what [`Visit::step`] refuses, `Stale`, `NotFound`, `ExpertOccupied` when the
    /// expert has somebody or something else, `Taken` when the lease is lost, `AlreadyInQueue` where it would go on.
    pub async fn step_visit(&self, step: &VisitStep<'_>, now: Instant) -> Settled<Taken> {
        let taken = match self.try_step_visit(step, now).await {
            Err(error) if error.is_retryable() => self.try_step_visit(step, now).await,
            other => other,
        };
        match taken {
            // The indexes decide who has two people, and who stands in a line twice.
            Err(error) if is_twice(&error) => Ok(Err(match step.step {
                Step::Transfer { .. } | Step::Recall { .. } => {
                    QueueError::AlreadyInQueue { visit: None }
                }
                _ => QueueError::ExpertOccupied,
            })),
            other => other,
        }
    }

    async fn try_step_visit(&self, wanted: &VisitStep<'_>, now: Instant) -> Settled<Taken> {
        let VisitStep { id, step, .. } = wanted;
        let mut tx = self.begin().await?;
        if let Some(guard) = wanted.guard
            && !holds(&mut tx, guard, now).await?
        {
            return Ok(Err(QueueError::Taken));
        }
        let Some((before, line)) = self.locked(&mut tx, *id, step).await? else {
            return Ok(Err(QueueError::NotFound));
        };
        if wanted
            .expected
            .is_some_and(|version| version != before.version)
        {
            return Ok(Err(QueueError::Stale));
        }
        let mut after = match before.step(step, now) {
            Ok(after) => after,
            Err(refused) => return Ok(Err(refused)),
        };
        // Somebody called back does not leave what they are in the middle of.
        let again = before.state == State::Called && after.state == State::Called;
        if !again && !take_time(&mut tx, &before, &after, step, now).await? {
            return Ok(Err(QueueError::ExpertOccupied));
        }
        if puts_back(step) && after.state == State::Waiting {
            let fits = |other: &Visit| wanted.desk.as_ref().is_none_or(|desk| desk.fits(other));
            let mut line = line;
            line.retain(|visit| visit.id != *id);
            line.push(after.clone());
            for (other, standing) in behind(&line, *id, fits, now) {
                if other == *id {
                    after.standing = standing;
                } else {
                    place(&mut tx, other, standing).await?;
                }
            }
        }
        if !update(&mut tx, &after).await? {
            return Ok(Err(QueueError::Stale));
        }
        note(&mut tx, &after, &wanted.actor, now).await?;
        let mut onward = None;
        if let Some(on) = &wanted.onward {
            let number = next_number(&mut tx, on.visit.branch.id, on.date).await?;
            onward = Some(enter(&mut tx, on, number).await?);
        }
        if let Some(kind) = told(&before, &after) {
            let to = onward.as_ref().map(|visit| &visit.branch);
            let event = Event::of_visit(kind, &after, to, wanted.actor.clone(), now);
            event::append(&mut tx, &[event]).await?;
        }
        crash::point("visit.stepping");
        tx.commit().await?;
        crash::point("visit.stepped");
        Ok(Ok(Taken {
            before,
            after,
            onward,
        }))
    }

    /// The visit, and where it may be put back also everybody else who waits, in one order of locks.
    async fn locked(
        &self,
        tx: &mut Tx,
        id: VisitId,
        step: &Step,
    ) -> Result<Option<(Visit, Vec<Visit>)>, StoreError> {
        if !puts_back(step) {
            return Ok(lock(tx, id).await?.map(|visit| (visit, Vec::new())));
        }
        let branch: Option<(Uuid,)> = on_tx!(tx, |c| {
            sqlx::query_as::<DB, _>("SELECT branch_id FROM visits WHERE id = $1")
                .bind(id.uuid())
                .fetch_optional(&mut *c)
                .await?
        });
        let Some((branch,)) = branch else {
            return Ok(None);
        };
        let line = lock_line(tx, branch.into(), id).await?;
        let found = line.iter().find(|visit| visit.id == id).cloned();
        match found {
            Some(visit) => Ok(Some((visit, line))),
            // It is over: its own lock tells how.
            None => Ok(lock(tx, id).await?.map(|visit| (visit, line))),
        }
    }
}

fn puts_back(step: &Step) -> bool {
    matches!(step, Step::Skip | Step::Miss | Step::Decline { .. })
}

/// What is said of a step. Moving within the line and beginning are shown, and told to nobody.
fn told(before: &Visit, after: &Visit) -> Option<EventType> {
    Some(match after.state {
        State::Waiting if before.state == State::NoShow => EventType::VisitJoined,
        State::Waiting | State::Serving => return None,
        State::Offered => EventType::VisitOffered,
        State::Called => EventType::VisitCalled,
        State::Done => EventType::VisitServed,
        State::Left => EventType::VisitLeft,
        State::NoShow => EventType::VisitNoShow,
        State::TimedOut => EventType::VisitTimedOut,
        State::Transferred => EventType::VisitTransferred,
    })
}

/// Whether a lease is still held by who says so; nobody else takes it over until the transaction ends.
async fn holds(tx: &mut Tx, guard: Guard<'_>, now: Instant) -> Result<bool, StoreError> {
    let held: Option<(String,)> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(formatcp!(
            "SELECT name FROM leases WHERE name = $1 AND holder = $2 AND until > $3 {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(guard.name)
        .bind(guard.holder)
        .bind(now)
        .fetch_optional(&mut *c)
        .await?
    });
    Ok(held.is_some())
}

/// Takes the expert's time for somebody who is theirs from now on, or gives it back. An offer needs all of it; whoever
/// takes somebody by their own will has what is free of it. `false` when an offer cannot have it.
async fn take_time(
    tx: &mut Tx,
    before: &Visit,
    after: &Visit,
    step: &Step,
    now: Instant,
) -> Result<bool, StoreError> {
    let kept = before.state == State::Offered && after.state == State::Called;
    if kept {
        return Ok(true);
    }
    let had = before.state.has_expert();
    if had {
        occupancy::free(tx, std::iter::once(after.id.uuid())).await?;
    }
    let Some(expert) = after.expert.as_ref().filter(|_| after.state.has_expert()) else {
        return Ok(true);
    };
    // The time of an appointment is taken by its booking.
    if after.booking_id.is_some() {
        return Ok(true);
    }
    let whole = now + TimeDelta::minutes(after.minutes.into());
    let until = if matches!(step, Step::Offer { .. }) {
        Some(whole)
    } else {
        free_until(tx, expert.id, now)
            .await?
            .map(|at| at.min(whole))
    };
    let Some(until) = until.filter(|until| *until > now) else {
        return Ok(true);
    };
    let wanted = Stretch {
        source: after.id.uuid(),
        subject: expert.id,
        starts_at: now,
        ends_at: until,
        expires_at: None,
        service: true,
    };
    let taken = occupancy::take(tx, &wanted, now).await?;
    Ok(taken || !matches!(step, Step::Offer { .. }))
}

/// Until when nothing is in somebody's calendar; `None` when something is now.
async fn free_until(
    tx: &mut Tx,
    expert: UserId,
    now: Instant,
) -> Result<Option<Instant>, StoreError> {
    let (next,): (Option<Instant>,) = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(
            "SELECT MIN(starts_at) FROM occupancies WHERE subject_id = $1 AND ends_at > $2 \
               AND (expires_at IS NULL OR expires_at > $2)",
        )
        .bind(expert.uuid())
        .bind(now)
        .fetch_one(&mut *c)
        .await?
    });
    Ok(match next {
        None => Some(Instant::MAX_UTC),
        Some(next) if next > now => Some(next),
        Some(_) => None,
    })
}
