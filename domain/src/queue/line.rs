//! The merged line of walk-ins and appointments, and how desks take it.
//!
//! Whenever a desk is free, the first by [`Standing`] is called whose time has come and whom it can serve; a walk-in only
//! if what they want fits before the desk's next booked stretch. Whoever cannot be served by this desk, or not now, is
//! passed over without losing their place.
//!
//! [`super::turns`] gives the desks of a moment to the visits of that moment; a test here holds the two against each
//! other. This one knows what a calendar is kept for, so the line can be played on by it.

use uuid::Uuid;

use super::{Standing, Visit};
use crate::Instant;
use crate::id::UserId;

/// Somebody who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: Uuid,
    /// The one they want, or anybody.
    pub expert: Option<UserId>,
    /// What the expert must be able to do.
    pub skill: Option<String>,
    /// How long it is thought to take, and how much free time an expert must have for it.
    pub expected_minutes: u32,
    /// Whether the time is in a calendar already.
    pub appointment: bool,
    /// Not called before: an appointment's start, or the end of the rest of whoever declined.
    pub not_before: Option<Instant>,
    pub joined_at: Instant,
    /// What they are ordered by.
    pub standing: Standing,
}

impl Entry {
    /// Whether it may be their turn at `now`.
    pub fn is_due(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }
}

impl From<&Visit> for Entry {
    fn from(visit: &Visit) -> Self {
        Self {
            id: visit.id.uuid(),
            expert: visit.wanted.as_ref().map(|wanted| wanted.id),
            skill: visit.skill.clone(),
            expected_minutes: visit.minutes.into(),
            appointment: visit.booking_id.is_some(),
            not_before: visit.not_before,
            joined_at: visit.joined_at,
            standing: visit.standing,
        }
    }
}

/// An expert at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desk {
    pub expert: UserId,
    pub skills: Vec<String>,
    /// Not before this anybody is called: when they come, or come back.
    pub free_at: Instant,
    /// From this on nobody is called.
    pub closes_at: Option<Instant>,
    /// Who is with them, called, or offered the place.
    pub serving: Option<Serving>,
    /// Time ahead that is not for whoever is next.
    pub booked: Vec<Stretch>,
}

/// A visit under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    pub skill: Option<String>,
    pub expected_minutes: u32,
    /// When it was called.
    pub since: Instant,
}

/// Booked time of an expert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    pub from: Instant,
    pub until: Instant,
    pub purpose: Purpose,
}

/// What a stretch is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Nobody can be served from its start to its end: a break, a group session.
    Away,
    /// An appointment whose client is not here yet. If they come, it takes as long as such a service takes, later if
    /// somebody is still there at its start; if they do not, or once its start has passed without them, the time is
    /// kept until its end.
    Expected { skill: Option<String> },
    /// The appointment of somebody who waits in the line; the time is kept for them until they are called.
    Waiting(Uuid),
}

impl Desk {
    /// Whether this expert could ever serve them.
    pub fn could_serve(&self, entry: &Entry) -> bool {
        let wanted = entry.expert.is_none_or(|expert| expert == self.expert);
        let able = |skill: &String| self.skills.contains(skill);
        wanted && entry.skill.as_ref().is_none_or(able)
    }
}

/// Positions of the entries in the order in which they are asked at `now`; those whose time has not come are last.
pub fn order(entries: &[Entry], now: Instant) -> Vec<usize> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|place| {
        let entry = &entries[*place];
        (!entry.is_due(now), entry.standing)
    });
    order
}

/// Who of the line is next for a desk that is free at `now`.
pub fn next_for(desk: &Desk, entries: &[Entry], now: Instant) -> Option<usize> {
    let closed = desk.closes_at.is_some_and(|closes| closes <= now);
    if closed || desk.free_at > now || desk.serving.is_some() {
        return None;
    }
    let waits = |id: Uuid| entries.iter().any(|entry| entry.id == id);
    let fits = |entry: &Entry| {
        let until = now + chrono::TimeDelta::minutes(i64::from(entry.expected_minutes));
        let blocks = |stretch: &&Stretch| match stretch.purpose {
            Purpose::Away if entry.appointment => stretch.from <= now && now < stretch.until,
            _ if entry.appointment => false,
            Purpose::Waiting(id) if id == entry.id || !waits(id) => false,
            _ => stretch.from < until && now < stretch.until,
        };
        entry.is_due(now) && !desk.booked.iter().any(|s| blocks(&s))
    };
    let mut order = order(entries, now).into_iter();
    order.find(|place| desk.could_serve(&entries[*place]) && fits(&entries[*place]))
}

#[cfg(test)]
mod tests;
