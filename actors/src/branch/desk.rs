//! What branches do for callers: the handle to all branch actors of this node.

use std::sync::Arc;

use actix::prelude::*;
use belfry_domain::booking::{Booking, BookingError};
use belfry_domain::branch::Terms;
use belfry_domain::id::{BranchId, UserId};
use belfry_domain::slot::{Reason, Refusal, Slot};
use chrono::{DateTime, TimeDelta};
use dashmap::DashMap;
use serde_json::{Value, json};
use uuid::Uuid;

use super::choice::{Answer, Choose, Chosen, Given, Landed, Wish};
use super::slots::{BranchAnswer, BranchQuery, GetSlots};
use super::{BranchActor, Changed, PresenceChanged};
use crate::expert::{Asked, AtBranch, BookRequest, Experts, Refused, tally};
use crate::wake::{self, Held};
use crate::{Line, Place, Supervisor, World};

/// Callers that may stand in line before one branch.
const LINE: usize = 2048;
/// Experts who are asked why, when nobody is free.
const MOST_ASKED: usize = 20;

/// A wish for a booking at a branch, with whoever is found.
#[derive(Clone, Debug)]
pub struct BranchBooking {
    /// As it would go to an expert; its length and expert are found.
    pub request: BookRequest,
    pub skill: Option<String>,
}

/// All branches, as callers see them. Cloning shares the actors.
#[derive(Clone)]
pub struct Branches(Arc<Directory>);

struct Directory {
    world: World,
    supervisor: Supervisor,
    experts: Experts,
    entries: DashMap<BranchId, Entry>,
}

#[derive(Clone)]
struct Entry {
    actor: Addr<BranchActor>,
    line: Line,
}

impl Held for Entry {
    type Actor = BranchActor;

    fn actor(&self) -> &Addr<BranchActor> {
        &self.actor
    }

    fn line(&self) -> &Line {
        &self.line
    }
}

impl Branches {
    /// Branches of the supervisor's world, which hears other nodes for them.
    pub fn new(supervisor: Supervisor, experts: Experts) -> Self {
        let branches = Self(Arc::new(Directory {
            world: supervisor.world().clone(),
            supervisor: supervisor.clone(),
            experts,
            entries: DashMap::new(),
        }));
        supervisor.serve_branches(branches.clone());
        branches
    }

    /// Free slots of a branch.
    ///
    /// # Errors
    /// `NoBranch`, `Busy`, or the store's own.
    pub async fn slots(
        &self,
        branch: BranchId,
        query: BranchQuery,
    ) -> Result<Arc<BranchAnswer>, Refused> {
        self.ask(branch, |place| GetSlots(query.clone(), place))
            .await?
    }

    /// Books with the expert whose turn it is; with the next one while others are faster.
    ///
    /// # Errors
    /// `SlotTaken` with alternatives, `NotOffered`, and what [`Experts::book`] refuses for the client's own sake.
    pub async fn book(&self, branch: BranchId, wish: BranchBooking) -> Result<Booking, Refused> {
        tally(Asked::Branch, self.assign(branch, wish).await)
    }

    async fn assign(&self, branch: BranchId, wish: BranchBooking) -> Result<Booking, Refused> {
        let world = &self.0.world;
        let BranchBooking { request, skill } = wish;
        let client = request.client.id;
        let wish = Wish {
            starts_at: request.starts_at,
            minutes: request.minutes,
            skill,
            previous: world.store.last_seen_by(client, branch).await?,
            client,
        };
        let flying = Flying {
            branches: self,
            branch,
            ticket: Uuid::new_v4(),
        };
        let mut tried = Vec::new();
        loop {
            let ticket = flying.ticket;
            let chosen = self
                .ask(branch, |place| Choose {
                    wish: wish.clone(),
                    ticket,
                    tried: tried.clone(),
                    place,
                })
                .await??;
            let minutes = chosen.minutes;
            let address = Some(chosen.address.clone()).filter(|address| !address.is_empty());
            let Some(Chosen {
                expert,
                terms,
                assignment,
            }) = chosen.chosen
            else {
                return Err(self.nobody(&wish, chosen, !tried.is_empty()).await);
            };
            let request = BookRequest {
                minutes: Some(minutes),
                branch: Some(Box::new(AtBranch {
                    terms,
                    place: address,
                    assignment,
                })),
                ..request.clone()
            };
            match self.0.experts.book(expert, request).await {
                Ok(booking) => {
                    self.given(
                        branch,
                        Given {
                            expert,
                            starts_at: booking.starts_at,
                            minutes,
                            made_at: booking.created_at,
                        },
                    );
                    return Ok(booking);
                }
                // Somebody was faster, or the expert is no longer there: the next one.
                Err(
                    Refused::Rule {
                        error: BookingError::SlotTaken | BookingError::NotOffered(_),
                        ..
                    }
                    | Refused::NoExpert,
                ) => {
                    metrics::counter!("belfry_assignments_fallen_through_total").increment(1);
                    tried.push(expert);
                }
                Err(refused) => return Err(refused),
            }
        }
    }

