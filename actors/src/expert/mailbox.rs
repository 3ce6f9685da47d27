//! What may be said to an expert's actor: questions, wishes, and news from outside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::prelude::*;
use belfry_domain::Instant;
use belfry_domain::id::{HoldId, UserId};
use belfry_domain::series::{self, Occurrence};
use belfry_domain::slot::{Availability, Engaged, Taken};
use belfry_domain::waiting::{self, Turn, Waiter};
use futures::channel::oneshot;
use uuid::Uuid;

use super::flight::{Command, Done, Job, Want};
use super::slots::MOST_ANSWERS;
use super::{DayQuery, ExpertActor, ExplainedDay, Refused, SlotQuery, SlotsAnswer};
use crate::{Busy, Place};

/// Asks for free slots.
#[derive(Message)]
#[rtype(result = "Result<Arc<SlotsAnswer>, Refused>")]
pub(super) struct GetSlots(pub SlotQuery, pub Place);

impl Handler<GetSlots> for ExpertActor {
    type Result = Result<Arc<SlotsAnswer>, Refused>;

    fn handle(&mut self, GetSlots(query, _place): GetSlots, _: &mut Context<Self>) -> Self::Result {
        self.last_asked = std::time::Instant::now();
        self.drop_expired();
        let now = self.world.clock.now();
        let memory = self.memory.as_ref().ok_or(Refused::NoExpert)?;
        if let Some(answer) = self
            .answers
            .get(&query)
            .filter(|answer| now <= answer.good_until)
        {
            return Ok(answer.clone());
        }
        let answer = Arc::new(SlotsAnswer::new(self.id, memory, &query, now));
        if self.answers.len() >= MOST_ANSWERS {
            self.answers.clear();
        }
        self.answers.insert(query, answer.clone());
        Ok(answer)
    }
}

/// Asks why times of a date are free or not, of somebody who knows who is engaged then.
#[derive(Message)]
#[rtype(result = "Result<ExplainedDay, Refused>")]
pub(super) struct ExplainDay(pub DayQuery, pub Vec<Engaged>, pub Place);

impl Handler<ExplainDay> for ExpertActor {
    type Result = Result<ExplainedDay, Refused>;

    fn handle(
        &mut self,
        ExplainDay(query, engaged, _place): ExplainDay,
        _: &mut Context<Self>,
    ) -> Self::Result {
        self.drop_expired();
        let memory = self.memory.as_ref().ok_or(Refused::NoExpert)?;
        let now = self.world.clock.now();
        Ok(ExplainedDay::new(memory, &query, &engaged, now))
    }
}

/// Asks for the next free slot of the default length.
#[derive(Message)]
#[rtype(result = "Option<Instant>")]
pub(super) struct NextFree(pub Place);

impl Handler<NextFree> for ExpertActor {
    type Result = Option<Instant>;

    fn handle(&mut self, NextFree(_place): NextFree, _: &mut Context<Self>) -> Option<Instant> {
        self.drop_expired();
        let now = self.world.clock.now();
        let memory = self.memory.as_ref()?;
        let minutes = memory.schedule.rules.default_minutes()?;
        memory
            .availability(now)
            .next_free(now, minutes)
            .map(|slot| slot.starts_at)
    }
}

/// Asks which slot is to be offered next, and to whom of those who wait.
#[derive(Message)]
#[rtype(result = "Option<Turn>")]
pub(super) struct NextTurn {
    pub waiters: Arc<Vec<Waiter>>,
    pub busy: Arc<BTreeMap<UserId, Vec<Taken>>>,
    /// Kept until it is answered.
    pub _place: Place,
}

impl Handler<NextTurn> for ExpertActor {
    type Result = Option<Turn>;

    fn handle(&mut self, asked: NextTurn, _: &mut Context<Self>) -> Option<Turn> {
        self.last_asked = std::time::Instant::now();
        self.drop_expired();
        let now = self.world.clock.now();
        let time = self.memory.as_ref()?.availability(now);
        waiting::turn(&time, &asked.waiters, &asked.busy, self.rules.offer)
    }
}

/// Asks which of these starts can be booked together.
#[derive(Message)]
#[rtype(result = "Option<Vec<Judged>>")]
pub(super) struct JudgeSeries {
    pub starts: Vec<Instant>,
    pub minutes: u16,
    /// Who asks: what they hold themselves does not stand in their way.
    pub holder: UserId,
    /// The client's own time.
    pub busy: Vec<Taken>,
    /// Kept until it is answered.
    pub _place: Place,
}

