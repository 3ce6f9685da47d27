//! What the actor remembers of its expert: the schedule, the time that is gone, and what counts
//! towards the caps.

use std::borrow::Cow;
use std::collections::BTreeMap;

use belfry_domain::Instant;
use belfry_domain::branch::Terms;
use belfry_domain::expert::Expert;
use belfry_domain::id::{BookingId, UserId};
use belfry_domain::schedule::Schedule;
use belfry_domain::slot::{Availability, Counted, Taken};
use belfry_store::StoreError;
use belfry_store::occupancy::Occupancy;
use chrono::TimeDelta;
use uuid::Uuid;

use super::flight::{Done, Replaces, Want};
use crate::World;

/// Everything needed to answer without the database.
pub(super) struct Memory {
    /// Everything committed before this moment is known.
    pub read_at: std::time::Instant,
    pub expert: Expert,
    pub schedule: Schedule,
    /// In order of start; never overlapping, since the database does not let them.
    occupied: Vec<Occupancy>,
    /// The same stretches as the slot engine takes them.
    taken: Vec<Taken>,
    counted_by: BTreeMap<BookingId, Instant>,
    counted: Vec<Counted>,
}

impl Memory {
    /// Reads it from the store; `None` when there is no such expert.
    pub async fn read(world: World, id: UserId) -> Result<Option<Self>, StoreError> {
        let read_at = std::time::Instant::now();
        let now = world.clock.now();
        let Some(expert) = world.store.expert(id).await? else {
            return Ok(None);
        };
        let Some((schedule, _)) = world.store.schedule(id, now).await? else {
            return Ok(None);
        };
        // Eight days back covers the week that caps count in.
        let week_ago = now - TimeDelta::days(8);
        let occupied = world
            .store
            .occupancies(id, now - TimeDelta::days(1), now)
            .await?;
        let counted_by = world
            .store
            .counted_starts(id, week_ago)
            .await?
            .into_iter()
            .collect();
        let mut memory = Self {
            read_at,
            expert,
            schedule,
            occupied,
            taken: Vec::new(),
            counted_by,
            counted: Vec::new(),
        };
        memory.derive();
        Ok(Some(memory))
    }

    fn derive(&mut self) {
        self.occupied.sort_by_key(|occupancy| occupancy.starts_at);
        self.taken = self.occupied.iter().map(taken).collect();
        // What is offered from a waiting list is promised, so it counts towards the caps.
        let offered = self.occupied.iter().filter_map(|o| o.offered);
        self.counted = self
            .counted_by
            .values()
            .copied()
            .chain(offered)
            .map(counted)
            .collect();
    }

    /// The schedule under the terms of a branch.
    pub fn narrowed(&self, terms: &Terms) -> Schedule {
        Schedule {
            rules: terms.narrow(&self.schedule.rules),
            ..self.schedule.clone()
        }
    }

