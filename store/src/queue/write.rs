//! Reading and changing visits inside a transaction, with their periods.

use super::*;

/// A visit whose row nobody else changes until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: VisitId) -> Result<Option<Visit>, StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "SELECT id FROM visits WHERE id = $1 {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(id.uuid())
        .fetch_optional(&mut *c)
        .await?;
        sqlx::query_as::<DB, VisitRow>(formatcp!("{SELECT} WHERE v.id = $1"))
            .bind(id.uuid())
            .fetch_optional(&mut *c)
            .await?
            .map(Visit::try_from)
            .transpose()
    })
}

/// The visits of a branch that wait, and the one with this id; nobody else changes them until the transaction ends.
pub(super) async fn lock_line(
    tx: &mut Tx,
    branch: BranchId,
    and: VisitId,
) -> Result<Vec<Visit>, StoreError> {
    on_tx!(tx, |c| {
        let ids: Vec<(Uuid,)> = sqlx::query_as::<DB, _>(formatcp!(
            "SELECT id FROM visits WHERE branch_id = $1 AND {OPEN} AND (state = 'waiting' OR id = $2) \
             ORDER BY id {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(branch.uuid())
        .bind(and.uuid())
        .fetch_all(&mut *c)
        .await?;
        sqlx::query_as::<DB, VisitRow>(formatcp!(
            "{SELECT} WHERE v.id {}",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(IdList(ids.into_iter().map(|(id,)| id).collect()))
        .fetch_all(&mut *c)
        .await?
        .into_iter()
        .map(Visit::try_from)
        .collect()
    })
}

/// Writes a visit for the first time.
pub(super) async fn insert(
    tx: &mut Tx,
    new: &Visit,
    secret_hash: Option<&[u8]>,
) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO visits (id, branch_id, number, state, client_id, name, secret_hash, booking_id, wanted_id, skill, \
               note, minutes, rank, placed_at, tie, joined_at, not_before, times_out_at, misses, previous_id, version) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
        )
        .bind(new.id.uuid())
        .bind(new.branch.id.uuid())
        .bind(new.number)
        .bind(new.state.as_str())
        .bind(new.client.as_ref().map(|client| client.id.uuid()))
        .bind(&new.name)
        .bind(secret_hash)
        .bind(new.booking_id.map(BookingId::uuid))
        .bind(new.wanted.as_ref().map(|wanted| wanted.id.uuid()))
        .bind(&new.skill)
        .bind(&new.note)
        .bind(i64::from(new.minutes))
        .bind(new.standing.rank)
        .bind(new.standing.at)
        .bind(new.standing.tie)
        .bind(new.joined_at)
        .bind(new.not_before)
        .bind(new.times_out_at)
        .bind(new.misses)
        .bind(new.previous_id.map(VisitId::uuid))
        .bind(new.version)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Writes a visit as it is from now on, if it still is what it was made of.
pub(super) async fn update(tx: &mut Tx, after: &Visit) -> Result<bool, StoreError> {
    Ok(on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE visits SET state = $2, expert_id = $3, rank = $4, placed_at = $5, tie = $6, not_before = $7, \
               times_out_at = $8, offer_expires_at = $9, called_at = $10, started_at = $11, ended_at = $12, \
               misses = $13, next_id = $14, version = $15 WHERE id = $1 AND version = $15 - 1",
        )
        .bind(after.id.uuid())
        .bind(after.state.as_str())
        .bind(after.expert.as_ref().map(|expert| expert.id.uuid()))
        .bind(after.standing.rank)
        .bind(after.standing.at)
        .bind(after.standing.tie)
        .bind(after.not_before)
        .bind(after.times_out_at)
        .bind(after.offer_expires_at)
        .bind(after.called_at)
        .bind(after.started_at)
        .bind(after.ended_at)
        .bind(after.misses)
        .bind(after.next_id.map(VisitId::uuid))
        .bind(after.version)
        .execute(&mut *c)
        .await?
        .rows_affected()
            == 1
    }))
}

/// Moves a visit within its line; where it stands is no step of its own.
pub(super) async fn place(tx: &mut Tx, id: VisitId, standing: Standing) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>("UPDATE visits SET rank = $2, placed_at = $3, tie = $4 WHERE id = $1")
            .bind(id.uuid())
            .bind(standing.rank)
            .bind(standing.at)
            .bind(standing.tie)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

/// Ends the period that a visit was in and begins the one that it is in now.
pub(super) async fn note(
    tx: &mut Tx,
    after: &Visit,
    actor: &Actor,
    now: Instant,
) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE visit_periods SET ended_at = $2 WHERE visit_id = $1 AND ended_at IS NULL",
        )
        .bind(after.id.uuid())
        .bind(now)
        .execute(&mut *c)
        .await?;
        sqlx::query::<DB>(
            "INSERT INTO visit_periods (visit_id, version, state, expert_id, began_at, ended_at, actor_id, actor_name, \
               actor_role) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(after.id.uuid())
        .bind(after.version)
        .bind(after.state.as_str())
        .bind(after.expert.as_ref().map(|expert| expert.id.uuid()))
        .bind(now)
        .bind(after.ended_at)
        .bind(actor.id.map(UserId::uuid))
        .bind(&actor.name)
        .bind(&actor.role)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}
