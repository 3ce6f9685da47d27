//! Offering what came free to those who wait, and their answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use belfry_domain::booking::{Actor as Doer, Booking, BookingError};
use belfry_domain::id::{UserId, WaitingId};
use belfry_domain::waiting::{Offer, Status, Waiting, WaitingError};
use belfry_store::crash;
use belfry_store::idempotency::IdempotencyKey;

use super::{Experts, Refused, SeatRequest};
use crate::expert::flight::{BookRequest, Command, OfferRequest};
use crate::expert::mailbox::{NextTurn, Notice};
use crate::expert::{Asked, tally};

/// Those who wait that are looked at in one go, longest first. Who is further back has their turn when these have
/// been served.
const MOST_WAITERS: i64 = 200;
/// Offers made in one go; what is left is done by the next look.
const MOST_OFFERS: usize = 200;

impl Experts {
    /// Lets somebody look at an expert's waiting list at once.
    pub fn look_at_waiting_list(&self, expert: UserId) {
        self.freed.ring(expert);
    }

    /// As [`Experts::look_at_waiting_list`], by what the database says by now: a node that died right after a commit
    /// has told nobody what came free.
    pub fn look_again_at_waiting_list(&self, expert: UserId) {
        if let Some(entry) = self.directory.get(&expert) {
            entry.tell(Notice::Doubted);
        }
        self.freed.ring(expert);
    }

    /// Gives what is free to those who wait for it, longest first: ends offers that ran out, then holds one slot
    /// after the other, until nothing that is free fits anybody.
    ///
    /// Any number of nodes may do so at once: the row of the one who waits is claimed together with the time. When
    /// either is gone the list is read anew, so that nobody is passed over by a plan that was out of date.
    ///
    /// # Errors
    /// `Busy`, or when the database fails; the next look goes on.
    pub async fn offer_places(&self, expert: UserId) -> Result<u64, Refused> {
        let store = self.world.store.patient();
        let now = self.world.clock.now();
        let ended = store.expire_offers(Some(expert), now, MOST_WAITERS).await?;
        self.gave_back(&ended).await;
        store.leave_waiting_if_booked(expert, now).await?;
        let mut offered = self.offer_seats(expert).await?;
        for _ in 0..MOST_OFFERS {
            let now = self.world.clock.now();
            let waiters = store.waiters(expert, now, MOST_WAITERS).await?;
            if waiters.is_empty() {
                break;
            }
            let people: BTreeSet<UserId> = waiters.iter().map(|w| w.client.id).collect();
            let people: Vec<UserId> = people.into_iter().collect();
            let busy = Arc::new(store.busy(&people, now).await?);
            let waiters = Arc::new(waiters);
            let asked = |place| NextTurn {
                waiters: waiters.clone(),
                busy: busy.clone(),
                _place: place,
            };
            let Some(turn) = self.ask(expert, asked).await? else {
                break;
            };
            let request = Box::new(OfferRequest { turn });
            match self.command(expert, Command::Offer(request)).await {
                Ok(_) => {
                    crash::point("waiting.told");
                    offered += 1;
                }
                // Somebody was faster, or the actor knows by now what it did not: look again.
                Err(Refused::Rule { .. }) => {}
                Err(refused) => return Err(refused),
            }
        }
        metrics::counter!("belfry_places_offered_total").increment(offered);
        Ok(offered)
    }

    /// As [`Experts::offer_places`], for seats of group sessions: what a session that was called off leaves behind is
    /// ended, and free seats are held one after the other.
    async fn offer_seats(&self, expert: UserId) -> Result<u64, Refused> {
        let store = self.world.store.patient();
        let now = self.world.clock.now();
        let ended = store.close_session_lists(expert, now).await?;
        if !ended.is_empty() {
            (self.committed)();
        }
        for offered in 0..MOST_OFFERS as u64 {
            let now = self.world.clock.now();
            if store
                .offer_seat(expert, self.rules.offer, now)
                .await?
                .is_none()
            {
                return Ok(offered);
            }
            self.notify(expert, Notice::SeatTaken);
            (self.committed)();
        }
        Ok(MOST_OFFERS as u64)
    }

    /// Takes up an offer: what is held becomes a booking, in one transaction.
    ///
    /// # Errors
    /// `OfferGone` once it ran out, `ClientBusy`, and what [`Experts::book`] refuses.
    pub async fn accept_place(
        &self,
        waiting: &Waiting,
        actor: Doer,
        key: Option<IdempotencyKey>,
    ) -> Result<Booking, Refused> {
        let offer = waiting.offer.filter(|_| waiting.status == Status::Offered);
        let Some(offer) = offer else {
            return tally(Asked::Offer, Err(BookingError::OfferGone.into()));
        };
        if let Some(session) = &waiting.session {
            let request = SeatRequest {
                client: waiting.client.clone(),
                note: waiting.wish.note.clone(),
                guest: None,
                actor,
                key,
                needs_offer: Some(offer.hold_id),
            };
            return self.take_seat(session.id, offer.starts_at, request).await;
        }
        let request = BookRequest {
            client: waiting.client.clone(),
            holder: waiting.client.id,
            starts_at: offer.starts_at,
            minutes: Some(waiting.wish.minutes),
            mode: waiting.wish.mode,
            note: waiting.wish.note.clone(),
            guest: None,
            actor,
            key,
            branch: None,
            offer: Some(offer.hold_id),
        };
        self.book(waiting.expert.id, request).await
    }

    /// Ends somebody's waiting: `Left`, or `Declined` where something is offered. What was held goes to the next.
    ///
    /// # Errors
    /// What [`belfry_store::Store::end_waiting`] refuses, inside; `Busy`, or when the database fails.
    pub async fn end_waiting(
        &self,
        id: WaitingId,
        status: Status,
        actor: Doer,
        expected: Option<i64>,
    ) -> Result<Result<Waiting, WaitingError>, Refused> {
        let now = self.world.clock.now();
        let store = &self.world.store;
        let after = match store.end_waiting(id, status, actor, expected, now).await? {
            Ok(after) => after,
            Err(refused) => return Ok(Err(refused)),
        };
        self.gave_back(std::slice::from_ref(&after)).await;
        Ok(Ok(after))
    }

    /// What offers held is free again: slots follow, and whoever waits next.
    pub async fn gave_back(&self, ended: &[Waiting]) {
        let held = ended.iter().filter_map(|w| w.offer.map(|offer| (w, offer)));
        for (waiting, Offer { hold_id, .. }) in held {
            self.freed(waiting.expert.id, hold_id.uuid(), false).await;
        }
        if !ended.is_empty() {
            (self.committed)();
        }
    }
}