/// What stands against a start, and what of the asker's own a booking of it takes the place of.
pub(super) struct Judged {
    pub occurrence: Occurrence,
    pub holds: Vec<HoldId>,
    /// Those of them that are offers from a waiting list.
    pub offers: Vec<HoldId>,
}

impl Handler<JudgeSeries> for ExpertActor {
    type Result = Option<Vec<Judged>>;

    fn handle(&mut self, asked: JudgeSeries, _: &mut Context<Self>) -> Self::Result {
        self.last_asked = std::time::Instant::now();
        self.drop_expired();
        let memory = self.memory.as_ref()?;
        let (taken, counted) = memory.but_held_by(asked.holder);
        let time = Availability {
            taken: &taken,
            counted: &counted,
            ..memory.availability(self.world.clock.now())
        };
        let judged = series::judge(&time, &asked.starts, asked.minutes, &asked.busy);
        let judged = judged.into_iter().map(|occurrence| {
            let want = Want::of(occurrence.slot.starts_at, asked.minutes, asked.holder);
            let ids = |ids: Vec<Uuid>| ids.into_iter().map(HoldId::from).collect();
            Judged {
                holds: ids(memory.own_holds(&want)),
                offers: ids(memory.own_offers(&want)),
                occurrence,
            }
        });
        Some(judged.collect())
    }
}

/// Asks for time.
#[derive(Message)]
#[rtype(result = "Result<Done, Refused>")]
pub(super) struct Ask(pub Command, pub Place);

impl Handler<Ask> for ExpertActor {
    type Result = ResponseFuture<Result<Done, Refused>>;

    fn handle(&mut self, Ask(command, place): Ask, ctx: &mut Context<Self>) -> Self::Result {
        self.last_asked = std::time::Instant::now();
        self.drop_expired();
        let Some(memory) = &self.memory else {
            return Box::pin(std::future::ready(Err(Refused::NoExpert)));
        };
        let (reply, answer) = oneshot::channel();
        match command.want(memory) {
            Ok(want) => self.attempt(
                Job {
                    command,
                    want,
                    lost: 0,
                    place,
                    reply,
                },
                ctx,
            ),
            Err(error) => return Box::pin(std::future::ready(Err(error.into()))),
        }
        Box::pin(async move { answer.await.unwrap_or(Err(Refused::Busy(Busy("expert")))) })
    }
}

/// Something outside gave back time or changed the rules.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(super) enum Notice {
    /// A booking or hold has ended; called off, it no longer counts towards the caps.
    Freed { source: Uuid, counts: bool },
    /// A seat of one of the expert's sessions was taken, which changes no time of the expert's.
    SeatTaken,
    /// The schedule was changed on this node: read again and tell everybody.
    Rescheduled,
    /// Another node changed something, or its word may have been missed: read again.
    Stale,
    /// Nobody said anything, but a node may have died before it could: read again, and tell only of what is new.
    Doubted,
}

impl Handler<Notice> for ExpertActor {
    type Result = ();

    fn handle(&mut self, notice: Notice, ctx: &mut Context<Self>) {
        self.shared.refusals.hear();
        match notice {
            Notice::Freed { source, counts } => {
                if !self.flights.is_empty() {
                    self.news.insert(source, i64::MAX);
                }
                if let Some(memory) = &mut self.memory {
                    memory.free(source, counts);
                }
                self.announce();
                self.freed.ring(self.id);
                self.wake(ctx);
            }
            Notice::SeatTaken => self.announce(),
            Notice::Rescheduled => {
                self.reload(ctx);
                self.once_read(ctx, |actor, _| {
                    actor.announce();
                    actor.freed.ring(actor.id);
                });
            }
            Notice::Doubted => {
                let taken = |actor: &Self| {
                    let memory = actor.memory.as_ref();
                    memory.map(|memory| memory.availability(Instant::MIN_UTC).taken.to_vec())
                };
                let before = taken(self);
                self.reload(ctx);
                self.once_read(ctx, move |actor, _| {
                    if taken(actor) != before {
                        actor.tell_listeners();
                    }
                });
            }
            Notice::Stale => {
                // Words that come from here on need another reading.
                self.shared.stale.store(false, Ordering::Release);
                self.reload(ctx);
                self.once_read(ctx, |actor, _| actor.tell_listeners());
            }
        }
    }
}