    /// The expert's time as it stands at `now`.
    pub fn availability(&self, now: Instant) -> Availability<'_> {
        Availability {
            schedule: &self.schedule,
            taken: &self.taken,
            counted: &self.counted,
            now,
        }
    }

    /// What a booking takes of the expert's time: itself and its buffers.
    pub fn stretch(&self, starts_at: Instant, minutes: u16) -> (Instant, Instant) {
        let rules = &self.schedule.rules;
        let span = |minutes: u16| TimeDelta::minutes(i64::from(minutes));
        (
            starts_at - span(rules.buffer_before_minutes),
            starts_at + span(minutes) + span(rules.buffer_after_minutes),
        )
    }

    /// What stands in the way of what is wanted.
    fn in_the_way(&self, want: &Want) -> impl Iterator<Item = &Occupancy> {
        let (from, until) = self.stretch(want.starts_at, want.minutes);
        // In order and apart: those that can be in the way stand together.
        let first = self.occupied.partition_point(|o| o.ends_at <= from);
        let rest = self.occupied[first..].iter();
        rest.take_while(move |o| o.starts_at < until)
    }

    /// The asker's own holds in the way of what is wanted; a booking replaces them.
    pub fn own_holds(&self, want: &Want) -> Vec<Uuid> {
        self.own_in_the_way(want)
            .filter(|o| o.offered.is_none() || want.replaces == Replaces::All)
            .map(|o| o.source_id)
            .collect()
    }

    /// Those of them that are offers from a waiting list.
    pub fn own_offers(&self, want: &Want) -> Vec<Uuid> {
        self.own_in_the_way(want)
            .filter(|o| o.offered.is_some())
            .map(|o| o.source_id)
            .collect()
    }

    fn own_in_the_way(&self, want: &Want) -> impl Iterator<Item = &Occupancy> {
        let (holder, replaces) = (want.holder, want.replaces);
        self.in_the_way(want)
            .filter(move |o| replaces != Replaces::Nothing && o.holder == Some(holder))
    }

    /// Whether what is wanted is taken for everybody: by bookings, which nobody's own hold replaces.
    pub fn is_booked(&self, want: &Want) -> bool {
        let mut in_the_way = self.in_the_way(want).peekable();
        in_the_way.peek().is_some() && in_the_way.all(|o| o.holder.is_none())
    }

    /// What is taken, without what the wish itself would give back.
    pub fn taken_but(&self, want: &Want) -> Cow<'_, [Taken]> {
        let holds = self.own_holds(want);
        if holds.is_empty() && want.moved.is_none() {
            return Cow::Borrowed(&self.taken);
        }
        let moved = want.moved.map(BookingId::uuid);
        self.occupied
            .iter()
            .filter(|o| Some(o.source_id) != moved && !holds.contains(&o.source_id))
            .map(taken)
            .collect()
    }

    /// What is taken, and what counts, without anything that `holder` holds.
    pub fn but_held_by(&self, holder: UserId) -> (Vec<Taken>, Vec<Counted>) {
        let others = || self.occupied.iter().filter(|o| o.holder != Some(holder));
        let booked = self.counted_by.values().copied();
        let offered = others().filter_map(|o| o.offered);
        (
            others().map(taken).collect(),
            booked.chain(offered).map(counted).collect(),
        )
    }

    /// What counts, without the booking that is being moved.
    pub fn counted_but(&self, want: &Want) -> Cow<'_, [Counted]> {
        let own_offer = |o: &&Occupancy| o.offered.is_some() && o.holder == Some(want.holder);
        if want.moved.is_none() && !self.occupied.iter().any(|o| own_offer(&o)) {
            return Cow::Borrowed(&self.counted);
        }
        let booked = self.counted_by.iter();
        let booked = booked.filter(|(id, _)| Some(**id) != want.moved);
        // As the database counts: what is offered to the same person is not held against them.
        let others = self.occupied.iter().filter(|o| !own_offer(o));
        booked
            .map(|(_, starts_at)| *starts_at)
            .chain(others.filter_map(|o| o.offered))
            .map(counted)
            .collect()
    }

    /// Keeps what has just been committed.
    pub fn settle(&mut self, want: &Want, done: &Done) {
        let replaced = self.own_holds(want);
        let (starts_at, ends_at) = self.stretch(want.starts_at, want.minutes);
        let (source_id, expires_at, holder) = match done {
            Done::Booking(booking) => (booking.id.uuid(), None, None),
            Done::Hold(hold) | Done::Offer(hold) => {
                (hold.id.uuid(), Some(hold.expires_at), Some(hold.client_id))
            }
        };
        let offered = match done {
            Done::Offer(hold) => Some(hold.starts_at),
            _ => None,
        };
        self.occupied
            .retain(|o| o.source_id != source_id && !replaced.contains(&o.source_id));
        self.occupied.push(Occupancy {
            source_id,
            starts_at,
            ends_at,
            expires_at,
            holder,
            offered,
        });
        if let Done::Booking(booking) = done {
            self.counted_by.insert(booking.id, booking.starts_at);
        }
        self.derive();
    }

    /// Gives back what `source` took; unless it still `counts`, the caps forget it too.
    pub fn free(&mut self, source: Uuid, counts: bool) {
        self.occupied.retain(|o| o.source_id != source);
        if !counts {
            self.counted_by.remove(&source.into());
        }
        self.derive();
    }

    /// When the next hold expires.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.occupied.iter().filter_map(|o| o.expires_at).min()
    }

    /// Drops holds that have expired; `true` if there were any.
    pub fn drop_expired(&mut self, now: Instant) -> bool {
        let before = self.occupied.len();
        self.occupied
            .retain(|o| o.expires_at.is_none_or(|end| end > now));
        let dropped = self.occupied.len() < before;
        if dropped {
            self.derive();
        }
        dropped
    }
}

fn taken(occupancy: &Occupancy) -> Taken {
    Taken {
        starts_at: occupancy.starts_at,
        ends_at: occupancy.ends_at,
    }
}

fn counted(starts_at: Instant) -> Counted {
    Counted { starts_at }
}

#[cfg(test)]
mod properties;
