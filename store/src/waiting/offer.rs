//! Offers: a slot held for somebody who waits, until they take it, leave it, or it runs out.

use super::*;
use crate::booking::{Cap, Decided, exceeded};
use crate::occupancy::Stretch;
use belfry_domain::booking::BookingError;

/// An offer to be made.
#[derive(Clone, Debug)]
pub struct NewOffer {
    pub waiting_id: WaitingId,
    pub hold: Hold,
    /// The expert's time it takes, buffers inside.
    pub stretch: (Instant, Instant),
    pub caps: Vec<Cap>,
}

impl Store {
    /// Holds a slot for somebody who waits and tells them of it, or does nothing at all.
    ///
    /// # Errors
    /// When the database fails. Inside: `OfferGone` when they wait no longer or were offered something meanwhile,
    /// `SlotTaken`, `NotOffered` for a full cap.
    pub async fn offer_place(&self, new: &NewOffer, now: Instant) -> Decided<()> {
        match self.try_offer_place(new, now).await {
            Err(error) if error.is_retryable() => self.try_offer_place(new, now).await,
            other => other,
        }
    }

    async fn try_offer_place(&self, new: &NewOffer, now: Instant) -> Decided<()> {
        let hold = &new.hold;
        let mut tx = self.begin().await?;
        let expert = hold.expert_id;
        let own = hold.client_id;
        if let Some(refused) = exceeded(&mut tx, expert, &new.caps, None, own, now).await? {
            return Ok(Err(refused));
        }
        let waiting = lock(&mut tx, new.waiting_id).await?;
        let Some(before) = waiting.filter(|w| w.status == Status::Waiting) else {
            return Ok(Err(BookingError::OfferGone));
        };
        let wanted = Stretch {
            source: hold.id.uuid(),
            subject: expert,
            starts_at: new.stretch.0,
            ends_at: new.stretch.1,
            expires_at: Some(hold.expires_at),
            service: false,
        };
        if !occupancy::take(&mut tx, &wanted, now).await? {
            return Ok(Err(BookingError::SlotTaken));
        }
        write_offer(tx, before, hold, now).await?;
        Ok(Ok(()))
    }

    /// Ends offers of one expert, or of anybody, that ran out by `now`, and says whose they were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_offers(
        &self,
        expert: Option<UserId>,
        now: Instant,
        batch: i64,
    ) -> Result<Vec<Waiting>, StoreError> {
        let mut tx = self.begin().await?;
        // One that is being answered is passed over: the answer decides.
        let ids: Vec<(Uuid,)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT id FROM waiting_list WHERE status = 'offered' AND offer_expires_at <= $1 \
                   AND ($2 IS NULL OR expert_id = $2) ORDER BY offer_expires_at LIMIT $3 {}",
                <DB as Dialect>::SKIP_LOCKED
            ))
            .bind(now)
            .bind(expert.map(UserId::uuid))
            .bind(batch)
            .fetch_all(&mut *c)
            .await?
        });
        let ended = end_all(&mut tx, ids, now).await?;
        crash::point("waiting.expiring");
        tx.commit().await?;
        crash::point("waiting.expired");
        Ok(ended)
    }

    /// Ends the waiting of those whose dates have gone by.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_waiting_lists(&self, now: Instant, batch: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let ids: Vec<(Uuid,)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT id FROM waiting_list WHERE status = 'waiting' AND closes_at <= $1 \
                 ORDER BY closes_at LIMIT $2 {}",
                <DB as Dialect>::SKIP_LOCKED
            ))
            .bind(now)
            .bind(batch)
            .fetch_all(&mut *c)
            .await?
        });
        let ended = end_all(&mut tx, ids, now).await?;
        tx.commit().await?;
        Ok(ended.len() as u64)
    }
}

/// Writes down what is held for somebody who waits, whose row is locked, tells them of it, and commits.
pub(super) async fn write_offer(
    mut tx: Tx,
    before: Waiting,
    hold: &Hold,
    now: Instant,
) -> Result<Waiting, StoreError> {
    let session = before.session.as_ref().map(|session| session.id);
    occupancy::write_hold(&mut tx, hold, Some(before.id), session).await?;
    let after = Waiting {
        status: Status::Offered,
        offer: Some(Offer {
            hold_id: hold.id,
            starts_at: hold.starts_at,
            ends_at: hold.ends_at,
            expires_at: hold.expires_at,
        }),
        ahead: 0,
        version: before.version + 1,
        ..before
    };
    update(&mut tx, &after).await?;
    let kind = Some(EventType::WaitlistOffered);
    note(&mut tx, &after, kind, Actor::system(), now).await?;
    crash::point("waiting.offering");
    tx.commit().await?;
    crash::point("waiting.offered");
    Ok(after)
}

/// Ends the waiting of these people, whose rows are locked, and tells them.
pub(super) async fn end_all(
    tx: &mut Tx,
    ids: Vec<(Uuid,)>,
    now: Instant,
) -> Result<Vec<Waiting>, StoreError> {
    let mut ended = Vec::with_capacity(ids.len());
    if ids.is_empty() {
        return Ok(ended);
    }
    let ids = ids.into_iter().map(|(id,)| id).collect();
    for before in by_ids(tx, ids).await? {
        let told = Some(EventType::WaitlistExpired);
        let status = Status::Expired;
        ended.push(step(tx, before, status, told, Actor::system(), now).await?);
    }
    Ok(ended)
}

/// Notes that offers became a booking, in the transaction that takes their time; answers how many stood at `now`.
/// Comes before the holds are let go.
pub(crate) async fn take_up(
    tx: &mut Tx,
    holds: &[HoldId],
    booking: BookingId,
    actor: &Actor,
    now: Instant,
) -> Result<usize, StoreError> {
    if holds.is_empty() {
        return Ok(0);
    }
    let ids = IdList(holds.iter().map(|hold| hold.uuid()).collect());
    let ids: Vec<(Uuid,)> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(formatcp!(
            "SELECT id FROM waiting_list WHERE hold_id {} AND status = 'offered' AND offer_expires_at > $2 \
             ORDER BY id {}",
            <DB as Dialect>::ID_IN_1,
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(ids)
        .bind(now)
        .fetch_all(&mut *c)
        .await?
    });
    let ids: Vec<Uuid> = ids.into_iter().map(|(id,)| id).collect();
    let mut taken = 0;
    for before in by_ids(tx, ids).await? {
        let after = Waiting {
            status: Status::Accepted,
            booking_id: Some(booking),
            ended_at: Some(now),
            version: before.version + 1,
            ..before
        };
        update(tx, &after).await?;
        note(tx, &after, None, actor.clone(), now).await?;
        taken += 1;
    }
    Ok(taken)
}