    /// Why nobody could be found.
    async fn nobody(&self, wish: &Wish, answer: Answer, tried: bool) -> Refused {
        let mut reason = None;
        let mut taken = tried;
        for (expert, terms) in answer.able.iter().take(MOST_ASKED) {
            if taken {
                break;
            }
            match self.why_not(*expert, wish, answer.minutes, *terms).await {
                // It is free after all: somebody let go of it a moment ago, so that trying again will do.
                Some(Refusal::Taken) | None => taken = true,
                Some(Refusal::NotOffered(Reason::DayCap | Reason::WeekCap)) => taken = true,
                Some(Refusal::NotOffered(found)) => {
                    reason = reason.or(Some(found.code()));
                }
            }
        }
        if !taken {
            let nobody_able = "no_skill";
            return BookingError::NotOffered(reason.unwrap_or(nobody_able)).into();
        }
        let length = TimeDelta::minutes(answer.minutes.into());
        let slot = |start: &i64| {
            let starts_at = DateTime::from_timestamp(*start, 0).unwrap_or_default();
            Slot {
                starts_at,
                ends_at: starts_at + length,
            }
        };
        Refused::Rule {
            error: BookingError::SlotTaken,
            alternatives: answer.near.iter().map(slot).collect(),
        }
    }

    async fn why_not(
        &self,
        expert: UserId,
        wish: &Wish,
        minutes: u16,
        terms: Terms,
    ) -> Option<Refusal> {
        let experts = &self.0.experts;
        let asked = experts.why_not(expert, wish.starts_at, minutes, terms);
        asked
            .await
            .unwrap_or(Some(Refusal::NotOffered(Reason::OutsideHours)))
    }

    /// Hours, settings or people of a branch have changed: slots follow, on every node.
    pub fn changed(&self, branch: BranchId) {
        self.tell(branch, Changed);
        self.publish(branch, json!({ "node": &*self.0.world.node }));
        self.announce_slots(branch);
    }

    /// Somebody of a branch came, went or is busy: slots follow, on every node.
    pub fn presence_changed(&self, branch: BranchId) {
        self.tell(branch, PresenceChanged);
        let node = &*self.0.world.node;
        self.publish(branch, json!({ "node": node, "presence": true }));
        self.announce_slots(branch);
    }

    /// The hours of a branch have changed: those of its experts follow, on every node.
    ///
    /// # Errors
    /// When the database fails; then slots follow once the experts are read again.
    pub async fn reopened(&self, branch: BranchId) -> Result<(), Refused> {
        let members = self.0.world.store.branch_members(branch).await?;
        for member in members {
            self.0.experts.rescheduled(member.id).await;
        }
        self.changed(branch);
        Ok(())
    }

    /// A bus message on `branch:{id}`; the node's own echo is nothing new.
    pub fn heard(&self, branch: BranchId, payload: &[u8]) {
        let said: Value = serde_json::from_slice(payload).unwrap_or_default();
        if said["node"].as_str() == Some(&*self.0.world.node) {
            return;
        }
        match serde_json::from_value(said["given"].clone()) {
            Ok(given) => self.tell::<Given>(branch, given),
            Err(_) if said["presence"] == true => self.tell(branch, PresenceChanged),
            Err(_) => self.tell(branch, Changed),
        }
    }

    /// Words from other nodes may have been missed: every actor reads again.
    pub fn gap(&self) {
        for entry in &self.0.entries {
            entry.actor.do_send(Changed);
        }
    }

    fn given(&self, branch: BranchId, given: Given) {
        let node = &*self.0.world.node;
        self.publish(branch, json!({ "node": node, "given": given }));
        self.tell(branch, given);
    }

    fn publish(&self, branch: BranchId, said: Value) {
        let channel = format!("branch:{branch}");
        let bus = &self.0.world.bus;
        bus.publish(&channel, said.to_string().into());
    }

    fn announce_slots(&self, branch: BranchId) {
        self.0.supervisor.branch_slots_changed(branch);
    }

    fn tell<M>(&self, branch: BranchId, message: M)
    where
        M: Message<Result = ()> + Send + 'static,
        BranchActor: Handler<M>,
    {
        if let Some(entry) = self.0.entries.get(&branch) {
            entry.actor.do_send(message);
        }
    }

    /// Asks the branch's actor; one that has just gone to sleep is woken once.
    async fn ask<M>(
        &self,
        branch: BranchId,
        message: impl Fn(Place) -> M,
    ) -> Result<M::Result, Refused>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        BranchActor: Handler<M>,
    {
        Ok(wake::ask("branch", || self.entry(branch), message).await?)
    }

    fn entry(&self, branch: BranchId) -> Entry {
        let start = || {
            let (world, experts) = (self.0.world.clone(), self.0.experts.clone());
            let arbiter = self.0.supervisor.arbiter(branch.uuid());
            let actor = BranchActor::start_in_arbiter(arbiter, move |_| {
                BranchActor::new(branch, world, experts)
            });
            Entry {
                actor,
                line: Line::new("branch", LINE),
            }
        };
        wake::awake(&self.0.entries, branch, start)
    }
}

/// A booking on its way; it lands when this is dropped, whatever the reason.
struct Flying<'a> {
    branches: &'a Branches,
    branch: BranchId,
    ticket: Uuid,
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        let landed = Landed {
            ticket: self.ticket,
        };
        self.branches.tell(self.branch, landed);
    }
}
