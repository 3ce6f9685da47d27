//! Steps of a visit: judged under its lock, and written with everything that follows from them.

use belfry_domain::booking::Booking;
use belfry_domain::event::{Event, EventType, Told};
use belfry_domain::queue::{Desk, Step, behind};
use chrono::TimeDelta;

use super::join::{NewVisit, enter, next_number};
use super::write::{lock, lock_line, note, place, update};
use super::*;
use crate::booking::{self, Change};
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
    /// The appointment that it is for, if that has changed with it.
    pub booking: Option<Booking>,
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
        let Some(Locked {
            visit: before,
            line,
            booking,
        }) = locked(&mut tx, *id, step).await?
        else {
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
        let booking = match booking {
            Some(booking) => follow(&mut tx, &booking, &after, &wanted.actor, now).await?,
            None => None,
        };
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
            booking,
        }))
    }
}

/// What a step is judged by, as it stays until the transaction ends.
struct Locked {
    visit: Visit,
    /// Where the visit may be put back, everybody who waits.
    line: Vec<Visit>,
    /// The appointment that it is for.
    booking: Option<Booking>,
}

/// Locks in one order: the appointment, as whoever calls it off does before its visit, then the line or the visit.
async fn locked(tx: &mut Tx, id: VisitId, step: &Step) -> Result<Option<Locked>, StoreError> {
    // Neither ever changes.
    let found: Option<(Uuid, Option<Uuid>)> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>("SELECT branch_id, booking_id FROM visits WHERE id = $1")
            .bind(id.uuid())
            .fetch_optional(&mut *c)
            .await?
    });
    let Some((branch, booking)) = found else {
        return Ok(None);
    };
    let booking = match booking {
        Some(booking) => booking::lock(tx, booking.into()).await?,
        None => None,
    };
    let line = if puts_back(step) {
        lock_line(tx, branch.into(), id).await?
    } else {
        Vec::new()
    };
    let visit = match line.iter().find(|visit| visit.id == id).cloned() {
        Some(visit) => Some(visit),
        // Nobody asked for the line, or it is not in it any more: its own lock tells how.
        None => lock(tx, id).await?,
    };
    Ok(visit.map(|visit| Locked {
        visit,
        line,
        booking,
    }))
}

/// Lets an appointment follow what became of its visit; as it is afterwards, if it changed.
async fn follow(
    tx: &mut Tx,
    booking: &Booking,
    visit: &Visit,
    actor: &Actor,
    now: Instant,
) -> Result<Option<Booking>, StoreError> {
    let Some((step, status)) = booking.followed(visit.state) else {
        return Ok(None);
    };
    let after = booking.stepped(status, None, now);
    let change = Change::of(after, step.event(), Told::by(actor.clone()));
    Ok(booking::write(tx, booking, &change, now).await?.ok())
}

/// Lets whoever waits for a booking go that is over or moves; who is with their expert by now stays there.
pub(crate) async fn dismiss(
    tx: &mut Tx,
    booking: BookingId,
    actor: &Actor,
    now: Instant,
) -> Result<(), StoreError> {
    let waits: Option<(Uuid,)> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(formatcp!(
            "SELECT id FROM visits WHERE booking_id = $1 AND {IN_LINE} {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(booking.uuid())
        .fetch_optional(&mut *c)
        .await?
    });
    let Some((id,)) = waits else {
        return Ok(());
    };
    let Some(before) = lock(tx, id.into()).await? else {
        return Ok(());
    };
    let Ok(after) = before.step(&Step::Leave, now) else {
        return Ok(());
    };
    update(tx, &after).await?;
    note(tx, &after, actor, now).await?;
    let kind = EventType::VisitLeft;
    let event = Event::of_visit(kind, &after, None, actor.clone(), now);
    event::append(tx, &[event]).await
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
