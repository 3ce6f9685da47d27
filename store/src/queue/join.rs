//! Joining a line.

use belfry_domain::event::{Event, EventType};
use chrono::NaiveDate;

use super::write::{insert, note};
use super::*;
use crate::booking;
use crate::idempotency::{self, IdempotencyKey};
use crate::{crash, event};

/// Somebody who is to join a line.
#[derive(Clone, Debug)]
pub struct NewVisit {
    /// Its number is given when it is written.
    pub visit: Visit,
    /// When it is written.
    pub at: Instant,
    /// The date of the branch, on which its numbers begin anew.
    pub date: NaiveDate,
    /// How many may wait at once; `None` for those who may join however many there are.
    pub most: Option<i64>,
    /// Of the secret that opens it.
    pub secret_hash: Option<Vec<u8>>,
    pub actor: Actor,
    pub key: Option<IdempotencyKey>,
}

impl Store {
    /// Puts somebody into the line of a branch, with the next number.
    ///
    /// # Errors
    /// When the database fails. Inside: `AlreadyInQueue`, `Full`.
    pub async fn join_queue(&self, new: &NewVisit) -> Settled<Visit> {
        let joined = match self.try_join_queue(new).await {
            Err(error) if error.is_retryable() => self.try_join_queue(new).await,
            other => other,
        };
        match joined {
            // The indexes decide who stands in a line twice.
            Err(error) if is_twice(&error) => Ok(Err(QueueError::AlreadyInQueue { visit: None })),
            other => other,
        }
    }

    async fn try_join_queue(&self, new: &NewVisit) -> Settled<Visit> {
        let mut tx = self.begin().await?;
        let branch = new.visit.branch.id;
        if let Some(id) = new.visit.booking_id {
            // Whoever calls it off at the same time waits, and finds the visit.
            let booking = booking::lock(&mut tx, id).await?;
            if let Err(refused) = booking.map_or(Err(QueueError::NotFound), |it| it.check_in()) {
                return Ok(Err(refused));
            }
        }
        let number = next_number(&mut tx, branch, new.date).await?;
        if let Some(most) = new.most
            && waiting(&mut tx, branch).await? >= most
        {
            return Ok(Err(QueueError::Full));
        }
        let visit = enter(&mut tx, new, number).await?;
        if let Some(key) = &new.key {
            idempotency::made(&mut tx, key, visit.id.uuid()).await?;
        }
        crash::point("visit.joining");
        tx.commit().await?;
        crash::point("visit.joined");
        Ok(Ok(visit))
    }
}

/// Writes a visit with its first period and the word of it.
pub(super) async fn enter(tx: &mut Tx, new: &NewVisit, number: i64) -> Result<Visit, StoreError> {
    let visit = Visit {
        number,
        ..new.visit.clone()
    };
    let now = new.at;
    insert(tx, &visit, new.secret_hash.as_deref()).await?;
    note(tx, &visit, &new.actor, now).await?;
    let kind = EventType::VisitJoined;
    let event = Event::of_visit(kind, &visit, None, new.actor.clone(), now);
    event::append(tx, &[event]).await?;
    Ok(visit)
}

/// The next number of a branch. Whoever joins the same line waits until the transaction ends.
pub(super) async fn next_number(
    tx: &mut Tx,
    branch: BranchId,
    date: NaiveDate,
) -> Result<i64, StoreError> {
    let (number,): (i64,) = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(
            "INSERT INTO queues (branch_id, date, number) VALUES ($1, $2, 1) \
             ON CONFLICT (branch_id) DO UPDATE SET date = excluded.date, \
               number = CASE WHEN queues.date = excluded.date THEN queues.number + 1 ELSE 1 END \
             RETURNING number",
        )
        .bind(branch.uuid())
        .bind(date)
        .fetch_one(&mut *c)
        .await?
    });
    Ok(number)
}

async fn waiting(tx: &mut Tx, branch: BranchId) -> Result<i64, StoreError> {
    let (count,): (i64,) = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(formatcp!(
            "SELECT COUNT(*) FROM visits WHERE branch_id = $1 AND {IN_LINE}"
        ))
        .bind(branch.uuid())
        .fetch_one(&mut *c)
        .await?
    });
    Ok(count)
}
