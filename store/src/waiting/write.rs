//! Reading and changing places on the list inside a transaction, with their history and events.

use super::*;

/// A place whose row nobody else changes until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: WaitingId) -> Result<Option<Waiting>, StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "SELECT id FROM waiting_list WHERE id = $1 {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(id.uuid())
        .fetch_optional(&mut *c)
        .await?;
        sqlx::query_as::<DB, WaitingRow>(formatcp!("{SELECT} WHERE w.id = $1"))
            .bind(id.uuid())
            .fetch_optional(&mut *c)
            .await?
            .map(Waiting::try_from)
            .transpose()
    })
}

/// The places with these ids, inside a transaction that holds their locks.
pub(super) async fn by_ids(tx: &mut Tx, ids: Vec<Uuid>) -> Result<Vec<Waiting>, StoreError> {
    on_tx!(tx, |c| {
        sqlx::query_as::<DB, WaitingRow>(formatcp!(
            "{SELECT} WHERE w.id {} ORDER BY w.joined_at, w.id",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(IdList(ids))
        .fetch_all(&mut *c)
        .await?
        .into_iter()
        .map(Waiting::try_from)
        .collect()
    })
}

/// Takes a step that ends the waiting of somebody whose row is locked, and gives back what an offer held.
pub(super) async fn step(
    tx: &mut Tx,
    before: Waiting,
    status: Status,
    event: Option<EventType>,
    actor: Actor,
    now: Instant,
) -> Result<Waiting, StoreError> {
    let held = before.offer.filter(|_| before.status == Status::Offered);
    let after = Waiting {
        status,
        ahead: 0,
        ended_at: Some(now),
        version: before.version + 1,
        ..before
    };
    update(tx, &after).await?;
    note(tx, &after, event, actor, now).await?;
    if let Some(offer) = held {
        occupancy::drop_hold(tx, offer.hold_id, after.client.id).await?;
    }
    Ok(after)
}

/// Writes a place as it is from now on.
pub(super) async fn update(tx: &mut Tx, after: &Waiting) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE waiting_list SET status = $2, hold_id = $3, offer_starts_at = $4, offer_ends_at = $5, \
               offer_expires_at = $6, booking_id = $7, ended_at = $8, version = $9 WHERE id = $1",
        )
        .bind(after.id.uuid())
        .bind(after.status.as_str())
        .bind(after.offer.map(|offer| offer.hold_id.uuid()))
        .bind(after.offer.map(|offer| offer.starts_at))
        .bind(after.offer.map(|offer| offer.ends_at))
        .bind(after.offer.map(|offer| offer.expires_at))
        .bind(after.booking_id.map(BookingId::uuid))
        .bind(after.ended_at)
        .bind(after.version)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Keeps the step in the history, and tells of it where people are told.
pub(super) async fn note(
    tx: &mut Tx,
    after: &Waiting,
    kind: Option<EventType>,
    actor: Actor,
    now: Instant,
) -> Result<(), StoreError> {
    let offered = after.offer.filter(|_| after.status == Status::Offered);
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO waiting_history (waiting_id, version, at, actor_id, actor_name, actor_role, status, starts_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(after.id.uuid())
        .bind(after.version)
        .bind(now)
        .bind(actor.id.map(UserId::uuid))
        .bind(&actor.name)
        .bind(&actor.role)
        .bind(after.status.as_str())
        .bind(offered.map(|offer| offer.starts_at))
        .execute(&mut *c)
        .await?;
    });
    if let Some(kind) = kind {
        event::append(tx, &[Event::of_waiting(kind, after, actor, now)]).await?;
    }
    Ok(())
}
