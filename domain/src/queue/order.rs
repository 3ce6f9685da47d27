//! Whose turn it is, and who is put behind whom. Pure.

use super::{Standing, Visit};
use crate::Instant;
use crate::booking::Party;
use crate::id::VisitId;

/// An expert of the branch who is there and has nobody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Desk {
    pub expert: Party,
    pub skills: Vec<String>,
    /// When the next thing in their calendar begins, or what is in it now began.
    pub taken_from: Option<Instant>,
    /// Since when they have nobody; who never had anybody comes first.
    pub idle_since: Option<Instant>,
}

impl Desk {
    /// Whether the expert can do what the visit needs.
    pub fn fits(&self, visit: &Visit) -> bool {
        let wanted = visit.wanted.as_ref();
        let able = |skill: &String| self.skills.contains(skill);
        wanted.is_none_or(|wanted| wanted.id == self.expert.id)
            && visit.skill.as_ref().is_none_or(able)
    }

    /// Whether the expert can also begin now. The time of an appointment is in the calendar already: it is not kept
    /// waiting by it, nor by what comes after it.
    fn is_free_for(&self, visit: &Visit, now: Instant) -> bool {
        let until = now + chrono::TimeDelta::minutes(visit.minutes.into());
        self.fits(visit)
            && (visit.booking_id.is_some() || self.taken_from.is_none_or(|from| from >= until))
    }
}

/// Whose turn it is with whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    pub visit: VisitId,
    pub version: i64,
    pub expert: Party,
}

/// Goes through the line, in order, and gives everybody whose time has come the expert who has been idle longest among
/// those who are free for them.
pub fn turns(line: &[Visit], desks: &[Desk], now: Instant) -> Vec<Turn> {
    let mut free: Vec<&Desk> = desks.iter().collect();
    free.sort_by_key(|desk| (desk.idle_since, desk.expert.id));
    let mut turns = Vec::new();
    for visit in line.iter().filter(|visit| visit.may_be_offered(now)) {
        let Some(place) = free.iter().position(|desk| desk.is_free_for(visit, now)) else {
            continue;
        };
        turns.push(Turn {
            visit: visit.id,
            version: visit.version,
            expert: free.remove(place).expert.clone(),
        });
    }
    turns
}

/// Puts somebody behind the next in the line whom the same expert could have, or behind the very next where no expert
/// says so. Answers who stands where from now on: all between them move up one place. Nobody to fall behind: nothing.
pub fn behind(
    line: &[Visit],
    visit: VisitId,
    fits: impl Fn(&Visit) -> bool,
    now: Instant,
) -> Vec<(VisitId, Standing)> {
    let mut waiting: Vec<&Visit> = line
        .iter()
        .filter(|other| other.id == visit || other.may_be_offered(now))
        .collect();
    waiting.sort_by_key(|other| other.standing);
    let Some(from) = waiting.iter().position(|other| other.id == visit) else {
        return Vec::new();
    };
    let after = &waiting[from + 1..];
    let Some(next) = after.iter().position(|other| fits(other)) else {
        return Vec::new();
    };
    let concerned = &waiting[from..=from + 1 + next];
    let standings = concerned.iter().map(|visit| visit.standing);
    // Everybody takes the place of the one before; the first takes the last.
    let moved = concerned[1..].iter().chain(&concerned[..1]);
    moved.map(|visit| visit.id).zip(standings).collect()
}
